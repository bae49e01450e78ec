//! Why a split does not go on.

use std::fmt;
use std::path::PathBuf;

use super::host::HostError;
use super::phase::Phase;
use crate::command::Error;
use crate::command::error::Fault;
use crate::command::mismatch::Mismatch;
use crate::pg;
use crate::pg::bridge::Endpoint;
use crate::pg::losses::Loss;
use crate::switch::{HookError, SwitchError};

#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error("the source and the target are the same database")]
    SameDatabase,
    #[error("another split of the database {database} is under way")]
    Busy { database: String },
    #[error("the target database {database} holds something already: {}", .contents.join(", "))]
    NotEmpty { database: String, contents: Vec<String> },
    #[error("the target database {database} belongs to a split of {source_name} ({schemas})")]
    AnotherSplit { database: String, source_name: String, schemas: String },
    #[error("the split is {phase}")]
    Over { phase: Phase },
    #[error("there is no split to go on with: the database {database} is no split's target")]
    NoSplit { database: String },
    #[error("the fence cannot be had: {}", if sessions.is_empty() { "sessions came and went with locks on the tables".to_owned() } else { sessions.join("; ") })]
    Fence {
        sessions: Vec<String>,
        #[source]
        source: pg::Error,
    },
    #[error("the schema has changed since the split was planned: {}", .changed.join(", "))]
    Stale { changed: Vec<String> },
    #[error("the source cannot be sealed: {}", if sessions.is_empty() { "sessions came and went with locks on the tables".to_owned() } else { sessions.join("; ") })]
    Seal {
        sessions: Vec<String>,
        #[source]
        source: pg::Error,
    },
    #[error("the old database cannot be opened: {}", if sessions.is_empty() { "sessions came and went with locks on the tables".to_owned() } else { sessions.join("; ") })]
    Opening {
        stage: Opening,
        sessions: Vec<String>,
        #[source]
        source: pg::Error,
    },
    /// What is known of it all the same is told.
    #[error("the {end} database {database} cannot be entered: {}", .known.join("; "))]
    Lost {
        end: &'static str,
        database: String,
        known: Vec<String>,
        hint: Option<String>,
        #[source]
        source: Box<Error>,
    },
    /// Something else than locks, rows or what was made.
    #[error("the way back failed, and {takes}")]
    WayBack {
        takes: &'static str,
        #[source]
        source: Box<Error>,
    },
    #[error("rows were written in the new database since the switch: {}", .tables.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    RowsWritten { tables: Vec<Mismatch> },
    #[error("the source's fence was taken down by somebody, and its tables may have changed since they were copied")]
    FenceGone,
    #[error("the old schemas are still where they were")]
    NotQuarantined,
    #[error("{typed:?} is not the name of the source database")]
    WrongName { typed: String },
    #[error(
        "the repository holds no proven snapshot of all that would be dropped, taken since writes were refused there{}",
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
    #[error("no loose key leads from one of the databases {} and {} to the other{}", .databases[0], .databases[1], if elsewhere.is_empty() { String::new() } else { format!("; there are {}", elsewhere.join(", ")) })]
    NoLooseKeys { databases: [String; 2], elsewhere: Vec<String> },
    /// Were it reaped, rows would go whose parents are there in the original.
    #[error("the log of the loose key {key} is a copy: it was made in another database than {database}")]
    LogCopied { key: String, database: String, was: String, is: String },
    #[error("not while the split is only {phase}")]
    TooEarly { phase: Phase },
    #[error("a role {role} is there already, and no split made it")]
    BridgeRole { role: String },
    #[error("the source's server does not get into the new database as {role} by host {} and port {}", .endpoint.host, .endpoint.port)]
    BridgeAway {
        role: String,
        endpoint: Box<Endpoint>,
        #[source]
        source: Box<pg::Error>,
    },
    #[error("by host {} and port {} the source's server gets into another database {}", .endpoint.host, .endpoint.port, .endpoint.database)]
    BridgeElsewhere { endpoint: Box<Endpoint> },
    #[error("the bridge cannot be built{}{}", if sessions.is_empty() { "" } else { ": " }, .sessions.join("; "))]
    Bridge {
        /// Those who read the tables, where they are in the way.
        sessions: Vec<String>,
        #[source]
        source: Box<pg::Error>,
    },
    #[error("the bridge cannot be torn down")]
    BridgeHolds {
        #[source]
        source: Box<pg::Error>,
    },
    #[error("extensions of the source cannot be made by the private server: {}", .missing.join("; "))]
    NoExtension { missing: Vec<String> },
    #[error("there is no room for the copies in {}: they take about {} MB, and {} MB are free", .folder.display(), needed.div_ceil(1_000_000), free / 1_000_000)]
    NoRoom { folder: PathBuf, needed: u64, free: u64 },
    /// On the copies, not at the operator's databases.
    #[error("the rehearsal failed {step}")]
    Rehearsal {
        step: RehearsalStep,
        #[source]
        source: Box<Error>,
    },
    /// Whoever may CREATE in a database can make things under our names first, and change them later.
    #[error("something in the database {database} is not ours: {what} ({owner})")]
    NotOurs { what: String, owner: String, database: String, mend: String },
    #[error("this host knows nothing of the split {id} that the record in the database {database} is of: there is no file of it in {}", .folder.display())]
    NotOfThisHost { id: String, database: String, folder: PathBuf },
    #[error("the record in the database {database} is not the one that this host wrote: {why}")]
    NotOurRecord { database: String, why: &'static str },
    #[error("what the split remembers on this host cannot be used")]
    Host(#[from] HostError),
    #[error("the {end} database {database} is not where it was: {}", .differs.join(", "))]
    Moved { end: &'static str, database: String, differs: Vec<String> },
    #[error("the source database {database} knows nothing of the split {id}")]
    UnknownAtSource { database: String, id: String },
    #[error("a split into the database {database} was begun and ended before anything was written down")]
    Unwritten { database: String },
    #[error("the fence of the source is not as the split left it: {}", .differs.join(", "))]
    FenceDiffers { differs: Vec<String> },
    #[error("tables of the source database {database} are sealed by another split")]
    SealedByAnother { database: String },
    #[error("the new database {database} refuses writes as well: a rollback has begun and has not ended")]
    RollbackHalf { database: String },
    /// The end of the way back.
    #[error("{question}, and that was not confirmed")]
    NotConfirmed { question: String, asked: bool },
    #[error("{what} was to get a value of its own, which is not remembered")]
    ValueForgotten { what: String },
    #[error("the split is switched already, and {} was not done", .late.join(", "))]
    TooLate { late: Vec<String> },
    #[error("another split has begun meanwhile in the target database {database}")]
    TakenMeanwhile { database: String },
    #[error("the old schemas have other names than `finish` gave them: {}", .renamed.iter().map(|(was, is)| format!("{was} is {is} now")).collect::<Vec<_>>().join(", "))]
    Renamed { renamed: Vec<(String, String)> },
    #[error("made or changed in the old schemas while they were compared with the snapshot: {}", .changed.join(", "))]
    ChangedAside { changed: Vec<String> },
    #[error("the old place has lost something since it was sealed: {}", .lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    OldPlaceLost { lost: Vec<Loss> },
    #[error("the new database has lost something that moved: {}", .lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NewPlaceLost { lost: Vec<Loss>, phase: Phase },
    #[error("made or changed in the new database since the switch: {}", .made.join(", "))]
    MadeSince { made: Vec<String> },
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
            RehearsalStep::Copy => "while the copy was made in a private server",
            RehearsalStep::Plan => "in the plan on the copy",
            RehearsalStep::Run => "in the run on the copies",
            RehearsalStep::Rollback => "in the rollback on the copies",
            RehearsalStep::Again => "in the second run on the copies, after the rollback",
            RehearsalStep::Original => "when the source's own definitions were tried",
        })
    }
}

impl Fault for SplitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            SplitError::SameDatabase => "--to names the new database; it need not exist.".into(),
            SplitError::Busy { .. } => {
                "Wait for it, or end the session that holds its advisory lock (application pgkeep split).".into()
            }
            SplitError::NotEmpty { .. } => {
                "Nothing was changed. Name a database that does not exist yet, or an empty one.".into()
            }
            SplitError::AnotherSplit { .. } => "Name another target, or finish or roll back that one.".into(),
            SplitError::Over { phase: Phase::RolledBack } => {
                "To begin again, name another database, or drop this one first: rows that were written in it since the switch are nowhere else.".into()
            }
            SplitError::Over { .. } => "`pgkeep split status` says what is open.".into(),
            SplitError::NoSplit { .. } => {
                "Name the database that --to named. Where a run was interrupted before it wrote down what it is, `pgkeep split` begins again.".into()
            }
            SplitError::Fence { .. } => {
                "Nothing has moved, and the source takes writes. End those sessions or wait for them, or raise --fence-wait; a target that was made stays, and the next run takes it.".into()
            }
            SplitError::Stale { .. } => {
                "The source takes writes again. Look at `pgkeep split --plan` once more, then run it again.".into()
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
                let again = "`pgkeep split rollback` goes on once that is mended.";
                source.hint().map_or(again.to_owned(), |hint| format!("{hint} {again}"))
            }
            SplitError::RowsWritten { .. } => {
                "They would be lost. --discard goes back without them; the new database keeps them, fenced.".into()
            }
            SplitError::FenceGone => {
                "`pgkeep split rollback` goes back to the old tables; or compare both sides yourself before anything is dropped.".into()
            }
            SplitError::NotQuarantined => {
                "`pgkeep split finish` without --yes-drop puts them aside first; see for some days that nobody misses them.".into()
            }
            SplitError::WrongName { .. } => "Nothing was dropped. Type the name of the database that --from names.".into(),
            SplitError::NoSnapshot { looked_at } if looked_at.first().is_some_and(|newest| newest.contains("pgkeep drill")) => {
                "Nothing was dropped. The snapshot holds all of it: prove it with that drill.".into()
            }
            SplitError::NoSnapshot { .. } => {
                "Nothing was dropped. Take a backup of the source as it is now with --repo, and prove it: `pgkeep drill`.".into()
            }
            SplitError::StillNeeded { .. } => "Nothing was dropped. Drop or change those first.".into(),
            SplitError::StillUsed { .. } => {
                "Nothing was dropped. Point whoever reads them at the new database; if that was a person who looked, `pgkeep split finish` once more counts from now."
                    .into()
            }
            SplitError::Files(error) => return error.hint(),
            SplitError::Hook(error) => return error.hint(),
            SplitError::HookOnTheWayBack { .. } => {
                "The split is rolled back. Do by hand what the hook has left undone, so that the applications use the old database.".into()
            }
            SplitError::Switch { source, taken, .. } => after_a_switch(source, *taken),
            SplitError::NoLooseKeys { .. } => {
                "Name the databases of a split with --boundary loose. Where one of them was restored or upgraded, docs/split.md says what to write into pgkeep_loose.keys.".into()
            }
            SplitError::LogCopied { was, is, .. } => format!(
                "Nothing was done. If this one has taken the original's place: UPDATE pgkeep_loose.keys SET parent_identity = '{is}' WHERE parent_identity = '{was}'"
            ),
            SplitError::TooEarly { .. } => "`pgkeep split` goes on where it was.".into(),
            SplitError::NoExtension { .. } => {
                "Nothing was copied. Install their packages for the private server's version on this machine; one that must be loaded when a server starts cannot be rehearsed.".into()
            }
            SplitError::NoRoom { .. } => "Nothing was changed. PGKEEP_TMPDIR names a folder on a larger volume.".into(),
            SplitError::Rehearsal { source, .. } => {
                return Some(match source.hint() {
                    Some(hint) => format!("Nothing was changed at either database, and the copies are gone. {hint}"),
                    None => "Nothing was changed at either database, and the copies are gone.".into(),
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
                Some("55P03") => "The source takes writes, as before. Wait for those who read the tables, or end them, or raise --fence-wait.".into(),
                _ => "The source takes writes, as before. Change what is in the way, or let --boundary-file give it up (drop).".into(),
            },
            SplitError::BridgeHolds { source } => match source.sqlstate() {
                Some("55P03") => "Nothing was changed. Somebody reads the foreign tables: wait for them, or end them, and try again.".into(),
                _ => "Nothing was changed. Drop or change what was built on the foreign tables since, and try again.".into(),
            },
            SplitError::NotOurs { mend, .. } => format!(
                "Nothing was done. Look at it first: who made it could have put anything there. Where no split of yours made it, drop it. Where one did, and another role ran it: {mend}"
            ),
            SplitError::NotOfThisHost { .. } => {
                "Nothing was done. Run it on the host and as the account that began the split, with the same --state, or copy the file from there. `pgkeep split status` shows the record, unchecked.".into()
            }
            SplitError::NotOurRecord { .. } => {
                "Nothing was done. Somebody has written to pgkeep_split.state, or put the database back to an earlier time. Compare both sides yourself before you drop anything.".into()
            }
            SplitError::Host(error) => error.hint().into(),
            SplitError::Moved { .. } => {
                "Nothing was done. It looks like a copy: name the original. If this is the original, moved, restored or promoted, and nobody writes the other any more, say so once with --moved.".into()
            }
            SplitError::UnknownAtSource { .. } => {
                "Nothing was done. Name the database that was split. If it was put back to an earlier time, compare both sides first; --moved says that it is the one.".into()
            }
            SplitError::Unwritten { .. } => "Nothing has moved. `pgkeep split` begins again.".into(),
            SplitError::FenceDiffers { .. } => {
                "Nothing was done. Rows may have been written in the old place: `pgkeep split rollback` goes back to it; or compare both sides yourself before anything is dropped.".into()
            }
            SplitError::SealedByAnother { .. } => {
                "Nothing was changed. Roll that split back, or finish it and drop its old schemas, first: a database has one fence. Where its new database is gone for good, `DROP SCHEMA pgkeep_split CASCADE` in this one opens the old tables.".into()
            }
            SplitError::RollbackHalf { .. } => "`pgkeep split rollback` goes on with it.".into(),
            SplitError::TakenMeanwhile { .. } => "Nothing was moved, and that split is left alone. Name another target.".into(),
            SplitError::Renamed { .. } => "Nothing was dropped. Give them their names again: ALTER SCHEMA ... RENAME TO ...".into(),
            SplitError::ChangedAside { .. } => "Nothing was dropped. Move it elsewhere, or take another backup, and try again.".into(),
            SplitError::ValueForgotten { .. } => "Nothing was done. Name --rewrite FILE:KEY=VALUE again, as in the run that began the split.".into(),
            SplitError::TooLate { .. } => {
                "Nothing was done. Point the applications at the new database by hand; or go back (`pgkeep split rollback`), and split again with it.".into()
            }
            SplitError::NotConfirmed { asked: true, .. } => "Nothing was changed.".into(),
            SplitError::NotConfirmed { .. } => "Nothing was changed, and there is no terminal to ask on. --yes says that it is meant.".into(),
            SplitError::OldPlaceLost { lost } => lost_hint(lost),
            SplitError::NewPlaceLost { lost, phase } => lost_there_hint(lost, *phase),
            SplitError::MadeSince { .. } => "It would be left behind. --discard goes back without it; the new database keeps it, fenced.".into(),
        })
    }

    fn exit_code(&self) -> u8 {
        match self {
            SplitError::SameDatabase
            | SplitError::NoSplit { .. }
            | SplitError::NoLooseKeys { .. }
            | SplitError::NotConfirmed { .. }
            | SplitError::WrongName { .. }
            | SplitError::Host(_)
            | SplitError::ValueForgotten { .. }
            | SplitError::Unwritten { .. } => 2,
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
    let what = if hook.is_some() { "the hook" } else { "that" };
    let way_on = match taken {
        Taken::Back => format!(
            "Nothing has moved: the copy stays in the new database, which refuses writes. Mend {what}, drop that database or name another one, and run `pgkeep split` again."
        ),
        Taken::InPart => format!(
            "`pgkeep split status` says what is open, and `pgkeep split rollback` goes on. Mend {what} before you run `pgkeep split` again."
        ),
        Taken::Not => format!(
            "The rows are in the new database, copied and proven. Mend {what}: `pgkeep split` with the same arguments rewrites the files and runs the hook again, and copies nothing (--hook gives another one). Or go back: `pgkeep split rollback`, with --discard without what was written there."
        ),
    };
    first.into_iter().chain([way_on]).collect::<Vec<_>>().join(" ")
}

/// What was renamed can be put back; a table that is made anew is another one.
fn lost_hint(lost: &[Loss]) -> String {
    let mut hint = "Nothing was changed.".to_owned();
    if lost.iter().any(|loss| matches!(loss, Loss::Renamed(_))) {
        hint += " Give what has another name its old one (ALTER ... RENAME TO, SET SCHEMA), and run `pgkeep split rollback` again.";
    }
    if lost.iter().any(|loss| matches!(loss, Loss::Gone(_))) {
        hint += " The new database has the rows of what is gone, and keeps them: pg_dump --table takes them from there, also after the rollback.";
    }
    hint + " --discard goes back to the old place as it is now."
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
        text += &format!(", without the foreign keys that rows are against: {}", missing.join(", "));
    }
    if !unchecked.is_empty() {
        text += &format!(", with foreign keys that are NOT VALID now: {}", unchecked.join(", "));
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
            "Nothing was changed. postgres_fdw lets no ordinary role through where no password is asked for: write {line} above the other lines of the target's pg_hba.conf and reload it{}.",
            // Where an address was named already, it is not named again.
            if from == "local" { ", or name an address that asks for one: --bridge-host 127.0.0.1" } else { "" }
        ),
        _ => format!(
            "Nothing was changed. --bridge-host and --bridge-port say where the source's server finds the target; the target's pg_hba.conf must let it in: {line}."
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
