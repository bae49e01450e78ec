//! `pg_dump`, the authority on DDL: run as a child under the backup's snapshot, its archive taken from a pipe.

mod said;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::binaries::{BinariesError, Binary, ProgramVersion, find_client, was_stopped};
use super::connect::Session;
use super::quoting::quote_identifier;
use crate::spelling::bytes::{escaped, unspelled};
use crate::stop::Stop;

#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("no suitable pg_dump for this server")]
    Binary(#[from] BinariesError),
    #[error("cannot run {}", program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("pg_dump could not read the schema: {message}")]
    Failed { message: String },
    /// It waits for a lock behind somebody who waits for the session whose snapshot it sees: neither would ever end.
    #[error("pg_dump could not get a lock: {message}")]
    Contended { message: String },
    #[error("pg_dump was ended by a signal{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Ended { message: String },
    /// What stopped the run killed it: never the cause.
    #[error("pg_dump was stopped")]
    Stopped,
}

impl DumpError {
    pub fn hint(&self) -> Option<String> {
        match self {
            DumpError::Binary(error) => error.hint(),
            DumpError::Run { .. } => None,
            DumpError::Failed { message } if message.contains("permission denied") => {
                Some("The role needs to read everything that is backed up: GRANT pg_read_all_data TO role, or connect as a superuser.".into())
            }
            DumpError::Contended { .. } => {
                Some("Another session holds a lock on a table: try again when it has ended, or raise --lock-wait-timeout.".into())
            }
            DumpError::Failed { message } if message.contains("conflict with recovery") => Some(
                "A standby cancels queries that conflict with changes from the primary: set hot_standby_feedback = on there, or a larger max_standby_streaming_delay, or connect to the primary.".into(),
            ),
            DumpError::Failed { .. } | DumpError::Ended { .. } | DumpError::Stopped => None,
        }
    }
}

/// The pg_dump on the machine that suits this server best, and can dump it.
pub fn find(session: &Session, configured: Option<&Path>) -> Result<Binary, DumpError> {
    Ok(find_client("pg_dump", ProgramVersion::of_server(session.server_version_num()), configured)?)
}

/// What the server may hold that this pg_dump was not made for: it is older than the server's minor release. None where it knows the server.
pub fn outdated(session: &Session, pg_dump: &Binary) -> Option<Outdated> {
    let server = ProgramVersion::of_server(session.server_version_num());
    (!pg_dump.version.knows(server)).then(|| Outdated { server, pg_dump: pg_dump.clone() })
}

/// A pg_dump that is older than its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    pub server: ProgramVersion,
    pub pg_dump: Binary,
}

impl Outdated {
    /// `pg_dump 15.18 for PostgreSQL 15.20`
    pub fn name(&self) -> String {
        format!("pg_dump {} for PostgreSQL {}", self.pg_dump.version, self.server)
    }

    pub fn reason(&self) -> String {
        format!(
            "{} is older than the server's minor release, and may write newer definitions wrongly",
            self.pg_dump.path.display()
        )
    }

    pub fn advice(&self) -> String {
        format!(
            "install the client of the server's version ({}) or newer: postgresql-client-{} on Debian and Ubuntu; --pg-bin (in a policy, pg_bin under [backup]) names its folder",
            self.server, self.server.major
        )
    }
}

/// All of it, as a warning of a report.
impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.name(), self.reason(), self.advice())
    }
}

/// How long pg_dump waits for locks that the session has whose snapshot it sees.
const SHARED_LOCK_MS: u64 = 5000;

/// Relations that pg_dump must not touch: the role cannot read them, and they were not asked for.
pub type Untouched = Vec<(String, String)>;

/// What pg_dump wrote, and what it had to say of it.
pub struct Dumped {
    pub archive: Vec<u8>,
    /// What came on standard error although nothing failed, as warnings of a report.
    pub said: Vec<String>,
}

/// The schema of the whole database as a custom archive: as the snapshot `snapshot_id` sees it, or as it is now.
pub fn schema_archive(
    pg_dump: &Binary,
    session: &Session,
    snapshot_id: Option<&str>,
    lock_timeout_ms: u64,
    untouched: &Untouched,
    stop: &Stop,
) -> Result<Dumped, DumpError> {
    let mut command = pg_dump.command();
    command.args(["--schema-only", "--format=custom", "--compress=0", "--no-password"]);
    command.arg(match session.has_no_encoding() {
        true => "--encoding=SQL_ASCII",
        false => "--encoding=UTF8",
    });
    if let Some(snapshot_id) = snapshot_id {
        command.arg(format!("--snapshot={snapshot_id}"));
    }
    let lock_timeout_ms = match (snapshot_id, lock_timeout_ms) {
        (Some(_), 0) => SHARED_LOCK_MS,
        (Some(_), most) => most.min(SHARED_LOCK_MS),
        (None, most) => most,
    };
    if lock_timeout_ms > 0 {
        command.arg(format!("--lock-wait-timeout={lock_timeout_ms}"));
    }
    for (schema, name) in untouched {
        let pattern = format!("--exclude-table={}.{}", quote_identifier(schema), quote_identifier(name));
        command.arg(match session.has_no_encoding() {
            true => OsString::from_vec(unspelled(pattern.as_bytes()).into_owned()),
            false => pattern.into(),
        });
    }
    for variable in session.conninfo().libpq_env_removed() {
        command.env_remove(variable);
    }
    command.envs(session.conninfo().libpq_env()).env("LC_ALL", "C").env("PGAPPNAME", "pgkeep schema");
    if let Some(options) = session.child_options() {
        command.env("PGOPTIONS", options);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |source| DumpError::Run { program: pg_dump.path.clone(), source };
    let since = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    let to_kill = child.clone();
    let _hook = stop.on_stop(move || kill(&to_kill));
    let read_stderr = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.map(|mut pipe| pipe.read_to_end(&mut text));
        escaped(&text).trim().to_owned()
    });
    let mut archive = Vec::new();
    let read = stdout.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut archive));
    let message = read_stderr.join().unwrap_or_default();
    let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait().map_err(failed)?;
    read.map_err(failed)?;
    match status.success() {
        true => Ok(Dumped { archive, said: said::warnings(&message) }),
        false if stop.is_set() && status.signal() == Some(Signal::KILL.as_raw()) => Err(DumpError::Stopped),
        // As it says itself where it takes the signal for a wish.
        false if was_stopped(status) || message.ends_with("terminated by user") => Err(DumpError::Ended { message }),
        false if is_contended(&message, since.elapsed(), lock_timeout_ms) => Err(DumpError::Contended { message }),
        false => Err(DumpError::Failed { message }),
    }
}

/// Whether it waited for a lock for as long as it may. The program's own words name the statement, whatever language the server speaks; a
/// refusal of the same statement comes at once. PostgreSQL 14's begins these words in lower case.
fn is_contended(message: &str, took: Duration, lock_timeout_ms: u64) -> bool {
    let waited = lock_timeout_ms > 0 && took >= Duration::from_millis(lock_timeout_ms);
    message.contains("uery was: LOCK TABLE")
        && (message.contains("deadlock detected") || waited && !message.contains("permission denied"))
}

fn kill(child: &Mutex<Child>) {
    // An error means that it has ended.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_a_lock_is_no_wait_for_it() {
        let said = |error: &str| {
            format!(
                "pg_dump: error: query failed: ERROR:  {error}\npg_dump: detail: Query was: LOCK TABLE b.p IN ACCESS SHARE MODE"
            )
        };
        let (soon, late) = (Duration::from_millis(20), Duration::from_millis(5001));
        let timed_out = said("canceling statement due to lock timeout");
        assert!(is_contended(&timed_out, late, 5000));
        assert!(is_contended(&timed_out.replace("detail: Query", "error: query"), late, 5000));
        assert!(is_contended(&said("storniere Anfrage wegen Zeitüberschreitung einer Sperre"), late, 5000));
        assert!(is_contended(&said("deadlock detected"), soon, 5000));
        for took in [soon, late] {
            assert!(!is_contended(&said("permission denied for table p"), took, 5000));
            assert!(!is_contended(&timed_out.replace("LOCK TABLE", "SELECT"), took, 5000));
        }
        assert!(!is_contended(&said("keine Berechtigung für Tabelle p"), soon, 5000));
    }
}
