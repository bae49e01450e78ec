//! All objects that snapshots refer to, each once, and what a check learned of them.

mod attribute;
mod read;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

pub use attribute::Findings;
pub use read::{Reached, Reading};

use xxhash_rust::xxh3::Xxh3;

use super::error::Error;
use super::shards::Shard;
use crate::repo::layout::{self, ChunkId, ChunkKind};
use crate::repo::manifest::{ObjectRef, Slice, SliceList};
use crate::repo::{Damage, KnownDamage, Manifest, ObjectReader, ReadDepth, Repository};
use crate::stream::{ChunkKey, Digest, RowFormat, RowHash, RowHasher, RowSplitter};

/// The objects of some snapshots. Grows with their number alone, not with the number of snapshots that share them.
pub struct Inventory<'a> {
    repository: &'a Repository,
    objects: Vec<Object>,
    /// Where each is in `objects`, by a hash of all that a manifest says of it: the key itself would take four times the memory.
    by_ref: HashMap<u128, u32>,
    keys: Vec<Keys>,
    lists: Lists,
    /// Objects that the store lists and that no manifest refers to.
    unreferenced: u64,
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
    /// The listing was not looked at yet.
    Unlisted,
    /// Listed with its size.
    Present,
    /// Its stored bytes are those that were stored; what they hold this key cannot see.
    Sound,
    /// Opened, and what its name says.
    Read,
    Damaged(Damage),
}

/// The rows of one slice, by themselves.
#[derive(Clone, Copy)]
struct SliceDigest {
    offset: u32,
    bytes: u32,
    format: RowFormat,
    /// Manifests that share an object may have hashed its rows differently.
    keys: u32,
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
    row_hash: RowHash,
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
    /// Empty.
    pub fn new(repository: &'a Repository) -> Self {
        let (objects, by_ref, keys) = Default::default();
        Self { repository, objects, by_ref, keys, lists: Lists::Whole, unreferenced: 0 }
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
                } else if self.objects[object].slice(&slice, stored.format, keys).is_none() {
                    let Slice { offset, bytes, .. } = slice;
                    let (format, keys, rows) = (stored.format, keys as u32, Rows::NotRead);
                    // Most objects have one slice, and a vector's first push would make room for four.
                    self.objects[object].slices.reserve_exact(1);
                    self.objects[object].slices.push(SliceDigest { offset, bytes, format, keys, rows });
                }
            }
        }
        Ok(())
    }

    fn keys_of(&mut self, manifest: &Manifest) -> usize {
        self.known_keys(manifest).unwrap_or_else(|| {
            let Manifest { chunk_key: chunk, digest_key: digest, .. } = *manifest;
            let (row_hash, hasher) = (manifest.row_hash(), manifest.row_hasher());
            self.keys.push(Keys { chunk, digest, row_hash, hasher });
            self.keys.len() - 1
        })
    }

    fn known_keys(&self, manifest: &Manifest) -> Option<usize> {
        let wanted = (&manifest.chunk_key, &manifest.digest_key, manifest.row_hash());
        self.keys.iter().position(|keys| (&keys.chunk, &keys.digest, keys.row_hash) == wanted)
    }

    /// Compares what was taken in with what the store lists, of which nothing is kept.
    pub async fn look_up(&mut self) -> Result<(), Error> {
        let mut by_id: Vec<u32> = (0..self.objects.len() as u32).collect();
        by_id.sort_unstable_by_key(|at| self.objects[*at as usize].id());
        let (objects, unreferenced) = (&mut self.objects, &mut self.unreferenced);
        self.repository
            .each_chunk(|id, listed| {
                let first = by_id.partition_point(|at| objects[*at as usize].id() < id);
                let mut is_known = false;
                // A name that was stored again has been stored with several sizes.
                for at in by_id[first..].iter().map(|at| *at as usize) {
                    if objects[at].id() != id {
                        break;
                    }
                    is_known = true;
                    objects[at].found(listed.bytes);
                }
                *unreferenced += u64::from(!is_known);
            })
            .await?;
        for object in self.objects.iter_mut().filter(|object| matches!(object.state, State::Unlisted)) {
            object.state = State::Damaged(Damage::Missing);
        }
        Ok(())
    }

    /// Where the object is in the inventory.
    fn object(&mut self, kind: ChunkKind, object: &ObjectRef, keys: usize) -> usize {
        let at = self.by_ref.entry(fingerprint(kind, object)).or_insert_with(|| {
            self.objects.push(Object { kind, object: *object, keys, slices: Vec::new(), state: State::Unlisted });
            (self.objects.len() - 1) as u32
        });
        *at as usize
    }

    /// Where the object is, if a manifest that was taken in names it.
    fn position(&self, kind: ChunkKind, object: &ObjectRef) -> Option<usize> {
        self.by_ref.get(&fingerprint(kind, object)).map(|at| *at as usize)
    }

    async fn read_page(&mut self, page: &Slice, keys: usize, reader: &mut ObjectReader) {
        let at = self.object(ChunkKind::Meta, &page.object, keys);
        if let State::Unlisted = self.objects[at].state {
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
        self.unreferenced
    }

    pub fn is_whole(&self) -> bool {
        let is_damaged = |object: &Object| matches!(object.state, State::Damaged(_));
        self.lists == Lists::Whole && !self.objects.iter().any(is_damaged)
    }

    /// Takes in what earlier checks have recorded of objects. What was not read now, as deep as it takes to see the damage, is
    /// still damaged. Returns the names of those that were read and are whole.
    pub fn recall(&mut self, recorded: &HashMap<ChunkId, KnownDamage>) -> Vec<String> {
        let mut healed = BTreeSet::new();
        for object in &mut self.objects {
            let Some(known) = recorded.get(&object.id()) else { continue };
            match (&object.state, known.seen_by) {
                (State::Read, _) | (State::Sound, ReadDepth::StoredBytes) => drop(healed.insert(object.key())),
                (State::Present | State::Sound, _) => {
                    object.state = State::Damaged(Damage::Recorded { found: known.found });
                }
                (State::Unlisted | State::Damaged(_), _) => {}
            }
        }
        healed.into_iter().collect()
    }

    /// A chunk that was lost and stored again has the same name and other bytes. It is whole for every snapshot that names it, if
    /// it is what one of them says: opened where bytes were read, of the right size where they were not.
    pub fn forgive_what_was_stored_again(&mut self) {
        let place = |object: &Object| (object.kind, object.object.object, object.object.generation);
        let is_whole = |object: &&Object| matches!(object.state, State::Read | State::Present);
        let whole: HashSet<_> = self.objects.iter().filter(is_whole).map(place).collect();
        for object in &mut self.objects {
            let may_be_again = matches!(object.state, State::Damaged(Damage::Size { .. } | Damage::Checksum));
            if may_be_again && whole.contains(&place(object)) {
                object.state = State::Sound;
            }
        }
    }

    /// The objects whose bytes are certainly not those that were stored, and what is wrong with each.
    pub fn damaged(&self) -> impl Iterator<Item = (ChunkId, &Damage)> {
        self.objects.iter().filter_map(|object| match &object.state {
            State::Damaged(damage) if damage.is_of_the_bytes() => Some((object.id(), damage)),
            _ => None,
        })
    }

    /// Bytes as stored, by shard. A shard without objects is left out.
    pub fn bytes_by_shard(&self) -> HashMap<Shard, u64> {
        let mut bytes = HashMap::new();
        for object in &self.objects {
            *bytes.entry(object.shard()).or_default() += u64::from(object.object.stored_bytes);
        }
        bytes
    }
}

fn fingerprint(kind: ChunkKind, object: &ObjectRef) -> u128 {
    let mut hasher = Xxh3::new();
    (kind, object).hash(&mut hasher);
    hasher.digest128()
}

impl Object {
    fn shard(&self) -> Shard {
        Shard::of(self.kind, &self.object.object)
    }

    fn id(&self) -> ChunkId {
        self.object.id(self.kind)
    }

    /// The listing shows it with so many bytes.
    fn found(&mut self, found: u64) {
        let expected = u64::from(self.object.stored_bytes);
        match self.state {
            State::Unlisted if found == expected => self.state = State::Present,
            State::Unlisted => self.state = State::Damaged(Damage::Size { expected, found }),
            // Its bytes were looked at.
            _ => {}
        }
    }

    fn key(&self) -> String {
        layout::chunk(self.kind, &self.object.object, self.object.generation).to_string()
    }

    fn slice(&self, slice: &Slice, format: RowFormat, keys: usize) -> Option<&SliceDigest> {
        let wanted = (slice.offset, slice.bytes, format, keys);
        self.slices.iter().find(|s| (s.offset, s.bytes, s.format, s.keys as usize) == wanted)
    }

    fn digest_slices(&self, plaintext: &[u8], keys: &[Keys]) -> Vec<SliceDigest> {
        let digest = |slice: &SliceDigest| {
            let range = slice.offset as usize..(slice.offset as usize + slice.bytes as usize);
            let mut rows = RowSplitter::new(&keys[slice.keys as usize].hasher, slice.format);
            // The size of the plaintext was checked, and the bounds of slices against it.
            let fed = rows.feed(plaintext.get(range).unwrap_or_default());
            let is_whole = fed.is_ok() && rows.is_at_row_end();
            SliceDigest { rows: if is_whole { Rows::Whole(rows.digest()) } else { Rows::Part }, ..*slice }
        };
        self.slices.iter().map(digest).collect()
    }
}
