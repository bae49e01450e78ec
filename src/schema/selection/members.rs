//! What is said of extensions' own objects: grants, row-level security. `CREATE EXTENSION` makes the object, so that it has no entry.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Reason;
use crate::schema::archive::{Archive, DumpId, Entry, Kind};
use crate::schema::facts::{Facts, Membership};
use crate::schema::graph::Graph;

pub(super) struct Members {
    /// By the extension's position.
    of: HashMap<usize, Vec<usize>>,
    /// What is said of no object that is known.
    lost: HashSet<usize>,
    /// By the schema the extensions whose objects lie in it.
    homes: HashMap<String, Vec<DumpId>>,
}

impl Members {
    pub fn new(archive: &Archive, facts: &Facts, graph: &Graph) -> Members {
        let mut members = Members { of: HashMap::new(), lost: HashSet::new(), homes: HashMap::new() };
        let extensions: HashMap<&str, usize> = archive
            .entries()
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.kind == Kind::Extension)
            .map(|(position, entry)| (entry.tag.as_str(), position))
            .collect();
        for (name, position) in &extensions {
            if let Some(extension) = facts.extensions.get(*name) {
                let home = members.homes.entry(extension.schema.clone()).or_default();
                home.push(archive.entries()[*position].dump_id);
            }
        }
        for (position, entry) in archive.entries().iter().enumerate() {
            let says_something = entry.kind.is_remark() || entry.kind.is_part_of_relation();
            if !says_something || graph.whole(position).is_some() {
                continue;
            }
            match extension_of(entry, facts).and_then(|name| extensions.get(name)) {
                Some(extension) => members.of.entry(*extension).or_default().push(position),
                None => drop(members.lost.insert(position)),
            }
        }
        members
    }

    pub fn of(&self, extension: usize) -> &[usize] {
        self.of.get(&extension).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the entry may be about an object of an extension that is taken.
    pub fn is_lost(&self, position: usize, archive: &Archive, taken: &BTreeMap<DumpId, Reason>) -> bool {
        let home = archive.entries()[position].namespace.as_ref().filter(|_| self.lost.contains(&position));
        let extensions = home.and_then(|schema| self.homes.get(schema));
        extensions.is_some_and(|extensions| extensions.iter().any(|extension| taken.contains_key(extension)))
    }
}

/// The extension whose object the entry names: `FUNCTION unaccent(text)`, `TABLE job`, `COLUMN job.id`, `job of_owner`.
fn extension_of<'a>(entry: &Entry, facts: &'a Facts) -> Option<&'a str> {
    let schema = entry.namespace.as_deref()?;
    let (kind, name) = match entry.kind.is_remark() {
        true => entry.tag.split_once(' ')?,
        false => ("", entry.tag.as_str()),
    };
    // A part's tag begins with its table's name, unquoted.
    let end = match kind {
        "COLUMN" => ".",
        "" => " ",
        _ => "",
    };
    let is_named = |relation: &str| {
        let quoted = format!("\"{relation}\"");
        let rest = name.strip_prefix(relation).or_else(|| name.strip_prefix(quoted.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || (!end.is_empty() && rest.starts_with(end)))
    };
    let mut of_relations = facts.relations.values().filter_map(|relation| match &relation.membership {
        Membership::Member { extension } | Membership::Configuration { extension } => {
            (relation.schema == schema && is_named(&relation.name)).then_some(extension.as_str())
        }
        Membership::None => None,
    });
    of_relations.next().or_else(|| {
        let name = name.split_once('(').map_or(name, |(name, _)| name).trim_matches('"');
        let in_schema = facts.extensions.iter().filter(|(_, extension)| extension.schema == schema);
        let mut has_it = in_schema.filter(|(_, extension)| match kind {
            "FUNCTION" | "PROCEDURE" | "AGGREGATE" => extension.functions.contains(name),
            "TYPE" | "DOMAIN" => extension.types.contains(name),
            _ => false,
        });
        has_it.next().map(|(extension, _)| extension.as_str())
    })
}
