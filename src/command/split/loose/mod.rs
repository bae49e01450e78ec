//! Foreign keys that become loose: made before the source is sealed or with it, taken away on the way back, reaped for ever after.

mod back;
mod batch;
mod follow;
mod key;
mod reap;
mod reaped;
mod stored;

pub(super) use back::{AtReturn, Left, at_return, not_replayed, to_replay};
pub use batch::ReapOptions;
pub use key::{LooseKey, NotReplayed, Side};
pub use reap::reap;
pub use reaped::{KeyReaped, Progressed, Reaped, Refusal};
pub use stored::Waits;
pub(super) use stored::{childless, unseen, unwatched, waits};

use super::SplitError;
use super::holding::{at_source, at_target};
use super::plan::Planned;
use super::state::{Memory, State};
use crate::command::Error;
use crate::pg::connect::Session;
use crate::pg::loose::{self, Key, Unfit, Within};
use crate::pg::split_state;
use crate::split::{Action, Direction};

/// What the source says of the keys that the plan makes loose, while it still has them.
///
/// # Errors
/// A key that nothing can take the place of.
pub async fn describe(source: &Session, planned: &Planned) -> Result<Vec<LooseKey>, Error> {
    let mut last = loose::last_number(source).await.map_err(at_source("reading the list of loose keys"))?;
    let mut keys = Vec::new();
    for crossing in planned.plan.crossing_keys().filter(|crossing| crossing.action == Action::Loose) {
        let Some(oid) = crossing.constraint else { continue };
        // Numbers that neither database has yet: the target has none.
        last += 1;
        let described = loose::describe(source, oid, last).await.map_err(at_source("reading a foreign key"))?;
        let key = described.map_err(|unfit| unfit_key(&crossing.key, unfit))?;
        let log = match crossing.direction {
            Direction::MovingNeedsStaying => Side::Source,
            Direction::StayingNeedsMoving => Side::Target,
        };
        keys.push(LooseKey { log, key });
    }
    Ok(keys)
}

fn unfit_key(key: &str, unfit: Unfit) -> Error {
    let why = match unfit {
        Unfit::Period => "compares periods, but loose keys compare values",
        Unfit::NotEnforced => "is not enforced, but a loose key would be",
    };
    Error::Usage {
        what: format!("the foreign key {key} {why}"),
        hint: Some("Nothing was touched. Choose `drop` for it in --boundary-file.".into()),
    }
}

/// Makes the keys whose parent has moved, in the target, which nobody writes yet; the source's session is in the fence's transaction. Both databases must know what the keys compare
/// with; a database that does not would be found out by the first reaper, months later.
pub async fn make_ready(state: &State, source: &Session, target: &Session) -> Result<(), Error> {
    for LooseKey { log, key } in &state.ties.loose {
        match log {
            Side::Source => {
                let key = Key { child: moved(state, &key.child), ..key.clone() };
                loose::check(target, &key, Within::One).await.map_err(at_target("trying a loose key"))?
            }
            Side::Target => {
                loose::check(source, key, Within::Another).await.map_err(at_source("trying a loose key"))?
            }
        }
    }
    let keys: Vec<Key> = of(state, Side::Target)
        .into_iter()
        .map(|key| Key { parent: moved(state, &key.parent), ..key.clone() })
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<&Key> = keys.iter().collect();
    let sql = match &state.memory {
        Some(Memory { split, .. }) => loose::install(&keys, &split.target, &split.source, &state.source_database),
        None => return Ok(()),
    };
    let made = target.client().batch_execute(&format!("BEGIN;\n{sql}COMMIT")).await;
    made.map_err(|error| at_target("making loose keys")(target.fault("making loose keys", error)))
}

/// Statements that make the keys whose parent stays, for the transaction that seals the source and drops the real ones: no deletion
/// falls between.
pub async fn at_seal(state: &State, target: &Session) -> Result<String, Error> {
    let Some(Memory { split, .. }) = &state.memory else { return Ok(String::new()) };
    let mut keys = Vec::new();
    for key in of(state, Side::Source) {
        // Its child is the copy.
        let by_name = Key { child: moved(state, &key.child), ..key.clone() };
        let child = loose::child(target, &by_name).await.map_err(at_target("looking for a table"))?;
        keys.push(Key { child: child.map_or(by_name.child, |child| child.table), ..by_name });
    }
    let keys: Vec<&Key> = keys.iter().collect();
    Ok(loose::install(&keys, &split.source, &split.target, target.conninfo().database()))
}

/// The table as the target has it: the one that was proven there, where that is known.
fn moved(state: &State, table: &loose::Table) -> loose::Table {
    let known = state.new_tables.iter().flat_map(|new| &new.tables);
    let mut known = known.filter(|new| (&new.schema, &new.name) == (&table.schema, &table.name));
    loose::Table { oid: known.next().map(|new| new.oid), ..table.clone() }
}

/// Takes the keys away whose parent had moved: the target is sealed, and nothing is written down there any more.
pub async fn take_away(state: &State, target: &Session) -> Result<(), Error> {
    let sql = loose::forget(&of(state, Side::Target));
    let gone = target.client().batch_execute(&sql).await;
    gone.map_err(|error| at_target("taking loose keys away")(target.fault("taking loose keys away", error)))
}

fn of(state: &State, side: Side) -> Vec<&Key> {
    state.ties.loose.iter().filter(|loose| loose.log == side).map(|loose| &loose.key).collect()
}

async fn identity(
    session: &Session,
    error: impl Fn(&str) -> Box<dyn FnOnce(crate::pg::Error) -> Error>,
) -> Result<String, Error> {
    split_state::identity(session).await.map_err(error("identifying the database"))
}
