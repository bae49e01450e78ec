//! Where in a folder an object may be: in real folders below the root, as a regular file.
//!
//! Whoever writes into the folder of a repository may leave there what is no file: to open a FIFO waits forever, to open a device can do
//! anything, and a link leads out of the repository. So what lies there is looked at before it is opened, and no link is followed.
//! The root itself is the operator's own choice, and may be a link.

use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::io_error;
use crate::store::{ObjectKey, StoreError};

/// An object's path, when every folder on the way to it that is there is a folder.
pub fn path(root: &Path, key: &ObjectKey) -> Result<PathBuf, StoreError> {
    let path = root.join(key.as_str());
    if let Some((folders, _)) = key.as_str().rsplit_once('/') {
        check_folders(root, folders)?;
    }
    Ok(path)
}

/// That no folder of this path below the root is a link, or anything else that is no folder. One that is not there is no error.
pub fn check_folders(root: &Path, folders: &str) -> Result<(), StoreError> {
    let mut folder = root.to_owned();
    for part in folders.split('/') {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(there) if there.is_dir() => {}
            // The file system says it to whoever goes on.
            Ok(there) if there.is_file() => return Ok(()),
            Ok(there) => return Err(not_a_file(&folder, there.file_type())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io_error("read", &folder)(error)),
        }
    }
    Ok(())
}

/// Opens an object to be read, with its metadata.
pub fn open(root: &Path, key: &ObjectKey) -> Result<(PathBuf, File, Metadata), StoreError> {
    let path = path(root, key)?;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::NoObject { key: key.clone() },
        _ => io_error("read", &path)(error),
    };
    check_file(&path, &fs::symlink_metadata(&path).map_err(failed)?)?;
    // It may have been exchanged since: no link is followed, no FIFO waited for, and what was opened is looked at again.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = File::options().read(true).custom_flags(flags.cast_signed()).open(&path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_file(&path, &metadata)?;
    Ok((path, file, metadata))
}

fn check_file(path: &Path, there: &Metadata) -> Result<(), StoreError> {
    if there.is_file() { Ok(()) } else { Err(not_a_file(path, there.file_type())) }
}

fn not_a_file(path: &Path, kind: FileType) -> StoreError {
    let what = match () {
        () if kind.is_symlink() => "a link",
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    StoreError::NotAFile { path: path.to_owned(), what }
}
