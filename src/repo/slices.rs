//! The way from a slice to its bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::RepoError;
use super::keys::KeyKind;
use super::layout::{self, ChunkKind, OBJECT_BYTES_MAX};
use super::manifest::{Manifest, Slice, SliceList};
use super::repository::Repository;
use crate::store::{Coming, ObjectKey, Store, StoreError};
use crate::stream::{ChunkKey, OpenError, Opener};

/// Objects that a reader has on their way, at most: 8 MiB each at most, a third of one as a rule.
const OBJECTS_AHEAD_MAX: usize = 4;

impl Repository {
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

    pub fn reader(&self, kind: ChunkKind, chunk_key: ChunkKey) -> Result<SliceReader, RepoError> {
        let opener = self.opener().map_err(|source| RepoError::Object { key: layout::config(), source })?;
        let opens = !(self.key_kind() == KeyKind::Writer && kind == ChunkKind::Data);
        let refusal = if opens { Refusal::IsDamage } else { Refusal::IsTheKey };
        Ok(SliceReader {
            store: self.store().clone(),
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
    /// of 30 ms a restore waits forevery object otherwise.
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

/// A page of a slice list: a line for each.
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
