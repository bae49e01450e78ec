//! Records: small signed facts about snapshots and objects, each written once beside them.
//!
//! A record is signed by a writer or by the holder of the restore key, and is readable by anyone: none holds a word of the
//! database's content. What a record says may only make pgkeep more careful when it is missing, never less.

use std::time::SystemTime;

use chrono::Utc;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::RepoError;
use super::keys::KeyError;
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
        let mut records = Vec::new();
        for listed in self.store().list(&layout::records(R::KIND)).await? {
            let bytes = match self.store().get(&listed.key, RECORD_BYTES_MAX).await {
                Ok(bytes) => bytes,
                // Another run has cleared it away since the listing.
                Err(StoreError::NoObject { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let content = signature::check(Signed::Record, &listed.key, &bytes, &self.record_signers());
            let record = content.ok().and_then(|(_, content)| serde_json::from_slice(content).ok());
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
