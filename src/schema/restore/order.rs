//! What waits for what.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Calls;
use super::circles::without_circles;
use super::{ActsAs, Lock, LockMode, PostDataStep, Step, Transaction, Wave, database};
use crate::schema::archive::{Archive, DumpId, Entry, Kind, Oid, Section, SqlText};
use crate::schema::graph::{Graph, is_of_a_parents_trigger};
use crate::schema::lexer::{quoted, tokens};
use crate::schema::selection::Selection;

/// In which part of the plan an entry belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    Database,
    PreData,
    PostData(Wave),
}

pub(super) fn place(archive: &Archive, graph: &Graph, position: usize) -> Place {
    let entry = &archive.entries()[position];
    let whole = graph.whole(position).map(|whole| &archive.entries()[whole]);
    match entry.kind {
        kind if kind.is_remark() && database::is_about_a_database(entry) => Place::Database,
        kind if kind.is_data() || kind.is_session_setting() => Place::Nowhere,
        Kind::Database | Kind::DatabaseProperties => Place::Database,
        Kind::Acl | Kind::DefaultAcl => Place::PostData(Wave::Grants),
        Kind::EventTrigger => Place::PostData(Wave::Last),
        Kind::Index if whole.is_some_and(|whole| whole.kind == Kind::MaterializedView) => {
            Place::PostData(Wave::Refresh)
        }
        _ => match entry.section {
            Section::PreData => Place::PreData,
            Section::PostData => Place::PostData(Wave::Main),
            Section::Data => Place::Nowhere,
            // A remark goes right behind what it describes. Its wave follows from that.
            Section::None if whole.is_some_and(|whole| whole.section == Section::PostData) => {
                Place::PostData(Wave::Main)
            }
            Section::None => Place::PreData,
        },
    }
}

/// The steps after the rows, while they are collected.
pub(super) struct Order<'a> {
    archive: &'a Archive,
    graph: &'a Graph,
    selection: &'a Selection,
    calls: &'a Calls<'a>,
    steps: Vec<PostDataStep>,
    /// Where in `steps` an entry's step stands.
    steps_of: BTreeMap<DumpId, usize>,
    refreshes: BTreeMap<DumpId, usize>,
}

impl<'a> Order<'a> {
    pub fn new(archive: &'a Archive, selection: &'a Selection, graph: &'a Graph, calls: &'a Calls<'a>) -> Order<'a> {
        let (steps, steps_of, refreshes) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Order { archive, graph, selection, calls, steps, steps_of, refreshes }
    }

    /// Adds an entry's step. Entries must come in the archive's order, in which no entry comes before one that it depends on.
    pub fn add(&mut self, position: usize, step: Step, wave: Wave) {
        let entry = &self.archive.entries()[position];
        let after: BTreeSet<usize> =
            entry.dependencies.iter().filter_map(|dependency| self.steps_of.get(dependency).copied()).collect();
        let wave = if wave == Wave::Main { self.main_wave(position) } else { wave };
        let wave = after.iter().map(|before| self.steps[*before].wave).fold(wave, Wave::max);
        let objects = self.objects(position);
        let mode = lock_mode(entry);
        let locks = objects.iter().map(|object| Lock { object: *object, mode }).collect();
        let has_rows = |object: &Oid| wave == Wave::Main && self.selection.relations_with_rows.contains(object);
        let after_rows = objects.iter().copied().filter(has_rows).collect();
        let after_proof = self.unreadable_after(position, &objects);
        self.steps_of.insert(entry.dump_id, self.steps.len());
        let after = after.into_iter().collect();
        let sorts = builds_b_tree(entry);
        self.steps.push(PostDataStep {
            step,
            wave,
            after,
            after_rows,
            after_proof,
            locks,
            sorts,
            followers: 0,
            chain: 0,
        });
    }

    /// The main wave, or what must wait for all of it.
    fn main_wave(&self, position: usize) -> Wave {
        let entry = &self.archive.entries()[position];
        let whole = self.graph.whole(position).map(|whole| &self.archive.entries()[whole]);
        match entry.kind {
            // Values of a domain may lie in any table, and within other types.
            Kind::CheckConstraint if whole.is_none_or(|whole| !whole.kind.is_relation()) => Wave::Domains,
            Kind::Index | Kind::Constraint | Kind::CheckConstraint | Kind::Statistics
                if self.calls.is_called_by(position) =>
            {
                Wave::Calls
            }
            // The one far above that makes it is in no dependency of the entry, and may come later in the archive.
            Kind::Trigger if is_of_a_parents_trigger(entry) => Wave::Calls,
            _ => Wave::Main,
        }
    }

    /// Relations with rows that an ordinary role might not read any more after the step: row-level security binds an owner too where it
    /// is forced, and an owner may take its own rights away.
    fn unreadable_after(&self, position: usize, objects: &BTreeSet<Oid>) -> Vec<Oid> {
        let entry = &self.archive.entries()[position];
        let with_rows = &self.selection.relations_with_rows;
        let tokens = tokens(entry.defn.as_bytes());
        let revokes = || tokens.iter().any(|token| token.is_word("REVOKE"));
        let closes = || tokens.windows(2).any(|two| two[0].is_word("REVOKE") && !two[1].is_word("CREATE"));
        match entry.kind {
            Kind::RowSecurity => objects.intersection(with_rows).copied().collect(),
            Kind::Acl if revokes() => {
                let of_schema = self.graph.whole(position).map(|whole| &self.archive.entries()[whole]);
                match of_schema.filter(|whole| whole.kind == Kind::Schema) {
                    None => objects.intersection(with_rows).copied().collect(),
                    // Nobody needs that to read.
                    Some(_) if !closes() => Vec::new(),
                    Some(schema) => {
                        self.calls.relations_in(&schema.tag).filter(|oid| with_rows.contains(oid)).collect()
                    }
                }
            }
            _ => Vec::new(),
        }
    }

    /// The relations (and the publication) that a step of the entry touches, partitions included where it reaches into them.
    fn objects(&self, position: usize) -> BTreeSet<Oid> {
        let entries = self.archive.entries();
        let entry = &entries[position];
        let lockable = |position: usize| {
            let other = &entries[position];
            (other.kind.is_relation() || other.kind == Kind::Publication).then_some(other.catalog_id.oid)
        };
        let dependencies = entry.dependencies.iter().filter_map(|dependency| self.archive.position(*dependency));
        let mut objects: BTreeSet<Oid> = dependencies.filter_map(lockable).collect();
        // A comment on a constraint depends on the constraint alone.
        let table = self.graph.whole(position).and_then(|whole| self.graph.whole(whole));
        objects.extend(table.and_then(lockable));
        objects.extend(self.calls.member_named(entry));
        if entry.kind == Kind::IndexAttach {
            // The last one that an index lacks makes it valid, and with it perhaps the index above. Done beside another of the same
            // tree, PostgreSQL can leave the one at the top invalid for ever, and every key to its table is refused.
            let parents: Vec<Oid> = objects.iter().flat_map(|table| self.calls.tables_above(*table)).collect();
            objects.extend(parents);
        }
        // pg_dump makes indexes and keys of partitioned tables ON ONLY; all else reaches the partitions.
        if !matches!(entry.kind, Kind::Index | Kind::IndexAttach) && !is_of_one_table(entry) {
            // What binds rows binds those of heirs as well, where it comes after they were made.
            let heirs = matches!(entry.kind, Kind::Constraint | Kind::CheckConstraint);
            let mut queue: Vec<Oid> = objects.iter().copied().collect();
            while let Some(parent) = queue.pop() {
                let partitions = self.calls.partitions(parent).iter();
                let children = partitions.chain(self.calls.heirs(parent).iter().filter(|_| heirs));
                queue.extend(children.copied().filter(|child| objects.insert(*child)));
            }
        }
        objects
    }

    /// Adds a refresh of each materialized view that held rows, and makes the view's indexes wait for it. Returns those that read one
    /// without rows, through whatever views: PostgreSQL would refuse the query.
    pub fn add_refreshes(&mut self, populated: &BTreeSet<Oid>, acts_as: &ActsAs) -> Vec<String> {
        let mut not_refreshable = Vec::new();
        let mut views: Vec<usize> = Vec::new();
        let mut read: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, entry) in self.archive.entries().iter().enumerate() {
            let held_rows = populated.contains(&entry.catalog_id.oid);
            if entry.kind != Kind::MaterializedView || !held_rows || !self.selection.contains(entry.dump_id) {
                continue;
            }
            let behind = self.calls.materialized_views_behind(position);
            // In the archive's order what is read comes first.
            if behind.iter().all(|view| read.contains_key(view)) {
                read.insert(position, behind);
                views.push(position);
            } else {
                not_refreshable.push(entry.label());
            }
        }
        // Beyond the views that the query names, those that the text of a function names: a guess, which only decides the order.
        let number = |view: &usize| views.binary_search(view).ok();
        let numbers = |views: &[usize]| -> Vec<usize> { views.iter().filter_map(number).collect() };
        let sure: Vec<Vec<usize>> = views.iter().map(|view| numbers(&read[view])).collect();
        let guessed: Vec<Vec<usize>> =
            views.iter().map(|view| numbers(&self.calls.materialized_views_named_behind(*view))).collect();
        let circles = without_circles(&sure, &guessed);
        for n in circles.in_order() {
            let entry = &self.archive.entries()[views[n]];
            let after = circles.after[n].iter().map(|before| {
                let dump_id = self.archive.entries()[views[*before]].dump_id;
                self.refreshes.get(&dump_id).copied()
            });
            let after = after.flatten().collect();
            self.refreshes.insert(entry.dump_id, self.steps.len());
            self.steps.push(PostDataStep {
                step: Step { acts_as: Some(acts_as.clone()), ..refresh(entry) },
                wave: Wave::Refresh,
                after,
                after_rows: Vec::new(),
                after_proof: Vec::new(),
                locks: vec![Lock { object: entry.catalog_id.oid, mode: LockMode::Exclusive }],
                sorts: false,
                followers: 0,
                chain: 0,
            });
        }
        for (view, refresh) in &self.refreshes {
            let parts = self.archive.position(*view).map(|position| self.graph.parts(position)).unwrap_or_default();
            for part in parts {
                let step = self.steps_of.get(&self.archive.entries()[*part].dump_id);
                if let Some(step) = step.map(|step| &mut self.steps[*step]).filter(|step| step.wave == Wave::Refresh) {
                    step.after.push(*refresh);
                }
            }
        }
        not_refreshable
    }

    /// Sorts the waves apart, refreshes before the indexes on them, and counts what waits for each step.
    pub fn finish(self) -> Vec<PostDataStep> {
        let is_refresh: BTreeSet<usize> = self.refreshes.values().copied().collect();
        let mut sequence: Vec<usize> = (0..self.steps.len()).collect();
        // Stable: within a wave the archive's order stays.
        sequence.sort_by_key(|index| (self.steps[*index].wave, !is_refresh.contains(index)));
        let mut new_position = vec![0; sequence.len()];
        for (position, index) in sequence.iter().enumerate() {
            new_position[*index] = position;
        }
        let mut steps: Vec<Option<PostDataStep>> = self.steps.into_iter().map(Some).collect();
        let mut sorted: Vec<PostDataStep> = sequence.iter().filter_map(|index| steps[*index].take()).collect();
        for (position, step) in sorted.iter_mut().enumerate() {
            step.after.iter_mut().for_each(|before| *before = new_position[*before]);
            step.after.retain(|before| *before < position);
            step.after.sort_unstable();
        }
        for position in (0..sorted.len()).rev() {
            let chain = sorted[position].chain + 1;
            for before in sorted[position].after.clone() {
                sorted[before].followers += 1;
                sorted[before].chain = chain.max(sorted[before].chain);
            }
        }
        sorted
    }
}

fn refresh(entry: &Entry) -> Step {
    let schema = entry.namespace.as_deref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
    Step {
        dump_id: entry.dump_id,
        label: format!("REFRESH {}", entry.label()),
        statements: vec![
            // The view holds what its owner may see: where policies hide rows, that is no error, and must not be more.
            SqlText::new("SET LOCAL row_security = on;"),
            SqlText::new(format!("REFRESH MATERIALIZED VIEW {schema}{};", quoted(&entry.tag))),
        ],
        transaction: Transaction::Allowed,
        acts_as: None,
    }
}

/// Whether the step stays out of partitions and heirs.
fn is_of_one_table(entry: &Entry) -> bool {
    entry.kind == Kind::Constraint && tokens(entry.defn.as_bytes()).get(2).is_none_or(|token| token.is_word("ONLY"))
}

fn builds_b_tree(entry: &Entry) -> bool {
    let has = |word| tokens(entry.defn.as_bytes()).iter().any(|token| token.is_word(word));
    match entry.kind {
        Kind::Index => has("btree"),
        Kind::Constraint => has("UNIQUE") || has("PRIMARY"),
        _ => false,
    }
}

/// CREATE INDEX alone takes SHARE; an index that is also made the one to cluster on, or the replica identity, alters its table.
fn lock_mode(entry: &Entry) -> LockMode {
    let alters = || tokens(entry.defn.as_bytes()).iter().any(|token| token.is_word("ALTER"));
    if entry.kind == Kind::Index && !alters() { LockMode::Shared } else { LockMode::Exclusive }
}
