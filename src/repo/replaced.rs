//! A restore key in whose place there is another.
//!
//! Its holder does not know the new root, and need not: what says that it was replaced counts where the old key has signed that.
//! What nobody proves is told, and keeps nobody from anything.

use chrono::{DateTime, Utc};
use ed25519_dalek::VerifyingKey;

use super::error::RepoError;
use super::keys::{KeyError, KeyKind};
use super::lineage::{each_claim, successors};
use super::repository::Repository;
use crate::store::ObjectKey;

/// What the keyrings of others say of a restore key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// What the key itself has signed.
    pub signed: Option<Replaced>,
    /// That it was replaced, without its signature.
    pub claimed: Option<Replaced>,
}

/// What the first keyring says that has this root among the restore keys of earlier days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    pub number: u64,
    pub time: DateTime<Utc>,
    pub record: ObjectKey,
}

impl Replaced {
    /// What to make of it where the key has not signed it.
    pub fn unproven(&self) -> String {
        let (record, number, time) = (&self.record, self.number, self.time.format("%Y-%m-%d %H:%M:%S UTC"));
        format!(
            "{record} says that the restore key was replaced (keyring {number} of {time}), but that key has not signed it, so it counts \
             for nothing. If `pgkeep key rotate-restore` was run by an earlier program, use the new restore key: with its next change \
             of the keyring it signs for the old one. Otherwise somebody else wrote that object: delete it"
        )
    }
}

/// The one with the lower number; of two, that with the first name.
fn keep_first(kept: &mut Option<Replaced>, found: Replaced) {
    let is_first = |kept: &Replaced| (found.number, &found.record) < (kept.number, &kept.record);
    if kept.as_ref().is_none_or(is_first) {
        *kept = Some(found);
    }
}

impl Repository {
    /// Whether another restore key has taken the place of the one that this key obeys, or is.
    pub async fn replacement(&self) -> Result<Replacement, RepoError> {
        let mut found = Replacement::default();
        let Some(root) = self.key().root else { return Ok(found) };
        each_claim(self.store(), root, |record, claim| {
            for former in claim.former_roots.iter().filter(|former| former.root == root) {
                let said = former.succession(&self.key().repository);
                let replaced = Replaced {
                    number: said.map_or(claim.number, |said| said.keyring),
                    time: former.until,
                    record: record.clone(),
                };
                keep_first(if said.is_some() { &mut found.signed } else { &mut found.claimed }, replaced);
            }
        })
        .await?;
        Ok(found)
    }

    /// The restore keys that came after the one that this key obeys, or is, each as the one before it has signed.
    pub(super) async fn successors(&self) -> Result<Vec<VerifyingKey>, RepoError> {
        match self.key().root {
            Some(root) => successors(self.store(), &self.key().repository, root).await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether this restore key has signed that `successor` takes its place.
    pub async fn is_replaced_by(&self, successor: VerifyingKey) -> Result<bool, RepoError> {
        let (mut is_replaced, Some(root)) = (false, self.key().root) else { return Ok(false) };
        each_claim(self.store(), root, |_, claim| {
            let own = claim.former_roots.iter().filter(|former| former.root == root);
            let mut said = own.filter_map(|former| former.succession(&self.key().repository));
            is_replaced |= said.any(|said| said.successor == successor);
        })
        .await?;
        Ok(is_replaced)
    }

    /// That this restore key may still write: what one that was replaced writes, nobody would obey. Returns what merely says that
    /// it was.
    pub async fn check_not_replaced(&self) -> Result<Option<Replaced>, RepoError> {
        if self.key_kind() != KeyKind::Restore {
            return Ok(None);
        }
        match self.replacement().await? {
            Replacement { signed: None, claimed } => Ok(claimed),
            Replacement { signed: Some(Replaced { number, time, record }), .. } => {
                Err(KeyError::Replaced { number, time, record }.into())
            }
        }
    }
}
