//! `pgkeep split`: the steps one after the other, from where an earlier run has left them.

use std::io::Write;
use std::time::Instant;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::abandon::{Abandoning, abandon};
use super::copied::{Copied, report, with_files};
use super::ends::{End, Ends};
use super::holding::{Owner, at_source, at_target, own, own_target};
use super::losses::Discard;
use super::promise::broken_in_words;
use super::state::{Phase, State};
use super::steps::copy::{Before, Fenced};
use super::steps::fence as fence_step;
use super::steps::prepare::{Prepared, TAKES_WRITES, furnish, prepare, resolve};
use super::steps::switch::{close, switch};
use super::steps::target::{Beginning, Previous, ground, previous};
use super::{
    Options, Outcome, Phases, Report, SplitError, aftermath, bridge, plan, switching, trial, whereabouts, wishes,
};
use crate::command::Error;
use crate::command::error::LeftBehind;
use crate::command::moment::millis;
use crate::command::watch::Watch;
use crate::pg::connect::{Session, connect};
use crate::pg::fence::{self, Strength};
use crate::pg::split_state;
use crate::schema::archive::Archive;
use crate::switch::Plan;

pub async fn run(options: &Options, watch: &Watch, echo: &mut (dyn Write + Send)) -> Result<Outcome, Error> {
    let started = Instant::now();
    watch.set_phase("connecting");
    options.state.make().map_err(SplitError::from)?;
    let source = own(&options.plan.source, at_source).await?;
    let identity = split_state::identity(&source).await.map_err(at_source("identifying the database"))?;
    let schemas = resolve(&source, &options.plan.schemas).await?;

    let (before, target_identity) = previous(options, &source, &identity, &schemas).await?;
    let options = &wishes::completed(options, before.state())?;
    if let Previous::Split(state) = &before
        && state.phase < Phase::Switched
    {
        // An attempt that was killed half-way through the files.
        switching::back(state)?;
    }
    let files = switching::plan(options, &identity, target_identity.as_deref())?;
    before.state().map_or(Ok(()), |state| wishes::in_time(options, &files, state))?;
    let run = Run { options, files: &files, watch, started };
    match way(before, &source).await? {
        Way::On(state) => run.go_on(*state, source, echo).await,
        Way::Anew(previous) => run.anew(previous, source, (identity, &schemas), echo).await,
    }
}

/// Where a run begins.
enum Way {
    /// Everything is sealed: the switch is what is left.
    On(Box<State>),
    /// The source takes writes, or has since an earlier attempt.
    Anew(Previous),
}

/// # Errors
/// The split is over; the source is sealed by another one, or is not, where the record says that it is.
async fn way(before: Previous, source: &Session) -> Result<Way, Error> {
    let sealed = fence::strength(source).await.map_err(at_source("looking for a fence"))? == Some(Strength::Sealed);
    match before {
        Previous::Split(state) if state.phase >= Phase::RolledBack => {
            Err(SplitError::Over { phase: state.phase }.into())
        }
        Previous::Split(state) if matches!(state.phase, Phase::Sealed | Phase::Switched) && !sealed => {
            Err(SplitError::FenceGone.into())
        }
        Previous::Split(state) if state.phase >= Phase::Sealed || (state.phase == Phase::Proven && sealed) => {
            Ok(Way::On(state))
        }
        _ if sealed => Err(SplitError::SealedByAnother { database: source.conninfo().database().to_owned() }.into()),
        previous => Ok(Way::Anew(previous)),
    }
}

/// What every step has at hand.
#[derive(Clone, Copy)]
struct Run<'a> {
    options: &'a Options,
    files: &'a Plan,
    watch: &'a Watch,
    started: Instant,
}

impl Run<'_> {
    /// The last step, of a split that an earlier run has sealed; nothing but its report where that one ended well.
    async fn go_on(self, mut state: State, source: Owner, echo: &mut (dyn Write + Send)) -> Result<Outcome, Error> {
        let Run { options, files, watch, started } = self;
        let target = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
        let differs = broken_in_words(&state, &source, End::Source).await.map_err(at_source("looking at the fence"))?;
        if !differs.is_empty() {
            return Err(SplitError::FenceDiffers { differs }.into());
        }
        if state.phase == Phase::Switched {
            whereabouts::new_place_takes_writes(&state, &target).await?;
        }
        let told = state.told.iter().flat_map(|told| told.warnings.clone());
        let warnings = told.chain(state.by_hand()).collect();
        if state.phase < Phase::Switched {
            watch.would_leave(switching::would_leave_unsure());
        }
        let refused_from = refused_since(&state);
        let ends = Ends { source: &source, target: &target };
        switch(options, files, &mut state, &ends, refused_from, watch, echo).await?;
        close(source.let_go().await, target).await?;
        let report = with_files(report(options, &state, warnings, Phases::default(), started), files);
        Ok(ended(aftermath::look_around(report, &state, options).await))
    }

    /// All of the steps. `known` are the source's identity and the names of what moves.
    async fn anew(
        self,
        previous: Previous,
        source: Owner,
        known: (String, &[String]),
        echo: &mut (dyn Write + Send),
    ) -> Result<Outcome, Error> {
        let Run { options, files, watch, started } = self;
        watch.would_leave(match &previous {
            Previous::Split(_) => TAKES_WRITES.into(),
            Previous::Nothing | Previous::Empty => NOTHING_CHANGED.into(),
        });
        let ground = ground(options, &source, previous, watch).await?;
        let mut planned = plan::make(&options.plan, plan::Timing::LeftOut, watch).await?;
        planned.plan.add(plan::hook(options));
        if !planned.plan.is_clear() {
            return Ok(Outcome::Blocked(Box::new(plan::Report::of(planned))));
        }
        let prepared = prepare(options, ground, &planned, &source, known, watch).await?;
        let Prepared { mut state, mut drawn, mut not_carried, roles_made, beginning } = prepared;
        let target = own_target(&options.plan.target).await?;
        state.save(&target).await?;
        beginning.into_iter().for_each(Beginning::end);
        not_carried.extend(furnish(&mut state, &drawn, &source, &target).await?);
        let (target, Tried { respelled, passwords }) = self.try_out(&state, &planned, &source, target).await?;
        let mut phases = Phases { prepare_ms: millis(started), ..Phases::default() };

        let since = Instant::now();
        not_carried.extend(fence_step::define(options, &mut drawn, watch).await?);
        aftermath::note_definitions(&mut state, &target).await?;
        phases.definitions_ms = millis(since);
        let since = Instant::now();
        let fenced = fence_step::put(options, &state, &source, watch).await?;
        let (down, refused_from) = (Instant::now(), Utc::now());
        let before = Before { planned: &planned, not_carried: &not_carried, roles_made: &roles_made };
        let copying = Fenced { options, fenced: &fenced, respelled: &respelled, passwords: &passwords, before, watch };
        let copied = match copying.move_over(drawn, &mut state, &source, &target, since, &mut phases).await {
            Ok(copied) if copied.is_proven() => copied,
            failed => {
                let copied = self.take_back(failed, &state, &source, target).await?;
                let report = copied.report(options, &state, phases, started);
                return Ok(ended(Report { downtime_ms: millis(down), roles_made, ..report }));
            }
        };

        let since = Instant::now();
        let ends = Ends { source: &source, target: &target };
        switch(options, files, &mut state, &ends, refused_from, watch, echo).await?;
        close(source.let_go().await, target).await?;
        phases.switch_ms += millis(since);
        let report = Report { roles_made, ..with_files(copied.report(options, &state, phases, started), files) };
        Ok(ended(aftermath::look_around(report, &state, options).await))
    }

    fn abandoning(&self) -> Abandoning<'_> {
        Abandoning { discard: Discard::Refuse, jobs: self.options.jobs, watch: self.watch }
    }

    /// What can be found out before anybody is refused a write. Where it fails, the target is as it was found.
    async fn try_out(
        self,
        state: &State,
        planned: &plan::Planned,
        source: &Session,
        target: Session,
    ) -> Result<(Session, Tried), Error> {
        let Run { options, watch, .. } = self;
        let respelled = match trial::respell(&options.plan, planned, watch).await {
            Ok(respelled) => respelled,
            Err(error) => {
                // Nobody waits yet. What is left where this fails is found by the next run.
                drop(abandon(state, target, &options.plan.target, &self.abandoning()).await);
                return Err(error);
            }
        };
        if state.ties.bridge.is_some() {
            watch.set_phase("trying the bridge");
        }
        match bridge::try_out(state, source.conninfo(), &target).await {
            Ok(passwords) => Ok((target, Tried { respelled, passwords })),
            Err(error) => {
                // Nothing was copied, and another way may be taken: what is left where this fails is found by the next run.
                drop(abandon(state, target, &options.plan.target, &self.abandoning()).await);
                whereabouts::forget(state);
                Err(error)
            }
        }
    }

    /// A copy that failed, or is not the original: the source takes writes again.
    ///
    /// # Errors
    /// Why the copy failed, which comes first; why the fence stays.
    async fn take_back(
        self,
        failed: Result<Copied, Error>,
        state: &State,
        source: &Session,
        target: Session,
    ) -> Result<Copied, Error> {
        let down = fence_step::down(state, source, self.watch).await;
        let copied = match failed {
            Err(error) if bridge::is_refused(&error) && state.phase < Phase::Copying => {
                drop(abandon(state, target, &self.options.plan.target, &self.abandoning()).await);
                whereabouts::forget(state);
                return Err(error);
            }
            // Where the fence stays, `status` says who takes writes.
            Err(error) if down.is_ok() => return Err(taken_back(error, self.options)),
            failed => failed?,
        };
        down?;
        Ok(copied.also(fence::stay(source).await.map_err(at_source("looking for remains of the fence"))?))
    }
}

/// A fault of the databases, with who takes writes now and how to go on. Errors of the split itself say so themselves.
fn taken_back(error: Error, options: &Options) -> Error {
    match error {
        Error::Target { .. } | Error::Source { .. } | Error::Entries { .. } => {
            let left = format!(
                "The source takes writes again, and the database {} keeps what was copied. Fix the problem, then run `pgkeep split` again with the same arguments: it copies anew. `pgkeep split rollback` removes what was created.",
                options.plan.target.database()
            );
            Error::LeftBehind(Box::new(LeftBehind { first: error, left }))
        }
        error => error,
    }
}

/// Until something is made in the target.
const NOTHING_CHANGED: &str =
    "Nothing was changed, and the source takes writes, as before. `pgkeep split` with the same arguments starts again.";

/// What was found out beforehand.
struct Tried {
    /// The source's definitions as the target's server spells them.
    respelled: Archive,
    /// Of the roles that a bridge is crossed as.
    passwords: Vec<SecretString>,
}

/// Since when the source has refused writes, as its record says: the copy that was proven began then.
fn refused_since(state: &State) -> DateTime<Utc> {
    let copying = state.history.iter().rfind(|(phase, _)| *phase == Phase::Copying);
    copying.map_or_else(Utc::now, |(_, time)| *time)
}

fn ended(report: Report) -> Outcome {
    Outcome::Ended(Box::new(report))
}
