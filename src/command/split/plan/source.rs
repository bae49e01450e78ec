//! The source, read in one instant.

use std::collections::{BTreeMap, BTreeSet};

use super::hindrances::{self, Part};
use super::{Estimate, Options, Timing, rate};
use crate::command::error::Error;
use crate::command::instant::{self, Seen};
use crate::command::rights::of_server;
use crate::command::selecting;
use crate::command::source::Source;
use crate::command::source_facts;
use crate::command::split::capture::{forget_ours, is_ours};
use crate::command::split::strangers::refuse;
use crate::pg;
use crate::pg::catalog::{self, Passwords, Reading, TableFacts};
use crate::pg::connect::Session;
use crate::pg::dump;
use crate::pg::loose;
use crate::pg::ours;
use crate::pg::snapshot::SourceSnapshot;
use crate::repo::manifest::{self, Database};
use crate::schema::archive::{Archive, Kind};
use crate::schema::facts::Facts;
use crate::schema::pattern::Pattern;
use crate::schema::selection::Selection;
use crate::split::SchemaNames;
use crate::split::facts::{
    Attribute, ForeignKey, Locale, Membership, Reach, Role, ServerFacts, Setting, SourceFacts, Writing,
};
use crate::stop::Stop;

/// A transaction that only reads, and what identifies the server.
pub struct Read {
    snapshot: Box<SourceSnapshot>,
    /// The way to its rows.
    rows: Source,
    writing: Writing,
    pub cluster: String,
}

/// What a database defines.
pub struct Schema {
    pub archive: Archive,
    pub facts: Facts,
    /// By pg_dump.
    pub said: Vec<String>,
}

fn failed(what: &str) -> impl FnOnce(pg::Error) -> Error + use<> {
    Error::source_database(what.to_owned())
}

impl Read {
    pub async fn begin(options: &Options, patterns: &[Pattern], timing: Timing, stop: &Stop) -> Result<Read, Error> {
        let wanted = |table: &TableFacts| patterns.iter().any(|pattern| pattern.matches_schema(&table.schema));
        let Seen { snapshot, source } =
            instant::open_text(&options.source, options.lock_timeout_ms, wanted, timing.readers(), stop).await?;
        let strangers =
            ours::strangers(&snapshot.session).await.map_err(failed("looking for objects of other roles"))?;
        refuse(strangers, &snapshot.session)?;
        let cluster = catalog::cluster_identity(&snapshot.session).await.map_err(failed("reading the catalog"))?;
        let writing = catalog::hindrances::writing(&snapshot.session).await.map_err(failed("reading the catalog"))?;
        Ok(Read { snapshot, rows: source, writing, cluster })
    }

    pub fn session(&self) -> &Session {
        &self.snapshot.session
    }

    /// A standby is a blocker by itself. It cannot read unlogged tables, and nothing that is counted there would be used.
    fn reads_rows(&self) -> bool {
        !matches!(self.writing, Writing::Standby { .. })
    }

    /// The whole database's table of contents, what the catalog adds to it, and what pg_dump had to say.
    ///
    /// # Errors
    /// A partitioned table of the schemas is not readable.
    pub async fn schema(&self, options: &Options, patterns: &[Pattern], stop: &Stop) -> Result<Schema, Error> {
        let session = self.session();
        let pg_dump = dump::find(session, options.pg_bin.as_deref())?;
        let is_asked = |schema: &str, _: &str| patterns.iter().any(|pattern| pattern.matches_schema(schema));
        let (mut facts, untouched) = source_facts::read_facts(&self.snapshot, is_asked).await?;
        selecting::forget_untouched(&mut facts, &untouched);
        let id = &self.snapshot.id;
        let dumped = dump::schema_archive(&pg_dump, session, Some(id), options.lock_timeout_ms, &untouched, stop)?;
        // A split that was killed leaves the triggers of a fence that lets everything through. What pgkeep made itself is no part of the database; a loose key that would be torn is told by `watched`.
        forget_ours(&mut facts);
        let archive = Archive::parse(&dumped.archive)?.without(is_ours).with_access(&facts);
        Ok(Schema { archive, facts, said: dumped.said })
    }

    pub async fn facts(
        &self,
        archive: &Archive,
        selection: &Selection,
        names: &SchemaNames,
        timing: Timing,
    ) -> Result<SourceFacts, Error> {
        self.read_facts(archive, selection, names, timing).await.map_err(failed("reading the catalog"))
    }

    async fn read_facts(
        &self,
        archive: &Archive,
        selection: &Selection,
        names: &SchemaNames,
        timing: Timing,
    ) -> Result<SourceFacts, pg::Error> {
        let session = self.session();
        let moving: Vec<String> = names.moving.iter().cloned().collect();
        let others: Vec<String> = names.staying().filter(|schema| *schema != "public").cloned().collect();
        let database = catalog::database(session).await?;
        let roles = catalog::roles(session, Passwords::Leave).await?;
        let settings = settings(&database, &roles);
        let locale = locale(session, &database).await?;
        let mut foreign_keys = catalog::foreign_keys(session).await?;
        let taken = taken_tables(archive, selection);
        if self.reads_rows() {
            self.count_orphans(&mut foreign_keys, &taken).await?;
        }
        let text = match self.reads_rows() {
            true => catalog::text_clues(session, &moving, &others).await?,
            false => Vec::new(),
        };
        let part = Part {
            session,
            tables: &self.snapshot.tables,
            schemas: &moving,
            moving: &taken,
            writing: self.writing.clone(),
        };
        let hindrances = hindrances::at_source(part, &foreign_keys, timing).await?;
        Ok(SourceFacts {
            hindrances,
            owner: database.owner,
            database: database.name,
            bootstrap: catalog::bootstrap_role(session).await?,
            server: server(session).await?,
            locale,
            sizes: catalog::sizes(session).await?,
            foreign_keys,
            extensions: catalog::extension_versions(session).await?,
            text,
            sessions: catalog::sessions(session, &moving).await?,
            roles: roles.roles.iter().map(role).collect(),
            memberships: memberships(&roles),
            role_rights: of_server(&roles),
            settings,
            hypertables: catalog::hypertables(session).await?,
            large_object_columns: catalog::large_object_columns(session, &moving).await?,
            reordered: catalog::reordered(session).await?,
            subscribed: catalog::subscribed(session).await?,
            foreign_data: crate::pg::bridge::foreign_data(session).await?,
            watched: loose::watched(session).await?,
        })
    }

    /// Counts only the keys that cross, and only where the role may read.
    async fn count_orphans(&self, keys: &mut [ForeignKey], moving: &BTreeSet<u32>) -> Result<(), pg::Error> {
        let reading: BTreeMap<u32, Reading> = self.snapshot.tables.iter().map(|t| (t.oid, t.reading)).collect();
        // The server computes what is constant in an index or a cut as soon as it plans to count.
        let with_code = catalog::planned_with_code(self.session()).await?;
        for key in keys {
            let crosses = moving.contains(&key.relation) != moving.contains(&key.referenced);
            // A partitioned table is not in the list, and is asked for the rows of its partitions.
            let readable = reading.get(&key.relation).is_none_or(|reading| *reading == Reading::Complete);
            if crosses && readable && !with_code.contains(&key.relation) {
                key.orphans = Some(catalog::referencing_rows(self.session(), key).await?);
            }
        }
        Ok(())
    }

    pub fn estimate(&self, selection: &Selection, source: &SourceFacts, stop: &Stop) -> Result<Estimate, Error> {
        if !self.reads_rows() {
            return Ok(Estimate::default());
        }
        let moving =
            self.snapshot.tables.iter().filter(|table| {
                table.reading == Reading::Complete && selection.relations_with_rows.contains(&table.oid)
            });
        let tables: Vec<&TableFacts> = moving.collect();
        rate::estimate(&self.rows, &tables, source, stop)
    }

    pub async fn end(self) -> Result<(), Error> {
        self.snapshot.session.close().await.map_err(failed("closing the session"))
    }
}

/// `pg_class.oid` of those that the new database gets.
fn taken_tables(archive: &Archive, selection: &Selection) -> BTreeSet<u32> {
    let taken = archive.entries().iter().filter(|entry| entry.kind == Kind::Table && selection.contains(entry.dump_id));
    taken.map(|entry| entry.catalog_id.oid).collect()
}

pub(super) async fn server(session: &Session) -> Result<ServerFacts, pg::Error> {
    let version = catalog::server_version(session).await?;
    Ok(ServerFacts { version_num: session.server_version_num(), version })
}

async fn locale(session: &Session, database: &Database) -> Result<Locale, pg::Error> {
    let mut locale = Locale {
        encoding: database.encoding.clone(),
        provider: database.locale_provider.clone(),
        collate: database.collate.clone(),
        locale: database.icu_locale.clone(),
        recorded_version: database.collation_version.clone(),
        actual_version: None,
    };
    (_, locale.actual_version) = catalog::collation_version(session, &locale).await?;
    Ok(locale)
}

fn role(role: &crate::repo::manifest::Role) -> Role {
    let all = [
        (role.superuser, Attribute::Superuser),
        (role.login, Attribute::Login),
        (role.create_db, Attribute::CreateDatabase),
        (role.create_role, Attribute::CreateRole),
        (role.replication, Attribute::Replication),
        (role.bypass_rls, Attribute::BypassRowSecurity),
    ];
    let attributes = all.into_iter().filter(|(set, _)| *set).map(|(_, attribute)| attribute).collect();
    Role { name: role.name.clone(), attributes }
}

fn memberships(roles: &catalog::RoleFacts) -> Vec<Membership> {
    let of = |of: &manifest::Membership| Membership { role: of.role.clone(), member: of.member.clone() };
    roles.memberships.iter().map(of).collect()
}

fn settings(database: &Database, roles: &catalog::RoleFacts) -> Vec<Setting> {
    let pair = |role: Option<&String>, reach: Reach, pair: &String| {
        let (name, value) = pair.split_once('=')?;
        Some(Setting { role: role.cloned(), reach, name: name.to_owned(), value: value.to_owned() })
    };
    let mut settings: Vec<Setting> =
        database.settings.iter().filter_map(|text| pair(None, Reach::Database, text)).collect();
    for role in &roles.settings {
        let reach = if role.in_database { Reach::Database } else { Reach::Cluster };
        settings.extend(role.settings.iter().filter_map(|text| pair(Some(&role.role), reach, text)));
    }
    settings
}
