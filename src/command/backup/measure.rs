//! What the last good snapshot held, by which the next one is judged.

use crate::command::error::Error;
use crate::command::suspicion::Contents;
use crate::repo::latest::LastGood;
use crate::repo::manifest::Request;
use crate::repo::{Repository, SnapshotId};
use crate::schema::facts::Facts;

/// What a snapshot is measured by, if anything.
pub enum Measure {
    By {
        snapshot: SnapshotId,
        contents: Box<Contents>,
    },
    /// So many snapshots of the database are no measure of this selection.
    Nothing {
        passed_over: u64,
    },
}

/// How the warning begins that says why a snapshot was not compared.
pub const NONE_IS_GOOD: &str = "none of the earlier snapshots of ";

impl Measure {
    pub fn contents(&self) -> Option<&Contents> {
        match self {
            Measure::By { contents, .. } => Some(contents),
            Measure::Nothing { .. } => None,
        }
    }

    pub fn into_snapshot(self) -> Option<SnapshotId> {
        match self {
            Measure::By { snapshot, .. } => Some(snapshot),
            Measure::Nothing { .. } => None,
        }
    }

    /// After a change of the selection nothing would be noticed, and nobody would know.
    pub fn warning(&self, database: &str) -> Option<String> {
        match self {
            Measure::By { .. } | Measure::Nothing { passed_over: 0 } => None,
            Measure::Nothing { passed_over } => Some(format!(
                "{NONE_IS_GOOD}{database} ({passed_over}) is a good one of this selection, so pgkeep cannot notice a loss: \
                 check the content of this one (pgkeep show); the next one is compared with it"
            )),
        }
    }
}

/// What the last good snapshot of the same database and request held.
pub async fn measure(repository: &Repository, database: &str, request: &Request) -> Result<Measure, Error> {
    let manifest = match repository.last_good(database, request).await? {
        LastGood::Found(manifest) => manifest,
        LastGood::None { passed_over } => return Ok(Measure::Nothing { passed_over }),
    };
    // Facts that are damaged make the judgement stricter, and are no reason to go without a backup.
    let facts = repository.metadata(&manifest, &manifest.facts).await.ok();
    let facts = facts.and_then(|json| serde_json::from_slice::<Facts>(&json).ok()).unwrap_or_default();
    let contents = Box::new(Contents::of(&manifest, &facts));
    Ok(Measure::By { snapshot: manifest.snapshot.clone(), contents })
}
