//! The snapshot that holds all that is in the old schemas as they are now: without one, nothing is dropped.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use super::SplitError;
use super::capture::is_ours;
use super::holding::at_source;
use crate::command::Error;
use crate::command::proof::{Scope, Side, prove};
use crate::command::taken::Taken;
use crate::command::watch::Watch;
use crate::pg::connect::Session;
use crate::pg::{catalog, dump};
use crate::repo::{Manifest, Proven, Repository, SnapshotName};
use crate::schema::archive::{Archive, DumpId, Entry, Kind};
use crate::schema::compare::{EntryDifference, compare};

/// Differences that are told of one snapshot.
const NAMED_MAX: usize = 5;
/// Snapshots that are told of.
const LOOKED_AT_MAX: usize = 3;

/// What a snapshot must hold, and how it is looked at.
pub struct Covering<'a> {
    /// Nobody may change the schemas' tables while this is asked.
    pub source: &'a Session,
    /// The old schemas, by the names that they have now.
    pub schemas: &'a [&'a str],
    /// The names that the database has and had.
    pub databases: &'a [&'a str],
    /// Since when their tables refuse writes.
    pub sealed: DateTime<Utc>,
    pub jobs: usize,
    pub pg_bin: Option<&'a Path>,
    pub lock_timeout_ms: u64,
    pub watch: &'a Watch,
}

/// A snapshot that holds all of it.
pub struct Covered {
    pub snapshot: String,
    pub taken: Taken,
    /// What pg_dump had to say of the schemas as they are now.
    pub said: Vec<String>,
}

/// What is in the schemas at this moment, but for rows.
struct Now {
    archive: Archive,
    /// Schema, name, columns.
    tables: Vec<(String, String, Vec<String>)>,
    sequences: Vec<(String, String)>,
    /// By pg_dump.
    said: Vec<String>,
}

impl Covering<'_> {
    /// The newest such snapshot that a restore or drill has proven: every row of every table by its digest, read at this moment, every
    /// sequence, and every definition.
    ///
    /// # Errors
    /// There is none, with the reasons; the source, the repository.
    pub async fn snapshot(&self, repository: &Repository) -> Result<Covered, Error> {
        let proven = repository.records::<Proven>().await?;
        let proven: BTreeSet<_> = proven.into_iter().map(|stored| stored.record.snapshot.as_str().to_owned()).collect();
        let mut looked_at: Vec<String> = Vec::new();
        let mut now = None;
        for name in repository.snapshots().await?.into_iter().rev() {
            let manifest = match repository.manifest(&name).await {
                Ok(manifest) if self.databases.contains(&manifest.database.name.as_str()) => manifest,
                Ok(_) => continue,
                Err(error) => {
                    looked_at.push(format!("{} cannot be read ({error})", name.id.short()));
                    continue;
                }
            };
            if now.is_none() {
                now = Some(self.now().await?);
            }
            let missing = match &now {
                Some(now) => self.misses(repository, &name, &manifest, proven.contains(name.id.as_str()), now).await?,
                None => Vec::new(),
            };
            if missing.is_empty() {
                return Ok(Covered {
                    snapshot: manifest.snapshot.short().to_owned(),
                    taken: Taken::from(&manifest),
                    said: now.map_or_else(Vec::new, |now| now.said),
                });
            }
            let more = missing.len().saturating_sub(NAMED_MAX);
            let mut told = missing[..missing.len().min(NAMED_MAX)].join(", ");
            if more > 0 {
                told += &format!(" and {more} more");
            }
            looked_at.push(format!("{}: {told}", manifest.snapshot.short()));
            if SystemTime::from(name.time) < SystemTime::from(self.sealed) {
                break;
            }
        }
        looked_at.truncate(LOOKED_AT_MAX);
        Err(SplitError::NoSnapshot { looked_at }.into())
    }

    /// Why this snapshot will not do; the cheapest questions first.
    async fn misses(
        &self,
        repository: &Repository,
        name: &SnapshotName,
        manifest: &Manifest,
        proven: bool,
        now: &Now,
    ) -> Result<Vec<String>, Error> {
        if SystemTime::from(name.time) < SystemTime::from(self.sealed) {
            return Ok(vec!["it was taken before the split refused writes".into()]);
        }
        if manifest.is_suspicious() {
            return Ok(vec!["it is suspicious".into()]);
        }
        let mut misses = lacks(manifest, now);
        if misses.is_empty() {
            let archive = Archive::parse(&repository.metadata(manifest, &manifest.archive).await?)?;
            misses = self.definitions(manifest, archive, now);
        }
        if misses.is_empty() && !proven {
            misses.push(format!("no restore or drill has proven it (run pgkeep drill {})", manifest.snapshot.short()));
        }
        if misses.is_empty() {
            misses = self.rows(manifest)?;
        }
        Ok(misses)
    }

    async fn now(&self) -> Result<Now, Error> {
        let failed = |what: &'static str| at_source(what);
        let tables = catalog::tables(self.source).await.map_err(failed("reading the catalog"))?;
        let sequences = catalog::sequences(self.source).await.map_err(failed("reading the catalog"))?;
        let pg_dump = dump::find(self.source, self.pg_bin)?;
        let dumped =
            dump::schema_archive(&pg_dump, self.source, None, self.lock_timeout_ms, &Vec::new(), &self.watch.stop)?;
        let here = |schema: &String| self.schemas.contains(&schema.as_str());
        Ok(Now {
            archive: Archive::parse(&dumped.archive)?,
            said: dumped.said,
            tables: tables.into_iter().filter(|t| here(&t.schema)).map(|t| (t.schema, t.name, t.columns)).collect(),
            sequences: sequences.into_iter().filter(|s| here(&s.schema)).map(|s| (s.schema, s.name)).collect(),
        })
    }

    /// Whatever is defined in the schemas, as pg_dump writes it; by another version of it, that each is there.
    fn definitions(&self, manifest: &Manifest, archive: Archive, now: &Now) -> Vec<String> {
        let same = now.archive.header().dump_version.as_deref() == archive.header().dump_version.as_deref();
        let held: Option<BTreeSet<DumpId>> = manifest.entries.as_ref().map(|ids| ids.iter().copied().collect());
        let copy = archive.without(|entry| {
            !self.is_of_concern(entry) || held.as_ref().is_some_and(|held| !held.contains(&entry.dump_id))
        });
        let wanted: BTreeSet<DumpId> =
            now.archive.entries().iter().filter(|entry| self.is_of_concern(entry)).map(|entry| entry.dump_id).collect();
        let differs = compare(&now.archive, |id| wanted.contains(&id), &copy, None).into_iter();
        differs
            .filter_map(|mismatch| match mismatch.what {
                EntryDifference::Missing => Some(format!("it does not contain {}", mismatch.entry)),
                EntryDifference::Different => same.then(|| format!("{} has changed since", mismatch.entry)),
                // What is gone since will not be dropped.
                EntryDifference::Unexpected => None,
            })
            .collect()
    }

    fn is_of_concern(&self, entry: &Entry) -> bool {
        let within = match &entry.namespace {
            Some(namespace) => self.schemas.contains(&namespace.as_str()),
            None => entry.kind == Kind::Schema && self.schemas.contains(&entry.tag.as_str()),
        };
        within && !is_ours(entry)
    }

    fn rows(&self, manifest: &Manifest) -> Result<Vec<String>, Error> {
        let here = |schema: &String| self.schemas.contains(&schema.as_str());
        let scope = Scope {
            relations: manifest.relations.iter().filter(|relation| here(&relation.schema)).collect(),
            sequences: manifest.sequences.iter().filter(|sequence| here(&sequence.schema)).collect(),
            large_objects: None,
        };
        let differs = prove(self.source.conninfo(), manifest, scope, self.jobs, self.watch, Side::Source)?;
        Ok(differs.into_iter().map(|mismatch| mismatch.to_string()).collect())
    }
}

/// What is there and not in the manifest, which has no rows of it then.
fn lacks(manifest: &Manifest, now: &Now) -> Vec<String> {
    let mut lacks = Vec::new();
    for (schema, name, columns) in &now.tables {
        match manifest.relations.iter().find(|held| held.schema == *schema && held.name == *name) {
            None => lacks.push(format!("it does not contain the table {schema}.{name}")),
            Some(held) => lacks.extend(
                columns
                    .iter()
                    .filter(|c| !held.columns.contains(c))
                    .map(|c| format!("it does not contain {schema}.{name}.{c}")),
            ),
        }
    }
    let sequences = now.sequences.iter();
    lacks.extend(
        sequences
            .filter(|(schema, name)| {
                !manifest.sequences.iter().any(|held| held.schema == *schema && held.name == *name)
            })
            .map(|(schema, name)| format!("it does not contain the sequence {schema}.{name}")),
    );
    lacks
}
