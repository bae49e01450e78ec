//! Whether a database takes writes.

use super::{Error, Session, query};
use crate::split::facts::Writing;

/// From the session's role. A transaction that only reads does not hide it: what counts is how transactions begin.
pub async fn writing(session: &Session) -> Result<Writing, Error> {
    let sql =
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')::bool,
        (SELECT sender_host || ' port ' || sender_port FROM pg_catalog.pg_stat_wal_receiver LIMIT 1)";
    let rows = query(session, "whether the server takes writes", sql).await?;
    Ok(match rows.first().map(|row| (row.get(0), row.get(1))) {
        Some((true, _)) => Writing::Standby { primary: rows.first().and_then(|row| row.get(2)) },
        Some((false, true)) => Writing::ReadOnlySessions,
        _ => Writing::Taken,
    })
}
