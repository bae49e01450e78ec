//! Loose keys on the way back: what happened to their parents is done to the old rows of children that had moved.

use std::collections::BTreeMap;

use super::key::{NotReplayed, Side};
use super::of;
use crate::command::Error;
use crate::command::split::holding::at_source;
use crate::command::split::state::State;
use crate::pg::connect::Session;
use crate::pg::loose::{self, Key};

/// Keys, by their numbers, that are not replayed on the way back, and why: code of the child's owner is in its way. What their log says is
/// kept.
pub type Left = BTreeMap<i32, String>;

/// The keys that are to be replayed: their numbers.
pub fn to_replay(state: &State) -> Vec<i32> {
    of(state, Side::Source).iter().map(|key| key.number).collect()
}

/// For the transaction that opens the source again.
pub struct AtReturn {
    /// Statements, with the numbers of their keys: the old rows of children that had moved are brought up to what has happened to their parents since.
    pub replays: Vec<(i32, String)>,
    /// Statements after them: the keys are no more, but for what is left.
    pub rest: String,
    /// The tables that all of them change and read, by the names that these have now.
    pub tables: Vec<(String, String)>,
}

pub async fn at_return(state: &State, source: &Session, left: &Left) -> Result<AtReturn, Error> {
    let keys = of(state, Side::Source);
    let named = loose::named_now(source, &keys).await.map_err(at_source("looking for the tables of loose keys"))?;
    let (kept, replayed): (Vec<&Key>, Vec<&Key>) = named.iter().partition(|key| left.contains_key(&key.number));
    let replays = replayed.into_iter().map(|key| (key.number, loose::replay(key))).collect();
    let gone: Vec<&Key> =
        keys.iter().copied().filter(|key| !kept.iter().any(|kept| kept.number == key.number)).collect();
    let rest = loose::keep(&kept, &keys) + &loose::forget(&gone);
    let tables = named.into_iter().flat_map(|key| [key.parent, key.child]);
    Ok(AtReturn { replays, rest, tables: tables.map(|table| (table.schema, table.name)).collect() })
}

/// Those of the keys that are left whose log is there, once the source is open.
pub async fn not_replayed(state: &State, source: &Session, left: &Left) -> Result<Vec<NotReplayed>, Error> {
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let stored = loose::keys(source).await.map_err(at_source("reading the list of loose keys"))?;
    let waiting = loose::waiting(source).await.map_err(at_source("reading the log of loose keys"))?;
    let (old, new) = (source.conninfo().database(), &state.target_database);
    let one = |(number, reason): (&i32, &String)| {
        let key = &stored.iter().find(|stored| stored.is_home() && stored.key.number == *number)?.key;
        Some(NotReplayed {
            key: key.name.clone(),
            child: key.child.to_string(),
            reason: reason.clone(),
            entries: waiting.iter().find(|waiting| waiting.key == key.name).map_or(0, |waiting| waiting.entries),
            to_do: format!(
                "its log is kept in {old} (pgkeep_loose.log, key {number}). Look at what is called when {} is changed (its triggers, first of all), then `pgkeep split reap` with the database {old} as --from and {new} (or {old} again) as --to",
                key.child
            ),
        })
    };
    Ok(left.iter().filter_map(one).collect())
}
