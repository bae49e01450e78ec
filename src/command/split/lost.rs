//! An end that is not found by the name that it was given: renamed, gone, or out of reach. What this host and the other end know is told
//! instead of the bare refusal.

use super::SplitError;
use super::host::{Folder, Split};
use super::phase::Phase;
use super::state::State;
use crate::command::Error;
use crate::command::restore::target::connect_for_maintenance;
use crate::pg;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::place::{Named, named};
use crate::pg::split_ids;

/// What is to be said where the new database could not be entered.
pub async fn target(error: Error, target: &Conninfo, source: Option<&Conninfo>, folder: &Folder) -> Error {
    let is_missing = is_missing(&error);
    let name = target.database();
    let of_it = |split: &Split| split.target_database.is_empty() || split.target_database == name;
    let (mut known, mut hint) = (Vec::new(), None);
    for split in folder.all().into_iter().filter(of_it) {
        let schemas = split.schemas.join(", ");
        let there = match is_missing {
            true => called(target, &split.target.system, split.target.database).await,
            false => None,
        };
        match there {
            Some(Named::Called(now)) => {
                known.push(format!("the database that got {schemas} is now called {now}"));
                hint = Some("Name it with --to by its new name.".to_owned());
            }
            Some(Named::Gone) => {
                let after = split.phase.filter(|phase| *phase >= Phase::RolledBack);
                let after = after.map(|phase| format!("; the split was {phase}")).unwrap_or_default();
                known.push(format!("the database that got {schemas} is no longer on that server{after}"));
                hint = hint.or_else(|| Some(without_the_new_one(split.phase).to_owned()));
            }
            // A name that was used before, on another server.
            Some(Named::OtherServer) => {}
            None if split.target_database.is_empty() => {}
            None => known.push(format!("this host has the state of a split of {schemas} into it")),
        }
    }
    if is_missing && known.is_empty() {
        known.push(format!("this host remembers no split into {name}"));
    }
    if let Some(source) = source {
        known.push(old_database(source).await);
    }
    if known.is_empty() {
        return error;
    }
    SplitError::Lost { end: "new", database: name.to_owned(), known, hint, source: Box::new(error) }.into()
}

/// What is to be said where the old database could not be entered.
pub async fn source(error: Error, source: &Conninfo, target: &Conninfo, folder: &Folder) -> Error {
    if !is_missing(&error) {
        return error;
    }
    let Ok(session) = connect(target, "pgkeep split").await else { return error };
    let Ok(Some((state, _))) = State::look(&session, folder).await else { return error };
    let Some((system, oid)) = state.source.split_once('/') else { return error };
    let Ok(oid) = oid.parse() else { return error };
    let (known, hint) = match called(source, system, oid).await {
        Some(Named::Called(now)) => {
            (format!("the database that was split is now called {now}"), "Name it with --from by its new name.")
        }
        Some(Named::Gone) => (
            format!("the database that was split is no longer on that server; the split is {}", state.phase),
            "The new database has the moved schemas. Restore the old one from a backup (and use --moved once) if you need anything else in it.",
        ),
        _ => return error,
    };
    let (database, known) = (source.database().to_owned(), vec![known]);
    SplitError::Lost { end: "old", database, known, hint: Some(hint.to_owned()), source: Box::new(error) }.into()
}

/// What to do where the new database is gone, by how far this host had brought the split.
fn without_the_new_one(phase: Option<Phase>) -> &'static str {
    match phase {
        Some(Phase::Created | Phase::Copying) => {
            "Nobody was sent there yet, and the old database takes writes: run `pgkeep split` again."
        }
        Some(Phase::RolledBack) => "Nothing is left to do: the moved schemas take writes in the old database.",
        Some(Phase::Quarantined) => {
            "The rows written there are lost with it. Restore it from a backup; the old tables, as they were when they were sealed, are still in the old database, in schemas with other names."
        }
        Some(Phase::Finished) => "The rows are lost with it. Restore it from a backup.",
        _ => {
            "The rows written there are lost with it. Restore it from a backup (and use --moved once), or open the old tables, which are as they were when they were sealed: `DROP SCHEMA pgkeep_split CASCADE` in the old database."
        }
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(
        error,
        Error::Source { source: pg::Error::NoSuchDatabase { .. }, .. }
            | Error::Target { source: pg::Error::NoSuchDatabase { .. }, .. }
    )
}

/// What the database is called by now; none where its server cannot be asked.
async fn called(info: &Conninfo, system: &str, oid: i64) -> Option<Named> {
    let session = connect_for_maintenance(info).await.ok()?;
    named(&session, system, oid).await.ok()
}

/// Who takes writes, as the old database says.
async fn old_database(source: &Conninfo) -> String {
    let name = source.database();
    let asked = async {
        let session = connect(source, "pgkeep split").await?;
        let strength = fence::strength(&session).await?;
        Ok::<_, pg::Error>((strength, split_ids::targets(&session).await?))
    };
    match asked.await {
        Ok((Some(Strength::Sealed), targets)) => {
            format!("the old database {name} refuses writes to the moved schemas{}", into(&targets))
        }
        Ok((_, targets)) => format!("the old database {name} takes writes{}", into(&targets)),
        Err(error) => format!("cannot connect to the old database {name} ({error})"),
    }
}

fn into(targets: &[String]) -> String {
    if targets.is_empty() { String::new() } else { format!(", and knows a split into {}", targets.join(", ")) }
}
