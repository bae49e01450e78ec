//! A command of the operator that makes applications take up what was switched.

mod group;
mod program;

use std::io::{self, Write};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::pg::conninfo::{Conninfo, Host, SslMode};

pub use group::Group;
pub use program::Program;

/// How long a hook may take where nobody says.
pub const HOOK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);

/// How long a hook that has had its time may take to end by itself.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// How long the output is waited for when the command has ended and something that it left behind still holds it.
const DRAIN_PATIENCE: Duration = Duration::from_millis(500);

/// How much of the end of the standard error an error repeats.
const LINES_KEPT: usize = 20;
const BYTES_KEPT: usize = 16 << 10;

/// A command line for `/bin/sh -c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub command: String,
    pub timeout: Duration,
}

/// What the hook is told: `PGKEEP_SPLIT_PHASE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Switch,
    Rollback,
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Rollback => "rollback",
        }
    }
}

/// What a hook is run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    phase: Phase,
    /// `PGKEEP_SPLIT_DATABASE`: the name of the new database, also in a rollback.
    database: String,
    /// `PGKEEP_SPLIT_TARGET`: a URI of the new database.
    target: String,
}

impl Occasion {
    /// The URI is made here, so that it cannot hold a password: host, port, user, database and `sslmode`.
    pub fn new(phase: Phase, target: &Conninfo) -> Self {
        Self { phase, database: target.database().to_owned(), target: uri_without_password(target) }
    }

    pub fn target(&self) -> &str {
        &self.target
    }
}

/// Why a hook did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("cannot run the hook `{command}`")]
    Start {
        command: String,
        #[source]
        source: io::Error,
    },
    #[error("the hook `{command}` failed in the {} ({status}){}", phase.word(), said(stderr))]
    Failed { command: String, phase: Phase, status: ExitStatus, stderr: String },
    #[error("the hook `{command}` did not end within {} s and was stopped{}", timeout.as_secs(), said(stderr))]
    TimedOut { command: String, timeout: Duration, stderr: String },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; its output ends with:\n{stderr}") }
}

impl HookError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } => None,
            Self::Failed { .. } => Some("Run it by hand with PGKEEP_SPLIT_PHASE and the other variables set.".into()),
            Self::TimedOut { .. } => Some("Start long work in the background, or allow more time.".into()),
        }
    }
}

impl Hook {
    /// Runs the command in a process group of its own, which gets nothing to read. What it writes to its standard
    /// output and standard error goes to `echo`, as it comes.
    ///
    /// The group is ended when the time is over (SIGTERM, then SIGKILL), and when this future is dropped.
    ///
    /// # Errors
    /// The command does not start, takes too long, or says with its exit code that it failed.
    pub async fn run(&self, occasion: &Occasion, echo: &mut (dyn Write + Send)) -> Result<(), HookError> {
        let start_failed = |source| HookError::Start { command: self.command.clone(), source };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &self.command])
            .env("PGKEEP_SPLIT_PHASE", occasion.phase.word())
            .env("PGKEEP_SPLIT_DATABASE", &occasion.database)
            .env("PGKEEP_SPLIT_TARGET", &occasion.target)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(start_failed)?;
        let group = Group::of(&child);
        let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(start_failed(io::Error::other("no pipes")));
        };
        let mut tail = Tail::default();
        let mut output = Output { stdout: &mut stdout, stderr: &mut stderr, echo, tail: &mut tail };

        let status = tokio::time::timeout(self.timeout, async {
            let status = tokio::select! {
                status = child.wait() => status,
                () = output.pass_on() => child.wait().await,
            };
            let _ = tokio::time::timeout(DRAIN_PATIENCE, output.pass_on()).await;
            status
        })
        .await;
        let Ok(status) = status else {
            group.signal(Signal::TERM);
            let _ = tokio::time::timeout(END_PATIENCE, async {
                output.pass_on().await;
                child.wait().await
            })
            .await;
            group.signal(Signal::KILL);
            let stderr = tail.lines();
            return Err(HookError::TimedOut { command: self.command.clone(), timeout: self.timeout, stderr });
        };
        let status = status.map_err(start_failed)?;
        // What it left running on purpose goes on.
        group.release();
        if status.success() {
            return Ok(());
        }
        let (command, phase) = (self.command.clone(), occasion.phase);
        Err(HookError::Failed { command, phase, status, stderr: tail.lines() })
    }
}

/// Where the output comes from and goes to.
struct Output<'a, Out, Err> {
    stdout: &'a mut Out,
    stderr: &'a mut Err,
    echo: &'a mut (dyn Write + Send),
    tail: &'a mut Tail,
}

impl<Out: AsyncRead + Unpin, Err: AsyncRead + Unpin> Output<'_, Out, Err> {
    /// Until both are closed. May be dropped at any time and called again: a read that was not finished took nothing.
    async fn pass_on(&mut self) {
        let (mut from_out, mut from_err) = ([0; 4096], [0; 4096]);
        let (mut out_open, mut err_open) = (true, true);
        while out_open || err_open {
            tokio::select! {
                read = self.stdout.read(&mut from_out), if out_open => match read {
                    Ok(length @ 1..) => { let _ = self.echo.write_all(&from_out[..length]); }
                    _ => out_open = false,
                },
                read = self.stderr.read(&mut from_err), if err_open => match read {
                    Ok(length @ 1..) => {
                        let _ = self.echo.write_all(&from_err[..length]);
                        self.tail.push(&from_err[..length]);
                    }
                    _ => err_open = false,
                },
            }
        }
    }
}

/// The end of what was written.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let surplus = self.bytes.len().saturating_sub(BYTES_KEPT);
        self.bytes.drain(..surplus);
    }

    fn lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES_KEPT)..].join("\n")
    }
}

fn uri_without_password(target: &Conninfo) -> String {
    use super::value::{encoded, encoded_host};
    let user = encoded(target.user());
    let database = encoded(target.database());
    let places: Vec<String> = target
        .endpoints()
        .iter()
        .map(|endpoint| {
            let host = match endpoint.host() {
                Host::Socket(folder) => encoded(&folder.to_string_lossy()),
                Host::Name(name) | Host::Address { name: Some(name), .. } => encoded_host(name),
                Host::Address { name: None, address } => encoded_host(&address.to_string()),
            };
            format!("{host}:{}", endpoint.port())
        })
        .collect();
    let ssl_mode = match target.tls().mode {
        SslMode::Disable => "disable",
        SslMode::Allow => "allow",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    };
    format!("postgresql://{user}@{}/{database}?sslmode={ssl_mode}", places.join(","))
}

#[cfg(test)]
mod tests;
