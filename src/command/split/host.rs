//! What a split remembers on the operator's host, and nowhere else: the files that it switched, the command that it runs, and the key by
//! which it knows its own record in the target database again.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand_core::{OsRng, RngCore};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::phase::Phase;
use crate::pg::place::Place;
use crate::switch::Applied;

/// Paths and masked values of some files.
const BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("there is no folder for the split's state: neither HOME nor XDG_STATE_HOME is set")]
    NoHome,
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} {why}", path.display())]
    Strange { path: PathBuf, why: &'static str },
    #[error("{} is not a state file of a split", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
}

impl HostError {
    /// The file system has no room, or is broken: no other arguments would help.
    pub fn is_of_the_machine(&self) -> bool {
        let HostError::Io { source, .. } = self else { return false };
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(source.kind(), QuotaExceeded | ReadOnlyFilesystem | StorageFull)
            || source.raw_os_error() == Some(Errno::IO.raw_os_error())
    }

    pub fn hint(&self) -> &'static str {
        match self {
            HostError::Io { .. } if self.is_of_the_machine() => {
                "Make that file system writable, with room in it, and run the same command again, with the same --state: what this host knows of a split is in that folder alone."
            }
            HostError::NoHome | HostError::Io { .. } => {
                "Name your own folder with --state DIR (or PGKEEP_STATE); /var/lib/pgkeep belongs to root."
            }
            HostError::Strange { .. } => {
                "pgkeep runs commands from it: only the account that runs pgkeep may own it (chown) and have access (chmod go-rwx); or name another folder with --state."
            }
            HostError::Unreadable { .. } => {
                "A newer pgkeep may have written it. Otherwise restore the file from a backup of this host."
            }
        }
    }
}

/// A folder of the operator's: made with mode 0700, with a file of mode 0600 for each split.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where nobody names one: `/var/lib/pgkeep` for root, `pgkeep` in the account's folder for state for everybody else.
    ///
    /// # Errors
    /// The account has none.
    pub fn of_account() -> Result<Self, HostError> {
        if rustix::process::geteuid().is_root() {
            return Ok(Self::at("/var/lib/pgkeep".into()));
        }
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        Ok(Self::at(state.ok_or(HostError::NoHome)?.join("pgkeep")))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn splits(&self) -> PathBuf {
        self.path.join("splits")
    }

    fn file(&self, id: &str) -> PathBuf {
        self.splits().join(format!("{id}.json"))
    }

    /// Makes the folder, so that what is written later cannot fail for want of one.
    ///
    /// # Errors
    /// It cannot be made, or others own it or may write it.
    pub fn make(&self) -> Result<(), HostError> {
        let splits = self.splits();
        if !splits.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&splits).map_err(failed("make", &splits))?;
            for folder in self.path.parent().into_iter().chain([self.path.as_path()]) {
                sync(folder).map_err(failed("write in", folder))?;
            }
        }
        [&self.path, &splits].into_iter().try_for_each(|path| is_own(path, &fs::metadata(path), 0o022))
    }

    /// What is remembered of a split; none where this host has not begun it.
    ///
    /// # Errors
    /// Others own or may write the folder or the file; it cannot be read.
    pub fn load(&self, id: &str) -> Result<Option<Split>, HostError> {
        // What comes out of a database is no path.
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return Ok(None);
        }
        let path = self.file(id);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed("read", &path))?,
        };
        [&self.path, &self.splits()].into_iter().try_for_each(|path| is_own(path, &fs::metadata(path), 0o022))?;
        let metadata = file.metadata();
        if metadata.as_ref().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(HostError::Strange { path, why: "is not a file" });
        }
        is_own(&path, &metadata, 0o077)?;
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text).map_err(failed("read", &path))?;
        serde_json::from_str(&text).map(Some).map_err(|source| HostError::Unreadable { path, source })
    }

    /// Written whole, or not at all, and there when it is said to be.
    pub fn save(&self, split: &Split) -> Result<(), HostError> {
        self.make()?;
        let path = self.file(&split.id);
        let text =
            serde_json::to_vec_pretty(split).map_err(|source| HostError::Unreadable { path: path.clone(), source })?;
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            let mut temporary = tempfile::Builder::new().prefix(".split-").tempfile_in(self.splits())?;
            temporary.write_all(&text)?;
            temporary.as_file().sync_all()?;
            temporary.persist(&path).map_err(|error| error.error)?;
            sync(&self.splits())
        };
        write().map_err(failed("write", &path))
    }

    /// Before a database is made: what a kill then leaves is known for what it is. The words tell its server and its name.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn note_making(&self, words: &str) -> Result<(), HostError> {
        self.make()?;
        let path = self.making(words);
        let noted = File::create(&path).and_then(|file| file.sync_all()).and_then(|()| sync(&self.splits()));
        noted.map_err(failed("write", &path))
    }

    pub fn is_making(&self, words: &str) -> bool {
        self.making(words).exists()
    }

    /// It is made, or will not be.
    pub fn forget_making(&self, words: &str) {
        let _ = fs::remove_file(self.making(words));
    }

    fn making(&self, words: &str) -> PathBuf {
        self.splits().join(format!("{}.making", blake3::hash(words.as_bytes()).to_hex()))
    }

    /// All that can be read.
    pub fn all(&self) -> Vec<Split> {
        let names = fs::read_dir(self.splits()).into_iter().flatten().flatten();
        let ids = names.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.iter().filter_map(|id| self.load(id).ok().flatten()).collect()
    }

    /// Forgets a split that nothing is left of. That its file stays is no harm.
    pub fn forget(&self, id: &str) {
        let _ = fs::remove_file(self.file(id));
    }
}

/// One `--rewrite`. A value that it gave is not kept: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Absolute.
    pub file: PathBuf,
    pub key: String,
    pub had_value: bool,
}

/// One split, as the host remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Split {
    pub format: u32,
    /// 128 random bits, hexadecimal; both databases have it too.
    pub id: String,
    key: Key,
    pub schemas: Vec<String>,
    pub source: Place,
    pub target: Place,
    /// As it was called; empty in a file of an earlier program.
    #[serde(default)]
    pub target_database: String,
    /// Configuration files that were switched, or were about to be.
    pub files: Option<Applied>,
    pub hook: Option<String>,
    /// What is to be rewritten, as the run that began the split was told.
    #[serde(default)]
    pub wanted: Vec<Wanted>,
    /// What a record of an earlier program asks to be done, which pgkeep does not do because a database says so.
    #[serde(default)]
    pub by_hand: Vec<String>,
    /// How far this host has brought it, for when the record is gone with its database; a file of an earlier program does not say.
    #[serde(default)]
    pub phase: Option<Phase>,
}

impl Split {
    pub fn new(schemas: Vec<String>, source: Place, target: Place) -> Self {
        let (mut id, mut key) = ([0; 16], [0; 32]);
        OsRng.fill_bytes(&mut id);
        OsRng.fill_bytes(&mut key);
        Self {
            format: 1,
            id: hex::encode(id),
            key: Key(key),
            schemas,
            source,
            target,
            target_database: String::new(),
            files: None,
            hook: None,
            wanted: Vec::new(),
            by_hand: Vec::new(),
            phase: None,
        }
    }

    /// By which the record is known again: nobody can make it without the key.
    pub fn mark(&self, document: &str) -> String {
        self.hash(document).to_hex().to_string()
    }

    pub fn has_marked(&self, document: &str, mark: &str) -> bool {
        // Hashes are compared in constant time.
        blake3::Hash::from_hex(mark).is_ok_and(|mark| mark == self.hash(document))
    }

    fn hash(&self, document: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.key.0, document.as_bytes())
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Key(#[serde(with = "hex::serde")] [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// `closed`: the bits that must not be set.
fn is_own(path: &Path, metadata: &io::Result<fs::Metadata>, closed: u32) -> Result<(), HostError> {
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) => return Err(failed("look at", path)(io::Error::from(error.kind()))),
    };
    let strange = |why| Err(HostError::Strange { path: path.to_owned(), why });
    let me = rustix::process::geteuid();
    match metadata.uid() {
        uid if uid != me.as_raw() && uid != 0 => strange("belongs to another account"),
        _ if metadata.mode() & closed != 0 => strange("is readable or writable by other accounts"),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> HostError + use<> {
    let path = path.to_owned();
    move |source| HostError::Io { action, path: path.clone(), source }
}

#[cfg(test)]
mod tests;
