//! Who uses the database now, and what of its surroundings acts on its schemas.

use std::collections::BTreeSet;

use super::{Error, Session, query};
use crate::pg::raw_text::RawText;
use crate::split::facts::SessionGroup;

/// Sessions of clients in this database by role and application, and how many of them hold locks on relations of `schemas`.
/// Our own, and workers of extensions, are left out. What the role may not see of others' sessions is empty.
pub async fn sessions(session: &Session, schemas: &[String]) -> Result<Vec<SessionGroup>, Error> {
    let sql = "SELECT coalesce(a.usename::text, ''), coalesce(a.application_name, ''), pg_catalog.count(*),
            pg_catalog.count(*) FILTER (WHERE EXISTS (
                SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE l.pid = a.pid AND l.database = a.datid AND n.nspname = ANY ($1)))
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = pg_catalog.current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend'
          AND a.pid <> pg_catalog.pg_backend_pid() AND coalesce(a.application_name, '') NOT LIKE 'pgkeep %'
        GROUP BY 1, 2 ORDER BY 1, 2";
    let group = |row: &tokio_postgres::Row| SessionGroup {
        role: row.get::<_, RawText>(0).shown(),
        application: row.get(1),
        sessions: row.get::<_, i64>(2).unsigned_abs(),
        using_now: row.get::<_, i64>(3).unsigned_abs(),
    };
    Ok(session.raw_rows("the list of sessions", sql, &[&schemas]).await?.iter().map(group).collect())
}

/// TimescaleDB's hypertables, as (schema, name); none where the extension is not there.
pub async fn hypertables(session: &Session) -> Result<BTreeSet<(String, String)>, Error> {
    let there = query(
        session,
        "looking for hypertables",
        "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = '_timescaledb_catalog' AND c.relname = 'hypertable' AND c.relkind = 'r'",
    );
    if there.await?.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT schema_name::text, table_name::text FROM _timescaledb_catalog.hypertable";
    Ok(query(session, "the list of hypertables", sql).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Columns of the schemas' tables that can hold the identifier of a large object, in a database that has large objects.
pub async fn large_object_columns(session: &Session, schemas: &[String]) -> Result<Vec<String>, Error> {
    let sql = "SELECT n.nspname::text || '.' || c.relname::text || '.' || a.attname::text
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE c.relkind = 'r' AND n.nspname = ANY ($1) AND (t.oid = 'oid'::pg_catalog.regtype OR t.typname = 'lo')
          AND EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) ORDER BY 1";
    let rows = session.rows("the list of columns for large objects", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Tables that a subscription of this database writes, as (subscription, schema, table).
pub async fn subscribed(session: &Session) -> Result<Vec<(String, String, String)>, Error> {
    let sql = "SELECT s.subname::text, n.nspname::text, c.relname::text
        FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
        JOIN pg_catalog.pg_class c ON c.oid = r.srrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2, 3";
    let rows = query(session, "the list of subscriptions", sql).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// The superuser that the cluster was made with.
pub async fn bootstrap_role(session: &Session) -> Result<String, Error> {
    let rows = query(session, "the name of a role", "SELECT pg_catalog.pg_get_userbyid(10)::text").await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}
