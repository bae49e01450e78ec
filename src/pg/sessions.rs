//! Ending sessions that their workers had to leave.

use std::time::Duration;

use super::Error;
use super::connect::{Session, connect};
use super::conninfo::Conninfo;
use super::raw_text::RawText;

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

/// Clients of a database, as they call themselves.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Connected {
    pub role: String,
    pub application: String,
    pub sessions: u64,
    /// When the oldest of them connected, UTC: `2026-11-22 02:31:05`. Empty where this role may not see it.
    pub since: String,
}

/// Who is connected to the session's database, by role and application. Our own sessions, and workers of extensions, are left out.
pub async fn connected(session: &Session) -> Result<Vec<Connected>, Error> {
    let sql = "SELECT coalesce(a.usename::text, ''), coalesce(a.application_name, ''), pg_catalog.count(*),
            coalesce(pg_catalog.to_char(pg_catalog.min(a.backend_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '')
        FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = pg_catalog.current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend'
          AND a.pid <> pg_catalog.pg_backend_pid() AND coalesce(a.application_name, '') NOT LIKE 'pgkeep %'
        GROUP BY 1, 2 ORDER BY 1, 2";
    let group = |row: &tokio_postgres::Row| Connected {
        role: row.get::<_, RawText>(0).shown(),
        application: row.get(1),
        sessions: row.get::<_, i64>(2).unsigned_abs(),
        since: row.get(3),
    };
    Ok(session.raw_rows("the list of sessions", sql, &[]).await?.iter().map(group).collect())
}

impl std::fmt::Display for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.sessions;
        write!(f, "{n} session{} of {}", if n == 1 { "" } else { "s" }, self.role)?;
        if !self.application.is_empty() {
            // Whoever connects chooses it, line ends and all.
            write!(f, " ({:?})", self.application)?;
        }
        if self.since.is_empty() { Ok(()) } else { write!(f, ", since {} UTC", self.since) }
    }
}

/// A session of ours that waits for somebody else's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptWaiting {
    /// Who has the lock, or is before it in the queue.
    pub holder: String,
    pub since: Duration,
}

/// Sessions of this role in this database that call themselves so, and wait for others than pgkeep's; the longest first.
pub async fn kept_waiting(session: &Session, applications: &[&str]) -> Result<Vec<KeptWaiting>, Error> {
    let sql = "SELECT CASE WHEN b.pid IS NULL THEN 'a prepared transaction (pg_prepared_xacts)'
                ELSE pg_catalog.format('process %s of the role %s (application %L), which holds or awaits a lock on %s', b.pid, coalesce(b.usename::text, b.backend_type),
                    coalesce(b.application_name, ''), coalesce(l.relation::pg_catalog.regclass::text, l.locktype)) END,
            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - l.waitstart)
        FROM pg_catalog.pg_stat_activity w JOIN pg_catalog.pg_locks l ON l.pid = w.pid AND NOT l.granted AND l.waitstart IS NOT NULL
        CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS p (pid)
        LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = p.pid
        WHERE w.usename = session_user AND w.datname = pg_catalog.current_database() AND w.application_name = ANY ($1)
            AND NOT coalesce(b.usename = session_user AND b.application_name LIKE 'pgkeep %', false)
            AND b.backend_type IS DISTINCT FROM 'autovacuum worker' ORDER BY l.waitstart, 1";
    let rows = session.raw_rows("looking for locks that are waited for", sql, &[&applications]).await?;
    let one = |row: &tokio_postgres::Row| KeptWaiting {
        holder: row.get::<_, RawText>(0).shown(),
        since: Duration::from_secs_f64(row.get::<_, f64>(1).max(0.0)),
    };
    Ok(rows.iter().map(one).collect())
}
