//! Which entries and rows a request means, and why.
//!
//! What was asked for is taken with everything that it needs, wherever that lives: extensions, types, functions, also those that
//! only a function's text names. One thing is never taken unasked: another relation. Whatever would need one is left out and
//! reported, and so is what needs that in turn.
//!
//! Differences from `pg_dump`'s switches, all on the side of taking more: the closure itself; `-n` and `-t` together mean both
//! (`pg_dump` would ignore `-n`); an extension whose objects live in a selected schema belongs to it; a partition (or a
//! TimescaleDB chunk) in another schema goes with a parent that was selected by schema. As with `pg_dump`, `-t` on a partitioned
//! table takes only the table itself; the partitions that stay behind are reported.

mod closure;
pub mod elsewhere;
mod members;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{Archive, DumpId, Entry, Kind, Oid};
use super::facts::{Facts, Membership, RelationFacts, RelationKind};
use super::graph::Graph;
use super::pattern::Pattern;
use super::unmatched::{instead_of_a_list, listed};
use closure::Closure;
pub(crate) use closure::exclusions;
use scope::Scope;

/// The switches `-n`, `-N`, `-t`, `-T`. All empty means everything.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub schemas: Vec<Pattern>,
    pub exclude_schemas: Vec<Pattern>,
    pub tables: Vec<Pattern>,
    pub exclude_tables: Vec<Pattern>,
}

impl Request {
    pub fn is_everything(&self) -> bool {
        let Request { schemas, exclude_schemas, tables, exclude_tables } = self;
        [schemas, exclude_schemas, tables, exclude_tables].iter().all(|patterns| patterns.is_empty())
    }
}

/// Why an entry is in the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing was asked for, so everything is.
    Whole,
    /// A switch names it or its schema.
    Asked,
    /// It is a part or a remark of this entry: an index, a grant.
    PartOf(DumpId),
    /// This entry cannot be made without it.
    NeededBy(DumpId),
    /// This function's text names it.
    MentionedBy(DumpId),
    /// It says how the archive's SQL is to be read, or which database was dumped.
    Setting,
}

/// An entry that would have been selected and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub entry: DumpId,
    pub reason: LeftOutReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOutReason {
    /// It needs this relation, which is not part of the request.
    NeedsOutside { relation: DumpId },
    /// It needs this entry, which is left out itself.
    NeedsLeftOut { entry: DumpId },
    /// A partition of a table that was asked for by its name alone: its rows stay behind.
    PartitionNotAsked { parent: DumpId },
    /// A table's membership in a publication, which belongs to no schema.
    PublicationNotAsked { publication: DumpId },
    /// A cast or transform of something taken with this entry, which is not.
    JoinsOutside { entry: DumpId },
    /// It belongs to something, and it is not known to what: to an object of an extension that is taken, most probably.
    OfNothingKnown,
}

/// What a backup or a restore takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub entries: BTreeMap<DumpId, Reason>,
    /// In the archive's order.
    pub left_out: Vec<LeftOut>,
    /// Relations whose rows are taken: ordinary tables, partitions, configuration tables of extensions.
    pub relations_with_rows: BTreeSet<Oid>,
    /// Sequences whose values are taken.
    pub sequences: BTreeSet<Oid>,
}

impl Selection {
    pub fn contains(&self, dump_id: DumpId) -> bool {
        self.entries.contains_key(&dump_id)
    }
}

/// Why a request cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("no schema matches the pattern {pattern:?}")]
    NoSuchSchema {
        pattern: String,
        switch: &'static str,
        /// The name that was probably meant, as a pattern.
        near: Option<String>,
    },
    #[error("no table matches the pattern {pattern:?}")]
    NoSuchTable { pattern: String, switch: &'static str, near: Option<String> },
    #[error("the relation {schema}.{name} is in the database, but not in pg_dump's archive")]
    NotInArchive { schema: String, name: String },
}

impl SelectionError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            SelectionError::NoSuchSchema { pattern, switch, .. } | SelectionError::NoSuchTable { pattern, switch, .. }
                if let Some(parts) = listed(pattern) =>
            {
                instead_of_a_list(switch, &parts)
            }
            SelectionError::NoSuchSchema { near: Some(near), .. } | SelectionError::NoSuchTable { near: Some(near), .. } => {
                let capitals = if near.contains('"') {
                    " Put names with capitals in double quotes, and these in single quotes for the shell."
                } else {
                    ""
                };
                format!("Did you mean {near}?{capitals}")
            }
            SelectionError::NoSuchSchema { .. } => {
                "patterns are folded to lower case: put a name with capitals in double quotes, and these in single quotes for the shell".into()
            }
            SelectionError::NoSuchTable { pattern, .. } if pattern.contains('.') => {
                "patterns are folded to lower case: put names with capitals in double quotes, and these in single quotes for the shell".into()
            }
            SelectionError::NoSuchTable { .. } => {
                "a pattern without a schema finds only what is on the search path: write schema.table; names with capitals need double quotes".into()
            }
            SelectionError::NotInArchive { .. } => "both must be read under one snapshot; please report this".into(),
        })
    }
}

/// Decides what the request takes.
///
/// # Errors
/// A pattern, of whichever switch, that matches nothing; a relation that the archive lacks.
pub fn select(archive: &Archive, facts: &Facts, request: &Request) -> Result<Selection, SelectionError> {
    let scope = Scope::resolve(archive, facts, request)?;
    let graph = Graph::new(archive);
    let mut closure = Closure::new(archive, facts, &graph, &scope);
    if request.is_everything() {
        closure.take_everything();
    } else {
        closure.take_asked();
        closure.report_boundary();
    }
    let mut selection = closure.finish();
    take_values(archive, facts, &scope, &mut selection)?;
    Ok(selection)
}

/// Entries that are parts of something, or say something of it, while nothing is found that it could be. Of objects of extensions and
/// of PostgreSQL's own there are no entries: `names_one` says whether the entry names such a one.
pub fn belonging_to_nothing(archive: &Archive, names_one: impl Fn(&Entry) -> bool) -> Vec<String> {
    let graph = Graph::new(archive);
    let is_part = |entry: &Entry| {
        let parts = [Kind::UserMapping, Kind::PublicationTable, Kind::PublicationSchema, Kind::DatabaseProperties];
        let of_rows = entry.kind.is_data();
        !of_rows && (entry.kind.is_part_of_relation() || entry.kind.is_remark() || parts.contains(&entry.kind))
    };
    let entries = archive.entries().iter().enumerate();
    let lost =
        entries.filter(|(position, entry)| is_part(entry) && graph.whole(*position).is_none() && !names_one(entry));
    lost.map(|(_, entry)| entry.label()).collect()
}

/// The relations whose rows or values travel.
fn take_values(
    archive: &Archive,
    facts: &Facts,
    scope: &Scope,
    selection: &mut Selection,
) -> Result<(), SelectionError> {
    let mut entry_of: BTreeMap<Oid, DumpId> = BTreeMap::new();
    let mut extension_of: BTreeMap<&str, DumpId> = BTreeMap::new();
    for entry in archive.entries() {
        if entry.kind.is_relation() || entry.kind == Kind::Sequence {
            entry_of.insert(entry.catalog_id.oid, entry.dump_id);
        } else if entry.kind == Kind::Extension {
            extension_of.insert(&entry.tag, entry.dump_id);
        }
    }
    for (&oid, relation) in &facts.relations {
        let RelationFacts { schema, name, kind, .. } = relation;
        let maker = match &relation.membership {
            Membership::Member { .. } => continue,
            Membership::Configuration { .. } if scope.excludes(oid) => continue,
            Membership::Configuration { extension } => extension_of.get(extension.as_str()),
            Membership::None => {
                let not_there = || SelectionError::NotInArchive { schema: schema.clone(), name: name.clone() };
                Some(entry_of.get(&oid).ok_or_else(not_there)?)
            }
        };
        if !maker.is_some_and(|maker| selection.contains(*maker)) {
            continue;
        }
        if kind.has_rows() {
            selection.relations_with_rows.insert(oid);
        } else if *kind == RelationKind::Sequence {
            selection.sequences.insert(oid);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
