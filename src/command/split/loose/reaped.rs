//! What `split reap` has come to.

use serde::Serialize;

use super::key::Side;
use crate::pg::loose::Key;

/// So many refusals of a key are told; a child may refuse all that happened for months.
const REFUSALS_MAX: usize = 100;

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
    /// The table that is changed.
    pub child: String,
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
    /// Entries that the child's database refused; they stay in the log. The first 100 of them.
    pub refused: Vec<Refusal>,
    /// How many more there were.
    pub refused_more: u64,
    /// Why the key was not worked on to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the operator can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_do: Option<String>,
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
    /// It ended with `reason`, which is the fault of what the key calls; what is left stays in the log.
    Failed,
    /// Somebody who is no reaper has the key's lock: `reason`.
    Held,
}

#[derive(Debug, Serialize)]
pub struct Refusal {
    /// The key that is gone, column by column.
    pub gone: Vec<Option<String>>,
    pub error: String,
}

impl KeyReaped {
    /// Of a key for which nothing was done yet.
    pub(super) fn begun(key: &Key, log: Side) -> Self {
        Self {
            key: key.name.clone(),
            log,
            child: key.child.to_string(),
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
            refused_more: 0,
            reason: None,
            to_do: None,
        }
    }

    /// All that could be done was done, and no row refers to nothing. Another reaper does what it has taken.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.progress, Progressed::Done | Progressed::Taken) && self.orphans == 0 && self.refused.is_empty()
    }

    pub(super) fn refuses(&mut self, refusal: Refusal) {
        self.entries += 1;
        match self.refused.len() < REFUSALS_MAX {
            true => self.refused.push(refusal),
            false => self.refused_more += 1,
        }
    }

    pub(super) fn not_followed(&mut self, why: String) {
        self.unwatched = Some(match self.unwatched.take() {
            Some(also) => format!("{also}; {why}"),
            None => why,
        });
        self.progress = Progressed::Unwatched;
    }

    pub(super) fn ended(&mut self, progress: Progressed, reason: String, to_do: String) {
        self.progress = progress;
        (self.reason, self.to_do) = (Some(reason), Some(to_do));
    }
}
