//! Which snapshot is meant: by what is typed, and by a new one that is to be measured. `latest` is the newest of one database, never of
//! whichever database came last, and none that lies in the future while there is another: one wrong clock would have the say for years.

use std::collections::BTreeSet;

use chrono::Utc;

use super::error::RepoError;
use super::manifest::{Manifest, Request};
use super::repository::Repository;
use super::snapshot::SnapshotName;
use crate::retention::newest_first;

/// `latest:NAME` without it.
const OF_DATABASE: &str = "latest:";

/// What the next snapshot of a database and selection is measured by.
pub enum LastGood {
    Found(Box<Manifest>),
    /// So many snapshots of the database are of another selection, or suspicious.
    None {
        passed_over: u64,
    },
}

impl Repository {
    /// The snapshot that an id, a unique prefix of one, `latest:DATABASE`, or `latest` of the only database means.
    pub async fn resolve(&self, asked: &str) -> Result<SnapshotName, RepoError> {
        if let Some(latest) = self.latest(asked).await? {
            return Ok(latest);
        }
        let mut names = self.snapshots().await?;
        let lower = asked.to_ascii_lowercase();
        names.retain(|name| !lower.is_empty() && name.id.as_str().starts_with(&lower));
        match names.len() {
            0 => Err(RepoError::NoSnapshot { asked: asked.to_owned() }),
            1 => Ok(names.remove(0)),
            count => Err(RepoError::Ambiguous { asked: asked.to_owned(), count }),
        }
    }

    /// What `latest` and `latest:NAME` mean; none where the text is neither.
    ///
    /// # Errors
    /// Several databases where none is named; none of that name; the newest manifest cannot be read, for it may be the one.
    async fn latest(&self, asked: &str) -> Result<Option<SnapshotName>, RepoError> {
        let wanted = match (asked, asked.strip_prefix(OF_DATABASE)) {
            ("latest", _) => None,
            (_, Some(database)) if !database.is_empty() => Some(database),
            _ => return Ok(None),
        };
        let mut databases = BTreeSet::new();
        let mut newest = None;
        for name in self.newest_first().await? {
            let manifest = match self.manifest_if_there(&name).await {
                Ok(Some(manifest)) => manifest,
                // Forgotten since the listing.
                Ok(None) => continue,
                Err(error) if newest.is_none() => return Err(error),
                // It is not the newest, and nobody can say of what it is.
                Err(_) => continue,
            };
            if wanted == Some(manifest.database.name.as_str()) {
                return Ok(Some(name));
            }
            databases.insert(manifest.database.name);
            newest.get_or_insert(name);
        }
        let database = wanted.map(str::to_owned);
        match (newest, database) {
            (None, database) => Err(RepoError::Empty { database }),
            (Some(_), Some(database)) => Err(RepoError::NotOf { database, databases: databases.into_iter().collect() }),
            (Some(name), None) if databases.len() == 1 => Ok(Some(name)),
            (Some(_), None) => Err(RepoError::Several { databases: databases.into_iter().collect() }),
        }
    }

    async fn newest_first(&self) -> Result<Vec<SnapshotName>, RepoError> {
        Ok(newest_first(self.snapshots().await?, |name| name.time, Utc::now()))
    }

    /// The newest snapshot of this database and this request that is not suspicious.
    ///
    /// A manifest that cannot be read is passed over: it is no measure of anything.
    pub async fn last_good(&self, database: &str, request: &Request) -> Result<LastGood, RepoError> {
        let (wanted, mut passed_over) = (request.normal(), 0);
        for name in self.newest_first().await? {
            let Ok(manifest) = self.manifest(&name).await else { continue };
            if manifest.database.name != database {
                continue;
            }
            if manifest.request.normal() == wanted && !manifest.is_suspicious() {
                return Ok(LastGood::Found(Box::new(manifest)));
            }
            passed_over += 1;
        }
        Ok(LastGood::None { passed_over })
    }
}
