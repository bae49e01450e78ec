//! A target whose DROP DATABASE a crash of its server has cut short. PostgreSQL lets nobody in any more, and allows one thing: to drop it.
//! Where it was the target of a split that this host remembers, that is done here; what it held was given up when the drop began.

use super::holding::{at_source, at_target};
use super::host::{Folder, Split};
use crate::command::Error;
use crate::command::restore::target::connect_for_maintenance;
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::place::invalid_database;
use crate::pg::target;

/// A session in the target; [`pg::Error::NoSuchDatabase`] also where it was dropped just now.
pub async fn enter(info: &Conninfo, source: &Session, folder: &Folder) -> Result<Result<Session, pg::Error>, Error> {
    let refused = match connect(info, "pgkeep split").await {
        Err(error) if is_not_in_state(&error) => error,
        connected => return Ok(connected),
    };
    // Once the source is sealed, rows may have been written in the target alone: a person looks at that.
    if fence::strength(source).await.map_err(at_source("looking for a fence"))? == Some(Strength::Sealed) {
        return Ok(Err(refused));
    }
    let server = connect_for_maintenance(info).await?;
    let invalid = invalid_database(&server, info.database()).await.map_err(at_target("looking for the database"))?;
    let is_ours = |split: &Split| {
        invalid.as_ref().is_some_and(|(system, oid)| (&split.target.system, split.target.database) == (system, *oid))
    };
    if !folder.all().iter().any(is_ours) {
        return Ok(Err(refused));
    }
    target::drop_database(&server, info.database())
        .await
        .map_err(at_target("dropping the database that a crash left half dropped"))?;
    server.close().await.map_err(at_target("closing the session"))?;
    Ok(connect(info, "pgkeep split").await)
}

/// object_not_in_prerequisite_state
fn is_not_in_state(error: &pg::Error) -> bool {
    error.sqlstate() == Some("55000")
}
