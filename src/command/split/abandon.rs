//! A split is given up that nobody was sent to yet: its target is again as it was found.

use super::SplitError;
use super::aftermath;
use super::bridge;
use super::error::Origin;
use super::holding::at_target;
use super::losses::Discard;
use super::state::{Found, Phase, State};
use crate::command::Error;
use crate::command::mismatch::Mismatch;
use crate::command::restore::target as destination;
use crate::command::watch::Watch;
use crate::pg::as_found;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::split_state;

/// How a split is given up that nobody was sent to yet.
pub struct Abandoning<'a> {
    /// Of what others made in the target.
    pub discard: Discard,
    pub jobs: usize,
    pub watch: &'a Watch,
}

/// What was given up.
pub struct Abandoned {
    pub found: Found,
    /// What others had made or changed in the target, and tables with rows of theirs; it is gone.
    pub made: Vec<String>,
    pub written: Vec<Mismatch>,
    /// What of the target could not be set up as it was found.
    pub left: Vec<String>,
}

/// The target as it was found, by a split that nobody was sent to yet.
///
/// # Errors
/// Somebody else has made or written something there meanwhile, and nobody said that it is known. Nothing was dropped.
pub async fn abandon(
    state: &State,
    target: Session,
    info: &Conninfo,
    abandoning: &Abandoning<'_>,
) -> Result<Abandoned, Error> {
    let Abandoning { discard, jobs, watch } = abandoning;
    watch.set_phase("looking for objects of others in the new database");
    let (made, written) = aftermath::of_others(state, &target, info, *jobs, watch).await?;
    if *discard == Discard::Refuse && !(made.is_empty() && written.is_empty()) {
        let database = info.database().to_owned();
        let is_known = state.phase >= Phase::Proven || state.making.is_some();
        let origin = if is_known { Origin::Known } else { Origin::Unknown };
        return Err(SplitError::OfOthers { database, made, tables: written, origin }.into());
    }
    watch.set_phase("removing what the split created");
    let mut left = Vec::new();
    if state.found == Found::Missing {
        target.close().await.map_err(at_target("closing the session"))?;
        destination::drop_database(info).await?;
        let server = destination::connect_for_maintenance(info).await?;
        bridge::dismiss(state, &server, info).await?;
        server.close().await.map_err(at_target("closing the session"))?;
    } else {
        let emptying = at_target("emptying the database");
        match (&state.as_found, &state.making) {
            (Some(as_found), Some(making)) => {
                left = as_found::put_back(&target, as_found, &making.objects).await.map_err(emptying)?;
            }
            _ => split_state::empty_again(&target).await.map_err(emptying)?,
        }
        split_state::forget(&target).await.map_err(at_target("forgetting the split"))?;
        bridge::dismiss(state, &target, info).await?;
    }
    Ok(Abandoned { found: state.found, made, written, left })
}
