//! What the old place has lost since it was sealed. A way back leads to what is there, and nobody else would say that it is less, or something else.

use super::SplitError;
use super::aftermath::{changed_since, fence_differs};
use super::ends::Ends;
use super::holding::at_source;
use super::state::State;
use super::whereabouts::leads_back;
use crate::command::Error;
use crate::pg::connect::Session;
use crate::pg::fence::{self, Strength};
use crate::pg::losses::{Loss, SealedTable, losses};

/// What becomes of rows that were written in the new database since the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    Refuse,
    /// They stay in the new database, which is fenced and kept.
    Rows,
}

/// What is to be said of the old place when it is opened.
#[derive(Clone, Debug, Default)]
pub struct OldPlace {
    /// Tables that are gone or are other ones.
    pub lost: Vec<String>,
    /// Those, whatever else was changed, and that its fence did not keep everybody out.
    pub warnings: Vec<String>,
}

/// # Errors
/// The old place has lost a table, and nobody said that it is known. Nothing was changed.
pub async fn refuse(state: &State, ends: &Ends<'_>, discard: Discard) -> Result<(), Error> {
    if discard == Discard::Rows || is_open_again(state, ends).await? {
        return Ok(());
    }
    let lost = lost(state, ends.source).await?;
    if lost.is_empty() { Ok(()) } else { Err(SplitError::OldPlaceLost { lost }.into()) }
}

/// Everything that is to be said, as late as possible.
///
/// # Errors
/// As [`refuse`].
pub async fn look(state: &State, ends: &Ends<'_>, discard: Discard) -> Result<OldPlace, Error> {
    if is_open_again(state, ends).await? {
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
    let lost = losses(source, &state.all_sealed(), now).await;
    lost.map_err(at_source("looking for the tables that were sealed"))
}

/// A rollback has opened it already, and has not ended: what is done there is done by those who may.
async fn is_open_again(state: &State, ends: &Ends<'_>) -> Result<bool, Error> {
    let strength = fence::strength(ends.source).await.map_err(at_source("looking for a fence"))?;
    Ok(strength != Some(Strength::Sealed) && leads_back(state, ends.target).await?)
}
