//! By what it is known that nobody went around a held fence, nor rewrote a table behind it.

use std::collections::BTreeMap;

use super::{Error, ROWS, STATEMENTS, Session};

/// A table, and what of it changes when somebody does: where its rows are, and which version of the fence's triggers it has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    /// As SQL writes it.
    name: String,
    known_as: (String, String),
    file: u32,
    /// Of each trigger, that for statements first: OID, inserting transaction and firing; none where it is gone.
    triggers: Vec<Option<(u32, String, String)>>,
}

/// What the fenced tables were when they were read.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// By OID.
    tables: BTreeMap<u32, Table>,
}

/// Reads it as the session's transaction sees it.
pub async fn stamp(session: &Session, tables: &[(String, String)]) -> Result<Stamp, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = tables.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let sql = "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relfilenode, n.nspname::text, c.relname::text,
            s.oid, s.xmin::text, s.tgenabled::text, c.relkind = 'p', r.oid, r.xmin::text, r.tgenabled::text
        FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS f (schema, name)
        JOIN pg_catalog.pg_namespace n ON n.nspname = f.schema
        JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = f.name
        LEFT JOIN pg_catalog.pg_trigger s ON s.tgrelid = c.oid AND s.tgname = $3
        LEFT JOIN pg_catalog.pg_trigger r ON r.tgrelid = c.oid AND r.tgname = $4 ORDER BY c.oid";
    let rows = session.rows("the state of the fence", sql, &[&schemas, &names, &STATEMENTS, &ROWS]).await?;
    let table = |row: &tokio_postgres::Row| {
        let trigger = |at: usize| row.get::<_, Option<u32>>(at).map(|oid| (oid, row.get(at + 1), row.get(at + 2)));
        // A partitioned table has no rows of its own.
        let triggers = if row.get(8) { vec![trigger(5)] } else { vec![trigger(5), trigger(9)] };
        let known_as = (row.get(3), row.get(4));
        (row.get(0), Table { name: row.get(1), known_as, file: row.get(2), triggers })
    };
    Ok(Stamp { tables: rows.iter().map(table).collect() })
}

impl Stamp {
    /// OID, schema and name of each.
    pub fn tables(&self) -> impl Iterator<Item = (u32, &(String, String))> {
        self.tables.iter().map(|(oid, table)| (*oid, &table.known_as))
    }

    pub fn has(&self, oid: u32) -> bool {
        self.tables.contains_key(&oid)
    }

    /// Tables that others have rewritten, or let somebody write in, since, with what was done.
    pub fn differs(&self, now: &Stamp) -> Vec<String> {
        let mut differs = Vec::new();
        for (oid, was) in &self.tables {
            let Some(is) = now.tables.get(oid) else {
                differs.push(format!("table {} is gone", was.name));
                continue;
            };
            if is.file != was.file {
                differs.push(format!("the rows of table {} were rewritten", was.name));
            }
            let fires = |trigger: &Option<(_, _, String)>| trigger.as_ref().is_some_and(|(_, _, when)| when == "A");
            if is.triggers != was.triggers || !is.triggers.iter().all(fires) {
                differs
                    .push(format!("a trigger of the fence on table {} was disabled, dropped or recreated", was.name));
            }
        }
        differs
    }
}
