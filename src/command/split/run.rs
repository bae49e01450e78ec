//! The path: prepare, fence, copy, prove, seal, switch. A kill anywhere leaves a source that works, or a split to go on with.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use super::capture::{self, capture};
use super::error::with_keys;
use super::holding::{at_source, at_target, own, put_up};
use super::preparing::{Previous, ground, prepare, previous, resolve};
use super::rollback::{Discard, Ends, Undone, abandon, check_keys, undo};
use super::state::{Phase, State};
use super::{Options, Outcome, Phases, Report, SplitError, bridge, loose, plan, proof, switching, trial};
use crate::command::mismatch::Mismatch;
use crate::command::progress::Progress;
use crate::command::restore::feed::Rows;
use crate::command::restore::{Proof, target as destination, work};
use crate::command::{Error, backup};
use crate::pg::connect::{Session, connect};
use crate::pg::fence::{self, Strength};
use crate::pg::split_state;
use crate::repo::manifest::{LeftOut, Relation};
use crate::schema::archive::Archive;
use crate::schema::compare::EntryMismatch;
use crate::split::{FindingKind, Severity};
use crate::stop::Stop;
use crate::switch::{HookError, Plan};

pub async fn run(
    options: &Options,
    progress: &Arc<Progress>,
    stop: &Stop,
    echo: &mut (dyn Write + Send),
) -> Result<Outcome, Error> {
    let started = Instant::now();
    let mut phases = Phases::default();
    progress.set_phase("connecting");
    let source = own(&options.plan.source, at_source).await?;
    let identity = split_state::identity(&source).await.map_err(at_source("asking which database this is"))?;
    let schemas = resolve(&source, &options.plan.schemas).await?;

    let (before, target_identity) = previous(options, &identity, &schemas).await?;
    if let Previous::Split(state) = &before
        && state.phase < Phase::Switched
    {
        // An attempt that was killed half-way through the files.
        switching::back(state)?;
    }
    let files = switching::plan(options, &identity, target_identity.as_deref())?;
    let sealed = fence::strength(&source).await.map_err(at_source("looking for a fence"))? == Some(Strength::Sealed);
    let (mut state, planned) = match before {
        Previous::Split(state) if state.phase >= Phase::RolledBack => {
            return Err(SplitError::Over { phase: state.phase }.into());
        }
        Previous::Split(state) if state.phase == Phase::Sealed && !sealed => return Err(SplitError::FenceGone.into()),
        Previous::Split(mut state) if state.phase >= Phase::Sealed || (state.phase == Phase::Proven && sealed) => {
            let target = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
            switch(options, &files, &mut state, source, target, started, progress, stop, echo).await?;
            return Ok(ended(with_files(report(options, &state, Vec::new(), phases, started), &files)));
        }
        previous => {
            let ground = ground(options, previous).await?;
            let planned = plan::make(&options.plan, plan::Timing::LeftOut, progress, stop).await?;
            if !planned.plan.is_clear() {
                return Ok(Outcome::Blocked(Box::new(plan::Report::of(planned))));
            }
            let state = prepare(options, ground, &planned, &source, identity, &schemas, progress, stop).await?;
            (state, planned)
        }
    };
    let target = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
    state.save(&target).await?;
    let respelled = match trial::respell(&options.plan, &planned, progress, stop).await {
        Ok(respelled) => respelled,
        Err(error) => {
            // Nobody waits yet. What is left where this fails is found by the next run.
            drop(abandon(&state, target, &options.plan.target).await);
            return Err(error);
        }
    };
    progress.set_phase("trying the bridge");
    let password = match bridge::try_out(&state, source.conninfo(), &target).await {
        Ok(password) => password,
        Err(error) => {
            // Nothing was copied, and another way may be taken: what is left where this fails is found by the next run.
            drop(abandon(&state, target, &options.plan.target).await);
            return Err(error);
        }
    };
    phases.prepare_ms = millis(started);

    progress.set_phase("putting the fence up");
    let since = Instant::now();
    let fenced = fence::tables(&source, &schemas).await.map_err(at_source("the list of tables to fence"))?;
    put_up(&source, &fenced, options.plan.target.database(), options.fence_wait, progress, stop, at_source).await?;
    if let Err(error) = bridge::rehearse(options, &state, &source, progress, stop).await {
        // As above.
        drop(abandon(&state, target, &options.plan.target).await);
        return Err(error);
    }
    let held = fence::hold_definitions(&source, &fenced, options.plan.lock_timeout_ms).await;
    held.map_err(at_source("keeping the tables' definitions as they are"))?;
    phases.fence_ms = millis(since);
    let down = Instant::now();
    state.enter(Phase::Copying);
    let copied =
        copy(options, &mut state, &planned.archive, &respelled, &source, &target, &fenced, &mut phases, progress, stop)
            .await;
    let copied = copied.map(|copied| copied.also_warning(&planned));
    let copied = match copied {
        Ok(copied) if copied.is_proven() => copied,
        failed => {
            // The source takes writes again at once; were this to fail as well, it would with the end of the session.
            progress.set_phase("taking the fence down");
            let down_again = fence::take_down(&source, "").await.map_err(at_source("taking the fence down"));
            // Why the copy failed comes first.
            let copied = failed?;
            down_again?;
            return Ok(ended(Report { downtime_ms: millis(down), ..copied.report(options, &state, phases, started) }));
        }
    };

    progress.set_phase("sealing the source");
    let since = Instant::now();
    state.tables = copied.tables.clone();
    state.enter(Phase::Proven);
    state.save(&target).await?;
    loose::make_ready(&state, &source, &target).await?;
    let at_seal = state.ties.at_seal() + &loose::at_seal(&state, &target).await?;
    match &password {
        Some(password) => bridge::seal(options, &state, &source, password, &at_seal, progress, stop).await?,
        None => fence::seal(&source, options.plan.target.database(), options.plan.lock_timeout_ms, &at_seal)
            .await
            .map_err(at_source("sealing the fence"))?,
    }
    state.enter(Phase::Sealed);
    state.save(&target).await?;
    switch(options, &files, &mut state, source, target, down, progress, stop, echo).await?;
    phases.switch_ms = millis(since);
    Ok(ended(with_files(copied.report(options, &state, phases, started), &files)))
}

fn ended(report: Report) -> Outcome {
    Outcome::Ended(Box::new(report))
}

/// What a copy came to.
struct Copied {
    tables: Vec<Relation>,
    mismatches: Vec<Mismatch>,
    definitions: Vec<EntryMismatch>,
    invalid: Vec<String>,
    left_out: Vec<LeftOut>,
    warnings: Vec<String>,
    rows_compared: Proof,
}

#[allow(clippy::too_many_arguments, reason = "one path, cut where the fence must come down if it fails")]
async fn copy(
    options: &Options,
    state: &mut State,
    planned: &Archive,
    respelled: &Archive,
    source: &Session,
    target: &Session,
    fenced: &[(String, String)],
    phases: &mut Phases,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Copied, Error> {
    state.save(target).await?;
    let schemas = state.schemas.clone();
    progress.set_phase("reading the schema");
    let capture = capture(options, &schemas, state.digest_key, stop).await?;
    let entries = proof::changed_since(planned, &capture.archive, &schemas);
    if !entries.is_empty() {
        return Err(SplitError::Stale { entries }.into());
    }
    let restoring = capture::restore_options(options, &schemas);
    progress.set_phase("restoring definitions");
    let since = Instant::now();
    let session = connect(&options.plan.target, "pgkeep split definitions").await.map_err(at_target("connecting"))?;
    destination::run_pre_data(&session, &capture.job, &restoring).await?;
    session.close().await.map_err(at_target("the end of the session"))?;
    phases.definitions_ms = millis(since);

    progress.set_phase("copying rows");
    let done = work::run(&Rows::Live(&capture.source), &restoring, &capture.job, progress, stop)?;
    (phases.data_ms, phases.post_data_ms, phases.proof_ms) = (done.data_ms, done.post_data_ms, done.proof_ms);
    if !done.failures.is_empty() {
        let first = crate::command::error::FirstFailure(done.failures.iter().take(5).cloned().collect());
        return Err(Error::Entries { failures: done.failures, skipped: done.skipped, first });
    }

    progress.set_phase("proving definitions and sequences");
    let since = Instant::now();
    let definitions = proof::definitions(options, &capture, respelled, fenced, &schemas, source, target, stop).await?;
    let invalid = proof::invalid(source, target, &schemas).await?;
    let mut mismatches = done.mismatches;
    let now = backup::sequences_now(&capture.snapshot.session, &capture.job.sequences).await?;
    mismatches.extend(proof::sequences(&now, target).await?);
    capture.snapshot.session.close().await.map_err(at_source("the end of the session"))?;
    phases.proof_ms += millis(since);
    bridge::grant(state, target).await?;
    let read = capture.job.relations.into_iter().zip(done.digests);
    let tables = read.map(|(relation, digest)| Relation { digest, ..relation });
    Ok(Copied {
        tables: tables.collect(),
        mismatches,
        definitions,
        invalid,
        left_out: capture.job.left_out,
        warnings: done.warnings,
        rows_compared: options.proof,
    })
}

impl Copied {
    /// Nothing differs. Without the comparison of rows, which the operator may leave out, that is no proof but is gone on with.
    fn is_proven(&self) -> bool {
        self.mismatches.is_empty() && self.definitions.is_empty() && self.invalid.is_empty()
    }

    /// Of the plan's warnings those that bear on what was read.
    fn also_warning(mut self, planned: &plan::Planned) -> Copied {
        let older = planned.plan.of(Severity::Warning).filter(|finding| finding.kind == FindingKind::PgDump);
        self.warnings.extend(older.map(|finding| format!("{}: {}; {}", finding.name, finding.reason, finding.action)));
        self
    }

    fn report(self, options: &Options, state: &State, phases: Phases, started: Instant) -> Report {
        let proven = self.is_proven();
        let mut warnings = self.warnings;
        warnings.extend(self.invalid.iter().map(|object| format!("{object} is not valid in the target")));
        Report {
            ok: proven,
            proven: proven && self.rows_compared == Proof::Make,
            tables: self.tables.len() as u64,
            rows: self.tables.iter().map(|table| table.digest.rows).sum(),
            bytes: self.tables.iter().map(|table| table.digest.bytes).sum(),
            mismatches: self.mismatches,
            definitions: self.definitions,
            left_out: self.left_out,
            ..report(options, state, warnings, phases, started)
        }
    }
}

/// The target is the one that counts from here on. What fails here is taken back: the source takes writes again, unless somebody
/// has written in the target meanwhile.
#[allow(clippy::too_many_arguments, reason = "both ends, what is to be done, and where to tell")]
async fn switch(
    options: &Options,
    files: &Plan,
    state: &mut State,
    source: Session,
    target: Session,
    down: Instant,
    progress: &Arc<Progress>,
    stop: &Stop,
    echo: &mut (dyn Write + Send),
) -> Result<(), Error> {
    if state.phase < Phase::Switched {
        if state.phase < Phase::Sealed {
            // A kill came between the seal and its record.
            state.enter(Phase::Sealed);
        }
        state.hook = options.hook.clone();
        progress.set_phase("switching");
        // A rollback that was killed may have left the new place fenced.
        if fence::strength(&target).await.map_err(at_target("looking for a fence"))?.is_some() {
            fence::take_down(&target, "").await.map_err(at_target("taking the fence down"))?;
        }
        if let Err(error) = switching::there(files, state, &target, echo).await {
            progress.set_phase("taking the switch back");
            let ends = Ends { source: &source, target: &target };
            let undone =
                undo(&ends, state, Discard::Refuse, options.fence_wait, options.jobs, progress, stop, echo).await;
            let outcome = match undone {
                Ok(Undone { keys, hook, .. }) => {
                    let to_check = state.ties.to_check(&keys);
                    let unchecked = check_keys(&source, to_check, options.fence_wait, progress).await;
                    taken_back(&state.ties.missing(&keys), &unchecked, hook)
                }
                Err(error) => not_taken_back(&error, &source).await,
            };
            return Err(SplitError::Switch { state: outcome, source: Box::new(error) }.into());
        }
        state.downtime_ms = millis(down);
        state.enter(Phase::Switched);
        state.save(&target).await?;
        switching::notify(&target).await.map_err(at_target("telling PostgREST"))?;
        switching::notify(&source).await.map_err(at_source("telling PostgREST"))?;
    }
    source.close().await.map_err(at_source("the end of the session"))?;
    target.close().await.map_err(at_target("the end of the session"))
}

/// What taking the switch back has come to.
fn taken_back(missing: &[String], unchecked: &[String], hook: Result<(), HookError>) -> String {
    if missing.is_empty() && unchecked.is_empty() && hook.is_ok() {
        return "everything is as it was: the source takes writes".into();
    }
    let hook = hook.err().map(|error| format!("; on the way back, {error}")).unwrap_or_default();
    format!("the source takes writes again{}{hook}", with_keys(missing, unchecked))
}

/// Who is refused is what the source itself says.
async fn not_taken_back(error: &Error, source: &Session) -> String {
    match fence::strength(source).await {
        Ok(None) => format!("the source takes writes again, but not everything could be taken back ({error})"),
        _ => format!(
            "it could not be taken back ({error}): the source refuses writes until `pgkeep split` or `pgkeep split rollback` comes to an end"
        ),
    }
}

fn with_files(report: Report, files: &Plan) -> Report {
    Report { rewritten: files.edits(), kept: files.kept().to_vec(), ..report }
}

fn report(options: &Options, state: &State, warnings: Vec<String>, phases: Phases, started: Instant) -> Report {
    Report {
        ok: true,
        phase: state.phase,
        schemas: state.schemas.clone(),
        source: state.source_name.clone(),
        target: options.plan.target.to_string(),
        tables: state.tables.len() as u64,
        rows: state.tables.iter().map(|table| table.digest.rows).sum(),
        bytes: state.tables.iter().map(|table| table.digest.bytes).sum(),
        proven: true,
        mismatches: Vec::new(),
        definitions: Vec::new(),
        left_out: Vec::new(),
        warnings,
        rewritten: Vec::new(),
        kept: Vec::new(),
        bridged: state.ties.bridged(),
        loose: state.ties.loose.iter().map(|loose| loose.key.name.clone()).collect(),
        downtime_ms: state.downtime_ms,
        phases,
        elapsed_ms: millis(started),
    }
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}
