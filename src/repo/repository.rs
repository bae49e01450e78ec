//! A repository: its snapshots, and the way from a slice to its bytes.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::damage::ObjectReader;
use super::error::RepoError;
use super::keyring::{Keyring, Trust};
use super::keys::file::Protection;
use super::keys::{self, KeyError, KeyKind, ReadingKey, WriterKey};
use super::layout::{self, ChunkKind};
use super::manifest::{FORMAT, Manifest, Request, Slice, SliceList};
use super::objects::{ChunkWriter, OBJECT_BYTES_MAX};
use super::signature::{self, Signed};
use super::signed;
use super::snapshot::SnapshotName;
use crate::store::{Access, Coming, ObjectKey, Put, Store, StoreError};
use crate::stream::seal::PublicRecord;
use crate::stream::{ChunkKey, OpenError, Opener, Sealed, Sealer};

/// A manifest as stored: that of a million tables has half of it.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;
const MANIFEST_PLAIN_BYTES_MAX: usize = 1 << 30;
const CONFIG_BYTES_MAX: u64 = 1 << 16;
/// Slice lists of more slices are stored apart.
const INLINE_SLICES_MAX: usize = 32;
const SLICES_IN_PAGE: usize = 2048;
/// Objects that a reader has on their way, at most: 8 MiB each at most, a third of one as a rule.
const OBJECTS_AHEAD_MAX: usize = 4;

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

/// What the next snapshot of a database and selection is measured by.
pub enum LastGood {
    Found(Box<Manifest>),
    /// So many snapshots of the database are of another selection, or suspicious.
    None {
        passed_over: u64,
    },
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
            return Err(KeyError::Exists { path: path.clone() }.into());
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
        let keyring = Keyring::load(&store, key.root).await?;
        if keyring.number < key.keyring {
            return Err(RepoError::KeyringLost { remembered: key.keyring, found: keyring.number });
        }
        let trust = Trust::new(&key.signers, &keyring);
        let repository = Self { url: url.to_owned(), store: Arc::new(store), key, keyring, trust };
        if access == Access::Write
            && let (KeyKind::Writer, Some(signing)) = (repository.key.kind, &repository.key.signing)
        {
            repository.trust.check_writer(&signing.verifying_key())?;
        }
        Ok(repository)
    }

    /// Who may write, as the holder of the restore key has said last.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whose manifests are trusted, from the key and the keyring together.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The highest keyring that the key's file knew of.
    pub fn keyring_remembered(&self) -> u64 {
        self.key.keyring
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

    /// The snapshot that an id, a unique prefix of one, `latest:DATABASE`, or `latest` of the only database means.
    pub async fn resolve(&self, asked: &str) -> Result<SnapshotName, RepoError> {
        if let Some(latest) = self.latest(asked).await? {
            return Ok(latest);
        }
        let mut names = self.snapshots().await?;
        let lower = asked.to_ascii_lowercase();
        names.retain(|name| !lower.is_empty() && name.id.as_str().starts_with(&lower));
        match names.len() {
            0 => Err(RepoError::NoSnapshot { asked: asked.to_owned() }),
            1 => Ok(names.remove(0)),
            count => Err(RepoError::Ambiguous { asked: asked.to_owned(), count }),
        }
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
            OpenError::WrongKey => KeyError::DoesNotOpen { snapshot: name.to_string() }.into(),
            source @ OpenError::Identity { .. } => KeyError::Identity { source }.into(),
            source => RepoError::Object { key: name.key(), source },
        })?;
        drop(age_file);
        let unreadable = |source| RepoError::Manifest { name: name.clone(), source };
        let FormatOnly { format } = serde_json::from_slice(&json).map_err(unreadable)?;
        if format > FORMAT {
            return Err(RepoError::NewerFormat { found: format, supported: FORMAT });
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
        let keyring = Keyring::load(&self.store, self.key.root).await?;
        Trust::new(&self.key.signers, &keyring).check_writer(&key.signing.verifying_key())?;
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

    /// The newest snapshot of this database and this request that is not suspicious.
    ///
    /// A manifest that cannot be read is passed over: it is no measure of anything.
    pub async fn last_good(&self, database: &str, request: &Request) -> Result<LastGood, RepoError> {
        let (wanted, mut passed_over) = (request.normal(), 0);
        for name in self.snapshots().await?.iter().rev() {
            let Ok(manifest) = self.manifest(name).await else { continue };
            if manifest.database.name != database {
                continue;
            }
            if manifest.request.normal() == wanted && !manifest.is_suspicious() {
                return Ok(LastGood::Found(Box::new(manifest)));
            }
            passed_over += 1;
        }
        Ok(LastGood::None { passed_over })
    }

    /// A slice list, read from its pages where it has some.
    pub async fn slices(&self, manifest: &Manifest, list: &SliceList) -> Result<Vec<Slice>, RepoError> {
        let pages = match list {
            SliceList::Inline(slices) => return Ok(slices.clone()),
            SliceList::Pages(pages) => pages,
        };
        let mut slices = Vec::new();
        for page in pages {
            slices.extend(self.page(manifest, page).await?);
        }
        Ok(slices)
    }

    /// One page of a slice list.
    pub(super) async fn page(&self, manifest: &Manifest, page: &Slice) -> Result<Vec<Slice>, RepoError> {
        let unreadable = |source| RepoError::SliceList { name: manifest.name(), source };
        let text = self.metadata(manifest, std::slice::from_ref(page)).await?;
        decode_page(&text).map(|slice| slice.map_err(unreadable)).collect()
    }

    /// The bytes of metadata slices, joined.
    pub async fn metadata(&self, manifest: &Manifest, slices: &[Slice]) -> Result<Vec<u8>, RepoError> {
        let mut reader = self.reader(ChunkKind::Meta, manifest.chunk_key())?;
        let mut bytes = Vec::new();
        for (n, slice) in slices.iter().enumerate() {
            reader.expect(&slices[n..]);
            bytes.extend_from_slice(reader.slice(slice).await?);
        }
        Ok(bytes)
    }

    pub fn object_reader(&self) -> Result<ObjectReader, RepoError> {
        let opener = self.opener().map_err(|source| RepoError::Object { key: layout::config(), source })?;
        Ok(ObjectReader::new(self.store.clone(), opener))
    }

    pub fn reader(&self, kind: ChunkKind, chunk_key: ChunkKey) -> Result<SliceReader, RepoError> {
        let opener = self.opener().map_err(|source| RepoError::Object { key: layout::config(), source })?;
        let opens = !(self.key.kind == KeyKind::Writer && kind == ChunkKind::Data);
        let refusal = if opens { Refusal::IsDamage } else { Refusal::IsTheKey };
        Ok(SliceReader {
            store: self.store.clone(),
            kind,
            chunk_key,
            opener,
            refusal,
            last: None,
            coming: VecDeque::new(),
        })
    }
}

/// What it means that an object does not open with the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The key opened the manifest, so it is the object's header that was changed.
    IsDamage,
    IsTheKey,
}

/// Reads slices, one after another. Keeps the last object open, because neighbours often share it.
pub struct SliceReader {
    store: Arc<Store>,
    kind: ChunkKind,
    chunk_key: ChunkKey,
    opener: Opener,
    refusal: Refusal,
    last: Option<(ObjectKey, Vec<u8>)>,
    coming: VecDeque<(ObjectKey, Coming)>,
}

impl SliceReader {
    /// Begins to read the objects of the slices that come next, a few at a time, where the store is far away. Over a line
    /// of 30 ms a restore waits for every object otherwise.
    pub fn expect(&mut self, slices: &[Slice]) {
        // Neighbours share objects: a few more slices than objects are looked at.
        for slice in slices.iter().take(4 * OBJECTS_AHEAD_MAX) {
            let key = layout::chunk(self.kind, &slice.object.object, slice.object.generation);
            let known = self.last.as_ref().is_some_and(|(last, _)| *last == key);
            if known || self.coming.iter().any(|(coming, _)| *coming == key) {
                continue;
            }
            if self.coming.len() >= OBJECTS_AHEAD_MAX {
                return;
            }
            let Some(coming) = self.store.get_ahead(&key, OBJECT_BYTES_MAX) else { return };
            self.coming.push_back((key, coming));
        }
    }

    async fn fetch(&mut self, key: &ObjectKey) -> Result<Vec<u8>, StoreError> {
        match self.coming.iter().position(|(coming, _)| coming == key).and_then(|n| self.coming.remove(n)) {
            Some((_, coming)) => coming.bytes().await,
            None => {
                // Something else is read than was expected.
                self.coming.clear();
                self.store.get(key, OBJECT_BYTES_MAX).await
            }
        }
    }

    /// The slice's plaintext, its object checked against its name. At most 4 MiB.
    pub async fn slice(&mut self, slice: &Slice) -> Result<&[u8], RepoError> {
        let key = layout::chunk(self.kind, &slice.object.object, slice.object.generation);
        if self.last.as_ref().is_none_or(|(last, _)| *last != key) {
            self.last = None;
            let stored = self.fetch(&key).await?;
            let plaintext = self
                .opener
                .open_chunk(&stored, &slice.object.object, &self.chunk_key)
                .map_err(|source| match (source, self.refusal) {
                    (OpenError::WrongKey, Refusal::IsDamage) => {
                        OpenError::Damaged { source: "its header names another key".into() }
                    }
                    (other, _) => other,
                })
                .map_err(|source| RepoError::Object { key: key.clone(), source })?;
            self.last = Some((key.clone(), plaintext));
        }
        let plaintext = self.last.as_ref().map_or(&[][..], |(_, plaintext)| plaintext);
        let start = slice.offset as usize;
        start
            .checked_add(slice.bytes as usize)
            .and_then(|end| plaintext.get(start..end))
            .ok_or(RepoError::SliceBounds { key })
    }
}

/// Slice lists on their way into a manifest: long ones go to pages of their own.
pub async fn store_slice_list(writer: &mut ChunkWriter, slices: Vec<Slice>) -> Result<PendingSliceList, RepoError> {
    if slices.len() <= INLINE_SLICES_MAX {
        return Ok(PendingSliceList::Inline(slices));
    }
    let mut pages = Vec::new();
    for page in slices.chunks(SLICES_IN_PAGE) {
        pages.push(writer.add(&encode_page(page), 0).await?);
    }
    Ok(PendingSliceList::Pages(pages))
}

pub(super) fn encode_page(slices: &[Slice]) -> Vec<u8> {
    let mut text = Vec::with_capacity(slices.len() * 256);
    for slice in slices {
        serde_json::to_writer(&mut text, slice).expect("a slice is plain data, and a vector takes all");
        text.push(b'\n');
    }
    text
}

pub(super) fn decode_page(page: &[u8]) -> impl Iterator<Item = Result<Slice, serde_json::Error>> {
    page.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice)
}

/// A slice list whose pages may not be durable yet.
pub enum PendingSliceList {
    Inline(Vec<Slice>),
    Pages(Vec<super::objects::PendingSlice>),
}

impl PendingSliceList {
    /// Only after everything is settled.
    pub fn resolve(self, writer: &ChunkWriter) -> SliceList {
        match self {
            PendingSliceList::Inline(slices) => SliceList::Inline(slices),
            PendingSliceList::Pages(pages) => SliceList::Pages(writer.resolve(&pages)),
        }
    }
}
