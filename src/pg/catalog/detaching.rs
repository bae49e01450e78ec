//! Partitions whose `DETACH PARTITION ... CONCURRENTLY` was cut short.

use super::{Error, Session, query};
use crate::schema::facts::Detaching;

/// Those of the database, sorted, each with its tables that hold rows, as schema and name.
pub async fn detaching(session: &Session) -> Result<Vec<(Detaching, Vec<(String, String)>)>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text, t.schemas, t.names
        FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        CROSS JOIN LATERAL (
            SELECT coalesce(pg_catalog.array_agg(ln.nspname::text), '{}') AS schemas, coalesce(pg_catalog.array_agg(l.relname::text), '{}') AS names
            FROM pg_catalog.pg_partition_tree(c.oid) r JOIN pg_catalog.pg_class l ON l.oid = r.relid
            JOIN pg_catalog.pg_namespace ln ON ln.oid = l.relnamespace WHERE r.isleaf) t
        WHERE i.inhdetachpending ORDER BY 1, 2";
    let of_row = |row: &tokio_postgres::Row| {
        let pair = |n: usize| (row.get(n), row.get(n + 1));
        let (schemas, names): (Vec<String>, Vec<String>) = (row.get(4), row.get(5));
        (Detaching { partition: pair(0), parent: pair(2) }, schemas.into_iter().zip(names).collect())
    };
    Ok(query(session, "the list of partitions that are being detached", sql).await?.iter().map(of_row).collect())
}
