//! The request and all that it needs, entry by entry.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap, VecDeque};

use super::members::Members;
use super::scope::Scope;
use super::{LeftOut, LeftOutReason, Reason, Selection};
use crate::schema::archive::{Archive, CatalogId, DumpId, Kind};
use crate::schema::facts::{Facts, Needed};
use crate::schema::graph::Graph;
use crate::schema::mentions::Mentions;

/// The selection while it grows.
pub(super) struct Closure<'a> {
    archive: &'a Archive,
    graph: &'a Graph,
    scope: &'a Scope,
    mentions: Mentions,
    /// By the position of an exclusion constraint, what its index needs.
    exclusions: HashMap<usize, Vec<usize>>,
    /// What is said of extensions' own objects, which have no entries.
    of_members: Members,
    /// For each entry that cannot be made, why.
    blocked: Vec<Option<LeftOutReason>>,
    taken: BTreeMap<DumpId, Reason>,
    left_out: BTreeMap<usize, LeftOutReason>,
    queue: VecDeque<usize>,
}

impl<'a> Closure<'a> {
    pub fn new(archive: &'a Archive, facts: &Facts, graph: &'a Graph, scope: &'a Scope) -> Closure<'a> {
        Closure {
            archive,
            graph,
            scope,
            mentions: Mentions::new(archive, facts),
            exclusions: exclusions(archive, facts),
            of_members: Members::new(archive, facts, graph),
            blocked: blocked(archive, graph, scope),
            taken: BTreeMap::new(),
            left_out: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    fn id(&self, position: usize) -> DumpId {
        self.archive.entries()[position].dump_id
    }

    pub fn take_everything(&mut self) {
        for entry in self.archive.entries() {
            let setting = entry.kind.is_session_setting();
            self.taken.insert(entry.dump_id, if setting { Reason::Setting } else { Reason::Whole });
        }
    }

    pub fn take_asked(&mut self) {
        // All that is asked for comes first, so that no entry carries a weaker reason.
        for (position, entry) in self.archive.entries().iter().enumerate() {
            if entry.kind.is_session_setting() || entry.kind == Kind::Database {
                self.take(position, Reason::Setting);
            } else if (self.graph.whole(position).is_none() || entry.kind == Kind::Sequence)
                && self.scope.asks_for(position)
            {
                self.take(position, Reason::Asked);
            }
        }
        self.follow_all();
        self.take_what_joins();
    }

    fn follow_all(&mut self) {
        while let Some(position) = self.queue.pop_front() {
            self.follow(position);
        }
    }

    fn follow(&mut self, position: usize) {
        let entry = &self.archive.entries()[position];
        let of_index = self.exclusions.get(&position).cloned().unwrap_or_default();
        for &needed in self.graph.needs(position).iter().chain(&of_index) {
            self.take(needed, Reason::NeededBy(entry.dump_id));
        }
        for mentioned in self.mentions.of(entry) {
            self.take(mentioned, Reason::MentionedBy(entry.dump_id));
        }
        for remark in self.of_members.of(position).to_vec() {
            self.take(remark, Reason::PartOf(entry.dump_id));
        }
        // A part of a database may be restored into one that is made for it: as closed, and as set up, as the source's.
        let of_a_part = entry.kind == Kind::Database && !self.scope.is_everything_but();
        let reason = if of_a_part { Reason::Setting } else { Reason::PartOf(entry.dump_id) };
        for &part in self.graph.parts(position) {
            if !self.archive.entries()[part].kind.is_data() {
                self.take(part, reason);
            }
        }
    }

    fn take(&mut self, position: usize, reason: Reason) {
        if let Some(why_not) = self.blocked[position] {
            // A relation that nobody asked for is outside by definition and no loss.
            if !matches!(why_not, LeftOutReason::NeedsOutside { relation } if relation == self.id(position)) {
                self.left_out.insert(position, why_not);
            }
            return;
        }
        let dump_id = self.id(position);
        if let Slot::Vacant(vacant) = self.taken.entry(dump_id) {
            vacant.insert(reason);
            self.queue.push_back(position);
        }
    }

    /// Casts and transforms join types that know nothing of them: they go where all of these go, with the functions that they call.
    fn take_what_joins(&mut self) {
        for (position, entry) in self.archive.entries().iter().enumerate() {
            let mut joined = self.joined(position).peekable();
            let first = joined.peek().map(|joined| self.id(*joined));
            if let Some(first) = first
                && joined.all(|joined| self.taken.contains_key(&self.id(joined)))
                && !self.taken.contains_key(&entry.dump_id)
            {
                self.take(position, Reason::PartOf(first));
            }
        }
        self.follow_all();
    }

    /// The types that a cast or a transform is for, as far as they have entries.
    fn joined(&self, position: usize) -> impl Iterator<Item = usize> + use<'a> {
        let entries = self.archive.entries();
        let joins = matches!(entries[position].kind, Kind::Cast | Kind::Transform);
        let needs = self.graph.needs(position).iter().copied().filter(move |_| joins);
        needs.filter(move |needed| !matches!(entries[*needed].kind, Kind::Function | Kind::Language))
    }

    /// What crosses the line although the taken side does not need it.
    pub fn report_boundary(&mut self) {
        let crossing: Vec<_> =
            (0..self.archive.entries().len()).filter_map(|position| self.crossing(position)).collect();
        self.left_out.extend(crossing);
    }

    fn crossing(&self, position: usize) -> Option<(usize, LeftOutReason)> {
        let kind = |position: usize| self.archive.entries()[position].kind;
        let taken = |position: usize| self.taken.contains_key(&self.id(position));
        let mut needs = self.graph.needs(position).iter().copied();
        match kind(position) {
            _ if taken(position) => None,
            Kind::PublicationTable | Kind::PublicationSchema => {
                let publication = self.graph.whole(position).filter(|publication| !taken(*publication))?;
                // Every table here, and a schema only if it was asked for as a whole.
                let asked = |needed: usize| self.taken.get(&self.id(needed)) == Some(&Reason::Asked);
                needs
                    .any(|needed| {
                        (kind(needed).is_relation() && taken(needed))
                            || (kind(needed) == Kind::Schema
                                && kind(position) == Kind::PublicationSchema
                                && asked(needed))
                    })
                    .then_some(())?;
                Some((position, LeftOutReason::PublicationNotAsked { publication: self.id(publication) }))
            }
            Kind::TableAttach => {
                let child = self.graph.whole(position).filter(|child| !taken(*child))?;
                let parent = needs.find(|needed| *needed != child && kind(*needed).is_relation() && taken(*needed))?;
                Some((child, LeftOutReason::PartitionNotAsked { parent: self.id(parent) }))
            }
            // It is asked for by one of its types, and another is not there.
            Kind::Cast | Kind::Transform => {
                let asked = |joined: usize| self.taken.get(&self.id(joined)) == Some(&Reason::Asked);
                let missing = self.joined(position).find(|joined| !taken(*joined))?;
                self.joined(position).any(asked).then_some(())?;
                Some((position, LeftOutReason::JoinsOutside { entry: self.id(missing) }))
            }
            // Statistics may lie in another schema than their table.
            _ if self.scope.asks_for(position) => {
                let whole =
                    self.graph.whole(position).filter(|whole| !taken(*whole) && !self.scope.asks_for(*whole))?;
                Some((position, LeftOutReason::NeedsOutside { relation: self.id(whole) }))
            }
            kind if self.graph.whole(position).is_none() => {
                let is_part = kind.is_part_of_relation()
                    && needs.any(|need| taken(need) && !matches!(self.archive.entries()[need].kind, Kind::Schema));
                (is_part || self.of_members.is_lost(position, self.archive, &self.taken))
                    .then_some((position, LeftOutReason::OfNothingKnown))
            }
            _ => None,
        }
    }

    pub fn finish(self) -> Selection {
        let ids = self.archive.entries();
        let left_out = self.left_out.into_iter();
        Selection {
            left_out: left_out.map(|(position, reason)| LeftOut { entry: ids[position].dump_id, reason }).collect(),
            entries: self.taken,
            ..Selection::default()
        }
    }
}

/// By the position of an exclusion constraint, what its index needs.
pub(crate) fn exclusions(archive: &Archive, facts: &Facts) -> HashMap<usize, Vec<usize>> {
    let entries = archive.entries();
    let position = |needed: &Needed| match needed {
        Needed::Extension(name) => entries.iter().position(|entry| entry.kind == Kind::Extension && entry.tag == *name),
        Needed::Object(tableoid, oid) => {
            let catalog_id = CatalogId { tableoid: *tableoid, oid: *oid };
            entries.iter().position(|entry| entry.catalog_id == catalog_id)
        }
    };
    let constraints = entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::Constraint);
    let needs = constraints.filter_map(|(at, entry)| Some((at, facts.exclusions.get(&entry.catalog_id.oid)?)));
    needs.map(|(at, needs)| (at, needs.iter().filter_map(position).collect())).collect()
}

/// Spreads from the relations outside to all that cannot be made without them.
fn blocked(archive: &Archive, graph: &Graph, scope: &Scope) -> Vec<Option<LeftOutReason>> {
    let entries = archive.entries();
    let outside = (0..entries.len()).filter(|position| scope.is_outside(*position));
    let mut queue: VecDeque<usize> = outside.collect();
    let mut blocked = vec![None; entries.len()];
    for &position in &queue {
        blocked[position] = Some(LeftOutReason::NeedsOutside { relation: entries[position].dump_id });
    }
    while let Some(position) = queue.pop_front() {
        let dump_id = entries[position].dump_id;
        let reason = match scope.is_outside(position) {
            true => LeftOutReason::NeedsOutside { relation: dump_id },
            false => LeftOutReason::NeedsLeftOut { entry: dump_id },
        };
        for &needing in graph.needed_by(position) {
            if blocked[needing].is_none() {
                blocked[needing] = Some(reason);
                queue.push_back(needing);
            }
        }
    }
    blocked
}
