//! `pgkeep restore`: a snapshot, or a part of it, into an empty database, and the proof that it is there.

pub(super) mod feed;
pub(super) mod roles;
mod small;
pub(super) mod target;
mod warnings;
pub(super) mod work;

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use serde::Serialize;

use feed::Rows;

use super::column_order::{ColumnOrder, column_order};
use super::error::Error;
use super::progress::Progress;
use super::proof::{self, Mismatch, Scope, Side};
use super::selecting::{self, Patterns};
use super::some::some_of;
use crate::pg::catalog;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::repo::manifest::{LeftOut, Manifest, Relation, Sequence};
use crate::repo::{Proven, Repository, SnapshotId};
use crate::schema::archive::Archive;
use crate::schema::facts::Facts;
pub use crate::schema::restore::{Grants, Owners};
use crate::schema::restore::{RestoreOptions, RestorePlan, RoleMap};
pub use crate::schema::schedule::{Order, Proof};
use crate::schema::selection::Selection;
use crate::stop::Stop;

/// So many functions are named.
const FUNCTIONS_MAX: usize = 10;

pub struct Options {
    pub snapshot: String,
    pub target: Conninfo,
    pub creation: Creation,
    pub patterns: Patterns,
    pub roles: Vec<(String, String)>,
    pub owners: Owners,
    pub grants: Grants,
    pub proof: Proof,
    pub order: Order,
    pub jobs: usize,
}

/// Whether the target database is made first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    Create,
    Exists,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    pub snapshot: SnapshotId,
    pub database: String,
    pub tables: u64,
    pub rows: u64,
    /// Every table's rows were compared, and all are equal.
    pub proven: bool,
    pub mismatches: Vec<Mismatch>,
    /// What was asked for and could not come without what was not.
    pub left_out: Vec<LeftOut>,
    pub warnings: Vec<String>,
    pub phases: Phases,
    pub elapsed_ms: u64,
}

/// Loading, building and proving overlap: `data_ms` lasts until the last row is loaded, `post_data_ms` from then until the last
/// index, constraint and statistic, `proof_ms` what the proof took beyond that.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Phases {
    pub pre_data_ms: u64,
    pub data_ms: u64,
    pub post_data_ms: u64,
    pub proof_ms: u64,
}

/// What is to be restored, of which snapshot, and how.
pub(super) struct Job {
    pub manifest: Manifest,
    pub plan: RestorePlan,
    pub relations: Vec<Relation>,
    pub sequences: Vec<Sequence>,
    /// The whole database was asked for, so its large objects are.
    pub large_objects: bool,
    pub left_out: Vec<LeftOut>,
    pub role_map: RoleMap,
    pub roles_needed: Vec<String>,
}

pub async fn run(
    repository: &Repository,
    options: &Options,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Report, Error> {
    let started = Instant::now();
    progress.set_phase("reading the snapshot");
    let name = repository.resolve(&options.snapshot).await?;
    let manifest = repository.manifest(&name).await?;
    let job = plan(repository, options, manifest).await?;

    progress.set_phase("preparing the target");
    if options.creation == Creation::Create {
        target::create_database(options, &job).await?;
    }
    let session = connect(&options.target, "pgkeep restore").await.map_err(Error::target_database("connecting"))?;
    target::check_empty(&session, &job).await?;
    if options.creation == Creation::Exists {
        roles::provide(&session, &job, options).await?;
    }

    progress.set_phase("restoring definitions");
    let mut phases = Phases::default();
    let phase = Instant::now();
    let definitions = target::run_pre_data(&session, &job, options).await;
    let relations: Vec<&Relation> = job.relations.iter().collect();
    let order = match &definitions {
        Ok(()) => column_order(&session, &relations).await,
        Err(_) => Ok(ColumnOrder::default()),
    };
    let called = match &definitions {
        Ok(()) => catalog::called_by_rows(&session, None).await,
        Err(_) => Ok(Vec::new()),
    };
    session.close().await.map_err(Error::target_database("the end of the session"))?;
    if definitions.is_err() && options.creation == Creation::Create {
        // It holds nothing, and would stand in the way of the next attempt.
        target::drop_database(&options.target).await?;
    }
    definitions?;
    let order = order.map_err(Error::target_database("reading the order of columns"))?;
    let called = called.map_err(Error::target_database("reading what rows call"))?;
    phases.pre_data_ms = millis(phase);

    progress.set_phase("restoring rows");
    let mut lists = Vec::with_capacity(job.relations.len());
    for relation in &job.relations {
        lists.push(repository.slices(&job.manifest, &relation.slices).await?);
    }
    let large_object_slices = match job.manifest.large_objects.as_ref().filter(|_| job.large_objects) {
        Some(large_objects) => repository.slices(&job.manifest, &large_objects.slices).await?,
        None => Vec::new(),
    };
    let rows = Rows::Stored { repository, lists: &lists, large_objects: &large_object_slices };
    let mut done = work::run(&rows, options, &job, progress, stop)?;
    (phases.data_ms, phases.post_data_ms, phases.proof_ms) = (done.data_ms, done.post_data_ms, done.proof_ms);
    if !done.failures.is_empty() {
        done.failures.iter_mut().for_each(|failure| order.explain(failure));
        let first = super::error::FirstFailure(done.failures.iter().take(5).cloned().collect());
        return Err(Error::Entries { failures: done.failures, skipped: done.skipped, first });
    }
    let mut mismatches = order.mismatches;
    mismatches.extend(done.mismatches);
    let large_objects = job.manifest.large_objects.as_ref().filter(|_| job.large_objects);
    if let (Proof::Make, Some(large_objects)) = (options.proof, large_objects) {
        progress.set_phase("proving large objects");
        let phase = Instant::now();
        let rest = Scope { large_objects: Some(large_objects), ..Scope::default() };
        mismatches.extend(proof::prove(
            &options.target,
            &job.manifest,
            rest,
            options.jobs,
            progress,
            stop,
            Side::Target,
        )?);
        phases.proof_ms += millis(phase);
    }
    let mut warnings = order.warnings;
    warnings.extend(done.warnings);
    if options.owners == Owners::Keep && !called.is_empty() {
        warnings.extend(done.by_operator);
        warnings.extend(some_of(&called, FUNCTIONS_MAX).map(|called| {
            format!("the rows were loaded by a superuser, and called code of ordinary roles, as the owner of each table that no other warning names: {called}")
        }));
    }
    warnings.extend(
        job.plan
            .not_refreshable
            .iter()
            .map(|id| format!("entry {id} could not be refreshed: it reads a view without rows")),
    );
    let proven = options.proof == Proof::Make && mismatches.is_empty();
    if proven && options.patterns.is_empty() {
        let record = Proven { snapshot: job.manifest.snapshot.clone(), time: Utc::now() };
        // Whoever restores may be without the right to write; what was restored is no worse for it.
        if let Err(error) = repository.write_record(&record).await {
            warnings.push(format!("the proof is not recorded in the repository, where `list` would show it: {error}"));
        }
    }
    Ok(Report {
        snapshot: job.manifest.snapshot,
        database: options.target.database().to_owned(),
        tables: job.relations.len() as u64,
        rows: job.relations.iter().map(|relation| relation.digest.rows).sum(),
        proven,
        mismatches,
        left_out: job.left_out,
        warnings,
        phases,
        elapsed_ms: millis(started),
    })
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

/// Reads the schema from the repository and decides what to do, before anything is touched.
async fn plan(repository: &Repository, options: &Options, manifest: Manifest) -> Result<Job, Error> {
    let archive = Archive::parse(&repository.metadata(&manifest, &manifest.archive).await?)?;
    let facts = repository.metadata(&manifest, &manifest.facts).await?;
    let facts: Facts = serde_json::from_slice(&facts).map_err(|source| Error::Internal {
        what: "the snapshot's facts cannot be read".into(),
        source: Some(Box::new(source)),
    })?;
    let taken = Patterns::from(manifest.request.clone());
    let held = selecting::select(&archive, &facts, &taken.parse()?)?;
    let selection = if options.patterns.is_empty() {
        held
    } else {
        let asked = selecting::select(&archive, &facts, &options.patterns.parse()?)?;
        check_held(&manifest, &facts, &asked, &held)?;
        asked
    };
    let role_map = RoleMap::new(options.roles.iter().cloned());
    let plan = RestorePlan::new(
        &archive,
        &facts,
        &selection,
        &RestoreOptions {
            owners: options.owners,
            grants: options.grants,
            roles: role_map.clone(),
            database: Some(options.target.database().to_owned()),
            populated: manifest.populated.iter().copied().collect(),
            ..RestoreOptions::default()
        },
    );
    let relations: Vec<Relation> =
        manifest.relations.iter().filter(|r| selection.relations_with_rows.contains(&r.oid)).cloned().collect();
    let sequences = manifest.sequences.iter().filter(|s| selection.sequences.contains(&s.oid)).cloned().collect();
    let large_objects = options.patterns.is_empty();
    let roles_needed = roles::needed(&archive, &selection, &manifest, options, &role_map);
    let left_out = selecting::describe_left_out(&archive, &selection);
    Ok(Job { left_out, manifest, plan, relations, sequences, large_objects, role_map, roles_needed })
}

/// What is asked for must be in the snapshot, which may be a selection itself.
fn check_held(manifest: &Manifest, facts: &Facts, asked: &Selection, held: &Selection) -> Result<(), Error> {
    let name =
        |oid: &u32| facts.relations.get(oid).map_or_else(|| oid.to_string(), |r| format!("{}.{}", r.schema, r.name));
    let missing = asked.relations_with_rows.difference(&held.relations_with_rows);
    let missing: Vec<String> = missing.chain(asked.sequences.difference(&held.sequences)).map(name).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::NotInSnapshot { snapshot: manifest.snapshot.short().to_owned(), relations: missing })
    }
}

/// The session settings of the plan as one text.
fn session_settings(plan: &RestorePlan) -> Vec<u8> {
    plan.session.iter().flat_map(|sql| sql.as_bytes().iter().copied().chain(*b"\n")).collect()
}

/// The relations' quoted name.
fn quoted(relation: &Relation) -> String {
    catalog::quote_relation(&relation.schema, &relation.name)
}
