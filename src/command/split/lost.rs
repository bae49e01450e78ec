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
use crate::pg::place::{Named, Place, named};
use crate::pg::split_ids;

/// What is to be said where the new database could not be entered.
pub async fn target(error: Error, target: &Conninfo, source: Option<&Conninfo>, folder: &Folder) -> Error {
    let is_missing = is_missing(&error);
    let name = target.database();
    let of_it = |split: &Split| split.target_database.is_empty() || split.target_database == name;
    let splits = of_the_source(folder.all().into_iter().filter(of_it).collect(), source).await;
    let (mut known, mut hint, mut over_hint) = (Vec::new(), None, None);
    for split in splits {
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
                let left = left(&split, source).await;
                let over = if left == Left::Nothing && after.is_empty() {
                    "; nothing of that split is left in the old database"
                } else {
                    ""
                };
                known.push(format!("the database that got {schemas} is no longer on that server{after}{over}"));
                let on = without_the_new_one(split.phase, &left);
                // What is over has nothing to say where something else is not.
                match left {
                    Left::Nothing => over_hint = over_hint.or(Some(on)),
                    Left::Fence(_) | Left::Unknown => hint = hint.or(Some(on)),
                }
            }
            // A name that was used before, on another server.
            Some(Named::OtherServer) => {}
            None if split.target_database.is_empty() => {}
            None => known.push(format!("this host has the state of a split of {schemas} into it")),
        }
    }
    known.dedup();
    if is_missing && known.is_empty() {
        known.push(format!("this host remembers no split into {name}"));
    }
    if let Some(source) = source {
        known.push(old_database(source).await);
    }
    if known.is_empty() {
        return error;
    }
    let hint = hint.or(over_hint);
    SplitError::Lost { end: "new", database: name.to_owned(), known, hint, source: Box::new(error) }.into()
}

/// Those of the old database that was named: others got into a database of this name from elsewhere, or from one that is gone. All, where
/// none is its own, for it may be a copy of the one that was split.
async fn of_the_source(splits: Vec<Split>, source: Option<&Conninfo>) -> Vec<Split> {
    let Some(source) = source else { return splits };
    let place = async {
        let session = connect(source, "pgkeep split").await.ok()?;
        Place::of(&session).await.ok()
    };
    let Some(place) = place.await else { return splits };
    let (own, others): (Vec<_>, Vec<_>) =
        splits.into_iter().partition(|split| split.source.identity() == place.identity());
    if own.is_empty() { others } else { own }
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

/// What the old database has of a split whose new database is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Left {
    /// The fence that keeps writers out of it is this split's own; the statement opens it, and touches nothing of other splits.
    Fence(&'static str),
    /// It does not know the split any more, or is not fenced: the split is over.
    Nothing,
    /// It was not named, is another one, or could not be asked.
    Unknown,
}

async fn left(split: &Split, source: Option<&Conninfo>) -> Left {
    let Some(source) = source else { return Left::Unknown };
    left_in(split, source).await.unwrap_or(Left::Unknown)
}

async fn left_in(split: &Split, source: &Conninfo) -> Result<Left, pg::Error> {
    let session = connect(source, "pgkeep split").await?;
    if Place::of(&session).await?.identity() != split.source.identity() || split.target_database.is_empty() {
        return Ok(Left::Unknown);
    }
    let is_own =
        split_ids::knows(&session, &split.id).await? && fence::leads_to(&session, &split.target_database).await?;
    Ok(match is_own {
        false => Left::Nothing,
        true if split_ids::is_alone(&session, &split.id).await? => Left::Fence("DROP SCHEMA pgkeep_split CASCADE"),
        true => Left::Fence("DROP FUNCTION pgkeep_split.refuse() CASCADE"),
    })
}

/// What to do where the new database is gone, by how far this host had brought the split. No statement that opens a fence is given but for
/// the split's own.
fn without_the_new_one(phase: Option<Phase>, left: &Left) -> String {
    match (phase, left) {
        (Some(Phase::Created | Phase::Copying), _) | (Some(Phase::Proven), Left::Nothing) => {
            "Nobody was sent there yet, and the old database takes writes: run `pgkeep split` again.".into()
        }
        (Some(Phase::RolledBack), _) => "Nothing is left to do: the moved schemas take writes in the old database.".into(),
        (Some(Phase::Quarantined), _) => {
            "The rows written there are lost with it. Restore it from a backup; the old tables, as they were when they were sealed, are still in the old database, in schemas with other names.".into()
        }
        (Some(Phase::Finished), _) => "The rows are lost with it. Restore it from a backup.".into(),
        (_, Left::Fence(open)) => format!(
            "The rows written there are lost with it. Restore it from a backup (and use --moved once), or open the old tables, which are as they were when they were sealed: `{open}` in the old database."
        ),
        (_, Left::Nothing) => {
            "That split is over: its fence in the old database was opened. The rows written in the new database are lost with it, unless a backup has them.".into()
        }
        (_, Left::Unknown) => {
            "The rows written there are lost with it. Restore it from a backup (and use --moved once). `pgkeep split status` with --from says whether the old tables can be opened instead.".into()
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
