//! `pgkeep backup`: one instant of a database into the repository.

mod beside;
pub mod measure;
mod storing;
mod taking;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;

use super::ahead;
use super::error::Error;
use super::instant::{self, Seen};
use super::moment::{millis, rfc3339};
use super::rows;
use super::selecting::{self, Patterns};
use super::some::some_of;
use super::source_facts::read_facts;
use super::suspicion::{self, Contents, Shrink};
use super::unfinished::recorded;
use super::watch::Watch;
use super::whole_rows::{self, TakenAlong};
use crate::pg::catalog::{self, Passwords, TableFacts};
use crate::pg::conninfo::Conninfo;
use crate::pg::dump;
use crate::pg::snapshot::SourceSnapshot;
use crate::repo::known::Known;
use crate::repo::layout::ChunkKind;
use crate::repo::manifest::{Database, FORMAT, FORMAT_OF_BYTES, LeftOut, Manifest, Request, Totals};
use crate::repo::{ChunkWriter, Lookout, Objects, Repository, SnapshotId, UnfinishedWriter, WriterKey};
use crate::retention::Tag;
use crate::schema::detaching::detaching;
use crate::schema::facts::Facts;
use crate::schema::restore::needing_a_search_path;
use crate::schema::selection;
use crate::stream::Hashers;
use beside::Beside;
use measure::{Measure, measure};
use storing::Stored;
use taking::{Read, Taking};

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
    if let Some(time) = options.time.filter(|time| *time > Utc::now()) {
        return Err(Error::Usage { what: format!("--time {} is in the future", time.to_rfc3339()), hint: None });
    }
    let attempt = async || {
        // What ends an attempt does not end the run.
        let (stop, _guard) = watch.stop.part();
        run_once(repository, key, options, &Watch { stop, progress: watch.progress.clone() }).await
    };
    instant::again(options.lock_timeout_ms, &watch.stop, attempt).await
}

async fn run_once(repository: &Repository, key: &WriterKey, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let started = Instant::now();
    let request = &options.patterns.parse()?;

    watch.set_phase("connecting");
    let wanted = |table: &TableFacts| selecting::may_be_asked(request, table);
    let Seen { snapshot, source } =
        instant::open(&options.source, options.lock_timeout_ms, wanted, options.jobs, &watch.stop).await?;
    let began = Utc::now().trunc_subsecs(3);
    let session = &snapshot.session;
    let database = catalog::database(session).await.map_err(Error::source_database("reading the catalog"))?;

    watch.set_phase("reading the repository");
    let Basis { lookout, objects, parent, measure, mut unfinished, mut warnings } =
        basis(repository, key, options, &database.name).await?;

    watch.set_phase("reading the schema");
    let pg_dump = dump::find(session, options.pg_bin.as_deref())?;
    let outdated = dump::outdated(session, &pg_dump).map(|outdated| outdated.to_string());
    let (all_facts, facts, untouched) = &facts_of(&snapshot, request).await?;
    let new_writer = |kind| ChunkWriter::new(objects.clone(), kind, key, options.level);
    let hashers = Hashers::of_format(FORMAT, &key.digest_key);
    let taking =
        Taking { options, request, snapshot: &snapshot, pg_dump: &pg_dump, facts, untouched, all_facts, watch };
    let read_rows = |plan: &rows::Plan| {
        watch.set_phase("reading rows");
        let read = || rows::read(&source, plan, options.jobs, &hashers, &new_writer, watch);
        recorded(&mut unfinished, repository, &watch.stop, read)
    };
    let read = taking.read(read_rows).await?;

    watch.set_phase("reading sequences and roles");
    let beside = Beside::read(&taking, &read).await?;
    let SourceSnapshot { session, tables, .. } = *snapshot;
    session.close().await.map_err(Error::source_database("closing the session"))?;

    watch.set_phase("writing the manifest");
    warnings.extend(of_definitions(&read, facts));
    warnings.extend(outdated.into_iter().chain(read.said.iter().cloned()));
    let taken_along = whole_rows::along(&read.archive, facts, request, &read.selection);
    let has_bytes = read.archive.has_bytes();
    let entries = (!request.is_everything()).then(|| read.selection.entries.keys().copied().collect());
    let stored = storing::store(read, facts, &tables, &objects, new_writer(ChunkKind::Meta)?).await?;
    let time = options.time.map_or(began, |time| time.trunc_subsecs(3));
    let pg_dump_version = pg_dump.version.to_string();
    let manifest =
        Manifest { parent, entries, pg_dump_version, ..manifest(key, options, database, time, beside, stored) };
    let mut manifest = judged(manifest, facts, &measure, options.shrink);
    if has_bytes || manifest.has_bytes() {
        manifest.format = FORMAT_OF_BYTES;
    }
    manifest.finished = time + (Utc::now() - began);
    if watch.is_stopped() {
        return Err(Error::Interrupted);
    }
    lookout.write_manifest(repository, key, &manifest, &objects).await?;
    unfinished.forget(repository).await;
    Ok(Report { taken_along, ..report(manifest, measure, warnings, started) })
}

/// Of all relations, of those that are backed up, and what of the others is not to be touched.
async fn facts_of(
    snapshot: &SourceSnapshot,
    request: &selection::Request,
) -> Result<(Facts, Facts, dump::Untouched), Error> {
    let is_asked = |schema: &str, name: &str| selecting::may_be_named(request, schema, name);
    let (mut facts, untouched) = read_facts(snapshot, is_asked).await?;
    if request.is_everything() {
        whole_rows::check_all(&facts)?;
    }
    let all = facts.clone();
    selecting::forget_untouched(&mut facts, &untouched);
    Ok((all, facts, untouched))
}

/// What the repository has before a row is read.
struct Basis {
    lookout: Lookout,
    objects: Arc<Objects>,
    parent: Option<SnapshotId>,
    measure: Measure,
    unfinished: UnfinishedWriter,
    /// Of its place, of its clocks, and of what there is to measure by.
    warnings: Vec<String>,
}

async fn basis(repository: &Repository, key: &WriterKey, options: &Options, database: &str) -> Result<Basis, Error> {
    let (lookout, condemned) = Lookout::begin(repository).await?;
    let asked: Request = options.patterns.clone().into();
    let Known { index, parent, unfinished } = repository.index(database, &asked, condemned).await?;
    let objects = Arc::new(Objects::new(repository, index));
    let measure = measure(repository, database, &asked).await?;
    let ahead = ahead::warning(repository).await?;
    let unfinished = UnfinishedWriter::new(objects.clone(), key, database, &unfinished)?;
    let place = repository.store().warning().into_iter();
    let warnings = place.chain(ahead).chain(measure.warning(database)).collect();
    Ok(Basis { lookout, objects, parent, measure, unfinished, warnings })
}

/// Of everything that was read and stored; the rest is still to be filled in.
fn manifest(
    key: &WriterKey,
    options: &Options,
    database: Database,
    time: DateTime<Utc>,
    beside: Beside,
    stored: Stored,
) -> Manifest {
    let Beside { sequences, left_out, roles, populated, server, settings } = beside;
    let Stored { archive, facts, relations, large_objects, totals } = stored;
    Manifest {
        format: FORMAT,
        snapshot: SnapshotId::random(),
        time,
        finished: time,
        parent: None,
        pgkeep: env!("CARGO_PKG_VERSION").into(),
        chunk_key: key.chunk_key.0,
        digest_key: key.digest_key.0,
        server,
        database,
        request: options.patterns.clone().into(),
        tags: options.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
        archive,
        pg_dump_version: String::new(),
        facts,
        entries: None,
        left_out,
        roles: roles.roles,
        memberships: roles.memberships,
        role_settings: roles.settings,
        relations,
        sequences,
        populated,
        large_objects,
        totals,
        suspicious: Vec::new(),
        accepted: Vec::new(),
        settings: Some(settings),
    }
}

/// With what is suspicious about it.
fn judged(manifest: Manifest, facts: &Facts, measure: &Measure, shrink: Shrink) -> Manifest {
    let reasons = suspicion::judge(&Contents::of(&manifest, facts), measure.contents());
    match shrink {
        Shrink::Suspect => Manifest { suspicious: reasons, ..manifest },
        Shrink::Accept => Manifest { accepted: reasons, ..manifest },
    }
}

/// What a restore of these definitions will have to know.
fn of_definitions(read: &Read, facts: &Facts) -> Vec<String> {
    let Read { archive, selection, .. } = read;
    let searching = some_of(&needing_a_search_path(archive, facts, selection), FUNCTIONS_MAX).map(|functions| {
        format!("check constraints, generated columns, indexes or materialized views call functions that need search_path, which is empty in a restore: write schema names in the functions, give them SET search_path, or restore with --search-path-fix: {functions}")
    });
    let detaching = detaching(archive, facts, selection).into_iter();
    let detaching = detaching.map(|pending| {
        format!("{}; a restore attaches it again; to finish the detach: {}", pending.what(), pending.finalize())
    });
    searching.into_iter().chain(detaching).collect()
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
        elapsed_ms: millis(started),
    }
}
