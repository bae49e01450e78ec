//! The password of the source database, from a file or from what a program prints.

use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{Access, access};
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use zeroize::Zeroizing;

use crate::opening;
use crate::pg::conninfo::Origin;
use crate::switch::Group;

/// More than any server takes (`MAX_STARTUP_PACKET_LENGTH` of PostgreSQL is 10000).
const BYTES_MAX: usize = 16 << 10;

/// How long a program may take to print a password: nobody sits there to answer its questions.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the password is waited for when the program has ended and something that it left behind still holds its output.
const DRAIN_PATIENCE: Duration = Duration::from_millis(500);

/// Why there is no password. What a program printed is never repeated.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("other users can read {} (mode {mode:03o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{origin} gives more than {BYTES_MAX} bytes")]
    TooLong { origin: Origin },
    #[error("{origin} gives {what}")]
    Unfit { origin: Origin, what: &'static str },
    #[error("cannot run {}", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} failed: {status}", program.display())]
    Failed { program: PathBuf, status: ExitStatus },
    #[error("{} did not end within {} s", program.display(), COMMAND_TIMEOUT.as_secs())]
    TimedOut { program: PathBuf },
}

impl PasswordError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed { path, .. } => Some(format!("chmod 600 {}", path.display())),
            Self::TooLong { .. } | Self::Unfit { .. } => Some("It must be one line with only the password.".into()),
            Self::Start { .. } => Some(
                "password_command is a list of a program and its arguments, without a shell; [\"sh\", \"-c\", \"...\"] runs one.".into(),
            ),
            Self::Failed { .. } => Some("Its own messages are on standard error.".into()),
            Self::TimedOut { .. } => Some("It must print the password without asking.".into()),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("The account that runs pgkeep must own it and have access to its folder.".into())
            }
            Self::Read { .. } => None,
        }
    }
}

/// The one line of a file that nobody but its owner can read.
pub fn from_file(path: &Path) -> Result<(SecretString, Origin), PasswordError> {
    let failed = |source| PasswordError::Read { path: path.to_owned(), source };
    let file = opening::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PasswordError::Exposed { path: path.to_owned(), mode });
    }
    // Of the final size at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 1));
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    one_line(bytes, Origin::PasswordFile(path.to_owned()))
}

/// Whether the program is there and may be run. It is not.
pub fn find_program(program: &Path) -> Result<(), PasswordError> {
    let is_runnable = |path: &Path| access(path, Access::EXEC_OK).is_ok() && path.is_file();
    let is_found = match program.components().count() {
        1 => std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| is_runnable(&folder.join(program)))),
        _ => is_runnable(program),
    };
    match is_found {
        true => Ok(()),
        false => {
            let source = if program.exists() { io::ErrorKind::PermissionDenied } else { io::ErrorKind::NotFound };
            Err(PasswordError::Start { program: program.to_owned(), source: source.into() })
        }
    }
}

/// The one line that a program prints, run in `folder`. Its standard error is this process's.
pub async fn from_command(
    program: &Path,
    arguments: &[String],
    folder: &Path,
) -> Result<(SecretString, Origin), PasswordError> {
    let start_failed = |source| PasswordError::Start { program: program.to_owned(), source };
    // A path counts from this process's folder, not from the one that the program runs in.
    let found = match program.components().count() {
        1 => program.to_owned(),
        _ => std::path::absolute(program).map_err(start_failed)?,
    };
    let mut command = Command::new(found);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).current_dir(folder);
    // Ended as one: what the program runs would go on asking.
    command.process_group(0);
    let mut child = command.spawn().map_err(start_failed)?;
    let group = Group::of(&child);
    let mut printed = Printed::by(child.stdout.take());
    let ended = tokio::time::timeout(COMMAND_TIMEOUT, async {
        let status = tokio::select! {
            status = child.wait() => status,
            () = printed.read() => child.wait().await,
        };
        let _ = tokio::time::timeout(DRAIN_PATIENCE, printed.read()).await;
        status
    });
    let status = ended.await.map_err(|_| PasswordError::TimedOut { program: program.to_owned() })?;
    let status = status.map_err(start_failed)?;
    // What it left running on purpose goes on.
    group.release();
    let bytes = printed.bytes;
    let origin = Origin::PasswordCommand(program.display().to_string());
    // Whoever printed too much was stopped by the closed pipe.
    if !status.success() && bytes.len() <= BYTES_MAX {
        return Err(PasswordError::Failed { program: program.to_owned(), status });
    }
    one_line(bytes, origin)
}

/// What a program has printed so far. It has its final size at once: growing would leave copies behind.
struct Printed {
    from: Option<ChildStdout>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Printed {
    fn by(from: Option<ChildStdout>) -> Self {
        Self { from, bytes: Zeroizing::new(Vec::with_capacity(BYTES_MAX + 1)) }
    }

    /// Until there is no more, or too much: then the pipe is closed. May be dropped at any time and called again.
    async fn read(&mut self) {
        let mut piece = Zeroizing::new([0; 1024]);
        while let Some(from) = &mut self.from {
            let read = from.read(&mut *piece).await.unwrap_or(0);
            let room = BYTES_MAX + 1 - self.bytes.len();
            self.bytes.extend_from_slice(&piece[..read.min(room)]);
            if read == 0 || read >= room {
                self.from = None;
            }
        }
    }
}

fn one_line(bytes: Zeroizing<Vec<u8>>, origin: Origin) -> Result<(SecretString, Origin), PasswordError> {
    if bytes.len() > BYTES_MAX {
        return Err(PasswordError::TooLong { origin });
    }
    let unfit = |what| PasswordError::Unfit { origin: origin.clone(), what };
    let text = std::str::from_utf8(&bytes).map_err(|_| unfit("something that is not UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(unfit("no password"));
    }
    if line.contains(['\n', '\r', '\0']) {
        return Err(unfit("more than one line"));
    }
    Ok((line.into(), origin))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        let read = |bytes: &[u8]| one_line(Zeroizing::new(bytes.to_vec()), Origin::PasswordCommand("p".into()));
        for (bytes, password) in [("a b\n", "a b"), ("a", "a"), (" a \r\n", " a "), ("ü", "ü")] {
            assert_eq!(read(bytes.as_bytes()).unwrap().0.expose_secret(), password, "{bytes:?}");
        }
        for bytes in [&b""[..], b"\n", b"a\nb\n", b"a\n\n", b"\xff", &[b'a'; BYTES_MAX + 1]] {
            let error = read(bytes).unwrap_err();
            assert!(matches!(error, PasswordError::Unfit { .. } | PasswordError::TooLong { .. }), "{error}");
        }
    }
}
