//! What can go wrong in a store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::ObjectKey;
use super::s3::fault::{S3Cause, S3Fault};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{url}` is not a repository's URL: {reason}")]
    Url { url: String, reason: &'static str },
    #[error("an s3:// URL has no parameter `{parameter}`")]
    UrlParameter { parameter: String, meant: Option<&'static str>, known: &'static [&'static str] },
    #[error("the parameter `{parameter}` of an s3:// URL is `{value}`, and should be {expected}")]
    UrlValue { parameter: String, value: String, expected: &'static str },
    #[error("there is no repository folder {}", path.display())]
    Missing { path: PathBuf },
    /// A mount point without its file system looks so.
    #[error("the folder {} is empty", path.display())]
    EmptyFolder { path: PathBuf },
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
    #[error("{} is {what}, and no file", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error("the object {key} cannot be stored: its name is taken, and so is every other that it may have")]
    NoName { key: ObjectKey },
    #[error("the thread that makes objects durable has ended")]
    WriterGone,
    #[error("a thread for requests to S3 cannot be started")]
    NoThread {
        #[source]
        source: io::Error,
    },
    #[error("cannot {action} {what}: {fault}")]
    S3 {
        action: &'static str,
        what: String,
        fault: S3Fault,
        #[source]
        source: S3Cause,
    },
    /// An object that was handed over could not be stored. Told to everyone who comes after.
    #[error(transparent)]
    Earlier(Arc<StoreError>),
}

impl StoreError {
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Url { .. } | StoreError::UrlValue { .. } | StoreError::NoThread { .. } => None,
            StoreError::UrlParameter { meant: Some(meant), .. } => Some(format!("Did you mean `{meant}`?")),
            StoreError::UrlParameter { meant: None, known, .. } => Some(format!("It knows {}.", known.join(", "))),
            StoreError::S3 { fault, .. } => fault.hint(),
            StoreError::Earlier(error) => error.hint(),
            StoreError::Missing { path } => Some(format!(
                "The key is of a repository that was made before. Check --repo, and that the file system that holds it is mounted. A new one, with keys of its own: pgkeep init --repo {} --keys DIR",
                path.display()
            )),
            StoreError::EmptyFolder { .. } => Some(
                "The key is of a repository that was made before: is the file system that holds it mounted there? Nothing was written.".into(),
            ),
            StoreError::NotEmpty { .. } => Some("Name a folder that does not exist yet, or an empty one.".into()),
            StoreError::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::ReadOnlyFilesystem => Some(
                    "The file system is mounted to be read only: by an option (`findmnt -T FOLDER` shows it), or since its disk failed (the kernel's log says so). What reads goes on; to write, mount it anew, or name another repository."
                        .into(),
                ),
                io::ErrorKind::PermissionDenied => {
                    Some(format!("The user who runs pgkeep needs to read and write in {}.", path.display()))
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("The file system is full. Nothing of this run is visible in the repository; make room and run it again.".into())
                }
                _ => None,
            },
            StoreError::NoObject { .. } => Some("Run `pgkeep verify` to see what else is missing and which tables it hurts.".into()),
            StoreError::TooLarge { .. } => Some("The object was changed. Run `pgkeep verify --read-data`.".into()),
            StoreError::NotAFile { .. } => {
                Some("pgkeep makes no such thing and follows no link out of a repository: look at it, and move it away.".into())
            }
            StoreError::NoName { .. } | StoreError::WriterGone => None,
        }
    }
}
