//! Where a split stands.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::holding::{at_source, at_target};
use super::loose::{Side, Waits, waits};
use super::state::{Phase, State};
use super::{Connected, SplitError, aftermath};
use crate::command::Error;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Status {
    pub phase: Phase,
    pub schemas: Vec<String>,
    pub source: String,
    pub began: DateTime<Utc>,
    pub history: Vec<Step>,
    pub downtime_ms: u64,
    /// Relations that moved and have a foreign table in their old place.
    pub bridged: Vec<String>,
    /// Loose keys, and what of them waits for `split reap`.
    pub loose: Vec<Waits>,
    /// What can be done now.
    pub next: Vec<&'static str>,
    /// Who is connected to the old database, where that was named.
    pub sessions_old: Vec<Connected>,
}

#[derive(Debug, Serialize)]
pub struct Step {
    pub phase: Phase,
    pub time: DateTime<Utc>,
}

/// Keys whose log is in the old database are only named where `source` is not given.
pub async fn status(target: &Conninfo, source: Option<&Conninfo>) -> Result<Status, Error> {
    let session = connect(target, "pgkeep split").await.map_err(at_target("connecting"))?;
    let no_split = || SplitError::NoSplit { database: target.database().to_owned() };
    let state = State::load(&session).await?.ok_or_else(no_split)?;
    let mut loose = waits(&session, Side::Target, at_target).await?;
    session.close().await.map_err(at_target("the end of the session"))?;
    let mut sessions_old = Vec::new();
    match source {
        Some(source) => {
            let session = connect(source, "pgkeep split").await.map_err(at_source("connecting"))?;
            sessions_old = aftermath::sessions_old(&session).await?;
            loose.extend(waits(&session, Side::Source, at_source).await?);
            session.close().await.map_err(at_source("the end of the session"))?;
        }
        None if matches!(state.phase, Phase::Switched | Phase::Quarantined | Phase::Finished) => {
            loose.extend(super::loose::unseen(&state));
        }
        None => {}
    }
    let next: &[&str] = match state.phase {
        Phase::Created | Phase::Copying | Phase::Proven | Phase::Sealed => &["split", "rollback"],
        Phase::Switched => &["rollback", "finish"],
        Phase::Quarantined => &["finish"],
        Phase::RolledBack | Phase::Finished => &[],
    };
    let bridged = match state.phase {
        Phase::Sealed | Phase::Switched | Phase::Quarantined | Phase::Finished => state.ties.bridged(),
        _ => Vec::new(),
    };
    Ok(Status {
        phase: state.phase,
        schemas: state.schemas,
        source: state.source_name,
        began: state.began,
        history: state.history.into_iter().map(|(phase, time)| Step { phase, time }).collect(),
        downtime_ms: state.downtime_ms,
        bridged,
        loose,
        next: next.to_vec(),
        sessions_old,
    })
}
