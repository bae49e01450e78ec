//! Columns whose values are names of the catalog (`regclass` and its kin): a copy reads them as names, and its database must have them.

use std::time::Duration;

use super::super::row_code::planned_with_code;
use super::{Error, Session, Within, quote_identifier, quote_relation, within};
use crate::split::facts::{NameColumn, NamedValue};

/// The types, the catalog that each names something of, and which object of the archive a value's row `o` belongs to, as its catalog and its
/// OID; 0 for what is made after the rows.
const KINDS: [(&str, &str, &str); 11] = [
    (
        "regclass",
        "pg_class",
        "'pg_catalog.pg_class'::pg_catalog.regclass, CASE WHEN o.relkind IN ('i', 'I', 't') THEN 0 ELSE o.oid END",
    ),
    ("regtype", "pg_type", TYPE),
    ("regproc", "pg_proc", OWN),
    ("regprocedure", "pg_proc", OWN),
    ("regoper", "pg_operator", OWN),
    ("regoperator", "pg_operator", OWN),
    ("regconfig", "pg_ts_config", OWN),
    ("regdictionary", "pg_ts_dict", OWN),
    ("regcollation", "pg_collation", OWN),
    ("regnamespace", "pg_namespace", OWN),
    ("regrole", "pg_roles", "'pg_catalog.pg_authid'::pg_catalog.regclass, o.oid"),
];
const OWN: &str = "o.tableoid, o.oid";
/// A row type is its table's; an array its element's.
const TYPE: &str = "CASE WHEN coalesce(r.relkind, 'c') <> 'c' THEN 'pg_catalog.pg_class'::pg_catalog.regclass ELSE o.tableoid END,
    CASE WHEN coalesce(r.relkind, 'c') <> 'c' THEN r.oid WHEN o.typelem <> 0 AND o.typcategory = 'A' THEN o.typelem ELSE o.oid END";
/// Those that the server has by itself are everywhere.
const FIRST_USER_OID: u32 = 16384;

/// Such columns of these tables, domains over the types and arrays of them included, with the values that are no server's own. Each is read for
/// as long as `column_time`, all of them for as long as `time`, but for tables that run code when they are read; the session must be in a transaction, which goes on.
pub async fn name_columns(
    session: &Session,
    tables: &[u32],
    column_time: Duration,
    time: Duration,
) -> Result<Vec<NameColumn>, Error> {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    let with_code = planned_with_code(session).await?;
    let sql = "WITH RECURSIVE kinds (type, kind, is_array) AS (
            SELECT t.oid, t.typname::text, false FROM pg_catalog.pg_type t WHERE t.oid < 16384 AND t.typname = ANY ($2)
            UNION SELECT t.oid, k.kind, k.is_array OR t.typtype <> 'd' FROM kinds k JOIN pg_catalog.pg_type t
                ON t.typtype = 'd' AND t.typbasetype = k.type OR t.typcategory = 'A' AND t.typtype <> 'd' AND t.typelem = k.type)
        SELECT n.nspname::text, c.relname::text, a.attname::text, k.kind, k.is_array, c.oid = ANY ($3) FROM pg_catalog.pg_attribute a
        JOIN kinds k ON k.type = a.atttypid JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = ANY ($1) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY 1, 2, a.attnum";
    let columns = session.rows("columns of names", sql, &[&tables, &kinds, &with_code]).await?;
    let time = Within::new(column_time, time);
    let mut found: Vec<NameColumn> = Vec::new();
    for row in &columns {
        let (schema, table, column, kind): (String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let Some((_, catalog, object)) = KINDS.iter().find(|(name, ..)| *name == kind) else { continue };
        let sql =
            values(&quote_relation(&schema, &table), &quote_identifier(&column), row.get(4), &kind, catalog, object);
        let rows = match row.get(5) {
            true => None,
            false => within(session, "values that are names", "", &sql, &time).await?,
        };
        let value = |row: &tokio_postgres::Row| NamedValue { class: row.get(0), oid: row.get(1), text: row.get(2) };
        let values = rows.map(|rows| rows.iter().map(value).collect());
        found.push(NameColumn { name: format!("{schema}.{table}.{column}"), values });
    }
    found.retain(|column| column.values.as_ref().is_none_or(|values| !values.is_empty()));
    Ok(found)
}

/// A value that names nothing is written as a number, which every database reads.
fn values(table: &str, column: &str, is_array: bool, kind: &str, catalog: &str, object: &str) -> String {
    let from = match is_array {
        true => format!("ONLY {table} t, pg_catalog.unnest(t.{column}) u (v)"),
        false => format!("(SELECT {column} AS v FROM ONLY {table}) u"),
    };
    let row_type = if catalog == "pg_type" { "LEFT JOIN pg_catalog.pg_class r ON r.oid = o.typrelid" } else { "" };
    format!(
        "SELECT coalesce(d.refclassid, x.class)::pg_catalog.oid, coalesce(d.refobjid, x.oid)::pg_catalog.oid, x.name FROM (
            SELECT o.oid AS own, v.value::pg_catalog.{kind}::text AS name, {object}
            FROM (SELECT DISTINCT u.v::pg_catalog.oid AS value FROM {from}) v JOIN pg_catalog.{catalog} o ON o.oid = v.value {row_type}
            WHERE o.oid >= {FIRST_USER_OID}) AS x (own, name, class, oid)
        LEFT JOIN pg_catalog.pg_depend d ON d.deptype = 'e' AND d.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND d.objid = x.own AND x.oid <> 0
        ORDER BY x.name LIMIT 100"
    )
}
