//! Key files on disk: made and replaced whole or not at all, durably, by one program at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::file::{Content, KeyFile, Protection, encode};
use super::{KeyError, KeyKind, Revoked};

/// Writes a key file that must not exist yet. Durable when this returns.
pub(super) fn create(path: &Path, text: &str, protection: &Protection) -> Result<(), KeyError> {
    let bytes = encode(text, protection)?;
    let write = |file: &mut File| file.write_all(&bytes).and_then(|()| file.sync_all());
    // Whole or not at all: a half-written key would stand in the way of the next attempt.
    let create = || {
        let locked = lock(folder(path))?;
        let mut file = unfinished(folder(path))?;
        write(file.as_file_mut())?;
        match renameat_with(CWD, file.path(), CWD, path, RenameFlags::NOREPLACE) {
            // A file system that cannot keep what is there from being replaced.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                file.close()?;
                write(&mut OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?)?;
            }
            renamed => {
                renamed?;
                // It has another name now.
                file.into_temp_path().keep().map_err(|error| error.error)?;
            }
        }
        locked.sync_all()
    };
    create().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::Write { path: path.to_owned(), source },
    })
}

/// What the name of a key file begins with that is not whole yet. The rest nobody foresees.
const UNFINISHED: &str = ".pgkeep-key-";

/// A new file for its owner alone, which goes when it is dropped.
fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).rand_bytes(12).tempfile_in(folder)
}

/// Locks a folder of key files for as long as the result lives. What lies there unfinished then is of a run that was killed: it may
/// hold a key, of which nobody has heard, and goes.
fn lock(folder: &Path) -> io::Result<File> {
    let opened = File::open(folder)?;
    // Some file systems have no locks; a change is whole without one as well.
    if opened.lock().is_ok() {
        let left = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let left = left.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()));
        left.for_each(|entry| drop(fs::remove_file(entry.path())));
    }
    Ok(opened)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `writer.key.new` beside `writer.key`.
fn next_to(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// The key that a rotation which did not finish has left beside this file, if any.
pub fn left_beside(path: &Path) -> Option<PathBuf> {
    let next = next_to(&fs::canonicalize(path).ok()?);
    next.is_file().then_some(next)
}

/// A key file that nobody else changes while this exists: who changes one holds a lock on its folder.
pub struct LockedKeyFile {
    /// Without symbolic links: a file is replaced where it lies.
    path: PathBuf,
    _folder: File,
}

impl LockedKeyFile {
    pub fn lock(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Read { path: path.to_owned(), source };
        let path = fs::canonicalize(path).map_err(failed)?;
        let locked = lock(folder(&path)).map_err(failed)?;
        Ok(Self { path, _folder: locked })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the text lies that is to take the file's place, once others have heard of it.
    pub fn next(&self) -> PathBuf {
        next_to(&self.path)
    }

    /// Puts another text in the file's place, with its owner and mode: the old one or the new one is there at any moment,
    /// never a part. Durable when this returns.
    pub(super) fn replace(&self, text: &str, protection: &Protection) -> Result<(), KeyError> {
        let put = |file: NamedTempFile| file.persist(&self.path).map_err(|error| error.error);
        self.put(&self.path, text, protection, put)
    }

    /// Writes a text beside the file, with its owner and mode; one that lies there is never touched. Durable when this returns.
    pub(super) fn write_next(&self, text: &str, protection: &Protection) -> Result<(), KeyError> {
        let next = self.next();
        let put = |file: NamedTempFile| file.persist_noclobber(&next).map_err(|error| error.error);
        self.put(&next, text, protection, put)
    }

    /// Takes away what `write_next` has left.
    pub fn discard_next(&self) -> Result<(), KeyError> {
        let path = self.next();
        fs::remove_file(&path).map_err(|source| KeyError::Write { path, source })
    }

    fn put(
        &self,
        at: &Path,
        text: &str,
        protection: &Protection,
        put: impl Fn(NamedTempFile) -> io::Result<File>,
    ) -> Result<(), KeyError> {
        let bytes = encode(text, protection)?;
        let write = || {
            let old = fs::metadata(&self.path)?;
            let mut file = unfinished(folder(&self.path))?;
            let made = file.as_file().metadata()?;
            if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
                fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
            file.as_file().set_permissions(fs::Permissions::from_mode(old.mode() & 0o700))?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            put(file)?;
            File::open(folder(&self.path))?.sync_all()
        };
        write().map_err(|source| KeyError::Write { path: at.to_owned(), source })
    }
}

/// Gives a key file another protection; the text stays what it is.
pub fn protect(path: &Path, old: &Protection, new: &Protection) -> Result<(), KeyError> {
    let file = LockedKeyFile::lock(path)?;
    let text = Content::read(file.path())?.open(path, old)?;
    KeyFile::parse(path, KeyKind::Restore, text.clone())?;
    file.replace(&text, new)
}

/// Writes down the highest keyring that was seen, and whom any has revoked, where the file says less.
pub fn remember_keyring(path: &Path, number: u64, revoked: &Revoked, protection: &Protection) -> Result<(), KeyError> {
    let file = LockedKeyFile::lock(path)?;
    let text = Content::read(file.path())?.open(path, protection)?;
    const LINE: &str = "# pgkeep-keyring:";
    let known = text.lines().find_map(|line| line.strip_prefix(LINE)?.trim().parse::<u64>().ok()).unwrap_or(0);
    let revoked = revoked.iter().map(|signer| format!("# pgkeep-revoked: {}", hex::encode(signer)));
    let mut news: Vec<String> = revoked.filter(|line| text.lines().all(|known| known.trim_end() != line)).collect();
    let mut lines: Vec<&str> = text.lines().collect();
    if known < number {
        lines.retain(|line| !line.starts_with(LINE));
        news.insert(0, format!("{LINE} {number}"));
    }
    if news.is_empty() {
        return Ok(());
    }
    let after = lines.iter().rposition(|line| line.starts_with("# pgkeep-")).map_or(0, |at| at + 1);
    lines.splice(after..after, news.iter().map(String::as_str));
    file.replace(&Zeroizing::new(lines.join("\n") + "\n"), protection)
}
