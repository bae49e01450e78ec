//! What the switches name, before anything that it needs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Request, SelectionError};
use crate::schema::archive::{Archive, Entry, Kind, Oid};
use crate::schema::facts::Facts;
use crate::schema::pattern::{Pattern, Visibility};
use crate::schema::unmatched::{near, near_relation};

/// A relation, from the archive or (configuration tables of extensions) from the catalog alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name<'a> {
    schema: &'a str,
    name: &'a str,
}

/// The switches' meaning for each entry.
pub(super) struct Scope {
    asked: Vec<Asked>,
    excluded: BTreeSet<Oid>,
    everything_but: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
    /// Not asked for, and a relation: what needs it is left out.
    Outside,
}

impl Scope {
    pub fn resolve(archive: &Archive, facts: &Facts, request: &Request) -> Result<Scope, SelectionError> {
        let relations = relations(archive, facts);
        let schemas = schemas(archive, facts);
        let everything_but = request.schemas.is_empty() && request.tables.is_empty();

        let excluded_schemas = matching_schemas(&schemas, &request.exclude_schemas, "-N")?;
        let mut asked_schemas = matching_schemas(&schemas, &request.schemas, "-n")?;
        if everything_but {
            asked_schemas.clone_from(&schemas);
        }
        asked_schemas.retain(|schema| !excluded_schemas.contains(schema));

        let named = matching_relations(&relations, facts, &request.tables, "-t")?;
        let excluded = matching_relations(&relations, facts, &request.exclude_tables, "-T")?;

        let mut asked: BTreeSet<Oid> = relations
            .iter()
            .filter(|(_, name)| asked_schemas.contains(name.schema))
            .map(|(oid, _)| *oid)
            .filter(|oid| !excluded.contains(oid))
            .collect();
        let children = children(facts);
        let follow = |oid: &Oid| {
            let schema = relations.get(oid).map(|name| name.schema);
            !excluded.contains(oid) && !schema.is_some_and(|schema| excluded_schemas.contains(schema))
        };
        let mut queue: Vec<Oid> = asked.iter().copied().collect();
        while let Some(parent) = queue.pop() {
            let children = children.get(&parent).map(Vec::as_slice).unwrap_or_default();
            queue.extend(children.iter().copied().filter(follow).filter(|child| asked.insert(*child)));
        }
        asked.extend(named.difference(&excluded));

        let by_entry = Relations { asked, named, excluded: &excluded };
        let judge = |entry: &Entry| {
            let schema_asked = |schema: &str| asked_schemas.contains(schema);
            by_entry.judge(archive, entry, &schema_asked).unwrap_or_else(|| {
                let yes = match (entry.kind, &entry.namespace) {
                    (Kind::Schema, _) => schema_asked(&entry.tag),
                    (_, Some(schema)) => schema_asked(schema),
                    (Kind::Extension, None) if !everything_but => {
                        facts.extensions.get(&entry.tag).is_some_and(|extension| schema_asked(&extension.schema))
                    }
                    // `public` has no entry of its own while it is as initdb made it; its grants have.
                    (Kind::Acl | Kind::Comment | Kind::SecurityLabel, None) if !everything_but => {
                        entry.remarks_on("SCHEMA").is_some_and(|schema| schema_asked(&schema))
                    }
                    (_, None) => everything_but,
                };
                if yes { Asked::Yes } else { Asked::No }
            })
        };
        Ok(Scope { asked: archive.entries().iter().map(judge).collect(), excluded, everything_but })
    }

    /// Whether a switch names the entry itself or its schema.
    pub fn asks_for(&self, position: usize) -> bool {
        self.asked[position] == Asked::Yes
    }

    /// Whether the entry is a relation that the request does not cover.
    pub fn is_outside(&self, position: usize) -> bool {
        self.asked[position] == Asked::Outside
    }

    /// Whether `-T` names the relation.
    pub fn excludes(&self, relation: Oid) -> bool {
        self.excluded.contains(&relation)
    }

    /// Whether there are only switches that exclude: what lives in no schema is asked for then.
    pub fn is_everything_but(&self) -> bool {
        self.everything_but
    }
}

/// The relations by what the switches say of them.
struct Relations<'a> {
    asked: BTreeSet<Oid>,
    named: BTreeSet<Oid>,
    excluded: &'a BTreeSet<Oid>,
}

impl Relations<'_> {
    /// `None` for what is neither relation nor sequence.
    fn judge(&self, archive: &Archive, entry: &Entry, schema_asked: &dyn Fn(&str) -> bool) -> Option<Asked> {
        let oid = entry.catalog_id.oid;
        if entry.kind.is_relation() {
            return Some(if self.asked.contains(&oid) { Asked::Yes } else { Asked::Outside });
        }
        if entry.kind != Kind::Sequence {
            return None;
        }
        if self.excluded.contains(&oid) {
            return Some(Asked::Outside);
        }
        // A sequence that a column owns is part of that column's table, and comes along when somebody else needs it.
        let owners = entry.dependencies.iter().filter_map(|dump_id| archive.entry(*dump_id));
        let mut owners = owners.filter(|owner| owner.kind.is_relation());
        let owner_asked = owners.next().is_none_or(|owner| self.asked.contains(&owner.catalog_id.oid));
        let in_schema = entry.namespace.as_deref().is_some_and(schema_asked);
        let yes = self.named.contains(&oid) || (owner_asked && in_schema && self.asked.contains(&oid));
        Some(if yes { Asked::Yes } else { Asked::No })
    }
}

fn relations<'a>(archive: &'a Archive, facts: &'a Facts) -> BTreeMap<Oid, Name<'a>> {
    let known = facts.relations.iter();
    let mut relations: BTreeMap<Oid, Name<'a>> =
        known.map(|(oid, relation)| (*oid, Name { schema: &relation.schema, name: &relation.name })).collect();
    for entry in archive.entries() {
        if let (true, Some(schema)) = (entry.kind.is_relation() || entry.kind == Kind::Sequence, &entry.namespace) {
            relations.insert(entry.catalog_id.oid, Name { schema, name: &entry.tag });
        }
    }
    relations
}

fn schemas(archive: &Archive, facts: &Facts) -> BTreeSet<String> {
    let mut schemas = BTreeSet::from(["public".to_owned()]);
    schemas.extend(facts.relations.values().map(|relation| relation.schema.clone()));
    schemas.extend(facts.extensions.values().map(|extension| extension.schema.clone()));
    for entry in archive.entries() {
        schemas.extend(entry.namespace.clone());
        if entry.kind == Kind::Schema {
            schemas.insert(entry.tag.clone());
        }
    }
    schemas
}

fn matching_schemas(
    schemas: &BTreeSet<String>,
    patterns: &[Pattern],
    switch: &'static str,
) -> Result<BTreeSet<String>, SelectionError> {
    let mut matching = BTreeSet::new();
    for pattern in patterns {
        let mut found = schemas.iter().filter(|schema| pattern.matches_schema(schema)).peekable();
        if found.peek().is_none() {
            let near = near(pattern.text(), schemas.iter().map(String::as_str));
            return Err(SelectionError::NoSuchSchema { pattern: pattern.text().to_owned(), switch, near });
        }
        matching.extend(found.cloned());
    }
    Ok(matching)
}

fn matching_relations(
    relations: &BTreeMap<Oid, Name<'_>>,
    facts: &Facts,
    patterns: &[Pattern],
    switch: &'static str,
) -> Result<BTreeSet<Oid>, SelectionError> {
    let mut first_on_path: HashMap<&str, usize> = HashMap::new();
    let on_path = |name: &Name<'_>| facts.search_path.iter().position(|schema| schema == name.schema);
    for name in relations.values() {
        if let Some(place) = on_path(name) {
            let first = first_on_path.entry(name.name).or_insert(place);
            *first = place.min(*first);
        }
    }
    let visibility = |name: &Name<'_>| match on_path(name) {
        Some(place) if first_on_path.get(name.name) == Some(&place) => Visibility::Visible,
        _ => Visibility::Hidden,
    };
    let mut matching = BTreeSet::new();
    for pattern in patterns {
        let fits = |name: &Name<'_>| pattern.matches(name.schema, name.name, visibility(name));
        let mut found = relations.iter().filter(|(_, name)| fits(name)).map(|(oid, _)| *oid).peekable();
        if found.peek().is_none() {
            let near = near_relation(pattern.text(), relations.values().map(|name| (name.schema, name.name)));
            return Err(SelectionError::NoSuchTable { pattern: pattern.text().to_owned(), switch, near });
        }
        matching.extend(found);
    }
    Ok(matching)
}

fn children(facts: &Facts) -> BTreeMap<Oid, Vec<Oid>> {
    let mut children: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
    for (oid, relation) in &facts.relations {
        if let Some(parent) = relation.part_of {
            children.entry(parent).or_default().push(*oid);
        }
    }
    children
}
