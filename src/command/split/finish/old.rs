//! Which schemas the old ones are: those that were sealed, by their OIDs, whatever has their names by now.

use std::collections::BTreeSet;

use super::FinishOptions;
use crate::command::Error;
use crate::command::split::SplitError;
use crate::command::split::holding::at_source;
use crate::command::split::state::{Phase, State};
use crate::pg::connect::Session;
use crate::pg::quarantine::{self, Named, Renamed};
use crate::pg::sealed;
use crate::split::bridge::cut;

/// Takes the OIDs from what was written down in the seal's transaction: a name may have been another's since, also when `finish` put them
/// aside. Where an earlier program sealed it, they are those of its record, or else of the names.
pub async fn know(state: &mut State, source: &Session) -> Result<(), Error> {
    let failed = || at_source("the list of schemas");
    let sealed = sealed::spaces(source).await.map_err(failed())?;
    let oid = |schema: &String| sealed.iter().find(|space| space.was.as_ref() == Some(schema)).map(|space| space.oid);
    if let Some(oids) = state.schemas.iter().map(oid).collect() {
        state.old_oids = oids;
    } else if state.old_oids.len() != state.schemas.len() {
        let aside: Vec<String> = state.quarantined.iter().map(|(_, to)| to.clone()).collect();
        let mut oids = quarantine::oids(source, &aside).await.map_err(failed())?;
        if state.phase == Phase::Switched {
            let before = quarantine::oids(source, &state.schemas).await.map_err(failed())?;
            oids.resize(before.len(), 0);
            // Under its old name there may be one again for the foreign tables, where it went aside.
            oids.iter_mut().zip(before).filter(|(aside, _)| **aside == 0).for_each(|(aside, before)| *aside = before);
        }
        state.old_oids = oids;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    There,
    /// They were put aside, and are gone.
    Dropped,
}

/// # Errors
/// Somebody has given one of them another name: what is done with it, and with its tables, is not known.
pub async fn old_schemas(state: &State, source: &Session) -> Result<Old, Error> {
    let now = names_now(state, source).await?;
    let aside = |place: usize| state.quarantined.get(place).map(|(_, to)| to);
    let renamed = state.schemas.iter().zip(&now).enumerate().filter_map(|(place, (from, now))| {
        let was = if state.phase == Phase::Switched { from } else { aside(place).unwrap_or(from) };
        let now = now.as_ref().filter(|now| *now != was && Some(*now) != aside(place))?;
        Some((was.clone(), now.clone()))
    });
    let renamed: Vec<Renamed> = renamed.collect();
    if !renamed.is_empty() {
        return Err(SplitError::Renamed { renamed }.into());
    }
    let is_there = state.quarantined.is_empty() || now.iter().any(Option::is_some);
    Ok(if is_there { Old::There } else { Old::Dropped })
}

/// What the old schemas are called now, in the order of the record.
async fn names_now(state: &State, source: &Session) -> Result<Vec<Option<String>>, Error> {
    quarantine::names(source, &state.old_oids).await.map_err(at_source("the list of schemas"))
}

/// Those that somebody has not dropped already, with the names that they were given aside.
pub async fn still_there(state: &State, source: &Session) -> Result<Vec<Named>, Error> {
    let now = names_now(state, source).await?;
    let there = state.quarantined.iter().zip(&state.old_oids).zip(now).filter(|(_, now)| now.is_some());
    Ok(there.map(|(((_, to), oid), _)| Named { oid: *oid, name: to.clone() }).collect())
}

/// Names that nobody has.
fn names_aside(schemas: &[String], suffix: &str, there: &[String]) -> Vec<(String, String)> {
    let mut taken: BTreeSet<String> = there.iter().cloned().collect();
    let mut names = Vec::new();
    for schema in schemas {
        let free = (1..).map(|n| if n == 1 { suffix.to_owned() } else { format!("{suffix}_{n}") });
        let free = free.map(|suffix| cut(schema, 63 - suffix.len()) + &suffix).find(|name| !taken.contains(name));
        let name = free.unwrap_or_default();
        taken.insert(name.clone());
        names.push((schema.clone(), name));
    }
    names
}

/// # Errors
/// One of them has another name than it should, before or in that moment: nothing was renamed then.
pub async fn put_aside(
    options: &FinishOptions,
    state: &mut State,
    there: &[String],
    source: &Session,
    target: &Session,
) -> Result<(), Error> {
    // Where a kill came after they were named, the names stay, also on another day.
    if state.quarantined.is_empty() {
        let suffix = options.now.format("_moved_%Y%m%d").to_string();
        state.quarantined = names_aside(&state.schemas, &suffix, there);
    }
    // An answer takes its time.
    old_schemas(state, source).await?;
    // Named before it is done: a kill in between is found by the names that are there.
    state.save(target).await?;
    let now = names_now(state, source).await?;
    let known = state.old_oids.iter().zip(&state.quarantined).zip(&now);
    // What is gone, or went aside before a kill, is not renamed; what has any other name is, and so is found not to be the one.
    let left = known.filter(|((_, (_, to)), now)| now.as_ref().is_some_and(|now| now != to));
    let left: Vec<(u32, Renamed)> = left.map(|((oid, renamed), _)| (*oid, renamed.clone())).collect();
    let spans = state.ties.bridge.as_ref().map_or(&[][..], |works| &works.spans);
    let others = quarantine::quarantine(source, &left, spans, options.lock_timeout_ms).await;
    let others = others.map_err(at_source("quarantining the old schemas"))?;
    if !others.is_empty() {
        return Err(SplitError::Exchanged { schemas: others }.into());
    }
    state.enter(Phase::Quarantined);
    state.save(target).await
}
