//! Records: small signed facts about snapshots and objects, each written once beside them.
//!
//! A record is signed by a writer or by the holder of the restore key, and is readable by anyone: none holds a word of the
//! database's content. What a record says may only make pgkeep more careful when it is missing, never less.

use std::time::SystemTime;

use chrono::Utc;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::RepoError;
use super::layout;
use super::repository::Repository;
use super::signature::{self, Signed};
use super::snapshot::{SnapshotId, SnapshotName};
use crate::store::{ObjectKey, Put, StoreError};
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
    /// Writes a record, durable when this returns. Signed with the key that opened the repository.
    pub async fn write_record<R: Record>(&self, record: &R) -> Result<ObjectKey, RepoError> {
        let name = SnapshotName { time: Utc::now(), id: SnapshotId::random() };
        let key = layout::record(R::KIND, &name);
        let signed = signature::sign(Signed::Record, &key, Sealed::public(record)?, &self.key().signing);
        match self.store().put(&key, &signed).await? {
            Put::Stored => Ok(key),
            Put::Existed => Err(RepoError::Occupied { key }),
        }
    }

    /// All records of a kind, oldest first. One that is damaged, or that nobody trusted has signed, is passed over: whoever
    /// can write to the store could as well have removed it.
    pub async fn records<R: Record>(&self) -> Result<Vec<Stored<R>>, RepoError> {
        let trusted = self.key().record_signers();
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
            let bytes = match self.store().get(&listed.key, RECORD_BYTES_MAX).await {
                Ok(bytes) => bytes,
                // Another run has cleared it away since the listing.
                Err(StoreError::NoObject { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let record = content(&listed.key, &bytes).and_then(|content| serde_json::from_slice(content).ok());
            if let Some(record) = record {
                records.push(Stored { key: listed.key, stored: listed.modified, record });
            }
        }
        Ok(records)
    }
}

/// That a restore or a drill has read a snapshot whole, and found in the target what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Proven {
    pub snapshot: SnapshotId,
    pub time: chrono::DateTime<Utc>,
}

impl PublicRecord for Proven {}

impl Record for Proven {
    const KIND: &'static str = "proven";
}
