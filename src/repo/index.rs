//! What is stored already, from earlier manifests: the memory of deduplication.
//!
//! There is no index in the repository that could be wrong; this one is made anew for each backup, and an object that
//! the listing does not show with the right size counts as absent.

use std::collections::{HashMap, HashSet};

use super::layout::{self, ChunkId, ChunkKind};
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
    /// The same, and no snapshot refers to it yet: only a run that did not finish has signed for it.
    UnfinishedRun,
    /// The same, and its bytes were looked at by this run.
    Checked,
    ThisBackup,
}

#[derive(Default)]
pub struct Index {
    objects: HashMap<(ChunkKind, ChunkName), (ObjectRef, Origin)>,
    slices: HashMap<[u8; 16], SharedSlice>,
    /// Objects of earlier snapshots that this backup refers to.
    reused: HashSet<(ChunkKind, ChunkName)>,
    /// The highest generation that the listing shows, for names stored more than once or not usable.
    generations: HashMap<(ChunkKind, ChunkName), u16>,
    /// Objects that count as absent, whatever the listing shows.
    absent: HashSet<ChunkId>,
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
    /// Starts with what the store holds under any name, so that the name of an object that is no use is not tried again.
    /// `absent` are objects that count as absent whatever the listing shows: damaged, or about to be deleted.
    pub fn new(listing: &Listing, absent: impl IntoIterator<Item = ChunkId>) -> Self {
        let mut index = Self { absent: absent.into_iter().collect(), ..Self::default() };
        let absent = index.absent.iter().map(|id| (id.kind, id.name, id.generation));
        for (kind, name, generation) in listing.0.keys().copied().chain(absent) {
            let highest = index.generations.entry((kind, name)).or_insert(generation);
            *highest = (*highest).max(generation);
        }
        index
    }

    /// Learns a slice of an earlier snapshot, if its object is there with its size and does not count as absent.
    pub fn learn(&mut self, kind: ChunkKind, slice: &Slice, listing: &Listing) {
        self.learn_from(Origin::EarlierSnapshot, kind, slice, listing);
    }

    /// The same of a run that did not finish. No check has ever looked at such an object, for none knows of it: it is looked at
    /// before it is used.
    pub fn learn_unfinished(&mut self, slice: &Slice, listing: &Listing) {
        self.learn_from(Origin::UnfinishedRun, ChunkKind::Data, slice, listing);
    }

    fn learn_from(&mut self, origin: Origin, kind: ChunkKind, slice: &Slice, listing: &Listing) {
        if self.is_absent(&slice.object.id(kind))
            || listing.bytes(kind, &slice.object) != Some(u64::from(slice.object.stored_bytes))
        {
            return;
        }
        self.objects.entry((kind, slice.object.object)).or_insert((slice.object, origin));
        if let (ChunkKind::Data, Some(id)) = (kind, slice.slice_id) {
            let shared = SharedSlice { object: slice.object.object, offset: slice.offset, bytes: slice.bytes };
            self.slices.entry(id).or_insert(shared);
        }
    }

    pub fn object(&self, kind: ChunkKind, name: &ChunkName) -> Option<&ObjectRef> {
        self.objects.get(&(kind, *name)).map(|(object, _)| object)
    }

    /// The object, if its bytes must be looked at before it is used, and were not yet. Of snapshots that is metadata alone: there
    /// is little of it, and without it no row comes back.
    pub fn unchecked(&self, kind: ChunkKind, name: &ChunkName) -> Option<ObjectRef> {
        let (object, origin) = self.objects.get(&(kind, *name))?;
        match (origin, kind) {
            (Origin::UnfinishedRun, _) | (Origin::EarlierSnapshot, ChunkKind::Meta) => Some(*object),
            (Origin::EarlierSnapshot, ChunkKind::Data) | (Origin::Checked | Origin::ThisBackup, _) => None,
        }
    }

    /// The object's bytes were looked at and are what was stored.
    pub fn note_checked(&mut self, kind: ChunkKind, object: &ObjectRef) {
        if let Some((known, origin @ (Origin::EarlierSnapshot | Origin::UnfinishedRun))) =
            self.objects.get_mut(&(kind, object.object))
            && known == object
        {
            *origin = Origin::Checked;
        }
    }

    /// The object's bytes are not what was stored: from now on it counts as absent, unless another worker has read it whole.
    pub fn forget(&mut self, kind: ChunkKind, object: &ObjectRef) {
        let known = self.objects.get(&(kind, object.object)).filter(|(known, _)| known.generation == object.generation);
        match known {
            Some((_, Origin::Checked | Origin::ThisBackup)) => return,
            Some(_) => drop(self.objects.remove(&(kind, object.object))),
            None => {}
        }
        self.absent.insert(object.id(kind));
    }

    pub fn is_absent(&self, object: &ChunkId) -> bool {
        self.absent.contains(object)
    }

    pub fn slice(&self, id: &[u8; 16]) -> Option<SharedSlice> {
        // Its object may have been forgotten since.
        self.slices.get(id).filter(|shared| self.object(ChunkKind::Data, &shared.object).is_some()).copied()
    }

    pub fn insert(&mut self, kind: ChunkKind, object: ObjectRef) {
        self.objects.insert((kind, object.object), (object, Origin::ThisBackup));
    }

    pub fn insert_slice(&mut self, id: [u8; 16], shared: SharedSlice) {
        self.slices.entry(id).or_insert(shared);
    }

    /// Notes an object as reused, if an earlier snapshot stored it.
    pub fn note_reuse(&mut self, kind: ChunkKind, name: ChunkName) {
        if let Some((_, Origin::EarlierSnapshot | Origin::UnfinishedRun | Origin::Checked)) =
            self.objects.get(&(kind, name))
        {
            self.reused.insert((kind, name));
        }
    }

    /// How many data objects of earlier snapshots this backup refers to.
    pub fn reused(&self) -> u64 {
        self.reused.iter().filter(|(kind, _)| *kind == ChunkKind::Data).count() as u64
    }

    /// Whether this backup refers to exactly this object.
    pub fn refers_to(&self, object: &ChunkId) -> bool {
        let name = (object.kind, object.name);
        match self.objects.get(&name) {
            Some((known, _)) if known.generation != object.generation => false,
            Some((_, Origin::ThisBackup)) => true,
            Some((_, Origin::EarlierSnapshot | Origin::UnfinishedRun | Origin::Checked)) => self.reused.contains(&name),
            None => false,
        }
    }

    /// Objects that this backup refers to and that are not in the listing with their size.
    pub fn missing(&self, listing: &Listing) -> u64 {
        let is_missing = |((kind, _), (object, _)): &(&(ChunkKind, ChunkName), &(ObjectRef, Origin))| {
            self.refers_to(&object.id(*kind)) && listing.bytes(*kind, object) != Some(u64::from(object.stored_bytes))
        };
        self.objects.iter().filter(is_missing).count() as u64
    }

    /// The generation under which a name that the index does not hold should be tried first, where one was stored before: the
    /// highest that is listed, for it may be a whole object that a manifest names which was not read, or the one after it if that counts
    /// as absent.
    pub fn first_generation(&self, kind: ChunkKind, name: &ChunkName) -> Option<u16> {
        let generation = *self.generations.get(&(kind, *name))?;
        let is_absent = self.is_absent(&ChunkId { kind, name: *name, generation });
        Some(if is_absent { generation.saturating_add(1) } else { generation })
    }
}
