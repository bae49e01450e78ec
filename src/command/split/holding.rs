//! Putting the fence up: short waits, again and again, and who stood in the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SplitError;
use super::state::refuse;
use crate::command::Error;
use crate::command::progress::Progress;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Attempt};
use crate::pg::ours;
use crate::stop::Stop;

/// New writers wait behind an attempt, so it is short.
const ATTEMPT_MS: u64 = 1500;
const PAUSE: Duration = Duration::from_millis(700);
/// A writer that was let through by a dead split's fence holds the lock for the rest of its transaction.
const OWN_WAIT: Duration = Duration::from_secs(5);

/// A session that alone may fence this database.
pub async fn own(
    info: &Conninfo,
    error: impl Fn(&str) -> Box<dyn FnOnce(crate::pg::Error) -> Error>,
) -> Result<Session, Error> {
    let session = connect(info, "pgkeep split").await.map_err(error("connecting"))?;
    let strangers = ours::strangers(&session).await.map_err(error("looking for what others made"))?;
    refuse(strangers, &session)?;
    let since = Instant::now();
    while !fence::own(&session).await.map_err(error("taking the lock of a split"))? {
        if since.elapsed() > OWN_WAIT {
            return Err(SplitError::Busy.into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(session)
}

/// Fences the tables. Tries for `wait`, and at least once.
pub async fn put_up(
    session: &Session,
    tables: &[(String, String)],
    destination: &str,
    wait: Duration,
    progress: &Arc<Progress>,
    stop: &Stop,
    error: impl Fn(&str) -> Box<dyn FnOnce(crate::pg::Error) -> Error>,
) -> Result<(), Error> {
    let since = Instant::now();
    loop {
        let attempt = fence::put_up(session, tables, destination, ATTEMPT_MS).await;
        match attempt.map_err(error("putting the fence up"))? {
            Attempt::Up => return Ok(()),
            Attempt::InTheWay { sessions, source } if since.elapsed() >= wait => {
                return Err(SplitError::Fence { sessions, source }.into());
            }
            Attempt::InTheWay { sessions, .. } => {
                let first = sessions.first().map_or_else(|| "a session that is gone".to_owned(), Clone::clone);
                progress.set_phase(&format!("waiting for the fence: {first}"));
            }
        }
        if stop.is_set() {
            return Err(Error::Interrupted);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tries for `wait`, and at least once, what needs locks that nobody else may hold; each time for as long as [`ATTEMPT_MS`], so that
/// nobody queues behind it for longer. What fails for another reason is not tried again.
pub async fn with_locks(
    wait: Duration,
    progress: &Arc<Progress>,
    stop: &Stop,
    mut attempt: impl AsyncFnMut(u64) -> Result<(), crate::pg::Error>,
) -> Result<Result<(), crate::pg::Error>, Error> {
    let since = Instant::now();
    loop {
        match attempt(ATTEMPT_MS).await {
            // lock_not_available
            Err(error) if error.sqlstate() == Some("55P03") && since.elapsed() < wait => {
                progress.set_phase("waiting for those who read the tables");
            }
            ended => return Ok(ended),
        }
        if stop.is_set() {
            return Err(Error::Interrupted);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub fn at_source(what: &str) -> Box<dyn FnOnce(crate::pg::Error) -> Error> {
    Box::new(Error::source_database(what.to_owned()))
}

pub fn at_target(what: &str) -> Box<dyn FnOnce(crate::pg::Error) -> Error> {
    Box::new(Error::target_database(what.to_owned()))
}
