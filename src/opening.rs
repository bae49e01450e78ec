//! Files that an operator names: opened where reading them comes to an end.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Text files of an operator are smaller by far.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// Opens a file to read it, or a folder, which the caller tells in its own words.
///
/// # Errors
/// What is no file: a FIFO or a device may keep its reader waiting for ever, and no signal would end that. What a shell hands over
/// (`<(program)`, a standard input that is a pipe) has a writer, and is opened.
pub fn open(path: &Path) -> io::Result<File> {
    let found = fs::metadata(path)?.file_type();
    // The name of a pipe without a file leads nowhere.
    if found.is_fifo() && fs::canonicalize(path).is_err() {
        return File::open(path);
    }
    check(found)?;
    // It may have been exchanged since: then nothing is waited for, and it is looked at again.
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// The text of a file; see [`open`].
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let (mut text, file) = (String::new(), open(path)?);
    if file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)? as u64 > TEXT_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {TEXT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn check(found: FileType) -> io::Result<()> {
    let what = match found {
        found if found.is_file() || found.is_dir() => return Ok(()),
        found if found.is_fifo() => "a FIFO",
        found if found.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, and no file")))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn nothing_is_opened_that_may_keep_its_reader_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("text"), "words").unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink("fifo", at("link")).unwrap();
        assert_eq!(read_to_string(&at("text")).unwrap(), "words");
        assert!(open(folder.path()).is_ok());
        for name in ["fifo", "link"] {
            assert_eq!(open(&at(name)).unwrap_err().to_string(), "it is a FIFO, and no file");
        }
        assert_eq!(open(Path::new("/dev/zero")).unwrap_err().to_string(), "it is a device, and no file");
    }
}
