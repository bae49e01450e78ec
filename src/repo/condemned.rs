//! Objects that will be deleted: named first, deleted only when no backup can count on them any more.
//!
//! A prune and a backup on different hosts share no lock and no clock, only the store. What holds between them:
//!
//! - A backup treats every object as absent that a record names when it begins, and writes the chunk under the next generation.
//! - Before its manifest, a backup looks again. If it refers to an object that was condemned meanwhile, its manifest must come within
//!   half the grace period of its beginning, which it measures itself; otherwise it fails.
//! - A prune deletes an object only when its record is older than the grace period, by times that the store gave to both, and
//!   when no manifest that was listed after that refers to the object.
//! - The record outlives its objects by another grace period (kind `swept` says since when), so that no name is written anew while a
//!   slower prune may still be deleting it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::index::Absent;
use super::keyring::{Keyring, Trust};
use super::keys::WriterKey;
use super::layout::{self, ChunkId};
use super::manifest::Manifest;
use super::objects::Objects;
use super::record::{Record, Stored, each_record};
use super::repository::Repository;
use super::signature::{self, Signed};
use crate::retention::Grace;
use crate::store::{Listed, ObjectKey, StoreError};
use crate::stream::seal::PublicRecord;

/// No record that a prune writes is larger: 100,000 names of 81 bytes were the most.
const CONDEMNED_BYTES_MAX: u64 = 16 << 20;
/// Objects that records of signers whom nobody knows may name together.
const OF_ANYONE_MAX: usize = 1_000_000;

/// Chunk objects that no manifest referred to when the record was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// How old, on the store's clock, the record must be before the objects are deleted, whatever a later prune is told.
    pub grace_seconds: u64,
    pub objects: Vec<ChunkId>,
}

impl PublicRecord for Condemned {}

impl Record for Condemned {
    const KIND: &'static str = "condemned";
}

impl Condemned {
    /// Never less than the least: backups rely on it.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds).max(Grace::LEAST.duration())
    }
}

/// That whatever could be deleted of a `condemned` record was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// The record's name.
    pub condemned: String,
}

impl PublicRecord for Swept {}

impl Record for Swept {
    const KIND: &'static str = "swept";
}

/// A backup's eye on what is condemned while it runs.
pub struct Lookout {
    began: Duration,
    known: HashSet<ObjectKey>,
}

/// How a look at the condemned objects ended that did not end the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing that the backup refers to is condemned.
    Clear,
    /// Something is, and will be kept if the manifest comes soon.
    Pressed,
}

impl Lookout {
    /// Begins to watch; returns what counts as absent. Whatever the backup learns of stored objects, it must learn afterwards.
    pub async fn begin(repository: &Repository) -> Result<(Self, Absent), RepoError> {
        let began = uptime();
        let (mut known, mut absent) = (HashSet::new(), Absent::default());
        repository
            .each_condemned(|stored| {
                known.insert(stored.key);
                absent.extend(&stored.record.objects);
            })
            .await?;
        Ok((Self { began, known }, absent))
    }

    /// Since the beginning. Counts the time that the host was asleep.
    pub fn elapsed(&self) -> Duration {
        uptime().saturating_sub(self.began)
    }

    /// Looks again, when all objects are settled and before the manifest is written.
    ///
    /// # Errors
    /// [`RepoError::Overtaken`] if what this backup refers to may be deleted before its manifest is seen, or is gone.
    pub async fn look(
        &self,
        repository: &Repository,
        objects: &Objects,
        elapsed: Duration,
    ) -> Result<Sight, RepoError> {
        let (mut sight, mut overtaken) = (Sight::Clear, 0);
        repository
            .each_condemned(|stored| {
                let used = objects.referred_to(&stored.record.objects);
                if used > 0 && (self.known.contains(&stored.key) || elapsed >= stored.record.grace() / 2) {
                    overtaken += used;
                } else if used > 0 {
                    sight = Sight::Pressed;
                }
            })
            .await?;
        // No record is cleared away sooner, so until then the records say everything.
        if overtaken == 0 && elapsed >= Grace::LEAST.duration() {
            overtaken = objects.missing().await?;
        }
        if overtaken > 0 {
            return Err(RepoError::Overtaken { objects: overtaken, elapsed });
        }
        Ok(sight)
    }

    /// Writes the manifest, with a look before, and one after it where the host was so slow (or slept) between the two that a prune
    /// may have been faster. Returns the manifest's size as stored.
    pub async fn write_manifest(
        &self,
        repository: &Repository,
        key: &WriterKey,
        manifest: &Manifest,
        objects: &Objects,
    ) -> Result<u64, RepoError> {
        let looked = uptime();
        let sight = self.look(repository, objects, self.elapsed()).await?;
        let bytes = repository.write_manifest(key, manifest).await?;
        if sight == Sight::Pressed || uptime().saturating_sub(looked) >= Grace::LEAST.duration() / 2 {
            self.confirm(repository, manifest, objects, self.elapsed()).await?;
        }
        Ok(bytes)
    }

    /// Looks once more when the manifest is there, and takes it back if it came too late.
    pub async fn confirm(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        objects: &Objects,
        elapsed: Duration,
    ) -> Result<(), RepoError> {
        match self.look(repository, objects, elapsed).await {
            Ok(_) => Ok(()),
            Err(overtaken) => {
                repository.store().delete(&[manifest.name().key()]).await?;
                Err(overtaken)
            }
        }
    }
}

impl Repository {
    /// Gives each `condemned` record that a backup must heed, one by one: of every writer that the keyring names at this moment, those
    /// included that were revoked, whose prunes may be still at work, and of the holder of the restore key. A key without a root cannot
    /// know who else writes: with one, whoever signed.
    async fn each_condemned(&self, take: impl FnMut(Stored<Condemned>)) -> Result<(), RepoError> {
        let Some(root) = self.key().root else { return self.each_condemned_of_anyone(take).await };
        let keyring = Keyring::load(self.store(), Some(root)).await?;
        let writers = Trust::new(&self.key().signers, &keyring).manifest_signers();
        let signers: Arc<[VerifyingKey]> = writers.iter().copied().chain([root]).collect();
        each_record(self.store(), &signers, take).await
    }

    async fn each_condemned_of_anyone(&self, mut take: impl FnMut(Stored<Condemned>)) -> Result<(), RepoError> {
        let folder = layout::records(Condemned::KIND);
        let (mut pages, mut objects) = (self.store().pages(&folder)?, 0);
        while let Some(page) = pages.next().await? {
            for Listed { key, modified, .. } in page {
                let bytes = match self.store().get(&key, CONDEMNED_BYTES_MAX).await {
                    Ok(bytes) => bytes,
                    Err(StoreError::NoObject { .. } | StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let content = signature::content(Signed::Record, &bytes);
                let Some(record) = content.and_then(|json| serde_json::from_slice::<Condemned>(json).ok()) else {
                    continue;
                };
                objects += record.objects.len();
                // To pass one over would be to count on what may be deleted.
                if objects > OF_ANYONE_MAX {
                    return Err(RepoError::TooMany { folder, most: OF_ANYONE_MAX });
                }
                take(Stored { key, stored: modified, record });
            }
        }
        Ok(())
    }
}

/// Time since the host was started, asleep or not: nobody sets this clock.
pub(super) fn uptime() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
