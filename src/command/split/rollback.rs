//! Back: the old place takes writes again, and what was written in the new one is not lost in silence.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::holding::{at_source, at_target, own, put_up};
use super::state::{Found, Phase, State};
use super::{SplitError, aftermath, bridge, loose, switching};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::progress::Progress;
use crate::command::restore::target as destination;
use crate::pg::catalog;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::split_state;
use crate::split::facts::ForeignKey;
use crate::stop::Stop;
use crate::switch::{self, HookError};

/// What becomes of rows that were written in the new database since the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    Refuse,
    /// They stay in the new database, which is fenced and kept.
    Rows,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct RolledBack {
    pub ok: bool,
    pub phase: Phase,
    pub schemas: Vec<String>,
    /// Tables of the new database whose rows are not what was copied.
    pub discarded: Vec<Mismatch>,
    /// Foreign keys across the line that could not be made again, because rows are against them.
    pub keys_missing: Vec<String>,
    /// Foreign keys across the line that came back `NOT VALID`, with what was in the way of checking their rows.
    pub keys_unchecked: Vec<String>,
    /// The new database is gone, for the split had made it and nobody had used it.
    pub dropped: bool,
    /// How long neither side took writes.
    pub downtime_ms: u64,
}

pub struct RollbackOptions {
    pub source: Conninfo,
    pub target: Conninfo,
    pub discard: Discard,
    pub fence_wait: Duration,
    pub jobs: usize,
}

pub async fn rollback(
    options: &RollbackOptions,
    progress: &Arc<Progress>,
    stop: &Stop,
    echo: &mut (dyn Write + Send),
) -> Result<RolledBack, Error> {
    let (source_info, target_info) = (&options.source, &options.target);
    progress.set_phase("connecting");
    let source = own(source_info, at_source).await?;
    let target = connect(target_info, "pgkeep split").await.map_err(at_target("connecting"))?;
    let no_split = || SplitError::NoSplit { database: target_info.database().to_owned() };
    let mut state = State::load(&target).await?.ok_or_else(no_split)?;
    if split_state::identity(&source).await.map_err(at_source("asking which database this is"))? != state.source {
        let schemas = state.schemas.join(", ");
        let database = target_info.database().to_owned();
        return Err(SplitError::AnotherSplit { database, source_name: state.source_name, schemas }.into());
    }
    if state.phase >= Phase::RolledBack {
        return Err(SplitError::Over { phase: state.phase }.into());
    }
    let strength = fence::strength(&source).await.map_err(at_source("looking for a fence"))?;
    let since = Instant::now();
    // A sealed split whose fence somebody took down is no early one: rows may have been written in the new place.
    if state.phase < Phase::Sealed && strength != Some(Strength::Sealed) {
        // Nobody was sent to the new database yet, and the source takes writes if it ever stopped.
        progress.set_phase("taking the fence down");
        fence::take_down(&source, "").await.map_err(at_source("taking the fence down"))?;
        let schemas = state.schemas.clone();
        let dropped = abandon(&state, target, target_info).await? == Found::Missing;
        return Ok(RolledBack {
            ok: true,
            phase: Phase::RolledBack,
            schemas,
            discarded: Vec::new(),
            keys_missing: Vec::new(),
            keys_unchecked: Vec::new(),
            dropped,
            downtime_ms: 0,
        });
    }

    let ends = Ends { source: &source, target: &target };
    let wait = options.fence_wait;
    let undone = undo(&ends, &mut state, options.discard, wait, options.jobs, progress, stop, echo).await?;
    let downtime_ms = since.elapsed().as_millis() as u64;
    let Undone { written, keys, hook } = undone;
    let keys_missing = state.ties.missing(&keys);
    let keys_unchecked = check_keys(&source, state.ties.to_check(&keys), wait, progress).await;
    let schemas = state.schemas.clone();
    source.close().await.map_err(at_source("the end of the session"))?;
    target.close().await.map_err(at_target("the end of the session"))?;
    if let Err(source) = hook {
        return Err(SplitError::HookOnTheWayBack { keys_missing, keys_unchecked, source }.into());
    }
    Ok(RolledBack {
        ok: keys_missing.is_empty(),
        phase: Phase::RolledBack,
        schemas,
        discarded: written,
        keys_missing,
        keys_unchecked,
        dropped: false,
        downtime_ms,
    })
}

/// The target as it was found, by a split that nobody was sent to yet.
pub async fn abandon(state: &State, target: Session, info: &Conninfo) -> Result<Found, Error> {
    if state.found == Found::Missing {
        target.close().await.map_err(at_target("the end of the session"))?;
        destination::drop_database(info).await?;
        let server = destination::connect_for_maintenance(info).await?;
        bridge::dismiss(state, &server, info).await?;
        server.close().await.map_err(at_target("the end of the session"))?;
    } else {
        split_state::empty_again(&target).await.map_err(at_target("emptying the database"))?;
        split_state::forget(&target).await.map_err(at_target("forgetting the split"))?;
        bridge::dismiss(state, &target, info).await?;
    }
    Ok(state.found)
}

/// Sessions at both ends; that at the source owns its fence.
pub struct Ends<'a> {
    pub source: &'a Session,
    pub target: &'a Session,
}

/// What going back has come to: the old place takes writes.
pub struct Undone {
    /// Tables of the new place with other rows than were copied.
    pub written: Vec<Mismatch>,
    /// The old place's foreign keys.
    pub keys: Vec<ForeignKey>,
    /// The operator's command on the way back, the last thing that is done.
    pub hook: Result<(), HookError>,
}

/// Back from a sealed source: the new place is sealed, files and applications go back, the old place takes writes. Tables of the new
/// place with other rows than were copied are returned, or end it before anything has changed.
#[allow(clippy::too_many_arguments, reason = "both ends, what is to be done, and where to tell")]
pub async fn undo(
    ends: &Ends<'_>,
    state: &mut State,
    discard: Discard,
    fence_wait: Duration,
    jobs: usize,
    progress: &Arc<Progress>,
    stop: &Stop,
    echo: &mut (dyn Write + Send),
) -> Result<Undone, Error> {
    let Ends { source, target } = *ends;
    bridge::rehearse_return(state, source).await?;
    progress.set_phase("fencing the new database");
    if !fence::own(target).await.map_err(at_target("taking the lock of a split"))? {
        return Err(SplitError::Busy.into());
    }
    let fenced = fence::tables(target, &state.schemas).await.map_err(at_target("the list of tables to fence"))?;
    let back = state.source_database.clone();
    put_up(target, &fenced, &back, fence_wait, progress, stop, at_target).await?;
    progress.set_phase("looking for rows written since the switch");
    let written = super::proof::written_since(target.conninfo(), state, jobs, progress, stop)?;
    if !written.is_empty() && discard == Discard::Refuse {
        fence::take_down(target, "").await.map_err(at_target("taking the fence down"))?;
        return Err(SplitError::RowsWritten { tables: written }.into());
    }
    let made = aftermath::made_in_the_new_place(target, state).await?;
    if !made.is_empty() && discard == Discard::Refuse {
        fence::take_down(target, "").await.map_err(at_target("taking the fence down"))?;
        return Err(SplitError::MadeSince { made }.into());
    }
    progress.set_phase("opening the old database");
    // Files first: if one of them cannot be put back, nothing else has changed.
    if let Err(error) = switching::back(state) {
        fence::take_down(target, "").await.map_err(at_target("taking the fence down"))?;
        return Err(error);
    }
    fence::seal(target, &back, 0, "").await.map_err(at_target("sealing the fence"))?;
    let at_return = loose::at_return(state) + &state.ties.at_return();
    fence::take_down(source, &at_return).await.map_err(at_source("taking the fence down"))?;
    loose::take_away(state, target).await?;
    state.enter(Phase::RolledBack);
    state.save(target).await?;
    bridge::dismiss(state, target, target.conninfo()).await?;
    switching::notify(source).await.map_err(at_source("telling PostgREST"))?;
    let keys = catalog::foreign_keys(source).await.map_err(at_source("looking for the foreign keys"))?;
    let hook = switching::run_hook(state, switch::Phase::Rollback, target.conninfo(), echo).await;
    Ok(Undone { written, keys, hook })
}

/// Checks the rows of the foreign keys that came back, while everybody works again. What is in the way is told, and fails nothing: a
/// key that was not checked holds for all that is written from now on.
pub async fn check_keys(
    source: &Session,
    keys: Vec<&ForeignKey>,
    lock_wait: Duration,
    progress: &Arc<Progress>,
) -> Vec<String> {
    let lock_timeout_ms = lock_wait.as_millis().max(1) as u64;
    let mut unchecked = Vec::new();
    for key in keys {
        progress.set_phase("checking the foreign keys that came back");
        if let Err(error) = fence::check_key(source, key, lock_timeout_ms).await {
            let reason = error.server_message().map_or_else(|| error.to_string(), |said| said.message.clone());
            unchecked.push(format!("{}.{}.{}: {reason}", key.schema, key.table, key.name));
        }
    }
    unchecked
}
