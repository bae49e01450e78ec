//! A store in a bucket of an S3 server.

mod bucket;
mod client;
pub mod fault;
mod place;
mod upload;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use super::{Access, Listed, NextName, ObjectKey, Put, Renamed, Sink, StoreError};
use crate::stream::Sealed;
use crate::stream::seal::PublicRecord;
pub use bucket::PageToken;
use bucket::{Bucket, Guard};
use client::Engine;
pub use client::Running;
use fault::S3Fault;
use place::Place;
use upload::{Upload, Uploads};

/// An object that says whether the server heeds `If-None-Match`, and whether anything can be written at all.
const PROBE: &str = "probe";

#[derive(serde::Serialize)]
struct Probe {
    purpose: &'static str,
}

impl PublicRecord for Probe {}

pub struct S3Store {
    bucket: Bucket,
    guard: Guard,
    uploads: Uploads,
    // Last: what is above may still be at work on it.
    engine: Engine,
}

impl S3Store {
    pub async fn open(url: &str, access: Access) -> Result<Self, StoreError> {
        let place = Arc::new(Place::parse(url)?);
        let engine = Engine::start().map_err(|source| StoreError::NoThread { source })?;
        let connecting = place.clone();
        let client = engine.spawn(async move { client::connect(&connecting).await }).end().await;
        let bucket = Bucket::new(client.ok_or(StoreError::WriterGone)?, place);
        let mut store = Self { bucket, guard: Guard::Conditional, uploads: Uploads::new(), engine };
        store.run(|bucket| async move { bucket.check().await }).await?;
        if access == Access::Write {
            store.guard = store.run(|bucket| async move { probe(&bucket).await }).await?;
        }
        Ok(store)
    }

    /// What the operator should know about this server, if anything.
    pub fn warning(&self) -> Option<String> {
        (self.guard == Guard::AskFirst).then(|| {
            "the S3 server ignores conditional puts, so it does not prevent overwriting: pgkeep checks each \
             name before it writes; run only one backup at a time on this repository"
                .to_owned()
        })
    }

    pub async fn put_later(&self, key: ObjectKey, object: Sealed, next: NextName) -> Result<(), StoreError> {
        let object = Bytes::from(object.into_bytes());
        self.uploads.begin(&self.engine, &self.bucket, self.guard, Upload { key, object, next }).await
    }

    pub async fn settle(&self) -> Result<Vec<Renamed>, StoreError> {
        self.uploads.settle().await
    }

    pub async fn put(&self, key: &ObjectKey, object: &Sealed) -> Result<Put, StoreError> {
        let (key, object, guard) = (key.clone(), Bytes::copy_from_slice(object.bytes()), self.guard);
        self.run(move |bucket| async move { bucket.put_new(&key, object, guard).await }).await
    }

    pub async fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        let key = key.clone();
        self.run(move |bucket| async move { bucket.get(&key, bytes_max).await }).await
    }

    /// The same, begun at once.
    pub fn get_ahead(&self, key: &ObjectKey, bytes_max: u64) -> Running<Result<Vec<u8>, StoreError>> {
        let (bucket, key) = (self.bucket.clone(), key.clone());
        self.engine.spawn(async move { bucket.get(&key, bytes_max).await })
    }

    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        self.run(move |bucket| async move { bucket.delete(&keys).await }).await
    }

    pub async fn read<S: Sink>(&self, key: &ObjectKey, bytes_max: u64, sink: S) -> Result<S, StoreError> {
        let key = key.clone();
        self.run(move |bucket| async move { bucket.read(&key, bytes_max, sink).await }).await
    }

    pub async fn list_page(&self, prefix: &str, token: PageToken) -> Result<(Vec<Listed>, PageToken), StoreError> {
        let prefix = prefix.to_owned();
        self.run(move |bucket| async move { bucket.list_page(&prefix, token).await }).await
    }

    async fn run<T, F>(&self, work: impl FnOnce(Bucket) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.engine.spawn(work(self.bucket.clone())).end().await.unwrap_or(Err(StoreError::WriterGone))
    }
}

/// Better now than after a long time of reading: can anything be written, and does the server heed conditions?
///
/// The object stays: the next probe is then one request, which a server that heeds conditions refuses, and nothing
/// gathers in a bucket whose objects are locked.
async fn probe(bucket: &Bucket) -> Result<Guard, StoreError> {
    let key = ObjectKey::new(PROBE).ok_or(StoreError::WriterGone)?;
    let purpose = "pgkeep asks with this object whether the server heeds conditional puts";
    let object = Sealed::public(&Probe { purpose }).map_err(|_| StoreError::WriterGone)?;
    let object = Bytes::from(object.into_bytes());
    for _ in 0..2 {
        match bucket.put(&key, object.clone(), Guard::Conditional).await {
            Ok(Put::Existed) => return Ok(Guard::Conditional),
            Ok(Put::Stored) => {}
            Err(StoreError::S3 { source, .. }) if not_implemented(&source) => {
                bucket.put(&key, object, Guard::AskFirst).await?;
                return Ok(Guard::AskFirst);
            }
            Err(StoreError::S3 { action, what, fault: S3Fault::Denied, source }) => {
                let fault = if bucket.list_page(PROBE, PageToken::First).await.is_ok() {
                    S3Fault::ReadOnly
                } else {
                    S3Fault::Denied
                };
                return Err(StoreError::S3 { action, what, fault, source });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Guard::AskFirst)
}

fn not_implemented(cause: &fault::S3Cause) -> bool {
    cause.status() == Some(501) || cause.code() == Some("NotImplemented")
}
