//! Whether both ends are those that a split was made between: the same id on the host and on both sides, and each database where it was.
//! A copy of a cluster has everything of its original but its place.

use super::SplitError;
use super::ends::Ends;
use super::holding::{at_source, at_target};
use super::state::{Memory, Phase, State};
use super::strangers::refuse;
use crate::command::Error;
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::fence::{self, Strength};
use crate::pg::place::Place;
use crate::pg::split_ids;

/// What a database is that is not where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moved {
    /// A copy, until somebody says otherwise.
    #[default]
    Refuse,
    /// The original in another place: the operator has said so.
    Accept,
}

/// Both ends, before a verb does anything. Where they are now is kept, with the next record that is written.
///
/// # Errors
/// Another source; a source or target that looks like a copy; a source that does not know the split.
pub async fn check(state: &mut State, source: &Session, target: &Session, moved: Moved) -> Result<(), Error> {
    let source_place = place(source, at_source).await?;
    let target_place = place(target, at_target).await?;
    let is_known = split_ids::knows(source, &state.id).await.map_err(at_source("looking for the split's id"))?;
    if source_place.identity() != state.source {
        if moved == Moved::Refuse {
            return Err(another(state, target));
        }
        state.source = source_place.identity();
    }
    let Some(Memory { split, .. }) = &mut state.memory else { return Ok(()) };
    // Before that, nothing at the source depends on the split, which takes its id away where it fails.
    let strength = fence::strength(source).await.map_err(at_source("looking for a fence"))?;
    let is_due = matches!(state.phase, Phase::Sealed | Phase::Switched | Phase::Quarantined)
        || (state.phase == Phase::Proven && strength == Some(Strength::Sealed));
    // A record of an earlier program said nothing of it.
    let is_former = split.source == Place::default();
    if !is_former && moved == Moved::Refuse {
        same("source", &split.source, &source_place, source)?;
        same("target", &split.target, &target_place, target)?;
        if is_due && !is_known {
            let database = source.conninfo().database().to_owned();
            return Err(SplitError::UnknownAtSource { database, id: state.id.clone() }.into());
        }
    }
    (split.source, split.target) = (source_place, target_place);
    if is_former {
        state.save(target).await?;
    }
    if is_due && !is_known {
        enter(state, source).await?;
    }
    Ok(())
}

/// Whether a rollback has sealed the new database.
pub async fn leads_back(state: &State, target: &Session) -> Result<bool, Error> {
    fence::leads_to(target, &state.source_database).await.map_err(at_target("looking for a fence"))
}

/// # Errors
/// A rollback has sealed the new database, and has not ended: nobody could write anywhere.
pub async fn new_place_takes_writes(state: &State, target: &Session) -> Result<(), Error> {
    match leads_back(state, target).await? {
        false => Ok(()),
        true => Err(SplitError::RollbackHalf { database: target.conninfo().database().to_owned() }.into()),
    }
}

/// What ended a way back, and who takes writes now, as both sides say; a refusal of ours says it itself.
pub async fn and_who_takes_writes(error: Error, ends: &Ends<'_>) -> Error {
    let says_it = match &error {
        Error::Fault(fault) => !matches!(fault.get(), Some(SplitError::Host(_))),
        error => matches!(error, Error::Interrupted),
    };
    if says_it {
        return error;
    }
    let takes = match (fence::strength(ends.source).await, fence::strength(ends.target).await) {
        (Ok(Some(Strength::Sealed)), Ok(None)) => "the new database takes writes, and the old one refuses them",
        (Ok(Some(Strength::Sealed)), Ok(Some(_))) => "both databases refuse writes",
        (Ok(_), Ok(Some(Strength::Sealed))) => "the old database takes writes, and the new one refuses them",
        (Ok(_), Ok(_)) => "both databases take writes",
        _ => "it is unknown which database takes writes (`pgkeep split status --from DSN --to DSN` shows it)",
    };
    SplitError::WayBack { takes, source: Box::new(error) }.into()
}

/// Writes the split's id down at the source.
pub async fn enter(state: &State, source: &Session) -> Result<(), Error> {
    let entered = split_ids::enter(source, &state.id, &state.target_database).await;
    refuse(entered.map_err(at_source("writing the split's id down"))?, source)
}

/// Nothing is left of the split but what its target keeps.
pub async fn leave(state: &State, source: &Session) -> Result<(), Error> {
    split_ids::forget(source, &state.id).await.map_err(at_source("forgetting the split's id"))
}

/// The host forgets a split that its target has forgotten.
pub fn forget(state: &State) {
    if let Some(Memory { folder, split }) = &state.memory {
        folder.forget(&split.id);
    }
}

/// The place of a session's database.
pub async fn place(
    session: &Session,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<Place, Error> {
    Place::of(session).await.map_err(error("identifying the database"))
}

/// # Errors
/// It looks like a copy.
pub fn same(end: &'static str, was: &Place, now: &Place, session: &Session) -> Result<(), Error> {
    let differs = was.differs(now);
    match differs.is_empty() {
        true => Ok(()),
        false => Err(SplitError::Moved { end, database: session.conninfo().database().to_owned(), differs }.into()),
    }
}

/// The record is of a split of another database.
pub fn another(state: &State, target: &Session) -> Error {
    let (database, schemas) = (target.conninfo().database().to_owned(), state.schemas.join(", "));
    SplitError::AnotherSplit { database, source_name: state.source_name.clone(), schemas }.into()
}
