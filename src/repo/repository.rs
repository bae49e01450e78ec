//! A repository: made, opened, and its manifests read and written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::admission::Admission;
use super::error::RepoError;
use super::keyring::{Keyring, Trust};
use super::keys::file::Protection;
use super::keys::{self, KeyError, KeyKind, ReadingKey, WriterKey};
use super::layout::{self, CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX};
use super::manifest::{FORMAT, FORMAT_OF_BYTES, Manifest};
use super::signature::{self, Signed};
use super::signed;
use super::snapshot::SnapshotName;
use crate::store::{Access, Put, Store, StoreError};
use crate::stream::seal::PublicRecord;
use crate::stream::{OpenError, Opener, Sealed, Sealer};

const MANIFEST_PLAIN_BYTES_MAX: usize = 1 << 30;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Config {
    format: u32,
    repository: String,
    created: DateTime<Utc>,
}

impl PublicRecord for Config {}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[derive(Clone)]
pub struct Repository {
    url: String,
    store: Arc<Store>,
    key: ReadingKey,
    keyring: Keyring,
    trust: Trust,
}

impl Repository {
    /// Makes a repository at `url` and its two key files in `keys_dir`, the restore key as `protection` says. Keys first: a
    /// repository without keys is worth nothing. Returns what the operator should know about the place, if anything.
    pub async fn create(url: &str, keys_dir: &Path, protection: &Protection) -> Result<Option<String>, RepoError> {
        match Store::open(url, Access::Read).await {
            Ok(store) => match store.get(&layout::config(), CONFIG_BYTES_MAX).await {
                Ok(_) => return Err(RepoError::Exists { url: url.to_owned() }),
                Err(error @ StoreError::S3 { .. }) => return Err(error.into()),
                // A folder that cannot be read now cannot be made a repository in a moment, in better words.
                Err(_) => {}
            },
            Err(error @ StoreError::S3 { .. }) => return Err(error.into()),
            // A folder may be yet to be made.
            Err(_) => {}
        }
        let paths = [KeyKind::Writer, KeyKind::Restore].map(|kind| keys_dir.join(kind.file_name()));
        if let Some(path) = paths.iter().find(|path| path.exists()) {
            return Err(RepoError::KeyWithoutRepository { path: path.clone(), url: url.to_owned() });
        }
        let store = Store::create(url).await?;
        std::fs::create_dir_all(keys_dir).map_err(|source| KeyError::Write { path: keys_dir.to_owned(), source })?;
        let (writer, restore) = keys::generate();
        // The keys of a repository that was not made would stand in the way of the next attempt.
        let take_away = |error: RepoError, keys: &[PathBuf]| {
            keys.iter().for_each(|path| drop(std::fs::remove_file(path)));
            error
        };
        writer.write(&paths[0])?;
        restore.write(&paths[1], protection).map_err(|error| take_away(error.into(), &paths[..1]))?;
        let config = Config { format: FORMAT, repository: writer.repository, created: Utc::now() };
        match store.put(&layout::config(), &Sealed::public(&config)?).await {
            Ok(Put::Stored) => Ok(store.warning()),
            Ok(Put::Existed) => Err(take_away(RepoError::Exists { url: url.to_owned() }, &paths)),
            // A store may say that it failed and have stored it: only where it is not there nobody will want the keys.
            Err(error) => match store.get(&layout::config(), CONFIG_BYTES_MAX).await {
                Err(StoreError::NoObject { .. }) => Err(take_away(error.into(), &paths)),
                _ => Err(error.into()),
            },
        }
    }

    /// Opens a repository, checks that the key belongs to it, and learns from the keyring whom to trust. A writer key that was
    /// revoked does not open it for writing.
    pub async fn open(url: &str, key: ReadingKey, access: Access) -> Result<Self, RepoError> {
        let store = Store::open(url, access).await?;
        let config = match store.get(&layout::config(), CONFIG_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(StoreError::NoObject { .. }) if store.pages(layout::SNAPSHOTS)?.next().await?.is_none() => {
                return Err(RepoError::NoConfig { url: url.to_owned() });
            }
            Err(StoreError::NoObject { .. }) => {
                return Err(RepoError::LostConfig { url: url.to_owned(), repository: key.repository });
            }
            Err(error) => return Err(error.into()),
        };
        let bad = |source| RepoError::BadConfig { repository: key.repository.clone(), source };
        // A newer format may have other fields: its number is read before anything else.
        let FormatOnly { format } = serde_json::from_slice(&config).map_err(bad)?;
        if format > FORMAT {
            return Err(RepoError::NewerFormat { found: format, supported: FORMAT });
        }
        let config: Config = serde_json::from_slice(&config).map_err(bad)?;
        if config.repository != key.repository {
            return Err(KeyError::OtherRepository { key: key.repository, repository: config.repository }.into());
        }
        let admission = Admission::load(&store, &key).await?;
        if admission.keyring.number < key.keyring {
            return Err(RepoError::KeyringLost { remembered: key.keyring, found: admission.keyring.number });
        }
        // Another keyring may have that number, or be another restore key's.
        if let Some(signer) = key.revoked.difference(&admission.keyring.revoked()).next() {
            return Err(RepoError::RevocationLost { id: hex::encode(&signer[..4]) });
        }
        if access == Access::Write
            && let (KeyKind::Writer, Some(signing)) = (key.kind, &key.signing)
        {
            admission.check_writer(&signing.verifying_key())?;
        }
        let Admission { keyring, trust, .. } = admission;
        Ok(Self { url: url.to_owned(), store: Arc::new(store), key, keyring, trust })
    }

    /// Who may write, as the holder of the restore key has said last.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whose manifests are trusted, from the key and the keyring together.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether the key's file does not know yet what the keyring says.
    pub fn has_news_for_the_key(&self) -> bool {
        self.keyring.number > self.key.keyring || !self.keyring.revoked().is_subset(&self.key.revoked)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    pub(super) fn key(&self) -> &ReadingKey {
        &self.key
    }

    pub fn key_kind(&self) -> KeyKind {
        self.key.kind
    }

    pub fn opener(&self) -> Result<Opener, OpenError> {
        Opener::new(self.key.identities.clone())
    }

    /// Reads a manifest. Its signature is checked before anything in it is decrypted.
    pub async fn manifest(&self, name: &SnapshotName) -> Result<Manifest, RepoError> {
        let key = name.key();
        let signers = self.trust.manifest_signers();
        let checked = signed::content(&self.store, Signed::Manifest, &key, MANIFEST_BYTES_MAX, &signers).await?;
        let checked = checked.and_then(|(genuine, age_file)| {
            self.trust.check_manifest(&genuine.signer, name, &genuine.whole)?;
            Ok(age_file)
        });
        let age_file = checked.map_err(|reason| RepoError::Signature { name: name.clone(), reason })?;
        let mut opener = self.opener().map_err(|source| RepoError::Object { key: name.key(), source })?;
        let json = opener.open(&age_file, MANIFEST_PLAIN_BYTES_MAX).map_err(|source| match source {
            OpenError::WrongKey => self.key.opens_not(name).into(),
            source @ OpenError::Identity { .. } => KeyError::Identity { source }.into(),
            source => RepoError::Object { key: name.key(), source },
        })?;
        drop(age_file);
        let unreadable = |source| RepoError::Manifest { name: name.clone(), source };
        let FormatOnly { format } = serde_json::from_slice(&json).map_err(unreadable)?;
        if format > FORMAT_OF_BYTES {
            return Err(RepoError::NewerFormat { found: format, supported: FORMAT_OF_BYTES });
        }
        serde_json::from_slice(&json).map_err(unreadable)
    }

    /// The same, or none if the snapshot has been forgotten since it was listed.
    pub async fn manifest_if_there(&self, name: &SnapshotName) -> Result<Option<Manifest>, RepoError> {
        match self.manifest(name).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(RepoError::Store(StoreError::NoObject { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a manifest: the moment at which the snapshot exists. Everything that it names must be settled.
    /// Returns the manifest's size as stored.
    pub async fn write_manifest(&self, key: &WriterKey, manifest: &Manifest) -> Result<u64, RepoError> {
        let name = manifest.name();
        let json = serde_json::to_vec(manifest).map_err(|source| RepoError::Manifest { name: name.clone(), source })?;
        // It may have been revoked since the repository was opened: nobody would trust the snapshot.
        Admission::load(&self.store, &self.key).await?.check_writer(&key.signing.verifying_key())?;
        let sealed = Sealer::new(3, key.metadata_recipients())?.seal(&json)?;
        let sealed = signature::sign(Signed::Manifest, &name.key(), sealed, &key.signing);
        let bytes = sealed.bytes().len() as u64;
        if bytes > MANIFEST_BYTES_MAX {
            return Err(RepoError::ManifestTooLarge { name, bytes, most: MANIFEST_BYTES_MAX });
        }
        match self.store.put(&name.key(), &sealed).await? {
            Put::Stored => Ok(bytes),
            Put::Existed => Err(RepoError::SnapshotExists { name }),
        }
    }
}
