//! What `split reap` does for one key, in sessions of its own: code of its tables' owners, which it calls, may end a session, keep it for
//! ever, or leave something in it. No other key's work is to feel that.

use std::collections::BTreeSet;
use std::time::Duration;

use super::batch::{ReapOptions, Reaper, Trouble};
use super::reaped::{KeyReaped, Progressed, Refusal};
use super::stored::{Pair, without_child};
use crate::command::Error;
use crate::command::split::apart::{Came, reason, within};
use crate::command::watch::Watch;
use crate::pg::connect::connect;
use crate::pg::fence::Holder;
use crate::pg::loose::{self, Settled, Stored};

/// As the sessions of a reaper call themselves.
pub(super) const REAPER: &str = "pgkeep reap";
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// Who reaps, and how.
pub(super) struct Follow<'a> {
    /// Sessions in which no code of users runs.
    pub pair: &'a Pair<'a>,
    pub options: &'a ReapOptions,
    pub settled: Settled,
    pub watch: &'a Watch,
}

impl Follow<'_> {
    /// # Errors
    /// One of the databases cannot be reached; an interruption. What else ends the work is the key's, and is reported.
    pub async fn key(&self, stored: Stored) -> Result<KeyReaped, Error> {
        let Self { pair, options, settled, watch } = *self;
        let (parent_error, child_error) = (pair.parent_error(), pair.child_error());
        let parent = connect(pair.parent.conninfo(), REAPER).await.map_err(parent_error("connecting"))?;
        let child = connect(pair.child.conninfo(), REAPER).await.map_err(child_error("connecting"))?;
        let keeper = connect(pair.parent.conninfo(), REAPER).await.map_err(parent_error("connecting"))?;
        let own = Pair { parent: &parent, child: &child, ..*pair };
        let reaper = Reaper { pair: &own, keeper: &keeper, options, settled, stop: &watch.stop };
        let mut reaped = KeyReaped::begun(&stored.key, pair.log);
        let key = stored.is_home().then(|| stored.key.clone());
        let work = reaper.key(stored, &mut reaped);
        let failed = match within(options.key_timeout, &watch.stop, &[&parent, &child], work).await {
            Came::Stopped | Came::Done(Err(Error::Interrupted)) => return Err(Error::Interrupted),
            Came::Done(done) => done.err().map(|error| reason(&error)),
            Came::TooLate => {
                let seconds = options.key_timeout.unwrap_or_default().as_secs();
                Some(format!("it was not done within {seconds} s, and its sessions were ended"))
            }
        };
        // They may have been ended.
        let _ = (parent.close().await, child.close().await, keeper.close().await);
        if let Some(reason) = failed {
            // A server that is gone is no fault of the key.
            let is_there = "looking whether the database is there";
            pair.parent.run(is_there, "SELECT").await.map_err(parent_error(is_there))?;
            pair.child.run(is_there, "SELECT").await.map_err(child_error(is_there))?;
            reaped.ended(Progressed::Failed, reason, to_mend(&reaped.child));
        }
        if let Some(key) = key.filter(|_| reaped.is_done() && reaped.progress == Progressed::Done) {
            // Its foreign key is there again: nothing more is written down.
            let forgotten = pair.parent.run("taking a loose key away", &loose::forget(&[&key])).await;
            forgotten.map_err(parent_error("taking a loose key away"))?;
            reaped.to_do = key.validation().map(|check| format!("its rows can be checked now: {check}"));
        }
        Ok(reaped)
    }
}

/// Of a key whose work has ended before its end.
pub(super) fn to_mend(child: &str) -> String {
    format!(
        "what is left stays in the log. Look at what is called when {child} is changed (its triggers, first of all; ALTER TABLE ... DISABLE TRIGGER), then run `pgkeep split reap` again"
    )
}

/// Of a key whose tables had other names each time that they were looked for.
fn exchanged(child: &str) -> String {
    format!(
        "what is left stays in the log. Look at who renames tables or schemas of the key, at {child} and at its parent, then run `pgkeep split reap` again"
    )
}

fn held(holders: &[Holder], database: &str) -> (String, String) {
    let who: Vec<String> = holders.iter().map(ToString::to_string).collect();
    let end: Vec<String> = holders.iter().map(Holder::end).collect();
    (
        format!("its advisory lock is held by {}, which is no reaper", who.join(", ")),
        format!("end that session in the database {database} ({}), then run `pgkeep split reap` again", end.join("; ")),
    )
}

impl Reaper<'_> {
    async fn key(&self, stored: Stored, reaped: &mut KeyReaped) -> Result<(), Error> {
        let (unwatched, is_itself) = (stored.unwatched(), stored.estranged.is_none());
        let Stored { mut key, .. } = stored;
        let child = loose::child(self.pair.child, &key).await;
        let child = child.map_err(self.pair.child_error()("looking for a table"))?;
        let renewed = loose::renew(self.pair.parent, &key).await;
        renewed.map_err(self.pair.parent_error()("making the function of a loose key again"))?;
        // What is not followed keeps no other key back.
        let Some(child) = child else {
            reaped.not_followed(without_child(&key, self.pair.child));
            return Ok(());
        };
        let name = child.table.to_string();
        let of_another = |namesake| {
            format!(
                "its table is now {name}; {namesake} is another table, which it does not follow (docs/split.md says how to change that)"
            )
        };
        if let Some(why) = unwatched.or(child.namesake.map(of_another)) {
            reaped.not_followed(why);
        }
        if !is_itself {
            return Ok(());
        }
        reaped.child = name;
        key.child = child.table;
        if self.settled == Settled::Forget {
            let purged = loose::purge(self.pair.parent, &key).await;
            purged.map_err(self.pair.parent_error()("deleting log entries"))?;
        }
        self.batches(&key, reaped).await
    }

    async fn batches(&self, key: &loose::Key, reaped: &mut KeyReaped) -> Result<(), Error> {
        // Entries that stay in the log are passed over; the same key is counted once.
        let (mut after, mut one_by_one_until, mut attempts) = (0, 0, 0);
        let mut left = BTreeSet::new();
        loop {
            if self.stop.is_set() {
                return Err(Error::Interrupted);
            }
            let limit = if after < one_by_one_until { 1 } else { self.options.batch };
            match self.batch(key, after, limit, &left).await {
                Ok(None) => return Ok(()),
                Ok(Some(batch)) => {
                    reaped.entries += batch.entries;
                    reaped.deleted += batch.deleted;
                    reaped.updated += batch.updated;
                    reaped.back += batch.back;
                    reaped.orphans += batch.orphans;
                    left.extend(batch.left);
                    (after, attempts) = (batch.last, 0);
                }
                Err(Trouble::Taken) => {
                    reaped.progress = Progressed::Taken;
                    return Ok(());
                }
                Err(Trouble::Held(holders)) => {
                    let (reason, to_do) = held(&holders, self.pair.parent.conninfo().database());
                    reaped.ended(Progressed::Held, reason, to_do);
                    return Ok(());
                }
                Err(Trouble::Another(_)) if attempts + 1 < ATTEMPTS => attempts += 1,
                Err(Trouble::Another(why)) => {
                    reaped.ended(Progressed::Failed, why, exchanged(&reaped.child));
                    return Ok(());
                }
                Err(Trouble::Again) => {
                    attempts += 1;
                    if attempts == ATTEMPTS {
                        reaped.progress = Progressed::Postponed;
                        return Ok(());
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(Trouble::Refused { entries, error }) => match &entries[..] {
                    // One bad entry must not keep the others back.
                    [.., last] if entries.len() > 1 => one_by_one_until = last.entry,
                    [only] => {
                        reaped.refuses(Refusal { gone: only.gone.clone(), error });
                        (after, attempts) = (only.entry, 0);
                    }
                    _ => return Ok(()),
                },
                Err(Trouble::Gone(what)) => {
                    reaped.not_followed(what);
                    return Ok(());
                }
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
    }
}
