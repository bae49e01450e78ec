//! Reading the objects of an inventory, all of them or as many as there is time for.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::{Inventory, Object, SliceDigest, State};
use crate::command::error::Error;
use crate::command::runtime::worker_runtime;
use crate::command::shards::{Place, Shard};
use crate::command::watch::Watch;
use crate::repo::keys::KeyKind;
use crate::repo::layout::ChunkKind;
use crate::repo::{Damage, ObjectReader, ReadDepth};
use crate::stop::in_parallel;
use crate::stream::ChunkKey;

/// Objects after which what was seen is taken in.
const BATCH: usize = 8192;

/// What is read, and until when.
pub struct Reading<'a> {
    /// Every shard, the first one first.
    pub order: &'a [Shard],
    /// Where an earlier run was when its time was over: in the first shard, after this object.
    pub resume: Option<&'a Place>,
    /// No object is begun afterwards, but for the first of each thread: however little time there is, something is read.
    pub until: Option<Instant>,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Reached {
    /// Shards of which every object was read, also those without any.
    pub shards: Vec<Shard>,
    /// The last object of a shard that was read in part.
    pub place: Option<Place>,
    pub objects: u64,
    /// As stored.
    pub bytes: u64,
}

impl Inventory<'_> {
    /// How deep this key sees into rows.
    pub fn depth(&self) -> ReadDepth {
        match self.repository.key_kind() {
            KeyKind::Writer => ReadDepth::StoredBytes,
            KeyKind::Restore => ReadDepth::Plaintext,
        }
    }

    /// Reads objects that are there, over `jobs` threads: checksum, and as far as the key opens them decryption, name, and the
    /// digests of their slices.
    pub fn read(&mut self, reading: &Reading<'_>, jobs: usize, watch: &Watch) -> Result<Reached, Error> {
        let order = self.in_order(reading);
        let total = order.iter().map(|at| u64::from(self.objects[*at].object.stored_bytes)).sum();
        watch.progress.bytes_total.store(total, Ordering::Relaxed);
        let is_late = || reading.until.is_some_and(|until| Instant::now() >= until);
        let mut taken = 0;
        // What was seen is kept for one batch, not for the whole repository.
        for batch in order.chunks(BATCH) {
            let next = AtomicUsize::new(0);
            let this = &*self;
            let workers = in_parallel(jobs.max(1), &watch.stop, |n| {
                let runtime = worker_runtime()?;
                let mut reader = this.repository.object_reader()?;
                let lane = watch.progress.begin(n, "objects".into(), 0);
                let mut done = Vec::new();
                loop {
                    if watch.is_stopped() {
                        return Err(Error::Interrupted);
                    }
                    // Before one is taken, so that all before the first that nobody took were read.
                    if (taken > 0 || !done.is_empty()) && is_late() {
                        break;
                    }
                    let Some(at) = batch.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let object = &this.objects[*at];
                    done.push((*at, runtime.block_on(this.look(object, &mut reader))));
                    watch.progress.add(&lane, object.object.stored_bytes.into(), 0);
                }
                watch.progress.end(n);
                Ok::<_, Error>(done)
            })?;
            let read = next.into_inner().min(batch.len());
            taken += read;
            for (at, seen) in workers.into_iter().flatten() {
                match seen {
                    Ok(Seen::Bytes) => self.objects[at].state = State::Sound,
                    Ok(Seen::Rows(slices)) => {
                        self.objects[at].slices = slices;
                        self.objects[at].state = State::Read;
                    }
                    Err(damage) => self.objects[at].state = State::Damaged(damage),
                }
            }
            if read < batch.len() {
                break;
            }
        }
        Ok(self.reached(reading, &order, taken))
    }

    async fn look(&self, object: &Object, reader: &mut ObjectReader) -> Result<Seen, Damage> {
        if object.kind == ChunkKind::Data && self.depth() == ReadDepth::StoredBytes {
            return reader.stored(object.kind, &object.object).await.map(|_| Seen::Bytes);
        }
        let keys = &self.keys[object.keys];
        let plaintext = reader.read(object.kind, &object.object, &ChunkKey(keys.chunk)).await?;
        Ok(Seen::Rows(object.digest_slices(&plaintext, &self.keys)))
    }

    /// What is to be read, shard by shard, in the order of names. What is damaged or read already needs no second look.
    fn in_order(&self, reading: &Reading<'_>) -> Vec<usize> {
        let rank: std::collections::HashMap<Shard, usize> =
            reading.order.iter().enumerate().map(|(rank, shard)| (*shard, rank)).collect();
        let is_behind = |object: &Object| {
            reading.resume.is_some_and(|place| object.shard() == place.shard && object.key() <= place.after)
        };
        let wanted = |object: &Object| matches!(object.state, State::Present) && !is_behind(object);
        let mut order: Vec<usize> = (0..self.objects.len()).filter(|at| wanted(&self.objects[*at])).collect();
        let rank = |object: &Object| rank.get(&object.shard()).copied().unwrap_or(usize::MAX);
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&self.objects[*a], &self.objects[*b]);
            // Names sort as their keys do; keys themselves are made only where a name was stored twice.
            let by_name = (rank(a), a.object.object).cmp(&(rank(b), b.object.object));
            by_name.then_with(|| a.key().cmp(&b.key()))
        });
        order
    }

    /// `taken`: how many of the order were read.
    fn reached(&self, reading: &Reading<'_>, order: &[usize], taken: usize) -> Reached {
        let left: HashSet<Shard> = order[taken..].iter().map(|at| self.objects[*at].shard()).collect();
        let place = order.get(taken).and_then(|next| {
            let shard = self.objects[*next].shard();
            let last = taken.checked_sub(1).map(|last| &self.objects[order[last]]).filter(|last| last.shard() == shard);
            match last {
                Some(last) => Some(Place { shard, after: last.key() }),
                // Not one more of the shard that an earlier run was in.
                None => reading.resume.filter(|place| place.shard == shard).cloned(),
            }
        });
        let bytes = order[..taken].iter().map(|at| u64::from(self.objects[*at].object.stored_bytes)).sum();
        Reached {
            shards: reading.order.iter().filter(|shard| !left.contains(shard)).copied().collect(),
            place,
            objects: taken as u64,
            bytes,
        }
    }
}

enum Seen {
    Bytes,
    Rows(Vec<SliceDigest>),
}
