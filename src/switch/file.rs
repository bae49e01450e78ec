//! A configuration file on disk: read whole, replaced whole, with its mode and owner.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::SwitchError;

/// A configuration file is some pages; whatever is larger is another file.
const BYTES_MAX: u64 = 1 << 20;

pub(super) struct Original {
    /// The real file, absolute: symbolic links are followed.
    pub path: PathBuf,
    pub text: String,
    metadata: Metadata,
}

impl Original {
    /// # Errors
    /// It cannot be read, is no small UTF-8 file, or could not be replaced by one with the same owner.
    pub fn read(path: &Path) -> Result<Self, SwitchError> {
        let real = fs::canonicalize(path).map_err(failed("find", path))?;
        // Opening a FIFO would wait for whoever writes into it.
        if !fs::metadata(&real).map_err(failed("read", path))?.is_file() {
            return Err(SwitchError::NotAFile { path: real });
        }
        let file = File::open(&real).map_err(failed("read", path))?;
        let metadata = file.metadata().map_err(failed("read", path))?;
        if !metadata.is_file() {
            return Err(SwitchError::NotAFile { path: real });
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(SwitchError::TooLarge { path: real, max: BYTES_MAX });
        }
        if metadata.nlink() > 1 {
            return Err(SwitchError::HardLinked { path: real });
        }
        let me = rustix::process::geteuid();
        if !me.is_root() && metadata.uid() != me.as_raw() {
            return Err(SwitchError::ForeignOwner { path: real });
        }
        let folder = folder_of(&real);
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).map_err(|e| failed("write in", folder)(e.into()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
            SwitchError::NotUtf8 { path: real.clone(), line }
        })?;
        Ok(Self { path: real, text, metadata })
    }

    /// Writes a copy under a name that is not taken. One that holds the same already is taken for the copy.
    pub fn back_up(&self, backup: &Path) -> Result<(), SwitchError> {
        let write = failed("write", backup);
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(backup) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return match fs::read(backup) {
                    Ok(bytes) if bytes == self.text.as_bytes() => Ok(()),
                    _ => Err(write(error)),
                };
            }
            Err(error) => return Err(write(error)),
        };
        let written = self.fill(&mut file, &self.text).and_then(|()| sync_folder(folder_of(backup)));
        written.map_err(|error| {
            let _ = fs::remove_file(backup);
            write(error)
        })
    }

    /// Exchanges the file for one with this content, at once: a reader sees the old one or the new one, whole.
    pub fn replace(&self, text: &str) -> Result<(), SwitchError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let folder = folder_of(&self.path);
        let exchange = || -> io::Result<()> {
            let mut temporary = tempfile::Builder::new().prefix(&format!(".{name}.pgkeep-")).tempfile_in(folder)?;
            self.fill(temporary.as_file_mut(), text)?;
            temporary.persist(&self.path).map_err(|error| error.error)?;
            sync_folder(folder)
        };
        exchange().map_err(failed("write", &self.path))
    }

    /// The owner first: changing it takes set-user-ID bits away.
    fn fill(&self, file: &mut File, text: &str) -> io::Result<()> {
        let (wanted, has) = (&self.metadata, file.metadata()?);
        if (wanted.uid(), wanted.gid()) != (has.uid(), has.gid()) {
            fchown(&*file, Some(wanted.uid()), Some(wanted.gid()))?;
        }
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(wanted.mode() & 0o7777))?;
        file.sync_all()
    }
}

/// BLAKE3, hexadecimal.
pub(super) fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> SwitchError + use<> {
    let path = path.to_owned();
    move |source| SwitchError::Io { action, path: path.clone(), source }
}
