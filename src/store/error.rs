//! What can go wrong in a store.

use std::io;
use std::path::PathBuf;

use super::ObjectKey;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{url}` is not a repository's URL: {reason}")]
    Url { url: String, reason: &'static str },
    #[error("there is no repository folder {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} is not empty", path.display())]
    NotEmpty { path: PathBuf },
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the object {key} is missing")]
    NoObject { key: ObjectKey },
    #[error("the object {key} has {bytes} bytes, and at most {bytes_max} were expected")]
    TooLarge { key: ObjectKey, bytes: u64, bytes_max: u64 },
    #[error("the thread that makes objects durable has ended")]
    WriterGone,
}

impl StoreError {
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Url { .. } => None,
            StoreError::Missing { path } => {
                Some(format!("Check --repo, or make a repository there: pgkeep init --repo {} --keys DIR", path.display()))
            }
            StoreError::NotEmpty { .. } => Some("Name a folder that does not exist yet, or an empty one.".into()),
            StoreError::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some(format!("The user who runs pgkeep needs to read and write in {}.", path.display()))
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("The file system is full. Nothing of this run is visible in the repository; make room and run it again.".into())
                }
                _ => None,
            },
            StoreError::NoObject { .. } => Some("Run `pgkeep verify` to see what else is missing and which tables it hurts.".into()),
            StoreError::TooLarge { .. } => Some("The object was changed. Run `pgkeep verify --read-data`.".into()),
            StoreError::WriterGone => None,
        }
    }
}
