//! What is written to the two streams. Nothing here panics: where standard error cannot be written, nobody is left to be told.

use std::io::{self, ErrorKind, Write};

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
