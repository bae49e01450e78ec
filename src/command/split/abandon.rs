//! A split is given up that nobody was sent to yet: its target is again as it was found.

use std::time::Duration;

use super::SplitError;
use super::aftermath;
use super::bridge;
use super::error::Origin;
use super::holding::{Had, Trying, at_target};
use super::losses::Discard;
use super::state::{Found, Phase, State};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::restore::target as destination;
use crate::command::watch::Watch;
use crate::pg::as_found;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::dropping;
use crate::pg::split_state;

/// How a split is given up that nobody was sent to yet.
pub struct Abandoning<'a> {
    /// Of what others made in the target.
    pub discard: Discard,
    pub jobs: usize,
    pub watch: &'a Watch,
}

/// What was given up.
pub struct Abandoned {
    pub found: Found,
    /// What others had made or changed in the target, and tables with rows of theirs; it is gone.
    pub made: Vec<String>,
    pub written: Vec<Mismatch>,
    /// What of the target could not be set up as it was found.
    pub left: Vec<String>,
}

/// How long others may keep a lock on a table of the new database.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// How long sessions may take to leave the database that is dropped, those of this program too: as long as the server waits for it.
const LEAVE_WAIT: Duration = Duration::from_secs(5);
/// The server's time-out of a look beside the transaction that drops: nobody else finds what the two of them wait for.
const BESIDE: &str = "SET lock_timeout = '30s'";

/// The target as it was found, by a split that nobody was sent to yet. From before the first look until the drop nobody writes to its tables;
/// and once nobody can make anything there any more, it is looked again for what was made meanwhile.
///
/// # Errors
/// Somebody else has made or written something there meanwhile, and nobody said that it is known. Nothing was dropped.
pub async fn abandon(
    state: &State,
    target: Session,
    info: &Conninfo,
    abandoning: &Abandoning<'_>,
) -> Result<Abandoned, Error> {
    let Abandoning { discard, jobs, watch } = *abandoning;
    watch.set_phase("looking for objects of others in the new database");
    hold(state, &target, watch).await?;
    let made = aftermath::made_by_others(state, &target).await?;
    let written = aftermath::written_by_others(state, &target, info, jobs, watch).await?;
    let mut theirs = Theirs { state, info, discard, made, written };
    theirs.check()?;
    watch.set_phase("removing what the split created");
    let left = match state.found {
        Found::Missing => {
            theirs.drop_database(target).await?;
            Vec::new()
        }
        Found::Empty => theirs.empty_database(&target).await?,
    };
    let Theirs { made, written, .. } = theirs;
    Ok(Abandoned { found: state.found, made, written, left })
}

/// Nobody writes to the tables that are read.
async fn hold(state: &State, target: &Session, watch: &Watch) -> Result<(), Error> {
    let tables = aftermath::tables_known(state);
    let tables: Vec<(String, String)> = tables.iter().map(|table| (table.schema.clone(), table.name.clone())).collect();
    let trying = Trying { wait: LOCK_WAIT, watch, phase: "locking the tables of the new database" };
    let attempt = async |patience| dropping::hold_rows(target, &tables, patience).await;
    match trying.again_and_again(target, tables.len(), at_target, attempt).await? {
        Had::Up => Ok(()),
        Had::NotInTime { who: sessions, .. } => {
            Err(SplitError::Visited { database: target.conninfo().database().to_owned(), sessions }.into())
        }
    }
}

/// What others made in the target, as far as it is known.
struct Theirs<'a> {
    state: &'a State,
    info: &'a Conninfo,
    discard: Discard,
    made: Vec<String>,
    written: Vec<Mismatch>,
}

impl Theirs<'_> {
    /// # Errors
    /// There is something, and nobody said that it is known.
    fn check(&self) -> Result<(), Error> {
        let Self { state, made, written, .. } = self;
        if self.discard != Discard::Refuse || (made.is_empty() && written.is_empty()) {
            return Ok(());
        }
        let is_known = state.phase >= Phase::Proven || state.making.is_some();
        let origin = if is_known { Origin::Known } else { Origin::Unknown };
        let database = self.info.database().to_owned();
        Err(SplitError::OfOthers { database, made: made.clone(), tables: written.clone(), origin }.into())
    }

    /// What was made until now, seen by this session.
    async fn look_again(&mut self, session: &Session) -> Result<(), Error> {
        self.made = aftermath::made_by_others(self.state, session).await?;
        self.check()
    }

    /// The database that the split made.
    async fn drop_database(&mut self, target: Session) -> Result<(), Error> {
        let database = self.info.database();
        let server = destination::connect_for_maintenance(self.info).await?;
        dropping::shut(&server, database).await.map_err(at_target("shutting the database"))?;
        let dropped = self.drop_shut(target).await;
        if dropped.is_err() {
            dropping::open(&server, database).await.map_err(at_target("opening the database again"))?;
        }
        dropped?;
        bridge::dismiss(self.state, &server, self.info).await?;
        server.close().await.map_err(at_target("closing the session"))
    }

    /// Nobody comes to it any more; once those who were there have left, what they made stays as it is.
    async fn drop_shut(&mut self, target: Session) -> Result<(), Error> {
        let sessions = dropping::who_stays(&target, LEAVE_WAIT).await.map_err(at_target("looking for sessions"))?;
        if !sessions.is_empty() {
            return Err(SplitError::Visited { database: self.info.database().to_owned(), sessions }.into());
        }
        self.look_again(&target).await?;
        target.close().await.map_err(at_target("closing the session"))?;
        destination::drop_database(self.info).await
    }

    /// The database that was there. What could not be set up as it was found is returned.
    async fn empty_database(&mut self, target: &Session) -> Result<Vec<String>, Error> {
        let emptying = || at_target("emptying the database");
        let found = self.state.as_found.as_ref().zip(self.state.making.as_ref());
        match found {
            Some((as_found, making)) => as_found::empty(target, as_found, &making.objects).await.map_err(emptying())?,
            None => split_state::empty_again(target).await.map_err(emptying())?,
        }
        // Nobody makes anything any more in what is dropped. Another session sees all that went, for it is not gone yet there.
        let beside = connect(self.info, "pgkeep split").await.map_err(at_target("connecting"))?;
        beside.run("a setting", BESIDE).await.map_err(emptying())?;
        self.look_again(&beside).await?;
        beside.close().await.map_err(at_target("closing the session"))?;
        target.run("emptying the database", "COMMIT").await.map_err(emptying())?;
        let left = match found {
            Some((as_found, _)) => as_found::put_back(target, as_found).await.map_err(emptying())?,
            None => Vec::new(),
        };
        split_state::forget(target).await.map_err(at_target("forgetting the split"))?;
        bridge::dismiss(self.state, target, self.info).await?;
        Ok(left)
    }
}
