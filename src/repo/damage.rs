//! What can be wrong with a stored object, found by reading it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::layout::{self, ChunkKind, OBJECT_BYTES_MAX};
use super::manifest::ObjectRef;
use super::repository::Repository;
use crate::store::{Store, StoreError};
use crate::stream::seal::Checksum;
use crate::stream::{ChunkKey, OpenError, Opener};

/// One object that is not what a manifest says. Not an error of the check: what it found.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("the object is missing")]
    Missing,
    #[error("it has {found} bytes instead of {expected}")]
    Size { expected: u64, found: u64 },
    #[error("its content differs from what was stored")]
    Checksum,
    #[error("it cannot be read")]
    Store(#[source] StoreError),
    #[error("it cannot be opened")]
    Open(#[source] OpenError),
    #[error("it has {found} bytes after decryption instead of {expected}")]
    PlainSize { expected: u64, found: u64 },
    /// Not looked at now.
    #[error("a check on {} found it damaged, and no later check found it whole", found.format("%Y-%m-%d"))]
    Recorded { found: DateTime<Utc> },
}

impl Damage {
    /// Whether it shows only when the object is opened.
    pub fn is_of_the_content(&self) -> bool {
        matches!(self, Damage::Open(_) | Damage::PlainSize { .. })
    }

    /// Whether the stored bytes are certainly not those that were stored. A store that refuses to answer may answer tomorrow,
    /// and the name of what is missing is free.
    pub fn is_of_the_bytes(&self) -> bool {
        match self {
            Damage::Size { .. } | Damage::Checksum | Damage::PlainSize { .. } => true,
            // The bytes are those that the manifest names, so the header is for another key.
            Damage::Open(OpenError::WrongKey) | Damage::Missing | Damage::Recorded { .. } => false,
            Damage::Open(_) => true,
            Damage::Store(StoreError::Io { source, .. }) => source.raw_os_error() == Some(EIO),
            Damage::Store(_) => false,
        }
    }
}

/// What a disk says of a sector that it cannot read any more.
const EIO: i32 = 5;

/// How deep a check has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReadDepth {
    /// Every stored byte against the checksum that a manifest holds: all that the writer key can see of rows.
    #[serde(rename = "stored bytes")]
    StoredBytes,
    /// Decrypted, decompressed, and against the name.
    #[serde(rename = "plaintext")]
    Plaintext,
}

impl ReadDepth {
    /// As a person reads it.
    pub fn noun(self) -> &'static str {
        match self {
            ReadDepth::StoredBytes => "stored bytes",
            ReadDepth::Plaintext => "plaintext",
        }
    }
}

/// Reads whole objects, each time from the store, and checks all that a manifest says of them.
pub struct ObjectReader {
    store: Arc<Store>,
    opener: Opener,
}

impl Repository {
    pub fn object_reader(&self) -> Result<ObjectReader, RepoError> {
        let opener = self.opener().map_err(|source| RepoError::Object { key: layout::config(), source })?;
        Ok(ObjectReader { store: self.store().clone(), opener })
    }
}

impl ObjectReader {
    /// The object's bytes: of the recorded size and checksum. Takes no key.
    pub async fn stored(&self, kind: ChunkKind, object: &ObjectRef) -> Result<Vec<u8>, Damage> {
        let expected = u64::from(object.stored_bytes);
        let stored =
            match self.store.get(&layout::chunk(kind, &object.object, object.generation), OBJECT_BYTES_MAX).await {
                Ok(stored) => stored,
                Err(StoreError::NoObject { .. }) => return Err(Damage::Missing),
                Err(StoreError::TooLarge { bytes, .. }) => return Err(Damage::Size { expected, found: bytes }),
                Err(error) => return Err(Damage::Store(error)),
            };
        if stored.len() as u64 != expected {
            return Err(Damage::Size { expected, found: stored.len() as u64 });
        }
        if Checksum::of(&stored) != object.checksum {
            return Err(Damage::Checksum);
        }
        Ok(stored)
    }

    /// The object's plaintext: of the recorded size and checksum as stored, and what its name says when opened.
    pub async fn read(&mut self, kind: ChunkKind, object: &ObjectRef, chunk_key: &ChunkKey) -> Result<Vec<u8>, Damage> {
        let stored = self.stored(kind, object).await?;
        let plaintext = self.opener.open_chunk(&stored, &object.object, chunk_key).map_err(Damage::Open)?;
        if plaintext.len() != object.plain_bytes as usize {
            return Err(Damage::PlainSize { expected: object.plain_bytes.into(), found: plaintext.len() as u64 });
        }
        Ok(plaintext)
    }
}
