//! Where a split stands.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ends::End;
use super::holding::{at_source, at_target};
use super::host::{Folder, Split};
use super::loose::{self, Waits, childless, waits};
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
    let there = match connect(target, "pgkeep split").await {
        Ok(session) => session,
        Err(error) => return Err(lost::target(at_target("connecting")(error), target, source, folder).await),
    };
    let Some((state, trust)) = State::look(&there, folder).await? else { return Err(absent(&there).await?) };
    let remembered = state.memory.as_ref().filter(|_| trust == Trust::Checked).map(|memory| &memory.split);
    let new = Side::look(&state, remembered, &there, End::Target).await?;
    let lost = match state.phase {
        Phase::Sealed | Phase::Switched | Phase::Quarantined => lost_there(&state, &there).await?,
        _ => Vec::new(),
    };
    let old = match source {
        None => None,
        Some(info) => {
            let session = match connect(info, "pgkeep split").await {
                Ok(session) => session,
                Err(error) => return Err(lost::source(at_source("connecting")(error), info, target, folder).await),
            };
            Some(Old::look(&state, remembered, session, &there).await?)
        }
    };
    there.close().await.map_err(at_target("closing the session"))?;
    let lost = lost.iter().map(ToString::to_string).collect();
    Ok(told(state, trust, new, old, lost))
}

/// What went wrong there, of what was done.
type AtEnd = fn(&str) -> Box<dyn FnOnce(pg::Error) -> Error>;

/// One end, as it is.
struct Side {
    fence: String,
    barrier: Barrier,
    under_way: UnderWay,
    /// What makes it look like a copy.
    moved: Vec<String>,
    renamed: Vec<String>,
    loose: Vec<Waits>,
    locked_by: Vec<String>,
}

impl Side {
    async fn look(state: &State, remembered: Option<&Split>, session: &Session, end: End) -> Result<Self, Error> {
        let error: AtEnd = match end {
            End::Source => at_source,
            End::Target => at_target,
        };
        let place = whereabouts::place(session, error).await?;
        let (name, was, log) = match end {
            End::Source => ("the source", remembered.map(|split| &split.source), loose::Side::Source),
            End::Target => ("the target", remembered.map(|split| &split.target), loose::Side::Target),
        };
        Ok(Self {
            moved: was.map_or_else(Vec::new, |was| differs(name, was, &place)),
            fence: fence_of(state, session, end, error).await?,
            barrier: barrier(state, session, end, error).await?,
            under_way: under_way(session, error).await?,
            renamed: state.renamed(end, session).into_iter().collect(),
            loose: waits(session, log, error).await?,
            locked_by: lockers(session, error).await?,
        })
    }
}

/// The old database, where it was named.
struct Old {
    side: Side,
    sessions: Vec<Connected>,
    changed_since: Vec<String>,
    /// Loose keys that nothing follows, and why.
    childless: Vec<(String, String)>,
}

impl Old {
    async fn look(state: &State, remembered: Option<&Split>, session: Session, there: &Session) -> Result<Self, Error> {
        let strangers = ours::strangers(&session).await.map_err(at_source("looking for objects of other roles"))?;
        refuse(strangers, &session)?;
        if whereabouts::place(&session, at_source).await?.identity() != state.source {
            return Err(whereabouts::another(state, &session));
        }
        let mut side = Side::look(state, remembered, &session, End::Source).await?;
        side.renamed.extend(sent_to_old_names(state, &session, there).await?);
        side.moved.extend(unknown_at_source(state, remembered, &session).await?);
        let changed_since = match state.phase {
            Phase::Sealed | Phase::Switched => aftermath::changed_since(&session, state).await?,
            _ => Vec::new(),
        };
        let sessions = aftermath::sessions_old(&session).await?;
        let childless = childless(&session, there).await?;
        session.close().await.map_err(at_source("closing the session"))?;
        Ok(Self { side, sessions, changed_since, childless })
    }
}

fn told(state: State, trust: Trust, new: Side, old: Option<Old>, lost: Vec<String>) -> Status {
    let mut seen = Seen {
        phase: state.phase,
        old: old.as_ref().map(|old| old.side.barrier),
        new: new.barrier,
        under_way: new.under_way,
        moved: if lost.is_empty() { Whole::Yes } else { Whole::No },
        place: Original::Likely,
        trust,
    };
    let mut status = Status {
        phase: state.phase,
        schemas: state.schemas.clone(),
        source: state.source_name.clone(),
        began: state.began,
        history: state.history.iter().map(|(phase, time)| Step { phase: *phase, time: *time }).collect(),
        downtime_ms: state.downtime_ms,
        bridged: match state.phase {
            Phase::Sealed | Phase::Switched | Phase::Quarantined | Phase::Finished => state.ties.bridged(),
            _ => Vec::new(),
        },
        loose: new.loose,
        id: if trust == Trust::Former { String::new() } else { state.id.clone() },
        record: match trust {
            Trust::Checked => "checked",
            Trust::Former => "of an earlier program, which wrote no check",
            Trust::Unchecked => "unchecked: another host, or a run with another --state, wrote it",
        },
        fence: Fences { source: NOT_LOOKED_AT.into(), target: new.fence },
        moved: new.moved,
        rewritten: Vec::new(),
        hook_started: None,
        renamed: new.renamed,
        lost,
        takes_writes: seen.writers(),
        under_way: false,
        next: Vec::new(),
        changed_since: Vec::new(),
        locked_by: new.locked_by,
        sessions_old: Vec::new(),
    };
    match old {
        Some(old) => status.add(old, &mut seen),
        None if matches!(state.phase, Phase::Switched | Phase::Quarantined | Phase::Finished) => {
            status.loose.extend(loose::unseen(&state));
        }
        None => {}
    }
    if !status.moved.is_empty() {
        seen.place = Original::Doubted;
    }
    Sent { rewritten: status.rewritten, hook_started: status.hook_started } = Sent::of(&state);
    status.under_way = seen.under_way == UnderWay::Yes;
    (status.takes_writes, status.next) = (seen.writers(), seen.next().to_vec());
    status
}

impl Status {
    fn add(&mut self, old: Old, seen: &mut Seen) {
        let Old { side, sessions, changed_since, childless } = old;
        if side.under_way == UnderWay::Yes {
            seen.under_way = UnderWay::Yes;
        }
        self.fence.source = side.fence;
        self.moved.extend(side.moved);
        self.renamed.extend(side.renamed);
        self.loose.extend(side.loose);
        self.locked_by.extend(side.locked_by);
        for (key, why) in childless {
            let of_key = |waits: &&mut Waits| waits.key == key && waits.unwatched.is_none();
            self.loose.iter_mut().filter(of_key).for_each(|waits| waits.unwatched = Some(why.clone()));
        }
        (self.sessions_old, self.changed_since) = (sessions, changed_since);
    }
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
    let told =
        |holder: &fence::Holder| format!("{holder} in the database {database}, which ends with {}", holder.end());
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
