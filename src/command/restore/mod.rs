//! `pgkeep restore`: a snapshot, or a part of it, into an empty database, and the proof that it is there.

mod aftermath;
mod as_owner;
pub(super) mod definitions;
mod encodings;
pub(super) mod families;
pub(super) mod feed;
pub(super) mod framed;
mod half;
mod made;
pub(super) mod maintenance;
mod mapped;
mod planning;
pub(super) mod refused;
mod report;
pub(super) mod roles;
pub(super) mod roles_before;
pub(super) mod roles_there;
pub(super) mod target;
mod typed;
mod unreadable;
mod warnings;
pub(super) mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;

use aftermath::{Aftermath, Stage};
use definitions::{Defined, Refusals};
use families::Families;
use feed::Rows;
use half::Mark;
use made::Made;
pub use report::{Phases, Report};
pub use roles::MadeRole;
use roles::Provided;
pub use typed::Typed;
use work::Done;

use super::ahead;
use super::column_order::{ColumnOrder, column_order};
use super::error::{Error, Failure, Skipped};
use super::hurt::Recorded;
use super::moment::millis;
use super::progress::Progress;
use super::proof::{self, Mismatch, Scope, Side};
use super::selecting::{Owned, Patterns};
use super::surroundings::Surroundings;
use super::taken::Taken;
use super::user_code;
use super::watch::Watch;
use super::whole_rows::TakenAlong;
use crate::pg::catalog;
pub use crate::pg::catalog::ThroughRoot;
use crate::pg::connect::Session;
use crate::repo::manifest::{LargeObjects, LeftOut, Manifest, Relation, Sequence, Slice, SliceList};
use crate::repo::{Proven, Repository, SnapshotId};
use crate::rows::cargo::Cargo;
pub use crate::rows::loading::{Loading, Loads, SearchPath};
use crate::schema::archive::DumpId;
pub use crate::schema::restore::{Grants, Owners, Tablespaces};
use crate::schema::restore::{Object, RestorePlan, RoleMap};
pub use crate::schema::schedule::{Order, Proof, Proofs};

/// What is asked of a repository's snapshot.
pub struct Options {
    pub snapshot: String,
    pub creation: Creation,
    pub patterns: Patterns,
    pub roles: Vec<(String, String)>,
    pub tablespaces: Tablespaces,
    /// How it was asked for; none where nobody is there to type it again.
    pub typed: Option<Typed>,
    pub loading: Loading,
}

impl Options {
    /// All of a snapshot, into a database that this program makes for itself.
    pub fn of_all(snapshot: &SnapshotId, loading: Loading) -> Self {
        Self {
            snapshot: snapshot.as_str().to_owned(),
            creation: Creation::Create,
            patterns: Patterns::default(),
            roles: Vec::new(),
            tablespaces: Tablespaces::Default,
            typed: None,
            loading,
        }
    }

    /// The snapshot's, where all of it is asked for.
    fn large_objects<'a>(&self, manifest: &'a Manifest) -> Option<&'a LargeObjects> {
        manifest.large_objects.as_ref().filter(|_| self.patterns.is_empty())
    }
}

/// Whether the target database is made first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    Create,
    Exists,
}

/// What is loaded, and what only the restore itself has to know.
pub(super) struct Planned {
    pub job: Job,
    /// What the restore makes, by name.
    pub objects: Vec<Object>,
    pub left_out: Vec<LeftOut>,
    pub taken_along: Vec<TakenAlong>,
    /// What the target lacks, or has otherwise, and no entry's failure.
    pub warnings: Vec<String>,
}

/// What is to be loaded, and how.
pub(super) struct Job {
    pub cargo: Cargo,
    pub plan: RestorePlan,
    pub relations: Vec<Relation>,
    pub sequences: Vec<Sequence>,
    /// Sequences that are there as soon as an extension is, by oid.
    pub sequences_of_extensions: BTreeSet<u32>,
    /// Relations whose rows may be in the target before they are loaded, by oid: whoever made their extension has put them in as well.
    pub may_be_there: BTreeSet<u32>,
    pub role_map: RoleMap,
    pub roles_needed: Vec<String>,
    /// Roles, by their names in the source, on which nothing is set, because the one in their place may do more, and what.
    pub more_here: BTreeMap<String, String>,
    /// In which schemas the session that read the source finds names.
    pub search_path: Vec<String>,
    pub owned: Owned,
    /// These are known once definitions are there.
    pub surroundings: Surroundings,
    pub families: Families,
    /// Relations whose rows run code, by their place, and the role that puts them there for that.
    pub as_owner: BTreeMap<usize, String>,
    /// Entries that the target refused before any row came, by their labels: what needs them is not tried.
    pub unmade: BTreeMap<DumpId, String>,
    pub proofs: Proofs,
}

pub async fn run(repository: &Repository, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let started = Instant::now();
    watch.set_phase("reading the snapshot");
    let name = repository.resolve(&options.snapshot).await?;
    let manifest = repository.manifest(&name).await?;
    let stored = Stored { repository, manifest: &manifest };
    let mut planned = planning::plan(repository, options, &manifest).await?;
    planned.warnings.extend(ahead::warning(repository).await?);
    let mut aftermath = Aftermath::new(options, &watch.progress, &manifest, &planned.objects);

    watch.set_phase("preparing the target");
    let mut prepared = define(stored, options, &mut planned, watch, &mut aftermath).await?;
    let Planned { job, left_out, taken_along, .. } = planned;
    watch.set_phase("restoring rows");
    aftermath.reach(Stage::Rows);
    let mut done = load(stored, options, &job, &mut prepared, watch, &aftermath).await?;
    aftermath.reach(Stage::Proof);
    done.proof_ms += prove_the_rest(stored, options, &job, &mut done.mismatches, watch, &aftermath)?;

    let Prepared { order, provided, mut warnings, pre_data_ms, mark, .. } = prepared;
    let keys_not_valid: Vec<String> =
        done.not_valid.iter().map(|n| job.plan.post_data[*n].step.label.clone()).collect();
    warnings.extend(keys_not_valid.iter().map(|key| {
        format!("{key} is NOT VALID here: rows violate it, as in the snapshot; remove them, then ALTER TABLE ... VALIDATE CONSTRAINT")
    }));
    warnings.extend(order.warnings);
    warnings.append(&mut done.warnings);
    warnings.extend(code_of_others(&options.loading).await?);
    warnings.extend(
        job.plan
            .not_refreshable
            .iter()
            .map(|view| format!("{view} could not be refreshed: it reads a materialized view WITH NO DATA")),
    );
    let mismatches = [order.mismatches, done.mismatches].concat();
    let proven = options.loading.proof == Proof::Make && mismatches.is_empty();
    if proven && options.patterns.is_empty() {
        warnings.extend(stored.record_proof().await);
    }
    let hurt = stored.hurt(&mut warnings).await;
    warnings.extend(ended(options, &job, mark).await);
    Ok(Report {
        taken: Taken::from(&manifest),
        hurt,
        snapshot: manifest.snapshot,
        database: options.loading.target.database().to_owned(),
        tables: job.relations.len() as u64,
        rows: job.relations.iter().map(|relation| relation.digest.rows).sum(),
        proven,
        mismatches,
        keys_not_valid,
        roles_made: provided.made,
        left_out,
        taken_along,
        warnings,
        phases: Phases { pre_data_ms, data_ms: done.data_ms, post_data_ms: done.post_data_ms, proof_ms: done.proof_ms },
        elapsed_ms: millis(started),
    })
}

/// The target with its definitions, and no rows yet. A database that was made for it and cannot be filled is taken away again.
async fn define(
    stored: Stored<'_>,
    options: &Options,
    planned: &mut Planned,
    watch: &Watch,
    aftermath: &mut Aftermath<'_>,
) -> Result<Prepared, Error> {
    aftermath.reach(Stage::Target);
    let roles_otherwise = roles_before::otherwise(&options.loading.target, options.creation, &planned.job).await?;
    let (made, mut provided) = match options.creation {
        Creation::Create => match Made::make(&options.loading.target, &planned.job) {
            Ok((made, provided)) => (Some(made), provided),
            Err(error) => return Err(aftermath.with_a_way_beside(error).await),
        },
        Creation::Exists => (None, Provided::default()),
    };
    let mark = match made {
        Some(_) => Mark::set(&options.loading.target, aftermath.snapshot()).await,
        None => None,
    };
    let mut warnings = std::mem::take(&mut provided.left);
    warnings.append(&mut planned.warnings);
    warnings.extend(roles_otherwise);
    match prepare(stored, options, planned, &watch.progress, aftermath).await {
        Ok(mut prepared) => {
            made.into_iter().for_each(Made::keep);
            warnings.append(&mut prepared.provided.left);
            provided.also(prepared.provided);
            Ok(Prepared { provided, warnings, mark, ..prepared })
        }
        Err(error) => {
            let error = aftermath.with_a_way_on(stored.repository, &planned.job, error).await;
            Err(match made {
                Some(made) => made.take_away(error).await,
                None => error,
            })
        }
    }
}

/// Rows, and what comes after them. What the target refused, here or before, is an error that names all of it.
async fn load(
    stored: Stored<'_>,
    options: &Options,
    job: &Job,
    prepared: &mut Prepared,
    watch: &Watch,
    aftermath: &Aftermath<'_>,
) -> Result<Done, Error> {
    let Stored { repository, manifest } = stored;
    let (chunk_key, large_objects) = (manifest.chunk_key(), &prepared.large_object_slices);
    let rows = Rows::Stored { repository, chunk_key, lists: &prepared.lists, large_objects };
    let mut done = match work::run(&rows, &options.loading, job, watch) {
        Err(error) => return Err(aftermath.with_a_way_on(repository, job, error).await),
        Ok(done) => done,
    };
    let mut failures = std::mem::take(&mut prepared.failures);
    failures.append(&mut done.failures);
    if failures.is_empty() {
        return Ok(done);
    }
    let mut warnings = std::mem::take(&mut prepared.warnings);
    warnings.extend(prepared.order.warnings.iter().cloned().chain(done.warnings));
    warnings.extend(prepared.provided.made.iter().map(MadeRole::to_string));
    warnings.extend(ended(options, job, prepared.mark.take()).await);
    failures.iter_mut().for_each(|failure| prepared.order.explain(failure));
    let first = super::error::FirstFailure(failures.iter().take(5).cloned().collect());
    let skipped = std::mem::take(&mut prepared.skipped).into_iter().chain(done.skipped).collect();
    Err(aftermath.with_the_rest(Error::Entries { failures, skipped, warnings, first }))
}

/// What is there now is all that there will be, and nobody of ours enters the database any more.
async fn ended(options: &Options, job: &Job, mark: Option<Mark>) -> Vec<String> {
    let mut told = match options.creation {
        Creation::Create => made::close_as_the_source(&options.loading.target, job).await,
        Creation::Exists => Vec::new(),
    };
    if let Some(mark) = mark {
        told.extend(mark.take_away().await);
    }
    told
}

/// Proves what the rows' own load could not: large objects, and tables of an older snapshot, of which it is not known under which zone
/// rows were read. What differs is added to `mismatches`. The milliseconds that it took.
fn prove_the_rest(
    stored: Stored<'_>,
    options: &Options,
    job: &Job,
    mismatches: &mut Vec<Mismatch>,
    watch: &Watch,
    aftermath: &Aftermath<'_>,
) -> Result<u64, Error> {
    let again = work::worth_another_look(job, mismatches);
    let large_objects = options.large_objects(stored.manifest);
    if options.loading.proof != Proof::Make || (large_objects.is_none() && again.is_empty()) {
        return Ok(0);
    }
    watch.set_phase("proving large objects");
    let phase = Instant::now();
    let rest = Scope { relations: again, large_objects, ..Scope::default() };
    let Options { loading, .. } = options;
    let proved = proof::prove(&loading.target, stored.manifest, rest, loading.jobs, watch, Side::Target);
    mismatches.extend(proved.map_err(|error| aftermath.told(error))?);
    Ok(millis(phase))
}

/// The snapshot, and where it lies.
#[derive(Clone, Copy)]
struct Stored<'a> {
    repository: &'a Repository,
    manifest: &'a Manifest,
}

impl Stored<'_> {
    async fn slices(self, list: &SliceList, of: impl Fn() -> String) -> Result<Vec<Slice>, Error> {
        let slices = self.repository.slices(self.manifest, list).await;
        slices.map_err(|source| feed::damaged(of(), source))
    }

    /// Where the rows of each relation lie.
    async fn slice_lists(self, relations: &[Relation]) -> Result<Vec<Vec<Slice>>, Error> {
        let mut lists = Vec::with_capacity(relations.len());
        for relation in relations {
            lists.push(self.slices(&relation.slices, || format!("{}.{}", relation.schema, relation.name)).await?);
        }
        Ok(lists)
    }

    /// Whoever restores may be without the right to write; what was restored is no worse for it.
    async fn record_proof(self) -> Option<String> {
        let record = Proven { snapshot: self.manifest.snapshot.clone(), time: Utc::now() };
        let error = self.repository.write_record(&record).await.err()?;
        Some(format!("the proof could not be recorded in the repository, so `list` does not show it: {error}"))
    }

    /// What is known of the rest of the snapshot. That it cannot be read must not end a restore that went well.
    async fn hurt(self, warnings: &mut Vec<String>) -> Vec<String> {
        match Recorded::of(self.repository).await {
            Ok(mut recorded) => recorded.tables_hurt(self.repository, self.manifest).await.into_iter().collect(),
            Err(error) => {
                warnings.push(format!("cannot read whether checks found damage in the snapshot: {error}"));
                Vec::new()
            }
        }
    }
}

/// Code of ordinary roles that has run as somebody else.
async fn code_of_others(loading: &Loading) -> Result<Option<String>, Error> {
    let session = target::enter(&loading.target).await?;
    let told = user_code::of_others(&session, None, loading.through_root).await;
    let told = told.map_err(Error::target_database("looking for code that rows run"))?;
    session.close().await.map_err(Error::target_database("closing the session"))?;
    Ok(told.map(|told| format!("code of ordinary roles ran with the privileges of another role: {told}")))
}

/// What is known when the definitions are there.
struct Prepared {
    /// Definitions that the target refused.
    failures: Vec<Failure>,
    /// Those that need one of these.
    skipped: Vec<Skipped>,
    order: ColumnOrder,
    /// Roles that were made here, settings that the server did not take, and what it warned of.
    provided: Provided,
    warnings: Vec<String>,
    lists: Vec<Vec<Slice>>,
    large_object_slices: Vec<Slice>,
    /// Of a database that was made here.
    mark: Option<Mark>,
    pre_data_ms: u64,
}

/// Everything before the first row.
async fn prepare(
    stored: Stored<'_>,
    options: &Options,
    planned: &mut Planned,
    progress: &Arc<Progress>,
    aftermath: &mut Aftermath<'_>,
) -> Result<Prepared, Error> {
    let session = target::enter(&options.loading.target).await?;
    aftermath.can_be_dropped_in(maintenance::maintenance_database(&session).await?);
    if options.creation == Creation::Exists {
        let before = target::before(&session).await?;
        target::check_empty(&session, planned, options, stored.manifest, &before).await?;
        aftermath.began_in(before);
    }
    let job = &mut planned.job;
    let mut provided = match options.creation {
        Creation::Exists => roles::provide(&session, job).await?,
        Creation::Create => Provided::default(),
    };
    progress.set_phase("restoring definitions");
    aftermath.reach(Stage::Definitions);
    let phase = Instant::now();
    let defined = definitions::make(&session, job, &options.loading, Refusals::Named).await?;
    job.go_on_without(&defined);
    let Defined { failures, skipped, warnings, .. } = defined;
    let failed = |what: &str| Error::target_database(what.to_owned());
    let relations: Vec<&Relation> = job.relations.iter().collect();
    let order = column_order(&session, &relations).await.map_err(failed("reading the order of columns"))?;
    provided.left.extend(job.surround(&session, options.loading.through_root).await?);
    provided.left.extend(warnings);
    session.close().await.map_err(failed("closing the session"))?;
    let pre_data_ms = millis(phase);
    let lists = stored.slice_lists(&job.relations).await?;
    let large_object_slices = match options.large_objects(stored.manifest) {
        Some(large_objects) => stored.slices(&large_objects.slices, || feed::LARGE_OBJECTS.into()).await?,
        None => Vec::new(),
    };
    Ok(Prepared {
        failures,
        skipped,
        order,
        provided,
        warnings: Vec::new(),
        lists,
        large_object_slices,
        mark: None,
        pre_data_ms,
    })
}

impl Job {
    /// What has the name of a table that was refused is another's; what was skipped is not there.
    fn go_on_without(&mut self, defined: &Defined) {
        if defined.failures.is_empty() {
            return;
        }
        self.unmade.clone_from(&defined.unmade);
        let missing = defined.missing();
        let is_missing =
            |kind: &str, schema: &str, name: &str| missing.contains(format!("{kind} {schema}.{name}").as_str());
        self.relations.retain(|relation| !is_missing("TABLE", &relation.schema, &relation.name));
        self.sequences.retain(|sequence| !is_missing("SEQUENCE", &sequence.schema, &sequence.name));
    }

    /// Gives the sessions that follow what rows were written and code runs under, as far as the target has it, and finds out which tables
    /// rows are written to. Says what the operator should know.
    pub(super) async fn surround(
        &mut self,
        session: &Session,
        through_root: ThroughRoot,
    ) -> Result<Vec<String>, Error> {
        let (surroundings, mut told) = Surroundings::of(&self.cargo, session)
            .await
            .map_err(Error::target_database("trying the settings of the source's sessions"))?;
        self.surroundings = surroundings;
        let families = self.find_families(session, through_root).await;
        told.extend(families.map_err(Error::target_database("reading the list of partitions"))?);
        let found = as_owner::prepare(self, session, through_root).await;
        self.as_owner = found.map_err(Error::target_database("looking for code that rows run"))?;
        // Whoever is no superuser may be unable to read a table when policies are on.
        let ability = definitions::ability(session).await.map_err(Error::target_database("preparing the session"))?;
        if ability.superuser && self.runs_code() {
            self.proofs = Proofs::Last;
        }
        Ok(told)
    }

    /// Whether code of users runs while rows are loaded, or later: with rights on other tables than its own, maybe.
    fn runs_code(&self) -> bool {
        let mut later = self.plan.post_data.iter().map(|step| &step.step);
        !self.as_owner.is_empty()
            || !self.plan.gathered_with_code.is_empty()
            || later.any(|step| step.acts_as.is_some())
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
