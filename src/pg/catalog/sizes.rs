//! How much there is.

use std::collections::BTreeMap;

use super::{Error, Session, query};
use crate::split::facts::{Identity, RelationSize};

/// Tables, partitions and materialized views, by oid.
pub async fn sizes(session: &Session) -> Result<BTreeMap<u32, RelationSize>, Error> {
    let sql = "SELECT c.oid, c.reltuples::float8, coalesce(pg_catalog.pg_table_size(c.oid), 0), coalesce(pg_catalog.pg_indexes_size(c.oid), 0),
            (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid),
            c.relkind <> 'r' OR c.relreplident = 'f'
              OR EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid
                         AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary ELSE false END)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let size = |row: &tokio_postgres::Row| {
        let rows: f64 = row.get(1);
        RelationSize {
            // -1 says that nobody has counted.
            rows: (rows >= 0.0).then_some(rows as u64),
            bytes: row.get::<_, i64>(2).unsigned_abs(),
            index_bytes: row.get::<_, i64>(3).unsigned_abs(),
            indexes: row.get::<_, i64>(4).unsigned_abs(),
            identity: if row.get(5) { Identity::Present } else { Identity::Absent },
        }
    };
    Ok(query(session, "the sizes of tables", sql).await?.iter().map(|row| (row.get(0), size(row))).collect())
}

/// Installed extensions and their versions.
pub async fn extension_versions(session: &Session) -> Result<BTreeMap<String, String>, Error> {
    let sql = "SELECT extname::text, extversion FROM pg_catalog.pg_extension";
    Ok(query(session, "the list of extensions", sql).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}
