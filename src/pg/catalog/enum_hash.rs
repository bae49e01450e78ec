//! Tables that are cut by the hash of an enum. It is taken of the OID of a word, which is another in each database: rows that are loaded into
//! the partitions that they had are refused there.

use super::{Error, Session, query};

/// Their schemas and names, sorted.
pub async fn hashed_by_enum(session: &Session) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_partitioned_table p
        JOIN pg_catalog.pg_class c ON c.oid = p.partrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE p.partstrat = 'h' AND (SELECT o.oid FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
            WHERE o.opcname = 'enum_ops' AND o.opcnamespace = 'pg_catalog'::pg_catalog.regnamespace AND a.amname = 'hash') = ANY (p.partclass)
        ORDER BY 1, 2";
    let rows = query(session, "partitions by the hash of an enum", sql).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
