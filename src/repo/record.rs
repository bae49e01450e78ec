//! Records: small signed facts about snapshots and objects, each written once beside them.
//!
//! A record is signed by a writer or by the holder of the restore key, and is readable by anyone: none holds a word of the
//! database's content. What a record says may only make pgkeep more careful when it is missing, never less.

use std::sync::Arc;
use std::time::SystemTime;

use ed25519_dalek::VerifyingKey;
use serde::de::DeserializeOwned;

use super::error::RepoError;
use super::layout::{self, RECORD_BYTES_MAX};
use super::signature::Signed;
use super::signed;
use crate::store::{Listed, ObjectKey, Store, StoreError};
use crate::stream::seal::PublicRecord;

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

/// Reads the records of a kind that one of `trusted` has signed, one by one and in no order.
pub(super) async fn each_record<R: Record>(
    store: &Store,
    trusted: &Arc<[VerifyingKey]>,
    mut take: impl FnMut(Stored<R>),
) -> Result<(), RepoError> {
    let mut pages = store.pages(&layout::records(R::KIND))?;
    while let Some(page) = pages.next().await? {
        for Listed { key, bytes, modified } in page {
            if bytes < Signed::Record.bytes_min() {
                continue;
            }
            if let Some(record) = read_record(store, trusted, &key).await? {
                take(Stored { key, stored: modified, record });
            }
        }
    }
    Ok(())
}

/// None where another run has cleared it away, or where it is not what somebody trusted has signed.
pub(super) async fn read_record<R: Record>(
    store: &Store,
    trusted: &Arc<[VerifyingKey]>,
    key: &ObjectKey,
) -> Result<Option<R>, RepoError> {
    match signed::content(store, Signed::Record, key, RECORD_BYTES_MAX, trusted).await {
        Ok(Ok((_, content))) => Ok(serde_json::from_slice(&content).ok()),
        Ok(Err(_)) => Ok(None),
        Err(StoreError::NoObject { .. } | StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
