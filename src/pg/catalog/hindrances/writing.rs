//! Whether a database takes writes.

use super::{Error, Session, query};
use crate::split::facts::Writing;

pub async fn writing(session: &Session) -> Result<Writing, Error> {
    let sql = "SELECT pg_catalog.pg_is_in_recovery(), (SELECT sender_host || ' port ' || sender_port FROM pg_catalog.pg_stat_wal_receiver LIMIT 1)";
    let rows = query(session, "whether the server takes writes", sql).await?;
    let standby = rows.first().filter(|row| row.get(0));
    Ok(standby.map_or(Writing::Taken, |row| Writing::Standby { primary: row.get(1) }))
}
