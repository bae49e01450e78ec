//! Where a split stands.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ends::End;
use super::holding::{at_source, at_target};
use super::host::{Folder, Split};
use super::loose::{Side, Waits, childless, waits};
use super::losses::lost_there;
use super::promise::broken_in_words;
use super::state::{Phase, State, Trust, absent};
use super::strangers::refuse;
use super::switching::Sent;
use super::writers::{Barrier, Original, Seen, UnderWay, Whole, Writers};
use super::{Connected, aftermath, lost, whereabouts};
use crate::command::Error;
use crate::command::moment::rfc3339;
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::fence::{self, Strength};
use crate::pg::ours;
use crate::pg::place::Place;
use crate::pg::split_ids;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Status {
    pub phase: Phase,
    pub schemas: Vec<String>,
    pub source: String,
    #[serde(serialize_with = "rfc3339")]
    pub began: DateTime<Utc>,
    pub history: Vec<Step>,
    pub downtime_ms: u64,
    /// Relations that moved and have a foreign table in their old place.
    pub bridged: Vec<String>,
    /// Loose keys, and what of them waits for `split reap`.
    pub loose: Vec<Waits>,
    /// Of the random number by which both databases and the host know the split; empty where an earlier program began it.
    pub id: String,
    /// `checked`: this host wrote the record. Otherwise why it cannot be told.
    pub record: &'static str,
    pub fence: Fences,
    /// Which database takes writes of what moves; without `source` as the record says, or not known.
    pub takes_writes: Writers,
    /// A command of the split works at this moment.
    pub under_way: bool,
    /// What makes one of the ends look like a copy.
    pub moved: Vec<String>,
    /// Files that name the new database although the split is not switched yet, as the host that switches it knows.
    pub rewritten: Vec<PathBuf>,
    /// When the hook of a switch that did not end was started.
    #[serde(serialize_with = "rfc3339")]
    pub hook_started: Option<DateTime<Utc>>,
    /// Which end has another name by now, and which fence says the one that it had, where both were looked at.
    pub renamed: Vec<String>,
    /// Tables that moved and that the new database has no more, or has under other names.
    pub lost: Vec<String>,
    /// What can be done now, by this host; nothing while a command works.
    pub next: Vec<&'static str>,
    /// Definitions of the old place that are not as they were sealed, where that was named.
    pub changed_since: Vec<String>,
    /// Who has the advisory lock of a split and is none: until that session ends, the next command of the split is refused.
    pub locked_by: Vec<String>,
    /// Who is connected to the old database, where that was named.
    pub sessions_old: Vec<Connected>,
}

/// Whether the fences are as the state promises: [`AS_IT_SHOULD_BE`], or what differs.
#[derive(Debug, Serialize)]
pub struct Fences {
    pub source: String,
    pub target: String,
}

pub const AS_IT_SHOULD_BE: &str = "as it should be";
pub const NOT_LOOKED_AT: &str = "not looked at (--from)";

#[derive(Debug, Serialize)]
pub struct Step {
    pub phase: Phase,
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
}

/// Keys whose log is in the old database are only named where `source` is not given.
pub async fn status(target: &Conninfo, source: Option<&Conninfo>, folder: &Folder) -> Result<Status, Error> {
    let session = match connect(target, "pgkeep split").await {
        Ok(session) => session,
        Err(error) => return Err(lost::target(at_target("connecting")(error), target, source, folder).await),
    };
    let Some((state, trust)) = State::look(&session, folder).await? else { return Err(absent(&session).await?) };
    let mut moved = Vec::new();
    let mut fence =
        Fences { source: NOT_LOOKED_AT.into(), target: fence_of(&state, &session, End::Target, at_target).await? };
    let remembered = state.memory.as_ref().filter(|_| trust == Trust::Checked).map(|memory| &memory.split);
    if let Some(split) = remembered {
        moved.extend(differs("the target", &split.target, &whereabouts::place(&session, at_target).await?));
    }
    let mut seen = Seen {
        phase: state.phase,
        old: None,
        new: barrier(&state, &session, End::Target, at_target).await?,
        under_way: under_way(&session, at_target).await?,
        moved: Whole::Yes,
        place: Original::Likely,
        trust,
    };
    let lost = match state.phase {
        Phase::Sealed | Phase::Switched | Phase::Quarantined => lost_there(&state, &session).await?,
        _ => Vec::new(),
    };
    if !lost.is_empty() {
        seen.moved = Whole::No;
    }
    let mut renamed = Vec::from_iter(state.renamed(End::Target, &session));
    let mut loose = waits(&session, Side::Target, at_target).await?;
    let mut locked_by = lockers(&session, at_target).await?;
    let there = session;
    let (mut sessions_old, mut changed_since) = (Vec::new(), Vec::new());
    match source {
        Some(source) => {
            let session = match connect(source, "pgkeep split").await {
                Ok(session) => session,
                Err(error) => return Err(lost::source(at_source("connecting")(error), source, target, folder).await),
            };
            let strangers = ours::strangers(&session).await.map_err(at_source("looking for objects of other roles"))?;
            refuse(strangers, &session)?;
            let place = whereabouts::place(&session, at_source).await?;
            if place.identity() != state.source {
                return Err(whereabouts::another(&state, &session));
            }
            renamed.extend(state.renamed(End::Source, &session));
            renamed.extend(sent_to_old_names(&state, &session, &there).await?);
            moved.extend(remembered.map_or_else(Vec::new, |split| differs("the source", &split.source, &place)));
            moved.extend(unknown_at_source(&state, remembered, &session).await?);
            fence.source = fence_of(&state, &session, End::Source, at_source).await?;
            seen.old = Some(barrier(&state, &session, End::Source, at_source).await?);
            if under_way(&session, at_source).await? == UnderWay::Yes {
                seen.under_way = UnderWay::Yes;
            }
            locked_by.extend(lockers(&session, at_source).await?);
            sessions_old = aftermath::sessions_old(&session).await?;
            if matches!(state.phase, Phase::Sealed | Phase::Switched) {
                changed_since = aftermath::changed_since(&session, &state).await?;
            }
            loose.extend(waits(&session, Side::Source, at_source).await?);
            for (key, why) in childless(&session, &there).await? {
                let of_key = |waits: &&mut Waits| waits.key == key && waits.unwatched.is_none();
                loose.iter_mut().filter(of_key).for_each(|waits| waits.unwatched = Some(why.clone()));
            }
            session.close().await.map_err(at_source("closing the session"))?;
        }
        None if matches!(state.phase, Phase::Switched | Phase::Quarantined | Phase::Finished) => {
            loose.extend(super::loose::unseen(&state));
        }
        None => {}
    }
    there.close().await.map_err(at_target("closing the session"))?;
    let bridged = match state.phase {
        Phase::Sealed | Phase::Switched | Phase::Quarantined | Phase::Finished => state.ties.bridged(),
        _ => Vec::new(),
    };
    if !moved.is_empty() {
        seen.place = Original::Doubted;
    }
    let Sent { rewritten, hook_started } = Sent::of(&state);
    Ok(Status {
        phase: state.phase,
        schemas: state.schemas,
        source: state.source_name,
        began: state.began,
        history: state.history.into_iter().map(|(phase, time)| Step { phase, time }).collect(),
        downtime_ms: state.downtime_ms,
        bridged,
        loose,
        id: if trust == Trust::Former { String::new() } else { state.id },
        record: match trust {
            Trust::Checked => "checked",
            Trust::Former => "of an earlier program, which wrote no check",
            Trust::Unchecked => "unchecked: another host, or a run with another --state, wrote it",
        },
        fence,
        moved,
        rewritten,
        hook_started,
        renamed,
        lost: lost.iter().map(ToString::to_string).collect(),
        takes_writes: seen.writers(),
        under_way: seen.under_way == UnderWay::Yes,
        next: seen.next().to_vec(),
        changed_since,
        locked_by,
        sessions_old,
    })
}

/// A source that was restored to an earlier time does not know the split: the verbs refuse it as they refuse a copy.
async fn unknown_at_source(
    state: &State,
    remembered: Option<&Split>,
    source: &Session,
) -> Result<Option<String>, Error> {
    let is_due = matches!(state.phase, Phase::Sealed | Phase::Switched | Phase::Quarantined);
    // A record of an earlier program said nothing of it.
    if !is_due || remembered.is_none_or(|split| split.source == Place::default()) {
        return Ok(None);
    }
    let is_known = split_ids::knows(source, &state.id).await.map_err(at_source("looking for the split's id"))?;
    Ok((!is_known).then(|| "the source: it does not know the split".to_owned()))
}

/// A fence says the name that the other database had when it was sealed: to give it another would be to touch it.
async fn sent_to_old_names(state: &State, source: &Session, target: &Session) -> Result<Vec<String>, Error> {
    let mut told = Vec::new();
    if state.renamed(End::Target, target).is_some()
        && fence::leads_to(source, &state.target_database).await.map_err(at_source("looking for a fence"))?
    {
        told.push(format!("the fence in the old database still sends writers to {}", state.target_database));
    }
    if state.renamed(End::Source, source).is_some()
        && fence::leads_to(target, &state.source_database).await.map_err(at_target("looking for a fence"))?
    {
        told.push(format!("the fence in the new database still sends writers to {}", state.source_database));
    }
    Ok(told)
}

/// A fence of another split around other tables is none of this one's.
async fn barrier(
    state: &State,
    session: &Session,
    end: End,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<Barrier, Error> {
    let destination = match end {
        End::Source => &state.target_database,
        End::Target => &state.source_database,
    };
    let barrier = async {
        Ok(match fence::strength(session).await? {
            Some(Strength::Sealed) if destination.is_empty() || fence::leads_to(session, destination).await? => {
                Barrier::Sealed
            }
            // It opens with the end of whoever holds it.
            Some(Strength::Held) if fence::is_owned(session).await? => Barrier::Held,
            _ => Barrier::Open,
        })
    };
    barrier.await.map_err(error("looking at the fence"))
}

async fn under_way(
    session: &Session,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<UnderWay, Error> {
    let holders = fence::holders(session).await.map_err(error("looking for the lock of a split"))?;
    Ok(if holders.iter().any(fence::Holder::is_split) { UnderWay::Yes } else { UnderWay::No })
}

/// With the statement that ends each.
async fn lockers(
    session: &Session,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<Vec<String>, Error> {
    let strangers = fence::strangers(session).await.map_err(error("looking for the lock of a split"))?;
    let database = session.conninfo().database();
    let told = |holder: &fence::Holder| {
        format!("{holder} in the database {database}, which ends with SELECT pg_terminate_backend({})", holder.pid)
    };
    Ok(strangers.iter().map(told).collect())
}

fn differs(end: &str, was: &Place, now: &Place) -> Vec<String> {
    was.differs(now).into_iter().map(|words| format!("{end}: {words}")).collect()
}

async fn fence_of(
    state: &State,
    session: &Session,
    end: End,
    error: impl Fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>,
) -> Result<String, Error> {
    let differs = broken_in_words(state, session, end).await.map_err(error("looking at the fence"))?;
    Ok(if differs.is_empty() { AS_IT_SHOULD_BE.to_owned() } else { differs.join("; ") })
}
