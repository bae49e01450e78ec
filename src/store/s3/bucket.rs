//! The requests that pgkeep makes to an S3 server. They run on the engine's thread.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, Delete, ObjectIdentifier, ObjectLockMode, ServerSideEncryption, StorageClass,
};
use bytes::Bytes;

use super::super::{Listed, ObjectKey, Put, Sink, StoreError};
use super::fault::{Failed, S3Cause, S3Fault};
use super::place::{Encryption, Place, RetentionMode};

/// Objects with rows: large, many, and read by restores alone. What every backup reads stays in the standard class.
const ROWS: &str = "data/";
/// How often a request is made again whose answer breaks off, or that the server puts off because of another on the same key.
const ROUNDS: u32 = 5;
const ROUND_WAIT: Duration = Duration::from_millis(200);
/// The most that one DeleteObjects request may name.
const DELETE_MAX: usize = 1000;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How it is made sure that nothing is overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The server does it: `If-None-Match: *`.
    Conditional,
    /// The server cannot: it is asked for the name first.
    AskFirst,
}

#[derive(Clone)]
pub struct Bucket {
    client: Client,
    place: Arc<Place>,
}

impl Bucket {
    pub fn new(client: Client, place: Arc<Place>) -> Self {
        Self { client, place }
    }

    fn error(&self, action: &'static str, name: &str, failed: Failed) -> StoreError {
        StoreError::S3 { action, what: self.place.describe(name), fault: failed.fault, source: failed.cause }
    }

    /// Whether the bucket is there and in the region. Without the right to list it the server will not say.
    pub async fn check(&self) -> Result<(), StoreError> {
        let Err(error) = self.client.head_bucket().bucket(&self.place.bucket).send().await else { return Ok(()) };
        let mut failed = Failed::from(error);
        match failed.cause.status() {
            Some(404) => failed.fault = S3Fault::NoBucket,
            Some(301 | 307) => {}
            // An answer to HEAD has no body that would say why; the next request's has.
            Some(_) => return Ok(()),
            None => {}
        }
        Err(self.error("open", "", failed))
    }

    pub async fn put(&self, key: &ObjectKey, object: Bytes, guard: Guard) -> Result<Put, StoreError> {
        if guard == Guard::AskFirst && self.exists(key).await? {
            return Ok(Put::Existed);
        }
        for round in 1.. {
            let mut failed = match self.put_once(key, object.clone(), guard).await {
                Ok(()) => return Ok(Put::Stored),
                Err(failed) => failed,
            };
            // Some servers say no more than this.
            if self.place.retention.is_some() && failed.cause.code() == Some("InvalidRequest") {
                failed.fault = S3Fault::BucketHasNoLock;
            }
            match failed.cause.status() {
                Some(412) if guard == Guard::Conditional => return Ok(Put::Existed),
                // Another put of the same key is under way.
                Some(409) if round < ROUNDS => tokio::time::sleep(ROUND_WAIT * round).await,
                _ => return Err(self.error("write", key.as_str(), failed)),
            }
        }
        unreachable!("the last round returns")
    }

    /// The same, where a put whose answer was lost is made again and then finds its own object: what is encrypted or signed is never
    /// the same twice, so the same bytes are ours.
    pub async fn put_new(&self, key: &ObjectKey, object: Bytes, guard: Guard) -> Result<Put, StoreError> {
        let put = self.put(key, object.clone(), guard).await?;
        if put == Put::Existed
            && let Ok(there) = self.get(key, object.len() as u64).await
            && there == object
        {
            return Ok(Put::Stored);
        }
        Ok(put)
    }

    async fn put_once(&self, key: &ObjectKey, object: Bytes, guard: Guard) -> Result<(), Failed> {
        let place = &self.place;
        let mut put = self
            .client
            .put_object()
            .bucket(&place.bucket)
            .key(place.key(key))
            .checksum_algorithm(ChecksumAlgorithm::Crc32C)
            .content_type("application/octet-stream")
            .body(ByteStream::from(object));
        if guard == Guard::Conditional {
            put = put.if_none_match("*");
        }
        if let Some(class) = place.storage_class.as_deref().filter(|_| key.as_str().starts_with(ROWS)) {
            put = put.storage_class(StorageClass::from(class));
        }
        put = match &place.encryption {
            None => put,
            Some(Encryption::Aes256) => put.server_side_encryption(ServerSideEncryption::Aes256),
            Some(Encryption::Kms { key }) => {
                put.server_side_encryption(ServerSideEncryption::AwsKms).set_ssekms_key_id(key.clone())
            }
        };
        if let Some(retention) = place.retention {
            let mode = match retention.mode {
                RetentionMode::Governance => ObjectLockMode::Governance,
                RetentionMode::Compliance => ObjectLockMode::Compliance,
            };
            let until = SystemTime::now() + DAY * retention.days;
            put = put.object_lock_mode(mode).object_lock_retain_until_date(DateTime::from(until));
        }
        put.send().await?;
        Ok(())
    }

    async fn exists(&self, key: &ObjectKey) -> Result<bool, StoreError> {
        match self.client.head_object().bucket(&self.place.bucket).key(self.place.key(key)).send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                let failed = Failed::from(error);
                if failed.cause.status() == Some(404) {
                    return Ok(false);
                }
                Err(self.error("look for", key.as_str(), failed))
            }
        }
    }

    /// The whole object.
    pub async fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        Ok(self.read(key, bytes_max, Whole::default()).await?.0)
    }

    /// An answer that breaks off is asked for again: the SDK repeats only what fails before the body comes.
    pub async fn read<S: Sink>(&self, key: &ObjectKey, bytes_max: u64, sink: S) -> Result<S, StoreError> {
        for round in 1.. {
            match self.read_once(key, bytes_max, sink.clone()).await {
                Err(StoreError::S3 { fault: S3Fault::CutShort, .. }) if round < ROUNDS => {
                    tokio::time::sleep(ROUND_WAIT * round).await;
                }
                ended => return ended,
            }
        }
        unreachable!("the last round returns")
    }

    async fn read_once<S: Sink>(&self, key: &ObjectKey, bytes_max: u64, mut sink: S) -> Result<S, StoreError> {
        let sent = self.client.get_object().bucket(&self.place.bucket).key(self.place.key(key)).send().await;
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                let failed = Failed::from(error);
                if failed.cause.status() == Some(404) && failed.fault != S3Fault::NoBucket {
                    return Err(StoreError::NoObject { key: key.clone() });
                }
                return Err(self.error("read", key.as_str(), failed));
            }
        };
        let announced = answer.content_length().and_then(|bytes| u64::try_from(bytes).ok());
        let too_large = |bytes| StoreError::TooLarge { key: key.clone(), bytes, bytes_max };
        if let Some(bytes) = announced.filter(|bytes| *bytes > bytes_max) {
            return Err(too_large(bytes));
        }
        let cut_short = |cause| self.error("read", key.as_str(), Failed { fault: S3Fault::CutShort, cause });
        let mut came = 0;
        while let Some(piece) = answer.body.next().await {
            let piece = piece.map_err(|error| cut_short(S3Cause::connection(error)))?;
            came += piece.len() as u64;
            if came > bytes_max {
                return Err(too_large(came));
            }
            if sink.take(&piece).is_break() {
                return Ok(sink);
            }
        }
        match announced.filter(|bytes| *bytes != came) {
            None => Ok(sink),
            Some(bytes) => {
                let text = format!("only {came} of {bytes} bytes arrived");
                Err(cut_short(S3Cause::connection(text)))
            }
        }
    }

    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<(), StoreError> {
        for batch in keys.chunks(DELETE_MAX) {
            let mut delete = Delete::builder().quiet(true);
            for key in batch {
                let named = ObjectIdentifier::builder().key(self.place.key(key)).build();
                delete = delete.objects(named.map_err(|error| self.unbuilt("delete", error))?);
            }
            let delete = delete.build().map_err(|error| self.unbuilt("delete", error))?;
            let request = self.client.delete_objects().bucket(&self.place.bucket).delete(delete);
            // Amazon asks for a checksum here, and older servers for its oldest kind.
            let sent = request.checksum_algorithm(ChecksumAlgorithm::Crc32C).send().await;
            let answer = sent.map_err(|error| self.error("delete objects in", "", error.into()))?;
            let refused = answer.errors().iter().find(|error| error.code() != Some("NoSuchKey"));
            if let Some(refused) = refused {
                let own = |text: Option<&str>| text.map(str::to_owned);
                let failed = Failed::of_answer(own(refused.code()), own(refused.message()));
                let name = refused.key().unwrap_or_default();
                let name = name.strip_prefix(&self.place.prefix).unwrap_or(name);
                return Err(self.error("delete", name, failed));
            }
        }
        Ok(())
    }

    fn unbuilt(&self, action: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        self.error(action, "", Failed { fault: S3Fault::Other, cause: S3Cause::connection(error) })
    }

    /// One page of a listing, and where the next one begins.
    pub async fn list_page(&self, prefix: &str, token: PageToken) -> Result<(Vec<Listed>, PageToken), StoreError> {
        let failed = |failed| self.error("list", prefix, failed);
        let token = match token {
            PageToken::First => None,
            PageToken::Next(token) => Some(token),
            PageToken::End => return Ok((Vec::new(), PageToken::End)),
        };
        let request = self.client.list_objects_v2().bucket(&self.place.bucket);
        let request = request.prefix(format!("{}{prefix}", self.place.prefix)).set_continuation_token(token.clone());
        let page = request.send().await.map_err(|error| failed(error.into()))?;
        let mut listed = Vec::new();
        for object in page.contents() {
            let name = object.key().and_then(|key| key.strip_prefix(&self.place.prefix));
            let Some(key) = name.and_then(ObjectKey::new) else { continue };
            let bytes = object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
            let modified = object.last_modified().and_then(|at| SystemTime::try_from(*at).ok());
            // Without a time nobody can say that it is old, and what is old may be deleted.
            listed.push(Listed { key, bytes, modified: modified.unwrap_or_else(SystemTime::now) });
        }
        if page.is_truncated() != Some(true) {
            return Ok((listed, PageToken::End));
        }
        // A list with a gap would pass for a whole one.
        match page.next_continuation_token().filter(|next| Some(*next) != token.as_deref()) {
            Some(next) => Ok((listed, PageToken::Next(next.to_owned()))),
            None => {
                let cause =
                    S3Cause::connection("the list is incomplete, and the server does not say where it continues");
                Err(failed(Failed { fault: S3Fault::Other, cause }))
            }
        }
    }
}

/// Where a page of a listing begins.
#[derive(Clone, Debug)]
pub enum PageToken {
    First,
    Next(String),
    /// There is no other page.
    End,
}

/// An object in memory.
#[derive(Clone, Default)]
struct Whole(Vec<u8>);

impl Sink for Whole {
    fn take(&mut self, piece: &[u8]) -> ControlFlow<()> {
        self.0.extend_from_slice(piece);
        ControlFlow::Continue(())
    }
}
