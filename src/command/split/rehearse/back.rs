//! The way back, on the copies: it is taken, and then it is looked whether everything is where it was.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::split::capture::archive_now;
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::plan::Planned;
use crate::command::split::state::State;
use crate::command::split::{Discard, Limits, Options, REPLAY_TIMEOUT, RollbackOptions, proof, rollback};
use crate::command::watch::Watch;
use crate::pg::connect::connect;
use crate::pg::fence;
use crate::schema::compare::{EntryDifference, EntryMismatch, compare};

/// What `--json` prints of the way back.
#[derive(Debug, Serialize)]
pub struct Back {
    /// The old place is as it was before the split.
    pub ok: bool,
    /// How long neither side took writes.
    pub downtime_ms: u64,
    /// Tables of the old place with other rows than were copied.
    pub mismatches: Vec<Mismatch>,
    pub definitions: Vec<EntryMismatch>,
    /// Foreign keys that came back `NOT VALID`: rows are against them, or a lock was in the way.
    pub not_valid: Vec<String>,
    /// The fence still stands.
    pub fenced: Option<&'static str>,
}

/// Rolls the split back. The new place, which it keeps, is private and goes with its server.
pub async fn go(options: &Options, watch: &Watch) -> Result<u64, Error> {
    let back = RollbackOptions {
        source: options.plan.source.clone(),
        target: options.plan.target.clone(),
        discard: Discard::Refuse,
        limits: Limits { fence_wait: options.fence_wait, replay: REPLAY_TIMEOUT },
        jobs: options.jobs,
        state: options.state.clone(),
        moved: options.moved,
    };
    Ok(rollback(&back, watch, &mut std::io::sink()).await?.downtime_ms)
}

/// Compares the old place with what it was: rows with the digests of the copy, definitions with those before the run.
pub async fn look(options: &Options, before: &Planned, downtime_ms: u64, watch: &Watch) -> Result<Back, Error> {
    watch.set_phase("comparing the old database with its former state");
    let target = connect(&options.plan.target, "pgkeep rehearsal").await.map_err(at_target("connecting"))?;
    let state = State::load(&target, &options.state).await?;
    target.close().await.map_err(at_target("closing the session"))?;
    let mismatches = match &state {
        Some(state) => proof::written_since(&options.plan.source, state, &state.tables, options.jobs, watch)?,
        None => {
            return Err(Error::Internal { what: "the split's record is gone after the rollback".into(), source: None });
        }
    };
    let source = connect(&options.plan.source, "pgkeep rehearsal").await.map_err(at_source("connecting"))?;
    let strength = fence::strength(&source).await.map_err(at_source("looking for a fence"))?;
    let after = archive_now(&options.plan, &source, &watch.stop).await?;
    source.close().await.map_err(at_source("closing the session"))?;
    let keys = before.plan.crossing_keys().filter_map(|crossing| before.archive.entry(crossing.entry));
    let keys: BTreeSet<String> = keys.map(|entry| entry.label()).collect();
    let differs = compare(&before.archive, |_| true, &after, None).into_iter();
    let (not_valid, definitions): (Vec<_>, Vec<_>) =
        differs.partition(|entry| entry.what == EntryDifference::Different && keys.contains(&entry.entry));
    let fenced = strength.map(|_| "the fence is still up in the old database");
    Ok(Back {
        ok: mismatches.is_empty() && definitions.is_empty() && fenced.is_none(),
        downtime_ms,
        mismatches,
        definitions,
        not_valid: not_valid.into_iter().map(|entry| entry.entry).collect(),
        fenced,
    })
}
