//! `pgkeep split reap`: does at the children what their loose keys would have done. At least once, and no harm if more often: the
//! child commits first, then the log's entries are done with.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::batch::{ReapOptions, Reaper, Trouble};
use super::stored::{Foreign, Pair, between, in_place, without_child};
use super::{Side, SplitError, identity};
use crate::command::Error;
use crate::command::moment::millis;
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::host::Folder;
use crate::command::split::state::{Memory, Phase, State};
use crate::command::split::strangers::refuse;
use crate::command::split::{Moved, whereabouts};
use crate::command::watch::Watch;
use crate::pg::connect::{Session, connect};
use crate::pg::loose::{self, Settled, Stored};
use crate::pg::ours;
use crate::pg::place::Place;

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
    /// Why not all of what happens to the parent is written down, or followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwatched: Option<String>,
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
    /// All was done, and not everything is written down or followed any more.
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
pub async fn reap(options: &ReapOptions, watch: &Watch) -> Result<Reaped, Error> {
    let started = Instant::now();
    watch.set_phase("connecting");
    let source = connect(&options.source, "pgkeep reap").await.map_err(at_source("connecting"))?;
    let target = connect(&options.target, "pgkeep reap").await.map_err(at_target("connecting"))?;
    let ways = [
        Pair { parent: &source, child: &target, log: Side::Source },
        Pair { parent: &target, child: &source, log: Side::Target },
    ];
    let strangers = ours::strangers(&source).await.map_err(at_source("looking for objects of other roles"))?;
    refuse(strangers, &source)?;
    let state = State::look(&target, &options.state).await?.map(|(state, _)| state);
    let phase = state.as_ref().map(|state| state.phase);
    if phase.is_none() && is_target_of(&source, &target, &options.state).await? {
        return Err(Error::Usage {
            what: "--from and --to are swapped".into(),
            hint: Some("--from names the database that was split, --to the one that got its schemas.".into()),
        });
    }
    match phase {
        Some(phase @ Phase::RolledBack) => return Err(SplitError::Over { phase }.into()),
        // Rows of the new place that change before the switch would be taken for written ones.
        Some(phase) if phase < Phase::Switched => return Err(SplitError::TooEarly { phase }.into()),
        _ => {}
    }
    let places = [whereabouts::place(&source, at_source).await?, whereabouts::place(&target, at_target).await?];
    if let Some(Memory { split, .. }) = state.as_ref().and_then(|state| state.memory.as_ref())
        && split.source != Place::default()
        && options.moved == Moved::Refuse
        // Between other databases the log itself says whose it is.
        && split.source.identity() == places[0].identity()
        && split.target.identity() == places[1].identity()
    {
        whereabouts::same("source", &split.source, &places[0], &source)?;
        whereabouts::same("target", &split.target, &places[1], &target)?;
    }
    let (mut reaped, mut elsewhere) = (Vec::new(), Vec::new());
    for pair in &ways {
        let reaper = Reaper { pair, options, settled: settled(pair.log, phase), stop: &watch.stop };
        let (keys, others) = between(pair, reaper.parent_error(), reaper.child_error()).await?;
        in_place(pair, &keys, &places, options.moved).await?;
        elsewhere.extend(
            others.into_iter().map(|Foreign { name, database }| format!("{name} (its rows are in {database})")),
        );
        for stored in keys {
            watch.set_phase(&format!("reaping {}", stored.key.name));
            reaped.push(reaper.key(stored).await?);
        }
    }
    if reaped.is_empty() {
        let databases = [options.source.database().to_owned(), options.target.database().to_owned()];
        return Err(SplitError::NoLooseKeys { databases, elsewhere }.into());
    }
    source.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    let is_done = |key: &KeyReaped| {
        matches!(key.progress, Progressed::Done | Progressed::Taken) && key.orphans == 0 && key.refused.is_empty()
    };
    let ok = reaped.iter().all(is_done);
    Ok(Reaped { ok, keys: reaped, elsewhere, elapsed_ms: millis(started) })
}

/// Whether this database took what the other one gave.
async fn is_target_of(session: &Session, other: &Session, folder: &Folder) -> Result<bool, Error> {
    let Some((state, _)) = State::look(session, folder).await? else { return Ok(false) };
    Ok(state.source == identity(other, at_target).await?)
}

/// As long as a rollback can bring the old rows of a moved child back, it must find what has happened to their parents.
fn settled(log: Side, phase: Option<Phase>) -> Settled {
    match (log, phase) {
        (Side::Source, Some(Phase::Switched)) => Settled::Mark,
        _ => Settled::Forget,
    }
}

impl Reaper<'_> {
    async fn key(&self, stored: Stored) -> Result<KeyReaped, Error> {
        let (unwatched, is_itself) = (stored.unwatched(), stored.estranged.is_none());
        let Stored { mut key, .. } = stored;
        let child = loose::child(self.pair.child, &key).await.map_err(self.child_error()("looking for a table"))?;
        let mut reaped = KeyReaped {
            key: key.name.clone(),
            log: self.pair.log,
            on_delete: key.on_delete.word(),
            on_update: key.on_update.word(),
            progress: Progressed::Done,
            unwatched: None,
            entries: 0,
            deleted: 0,
            updated: 0,
            back: 0,
            orphans: 0,
            refused: Vec::new(),
        };
        let renewed = loose::renew(self.pair.parent, &key).await;
        renewed.map_err(self.parent_error()("making the function of a loose key again"))?;
        // What is not followed keeps no other key back.
        let Some(child) = child else { return Ok(reaped.not_followed(without_child(&key, self.pair.child))) };
        let name = child.table.to_string();
        let of_another = |namesake| {
            format!(
                "its table is now {name}; {namesake} is another table, which it does not follow (docs/split.md says how to change that)"
            )
        };
        if let Some(why) = unwatched.or(child.namesake.map(of_another)) {
            reaped = reaped.not_followed(why);
        }
        if !is_itself {
            return Ok(reaped);
        }
        key.child = child.table;
        if self.settled == Settled::Forget {
            loose::purge(self.pair.parent, &key).await.map_err(self.parent_error()("deleting log entries"))?;
        }
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
                Err(Trouble::Gone(what)) => {
                    let why = match &reaped.unwatched {
                        Some(why) => format!("{why}; {what}"),
                        None => what,
                    };
                    return Ok(reaped.not_followed(why));
                }
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
    }
}

impl KeyReaped {
    fn not_followed(self, why: String) -> Self {
        Self { progress: Progressed::Unwatched, unwatched: Some(why), ..self }
    }
}
