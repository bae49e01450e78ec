//! `pgkeep verify`: is the repository whole, and does a live database hold what a snapshot says?

use std::sync::Arc;

use serde::Serialize;

use super::error::Error;
use super::finding::Finding;
use super::inventory::{Findings, Inventory};
use super::progress::Progress;
use super::proof::{self, Scope, Side};
use crate::pg::conninfo::Conninfo;
use crate::repo::keys::KeyKind;
use crate::repo::{KeyError, RepoError, Repository, SnapshotId};
use crate::stop::Stop;
use crate::store::StoreError;

pub struct Options {
    /// An id, the beginning of one, or `latest`; none: all snapshots.
    pub snapshot: Option<String>,
    pub depth: Depth,
    /// A live database to compare with the snapshot, which must be named then.
    pub against: Option<Conninfo>,
    pub jobs: usize,
}

/// How closely objects are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether each is there with its size, from listings. Either key will do.
    Listing,
    /// Every byte. Takes the restore key.
    Data,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing is wrong: there are no findings.
    pub ok: bool,
    /// Snapshots whose manifest is genuine.
    pub snapshots_checked: u64,
    pub objects_checked: u64,
    /// Bytes of these objects as stored: as listed, or as read with `--read-data`.
    pub bytes_checked: u64,
    /// Objects that no snapshot refers to, where all snapshots were checked. A backup that was stopped leaves such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects_unreferenced: Option<u64>,
    /// The snapshot that a live database was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<SnapshotId>,
    pub findings: Vec<Finding>,
}

/// Checks and reports. What is wrong with the repository or the live database is a finding; an error is what kept the check from
/// being made.
pub async fn run(
    repository: &Repository,
    options: &Options,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Report, Error> {
    if options.depth == Depth::Data && repository.key_kind() != KeyKind::Restore {
        return Err(KeyError::NotGiven { kind: KeyKind::Restore }.into());
    }
    let against = match (&options.against, &options.snapshot) {
        (Some(_), None) => return Err(unnamed()),
        (against, _) => against.as_ref(),
    };

    progress.set_phase("reading manifests");
    let asked = match &options.snapshot {
        Some(asked) => vec![repository.resolve(asked).await?],
        None => repository.snapshots().await?,
    };
    if asked.is_empty() {
        return Err(RepoError::Empty { database: None }.into());
    }
    let mut inventory = Inventory::new(repository, repository.listing().await?);
    let (mut genuine, mut findings) = (Vec::new(), Vec::new());
    for name in asked {
        match repository.manifest(&name).await {
            Ok(manifest) => {
                inventory.add(&manifest).await?;
                genuine.push(name);
            }
            // A prune has forgotten it since the listing.
            Err(RepoError::Store(StoreError::NoObject { .. })) if options.snapshot.is_none() => {}
            // Not a fault of the repository.
            Err(error @ RepoError::Key(_)) => return Err(error.into()),
            Err(error) => {
                let mut finding = Finding::of_manifest(name.key().to_string(), &error);
                finding.snapshots.insert(name.id);
                findings.push(finding);
            }
        }
    }

    if options.depth == Depth::Data {
        progress.set_phase("reading objects");
        inventory.read(options.jobs, progress, stop)?;
    }
    if options.depth == Depth::Data || !inventory.is_whole() {
        progress.set_phase("comparing digests");
        let mut hurt = Findings::default();
        for name in &genuine {
            if let Some(manifest) = repository.manifest_if_there(name).await? {
                inventory.attribute(&manifest, &mut hurt).await?;
            }
        }
        findings.extend(hurt.into_vec());
    }

    let mut compared = None;
    if let (Some(conninfo), Some(name)) = (against, genuine.first()) {
        progress.set_phase("comparing rows");
        let manifest = repository.manifest(name).await?;
        let scope = Scope::whole(&manifest);
        let mismatches = proof::prove(conninfo, &manifest, scope, options.jobs, progress, stop, Side::Source)?;
        findings.extend(mismatches.into_iter().map(|mismatch| Finding::of_mismatch(mismatch, &manifest.snapshot)));
        compared = Some(manifest.snapshot);
    }

    Ok(Report {
        ok: findings.is_empty(),
        snapshots_checked: genuine.len() as u64,
        objects_checked: inventory.objects(),
        bytes_checked: inventory.bytes(),
        objects_unreferenced: options.snapshot.is_none().then(|| inventory.unreferenced()),
        compared,
        findings,
    })
}

fn unnamed() -> Error {
    Error::Usage {
        what: "--against needs the name of a snapshot".into(),
        hint: Some("pgkeep verify latest --against DSN compares with the newest one.".into()),
    }
}
