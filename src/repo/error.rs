//! What can go wrong in a repository.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::KeyError;
use super::signature::UNKNOWN;
use super::snapshot::SnapshotName;
use crate::spelling::nearest;
use crate::store::{ObjectKey, StoreError};
use crate::stream::{OpenError, SealError};

#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot seal a chunk")]
    Seal(#[from] SealError),
    #[error("there is no repository at {url}")]
    NoConfig { url: String },
    #[error("the repository at {url} has snapshots, but its `config` is missing")]
    LostConfig {
        url: String,
        /// The key's.
        repository: String,
    },
    #[error("a repository already exists at {url}")]
    Exists { url: String },
    #[error("the key file {} already exists", path.display())]
    KeyWithoutRepository { path: PathBuf, url: String },
    #[error("the repository's `config` is damaged")]
    BadConfig {
        /// The key's.
        repository: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the repository has format {found}, but this program reads only up to {supported}")]
    NewerFormat { found: u32, supported: u32 },
    #[error("the key file knows keyring {remembered}, but the repository's newest is {}", keyring_noun(*found))]
    KeyringLost { remembered: u64, found: u64 },
    #[error("the key file knows that the writer {id} was revoked, but no keyring in the repository says so")]
    RevocationLost { id: String },
    /// A store may say that it failed and have stored it: only a key's file is certain then.
    #[error("the new key in {} may be in force, although storing the keyring that names it was reported as failed", path.display())]
    KeyKept {
        path: PathBuf,
        #[source]
        source: Box<RepoError>,
    },
    #[error("the object {key} cannot be opened")]
    Object {
        key: ObjectKey,
        #[source]
        source: OpenError,
    },
    #[error("the manifest of snapshot {name} is not signed by a writer that the key trusts, or is not whole: {reason}")]
    Signature { name: SnapshotName, reason: &'static str },
    #[error("the manifest of snapshot {name} cannot be read")]
    Manifest {
        name: SnapshotName,
        #[source]
        source: serde_json::Error,
    },
    #[error("a slice list of snapshot {name} cannot be read")]
    SliceList {
        name: SnapshotName,
        #[source]
        source: serde_json::Error,
    },
    #[error("a slice of {key} goes past the object's end")]
    SliceBounds { key: ObjectKey },
    #[error("the repository has no snapshot{}", database.as_ref().map(|d| format!(" of the database {d}")).unwrap_or_default())]
    Empty { database: Option<String> },
    #[error("`latest` is ambiguous: the repository has snapshots of {} databases: {}", databases.len(), databases.join(", "))]
    Several { databases: Vec<String> },
    #[error("the repository has no snapshot of the database {database}")]
    NotOf {
        database: String,
        /// Those that it has snapshots of.
        databases: Vec<String>,
    },
    #[error("there is no snapshot `{asked}`")]
    NoSnapshot { asked: String },
    #[error("`{asked}` is ambiguous: it matches {count} snapshots")]
    Ambiguous { asked: String, count: usize },
    #[error("a snapshot {name} already exists")]
    SnapshotExists { name: SnapshotName },
    #[error("a prune condemned {objects} of the objects that this backup uses (it has run for {})", hours(*elapsed))]
    Overtaken { objects: u64, elapsed: Duration },
    #[error("{folder} has more than {most} entries")]
    TooMany { folder: String, most: usize },
    #[error("the manifest of snapshot {name} would have {bytes} bytes, more than the {most} that pgkeep reads")]
    ManifestTooLarge { name: SnapshotName, bytes: u64, most: u64 },
    #[error("the object {key} already exists with other content")]
    Occupied { key: ObjectKey },
}

impl RepoError {
    /// What was to make the new key in `path` known has failed; whatever the store says of it, the key stays where it is.
    pub fn with_key_kept(self, path: &Path) -> Self {
        match self {
            RepoError::Store(_) => RepoError::KeyKept { path: path.to_owned(), source: Box::new(self) },
            other => other,
        }
    }
}

fn keyring_noun(number: u64) -> String {
    if number == 0 { "none".into() } else { format!("keyring {number}") }
}

impl RepoError {
    pub fn hint(&self) -> Option<String> {
        match self {
            RepoError::Store(error) => error.hint(),
            RepoError::Key(error) => error.hint(),
            RepoError::NoConfig { .. } => Some(
                "The key belongs to a repository that was made before. Check --repo, and that its file system is mounted.".into(),
            ),
            RepoError::KeyWithoutRepository { path, url } => Some(format!(
                "A key is never overwritten, because data may depend on it. Name another folder. There is no repository at {url}: where an `init` of it \
                 was killed and has left the keys in {}, nothing depends on these two, and they can be deleted.",
                path.parent().unwrap_or(path).display()
            )),
            RepoError::Exists { .. } => Some("Use it, or name another place. An existing repository is never initialised again.".into()),
            RepoError::BadConfig { repository, .. } | RepoError::LostConfig { repository, .. } => Some(format!(
                "Nothing else depends on its content. Write the file `config` with this line, then run `pgkeep verify`: \
                 {{\"format\": 1, \"repository\": \"{repository}\", \"created\": \"2000-01-01T00:00:00Z\"}}"
            )),
            RepoError::NewerFormat { .. } => Some("Use the version of pgkeep that wrote it, or a newer one.".into()),
            RepoError::KeyKept { path, source } => {
                let cause = source.hint().map(|hint| format!(" {hint}")).unwrap_or_default();
                Some(format!(
                    "Keep {}: it may be the only copy. Run the same command again, which goes on with that key; where it says that the file already \
                     exists, everything was done.{cause}",
                    path.display()
                ))
            }
            RepoError::KeyringLost { .. } | RepoError::RevocationLost { .. } => Some(
                "A record under records/keyring/ was removed, perhaps to make a revoked writer valid again. Nothing was trusted or written. \
                 Restore the record from a copy of the bucket; docs/operations.md, \"Keys\", says what to do without one."
                    .into(),
            ),
            RepoError::Object { source: OpenError::WrongKey, .. } => {
                Some("Only the restore key of this repository decrypts rows: --restore-key FILE.".into())
            }
            RepoError::Object { .. } | RepoError::SliceBounds { .. } | RepoError::SliceList { .. } | RepoError::Manifest { .. } => {
                Some("The repository was damaged. `pgkeep verify --read-data` lists the damage; an earlier snapshot may be whole.".into())
            }
            RepoError::Signature { reason, .. } if *reason == UNKNOWN => Some(
                "If keys were rotated since, this key is too old: use the newest restore key, or `pgkeep key rotate` this writer key as well. Otherwise somebody else wrote the manifest: nothing of it was used, and an earlier snapshot may be whole."
                    .into(),
            ),
            RepoError::Signature { .. } => {
                Some("Its bytes are not those that were signed: it was copied by half, damaged or changed, or somebody else wrote it. Nothing of it was used. Copy it once more where this is a copy; otherwise restore an earlier snapshot.".into())
            }
            RepoError::Overtaken { .. } => Some(
                "No snapshot was created. Run the backup again: it stores these objects again. The grace period of prune (--grace) must be more than twice as long as the longest backup."
                    .into(),
            ),
            RepoError::Empty { .. } => Some("Take a backup first: pgkeep backup -d DSN".into()),
            RepoError::TooMany { .. } => Some("Somebody filled it with files that are not pgkeep's. Look at them, and remove them with the store's own tools.".into()),
            RepoError::ManifestTooLarge { .. } => Some("Back up the database in several parts, each with some of its schemas (-n).".into()),
            RepoError::Several { databases } => {
                Some(format!("Name one of the databases: {}", databases.iter().map(|name| format!("latest:{name}")).collect::<Vec<_>>().join(", ")))
            }
            RepoError::NotOf { database, databases } => {
                let near = nearest(database, databases.iter().map(String::as_str));
                let near = near.map(|near| format!("Did you mean latest:{near}? ")).unwrap_or_default();
                Some(format!("{near}It has snapshots of {}.", databases.join(", ")))
            }
            RepoError::NoSnapshot { asked } => {
                let (word, of) = asked.split_once(':').map_or((asked.as_str(), None), |(word, of)| (word, Some(of)));
                let of = of.map_or_else(String::new, |of| format!(":{of}"));
                let near = nearest(word, ["latest"]).filter(|near| *near != word);
                let near = near.map(|near| format!("Did you mean {near}{of}? ")).unwrap_or_default();
                Some(format!("{near}`pgkeep list` shows their ids."))
            }
            RepoError::Ambiguous { .. } => Some("`pgkeep list` shows their ids.".into()),
            _ => None,
        }
    }
}

/// `0 h 12 min`.
fn hours(elapsed: Duration) -> String {
    let minutes = elapsed.as_secs() / 60;
    format!("{} h {} min", minutes / 60, minutes % 60)
}
