//! The old place takes writes again: with its keys, with what has happened to the parents of loose keys, and above every number that the new
//! one has given out. Code of users is called by some of it, so that each attempt has a session of its own, and an end.

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::SplitError;
use super::apart::{Came, reason, within};
use super::ends::Ends;
use super::error::Opening;
use super::holding::{Had, Trying, at_source, at_target};
use super::loose::{self, AtReturn, Left};
use super::state::{Phase, State};
use crate::command::Error;
use crate::command::watch::Watch;
use crate::pg;
use crate::pg::closing;
use crate::pg::connect::{Session, connect};
use crate::pg::fence::{self, Also, Checked, Twin};
use crate::pg::numbers::{self, Reserve};
use crate::repo::manifest::Sequence;
use crate::split::facts::ForeignKey;

/// How long what happened to the parents of loose keys may take to be done to the old rows, while neither side takes writes.
pub const REPLAY_TIMEOUT: Duration = Duration::from_secs(300);

/// How often the tables of keys are looked for.
const LOOKS: u32 = 3;

/// For locks that were had a moment ago.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// How long what others keep, or their code, is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For locks.
    pub fence_wait: Duration,
    /// For the replay of loose keys, and for the check of each foreign key that comes back.
    pub replay: Duration,
}

/// The way to the old place.
pub struct Way<'a> {
    pub state: &'a State,
    pub ends: &'a Ends<'a>,
    pub limits: Limits,
    pub watch: &'a Watch,
}

/// One way to go.
#[derive(Clone, Copy)]
struct Course<'a> {
    opening: Opening,
    left: &'a Left,
    limits: Limits,
    /// Of foreign keys.
    twin: Twin,
    /// The key whose replay is under way; 0 where none is.
    under_way: &'a AtomicI32,
}

/// Why it could not be gone, and the key in whose replay that came.
struct Failed {
    key: Option<i32>,
    error: Error,
}

impl Failed {
    fn error(self) -> Error {
        self.error
    }
}

impl Way<'_> {
    /// Does all of it, and takes it back. Loose keys that are in the way are found one by one, and left.
    ///
    /// # Errors
    /// Something else is in the way.
    pub async fn rehearse(&self) -> Result<Left, Error> {
        self.watch.set_phase("testing the rollback");
        let Err(Failed { error: first, .. }) = self.attempt(Opening::Try, &Left::new(), self.limits).await else {
            return Ok(Left::new());
        };
        let keys = loose::to_replay(self.state);
        if keys.is_empty() || !may_be_a_keys_fault(&first) {
            return Err(first);
        }
        let mut left: Left = keys.iter().map(|number| (*number, String::new())).collect();
        let since = Instant::now();
        self.attempt(Opening::Try, &left, self.limits).await.map_err(Failed::error)?;
        // Each has its share of the time, besides what those take that are good.
        let share = self.limits.replay / u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let mut took = since.elapsed();
        for number in keys {
            left.remove(&number);
            let limits = Limits { fence_wait: self.limits.fence_wait.min(SHORT_WAIT), replay: took + share };
            let since = Instant::now();
            match self.attempt(Opening::Try, &left, limits).await {
                Ok(()) => took = since.elapsed(),
                Err(Failed { error: Error::Interrupted, .. }) => return Err(Error::Interrupted),
                Err(Failed { error, .. }) => drop(left.insert(number, reason(&error))),
            }
        }
        Ok(left)
    }

    /// Does it. A key whose replay fails all the same is left, and the others are tried again; where that takes too long, or the fault is
    /// no one key's, it is done without any: what waits in their logs is not worth that nobody takes writes.
    pub async fn open(&self, opening: Opening, left: &mut Left) -> Result<(), Error> {
        self.watch.set_phase("opening the old database");
        let (since, mut is_late) = (Instant::now(), false);
        let error = loop {
            let Err(Failed { key, error }) = self.attempt(opening, left, self.limits).await else { return Ok(()) };
            match key {
                Some(key) if !is_late && may_be_a_keys_fault(&error) => drop(left.insert(key, reason(&error))),
                _ => break error,
            }
            // Once more all the same: one key that takes all of the time is not to keep the others back.
            is_late = since.elapsed() >= self.limits.replay;
        };
        let keys: Vec<i32> = loose::to_replay(self.state).into_iter().filter(|key| !left.contains_key(key)).collect();
        if keys.is_empty() || !may_be_a_keys_fault(&error) {
            return Err(error);
        }
        match opening {
            // Nobody has rehearsed it, and the old place is open already.
            Opening::Again => left.extend(self.rehearse().await?),
            Opening::Try | Opening::Do => left.extend(keys.into_iter().map(|number| (number, reason(&error)))),
        }
        self.attempt(opening, left, self.limits).await.map_err(Failed::error)
    }

    /// A table of a key that was another one by the time it was read, or got the key, is looked for again: what was done then is undone.
    async fn attempt(&self, opening: Opening, left: &Left, limits: Limits) -> Result<(), Failed> {
        let under_way = AtomicI32::new(0);
        let mut looks = 1;
        loop {
            let twin = if looks < LOOKS { Twin::Ends } else { Twin::LeavesOut };
            match self.attempt_once(Course { opening, left, limits, twin, under_way: &under_way }).await {
                Ok(()) => return Ok(()),
                Err(error) if looks < LOOKS && is_of_another_table(&error) => looks += 1,
                Err(error) => {
                    let key = Some(under_way.load(Relaxed)).filter(|key| *key != 0);
                    return Err(Failed { key, error });
                }
            }
        }
    }

    async fn attempt_once(&self, course: Course<'_>) -> Result<(), Error> {
        course.under_way.store(0, Relaxed);
        let failed = || at_source("connecting");
        let session = connect(self.ends.source.conninfo(), "pgkeep split").await.map_err(failed())?;
        fence::last(&session).await.map_err(at_source("a setting"))?;
        let limit = course.limits.fence_wait + course.limits.replay;
        let work = self.open_in(&session, course);
        let ended = match within(Some(limit), &self.watch.stop, &[&session], work).await {
            Came::Done(done) => done,
            Came::Stopped => Err(Error::Interrupted),
            Came::TooLate => Err(SplitError::ReplayTooLong { stage: course.opening, limit }.into()),
        };
        // Code of users may have ended it.
        let _ = session.close().await;
        ended
    }

    async fn open_in(&self, session: &Session, course: Course<'_>) -> Result<(), Error> {
        let Course { opening, left, limits, twin, under_way } = course;
        let Self { state, ends: Ends { source, target }, watch, .. } = *self;
        // Once it is switched, the OIDs in the record are the new place's.
        let stand = match state.phase {
            Phase::Switched => numbers::values_of_known(target, &state.sequences).await,
            _ => numbers::values(target, &state.sequences).await,
        };
        let stand = stand.map_err(at_target("reading sequences"))?;
        let was = |now: &Sequence| state.sequences.iter().any(|was| was == now);
        let taken: Vec<Sequence> = stand.into_iter().filter(|now| !was(now)).collect();
        // Whatever they are called there by now.
        let taken =
            numbers::named_now(source, taken, &state.source_sequences).await.map_err(at_source("reading sequences"))?;
        let AtReturn { replays, rest, tables } = loose::at_return(state, source, left).await?;
        let ties =
            state.ties.at_return(source, twin).await.map_err(at_source("looking for the tables of foreign keys"))?;
        let rest = rest + &ties + &numbers::go_on(&taken, Reserve::Kept) + &closing::open_again(&state.closed);
        let also = Also { steps: &replays, under_way, rest: &rest };
        let relations = fence::with_partitions(source, &[state.ties.ends(), tables].concat()).await;
        let relations = relations.map_err(at_source("the list of tables to lock"))?;
        let attempt = async |patience| match opening {
            Opening::Try => fence::try_to_open(session, &relations, also, patience).await,
            Opening::Do | Opening::Again => fence::open_with(session, &relations, also, patience).await,
        };
        let phase = match opening {
            Opening::Try => "testing the rollback",
            Opening::Do | Opening::Again => "opening the old database",
        };
        let trying = Trying { wait: limits.fence_wait, watch, phase };
        match trying.again_and_again(session, relations.len(), at_source, attempt).await? {
            Had::Up => Ok(()),
            Had::NotInTime { who, source } => Err(SplitError::Opening { stage: opening, sessions: who, source }.into()),
        }
    }
}

fn is_of_another_table(error: &Error) -> bool {
    let causes = successors(Some(error as &(dyn StdError + 'static)), |error: &&'_ (dyn StdError + 'static)| {
        StdError::source(*error)
    });
    causes.filter_map(|cause| cause.downcast_ref::<pg::Error>()).any(pg::loose::is_another)
}

/// Not where somebody's lock is known to be in the way: that is waited for.
fn may_be_a_keys_fault(error: &Error) -> bool {
    match error {
        Error::Interrupted => false,
        Error::Fault(fault) => match fault.get() {
            Some(SplitError::Opening { sessions, .. }) => sessions.is_empty(),
            _ => true,
        },
        _ => true,
    }
}

/// Checks the rows of the foreign keys that came back, while everybody works again. What is in the way is told, and fails nothing: a
/// key that was not checked holds for all that is written from now on. Each has a session of its own: the check calls code of users.
pub async fn check_keys(source: &Session, keys: Vec<&ForeignKey>, limits: Limits, watch: &Watch) -> Vec<String> {
    let lock_timeout_ms = limits.fence_wait.as_millis().max(1) as u64;
    let mut unchecked = Vec::new();
    for key in keys {
        watch.set_phase("checking the foreign keys that came back");
        let told = match connect(source.conninfo(), "pgkeep split").await {
            Ok(session) => {
                let check = fence::check_key(&session, key, lock_timeout_ms);
                let came = within(Some(limits.fence_wait + limits.replay), &watch.stop, &[&session], check).await;
                let _ = session.close().await;
                match came {
                    Came::Done(Ok(Checked::Valid)) => continue,
                    Came::Done(Ok(Checked::LeftAlone(statement))) => format!("{} {statement}", fence::LEFT_ALONE),
                    Came::Done(Err(error)) => reason(&error),
                    Came::TooLate => "its check was not done in time".into(),
                    Came::Stopped => "its check was interrupted".into(),
                }
            }
            Err(error) => reason(&error),
        };
        unchecked.push(format!("{}.{}.{}: {told}", key.schema, key.table, key.name));
    }
    unchecked
}
