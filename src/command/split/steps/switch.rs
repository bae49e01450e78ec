//! The switch: the new database counts from here on. Undone by [`undo`], which a failure calls at once and `split rollback` later. A kill
//! leaves a sealed source, and `pgkeep split` with the same arguments goes on here.

use std::io::Write;

use chrono::{DateTime, Utc};

use crate::command::Error;
use crate::command::split::ends::Ends;
use crate::command::split::error::{Taken, with_keys};
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::loose::NotReplayed;
use crate::command::split::losses::Discard;
use crate::command::split::opening::{Limits, REPLAY_TIMEOUT, check_keys};
use crate::command::split::state::{Phase, State};
use crate::command::split::undo::{Undoing, Undone};
use crate::command::split::{Options, SplitError, switching};
use crate::command::watch::Watch;
use crate::pg::connect::Session;
use crate::pg::fence;
use crate::pg::numbers::{self, Reserve};
use crate::switch::{HookError, Plan};

/// The target is the one that counts from here on. What fails here is taken back: the source takes writes again, unless somebody
/// has written in the target meanwhile.
pub async fn switch(
    options: &Options,
    files: &Plan,
    state: &mut State,
    ends: &Ends<'_>,
    down: DateTime<Utc>,
    watch: &Watch,
    echo: &mut (dyn Write + Send),
) -> Result<(), Error> {
    let Ends { source, target } = *ends;
    if state.phase < Phase::Switched {
        if state.phase < Phase::Sealed {
            // The seal is there: what a kill left between it and its record is done now.
            state.enter(Phase::Sealed);
            // Rows may come from applications now.
            state.making = None;
        }
        sequences_go_on(state, source, target).await?;
        state.save(target).await?;
        state.hook = options.hook.clone();
        watch.set_phase("switching");
        // A rollback that was killed may have left the new place fenced.
        if fence::strength(target).await.map_err(at_target("looking for a fence"))?.is_some() {
            fence::take_down(target).await.map_err(at_target("taking the fence down"))?;
        }
        watch.would_leave(switching::would_leave(state));
        if let Err(error) = switching::there(files, state, target, &watch.progress, echo).await {
            watch.set_phase("undoing the switch");
            watch.would_leave(switching::would_leave_unsure());
            let limits = Limits { fence_wait: options.fence_wait, replay: REPLAY_TIMEOUT };
            let undoing = Undoing { ends: *ends, discard: Discard::Refuse, limits, jobs: options.jobs, watch };
            let undone = undoing.run(state, echo).await;
            let (outcome, taken) = match undone {
                Ok(Undone { keys, hook, old_place, not_replayed, .. }) => {
                    let to_check = state.ties.to_check(&keys);
                    let unchecked = check_keys(source, to_check, limits, watch).await;
                    let keys = (&*state.ties.missing(&keys), &*unchecked, &*not_replayed);
                    (taken_back(keys, hook, &old_place.warnings), Taken::Back)
                }
                Err(error) => not_taken_back(&error, source).await,
            };
            return Err(SplitError::Switch { state: outcome, taken, source: Box::new(error) }.into());
        }
        state.downtime_ms = u64::try_from((Utc::now() - down).num_milliseconds()).unwrap_or_default();
        state.enter(Phase::Switched);
        state.save(target).await?;
        watch.would_leave("The split is switched: the new database takes writes.".into());
        switching::notify(target).await.map_err(at_target("telling PostgREST"))?;
        switching::notify(source).await.map_err(at_source("telling PostgREST"))?;
    }
    Ok(())
}

pub async fn close(source: Session, target: Session) -> Result<(), Error> {
    source.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))
}

/// The new place goes on above every number that the old one has given out.
async fn sequences_go_on(state: &mut State, source: &Session, target: &Session) -> Result<(), Error> {
    let stand = match state.source_sequences.is_empty() {
        true => numbers::values(source, &state.sequences).await,
        false => numbers::values_of_known(source, &state.source_sequences).await,
    };
    let stand = stand.map_err(at_source("reading sequences"))?;
    let set = target.client().batch_execute(&numbers::go_on(&stand, Reserve::Kept)).await;
    set.map_err(|error| at_target("setting sequences")(target.fault("setting sequences", error)))?;
    state.sequences = numbers::values(target, &state.sequences).await.map_err(at_target("reading sequences"))?;
    Ok(())
}

/// What taking the switch back has come to.
fn taken_back(
    (missing, unchecked, not_replayed): (&[String], &[String], &[NotReplayed]),
    hook: Result<(), HookError>,
    told: &[String],
) -> String {
    if missing.is_empty() && unchecked.is_empty() && not_replayed.is_empty() && hook.is_ok() && told.is_empty() {
        return "everything was undone: the source takes writes".into();
    }
    let hook = match hook {
        Ok(()) => String::new(),
        // It says itself when.
        Err(error @ HookError::Failed { .. }) => format!("; {error}"),
        Err(error) => format!("; during the rollback, {error}"),
    };
    let told: String = told.iter().map(|told| format!("; {told}")).collect();
    format!("the source takes writes again{}{hook}{told}", with_keys(missing, unchecked, not_replayed))
}

/// Who is refused is what the source itself says.
async fn not_taken_back(error: &Error, source: &Session) -> (String, Taken) {
    match fence::strength(source).await {
        Ok(None) => {
            (format!("the source takes writes again, but not everything could be undone ({error})"), Taken::InPart)
        }
        _ => (
            format!(
                "it could not be undone ({error}): the source refuses writes until `pgkeep split` or `pgkeep split rollback` succeeds"
            ),
            Taken::Not,
        ),
    }
}
