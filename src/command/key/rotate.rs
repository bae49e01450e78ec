//! `pgkeep key rotate` and `rotate-restore`: new keys after a leak, or the suspicion of one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::RestoreKeyFile;
use crate::command::Error;
use crate::command::drill::Receipt;
use crate::repo::keyring::{Keyring, signer_id};
use crate::repo::keys::RestoreKey;
use crate::repo::keys::disk::LockedKeyFile;
use crate::repo::keys::file::Protection;
use crate::repo::{KeyError, Proven, RepoError, Repository, WriterKey};
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
///
/// The new key lies on disk before anybody trusts it, and what a rotation that was killed has left is gone on with: at no moment is
/// the key lost that may write.
pub async fn writer(
    repository: &Repository,
    restore: &mut RestoreKeyFile,
    path: &Path,
    like: Option<&WriterKey>,
) -> Result<Rotated, Error> {
    let file = LockedKeyFile::lock(path)?;
    let old = WriterKey::read(file.path())?;
    let (root, old_signer) = (restore.key.root(), old.signing.verifying_key());
    let mut keyring = repository.keyring().with_signers(&restore.key.signers);
    if let Some(like) = like {
        super::writers::check_pair(&root, like)?;
    }
    let begun = begun(&file, &old, &keyring, like)?;
    let is_beside = begun.is_some();
    let mut key = begun.unwrap_or_else(|| like.map_or_else(|| old.renewed(), WriterKey::sibling));
    if key.repository != restore.key.repository {
        return Err(KeyError::Mismatched { reason: "they belong to two repositories" }.into());
    }
    replace_restore_recipient(&mut key, &restore.key);
    key.root = Some(root);

    let writer = keyring.find(&hex::encode(old_signer.to_bytes()))?.clone();
    let kept: Vec<_> = repository.manifests_of(&old_signer).await?.into_iter().map(|(_, manifest)| manifest).collect();
    let trusted = writer.revoked.as_ref().map_or(kept.len(), |revocation| revocation.manifests.len()) as u64;
    let signer = key.signing.verifying_key();
    let number = if keyring.of_signer(&signer).is_some() {
        keyring.number
    } else {
        if writer.revoked.is_none() {
            keyring.revoke(&old_signer, kept)?;
        }
        keyring.add(&writer.name, signer)?;
        if !is_beside {
            key.write_next(&file)?;
        }
        let written = repository.write_keyring(keyring.clone(), &restore.key).await;
        written.map_err(|error| error.with_key_kept(&file.next()))?
    };
    (key.keyring, key.revoked) = (number, keyring.revoked());
    key.replace(&file)?;
    // One that stays is known for what it is by the next rotation.
    let _ = file.discard_next();
    // The restore key may lie in the same folder, which is what is locked.
    drop(file);
    restore.update(|key| {
        key.keyring = key.keyring.max(number);
        key.revoked.extend(keyring.revoked());
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

/// The new key that an earlier rotation of this file has left beside it, if it can be gone on with: it may write already, or nobody
/// has heard of it yet. What is of no use is taken away.
fn begun(
    file: &LockedKeyFile,
    old: &WriterKey,
    keyring: &Keyring,
    like: Option<&WriterKey>,
) -> Result<Option<WriterKey>, KeyError> {
    let key = match WriterKey::read(&file.next()) {
        Err(KeyError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    if key.repository != old.repository {
        return Err(KeyError::Exists { path: file.next() });
    }
    let signer = key.signing.verifying_key();
    let is_of_use = match keyring.of_signer(&signer) {
        Some(writer) => writer.revoked.is_none() && signer != old.signing.verifying_key(),
        None => like.is_none_or(|like| like.chunk_key.0 == key.chunk_key.0),
    };
    if !is_of_use {
        file.discard_next()?;
    }
    Ok(is_of_use.then_some(key))
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

/// Makes a restore key with a new identity and a new root, and a keyring that the new root has signed, in which the old one signs that
/// it was replaced. The old identity stays in the new file, for what is older. What an earlier run has left in `out` is gone on with.
pub async fn restore(
    repository: &Repository,
    old: &RestoreKeyFile,
    out: &Path,
    protection: &Protection,
) -> Result<RestoreRotated, Error> {
    let made = RestoreKey::open(out, protection).ok().filter(|key| key.is_renewed_from(&old.key));
    let is_there = made.is_some();
    let mut key = made.unwrap_or_else(|| old.key.renewed());
    let is_done = is_there && repository.is_replaced_by(key.root()).await?;
    let keyring = if is_done {
        repository.keyring_of(key.root()).await?
    } else {
        let keyring = keyring_of_new(repository, &old.key, &mut key).await?;
        match is_there {
            true => key.replace(&LockedKeyFile::lock(out)?, protection)?,
            false => key.write(out, protection)?,
        }
        let written = repository.write_keyring(keyring.clone(), &key).await;
        let number = written.map_err(|error| error.with_key_kept(out))?;
        Keyring { number, ..keyring }
    };
    let signed = sign_proofs_anew(repository, &key).await;
    signed.map_err(|error| error.with_key_kept(out))?;
    Ok(RestoreRotated {
        restore_key: out.to_owned(),
        old_restore_key: old.path.clone(),
        keyring: keyring.number,
        writers: keyring.writers.len() as u64,
    })
}

/// What was proven stays so for those who obey the new key.
async fn sign_proofs_anew(repository: &Repository, key: &RestoreKey) -> Result<(), RepoError> {
    repository.sign_anew::<Proven>(&key.signing()).await?;
    repository.sign_anew::<Receipt>(&key.signing()).await
}

/// The keyring for a key that takes the place of `old`, which learns from it whom to trust.
async fn keyring_of_new(repository: &Repository, old: &RestoreKey, key: &mut RestoreKey) -> Result<Keyring, Error> {
    repository.check_not_replaced().await?;
    let mut keyring = repository.keyring().with_signers(&old.signers);
    // An earlier program may have written one that the old key has not signed.
    keyring.join(repository.keyring_of(key.root()).await?);
    key.keyring = keyring.number + 1;
    key.revoked = keyring.revoked();
    key.signers = keyring.writers.iter().filter(|w| w.revoked.is_none()).map(|w| w.signer).collect();
    if key.signers.is_empty() {
        key.signers = old.signers.clone();
    }
    Ok(keyring)
}
