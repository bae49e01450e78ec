//! `pgkeep key rotate` and `rotate-restore`: new keys after a leak, or the suspicion of one.

use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::Serialize;

use super::RestoreKeyFile;
use crate::command::Error;
use crate::command::drill::Receipt;
use crate::repo::keyring::{FormerRoot, signer_id};
use crate::repo::keys::RestoreKey;
use crate::repo::keys::file::{LockedKeyFile, Protection};
use crate::repo::{KeyError, Proven, Repository, WriterKey};
use crate::stream::Recipient;

#[derive(Debug, Serialize)]
pub struct Rotated {
    pub name: String,
    pub writer_key: PathBuf,
    pub old_id: String,
    pub id: String,
    pub keyring: u64,
    /// Snapshots of the old key that stay trusted.
    pub trusted: u64,
}

#[derive(Debug, Serialize)]
pub struct RestoreRotated {
    pub restore_key: PathBuf,
    pub old_restore_key: PathBuf,
    pub keyring: u64,
    pub writers: u64,
}

/// Puts a new writer key in the place of an old one, which is revoked. `like`: another writer key of the repository that was rotated
/// before, so that the two go on sharing chunks and metadata.
pub async fn writer(
    repository: &Repository,
    restore: &mut RestoreKeyFile,
    path: &Path,
    like: Option<&WriterKey>,
) -> Result<Rotated, Error> {
    let file = LockedKeyFile::lock(path)?;
    let old = WriterKey::read(file.path())?;
    let (root, old_signer) = (restore.key.root(), old.signing.verifying_key());
    let mut key = match like {
        None => old.renewed(),
        Some(like) => {
            super::writers::check_pair(&root, like)?;
            like.sibling()
        }
    };
    if key.repository != restore.key.repository {
        return Err(KeyError::Mismatched { reason: "they belong to two repositories" }.into());
    }
    replace_restore_recipient(&mut key, &restore.key);
    key.root = Some(root);

    let mut keyring = repository.keyring().with_signers(&restore.key.signers);
    let writer = keyring.find(&hex::encode(old_signer.to_bytes()))?.clone();
    let kept: Vec<_> = repository.manifests_of(&old_signer).await?.into_iter().map(|(_, manifest)| manifest).collect();
    let trusted = kept.len() as u64;
    if writer.revoked.is_none() {
        keyring.revoke(&old_signer, kept)?;
    }
    let signer = key.signing.verifying_key();
    keyring.add(&writer.name, signer)?;
    // The record first: from then on the old key is worth nothing, and if the file cannot be replaced this can be run again.
    let number = repository.write_keyring(keyring, &restore.key.signing()).await?;
    key.keyring = number;
    key.replace(&file)?;
    // The restore key may lie in the same folder, which is what is locked.
    drop(file);
    restore.update(|key| {
        key.keyring = key.keyring.max(number);
        key.signers.retain(|known| *known != old_signer);
        key.signers.push(signer);
    })?;
    Ok(Rotated {
        name: writer.name,
        writer_key: path.to_owned(),
        old_id: signer_id(&old_signer),
        id: signer_id(&signer),
        keyring: number,
        trusted,
    })
}

/// Lets a writer encrypt to the restore key of today, and to none of earlier days.
fn replace_restore_recipient(key: &mut WriterKey, restore: &RestoreKey) {
    let own = Recipient::from(restore.identity.to_public());
    let former: Vec<Recipient> = restore.former.iter().map(|identity| identity.to_public().into()).collect();
    // Where the restore key's own recipient was taken out by hand it stays out.
    let mut replaced = false;
    key.recipients.retain(|recipient| {
        let is_former = former.contains(recipient);
        replaced |= is_former;
        !is_former
    });
    if replaced && !key.recipients.contains(&own) {
        key.recipients.insert(0, own.clone());
    }
    key.restore_recipient = Some(own);
}

/// Makes a restore key with a new identity and a new root, and a keyring that the new root has signed. The old identity stays in the
/// new file, for what is older.
pub async fn restore(
    repository: &Repository,
    old: &RestoreKeyFile,
    out: &Path,
    protection: &Protection,
) -> Result<RestoreRotated, Error> {
    let mut key = old.key.renewed();
    let mut keyring = repository.keyring().with_signers(&old.key.signers);
    keyring.former_roots.push(FormerRoot { root: old.key.root(), until: Utc::now() });
    key.keyring = repository.keyring().number + 1;
    key.signers = keyring.writers.iter().filter(|w| w.revoked.is_none()).map(|w| w.signer).collect();
    if key.signers.is_empty() {
        key.signers = old.key.signers.clone();
    }
    let writers = keyring.writers.len() as u64;
    key.write(out, protection)?;
    let signing = key.signing();
    let written = async {
        // What was proven stays so for those who obey the new key.
        repository.sign_anew::<Proven>(&signing).await?;
        repository.sign_anew::<Receipt>(&signing).await?;
        repository.write_keyring(keyring, &signing).await
    };
    let number = match written.await {
        Ok(number) => number,
        Err(error) => {
            // Nothing was ever encrypted to it.
            let _ = std::fs::remove_file(out);
            return Err(error.into());
        }
    };
    Ok(RestoreRotated { restore_key: out.to_owned(), old_restore_key: old.path.clone(), keyring: number, writers })
}
