//! A restore key in whose place there is another.
//!
//! Its holder does not know the new root, so nothing proves to him that a keyring of the new one is genuine. It says that it
//! replaced this key, and whoever wrote it signed that: enough to write nothing with this key until somebody has looked.

use chrono::{DateTime, Utc};
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;

use super::error::RepoError;
use super::keyring::{FormerRoot, Keyring};
use super::keys::{KeyError, KeyKind};
use super::layout;
use super::record::Record;
use super::repository::Repository;
use super::signature::Signed;
use super::signed;
use crate::store::{Listed, ObjectKey, Store, StoreError};

/// Nobody answers for the size of such a record, and it is held. It has room for what stays trusted of 100,000 snapshots.
const CLAIM_BYTES_MAX: u64 = 16 << 20;

/// What the first keyring says that has this root among the restore keys of earlier days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    pub number: u64,
    pub time: DateTime<Utc>,
    pub record: ObjectKey,
}

/// Of a keyring what matters here.
#[derive(Deserialize)]
struct Claim {
    number: u64,
    #[serde(default)]
    former_roots: Vec<FormerRoot>,
}

impl Replaced {
    async fn find(store: &Store, root: VerifyingKey) -> Result<Option<Self>, RepoError> {
        let mut found: Option<Self> = None;
        let mut pages = store.pages(&layout::records(Keyring::KIND))?;
        while let Some(page) = pages.next().await? {
            for Listed { key, bytes, .. } in page {
                if bytes < Signed::Record.bytes_min() || bytes > CLAIM_BYTES_MAX {
                    continue;
                }
                let Some(replaced) = Self::read(store, &key, root).await? else { continue };
                if found.as_ref().is_none_or(|found| replaced.number < found.number) {
                    found = Some(replaced);
                }
            }
        }
        Ok(found)
    }

    async fn read(store: &Store, key: &ObjectKey, root: VerifyingKey) -> Result<Option<Self>, RepoError> {
        let claimed = match signed::claimed(store, Signed::Record, key, CLAIM_BYTES_MAX).await {
            Ok(Some((signer, content))) if signer != root => content,
            Ok(_) | Err(StoreError::NoObject { .. } | StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let Ok(Claim { number, former_roots }) = serde_json::from_slice(&claimed) else { return Ok(None) };
        let former = former_roots.into_iter().find(|former| former.root == root);
        Ok(former.map(|former| Self { number, time: former.until, record: key.clone() }))
    }
}

impl Repository {
    /// Whether another restore key has taken the place of the one that this key obeys, or is.
    pub async fn replaced(&self) -> Result<Option<Replaced>, RepoError> {
        match self.key().root {
            Some(root) => Replaced::find(self.store(), root).await,
            None => Ok(None),
        }
    }

    /// That this restore key may still write: what one that was replaced writes, nobody would obey.
    pub async fn check_not_replaced(&self) -> Result<(), RepoError> {
        if self.key_kind() != KeyKind::Restore {
            return Ok(());
        }
        match self.replaced().await? {
            None => Ok(()),
            Some(Replaced { number, time, record }) => Err(KeyError::Replaced { number, time, record }.into()),
        }
    }
}
