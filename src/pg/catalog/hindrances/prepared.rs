//! Transactions that were prepared, and wait for somebody to end them.

use super::{Error, Session};
use crate::split::facts::PreparedTransaction;

/// Those that hold locks on tables of `schemas` which the fence does not go with. A prepared transaction has no process: its locks are
/// known by the transaction's own, which it holds as well.
pub async fn prepared_transactions(session: &Session, schemas: &[String]) -> Result<Vec<PreparedTransaction>, Error> {
    let sql = "SELECT x.gid, x.owner::text, x.prepared::text,
            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - x.prepared)::bigint,
            pg_catalog.array_agg(DISTINCT n.nspname::text || '.' || c.relname::text)
        FROM pg_catalog.pg_prepared_xacts x
        JOIN pg_catalog.pg_locks own ON own.locktype = 'transactionid' AND own.transactionid = x.transaction AND own.pid IS NULL
        JOIN pg_catalog.pg_locks l ON l.virtualtransaction = own.virtualtransaction AND l.pid IS NULL AND l.locktype = 'relation'
        JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE x.database = pg_catalog.current_database() AND n.nspname = ANY ($1) AND c.relkind IN ('r', 'p')
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        GROUP BY x.gid, x.owner, x.prepared ORDER BY x.prepared";
    let rows = session.rows("the list of prepared transactions", sql, &[&schemas]).await?;
    let transaction = |row: &tokio_postgres::Row| PreparedTransaction {
        gid: row.get(0),
        owner: row.get(1),
        since: row.get(2),
        seconds: row.get::<_, i64>(3).max(0).unsigned_abs(),
        tables: row.get(4),
    };
    Ok(rows.iter().map(transaction).collect())
}
