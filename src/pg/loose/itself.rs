//! That what is changed, watched or read at a loose key is the table that the key was made for. Names say which one is meant until the next
//! look; whoever owns a schema can give its name to another one at any moment, and a lock on a table does not keep the schema's name.
//! So a name is used once, for something that PostgreSQL binds to the table itself (a view, a trigger), and what it was bound to is asked then.

use tokio_postgres::Row;

use super::{Key, Reach, SCHEMA, Table};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::fence::ANOTHER;
use crate::pg::quoting::{do_block, quote_literal};

/// Whether a name meant another table than the key's: nothing was done, and a new look may find the name that it has.
pub fn is_another(error: &Error) -> bool {
    error.sqlstate() == Some(ANOTHER)
}

pub(super) fn reach(is_partitioned: bool) -> Reach {
    if is_partitioned { Reach::Partitions } else { Reach::Only }
}

/// The table with the name that it has now, where it is there and a table still. What an earlier program described is known by its name alone.
pub async fn named(session: &Session, table: &Table) -> Result<Option<Table>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text, c.relkind = 'p', c.oid FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND CASE WHEN $1::oid IS NULL THEN n.nspname = $2 AND c.relname = $3 ELSE c.oid = $1::oid END";
    let Table { schema, name, oid, .. } = table;
    let row = session.client().query_opt(sql, &[oid, schema, name]).await;
    let row = row.map_err(|error| session.fault("looking for a table", error))?;
    let named =
        |row: Row| Table { schema: row.get(0), name: row.get(1), reach: reach(row.get(2)), oid: Some(row.get(3)) };
    Ok(row.map(named))
}

/// A condition, and the error where it does not hold.
fn or_another(condition: &str, table: &Table) -> String {
    let told = quote_literal(&format!("another table was in the place of {table}"));
    do_block(&format!(
        "BEGIN IF NOT ({condition}) THEN RAISE EXCEPTION USING ERRCODE = '{ANOTHER}', MESSAGE = {told}; END IF; END"
    ))
}

/// After a view of the table was made, of which it knows no other: a statement that fails where it reads another one.
pub(super) fn read_by(view: &str, table: &Table) -> String {
    let Some(oid) = table.oid else { return String::new() };
    let condition = format!(
        "EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
            WHERE r.ev_class = '{view}'::pg_catalog.regclass::pg_catalog.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AND d.refobjid = {oid}::pg_catalog.oid)"
    );
    or_another(&condition, table)
}

/// For a table that no view stands for: a statement that fails where its name means another one at this moment.
pub(super) fn called(table: &Table) -> String {
    let Some(oid) = table.oid else { return String::new() };
    let name = quote_literal(&table.quoted());
    or_another(&format!("{name}::pg_catalog.regclass::pg_catalog.oid = {oid}::pg_catalog.oid"), table)
}

/// After the key's triggers were made: a statement that fails where one of them watches another table.
pub(super) fn watched_by(key: &Key) -> String {
    let Some(oid) = key.parent.oid else { return String::new() };
    let names = ["delete", "update", "truncate"].map(|event| quote_literal(&key.trigger(event))).join(", ");
    let condition = format!(
        "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t WHERE t.tgname IN ({names}) AND t.tgrelid = {oid}::pg_catalog.oid) = 3
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
            JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
            WHERE n.nspname = '{SCHEMA}' AND f.proname = 'note_{}' AND t.tgrelid <> {oid}::pg_catalog.oid
            AND t.tgrelid NOT IN (SELECT p.relid FROM pg_catalog.pg_partition_tree({oid}::pg_catalog.oid::pg_catalog.regclass) p))",
        key.number
    );
    or_another(&condition, &key.parent)
}
