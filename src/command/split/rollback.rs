//! Back: the old place takes writes again, and what was written in the new one is not lost in silence.

use std::io::Write;
use std::time::Instant;

use serde::Serialize;

use super::abandon::{Abandoned, Abandoning, abandon};
use super::ends::{End, Ends};
use super::holding::{Owner, at_source, at_target, own};
use super::loose::NotReplayed;
use super::losses::Discard;
use super::opening::{Limits, check_keys};
use super::state::{Found, Phase, State};
use super::undo::{Undoing, Undone};
use super::{Moved, SplitError, bridge, halfway, host, lost, whereabouts};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::moment::millis;
use crate::command::watch::Watch;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct RolledBack {
    pub ok: bool,
    pub phase: Phase,
    pub schemas: Vec<String>,
    /// Tables of the new database whose rows are not what was copied; gone with it where it was dropped or emptied.
    pub discarded: Vec<Mismatch>,
    /// What was made or changed in the new database by others, rows apart; gone with it where it was dropped or emptied.
    pub left_behind: Vec<String>,
    /// Tables and schemas of the old place that were dropped or renamed since it was sealed.
    pub lost: Vec<String>,
    /// Foreign keys across the line that were not made again: rows are against them, something has another name, or `keys_left`.
    pub keys_missing: Vec<String>,
    /// Those of them that were not tried, because code of an ordinary role would have run as a superuser: with the statement.
    pub keys_left: Vec<String>,
    /// Foreign keys across the line that came back `NOT VALID`, with what was in the way of checking their rows.
    pub keys_unchecked: Vec<String>,
    /// Loose keys whose log could not be done to the old rows, for code of others: it is kept, and `split reap` does it.
    pub keys_not_replayed: Vec<NotReplayed>,
    /// The new database is gone, for the split had made it and nobody had used it.
    pub dropped: bool,
    /// The new database is as it was found: nobody was sent to it yet.
    pub emptied: bool,
    /// How long neither side took writes.
    pub downtime_ms: u64,
    /// What a record of an earlier program names, and no database is obeyed in: files to put back, a command to run.
    pub by_hand: Vec<String>,
    pub warnings: Vec<String>,
}

pub struct RollbackOptions {
    pub source: Conninfo,
    pub target: Conninfo,
    pub discard: Discard,
    pub limits: Limits,
    pub jobs: usize,
    /// Where the host remembers the split.
    pub state: host::Folder,
    pub moved: Moved,
}

pub async fn rollback(
    options: &RollbackOptions,
    watch: &Watch,
    echo: &mut (dyn Write + Send),
) -> Result<RolledBack, Error> {
    watch.set_phase("connecting");
    let (source, target, state) = enter(options).await?;
    match way_back(&state, &source).await? {
        WayBack::GiveUp => give_up(options, state, source, target, watch).await,
        WayBack::Undo => go_back(options, state, source, target, watch, echo).await,
    }
}

/// Both ends of a split that is known to this host, and its record.
async fn enter(options: &RollbackOptions) -> Result<(Owner, Session, State), Error> {
    let (source_info, target_info) = (&options.source, &options.target);
    let source = match own(source_info, at_source).await {
        Ok(source) => source,
        Err(error) => return Err(lost::source(error, source_info, target_info, &options.state).await),
    };
    let target = match halfway::enter(target_info, &source, &options.state).await?.map_err(at_target("connecting")) {
        Ok(target) => target,
        Err(error) => return Err(lost::target(error, target_info, Some(source_info), &options.state).await),
    };
    let mut state = State::required(&target, &options.state).await?;
    whereabouts::check(&mut state, &source, &target, options.moved).await?;
    Ok((source, target, state))
}

enum WayBack {
    /// Nobody was sent to the new database yet, and the source takes writes if it ever stopped.
    GiveUp,
    Undo,
}

/// # Errors
/// It was gone already, or somebody else's fence stands there.
async fn way_back(state: &State, source: &Session) -> Result<WayBack, Error> {
    if state.phase >= Phase::RolledBack {
        if state.phase == Phase::RolledBack {
            // A kill came between the record and this.
            whereabouts::leave(state, source).await?;
        }
        return Err(SplitError::Over { phase: state.phase }.into());
    }
    let strength = fence::strength(source).await.map_err(at_source("looking for a fence"))?;
    if state.phase < Phase::Proven && strength == Some(Strength::Sealed) {
        return Err(SplitError::SealedByAnother { database: source.conninfo().database().to_owned() }.into());
    }
    // A sealed split whose fence somebody took down is no early one: rows may have been written in the new place.
    let is_early = state.phase < Phase::Sealed && strength != Some(Strength::Sealed);
    Ok(if is_early { WayBack::GiveUp } else { WayBack::Undo })
}

async fn give_up(
    options: &RollbackOptions,
    state: State,
    source: Owner,
    target: Session,
    watch: &Watch,
) -> Result<RolledBack, Error> {
    watch.set_phase("taking the fence down");
    fence::take_down(&source).await.map_err(at_source("taking the fence down"))?;
    let mut warnings = still_there(&source).await?;
    let abandoning = Abandoning { discard: options.discard, jobs: options.jobs, watch };
    let Abandoned { found, made, written, left } = abandon(&state, target, &options.target, &abandoning).await?;
    warnings.extend(left);
    whereabouts::leave(&state, &source).await?;
    whereabouts::forget(&state);
    Ok(RolledBack {
        discarded: written,
        left_behind: made,
        dropped: found == Found::Missing,
        emptied: found == Found::Empty,
        warnings,
        ..RolledBack::of(&state)
    })
}

async fn go_back(
    options: &RollbackOptions,
    mut state: State,
    source: Owner,
    target: Session,
    watch: &Watch,
    echo: &mut (dyn Write + Send),
) -> Result<RolledBack, Error> {
    let since = Instant::now();
    watch
        .progress
        .would_leave("`pgkeep split rollback` continues; `pgkeep split status` says which side takes writes.".into());
    let RollbackOptions { limits, jobs, discard, .. } = *options;
    let ends = Ends { source: &source, target: &target };
    let undone = match (Undoing { ends, discard, limits, jobs, watch }).run(&mut state, echo).await {
        Ok(undone) => undone,
        Err(error) => return Err(whereabouts::and_who_takes_writes(error, &ends).await),
    };
    let downtime_ms = millis(since);
    let Undone { written, left_behind, old_place, keys, not_replayed, hook } = undone;
    let keys_missing = state.ties.missing(&keys);
    let keys_left = state.ties.left(&source, &keys_missing).await.map_err(at_source("looking for the foreign keys"))?;
    let keys_unchecked = check_keys(&source, state.ties.to_check(&keys), limits, watch).await;
    let mut warnings = old_place.warnings;
    warnings.extend(still_there(&source).await?);
    warnings.extend(bridge::left(&state, &source).await?);
    let renamed = state
        .renamed(End::Source, &source)
        .filter(|_| state.files.as_ref().is_some_and(|files| !files.files.is_empty()));
    warnings.extend(renamed.map(|renamed| format!("the files were restored, but {renamed}")));
    source.let_go().await.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    if let Err(source) = hook {
        let (not_replayed, source) = (not_replayed.into_boxed_slice(), Box::new(source));
        return Err(SplitError::HookOnTheWayBack { keys_missing, keys_unchecked, not_replayed, source }.into());
    }
    Ok(RolledBack {
        ok: keys_missing.is_empty() && not_replayed.is_empty(),
        discarded: written,
        left_behind,
        lost: old_place.lost,
        keys_missing,
        keys_left,
        keys_unchecked,
        keys_not_replayed: not_replayed,
        downtime_ms,
        warnings,
        ..RolledBack::of(&state)
    })
}

impl RolledBack {
    /// Of a split that has come back without anything to be said.
    fn of(state: &State) -> Self {
        Self {
            ok: true,
            phase: Phase::RolledBack,
            schemas: state.schemas.clone(),
            discarded: Vec::new(),
            left_behind: Vec::new(),
            lost: Vec::new(),
            keys_missing: Vec::new(),
            keys_left: Vec::new(),
            keys_unchecked: Vec::new(),
            keys_not_replayed: Vec::new(),
            dropped: false,
            emptied: false,
            downtime_ms: 0,
            by_hand: state.by_hand(),
            warnings: Vec::new(),
        }
    }
}

/// What the fence has left in the old place.
async fn still_there(source: &Session) -> Result<Vec<String>, Error> {
    let stay = fence::stay(source).await.map_err(at_source("looking for remains of the fence"))?;
    Ok(stay.into_iter().collect())
}
