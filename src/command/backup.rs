//! `pgkeep backup`: one instant of a database into the repository.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;

use super::ahead;
use super::error::Error;
use super::instant::{self, Seen};
use super::moment::rfc3339;
use super::not_given;
use super::rows::{self, ReadTable};
use super::selecting::{self, Patterns, with_roles_above};
use super::some::some_of;
use super::surroundings;
use super::suspicion::{self, Contents, Shrink};
use super::unfinished::recorded;
use super::watch::Watch;
use super::whole_rows::{self, TakenAlong};
use crate::pg::catalog::{self, Passwords, Reading, RoleFacts, TableFacts};
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::dump::{self, DumpError};
use crate::pg::snapshot::SourceSnapshot;
use crate::repo::known::Known;
use crate::repo::latest::LastGood;
use crate::repo::layout::ChunkKind;
use crate::repo::manifest::{
    FORMAT, LargeObjects, LeftOut, Manifest, Relation, Request, Sequence, Server, SliceList, Totals,
};
use crate::repo::slice_list::{PendingSliceList, store_slice_list};
use crate::repo::{ChunkWriter, Lookout, Objects, Repository, SnapshotId, UnfinishedWriter, WriterKey};
use crate::retention::Tag;
use crate::schema::archive::{Archive, ArchiveError, forget_creation_time};
use crate::schema::detaching::detaching;
use crate::schema::facts::Facts;
use crate::schema::restore::{needing_a_search_path, roles_named, roles_of_the_database};
use crate::schema::selection::{self, Selection};
use crate::stream::Hashers;

/// So many functions are named.
const FUNCTIONS_MAX: usize = 10;

pub struct Options {
    pub source: Conninfo,
    pub patterns: Patterns,
    pub jobs: usize,
    /// zstd's level.
    pub level: i32,
    /// 0 waits forever.
    pub lock_timeout_ms: u64,
    pub passwords: Passwords,
    pub shrink: Shrink,
    /// Where pg_dump is, if not where it is looked for.
    pub pg_bin: Option<PathBuf>,
    pub tags: Vec<Tag>,
    /// The moment that the snapshot is said to be of, for a database that was loaded from an older copy; none: now.
    pub time: Option<DateTime<Utc>>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    pub snapshot: SnapshotId,
    pub parent: Option<SnapshotId>,
    pub database: String,
    /// The moment that the snapshot is of.
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    pub tags: Vec<String>,
    pub server_version: String,
    pub tables: u64,
    pub rows: u64,
    pub bytes_read: u64,
    pub bytes_stored: u64,
    pub objects_new: u64,
    pub objects_reused: u64,
    pub left_out: Vec<LeftOut>,
    /// Tables of schemas that were not asked for, because they hold rows of what was.
    pub taken_along: Vec<TakenAlong>,
    /// Why the snapshot may not hold what it should. It is kept, and the exit code is 3.
    pub suspicious: Vec<String>,
    /// What would have been suspicious, had it not been accepted.
    pub accepted: Vec<String>,
    /// The good snapshot that this one was measured by; null: there is none of this database and selection.
    pub measured_by: Option<SnapshotId>,
    /// What the operator should know about the repository's place, about the measure, and about restores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    pub elapsed_ms: u64,
}

/// Where somebody waits to change a table in the middle of the beginning, it is begun again: what was stored is used.
pub async fn run(repository: &Repository, key: &WriterKey, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let attempt = async || run_once(repository, key, options, watch).await;
    instant::again(options.lock_timeout_ms, &watch.stop, attempt).await
}

async fn run_once(repository: &Repository, key: &WriterKey, options: &Options, watch: &Watch) -> Result<Report, Error> {
    // What ends an attempt does not end the run.
    let (stop, _guard) = watch.stop.part();
    let watch = &Watch { stop, progress: watch.progress.clone() };
    let started = Instant::now();
    let request = options.patterns.parse()?;
    if let Some(time) = options.time.filter(|time| *time > Utc::now()) {
        return Err(Error::Usage { what: format!("--time {} is in the future", time.to_rfc3339()), hint: None });
    }

    watch.set_phase("connecting");
    let wanted = |table: &TableFacts| selecting::may_be_asked(&request, table);
    let Seen { snapshot, source } =
        instant::open(&options.source, options.lock_timeout_ms, wanted, options.jobs, &watch.stop).await?;
    let began = Utc::now().trunc_subsecs(3);
    let time = options.time.map_or(began, |time| time.trunc_subsecs(3));
    let session = &snapshot.session;
    let database = catalog::database(session).await.map_err(Error::source_database("reading the catalog"))?;

    watch.set_phase("reading the repository");
    let (lookout, condemned) = Lookout::begin(repository).await?;
    let Known { index, parent, unfinished } =
        repository.index(&database.name, &options.patterns.clone().into(), condemned).await?;
    let objects = Arc::new(Objects::new(repository, index));
    let measure = measure(repository, &database.name, &options.patterns.clone().into()).await?;
    let ahead = ahead::warning(repository).await?;
    let mut unfinished = UnfinishedWriter::new(objects.clone(), key, &database.name, &unfinished)?;

    watch.set_phase("reading the schema");
    let pg_dump = dump::find(session, options.pg_bin.as_deref())?;
    let outdated = dump::outdated(session, &pg_dump).map(|outdated| outdated.to_string());
    let (mut facts, untouched) = read_facts(&snapshot).await?;
    if request.is_everything() {
        whole_rows::check_all(&facts)?;
    }
    // Rows may lie in what this role may not read.
    let all_facts = facts.clone();
    selecting::forget_untouched(&mut facts, &untouched);
    let read_archive = || {
        dump::schema_archive(&pg_dump, session, Some(&snapshot.id), options.lock_timeout_ms, &untouched, &watch.stop)
    };
    let new_writer = |kind| ChunkWriter::new(objects.clone(), kind, key, options.level);
    let hashers = Hashers::of_format(FORMAT, &key.digest_key);
    let mut read_rows = |plan: &rows::Plan| {
        watch.set_phase("reading rows");
        let read = || rows::read(&source, plan, options.jobs, &hashers, &new_writer, watch);
        recorded(&mut unfinished, repository, &watch.stop, read)
    };

    let large_objects = if request.is_everything() {
        catalog::large_objects(session).await.map_err(Error::source_database("reading the catalog"))?
    } else {
        Vec::new()
    };
    let large_object_ids: Vec<u32> = large_objects.iter().map(|object| object.oid).collect();

    let (archive_bytes, said, archive, selection, plan, unsettled);
    if request.is_everything() {
        // Everything is read anyway, so the rows need not wait for pg_dump.
        let tables: Vec<&TableFacts> = snapshot.tables.iter().filter(has_rows_here).collect();
        plan = rows::Plan::new(&tables, &large_object_ids);
        let (dumped, rows) = std::thread::scope(|scope| {
            let dump = scope.spawn(|| read_archive().inspect_err(|_| watch.stop.trigger()));
            let rows = read_rows(&plan);
            (dump.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), rows)
        });
        // Whoever failed first stopped the other, whose connection was then lost: that is no cause.
        unsettled = match rows {
            Err(Error::Source { source: crate::pg::Error::ConnectionLost { .. }, .. }) if matches!(&dumped, Err(error) if !matches!(error, DumpError::Stopped)) =>
            {
                return dumped.map_err(Error::from).and(Err(Error::Interrupted));
            }
            rows => rows?,
        };
        let dumped = dumped?;
        (archive_bytes, said) = (timeless(dumped.archive)?, dumped.said);
        archive = Archive::parse(&archive_bytes)?;
        selection = selecting::select(&archive, &facts, &request)?;
        selecting::check_covers(&selection, &snapshot.tables)?;
    } else {
        let dumped = read_archive()?;
        (archive_bytes, said) = (timeless(dumped.archive)?, dumped.said);
        archive = Archive::parse(&archive_bytes)?;
        selection = selecting::select(&archive, &facts, &request)?;
        whole_rows::check(&archive, &all_facts, &selection)?;
        let tables: Vec<&TableFacts> = snapshot
            .tables
            .iter()
            .filter(|t| selection.relations_with_rows.contains(&t.oid))
            .filter(has_rows_here)
            .collect();
        plan = rows::Plan::new(&tables, &large_object_ids);
        unsettled = read_rows(&plan)?;
    }

    watch.set_phase("reading sequences and roles");
    let sequences = read_sequences(&snapshot, &selection).await?;
    let mut left_out = selecting::describe_left_out(&archive, &selection);
    left_out.extend(elsewhere(&snapshot, &selection).await?);
    left_out.extend(not_given::hidden(session, &archive, &selection, &request).await?);
    let roles = read_roles(session, &request, &archive, &selection, options.passwords).await?;
    let populated = catalog::populated_views(session).await.map_err(Error::source_database("reading the catalog"))?;
    let version = catalog::server_version(session).await.map_err(Error::source_database("reading the catalog"))?;
    let server = Server { version_num: session.server_version_num(), version };
    let settings =
        surroundings::of_source(session.conninfo()).await.map_err(Error::source_database("reading settings"))?;
    snapshot.session.close().await.map_err(Error::source_database("closing the session"))?;

    watch.set_phase("writing the manifest");
    objects.settle().await?;
    let read = rows::collect(&plan, unsettled);
    let mut meta = new_writer(ChunkKind::Meta)?;
    let archive_slices = store_metadata(&mut meta, &archive_bytes).await?;
    let facts_json = serde_json::to_vec(&facts).map_err(|source| Error::Internal {
        what: "the catalog's facts cannot be encoded".into(),
        source: Some(Box::new(source)),
    })?;
    let facts_slices = store_metadata(&mut meta, &facts_json).await?;
    let mut pending = Vec::new();
    let mut totals = Totals { tables: read.tables.len() as u64, ..Totals::default() };
    for table in &read.tables {
        totals.rows += table.digest.rows;
        totals.bytes_read += table.digest.bytes;
    }
    for table in read.tables.iter().chain(read.large_objects.iter()) {
        pending.push(store_slice_list(&mut meta, table.slices.clone()).await?);
    }
    objects.settle().await?;
    let mut lists: Vec<SliceList> = pending.into_iter().map(|list: PendingSliceList| list.resolve(&meta)).collect();
    let large_objects = read.large_objects.as_ref().map(|table| LargeObjects {
        objects: large_objects,
        digest: table.digest,
        slices: lists.pop().unwrap_or_default(),
    });
    let facts_of: HashMap<u32, &TableFacts> = snapshot.tables.iter().map(|table| (table.oid, table)).collect();
    let relations = read.tables.iter().zip(lists).map(|(table, slices)| relation(&facts_of, table, slices)).collect();
    totals.bytes_stored = objects.bytes_stored();
    totals.objects_new = objects.data_objects_new();
    totals.objects_reused = objects.data_objects_reused();

    let mut manifest = Manifest {
        format: FORMAT,
        snapshot: SnapshotId::random(),
        time,
        finished: time,
        parent,
        pgkeep: env!("CARGO_PKG_VERSION").into(),
        chunk_key: key.chunk_key.0,
        digest_key: key.digest_key.0,
        server,
        database,
        request: options.patterns.clone().into(),
        tags: options.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
        archive: meta.resolve(&archive_slices),
        pg_dump_version: pg_dump.version.to_string(),
        facts: meta.resolve(&facts_slices),
        entries: (!request.is_everything()).then(|| selection.entries.keys().copied().collect()),
        left_out,
        roles: roles.roles,
        memberships: roles.memberships,
        role_settings: roles.settings,
        relations,
        sequences,
        populated: if request.is_everything() {
            populated
        } else {
            selecting::only_selected(populated, &archive, &selection)
        },
        large_objects,
        totals,
        suspicious: Vec::new(),
        accepted: Vec::new(),
        settings: Some(settings),
    };
    let reasons = suspicion::judge(&Contents::of(&manifest, &facts), measure.contents());
    match options.shrink {
        Shrink::Suspect => manifest.suspicious = reasons,
        Shrink::Accept => manifest.accepted = reasons,
    }
    manifest.finished = time + (Utc::now() - began);
    if watch.is_stopped() {
        return Err(Error::Interrupted);
    }
    lookout.write_manifest(repository, key, &manifest, &objects).await?;
    unfinished.forget(repository).await;
    let searching = some_of(&needing_a_search_path(&archive, &facts, &selection), FUNCTIONS_MAX).map(|functions| {
        format!("check constraints, generated columns, indexes or materialized views call functions that need search_path, which is empty in a restore: write schema names in the functions, give them SET search_path, or restore with --search-path-fix: {functions}")
    });
    let detaching = detaching(&archive, &facts, &selection).into_iter();
    let detaching = detaching.map(|pending| {
        format!("{}; a restore attaches it again; to finish the detach: {}", pending.what(), pending.finalize())
    });
    let place = repository.store().warning().into_iter();
    let told = place.chain(ahead).chain(measure.warning(&manifest.database.name)).chain(searching);
    let warnings = told.chain(detaching).chain(outdated).chain(said).collect();
    let taken_along = whole_rows::along(&archive, &facts, &request, &selection);
    Ok(Report { taken_along, ..report(manifest, measure, warnings, started) })
}

fn report(manifest: Manifest, measure: Measure, warnings: Vec<String>, started: Instant) -> Report {
    let Totals { tables, rows, bytes_read, bytes_stored, objects_new, objects_reused } = manifest.totals;
    Report {
        snapshot: manifest.snapshot,
        parent: manifest.parent,
        database: manifest.database.name,
        time: manifest.time,
        tags: manifest.tags,
        server_version: manifest.server.version,
        tables,
        rows,
        bytes_read,
        bytes_stored,
        objects_new,
        objects_reused,
        left_out: manifest.left_out,
        taken_along: Vec::new(),
        suspicious: manifest.suspicious,
        accepted: manifest.accepted,
        measured_by: measure.into_snapshot(),
        warnings,
        elapsed_ms: started.elapsed().as_millis() as u64,
    }
}

/// What a snapshot is measured by, if anything.
enum Measure {
    By {
        snapshot: SnapshotId,
        contents: Box<Contents>,
    },
    /// So many snapshots of the database are no measure of this selection.
    Nothing {
        passed_over: u64,
    },
}

impl Measure {
    fn contents(&self) -> Option<&Contents> {
        match self {
            Measure::By { contents, .. } => Some(contents),
            Measure::Nothing { .. } => None,
        }
    }

    fn into_snapshot(self) -> Option<SnapshotId> {
        match self {
            Measure::By { snapshot, .. } => Some(snapshot),
            Measure::Nothing { .. } => None,
        }
    }

    /// After a change of the selection nothing would be noticed, and nobody would know.
    fn warning(&self, database: &str) -> Option<String> {
        match self {
            Measure::By { .. } | Measure::Nothing { passed_over: 0 } => None,
            Measure::Nothing { passed_over } => Some(format!(
                "none of the earlier snapshots of {database} ({passed_over}) is a good one of this selection, so pgkeep cannot notice a loss: \
                 check the content of this one (pgkeep show); the next one is compared with it"
            )),
        }
    }
}

/// What the last good snapshot of the same database and request held.
async fn measure(repository: &Repository, database: &str, request: &Request) -> Result<Measure, Error> {
    let manifest = match repository.last_good(database, request).await? {
        LastGood::Found(manifest) => manifest,
        LastGood::None { passed_over } => return Ok(Measure::Nothing { passed_over }),
    };
    // Facts that are damaged make the judgement stricter, and are no reason to go without a backup.
    let facts = repository.metadata(&manifest, &manifest.facts).await.ok();
    let facts = facts.and_then(|json| serde_json::from_slice::<Facts>(&json).ok()).unwrap_or_default();
    let contents = Box::new(Contents::of(&manifest, &facts));
    Ok(Measure::By { snapshot: manifest.snapshot.clone(), contents })
}

/// The catalog's facts, and the tables that pg_dump must leave alone because this role cannot lock them.
pub(super) async fn read_facts(snapshot: &SourceSnapshot) -> Result<(Facts, dump::Untouched), Error> {
    let facts = catalog::facts(&snapshot.session).await.map_err(Error::source_database("reading the catalog"))?;
    let denied = snapshot.tables.iter().filter(|table| table.reading == catalog::Reading::Denied);
    Ok((facts, denied.map(|table| (table.schema.clone(), table.name.clone())).collect()))
}

pub(super) async fn read_sequences(snapshot: &SourceSnapshot, selection: &Selection) -> Result<Vec<Sequence>, Error> {
    let session = &snapshot.session;
    let failed = || Error::source_database("reading sequences");
    let mut facts = catalog::sequences(session).await.map_err(failed())?;
    facts.retain(|sequence| selection.sequences.contains(&sequence.oid));
    let denied = facts.iter().filter(|sequence| sequence.reading == Reading::Denied);
    let unreadable: Vec<_> = denied
        .map(|s| crate::pg::snapshot::Unreadable {
            table: format!("{}.{}", s.schema, s.name),
            reading: catalog::Reading::Denied,
        })
        .collect();
    if !unreadable.is_empty() {
        return Err(Error::Unreadable { role: session.conninfo().user().to_owned(), unreadable });
    }
    facts.retain(|sequence| sequence.reading == Reading::Complete);
    sequence_values(session, facts).await
}

fn has_rows_here(table: &&TableFacts) -> bool {
    table.reading != Reading::Elsewhere
}

/// Unlogged relations of the selection, of which a standby has nothing.
async fn elsewhere(snapshot: &SourceSnapshot, selection: &Selection) -> Result<Vec<LeftOut>, Error> {
    let sequences = catalog::sequences(&snapshot.session).await.map_err(Error::source_database("reading sequences"))?;
    let sequences = sequences
        .iter()
        .filter(|sequence| sequence.reading == Reading::Elsewhere && selection.sequences.contains(&sequence.oid));
    let tables = snapshot.tables.iter();
    let tables = tables.filter(|table| !has_rows_here(table) && selection.relations_with_rows.contains(&table.oid));
    let reason = "it is unlogged, and the server is a standby, which has no rows of it: only the primary has them";
    let left_out = |entry: String| LeftOut { entry, reason: reason.to_owned() };
    let tables = tables.map(|table| left_out(format!("TABLE DATA {}.{}", table.schema, table.name)));
    Ok(tables.chain(sequences.map(|s| left_out(format!("SEQUENCE SET {}.{}", s.schema, s.name)))).collect())
}

/// What the sequences stand at now, for they heed no snapshot.
pub(super) async fn sequences_now(session: &Session, sequences: &[Sequence]) -> Result<Vec<Sequence>, Error> {
    let mut facts = catalog::sequences(session).await.map_err(Error::source_database("reading sequences"))?;
    let wanted: BTreeSet<u32> = sequences.iter().map(|sequence| sequence.oid).collect();
    facts.retain(|facts| facts.reading != Reading::Elsewhere && wanted.contains(&facts.oid));
    sequence_values(session, facts).await
}

async fn sequence_values(session: &Session, facts: Vec<catalog::SequenceFacts>) -> Result<Vec<Sequence>, Error> {
    let values = catalog::sequence_values(session, &facts.iter().collect::<Vec<_>>()).await;
    let values = values.map_err(Error::source_database("reading sequences"))?;
    let sequence = |(facts, (last_value, is_called)): (catalog::SequenceFacts, (i64, bool))| Sequence {
        oid: facts.oid,
        schema: facts.schema,
        name: facts.name,
        last_value,
        is_called,
    };
    Ok(facts.into_iter().zip(values).map(sequence).collect())
}

/// The roles that what is selected refers to, with those above them.
pub(super) async fn read_roles(
    session: &Session,
    request: &selection::Request,
    archive: &Archive,
    selection: &Selection,
    passwords: Passwords,
) -> Result<RoleFacts, Error> {
    let mut roles = catalog::roles(session, passwords).await.map_err(Error::source_database("reading roles"))?;
    if !request.is_everything() {
        let mut names = roles_named(archive, selection);
        names.extend(roles_of_the_database(archive, selection));
        let names = with_roles_above(names, &roles.memberships);
        roles.roles.retain(|role| names.contains(&role.name));
        roles.memberships.retain(|membership| names.contains(&membership.member));
        roles.settings.retain(|setting| names.contains(&setting.role));
    }
    Ok(roles)
}

/// So that an unchanged schema is stored once: pg_dump writes into its archive when it was made.
fn timeless(mut archive: Vec<u8>) -> Result<Vec<u8>, ArchiveError> {
    forget_creation_time(&mut archive)?;
    Ok(archive)
}

/// Metadata in chunks of at most 1 MiB.
async fn store_metadata(
    writer: &mut ChunkWriter,
    bytes: &[u8],
) -> Result<Vec<crate::repo::objects::PendingSlice>, Error> {
    let mut slices = Vec::new();
    for piece in bytes.chunks(1 << 20) {
        slices.push(writer.add(piece, 0).await?);
    }
    Ok(slices)
}

fn relation(tables: &HashMap<u32, &TableFacts>, read: &ReadTable, slices: SliceList) -> Relation {
    let facts = tables.get(&read.oid).expect("every table that was read is in the list");
    Relation {
        oid: facts.oid,
        schema: facts.schema.clone(),
        name: facts.name.clone(),
        columns: facts.columns.clone(),
        format: read.format,
        configuration: facts.configuration.clone(),
        digest: read.digest,
        slices,
    }
}
