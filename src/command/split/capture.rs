//! The moving part of the source at one instant: its definitions, and the session through which its rows are read.

use chrono::Utc;

use super::{Options, plan};
use crate::command::Error;
use crate::command::backup;
use crate::command::restore::{self, Creation, Grants, Job, Owners};
use crate::command::rows::{self, Source};
use crate::command::selecting::{self, Patterns};
use crate::pg::catalog::{self, Passwords, TableFacts};
use crate::pg::fence;
use crate::pg::loose;
use crate::pg::snapshot::SourceSnapshot;
use crate::pg::{connect, dump};
use crate::repo::SnapshotId;
use crate::repo::manifest::{FORMAT, Manifest, Relation, Server, SliceList, Totals};
use crate::schema::archive::{Archive, Entry, Kind};
use crate::schema::restore::{RestoreOptions, RestorePlan, RoleMap};
use crate::stop::Stop;
use crate::stream::Digest;

/// What is copied, and from where.
pub struct Capture {
    /// Holds the instant, and keeps the tables from being altered, as long as it is open.
    pub snapshot: Box<SourceSnapshot>,
    pub source: Source,
    pub archive: Archive,
    /// With digests of nothing: rows are digested on their way.
    pub job: Job,
}

/// Reads everything but rows. The fence's own objects are left out.
pub async fn capture(
    options: &Options,
    schemas: &[String],
    digest_key: [u8; 32],
    stop: &Stop,
) -> Result<Capture, Error> {
    let patterns = patterns(schemas);
    let request = patterns.parse()?;
    let wanted = |table: &TableFacts| selecting::may_be_asked(&request, table);
    let snapshot = backup::open_snapshot(&options.plan.source, options.plan.lock_timeout_ms, wanted).await?;
    let session = &snapshot.session;
    let source = Source {
        conninfo: session.conninfo().clone(),
        snapshot_id: snapshot.id.clone(),
        encoding: session.server_encoding().to_owned(),
    };
    rows::check_snapshot_travels(session, &source, stop).await?;
    let failed = |what: &str| Error::source_database(what.to_owned());
    let database = catalog::database(session).await.map_err(failed("reading the catalog"))?;
    let pg_dump = dump::find(session, options.plan.pg_bin.as_deref())?;
    let (mut facts, untouched) = backup::read_facts(&snapshot).await?;
    selecting::forget_untouched(&mut facts, &untouched);
    let bytes =
        dump::schema_archive(&pg_dump, session, Some(&snapshot.id), options.plan.lock_timeout_ms, &untouched, stop)?;
    let archive = Archive::parse(&bytes)?.without(is_ours);
    let selection = selecting::select(&archive, &facts, &request)?;
    let sequences = backup::read_sequences(&snapshot, &selection).await?;
    let roles = backup::read_roles(session, &request, &archive, &selection, Passwords::Leave).await?;
    let populated = catalog::populated_views(session).await.map_err(failed("reading the catalog"))?;
    let version = catalog::server_version(session).await.map_err(failed("reading the catalog"))?;
    let chosen = snapshot.tables.iter().filter(|table| selection.relations_with_rows.contains(&table.oid));
    let relations: Vec<Relation> = chosen.map(unread).collect();
    let now = Utc::now();
    let manifest = Manifest {
        format: FORMAT,
        snapshot: SnapshotId::random(),
        time: now,
        finished: now,
        parent: None,
        pgkeep: env!("CARGO_PKG_VERSION").into(),
        chunk_key: [0; 32],
        digest_key,
        server: Server { version_num: session.server_version_num(), version },
        database,
        request: patterns.into(),
        tags: Vec::new(),
        archive: Vec::new(),
        pg_dump_version: pg_dump.version.to_string(),
        facts: Vec::new(),
        entries: None,
        left_out: Vec::new(),
        roles: roles.roles,
        memberships: roles.memberships,
        role_settings: roles.settings,
        relations: Vec::new(),
        sequences: Vec::new(),
        populated: Vec::new(),
        large_objects: None,
        totals: Totals::default(),
        suspicious: Vec::new(),
        accepted: Vec::new(),
    };
    let role_map = RoleMap::new([]);
    let plan = RestorePlan::new(
        &archive,
        &facts,
        &selection,
        &RestoreOptions {
            database: Some(options.plan.target.database().to_owned()),
            populated: selecting::only_selected(populated, &archive, &selection).into_iter().collect(),
            ..RestoreOptions::default()
        },
    );
    let roles_needed =
        restore::roles::needed(&archive, &selection, &manifest, &restore_options(options, schemas), &role_map);
    let left_out = selecting::describe_left_out(&archive, &selection);
    let job = Job { manifest, plan, relations, sequences, large_objects: false, left_out, role_map, roles_needed };
    Ok(Capture { snapshot, source, archive, job })
}

/// What pg_dump says of the target, whose server may be newer than the source's, without the split's own record.
pub fn copied_archive(options: &Options, target: &connect::Session, stop: &Stop) -> Result<Archive, Error> {
    archive_now(&options.plan, target, stop)
}

/// What pg_dump says of a session's database, without what is ours.
pub fn archive_now(options: &plan::Options, session: &connect::Session, stop: &Stop) -> Result<Archive, Error> {
    let pg_dump = dump::find(session, options.pg_bin.as_deref())?;
    let bytes = dump::schema_archive(&pg_dump, session, None, options.lock_timeout_ms, &Vec::new(), stop)?;
    Ok(Archive::parse(&bytes)?.without(is_ours))
}

/// What the fence, the record and loose keys are made of.
pub fn is_ours(entry: &Entry) -> bool {
    let own = [fence::SCHEMA, loose::SCHEMA];
    let within = entry.namespace.as_deref().is_some_and(|schema| own.contains(&schema));
    let schema = entry.namespace.is_none() && own.contains(&entry.tag.strip_prefix("SCHEMA ").unwrap_or(&entry.tag));
    let name = entry.tag.rsplit_once(' ').map_or("", |(_, name)| name);
    let trigger = entry.kind == Kind::Trigger && (name == fence::TRIGGER || name.starts_with(loose::TRIGGER));
    within || schema || trigger
}

/// As a restore of the schemas would have it.
pub fn restore_options(options: &Options, schemas: &[String]) -> restore::Options {
    restore::Options {
        snapshot: String::new(),
        target: options.plan.target.clone(),
        creation: Creation::Exists,
        patterns: patterns(schemas),
        roles: Vec::new(),
        owners: Owners::Keep,
        grants: Grants::Keep,
        proof: options.proof,
        jobs: options.jobs,
    }
}

/// The names as patterns that mean just them.
pub fn patterns(schemas: &[String]) -> Patterns {
    let exactly = |name: &String| catalog::quote_identifier(name);
    Patterns { schemas: schemas.iter().map(exactly).collect(), ..Patterns::default() }
}

fn unread(table: &TableFacts) -> Relation {
    Relation {
        oid: table.oid,
        schema: table.schema.clone(),
        name: table.name.clone(),
        columns: table.columns.clone(),
        format: table.format,
        configuration: table.configuration.clone(),
        // Its size, so that the largest comes first; the real one comes with the rows.
        digest: Digest { bytes: table.bytes, ..Digest::default() },
        slices: SliceList::default(),
    }
}
