//! `pgkeep list` and `pgkeep show`: what is in the repository.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ahead;
use super::error::Error;
use super::finding::with_causes;
use super::hurt::Recorded;
use super::shards::{History, days_between};
use crate::command::moment::rfc3339;
use crate::repo::manifest::{LeftOut, Manifest, Request};
use crate::repo::names::{Names, StoredManifest, TOLD_MAX};
use crate::repo::{Proven, ReadDepth, ReadShards, RepoError, Repository, SnapshotId, Stored};
use crate::retention::is_ahead;
use crate::store::StoreError;
use crate::stream::{Digest, RowFormat};

#[derive(Debug, Serialize)]
pub struct Line {
    pub snapshot: SnapshotId,
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    pub database: String,
    pub server_version: String,
    pub schemas: Vec<String>,
    /// Nothing was left out by patterns.
    pub whole_database: bool,
    /// The patterns that were asked for.
    pub selection: Request,
    pub tags: Vec<String>,
    pub tables: u64,
    pub rows: u64,
    pub bytes_read: u64,
    pub bytes_stored: u64,
    /// When a restore of the whole snapshot was last proven.
    #[serde(serialize_with = "rfc3339")]
    pub proven_at: Option<DateTime<Utc>>,
    /// Every byte of it was read, against its checksum at least, within so many days; none: not all of it was ever read.
    pub read_within_days: Option<u64>,
    /// It was stored so shortly before the last reading of all began that it may have come after it.
    #[serde(skip)]
    pub too_new: bool,
    /// Why it may not hold what it should; empty where nothing is suspicious.
    pub suspicious: Vec<String>,
    /// What would have been suspicious, had it not been accepted.
    pub accepted: Vec<String>,
    /// Tables whose rows it cannot give back, by damage that a check has recorded and none has found healed.
    pub hurt: BTreeSet<String>,
    /// Its time lies in the future, so it is not `latest` while there is another.
    pub ahead: bool,
}

#[derive(Debug, Serialize)]
pub struct Details {
    #[serde(flatten)]
    pub line: Line,
    pub parent: Option<SnapshotId>,
    pub elapsed_ms: u64,
    pub pg_dump_version: String,
    pub relations: Vec<RelationLine>,
    pub sequences: usize,
    pub large_objects: usize,
    pub roles: Vec<String>,
    pub left_out: Vec<LeftOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct RelationLine {
    pub schema: String,
    pub name: String,
    pub format: RowFormat,
    #[serde(flatten)]
    pub digest: Digest,
}

/// One snapshot of the list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Entry {
    Whole(Box<Line>),
    Damaged(DamagedLine),
}

impl Entry {
    /// Whether it cannot give back all that it should, as far as anybody knows.
    pub fn is_damaged(&self) -> bool {
        match self {
            Entry::Whole(line) => !line.hurt.is_empty(),
            Entry::Damaged(_) => true,
        }
    }
}

/// A snapshot whose manifest cannot be used, and says nothing that could be relied on.
#[derive(Debug, Serialize)]
pub struct DamagedLine {
    pub snapshot: SnapshotId,
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
    pub damaged: String,
    /// What to do about it.
    #[serde(skip)]
    pub hint: Option<String>,
}

/// All snapshots, oldest first. One whose manifest is damaged or not to be trusted has its place among them, and is no gap.
pub async fn list(repository: &Repository) -> Result<Vec<Entry>, Error> {
    let known = Known::of(repository).await?;
    let Names { manifests, odd_more: mut untold } = repository.names().await?;
    let mut recorded = Recorded::of(repository).await?;
    let (mut entries, mut damaged) = (Vec::new(), 0);
    for StoredManifest { name, stored, .. } in manifests {
        match repository.manifest(&name).await {
            Ok(manifest) => {
                let hurt = recorded.tables_hurt(repository, &manifest).await;
                entries.push(Entry::Whole(Box::new(line(&manifest, Some(stored), &known, hurt))));
            }
            // Removed by another run since the listing.
            Err(RepoError::Store(StoreError::NoObject { .. })) => {}
            Err(
                error @ (RepoError::Signature { .. }
                | RepoError::Manifest { .. }
                | RepoError::Object { .. }
                | RepoError::Store(StoreError::TooLarge { .. } | StoreError::NotAFile { .. })),
            ) => {
                damaged += 1;
                if damaged > TOLD_MAX {
                    untold += 1;
                    continue;
                }
                let damaged = with_causes(&error);
                let hint = error.hint();
                entries.push(Entry::Damaged(DamagedLine { snapshot: name.id, time: name.time, damaged, hint }));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let last = entries.iter_mut().rev().find_map(|entry| match entry {
        Entry::Damaged(line) => Some(line),
        Entry::Whole(_) => None,
    });
    if let Some(line) = last.filter(|_| untold > 0) {
        line.damaged += &format!(" ({untold} more objects in snapshots/ are not manifests either)");
    }
    Ok(entries)
}

/// Whether rows are stored although no snapshot has them: of a backup that did not finish, or of a copy that is not whole.
pub async fn holds_rows(repository: &Repository) -> Result<bool, Error> {
    Ok(repository.holds_chunks().await?)
}

/// A store may say that an object was stored some time before it showed in a listing: it counts whole seconds, or from the
/// beginning of the writing.
const APPEARING: Duration = Duration::from_secs(60);

/// When a check began is known to so much: it writes down whole seconds.
const ROUNDED: Duration = Duration::from_secs(2);

/// What records say about snapshots.
struct Known {
    proofs: Vec<Stored<Proven>>,
    /// Since when every byte that was there then was read, on the store's clock.
    all_read_since: Option<SystemTime>,
}

impl Known {
    async fn of(repository: &Repository) -> Result<Self, Error> {
        let read = repository.records::<ReadShards>().await?;
        let all_read_since = History::of(&read, ReadDepth::StoredBytes).all_read_since();
        Ok(Self { proofs: repository.records::<Proven>().await?, all_read_since })
    }
}

pub async fn show(repository: &Repository, asked: &str) -> Result<Details, Error> {
    let name = repository.resolve(asked).await?;
    let manifest = repository.manifest(&name).await?;
    let names = repository.names().await?.manifests;
    let stored = names.into_iter().find(|stored| stored.name == name).map(|stored| stored.stored);
    let hurt = Recorded::of(repository).await?.tables_hurt(repository, &manifest).await;
    let relation = |relation: &crate::repo::manifest::Relation| RelationLine {
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        format: relation.format,
        digest: relation.digest,
    };
    Ok(Details {
        line: line(&manifest, stored, &Known::of(repository).await?, hurt),
        parent: manifest.parent.clone(),
        elapsed_ms: (manifest.finished - manifest.time).num_milliseconds().unsigned_abs(),
        pg_dump_version: manifest.pg_dump_version.clone(),
        relations: manifest.relations.iter().map(relation).collect(),
        sequences: manifest.sequences.len(),
        large_objects: manifest.large_objects.as_ref().map_or(0, |l| l.objects.len()),
        roles: manifest.roles.iter().map(|role| role.name.clone()).collect(),
        left_out: manifest.left_out,
        warnings: ahead::warning(repository).await?.into_iter().collect(),
    })
}

/// `stored`: when the manifest was, on the store's clock.
fn line(manifest: &Manifest, stored: Option<SystemTime>, known: &Known, hurt: BTreeSet<String>) -> Line {
    let proofs = known.proofs.iter().map(|p| &p.record).filter(|p| p.snapshot == manifest.snapshot);
    // A snapshot that came after the reading began may have bytes that nobody has read yet.
    let was_there = |since: &SystemTime| stored.is_some_and(|stored| stored + APPEARING <= *since);
    let read_since = known.all_read_since.filter(was_there);
    let too_new =
        known.all_read_since.is_some_and(|since| !was_there(&since) && stored.is_some_and(|at| at <= since + ROUNDED));
    Line {
        snapshot: manifest.snapshot.clone(),
        time: manifest.time,
        database: manifest.database.name.clone(),
        server_version: manifest.server.version.clone(),
        schemas: manifest.schemas(),
        whole_database: manifest.request.is_whole_database(),
        selection: manifest.request.clone(),
        tags: manifest.tags.clone(),
        tables: manifest.totals.tables,
        rows: manifest.totals.rows,
        bytes_read: manifest.totals.bytes_read,
        bytes_stored: manifest.totals.bytes_stored,
        proven_at: proofs.map(|p| p.time).max(),
        read_within_days: read_since.map(|since| days_between(since, SystemTime::now())),
        too_new,
        suspicious: manifest.suspicious.clone(),
        accepted: manifest.accepted.clone(),
        hurt,
        ahead: is_ahead(manifest.time, Utc::now()),
    }
}
