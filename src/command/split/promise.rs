//! What a split's state promises of the fence on both sides, and whether it is so.

use super::ends::End;
use super::state::{Phase, State};
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::fence::{self, Expected, Gap, Strength};
use crate::pg::{sealed, split_ids};

/// What the state promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    Open,
    /// Held by a run that lives, or nothing.
    OpenOrHeld,
    /// A kill may have come between the seal and its record.
    Unsure,
    Sealed,
}

fn promised(phase: Phase, end: End) -> Promise {
    match (phase, end) {
        (Phase::Created | Phase::Copying, End::Source) => Promise::OpenOrHeld,
        (Phase::Proven, End::Source) => Promise::Unsure,
        (Phase::Sealed | Phase::Switched | Phase::Quarantined, End::Source) => Promise::Sealed,
        (Phase::RolledBack, End::Target) => Promise::Sealed,
        _ => Promise::Open,
    }
}

/// What of the fence is not as the state promises; nothing where it is.
pub async fn broken(state: &State, session: &Session, end: End) -> Result<Vec<Gap>, pg::Error> {
    let promise = promised(state.phase, end);
    let strength = fence::strength(session).await?;
    match (promise, strength) {
        (Promise::Sealed, _) | (Promise::Unsure, Some(Strength::Sealed)) => {}
        (_, None) | (Promise::OpenOrHeld | Promise::Unsure, Some(Strength::Held)) => return Ok(Vec::new()),
        // The source of one split may be the target of another, which is not looked at here.
        (_, Some(Strength::Held)) => {
            return Ok(vec![Gap::Other("writes are refused while another split runs".to_owned())]);
        }
        (_, Some(Strength::Sealed)) => {
            return Ok(vec![Gap::Other(unpromised(session, leads_to(state, end)).await?)]);
        }
    }
    // Under their old names or under the new ones: a kill may have come in between.
    let aside = state.quarantined.iter().map(|(_, to)| to);
    let mut schemas: Vec<String> = state.schemas.iter().chain(aside).cloned().collect();
    if end == End::Source {
        // Or under a name that somebody else has given them.
        schemas.extend(sealed::spaces(session).await?.into_iter().filter_map(|space| space.now));
    }
    let tables = fence::tables(session, &schemas).await?;
    let bodies = [fence::body(leads_to(state, end))];
    let of_rows = state.fence_of_rows;
    fence::is_intact(session, &Expected { strength: Strength::Sealed, bodies: &bodies, tables: &tables, of_rows }).await
}

/// The same in words.
pub async fn broken_in_words(state: &State, session: &Session, end: End) -> Result<Vec<String>, pg::Error> {
    Ok(broken(state, session, end).await?.iter().map(ToString::to_string).collect())
}

/// The database to which this split's fence at one end sends writers.
fn leads_to(state: &State, end: End) -> &str {
    match end {
        End::Source => &state.target_database,
        End::Target => &state.source_database,
    }
}

/// Whose a fence is that this split did not leave.
async fn unpromised(session: &Session, destination: &str) -> Result<String, pg::Error> {
    if !fence::leads_to(session, destination).await? {
        for (id, target) in split_ids::all(session).await? {
            if fence::leads_to(session, &target).await? {
                return Ok(format!("the fence there belongs to another split ({id}, into the database {target})"));
            }
        }
    }
    Ok("it refuses writes, but should not".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_is_sealed_once_the_split_counts_and_never_both() {
        use Phase::*;
        for phase in [Created, Copying, Proven, Sealed, Switched, RolledBack, Quarantined, Finished] {
            let sealed = [End::Source, End::Target].map(|end| promised(phase, end) == Promise::Sealed);
            assert_ne!(sealed, [true, true], "{phase}");
            assert_eq!(sealed.contains(&true), !matches!(phase, Created | Copying | Proven | Finished), "{phase}");
        }
    }
}
