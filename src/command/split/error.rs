//! Why a split does not go on.

use std::fmt;
use std::path::PathBuf;

use super::host::HostError;
use super::phase::Phase;
use crate::command::Error;
use crate::command::error::{Fault, followed};
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
    #[error("the old schemas are still used: {}", .by.join("; "))]
    StillUsed { by: Vec<String> },
    #[error("the applications' configuration cannot be switched")]
    Files(#[from] SwitchError),
    #[error("the hook failed")]
    Hook(#[from] HookError),
    #[error("the old database takes writes again{}, but the hook failed", with_keys(keys_missing, keys_unchecked))]
    HookOnTheWayBack {
        keys_missing: Vec<String>,
        keys_unchecked: Vec<String>,
        #[source]
        source: HookError,
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
    BridgeRole { role: String },
    #[error("the source's server cannot connect to the new database as {role} at host {}, port {}", .endpoint.host, .endpoint.port)]
    BridgeAway {
        role: String,
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
    #[error("could not remove the bridge")]
    BridgeHolds {
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
    #[error("the old schemas were renamed after `finish`: {}", .renamed.iter().map(|(was, is)| format!("{was} is now {is}")).collect::<Vec<_>>().join(", "))]
    Renamed { renamed: Vec<(String, String)> },
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

impl Fault for SplitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            SplitError::SameDatabase => "--to names the new database; it does not need to exist.".into(),
            SplitError::Busy { holders, .. } => match holders.as_slice() {
                [] => "Nothing was done. Try again.".into(),
                [holder, ..] => format!(
                    "Nothing was done. Wait for it, or end that session: SELECT pg_terminate_backend({}).",
                    holder.pid
                ),
            },
            SplitError::NotEmpty { .. } => {
                "Nothing was changed. Name a database that does not exist yet, or an empty one.".into()
            }
            SplitError::AnotherSplit { .. } => "Name another target, or finish or roll back that split.".into(),
            SplitError::Over { phase: Phase::RolledBack } => {
                "To start again, name another database, or drop this one first: rows written in it since the switch exist only there.".into()
            }
            SplitError::Over { phase: Phase::Finished } => {
                "Nothing is left to do: the old schemas are dropped, and there is no rollback any more.".into()
            }
            SplitError::Over { phase: Phase::Quarantined } => {
                "The old schemas are put aside: there is no rollback any more. `pgkeep split finish --yes-drop NAME` drops them.".into()
            }
            SplitError::Over { .. } => "`pgkeep split status` says what is left to do.".into(),
            SplitError::NoSplit { .. } => {
                "Name the same database as in --to. If the run was interrupted before it wrote its record, run `pgkeep split` again.".into()
            }
            SplitError::Fence { .. } => {
                "Nothing was moved, and the source takes writes. End those sessions or wait for them, or raise --fence-wait; the target stays if it was created, and the next run uses it.".into()
            }
            SplitError::Stale { .. } => {
                "The source takes writes again. Check `pgkeep split --plan` again, then run the split again.".into()
            }
            SplitError::Seal { .. } => {
                "The source takes writes again. End those sessions or wait for them, or raise --fence-wait.".into()
            }
            SplitError::Opening { stage: Opening::Try, .. } => {
                "Nothing has changed: the new database takes writes, and the old one refuses them. End those sessions or wait for them, then run `pgkeep split rollback` again.".into()
            }
            SplitError::Opening { stage: Opening::Do, .. } => {
                "Both databases refuse writes. End those sessions or wait for them, then run `pgkeep split rollback` again.".into()
            }
            SplitError::Opening { stage: Opening::Again, .. } => {
                "The old database takes writes, and the new one refuses them. End those sessions or wait for them, then run `pgkeep split rollback` again.".into()
            }
            SplitError::Lost { hint, source, .. } => return hint.clone().or_else(|| source.hint()),
            SplitError::WayBack { source, .. } => {
                followed(source.hint(), "Fix the problem, then run `pgkeep split rollback` again: it continues.")
            }
            SplitError::RowsWritten { .. } => {
                "A rollback would lose them. --discard goes back without them; the new database keeps them, but refuses writes.".into()
            }
            SplitError::FenceGone => {
                "`pgkeep split rollback` goes back to the old tables; or compare both sides yourself before you drop anything.".into()
            }
            SplitError::NotQuarantined => {
                "Run `pgkeep split finish` without --yes-drop first, and wait some days to see that nobody misses them.".into()
            }
            SplitError::WrongName { .. } => "Nothing was dropped. Type the name of the database that --from names.".into(),
            SplitError::NoSnapshot { looked_at } if looked_at.first().is_some_and(|newest| newest.contains("pgkeep drill")) => {
                "Nothing was dropped. The snapshot has everything: prove it with that drill.".into()
            }
            SplitError::NoSnapshot { .. } => {
                "Nothing was dropped. Take a backup of the source now with --repo, and prove it: `pgkeep drill`.".into()
            }
            SplitError::StillNeeded { .. } => "Nothing was dropped. Drop or change those first.".into(),
            SplitError::StillUsed { .. } => {
                "Nothing was dropped. Point these readers to the new database; if it was only a person who looked, run `pgkeep split finish` again: it counts from now."
                    .into()
            }
            SplitError::Files(error) => return error.hint(),
            SplitError::Hook(error) => return error.hint(),
            SplitError::HookOnTheWayBack { .. } => {
                "The split is rolled back. Do the hook's work by hand, so that the applications use the old database.".into()
            }
            SplitError::Switch { source, taken, .. } => after_a_switch(source, *taken),
            SplitError::NoLooseKeys { .. } => {
                "Name the databases of a split with --boundary loose. If one of them was restored or upgraded, docs/split.md says what to write into pgkeep_loose.keys.".into()
            }
            SplitError::LogCopied { was, is, .. } => format!(
                "Nothing was done. If this database replaced the original: UPDATE pgkeep_loose.keys SET parent_identity = '{is}' WHERE parent_identity = '{was}'"
            ),
            SplitError::TooEarly { .. } => "Run `pgkeep split` again: it continues.".into(),
            SplitError::NoExtension { .. } => {
                "Nothing was copied. Install their packages for the private server's version on this machine; an extension in shared_preload_libraries cannot be rehearsed.".into()
            }
            SplitError::NoRoom { .. } => "Nothing was changed. Set PGKEEP_TMPDIR to a folder on a larger volume.".into(),
            SplitError::Rehearsal { source, .. } => {
                return Some(match source.hint() {
                    Some(hint) => format!("Nothing was changed in either database, and the copies are removed. {hint}"),
                    None => "Nothing was changed in either database, and the copies are removed.".into(),
                });
            }
            SplitError::BridgeRole { role } => {
                format!("Nothing was changed. Rename it, or drop it: DROP ROLE {role}.")
            }
            SplitError::BridgeAway { role, endpoint, source } => away(role, endpoint, source),
            SplitError::BridgeElsewhere { .. } => {
                "Nothing was changed. --bridge-host and --bridge-port say where the source's server finds the target.".into()
            }
            SplitError::Bridge { source, .. } => match source.sqlstate() {
                // lock_not_available
                Some("55P03") => "The source takes writes, as before. Wait for the sessions that read the tables, or end them, or raise --fence-wait.".into(),
                _ => "The source takes writes, as before. Change the object that prevents it, or give it up in --boundary-file (drop).".into(),
            },
            SplitError::BridgeHolds { source } => match source.sqlstate() {
                Some("55P03") => "Nothing was changed. Other sessions read the foreign tables: wait for them, or end them, and try again.".into(),
                _ => "Nothing was changed. Drop or change the objects that depend on the foreign tables, and try again.".into(),
            },
            SplitError::NotOurs { mend, .. } => format!(
                "Nothing was done. Look at it first: its creator can have put anything there. If no split of yours made it, drop it. If one did, run by another role: {mend}"
            ),
            SplitError::NotOfThisHost { .. } => {
                "Nothing was done. Run it on the host and with the account that started the split, with the same --state, or copy the file from there. `pgkeep split status` shows the record, unchecked.".into()
            }
            SplitError::NotOurRecord { .. } => {
                "Nothing was done. Somebody changed pgkeep_split.state, or restored the database to an earlier time. Compare both sides yourself before you drop anything.".into()
            }
            SplitError::Host(error) => error.hint().into(),
            SplitError::Moved { .. } => {
                "Nothing was done. It looks like a copy: name the original. If this is the original, but was moved, restored or promoted, and nobody writes to the other one, confirm it once with --moved.".into()
            }
            SplitError::UnknownAtSource { .. } => {
                "Nothing was done. Name the database that was split. If it was restored to an earlier time, compare both sides first, then confirm with --moved.".into()
            }
            SplitError::Unwritten { .. } => "Nothing was moved. Run `pgkeep split` again.".into(),
            SplitError::FenceDiffers { .. } => {
                "Nothing was done. Rows may have been written in the old database: `pgkeep split rollback` goes back to it; or compare both sides yourself before you drop anything.".into()
            }
            SplitError::SealedByAnother { .. } => {
                "Nothing was changed. First roll that split back, or finish it and drop its old schemas: a database can have only one fence. If its new database is lost for good, `DROP FUNCTION pgkeep_split.refuse() CASCADE` in this one opens the old tables.".into()
            }
            SplitError::RollbackHalf { .. } => "Run `pgkeep split rollback` again: it continues.".into(),
            SplitError::TakenMeanwhile { .. } => "Nothing was moved, and the other split is not affected. Name another target.".into(),
            SplitError::Renamed { .. } => "Nothing was dropped. Rename them back: ALTER SCHEMA ... RENAME TO ...".into(),
            SplitError::ChangedAside { .. } => "Nothing was dropped. Move them to another schema, or take another backup, and try again.".into(),
            SplitError::ValueForgotten { .. } => "Nothing was done. Repeat --rewrite FILE:KEY=VALUE from the run that started the split.".into(),
            SplitError::TooLate { .. } => {
                "Nothing was done. Point the applications at the new database by hand; or go back (`pgkeep split rollback`), and split again with these options.".into()
            }
            SplitError::NotConfirmed { asked: true, .. } => "Nothing was changed.".into(),
            SplitError::NotConfirmed { .. } => "Nothing was changed: there is no terminal to ask on. --yes confirms.".into(),
            SplitError::OldPlaceLost { lost } => lost_hint(lost),
            SplitError::NewPlaceLost { lost, phase } => lost_there_hint(lost, *phase),
            SplitError::OfOthers { .. } => {
                "Nothing was dropped, and the old database takes writes. Move what you need elsewhere. `pgkeep split rollback --discard` drops it with everything that the split made.".into()
            }
            SplitError::MadeSince { .. } => "A rollback would leave them behind. --discard goes back without them; the new database keeps them, but refuses writes.".into(),
        })
    }

    fn exit_code(&self) -> u8 {
        match self {
            SplitError::SameDatabase
            | SplitError::NoSplit { .. }
            | SplitError::NoLooseKeys { .. }
            | SplitError::NotConfirmed { .. }
            | SplitError::WrongName { .. }
            | SplitError::ValueForgotten { .. }
            | SplitError::Unwritten { .. } => 2,
            SplitError::Host(error) if error.is_of_the_machine() => 8,
            SplitError::Host(_) => 2,
            SplitError::Files(error) => files_code(error),
            SplitError::Switch { source, .. }
            | SplitError::WayBack { source, .. }
            | SplitError::Lost { source, .. } => source.exit_code(),
            SplitError::NoExtension { .. } | SplitError::NoRoom { .. } => 8,
            SplitError::Rehearsal { step: RehearsalStep::Copy, source } => source.exit_code(),
            // What would have gone wrong on the day: the rehearsal has found it.
            SplitError::Rehearsal { .. } => 3,
            _ => 7,
        }
    }
}

/// What can be done about a switch that failed: the rows were copied and proven by then.
fn after_a_switch(error: &Error, taken: Taken) -> String {
    let hook = match error {
        Error::Fault(fault) => match fault.get() {
            Some(SplitError::Hook(error)) => Some(error),
            _ => None,
        },
        _ => None,
    };
    let first = match hook {
        // To run it by hand would send applications to where nobody is to go.
        Some(HookError::Failed { .. }) => None,
        Some(error) => error.hint(),
        None => error.hint(),
    };
    let what = if hook.is_some() { "the hook" } else { "the problem" };
    let way_on = match taken {
        Taken::Back => format!(
            "Nothing was moved: the copy stays in the new database, which refuses writes. Fix {what}, drop that database or name another one, and run `pgkeep split` again."
        ),
        Taken::InPart => format!(
            "`pgkeep split status` says what is left to do, and `pgkeep split rollback` continues. Fix {what} before you run `pgkeep split` again."
        ),
        Taken::Not => format!(
            "The rows are in the new database, copied and proven. Fix {what}: `pgkeep split` with the same arguments rewrites the files and runs the hook again, and copies nothing (--hook can name another one). Or go back with `pgkeep split rollback`; --discard drops what was written there since."
        ),
    };
    followed(first, &way_on)
}

/// What was renamed can be put back; a table that is made anew is another one.
fn lost_hint(lost: &[Loss]) -> String {
    let mut hint = "Nothing was changed.".to_owned();
    if lost.iter().any(|loss| matches!(loss, Loss::Renamed(_))) {
        hint += " Give renamed objects their old names (ALTER ... RENAME TO, SET SCHEMA), and run `pgkeep split rollback` again.";
    }
    if lost.iter().any(|loss| matches!(loss, Loss::Gone(_))) {
        hint += " The new database keeps the rows of dropped tables: pg_dump --table can read them there, also after the rollback.";
    }
    hint + " --discard goes back to the old database as it is now."
}

/// The old tables are there still: nothing is put aside, or dropped, before this is said.
fn lost_there_hint(lost: &[Loss], phase: Phase) -> String {
    let mut hint = "Nothing was changed.".to_owned();
    if lost.iter().any(|loss| matches!(loss, Loss::Renamed(_))) {
        hint += " Give what has another name its old one (ALTER ... RENAME TO, SET SCHEMA), and run `pgkeep split finish` again.";
    }
    if lost.iter().any(|loss| matches!(loss, Loss::Gone(_))) {
        hint += " The old tables have the rows of what is gone, as they were when they were sealed: pg_dump --table takes them from there";
        hint += match phase {
            Phase::Switched => ", and `pgkeep split rollback --discard` goes back to them.",
            _ => ".",
        };
    }
    hint + " --discard goes on without what the new database has lost."
}

/// Foreign keys that did not come back, or not as they were, after words on what takes writes.
pub fn with_keys(missing: &[String], unchecked: &[String]) -> String {
    let mut text = String::new();
    if !missing.is_empty() {
        text += &format!(", without the foreign keys that could not be made again: {}", missing.join(", "));
    }
    if !unchecked.is_empty() {
        text += &format!(", with foreign keys that are now NOT VALID: {}", unchecked.join(", "));
    }
    text
}

/// What an administrator has to write where.
fn away(role: &str, endpoint: &Endpoint, error: &pg::Error) -> String {
    let from = if endpoint.host.starts_with(['/', '@']) { "local" } else { "host" };
    let address = if from == "local" { "" } else { " ADDRESS-OF-THE-SOURCE" };
    let line = format!("`{from} {} {role}{address} scram-sha-256`", endpoint.database);
    match error.sqlstate() {
        // s_r_e_prohibited_sql_statement_attempted: no password was asked for.
        Some("2F003") => format!(
            "Nothing was changed. postgres_fdw refuses ordinary roles where the server does not ask for a password: add {line} above the other lines of the target's pg_hba.conf and reload it{}.",
            // Where an address was named already, it is not named again.
            if from == "local" { ", or name an address that asks for one: --bridge-host 127.0.0.1" } else { "" }
        ),
        _ => format!(
            "Nothing was changed. --bridge-host and --bridge-port say where the source's server finds the target; the target's pg_hba.conf must allow it: {line}."
        ),
    }
}

/// A file that somebody has changed is a conflict; the rest are mistakes in what was asked for.
fn files_code(error: &SwitchError) -> u8 {
    match error {
        SwitchError::Changed { .. } | SwitchError::ChangedSince { .. } | SwitchError::Backup { .. } => 7,
        SwitchError::NotApplied { source, .. } => files_code(source),
        _ => 2,
    }
}
