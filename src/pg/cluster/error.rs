use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::SOCKET_PATH_BYTES_MAX;

/// Why a private server could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("PostgreSQL refuses to run as root, and there is no user postgres or nobody")]
    NoUnprivilegedUser,
    #[error("cannot create a folder for a private server in {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the path of the private server's socket is too long: {} ({} bytes)", path.display(), path.as_os_str().len())]
    SocketPathTooLong { path: PathBuf },
    #[error("cannot run {} as {account}", program.display())]
    NotRun {
        program: PathBuf,
        account: String,
        #[source]
        source: io::Error,
    },
    #[error("initdb failed ({status}); its output ends with:\n{log}")]
    InitdbFailed { status: ExitStatus, log: String },
    #[error("could not copy {} to a private server; the output ends with:\n{log}", path.display())]
    NotCopied { path: PathBuf, log: String },
    #[error("could not write {name} into the private server's data directory")]
    DataFile {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("no free port on 127.0.0.1")]
    NoPort {
        #[source]
        source: io::Error,
    },
    #[error("the private server did not start ({status}); its log ends with:\n{log}")]
    NotStarted { status: ExitStatus, log: String },
    #[error("the private server was not ready after {} s; its log ends with:\n{log}", waited.as_secs())]
    NotReady { waited: Duration, log: String },
    #[error("could not watch or stop the private server's process")]
    NotWatched {
        #[source]
        source: io::Error,
    },
    #[error("could not remove {}", path.display())]
    NotRemoved {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl ClusterError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoUnprivilegedUser => Some("run as another user, or create a system user postgres".to_owned()),
            Self::Folder { .. } => Some("PGKEEP_TMPDIR names another folder for private servers".to_owned()),
            Self::SocketPathTooLong { .. } => Some(format!(
                "the path of a unix socket has at most {SOCKET_PATH_BYTES_MAX} bytes: set PGKEEP_TMPDIR to a shorter folder"
            )),
            Self::NotRun { account, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(format!(
                "started by root, the server's programs run as the user {account}, who needs access to every folder in \
                 their path and in the path of the temporary folder (PGKEEP_TMPDIR)"
            )),
            Self::NotRemoved { path, .. } => Some(format!("remove {} by hand", path.display())),
            _ => None,
        }
    }
}
