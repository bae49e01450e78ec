//! What ends a command, and its exit code.

use std::any::Any;
use std::time::Duration;

use super::password::PasswordError;
use super::policy_file::PolicyFileError;
use crate::pg;
use crate::pg::binaries::BinariesError;
use crate::pg::catalog::{Holder, Reading, StrongLock};
use crate::pg::cluster::ClusterError;
use crate::pg::conninfo::ConninfoError;
use crate::pg::dump::DumpError;
use crate::pg::snapshot::Unreadable;
use crate::repo::{KeyError, RepoError};
use crate::retention::{Mistyped, Suspicion};
use crate::schema::archive::ArchiveError;
use crate::schema::pattern::PatternError;
use crate::stream::SealError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what}")]
    Usage { what: String, hint: Option<String> },
    #[error("the connection string cannot be used")]
    Conninfo(#[from] ConninfoError),
    #[error(transparent)]
    PolicyFile(#[from] PolicyFileError),
    #[error("cannot get the password for the source database")]
    Password(#[from] PasswordError),
    #[error("cannot get the passphrase for the restore key")]
    Passphrase {
        #[source]
        source: PasswordError,
    },
    #[error("invalid pattern")]
    Pattern(#[from] PatternError),
    #[error("{switch} {pattern} matches nothing")]
    NoMatch { switch: &'static str, pattern: String },
    #[error(transparent)]
    Repository(#[from] RepoError),

    /// Rows of a table cannot be read from the repository; nothing of the table was committed.
    #[error("the rows of {table} cannot be read from the repository")]
    DamagedRows {
        table: String,
        /// What the operator can do; none: what the cause says.
        way_on: Option<String>,
        #[source]
        source: Box<RepoError>,
    },

    #[error("{what} failed at the source database")]
    Source {
        what: String,
        #[source]
        source: pg::Error,
    },
    #[error("the schema of the source database cannot be read")]
    Dump(#[source] DumpError),
    #[error("cannot parse pg_dump's archive")]
    Archive(#[from] ArchiveError),
    #[error("the role {role} cannot read all rows of {}", listed(unreadable))]
    Unreadable { role: String, unreadable: Vec<Unreadable> },
    #[error("could not get a lock within {} s{}", timeout.as_secs(), if held.is_empty() { String::new() } else { format!("; locks are held on {}", some(&texts(held))) })]
    Locked {
        held: Vec<StrongLock>,
        timeout: Duration,
        #[source]
        source: Box<pg::Error>,
    },
    /// Nothing was read yet that could not be read again: see the module `instant`.
    #[error("could not get a lock: another session waits to change a table that is read{}", if held.is_empty() { String::new() } else { format!("; locks are held on {}", some(&texts(held))) })]
    Contended { held: Vec<StrongLock> },
    #[error("could not lock all tables: tables are created and dropped too quickly")]
    Restless,
    #[error("a second session could not import the snapshot: {explanation}")]
    SnapshotLost {
        explanation: String,
        #[source]
        source: pg::Error,
    },

    #[error("{what} failed at the target database")]
    Target {
        what: String,
        #[source]
        source: pg::Error,
    },
    /// Entries that failed while the rest of the restore went on.
    #[error("{} of the restore failed: {}", count(failures.len(), "entry", "entries"), some(&failures.iter().map(|f| f.entry.clone()).collect::<Vec<_>>()))]
    Entries {
        failures: Vec<Failure>,
        /// Entries that were not tried, because they need one that failed.
        skipped: Vec<Skipped>,
        /// What else is to be said of the restore.
        warnings: Vec<String>,
        #[source]
        first: FirstFailure,
    },
    #[error("the target has no role {}", some(roles))]
    MissingRoles {
        roles: Vec<String>,
        #[source]
        source: Option<pg::Error>,
    },
    #[error("the snapshot {snapshot} does not contain {}", some(relations))]
    NotInSnapshot { snapshot: String, relations: Vec<String> },
    #[error("the target database {database} already contains objects of the restore: {}", some(objects))]
    TargetNotEmpty {
        database: String,
        objects: Vec<String>,
        /// The command that restores beside it, between backquotes; none where the role may not make a database, or nobody typed one.
        beside: Option<String>,
    },
    /// Of two databases, one has no encoding, and the other one cannot hold what it does.
    #[error(
        "the target database {database} has the encoding {encoding}, which cannot hold names or texts of {}",
        some(objects)
    )]
    OtherEncoding { database: String, encoding: String, objects: Vec<String> },
    /// The first cause is the one that is told.
    #[error(transparent)]
    LeftBehind(Box<LeftBehind>),
    #[error("the database {database} already exists")]
    DatabaseExists {
        database: String,
        /// The command that makes another one, between backquotes.
        beside: Option<String>,
        /// What is known of a restore that made it, and did not end.
        half: Option<String>,
    },
    #[error("cannot find the programs for a private server")]
    ServerPrograms(#[from] BinariesError),
    #[error("the private server failed")]
    PrivateServer(#[from] ClusterError),

    /// The target's server is newer than every pg_dump on this machine: no fault of the source.
    #[error("the schema of the target database cannot be read")]
    TargetDump(#[source] DumpError),

    #[error(transparent)]
    Fault(AnyFault),

    /// Nothing was forgotten: what came before the suspicious snapshot may be all that is left.
    #[error("nothing was pruned")]
    Suspicious(#[from] Suspicion),
    #[error(transparent)]
    Mistyped(#[from] Mistyped),

    #[error("{what}")]
    Internal {
        what: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The command itself had ended, with this exit code.
    #[error("could not write the report to standard output")]
    Output {
        exit_code: u8,
        #[source]
        source: std::io::Error,
    },
    #[error("the target database does not exist")]
    NoTarget {
        #[source]
        source: pg::Error,
    },
    #[error("interrupted")]
    Interrupted,
    /// The same, and something is there that was not before.
    #[error("interrupted")]
    InterruptedAmid { left: String },
}

impl Error {
    /// Whether it comes from a program that was ended by a signal such as Ctrl-C or SIGTERM sends: the signal is the cause where it came
    /// to this process as well.
    pub fn is_of_a_stopped_program(&self) -> bool {
        std::iter::successors(Some(self as &(dyn std::error::Error + 'static)), |error| error.source()).any(|error| {
            matches!(error.downcast_ref(), Some(DumpError::Ended { .. }))
                || matches!(error.downcast_ref(), Some(BinariesError::Ended { .. }))
        })
    }
}

/// What a part of the house that is built on this one ends with, for instance a split.
pub trait Fault: std::error::Error + Any + Send + Sync {
    /// What the operator may do about it.
    fn hint(&self) -> Option<String>;
    /// See [`Error::exit_code`].
    fn exit_code(&self) -> u8;
}

#[derive(Debug)]
pub struct AnyFault(Box<dyn Fault>);

impl AnyFault {
    pub fn get<F: Fault>(&self) -> Option<&F> {
        let fault: &dyn Any = &*self.0;
        fault.downcast_ref()
    }
}

impl std::fmt::Display for AnyFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for AnyFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl<F: Fault> From<F> for Error {
    fn from(fault: F) -> Self {
        Error::Fault(AnyFault(Box::new(fault)))
    }
}

/// What ended a restore, and what is there now that was not before.
#[derive(Debug)]
pub struct LeftBehind {
    pub first: Error,
    /// Sentences, with how to go on.
    pub left: String,
}

impl std::fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.first.fmt(f)
    }
}

impl std::error::Error for LeftBehind {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.first.source()
    }
}

/// A hint of the cause is a clause without an end.
pub fn followed(hint: Option<String>, next: &str) -> String {
    match hint {
        None => next.to_owned(),
        Some(hint) if hint.ends_with(['.', '?', '!']) => format!("{hint} {next}"),
        Some(hint) => format!("{hint}. {next}"),
    }
}

const SUSPICIOUS: &str = "`pgkeep list` marks it, and `pgkeep show` says why. If the database lost rows, restore an earlier snapshot. If the data is right, take another backup with --accept-shrink: prune works again after the next good backup. If the database was backed up by mistake, delete the snapshot's object in snapshots/ (`pgkeep list` shows the id, a part of its name), then prune.";
const MISSING_ROLES: &str =
    "Create them first, map them with --map-role A=B, or leave ownership and grants out with --no-owner --no-acl.";
const OTHER_ENCODING: &str = "Nothing was changed. Restore into a database of the source's encoding, which --create makes, or select what has no such bytes.";

/// An entry that the target refused.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Failure {
    pub entry: String,
    pub message: String,
    pub sqlstate: Option<String>,
    pub hint: Option<String>,
}

/// An entry that was not tried.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    pub entry: String,
    /// What failed, and the entry cannot be without.
    pub needs: String,
}

/// The first of several failures, told in full.
#[derive(Debug)]
pub struct FirstFailure(pub Vec<Failure>);

impl std::fmt::Display for FirstFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, failure) in self.0.iter().enumerate() {
            let separator = if n > 0 { "; " } else { "" };
            write!(f, "{separator}{}: {}", failure.entry, failure.message)?;
            if let Some(sqlstate) = &failure.sqlstate {
                write!(f, " (SQLSTATE {sqlstate})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for FirstFailure {}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn listed(unreadable: &[Unreadable]) -> String {
    some(&unreadable.iter().map(|u| u.table.clone()).collect::<Vec<_>>())
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Error::Repository(error.into())
    }
}

impl From<DumpError> for Error {
    fn from(error: DumpError) -> Self {
        match error {
            DumpError::Stopped => Error::Interrupted,
            DumpError::Contended { .. } => Error::Contended { held: Vec::new() },
            error => Error::Dump(error),
        }
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Error::Repository(error.into())
    }
}

impl Error {
    pub fn source_database(what: impl Into<String>) -> impl FnOnce(pg::Error) -> Self {
        let what = what.into();
        move |source| Error::Source { what, source }
    }

    pub fn target_database(what: impl Into<String>) -> impl FnOnce(pg::Error) -> Self {
        let what = what.into();
        move |source| Error::Target { what, source }
    }

    /// What the operator may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Usage { hint, .. } => hint.clone(),
            Error::Conninfo(error) => error.hint(),
            Error::PolicyFile(error) => error.hint(),
            Error::Password(error) => error.hint(),
            Error::Passphrase { source } => source.hint(),
            Error::Pattern(error) => error.hint(),
            Error::NoMatch { .. } => {
                Some("Patterns are psql's: * and ? are wildcards, \"...\" keeps capitals and dots. `psql -c '\\dt *.*'` lists the tables.".into())
            }
            Error::Repository(error) => error.hint(),
            Error::DamagedRows { way_on, source, .. } => way_on.clone().or_else(|| source.hint()),
            Error::Source { source, .. } | Error::Target { source, .. } => source.hint(),
            Error::Dump(error) | Error::TargetDump(error) => error.hint(),
            Error::Archive(error) => error.hint(),
            Error::Unreadable { role, unreadable } => Some(unreadable_hint(role, unreadable)),
            Error::Locked { held, .. } if held.iter().any(|lock| matches!(lock.holder, Holder::Prepared { .. })) => {
                Some("A prepared transaction outlives its session: in that database, COMMIT PREPARED or ROLLBACK PREPARED ends it (pg_prepared_xacts lists them); -N and -T leave tables out.".into())
            }
            Error::Locked { .. } | Error::Contended { .. } => Some("Try again when that session has ended, or raise --lock-wait-timeout. -N and -T leave tables out.".into()),
            Error::Restless => Some("Run it again, or leave the busy schema out with -N.".into()),
            Error::SnapshotLost { .. } => Some(
                "Connect directly to one server, not through a pooler or load balancer: an exported snapshot is valid on one server only.".into(),
            ),
            Error::Entries { failures, .. } => failures.iter().find_map(|failure| failure.hint.clone()),
            Error::MissingRoles { .. } => Some(MISSING_ROLES.into()),
            Error::NotInSnapshot { .. } => Some("`pgkeep show SNAPSHOT` lists its content.".into()),
            Error::TargetNotEmpty { beside, .. } => Some(match beside {
                Some(command) => format!("Nothing was changed. To restore into a new database: {command}"),
                None => "Nothing was changed. Restore into an empty database; an administrator can create one if this role cannot.".into(),
            }),
            Error::OtherEncoding { .. } => Some(OTHER_ENCODING.into()),
            Error::LeftBehind(left) => Some(followed(left.first.hint(), &left.left)),
            Error::ServerPrograms(error) => error.hint(),
            Error::PrivateServer(error) => error.hint(),
            Error::DatabaseExists { database, beside, half } => {
                let half = half.as_ref().map(|half| format!("{half} ")).unwrap_or_default();
                Some(match beside {
                    Some(command) => format!(
                        "{half}To restore into a new database: {command}. If {database} is empty, leave --create out."
                    ),
                    None => format!(
                        "{half}If it is empty, leave --create out to restore into it; otherwise name another database."
                    ),
                })
            }
            Error::Fault(AnyFault(fault)) => fault.hint(),
            Error::Mistyped(mistyped) => Some(mistyped.hint()),
            Error::Suspicious(_) => Some(SUSPICIOUS.into()),
            Error::Output { exit_code, .. } => Some(format!(
                "The command itself ended with exit code {exit_code}; only its report is lost. Check what it did before you run it again."
            )),
            Error::InterruptedAmid { left } => Some(left.clone()),
            Error::NoTarget { source } => Some(match source.hint() {
                Some(guess) if guess.starts_with("Did you mean") => format!("{guess}. Otherwise, --create creates it."),
                Some(hint) => format!("--create creates it; {hint}."),
                None => "--create creates it.".into(),
            }),
            Error::Internal { .. } | Error::Interrupted => None,
        }
    }

    /// The exit code; scripts rely on it, so a number never changes its meaning.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Internal { .. } | Error::Output { .. } => 1,
            Error::Usage { .. }
            | Error::Conninfo(_)
            | Error::PolicyFile(_)
            | Error::Password(_)
            | Error::Pattern(_)
            | Error::NoMatch { .. }
            | Error::Mistyped(_)
            | Error::NotInSnapshot { .. } => 2,
            Error::Source { source: pg::Error::Conninfo(_), .. }
            | Error::Target { source: pg::Error::Conninfo(_), .. } => 2,
            Error::Source { .. }
            | Error::Dump(_)
            | Error::Archive(_)
            | Error::Unreadable { .. }
            | Error::Locked { .. }
            | Error::Contended { .. }
            | Error::Restless
            | Error::SnapshotLost { .. } => 4,
            Error::Passphrase { .. } => 6,
            Error::Repository(error) => repository_code(error),
            Error::DamagedRows { source, .. } => repository_code(source),
            Error::TargetNotEmpty { .. } | Error::DatabaseExists { .. } | Error::Suspicious(_) => 7,
            Error::Fault(AnyFault(fault)) => fault.exit_code(),
            Error::LeftBehind(left) => left.first.exit_code(),
            Error::Target { .. }
            | Error::NoTarget { .. }
            | Error::Entries { .. }
            | Error::MissingRoles { .. }
            | Error::OtherEncoding { .. }
            | Error::ServerPrograms(_)
            | Error::PrivateServer(_)
            | Error::TargetDump(_) => 8,
            Error::Interrupted | Error::InterruptedAmid { .. } => 130,
        }
    }
}

fn repository_code(error: &RepoError) -> u8 {
    use crate::store::StoreError;
    use crate::stream::OpenError;
    match error {
        RepoError::Store(StoreError::UrlParameter { .. } | StoreError::UrlValue { .. }) => 2,
        RepoError::Key(_)
        | RepoError::KeyWithoutRepository { .. }
        | RepoError::Object { source: OpenError::WrongKey | OpenError::Identity { .. }, .. } => 6,
        RepoError::KeyKept { source, .. } => repository_code(source),
        RepoError::NoSnapshot { .. }
        | RepoError::Ambiguous { .. }
        | RepoError::Several { .. }
        | RepoError::NotOf { .. }
        | RepoError::Store(StoreError::Url { .. }) => 2,
        RepoError::Exists { .. }
        | RepoError::SnapshotExists { .. }
        | RepoError::Overtaken { .. }
        | RepoError::Store(StoreError::NotEmpty { .. }) => 7,
        RepoError::Store(_)
        | RepoError::Seal(_)
        | RepoError::NoConfig { .. }
        | RepoError::BadConfig { .. }
        | RepoError::LostConfig { .. }
        | RepoError::NewerFormat { .. }
        | RepoError::KeyringLost { .. }
        | RepoError::RevocationLost { .. }
        | RepoError::Object { .. }
        | RepoError::Signature { .. }
        | RepoError::Manifest { .. }
        | RepoError::SliceList { .. }
        | RepoError::SliceBounds { .. }
        | RepoError::Empty { .. }
        | RepoError::TooMany { .. }
        | RepoError::ManifestTooLarge { .. }
        | RepoError::Occupied { .. } => 5,
    }
}

fn unreadable_hint(role: &str, unreadable: &[Unreadable]) -> String {
    if unreadable.iter().any(|u| u.reading == Reading::Filtered) {
        format!(
            "Row-level security would hide rows: ALTER ROLE {role} BYPASSRLS, or connect as the owner or as a superuser."
        )
    } else {
        format!("GRANT pg_read_all_data TO {role}, or connect as a superuser; -N and -T leave schemas and tables out.")
    }
}
