//! Policy files on disk.

use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::opening;
use crate::policy::{Policy, PolicyError};

/// A policy is some lines; whatever is larger is another file.
const BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    #[error("cannot read the policy {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the policy {} has more than {BYTES_MAX} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("other users can write the policy {} (mode {mode:03o})", path.display())]
    Writable { path: PathBuf, mode: u32 },
    #[error("the policy {} cannot be used", path.display())]
    Content {
        path: PathBuf,
        #[source]
        source: PolicyError,
    },
}

impl PolicyFileError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("The account that runs pgkeep needs read permission on it, and access to its folder.".into())
            }
            Self::Read { .. } => None,
            Self::TooLarge { .. } => Some("Name a policy file.".into()),
            Self::Writable { path, .. } => Some(format!(
                "It can name a program to run, so only its owner may write it: chmod go-w {}",
                path.display()
            )),
            Self::Content { source, .. } => source.hint(),
        }
    }
}

/// Reads a policy. One that its group or others can write is refused, as ssh does with its own files: it says which
/// program is run for the password.
pub fn read(path: &Path) -> Result<Policy, PolicyFileError> {
    let failed = |source| PolicyFileError::Read { path: path.to_owned(), source };
    let mut file = opening::open(path).map_err(failed)?;
    // Of the open file, so that nobody can exchange it between the look and the reading.
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(PolicyFileError::Writable { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.by_ref().take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(PolicyFileError::TooLarge { path: path.to_owned() });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    Policy::parse(&bytes, folder).map_err(|source| PolicyFileError::Content { path: path.to_owned(), source })
}
