//! The mark of a database that the restore has made, by which the next one knows what a kill has left.

use super::maintenance::connect_for_maintenance;
use super::typed::drop_database;
use crate::command::error::Error;
use crate::command::finding::with_causes;
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::target;

/// A mark that is set: without [`Mark::take_away`] it stays.
pub struct Mark {
    target: Conninfo,
    comment: Option<String>,
}

impl Mark {
    /// None where the role may not set it: it is there for a hint.
    pub async fn set(target: &Conninfo, snapshot: &str) -> Option<Mark> {
        let session = connect_for_maintenance(target).await.ok()?;
        let comment = target::mark(&session, target.database(), snapshot).await.ok()?;
        session.close().await.ok()?;
        Some(Mark { target: target.clone(), comment })
    }

    /// The restore has come to its end: the comment is the snapshot's. What is wrong otherwise.
    pub async fn take_away(self) -> Option<String> {
        let Mark { target, comment } = self;
        let taken = async {
            let session = connect_for_maintenance(&target).await?;
            let taken = target::unmark(&session, target.database(), comment.as_deref()).await;
            taken.map_err(Error::target_database("setting the comment of the database"))?;
            session.close().await.map_err(Error::target_database("closing the session"))
        };
        let error: Error = taken.await.err()?;
        Some(format!("the comment of the database still says that the restore goes on: {}", with_causes(&error)))
    }
}

/// What is to be said of a database that is in the way of a new one: whether it is half of a restore, and how it goes. What the command
/// lacks of a password is said with the one that comes after it.
pub async fn told(session: &Session, target: &Conninfo) -> Result<Option<String>, pg::Error> {
    let Some(half) = target::half(session, target.database()).await? else { return Ok(None) };
    let begun = format!("A restore of the snapshot {} into it has not come to its end", half.snapshot);
    let drop = drop_database(target, session.conninfo().database())
        .map(|drop| format!("`{drop}`"))
        .unwrap_or_else(|| "DROP DATABASE, from another one".into());
    Ok(Some(match half.sessions {
        0 => format!("{begun}, and nobody is connected to it. To drop what it left: {drop}."),
        sessions => format!(
            "{begun}, and may still be running: sessions that are connected to it: {sessions}. If it is not, to drop what it left: {drop}."
        ),
    }))
}
