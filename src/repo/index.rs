//! What is stored already, from earlier manifests: the memory of deduplication.
//!
//! There is no index in the repository that could be wrong; this one is made anew for each backup, and an object that
//! the listing does not show with the right size counts as absent.

use std::collections::{HashMap, HashSet};

use super::layout::{self, ChunkKind, ChunkPlace};
use super::manifest::{ObjectRef, Slice};
use crate::store::Listed;
use crate::stream::ChunkName;

/// A slice that shares an object, by its own name.
#[derive(Clone, Copy, Debug)]
pub struct SharedSlice {
    pub object: ChunkName,
    pub offset: u32,
    pub bytes: u32,
}

/// Who stored an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// As the listing shows it.
    EarlierSnapshot,
    /// The same, and its bytes were looked at by this run.
    Checked,
    ThisBackup,
}

#[derive(Default)]
pub struct Index {
    objects: HashMap<(ChunkKind, ChunkName), (ObjectRef, Origin)>,
    slices: HashMap<[u8; 16], SharedSlice>,
    /// Data objects of earlier snapshots that this backup refers to.
    reused: HashSet<ChunkName>,
    /// The highest generation that the listing shows, for names stored more than once or not usable.
    generations: HashMap<(ChunkKind, ChunkName), u16>,
    /// Objects whose bytes are not what was stored. They count as absent.
    damaged: HashSet<ChunkPlace>,
}

/// Object sizes by kind, name and generation, as the store lists them.
pub struct Listing(HashMap<(ChunkKind, ChunkName, u16), u64>);

impl Listing {
    pub fn new(kind: ChunkKind, listed: &[Listed]) -> Self {
        let entries =
            listed.iter().filter_map(|l| layout::parse_chunk(&l.key).map(|(name, g)| ((kind, name, g), l.bytes)));
        Self(entries.collect())
    }

    pub fn merge(&mut self, other: Listing) {
        self.0.extend(other.0);
    }

    pub fn bytes(&self, kind: ChunkKind, object: &ObjectRef) -> Option<u64> {
        self.0.get(&(kind, object.object, object.generation)).copied()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Index {
    /// Starts with what the store holds under any name, so that a damaged object's name is not tried again. `damaged` are
    /// those that a check has found to be so.
    pub fn new(listing: &Listing, damaged: HashSet<ChunkPlace>) -> Self {
        let mut index = Self { damaged, ..Self::default() };
        for (kind, name, generation) in listing.0.keys().chain(&index.damaged) {
            let highest = index.generations.entry((*kind, *name)).or_insert(*generation);
            *highest = (*highest).max(*generation);
        }
        index
    }

    /// Learns a slice of an earlier snapshot, if its object is there with its size and not known to be damaged.
    pub fn learn(&mut self, kind: ChunkKind, slice: &Slice, listing: &Listing) {
        if self.is_damaged(kind, &slice.object.object, slice.object.generation)
            || listing.bytes(kind, &slice.object) != Some(u64::from(slice.object.stored_bytes))
        {
            return;
        }
        self.objects.entry((kind, slice.object.object)).or_insert((slice.object, Origin::EarlierSnapshot));
        if let (ChunkKind::Data, Some(id)) = (kind, slice.slice_id) {
            let shared = SharedSlice { object: slice.object.object, offset: slice.offset, bytes: slice.bytes };
            self.slices.entry(id).or_insert(shared);
        }
    }

    pub fn object(&self, kind: ChunkKind, name: &ChunkName) -> Option<&ObjectRef> {
        self.objects.get(&(kind, *name)).map(|(object, _)| object)
    }

    /// The object, if it is known from a listing alone: nobody has looked at its bytes yet.
    pub fn unchecked(&self, kind: ChunkKind, name: &ChunkName) -> Option<ObjectRef> {
        self.objects
            .get(&(kind, *name))
            .filter(|(_, origin)| *origin == Origin::EarlierSnapshot)
            .map(|(object, _)| *object)
    }

    /// The object's bytes were looked at and are what was stored.
    pub fn note_checked(&mut self, kind: ChunkKind, object: &ObjectRef) {
        if let Some((known, origin @ Origin::EarlierSnapshot)) = self.objects.get_mut(&(kind, object.object))
            && known == object
        {
            *origin = Origin::Checked;
        }
    }

    /// The object's bytes are not what was stored: from now on it counts as absent.
    pub fn forget(&mut self, kind: ChunkKind, object: &ObjectRef) {
        self.damaged.insert((kind, object.object, object.generation));
        if self.object(kind, &object.object).is_some_and(|known| known.generation == object.generation) {
            self.objects.remove(&(kind, object.object));
        }
    }

    pub fn is_damaged(&self, kind: ChunkKind, name: &ChunkName, generation: u16) -> bool {
        self.damaged.contains(&(kind, *name, generation))
    }

    pub fn slice(&self, id: &[u8; 16]) -> Option<SharedSlice> {
        self.slices.get(id).copied()
    }

    pub fn insert(&mut self, kind: ChunkKind, object: ObjectRef) {
        self.objects.insert((kind, object.object), (object, Origin::ThisBackup));
    }

    pub fn insert_slice(&mut self, id: [u8; 16], shared: SharedSlice) {
        self.slices.entry(id).or_insert(shared);
    }

    /// Counts a data object as reused, if an earlier snapshot stored it.
    pub fn note_reuse(&mut self, name: ChunkName) {
        if let Some((_, Origin::EarlierSnapshot | Origin::Checked)) = self.objects.get(&(ChunkKind::Data, name)) {
            self.reused.insert(name);
        }
    }

    pub fn reused(&self) -> u64 {
        self.reused.len() as u64
    }

    /// The generation under which a name that the index does not hold should be tried first: the highest that is
    /// listed or known to be damaged. It may be a whole object that no manifest names yet.
    pub fn listed_generation(&self, kind: ChunkKind, name: &ChunkName) -> Option<u16> {
        self.generations.get(&(kind, *name)).copied()
    }
}
