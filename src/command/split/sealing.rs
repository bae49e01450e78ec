//! The seal: the moment from which the source refuses writes for good. Whatever was proven is looked at once more, inside it.

use super::capture::Drawn;
use super::holding::{Had, Trying, at_source};
use super::state::State;
use super::{Options, SplitError};
use crate::command::Error;
use crate::pg::connect::Session;
use crate::pg::fence::{self, Attempt, Patience};

/// What happens to the source in one transaction.
pub struct Seal<'a> {
    pub options: &'a Options,
    pub state: &'a State,
    /// What was copied.
    pub drawn: &'a Drawn,
    /// Statements that take keys across the line away, and put something else in their place.
    pub also: &'a str,
}

/// Why an attempt came to nothing, where it was not locks.
enum Stopped {
    Error(Error),
    Locks(fence::Attempt),
}

impl Seal<'_> {
    /// # Errors
    /// Definitions are no longer what was copied; locks were not had in time; the connection. Nothing has changed then.
    pub async fn put(&self, source: &Session, trying: &Trying<'_>) -> Result<(), Error> {
        let relations = self.relations(source).await.map_err(at_source("the list of tables to lock"))?;
        let mut error = None;
        let attempt = async |patience| match self.attempt(source, &relations, patience).await {
            Ok(()) => Ok(Attempt::Up),
            Err(Stopped::Locks(in_the_way)) => Ok(in_the_way),
            Err(Stopped::Error(stopped)) => {
                error = Some(stopped);
                Ok(Attempt::Up)
            }
        };
        let had = trying.again_and_again(source, relations.len(), at_source, attempt).await?;
        match (had, error) {
            (_, Some(error)) => Err(error),
            (Had::Up, None) => Ok(()),
            (Had::NotInTime { who, source }, None) => Err(SplitError::Seal { sessions: who, source }.into()),
        }
    }

    /// Everything that the statements lock: the tables at both ends of a key, and what gets a foreign table in its place.
    async fn relations(&self, source: &Session) -> Result<Vec<(String, String)>, crate::pg::Error> {
        fence::with_partitions(source, &self.state.ties.locked()).await
    }

    async fn attempt(
        &self,
        source: &Session,
        relations: &[(String, String)],
        patience: Patience,
    ) -> Result<(), Stopped> {
        let failed = |error| Stopped::Error(at_source("sealing the fence")(error));
        match fence::lock_to_seal(source, relations, patience).await.map_err(failed)? {
            Attempt::Up => {}
            in_the_way => return Err(Stopped::Locks(in_the_way)),
        }
        self.drawn.check(source).await.map_err(Stopped::Error)?;
        let destination = self.options.plan.target.database();
        match fence::seal(source, destination, self.also, self.drawn.scope(), patience).await.map_err(failed)? {
            Attempt::Up => Ok(()),
            in_the_way => Err(Stopped::Locks(in_the_way)),
        }
    }
}
