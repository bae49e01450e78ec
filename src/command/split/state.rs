//! What a split remembers in its target database, so that it can be gone on with, looked at and taken back.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ties::Ties;
use crate::command::Error;
use crate::pg::connect::Session;
use crate::pg::inventory::Inventory;
use crate::pg::split_state;
use crate::repo::manifest::Relation;
use crate::switch::Applied;

/// How far a split has come. What a kill leaves before [`Phase::Proven`] is copied again: the source has taken writes since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The database is there and empty.
    Created,
    /// Under the fence: definitions, rows, indexes.
    Copying,
    /// Both sides hold the same. The source is about to be sealed.
    Proven,
    /// The source refuses writes for good; the application is to be pointed at the target.
    Sealed,
    /// The target is the one that counts. `rollback` and `finish` are open.
    Switched,
    RolledBack,
    /// The old schemas are out of the way under other names.
    Quarantined,
    Finished,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Created => "prepared",
            Phase::Copying => "copying",
            Phase::Proven => "proven",
            Phase::Sealed => "sealed and not yet switched",
            Phase::Switched => "switched",
            Phase::RolledBack => "rolled back",
            Phase::Quarantined => "finished but for dropping the old schemas",
            Phase::Finished => "finished",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    /// The split made the database, and may drop it.
    Missing,
    Empty,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub format: u32,
    pub phase: Phase,
    /// Names, not patterns.
    pub schemas: Vec<String>,
    /// System identifier and oid of the source database.
    pub source: String,
    /// As a person writes it, without secrets.
    pub source_name: String,
    pub source_database: String,
    pub found: Found,
    pub began: DateTime<Utc>,
    /// Each phase's beginning, again for each attempt.
    pub history: Vec<(Phase, DateTime<Utc>)>,
    #[serde(with = "hex::serde")]
    pub digest_key: [u8; 32],
    pub encoding: String,
    /// What the target held when it was proven, without slices.
    pub tables: Vec<Relation>,
    /// What is done with what crosses the line, when the source is sealed and on the way back.
    #[serde(flatten)]
    pub ties: Ties,
    /// Configuration files that were switched, or were about to be.
    #[serde(default)]
    pub files: Option<Applied>,
    #[serde(default)]
    pub hook: Option<String>,
    #[serde(default)]
    pub downtime_ms: u64,
    /// New names of the old schemas after `finish`.
    #[serde(default)]
    pub quarantined: Vec<(String, String)>,
    /// How often the old tables had been read by an index when they were quarantined.
    #[serde(default)]
    pub index_reads: Vec<(String, i64)>,
    /// What the moving schemas held when they were copied, at the source, and all that the target held then.
    #[serde(default)]
    pub source_inventory: Option<Inventory>,
    #[serde(default)]
    pub target_inventory: Option<Inventory>,
    /// In what the new database is not as closed as the old one.
    #[serde(default)]
    pub not_alike: Vec<String>,
}

pub const FORMAT: u32 = 1;

impl State {
    pub fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.history.push((phase, Utc::now()));
    }

    pub async fn save(&self, target: &Session) -> Result<(), Error> {
        let document = serde_json::to_string(self).map_err(|source| Error::Internal {
            what: "the split's record cannot be encoded".into(),
            source: Some(Box::new(source)),
        })?;
        split_state::save(target, &document).await.map_err(Error::target_database("recording how far the split is"))
    }

    /// None where the database is no split's target.
    pub async fn load(target: &Session) -> Result<Option<Self>, Error> {
        let document = split_state::load(target).await.map_err(Error::target_database("reading the split's record"))?;
        let parse = |document: String| {
            serde_json::from_str(&document).map_err(|source| Error::Internal {
                what: "the split's record in the target database cannot be read; a newer pgkeep may have written it"
                    .into(),
                source: Some(Box::new(source)),
            })
        };
        document.map(parse).transpose()
    }
}
