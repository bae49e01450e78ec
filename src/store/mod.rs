//! Where objects live: a local directory, or a bucket on S3.
//!
//! A store knows keys and bytes, and nothing of snapshots. It overwrites nothing; a bucket whose server does not heed conditional puts is
//! asked for the name first, and two writers may get between.

mod dir;
pub mod error;
mod key;
mod pages;
pub mod s3;
mod sink;

use std::path::Path;
use std::time::SystemTime;

pub use error::{StoreError, standing};
pub use key::ObjectKey;
pub use pages::Pages;
pub use sink::Sink;

use crate::stream::Sealed;
use dir::DirStore;
use s3::S3Store;

/// The closed set of stores.
pub enum Store {
    Dir(DirStore),
    S3(S3Store),
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Stored,
    /// The name was taken. What is stored there was left as it is.
    Existed,
}

/// The name to be tried after one that is taken; none: there is no other.
pub type NextName = fn(&ObjectKey) -> Option<ObjectKey>;

/// An object that was handed over under a name that was taken, and was stored under another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    pub asked: ObjectKey,
    pub stored: ObjectKey,
}

/// One name of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: ObjectKey,
    /// 0 for what is no file.
    pub bytes: u64,
    /// When it was stored, on the store's clock.
    pub modified: SystemTime,
}

/// Whether a command may change the store. A store opened for reading creates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// An object on its way. Dropped, it is given up.
pub struct Coming(s3::Running<Result<Vec<u8>, StoreError>>);

impl Coming {
    pub async fn bytes(self) -> Result<Vec<u8>, StoreError> {
        self.0.end().await.unwrap_or(Err(StoreError::WriterGone))
    }
}

impl Store {
    /// Opens the store at `url`: `file:///path`, a plain path, or `s3://bucket/prefix`.
    pub async fn open(url: &str, access: Access) -> Result<Self, StoreError> {
        if url.starts_with("s3://") {
            return Ok(Store::S3(S3Store::open(url, access).await?));
        }
        Ok(Store::Dir(DirStore::open(directory(url)?, access)?))
    }

    /// Makes an empty store at `url`. A folder may exist if it is empty; a bucket must exist.
    pub async fn create(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("s3://") {
            return Self::open(url, Access::Write).await;
        }
        Ok(Store::Dir(DirStore::create(directory(url)?)?))
    }

    /// What the operator should know about the place, if anything.
    pub fn warning(&self) -> Option<String> {
        match self {
            Store::Dir(_) => None,
            Store::S3(s3) => s3.warning(),
        }
    }

    /// Hands an object over. It is durable, under its name or the first free one that `next` says after it, only after
    /// [`Store::settle`] has returned.
    pub async fn put_later(&self, key: ObjectKey, object: Sealed, next: NextName) -> Result<(), StoreError> {
        match self {
            Store::Dir(dir) => dir.put_later(key, object, next),
            Store::S3(s3) => s3.put_later(key, object, next).await,
        }
    }

    /// Waits until everything handed over is durable; returns what is stored under another name, because its own was taken. What
    /// was there under a name that was taken is left as it is, and was not looked at.
    pub async fn settle(&self) -> Result<Vec<Renamed>, StoreError> {
        match self {
            Store::Dir(dir) => dir.settle(),
            Store::S3(s3) => s3.settle().await,
        }
    }

    /// Stores an object; durable, with its name, when this returns. Where the very same bytes are there already, they may
    /// count as stored by this put.
    pub async fn put(&self, key: &ObjectKey, object: &Sealed) -> Result<Put, StoreError> {
        match self {
            Store::Dir(dir) => dir.put(key, object),
            Store::S3(s3) => s3.put(key, object).await,
        }
    }

    /// An object's bytes; an error if there are more than `bytes_max`.
    pub async fn get(&self, key: &ObjectKey, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        match self {
            Store::Dir(dir) => dir.get(key, bytes_max),
            Store::S3(s3) => s3.get(key, bytes_max).await,
        }
    }

    /// Begins to read an object that will be wanted soon. None where that gains nothing: a disk reads ahead by itself.
    pub fn get_ahead(&self, key: &ObjectKey, bytes_max: u64) -> Option<Coming> {
        match self {
            Store::Dir(_) => None,
            Store::S3(s3) => Some(Coming(s3.get_ahead(key, bytes_max))),
        }
    }

    /// Removes objects; durable when this returns. That one is gone already is no error.
    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<(), StoreError> {
        match self {
            Store::Dir(dir) => dir.delete(keys),
            Store::S3(s3) => s3.delete(keys).await,
        }
    }

    /// Reads an object in pieces, until the sink wants no more; an error if there are more than `bytes_max` bytes.
    pub async fn read<S: Sink>(&self, key: &ObjectKey, bytes_max: u64, sink: S) -> Result<S, StoreError> {
        match self {
            Store::Dir(dir) => dir.read(key, bytes_max, sink),
            Store::S3(s3) => s3.read(key, bytes_max, sink).await,
        }
    }

    /// All objects whose key begins with `prefix` (a folder: `data/`, `snapshots/`), in pages.
    pub fn pages(&self, prefix: &str) -> Result<Pages<'_>, StoreError> {
        match self {
            Store::Dir(dir) => Ok(Pages::of_dir(dir.walk(prefix)?)),
            Store::S3(s3) => Ok(Pages::of_s3(s3, prefix)),
        }
    }
}

fn directory(url: &str) -> Result<&Path, StoreError> {
    if let Some(path) = url.strip_prefix("file://") {
        return if path.starts_with('/') {
            Ok(Path::new(path))
        } else {
            Err(StoreError::Url { url: url.to_owned(), reason: "file:// needs an absolute path: file:///srv/backup" })
        };
    }
    // `file:/srv/backup` is no folder called `file:`.
    if url.contains("://") || url.starts_with("file:") || url.starts_with("s3:") || url.is_empty() {
        return Err(StoreError::Url {
            url: url.to_owned(),
            reason: "a repository is file:///path, a path, or s3://bucket/prefix",
        });
    }
    Ok(Path::new(url))
}
