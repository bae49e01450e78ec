//! Which tables may be read in COPY's binary format.

use std::collections::HashMap;

use super::{Error, Session, query};
use crate::stream::RowFormat;

/// Types whose oid is below this are the same in every database of every version ("System Catalog Initial Data").
const FIRST_USER_OID: u32 = 16384;

/// Types that send an oid of the local catalog: their text is a name, their binary form means nothing elsewhere.
const REGISTRY_TYPES: &[&str] = &[
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regclass",
    "regtype",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regrole",
    "regcollation",
    "regdatabase",
];

/// Types whose binary output the server does not always take back: an empty tsquery is sent and then refused as malformed
/// (`tsqueryrecv`, seen on 15.18).
const ONE_WAY_TYPES: &[&str] = &["tsquery"];

struct TypeFacts {
    name: String,
    kind: u8,
    is_array: bool,
    element: u32,
    base: u32,
    range_subtype: u32,
    has_binary: bool,
}

/// All types of the database, for asking which can travel in binary form.
pub struct Types(HashMap<u32, TypeFacts>);

impl Types {
    pub async fn read(session: &Session) -> Result<Self, Error> {
        let sql = "SELECT t.oid, t.typname::text, t.typtype::text, (t.typelem <> 0 AND t.typlen = -1), t.typelem, t.typbasetype,
                coalesce(r.rngsubtype, m.rngsubtype, 0::oid), t.typsend <> 0::oid AND t.typreceive <> 0::oid
            FROM pg_catalog.pg_type t
            LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
            LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid";
        let facts = |row: tokio_postgres::Row| {
            let facts = TypeFacts {
                name: row.get(1),
                kind: row.get::<_, String>(2).bytes().next().unwrap_or_default(),
                is_array: row.get(3),
                element: row.get(4),
                base: row.get(5),
                range_subtype: row.get(6),
                has_binary: row.get(7),
            };
            (row.get(0), facts)
        };
        Ok(Self(query(session, "the list of types", sql).await?.into_iter().map(facts).collect()))
    }

    /// Binary where every column's type has a form that means the same in another database.
    pub fn format_of(&self, column_types: &[u32]) -> RowFormat {
        if column_types.iter().all(|oid| self.is_portable(*oid)) { RowFormat::Binary } else { RowFormat::Text }
    }

    fn is_portable(&self, oid: u32) -> bool {
        let Some(facts) = self.0.get(&oid) else { return false };
        let built_in = oid < FIRST_USER_OID;
        match facts.kind {
            // An enum travels as its label, a domain as its base type, a range as its bounds.
            b'e' => true,
            b'd' => self.is_portable(facts.base),
            b'r' | b'm' => facts.has_binary && self.is_portable(facts.range_subtype),
            // An array carries its element's oid.
            b'b' if facts.is_array => built_in && facts.element < FIRST_USER_OID && self.is_portable(facts.element),
            // What an extension's type sends may differ between its versions.
            b'b' => {
                let name = facts.name.as_str();
                built_in && facts.has_binary && !REGISTRY_TYPES.contains(&name) && !ONE_WAY_TYPES.contains(&name)
            }
            // Composite types carry their columns' oids.
            _ => false,
        }
    }
}
