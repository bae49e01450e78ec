//! Objects on their way to the server, several at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::{NextName, ObjectKey, Put, Renamed, StoreError};
use super::bucket::{Bucket, Guard};
use super::client::Engine;

/// At most so many requests at a time: enough for a line on which each takes 50 ms.
const UPLOADS_MAX: u32 = 16;
/// At most so many bytes under way, in KiB: the memory that the whole store takes, and the same for one job or twenty.
const UPLOAD_KIB_MAX: u32 = 8 << 10;

/// An object, its name, and the names that it may have where that is taken.
pub struct Upload {
    pub key: ObjectKey,
    pub object: Bytes,
    pub next: NextName,
}

pub struct Uploads {
    slots: Arc<Semaphore>,
    kib: Arc<Semaphore>,
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Default)]
struct Ledger {
    begun: u64,
    ended: u64,
    renamed: Vec<Renamed>,
    /// The first one, for everybody who asks from then on.
    error: Option<Arc<StoreError>>,
}

impl Upload {
    /// Stores it under the first of its names that is free, and returns that.
    async fn put(self, bucket: &Bucket, guard: Guard) -> Result<ObjectKey, StoreError> {
        let mut free = self.key.clone();
        while bucket.put_new(&free, self.object.clone(), guard).await? == Put::Existed {
            free = (self.next)(&free).ok_or_else(|| StoreError::NoName { key: self.key.clone() })?;
        }
        Ok(free)
    }
}

impl Uploads {
    pub fn new() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(UPLOADS_MAX as usize)),
            kib: Arc::new(Semaphore::new(UPLOAD_KIB_MAX as usize)),
            ledger: Arc::default(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.ledger().error.clone().map_or(Ok(()), |error| Err(StoreError::Earlier(error)))
    }

    /// Returns as soon as there is room for the object.
    pub async fn begin(
        &self,
        engine: &Engine,
        bucket: &Bucket,
        guard: Guard,
        upload: Upload,
    ) -> Result<(), StoreError> {
        self.check()?;
        let kib = u32::try_from(upload.object.len().div_ceil(1024)).unwrap_or(u32::MAX).min(UPLOAD_KIB_MAX);
        let permits = (permits(&self.kib, kib).await?, permits(&self.slots, 1).await?);
        self.check()?;
        self.ledger().begun += 1;
        let (bucket, ledger) = (bucket.clone(), self.ledger.clone());
        engine.spawn_detached(async move {
            let asked = upload.key.clone();
            let put = upload.put(&bucket, guard).await;
            let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.ended += 1;
            match put {
                Ok(stored) if stored == asked => {}
                Ok(stored) => ledger.renamed.push(Renamed { asked, stored }),
                Err(error) => drop(ledger.error.get_or_insert_with(|| Arc::new(error))),
            }
            drop(ledger);
            drop(permits);
        });
        Ok(())
    }

    /// Waits until nothing is under way.
    pub async fn settle(&self) -> Result<Vec<Renamed>, StoreError> {
        let all = permits(&self.slots, UPLOADS_MAX).await?;
        self.check()?;
        let mut ledger = self.ledger();
        // One that panicked has freed its slot and reported nothing.
        if ledger.begun != ledger.ended {
            return Err(StoreError::WriterGone);
        }
        drop(all);
        Ok(std::mem::take(&mut ledger.renamed))
    }
}

async fn permits(semaphore: &Arc<Semaphore>, count: u32) -> Result<OwnedSemaphorePermit, StoreError> {
    // Nobody closes it.
    semaphore.clone().acquire_many_owned(count).await.map_err(|_| StoreError::WriterGone)
}
