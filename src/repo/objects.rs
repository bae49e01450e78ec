//! Storing chunks: each plaintext once, small slices together, and who refers to what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::error::RepoError;
use super::index::{Index, SharedSlice};
use super::keys::WriterKey;
use super::layout::{self, ChunkId, ChunkKind, OBJECT_BYTES_MAX};
use super::manifest::{ObjectRef, Slice};
use super::repository::Repository;
use super::vouchers::Vouchers;
use crate::store::{Put, Renamed, Store, StoreError};
use crate::stream::seal::Checksum;
use crate::stream::{ChunkKey, ChunkName, Sealed, Sealer};

/// Slices of fewer bytes share an object.
pub const SHARED_SLICE_BYTES_MAX: usize = 256 << 10;
/// A shared object is stored when it holds at least this much.
const PACK_BYTES: usize = 1 << 20;

/// A slice whose object may not have a name yet. Turned into a [`Slice`] when everything is stored.
#[derive(Clone, Copy, Debug)]
pub struct PendingSlice {
    at: Place,
    offset: u32,
    bytes: u32,
    rows: u32,
    slice_id: Option<[u8; 16]>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Object(ChunkName),
    /// The writer's n-th pack.
    Pack(u32),
}

/// Rows that were given to the store and that no record names yet: a whole object, or a slice of one.
pub struct HandedOver {
    object: ChunkName,
    slice: Option<([u8; 16], SharedSlice)>,
}

/// What all writers of one backup share.
pub struct Objects {
    repository: Repository,
    store: Arc<Store>,
    index: Mutex<Index>,
    /// Read when the first name is met that is taken and that the index does not know.
    vouchers: OnceCell<Vouchers>,
    handed_over: Mutex<Vec<HandedOver>>,
    bytes_stored: AtomicU64,
    data_objects_new: AtomicU64,
}

impl Objects {
    pub fn new(repository: &Repository, index: Index) -> Self {
        let (handed_over, bytes_stored, data_objects_new) = Default::default();
        let (repository, store) = (repository.clone(), repository.store().clone());
        let (index, vouchers) = (Mutex::new(index), OnceCell::new());
        Self { repository, store, index, vouchers, handed_over, bytes_stored, data_objects_new }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes stored so far, data and metadata.
    pub fn bytes_stored(&self) -> u64 {
        self.bytes_stored.load(Ordering::Relaxed)
    }

    pub fn data_objects_new(&self) -> u64 {
        self.data_objects_new.load(Ordering::Relaxed)
    }

    pub fn data_objects_reused(&self) -> u64 {
        self.index().reused()
    }

    /// How many of these objects this backup refers to. Only after [`Objects::settle`].
    pub fn referred_to(&self, objects: &[ChunkId]) -> u64 {
        let index = self.index();
        objects.iter().filter(|object| index.refers_to(object)).count() as u64
    }

    /// How many objects that this backup refers to are not in the store with their size.
    pub async fn missing(&self) -> Result<u64, RepoError> {
        let mut missing: HashMap<ChunkId, u32> =
            self.index().referred_to().map(|(id, object)| (id, object.stored_bytes)).collect();
        self.repository
            .each_chunk(|id, listed| {
                if missing.get(&id).is_some_and(|bytes| u64::from(*bytes) == listed.bytes) {
                    missing.remove(&id);
                }
            })
            .await?;
        Ok(missing.len() as u64)
    }

    /// Waits until all objects are durable. Where a name was taken since the listing, by another writer of the same chunk or by anybody,
    /// nobody can say what the bytes are that lie there: the object that counts is this backup's own, under the next generation.
    pub async fn settle(&self) -> Result<(), RepoError> {
        for Renamed { asked, stored } in self.store.settle().await? {
            let both = ChunkId::parse_key(&asked).zip(ChunkId::parse_key(&stored));
            let Some((asked, stored)) = both else { continue };
            let mut index = self.index();
            if let Some(mut known) = index.object(asked.kind, &asked.name).copied()
                && known.generation == asked.generation
            {
                known.generation = stored.generation;
                index.insert(asked.kind, known);
            }
        }
        Ok(())
    }

    /// What was handed over since this was last asked. It is durable once [`Objects::settle`] has returned after this.
    pub fn take_handed_over(&self) -> Vec<HandedOver> {
        std::mem::take(&mut *self.handed_over.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hand_over(&self, slices: impl Iterator<Item = HandedOver>) {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).extend(slices);
    }

    /// Slices as a manifest would name them, but for their rows. Only after [`Objects::settle`].
    pub fn resolve_data(&self, handed_over: &[HandedOver]) -> Vec<Slice> {
        let index = self.index();
        let resolve = |HandedOver { object, slice }: &HandedOver| {
            let object = *index.object(ChunkKind::Data, object)?;
            Some(match slice {
                None => Slice { object, offset: 0, bytes: object.plain_bytes, rows: 0, slice_id: None },
                Some((id, shared)) => {
                    Slice { object, offset: shared.offset, bytes: shared.bytes, rows: 0, slice_id: Some(*id) }
                }
            })
        };
        handed_over.iter().filter_map(resolve).collect()
    }

    /// The slice as a manifest names it. Only after [`Objects::settle`].
    fn resolve(&self, kind: ChunkKind, name: &ChunkName, pending: &PendingSlice) -> Option<Slice> {
        let object = *self.index().object(kind, name)?;
        Some(Slice {
            object,
            offset: pending.offset,
            bytes: pending.bytes,
            rows: pending.rows,
            slice_id: pending.slice_id,
        })
    }

    /// Stores a sealed chunk under its name, or the next generation of it where nobody vouches for what the name holds.
    async fn put(&self, kind: ChunkKind, name: ChunkName, plain_bytes: u32, sealed: Sealed) -> Result<(), RepoError> {
        let stored_bytes = sealed.bytes().len() as u32;
        let mut object =
            ObjectRef { object: name, generation: 0, plain_bytes, stored_bytes, checksum: sealed.checksum() };
        let is_free = {
            let mut index = self.index();
            // Another worker had the same chunk: two objects of one name would have to be told apart.
            if index.object(kind, &name).is_some() {
                return Ok(());
            }
            let is_free = !index.may_be_taken(kind, &name);
            if is_free {
                index.insert(kind, object);
            }
            is_free
        };
        if is_free {
            self.store.put_later(layout::chunk(kind, &name, 0), sealed, layout::next_generation).await?;
            self.count_new(kind, stored_bytes);
        } else {
            while !self.put_or_adopt(kind, &mut object, &sealed).await? {
                let key = layout::chunk(kind, &name, object.generation);
                object.generation = object.generation.checked_add(1).ok_or(RepoError::Occupied { key })?;
            }
            self.index().insert(kind, object);
        }
        if kind == ChunkKind::Data {
            self.hand_over(std::iter::once(HandedOver { object: name, slice: None }));
        }
        Ok(())
    }

    /// Stores a sealed chunk under this generation of its name. Where that is taken, what is there is used if its bytes are those
    /// that somebody has signed for: left by a run that was killed, an object may have rotted since, and only its signed
    /// checksum tells, for this key opens no rows. Otherwise the answer is no, and the next generation is to be tried.
    async fn put_or_adopt(&self, kind: ChunkKind, object: &mut ObjectRef, sealed: &Sealed) -> Result<bool, RepoError> {
        let id = object.id(kind);
        if self.index().is_absent(&id) {
            return Ok(false);
        }
        let there = match self.store.get(&id.key(), OBJECT_BYTES_MAX).await {
            Err(StoreError::NoObject { .. }) => {
                let put = self.store.put(&id.key(), sealed).await?;
                if put == Put::Stored {
                    self.count_new(kind, object.stored_bytes);
                }
                return Ok(put == Put::Stored);
            }
            // What cannot be read is of no use, and its name is taken.
            Err(_) => return Ok(false),
            Ok(there) => there,
        };
        let vouchers = self.vouchers.get_or_try_init(|| self.repository.vouchers()).await?;
        let Some(checksum) = vouchers.checksum(&id).filter(|signed| Checksum::of(&there) == *signed) else {
            return Ok(false);
        };
        (object.stored_bytes, object.checksum) = (there.len() as u32, checksum);
        Ok(true)
    }

    /// Looks at an object that is to be used again and must be looked at before, and forgets it where its bytes are not what was
    /// stored.
    async fn check(&self, kind: ChunkKind, name: &ChunkName) {
        let Some(object) = self.index().unchecked(kind, name) else { return };
        let stored = self.store.get(&layout::chunk(kind, name, object.generation), OBJECT_BYTES_MAX).await;
        match stored.is_ok_and(|stored| Checksum::of(&stored) == object.checksum) {
            true => self.index().note_checked(kind, &object),
            false => self.index().forget(kind, &object),
        }
    }

    fn count_new(&self, kind: ChunkKind, stored_bytes: u32) {
        self.bytes_stored.fetch_add(u64::from(stored_bytes), Ordering::Relaxed);
        if kind == ChunkKind::Data {
            self.data_objects_new.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One worker's way into the repository: names, seals and stores chunks of one kind.
pub struct ChunkWriter {
    objects: Arc<Objects>,
    kind: ChunkKind,
    chunk_key: ChunkKey,
    sealer: Sealer,
    pack: Vec<u8>,
    pack_slices: Vec<([u8; 16], u32, u32)>,
    packs: Vec<ChunkName>,
}

impl ChunkWriter {
    /// `level` is zstd's.
    pub fn new(objects: Arc<Objects>, kind: ChunkKind, key: &WriterKey, level: i32) -> Result<Self, RepoError> {
        let recipients = match kind {
            ChunkKind::Data => key.recipients.clone(),
            ChunkKind::Meta => key.metadata_recipients(),
        };
        Ok(Self {
            objects,
            kind,
            chunk_key: key.chunk_key.clone(),
            sealer: Sealer::new(level, recipients)?,
            pack: Vec::new(),
            pack_slices: Vec::new(),
            packs: Vec::new(),
        })
    }

    /// Stores one chunk, unless it is stored already.
    pub async fn add(&mut self, plaintext: &[u8], rows: u32) -> Result<PendingSlice, RepoError> {
        let name = self.store(plaintext).await?;
        Ok(PendingSlice { at: Place::Object(name), offset: 0, bytes: plaintext.len() as u32, rows, slice_id: None })
    }

    /// Adds what is left at the end of a part: by itself if it is large, in company if it is small.
    pub async fn add_rest(&mut self, plaintext: &[u8], rows: u32) -> Result<PendingSlice, RepoError> {
        if plaintext.len() >= SHARED_SLICE_BYTES_MAX {
            return self.add(plaintext, rows).await;
        }
        let id = ChunkName::of(&self.chunk_key, plaintext).short();
        let bytes = plaintext.len() as u32;
        let shared = |objects: &Objects| objects.index().slice(&id).filter(|shared| shared.bytes == bytes);
        if let Some(SharedSlice { object, .. }) = shared(&self.objects) {
            self.objects.check(self.kind, &object).await;
        }
        let known = shared(&self.objects);
        if let Some(SharedSlice { object, offset, .. }) = known {
            self.objects.index().note_reuse(self.kind, object);
            return Ok(PendingSlice { at: Place::Object(object), offset, bytes, rows, slice_id: Some(id) });
        }
        let offset = self.pack.len() as u32;
        let pending =
            PendingSlice { at: Place::Pack(self.packs.len() as u32), offset, bytes, rows, slice_id: Some(id) };
        self.pack.extend_from_slice(plaintext);
        self.pack_slices.push((id, offset, bytes));
        if self.pack.len() >= PACK_BYTES {
            self.store_pack().await?;
        }
        Ok(pending)
    }

    /// Stores what is still waiting for company. Afterwards every slice of this writer has its object.
    pub async fn finish(&mut self) -> Result<(), RepoError> {
        if self.pack.is_empty() { Ok(()) } else { self.store_pack().await }
    }

    /// Slices as a manifest names them, once this writer is finished and the objects are settled.
    pub fn resolve(&self, pending: &[PendingSlice]) -> Vec<Slice> {
        let resolve = |slice: &PendingSlice| {
            let name = match slice.at {
                Place::Object(name) => name,
                Place::Pack(n) => *self.packs.get(n as usize)?,
            };
            self.objects.resolve(self.kind, &name, slice)
        };
        let slices: Vec<Slice> = pending.iter().filter_map(resolve).collect();
        assert_eq!(slices.len(), pending.len(), "a slice was resolved before its object was stored");
        slices
    }

    async fn store_pack(&mut self) -> Result<(), RepoError> {
        let pack = std::mem::take(&mut self.pack);
        let name = self.store(&pack).await?;
        self.packs.push(name);
        let shared =
            self.pack_slices.drain(..).map(|(id, offset, bytes)| (id, SharedSlice { object: name, offset, bytes }));
        let shared: Vec<_> = shared.collect();
        let mut index = self.objects.index();
        shared.iter().for_each(|(id, slice)| index.insert_slice(*id, *slice));
        drop(index);
        self.objects.hand_over(shared.into_iter().map(|slice| HandedOver { object: name, slice: Some(slice) }));
        self.pack = pack;
        self.pack.clear();
        Ok(())
    }

    async fn store(&mut self, plaintext: &[u8]) -> Result<ChunkName, RepoError> {
        let name = ChunkName::of(&self.chunk_key, plaintext);
        self.objects.check(self.kind, &name).await;
        {
            let mut index = self.objects.index();
            if index.object(self.kind, &name).is_some() {
                index.note_reuse(self.kind, name);
                return Ok(name);
            }
        }
        let sealed = self.sealer.seal(plaintext)?;
        self.objects.put(self.kind, name, plaintext.len() as u32, sealed).await?;
        Ok(name)
    }
}
