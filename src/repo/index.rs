//! What is stored already, from earlier manifests: the memory of deduplication.
//!
//! There is no index in the repository that could be wrong; this one is made anew for each backup, and an object that
//! the listing does not show with the right size counts as absent.

use std::collections::{HashMap, HashSet};

use super::id_set::{IdSet, TakenNames};
use super::layout::{ChunkId, ChunkKind};
use super::manifest::{ObjectRef, Slice};
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

/// An object that may be referred to.
#[derive(Clone, Copy, Debug)]
struct Entry {
    object: ObjectRef,
    origin: Origin,
    sight: Sight,
}

/// Whether the listing shows it with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    Unlisted,
    Listed,
}

/// Objects that count as not stored, whatever the listing shows: damaged, or about to be deleted.
#[derive(Default)]
pub struct Absent {
    objects: IdSet,
    names: TakenNames,
}

impl Absent {
    pub fn insert(&mut self, object: &ChunkId) {
        self.objects.insert(object);
        self.names.insert(object.kind, &object.name);
    }
}

impl<'a> Extend<&'a ChunkId> for Absent {
    fn extend<I: IntoIterator<Item = &'a ChunkId>>(&mut self, objects: I) {
        objects.into_iter().for_each(|object| self.insert(object));
    }
}

#[derive(Default)]
pub struct Index {
    objects: HashMap<(ChunkKind, ChunkName), Entry>,
    slices: HashMap<[u8; 16], SharedSlice>,
    /// Objects of earlier snapshots that this backup refers to.
    reused: HashSet<(ChunkKind, ChunkName)>,
    /// Names under which the listing shows something, whatever that is, or of which some generation counts as absent.
    taken: TakenNames,
    absent: IdSet,
}

impl Index {
    pub fn new(absent: Absent) -> Self {
        Self { taken: absent.names, absent: absent.objects, ..Self::default() }
    }

    /// Learns a slice of an earlier snapshot, unless its object counts as absent. It is of use once the listing shows its object.
    pub fn learn(&mut self, kind: ChunkKind, slice: &Slice) {
        self.learn_from(Origin::EarlierSnapshot, kind, slice);
    }

    /// The same of a run that did not finish. No check has ever looked at such an object, for none knows of it: it is looked at
    /// before it is used.
    pub fn learn_unfinished(&mut self, slice: &Slice) {
        self.learn_from(Origin::UnfinishedRun, ChunkKind::Data, slice);
    }

    fn learn_from(&mut self, origin: Origin, kind: ChunkKind, slice: &Slice) {
        if self.is_absent(&slice.object.id(kind)) {
            return;
        }
        let entry = Entry { object: slice.object, origin, sight: Sight::Unlisted };
        self.objects.entry((kind, slice.object.object)).or_insert(entry);
        if let (ChunkKind::Data, Some(id)) = (kind, slice.slice_id) {
            let shared = SharedSlice { object: slice.object.object, offset: slice.offset, bytes: slice.bytes };
            self.slices.entry(id).or_insert(shared);
        }
    }

    /// Takes in one name of the listing. Of a name that nothing was learned of, no more is kept than that it is taken.
    pub fn see(&mut self, object: &ChunkId, bytes: u64) {
        self.taken.insert(object.kind, &object.name);
        if let Some(entry) = self.objects.get_mut(&(object.kind, object.name))
            && entry.object.generation == object.generation
            && u64::from(entry.object.stored_bytes) == bytes
        {
            entry.sight = Sight::Listed;
        }
    }

    /// Forgets what the listing, which has come to its end, did not show with its size.
    pub fn forget_unlisted(&mut self) {
        self.objects.retain(|_, entry| entry.sight == Sight::Listed);
        let objects = &self.objects;
        self.slices.retain(|_, shared| objects.contains_key(&(ChunkKind::Data, shared.object)));
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        self.objects.capacity() * size_of::<((ChunkKind, ChunkName), Entry)>()
            + self.slices.capacity() * size_of::<([u8; 16], SharedSlice)>()
    }

    pub fn object(&self, kind: ChunkKind, name: &ChunkName) -> Option<&ObjectRef> {
        self.objects.get(&(kind, *name)).map(|entry| &entry.object)
    }

    /// The object, if its bytes must be looked at before it is used, and were not yet. Of snapshots that is metadata alone: there
    /// is little of it, and without it no row comes back.
    pub fn unchecked(&self, kind: ChunkKind, name: &ChunkName) -> Option<ObjectRef> {
        let entry = self.objects.get(&(kind, *name))?;
        match (entry.origin, kind) {
            (Origin::UnfinishedRun, _) | (Origin::EarlierSnapshot, ChunkKind::Meta) => Some(entry.object),
            (Origin::EarlierSnapshot, ChunkKind::Data) | (Origin::Checked | Origin::ThisBackup, _) => None,
        }
    }

    /// The object's bytes were looked at and are what was stored.
    pub fn note_checked(&mut self, kind: ChunkKind, object: &ObjectRef) {
        if let Some(entry) = self.objects.get_mut(&(kind, object.object))
            && matches!(entry.origin, Origin::EarlierSnapshot | Origin::UnfinishedRun)
            && entry.object == *object
        {
            entry.origin = Origin::Checked;
        }
    }

    /// The object's bytes are not what was stored: from now on it counts as absent, unless another worker has read it whole.
    pub fn forget(&mut self, kind: ChunkKind, object: &ObjectRef) {
        let known = self.objects.get(&(kind, object.object));
        match known.filter(|entry| entry.object.generation == object.generation).map(|entry| entry.origin) {
            Some(Origin::Checked | Origin::ThisBackup) => return,
            Some(_) => drop(self.objects.remove(&(kind, object.object))),
            None => {}
        }
        self.absent.insert(&object.id(kind));
        self.taken.insert(kind, &object.object);
    }

    pub fn is_absent(&self, object: &ChunkId) -> bool {
        self.absent.contains(object)
    }

    pub fn slice(&self, id: &[u8; 16]) -> Option<SharedSlice> {
        // Its object may have been forgotten since.
        self.slices.get(id).filter(|shared| self.object(ChunkKind::Data, &shared.object).is_some()).copied()
    }

    pub fn insert(&mut self, kind: ChunkKind, object: ObjectRef) {
        let entry = Entry { object, origin: Origin::ThisBackup, sight: Sight::Listed };
        self.objects.insert((kind, object.object), entry);
    }

    pub fn insert_slice(&mut self, id: [u8; 16], shared: SharedSlice) {
        self.slices.entry(id).or_insert(shared);
    }

    /// Notes an object as reused, if an earlier snapshot stored it.
    pub fn note_reuse(&mut self, kind: ChunkKind, name: ChunkName) {
        if self.objects.get(&(kind, name)).is_some_and(|entry| entry.origin != Origin::ThisBackup) {
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
            Some(entry) if entry.object.generation != object.generation => false,
            Some(Entry { origin: Origin::ThisBackup, .. }) => true,
            Some(_) => self.reused.contains(&name),
            None => false,
        }
    }

    /// Every object that this backup refers to.
    pub fn referred_to(&self) -> impl Iterator<Item = (ChunkId, &ObjectRef)> {
        let all = self.objects.iter().map(|((kind, _), entry)| (entry.object.id(*kind), &entry.object));
        all.filter(|(id, _)| self.refers_to(id))
    }

    /// Whether something may be stored under a name that the index does not hold, by whoever it was, or must not be stored there.
    pub fn may_be_taken(&self, kind: ChunkKind, name: &ChunkName) -> bool {
        self.taken.contains(kind, name)
    }
}
