//! Which snapshots are kept: grandfather, father, son. Pure: facts in, decisions with their reasons out.
//!
//! All rules count from the snapshots themselves, never from a clock: a `now` only says which snapshots lie in the future.

mod ahead;
mod calendar;
mod rules;
mod span;
mod untaken;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, TimeZone, Utc};

pub use ahead::{AHEAD_MAX, is_ahead, newest_first};
pub use calendar::{Period, UnknownZone, Zone};
pub use rules::{BadTag, Rules, Tag};
pub use span::{BadSpan, Grace, ShortGrace, Span};
pub use untaken::{Mistyped, Untaken, untaken};

/// What competes for the same places: a nightly of everything and one of two schemas do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    pub database: String,
    /// What was asked for; equal texts are equal selections.
    pub selection: String,
}

/// What a decision rests on.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub id: String,
    pub group: Group,
    pub time: DateTime<Utc>,
    pub tags: Vec<String>,
    pub standing: Standing,
    pub proof: Proof,
}

/// Whether the snapshot may stand for the others of its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// Its backup found it far smaller than the one before. Kept, and never counted.
    Suspicious,
}

/// Whether a restore or a drill has proven the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    None,
    Proven,
}

/// Whose snapshots may be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Only(Group),
}

/// Why a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The `n`-th newest of the `of` that are kept.
    Last {
        n: u32,
        of: u32,
    },
    /// The newest of its hour, day, week, month or year, the `n`-th such one of `of`.
    Newest {
        period: Period,
        name: String,
        n: u32,
        of: u32,
    },
    Within(Span),
    Tag(String),
    LastOfGroup,
    LastProven,
    Suspicious,
    Future,
    /// Its manifest cannot be read, so nobody knows what it is worth.
    Unreadable,
    /// Another database or selection than the rules are for.
    Elsewhere,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Last { n, of } => write!(f, "last ({n} of {of})"),
            Reason::Newest { period, name, n, of } => write!(f, "{} {name} ({n} of {of})", period.adverb()),
            Reason::Within(span) => write!(f, "within {span} of the newest"),
            Reason::Tag(tag) => write!(f, "tag {tag}"),
            Reason::LastOfGroup => f.write_str("the newest of its database and selection"),
            Reason::LastProven => f.write_str("the newest that a restore has proven"),
            Reason::Suspicious => f.write_str("suspicious: kept, but not counted as good"),
            Reason::Future => f.write_str("its time is in the future"),
            Reason::Unreadable => f.write_str("its manifest cannot be read"),
            Reason::Elsewhere => f.write_str("another database or selection"),
        }
    }
}

/// A snapshot's lot: forgotten where there is no reason to keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub id: String,
    pub reasons: Vec<Reason>,
}

impl Decision {
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// The newest snapshot of these databases is suspicious: what came before may be all that is left of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the newest snapshot of {} is suspicious", databases.join(", "))]
pub struct Suspicion {
    pub databases: Vec<String>,
}

/// Decides on all snapshots, in the order given.
///
/// # Errors
/// While the newest snapshot of a database that the rules are for, whatever its selection, is suspicious, nothing is decided. One that
/// lies in the future is the newest where all do.
pub fn decide<Z: TimeZone>(
    snapshots: &[Snapshot],
    rules: &Rules,
    scope: &Scope,
    now: DateTime<Utc>,
    zone: &Z,
) -> Result<Vec<Decision>, Suspicion> {
    refuse_suspicious(snapshots, scope, now)?;
    let mut reasons: Vec<Vec<Reason>> = snapshots.iter().map(|_| Vec::new()).collect();
    let mut groups: BTreeMap<&Group, Vec<usize>> = BTreeMap::new();
    for (n, snapshot) in snapshots.iter().enumerate() {
        if matches!(scope, Scope::Only(group) if *group != snapshot.group) {
            reasons[n].push(Reason::Elsewhere);
            continue;
        }
        let suspicious = (snapshot.standing == Standing::Suspicious).then_some(Reason::Suspicious);
        let future = is_ahead(snapshot.time, now).then_some(Reason::Future);
        reasons[n].extend(suspicious.into_iter().chain(future));
        if reasons[n].is_empty() {
            groups.entry(&snapshot.group).or_default().push(n);
        }
    }
    for members in groups.values_mut() {
        members.sort_by_key(|n| std::cmp::Reverse((snapshots[*n].time, &snapshots[*n].id)));
        keep(snapshots, members, rules, zone, &mut reasons);
    }
    let decision = |(snapshot, reasons): (&Snapshot, _)| Decision { id: snapshot.id.clone(), reasons };
    Ok(snapshots.iter().zip(reasons).map(decision).collect())
}

fn refuse_suspicious(snapshots: &[Snapshot], scope: &Scope, now: DateTime<Utc>) -> Result<(), Suspicion> {
    let place = |snapshot: &Snapshot| (!is_ahead(snapshot.time, now), snapshot.time);
    let mut newest: BTreeMap<&str, &Snapshot> = BTreeMap::new();
    for snapshot in snapshots {
        let of_database = newest.entry(&snapshot.group.database).or_insert(snapshot);
        if (place(snapshot), &snapshot.id) > (place(of_database), &of_database.id) {
            *of_database = snapshot;
        }
    }
    let concerns = |database: &str| !matches!(scope, Scope::Only(group) if group.database != database);
    let suspicious = newest
        .into_iter()
        .filter(|(database, snapshot)| concerns(database) && snapshot.standing == Standing::Suspicious);
    let databases: Vec<String> = suspicious.map(|(database, _)| database.to_owned()).collect();
    if databases.is_empty() { Ok(()) } else { Err(Suspicion { databases }) }
}

/// `members` are those of one group that count, newest first.
fn keep<Z: TimeZone>(snapshots: &[Snapshot], members: &[usize], rules: &Rules, zone: &Z, reasons: &mut [Vec<Reason>]) {
    let Some(newest) = members.first() else { return };
    reasons[*newest].push(Reason::LastOfGroup);
    if let Some(proven) = members.iter().find(|n| snapshots[**n].proof == Proof::Proven) {
        reasons[*proven].push(Reason::LastProven);
    }
    for (n, member) in (1..=rules.last).zip(members) {
        reasons[*member].push(Reason::Last { n, of: rules.last });
    }
    for (period, of) in rules.periods() {
        // A set, and not the last one alone: where clocks go back across midnight, a day is interrupted by the next.
        let mut seen = BTreeSet::new();
        for member in members {
            let name = period.name(snapshots[*member].time, zone);
            if seen.len() < of as usize && seen.insert(name.clone()) {
                reasons[*member].push(Reason::Newest { period, name, n: seen.len() as u32, of });
            }
        }
    }
    if let Some(within) = &rules.within {
        let since = within.before(snapshots[*newest].time, zone);
        for member in members.iter().filter(|n| snapshots[**n].time >= since) {
            reasons[*member].push(Reason::Within(*within));
        }
    }
    for member in members {
        let tags = rules.tags.iter().filter(|tag| snapshots[*member].tags.iter().any(|own| own == tag.as_str()));
        reasons[*member].extend(tags.map(|tag| Reason::Tag(tag.as_str().to_owned())));
    }
}
