//! The workers of a restore: each has a session and asks the schedule what comes next.

mod loading;
mod numbers;
mod paths;
mod skipped;
mod small;
mod together;
mod unchecked;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, slice};

use super::families::Sums;
use super::feed::{Feed, Rows};
use super::framed::{INSUFFICIENT_PRIVILEGE, Onward, framed, guarded, onward, told_of_all_rights};
use super::warnings::Warnings;
use super::{Job, Loading, Owners, quoted, session_settings};
use crate::command::Error;
use crate::command::error::{Failure, Skipped};
use crate::command::progress::Lane;
use crate::command::proof::{self, Difference, Mismatch};
use crate::command::runtime::worker_runtime;
use crate::command::some::some_of;
use crate::command::watch::Watch;
use crate::pg;
use crate::pg::builds::{Build, Builds};
use crate::pg::frame::{Ability, Rights, clear_left_over};
use crate::pg::sessions;
use crate::pg::target::SPEED_UP;
use crate::pg::wire::Wire;
use crate::repo::manifest::Relation;
use crate::schema::archive::SqlText;
use crate::schema::restore::{Circles, PostDataStep, Step, Transaction};
use crate::schema::schedule::{Ended, Load, Next, Schedule, Task};
use crate::stop::in_parallel;
use crate::stream::{Digest, RowFormat, RowHasher};
use small::Given;

/// How long a worker without work waits before it looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(200);

pub struct Done {
    /// What every relation of the job was loaded with, in the job's order.
    pub digests: Vec<Digest>,
    pub failures: Vec<Failure>,
    pub skipped: Vec<Skipped>,
    pub mismatches: Vec<Mismatch>,
    pub warnings: Vec<String>,
    /// Steps of the plan: foreign keys that rows are against, and that were made as NOT VALID.
    pub not_valid: Vec<usize>,
    pub data_ms: u64,
    pub post_data_ms: u64,
    pub proof_ms: u64,
}

pub(super) struct Shared<'a> {
    pub(super) schedule: Schedule<'a>,
    pub(super) digests: Vec<Digest>,
    failures: Vec<Failure>,
    /// What is behind `failures`, and its label.
    failed: Vec<(Task, String)>,
    mismatches: Vec<Mismatch>,
    sums: Sums,
    warnings: Warnings,
    not_valid: Vec<usize>,
    /// What was done with a search_path, by that.
    with_path: BTreeMap<String, BTreeSet<String>>,
    /// What ran code of users with the rights of all ordinary roles.
    pub(super) with_all_rights: Vec<String>,
    last_load: Instant,
    last_step: Instant,
    last_proof: Instant,
}

/// What all workers look at.
pub(super) struct Work<'a> {
    rows: &'a Rows<'a>,
    loading: &'a Loading,
    pub(super) job: &'a Job,
    /// Tables that refer to each other, by keys that are there before their rows.
    in_circle: BTreeSet<usize>,
    watch: &'a Watch,
    shared: Mutex<Shared<'a>>,
    pub(super) changed: Condvar,
}

fn all_work(work: &Work<'_>) -> Result<(), Error> {
    let backends = Mutex::new(Vec::new());
    let worked = in_parallel(work.loading.jobs, &work.watch.stop, |n| {
        let mut worker = Worker::new(work, n)?;
        backends.lock().unwrap_or_else(PoisonError::into_inner).push(worker.wire.backend_pid());
        if n == 0 {
            worker.load_large_objects()?;
        }
        worker.work()?;
        if n == 0 { worker.prove_sequences() } else { Ok(()) }
    });
    if worked.is_err() {
        // A backend in an index build would go on for seconds before it notices.
        sessions::end(&work.loading.target, &backends.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    worked.map(drop)
}

/// Loads all rows, runs the steps after them, and proves, with `loading.jobs` sessions.
pub fn run(rows: &Rows<'_>, loading: &Loading, job: &Job, watch: &Watch) -> Result<Done, Error> {
    let Circles { after, in_circle } = together::order(loading, job, &watch.stop)?;
    let load = |(n, (relation, after)): (usize, (&Relation, _))| Load {
        oid: relation.oid,
        bytes: relation.digest.bytes,
        after,
        family: job.families.number(n),
    };
    let loads: Vec<Load> = job.relations.iter().zip(after).enumerate().map(load).collect();
    watch.progress.bytes_total.store(loads.iter().map(|load| load.bytes).sum(), Ordering::Relaxed);
    watch.progress.steps_total.store(job.plan.post_data.len() as u64, Ordering::Relaxed);
    let started = Instant::now();
    let mut shared = Shared {
        schedule: Schedule::new(loading.jobs, loads, &job.plan.post_data, loading.proof, job.proofs, loading.order),
        digests: job.relations.iter().map(|relation| relation.digest).collect(),
        failures: Vec::new(),
        failed: Vec::new(),
        mismatches: Vec::new(),
        sums: Sums::new(&job.families),
        warnings: Warnings::default(),
        not_valid: Vec::new(),
        with_path: BTreeMap::new(),
        with_all_rights: Vec::new(),
        last_load: started,
        last_step: started,
        last_proof: started,
    };
    shared.schedule.leave(skipped::without_definitions(job).into_iter());
    let (shared, changed) = (Mutex::new(shared), Condvar::new());
    let work = Work { rows, loading, job, in_circle, watch, shared, changed };
    all_work(&work)?;
    let mut others: Vec<String> =
        told_of_circle(work.in_circle.iter().map(|n| &job.relations[*n])).into_iter().collect();
    let mut shared = work.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    others.extend(told_of_all_rights(mem::take(&mut shared.with_all_rights)));
    others.extend(paths::told(&loading.search_path, &shared.with_path));
    let since = |later: Instant, earlier: Instant| later.saturating_duration_since(earlier).as_millis() as u64;
    Ok(Done {
        skipped: skipped::told(job, &shared),
        digests: shared.digests,
        failures: shared.failures,
        mismatches: shared.mismatches,
        warnings: shared.warnings.into_lines().into_iter().chain(others).collect(),
        not_valid: shared.not_valid,
        data_ms: since(shared.last_load, started),
        post_data_ms: since(shared.last_step, shared.last_load),
        proof_ms: since(shared.last_proof, shared.last_step.max(shared.last_load)),
    })
}

impl<'a> Work<'a> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared<'a>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared<'_> {
    pub(super) fn note_time(&mut self, task: Task) {
        let now = Instant::now();
        match task {
            Task::Load(_) => self.last_load = now,
            Task::Step(_) | Task::Analyze(_) => self.last_step = now,
            Task::Prove(_) => self.last_proof = now,
        }
    }
}

/// Takes out the mismatches that may be none, and returns their relations.
pub fn worth_another_look<'a>(job: &'a Job, mismatches: &mut Vec<Mismatch>) -> Vec<&'a Relation> {
    if job.cargo.settings.is_some() {
        return Vec::new();
    }
    let of = |mismatch: &Mismatch| -> Vec<&Relation> {
        let members = job.families.members(&mismatch.schema, &mismatch.name);
        let named = |(n, relation): &(usize, &Relation)| {
            (&relation.schema, &relation.name) == (&mismatch.schema, &mismatch.name) || members.contains(n)
        };
        let texts = job.relations.iter().enumerate().filter(named).map(|(_, relation)| relation);
        let is_of_rows = matches!(mismatch.what, Difference::Rows { .. });
        texts.filter(|relation| is_of_rows && relation.format == RowFormat::Text).collect()
    };
    let again = mismatches.iter().flat_map(of).collect();
    mismatches.retain(|mismatch| of(mismatch).is_empty());
    again
}

/// So many names a warning has at most.
const NAMES_MAX: usize = 10;

fn told_of_circle<'a>(relations: impl Iterator<Item = &'a Relation>) -> Option<String> {
    let mut names: Vec<String> = relations.map(|relation| format!("{}.{}", relation.schema, relation.name)).collect();
    names.sort_unstable();
    let names = some_of(&names, NAMES_MAX)?;
    Some(format!("loaded without checking their foreign keys, because their rows refer to each other: {names}"))
}

pub(super) struct Worker<'w, 'a> {
    pub(super) work: &'w Work<'a>,
    n: usize,
    pub(super) wire: Wire,
    builds: Builds,
    ability: Ability,
    /// As `server_version_num`.
    server: u32,
    pub(super) feed: Feed<'w>,
    hasher: RowHasher,
    /// Set at the beginning of each transaction of the task: nothing, but for a task that is tried again.
    path: String,
}

impl<'w, 'a> Worker<'w, 'a> {
    fn new(work: &'w Work<'a>, n: usize) -> Result<Self, Error> {
        let runtime = worker_runtime()?;
        let failed = |source: pg::Error| Error::Target { what: "opening a session".into(), source };
        let mut wire = Wire::connect(&work.loading.target, "pgkeep restore rows", runtime.clone(), &work.watch.stop)
            .map_err(failed)?;
        wire.execute("the session's settings", &session_settings(work.job)).map_err(failed)?;
        wire.execute("a setting", SPEED_UP.as_bytes()).map_err(failed)?;
        let builds = Builds::new(&mut wire, work.loading.jobs).map_err(failed)?;
        let rows = wire.query("the session's rights", Ability::QUESTION.as_bytes()).map_err(failed)?;
        let is = |at: usize| rows.first().and_then(|row| row.get(at)?.as_deref()) == Some("t");
        let ability = Ability::of(is(0), is(1));
        let rows = wire.query("the server's version", b"SHOW server_version_num").map_err(failed)?;
        let server = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or_default();
        let feed = work.rows.open(runtime, &work.watch.stop)?;
        let hasher = work.job.cargo.row_hasher();
        Ok(Self { work, n, wire, builds, ability, server, feed, hasher, path: String::new() })
    }

    fn work(&mut self) -> Result<(), Error> {
        while let Some(Given { tasks, size }) = self.next()? {
            for task in self.together(tasks, size)? {
                self.work_on(task)?;
            }
        }
        self.work.watch.progress.end(self.n);
        Ok(())
    }

    fn work_on(&mut self, task: Task) -> Result<(), Error> {
        let outcome = self.perform_or_with_path(task);
        if let Task::Step(_) = task {
            self.work.watch.progress.step_done();
        }
        let mut shared = self.work.lock();
        shared.note_time(task);
        let warnings = self.wire.take_notices().into_lines();
        shared.warnings.extend(warnings.into_iter().map(|warning| format!("{}: {warning}", self.label(task))));
        match outcome {
            Ok(None) => shared.schedule.end(task, Ended::Well),
            Ok(Some(mismatch)) => {
                shared.mismatches.push(mismatch);
                shared.schedule.end(task, Ended::Well);
            }
            // What the server refuses is an entry's failure; what ends the session ends the run.
            Err(Error::Target { source: source @ pg::Error::Server { .. }, .. }) => {
                let Failure { entry, message, sqlstate, hint } = self.failure(task, &source);
                if let Task::Analyze(_) = task {
                    // Nothing is lost without: only the planner does.
                    let hint = hint.filter(|_| sqlstate.as_deref() != Some(INSUFFICIENT_PRIVILEGE));
                    let hint = hint.map_or_else(String::new, |hint| format!(" ({hint})"));
                    let told =
                        format!("the server refused {entry}, so the planner has no statistics for it: {message}{hint}");
                    shared.warnings.extend([told].into_iter());
                    shared.schedule.end(task, Ended::Well);
                } else {
                    shared.failed.push((task, entry.clone()));
                    shared.failures.push(Failure { entry, message, sqlstate, hint });
                    shared.schedule.end(task, Ended::Badly);
                }
                drop(shared);
                self.roll_back("rolling back after a failure")?;
            }
            Err(error) => return Err(error),
        }
        self.work.changed.notify_all();
        Ok(())
    }

    /// What comes next, when there is something; none when all is done.
    fn next(&self) -> Result<Option<Given>, Error> {
        let mut shared = self.work.lock();
        loop {
            if self.work.watch.is_stopped() {
                return Err(Error::Interrupted);
            }
            match shared.schedule.assign() {
                Next::Run(task) => return Ok(Some(small::given(task, &mut shared, self))),
                Next::Finished => {
                    self.work.changed.notify_all();
                    return Ok(None);
                }
                Next::Wait => {
                    self.work.watch.progress.end(self.n);
                    shared = self.work.changed.wait_timeout(shared, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn label(&self, task: Task) -> String {
        let name = |n: usize| format!("{}.{}", self.work.job.relations[n].schema, self.work.job.relations[n].name);
        match task {
            Task::Load(n) => format!("TABLE DATA {}", name(n)),
            Task::Step(n) => self.work.job.plan.post_data[n].step.label.clone(),
            Task::Prove(n) => format!("proof of {}", name(n)),
            Task::Analyze(n) => format!("ANALYZE {}", name(n)),
        }
    }

    fn perform(&mut self, task: Task) -> Result<Option<Mismatch>, Error> {
        let label = self.label(task);
        let bytes = match task {
            Task::Load(n) | Task::Prove(n) => self.work.job.relations[n].digest.bytes,
            Task::Step(_) | Task::Analyze(_) => 0,
        };
        let lane = self.work.watch.progress.begin(self.n, label.clone(), bytes);
        match task {
            Task::Load(n) => self.load(n, &label, &lane).map(|()| None),
            Task::Step(n) => self.step_or_unchecked(n, &label).map(|()| None),
            Task::Prove(n) => self.prove(n, &label, &lane),
            Task::Analyze(n) if self.has_no_statistics(n) => Ok(None),
            Task::Analyze(n) => {
                let relation = &self.work.job.relations[n];
                let sql = format!("ANALYZE {}", quoted(relation));
                let with_code = self.ability.superuser && self.work.job.plan.gathered_with_code.contains(&relation.oid);
                if !with_code && self.path.is_empty() {
                    return self.execute(&label, sql.as_bytes()).map(|()| None);
                }
                let run = if with_code { guarded(&sql, &self.settled()) } else { (sql + ";\n").into_bytes() };
                let begin = format!("BEGIN;\n{}", self.path);
                self.execute(&label, &[begin.as_bytes(), &run, b"COMMIT"].concat()).map(|()| None)
            }
        }
    }

    fn execute(&mut self, label: &str, sql: &[u8]) -> Result<(), Error> {
        self.wire.execute(label, sql).map_err(Error::target_database(label))
    }

    /// Where there is a transaction. What was warned of is undone; the server also warns where there was none.
    pub(super) fn roll_back(&mut self, label: &str) -> Result<(), Error> {
        self.execute(label, b"ROLLBACK")?;
        if self.ability.temporary && self.work.job.runs_code() {
            self.execute(label, clear_left_over().as_bytes())?;
        }
        drop(self.wire.take_notices());
        Ok(())
    }

    /// After code of others has run: what it may have set for the session is as it was.
    fn settled(&self) -> Vec<u8> {
        let own = format!("{SPEED_UP};\n{};\n", self.builds.statement());
        [&*session_settings(self.work.job), own.as_bytes()].concat()
    }

    fn step(&mut self, n: usize, label: &str) -> Result<(), Error> {
        let PostDataStep { step, sorts, .. } = &self.work.job.plan.post_data[n];
        self.suit(n, *sorts, label)?;
        self.run_step(step, label)
    }

    pub(super) fn run_step(&mut self, step: &Step, label: &str) -> Result<(), Error> {
        let settled = self.settled();
        let in_frame = |rights| framed(slice::from_ref(step), &settled, self.ability, rights);
        let Some(run) = in_frame(Rights::Own) else { return self.run_as_restorer(step, label) };
        let again = in_frame(Rights::AllOrdinary);
        let source = match self.run_framed(&run, label) {
            Err(Error::Target { source, what }) => match onward(step, &source, self.ability) {
                None => return Err(Error::Target { source, what }),
                onward => onward,
            },
            run => return run,
        };
        self.roll_back(label)?;
        match (source, again) {
            (Some(Onward::AllOrdinary), Some(run)) => {
                self.run_framed(&run, label)?;
                self.work.lock().with_all_rights.push(label.to_owned());
                Ok(())
            }
            _ => self.run_as_restorer(step, label),
        }
    }

    /// One message: a round trip for each would cost more than most of them take. Whoever looks at the server's sessions sees its beginning.
    fn run_framed(&mut self, run: &[u8], label: &str) -> Result<(), Error> {
        let begin = format!("/* {} */ BEGIN;\n{}", label.replace("*/", "* /").replace("/*", "/ *"), self.path);
        self.execute(label, &[begin.as_bytes(), run, b"COMMIT"].join(&b"\n"[..]))
    }

    /// Names are looked up with a path of the source's only where everything is the restorer's: others made what is found there.
    fn run_as_restorer(&mut self, step: &Step, label: &str) -> Result<(), Error> {
        let path = if self.work.loading.owners == Owners::Restorer { self.path.as_str() } else { "" };
        if step.transaction == Transaction::Forbidden || step.statements.len() == 1 && path.is_empty() {
            return step.statements.iter().try_for_each(|sql| self.execute(label, sql.as_bytes()));
        }
        let begin = format!("BEGIN;\n{path}");
        let statements = step.statements.iter().map(SqlText::as_bytes);
        let all: Vec<&[u8]> = [begin.as_bytes()].into_iter().chain(statements).chain([&b"COMMIT"[..]]).collect();
        self.execute(label, &all.join(&b"\n"[..]))
    }

    fn suit(&mut self, n: usize, sorts: bool, label: &str) -> Result<(), Error> {
        let build = {
            let schedule = &self.work.lock().schedule;
            Build { bytes: schedule.step_bytes(n), sorts, sessions: schedule.running() }
        };
        self.builds.suit(&mut self.wire, build).map_err(Error::target_database(label))
    }

    fn prove(&mut self, n: usize, label: &str, lane: &Lane) -> Result<Option<Mismatch>, Error> {
        let encoding = &self.work.job.cargo.database.encoding;
        let digest = self.work.lock().digests[n];
        let relation = &Relation { digest, ..self.work.job.relations[n].clone() };
        let read = |bytes, _rows| {
            lane.bytes.fetch_add(bytes, Ordering::Relaxed);
        };
        // Binary values are the same under all settings.
        let settings = self.work.job.surroundings.for_proof().filter(|_| relation.format == RowFormat::Text);
        if let Some(sql) = &settings {
            self.execute(label, sql.as_bytes())?;
        }
        let proved = proof::prove_relation(&mut self.wire, relation, encoding, &self.hasher, read)
            .map_err(Error::target_database(label))?;
        if settings.is_some() {
            let sql = self.work.job.surroundings.statement();
            self.execute(label, sql.as_bytes())?;
        }
        Ok(self.work.lock().sums.add(&self.work.job.families, n, digest, proved))
    }
}
