//! The path: prepare, fence, copy, prove, seal, switch. A kill anywhere leaves a source that works, or a split to go on with.

use std::io::Write;
use std::time::Instant;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::capture::{self, Capture, Drawn, capture_again};
use super::ends::{End, Ends};
use super::error::{Taken, with_keys};
use super::holding::{Trying, at_source, at_target, hold_definitions, own, put_up};
use super::losses::Discard;
use super::preparing::{Beginning, Prepared, Previous, ground, prepare, previous, resolve};
use super::promise::broken;
use super::rollback::{Undone, abandon, check_keys, undo};
use super::sealing::Seal;
use super::state::{Phase, State, Told};
use super::unchecked::Unchecked;
use super::{
    MadeRole, Options, Outcome, Phases, Report, SplitError, aftermath, bridge, loose, plan, proof, switching, trial,
    whereabouts, wishes,
};
use crate::command::mismatch::Mismatch;
use crate::command::restore::feed::Rows;
use crate::command::restore::{Proof, target as destination, work};
use crate::command::watch::Watch;
use crate::command::{Error, backup};
use crate::pg::closing;
use crate::pg::connect::{Session, connect};
use crate::pg::fence::{self, Strength};
use crate::pg::losses::SealedTable;
use crate::pg::numbers::{self, Reserve};
use crate::pg::split_state;
use crate::repo::manifest::{LeftOut, Relation};
use crate::schema::archive::Archive;
use crate::schema::compare::EntryMismatch;
use crate::split::{FindingKind, Severity};
use crate::switch::{HookError, Plan};

pub async fn run(options: &Options, watch: &Watch, echo: &mut (dyn Write + Send)) -> Result<Outcome, Error> {
    let started = Instant::now();
    let mut phases = Phases::default();
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
    let sealed = fence::strength(&source).await.map_err(at_source("looking for a fence"))? == Some(Strength::Sealed);
    let (Prepared { mut state, mut drawn, mut not_carried, roles_made, mut beginning }, planned) = match before {
        Previous::Split(state) if state.phase >= Phase::RolledBack => {
            return Err(SplitError::Over { phase: state.phase }.into());
        }
        Previous::Split(state) if matches!(state.phase, Phase::Sealed | Phase::Switched) && !sealed => {
            return Err(SplitError::FenceGone.into());
        }
        Previous::Split(mut state) if state.phase >= Phase::Sealed || (state.phase == Phase::Proven && sealed) => {
            let target = connect(&options.plan.target, "pgkeep split").await.map_err(at_target("connecting"))?;
            let differs = broken(&state, &source, End::Source).await.map_err(at_source("looking at the fence"))?;
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
            switch(options, &files, &mut state, &ends, refused_from, watch, echo).await?;
            close(source, target).await?;
            let report = with_files(report(options, &state, warnings, phases, started), &files);
            return Ok(ended(aftermath::look_around(report, &state, options).await));
        }
        _ if sealed => {
            return Err(SplitError::SealedByAnother { database: source.conninfo().database().to_owned() }.into());
        }
        previous => {
            watch.would_leave(
                "The source takes writes, as before. `pgkeep split` with the same arguments starts again, `pgkeep split rollback` removes what was created.".into(),
            );
            let ground = ground(options, &source, previous).await?;
            let planned = plan::make(&options.plan, plan::Timing::LeftOut, watch).await?;
            if !planned.plan.is_clear() {
                return Ok(Outcome::Blocked(Box::new(plan::Report::of(planned))));
            }
            let prepared = prepare(options, ground, &planned, &source, identity, &schemas, watch).await?;
            (prepared, planned)
        }
    };
    let target = own(&options.plan.target, at_target).await?;
    state.save(&target).await?;
    beginning.take().into_iter().for_each(Beginning::end);
    let respelled = match trial::respell(&options.plan, &planned, watch).await {
        Ok(respelled) => respelled,
        Err(error) => {
            // Nobody waits yet. What is left where this fails is found by the next run.
            drop(abandon(&state, target, &options.plan.target).await);
            return Err(error);
        }
    };
    watch.set_phase("trying the bridge");
    let password = match bridge::try_out(&state, source.conninfo(), &target).await {
        Ok(password) => password,
        Err(error) => {
            // Nothing was copied, and another way may be taken: what is left where this fails is found by the next run.
            drop(abandon(&state, target, &options.plan.target).await);
            whereabouts::forget(&state);
            return Err(error);
        }
    };
    phases.prepare_ms = millis(started);
    // Before anybody is refused a write: what takes long on wide schemas.
    watch.set_phase("restoring definitions");
    let since = Instant::now();
    let loading = capture::loading(options);
    let session = connect(&options.plan.target, "pgkeep split definitions").await.map_err(at_target("connecting"))?;
    let told = destination::run_pre_data(&session, &drawn.job, &loading).await?;
    not_carried.extend(drawn.job.surround(&session, loading.through_root).await?);
    not_carried.extend(told);
    session.close().await.map_err(at_target("closing the session"))?;
    phases.definitions_ms = millis(since);

    watch.set_phase("putting the fence up");
    let since = Instant::now();
    let trying = Trying { wait: options.fence_wait, watch, phase: "putting the fence up" };
    let fenced = fence::tables(&source, &schemas).await.map_err(at_source("the list of tables to fence"))?;
    put_up(&source, &fenced, options.plan.target.database(), &trying, at_source).await?;
    whereabouts::enter(&state, &source).await?;
    let (down, refused_from) = (Instant::now(), Utc::now());
    let before = Before { planned: &planned, not_carried: &not_carried, roles_made: &roles_made };
    let fenced_in =
        Fenced { options, fenced: &fenced, respelled: &respelled, password: password.as_ref(), before, watch };
    let copied = fenced_in.move_over(drawn, &mut state, &source, &target, since, &mut phases).await;
    let copied = match copied {
        Ok(copied) if copied.is_proven() => copied,
        failed => {
            // The source takes writes again at once; were this to fail as well, it would with the end of the session.
            watch.set_phase("taking the fence down");
            let down_again = fence::take_down(&source).await.map_err(at_source("taking the fence down"));
            drop(whereabouts::leave(&state, &source).await);
            // Why the copy failed comes first.
            let copied = match failed {
                Err(error) if bridge::is_refused(&error) && state.phase < Phase::Copying => {
                    drop(abandon(&state, target, &options.plan.target).await);
                    whereabouts::forget(&state);
                    return Err(error);
                }
                failed => failed?,
            };
            down_again?;
            let copied =
                copied.also(fence::stay(&source).await.map_err(at_source("looking for remains of the fence"))?);
            let report = copied.report(options, &state, phases, started);
            return Ok(ended(Report { downtime_ms: millis(down), roles_made, ..report }));
        }
    };
    let since = Instant::now();
    let ends = Ends { source: &source, target: &target };
    switch(options, &files, &mut state, &ends, refused_from, watch, echo).await?;
    close(source, target).await?;
    phases.switch_ms += millis(since);
    let report = Report { roles_made, ..with_files(copied.report(options, &state, phases, started), &files) };
    Ok(ended(aftermath::look_around(report, &state, options).await))
}

/// Since when the source has refused writes, as its record says: the copy that was proven began then.
fn refused_since(state: &State) -> DateTime<Utc> {
    let copying = state.history.iter().rfind(|(phase, _)| *phase == Phase::Copying);
    copying.map_or_else(Utc::now, |(_, time)| *time)
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
    keys_not_valid: Vec<String>,
    rows_compared: Proof,
}

/// What was found and done before anybody was refused a write.
#[derive(Clone, Copy)]
struct Before<'a> {
    planned: &'a plan::Planned,
    not_carried: &'a [String],
    roles_made: &'a [MadeRole],
}

/// What is done while the source's writers are refused by a fence that goes with this program.
struct Fenced<'a> {
    options: &'a Options,
    fenced: &'a [(String, String)],
    /// The source's definitions as the target's server spells them.
    respelled: &'a Archive,
    password: Option<&'a SecretString>,
    before: Before<'a>,
    watch: &'a Watch,
}

impl Fenced<'_> {
    /// From the fence to the seal. Where this fails, or what it returns is not proven, the source is not sealed.
    async fn move_over(
        &self,
        drawn: Drawn,
        state: &mut State,
        source: &Session,
        target: &Session,
        since: Instant,
        phases: &mut Phases,
    ) -> Result<Copied, Error> {
        let Fenced { options, fenced, watch, .. } = *self;
        let trying = |phase| Trying { wait: options.fence_wait, watch, phase };
        bridge::rehearse(state, source, &trying("trying the bridge's tables")).await?;
        watch.set_phase("reading the schema");
        let capture = capture_again(options, &state.schemas, drawn, &watch.stop).await?;
        let stamp = fence::stamp(&capture.snapshot.session, fenced).await.map_err(at_source("looking at the fence"))?;
        hold_definitions(source, fenced, &trying("keeping the tables' definitions as they are")).await?;
        phases.fence_ms = millis(since);
        state.enter(Phase::Copying);
        state.save(target).await?;
        let (copied, drawn) = self.copy(capture, state, source, target, phases).await?;
        let copied = copied.also_warning(self.before.planned);
        if !copied.is_proven() {
            return Ok(copied);
        }
        let copied = copied.also(self.before.not_carried.iter().cloned());
        state.told = Some(copied.told(state, self.before.roles_made));
        watch.set_phase("sealing the source");
        let since = Instant::now();
        state.tables = copied.tables.clone();
        state.sequences = drawn.job.sequences.clone();
        state.source_sequences = drawn.job.sequences.clone();
        state.sealed = Some(drawn.scope().clone());
        let sealed = stamp.tables().map(|(oid, (schema, name))| (oid, schema.clone(), name.clone()));
        state.sealed_tables = sealed.map(|(oid, schema, name)| SealedTable { oid, schema, name }).collect();
        // Whatever is made after this is found by the seal, or by those who take stock again.
        aftermath::take_stock(state, source, target).await?;
        let closed = closing::may_create(source, &state.schemas).await;
        state.closed = closed.map_err(at_source("reading who may create objects in the schemas"))?;
        state.enter(Phase::Proven);
        state.save(target).await?;
        loose::make_ready(state, source, target).await?;
        let also = state.ties.at_seal() + &loose::at_seal(state, target).await?;
        let also = also + &bridge::at_seal(state, source, self.password).await? + &closing::close(&state.closed);
        watch.would_leave(switching::would_leave_unsure());
        let sealed = Seal { options, state, drawn: &drawn, stamp: &stamp, fenced, also: &also }
            .put(source, &trying("sealing the source"))
            .await;
        sealed.map_err(|error| bridge::cannot_be_built(state, error))?;
        phases.switch_ms = millis(since);
        watch.would_leave(switching::would_leave(state));
        Ok(copied)
    }

    async fn copy(
        &self,
        capture: Capture,
        state: &State,
        source: &Session,
        target: &Session,
        phases: &mut Phases,
    ) -> Result<(Copied, Drawn), Error> {
        let Fenced { options, watch, .. } = *self;
        let Capture { snapshot, source: rows, drawn } = capture;
        watch.set_phase("copying rows");
        let loading = capture::loading(options);
        let done = work::run(&Rows::Live(&rows), &loading, &drawn.job, watch)?;
        (phases.data_ms, phases.post_data_ms, phases.proof_ms) = (done.data_ms, done.post_data_ms, done.proof_ms);
        if !done.failures.is_empty() {
            let first = crate::command::error::FirstFailure(done.failures.iter().take(5).cloned().collect());
            return Err(Error::Entries {
                failures: done.failures,
                skipped: done.skipped,
                warnings: done.warnings,
                first,
            });
        }
        watch.set_phase("proving definitions and sequences");
        let since = Instant::now();
        let unchecked = Unchecked::confirm(&snapshot.session, &drawn, &done.not_valid).await?;
        let expected = unchecked.expected(drawn.archive.clone());
        let (definitions, said) = proof::definitions(options, &drawn, &expected, self.respelled, target, &watch.stop)?;
        let invalid = unchecked.besides(proof::invalid(source, target, &state.schemas).await?, target).await?;
        let mut mismatches = done.mismatches;
        let now = backup::sequences_now(&snapshot.session, &drawn.job.sequences).await?;
        mismatches.extend(proof::sequences(&now, target).await?);
        snapshot.session.close().await.map_err(at_source("closing the session"))?;
        phases.proof_ms += millis(since);
        bridge::grant(state, target).await?;
        let read = drawn.job.relations.iter().zip(done.digests);
        let tables = read.map(|(relation, digest)| Relation { digest, ..relation.clone() });
        let copied = Copied {
            tables: tables.collect(),
            mismatches,
            definitions,
            invalid,
            left_out: drawn.left_out.clone(),
            warnings: done
                .warnings
                .into_iter()
                .chain(said.iter().map(|said| format!("of the new database, {said}")))
                .collect(),
            keys_not_valid: unchecked.told,
            rows_compared: options.proof,
        };
        Ok((copied, drawn))
    }
}

impl Copied {
    fn also(mut self, warnings: impl IntoIterator<Item = String>) -> Copied {
        self.warnings.extend(warnings);
        self
    }

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

    fn all_warnings(&self, state: &State) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        let not_valid = |key: &String| {
            format!(
                "{key} is NOT VALID in the new database: remove these rows, then ALTER TABLE ... VALIDATE CONSTRAINT"
            )
        };
        warnings.extend(self.keys_not_valid.iter().map(not_valid));
        warnings.extend(state.not_alike.iter().cloned());
        warnings.extend(self.invalid.iter().map(|object| format!("{object} is not valid in the target")));
        warnings
    }

    /// For the run that goes on where this one is killed.
    fn told(&self, state: &State, roles_made: &[MadeRole]) -> Told {
        Told {
            left_out: self.left_out.clone(),
            roles_made: roles_made.iter().map(|r| (r.role.clone(), r.login, r.set_password.clone())).collect(),
            warnings: self.all_warnings(state),
            keys_not_valid: self.keys_not_valid.clone(),
            proven: self.rows_compared == Proof::Make,
        }
    }

    fn report(self, options: &Options, state: &State, phases: Phases, started: Instant) -> Report {
        let proven = self.is_proven();
        let given_up = if proven { state.ties.kept_by_nothing() } else { Vec::new() };
        let warnings = self.all_warnings(state);
        Report {
            ok: proven,
            proven: proven && self.rows_compared == Proof::Make,
            tables: self.tables.len() as u64,
            rows: self.tables.iter().map(|table| table.digest.rows).sum(),
            bytes: self.tables.iter().map(|table| table.digest.bytes).sum(),
            mismatches: self.mismatches,
            definitions: self.definitions,
            left_out: self.left_out,
            keys_not_valid: self.keys_not_valid,
            given_up,
            ..report(options, state, warnings, phases, started)
        }
    }
}

/// The target is the one that counts from here on. What fails here is taken back: the source takes writes again, unless somebody
/// has written in the target meanwhile.
async fn switch(
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
            let undone = undo(ends, state, Discard::Refuse, options.fence_wait, options.jobs, watch, echo).await;
            let (outcome, taken) = match undone {
                Ok(Undone { keys, hook, old_place, .. }) => {
                    let to_check = state.ties.to_check(&keys);
                    let unchecked = check_keys(source, to_check, options.fence_wait, &watch.progress).await;
                    (taken_back(&state.ties.missing(&keys), &unchecked, hook, &old_place.warnings), Taken::Back)
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

async fn close(source: Session, target: Session) -> Result<(), Error> {
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
fn taken_back(missing: &[String], unchecked: &[String], hook: Result<(), HookError>, told: &[String]) -> String {
    if missing.is_empty() && unchecked.is_empty() && hook.is_ok() && told.is_empty() {
        return "everything was undone: the source takes writes".into();
    }
    let hook = hook.err().map(|error| format!("; during the rollback, {error}")).unwrap_or_default();
    let told: String = told.iter().map(|told| format!("; {told}")).collect();
    format!("the source takes writes again{}{hook}{told}", with_keys(missing, unchecked))
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

fn with_files(report: Report, files: &Plan) -> Report {
    Report { rewritten: files.edits(), kept: files.kept().to_vec(), ..report }
}

/// What the state says, with what the run that copied had to say.
fn report(options: &Options, state: &State, warnings: Vec<String>, phases: Phases, started: Instant) -> Report {
    let told = state.told.as_ref();
    let made = |(role, login, set_password): &(String, bool, Option<String>)| MadeRole {
        role: role.clone(),
        login: *login,
        set_password: set_password.clone(),
    };
    Report {
        ok: true,
        phase: state.phase,
        schemas: state.schemas.clone(),
        source: state.source_name.clone(),
        target: options.plan.target.to_string(),
        target_dsn: options.plan.target.written_again(),
        tables: state.tables.len() as u64,
        rows: state.tables.iter().map(|table| table.digest.rows).sum(),
        bytes: state.tables.iter().map(|table| table.digest.bytes).sum(),
        // Records of earlier programs do not say otherwise.
        proven: told.is_none_or(|told| told.proven),
        mismatches: Vec::new(),
        definitions: Vec::new(),
        left_out: told.map_or_else(Vec::new, |told| told.left_out.clone()),
        roles_made: told.into_iter().flat_map(|told| &told.roles_made).map(made).collect(),
        warnings,
        rewritten: Vec::new(),
        kept: Vec::new(),
        bridged: state.ties.bridged(),
        keys_not_valid: told.map_or_else(Vec::new, |told| told.keys_not_valid.clone()),
        given_up: state.ties.kept_by_nothing(),
        loose: state.ties.loose.iter().map(|loose| loose.key.name.clone()).collect(),
        downtime_ms: state.downtime_ms,
        phases,
        elapsed_ms: millis(started),
        changed_since: Vec::new(),
        sessions_old: Vec::new(),
        may_connect_old: Vec::new(),
        may_connect_new: Vec::new(),
    }
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}
