//! What is written to the two streams. Nothing here panics: where standard error cannot be written, nobody is left to be told.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat, fstat};

/// Writes and flushes. An error where not all of it was taken; a reader that has gone away (`| head`) had what it wanted.
pub fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// As far as it goes.
pub fn to_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Whether the stream ends in a file: a log, each line of which wants its time.
pub fn is_file(stream: impl AsFd) -> bool {
    fstat(stream).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
}

/// Whether both streams end in the same place, as on a terminal, with `2>&1` and in the journal: then nothing is said twice.
pub fn is_one_place() -> bool {
    let place = |stat: Stat| (stat.st_dev, stat.st_ino);
    matches!((fstat(io::stdout()), fstat(io::stderr())), (Ok(out), Ok(err)) if place(out) == place(err))
}
