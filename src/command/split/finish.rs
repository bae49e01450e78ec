//! The end of the way back: the old schemas under other names, and much later gone.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::aftermath::{changed_since, fence_differs, made_in_the_old_place, sessions_old};
use super::covering::{Covered, Covering};
use super::ends::Ends;
use super::holding::{at_source, at_target, own};
use super::state::{Phase, State};
use super::{Discard, Moved, SplitError, host, loose, losses, lost, whereabouts};
use crate::command::Error;
use crate::command::taken::Taken;
use crate::command::watch::Watch;
use crate::pg::catalog::fingerprint;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::quarantine;
use crate::pg::sessions::Connected;
use crate::repo::Repository;
use crate::split::bridge::cut;

/// What the operator says to something that cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    Yes,
    No,
    /// No terminal, and nothing on the command line.
    NobodyToAsk,
}

pub struct FinishOptions {
    pub source: Conninfo,
    pub target: Conninfo,
    /// The source database's name, typed: the old schemas are dropped.
    pub drop: Option<String>,
    /// Of the moment at which this is done, for the new names.
    pub now: DateTime<Utc>,
    /// 0 waits forever.
    pub lock_timeout_ms: u64,
    /// Where the host remembers the split.
    pub state: host::Folder,
    pub moved: Moved,
    pub discard: Discard,
    /// Asks the operator, where the way back is about to end.
    pub ask: fn(&str) -> Consent,
    /// How many sessions compare rows at the same time.
    pub jobs: usize,
    pub pg_bin: Option<PathBuf>,
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
    #[serde(flatten)]
    pub taken: Option<Taken>,
    /// Tables that moved and that the new database has no more, or has under other names.
    pub lost: Vec<String>,
    /// What is in the old schemas and was never moved, because it was made there after the copy.
    pub made_since: Vec<String>,
    /// Definitions of the old schemas that were made or changed since they were sealed; looked for once, before they are put aside.
    pub changed_since: Vec<String>,
    /// Who is connected to the old database.
    pub sessions_old: Vec<Connected>,
    /// Copies of configuration files as they were before the switch, which only a rollback needs.
    pub file_copies: Vec<PathBuf>,
    pub warnings: Vec<String>,
}

/// Without `drop`, the old schemas are quarantined; with it, those that are quarantined are dropped.
///
/// # Errors
/// Tables that the new place has lost, where nobody said that it is known; a drop for which no proven snapshot of what they hold now is in the repository, that somebody still needs or uses, or whose name is wrong;
/// an end of the way back that the operator did not want.
pub async fn finish(
    options: &FinishOptions,
    repository: Option<&Repository>,
    watch: &Watch,
) -> Result<Finished, Error> {
    watch.set_phase("connecting");
    let source = match own(&options.source, at_source).await {
        Ok(source) => source,
        Err(error) => return Err(lost::source(error, &options.source, &options.target, &options.state).await),
    };
    let target = match connect(&options.target, "pgkeep split").await.map_err(at_target("connecting")) {
        Ok(target) => target,
        Err(error) => {
            return Err(lost::target(error, &options.target, Some(&options.source), &options.state).await);
        }
    };
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
        (_, Some(typed)) if *typed != options.source.database() => {
            return Err(SplitError::WrongName { typed: typed.clone() }.into());
        }
        _ => {}
    }
    let there = fence::schemas(&source).await.map_err(failed("the list of schemas"))?;
    let is_gone = !state.quarantined.is_empty() && !old_schemas_are_there(&state, &source, &there).await?;
    let strength = fence::strength(&source).await.map_err(failed("looking for a fence"))?;
    if strength != Some(Strength::Sealed) && !(state.phase == Phase::Quarantined && is_gone) {
        return Err(SplitError::FenceGone.into());
    }
    if strength == Some(Strength::Sealed) {
        // What was made there since is named as such below.
        let differs = fence_differs(&source, &state).await?;
        if !differs.is_empty() {
            return Err(SplitError::FenceDiffers { differs }.into());
        }
    }
    // Where a kill came after the drop, nothing is given up any more.
    let mut lost = match is_gone {
        false => losses::there(&state, &target, options.discard).await?,
        true => Vec::new(),
    };
    let sessions = sessions_old(&source).await?;
    let mut changed = Vec::new();
    if state.phase == Phase::Switched {
        whereabouts::new_place_takes_writes(&state, &target).await?;
        changed = changed_since(&source, &state).await?;
        confirm(options, &state, &sessions, &lost)?;
        // Once more: an answer takes its time.
        lost = losses::there(&state, &target, options.discard).await?;
        watch.set_phase("putting the old schemas aside");
        put_aside(options, &mut state, &there, &source, &target).await?;
    }
    let names: Vec<String> = state.quarantined.iter().map(|(_, to)| to.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    watch.set_phase("looking for what needs the old schemas");
    let needed_by =
        quarantine::needed_by(&source, &names).await.map_err(failed("looking for what needs the old schemas"))?;
    let mut finished = Finished {
        ok: true,
        phase: state.phase,
        quarantined: state.quarantined.clone(),
        dropped: false,
        needed_by,
        snapshot: None,
        taken: None,
        lost,
        made_since: made_in_the_old_place(&source, &state, &names).await?,
        changed_since: changed,
        sessions_old: sessions,
        file_copies: file_copies(&state),
        warnings: unwatched(&source, &target).await?,
    };
    if options.drop.is_none() {
        state.index_reads = quarantine::index_reads(&source, &names).await.map_err(failed("reading statistics"))?;
        state.save(&target).await?;
    } else {
        let repository = repository.ok_or_else(|| SplitError::NoSnapshot { looked_at: Vec::new() })?;
        if !is_gone {
            let ends = Ends { source: &source, target: &target };
            let (covered, lost) = drop_for_good(options, repository, &state, &ends, &names, watch).await?;
            (finished.snapshot, finished.taken, finished.lost) = (Some(covered.snapshot), Some(covered.taken), lost);
            finished.warnings.extend(covered.said);
        }
        fence::take_down(&source).await.map_err(failed("taking the fence down"))?;
        finished.warnings.extend(fence::stay(&source).await.map_err(failed("looking for remains of the fence"))?);
        state.enter(Phase::Finished);
        state.save(&target).await?;
        whereabouts::leave(&state, &source).await?;
        (finished.dropped, finished.phase) = (true, state.phase);
    }
    finished.warnings.extend(finished.lost.iter().map(|lost| format!("lost in the new database: {lost}")));
    source.let_go().await.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    Ok(finished)
}

/// Loose keys outlive the split: those that do not see everything any more.
async fn unwatched(source: &Session, target: &Session) -> Result<Vec<String>, Error> {
    let mut keys = loose::unwatched(source, at_source).await?;
    keys.extend(loose::unwatched(target, at_target).await?);
    let childless = loose::childless(source, target).await?;
    let blind = keys.into_iter().map(|(key, why)| format!("the loose key {key} does not see everything: {why}"));
    let idle = childless.into_iter().map(|(key, why)| format!("no `split reap` follows the loose key {key}: {why}"));
    Ok(blind.chain(idle).collect())
}

/// Those that are still there, as far as this host knows.
fn file_copies(state: &State) -> Vec<PathBuf> {
    let files = state.files.iter().flat_map(|applied| &applied.files);
    files.map(|file| file.backup.clone()).filter(|copy| copy.exists()).collect()
}

/// The way back ends here, so somebody must have said so.
fn confirm(options: &FinishOptions, state: &State, sessions: &[Connected], lost: &[String]) -> Result<(), Error> {
    let mut question =
        format!("{} will be put aside, and `rollback` will no longer be possible", state.schemas.join(", "));
    if !lost.is_empty() {
        question += &format!("; lost in the new database: {}", lost.join("; "));
    }
    if !sessions.is_empty() {
        let sessions: Vec<String> = sessions.iter().map(ToString::to_string).collect();
        question += &format!("; connected to the old database: {}", sessions.join("; "));
    }
    match (options.ask)(&question) {
        Consent::Yes => Ok(()),
        Consent::No => Err(SplitError::NotConfirmed { question, asked: true }.into()),
        Consent::NobodyToAsk => Err(SplitError::NotConfirmed { question, asked: false }.into()),
    }
}

/// What the old schemas are called now, in the order of their names aside; nothing in the record of an older version.
async fn names_now(state: &State, source: &Session) -> Result<Vec<Option<String>>, Error> {
    quarantine::names(source, &state.old_oids).await.map_err(at_source("the list of schemas"))
}

/// # Errors
/// Somebody has given one of them another name: what is done with it, and with its tables, is not known.
async fn old_schemas_are_there(state: &State, source: &Session, there: &[String]) -> Result<bool, Error> {
    let now = names_now(state, source).await?;
    if now.is_empty() {
        return Ok(state.quarantined.iter().any(|(_, to)| there.contains(to)));
    }
    let renamed = state.quarantined.iter().zip(&now).filter_map(|((from, to), now)| {
        let now = now.as_ref().filter(|now| *now != to && (state.phase != Phase::Switched || *now != from))?;
        Some((to.clone(), now.clone()))
    });
    let renamed: Vec<(String, String)> = renamed.collect();
    if !renamed.is_empty() {
        return Err(SplitError::Renamed { renamed }.into());
    }
    Ok(now.iter().any(Option::is_some))
}

/// Names that nobody has.
fn names_aside(schemas: &[String], suffix: &str, there: &[String]) -> Vec<(String, String)> {
    let mut taken: BTreeSet<String> = there.iter().cloned().collect();
    let mut names = Vec::new();
    for schema in schemas {
        let free = (1..).map(|n| if n == 1 { suffix.to_owned() } else { format!("{suffix}_{n}") });
        let free = free.map(|suffix| cut(schema, 63 - suffix.len()) + &suffix).find(|name| !taken.contains(name));
        let name = free.unwrap_or_default();
        taken.insert(name.clone());
        names.push((schema.clone(), name));
    }
    names
}

async fn put_aside(
    options: &FinishOptions,
    state: &mut State,
    there: &[String],
    source: &Session,
    target: &Session,
) -> Result<(), Error> {
    // Where a kill came after they were named, the names stay, also on another day.
    if state.quarantined.is_empty() {
        let suffix = options.now.format("_moved_%Y%m%d").to_string();
        state.quarantined = names_aside(&state.schemas, &suffix, there);
        let oids = quarantine::oids(source, &state.schemas).await;
        state.old_oids = oids.map_err(at_source("the list of schemas"))?;
    }
    // Named before it is done: a kill in between is found by the names that are there.
    state.save(target).await?;
    // A schema of that name is there again, for the foreign tables, where a kill came after it was renamed.
    let now = names_now(state, source).await?;
    let left = state.quarantined.iter().enumerate().filter(|(place, (from, to))| match now.get(*place) {
        Some(now) => now.as_ref() == Some(from),
        None => there.contains(from) && !there.contains(to),
    });
    let left: Vec<_> = left.map(|(_, renamed)| renamed.clone()).collect();
    let spans = state.ties.bridge.as_ref().map_or(&[][..], |works| &works.spans);
    let moved = quarantine::quarantine(source, &left, spans, options.lock_timeout_ms).await;
    moved.map_err(at_source("quarantining the old schemas"))?;
    state.enter(Phase::Quarantined);
    state.save(target).await
}

/// Who needs the tables and who reads them is asked first. While nobody can write them they are compared with a snapshot; under the locks
/// of the drop itself it is asked once more what needs them and what the new place has lost, and then they go. Returns the snapshot that holds them,
/// and what is lost.
async fn drop_for_good(
    options: &FinishOptions,
    repository: &Repository,
    state: &State,
    ends: &Ends<'_>,
    names: &[&str],
    watch: &Watch,
) -> Result<(Covered, Vec<String>), Error> {
    let Ends { source, target } = *ends;
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
    let sealed = state.history.iter().rev().find(|(phase, _)| *phase == Phase::Sealed).map(|(_, time)| *time);
    let sealed = sealed.ok_or_else(|| SplitError::NoSnapshot { looked_at: Vec::new() })?;
    watch.set_phase("comparing the old schemas with a snapshot");
    quarantine::hold(source, names, options.lock_timeout_ms).await.map_err(failed("locking the old tables"))?;
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
