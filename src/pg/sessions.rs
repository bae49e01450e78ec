//! Ending sessions that their workers had to leave.

use std::time::Duration;

use super::connect::connect;
use super::conninfo::Conninfo;

/// How long the farewell may take: it follows a signal, and whoever sent it waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// Ends the backends with these process numbers, if they are sessions of this role in this database. Without this, a server that is busy
/// (an index build, a lock) notices only after seconds that nobody waits for it any more.
///
/// Best effort: what cannot be reached ends by itself. Blocks; makes a thread and a runtime of its own.
pub fn end(info: &Conninfo, pids: &[i32]) {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let farewell = async {
            let session = connect(info, "pgkeep farewell").await.ok()?;
            let sql = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
                WHERE pid = ANY ($1) AND usename = current_user AND datname = pg_catalog.current_database()";
            session.client().query(sql, &[&pids]).await.ok()?;
            session.close().await.ok()
        };
        runtime.block_on(async { tokio::time::timeout(PATIENCE, farewell).await.ok().flatten() })
    };
    std::thread::scope(|scope| drop(scope.spawn(work).join()));
}
