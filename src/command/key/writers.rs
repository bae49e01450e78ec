//! `pgkeep key add-writer` and `revoke-writer`.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::RestoreKeyFile;
use crate::command::Error;
use crate::command::moment::rfc3339;
use crate::repo::keys::disk::LockedKeyFile;
use crate::repo::{KeyError, Keyring, Repository, SnapshotId, WriterKey};

#[derive(Debug, Serialize)]
pub struct Added {
    pub name: String,
    pub id: String,
    pub writer_key: PathBuf,
    pub keyring: u64,
}

#[derive(Debug, Serialize)]
pub struct Revoked {
    pub name: String,
    pub id: String,
    pub keyring: u64,
    /// Snapshots of the writer that stay trusted.
    pub trusted: Vec<SnapshotLine>,
    /// Those that are refused from now on, because the caller said so.
    pub distrusted: Vec<SnapshotLine>,
}

#[derive(Debug, Serialize)]
pub struct SnapshotLine {
    pub snapshot: SnapshotId,
    /// As the manifest says.
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
}

/// Makes a writer for another host, from one that there is. `repository` was opened with the restore key.
pub async fn add(
    repository: &Repository,
    restore: &mut RestoreKeyFile,
    model: &WriterKey,
    name: &str,
    out: &Path,
) -> Result<Added, Error> {
    check_pair(&restore.key.root(), model)?;
    let mut keyring = repository.keyring().with_signers(&restore.key.signers);
    let made = half_made(&keyring, model, out);
    let is_there = made.is_some();
    if !is_there && out.exists() {
        return Err(KeyError::Exists { path: out.to_owned() }.into());
    }
    let mut key = made.unwrap_or_else(|| model.sibling());
    let signer = key.signing.verifying_key();
    keyring.add(name, signer)?;
    let id = crate::repo::keyring::signer_id(&signer);
    key.root = Some(restore.key.root());
    key.keyring = repository.keyring().number + 1;
    key.revoked = repository.keyring().revoked();
    // The key first: a writer that is trusted and has no key would be of no use.
    match is_there {
        true => key.replace(&LockedKeyFile::lock(out)?)?,
        false => key.write(out)?,
    }
    let written = repository.write_keyring(keyring, &restore.key).await;
    let number = written.map_err(|error| error.with_key_kept(out))?;
    restore.update(|key| {
        key.keyring = key.keyring.max(number);
        key.signers.push(signer);
    })?;
    Ok(Added { name: name.to_owned(), id, writer_key: out.to_owned(), keyring: number })
}

/// The writer key that an earlier run has left in `out`, before the keyring named it.
fn half_made(keyring: &Keyring, model: &WriterKey, out: &Path) -> Option<WriterKey> {
    WriterKey::read(out).ok().filter(|key| {
        let is_sibling = key.repository == model.repository && key.chunk_key.0 == model.chunk_key.0;
        is_sibling && keyring.of_signer(&key.signing.verifying_key()).is_none()
    })
}

/// Ends the trust in a writer. What it has written and what is there now stays trusted, by its bytes, but for `distrusted`.
pub async fn revoke(
    repository: &Repository,
    restore: &mut RestoreKeyFile,
    asked: &str,
    distrusted: &[String],
) -> Result<Revoked, Error> {
    let mut keyring = repository.keyring().with_signers(&restore.key.signers);
    let writer = keyring.find(asked)?.clone();
    if writer.revoked.is_some() {
        return Err(KeyError::AlreadyRevoked { name: writer.name }.into());
    }
    let mut refused = Vec::new();
    for asked in distrusted {
        refused.push(repository.resolve(asked).await?);
    }
    let (mut trusted, mut distrusted, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for (name, manifest) in repository.manifests_of(&writer.signer).await? {
        let line = SnapshotLine { snapshot: name.id.clone(), time: name.time };
        if refused.contains(&name) {
            distrusted.push(line);
        } else {
            trusted.push(line);
            kept.push(manifest);
        }
    }
    keyring.revoke(&writer.signer, kept)?;
    let number = repository.write_keyring(keyring, &restore.key).await?;
    restore.update(|key| {
        key.keyring = key.keyring.max(number);
        key.revoked.insert(writer.signer.to_bytes());
        // The file needs one signer at least; the keyring, which it remembers, revokes this one all the same.
        if key.signers.len() > 1 {
            key.signers.retain(|signer| *signer != writer.signer);
        }
    })?;
    Ok(Revoked { id: writer.id(), name: writer.name, keyring: number, trusted, distrusted })
}

/// That a writer key obeys this root, as far as it knows one.
pub(super) fn check_pair(root: &ed25519_dalek::VerifyingKey, writer: &WriterKey) -> Result<(), KeyError> {
    match &writer.root {
        Some(known) if known != root => {
            Err(KeyError::Mismatched { reason: "the writer key belongs to another restore key" })
        }
        _ => Ok(()),
    }
}
