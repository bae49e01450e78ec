//! Why a split does not go on.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::host::HostError;
use super::loose::NotReplayed;
use super::phase::Phase;
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::pg;
use crate::pg::bridge::Endpoint;
use crate::pg::fence::Holder;
use crate::pg::losses::Loss;
use crate::switch::{HookError, SwitchError};

#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error("the source and the target are the same database")]
    SameDatabase,
    #[error("{}", busy(.database, .holders))]
    Busy { database: String, holders: Vec<Holder> },
    #[error("the target database {database} is not empty: {}", .contents.join(", "))]
    NotEmpty { database: String, contents: Vec<String> },
    #[error("the target database {database} belongs to a split of {source_name} ({schemas})")]
    AnotherSplit { database: String, source_name: String, schemas: String },
    #[error("the split is {phase}")]
    Over { phase: Phase },
    #[error("there is no split to continue: the database {database} is not the target of a split")]
    NoSplit { database: String },
    #[error("could not get the locks for the fence: {}", if sessions.is_empty() { "other sessions repeatedly locked the tables".to_owned() } else { sessions.join("; ") })]
    Fence {
        sessions: Vec<String>,
        #[source]
        source: pg::Error,
    },
    #[error("the schema has changed since the split was planned: {}", .changed.join(", "))]
    Stale { changed: Vec<String> },
    #[error("could not get the locks to seal the source: {}", if sessions.is_empty() { "other sessions repeatedly locked the tables".to_owned() } else { sessions.join("; ") })]
    Seal {
        sessions: Vec<String>,
        #[source]
        source: pg::Error,
    },
    #[error("could not get the locks to open the old database: {}", if sessions.is_empty() { "other sessions repeatedly locked the tables".to_owned() } else { sessions.join("; ") })]
    Opening {
        stage: Opening,
        sessions: Vec<String>,
        #[source]
        source: pg::Error,
    },
    /// A session of the run's, in the new database. What was fenced takes writes again.
    #[error("{phase}: waited {} s for a lock in the new database: {}", wait.as_secs(), .sessions.join("; "))]
    KeptWaiting { phase: &'static str, wait: Duration, sessions: Vec<String> },
    #[error("the old database could not be opened within {} s", limit.as_secs())]
    ReplayTooLong { stage: Opening, limit: Duration },
    /// What is known of it all the same is told.
    #[error("could not connect to the {end} database {database}: {}", .known.join("; "))]
    Lost {
        end: &'static str,
        database: String,
        known: Vec<String>,
        hint: Option<String>,
        #[source]
        source: Box<Error>,
    },
    /// Something else than locks, rows or what was made.
    #[error("the rollback failed, and {takes}")]
    WayBack {
        takes: &'static str,
        #[source]
        source: Box<Error>,
    },
    #[error("rows were written in the new database since the switch: {}", .tables.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    RowsWritten { tables: Vec<Mismatch> },
    #[error("the source's fence was removed, and its tables may have changed since they were copied")]
    FenceGone,
    #[error("the old schemas have not been put aside yet")]
    NotQuarantined,
    #[error("{typed:?} is not the name of the source database")]
    WrongName { typed: String },
    #[error(
        "the repository has no proven snapshot of everything that would be dropped, taken after writes were refused there{}",
        looked_at.iter().map(|snapshot| format!("; snapshot {snapshot}")).collect::<String>()
    )]
    NoSnapshot {
        /// Of the newest snapshots of the database, why each will not do.
        looked_at: Vec<String>,
    },
    #[error("the old schemas are still needed: {}", .by.join(", "))]
    StillNeeded { by: Vec<String> },
    /// Each with something of the old database that stays.
    #[error("`finish` would put extensions aside that are used by what stays: {}", used_by(.used))]
    ExtensionsUsed { used: Vec<(String, String)> },
    #[error("the old schemas are still used: {}", .by.join("; "))]
    StillUsed { by: Vec<String> },
    #[error("the applications' configuration cannot be switched")]
    Files(#[from] SwitchError),
    #[error("the hook failed")]
    Hook(#[from] HookError),
    #[error(
        "the old database takes writes again{}, but the hook failed",
        with_keys(keys_missing, keys_unchecked, not_replayed)
    )]
    HookOnTheWayBack {
        keys_missing: Vec<String>,
        keys_unchecked: Vec<String>,
        not_replayed: Box<[NotReplayed]>,
        #[source]
        source: Box<HookError>,
    },
    /// Everything was tried; what it has come to is in `state`.
    #[error("the switch failed, and {state}")]
    Switch {
        state: String,
        taken: Taken,
        #[source]
        source: Box<Error>,
    },
    #[error("there is no loose key between the databases {} and {}{}", .databases[0], .databases[1], if elsewhere.is_empty() { String::new() } else { format!("; existing ones: {}", elsewhere.join(", ")) })]
    NoLooseKeys { databases: [String; 2], elsewhere: Vec<String> },
    /// Were it reaped, rows would go whose parents are there in the original.
    #[error("the log of the loose key {key} is a copy: it was not made in {database}")]
    LogCopied { key: String, database: String, was: String, is: String },
    #[error("not possible yet: the split is only {phase}")]
    TooEarly { phase: Phase },
    #[error("a role {role} already exists, and no split created it")]
    BridgeRole {
        role: String,
        /// The database whose bridge it is of.
        of: Option<String>,
    },
    #[error("a foreign server {server} already exists in the source database, and this split did not create it")]
    BridgeServer { server: String },
    #[error("the source's server cannot connect to the new database as {role} at host {}, port {}", .endpoint.host, .endpoint.port)]
    BridgeAway {
        role: String,
        /// Of all ways.
        roles: Vec<String>,
        endpoint: Box<Endpoint>,
        #[source]
        source: Box<pg::Error>,
    },
    #[error("at host {}, port {} the source's server reaches a different database {}", .endpoint.host, .endpoint.port, .endpoint.database)]
    BridgeElsewhere { endpoint: Box<Endpoint> },
    #[error("could not build the bridge{}{}", if sessions.is_empty() { "" } else { ": " }, .sessions.join("; "))]
    Bridge {
        /// Those who read the tables, where they are in the way.
        sessions: Vec<String>,
        #[source]
        source: Box<pg::Error>,
    },
    #[error("could not remove the bridge{}{}", if sessions.is_empty() { "" } else { ": " }, .sessions.join("; "))]
    BridgeHolds {
        /// Those who read the foreign tables, where they are in the way.
        sessions: Vec<String>,
        #[source]
        source: Box<pg::Error>,
    },
    #[error("the private server cannot create extensions of the source: {}", .missing.join("; "))]
    NoExtension { missing: Vec<String> },
    #[error("not enough disk space for the copies in {}: they need about {} MB, but only {} MB are free", .folder.display(), needed.div_ceil(1_000_000), free / 1_000_000)]
    NoRoom { folder: PathBuf, needed: u64, free: u64 },
    /// On the copies, not at the operator's databases.
    #[error("the rehearsal failed {step}")]
    Rehearsal {
        step: RehearsalStep,
        #[source]
        source: Box<Error>,
    },
    /// Whoever may CREATE in a database can make things under our names first, and change them later.
    #[error("an object in the database {database} is not trusted: {what} ({owner})")]
    NotOurs { what: String, owner: String, database: String, mend: String },
    #[error("this host does not know the split {id}, whose record is in the database {database}: it has no file in {}", .folder.display())]
    NotOfThisHost { id: String, database: String, folder: PathBuf },
    #[error("this host did not write the record in the database {database}: {why}")]
    NotOurRecord { database: String, why: &'static str },
    #[error("the split's state on this host cannot be used")]
    Host(#[from] HostError),
    #[error("the {end} database {database} is in another place than before: {}", .differs.join(", "))]
    Moved { end: &'static str, database: String, differs: Vec<String> },
    #[error("the source database {database} does not know the split {id}")]
    UnknownAtSource { database: String, id: String },
    #[error("a split into the database {database} started, but ended before it wrote its record")]
    Unwritten { database: String },
    #[error("the fence of the source was changed after the split: {}", .differs.join(", "))]
    FenceDiffers { differs: Vec<String> },
    #[error("the new database was changed behind its fence during the rollback: {}", .differs.join(", "))]
    ChangedBehind { differs: Vec<String> },
    #[error("another split sealed tables of the source database {database}")]
    SealedByAnother { database: String },
    #[error("the new database {database} also refuses writes: a rollback started but did not finish")]
    RollbackHalf { database: String },
    /// The end of the way back.
    #[error("not confirmed: {question}")]
    NotConfirmed { question: String, asked: bool },
    #[error("the new value of {what} is not stored")]
    ValueForgotten { what: String },
    #[error("the split is already switched: too late for {}", .late.join(", "))]
    TooLate { late: Vec<String> },
    #[error("another split started in the target database {database} in the meantime")]
    TakenMeanwhile { database: String },
    #[error("the old schemas were renamed: {}", .renamed.iter().map(|(was, is)| format!("{was} is now {is}")).collect::<Vec<_>>().join(", "))]
    Renamed { renamed: Vec<(String, String)> },
    /// Between a look and the transaction, or in the middle of it.
    #[error("another schema was in the place of {}", .schemas.join(", "))]
    Exchanged { schemas: Vec<String> },
    #[error("objects in the old schemas were created or changed while they were compared with the snapshot: {}", .changed.join(", "))]
    ChangedAside { changed: Vec<String> },
    #[error("objects in the old database were dropped or renamed since it was sealed: {}", .lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    OldPlaceLost { lost: Vec<Loss> },
    #[error("objects that moved were dropped or renamed in the new database: {}", .lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NewPlaceLost { lost: Vec<Loss>, phase: Phase },
    #[error("objects in the new database were created or changed since the switch: {}", .made.join(", "))]
    MadeSince { made: Vec<String> },
    /// Before the seal, in a database that the split would drop or empty.
    #[error("{}: {}", of_others(.database, *.origin), .made.iter().cloned().chain(.tables.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; "))]
    OfOthers { database: String, made: Vec<String>, tables: Vec<Mismatch>, origin: Origin },
    /// What they do there until it is dropped, nobody would see.
    #[error("others are at work in the new database {database}, which would be dropped or emptied: {}", .sessions.join("; "))]
    Visited { database: String, sessions: Vec<String> },
}

/// Whether what others made can be told from what the split has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Known,
    /// An earlier program began the split, and wrote nothing down.
    Unknown,
}

fn of_others(database: &str, origin: Origin) -> String {
    match origin {
        Origin::Known => format!("the split did not make everything in the new database {database}"),
        Origin::Unknown => {
            format!("an earlier pgkeep began the split, so it is unknown who made what in the new database {database}")
        }
    }
}

/// Whoever may connect can take the lock: only a command of pgkeep is called a split.
fn busy(database: &str, holders: &[Holder]) -> String {
    match holders.iter().find(|holder| holder.is_split()) {
        Some(split) => format!("another split of the database {database} is running: {split}"),
        None if holders.is_empty() => format!("the lock of a split of the database {database} was held until now"),
        None => {
            let holders: Vec<String> = holders.iter().map(ToString::to_string).collect();
            format!("the advisory lock of a split of the database {database} is held by {}", holders.join(", "))
        }
    }
}

/// How the old place is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// All of it, and then taken back: once the new place is sealed, what fails leaves nobody who takes writes.
    Try,
    Do,
    /// A rollback that has not ended has opened it already: what is left of its work is done.
    Again,
}

/// How far a switch that failed was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Back,
    /// The source takes writes, and not everything is as it was.
    InPart,
    /// The source refuses writes.
    Not,
}

/// Where a rehearsal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehearsalStep {
    Copy,
    Plan,
    Run,
    Rollback,
    /// The run once more, after the rollback.
    Again,
    /// The source's definitions as they are there.
    Original,
}

impl fmt::Display for RehearsalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RehearsalStep::Copy => "while copying into a private server",
            RehearsalStep::Plan => "in the plan on the copy",
            RehearsalStep::Run => "in the run on the copies",
            RehearsalStep::Rollback => "in the rollback on the copies",
            RehearsalStep::Again => "in the second run on the copies, after the rollback",
            RehearsalStep::Original => "when testing the source's own definitions",
        })
    }
}

/// Foreign keys that did not come back, or not as they were, after words on what takes writes.
pub fn with_keys(missing: &[String], unchecked: &[String], not_replayed: &[NotReplayed]) -> String {
    let mut text = String::new();
    if !missing.is_empty() {
        text += &format!(", without the foreign keys that could not be made again: {}", missing.join(", "));
    }
    if !unchecked.is_empty() {
        text += &format!(", with foreign keys that are now NOT VALID: {}", unchecked.join(", "));
    }
    for NotReplayed { key, reason, to_do, .. } in not_replayed {
        text += &format!(", without what happened to the parents of the loose key {key} ({reason}; {to_do})");
    }
    text
}

fn used_by(used: &[(String, String)]) -> String {
    let each = used.iter().map(|(extension, by)| format!("{extension} by {by}"));
    each.collect::<Vec<_>>().join(", ")
}
