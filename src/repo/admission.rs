//! Who may write, as the restore key says that a key obeys, and those that came after it.
//!
//! A host obeys the restore key of its key file until it is rotated. What a later restore key revokes it revokes for that host, too:
//! nobody who has the newest key would trust what is written. What a later one admits makes nobody trusted here.

use ed25519_dalek::VerifyingKey;

use super::error::RepoError;
use super::keyring::{Keyring, Trust, signer_id};
use super::keys::{KeyError, ReadingKey};
use super::lineage::successors;
use crate::store::Store;

pub(super) struct Admission {
    /// Of the restore key that is obeyed, with what later ones revoke.
    pub keyring: Keyring,
    pub trust: Trust,
    /// Of the restore keys that came after it and have signed one.
    later: Vec<Keyring>,
}

impl Admission {
    pub async fn load(store: &Store, key: &ReadingKey) -> Result<Self, RepoError> {
        let mut keyring = Keyring::load(store, key.root).await?;
        let mut later = Vec::new();
        if let Some(root) = key.root {
            for root in successors(store, &key.repository, root).await? {
                later.push(Keyring::load(store, Some(root)).await?);
            }
        }
        // A copy of its signature may be all that is left of one.
        later.retain(|keyring| keyring.number > 0);
        later.iter().for_each(|later| keyring.adopt_revocations(later, &key.signers));
        let trust = Trust::new(&key.signers, &keyring);
        Ok(Self { keyring, trust, later })
    }

    /// That what this key writes will be trusted, by those as well who obey the restore key of today.
    pub fn check_writer(&self, signer: &VerifyingKey) -> Result<(), KeyError> {
        self.trust.check_writer(signer)?;
        let is_named = |keyring: &Keyring| keyring.of_signer(signer).is_some();
        match self.later.is_empty() || self.later.iter().any(is_named) {
            true => Ok(()),
            false => Err(KeyError::NotTakenOver { id: signer_id(signer) }),
        }
    }
}
