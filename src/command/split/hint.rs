//! What the operator can do about an error of a split, and the exit code.

use super::error::{Opening, RehearsalStep, SplitError, Taken};
use super::phase::Phase;
use crate::command::Error;
use crate::command::error::{Fault, followed};
use crate::pg;
use crate::pg::bridge::Endpoint;
use crate::pg::losses::Loss;
use crate::pg::quoting::quote_identifier;
use crate::switch::{HookError, SwitchError};

impl Fault for SplitError {
    fn hint(&self) -> Option<String> {
        of(self)
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

fn of(error: &SplitError) -> Option<String> {
    Some(match error {
        SplitError::SameDatabase => "--to names the new database; it does not need to exist.".into(),
        SplitError::Busy { holders, .. } => match holders.as_slice() {
            [] => "Nothing was done. Try again.".into(),
            [holder, ..] => format!("Nothing was done. Wait for it, or end it: {}.", holder.end()),
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
        SplitError::KeptWaiting { .. } => {
            "Nothing was moved, and writes are taken where they were before. End those sessions (SELECT pg_terminate_backend(PID)) or wait for them, or raise --fence-wait, and run it again.".into()
        }
        SplitError::Seal { .. } => {
            "The source takes writes again. End those sessions or wait for them, or raise --fence-wait.".into()
        }
        SplitError::Opening { stage: Opening::Try, .. } | SplitError::ReplayTooLong { stage: Opening::Try, .. } => {
            "Nothing has changed: the new database takes writes, and the old one refuses them. End those sessions or wait for them, then run `pgkeep split rollback` again.".into()
        }
        SplitError::Opening { stage: Opening::Do, .. } | SplitError::ReplayTooLong { stage: Opening::Do, .. } => {
            "Both databases refuse writes. End those sessions or wait for them, then run `pgkeep split rollback` again.".into()
        }
        SplitError::Opening { stage: Opening::Again, .. } | SplitError::ReplayTooLong { stage: Opening::Again, .. } => {
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
        SplitError::NoSnapshot { looked_at } if looked_at.first().is_some_and(|newest| newest.contains("is suspicious")) => {
            "Nothing was dropped. If the database is right as it is, take a backup of it with --accept-shrink, and prove it: `pgkeep drill`.".into()
        }
        SplitError::NoSnapshot { .. } => {
            "Nothing was dropped. Take a backup of the source now with --repo, and prove it: `pgkeep drill`.".into()
        }
        SplitError::StillNeeded { .. } => "Nothing was dropped. Drop or change those first.".into(),
        SplitError::ExtensionsUsed { used } => {
            let first = used.first().map_or_else(String::new, |(extension, _)| quote_identifier(extension));
            format!("Nothing was changed. A search path would find other operators, or none: ALTER EXTENSION {first} SET SCHEMA another one, which those who use it have on their search path. --discard puts them aside all the same.")
        }
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
        SplitError::BridgeRole { of: Some(database), .. } => {
            format!("Nothing was changed. The bridge to the database {database} uses it, which another split built: do not drop it. Name another new database.")
        }
        SplitError::BridgeRole { role, .. } => {
            format!("Nothing was changed. Rename it, or drop it: DROP ROLE {}.", quote_identifier(role))
        }
        SplitError::BridgeServer { server } => {
            format!("Nothing was changed. Rename it, or drop it where nobody needs it: DROP SERVER {}.", quote_identifier(server))
        }
        SplitError::BridgeAway { roles, endpoint, source, .. } => away(&roles.join(","), endpoint, source),
        SplitError::BridgeElsewhere { .. } => {
            "Nothing was changed. --bridge-host and --bridge-port say where the source's server finds the target.".into()
        }
        SplitError::Bridge { source, .. } => match source.sqlstate() {
            // lock_not_available
            Some("55P03") => "The source takes writes, as before. Wait for the sessions that read the tables, or end them, or raise --fence-wait.".into(),
            _ => "The source takes writes, as before. Change the object that prevents it, or give it up in --boundary-file (drop).".into(),
        },
        SplitError::BridgeHolds { source, .. } => match source.sqlstate() {
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
        SplitError::ChangedBehind { .. } => {
            "Nothing was changed, and the new database takes writes again. Rows may have been written meanwhile: see who runs DDL there, and run `pgkeep split rollback` again.".into()
        }
        SplitError::SealedByAnother { .. } => {
            "Nothing was changed. First roll that split back, or finish it and drop its old schemas: a database can have only one fence. If its new database is lost for good, `DROP FUNCTION pgkeep_split.refuse() CASCADE` in this one opens the old tables.".into()
        }
        SplitError::RollbackHalf { .. } => "Run `pgkeep split rollback` again: it continues.".into(),
        SplitError::TakenMeanwhile { .. } => "Nothing was moved, and the other split is not affected. Name another target.".into(),
        SplitError::Renamed { .. } | SplitError::Exchanged { .. } => "Nothing was renamed or dropped. Give the old schemas their names back (ALTER SCHEMA ... RENAME TO ...), and look at who renames them: their owners can.".into(),
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
        SplitError::Visited { .. } => "Nothing was dropped, and the old database takes writes. End these sessions, and try again.".into(),
        SplitError::MadeSince { .. } => "A rollback would leave them behind. --discard goes back without them; the new database keeps them, but refuses writes.".into(),
    })
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
