//! The table of contents as a graph: what must be there for an entry, and what goes where an entry goes.

use std::collections::HashMap;

use super::archive::{Archive, Entry, Kind};
use super::lexer::tokens;

/// Entries are nodes, named by their position in [`Archive::entries`].
pub(crate) struct Graph {
    /// Without these an entry cannot be made.
    needs: Vec<Vec<usize>>,
    /// The reverse of `needs`.
    needed_by: Vec<Vec<usize>>,
    /// What an entry is a part or a remark of: a constraint's table, a comment's function.
    whole: Vec<Option<usize>>,
    /// The reverse of `whole`.
    parts: Vec<Vec<usize>>,
}

impl Graph {
    pub fn new(archive: &Archive) -> Graph {
        let entries = archive.entries();
        let dependencies: Vec<Vec<usize>> = entries.iter().map(|entry| positions(archive, entry)).collect();
        let names = Names::new(entries, &dependencies);
        let whole: Vec<Option<usize>> =
            (0..entries.len()).map(|position| names.whole_of(entries, &dependencies, position)).collect();
        let mut needs: Vec<Vec<usize>> =
            (0..entries.len()).map(|position| names.needs_of(entries, &dependencies, position)).collect();
        for (needs, whole) in needs.iter_mut().zip(&whole) {
            needs.extend(whole);
            needs.sort_unstable();
            needs.dedup();
        }
        let needed_by = reversed(
            entries.len(),
            needs.iter().enumerate().flat_map(|(from, to)| to.iter().map(move |to| (from, *to))),
        );
        let parts = reversed(entries.len(), whole.iter().enumerate().filter_map(|(from, to)| to.map(|to| (from, to))));
        Graph { needs, needed_by, whole, parts }
    }

    pub fn needs(&self, position: usize) -> &[usize] {
        &self.needs[position]
    }

    pub fn needed_by(&self, position: usize) -> &[usize] {
        &self.needed_by[position]
    }

    pub fn whole(&self, position: usize) -> Option<usize> {
        self.whole[position]
    }

    pub fn parts(&self, position: usize) -> &[usize] {
        &self.parts[position]
    }
}

fn positions(archive: &Archive, entry: &Entry) -> Vec<usize> {
    entry.dependencies.iter().filter_map(|dump_id| archive.position(*dump_id)).collect()
}

fn reversed(count: usize, edges: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut reversed = vec![Vec::new(); count];
    for (from, to) in edges {
        reversed[to].push(from);
    }
    reversed
}

/// Links between entries that the dependencies alone do not give.
struct Names<'a> {
    schemas: HashMap<String, usize>,
    servers: HashMap<String, usize>,
    /// (child, parent) of each `ATTACH`: until it runs, the child stands without its parent.
    attached: Vec<(usize, usize)>,
    /// The rule that gives a view its query, where a circle made `pg_dump` part the two.
    view_rules: HashMap<usize, usize>,
    /// Of partitions.
    parents: HashMap<usize, usize>,
    /// By their tables and names, those that are made there.
    triggers: HashMap<(usize, &'a str), usize>,
}

impl<'a> Names<'a> {
    fn new(entries: &'a [Entry], dependencies: &[Vec<usize>]) -> Names<'a> {
        let of_kind = |kind: Kind| {
            let found = entries.iter().enumerate().filter(move |(_, entry)| entry.kind == kind);
            found.map(|(position, entry)| (entry.tag.clone(), position)).collect()
        };
        let mut attached: Vec<(usize, usize)> = entries
            .iter()
            .zip(dependencies)
            .filter(|(entry, _)| matches!(entry.kind, Kind::TableAttach | Kind::IndexAttach))
            .filter_map(|(_, dependencies)| Some((*dependencies.first()?, *dependencies.get(1)?)))
            .collect();
        attached.sort_unstable();
        let view_rules = entries
            .iter()
            .zip(dependencies)
            .enumerate()
            .filter(|(_, (entry, _))| entry.kind == Kind::Rule && entry.tag.ends_with(" _RETURN"))
            .filter_map(|(rule, (entry, dependencies))| Some((relation_of(entries, dependencies, entry)?, rule)))
            .collect();
        let is_table = |position: usize| entries[position].kind.is_relation();
        let parents = attached.iter().copied().filter(|(child, parent)| is_table(*child) && is_table(*parent));
        let made = |(_, entry): &(usize, &Entry)| entry.kind == Kind::Trigger && !is_of_a_parents_trigger(entry);
        let triggers = entries.iter().enumerate().filter(made);
        let triggers = triggers.filter_map(|(at, _)| Some((table_and_name(entries, dependencies, at)?, at)));
        Names {
            parents: parents.collect(),
            triggers: triggers.collect(),
            schemas: of_kind(Kind::Schema),
            servers: of_kind(Kind::Server),
            attached,
            view_rules,
        }
    }

    fn whole_of(&self, entries: &[Entry], dependencies: &[Vec<usize>], position: usize) -> Option<usize> {
        let (entry, own) = (&entries[position], &dependencies[position]);
        match entry.kind {
            kind if kind.is_remark() => own.first().copied(),
            // The index is itself a part of the child.
            Kind::IndexAttach => own.first().copied(),
            Kind::SequenceOwnedBy => {
                let sequence = *own.first()?;
                relation_of(entries, &dependencies[sequence], entry).or(Some(sequence))
            }
            // It is in its column's definition, though pg_dump writes it apart.
            Kind::Sequence if is_identity(entry) => relation_of(entries, own, entry),
            Kind::CheckConstraint if is_of_a_domain(entry) => of_kind(entries, own, Kind::Domain),
            kind if kind.is_part_of_relation() => relation_of(entries, own, entry),
            // pg_dump gives them no dependency.
            Kind::DatabaseProperties => entries.iter().position(|entry| entry.kind == Kind::Database),
            Kind::PublicationTable | Kind::PublicationSchema => of_kind(entries, own, Kind::Publication),
            Kind::SubscriptionTable => of_kind(entries, own, Kind::Subscription),
            // pg_dump gives a user mapping no dependency; its tag is `USER MAPPING role SERVER server`.
            Kind::UserMapping => {
                let servers = self.servers.iter().filter(|(name, _)| entry.tag.ends_with(&format!(" SERVER {name}")));
                servers.max_by_key(|(name, _)| name.len()).map(|(_, position)| *position)
            }
            _ => None,
        }
    }

    fn needs_of(&self, entries: &[Entry], dependencies: &[Vec<usize>], position: usize) -> Vec<usize> {
        let (entry, own) = (&entries[position], &dependencies[position]);
        let stands_without = |needed: usize| match (entry.kind, entries[needed].kind) {
            // A serial column's sequence hangs on its table so that both are dropped together; an identity column's is made by
            // ALTER TABLE.
            (Kind::Sequence, Kind::Table | Kind::ForeignTable) => !is_identity(entry),
            _ => self.attached.binary_search(&(position, needed)).is_ok(),
        };
        let mut needs: Vec<usize> = own.iter().copied().filter(|needed| !stands_without(*needed)).collect();
        if entry.kind == Kind::SequenceOwnedBy {
            let of_the_sequence = own.iter().flat_map(|sequence| &dependencies[*sequence]);
            needs.extend(of_the_sequence.filter(|needed| entries[**needed].kind.is_relation()));
        }
        if let Some(rule) = self.view_rules.get(&position) {
            needs.extend(dependencies[*rule].iter().filter(|needed| **needed != position));
        }
        if is_of_a_parents_trigger(entry) {
            needs.extend(self.trigger_above(entries, dependencies, position));
        }
        needs.extend(entry.namespace.as_ref().and_then(|namespace| self.schemas.get(namespace)));
        needs
    }

    /// The trigger that makes this one at a partition, which is only enabled or disabled there: pg_dump names neither it nor its table.
    fn trigger_above(&self, entries: &[Entry], dependencies: &[Vec<usize>], position: usize) -> Option<usize> {
        let (mut table, name) = table_and_name(entries, dependencies, position)?;
        loop {
            table = *self.parents.get(&table)?;
            if let Some(trigger) = self.triggers.get(&(table, name)) {
                return Some(*trigger);
            }
        }
    }
}

/// Of a trigger.
fn table_and_name<'a>(entries: &'a [Entry], dependencies: &[Vec<usize>], position: usize) -> Option<(usize, &'a str)> {
    let entry = &entries[position];
    let table = relation_of(entries, &dependencies[position], entry)?;
    Some((table, entry.tag.strip_prefix(entries[table].tag.as_str())?.strip_prefix(' ')?))
}

/// Whether the entry enables or disables, at a partition, a trigger that one of the tables above has made.
pub(crate) fn is_of_a_parents_trigger(entry: &Entry) -> bool {
    entry.kind == Kind::Trigger && !tokens(entry.defn.as_bytes()).first().is_some_and(|first| first.is_word("CREATE"))
}

/// Whether the sequence entry is an identity column's, which exists only with its table.
fn is_identity(entry: &Entry) -> bool {
    entry.defn.as_bytes().windows(b" ADD GENERATED ".len()).any(|window| window == b" ADD GENERATED ")
}

/// Whether the check, which stands apart because rows may be against it, is a domain's.
fn is_of_a_domain(entry: &Entry) -> bool {
    entry.defn.as_bytes().trim_ascii_start().starts_with(b"ALTER DOMAIN ")
}

fn of_kind(entries: &[Entry], positions: &[usize], kind: Kind) -> Option<usize> {
    positions.iter().copied().find(|position| entries[*position].kind == kind)
}

/// The relation among the dependencies that the part is named after (`table constraint`), else the first in its schema.
fn relation_of(entries: &[Entry], dependencies: &[usize], part: &Entry) -> Option<usize> {
    let relations = dependencies.iter().copied().filter(|position| entries[*position].kind.is_relation());
    let in_schema = |position: &usize| entries[*position].namespace == part.namespace;
    let named_after = |position: &usize| {
        let rest = part.tag.strip_prefix(entries[*position].tag.as_str());
        in_schema(position) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let longest = relations.clone().filter(named_after).max_by_key(|position| entries[*position].tag.len());
    longest.or_else(|| relations.clone().find(in_schema)).or_else(|| relations.clone().next())
}
