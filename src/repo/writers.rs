//! What the holder of the restore key says of the writers, and what they have written.

use ed25519_dalek::VerifyingKey;

use super::error::RepoError;
use super::keyring::{Keyring, TrustedManifest};
use super::keys::RestoreKey;
use super::layout::MANIFEST_BYTES_MAX;
use super::repository::Repository;
use super::signature::Signed;
use super::signed;
use super::snapshot::SnapshotName;
use super::succession::sign_line;
use crate::store::StoreError;

impl Repository {
    /// Writes the next keyring, signed by `restore`, which has the keys of earlier days that it holds sign who came after them where
    /// they have not. Returns its number. A restore key that was replaced writes none.
    pub async fn write_keyring(&self, mut keyring: Keyring, restore: &RestoreKey) -> Result<u64, RepoError> {
        self.check_not_replaced().await?;
        keyring.number = self.keyring().number.max(keyring.number) + 1;
        let line = restore.signing_line();
        sign_line(&mut keyring.former_roots, &restore.repository, &line, keyring.number);
        self.write_record_signed(&keyring, &line[0]).await?;
        Ok(keyring.number)
    }

    /// What this root has signed here; number 0 and nobody where it has not.
    pub async fn keyring_of(&self, root: VerifyingKey) -> Result<Keyring, RepoError> {
        Keyring::load(self.store(), Some(root)).await
    }

    /// The manifests that are there, are trusted, and were signed by `signer`.
    pub async fn manifests_of(&self, signer: &VerifyingKey) -> Result<Vec<(SnapshotName, TrustedManifest)>, RepoError> {
        let (mut manifests, trusted) = (Vec::new(), [*signer].into());
        for name in self.snapshots().await? {
            let key = name.key();
            match signed::check(self.store(), Signed::Manifest, &key, MANIFEST_BYTES_MAX, &trusted).await {
                Ok(Ok(genuine)) => {
                    let trusted = TrustedManifest { name: name.to_string(), blake3: *genuine.whole.as_bytes() };
                    manifests.push((name, trusted));
                }
                Ok(Err(_)) => {}
                Err(StoreError::NoObject { .. } | StoreError::TooLarge { .. } | StoreError::NotAFile { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(manifests)
    }
}
