//! Back: the old place takes writes again, and what was written in the new one is not lost in silence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::SplitError;
use super::holding::{at_source, at_target, own, put_up};
use super::state::{Found, Phase, State};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::progress::Progress;
use crate::command::restore::target as destination;
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::split_state;
use crate::stop::Stop;

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

pub async fn rollback(options: &RollbackOptions, progress: &Arc<Progress>, stop: &Stop) -> Result<RolledBack, Error> {
    let (source_info, target_info) = (&options.source, &options.target);
    progress.set_phase("connecting");
    let source = own(source_info, at_source).await?;
    let target = own(target_info, at_target).await?;
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
    if strength != Some(Strength::Sealed) {
        // Nobody was sent to the new database yet, and the source takes writes if it ever stopped.
        progress.set_phase("taking the fence down");
        fence::take_down(&source, "").await.map_err(at_source("taking the fence down"))?;
        let dropped = state.found == Found::Missing;
        let schemas = state.schemas.clone();
        if dropped {
            target.close().await.map_err(at_target("the end of the session"))?;
            destination::drop_database(target_info).await?;
        } else {
            split_state::empty_again(&target).await.map_err(at_target("emptying the database"))?;
            split_state::forget(&target).await.map_err(at_target("forgetting the split"))?;
        }
        return Ok(RolledBack {
            ok: true,
            phase: Phase::RolledBack,
            schemas,
            discarded: Vec::new(),
            dropped,
            downtime_ms: 0,
        });
    }

    progress.set_phase("fencing the new database");
    let fenced = fence::tables(&target, &state.schemas).await.map_err(at_target("the list of tables to fence"))?;
    let back = source_info.database();
    put_up(&target, &fenced, back, options.fence_wait, progress, stop, at_target).await?;
    progress.set_phase("looking for rows written since the switch");
    let written = super::proof::written_since(target_info, &state, options.jobs, progress, stop)?;
    if !written.is_empty() && options.discard == Discard::Refuse {
        fence::take_down(&target, "").await.map_err(at_target("taking the fence down"))?;
        return Err(SplitError::RowsWritten { tables: written }.into());
    }
    progress.set_phase("opening the old database");
    fence::seal(&target, back, "").await.map_err(at_target("sealing the fence"))?;
    let again: String = state.given_up.iter().map(super::state::GivenUp::again).collect();
    fence::take_down(&source, &again).await.map_err(at_source("taking the fence down"))?;
    state.enter(Phase::RolledBack);
    state.save(&target).await?;
    let schemas = state.schemas.clone();
    source.close().await.map_err(at_source("the end of the session"))?;
    target.close().await.map_err(at_target("the end of the session"))?;
    let downtime_ms = since.elapsed().as_millis() as u64;
    Ok(RolledBack { ok: true, phase: Phase::RolledBack, schemas, discarded: written, dropped: false, downtime_ms })
}
