//! Tables that hold rows, and whether this role may read all of them.

use super::format::Types;
use super::row_code::planned_with_code;
use super::through_root::ThroughRoot;
use super::{Error, Session};
use crate::stream::RowFormat;

/// A relation whose rows a backup holds: a plain table, a leaf partition, or an extension's configuration table.
#[derive(Clone, Debug)]
pub struct TableFacts {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub owner: String,
    /// The columns that COPY reads and writes: all but the generated ones. Of a partition whose rows may be in another of the same
    /// table in a copy ([`ThroughRoot::WhereNeeded`]), in that table's order, so that they are the same rows there.
    pub columns: Vec<String>,
    pub format: RowFormat,
    /// Main fork, in blocks of 8 KiB.
    pub blocks: u64,
    /// Main fork, TOAST and maps; without indexes.
    pub bytes: u64,
    /// For an extension's configuration table, the condition that says which rows are the user's; may be empty.
    pub configuration: Option<String>,
    /// Whether the table can be read in parts: it is a heap, and planning to read it runs nobody's code.
    pub has_parts: bool,
    pub reading: Reading,
}

/// Whether the session reads every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Complete,
    /// No SELECT on the table or a column, or no USAGE on its schema.
    Denied,
    /// Row-level security would hide rows.
    Filtered,
    /// An unlogged relation on a standby, to which its rows never come.
    Elsewhere,
}

/// All relations with rows in the database, by oid. Temporary tables are left out.
pub async fn tables(session: &Session) -> Result<Vec<TableFacts>, Error> {
    let types = Types::read(session).await?;
    // The functions look at the present, not at the query's snapshot: of a table that another session has dropped meanwhile
    // they say NULL. It counts as readable here, because nobody refused it; whoever locks it then learns that it is gone.
    let (through, with_code) = (ThroughRoot::WhereNeeded.query(), planned_with_code(session).await?);
    let sql = format!(
        "WITH through AS MATERIALIZED ({through})
        SELECT c.oid, n.nspname::text, c.relname::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
            coalesce(a.names, '{{}}'), coalesce(a.types, '{{}}'),
            coalesce(pg_catalog.pg_relation_size(c.oid) / 8192, 0), coalesce(pg_catalog.pg_table_size(c.oid), 0),
            e.configuration, coalesce(am.amname = 'heap', false) AND c.oid <> ALL ($1),
            coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR coalesce(a.readable, false)), true),
            coalesce(pg_catalog.row_security_active(c.oid), false), c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
        LEFT JOIN through ON through.leaf = c.oid
        LEFT JOIN LATERAL (
            SELECT pg_catalog.array_agg(a.attname::text ORDER BY r.attnum, a.attnum) FILTER (WHERE a.attgenerated = '') AS names,
                   pg_catalog.array_agg(a.atttypid ORDER BY r.attnum, a.attnum) FILTER (WHERE a.attgenerated = '') AS types,
                   pg_catalog.bool_and(pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) AS readable
            FROM pg_catalog.pg_attribute a
            LEFT JOIN pg_catalog.pg_attribute r ON r.attrelid = through.root AND r.attname = a.attname
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) a ON true
        LEFT JOIN (
            SELECT d.objid, (SELECT t.condition FROM ROWS FROM (pg_catalog.unnest(x.extconfig), pg_catalog.unnest(x.extcondition)) AS t (config, condition)
                             WHERE t.config = d.objid) AS configuration
            FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e'
              AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) e ON e.objid = c.oid
        WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND (e.objid IS NULL OR e.configuration IS NOT NULL)
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp\\_%'
        ORDER BY c.oid"
    );
    let facts = |row: tokio_postgres::Row| {
        let readable: bool = row.get(10);
        let filtered: bool = row.get(11);
        TableFacts {
            oid: row.get(0),
            schema: row.get(1),
            name: row.get(2),
            owner: row.get(3),
            columns: row.get(4),
            format: types.format_of(&row.get::<_, Vec<u32>>(5)),
            blocks: row.get::<_, i64>(6) as u64,
            bytes: row.get::<_, i64>(7) as u64,
            configuration: row.get(8),
            has_parts: row.get(9),
            reading: match (row.get(12), readable, filtered) {
                (true, ..) => Reading::Elsewhere,
                (_, false, _) => Reading::Denied,
                (_, true, true) => Reading::Filtered,
                (_, true, false) => Reading::Complete,
            },
        }
    };
    let rows = session.rows("the list of tables", &sql, &[&with_code]).await?;
    Ok(rows.into_iter().map(facts).collect())
}

/// Partitioned tables that this role cannot lock, schema and name: they have no rows of their own, and pg_dump locks them all the same.
/// Those of extensions it leaves alone.
pub async fn parents_denied(session: &Session) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'p' AND c.relpersistence <> 't'
          AND NOT coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'), true)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
              WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2";
    let rows = session.rows("the list of partitioned tables", sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
