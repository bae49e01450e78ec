//! The loose keys that two databases have between them, and what waits in their logs.

use serde::Serialize;

use super::{Side, SplitError, identity};
use crate::command::Error;
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::state::State;
use crate::command::split::{Moved, whereabouts};
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::loose::{self, Key, Stored};
use crate::pg::place::Place as Where;

/// What of a key's log nobody has reaped yet.
#[derive(Debug, Serialize)]
pub struct Waits {
    pub key: String,
    /// Where the log is.
    pub log: Side,
    /// None: the log is in the old database, which was not named.
    pub entries: Option<u64>,
    pub oldest_seconds: Option<u64>,
    /// Why not all of what happens to the parent is written down, or followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwatched: Option<String>,
}

/// What waits in this database's logs.
pub(in crate::command::split) async fn waits(
    session: &Session,
    log: Side,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<Vec<Waits>, Error> {
    let waiting = loose::waiting(session).await.map_err(error("reading the log of loose keys"))?;
    let unwatched = unwatched(session, &error).await?;
    let waits = waiting.into_iter().map(|waiting| Waits {
        unwatched: unwatched.iter().find(|(key, _)| *key == waiting.key).map(|(_, why)| why.clone()),
        key: waiting.key,
        log,
        entries: Some(waiting.entries),
        oldest_seconds: waiting.oldest_seconds,
    });
    Ok(waits.collect())
}

/// Keys of this database's list of which not everything is written down, and why.
pub(in crate::command::split) async fn unwatched(
    session: &Session,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<Vec<(String, String)>, Error> {
    let stored = loose::keys(session).await.map_err(error("reading the list of loose keys"))?;
    Ok(stored
        .into_iter()
        .filter_map(|stored| Some((stored.unwatched()?, stored)).map(|(why, stored)| (stored.key.name, why)))
        .collect())
}

/// Keys between the two databases whose child is gone, on either side, and what is said of them.
pub(in crate::command::split) async fn childless(
    source: &Session,
    target: &Session,
) -> Result<Vec<(String, String)>, Error> {
    type At = fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>;
    let identities = (identity(source, at_source).await?, identity(target, at_target).await?);
    let ways: [(&Session, &Session, At, At, &String, &String); 2] = [
        (source, target, at_source, at_target, &identities.0, &identities.1),
        (target, source, at_target, at_source, &identities.1, &identities.0),
    ];
    let mut childless = Vec::new();
    for (parent, child, parent_error, child_error, here, there) in ways {
        let stored = loose::keys(parent).await.map_err(parent_error("reading the list of loose keys"))?;
        for Stored { key, .. } in
            stored.into_iter().filter(|stored| stored.parent_identity == *here && stored.child_identity == *there)
        {
            if loose::child(child, &key).await.map_err(child_error("looking for a table"))?.is_none() {
                childless.push((key.name.clone(), without_child(&key, child)));
            }
        }
    }
    Ok(childless)
}

/// Why a key is not followed whose child this database has not.
pub(super) fn without_child(key: &Key, child: &Session) -> String {
    format!(
        "the database {} has no table {} that the key was made for: where another one takes its place, UPDATE pgkeep_loose.keys SET child_relation = NULL, with its name in child_schema and child_table; where it is gone for good, docs/loose.md says how to take the key away",
        child.conninfo().database(),
        key.child
    )
}

/// Keys whose log is in the old database, which nobody looked into.
pub(in crate::command::split) fn unseen(state: &State) -> Vec<Waits> {
    let keys = state.ties.loose.iter().filter(|loose| loose.log == Side::Source);
    let waits = |loose: &super::LooseKey| Waits {
        key: loose.key.name.clone(),
        log: Side::Source,
        entries: None,
        oldest_seconds: None,
        unwatched: None,
    };
    keys.map(waits).collect()
}

pub(super) type Place = fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>;

/// One direction: the database with the log and the one with the children. Of keys that have come home both are the old one.
pub(super) struct Pair<'a> {
    pub parent: &'a Session,
    pub child: &'a Session,
    pub log: Side,
    /// Where the children are.
    pub rows: Side,
}

impl Pair<'_> {
    pub fn parent_error(&self) -> Place {
        if self.log == Side::Source { at_source } else { at_target }
    }

    pub fn child_error(&self) -> Place {
        if self.rows == Side::Source { at_source } else { at_target }
    }
}

/// A key that leads from one of the databases to a third one, or that was made elsewhere.
pub(super) struct Foreign {
    pub name: String,
    pub database: String,
}

/// The keys of this direction, and those that are not between these two databases.
pub(super) async fn between(pair: &Pair<'_>) -> Result<(Vec<Stored>, Vec<Foreign>), Error> {
    let (parent_error, child_error) = (pair.parent_error(), pair.child_error());
    let (here, there) = (identity(pair.parent, parent_error).await?, identity(pair.child, child_error).await?);
    let stored = loose::keys(pair.parent).await.map_err(parent_error("reading the list of loose keys"))?;
    let (own, others): (Vec<Stored>, Vec<Stored>) =
        stored.into_iter().partition(|stored| stored.parent_identity == here && stored.child_identity == there);
    // The log came here with a copy of its database: its children are in use by another one.
    if let Some(copy) = others.iter().find(|stored| stored.parent_identity != here && stored.child_identity == there) {
        let database = pair.parent.conninfo().database().to_owned();
        return Err(SplitError::LogCopied {
            key: copy.key.name.clone(),
            database,
            was: copy.parent_identity.clone(),
            is: here,
        }
        .into());
    }
    let others = others.into_iter().filter(|stored| !(stored.is_home() && stored.parent_identity == here));
    let others = others.map(|stored| Foreign { name: stored.key.name, database: stored.child_database });
    Ok((own, others.collect()))
}

/// Whether the log and the rows that it is about are where they were: a copy has the same identity, and its log is about rows that the
/// original uses. Where both are now is kept.
///
/// # Errors
/// One of them looks like a copy.
pub(super) async fn in_place(
    pair: &Pair<'_>,
    keys: &[Stored],
    [source, target]: &[Where; 2],
    moved: Moved,
) -> Result<(), Error> {
    let at = |side| if side == Side::Source { (source, "source") } else { (target, "target") };
    let ((parent, parent_end), (child, child_end)) = (at(pair.log), at(pair.rows));
    for stored in keys.iter().filter(|_| moved == Moved::Refuse) {
        if let Some(was) = &stored.parent_place {
            whereabouts::same(parent_end, was, parent, pair.parent)?;
        }
        if let Some(was) = &stored.child_place {
            whereabouts::same(child_end, was, child, pair.child)?;
        }
    }
    let is_kept =
        |stored: &&Stored| stored.parent_place.as_ref() == Some(parent) && stored.child_place.as_ref() == Some(child);
    let elsewhere: Vec<i32> = keys.iter().filter(|stored| !is_kept(stored)).map(|stored| stored.key.number).collect();
    if elsewhere.is_empty() {
        return Ok(());
    }
    let kept = loose::keep_places(pair.parent, &elsewhere, parent, child).await;
    kept.map_err(pair.parent_error()("recording where the databases are"))
}
