//! From the command line's patterns to a selection.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use crate::pg::catalog::TableFacts;
use crate::pg::dump::Untouched;
use crate::repo::manifest::{self, LeftOut, Membership};
use crate::schema::archive::{Archive, DumpId, Kind};
use crate::schema::facts::Facts;
use crate::schema::pattern::{Pattern, PatternKind, Visibility};
use crate::schema::selection::{self, LeftOutReason, Reason, Request, Selection};

/// `-n`, `-N`, `-t`, `-T` as typed.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    pub schemas: Vec<String>,
    pub exclude_schemas: Vec<String>,
    pub tables: Vec<String>,
    pub exclude_tables: Vec<String>,
}

impl Patterns {
    pub fn parse(&self) -> Result<Request, Error> {
        let parse = |patterns: &[String], kind| -> Result<Vec<Pattern>, Error> {
            Ok(patterns.iter().map(|text| Pattern::parse(text, kind)).collect::<Result<_, _>>()?)
        };
        Ok(Request {
            schemas: parse(&self.schemas, PatternKind::Schema)?,
            exclude_schemas: parse(&self.exclude_schemas, PatternKind::Schema)?,
            tables: parse(&self.tables, PatternKind::Relation)?,
            exclude_tables: parse(&self.exclude_tables, PatternKind::Relation)?,
        })
    }

    pub fn is_empty(&self) -> bool {
        [&self.schemas, &self.exclude_schemas, &self.tables, &self.exclude_tables]
            .iter()
            .all(|patterns| patterns.is_empty())
    }
}

impl From<Patterns> for manifest::Request {
    fn from(patterns: Patterns) -> Self {
        let Patterns { schemas, exclude_schemas, tables, exclude_tables } = patterns;
        manifest::Request { schemas, exclude_schemas, tables, exclude_tables }
    }
}

impl From<manifest::Request> for Patterns {
    fn from(request: manifest::Request) -> Self {
        let manifest::Request { schemas, exclude_schemas, tables, exclude_tables } = request;
        Patterns { schemas, exclude_schemas, tables, exclude_tables }
    }
}

/// Who owns what is selected.
pub struct Owned {
    pub entries: BTreeMap<DumpId, String>,
    /// By oid.
    pub tables: BTreeMap<u32, String>,
}

impl Owned {
    pub fn of(archive: &Archive, selection: &Selection) -> Self {
        let mut owned = Self { entries: BTreeMap::new(), tables: BTreeMap::new() };
        for entry in archive.entries().iter().filter(|entry| selection.contains(entry.dump_id)) {
            let Some(owner) = &entry.owner else { continue };
            owned.entries.insert(entry.dump_id, owner.clone());
            if entry.kind.is_relation() {
                owned.tables.insert(entry.catalog_id.oid, owner.clone());
            }
        }
        owned
    }
}

/// Whether a table may belong to the request, by its name alone: before pg_dump has spoken, what is asked for must be locked.
/// Rather too much than too little; an extension's configuration tables always may.
pub fn may_be_asked(request: &Request, table: &TableFacts) -> bool {
    may_be_named(request, &table.schema, &table.name) || table.configuration.is_some()
}

/// The same of any relation, by its schema and name.
pub fn may_be_named(request: &Request, schema: &str, name: &str) -> bool {
    let in_schema = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches_schema(schema));
    let relation = |patterns: &[Pattern], visibility| patterns.iter().any(|p| p.matches(schema, name, visibility));
    // What only a visible name would match may stay, as it may be another table.
    let excluded = in_schema(&request.exclude_schemas) || relation(&request.exclude_tables, Visibility::Hidden);
    let everything_but = request.schemas.is_empty() && request.tables.is_empty();
    let asked = everything_but || in_schema(&request.schemas) || relation(&request.tables, Visibility::Visible);
    asked && !excluded
}

pub fn select(archive: &Archive, facts: &Facts, request: &Request) -> Result<Selection, Error> {
    let selection = selection::select(archive, facts, request)
        .map_err(|error| Error::Usage { what: error.to_string(), hint: error.hint() })?;
    // A backup that ignored a table would call itself complete and not be; a view that was asked for by its name is missed as much.
    // What was taken away with -N and -T takes along what needs it.
    let by_name = request.schemas.is_empty() && !request.tables.is_empty();
    let missed = |kind: Kind| kind == Kind::Table || (by_name && kind.is_relation());
    // Whether rows are missing is looked at by itself.
    let is_partition = |left: &&selection::LeftOut| matches!(left.reason, LeftOutReason::PartitionNotAsked { .. });
    let lost = selection
        .left_out
        .iter()
        .filter(|left| !is_partition(left))
        .filter(|left| archive.entry(left.entry).is_some_and(|e| missed(e.kind)));
    let lost: Vec<String> =
        lost.map(|left| describe(archive, left)).map(|l| format!("{} ({})", l.entry, l.reason)).collect();
    let chosen = || selection.entries.values().any(|reason| matches!(reason, Reason::Asked));
    if lost.is_empty() && !request.is_everything() && selection.relations_with_rows.is_empty() && !chosen() {
        return Err(Error::Usage {
            what: "the patterns exclude everything".into(),
            hint: Some("-N and -T exclude from what -n and -t select.".into()),
        });
    }
    if lost.is_empty() {
        Ok(selection)
    } else {
        Err(Error::Usage {
            what: format!("the selection needs tables outside of it: {}", lost.join(", ")),
            hint: Some("Select the missing tables or their schema as well, or exclude these with -T.".into()),
        })
    }
}

/// Relations that this role cannot lock and did not ask for are unknown to the archive, and so to the selection.
pub fn forget_untouched(facts: &mut Facts, untouched: &Untouched) {
    facts.relations.retain(|_, relation| {
        !untouched.iter().any(|(schema, name)| *schema == relation.schema && *name == relation.name)
    });
}

/// A whole backup must hold every table's rows; anything else is a fault of ours that must not pass for success.
pub fn check_covers(selection: &Selection, tables: &[TableFacts]) -> Result<(), Error> {
    let read: BTreeSet<u32> = tables.iter().map(|table| table.oid).collect();
    if read == selection.relations_with_rows {
        return Ok(());
    }
    let odd: Vec<String> = read.symmetric_difference(&selection.relations_with_rows).map(u32::to_string).collect();
    Err(Error::Internal {
        what: format!("the catalog and pg_dump disagree on the tables with oid {}", odd.join(", ")),
        source: None,
    })
}

/// The roles and those that they belong to, directly or not: memberships decide what an owner may do.
pub fn with_roles_above(mut names: BTreeSet<String>, memberships: &[Membership]) -> BTreeSet<String> {
    let mut added = true;
    while added {
        added = false;
        for membership in memberships {
            added |= names.contains(&membership.member) && names.insert(membership.role.clone());
        }
    }
    names
}

pub fn describe_left_out(archive: &Archive, selection: &Selection) -> Vec<LeftOut> {
    selection.left_out.iter().map(|left_out| describe(archive, left_out)).collect()
}

fn describe(archive: &Archive, left_out: &selection::LeftOut) -> LeftOut {
    let label = |id: DumpId| archive.entry(id).map_or_else(|| id.to_string(), |entry| entry.label());
    let reason = match left_out.reason {
        LeftOutReason::NeedsOutside { relation } => format!("it needs {}, which was not selected", label(relation)),
        LeftOutReason::NeedsLeftOut { entry } => format!("it needs {}, which is left out", label(entry)),
        LeftOutReason::PartitionNotAsked { parent } => {
            format!("its parent {} was selected by name only", label(parent))
        }
        LeftOutReason::PublicationNotAsked { publication } => format!("{} belongs to no schema", label(publication)),
        LeftOutReason::JoinsOutside { entry } => format!("{} was not selected", label(entry)),
        LeftOutReason::OfNothingKnown => "its dependencies are not known".into(),
    };
    LeftOut { entry: label(left_out.entry), reason }
}

/// Those of the relations (by oid) whose entries are selected.
pub fn only_selected(oids: Vec<u32>, archive: &Archive, selection: &Selection) -> Vec<u32> {
    let chosen = archive.entries().iter().filter(|entry| entry.kind.is_relation() && selection.contains(entry.dump_id));
    let chosen: BTreeSet<u32> = chosen.map(|entry| entry.catalog_id.oid).collect();
    oids.into_iter().filter(|oid| chosen.contains(oid)).collect()
}
