//! What refers across the line between the schemas that move and those that stay.

mod kind;
mod loose;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use kind::CrossingKind;
pub(super) use loose::PERIODS;
pub use verdict::Rules;
pub(super) use verdict::{Across, Effect, writes};

use super::bodies::Certainty;
use super::facts::ForeignKey;
use super::finding::Severity;
use super::names::SchemaNames;
use crate::schema::archive::{Archive, DumpId, Kind, Oid};
use crate::schema::graph::Graph;
use crate::schema::selection::{LeftOutReason, Selection};

/// Which side needs the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What moves needs something that stays.
    MovingNeedsStaying,
    /// What stays needs something that moves.
    StayingNeedsMoving,
}

/// What will be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing, and no run begins: `--boundary` decides.
    Refuse,
    /// A foreign key is given up. A publication's table goes when `finish --yes-drop` drops it. Anything else stays and sees old rows,
    /// and `finish --yes-drop` waits until it is dropped or changed.
    Drop,
    /// A delete-log trigger and `pgkeep split reap` in the key's place.
    Loose,
    /// It goes on through foreign tables in the old place.
    Bridge,
    /// It stays in the old database, and the new one is without it.
    LeaveBehind,
    /// The definition that it needs is copied, and stays in the old database as well.
    Keep,
    /// A person must change the text.
    Review,
}

/// Something on one side that refers to something on the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Crossing {
    pub kind: CrossingKind,
    pub name: String,
    pub direction: Direction,
    /// The relation, function or publication that refers.
    pub from: String,
    pub to: String,
    /// Rows whose reference would lead nowhere: of foreign keys alone.
    pub orphans: Option<u64>,
    pub action: Action,
    pub severity: Severity,
    pub certainty: Certainty,
    pub reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referenced_columns: Vec<String>,
    /// What the key does when the referenced row goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<String>,
    /// By which a boundary file names it.
    pub key: String,
    /// The entry that refers.
    #[serde(skip)]
    pub entry: DumpId,
    /// `pg_constraint.oid` of a foreign key.
    #[serde(skip)]
    pub constraint: Option<Oid>,
}

/// The two sides, entry by entry.
pub(super) struct Sides<'a> {
    pub archive: &'a Archive,
    pub graph: Graph,
    pub selection: &'a Selection,
    pub names: &'a SchemaNames,
    left_out: BTreeSet<DumpId>,
}

/// Where an entry ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the new database, and gone from the old one after `finish --yes-drop`.
    Moves,
    /// In both: the moving side needs it.
    Copied,
    Stays,
}

impl<'a> Sides<'a> {
    pub fn new(archive: &'a Archive, selection: &'a Selection, names: &'a SchemaNames) -> Sides<'a> {
        let needs = |reason: &LeftOutReason| {
            matches!(reason, LeftOutReason::NeedsOutside { .. } | LeftOutReason::NeedsLeftOut { .. })
        };
        let left_out = selection.left_out.iter().filter(|left_out| needs(&left_out.reason)).map(|l| l.entry).collect();
        Sides { archive, graph: Graph::new(archive), selection, names, left_out }
    }

    pub fn place(&self, position: usize) -> Place {
        let entry = &self.archive.entries()[position];
        if !self.selection.contains(entry.dump_id) {
            return Place::Stays;
        }
        if entry.kind == Kind::Schema {
            return if self.names.moving.contains(&entry.tag) { Place::Moves } else { Place::Copied };
        }
        let within = entry.namespace.as_ref().is_some_and(|schema| self.names.moving.contains(schema));
        // A partition goes where its parent goes, whatever its schema.
        if within || entry.kind.is_relation() { Place::Moves } else { Place::Copied }
    }

    pub fn moves(&self, position: usize) -> bool {
        self.place(position) == Place::Moves
    }

    /// Whether the entry belongs to the moving side and the new database is nevertheless without it.
    pub fn is_left_behind(&self, position: usize) -> bool {
        self.left_out.contains(&self.archive.entries()[position].dump_id)
    }

    /// The table of an index or a constraint, the function of a comment: what the entry is a part of, at last.
    pub fn root(&self, position: usize) -> usize {
        let mut root = position;
        while let Some(whole) = self.graph.whole(root) {
            root = whole;
        }
        root
    }

    /// `core.user`, `unaccent`: the entry's name without its kind.
    pub fn name(&self, position: usize) -> String {
        let entry = &self.archive.entries()[position];
        match &entry.namespace {
            Some(schema) => format!("{schema}.{}", entry.tag),
            None => entry.tag.clone(),
        }
    }
}

/// Everything that the catalog knows to cross the line, foreign keys first.
pub(super) fn crossings(sides: &Sides<'_>, keys: &[ForeignKey], rules: &Rules<'_>) -> Vec<Crossing> {
    let relation_of: BTreeMap<Oid, usize> = relations(sides);
    let entry_of: BTreeMap<Oid, DumpId> = sides
        .archive
        .entries()
        .iter()
        .filter(|entry| entry.kind == Kind::FkConstraint)
        .map(|entry| (entry.catalog_id.oid, entry.dump_id))
        .collect();
    let moves = |oid: &Oid| relation_of.get(oid).is_some_and(|position| sides.place(*position) == Place::Moves);
    let mut found = Vec::new();
    for key in keys {
        let direction = match (moves(&key.relation), moves(&key.referenced)) {
            (true, false) => Direction::MovingNeedsStaying,
            (false, true) => Direction::StayingNeedsMoving,
            _ => continue,
        };
        let entry = entry_of.get(&key.oid).copied().unwrap_or_default();
        found.push(rules.foreign_key(key, direction, entry));
    }
    for position in 0..sides.archive.entries().len() {
        found.extend(of_entry(sides, position, rules));
    }
    found
}

fn relations(sides: &Sides<'_>) -> BTreeMap<Oid, usize> {
    let entries = sides.archive.entries().iter().enumerate();
    entries.filter(|(_, entry)| entry.kind.is_relation()).map(|(at, entry)| (entry.catalog_id.oid, at)).collect()
}

/// What one entry, foreign keys aside, needs on the other side.
fn of_entry(sides: &Sides<'_>, position: usize, rules: &Rules<'_>) -> Vec<Crossing> {
    let entry = &sides.archive.entries()[position];
    let Some(kind) = CrossingKind::of(sides, position) else { return Vec::new() };
    if sides.selection.contains(entry.dump_id) {
        return Vec::new();
    }
    let direction = match sides.is_left_behind(position) {
        true => Direction::MovingNeedsStaying,
        false => Direction::StayingNeedsMoving,
    };
    let across = |needed: usize| match direction {
        Direction::MovingNeedsStaying => sides.place(needed) == Place::Stays,
        Direction::StayingNeedsMoving => sides.place(needed) == Place::Moves,
    };
    let own = sides.root(position);
    let mut to: Vec<usize> = sides.graph.needs(position).iter().map(|needed| sides.root(*needed)).collect();
    to.sort_unstable();
    to.dedup();
    // A part of a table that is left behind itself is no loss of its own.
    to.retain(|needed| *needed != own && *needed != position && across(*needed));
    if kind == CrossingKind::Publication {
        // Whole schemas are published by name, and a schema is no row.
        to.retain(|needed| sides.archive.entries()[*needed].kind != Kind::Publication);
    }
    // Whoever reads a table uses its types as well: the table says enough.
    let has_rows = |needed: &usize| {
        let kind = sides.archive.entries()[*needed].kind;
        kind.is_relation() || kind == Kind::Sequence
    };
    if to.iter().any(has_rows) {
        to.retain(has_rows);
    }
    to.into_iter().map(|needed| rules.entry(sides, position, needed, kind, direction)).collect()
}
