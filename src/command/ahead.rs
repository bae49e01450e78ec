//! That a repository holds snapshots whose time has not come: told by every verb that takes the newest of something.

use chrono::{DateTime, SecondsFormat, Utc};

use super::error::Error;
use super::some::some_of;
use crate::repo::{Repository, SnapshotId};
use crate::retention::is_ahead;

/// So many snapshots are named.
const NAMED_MAX: usize = 5;

/// What is said of the snapshots in the repository that lie in the future; none where there are none.
pub async fn warning(repository: &Repository) -> Result<Option<String>, Error> {
    let now = Utc::now();
    let names = repository.snapshots().await?;
    Ok(told(names.iter().filter(|name| is_ahead(name.time, now)).map(|name| (&name.id, name.time))))
}

/// What is said of these snapshots, which lie in the future.
pub fn told<'a>(ahead: impl Iterator<Item = (&'a SnapshotId, DateTime<Utc>)>) -> Option<String> {
    let name = |(id, time): (&SnapshotId, DateTime<Utc>)| {
        format!("{} of {}", id.short(), time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let names: Vec<String> = ahead.map(name).collect();
    let lie = if names.len() == 1 { "a snapshot lies" } else { "snapshots lie" };
    let named = some_of(&names, NAMED_MAX)?;
    Some(format!(
        "{lie} in the future, so a clock is or was wrong: {named}; \
         such a one is neither `latest` nor the measure of a backup while there is another"
    ))
}
