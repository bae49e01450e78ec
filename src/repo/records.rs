//! A repository's records: reading and writing them, and those of checks and restores.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::Utc;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::damage::ReadDepth;
use super::error::RepoError;
use super::keys::KeyError;
use super::layout::{self, ChunkId, RECORD_BYTES_MAX};
use super::record::{Record, Stored, each_record, read_record};
use super::repository::Repository;
use super::signature::{self, Signed};
use super::signed;
use super::snapshot::{SnapshotId, SnapshotName};
use crate::store::{Listed, ObjectKey, Put, StoreError};
use crate::stream::Sealed;
use crate::stream::seal::PublicRecord;

/// Refused records that are told one by one.
const REFUSED_TOLD_MAX: usize = 1000;

/// Records that nobody trusted has signed as they are.
#[derive(Debug, Default)]
pub struct Refused {
    pub told: Vec<(ObjectKey, &'static str)>,
    /// How many more there are.
    pub more: u64,
}

impl Repository {
    /// Writes a record, durable when this returns. Signed with the key that opened the repository; a reading key
    /// cannot, and a restore key that was replaced may not.
    pub async fn write_record<R: Record>(&self, record: &R) -> Result<ObjectKey, RepoError> {
        let signing = self.key().signing.as_ref().ok_or(KeyError::CannotSign)?;
        self.check_not_replaced().await?;
        self.write_record_signed(record, signing).await
    }

    pub(super) async fn write_record_signed<R: Record>(
        &self,
        record: &R,
        signing: &SigningKey,
    ) -> Result<ObjectKey, RepoError> {
        let name = SnapshotName { time: Utc::now(), id: SnapshotId::random() };
        let key = layout::record(R::KIND, &name);
        let signed = signature::sign(Signed::Record, &key, Sealed::public(record)?, signing);
        match self.store().put(&key, &signed).await? {
            Put::Stored => Ok(key),
            Put::Existed => Err(RepoError::Occupied { key }),
        }
    }

    /// Writes what another key has signed once more, signed with this one, which may have signed some of it.
    pub async fn sign_anew<R: Record>(&self, signing: &SigningKey) -> Result<(), RepoError> {
        let text = |record: &R| serde_json::to_vec(record).ok();
        let (mut signed, own) = (HashSet::new(), [signing.verifying_key()].into());
        each_record(self.store(), &own, |stored: Stored<R>| {
            signed.insert(text(&stored.record));
        })
        .await?;
        for stored in self.records::<R>().await? {
            if signed.insert(text(&stored.record)) {
                self.write_record_signed(&stored.record, signing).await?;
            }
        }
        Ok(())
    }

    /// Whose records are trusted: the writers that are not revoked, and the holder of the restore key.
    pub(super) fn record_signers(&self) -> Arc<[VerifyingKey]> {
        self.trust().active().chain(self.key().root).collect()
    }

    /// All records of a kind, oldest first. One that is damaged, or that nobody trusted has signed, is passed over: whoever
    /// can write to the store could as well have removed it.
    pub async fn records<R: Record>(&self) -> Result<Vec<Stored<R>>, RepoError> {
        let mut records = Vec::new();
        self.each_record(|record| records.push(record)).await?;
        records.sort_unstable_by(|a: &Stored<R>, b| a.key.cmp(&b.key));
        Ok(records)
    }

    /// The same, one by one and in no order: no two of them are held.
    pub async fn each_record<R: Record>(&self, take: impl FnMut(Stored<R>)) -> Result<(), RepoError> {
        each_record(self.store(), &self.record_signers(), take).await
    }

    /// One record of a kind; none if it is not there any more, or is not to be trusted.
    pub async fn record<R: Record>(&self, key: &ObjectKey) -> Result<Option<R>, RepoError> {
        read_record(self.store(), &self.record_signers(), key).await
    }

    /// Records of any kind that nobody trusted has signed as they are, and what is wrong with each. What a key signed before it was
    /// exchanged or revoked is none of them, nor what the keys signed that took this one's place: it counts for nothing, and nobody
    /// has forged it.
    pub async fn refused_records(&self) -> Result<Refused, RepoError> {
        let (mut refused, trusted, retired) = (Refused::default(), self.record_signers(), self.trust().retired());
        let successors = self.successors().await?;
        let known: Arc<[VerifyingKey]> =
            trusted.iter().chain(retired.iter().map(|(signer, _)| signer)).chain(&successors).copied().collect();
        let counts = |signer: &VerifyingKey, key: &ObjectKey| {
            let until = retired.iter().find(|(retired, _)| retired == signer).map(|(_, until)| *until);
            trusted.contains(signer)
                || successors.contains(signer)
                || until.zip(layout::time_of(key)).is_some_and(|(until, time)| time <= until)
        };
        let mut pages = self.store().pages(layout::RECORDS)?;
        while let Some(page) = pages.next().await? {
            for Listed { key, .. } in page {
                let reason = match signed::check(self.store(), Signed::Record, &key, RECORD_BYTES_MAX, &known).await {
                    Err(StoreError::NoObject { .. }) => continue,
                    Ok(Ok(genuine)) if counts(&genuine.signer, &key) => continue,
                    Ok(Ok(_)) => "its writer was revoked before",
                    Ok(Err(reason)) => reason,
                    Err(StoreError::TooLarge { .. }) => "it is too large for a record",
                    Err(StoreError::NotAFile { .. }) => "it is not a file",
                    Err(error) => return Err(error.into()),
                };
                match refused.told.len() < REFUSED_TOLD_MAX {
                    true => refused.told.push((key, reason)),
                    false => refused.more += 1,
                }
            }
        }
        refused.told.sort_unstable();
        Ok(refused)
    }

    /// Clears records away that others have made worthless.
    pub async fn remove_records<R: Record>(&self, records: &[&Stored<R>]) -> Result<(), RepoError> {
        let keys: Vec<ObjectKey> = records.iter().map(|stored| stored.key.clone()).collect();
        Ok(self.store().delete(&keys).await?)
    }

    /// Objects that a check has found to be damaged and none has found whole since.
    pub async fn damaged(&self) -> Result<HashMap<ChunkId, KnownDamage>, RepoError> {
        let mut whole: HashMap<String, SystemTime> = HashMap::new();
        self.each_record(|Stored { stored, record: Sound { objects, .. }, .. }| {
            for object in objects {
                let at = whole.entry(object).or_insert(stored);
                *at = stored.max(*at);
            }
        })
        .await?;
        let mut damaged: HashMap<ChunkId, KnownDamage> = HashMap::new();
        self.each_record(|Stored { stored, record: Damaged { time, objects, content }, .. }| {
            for object in objects {
                // Of two that the store dates alike, the one that makes more careful.
                let is_healed = whole.get(&object).is_some_and(|whole| *whole > stored);
                let in_content = content.contains(&object);
                let id = ObjectKey::new(object).and_then(|key| ChunkId::parse_key(&key));
                let Some(id) = id.filter(|_| !is_healed) else { continue };
                let known = damaged.entry(id).or_insert(KnownDamage { found: time, seen_by: ReadDepth::StoredBytes });
                known.found = time.max(known.found);
                if in_content {
                    known.seen_by = ReadDepth::Plaintext;
                }
            }
        })
        .await?;
        Ok(damaged)
    }
}

/// Objects whose stored bytes were found to be other than those that were stored. A backup takes them for absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    pub time: chrono::DateTime<Utc>,
    /// Their names.
    pub objects: Vec<String>,
    /// Those of them whose stored bytes are the ones that were signed for, and that hold something else than they should: only
    /// whoever opens them sees it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<String>,
}

/// What is recorded of a damaged object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDamage {
    /// When a check found it last, on its host's clock: for people.
    pub found: chrono::DateTime<Utc>,
    /// How deep one must look to see whether it is healed.
    pub seen_by: ReadDepth,
}

/// Objects that were recorded as damaged, and that a later check has read and found to be what manifests say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    pub time: chrono::DateTime<Utc>,
    /// Their names.
    pub objects: Vec<String>,
}

impl PublicRecord for Sound {}

impl Record for Sound {
    const KIND: &'static str = "sound";
}

impl PublicRecord for Damaged {}

impl Record for Damaged {
    const KIND: &'static str = "damaged";
}

/// What a check has read of the repository, whatever it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadShards {
    /// When it began, on its host's clock: for people.
    pub time: chrono::DateTime<Utc>,
    pub depth: ReadDepth,
    /// From its first look at the repository to this record, rounded up. With the record's time in the store it says when the
    /// check began on the store's clock.
    pub seconds: u64,
    /// `data/ab`, `meta/ab`: all objects in them that a snapshot referred to were read.
    pub shards: Vec<String>,
    /// Where it was when its time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ReadPlace>,
    /// The shard that an earlier run had begun, if this one went on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
}

/// Since when a shard is being read that takes several runs, on the store's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub shard: String,
    pub at: chrono::DateTime<Utc>,
}

/// A shard that was read in part: up to this object, in the order of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadPlace {
    pub shard: String,
    pub after: String,
}

impl PublicRecord for ReadShards {}

impl Record for ReadShards {
    const KIND: &'static str = "read";
}

/// That a restore or a drill has read a snapshot whole, and found in the target what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    pub snapshot: SnapshotId,
    pub time: chrono::DateTime<Utc>,
}

impl PublicRecord for Proven {}

impl Record for Proven {
    const KIND: &'static str = "proven";
}
