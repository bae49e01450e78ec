//! Deleting, in two phases: what [`super::condemned`] promises to backups is kept here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use super::condemned::{Condemned, Swept, uptime};
use super::error::RepoError;
use super::keys::KeyError;
use super::layout::{self, ChunkId, ChunkKind};
use super::manifest::{Manifest, ObjectRef, Slice, SliceList};
use super::records::{Record, Stored};
use super::repository::Repository;
use super::snapshot::SnapshotName;
use crate::retention::Grace;
use crate::store::{ObjectKey, StoreError};

/// Objects that one `condemned` record names at most: about 8 MB of record.
const OBJECTS_IN_RECORD_MAX: usize = 100_000;
/// Objects that are deleted in one go.
const BATCH: usize = 256;
/// After so many refusals, one after another, the store is taken at its word.
const REFUSALS_MAX: usize = 16;

/// What is deleted, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deletion {
    Manifest,
    Data,
    Meta,
    Record,
}

impl Deletion {
    pub fn noun(self) -> &'static str {
        match self {
            Deletion::Manifest => "manifest",
            Deletion::Data => "data object",
            Deletion::Meta => "metadata object",
            Deletion::Record => "record",
        }
    }
}

impl From<ChunkKind> for Deletion {
    fn from(kind: ChunkKind) -> Self {
        match kind {
            ChunkKind::Data => Deletion::Data,
            ChunkKind::Meta => Deletion::Meta,
        }
    }
}

/// What the store would not delete: Object Lock, or a right that is missing.
#[derive(Debug)]
pub struct Refusal {
    pub objects: u64,
    /// The first of the store's answers.
    pub error: StoreError,
}

/// What was deleted, and what was not. A refusal ends nothing: the next prune tries again.
#[derive(Debug, Default)]
pub struct Deleted {
    pub keys: HashSet<ObjectKey>,
    pub refusals: BTreeMap<Deletion, Refusal>,
}

impl Deleted {
    fn refuse(&mut self, what: Deletion, objects: u64, error: StoreError) {
        self.refusals.entry(what).or_insert(Refusal { objects: 0, error }).objects += objects;
    }
}

/// What the manifests refer to.
pub struct References {
    objects: HashSet<ChunkId>,
    /// Manifests, or their slice lists, that could not be read: nobody knows what they refer to.
    pub unreadable: Vec<(SnapshotName, RepoError)>,
    began: Duration,
}

impl References {
    pub fn are_whole(&self) -> bool {
        self.unreadable.is_empty()
    }
}

/// What is to be done, from listings alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// No manifest refers to them, and they are older than the grace period. With their sizes.
    pub condemn: Vec<(ChunkId, u64)>,
    /// Records whose grace period is over.
    pub ripe: Vec<Ripe>,
    /// Objects that other records name, and that are to be deleted later. With their sizes.
    pub waiting: Vec<(ChunkId, u64)>,
    /// Records that have served.
    pub finished: Vec<ObjectKey>,
}

/// A `condemned` record that may be carried out.
#[derive(Debug, PartialEq, Eq)]
pub struct Ripe {
    pub record: ObjectKey,
    pub grace: Duration,
    /// Those of its objects that are there and that no manifest refers to, with their sizes.
    pub objects: Vec<(ChunkId, u64)>,
}

/// All chunk objects with size and time, as the store lists them.
pub type Chunks = HashMap<ChunkId, (u64, SystemTime)>;

/// Plans a prune. `now` and all times are the store's.
pub fn plan(
    chunks: &Chunks,
    references: &References,
    condemned: &[Stored<Condemned>],
    swept: &[Stored<Swept>],
    now: SystemTime,
    grace: Grace,
) -> Plan {
    let age = |time: SystemTime| now.duration_since(time).unwrap_or_default();
    let swept_at = |record: &ObjectKey| swept.iter().find(|s| s.record.condemned == record.as_str()).map(|s| s.stored);
    let mut plan = Plan::default();
    let mut named = HashSet::new();
    for Stored { key, stored, record } in condemned {
        let grace = record.grace().max(grace.duration());
        match swept_at(key) {
            Some(at) if age(at) > grace => plan.finished.push(key.clone()),
            Some(_) => {}
            // Of a prune that was stopped, or that is still running.
            None if record.objects.is_empty() && age(*stored) <= Grace::LEAST.duration() => {}
            None if record.objects.is_empty() => plan.finished.push(key.clone()),
            None => {
                let there = record.objects.iter().filter(|object| !references.objects.contains(object));
                let there = there.filter(|object| named.insert(**object));
                let objects: Vec<_> = there.filter_map(|object| Some((*object, chunks.get(object)?.0))).collect();
                if age(*stored) > grace {
                    plan.ripe.push(Ripe { record: key.clone(), grace: record.grace(), objects });
                } else {
                    plan.waiting.extend(objects);
                }
            }
        }
    }
    // After its record, or alone where a prune was stopped between the two.
    let done = |s: &&Stored<Swept>| {
        let record = condemned.iter().find(|c| c.key.as_str() == s.record.condemned);
        record.is_none_or(|record| plan.finished.contains(&record.key))
    };
    let finished: Vec<ObjectKey> = swept.iter().filter(done).map(|s| s.key.clone()).collect();
    plan.finished.extend(finished);
    let unused = chunks.iter().filter(|(object, _)| !references.objects.contains(object) && !named.contains(object));
    let old = unused.filter(|(_, (_, modified))| age(*modified) > grace.duration());
    plan.condemn = old.map(|(object, (bytes, _))| (*object, *bytes)).collect();
    plan.condemn.sort();
    plan
}

impl Repository {
    /// What time the store says it is: that of a record just written, which names nothing. Its caller clears it away.
    pub async fn store_time(&self, grace: Grace) -> Result<(SystemTime, ObjectKey), RepoError> {
        let key = self.write_record(&condemned(grace, Vec::new())).await?;
        let listed = self.store().list(&layout::records(Condemned::KIND)).await?;
        match listed.into_iter().find(|listed| listed.key == key) {
            Some(listed) => Ok((listed.modified, key)),
            None => Err(RepoError::Store(StoreError::NoObject { key })),
        }
    }

    /// What `snapshots` refer to; those that were forgotten meanwhile refer to nothing. One manifest is held at a time.
    pub async fn references(&self, snapshots: &[SnapshotName]) -> Result<References, RepoError> {
        let mut references = References { objects: HashSet::new(), unreadable: Vec::new(), began: uptime() };
        let mut pages_read = HashSet::new();
        for name in snapshots {
            let read = match self.manifest_if_there(name).await {
                Ok(Some(manifest)) => self.refer(&manifest, &mut references.objects, &mut pages_read).await,
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match read {
                Ok(()) => {}
                Err(RepoError::Key(error @ KeyError::DoesNotOpen { .. })) => return Err(error.into()),
                Err(error) => references.unreadable.push((name.clone(), error)),
            }
        }
        Ok(references)
    }

    async fn refer(
        &self,
        manifest: &Manifest,
        objects: &mut HashSet<ChunkId>,
        pages_read: &mut HashSet<(ObjectRef, u32, u32)>,
    ) -> Result<(), RepoError> {
        let meta = |slice: &Slice| slice.object.id(ChunkKind::Meta);
        let data = |slice: &Slice| slice.object.id(ChunkKind::Data);
        objects.extend(manifest.archive.iter().chain(&manifest.facts).map(meta));
        for list in manifest.slice_lists() {
            match list {
                SliceList::Inline(slices) => objects.extend(slices.iter().map(data)),
                SliceList::Pages(pages) => {
                    objects.extend(pages.iter().map(meta));
                    for page in pages {
                        if !pages_read.insert((page.object, page.offset, page.bytes)) {
                            continue;
                        }
                        let page = SliceList::Pages(vec![*page]);
                        objects.extend(self.slices(manifest, &page).await?.iter().map(data));
                    }
                }
            }
        }
        Ok(())
    }

    pub async fn chunks(&self) -> Result<Chunks, RepoError> {
        let mut chunks = Chunks::new();
        for folder in [layout::DATA, layout::META] {
            let listed = self.store().list(folder).await?;
            chunks.extend(listed.iter().filter_map(|l| Some((ChunkId::parse_key(&l.key)?, (l.bytes, l.modified)))));
        }
        Ok(chunks)
    }

    /// Deletes manifests, oldest first: their snapshots are gone, their objects are not.
    pub async fn forget(&self, snapshots: &[SnapshotName], deleted: &mut Deleted) {
        let keys: Vec<ObjectKey> = snapshots.iter().map(SnapshotName::key).collect();
        self.delete(Deletion::Manifest, &keys, deleted).await;
    }

    /// The first phase: names what is to be deleted later.
    pub async fn condemn(&self, plan: &Plan, grace: Grace) -> Result<(), RepoError> {
        for objects in plan.condemn.chunks(OBJECTS_IN_RECORD_MAX) {
            let objects = objects.iter().map(|(object, _)| *object).collect();
            self.write_record(&condemned(grace, objects)).await?;
        }
        Ok(())
    }

    /// The second phase: deletes what was named long ago, and clears away the records that have served.
    ///
    /// What was read of the manifests counts for half of the grace period; what is not deleted then waits for the next prune.
    pub async fn sweep(&self, plan: &Plan, references: &References, deleted: &mut Deleted) -> Result<Pace, RepoError> {
        let mut pace = Pace::InTime;
        for ripe in &plan.ripe {
            let mut is_clear = true;
            for kind in [ChunkKind::Data, ChunkKind::Meta] {
                let of_kind = ripe.objects.iter().filter(|(object, _)| object.kind == kind);
                let keys: Vec<ObjectKey> = of_kind.map(|(object, _)| object.key()).collect();
                for batch in keys.chunks(BATCH * 16) {
                    if uptime().saturating_sub(references.began) >= ripe.grace / 2 {
                        pace = Pace::TooSlow;
                        is_clear = false;
                        break;
                    }
                    self.delete(kind.into(), batch, deleted).await;
                    is_clear &= batch.iter().all(|key| deleted.keys.contains(key));
                }
            }
            if is_clear {
                self.write_record(&Swept { condemned: ripe.record.to_string() }).await?;
            }
        }
        // In their order: what a record says must last longer than the record.
        for key in &plan.finished {
            self.delete(Deletion::Record, std::slice::from_ref(key), deleted).await;
        }
        Ok(pace)
    }

    async fn delete(&self, what: Deletion, keys: &[ObjectKey], deleted: &mut Deleted) {
        let mut refusals = 0;
        for batch in keys.chunks(BATCH) {
            if refusals < REFUSALS_MAX && self.store().delete(batch).await.is_ok() {
                deleted.keys.extend(batch.iter().cloned());
                continue;
            }
            // One of them, or all: each by itself.
            for key in batch {
                if refusals >= REFUSALS_MAX {
                    if let Some(refusal) = deleted.refusals.get_mut(&what) {
                        refusal.objects += 1;
                    }
                    continue;
                }
                match self.store().delete(std::slice::from_ref(key)).await {
                    Ok(()) => {
                        refusals = 0;
                        deleted.keys.insert(key.clone());
                    }
                    Err(error) => {
                        refusals += 1;
                        deleted.refuse(what, 1, error);
                    }
                }
            }
        }
    }
}

/// Whether a sweep came to its end in the time that it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    InTime,
    TooSlow,
}

fn condemned(grace: Grace, objects: Vec<ChunkId>) -> Condemned {
    Condemned { grace_seconds: grace.duration().as_secs(), objects }
}
