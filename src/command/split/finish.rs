//! The end of the way back: the old schemas under other names, and much later gone.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::holding::{at_source, at_target, own};
use super::promise::{End, broken};
use super::state::{Phase, State};
use super::{Moved, SplitError, host, whereabouts};
use crate::command::Error;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::quarantine;
use crate::repo::{Manifest, Proven, Repository};
use crate::split::bridge::cut;

pub struct FinishOptions {
    pub source: Conninfo,
    pub target: Conninfo,
    /// The source database's name, typed: the old schemas are dropped.
    pub drop: Option<String>,
    /// Of the moment at which this is done, for the new names.
    pub now: DateTime<Utc>,
    /// 0 waits for ever.
    pub lock_timeout_ms: u64,
    /// Where the host remembers the split.
    pub state: host::Folder,
    pub moved: Moved,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Finished {
    pub ok: bool,
    pub phase: Phase,
    /// Old and new names of the old schemas.
    pub quarantined: Vec<(String, String)>,
    pub dropped: bool,
    /// What in the old database still needs something in them: it has to go, or to be changed, before they can be dropped.
    pub needed_by: Vec<String>,
    /// The proven snapshot that holds what was dropped.
    pub snapshot: Option<String>,
}

/// Without `drop`, the old schemas are quarantined; with it, those that are quarantined are dropped.
///
/// # Errors
/// A drop for which no proven snapshot of the tables is in the repository, that somebody still needs or uses, or whose name is wrong.
pub async fn finish(options: &FinishOptions, repository: Option<&Repository>) -> Result<Finished, Error> {
    let source = own(&options.source, at_source).await?;
    let target = connect(&options.target, "pgkeep split").await.map_err(at_target("connecting"))?;
    let mut state = State::required(&target, &options.state).await?;
    whereabouts::check(&mut state, &source, &target, options.moved).await?;
    if state.phase == Phase::Finished {
        // A kill came between the record and this.
        whereabouts::leave(&state, &source).await?;
    }
    let failed = |what: &'static str| at_source(what);
    match (state.phase, &options.drop) {
        (Phase::RolledBack | Phase::Finished, _) => return Err(SplitError::Over { phase: state.phase }.into()),
        (phase, _) if phase < Phase::Switched => return Err(SplitError::TooEarly { phase }.into()),
        (Phase::Switched, Some(_)) => return Err(SplitError::NotQuarantined.into()),
        (_, Some(typed)) if *typed != state.source_database => {
            return Err(SplitError::WrongName { typed: typed.clone() }.into());
        }
        _ => {}
    }
    let there = fence::schemas(&source).await.map_err(failed("the list of schemas"))?;
    let is_gone = !state.quarantined.is_empty() && !state.quarantined.iter().any(|(_, to)| there.contains(to));
    let strength = fence::strength(&source).await.map_err(failed("looking for a fence"))?;
    if strength != Some(Strength::Sealed) && !(state.phase == Phase::Quarantined && is_gone) {
        return Err(SplitError::FenceGone.into());
    }
    if strength == Some(Strength::Sealed) {
        let differs = broken(&state, &source, End::Source).await.map_err(failed("looking at the fence"))?;
        if !differs.is_empty() {
            return Err(SplitError::FenceDiffers { differs }.into());
        }
    }
    if state.phase == Phase::Switched {
        let suffix = options.now.format("_moved_%Y%m%d").to_string();
        state.quarantined =
            state.schemas.iter().map(|schema| (schema.clone(), cut(schema, 63 - suffix.len()) + &suffix)).collect();
        // Named before it is done: a kill in between is found by the names that are there.
        state.save(&target).await?;
        // A schema of that name is there again, for the foreign tables, where a kill came after it was renamed.
        let left = state.quarantined.iter().filter(|(from, to)| there.contains(from) && !there.contains(to));
        let left: Vec<_> = left.cloned().collect();
        let spans = state.ties.bridge.as_ref().map_or(&[][..], |works| &works.spans);
        let moved = quarantine::quarantine(&source, &left, spans, options.lock_timeout_ms).await;
        moved.map_err(failed("quarantining the old schemas"))?;
        state.enter(Phase::Quarantined);
        state.save(&target).await?;
    }
    let names: Vec<String> = names(&state).into_iter().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let needed_by =
        quarantine::needed_by(&source, &names).await.map_err(failed("looking for what needs the old schemas"))?;
    let mut finished = Finished {
        ok: true,
        phase: state.phase,
        quarantined: state.quarantined.clone(),
        dropped: false,
        needed_by,
        snapshot: None,
    };
    if options.drop.is_none() {
        state.index_reads = quarantine::index_reads(&source, &names).await.map_err(failed("reading statistics"))?;
        state.save(&target).await?;
    } else {
        let repository = repository.ok_or(SplitError::NoSnapshot)?;
        finished.snapshot = Some(proven_snapshot(repository, &state).await?);
        if !finished.needed_by.is_empty() {
            return Err(SplitError::StillNeeded { by: finished.needed_by }.into());
        }
        let reads = quarantine::index_reads(&source, &names).await.map_err(failed("reading statistics"))?;
        let mut users: Vec<String> = reads
            .into_iter()
            .filter(|(table, scans)| state.index_reads.iter().any(|(before, then)| before == table && then < scans))
            .map(|(table, _)| format!("{table} was read since it was quarantined"))
            .collect();
        users.extend(quarantine::users(&source, &names).await.map_err(failed("looking for sessions"))?);
        if !users.is_empty() {
            return Err(SplitError::StillUsed { by: users }.into());
        }
        let dropped = quarantine::drop_for_good(&source, &names, options.lock_timeout_ms).await;
        let by = dropped.map_err(failed("dropping the old schemas"))?;
        if !by.is_empty() {
            return Err(SplitError::StillNeeded { by }.into());
        }
        state.enter(Phase::Finished);
        state.save(&target).await?;
        whereabouts::leave(&state, &source).await?;
        (finished.dropped, finished.phase) = (true, state.phase);
    }
    source.close().await.map_err(at_source("the end of the session"))?;
    target.close().await.map_err(at_target("the end of the session"))?;
    Ok(finished)
}

fn names(state: &State) -> Vec<&str> {
    state.quarantined.iter().map(|(_, to)| to.as_str()).collect()
}

/// The newest snapshot of the source that was taken after the tables were sealed, that holds every one of them with as many rows, and
/// that a restore or drill has proven.
async fn proven_snapshot(repository: &Repository, state: &State) -> Result<String, Error> {
    let sealed = state.history.iter().rev().find(|(phase, _)| *phase == Phase::Sealed).map(|(_, time)| *time);
    let sealed = sealed.ok_or(SplitError::NoSnapshot)?;
    let proven: Vec<_> =
        repository.records::<Proven>().await?.into_iter().map(|stored| stored.record.snapshot).collect();
    for name in repository.snapshots().await?.into_iter().rev() {
        if !proven.contains(&name.id) || SystemTime::from(name.time) < SystemTime::from(sealed) {
            continue;
        }
        let manifest = repository.manifest(&name).await?;
        if manifest.database.name == state.source_database && !manifest.is_suspicious() && holds(&manifest, state) {
            return Ok(manifest.snapshot.short().to_owned());
        }
    }
    Err(SplitError::NoSnapshot.into())
}

/// Under their old names or under the new ones.
fn holds(manifest: &Manifest, state: &State) -> bool {
    let spans = || state.ties.bridge.iter().flat_map(|works| &works.spans);
    state.tables.iter().all(|table| {
        let now = state.quarantined.iter().find(|(from, _)| *from == table.schema).map(|(_, to)| to);
        let aside = spans().find(|span| (&span.schema, &span.name) == (&table.schema, &table.name));
        let name = aside.map_or(&table.name, |span| &span.aside);
        manifest.relations.iter().any(|held| {
            (held.schema == table.schema || Some(&held.schema) == now)
                && held.name == *name
                && held.digest.rows == table.digest.rows
        })
    })
}
