//! The old schemas are dropped for good, where a proven snapshot holds what they hold now.

use super::FinishOptions;
use super::old::still_there;
use crate::command::Error;
use crate::command::split::covering::{Covered, Covering};
use crate::command::split::ends::Ends;
use crate::command::split::holding::at_source;
use crate::command::split::state::{Phase, State};
use crate::command::split::{SplitError, losses};
use crate::command::watch::Watch;
use crate::pg::catalog::fingerprint;
use crate::pg::connect::Session;
use crate::pg::quarantine;
use crate::repo::Repository;

/// Who needs the tables and who reads them is asked first. While nobody can write them they are compared with a snapshot; under the locks
/// of the drop itself it is asked once more what needs them and what the new place has lost, and then they go. Returns the snapshot that holds them,
/// and what is lost.
pub async fn drop_for_good(
    options: &FinishOptions,
    repository: &Repository,
    state: &State,
    ends: &Ends<'_>,
    watch: &Watch,
) -> Result<(Covered, Vec<String>), Error> {
    let Ends { source, target } = *ends;
    let old = still_there(state, source).await?;
    let names: Vec<&str> = old.iter().map(|schema| schema.name.as_str()).collect();
    let names = &names[..];
    let failed = |what: &'static str| at_source(what);
    nobody_needs(source, state, names).await?;
    let sealed = state.history.iter().rev().find(|(phase, _)| *phase == Phase::Sealed).map(|(_, time)| *time);
    let sealed = sealed.ok_or_else(|| SplitError::NoSnapshot { looked_at: Vec::new() })?;
    watch.set_phase("comparing the old schemas with a snapshot");
    let others = quarantine::hold(source, &old, options.lock_timeout_ms).await;
    let others = others.map_err(failed("locking the old tables"))?;
    if !others.is_empty() {
        return Err(SplitError::Exchanged { schemas: others }.into());
    }
    // From here on until nobody else gets in: what is made or changed meanwhile is in no snapshot.
    let schemas: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let before = fingerprint(source, &schemas, &[]).await.map_err(failed("reading the catalog"))?;
    let covering = Covering {
        source,
        schemas: names,
        // It may have been renamed after the snapshot was taken, or before.
        databases: &[&state.source_database, source.conninfo().database()],
        sealed,
        jobs: options.jobs,
        pg_bin: options.pg_bin.as_deref(),
        lock_timeout_ms: options.lock_timeout_ms,
        watch,
    };
    let snapshot = covering.snapshot(repository).await?;
    watch.set_phase("dropping the old schemas");
    quarantine::shut(source, names, options.lock_timeout_ms).await.map_err(failed("locking the old tables"))?;
    let changed = before.changed(source, |_, _| None).await.map_err(failed("looking for what changed"))?;
    if !changed.is_empty() {
        quarantine::let_go(source).await.map_err(failed("ending a transaction"))?;
        return Err(SplitError::ChangedAside { changed }.into());
    }
    let lost = match losses::there(state, target, options.discard).await {
        Ok(lost) => lost,
        Err(error) => {
            quarantine::let_go(source).await.map_err(failed("the end of a transaction"))?;
            return Err(error);
        }
    };
    let dropped = quarantine::drop_for_good(source, names, options.lock_timeout_ms).await;
    let by = dropped.map_err(failed("dropping the old schemas"))?;
    if !by.is_empty() {
        return Err(SplitError::StillNeeded { by }.into());
    }
    Ok((snapshot, lost))
}

/// # Errors
/// Something in the old database needs the old schemas, or somebody has used them since they were put aside.
async fn nobody_needs(source: &Session, state: &State, names: &[&str]) -> Result<(), Error> {
    let failed = |what: &'static str| at_source(what);
    let by = quarantine::needed_by(source, names).await.map_err(failed("looking for what needs the old schemas"))?;
    if !by.is_empty() {
        return Err(SplitError::StillNeeded { by }.into());
    }
    let reads = quarantine::index_reads(source, names).await.map_err(failed("reading statistics"))?;
    let mut users: Vec<String> = reads
        .into_iter()
        .filter(|(table, scans)| state.index_reads.iter().any(|(before, then)| before == table && then < scans))
        .map(|(table, _)| format!("{table} was read since it was quarantined"))
        .collect();
    users.extend(quarantine::users(source, names).await.map_err(failed("looking for sessions"))?);
    if !users.is_empty() {
        return Err(SplitError::StillUsed { by: users }.into());
    }
    Ok(())
}
