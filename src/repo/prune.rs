//! Deleting, in two phases: what [`super::condemned`] promises to backups is kept here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use super::condemned::{Condemned, Swept, uptime};
use super::error::RepoError;
use super::keys::KeyError;
use super::layout::{self, ChunkId, ChunkKind};
use super::manifest::{Manifest, ObjectRef, Slice, SliceList};
use super::names::TOLD_MAX;
use super::record::{Record, Stored};
use super::repository::Repository;
use super::snapshot::SnapshotName;
use crate::retention::Grace;
use crate::store::{Listed, ObjectKey, StoreError};

/// Objects that one `condemned` record names at most: about 4 MB of record.
const OBJECTS_IN_RECORD_MAX: usize = 50_000;
/// Objects that one run condemns at most: what it holds of them, and what later runs do, is bounded by this.
const CONDEMNED_MAX: usize = 250_000;
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
    /// The names of manifests that are gone.
    pub manifests: HashSet<ObjectKey>,
    /// Of chunk objects that are gone.
    pub objects: Total,
    pub refusals: BTreeMap<Deletion, Refusal>,
}

/// How many objects, and their bytes as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub objects: u64,
    pub bytes: u64,
}

impl Total {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

impl Deleted {
    fn refuse(&mut self, what: Deletion, objects: u64, error: StoreError) {
        self.refusals.entry(what).or_insert(Refusal { objects: 0, error }).objects += objects;
    }
}

/// What the manifests refer to.
pub struct References {
    objects: HashSet<ChunkId>,
    /// Manifests, or their slice lists, that could not be read: nobody knows what they refer to. So many are told one by one.
    pub unreadable: Vec<(SnapshotName, RepoError)>,
    /// How many more there are.
    pub unreadable_more: u64,
    began: Duration,
}

impl References {
    pub fn are_whole(&self) -> bool {
        self.unreadable.is_empty() && self.unreadable_more == 0
    }
}

/// What is to be done, from listings and records alone.
#[derive(Default)]
pub struct Plan {
    /// No manifest refers to them, and they are older than the grace period.
    pub condemn: Vec<ChunkId>,
    pub condemned: Total,
    /// How many more there are than one run condemns.
    pub condemned_later: u64,
    /// Records whose grace period is over, and that of each.
    pub ripe: Vec<(ObjectKey, Duration)>,
    /// Of the objects that they name: those that are there and that no manifest refers to.
    pub ripe_total: Total,
    /// Of objects that other records name, and that are to be deleted later.
    pub waiting: Total,
    /// Records that have served.
    pub finished: Vec<ObjectKey>,
    /// What records name and no manifest refers to: by a fingerprint, for the names may be anybody's.
    named: HashMap<u64, Named>,
    fingerprints: RandomState,
}

/// An object that a record names. 16 bytes with its fingerprint.
#[derive(Clone, Copy)]
struct Named {
    /// 0 until the listing shows it. More than 4 GiB are told as 4 GiB.
    bytes: u32,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Ripe,
    Gone,
}

/// Plans a prune, from records and then names that come one by one. `now` and all times are the store's.
pub struct Planner<'a> {
    references: &'a References,
    swept: &'a [Stored<Swept>],
    now: SystemTime,
    grace: Grace,
    plan: Plan,
    /// All `condemned` records that there are.
    records: HashSet<String>,
}

impl<'a> Planner<'a> {
    pub fn new(references: &'a References, swept: &'a [Stored<Swept>], now: SystemTime, grace: Grace) -> Self {
        Self { references, swept, now, grace, plan: Plan::default(), records: HashSet::new() }
    }

    fn age(&self, time: SystemTime) -> Duration {
        self.now.duration_since(time).unwrap_or_default()
    }

    /// Takes in a record of what was condemned.
    pub fn record(&mut self, condemned: &Stored<Condemned>) {
        let Stored { key, stored, record } = condemned;
        self.records.insert(key.to_string());
        let grace = record.grace().max(self.grace.duration());
        let swept = self.swept.iter().find(|swept| swept.record.condemned == key.as_str());
        match swept {
            Some(swept) if self.age(swept.stored) > grace => self.plan.finished.push(key.clone()),
            Some(_) => {}
            // Of a prune that was stopped, or that is still running.
            None if record.objects.is_empty() && self.age(*stored) <= Grace::LEAST.duration() => {}
            None if record.objects.is_empty() => self.plan.finished.push(key.clone()),
            None => {
                let is_ripe = self.age(*stored) > grace;
                if is_ripe {
                    self.plan.ripe.push((key.clone(), record.grace()));
                }
                let stage = if is_ripe { Stage::Ripe } else { Stage::Waiting };
                for object in record.objects.iter().filter(|object| !self.references.objects.contains(object)) {
                    let named = self.plan.named.entry(self.plan.fingerprints.hash_one(object));
                    let named = named.or_insert(Named { bytes: 0, stage });
                    if is_ripe {
                        named.stage = stage;
                    }
                }
            }
        }
    }

    /// Takes in an object that the store lists, when all records were taken in.
    pub fn object(&mut self, object: &ChunkId, listed: &Listed) {
        if self.references.objects.contains(object) {
            return;
        }
        let age = self.age(listed.modified);
        let plan = &mut self.plan;
        match plan.named.get_mut(&plan.fingerprints.hash_one(object)) {
            Some(named) => {
                // One more than its size, so that an empty object is there as well.
                named.bytes = u32::try_from(listed.bytes.saturating_add(1)).unwrap_or(u32::MAX);
                match named.stage {
                    Stage::Ripe => plan.ripe_total.add(listed.bytes),
                    Stage::Waiting | Stage::Gone => plan.waiting.add(listed.bytes),
                }
            }
            None if age <= self.grace.duration() => {}
            None if plan.condemn.len() >= CONDEMNED_MAX => plan.condemned_later += 1,
            None => {
                plan.condemn.push(*object);
                plan.condemned.add(listed.bytes);
            }
        }
    }

    pub fn plan(mut self) -> Plan {
        // After its record, or alone where a prune was stopped between the two.
        let finished: HashSet<&str> = self.plan.finished.iter().map(ObjectKey::as_str).collect();
        let done = |swept: &&Stored<Swept>| {
            let record = swept.record.condemned.as_str();
            !self.records.contains(record) || finished.contains(record)
        };
        let swept: Vec<ObjectKey> = self.swept.iter().filter(done).map(|swept| swept.key.clone()).collect();
        self.plan.finished.extend(swept);
        self.plan.condemn.sort_unstable();
        self.plan
    }
}

impl Plan {
    fn is_there(&self, object: &ChunkId) -> bool {
        let named = self.named.get(&self.fingerprints.hash_one(object));
        named.is_some_and(|named| named.bytes > 0 && named.stage != Stage::Gone)
    }

    /// Notes that an object is deleted; returns its bytes.
    fn gone(&mut self, object: &ChunkId) -> u64 {
        let Some(named) = self.named.get_mut(&self.fingerprints.hash_one(object)) else { return 0 };
        named.stage = Stage::Gone;
        u64::from(named.bytes.saturating_sub(1))
    }

    /// Leaves every object alone: nobody knows which are needed.
    pub fn touch_no_object(&mut self) {
        (self.condemn, self.ripe) = (Vec::new(), Vec::new());
        (self.condemned, self.ripe_total, self.condemned_later) = Default::default();
    }
}

impl Repository {
    /// What time the store says it is: that of a record just written, which names nothing. Its caller clears it away.
    pub async fn store_time(&self, grace: Grace) -> Result<(SystemTime, ObjectKey), RepoError> {
        let key = self.write_record(&condemned(grace, Vec::new())).await?;
        let folder = layout::records(Condemned::KIND);
        let mut pages = self.store().pages(&folder)?;
        while let Some(page) = pages.next().await? {
            if let Some(listed) = page.into_iter().find(|listed| listed.key == key) {
                return Ok((listed.modified, key));
            }
        }
        Err(RepoError::Store(StoreError::NoObject { key }))
    }

    /// What `snapshots` refer to; those that were forgotten meanwhile refer to nothing. One manifest is held at a time.
    pub async fn references(&self, snapshots: &[SnapshotName]) -> Result<References, RepoError> {
        let mut references =
            References { objects: HashSet::new(), unreadable: Vec::new(), unreadable_more: 0, began: uptime() };
        let mut pages_read = HashSet::new();
        for name in snapshots {
            let read = match self.manifest_if_there(name).await {
                Ok(Some(manifest)) => self.refer(&manifest, &mut references.objects, &mut pages_read).await,
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match read {
                Ok(()) => {}
                Err(RepoError::Key(error @ (KeyError::DoesNotOpen { .. } | KeyError::IdentityDoesNotOpen { .. }))) => {
                    return Err(error.into());
                }
                Err(_) if references.unreadable.len() >= TOLD_MAX => references.unreadable_more += 1,
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

    /// Plans a prune. `now` is the store's time.
    pub async fn plan_prune(&self, references: &References, now: SystemTime, grace: Grace) -> Result<Plan, RepoError> {
        let swept = self.records::<Swept>().await?;
        let mut planner = Planner::new(references, &swept, now, grace);
        self.each_record(|stored| planner.record(&stored)).await?;
        self.each_chunk(|id, listed| planner.object(&id, listed)).await?;
        Ok(planner.plan())
    }

    /// Deletes manifests, oldest first: their snapshots are gone, their objects are not.
    pub async fn forget(&self, snapshots: &[SnapshotName], deleted: &mut Deleted) {
        let keys: Vec<ObjectKey> = snapshots.iter().map(SnapshotName::key).collect();
        let gone = self.delete(Deletion::Manifest, &keys, deleted).await;
        deleted.manifests.extend(gone);
    }

    /// The first phase: names what is to be deleted later.
    pub async fn condemn(&self, plan: &Plan, grace: Grace) -> Result<(), RepoError> {
        for objects in plan.condemn.chunks(OBJECTS_IN_RECORD_MAX) {
            self.write_record(&condemned(grace, objects.to_vec())).await?;
        }
        Ok(())
    }

    /// The second phase: deletes what was named long ago, and clears away the records that have served.
    ///
    /// What was read of the manifests counts for half of the grace period; what is not deleted then waits for the next prune.
    pub async fn sweep(
        &self,
        plan: &mut Plan,
        references: &References,
        deleted: &mut Deleted,
    ) -> Result<Pace, RepoError> {
        let mut pace = Pace::InTime;
        for (key, grace) in std::mem::take(&mut plan.ripe) {
            // Read once more, so that no more than one is held.
            let Some(record) = self.record::<Condemned>(&key).await? else { continue };
            let mut is_clear = true;
            for kind in [ChunkKind::Data, ChunkKind::Meta] {
                let of_kind = record.objects.iter().filter(|object| object.kind == kind);
                let there: Vec<ChunkId> = of_kind
                    .filter(|object| !references.objects.contains(object) && plan.is_there(object))
                    .copied()
                    .collect();
                for batch in there.chunks(BATCH * 16) {
                    if uptime().saturating_sub(references.began) >= grace / 2 {
                        pace = Pace::TooSlow;
                        is_clear = false;
                        break;
                    }
                    let keys: Vec<ObjectKey> = batch.iter().map(ChunkId::key).collect();
                    let gone: HashSet<ObjectKey> = self.delete(kind.into(), &keys, deleted).await.into_iter().collect();
                    for object in batch.iter().filter(|object| gone.contains(&object.key())) {
                        deleted.objects.add(plan.gone(object));
                    }
                    is_clear &= gone.len() == batch.len();
                }
            }
            if is_clear {
                self.write_record(&Swept { condemned: key.to_string() }).await?;
            }
        }
        // In their order: what a record says must last longer than the record.
        for key in &plan.finished {
            self.delete(Deletion::Record, std::slice::from_ref(key), deleted).await;
        }
        Ok(pace)
    }

    /// Returns the names that are gone.
    async fn delete(&self, what: Deletion, keys: &[ObjectKey], deleted: &mut Deleted) -> Vec<ObjectKey> {
        let (mut refusals, mut gone) = (0, Vec::new());
        for batch in keys.chunks(BATCH) {
            if refusals < REFUSALS_MAX && self.store().delete(batch).await.is_ok() {
                gone.extend(batch.iter().cloned());
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
                        gone.push(key.clone());
                    }
                    Err(error) => {
                        refusals += 1;
                        deleted.refuse(what, 1, error);
                    }
                }
            }
        }
        gone
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
