//! `pgkeep list` and `pgkeep show`: what is in the repository.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::error::Error;
use crate::repo::manifest::{LeftOut, Manifest};
use crate::repo::{Proven, Repository, SnapshotId, Stored};
use crate::stream::{Digest, RowFormat};

#[derive(Debug, Serialize)]
pub struct Line {
    pub snapshot: SnapshotId,
    pub time: DateTime<Utc>,
    pub database: String,
    pub server_version: String,
    pub schemas: Vec<String>,
    pub tags: Vec<String>,
    pub tables: u64,
    pub rows: u64,
    pub bytes_read: u64,
    pub bytes_stored: u64,
    /// When a restore of the whole snapshot was last proven.
    pub proven_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
pub struct Details {
    #[serde(flatten)]
    pub line: Line,
    pub parent: Option<SnapshotId>,
    pub whole_database: bool,
    pub elapsed_ms: u64,
    pub pg_dump_version: String,
    pub relations: Vec<RelationLine>,
    pub sequences: usize,
    pub large_objects: usize,
    pub roles: Vec<String>,
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
pub struct RelationLine {
    pub schema: String,
    pub name: String,
    pub format: RowFormat,
    #[serde(flatten)]
    pub digest: Digest,
}

/// All snapshots, oldest first. A manifest that cannot be trusted is an error, not a gap in the list.
pub async fn list(repository: &Repository) -> Result<Vec<Line>, Error> {
    let proofs = repository.records::<Proven>().await?;
    let mut lines = Vec::new();
    for name in repository.snapshots().await? {
        lines.extend(repository.manifest_if_there(&name).await?.map(|manifest| line(&manifest, &proofs)));
    }
    Ok(lines)
}

pub async fn show(repository: &Repository, asked: &str) -> Result<Details, Error> {
    let manifest = repository.manifest(&repository.resolve(asked).await?).await?;
    let relation = |relation: &crate::repo::manifest::Relation| RelationLine {
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        format: relation.format,
        digest: relation.digest,
    };
    Ok(Details {
        line: line(&manifest, &repository.records::<Proven>().await?),
        parent: manifest.parent.clone(),
        whole_database: manifest.request.is_whole_database(),
        elapsed_ms: (manifest.finished - manifest.time).num_milliseconds().unsigned_abs(),
        pg_dump_version: manifest.pg_dump_version.clone(),
        relations: manifest.relations.iter().map(relation).collect(),
        sequences: manifest.sequences.len(),
        large_objects: manifest.large_objects.as_ref().map_or(0, |l| l.objects.len()),
        roles: manifest.roles.iter().map(|role| role.name.clone()).collect(),
        left_out: manifest.left_out,
    })
}

fn line(manifest: &Manifest, proofs: &[Stored<Proven>]) -> Line {
    Line {
        snapshot: manifest.snapshot.clone(),
        time: manifest.time,
        database: manifest.database.name.clone(),
        server_version: manifest.server.version.clone(),
        schemas: manifest.schemas(),
        tags: manifest.tags.clone(),
        tables: manifest.totals.tables,
        rows: manifest.totals.rows,
        bytes_read: manifest.totals.bytes_read,
        bytes_stored: manifest.totals.bytes_stored,
        proven_at: proofs.iter().map(|p| &p.record).filter(|p| p.snapshot == manifest.snapshot).map(|p| p.time).max(),
    }
}
