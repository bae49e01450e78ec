//! One instant of a server that is seen by several sessions, and that nobody who waits for a lock can get between.
//!
//! A lock that is waited for keeps those that come later waiting as well, however weak theirs is. So where somebody's `ALTER TABLE` waits for the session
//! that holds the snapshot, a session that joins the snapshot afterwards waits for the `ALTER TABLE`, and neither ever ends: the server sees no deadlock,
//! for it does not know that its two clients are one program. Hence readers ask for their locks at once, and wait for a moment only. Where one cannot be had,
//! everything is let go of, whoever waited comes first, and it is begun again.

use std::time::{Duration, Instant};

use super::error::Error;
use super::source::{Source, check_snapshot_travels};
use crate::pg;
use crate::pg::catalog::{TableFacts, no_text, strong_locks};
use crate::pg::connect::with_near_name;
use crate::pg::conninfo::Conninfo;
use crate::pg::snapshot::{Opened, SourceSnapshot};
use crate::stop::Stop;

/// Between two beginnings: whoever waited goes first.
const PAUSE: Duration = Duration::from_millis(200);

/// A snapshot and the way to its rows.
pub struct Seen {
    pub snapshot: Box<SourceSnapshot>,
    pub source: Source,
}

/// Opens a snapshot and `readers` sessions that see it. `wanted` says which tables will be read.
///
/// # Errors
/// A lock was not had within `lock_timeout_ms`; the sessions reach different servers; the connection.
pub async fn open(
    info: &Conninfo,
    lock_timeout_ms: u64,
    wanted: impl Fn(&TableFacts) -> bool,
    readers: usize,
    stop: &Stop,
) -> Result<Seen, Error> {
    again(lock_timeout_ms, stop, async || {
        let snapshot = open_snapshot(info, lock_timeout_ms, &wanted).await?;
        let source = Source::of(&snapshot, snapshot.session.server_encoding(), lock_timeout_ms);
        check_snapshot_travels(&snapshot.session, &source, stop).await?;
        let tables: Vec<&TableFacts> = snapshot.tables.iter().filter(|table| wanted(table)).collect();
        if source.gather(&tables, readers, stop)? {
            return Ok(Seen { snapshot, source });
        }
        drop(source);
        Err(contended(snapshot).await)
    })
    .await
}

/// The same for a source whose names and texts must be text.
pub async fn open_text(
    info: &Conninfo,
    lock_timeout_ms: u64,
    wanted: impl Fn(&TableFacts) -> bool,
    readers: usize,
    stop: &Stop,
) -> Result<Seen, Error> {
    let seen = open(info, lock_timeout_ms, wanted, readers, stop).await?;
    let session = &seen.snapshot.session;
    let objects = no_text(session).await.map_err(Error::source_database("opening the snapshot"))?;
    if objects.is_empty() {
        return Ok(seen);
    }
    let source = pg::Error::NoText { endpoint: session.endpoint(), objects };
    Err(Error::source_database("opening the snapshot")(source))
}

/// The locks of a session, by itself.
pub async fn open_snapshot(
    info: &Conninfo,
    lock_timeout_ms: u64,
    wanted: impl Fn(&TableFacts) -> bool,
) -> Result<Box<SourceSnapshot>, Error> {
    let opened = SourceSnapshot::open(info, wanted, lock_timeout_ms);
    let opened = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            let what = if error.is_of_the_log_in() { "connecting" } else { "opening the snapshot" };
            return Err(Error::source_database(what)(with_near_name(info, error).await));
        }
    };
    match opened {
        Opened::Snapshot(snapshot) => Ok(snapshot),
        Opened::Unreadable(unreadable) => Err(Error::Unreadable { role: info.user().to_owned(), unreadable }),
        Opened::Locked { held, source } => {
            Err(Error::Locked { held, timeout: Duration::from_millis(lock_timeout_ms), source: Box::new(source) })
        }
        Opened::Restless => Err(Error::Restless),
    }
}

/// Lets go of the locks, so that whoever waits for one comes first.
async fn contended(snapshot: Box<SourceSnapshot>) -> Error {
    let session = snapshot.session;
    let ended = session.client().batch_execute("ROLLBACK").await;
    if let Err(error) = ended {
        return Error::source_database("ending a transaction")(session.fault("ending a transaction", error));
    }
    let held = strong_locks(&session).await.unwrap_or_default();
    match session.close().await {
        Ok(()) => Error::Contended { held },
        Err(error) => Error::source_database("closing the session")(error),
    }
}

/// Begins again while somebody is in between, for as long as a lock may be waited for.
pub async fn again<T>(
    lock_timeout_ms: u64,
    stop: &Stop,
    mut attempt: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let since = Instant::now();
    loop {
        match attempt().await {
            Err(error) if may_be_begun_again(&error) && stop.is_set() => return Err(Error::Interrupted),
            Err(error)
                if may_be_begun_again(&error)
                    && (lock_timeout_ms == 0 || since.elapsed() < Duration::from_millis(lock_timeout_ms)) =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            ended => return ended,
        }
    }
}

/// Somebody was in between, and it would be otherwise a moment later.
fn may_be_begun_again(error: &Error) -> bool {
    matches!(error, Error::Contended { .. } | Error::Source { source: pg::Error::Renamed { .. }, .. })
}
