//! What the old place has lost since it was sealed, and the new one since it was proven. A way back leads to what is there in the old place, and its
//! end leaves what is there in the new one: nobody else would say that it is less, or something else.

use super::SplitError;
use super::aftermath::{changed_since, fence_differs};
use super::ends::Ends;
use super::holding::{at_source, at_target};
use super::state::{NewTables, State};
use super::whereabouts::leads_back;
use crate::command::Error;
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::fence::{self, Strength};
use crate::pg::losses::{Loss, SealedTable, by_name, losses, still_there};
use crate::pg::sealed::spaces;
use crate::pg::split_state;

/// What becomes of that which would be given up: on the way back, what was written in the new database since the switch, and what the old one
/// has lost; at its end, what the new one has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    Refuse,
    /// It is named and gone on without. What a way back leaves stays in the new database, which is fenced and kept.
    Accept,
}

/// What is to be said of the old place when it is opened.
#[derive(Clone, Debug, Default)]
pub struct OldPlace {
    /// Tables that are gone or are other ones.
    pub lost: Vec<String>,
    /// Those, whatever else was changed, and that its fence did not keep everybody out.
    pub warnings: Vec<String>,
}

/// What a way back finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Sealed,
    /// A rollback has opened the old place and sealed the new one, and has not ended: what is done in the old one is done by those who may.
    OpenAgain,
}

/// # Errors
/// The old place has lost a table, and nobody said that it is known. Nothing was changed.
pub async fn refuse(state: &State, ends: &Ends<'_>, discard: Discard) -> Result<Found, Error> {
    let strength = fence::strength(ends.source).await.map_err(at_source("looking for a fence"))?;
    if strength != Some(Strength::Sealed) && leads_back(state, ends.target).await? {
        return Ok(Found::OpenAgain);
    }
    let lost = if discard == Discard::Accept { Vec::new() } else { lost(state, ends.source).await? };
    if lost.is_empty() { Ok(Found::Sealed) } else { Err(SplitError::OldPlaceLost { lost }.into()) }
}

/// Everything that is to be said, as late as possible.
///
/// # Errors
/// As [`refuse`].
pub async fn look(state: &State, ends: &Ends<'_>, found: Found, discard: Discard) -> Result<OldPlace, Error> {
    if found == Found::OpenAgain {
        return Ok(OldPlace::default());
    }
    let lost = lost(state, ends.source).await?;
    if !lost.is_empty() && discard == Discard::Refuse {
        return Err(SplitError::OldPlaceLost { lost }.into());
    }
    let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
    let mut warnings: Vec<String> =
        lost.iter().map(|what| format!("dropped or renamed in the old database: {what}")).collect();
    let differs = fence_differs(ends.source, state).await?;
    if !differs.is_empty() {
        warnings.push(format!(
            "the fence of the old database was changed, so rows may have been written there: {}",
            differs.join("; ")
        ));
    }
    let is_told = |change: &String| {
        let told = |loss: &String| {
            loss.split_once(" is ").is_some_and(|(what, _)| change.starts_with(&format!("{what}, which is ")))
        };
        lost.iter().any(told)
    };
    let changed = changed_since(ends.source, state).await?.into_iter().filter(|change| !is_told(change));
    warnings.extend(changed.map(|change| format!("changed in the old database since it was sealed: {change}")));
    Ok(OldPlace { lost, warnings })
}

async fn lost(state: &State, source: &Session) -> Result<Vec<Loss>, Error> {
    let spans = || state.ties.bridge.iter().flat_map(|works| &works.spans);
    // Behind a bridge the old table has another name.
    let now = |table: &SealedTable| {
        let span = spans().find(|span| (&span.schema, &span.name) == (&table.schema, &table.name));
        span.map_or(&table.name, |span| &span.aside).clone()
    };
    let lost = async { losses(source, spaces(source).await?, &state.all_sealed(), now).await };
    lost.await.map_err(at_source("looking for the tables that were sealed"))
}

/// What of the tables that moved the new place has lost, each as it is told.
///
/// # Errors
/// It has lost one, and nobody said that it is known.
pub async fn there(state: &State, target: &Session, discard: Discard) -> Result<Vec<String>, Error> {
    let lost = lost_there(state, target).await?;
    if !lost.is_empty() && discard == Discard::Refuse {
        return Err(SplitError::NewPlaceLost { lost, phase: state.phase }.into());
    }
    Ok(lost.iter().map(ToString::to_string).collect())
}

/// By their OIDs, as far as these are known.
pub async fn lost_there(state: &State, target: &Session) -> Result<Vec<Loss>, Error> {
    let lost = async {
        let tables = match known(state, target).await? {
            Some(tables) => tables.to_vec(),
            None => {
                let named = state.new_tables.as_ref().map_or_else(|| state.all_sealed(), |new| new.tables.clone());
                by_name(target, named).await?
            }
        };
        losses(target, Vec::new(), &tables, |table| table.name.clone()).await
    };
    lost.await.map_err(at_target("looking for the tables that moved"))
}

/// Those whose OIDs are known and that are still there, whatever they are called.
pub async fn known_there(state: &State, target: &Session) -> Result<Vec<SealedTable>, Error> {
    let there = async {
        let Some(tables) = known(state, target).await? else { return Ok(Vec::new()) };
        let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
        let there = still_there(target, &oids).await?;
        Ok(tables.iter().filter(|table| there.contains(&table.oid)).cloned().collect())
    };
    there.await.map_err(at_target("looking for the tables that moved"))
}

/// None where the record is of an earlier program, or was restored into another database.
async fn known<'a>(state: &'a State, target: &Session) -> Result<Option<&'a [SealedTable]>, pg::Error> {
    match &state.new_tables {
        Some(NewTables { record, tables }) if *record == split_state::table(target).await? => Ok(Some(tables)),
        _ => Ok(None),
    }
}
