//! How many objects a server can lock at once, and how many a split locks.

use super::{Error, Session, query};
use crate::split::facts::{LockTable, Locked};

/// The manual's `max_locks_per_transaction`: so many for each session, worker and prepared transaction that there may be.
pub async fn lock_table(session: &Session) -> Result<LockTable, Error> {
    let sql = "SELECT name::text, setting::bigint FROM pg_catalog.pg_settings WHERE name IN ('max_locks_per_transaction', 'max_connections',
        'max_prepared_transactions', 'max_worker_processes', 'max_wal_senders', 'autovacuum_max_workers', 'autovacuum_worker_slots')";
    let rows = query(session, "the server's locks", sql).await?;
    let setting = |name: &str| {
        let row = rows.iter().find(|row| row.get::<_, String>(0) == name);
        row.map_or(0, |row| row.get::<_, i64>(1).max(0).unsigned_abs())
    };
    // Since 18 the slots are what is set aside, and the workers come and go within them.
    let workers = setting("autovacuum_worker_slots").max(setting("autovacuum_max_workers"));
    let others = ["max_connections", "max_prepared_transactions", "max_worker_processes", "max_wal_senders"];
    Ok(LockTable {
        per_transaction: setting("max_locks_per_transaction"),
        processes: others.iter().map(|name| setting(name)).sum::<u64>() + workers + 1,
    })
}

/// What is counted: see [`Locked`].
pub async fn locked(session: &Session, schemas: &[String]) -> Result<Locked, Error> {
    let sql = "WITH own AS (SELECT c.oid, c.relkind, c.reltoastrelid, n.nspname = ANY ($1) AS moves, n.oid AS namespace
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_'),
        moving AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1))
        SELECT pg_catalog.count(*) FILTER (WHERE relkind IN ('r', 'p')), pg_catalog.count(*) FILTER (WHERE relkind IN ('v', 'm')),
            pg_catalog.count(*) FILTER (WHERE moves AND relkind IN ('r', 'p')), pg_catalog.count(*) FILTER (WHERE moves AND relkind = 'S'),
            pg_catalog.count(*) FILTER (WHERE moves) + 2 * pg_catalog.count(*) FILTER (WHERE moves AND reltoastrelid <> 0)
            + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_type t WHERE t.typnamespace IN (SELECT oid FROM moving))
            + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM moving))
            + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k WHERE k.connamespace IN (SELECT oid FROM moving))
            + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attrdef d JOIN own o ON o.oid = d.adrelid WHERE o.moves)
            + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t JOIN own o ON o.oid = t.tgrelid WHERE o.moves)
            + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_rewrite r JOIN own o ON o.oid = r.ev_class WHERE o.moves)
        FROM own";
    let rows = session.rows("the number of objects", sql, &[&schemas]).await?;
    let Some(row) = rows.first() else { return Ok(Locked::default()) };
    let number = |column: usize| row.get::<_, Option<i64>>(column).unwrap_or_default().unsigned_abs();
    Ok(Locked {
        tables: number(0),
        views: number(1),
        moving_tables: number(2),
        moving_sequences: number(3),
        dropped: number(4),
    })
}
