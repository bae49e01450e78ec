//! Records: small signed facts about snapshots and objects, each written once beside them.
//!
//! A record is signed by a writer or by the holder of the restore key, and is readable by anyone: none holds a word of the
//! database's content. What a record says may only make pgkeep more careful when it is missing, never less.

use std::collections::HashSet;
use std::time::SystemTime;

use chrono::Utc;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::damage::ReadDepth;
use super::error::RepoError;
use super::keys::KeyError;
use super::layout::{self, ChunkId};
use super::repository::Repository;
use super::signature::{self, Signed};
use super::snapshot::{SnapshotId, SnapshotName};
use crate::store::{Listed, ObjectKey, Put, StoreError};
use crate::stream::Sealed;
use crate::stream::seal::PublicRecord;

const RECORD_BYTES_MAX: u64 = 256 << 20;

/// A type of record. Its folder is `records/KIND/`.
pub trait Record: PublicRecord + DeserializeOwned {
    /// Lower-case letters.
    const KIND: &'static str;
}

/// A record as the repository holds it.
#[derive(Clone, Debug)]
pub struct Stored<R> {
    pub key: ObjectKey,
    /// When it was stored, on the store's clock.
    pub stored: SystemTime,
    pub record: R,
}

impl Repository {
    /// Writes a record, durable when this returns. Signed with the key that opened the repository; a reading key cannot.
    pub async fn write_record<R: Record>(&self, record: &R) -> Result<ObjectKey, RepoError> {
        let signing = self.key().signing.as_ref().ok_or(KeyError::CannotSign)?;
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

    /// Whose records are trusted: the writers that are not revoked, and the holder of the restore key.
    fn record_signers(&self) -> Vec<VerifyingKey> {
        self.trust().active().chain(self.key().root).collect()
    }

    /// All records of a kind, oldest first. One that is damaged, or that nobody trusted has signed, is passed over: whoever
    /// can write to the store could as well have removed it.
    pub async fn records<R: Record>(&self) -> Result<Vec<Stored<R>>, RepoError> {
        let trusted = self.record_signers();
        self.read_records(|key, bytes| Some(signature::check(Signed::Record, key, bytes, &trusted).ok()?.1)).await
    }

    /// The same, whoever signed them. For records that can only make a reader more careful.
    pub async fn records_of_anyone<R: Record>(&self) -> Result<Vec<Stored<R>>, RepoError> {
        self.read_records(|_, bytes| signature::content(Signed::Record, bytes)).await
    }

    async fn read_records<R: Record>(
        &self,
        content: impl for<'b> Fn(&ObjectKey, &'b [u8]) -> Option<&'b [u8]>,
    ) -> Result<Vec<Stored<R>>, RepoError> {
        let mut records = Vec::new();
        for listed in self.store().list(&layout::records(R::KIND)).await? {
            let Some(bytes) = self.record_bytes(&listed.key).await? else { continue };
            let record = content(&listed.key, &bytes).and_then(|content| serde_json::from_slice(content).ok());
            if let Some(record) = record {
                records.push(Stored { key: listed.key, stored: listed.modified, record });
            }
        }
        Ok(records)
    }

    /// Records of any kind that nobody trusted has signed as they are, and what is wrong with each.
    pub async fn refused_records(&self) -> Result<Vec<(ObjectKey, &'static str)>, RepoError> {
        let (mut refused, trusted) = (Vec::new(), self.record_signers());
        for Listed { key, .. } in self.store().list(layout::RECORDS).await? {
            let Some(bytes) = self.record_bytes(&key).await? else { continue };
            if let Err(reason) = signature::check(Signed::Record, &key, &bytes, &trusted) {
                refused.push((key, reason));
            }
        }
        Ok(refused)
    }

    /// Clears records away that others have made worthless.
    pub async fn remove_records<R: Record>(&self, records: &[&Stored<R>]) -> Result<(), RepoError> {
        let keys: Vec<ObjectKey> = records.iter().map(|stored| stored.key.clone()).collect();
        Ok(self.store().delete(&keys).await?)
    }

    /// None where another run has cleared it away since the listing.
    async fn record_bytes(&self, key: &ObjectKey) -> Result<Option<Vec<u8>>, RepoError> {
        match self.store().get(key, RECORD_BYTES_MAX).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NoObject { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Objects that a check has found to be damaged, at any time.
    pub async fn damaged(&self) -> Result<HashSet<ChunkId>, RepoError> {
        let records = self.records::<Damaged>().await?;
        let names = records.iter().flat_map(|stored| &stored.record.objects);
        Ok(names.filter_map(|name| ChunkId::parse_key(&ObjectKey::new(name)?)).collect())
    }
}

/// Objects whose stored bytes were found to be other than those that were stored. A backup takes them for absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    pub time: chrono::DateTime<Utc>,
    /// Their names.
    pub objects: Vec<String>,
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
