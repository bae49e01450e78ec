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
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::keys::WriterKey;
use super::layout::ChunkId;
use super::manifest::Manifest;
use super::objects::Objects;
use super::records::Record;
use super::repository::Repository;
use crate::retention::Grace;
use crate::store::ObjectKey;
use crate::stream::seal::PublicRecord;

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
pub struct Watch {
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

impl Watch {
    /// Begins to watch; returns what counts as absent. Whatever the backup learns of stored objects, it must learn afterwards.
    ///
    /// A record counts here whoever signed it: another host's writer may not be known yet, and it can only make a backup store more.
    pub async fn begin(repository: &Repository) -> Result<(Self, Vec<ChunkId>), RepoError> {
        let began = uptime();
        let (mut known, mut absent) = (HashSet::new(), Vec::new());
        for stored in repository.records_of_anyone::<Condemned>().await? {
            known.insert(stored.key);
            absent.extend(stored.record.objects);
        }
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
        let mut sight = Sight::Clear;
        for stored in repository.records_of_anyone::<Condemned>().await? {
            let used = objects.referred_to(&stored.record.objects);
            if used > 0 && (self.known.contains(&stored.key) || elapsed >= stored.record.grace() / 2) {
                return Err(RepoError::Overtaken { objects: used, elapsed });
            }
            if used > 0 {
                sight = Sight::Pressed;
            }
        }
        // No record is cleared away sooner, so until then the records say everything.
        if elapsed >= Grace::LEAST.duration() {
            match objects.missing(&repository.listing().await?) {
                0 => {}
                missing => return Err(RepoError::Overtaken { objects: missing, elapsed }),
            }
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

/// Time since the host was started, asleep or not: nobody sets this clock.
pub(super) fn uptime() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
