//! The names in `snapshots/`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::error::RepoError;
use super::layout::{self, MANIFEST_BYTES_MAX};
use super::repository::Repository;
use super::signature::Signed;
use super::snapshot::SnapshotName;

/// Names that are kept, at most: 60 bytes each. With more, nobody could say which of them are snapshots in any bounded time.
const NAMES_MAX: usize = 500_000;
/// Of objects in `snapshots/` that are no manifests, so many are told one by one.
pub const TOLD_MAX: usize = 1000;

/// One name in `snapshots/`. Whether its manifest is genuine shows when it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredManifest {
    pub name: SnapshotName,
    /// When it was stored, on the store's clock.
    pub stored: SystemTime,
    pub bytes: u64,
}

/// The names in `snapshots/`, oldest first.
#[derive(Debug, Default)]
pub struct Names {
    pub manifests: Vec<StoredManifest>,
    /// How many more objects there are that cannot be manifests, for they are too small or too large.
    pub odd_more: u64,
}

impl Repository {
    /// Names of all snapshots, oldest first. Whether a manifest is genuine shows when it is read.
    pub async fn snapshots(&self) -> Result<Vec<SnapshotName>, RepoError> {
        Ok(self.names().await?.manifests.into_iter().map(|stored| stored.name).collect())
    }

    /// The same with what the store says of each.
    pub async fn names(&self) -> Result<Names, RepoError> {
        let (mut names, mut odd) = (Names::default(), 0);
        let possible = Signed::Manifest.bytes_min()..=MANIFEST_BYTES_MAX;
        let mut pages = self.store().pages(layout::SNAPSHOTS)?;
        while let Some(page) = pages.next().await? {
            for listed in page {
                let Some(name) = SnapshotName::parse_key(&listed.key) else { continue };
                if !possible.contains(&listed.bytes) {
                    odd += 1;
                    if odd > TOLD_MAX {
                        names.odd_more += 1;
                        continue;
                    }
                }
                if names.manifests.len() >= NAMES_MAX {
                    return Err(RepoError::TooMany { folder: layout::SNAPSHOTS.into(), most: NAMES_MAX });
                }
                names.manifests.push(StoredManifest { name, stored: listed.modified, bytes: listed.bytes });
            }
        }
        names.manifests.sort_unstable();
        Ok(names)
    }

    /// Bytes of these manifests as stored.
    pub async fn snapshot_bytes(&self) -> Result<BTreeMap<SnapshotName, u64>, RepoError> {
        Ok(self.names().await?.manifests.into_iter().map(|stored| (stored.name, stored.bytes)).collect())
    }
}
