//! Putting the fence up: short waits, again and again, and who stood in the way.

use std::ops::Deref;
use std::time::{Duration, Instant};

use super::SplitError;
use super::strangers::refuse;
use crate::command::Error;
use crate::command::watch::Watch;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Attempt, Patience};
use crate::pg::ours;

const PAUSE: Duration = Duration::from_millis(500);
/// Who is refused writes waits as well.
const HOLD_WAIT: Duration = Duration::from_secs(1);
/// A writer that was let through by a dead split's fence holds the lock for the rest of its transaction.
const OWN_WAIT: Duration = Duration::from_secs(5);

/// A session that alone may fence this database. The lock that says so is another session's, in which nothing else ever runs: code of
/// users that this one meets could give it back.
pub struct Owner {
    session: Session,
    keeper: Session,
}

impl Deref for Owner {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Owner {
    /// # Errors
    /// The session that keeps the lock has ended, and a held fence was open since.
    pub async fn is_kept(&self) -> Result<(), crate::pg::Error> {
        self.keeper.run("looking whether the fence was held all the time", "SELECT").await
    }

    /// It is an owner no more.
    pub async fn let_go(self) -> Session {
        // A lock goes with its session, however that ends.
        let _ = self.keeper.close().await;
        self.session
    }
}

/// # Errors
/// Another split works on the database; objects of ours are somebody else's; the connection.
pub async fn own(
    info: &Conninfo,
    error: impl Fn(&str) -> Box<dyn FnOnce(crate::pg::Error) -> Error>,
) -> Result<Owner, Error> {
    let session = connect(info, "pgkeep split").await.map_err(error("connecting"))?;
    let strangers = ours::strangers(&session).await.map_err(error("looking for objects of other roles"))?;
    refuse(strangers, &session)?;
    let keeper = connect(info, "pgkeep split fence").await.map_err(error("connecting"))?;
    let since = Instant::now();
    while !fence::own(&keeper).await.map_err(error("taking the lock of a split"))? {
        if since.elapsed() > OWN_WAIT {
            return Err(SplitError::Busy { database: info.database().to_owned() }.into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    fence::last(&session).await.map_err(error("a setting"))?;
    Ok(Owner { session, keeper })
}

/// How trying for a while has come out.
pub enum Had {
    Up,
    NotInTime { who: Vec<String>, source: crate::pg::Error },
}

/// Whom to tell, and for how long to try.
#[derive(Clone, Copy)]
pub struct Trying<'a> {
    pub wait: Duration,
    pub watch: &'a Watch,
    /// What is told while it is tried.
    pub phase: &'static str,
}

impl Trying<'_> {
    /// Tries for as long as is waited, and at least once, what needs locks on so many relations. Each attempt is over before the server looks
    /// for deadlocks, so that nobody who works is ended for it; but for one where only the server's own cleaning is in the way.
    pub async fn again_and_again(
        &self,
        session: &Session,
        relations: usize,
        error: impl Fn(&str) -> Box<dyn FnOnce(crate::pg::Error) -> Error>,
        mut attempt: impl AsyncFnMut(Patience) -> Result<Attempt, crate::pg::Error>,
    ) -> Result<Had, Error> {
        let since = Instant::now();
        let deadlock_timeout_ms = fence::deadlock_timeout_ms(session).await.map_err(error(self.phase))?;
        let short = Patience::short(deadlock_timeout_ms, relations);
        let mut patience = short;
        loop {
            match attempt(patience).await.map_err(error(self.phase))? {
                Attempt::Up => return Ok(Had::Up),
                Attempt::InTheWay { who, source } => {
                    let only_cleaning = !who.is_empty() && who.iter().all(|one| one.is_autovacuum);
                    patience = if only_cleaning { Patience::for_autovacuum(deadlock_timeout_ms) } else { short };
                    let who: Vec<String> = who.into_iter().map(|one| one.who).collect();
                    if since.elapsed() >= self.wait {
                        return Ok(Had::NotInTime { who, source });
                    }
                    let first = who.first().map_or("a session that is gone", String::as_str);
                    self.watch.set_phase(&format!("{}: waiting for {first}", self.phase));
                }
            }
            if self.watch.is_stopped() {
                return Err(Error::Interrupted);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Fences the tables, and keeps what they are as it is.
pub async fn put_up(
    session: &Session,
    tables: &[(String, String)],
    destination: &str,
    trying: &Trying<'_>,
    error: impl Fn(&str) -> Box<dyn FnOnce(crate::pg::Error) -> Error>,
) -> Result<(), Error> {
    let attempt = async |patience| fence::put_up(session, tables, destination, patience).await;
    match trying.again_and_again(session, tables.len(), error, attempt).await? {
        Had::Up => Ok(()),
        Had::NotInTime { who, source } => Err(SplitError::Fence { sessions: who, source }.into()),
    }
}

/// From now on nobody changes what the fenced tables are, but who waits for a lock of ours already. Where the locks are not had in a moment it
/// goes on without them. What is changed then, the last look before the seal finds.
pub async fn hold_definitions(
    session: &Session,
    tables: &[(String, String)],
    trying: &Trying<'_>,
) -> Result<(), Error> {
    let attempt = async |patience| fence::hold_definitions(session, tables, patience).await;
    let trying = Trying { wait: trying.wait.min(HOLD_WAIT), ..*trying };
    if let Had::NotInTime { .. } = trying.again_and_again(session, tables.len(), at_source, attempt).await? {
        fence::hold_definitions(session, &[], Patience::short(0, 0)).await.map_err(at_source(trying.phase))?;
    }
    Ok(())
}

pub fn at_source(what: &str) -> Box<dyn FnOnce(crate::pg::Error) -> Error> {
    Box::new(Error::source_database(what.to_owned()))
}

pub fn at_target(what: &str) -> Box<dyn FnOnce(crate::pg::Error) -> Error> {
    Box::new(Error::target_database(what.to_owned()))
}
