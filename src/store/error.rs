//! What can go wrong in a store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ObjectKey;
use super::s3::fault::{S3Cause, S3Fault};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{url}` is not a valid repository URL: {reason}")]
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
    #[error("the object {key} has {bytes} bytes, but at most {bytes_max} were expected")]
    TooLarge { key: ObjectKey, bytes: u64, bytes_max: u64 },
    #[error("{} is {what}, not a file", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error("the object {key} cannot be stored: its name and all its alternative names are taken")]
    NoName { key: ObjectKey },
    #[error("the thread that syncs objects has ended")]
    WriterGone,
    #[error("cannot start a thread for S3 requests")]
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

/// What of a path is there, as far as this user sees: `in` a folder, or `on` what is none. Permissions are given to that.
pub fn standing(path: &Path) -> String {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    format!("{} {}", if there.is_dir() { "in" } else { "on" }, there.display())
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
                "The key belongs to a repository that was made before. Check --repo, and that its file system is mounted. A new repository, with its own keys: pgkeep init --repo {} --keys DIR",
                path.display()
            )),
            StoreError::EmptyFolder { .. } => Some(
                "The key belongs to a repository that was made before: is its file system mounted there? Nothing was written.".into(),
            ),
            StoreError::NotEmpty { .. } => Some("Name a folder that does not exist yet, or an empty one.".into()),
            StoreError::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::ReadOnlyFilesystem => Some(
                    "The file system is read-only: by a mount option (`findmnt -T FOLDER` shows it), or because its disk failed (the kernel log says so). Reading still works; to write, remount it, or name another repository."
                        .into(),
                ),
                io::ErrorKind::PermissionDenied => {
                    Some(format!("The user who runs pgkeep needs read and write permission {}.", standing(path)))
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("The file system is full. Nothing of this run is visible in the repository; make room and run it again.".into())
                }
                _ => None,
            },
            StoreError::NoObject { .. } => Some("`pgkeep verify` shows what else is missing and which tables are damaged.".into()),
            StoreError::TooLarge { .. } => Some("The object was changed. Run `pgkeep verify --read-data`.".into()),
            StoreError::NotAFile { .. } => {
                Some("pgkeep does not create it, and follows no link out of a repository: look at it, and move it away.".into())
            }
            StoreError::NoName { .. } | StoreError::WriterGone => None,
        }
    }
}
