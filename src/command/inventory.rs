//! All objects that snapshots refer to, each once, and what a check learned of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::backup::worker_runtime;
use super::error::Error;
use super::finding::{Finding, Kind, with_causes};
use super::progress::Progress;
use crate::repo::index::Listing;
use crate::repo::layout::{self, ChunkKind};
use crate::repo::manifest::{ObjectRef, Slice, SliceList};
use crate::repo::{Damage, Manifest, ObjectReader, Repository};
use crate::stop::{Stop, in_parallel};
use crate::stream::{ChunkKey, Digest, DigestKey, RowFormat, RowHasher, RowSplitter};

/// The objects of some snapshots. Grows with their number alone, not with the number of snapshots that share them.
pub struct Inventory<'a> {
    repository: &'a Repository,
    listing: Listing,
    objects: Vec<Object>,
    by_ref: HashMap<(ChunkKind, ObjectRef), usize>,
    keys: Vec<Keys>,
    lists: Lists,
}

/// Whether all slice lists could be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    Whole,
    Hurt,
}

struct Object {
    kind: ChunkKind,
    object: ObjectRef,
    keys: usize,
    slices: Vec<SliceDigest>,
    state: State,
}

enum State {
    /// Listed with its size.
    Present,
    Read,
    Damaged(Damage),
}

/// The rows of one slice, by themselves.
#[derive(Clone, Copy)]
struct SliceDigest {
    offset: u32,
    bytes: u32,
    format: RowFormat,
    rows: Rows,
}

#[derive(Clone, Copy)]
enum Rows {
    NotRead,
    Whole(Digest),
    /// The slice does not end where a row ends, so that it means something only after and before its neighbours.
    Part,
}

/// A manifest's keys.
struct Keys {
    chunk: [u8; 32],
    digest: [u8; 32],
    hasher: RowHasher,
}

/// One relation of a manifest, or its large objects.
struct Stored<'m> {
    table: String,
    format: RowFormat,
    digest: Digest,
    slices: &'m SliceList,
}

fn stored(manifest: &Manifest) -> Vec<Stored<'_>> {
    let relations = manifest.relations.iter().map(|relation| Stored {
        table: format!("{}.{}", relation.schema, relation.name),
        format: relation.format,
        digest: relation.digest,
        slices: &relation.slices,
    });
    let large_objects = manifest.large_objects.iter().map(|large_objects| Stored {
        table: "large objects".into(),
        format: RowFormat::Binary,
        digest: large_objects.digest,
        slices: &large_objects.slices,
    });
    relations.chain(large_objects).collect()
}

impl<'a> Inventory<'a> {
    /// Empty. `listing` says what is there.
    pub fn new(repository: &'a Repository, listing: Listing) -> Self {
        let (objects, by_ref, keys) = Default::default();
        Self { repository, listing, objects, by_ref, keys, lists: Lists::Whole }
    }

    /// Takes in what a manifest refers to. Slice lists are read and checked, for they say what else there is.
    pub async fn add(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let keys = self.keys_of(manifest);
        for slice in manifest.archive.iter().chain(&manifest.facts) {
            self.object(ChunkKind::Meta, &slice.object, keys);
        }
        let mut reader = self.repository.object_reader()?;
        for stored in stored(manifest) {
            if let SliceList::Pages(pages) = stored.slices {
                for page in pages {
                    self.read_page(page, keys, &mut reader).await;
                }
            }
            let Ok(slices) = self.repository.slices(manifest, stored.slices).await else {
                self.lists = Lists::Hurt;
                continue;
            };
            for slice in slices {
                let object = self.object(ChunkKind::Data, &slice.object, keys);
                if slice.offset.checked_add(slice.bytes).is_none_or(|end| end > slice.object.plain_bytes) {
                    self.lists = Lists::Hurt;
                } else if self.objects[object].slice(&slice, stored.format).is_none() {
                    let Slice { offset, bytes, .. } = slice;
                    let rows = Rows::NotRead;
                    self.objects[object].slices.push(SliceDigest { offset, bytes, format: stored.format, rows });
                }
            }
        }
        Ok(())
    }

    fn keys_of(&mut self, manifest: &Manifest) -> usize {
        let (chunk, digest) = (manifest.chunk_key, manifest.digest_key);
        let known = self.keys.iter().position(|keys| keys.chunk == chunk && keys.digest == digest);
        known.unwrap_or_else(|| {
            self.keys.push(Keys { chunk, digest, hasher: RowHasher::new(&DigestKey(digest)) });
            self.keys.len() - 1
        })
    }

    /// Where the object is in the inventory. A new one is looked up in the listing.
    fn object(&mut self, kind: ChunkKind, object: &ObjectRef, keys: usize) -> usize {
        *self.by_ref.entry((kind, *object)).or_insert_with(|| {
            let expected = u64::from(object.stored_bytes);
            let state = match self.listing.bytes(kind, object) {
                None => State::Damaged(Damage::Missing),
                Some(found) if found != expected => State::Damaged(Damage::Size { expected, found }),
                Some(_) => State::Present,
            };
            self.objects.push(Object { kind, object: *object, keys, slices: Vec::new(), state });
            self.objects.len() - 1
        })
    }

    async fn read_page(&mut self, page: &Slice, keys: usize, reader: &mut ObjectReader) {
        let at = self.object(ChunkKind::Meta, &page.object, keys);
        if let State::Present = self.objects[at].state {
            let read = reader.read(ChunkKind::Meta, &page.object, &ChunkKey(self.keys[keys].chunk)).await;
            self.objects[at].state = match read {
                Ok(_) => State::Read,
                Err(damage) => State::Damaged(damage),
            };
        }
    }

    pub fn objects(&self) -> u64 {
        self.objects.len() as u64
    }

    /// Bytes of the objects as stored.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| u64::from(object.object.stored_bytes)).sum()
    }

    /// Objects of the listing that no manifest refers to. A backup that was stopped leaves such.
    pub fn unreferenced(&self) -> u64 {
        let is_missing = |object: &&Object| matches!(object.state, State::Damaged(Damage::Missing));
        let there = self.objects.len() - self.objects.iter().filter(is_missing).count();
        self.listing.len().saturating_sub(there) as u64
    }

    pub fn is_whole(&self) -> bool {
        let is_damaged = |object: &Object| matches!(object.state, State::Damaged(_));
        self.lists == Lists::Whole && !self.objects.iter().any(is_damaged)
    }

    /// Reads every object that is there, over `jobs` threads: checksum, decryption, name, and the digests of its slices.
    pub fn read(&mut self, jobs: usize, progress: &Arc<Progress>, stop: &Stop) -> Result<(), Error> {
        progress.bytes_total.store(self.bytes(), Ordering::Relaxed);
        let next = AtomicUsize::new(0);
        let this = &*self;
        let workers = in_parallel(jobs.max(1), stop, |n| {
            let runtime = worker_runtime()?;
            let mut reader = this.repository.object_reader()?;
            let lane = progress.begin(n, "objects".into(), 0);
            let mut done = Vec::new();
            loop {
                if stop.is_set() {
                    return Err(Error::Interrupted);
                }
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(object) = this.objects.get(at) else { break };
                if let State::Present = object.state {
                    let keys = &this.keys[object.keys];
                    let plaintext = runtime.block_on(reader.read(object.kind, &object.object, &ChunkKey(keys.chunk)));
                    done.push((at, plaintext.map(|plaintext| object.digest_slices(&plaintext, &keys.hasher))));
                    progress.add(&lane, object.object.stored_bytes.into(), 0);
                }
            }
            progress.end(n);
            Ok::<_, Error>(done)
        })?;
        for (at, read) in workers.into_iter().flatten() {
            match read {
                Ok(slices) => {
                    self.objects[at].slices = slices;
                    self.objects[at].state = State::Read;
                }
                Err(damage) => self.objects[at].state = State::Damaged(damage),
            }
        }
        Ok(())
    }

    /// Says which tables of the manifest the damage hurts, and, where the objects were read, which relation's rows are not those
    /// that were backed up.
    pub async fn attribute(&self, manifest: &Manifest, findings: &mut Findings) -> Result<(), Error> {
        let stored = stored(manifest);
        for slice in manifest.archive.iter().chain(&manifest.facts) {
            // Without its schema no table can be restored.
            if let Some(finding) = self.finding(ChunkKind::Meta, slice, findings) {
                finding.snapshots.insert(manifest.snapshot.clone());
                stored.iter().for_each(|stored| finding.hurts(&manifest.snapshot, stored.table.clone()));
            }
        }
        for stored in &stored {
            let mut is_whole = true;
            let pages: &[Slice] = match stored.slices {
                SliceList::Pages(pages) => pages,
                SliceList::Inline(_) => &[],
            };
            for page in pages {
                if let Some(finding) = self.finding(ChunkKind::Meta, page, findings) {
                    finding.hurts(&manifest.snapshot, stored.table.clone());
                    is_whole = false;
                }
            }
            if !is_whole {
                continue;
            }
            let slices = match self.repository.slices(manifest, stored.slices).await {
                Ok(slices) => slices,
                Err(error) => {
                    findings.about(manifest, stored, Kind::Slices, with_causes(&error));
                    continue;
                }
            };
            for slice in &slices {
                if let Some(finding) = self.finding(ChunkKind::Data, slice, findings) {
                    finding.hurts(&manifest.snapshot, stored.table.clone());
                    is_whole = false;
                }
            }
            if is_whole {
                self.compare(manifest, stored, &slices, findings).await?;
            }
        }
        Ok(())
    }

    /// The finding of a damaged object; none if it is whole.
    fn finding<'f>(&self, kind: ChunkKind, slice: &Slice, findings: &'f mut Findings) -> Option<&'f mut Finding> {
        let at = *self.by_ref.get(&(kind, slice.object))?;
        let State::Damaged(damage) = &self.objects[at].state else { return None };
        let name = || layout::chunk(kind, &slice.object.object, slice.object.generation).to_string();
        Some(findings.objects.entry(at).or_insert_with(|| Finding::of_object(name(), damage)))
    }

    async fn compare(
        &self,
        manifest: &Manifest,
        stored: &Stored<'_>,
        slices: &[Slice],
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let outside =
            |slice: &&Slice| slice.offset.checked_add(slice.bytes).is_none_or(|end| end > slice.object.plain_bytes);
        if let Some(slice) = slices.iter().find(outside) {
            let detail = format!("a slice reaches past the end of {}", slice.object.object);
            findings.about(manifest, stored, Kind::Slices, detail);
            return Ok(());
        }
        match self.digest(manifest, stored.format, slices).await? {
            Recomputed::NotRead => {}
            Recomputed::Rows(found) if found == stored.digest => {}
            Recomputed::Rows(found) => {
                let detail = format!("the stored rows give {found}, and the manifest says {}", stored.digest);
                findings.about(manifest, stored, Kind::Digest, detail);
            }
            Recomputed::NoRows(detail) => findings.about(manifest, stored, Kind::Digest, detail),
        }
        Ok(())
    }

    /// The digest of a relation, from those of its slices. Rows that are continued from slice to slice are read once more, in
    /// their order.
    async fn digest(&self, manifest: &Manifest, format: RowFormat, slices: &[Slice]) -> Result<Recomputed, Error> {
        let hasher = RowHasher::new(&manifest.digest_key());
        let mut reader = self.repository.reader(ChunkKind::Data, manifest.chunk_key())?;
        let mut digest = Digest::default();
        let mut open: Option<RowSplitter<'_>> = None;
        for slice in slices {
            let object = self.by_ref.get(&(ChunkKind::Data, slice.object)).map(|at| &self.objects[*at]);
            let rows = object.and_then(|object| object.slice(slice, format)).map_or(Rows::NotRead, |s| s.rows);
            match (&open, rows) {
                (_, Rows::NotRead) => return Ok(Recomputed::NotRead),
                (None, Rows::Whole(rows)) => {
                    digest.merge(&rows);
                    continue;
                }
                (None, Rows::Part) | (Some(_), _) => {}
            }
            let mut rows = open.take().unwrap_or_else(|| RowSplitter::new(&hasher, format));
            if let Err(malformed) = rows.feed(reader.slice(slice).await?) {
                return Ok(Recomputed::NoRows(format!("the stored bytes are no rows: {malformed}")));
            }
            if rows.is_at_row_end() {
                digest.merge(&rows.digest());
            } else {
                open = Some(rows);
            }
        }
        match open {
            None => Ok(Recomputed::Rows(digest)),
            Some(_) => Ok(Recomputed::NoRows("the stored bytes end within a row".into())),
        }
    }
}

enum Recomputed {
    /// The data was not asked to be read.
    NotRead,
    Rows(Digest),
    NoRows(String),
}

impl Object {
    fn slice(&self, slice: &Slice, format: RowFormat) -> Option<&SliceDigest> {
        self.slices.iter().find(|s| (s.offset, s.bytes, s.format) == (slice.offset, slice.bytes, format))
    }

    fn digest_slices(&self, plaintext: &[u8], hasher: &RowHasher) -> Vec<SliceDigest> {
        let digest = |slice: &SliceDigest| {
            let range = slice.offset as usize..(slice.offset as usize + slice.bytes as usize);
            let mut rows = RowSplitter::new(hasher, slice.format);
            // The size of the plaintext was checked, and the bounds of slices against it.
            let fed = rows.feed(plaintext.get(range).unwrap_or_default());
            let is_whole = fed.is_ok() && rows.is_at_row_end();
            SliceDigest { rows: if is_whole { Rows::Whole(rows.digest()) } else { Rows::Part }, ..*slice }
        };
        self.slices.iter().map(digest).collect()
    }
}

/// What is wrong, each damaged object once.
#[derive(Default)]
pub struct Findings {
    objects: BTreeMap<usize, Finding>,
    tables: Vec<Finding>,
}

impl Findings {
    fn about(&mut self, manifest: &Manifest, stored: &Stored<'_>, kind: Kind, detail: String) {
        let mut finding = Finding::new(kind, None, detail);
        finding.hurts(&manifest.snapshot, stored.table.clone());
        self.tables.push(finding);
    }

    pub fn into_vec(self) -> Vec<Finding> {
        self.objects.into_values().chain(self.tables).collect()
    }
}
