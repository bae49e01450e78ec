//! `pgkeep split --rehearse`: the whole path, there and back, on copies in private servers that are thrown away.

mod back;
mod copying;
mod course;
mod original;
mod prediction;
mod scene;
mod servers;

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

pub use back::Back;
pub use prediction::Prediction;
pub use servers::PrivateServer;

use super::error::RehearsalStep;
use super::holding::{at_source, at_target};
use super::plan;
use super::switching::Files;
use super::{Options, Phases, SplitError, host};
use crate::command::Error;
use crate::command::full;
use crate::command::mismatch::Mismatch;
use crate::command::moment::millis;
use crate::command::restore::target::connect_for_maintenance;
use crate::command::taken::Taken;
use crate::command::watch::Watch;
use crate::pg::connect::connect;
use crate::pg::likeness;
use crate::repo::manifest::LeftOut;
use crate::repo::{Repository, SnapshotId};
use crate::schema::compare::EntryMismatch;
use crate::split::{Finding, Severity};
use copying::Extent;
use course::{Course, Ended, Tried};
use prediction::{Measured, predict};
use scene::{Looked, Scene, moving_bytes};
use servers::Servers;

/// So many definitions that changed meanwhile are named.
const CHANGED_MAX: usize = 10;

/// Where the copy's rows come from.
pub enum Origin<'a> {
    /// The source itself, read under one snapshot.
    Live,
    /// A snapshot of the whole database: an id, the beginning of one, or `latest`.
    Backup { repository: &'a Repository, snapshot: String, ends: Ends },
}

/// Whether the operator's servers are there to be asked. They are never written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// For the plan, their settings, and how fast the source is read.
    Asked,
    /// Nobody connects to them: the source of the run is not looked at, and its target only lends its name.
    Unasked,
}

pub enum Rehearsal {
    /// The plan has blockers.
    Blocked(Box<plan::Report>),
    Ended(Box<Rehearsed>),
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Rehearsed {
    /// There and back without a difference.
    pub ok: bool,
    /// Always true: what is told of was done to copies.
    pub rehearsed: bool,
    pub schemas: Vec<String>,
    pub source: String,
    pub target: String,
    /// None where the rows came from the source itself.
    pub snapshot: Option<SnapshotId>,
    #[serde(flatten)]
    pub taken: Option<Taken>,
    /// What the copies lay on: the source's, and the target's where that is another cluster.
    pub servers: Vec<PrivateServer>,
    /// Tables and rows of the whole copy.
    pub copied_tables: u64,
    pub copied_rows: u64,
    /// What moved.
    pub tables: u64,
    pub rows: u64,
    pub bytes: u64,
    pub proven: bool,
    pub mismatches: Vec<Mismatch>,
    pub definitions: Vec<EntryMismatch>,
    pub left_out: Vec<LeftOut>,
    /// As of a run: of the first.
    pub phases: Phases,
    /// None where the run on the copies was not proven.
    pub rollback: Option<Back>,
    /// None where something was found.
    pub prediction: Option<Prediction>,
    pub files: Files,
    /// What could not be tried, and is different on the day.
    pub not_rehearsed: Vec<String>,
    pub blockers: Vec<Finding>,
    pub warnings: Vec<Finding>,
    pub notes: Vec<Finding>,
    /// What the run on the copies said.
    pub run_warnings: Vec<String>,
    pub times: Times,
    pub elapsed_ms: u64,
}

/// What each part of the rehearsal took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// Looking at both ends.
    pub plan_ms: u64,
    pub servers_ms: u64,
    pub copy_ms: u64,
    pub run_ms: u64,
    pub rollback_ms: u64,
    /// The run once more, from what the rollback left; 0 where the first took long.
    pub again_ms: u64,
    /// Comparing the old place with what it was.
    pub check_ms: u64,
    /// Trying the source's definitions as they are there, and not as a copy has them.
    pub original_ms: u64,
    pub cleanup_ms: u64,
}

/// The whole path of `run` on copies.
///
/// # Errors
/// Those of a plan; a part of the snapshot is not in it; this machine lacks a server's version, an extension, or room; and
/// what goes wrong on the way ([`SplitError::Rehearsal`]). The private servers are gone in every case.
pub async fn rehearse(run: &Options, origin: &Origin<'_>, watch: &Watch) -> Result<Rehearsal, Error> {
    let started = Instant::now();
    let mut times = Times::default();
    let scene = match Scene::look(run, origin, watch).await? {
        Looked::Blocked(report) => return Ok(Rehearsal::Blocked(report)),
        Looked::Clear(scene) => scene,
    };
    times.plan_ms = millis(started);

    watch.set_phase("starting private servers");
    let since = Instant::now();
    let target = run.plan.target.database();
    let servers = Servers::start(&scene.model, target, scene.owners, run.plan.pg_bin.as_deref()).await?;
    servers.check_extensions(&scene.extensions, &scene.extensions_needed).await?;
    servers.check_room(scene.bytes_expected)?;
    times.servers_ms = millis(since);

    let since = Instant::now();
    let state = tempfile::tempdir().map_err(|source| Error::Internal {
        what: "cannot create a folder for the rehearsal's state".into(),
        source: Some(Box::new(source)),
    })?;
    let here = aside(&scene.run, &servers, state.path())?;
    let copied = copy(origin, &scene, &here, watch).await.map_err(while_at(RehearsalStep::Copy))?;
    let before = plan::make(&here.plan, plan::Timing::Measured, watch).await.map_err(while_at(RehearsalStep::Plan))?;
    if !before.plan.is_clear() {
        return Ok(Rehearsal::Blocked(Box::new(plan::Report::of(before))));
    }
    // Now it is known how much moves, also where a backup did not say.
    servers.check_room(moving_bytes(&before))?;
    settle(&here).await?;
    times.copy_ms = millis(since);

    let course = Course { here: &here, origin, scene: &scene, before: &before, copied: &copied, watch };
    let mut tried = match course.there_and_back(&mut times).await? {
        Ended::Blocked(report) => return Ok(Rehearsal::Blocked(report)),
        Ended::Tried(tried) => tried,
    };

    watch.set_phase("removing the private servers");
    let since = Instant::now();
    let (private, differs) = (servers.servers.clone(), servers.differs.clone());
    tried.there.warnings.extend(servers.warnings());
    servers.stop().await?;
    times.cleanup_ms = millis(since);
    let rehearsed = Rehearsed {
        servers: private,
        times,
        elapsed_ms: millis(started),
        ..told(*scene, differs, &before, copied, *tried)
    };
    Ok(Rehearsal::Ended(Box::new(rehearsed)))
}

/// The same run on the private servers, which see one another as this program does. Files and applications are the operator's.
fn aside(run: &Options, servers: &Servers, state: &Path) -> Result<Options, Error> {
    Ok(Options {
        plan: plan::Options {
            source: servers.source(run.plan.source.database())?,
            target: servers.target(run.plan.target.database())?,
            bridging: plan::Bridging { host: None, port: None, ..run.plan.bridging.clone() },
            ..run.plan.clone()
        },
        rewrites: Vec::new(),
        hook: None,
        state: host::Folder::at(state.to_owned()),
        ..run.clone()
    })
}

async fn copy(origin: &Origin<'_>, scene: &Scene, here: &Options, watch: &Watch) -> Result<Extent, Error> {
    match (origin, &scene.manifest) {
        (Origin::Backup { repository, .. }, Some(manifest)) => {
            copying::backup(repository, &manifest.snapshot, scene.run.jobs, &here.plan.source, watch).await
        }
        _ => copying::live(&scene.run, &here.plan.source, watch).await,
    }
}

/// What is reported of it; servers and times are still to be filled in.
fn told(scene: Scene, differs: Vec<String>, before: &plan::Planned, copied: Extent, tried: Tried) -> Rehearsed {
    let Tried { there, changed, rollback, runs } = tried;
    let ok = there.ok && rollback.as_ref().is_some_and(|back| back.ok);
    let prediction = rollback.as_ref().filter(|_| ok).map(|back| {
        predict(&Measured {
            runs: &runs,
            rollback_ms: back.downtime_ms,
            jobs: scene.run.jobs as u64,
            source: scene.planned.as_ref().map(|planned| &planned.estimate),
            copy: Some(&before.estimate),
        })
    });
    let mut not_rehearsed = scene.not_rehearsed(differs);
    if !changed.is_empty() {
        let entries: Vec<String> = changed.iter().take(CHANGED_MAX).map(ToString::to_string).collect();
        not_rehearsed.push(format!(
            "definitions changed at the source while it was copied, so the copy's definitions were tested: {}",
            entries.join(", ")
        ));
    }
    let plan = &scene.planned.as_ref().unwrap_or(before).plan;
    let of = |severity| plan.of(severity).cloned().collect();
    let (blockers, warnings, notes) = (of(Severity::Blocker), of(Severity::Warning), of(Severity::Note));
    Rehearsed {
        ok,
        rehearsed: true,
        schemas: there.schemas,
        source: scene.source,
        target: scene.run.plan.target.to_string(),
        taken: scene.manifest.as_ref().map(Taken::from),
        snapshot: scene.manifest.map(|manifest| manifest.snapshot),
        servers: Vec::new(),
        copied_tables: copied.tables,
        copied_rows: copied.rows,
        tables: there.tables,
        rows: there.rows,
        bytes: there.bytes,
        proven: there.proven,
        mismatches: there.mismatches,
        definitions: there.definitions,
        left_out: there.left_out,
        phases: there.phases,
        rollback,
        prediction,
        files: scene.files,
        not_rehearsed,
        blockers,
        warnings,
        notes,
        run_warnings: there.warnings,
        times: Times::default(),
        elapsed_ms: 0,
    }
}

/// What loading has left to be written is written before anything is timed.
async fn settle(here: &Options) -> Result<(), Error> {
    for session in [
        connect(&here.plan.source, "pgkeep rehearsal").await.map_err(at_source("connecting"))?,
        connect_for_maintenance(&here.plan.target).await?,
    ] {
        likeness::checkpoint(&session).await.map_err(at_target("a checkpoint"))?;
        session.close().await.map_err(at_target("closing the session"))?;
    }
    Ok(())
}

/// So that nobody takes a fault of the copies for one of the operator's databases.
fn while_at(step: RehearsalStep) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        // Mistakes in what was asked for speak for themselves; and the source is read while it is copied.
        Error::Interrupted | Error::Usage { .. } => error,
        error if step == RehearsalStep::Copy && error.exit_code() == 4 => error,
        error => full::explained(SplitError::Rehearsal { step, source: Box::new(error) }.into(), None),
    }
}
