//! What moves, and what it needs from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::crossing::{Place, Sides};
use super::facts::{RelationSize, SourceFacts};
use crate::schema::archive::{Entry, Kind};
use crate::schema::facts::{Facts, RelationKind};
use crate::schema::selection::Reason;

/// A schema that moves, whole or (for partitions elsewhere) in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MovingSchema {
    pub schema: String,
    pub owner: Option<String>,
    pub tables: u64,
    /// The planner's estimate (`pg_class.reltuples`), without the tables that were never analyzed.
    pub rows_estimated: u64,
    /// Tables that were never analyzed.
    pub tables_without_estimate: u64,
    /// Main forks and TOAST.
    pub bytes: u64,
    pub indexes: u64,
    pub index_bytes: u64,
    pub sequences: u64,
    pub views: u64,
    pub materialized_views: u64,
    pub foreign_tables: u64,
    pub functions: u64,
    pub types: u64,
    /// Largest first.
    pub relations: Vec<MovingTable>,
}

/// A table or materialized view that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovingTable {
    pub name: String,
    pub rows_estimated: Option<u64>,
    pub bytes: u64,
    pub indexes: u64,
    pub index_bytes: u64,
}

/// Something that lives elsewhere, and is copied because what moves cannot be made without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Need {
    /// As pg_dump spells it: `EXTENSION`, `FUNCTION`, `TYPE`.
    pub kind: String,
    pub name: String,
    /// Of an extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What needs it, for the first reason that was found.
    pub needed_by: String,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The catalog has the dependency.
    Dependency,
    /// A function's text names it.
    NamedInText,
}

pub(super) fn moving(sides: &Sides<'_>, facts: &Facts, source: &SourceFacts) -> Vec<MovingSchema> {
    let mut schemas: BTreeMap<String, MovingSchema> = BTreeMap::new();
    for name in &sides.names.moving {
        schemas.insert(name.clone(), MovingSchema { schema: name.clone(), ..MovingSchema::default() });
    }
    for (position, entry) in sides.archive.entries().iter().enumerate() {
        if entry.kind == Kind::Schema
            && let Some(schema) = schemas.get_mut(&entry.tag)
        {
            schema.owner.clone_from(&entry.owner);
        }
        if sides.place(position) != Place::Moves {
            continue;
        }
        let Some(name) = &entry.namespace else { continue };
        let schema = schemas
            .entry(name.clone())
            .or_insert_with(|| MovingSchema { schema: name.clone(), ..MovingSchema::default() });
        schema.add(entry, facts, source);
    }
    let mut schemas: Vec<MovingSchema> = schemas.into_values().collect();
    for schema in &mut schemas {
        schema.relations.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    }
    schemas
}

impl MovingSchema {
    fn add(&mut self, entry: &Entry, facts: &Facts, source: &SourceFacts) {
        match entry.kind {
            Kind::Table => self.add_table(entry, facts, source),
            Kind::Sequence => self.sequences += 1,
            Kind::View => self.views += 1,
            Kind::MaterializedView => {
                self.materialized_views += 1;
                self.add_storage(entry, source);
            }
            Kind::ForeignTable => self.foreign_tables += 1,
            Kind::Function | Kind::Procedure | Kind::Aggregate => self.functions += 1,
            Kind::Type | Kind::Domain => self.types += 1,
            _ => {}
        }
    }

    fn add_table(&mut self, entry: &Entry, facts: &Facts, source: &SourceFacts) {
        self.tables += 1;
        let kind = facts.relations.get(&entry.catalog_id.oid).map(|relation| relation.kind);
        // The rows of a partitioned table are its partitions', and its indexes have no storage.
        if kind != Some(RelationKind::PartitionedTable) {
            let size = self.add_storage(entry, source);
            match size.rows {
                Some(rows) => self.rows_estimated += rows,
                None => self.tables_without_estimate += 1,
            }
        }
    }

    fn add_storage(&mut self, entry: &Entry, source: &SourceFacts) -> RelationSize {
        let size = source.sizes.get(&entry.catalog_id.oid).copied().unwrap_or_default();
        self.bytes += size.bytes;
        self.index_bytes += size.index_bytes;
        self.indexes += size.indexes;
        self.relations.push(MovingTable {
            name: entry.tag.clone(),
            rows_estimated: size.rows,
            bytes: size.bytes,
            indexes: size.indexes,
            index_bytes: size.index_bytes,
        });
        size
    }
}

pub(super) fn needs(sides: &Sides<'_>, source: &SourceFacts) -> Vec<Need> {
    let label = |dump_id| sides.archive.entry(dump_id).map_or_else(String::new, Entry::label);
    let mut needs = BTreeSet::new();
    for (position, entry) in sides.archive.entries().iter().enumerate() {
        let Some(reason) = sides.selection.entries.get(&entry.dump_id) else { continue };
        let (by, why) = match reason {
            Reason::NeededBy(by) => (*by, Why::Dependency),
            Reason::MentionedBy(by) => (*by, Why::NamedInText),
            // Extensions whose objects live in a moving schema are asked for, and have no schema themselves.
            Reason::Asked if entry.kind == Kind::Extension => (entry.dump_id, Why::Dependency),
            _ => continue,
        };
        if sides.place(position) == Place::Moves || sides.names.moving.contains(&entry.tag) {
            continue;
        }
        needs.insert(Need {
            kind: entry.desc.clone(),
            name: sides.name(position),
            version: source.extensions.get(&entry.tag).filter(|_| entry.kind == Kind::Extension).cloned(),
            needed_by: label(by),
            why,
        });
    }
    needs.into_iter().collect()
}
