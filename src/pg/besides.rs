//! What a database holds besides the objects that one run makes in it, by their names: what others have made there. It needs no look at the
//! moment when the run had made them, which a kill may come before.

use serde::{Deserialize, Serialize};

use super::Error;
use super::connect::Session;
use super::target::THERE;
use crate::schema::restore::Object;

/// An object by its class and name, as [`Object`] has them; the classes `SCHEMA`, `EXTENSION` and `LARGE OBJECT` as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known(pub String, pub String, pub String);

impl Known {
    pub fn schema(name: &str) -> Self {
        Self("SCHEMA".into(), String::new(), name.into())
    }

    pub fn extension(name: &str) -> Self {
        Self("EXTENSION".into(), String::new(), name.into())
    }
}

impl From<&Object> for Known {
    fn from(object: &Object) -> Self {
        Self(object.class.word().into(), object.schema.clone(), object.name.clone())
    }
}

/// What somebody has made, by name. What goes with another object of the list is left out: members of extensions, arrays, rows' types, what is
/// internal to something, an index of an extension's table; and what is ours, and the server's.
fn there() -> String {
    format!(
        "WITH everything (class, schema, name, catalog, object) AS ({THERE}
            UNION ALL SELECT 'SCHEMA', 0, nspname, tableoid, oid FROM pg_catalog.pg_namespace
                WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'pgkeep_split', 'pgkeep_loose', 'pgkeep_bridge')
            UNION ALL SELECT 'EXTENSION', 0, extname, tableoid, oid FROM pg_catalog.pg_extension
            UNION ALL SELECT 'LARGE OBJECT', 0, oid::text, 'pg_catalog.pg_largeobject'::pg_catalog.regclass, oid
                FROM pg_catalog.pg_largeobject_metadata),
        member AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype IN ('e', 'i')),
        there AS (SELECT e.class, coalesce(s.nspname::text, '') AS schema, e.name, e.catalog, e.object
            FROM everything e LEFT JOIN pg_catalog.pg_namespace s ON s.oid = e.schema
            WHERE coalesce(s.nspname NOT IN ('information_schema', 'pgkeep_split', 'pgkeep_loose', 'pgkeep_bridge') AND s.nspname !~ '^pg_', true)
            AND NOT EXISTS (SELECT FROM member m WHERE (m.classid, m.objid) = (e.catalog, e.object))
            AND NOT (e.class = 'TYPE' AND EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.oid = e.object AND t.typrelid <> 0))
            AND NOT (e.class = 'RELATION' AND EXISTS (SELECT FROM pg_catalog.pg_index i
                JOIN member m ON (m.classid, m.objid) = ('pg_catalog.pg_class'::pg_catalog.regclass, i.indrelid) WHERE i.indexrelid = e.object)))"
    )
}

/// All of it, as what another look leaves out.
pub async fn known(session: &Session) -> Result<Vec<Known>, Error> {
    let sql = format!("{} SELECT class, schema, name FROM there", there());
    let rows = session.rows("the list of what is there", &sql, &[]).await?;
    Ok(rows.iter().map(|row| Known(row.get(0), row.get(1), row.get(2))).collect())
}

/// What is none of these, in words that no `lc_messages` translates: `table core.notes`, `large object 16402`; sorted.
pub async fn besides(session: &Session, known: &[&Known]) -> Result<Vec<String>, Error> {
    let all = |part: fn(&Known) -> &str| known.iter().map(|known| part(known)).collect::<Vec<&str>>();
    let (classes, schemas, names) = (all(|known| &known.0), all(|known| &known.1), all(|known| &known.2));
    let sql = format!(
        "{}, known (class, schema, name) AS (SELECT * FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])))
        SELECT DISTINCT i.type || ' ' || i.identity FROM there t, pg_catalog.pg_identify_object(t.catalog, t.object, 0) AS i
        WHERE NOT EXISTS (SELECT FROM known k WHERE (k.class, k.schema, k.name) = (t.class, t.schema, t.name)) ORDER BY 1",
        there()
    );
    session.texts("looking for what others made", &sql, &[&classes, &schemas, &names]).await
}
