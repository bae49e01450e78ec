//! The seal: the moment from which the source refuses writes for good. Whatever was proven is looked at once more, inside it.

use super::prepare::resolve;
use crate::command::Error;
use crate::command::split::apart::reason;
use crate::command::split::capture::Drawn;
use crate::command::split::holding::{Had, Owner, Trying, at_source};
use crate::command::split::state::State;
use crate::command::split::{Options, SplitError};
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::fence::{self, Attempt, Patience, Stamp};
use crate::pg::loose;

/// What happens to the source in one transaction.
pub struct Seal<'a> {
    pub options: &'a Options,
    pub state: &'a State,
    /// What was copied.
    pub drawn: &'a Drawn,
    /// What the fenced tables were when their rows were read.
    pub stamp: &'a Stamp,
    pub fenced: &'a [(String, String)],
    /// Statements that take keys across the line away, and put something else in their place.
    pub also: &'a str,
}

/// Why an attempt came to nothing, where it was not locks.
enum Stopped {
    Error(Error),
    Locks(fence::Attempt),
}

/// A table of a loose key that is another one by now is a change like those that [`Seal::untouched`] finds.
fn stopped(error: pg::Error, failed: impl FnOnce(pg::Error) -> Stopped) -> Stopped {
    match loose::is_another(&error) {
        true => Stopped::Error(SplitError::Stale { changed: vec![reason(&error)] }.into()),
        false => failed(error),
    }
}

impl Seal<'_> {
    /// # Errors
    /// Definitions are no longer what was copied; locks were not had in time; the connection. Nothing has changed then.
    pub async fn put(&self, source: &Owner, trying: &Trying<'_>) -> Result<(), Error> {
        let relations = self.relations(source).await.map_err(at_source("the list of tables to lock"))?;
        let beside = self.beside().await.map_err(at_source("connecting"))?;
        let mut error = None;
        let attempt = async |patience| match self.attempt(source, &beside, &relations, patience).await {
            Ok(()) => Ok(Attempt::Up),
            Err(Stopped::Locks(in_the_way)) => Ok(in_the_way),
            Err(Stopped::Error(stopped)) => {
                error = Some(stopped);
                Ok(Attempt::Up)
            }
        };
        let had = trying.again_and_again(source, relations.len(), at_source, attempt).await?;
        // Nothing depends on how it ends.
        let _ = beside.close().await;
        match (had, error) {
            (_, Some(error)) => Err(error),
            (Had::Up, None) => Ok(()),
            // The same statements build the bridge.
            (Had::NotInTime { who, source }, None) if self.state.ties.bridge.is_some() => {
                Err(SplitError::Bridge { sessions: who, source: Box::new(source) }.into())
            }
            (Had::NotInTime { who, source }, None) => Err(SplitError::Seal { sessions: who, source }.into()),
        }
    }

    /// Everything that the statements lock: the tables at both ends of a key, and what gets a foreign table in its place.
    async fn relations(&self, source: &Session) -> Result<Vec<(String, String)>, crate::pg::Error> {
        fence::with_partitions(source, &self.state.ties.locked()).await
    }

    /// # Errors
    /// Somebody went around the fence, rewrote a table, or made a schema that was to move as well.
    async fn untouched(&self, source: &Session) -> Result<(), Error> {
        let now = fence::stamp(source, self.fenced).await.map_err(at_source("looking at the fence"))?;
        let mut changed = self.stamp.differs(&now);
        let meant = resolve(source, &self.options.plan.schemas).await?;
        changed.extend(
            meant.iter().filter(|schema| !self.state.schemas.contains(schema)).map(|s| format!("schema {s} is new")),
        );
        if changed.is_empty() { Ok(()) } else { Err(SplitError::Stale { changed }.into()) }
    }

    /// A session that sees what others have committed, and nothing of what the seal's transaction does.
    async fn beside(&self) -> Result<Session, crate::pg::Error> {
        let session = connect(&self.options.plan.source, "pgkeep split").await?;
        // It reads catalogs only, for which the seal's locks are in nobody's way. Were it otherwise, no server would notice.
        let set = session.client().batch_execute("SET lock_timeout = '5s'; SET statement_timeout = 0").await;
        set.map_err(|error| session.fault("a setting", error))?;
        Ok(session)
    }

    async fn attempt(
        &self,
        source: &Owner,
        beside: &Session,
        relations: &[(String, String)],
        patience: Patience,
    ) -> Result<(), Stopped> {
        let failed = |error| Stopped::Error(at_source("sealing the fence")(error));
        match fence::lock_to_seal(source, relations, patience).await.map_err(failed)? {
            Attempt::Up => {}
            in_the_way => return Err(Stopped::Locks(in_the_way)),
        }
        self.drawn.check(source).await.map_err(Stopped::Error)?;
        self.untouched(source).await.map_err(Stopped::Error)?;
        let prepared = fence::prepare_seal(source, self.also, self.drawn.scope(), patience).await;
        match prepared.map_err(|error| stopped(error, failed))? {
            Attempt::Up => {}
            in_the_way => return Err(Stopped::Locks(in_the_way)),
        }
        if let Some(works) = &self.state.ties.bridge {
            works.glance(source).await.map_err(failed)?;
        }
        // What others committed before it was written down what is sealed is committed now: it is not the copy's, and is not sealed as if it were.
        self.drawn.check(beside).await.map_err(Stopped::Error)?;
        source.is_kept().await.map_err(failed)?;
        let failed = at_source("sealing the fence");
        fence::seal(source, self.options.plan.target.database()).await.map_err(|error| Stopped::Error(failed(error)))
    }
}
