//! `pgkeep restore`: a snapshot, or a part of it, into an empty database, and the proof that it is there.

mod aftermath;
mod as_owner;
pub(super) mod definitions;
pub(super) mod families;
pub(super) mod feed;
pub(super) mod framed;
mod made;
pub(super) mod maintenance;
mod planning;
pub(super) mod refused;
pub(super) mod roles;
mod roles_there;
pub(super) mod target;
mod typed;
mod unreadable;
mod warnings;
pub(super) mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use serde::Serialize;

use aftermath::{Aftermath, Stage};
use definitions::{Defined, Refusals};
use families::Families;
use feed::Rows;
use made::Made;
pub use roles::MadeRole;
use roles::Provided;
pub use typed::Typed;

use super::ahead;
use super::column_order::{ColumnOrder, column_order};
use super::error::{Error, Failure};
use super::hurt::Recorded;
use super::progress::Progress;
use super::proof::{self, Mismatch, Scope, Side};
use super::selecting::Patterns;
use super::surroundings::Surroundings;
use super::taken::Taken;
use super::user_code;
use super::whole_rows::TakenAlong;
use crate::pg::catalog;
pub use crate::pg::catalog::ThroughRoot;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::repo::manifest::{LeftOut, Manifest, Relation, Sequence, Slice};
use crate::repo::{Proven, Repository, SnapshotId};
pub use crate::schema::restore::{Grants, Owners, Tablespaces};
use crate::schema::restore::{Object, RestorePlan, RoleMap};
pub use crate::schema::schedule::{Order, Proof};
use crate::stop::Stop;

pub struct Options {
    pub snapshot: String,
    pub target: Conninfo,
    pub creation: Creation,
    pub patterns: Patterns,
    pub roles: Vec<(String, String)>,
    pub owners: Owners,
    pub grants: Grants,
    pub tablespaces: Tablespaces,
    pub search_path: SearchPath,
    pub through_root: ThroughRoot,
    pub proof: Proof,
    pub order: Order,
    pub jobs: usize,
    /// How it was asked for; none where nobody is there to type it again.
    pub typed: Option<Typed>,
}

/// Whether the target database is made first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    Create,
    Exists,
}

/// By which path functions look up names while rows are loaded and indexes built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchPath {
    /// None, as in a restore by pg_restore: what they find does not hang on who restores.
    Empty,
    /// None; and what does not find a name is tried again with the path that the source has (`--search-path-fix`).
    Fix,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    pub snapshot: SnapshotId,
    #[serde(flatten)]
    pub taken: Taken,
    /// Tables of the snapshot, restored or not, in which checks have found damage.
    pub hurt: Vec<String>,
    pub database: String,
    pub tables: u64,
    pub rows: u64,
    /// Every table's rows were compared, and all are equal.
    pub proven: bool,
    pub mismatches: Vec<Mismatch>,
    /// Foreign keys that rows are against, in the snapshot as well: they are there as NOT VALID.
    pub keys_not_valid: Vec<String>,
    /// Roles that the target's server did not have.
    pub roles_made: Vec<MadeRole>,
    /// What was asked for and could not come without what was not.
    pub left_out: Vec<LeftOut>,
    /// Tables of schemas that were not asked for, because they hold rows of what was.
    pub taken_along: Vec<TakenAlong>,
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
    /// Sequences that are there as soon as an extension is, by oid.
    pub sequences_of_extensions: BTreeSet<u32>,
    /// What the restore makes, by name.
    pub objects: Vec<Object>,
    /// The whole database was asked for, so its large objects are.
    pub large_objects: bool,
    pub left_out: Vec<LeftOut>,
    pub taken_along: Vec<TakenAlong>,
    pub role_map: RoleMap,
    pub roles_needed: Vec<String>,
    /// In which schemas a session of the source finds names.
    pub search_path: Vec<String>,
    /// What the target lacks, or has otherwise, and no entry's failure.
    pub warnings: Vec<String>,
    /// These are known once definitions are there.
    pub surroundings: Surroundings,
    pub families: Families,
    /// Relations whose rows run code, by their place, and the role that puts them there for that.
    pub as_owner: BTreeMap<usize, String>,
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
    let mut job = planning::plan(repository, options, manifest).await?;
    job.warnings.extend(ahead::warning(repository).await?);

    progress.set_phase("preparing the target");
    let mut aftermath = Aftermath::new(options, progress, &job);
    aftermath.reach(Stage::Target);
    let roles_otherwise = roles_there::differing(options, &job).await?;
    let (made, mut provided) = match options.creation {
        Creation::Create => Made::make(options, &job).map(|(made, provided)| (Some(made), provided))?,
        Creation::Exists => (None, Provided::default()),
    };
    let mut warnings = std::mem::take(&mut provided.left);
    warnings.extend(job.warnings.iter().cloned());
    warnings.extend(roles_otherwise);
    let prepared = match prepare(repository, options, &mut job, progress, &mut aftermath).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let error = aftermath.with_a_way_on(repository, &job, error).await;
            return Err(match made {
                Some(made) => made.take_away(error).await,
                None => error,
            });
        }
    };
    let Prepared { mut failures, order, provided: later, lists, large_object_slices, pre_data_ms } = prepared;
    provided.also(later);
    warnings.append(&mut provided.left);
    made.into_iter().for_each(Made::keep);
    let mut phases = Phases { pre_data_ms, ..Phases::default() };

    progress.set_phase("restoring rows");
    aftermath.reach(Stage::Rows);
    let rows = Rows::Stored { repository, lists: &lists, large_objects: &large_object_slices };
    let mut done = match work::run(&rows, options, &job, progress, stop) {
        Err(error) => return Err(aftermath.with_a_way_on(repository, &job, error).await),
        Ok(done) => done,
    };
    aftermath.reach(Stage::Proof);
    (phases.data_ms, phases.post_data_ms, phases.proof_ms) = (done.data_ms, done.post_data_ms, done.proof_ms);
    failures.append(&mut done.failures);
    if !failures.is_empty() {
        warnings.extend(order.warnings.iter().cloned().chain(done.warnings));
        warnings.extend(provided.made.iter().map(MadeRole::to_string));
        failures.iter_mut().for_each(|failure| order.explain(failure));
        let first = super::error::FirstFailure(failures.iter().take(5).cloned().collect());
        return Err(Error::Entries { failures, skipped: done.skipped, warnings, first });
    }
    let mut mismatches = order.mismatches;
    // Of an older snapshot it is not known under which zone rows were read: such tables are tried once more with the rest.
    let again = work::worth_another_look(&job, &mut done.mismatches);
    mismatches.extend(done.mismatches);
    let large_objects = job.manifest.large_objects.as_ref().filter(|_| job.large_objects);
    if options.proof == Proof::Make && (large_objects.is_some() || !again.is_empty()) {
        progress.set_phase("proving large objects");
        let phase = Instant::now();
        let rest = Scope { relations: again, large_objects, ..Scope::default() };
        let proved = proof::prove(&options.target, &job.manifest, rest, options.jobs, progress, stop, Side::Target);
        mismatches.extend(proved.map_err(|error| aftermath.told(error))?);
        phases.proof_ms += millis(phase);
    }
    let keys_not_valid: Vec<String> =
        done.not_valid.iter().map(|n| job.plan.post_data[*n].step.label.clone()).collect();
    warnings.extend(keys_not_valid.iter().map(|key| {
        format!("{key} is NOT VALID here: rows are against it, as they were when the snapshot was taken; ALTER TABLE ... VALIDATE CONSTRAINT once they are gone")
    }));
    warnings.extend(order.warnings);
    warnings.extend(done.warnings);
    warnings.extend(code_of_others(options).await?);
    warnings.extend(
        job.plan
            .not_refreshable
            .iter()
            .map(|view| format!("{view} could not be refreshed: it reads a view without rows")),
    );
    let proven = options.proof == Proof::Make && mismatches.is_empty();
    if proven && options.patterns.is_empty() {
        let record = Proven { snapshot: job.manifest.snapshot.clone(), time: Utc::now() };
        // Whoever restores may be without the right to write; what was restored is no worse for it.
        if let Err(error) = repository.write_record(&record).await {
            warnings.push(format!("the proof is not recorded in the repository, where `list` would show it: {error}"));
        }
    }
    // What is known of the rest of the snapshot must not end a restore that went well.
    let hurt = match Recorded::of(repository).await {
        Ok(mut recorded) => recorded.tables_hurt(repository, &job.manifest).await.into_iter().collect(),
        Err(error) => {
            warnings.push(format!("whether checks have found damage in the snapshot cannot be read: {error}"));
            Vec::new()
        }
    };
    Ok(Report {
        taken: Taken::from(&job.manifest),
        hurt,
        snapshot: job.manifest.snapshot,
        database: options.target.database().to_owned(),
        tables: job.relations.len() as u64,
        rows: job.relations.iter().map(|relation| relation.digest.rows).sum(),
        proven,
        mismatches,
        keys_not_valid,
        roles_made: provided.made,
        left_out: job.left_out,
        taken_along: job.taken_along,
        warnings,
        phases,
        elapsed_ms: millis(started),
    })
}

/// Where the rows of each relation lie, and those of the large objects.
async fn slice_lists(repository: &Repository, job: &Job) -> Result<(Vec<Vec<Slice>>, Vec<Slice>), Error> {
    let mut lists = Vec::with_capacity(job.relations.len());
    for relation in &job.relations {
        let list = repository.slices(&job.manifest, &relation.slices).await;
        lists.push(list.map_err(|source| feed::damaged(format!("{}.{}", relation.schema, relation.name), source))?);
    }
    let large_objects = match job.manifest.large_objects.as_ref().filter(|_| job.large_objects) {
        Some(large_objects) => {
            let list = repository.slices(&job.manifest, &large_objects.slices).await;
            list.map_err(|source| feed::damaged(feed::LARGE_OBJECTS.into(), source))?
        }
        None => Vec::new(),
    };
    Ok((lists, large_objects))
}

/// Code of ordinary roles that has run as somebody else.
async fn code_of_others(options: &Options) -> Result<Option<String>, Error> {
    let session = target::enter(&options.target).await?;
    let told = user_code::of_others(&session, None, options.through_root).await;
    let told = told.map_err(Error::target_database("reading what rows call"))?;
    session.close().await.map_err(Error::target_database("the end of the session"))?;
    Ok(told.map(|told| format!("code of ordinary roles ran as another role: {told}")))
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

/// What is known when the definitions are there.
struct Prepared {
    /// Definitions that the target refused.
    failures: Vec<Failure>,
    order: ColumnOrder,
    /// Roles that were made here, settings that the server did not take, and what it warned of.
    provided: Provided,
    lists: Vec<Vec<Slice>>,
    large_object_slices: Vec<Slice>,
    pre_data_ms: u64,
}

/// Everything before the first row.
async fn prepare(
    repository: &Repository,
    options: &Options,
    job: &mut Job,
    progress: &Arc<Progress>,
    aftermath: &mut Aftermath<'_>,
) -> Result<Prepared, Error> {
    let session = target::enter(&options.target).await?;
    aftermath.can_be_dropped_in(maintenance::maintenance_database(&session).await?);
    if options.creation == Creation::Exists {
        let before = target::before(&session).await?;
        target::check_empty(&session, job, options, &before).await?;
        aftermath.began_in(before);
    }
    let mut provided = match options.creation {
        Creation::Exists => roles::provide(&session, job).await?,
        Creation::Create => Provided::default(),
    };
    progress.set_phase("restoring definitions");
    aftermath.reach(Stage::Definitions);
    let phase = Instant::now();
    let Defined { failures, warnings } = definitions::make(&session, job, options, Refusals::Named).await?;
    // What has its name is another's.
    let refused: BTreeSet<&str> = failures.iter().map(|failure| failure.entry.as_str()).collect();
    job.relations.retain(|relation| !refused.contains(format!("TABLE {}.{}", relation.schema, relation.name).as_str()));
    let failed = |what: &str| Error::target_database(what.to_owned());
    let relations: Vec<&Relation> = job.relations.iter().collect();
    let order = column_order(&session, &relations).await.map_err(failed("reading the order of columns"))?;
    provided.left.extend(job.surround(&session, options.through_root).await?);
    provided.left.extend(warnings);
    session.close().await.map_err(failed("the end of the session"))?;
    let pre_data_ms = millis(phase);
    let (lists, large_object_slices) = slice_lists(repository, job).await?;
    Ok(Prepared { failures, order, provided, lists, large_object_slices, pre_data_ms })
}

impl Job {
    /// Gives the sessions that follow what rows were written and code runs under, as far as the target has it, and finds out which tables
    /// rows are written to. Says what the operator should know.
    pub(super) async fn surround(
        &mut self,
        session: &Session,
        through_root: ThroughRoot,
    ) -> Result<Vec<String>, Error> {
        let (surroundings, mut told) = Surroundings::of(&self.manifest, session)
            .await
            .map_err(Error::target_database("trying the settings of the source's sessions"))?;
        self.surroundings = surroundings;
        let families = self.find_families(session, through_root).await;
        told.extend(families.map_err(Error::target_database("asking for partitions"))?);
        let found = as_owner::prepare(self, session, through_root).await;
        self.as_owner = found.map_err(Error::target_database("asking for the code that rows run"))?;
        Ok(told)
    }
}

/// The session settings of the plan as one text, and those under which code of the database runs.
fn session_settings(job: &Job) -> Vec<u8> {
    let surroundings = job.surroundings.statement();
    let plan = &job.plan;
    plan.session
        .iter()
        .flat_map(|sql| sql.as_bytes().iter().copied().chain(*b"\n"))
        .chain(surroundings.bytes())
        .collect()
}

/// The relations' quoted name.
fn quoted(relation: &Relation) -> String {
    catalog::quote_relation(&relation.schema, &relation.name)
}
