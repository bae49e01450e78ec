//! Of which snapshot a report speaks.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::moment::rfc3339;
use crate::repo::Manifest;

/// What the snapshot is of: part of every report that used one.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// The database that was backed up, whatever the copy is called.
    pub snapshot_database: String,
    #[serde(serialize_with = "rfc3339")]
    pub snapshot_time: DateTime<Utc>,
    /// Not a selection of schemas or tables.
    pub whole_database: bool,
    /// Why it may not hold what it should; empty where nothing is suspicious.
    pub suspicious: Vec<String>,
}

impl From<&Manifest> for Taken {
    fn from(manifest: &Manifest) -> Self {
        Self {
            snapshot_database: manifest.database.name.clone(),
            snapshot_time: manifest.time,
            whole_database: manifest.request.is_whole_database(),
            suspicious: manifest.suspicious.clone(),
        }
    }
}
