//! The moving part of the source at one instant: its definitions, and the session through which its rows are read.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::{OsRng, RngCore};

use super::{Options, SplitError, plan, settings};
use crate::command::Error;
use crate::command::instant::{self, Seen};
use crate::command::not_given;
use crate::command::restore::families::Families;
use crate::command::restore::{Job, Proofs, roles};
use crate::command::selecting::{self, Owned, Patterns};
use crate::command::source::Source;
use crate::command::source_facts;
use crate::command::surroundings::{self, Surroundings};
use crate::pg::besides::Known;
use crate::pg::catalog::{self, Fingerprint, Passwords, RoleFacts, Scope, TableFacts};
use crate::pg::connect::Session;
use crate::pg::fence;
use crate::pg::loose;
use crate::pg::snapshot::SourceSnapshot;
use crate::pg::{connect, dump};
use crate::repo::manifest::{LeftOut, Relation, SliceList};
use crate::rows::cargo::Cargo;
use crate::rows::loading::Loading;
use crate::schema::archive::{Archive, DumpId, Entry, Kind};
use crate::schema::facts::Facts;
use crate::schema::restore::{RestoreOptions, RestorePlan, RoleMap, objects_made, roles_set};
use crate::schema::selection::Selection;
use crate::stop::Stop;
use crate::stream::{Digest, DigestKey, RowHash};

/// What is copied, and from where.
pub struct Capture {
    /// Holds the instant, and keeps the tables from being altered, as long as it is open.
    pub snapshot: Box<SourceSnapshot>,
    pub source: Source,
    pub drawn: Drawn,
}

/// What is to be made: everything but rows.
pub struct Drawn {
    pub archive: Archive,
    /// With digests of nothing: rows are digested on their way.
    pub job: Job,
    pub left_out: Vec<LeftOut>,
    selection: Selection,
    /// By which it is known whether anything has changed since.
    fingerprint: Fingerprint,
    /// All objects that are made of it, by name.
    pub makes: Vec<Known>,
    /// What pg_dump had to say.
    pub said: Vec<String>,
}

/// Reads everything but rows. The fence's own objects are left out.
pub async fn capture(options: &Options, schemas: &[String], stop: &Stop) -> Result<Capture, Error> {
    let attempt = async || {
        let Seen { snapshot, source } = see(options, schemas, 0, stop).await?;
        let drawn = draw(options, schemas, &snapshot, stop).await?;
        Ok(Capture { snapshot, source, drawn })
    };
    instant::again(options.plan.lock_timeout_ms, stop, attempt).await
}

/// The same for what was drawn before: only rows are read anew, and that nothing else has changed is made sure of.
///
/// # Errors
/// Definitions have changed: [`SplitError::Stale`].
pub async fn capture_again(
    options: &Options,
    schemas: &[String],
    mut drawn: Drawn,
    stop: &Stop,
) -> Result<Capture, Error> {
    let Seen { snapshot, source } = see(options, schemas, options.jobs, stop).await?;
    drawn.check(&snapshot.session).await?;
    drawn.job.relations = relations(&snapshot, &drawn.selection);
    Ok(Capture { snapshot, source, drawn })
}

impl Drawn {
    /// By which a later look knows what changed.
    pub fn scope(&self) -> &Scope {
        self.fingerprint.scope()
    }

    /// # Errors
    /// Definitions are not what they were when this was read.
    pub async fn check(&self, session: &Session) -> Result<(), Error> {
        let entries = self.archive.entries();
        let name = |class: u32, oid: u32| {
            let found = entries.iter().find(|entry| (entry.catalog_id.tableoid, entry.catalog_id.oid) == (class, oid));
            found.map(|entry| format!("{}, which is gone", entry.label()))
        };
        let changed = self.fingerprint.changed(session, name).await;
        let changed = changed.map_err(Error::source_database("looking for changed definitions"))?;
        if changed.is_empty() { Ok(()) } else { Err(SplitError::Stale { changed }.into()) }
    }
}

async fn see(options: &Options, schemas: &[String], readers: usize, stop: &Stop) -> Result<Seen, Error> {
    let request = patterns(schemas).parse()?;
    let wanted = |table: &TableFacts| selecting::may_be_asked(&request, table);
    instant::open_text(&options.plan.source, options.plan.lock_timeout_ms, wanted, readers, stop).await
}

fn relations(snapshot: &SourceSnapshot, selection: &Selection) -> Vec<Relation> {
    let chosen = snapshot.tables.iter().filter(|table| selection.relations_with_rows.contains(&table.oid));
    chosen.map(unread).collect()
}

async fn draw(options: &Options, schemas: &[String], snapshot: &SourceSnapshot, stop: &Stop) -> Result<Drawn, Error> {
    let patterns = patterns(schemas);
    let request = patterns.parse()?;
    let session = &snapshot.session;
    let failed = |what: &str| Error::source_database(what.to_owned());
    let pg_dump = dump::find(session, options.plan.pg_bin.as_deref())?;
    let is_asked = |schema: &str, name: &str| selecting::may_be_named(&request, schema, name);
    let (mut facts, untouched) = source_facts::read_facts(snapshot, is_asked).await?;
    selecting::forget_untouched(&mut facts, &untouched);
    forget_ours(&mut facts);
    let dumped =
        dump::schema_archive(&pg_dump, session, Some(&snapshot.id), options.plan.lock_timeout_ms, &untouched, stop)?;
    let archive = Archive::parse(&dumped.archive)?.without(is_ours).with_access(&facts);
    let selection = selecting::select(&archive, &facts, &request)?;
    let single = singles(&archive, &selection, schemas);
    let fingerprint = catalog::fingerprint(session, schemas, &single).await.map_err(failed("reading the catalog"))?;
    let sequences = source_facts::read_sequences(snapshot, &selection).await?;
    let populated = catalog::populated_views(session).await.map_err(failed("reading the catalog"))?;
    let known = source_facts::read_roles(session, &request, &archive, &selection, Passwords::Leave).await?;
    let cargo = cargo(session, known).await?;
    let role_map = RoleMap::new([]);
    let set = roles_set(&archive, &selection, |name| cargo.knows(name));
    let more_here = settings::more_there(&options.plan.target, &cargo, set).await?;
    let mut plan = RestorePlan::new(
        &archive,
        &facts,
        &selection,
        &RestoreOptions {
            database: Some(options.plan.target.database().to_owned()),
            populated: selecting::only_selected(populated, &archive, &selection).into_iter().collect(),
            more_here: more_here.clone(),
            ..RestoreOptions::default()
        },
    );
    let roles_needed = roles::needed(&archive, &plan, &cargo, &loading(options), BTreeSet::new(), &role_map);
    // What else the database has is given to one that was there before as well: see `prepare`.
    plan.database.truncate(1);
    let mut left_out = selecting::describe_left_out(&archive, &selection);
    left_out.extend(not_given::hidden(session, &archive, &selection, &request).await?);
    let job = Job {
        cargo,
        plan,
        relations: relations(snapshot, &selection),
        sequences,
        sequences_of_extensions: BTreeSet::new(),
        may_be_there: BTreeSet::new(),
        role_map,
        roles_needed,
        more_here,
        search_path: facts.search_path,
        owned: Owned::of(&archive, &selection),
        surroundings: Surroundings::default(),
        families: Families::default(),
        as_owner: BTreeMap::new(),
        unmade: BTreeMap::new(),
        proofs: Proofs::Early,
    };
    let makes = makes(&archive, &selection);
    Ok(Drawn { archive, job, left_out, selection, fingerprint, makes, said: dumped.said })
}

/// What moves besides rows, with a key of its own for the digests.
async fn cargo(session: &Session, known: RoleFacts) -> Result<Cargo, Error> {
    let failed = |what: &str| Error::source_database(what.to_owned());
    let mut digest_key = [0; 32];
    OsRng.fill_bytes(&mut digest_key);
    Ok(Cargo {
        database: catalog::database(session).await.map_err(failed("reading the catalog"))?,
        server_version_num: session.server_version_num(),
        roles: known.roles,
        memberships: known.memberships,
        role_settings: known.settings,
        settings: Some(surroundings::of_source(session.conninfo()).await.map_err(failed("reading settings"))?),
        row_hash: RowHash::Prf,
        digest_key: DigestKey(digest_key),
        large_objects: Vec::new(),
    })
}

/// By the names that the catalog of the target will have for them.
fn makes(archive: &Archive, selection: &Selection) -> Vec<Known> {
    let selected = || archive.entries().iter().filter(|entry| selection.contains(entry.dump_id));
    let schemas = selected().filter(|entry| entry.kind == Kind::Schema).map(|entry| Known::schema(&entry.tag));
    let extensions = selected().filter(|entry| entry.kind == Kind::Extension).map(|entry| Known::extension(&entry.tag));
    let objects = objects_made(archive, selection);
    schemas.chain(extensions).chain(objects.iter().map(Known::from)).collect()
}

/// What is copied, and what depends on the schemas, elsewhere: the catalog's OIDs.
fn singles(archive: &Archive, selection: &Selection, schemas: &[String]) -> Vec<u32> {
    let concerned = of_concern(archive, schemas);
    let of = |entry: &&Entry| selection.contains(entry.dump_id) || concerned.contains(&entry.dump_id);
    let oids: BTreeSet<u32> = archive.entries().iter().filter(of).map(|entry| entry.catalog_id.oid).collect();
    oids.into_iter().filter(|oid| *oid != 0).collect()
}

/// What pg_dump says of the target, whose server may be newer than the source's, without the split's own record.
/// Also what it had to say on standard error.
pub async fn copied_archive(
    options: &Options,
    target: &connect::Session,
    stop: &Stop,
) -> Result<(Archive, Vec<String>), Error> {
    archive_told(&options.plan, target, stop).await
}

/// The definitions of a database that is this program's own: nobody need hear what pg_dump had to say of it.
pub async fn archive_now(options: &plan::Options, session: &connect::Session, stop: &Stop) -> Result<Archive, Error> {
    archive_told(options, session, stop).await.map(|(archive, _)| archive)
}

/// Without what is ours.
async fn archive_told(
    options: &plan::Options,
    session: &connect::Session,
    stop: &Stop,
) -> Result<(Archive, Vec<String>), Error> {
    let pg_dump = dump::find(session, options.pg_bin.as_deref()).map_err(at_the_target)?;
    let dumped = dump::schema_archive(&pg_dump, session, None, options.lock_timeout_ms, &Vec::new(), stop)
        .map_err(at_the_target)?;
    let schemas = catalog::schemas(session).await.map_err(Error::target_database("reading the catalog"))?;
    let facts = Facts { schemas: Some(schemas), ..Facts::default() };
    Ok((Archive::parse(&dumped.archive)?.without(is_ours).with_access(&facts), dumped.said))
}

fn at_the_target(error: dump::DumpError) -> Error {
    match error {
        dump::DumpError::Stopped => Error::Interrupted,
        error => Error::TargetDump(error),
    }
}

/// What the fence, the record and loose keys are made of.
pub fn is_ours(entry: &Entry) -> bool {
    let own = [fence::SCHEMA, loose::SCHEMA];
    let within = entry.namespace.as_deref().is_some_and(|schema| own.contains(&schema));
    let schema = entry.namespace.is_none() && own.contains(&entry.tag.strip_prefix("SCHEMA ").unwrap_or(&entry.tag));
    let name = entry.tag.rsplit_once(' ').map_or("", |(_, name)| name);
    let trigger = entry.kind == Kind::Trigger && (fence::TRIGGERS.contains(&name) || name.starts_with(loose::TRIGGER));
    within || schema || trigger
}

/// What the archive is read without has no facts either.
pub fn forget_ours(facts: &mut Facts) {
    facts.relations.retain(|_, relation| ![fence::SCHEMA, loose::SCHEMA].contains(&relation.schema.as_str()));
}

/// How a run loads what it copies.
pub fn loading(options: &Options) -> Loading {
    Loading {
        proof: options.proof,
        search_path: options.plan.search_path.clone(),
        ..Loading::of_a_copy(options.plan.target.clone(), options.jobs)
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

/// The entries of the schemas, and what hangs on them.
pub(super) fn of_concern(archive: &Archive, schemas: &[String]) -> BTreeSet<DumpId> {
    let moves = |entry: &&Entry| match &entry.namespace {
        Some(namespace) => schemas.contains(namespace),
        None => entry.kind == Kind::Schema && schemas.contains(&entry.tag),
    };
    let moving: BTreeSet<DumpId> = archive.entries().iter().filter(moves).map(|entry| entry.dump_id).collect();
    let depends = |entry: &&Entry| entry.dependencies.iter().any(|on| moving.contains(on));
    let depending = archive.entries().iter().filter(depends).map(|entry| entry.dump_id);
    depending.chain(moving.iter().copied()).collect()
}
