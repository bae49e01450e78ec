//! One batch of a key's log: a transaction at each side.

use std::collections::BTreeSet;
use std::time::Duration;

use super::stored::{Pair, Place};
use crate::command::Error;
use crate::command::split::apart::reason;
use crate::command::split::host::Folder;
use crate::command::split::whereabouts::Moved;
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::Holder;
use crate::pg::loose::{self, Acting, Effect, Entry, Key, Settled, Table};
use crate::stop::Stop;

pub struct ReapOptions {
    pub source: Conninfo,
    pub target: Conninfo,
    /// How many entries are done in one transaction.
    pub batch: u32,
    /// For each lock; 0 waits forever.
    pub lock_timeout_ms: u64,
    /// For all that is done for one key; none: without end.
    pub key_timeout: Option<Duration>,
    /// Where the host remembers the split, if it is this one.
    pub state: Folder,
    pub moved: Moved,
}

pub(super) struct Reaper<'a> {
    pub pair: &'a Pair<'a>,
    /// At the parent's database. It has the key's lock, and runs no code of users: such code could change what the session calls itself, by
    /// which others know a reaper.
    pub keeper: &'a Session,
    pub options: &'a ReapOptions,
    pub settled: Settled,
    pub stop: &'a Stop,
}

/// What one transaction has come to.
pub(super) struct Batch {
    pub entries: u64,
    pub last: i64,
    pub deleted: u64,
    pub updated: u64,
    pub back: u64,
    pub orphans: u64,
    /// Keys that have left orphans.
    pub left: Vec<Vec<Option<String>>>,
}

/// Why one has come to nothing. Both sides were rolled back.
pub(super) enum Trouble {
    /// Another reaper has the key's lock.
    Taken,
    /// Somebody else has it: whoever may connect can take it.
    Held(Vec<Holder>),
    /// A lock, a deadlock, or a row that changed meanwhile.
    Again,
    /// A name meant another table than the key's.
    Another(String),
    /// What the child's database says against it: a constraint, a trigger.
    Refused {
        entries: Vec<Entry>,
        error: String,
    },
    /// What the key compares is there no more, on either side: a table, a column, a type, an operator. In the server's words.
    Gone(String),
    Failed(Error),
}

impl Reaper<'_> {
    /// One transaction at each side. None: there is nothing more.
    pub async fn batch(
        &self,
        key: &Key,
        after: i64,
        limit: u32,
        left: &BTreeSet<Vec<Option<String>>>,
    ) -> Result<Option<Batch>, Trouble> {
        let key = &self.named(key).await?;
        let done = match self.take(key).await {
            Ok(()) => self.try_batch(key, after, limit, left).await,
            Err(trouble) => Err(trouble),
        };
        if !matches!(done, Ok(Some(_))) {
            loose::roll_back(self.pair.child).await;
            loose::roll_back(self.pair.parent).await;
        }
        // After all else: nobody else begins before that is over.
        loose::roll_back(self.keeper).await;
        done
    }

    /// Takes the key's lock, for as long as the keeper's transaction lasts.
    async fn take(&self, key: &Key) -> Result<(), Trouble> {
        let Self { keeper, .. } = *self;
        let what = "taking the lock of a loose key";
        let failed = |error| self.trouble(error, self.pair.parent_error(), what);
        loose::begin(keeper, "READ COMMITTED", self.options.lock_timeout_ms).await.map_err(failed)?;
        if loose::take(keeper, key).await.map_err(failed)? {
            return Ok(());
        }
        let holders = loose::holders(keeper, key).await.map_err(failed)?;
        Err(match holders.is_empty() {
            // It was let go of meanwhile.
            true => Trouble::Again,
            false if holders.iter().any(Holder::is_reaper) => Trouble::Taken,
            false => Trouble::Held(holders),
        })
    }

    /// # Errors
    /// The session that has the lock has ended, and another reaper may be at the key.
    async fn is_kept(&self) -> Result<(), Trouble> {
        let what = "looking whether the lock of a loose key was held all the time";
        self.keeper.run(what, "SELECT").await.map_err(|error| self.trouble(error, self.pair.parent_error(), what))
    }

    async fn try_batch(
        &self,
        key: &Key,
        after: i64,
        limit: u32,
        left: &BTreeSet<Vec<Option<String>>>,
    ) -> Result<Option<Batch>, Trouble> {
        let Pair { parent, child, .. } = *self.pair;
        let at_parent = |what: &'static str| move |error| self.trouble(error, self.pair.parent_error(), what);
        let at_child = |what: &'static str| move |error| self.trouble(error, self.pair.child_error(), what);
        let wait = self.options.lock_timeout_ms;
        loose::begin(parent, "READ COMMITTED", wait).await.map_err(at_parent("reading the log"))?;
        let entries = loose::entries(parent, key, after, limit).await.map_err(at_parent("reading the log"))?;
        let Some(last) = entries.last().map(|entry| entry.entry) else { return Ok(None) };

        // The rows first, then whether their keys are back. A key that somebody makes again after it was asked for is referred to by
        // rows that are not in the child's snapshot; the rows that are have referred to nothing.
        loose::begin(child, "REPEATABLE READ", wait).await.map_err(at_child("reaping"))?;
        let acting = Acting::begin(child, key).await.map_err(at_child("reaping"))?;
        let denied = |error: &pg::Error| acting.superuser && error.sqlstate() == Some("42501");
        let refused = |error: pg::Error| match is_refusal(&error) || denied(&error) {
            true => Trouble::Refused { entries: entries.clone(), error: reason(&error) },
            false => self.trouble(error, self.pair.child_error(), "reaping"),
        };
        let gone: Vec<_> = entries.iter().map(|entry| entry.gone.clone()).collect();
        loose::lock(&acting, child, key, &gone).await.map_err(refused)?;
        let reading =
            Acting::reading(parent, key).await.map_err(at_parent("checking which parent rows exist again"))?;
        let unread =
            |error: pg::Error| match is_refusal(&error) || reading.superuser && error.sqlstate() == Some("42501") {
                true => Trouble::Gone(reason(&error)),
                false => self.trouble(error, self.pair.parent_error(), "checking which parent rows exist again"),
            };
        let existing = loose::existing(parent, key, &reading, &gone).await.map_err(unread)?;
        let existing: BTreeSet<usize> = existing.into_iter().collect();
        let absent: Vec<&Entry> =
            entries.iter().enumerate().filter(|(place, _)| !existing.contains(place)).map(|(_, entry)| entry).collect();

        let mut batch = Batch {
            entries: entries.len() as u64,
            last,
            deleted: 0,
            updated: 0,
            back: existing.len() as u64,
            orphans: 0,
            left: Vec::new(),
        };
        let mut done: BTreeSet<i64> = entries.iter().map(|entry| entry.entry).collect();
        let mut refer_now = Vec::new();
        for run in absent.chunk_by(|a, b| a.happened == b.happened) {
            let gone: Vec<_> = run.iter().map(|entry| entry.gone.clone()).collect();
            let become_ = run.iter().map(|entry| entry.become_.clone()).collect();
            let Some(effect) = Effect::of(key, run[0].happened, become_) else {
                for (place, rows) in loose::rows_left(&acting, child, key, &gone).await.map_err(refused)? {
                    if !left.contains(&gone[place]) && !batch.left.contains(&gone[place]) {
                        batch.left.push(gone[place].clone());
                        batch.orphans += rows;
                        done.remove(&run[place].entry);
                    }
                }
                continue;
            };
            let changed = loose::apply(&acting, child, key, &effect, &gone).await.map_err(refused)?;
            match effect {
                Effect::Delete => batch.deleted += changed.rows,
                _ => batch.updated += changed.rows,
            }
            refer_now.extend(changed.refer_now);
        }
        let defaults: Vec<_> = refer_now.iter().map(|(now, _)| now.clone()).collect();
        let there = match defaults.is_empty() {
            true => Vec::new(),
            false => loose::existing(parent, key, &reading, &defaults).await.map_err(unread)?,
        };
        let lost = refer_now.iter().enumerate().filter(|(place, _)| !there.contains(place));
        batch.orphans += lost.map(|(_, (_, rows))| rows).sum::<u64>();

        reading.end(parent).await.map_err(at_parent("checking which parent rows exist again"))?;
        acting.end(child).await.map_err(at_child("reaping"))?;
        self.is_kept().await?;
        // A kill here does them once more, to no rows.
        loose::commit(child).await.map_err(refused)?;
        let done: Vec<i64> = done.into_iter().collect();
        loose::settle(parent, key, &done, self.settled).await.map_err(at_parent("deleting log entries"))?;
        Ok(Some(batch))
    }

    /// The key with the names that its tables have now: the work of each attempt begins with them.
    async fn named(&self, key: &Key) -> Result<Key, Trouble> {
        let Pair { parent, child, .. } = *self.pair;
        let what = "looking for a table";
        let at_parent = |error| self.trouble(error, self.pair.parent_error(), what);
        let at_child = |error| self.trouble(error, self.pair.child_error(), what);
        let gone = |table: &Table| Trouble::Gone(format!("the table {table} is gone, or no table any more"));
        let now = loose::named(parent, &key.parent).await.map_err(at_parent)?;
        let parent = now.ok_or_else(|| gone(&key.parent))?;
        let child = loose::named(child, &key.child).await.map_err(at_child)?.ok_or_else(|| gone(&key.child))?;
        Ok(Key { parent, child, ..key.clone() })
    }

    fn trouble(&self, error: pg::Error, place: Place, what: &str) -> Trouble {
        match error.sqlstate() {
            _ if loose::is_another(&error) => Trouble::Another(reason(&error)),
            // lock_not_available, deadlock_detected, serialization_failure
            Some("55P03" | "40P01" | "40001") => Trouble::Again,
            // undefined_table, undefined_column, undefined_object, undefined_function, invalid_schema_name
            Some("42P01" | "42703" | "42704" | "42883" | "3F000") => Trouble::Gone(reason(&error)),
            _ => Trouble::Failed(place(what)(error)),
        }
    }
}

/// Integrity constraints, data exceptions, what triggers raise, WITH CHECK OPTION.
fn is_refusal(error: &pg::Error) -> bool {
    error.sqlstate().is_some_and(|state| ["23", "22", "P0", "44"].contains(&&state[..2]))
}
