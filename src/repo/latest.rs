//! What `latest` means: the newest snapshot of one database, never of whichever database came last.

use std::collections::BTreeSet;

use super::error::RepoError;
use super::repository::Repository;
use super::snapshot::SnapshotName;

/// `latest:NAME` without it.
const OF_DATABASE: &str = "latest:";

impl Repository {
    /// What `latest` and `latest:NAME` mean; none where the text is neither.
    ///
    /// # Errors
    /// Several databases where none is named; none of that name; the newest manifest cannot be read, for it may be the one.
    pub(super) async fn latest(&self, asked: &str) -> Result<Option<SnapshotName>, RepoError> {
        let wanted = match (asked, asked.strip_prefix(OF_DATABASE)) {
            ("latest", _) => None,
            (_, Some(database)) if !database.is_empty() => Some(database),
            _ => return Ok(None),
        };
        let mut databases = BTreeSet::new();
        let mut newest = None;
        for name in self.snapshots().await?.into_iter().rev() {
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
}
