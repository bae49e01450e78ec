//! A foreign key that becomes loose.

use serde::{Deserialize, Serialize};

use crate::pg::loose::Key;

/// A key across the line that becomes loose, as the source described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LooseKey {
    pub log: Side,
    pub key: Key,
}

/// Where the referenced table is after the split, and with it the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Source,
    Target,
}

/// A loose key whose log a rollback could not do to the old rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotReplayed {
    pub key: String,
    /// The table with rows that may refer to nothing.
    pub child: String,
    pub reason: String,
    /// What of the log waits.
    pub entries: u64,
    pub to_do: String,
}
