//! The end of the way back: the old schemas under other names, and much later gone.

mod dropping;
mod old;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use self::dropping::drop_for_good;
use self::old::{Old, know, old_schemas, put_aside};
use super::aftermath::{changed_since, fence_differs, made_in_the_old_place, sessions_old};
use super::ends::Ends;
use super::holding::{Owner, at_source, at_target, own};
use super::state::{Phase, State};
use super::{Discard, Moved, SplitError, host, loose, losses, lost, whereabouts};
use crate::command::Error;
use crate::command::taken::Taken;
use crate::command::watch::Watch;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::quarantine;
use crate::pg::sessions::Connected;
use crate::repo::Repository;

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
    let (source, target, mut state) = enter(options).await?;
    may_finish(options, &state)?;
    know(&mut state, &source).await?;
    let there = fence::schemas(&source).await.map_err(at_source("the list of schemas"))?;
    let old = old_schemas(&state, &source).await?;
    nobody_writes(&state, &source, old).await?;
    let mut lost = match old {
        Old::There => losses::there(&state, &target, options.discard).await?,
        // A kill came after the drop: nothing is given up any more.
        Old::Dropped => Vec::new(),
    };
    let sessions = sessions_old(&source).await?;
    let mut changed = Vec::new();
    if state.phase == Phase::Switched {
        whereabouts::new_place_takes_writes(&state, &target).await?;
        changed = changed_since(&source, &state).await?;
        nothing_finds_another(options, &state, &source).await?;
        confirm(options, &state, &sessions, &lost)?;
        // Once more: an answer takes its time.
        lost = losses::there(&state, &target, options.discard).await?;
        watch.set_phase("putting the old schemas aside");
        put_aside(options, &mut state, &there, &source, &target).await?;
    }
    let ends = Ends { source: &source, target: &target };
    watch.set_phase("looking for what needs the old schemas");
    let mut finished = stock(&state, &ends).await?;
    (finished.lost, finished.changed_since, finished.sessions_old) = (lost, changed, sessions);
    match &options.drop {
        None => remember_reads(&mut state, &ends).await?,
        Some(_) => {
            let repository = repository.ok_or_else(|| SplitError::NoSnapshot { looked_at: Vec::new() })?;
            if old == Old::There {
                let (covered, lost) = drop_for_good(options, repository, &state, &ends, watch).await?;
                (finished.snapshot, finished.taken, finished.lost) =
                    (Some(covered.snapshot), Some(covered.taken), lost);
                finished.warnings.extend(covered.said);
            }
            finished.warnings.extend(end(&mut state, &ends).await?);
            (finished.dropped, finished.phase) = (true, state.phase);
        }
    }
    finished.warnings.extend(finished.lost.iter().map(|lost| format!("lost in the new database: {lost}")));
    source.let_go().await.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    Ok(finished)
}

/// Both ends of a split that is known to this host, and its record.
async fn enter(options: &FinishOptions) -> Result<(Owner, Session, State), Error> {
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
    Ok((source, target, state))
}

/// # Errors
/// The split is not so far, or over; the name that was typed is not that of the old database.
fn may_finish(options: &FinishOptions, state: &State) -> Result<(), Error> {
    match (state.phase, &options.drop) {
        (Phase::RolledBack | Phase::Finished, _) => Err(SplitError::Over { phase: state.phase }.into()),
        (phase, _) if phase < Phase::Switched => Err(SplitError::TooEarly { phase }.into()),
        (Phase::Switched, Some(_)) => Err(SplitError::NotQuarantined.into()),
        (_, Some(typed)) if *typed != options.source.database() => {
            Err(SplitError::WrongName { typed: typed.clone() }.into())
        }
        _ => Ok(()),
    }
}

/// # Errors
/// The fence does not stand as the split left it, around old schemas that are still there.
async fn nobody_writes(state: &State, source: &Session, old: Old) -> Result<(), Error> {
    let strength = fence::strength(source).await.map_err(at_source("looking for a fence"))?;
    match strength {
        Some(Strength::Sealed) => {
            // What was made there since is named as such.
            let differs = fence_differs(source, state).await?;
            if differs.is_empty() { Ok(()) } else { Err(SplitError::FenceDiffers { differs }.into()) }
        }
        _ if state.phase == Phase::Quarantined && old == Old::Dropped => Ok(()),
        _ => Err(SplitError::FenceGone.into()),
    }
}

/// # Errors
/// An extension would be put aside that something uses which stays: a search path would find other operators instead, without a word.
async fn nothing_finds_another(options: &FinishOptions, state: &State, source: &Session) -> Result<(), Error> {
    if options.discard == Discard::Accept {
        return Ok(());
    }
    let schemas: Vec<&str> = state.schemas.iter().map(String::as_str).collect();
    let used = quarantine::extensions_used(source, &schemas).await;
    let used = used.map_err(at_source("looking for what uses extensions of the old schemas"))?;
    if used.is_empty() { Ok(()) } else { Err(SplitError::ExtensionsUsed { used }.into()) }
}

/// What there is to be said of the old schemas.
async fn stock(state: &State, ends: &Ends<'_>) -> Result<Finished, Error> {
    let Ends { source, target } = *ends;
    let names = state.names_aside();
    let needed_by = quarantine::needed_by(source, &names).await;
    Ok(Finished {
        ok: true,
        phase: state.phase,
        quarantined: state.quarantined.clone(),
        dropped: false,
        needed_by: needed_by.map_err(at_source("looking for what needs the old schemas"))?,
        snapshot: None,
        taken: None,
        lost: Vec::new(),
        made_since: made_in_the_old_place(source, state, &names).await?,
        changed_since: Vec::new(),
        sessions_old: Vec::new(),
        file_copies: file_copies(state),
        warnings: unwatched(source, target).await?,
    })
}

/// So that a drop can tell whether somebody has read the old tables meanwhile.
async fn remember_reads(state: &mut State, ends: &Ends<'_>) -> Result<(), Error> {
    let reads = quarantine::index_reads(ends.source, &state.names_aside()).await;
    state.index_reads = reads.map_err(at_source("reading statistics"))?;
    state.save(ends.target).await
}

/// The split is over. What stays of its fence is told.
async fn end(state: &mut State, ends: &Ends<'_>) -> Result<Option<String>, Error> {
    fence::take_down(ends.source).await.map_err(at_source("taking the fence down"))?;
    let stays = fence::stay(ends.source).await.map_err(at_source("looking for remains of the fence"))?;
    state.enter(Phase::Finished);
    state.save(ends.target).await?;
    whereabouts::leave(state, ends.source).await?;
    Ok(stays)
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
