//! Back: the old place takes writes again, and what was written in the new one is not lost in silence.

use std::io::Write;
use std::time::Instant;

use serde::Serialize;

use super::ends::{End, Ends};
use super::error::{Opening, Origin};
use super::holding::{Trying, at_source, at_target, busy, own, put_up};
use super::loose::NotReplayed;
use super::losses::{self, Discard, OldPlace};
use super::opening::{Limits, Way, check_keys};
use super::state::{Found, Phase, State};
use super::{Moved, SplitError, aftermath, bridge, halfway, host, lookout, loose, lost, switching, whereabouts};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::moment::millis;
use crate::command::restore::target as destination;
use crate::command::watch::Watch;
use crate::pg::as_found;
use crate::pg::catalog;
use crate::pg::closing;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::split_state;
use crate::split::facts::ForeignKey;
use crate::switch::{self, HookError};

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
    let (source_info, target_info) = (&options.source, &options.target);
    watch.set_phase("connecting");
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
    let by_hand = state.by_hand();
    if state.phase >= Phase::RolledBack {
        if state.phase == Phase::RolledBack {
            // A kill came between the record and this.
            whereabouts::leave(&state, &source).await?;
        }
        return Err(SplitError::Over { phase: state.phase }.into());
    }
    let strength = fence::strength(&source).await.map_err(at_source("looking for a fence"))?;
    if state.phase < Phase::Proven && strength == Some(Strength::Sealed) {
        return Err(SplitError::SealedByAnother { database: source_info.database().to_owned() }.into());
    }
    let since = Instant::now();
    // A sealed split whose fence somebody took down is no early one: rows may have been written in the new place.
    if state.phase < Phase::Sealed && strength != Some(Strength::Sealed) {
        // Nobody was sent to the new database yet, and the source takes writes if it ever stopped.
        watch.set_phase("taking the fence down");
        fence::take_down(&source).await.map_err(at_source("taking the fence down"))?;
        let schemas = state.schemas.clone();
        let warnings = still_there(&source).await?;
        let abandoning = Abandoning { discard: options.discard, jobs: options.jobs, watch };
        let Abandoned { found, made, written, left } = abandon(&state, target, target_info, &abandoning).await?;
        let warnings = warnings.into_iter().chain(left).collect();
        let gone = if found == Found::Missing { Gone::Dropped } else { Gone::Emptied };
        whereabouts::leave(&state, &source).await?;
        whereabouts::forget(&state);
        return Ok(RolledBack {
            ok: true,
            phase: Phase::RolledBack,
            schemas,
            discarded: written,
            left_behind: made,
            lost: Vec::new(),
            keys_missing: Vec::new(),
            keys_left: Vec::new(),
            keys_unchecked: Vec::new(),
            keys_not_replayed: Vec::new(),
            dropped: gone == Gone::Dropped,
            emptied: gone == Gone::Emptied,
            downtime_ms: 0,
            by_hand,
            warnings,
        });
    }

    watch
        .progress
        .would_leave("`pgkeep split rollback` continues; `pgkeep split status` says which side takes writes.".into());
    let ends = Ends { source: &source, target: &target };
    let limits = options.limits;
    let undone = undo(&ends, &mut state, options.discard, limits, options.jobs, watch, echo).await;
    let undone = match undone {
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
    let schemas = state.schemas.clone();
    source.let_go().await.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    if let Err(source) = hook {
        let not_replayed = not_replayed.into_boxed_slice();
        return Err(SplitError::HookOnTheWayBack {
            keys_missing,
            keys_unchecked,
            not_replayed,
            source: Box::new(source),
        }
        .into());
    }
    Ok(RolledBack {
        ok: keys_missing.is_empty() && not_replayed.is_empty(),
        phase: Phase::RolledBack,
        schemas,
        discarded: written,
        left_behind,
        lost: old_place.lost,
        keys_missing,
        keys_left,
        keys_unchecked,
        keys_not_replayed: not_replayed,
        dropped: false,
        emptied: false,
        downtime_ms,
        by_hand,
        warnings,
    })
}

/// What the fence has left in the old place.
async fn still_there(source: &Session) -> Result<Vec<String>, Error> {
    let stay = fence::stay(source).await.map_err(at_source("looking for remains of the fence"))?;
    Ok(stay.into_iter().collect())
}

/// What became of a target that nobody was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Dropped,
    Emptied,
}

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

/// The target as it was found, by a split that nobody was sent to yet.
///
/// # Errors
/// Somebody else has made or written something there meanwhile, and nobody said that it is known. Nothing was dropped.
pub async fn abandon(
    state: &State,
    target: Session,
    info: &Conninfo,
    abandoning: &Abandoning<'_>,
) -> Result<Abandoned, Error> {
    let Abandoning { discard, jobs, watch } = abandoning;
    watch.set_phase("looking for objects of others in the new database");
    let (made, written) = aftermath::of_others(state, &target, info, *jobs, watch).await?;
    if *discard == Discard::Refuse && !(made.is_empty() && written.is_empty()) {
        let database = info.database().to_owned();
        let is_known = state.phase >= Phase::Proven || state.making.is_some();
        let origin = if is_known { Origin::Known } else { Origin::Unknown };
        return Err(SplitError::OfOthers { database, made, tables: written, origin }.into());
    }
    watch.set_phase("removing what the split created");
    let mut left = Vec::new();
    if state.found == Found::Missing {
        target.close().await.map_err(at_target("closing the session"))?;
        destination::drop_database(info).await?;
        let server = destination::connect_for_maintenance(info).await?;
        bridge::dismiss(state, &server, info).await?;
        server.close().await.map_err(at_target("closing the session"))?;
    } else {
        let emptying = at_target("emptying the database");
        match (&state.as_found, &state.making) {
            (Some(as_found), Some(making)) => {
                left = as_found::put_back(&target, as_found, &making.objects).await.map_err(emptying)?;
            }
            _ => split_state::empty_again(&target).await.map_err(emptying)?,
        }
        split_state::forget(&target).await.map_err(at_target("forgetting the split"))?;
        bridge::dismiss(state, &target, info).await?;
    }
    Ok(Abandoned { found: state.found, made, written, left })
}

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

/// Back from a sealed source: the new place is sealed, files and applications go back, the old place takes writes. Tables of the new
/// place with other rows than were copied are returned, or end it before anything has changed.
pub async fn undo(
    ends: &Ends<'_>,
    state: &mut State,
    discard: Discard,
    limits: Limits,
    jobs: usize,
    watch: &Watch,
    echo: &mut (dyn Write + Send),
) -> Result<Undone, Error> {
    let Ends { source, target } = *ends;
    let trying = |phase| Trying { wait: limits.fence_wait, watch, phase };
    let found = losses::refuse(state, ends, discard).await?;
    bridge::rehearse_return(state, source, &trying("testing the rollback")).await?;
    watch.set_phase("fencing the new database");
    if !fence::own(target).await.map_err(at_target("taking the lock of a split"))? {
        return Err(busy(target, at_target).await?);
    }
    let back = state.source_database.clone();
    // Where the old place takes writes already, the new one stays sealed, whatever comes.
    if found == losses::Found::Sealed {
        let fenced = fence::tables(target, &state.schemas).await.map_err(at_target("the list of tables to fence"))?;
        put_up(target, &fenced, &back, &trying("fencing the new database"), at_target).await?;
    }
    let phase = "looking for rows written since the switch";
    let written = lookout::over(target.conninfo(), limits.fence_wait, phase, watch, |watch| {
        super::proof::written_since(target.conninfo(), state, &state.tables, jobs, watch)
    });
    let written = match written {
        Ok(written) => written,
        Err(error) => return Err(let_go(target, found, error).await?),
    };
    if !written.is_empty() && discard == Discard::Refuse {
        return Err(let_go(target, found, SplitError::RowsWritten { tables: written }.into()).await?);
    }
    let made = aftermath::made_in_the_new_place(target, state).await?;
    if !made.is_empty() && discard == Discard::Refuse {
        return Err(let_go(target, found, SplitError::MadeSince { made }.into()).await?);
    }
    let rehearsed = match found {
        losses::Found::Sealed => Way { state, ends, limits, watch }.rehearse().await,
        losses::Found::OpenAgain => Ok(loose::Left::new()),
    };
    let mut left = match rehearsed {
        Ok(left) => left,
        Err(error) => return Err(let_go(target, found, error).await?),
    };
    // Once more: definitions are not kept as they are.
    let old_place = match losses::look(state, ends, found, discard).await {
        Ok(old_place) => old_place,
        Err(error) => return Err(let_go(target, found, error).await?),
    };
    // Files first: if one of them cannot be put back, nothing else has changed.
    if let Err(error) = switching::back(state) {
        return Err(let_go(target, found, error).await?);
    }
    fence::seal_at_once(target, &back).await.map_err(at_target("sealing the fence"))?;
    let opening = if found == losses::Found::Sealed { Opening::Do } else { Opening::Again };
    Way { state, ends, limits, watch }.open(opening, &mut left).await?;
    // Once more: rows are kept out of the new place since the first look, and definitions are not.
    let left_behind = aftermath::made_in_the_new_place(target, state).await?;
    // A table that was made there now would have no fence around it.
    let may =
        closing::may_create(target, &state.schemas).await.map_err(at_target("reading who may create objects there"))?;
    let closed = target.client().batch_execute(&closing::close(&may)).await;
    closed.map_err(|error| at_target("closing the new schemas")(target.fault("closing the new schemas", error)))?;
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

/// The error, after the new place takes writes again, where it did.
async fn let_go(target: &Session, found: losses::Found, error: Error) -> Result<Error, Error> {
    if found == losses::Found::Sealed {
        fence::take_down(target).await.map_err(at_target("taking the fence down"))?;
    }
    Ok(error)
}
