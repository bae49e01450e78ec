//! `pgkeep split reap`: does at the children what their loose keys would have done. At least once, and no harm if more often: the
//! child commits first, then the log's entries are done with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::stored::{Foreign, Pair, between};
use super::{Side, SplitError};
use crate::command::Error;
use crate::command::progress::Progress;
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::state::{Phase, State};
use crate::pg;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::pg::loose::{self, Effect, Entry, Happened, Key, Settled, Stored, Watch};
use crate::stop::Stop;

pub struct ReapOptions {
    pub source: Conninfo,
    pub target: Conninfo,
    /// How many entries are done in one transaction.
    pub batch: u32,
    /// For each lock; 0 waits for ever.
    pub lock_timeout_ms: u64,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Reaped {
    /// Every entry was done, and no row refers to nothing.
    pub ok: bool,
    pub keys: Vec<KeyReaped>,
    /// Loose keys of either database that lead to a third one.
    pub elsewhere: Vec<String>,
    pub elapsed_ms: u64,
}

/// What became of one key's log.
#[derive(Debug, Serialize)]
pub struct KeyReaped {
    pub key: String,
    pub log: Side,
    pub on_delete: &'static str,
    pub on_update: &'static str,
    pub progress: Progressed,
    /// Entries that were read.
    pub entries: u64,
    /// Rows of the child.
    pub deleted: u64,
    pub updated: u64,
    /// Entries whose key the parent has again: nothing was done for them.
    pub back: u64,
    /// Rows of the child that refer to nothing, and for which the key has no action, or whose default refers to nothing.
    pub orphans: u64,
    /// Entries that the child's database refused; they stay in the log.
    pub refused: Vec<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progressed {
    Done,
    /// Another reaper is at it.
    Taken,
    /// Locks were not had in time; what is left waits for the next time.
    Postponed,
    /// All was done, and nothing writes the log any more: its trigger is gone or disabled.
    Unwatched,
}

#[derive(Debug, Serialize)]
pub struct Refusal {
    /// The key that is gone, column by column.
    pub gone: Vec<Option<String>>,
    pub error: String,
}

const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// # Errors
/// No loose key is between the two databases; the split is not so far; either database.
pub async fn reap(options: &ReapOptions, progress: &Arc<Progress>, stop: &Stop) -> Result<Reaped, Error> {
    let started = Instant::now();
    progress.set_phase("connecting");
    let source = connect(&options.source, "pgkeep reap").await.map_err(at_source("connecting"))?;
    let target = connect(&options.target, "pgkeep reap").await.map_err(at_target("connecting"))?;
    let ways = [
        Pair { parent: &source, child: &target, log: Side::Source },
        Pair { parent: &target, child: &source, log: Side::Target },
    ];
    let phase = State::load(&target).await?.map(|state| state.phase);
    match phase {
        Some(phase @ Phase::RolledBack) => return Err(SplitError::Over { phase }.into()),
        // Rows of the new place that change before the switch would be taken for written ones.
        Some(phase) if phase < Phase::Switched => return Err(SplitError::TooEarly { phase }.into()),
        _ => {}
    }
    let (mut reaped, mut elsewhere) = (Vec::new(), Vec::new());
    for pair in &ways {
        let reaper = Reaper { pair, options, settled: settled(pair.log, phase), stop };
        let (keys, others) = between(pair, reaper.parent_error(), reaper.child_error()).await?;
        elsewhere.extend(others.into_iter().map(|Foreign { name, database }| format!("{name} (its rows are in {database})")));
        for stored in keys {
            progress.set_phase(&format!("reaping {}", stored.key.name));
            reaped.push(reaper.key(stored).await?);
        }
    }
    if reaped.is_empty() {
        let databases = [options.source.database().to_owned(), options.target.database().to_owned()];
        return Err(SplitError::NoLooseKeys { databases, elsewhere }.into());
    }
    source.close().await.map_err(at_source("the end of the session"))?;
    target.close().await.map_err(at_target("the end of the session"))?;
    let is_done = |key: &KeyReaped| {
        matches!(key.progress, Progressed::Done | Progressed::Taken) && key.orphans == 0 && key.refused.is_empty()
    };
    let ok = reaped.iter().all(is_done);
    Ok(Reaped { ok, keys: reaped, elsewhere, elapsed_ms: started.elapsed().as_millis() as u64 })
}

/// As long as a rollback can bring the old rows of a moved child back, it must find what has happened to their parents.
fn settled(log: Side, phase: Option<Phase>) -> Settled {
    match (log, phase) {
        (Side::Source, Some(Phase::Switched)) => Settled::Mark,
        _ => Settled::Forget,
    }
}

struct Reaper<'a> {
    pair: &'a Pair<'a>,
    options: &'a ReapOptions,
    settled: Settled,
    stop: &'a Stop,
}

type Place = fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>;

/// What one transaction has come to.
struct Batch {
    entries: u64,
    last: i64,
    deleted: u64,
    updated: u64,
    back: u64,
    orphans: u64,
    /// Keys that have left orphans.
    left: Vec<Vec<Option<String>>>,
}

/// Why one has come to nothing. Both sides were rolled back.
enum Trouble {
    Taken,
    /// A lock, a deadlock, or a row that changed meanwhile.
    Again,
    /// What the child's database says against it: a constraint, a trigger.
    Refused { entries: Vec<Entry>, error: String },
    Failed(Error),
}

impl Reaper<'_> {
    fn parent_error(&self) -> Place {
        if self.pair.log == Side::Source { at_source } else { at_target }
    }

    fn child_error(&self) -> Place {
        if self.pair.log == Side::Source { at_target } else { at_source }
    }

    async fn key(&self, stored: Stored) -> Result<KeyReaped, Error> {
        let Stored { mut key, watch, .. } = stored;
        let database = || self.pair.child.conninfo().database().to_owned();
        let child = loose::child(self.pair.child, &key).await.map_err(self.child_error()("looking for a table"))?;
        key.child = child.ok_or_else(|| SplitError::NoChild { key: key.name.clone(), database: database() })?;
        if self.settled == Settled::Forget {
            loose::purge(self.pair.parent, &key).await.map_err(self.parent_error()("forgetting log entries"))?;
        }
        let mut reaped = KeyReaped {
            key: key.name.clone(),
            log: self.pair.log,
            on_delete: key.on_delete.word(),
            on_update: key.on_update.word(),
            progress: if watch == Watch::Kept { Progressed::Done } else { Progressed::Unwatched },
            entries: 0,
            deleted: 0,
            updated: 0,
            back: 0,
            orphans: 0,
            refused: Vec::new(),
        };
        // Entries that stay in the log are passed over; the same key is counted once.
        let (mut after, mut one_by_one_until, mut attempts) = (0, 0, 0);
        let mut left = BTreeSet::new();
        loop {
            if self.stop.is_set() {
                return Err(Error::Interrupted);
            }
            let limit = if after < one_by_one_until { 1 } else { self.options.batch };
            match self.batch(&key, after, limit, &left).await {
                Ok(None) => return Ok(reaped),
                Ok(Some(batch)) => {
                    reaped.entries += batch.entries;
                    reaped.deleted += batch.deleted;
                    reaped.updated += batch.updated;
                    reaped.back += batch.back;
                    reaped.orphans += batch.orphans;
                    left.extend(batch.left);
                    (after, attempts) = (batch.last, 0);
                }
                Err(Trouble::Taken) => return Ok(KeyReaped { progress: Progressed::Taken, ..reaped }),
                Err(Trouble::Again) => {
                    attempts += 1;
                    if attempts == ATTEMPTS {
                        return Ok(KeyReaped { progress: Progressed::Postponed, ..reaped });
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(Trouble::Refused { entries, error }) => match &entries[..] {
                    // One bad entry must not keep the others back.
                    [.., last] if entries.len() > 1 => one_by_one_until = last.entry,
                    [only] => {
                        reaped.entries += 1;
                        reaped.refused.push(Refusal { gone: only.gone.clone(), error });
                        (after, attempts) = (only.entry, 0);
                    }
                    _ => return Ok(reaped),
                },
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
    }

    /// One transaction at each side. None: there is nothing more.
    async fn batch(
        &self,
        key: &Key,
        after: i64,
        limit: u32,
        left: &BTreeSet<Vec<Option<String>>>,
    ) -> Result<Option<Batch>, Trouble> {
        let done = self.try_batch(key, after, limit, left).await;
        if !matches!(done, Ok(Some(_))) {
            loose::roll_back(self.pair.child).await;
            loose::roll_back(self.pair.parent).await;
        }
        done
    }

    async fn try_batch(
        &self,
        key: &Key,
        after: i64,
        limit: u32,
        left: &BTreeSet<Vec<Option<String>>>,
    ) -> Result<Option<Batch>, Trouble> {
        let Pair { parent, child, .. } = *self.pair;
        let at_parent = |what: &'static str| move |error| self.trouble(error, self.parent_error(), what);
        let at_child = |what: &'static str| move |error| self.trouble(error, self.child_error(), what);
        let wait = self.options.lock_timeout_ms;
        loose::begin(parent, "READ COMMITTED", wait).await.map_err(at_parent("reading the log"))?;
        if !loose::take(parent, key).await.map_err(at_parent("reading the log"))? {
            return Err(Trouble::Taken);
        }
        let entries = loose::entries(parent, key, after, limit).await.map_err(at_parent("reading the log"))?;
        let Some(last) = entries.last().map(|entry| entry.entry) else { return Ok(None) };

        // The rows first, then whether their keys are back. A key that somebody makes again after it was asked for is referred to by
        // rows that are not in the child's snapshot; the rows that are have referred to nothing.
        loose::begin(child, "REPEATABLE READ", wait).await.map_err(at_child("reaping"))?;
        let refused = |error: pg::Error| match is_refusal(&error) {
            true => Trouble::Refused { entries: entries.clone(), error: told(&error) },
            false => self.trouble(error, self.child_error(), "reaping"),
        };
        let gone: Vec<_> = entries.iter().map(|entry| entry.gone.clone()).collect();
        loose::lock(child, key, &gone).await.map_err(refused)?;
        let existing = loose::existing(parent, key, &gone).await.map_err(at_parent("asking which keys are back"))?;
        let existing: BTreeSet<usize> = existing.into_iter().collect();
        let absent: Vec<&Entry> =
            entries.iter().enumerate().filter(|(place, _)| !existing.contains(place)).map(|(_, entry)| entry).collect();

        let mut batch = Batch { entries: entries.len() as u64, last, deleted: 0, updated: 0, back: existing.len() as u64, orphans: 0, left: Vec::new() };
        let mut done: BTreeSet<i64> = entries.iter().map(|entry| entry.entry).collect();
        let mut refer_now = Vec::new();
        // Deletions that follow each other are one statement; a change is found by the one before it.
        let is_one = |a: &&Entry, b: &&Entry| a.happened == Happened::Delete && b.happened == Happened::Delete;
        for run in absent.chunk_by(is_one) {
            let gone: Vec<_> = run.iter().map(|entry| entry.gone.clone()).collect();
            let Some(effect) = Effect::of(key, run[0].happened, &run[0].become_) else {
                for (place, rows) in loose::rows_left(child, key, &gone).await.map_err(refused)? {
                    if !left.contains(&gone[place]) && !batch.left.contains(&gone[place]) {
                        batch.left.push(gone[place].clone());
                        batch.orphans += rows;
                        done.remove(&run[place].entry);
                    }
                }
                continue;
            };
            let changed = loose::apply(child, key, &effect, &gone).await.map_err(refused)?;
            match effect {
                Effect::Delete => batch.deleted += changed.rows,
                _ => batch.updated += changed.rows,
            }
            refer_now.extend(changed.refer_now);
        }
        let defaults: Vec<_> = refer_now.iter().map(|(now, _)| now.clone()).collect();
        let there = match defaults.is_empty() {
            true => Vec::new(),
            false => loose::existing(parent, key, &defaults).await.map_err(at_parent("asking for default keys"))?,
        };
        let lost = refer_now.iter().enumerate().filter(|(place, _)| !there.contains(place));
        batch.orphans += lost.map(|(_, (_, rows))| rows).sum::<u64>();

        // A kill here does them once more, to no rows.
        loose::commit(child).await.map_err(refused)?;
        let done: Vec<i64> = done.into_iter().collect();
        loose::settle(parent, key, &done, self.settled).await.map_err(at_parent("ending log entries"))?;
        Ok(Some(batch))
    }

    fn trouble(&self, error: pg::Error, place: Place, what: &str) -> Trouble {
        match error.sqlstate() {
            // lock_not_available, deadlock_detected, serialization_failure
            Some("55P03" | "40P01" | "40001") => Trouble::Again,
            _ => Trouble::Failed(place(what)(error)),
        }
    }
}

/// In the server's words.
fn told(error: &pg::Error) -> String {
    let message = error.server_message();
    message.map_or_else(|| error.to_string(), |message| [Some(message.message.clone()), message.detail.clone()].into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// Integrity constraints, data exceptions, what triggers raise, WITH CHECK OPTION.
fn is_refusal(error: &pg::Error) -> bool {
    error.sqlstate().is_some_and(|state| ["23", "22", "P0", "44"].contains(&&state[..2]))
}
