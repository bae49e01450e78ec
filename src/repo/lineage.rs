//! The keyrings of other restore keys than the one that a key obeys, and what they say of it.
//!
//! Nobody answers for such a keyring. What counts in it is what a known restore key has signed itself: who came after it.

use ed25519_dalek::VerifyingKey;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::error::RepoError;
use super::keyring::Keyring;
use super::layout;
use super::record::Record;
use super::signature::Signed;
use super::signed;
use super::succession::FormerRoot;
use crate::store::{Listed, ObjectKey, Store, StoreError};

/// Nobody answers for the size of such a record, and it is held, also by a backup. It has room for what stays trusted of 50,000
/// snapshots.
const CLAIM_BYTES_MAX: u64 = 8 << 20;
/// More former restore keys than any repository has had.
const FORMER_MAX: usize = 1000;
/// Restore keys that are followed, one after the other.
const SUCCESSORS_MAX: usize = 100;

/// Of a keyring what matters here.
#[derive(Deserialize)]
pub(super) struct Claim {
    pub number: u64,
    #[serde(default, deserialize_with = "some")]
    pub former_roots: Vec<FormerRoot>,
}

/// The first [`FORMER_MAX`] of them: no more is held of what anybody may have written.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FormerRoot>, D::Error> {
    struct Bounded;
    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<FormerRoot>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
            formatter.write_str("a list of former restore keys")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut some = Vec::new();
            while some.len() < FORMER_MAX {
                match all.next_element()? {
                    Some(former) => some.push(former),
                    None => return Ok(some),
                }
            }
            while all.next_element::<de::IgnoredAny>()?.is_some() {}
            Ok(some)
        }
    }
    deserializer.deserialize_seq(Bounded)
}

/// Reads the keyrings that another key than `root` has signed, whoever that is.
pub(super) async fn each_claim(
    store: &Store,
    root: VerifyingKey,
    mut take: impl FnMut(ObjectKey, Claim),
) -> Result<(), RepoError> {
    let mut pages = store.pages(&layout::records(Keyring::KIND))?;
    while let Some(page) = pages.next().await? {
        for Listed { key, bytes, .. } in page {
            if bytes < Signed::Record.bytes_min() || bytes > CLAIM_BYTES_MAX {
                continue;
            }
            let content = match signed::claimed(store, Signed::Record, &key, CLAIM_BYTES_MAX, root).await {
                Ok(Some(content)) => content,
                Ok(None)
                | Err(StoreError::NoObject { .. } | StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if let Ok(claim) = serde_json::from_slice(&content) {
                take(key, claim);
            }
        }
    }
    Ok(())
}

/// The restore keys that came after `root`, each as the one before it has signed.
pub(super) async fn successors(
    store: &Store,
    repository: &str,
    root: VerifyingKey,
) -> Result<Vec<VerifyingKey>, RepoError> {
    let mut line = vec![root];
    loop {
        let known = line.len();
        each_claim(store, root, |_, claim| {
            for former in claim.former_roots {
                // Signatures of anybody take their time.
                if !line.contains(&former.root) {
                    continue;
                }
                let said = former.succession(repository);
                let next = said.map(|said| said.successor).filter(|next| !line.contains(next));
                line.extend(next.filter(|_| line.len() <= SUCCESSORS_MAX));
            }
        })
        .await?;
        if line.len() == known {
            return Ok(line.split_off(1));
        }
    }
}
