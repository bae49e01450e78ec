//! The plan: all facts in, the decision with its reasons out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::boundary::{Boundary, BoundaryFile, BoundaryFileError};
use super::bridge::{self, Bridged};
use super::crossing::{Action, Crossing, CrossingKind, PERIODS, Rules, Sides, crossings};
use super::facts::{Searching, SourceFacts, TargetFacts, Traffic};
use super::finding::{Finding, FindingKind, Severity};
use super::mentioned::mentions;
use super::moving::{MovingSchema, Need, moving, needs};
use super::names::SchemaNames;
use super::{hindrances, neighbours, operation, roles as of_roles};
use crate::schema::archive::{Archive, DumpId, Oid};
use crate::schema::facts::Facts;
use crate::schema::pattern::Pattern;
use crate::schema::restore::{needing_a_search_path, roles_named, roles_set};
use crate::schema::selection::Selection;

/// All that a plan is made of.
pub struct Inputs<'a> {
    pub archive: &'a Archive,
    pub facts: &'a Facts,
    /// Of the moving schemas, with their closure.
    pub selection: &'a Selection,
    pub names: &'a SchemaNames,
    pub source: &'a SourceFacts,
    pub target: &'a TargetFacts,
    /// `--boundary`, where it was given.
    pub boundary: Option<Boundary>,
    pub choices: &'a BoundaryFile,
    /// `--leave`: schemas of which the operator says that they stay.
    pub leave: &'a [Pattern],
    /// What goes through foreign tables, where there will be some.
    pub traffic: Traffic,
    pub searching: Searching,
}

/// What a split would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SplitPlan {
    pub moves: Vec<MovingSchema>,
    pub needs: Vec<Need>,
    pub boundary: Vec<Crossing>,
    /// In the order of their severity.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The roles that what moves needs, those above them included.
    pub roles: Vec<String>,
    /// Those of them on which nothing is set there, because the one of that name may do more, and what.
    #[serde(skip)]
    pub more_there: BTreeMap<String, String>,
    /// The entries that the new database gets.
    #[serde(skip)]
    pub taken: BTreeSet<DumpId>,
    /// Entries of the moving side that it does not get, in the archive's order.
    #[serde(skip)]
    pub left_behind: Vec<LeftBehind>,
    /// The relations that move and leave a foreign table in the old place.
    #[serde(skip)]
    pub bridged: Vec<Bridged>,
    /// What becomes of each foreign key that crosses, by `pg_constraint.oid`.
    #[serde(skip)]
    pub constraints: BTreeMap<Oid, Action>,
}

/// An entry that would have gone with its schema, and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    pub entry: DumpId,
    /// As messages name it.
    pub label: String,
    pub action: Action,
}

impl SplitPlan {
    /// Whether a run may begin.
    pub fn is_clear(&self) -> bool {
        self.blockers().next().is_none()
    }

    pub fn blockers(&self) -> impl Iterator<Item = &Finding> {
        self.of(Severity::Blocker)
    }

    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// What was found at the two ends beyond the facts.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.findings.sort();
        self.findings.dedup();
    }

    /// The foreign keys that cross, with what a run needs to act on them.
    pub fn crossing_keys(&self) -> impl Iterator<Item = &Crossing> {
        self.boundary.iter().filter(|crossing| crossing.kind == CrossingKind::ForeignKey)
    }
}

/// # Errors
/// A choice in the boundary file for something that does not cross.
pub fn plan(inputs: &Inputs<'_>) -> Result<SplitPlan, BoundaryFileError> {
    let Inputs { archive, facts, selection, names, source, target, choices, .. } = *inputs;
    let sides = Sides::new(archive, selection, names);
    let rules = Rules::new(inputs.boundary, choices);

    let mut boundary = crossings(&sides, &source.foreign_keys, &rules);
    let (mentioned, unparsed) = mentions(&sides, &facts.search_path, &mut boundary, &rules);
    boundary.extend(mentioned);
    rules.check(&boundary)?;

    let moves = moving(&sides, facts, source);
    let needs = needs(&sides, source);
    let roles = roles_above(roles_named(archive, selection), source);

    let mut findings: Vec<Finding> = boundary.iter().map(|crossing| crossing_finding(crossing, choices)).collect();
    findings.extend(unparsed);
    findings.extend(
        needing_a_search_path(archive, facts, selection)
            .into_iter()
            .map(|function| searches(function, inputs.searching)),
    );
    findings.extend(neighbours::forgotten(archive, facts, source, names, inputs.leave));
    findings.extend(operation::contents(&sides, source));
    findings.extend(operation::database_objects(&sides, source));
    findings.extend(operation::watched(names, source));
    findings.extend(operation::sessions(source));
    findings.extend(of_roles::roles(&roles, &needs, source, target));
    findings.extend(operation::settings(&roles, &sides, source));
    findings.extend(super::target::target(source, target, &needs, &moves, &roles));
    findings.extend(hindrances::findings(&sides, &boundary, &roles, facts, source, target));
    let bridged = bridge::bridged(&sides, &boundary);
    findings.extend(bridge::findings(&sides, &bridged, &boundary, source, target, inputs.traffic));
    findings.sort();
    findings.dedup();

    let is_known = |name: &str| source.roles.iter().any(|role| role.name == name);
    Ok(SplitPlan {
        taken: selection.entries.keys().copied().collect(),
        left_behind: left_behind(&sides, &boundary),
        bridged,
        constraints: boundary.iter().filter_map(|crossing| Some((crossing.constraint?, crossing.action))).collect(),
        more_there: of_roles::with_nothing_set(&roles_set(archive, selection, is_known), source, target),
        roles: roles.into_iter().collect(),
        moves,
        needs,
        boundary,
        findings,
    })
}

/// It is called for rows: on the day it would end the copy, while writers are refused.
fn searches(function: String, searching: Searching) -> Finding {
    let reason = "a check constraint, generated column, index or materialized view calls it, and it needs search_path";
    let (severity, reason, action) = match searching {
        Searching::WithoutPath => (
            Severity::Blocker,
            format!("{reason}, which is empty while rows are copied"),
            "write schema names in it, or give it one with ALTER FUNCTION ... SET search_path; or say --search-path-fix, which tries what fails once more with the source's",
        ),
        Searching::WithPath => (
            Severity::Warning,
            format!("{reason}, which --search-path-fix gives to what fails without"),
            "since PostgreSQL 17 this does not reach indexes and materialized views: write schema names in it, or give it SET search_path; `--rehearse` shows whether the copy works",
        ),
    };
    Finding::new(severity, FindingKind::SearchPath, function, reason, action)
}

fn crossing_finding(crossing: &Crossing, choices: &BoundaryFile) -> Finding {
    let action = match crossing.action {
        Action::Refuse if matches!(crossing.kind, CrossingKind::Table | CrossingKind::Sequence) => {
            "name the other schema as well".to_owned()
        }
        Action::Refuse if crossing.kind == CrossingKind::Partition => {
            "detach it first (ALTER TABLE ... DETACH PARTITION), or name the other schema as well".to_owned()
        }
        // No word for it would let a run begin.
        Action::Refuse if crossing.kind == CrossingKind::Subscription => {
            "change it to write into the new database, or stop it before the split".to_owned()
        }
        Action::Refuse if crossing.reason.ends_with(PERIODS) => {
            "choose drop or bridge for it in --boundary-file; or move both sides".to_owned()
        }
        Action::Refuse if *choices != BoundaryFile::default() => {
            "choose drop, loose or bridge for it in the boundary file; or move both sides".to_owned()
        }
        Action::Refuse => {
            "choose --boundary drop, loose or bridge, or one by one in --boundary-file; or move both sides"
                .to_owned()
        }
        Action::Drop if crossing.kind == CrossingKind::ForeignKey => {
            "the key is not recreated, and is dropped where it stays".to_owned()
        }
        Action::Drop if crossing.kind == CrossingKind::Publication => {
            "the table leaves it when `finish --yes-drop` drops the table; publish the new table to those who need it".to_owned()
        }
        Action::Drop => {
            "drop or change it yourself; until then `finish --yes-drop` drops nothing".to_owned()
        }
        Action::Loose => "a delete log and `pgkeep split reap` replace the key".to_owned(),
        Action::Bridge => "foreign tables replace the moved tables".to_owned(),
        Action::LeaveBehind => "it is not created in the new database".to_owned(),
        Action::Keep => {
            "the old database keeps the definition; `finish --yes-drop` drops nothing as long as an object there uses it"
                .to_owned()
        }
        Action::Review => "change it, or make sure that nobody calls it".to_owned(),
    };
    Finding::new(crossing.severity, FindingKind::Crossing, crossing.key.clone(), crossing.reason.clone(), action)
}

fn left_behind(sides: &Sides<'_>, boundary: &[Crossing]) -> Vec<LeftBehind> {
    let of_crossing: BTreeMap<DumpId, Action> =
        boundary.iter().map(|crossing| (crossing.entry, crossing.action)).collect();
    let entries = sides.archive.entries().iter().enumerate();
    let left = entries.filter(|(position, _)| sides.is_left_behind(*position)).map(|(_, entry)| LeftBehind {
        entry: entry.dump_id,
        label: entry.label(),
        action: of_crossing.get(&entry.dump_id).copied().unwrap_or(Action::LeaveBehind),
    });
    left.collect()
}

/// The roles and those that they belong to, directly or not.
fn roles_above(mut names: BTreeSet<String>, source: &SourceFacts) -> BTreeSet<String> {
    let mut added = true;
    while added {
        added = false;
        for membership in &source.memberships {
            // The server's own roles are everywhere.
            let own = membership.role.starts_with("pg_");
            added |= !own && names.contains(&membership.member) && names.insert(membership.role.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests;
