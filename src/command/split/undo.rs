//! Back from a sealed source: the new place is sealed, files and applications go back, the old place takes writes.

use std::io::Write;

use super::SplitError;
use super::ends::Ends;
use super::error::Opening;
use super::holding::{Trying, at_source, at_target, busy, put_up};
use super::loose::NotReplayed;
use super::losses::{self, Discard, OldPlace};
use super::opening::{Limits, Way};
use super::state::{Phase, State};
use super::{aftermath, bridge, lookout, loose, proof, switching, whereabouts};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::watch::Watch;
use crate::pg::catalog;
use crate::pg::closing;
use crate::pg::connect::Session;
use crate::pg::fence;
use crate::split::facts::ForeignKey;
use crate::switch::{self, HookError};

/// What going back has come to: the old place takes writes.
pub struct Undone {
    /// Tables of the new place with other rows than were copied.
    pub written: Vec<Mismatch>,
    /// What else of the new place is not as it was proven.
    pub left_behind: Vec<String>,
    /// What others did to the old place meanwhile.
    pub old_place: OldPlace,
    /// The old place's foreign keys.
    pub keys: Vec<ForeignKey>,
    pub not_replayed: Vec<NotReplayed>,
    /// The operator's command on the way back, the last thing that is done.
    pub hook: Result<(), HookError>,
}

/// How it is gone back.
pub struct Undoing<'a> {
    pub ends: Ends<'a>,
    pub discard: Discard,
    pub limits: Limits,
    pub jobs: usize,
    pub watch: &'a Watch,
}

/// What is known before anything is changed.
struct Looked {
    written: Vec<Mismatch>,
    left: loose::Left,
    old_place: OldPlace,
}

impl Undoing<'_> {
    /// Tables of the new place with other rows than were copied are returned, or end it before anything has changed.
    pub async fn run(&self, state: &mut State, echo: &mut (dyn Write + Send)) -> Result<Undone, Error> {
        let Ends { source, target } = self.ends;
        let found = losses::refuse(state, &self.ends, self.discard).await?;
        bridge::rehearse_return(state, source, &self.trying("testing the rollback")).await?;
        self.watch.set_phase("fencing the new database");
        let shut = self.shut(state, found).await?;
        let ready = async {
            let looked = self.look(state, found).await?;
            if let Some(shut) = &shut {
                shut.untouched(state, target, self.discard).await?;
            }
            // Files first: if one of them cannot be put back, nothing else has changed.
            switching::back(state)?;
            Ok(looked)
        };
        let Looked { written, mut left, old_place } = match ready.await {
            Ok(looked) => looked,
            Err(error) => return Err(let_go(target, found, error).await?),
        };
        fence::seal_at_once(target, &state.source_database).await.map_err(at_target("sealing the fence"))?;
        let opening = if found == losses::Found::Sealed { Opening::Do } else { Opening::Again };
        self.way(state).open(opening, &mut left).await?;
        // Once more: rows are kept out of the new place since the first look, and definitions are not.
        let left_behind = aftermath::made_in_the_new_place(target, state).await?;
        close(target, &state.schemas).await?;
        loose::take_away(state, target).await?;
        state.enter(Phase::RolledBack);
        state.save(target).await?;
        whereabouts::leave(state, source).await?;
        bridge::dismiss(state, target, target.conninfo()).await?;
        switching::notify(source).await.map_err(at_source("telling PostgREST"))?;
        let keys = catalog::foreign_keys(source).await.map_err(at_source("looking for the foreign keys"))?;
        let not_replayed = loose::not_replayed(state, source, &left).await?;
        let hook = switching::run_hook(state, switch::Phase::Rollback, target.conninfo(), echo).await;
        Ok(Undone { written, left_behind, old_place, keys, not_replayed, hook })
    }

    /// Nobody writes in the new place. None where it was sealed before.
    async fn shut(&self, state: &State, found: losses::Found) -> Result<Option<Shut>, Error> {
        let target = self.ends.target;
        if !fence::own(target).await.map_err(at_target("taking the lock of a split"))? {
            return Err(busy(target, at_target).await?);
        }
        // Where the old place takes writes already, the new one stays sealed, whatever comes.
        if found == losses::Found::OpenAgain {
            return Ok(None);
        }
        let fenced = fence::tables(target, &state.schemas).await.map_err(at_target("the list of tables to fence"))?;
        put_up(target, &fenced, &state.source_database, &self.trying("fencing the new database"), at_target).await?;
        let stamp = fence::stamp(target, &fenced).await.map_err(at_target("looking at the fence"))?;
        Ok(Some(Shut { fenced, stamp }))
    }

    async fn look(&self, state: &State, found: losses::Found) -> Result<Looked, Error> {
        let target = self.ends.target;
        let phase = "looking for rows written since the switch";
        let written = lookout::over(target.conninfo(), self.limits.fence_wait, phase, self.watch, |watch| {
            proof::written_since(target.conninfo(), state, &state.tables, self.jobs, watch)
        })?;
        if !written.is_empty() && self.discard == Discard::Refuse {
            return Err(SplitError::RowsWritten { tables: written }.into());
        }
        let made = aftermath::made_in_the_new_place(target, state).await?;
        if !made.is_empty() && self.discard == Discard::Refuse {
            return Err(SplitError::MadeSince { made }.into());
        }
        let left = match found {
            losses::Found::Sealed => self.way(state).rehearse().await?,
            losses::Found::OpenAgain => loose::Left::new(),
        };
        // Once more: definitions are not kept as they are.
        let old_place = losses::look(state, &self.ends, found, self.discard).await?;
        Ok(Looked { written, left, old_place })
    }

    fn way<'a>(&'a self, state: &'a State) -> Way<'a> {
        Way { state, ends: &self.ends, limits: self.limits, watch: self.watch }
    }

    fn trying(&self, phase: &'static str) -> Trying<'_> {
        Trying { wait: self.limits.fence_wait, watch: self.watch, phase }
    }
}

/// The tables of the new place that refuse writes, as they were when they began to.
struct Shut {
    fenced: Vec<(String, String)>,
    stamp: fence::Stamp,
}

impl Shut {
    /// # Errors
    /// Somebody went around the fence, or rewrote a table behind it, or put others in the place of those that moved.
    async fn untouched(&self, state: &State, target: &Session, discard: Discard) -> Result<(), Error> {
        let now = fence::stamp(target, &self.fenced).await.map_err(at_target("looking at the fence"))?;
        let mut differs = self.stamp.differs(&now);
        // Where that is known, it was told.
        if discard == Discard::Refuse {
            let outside =
                losses::known_there(state, target).await?.into_iter().filter(|table| !self.stamp.has(table.oid));
            differs.extend(outside.map(|table| format!("table {}.{} is not fenced", table.schema, table.name)));
        }
        if differs.is_empty() { Ok(()) } else { Err(SplitError::ChangedBehind { differs }.into()) }
    }
}

/// A table that was made there now would have no fence around it.
async fn close(target: &Session, schemas: &[String]) -> Result<(), Error> {
    let may = closing::may_create(target, schemas).await.map_err(at_target("reading who may create objects there"))?;
    let closed = target.client().batch_execute(&closing::close(&may)).await;
    closed.map_err(|error| at_target("closing the new schemas")(target.fault("closing the new schemas", error)))
}

/// The error, after the new place takes writes again, where it did.
async fn let_go(target: &Session, found: losses::Found, error: Error) -> Result<Error, Error> {
    if found == losses::Found::Sealed {
        fence::take_down(target).await.map_err(at_target("taking the fence down"))?;
    }
    Ok(error)
}
