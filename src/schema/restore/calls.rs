//! What entries reach beyond what they name: rows that functions read, partitions, heirs, materialized views behind views.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::schema::archive::{Archive, Entry, Kind, Oid};
use crate::schema::facts::{Facts, Membership};
use crate::schema::graph::Graph;
use crate::schema::lexer::{Token, TokenKind, tokens};
use crate::schema::mentions::{Mentions, is_compiled};
use crate::schema::selection::{Selection, exclusions};

pub(super) struct Calls<'a> {
    archive: &'a Archive,
    graph: &'a Graph,
    mentions: Mentions,
    /// By the position of an exclusion constraint, what its index needs.
    exclusions: HashMap<usize, Vec<usize>>,
    partitions: HashMap<Oid, Vec<Oid>>,
    /// The reverse of `partitions`.
    parents: HashMap<Oid, Oid>,
    /// By the position of a partition's entry, that of the table that it is of.
    part_of: HashMap<usize, usize>,
    heirs: HashMap<Oid, Vec<Oid>>,
    by_schema: HashMap<String, Vec<Oid>>,
    /// The relations that extensions make.
    members: HashMap<(String, String), Oid>,
}

impl<'a> Calls<'a> {
    pub fn new(archive: &'a Archive, facts: &Facts, graph: &'a Graph) -> Calls<'a> {
        let entries = archive.entries();
        let mut partitions: HashMap<Oid, Vec<Oid>> = HashMap::new();
        let mut by_schema: HashMap<String, Vec<Oid>> = HashMap::new();
        let tables = entries.iter().enumerate().filter(|(_, entry)| has_rows(entry.kind));
        let position_of: HashMap<Oid, usize> =
            tables.map(|(position, entry)| (entry.catalog_id.oid, position)).collect();
        let (mut parents, mut part_of, mut members) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (oid, relation) in &facts.relations {
            if relation.membership != Membership::None {
                members.insert((relation.schema.clone(), relation.name.clone()), *oid);
            }
            if let Some(parent) = relation.part_of {
                partitions.entry(parent).or_default().push(*oid);
                parents.insert(*oid, parent);
                part_of.extend(position_of.get(oid).copied().zip(position_of.get(&parent).copied()));
            }
            by_schema.entry(relation.schema.clone()).or_default().push(*oid);
        }
        // A table that needs another one inherits from it, or has columns of its row type.
        let mut heirs: HashMap<Oid, Vec<Oid>> = HashMap::new();
        for (position, entry) in entries.iter().enumerate().filter(|(_, entry)| has_rows(entry.kind)) {
            for parent in graph.needs(position).iter().filter(|needed| has_rows(entries[**needed].kind)) {
                heirs.entry(entries[*parent].catalog_id.oid).or_default().push(entry.catalog_id.oid);
            }
        }
        let (mentions, exclusions) = (Mentions::new(archive, facts), exclusions(archive, facts));
        Calls { archive, graph, mentions, exclusions, partitions, parents, part_of, heirs, by_schema, members }
    }

    /// The relation of an extension that the entry reaches: the one that a key refers to, or that rights are about. The archive has no
    /// entry for it, which others could depend on.
    pub fn member_named(&self, entry: &Entry) -> Option<Oid> {
        let (schema, name) = match entry.kind {
            Kind::FkConstraint => {
                let tokens = tokens(entry.defn.as_bytes());
                let at = tokens.iter().position(|token| token.is_word("REFERENCES"))?;
                // pg_dump writes every name with its schema.
                (tokens.get(at + 1)?.name()?, tokens.get(at + 3)?.name()?)
            }
            Kind::Acl => (entry.namespace.clone()?, entry.remarks_on("TABLE")?),
            _ => return None,
        };
        self.members.get(&(schema, name)).copied()
    }

    pub fn partitions(&self, parent: Oid) -> &[Oid] {
        self.partitions.get(&parent).map(Vec::as_slice).unwrap_or_default()
    }

    /// The tables that the table is a partition of, the nearest first.
    pub fn tables_above(&self, partition: Oid) -> impl Iterator<Item = Oid> {
        let parent = |child: &Oid| self.parents.get(child).copied();
        std::iter::successors(parent(&partition), parent)
    }

    pub fn heirs(&self, parent: Oid) -> &[Oid] {
        self.heirs.get(&parent).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn relations_in(&self, schema: &str) -> impl Iterator<Item = Oid> {
        self.by_schema.get(schema).map(Vec::as_slice).unwrap_or_default().iter().copied()
    }

    /// Whether the entry, a part of a table, calls a function of a user: by its expression, an operator, or a type's check. A function
    /// in C, and those of extensions, are taken for what their authors say that they are.
    pub fn is_called_by(&self, position: usize) -> bool {
        let whole = self.graph.whole(position);
        let of_index = self.exclusions.get(&position).into_iter().flatten();
        let own = self.graph.needs(position).iter().chain(of_index).copied().filter(|needed| Some(*needed) != whole);
        let entry = |position: usize| &self.archive.entries()[position];
        let mut found = false;
        self.walk(own.collect(), |reached| {
            found |= is_function(entry(reached).kind) && !is_compiled(entry(reached));
            if entry(reached).kind.is_relation() { Next::Leave } else { Next::Needs }
        });
        found
    }

    /// Whether the server may call code of users while it makes the entry: it computes what is constant, and reads literals of types with
    /// checks, of which rows of tables are made as well. More is found than it calls. Functions in C, and those of extensions, are as above.
    pub fn may_run_code(&self, position: usize) -> bool {
        let entry = |position: usize| &self.archive.entries()[position];
        let of_index = self.exclusions.get(&position).into_iter().flatten();
        let mut found = hides_code(entry(position));
        let own = self.graph.needs(position).iter().copied();
        let from = own.filter(|needed| !(is_function(entry(*needed).kind) && only_defaults_call(entry(position))));
        // Where a row belongs is computed, and what the partition checks is looked at.
        let attached = self.graph.needs(position).iter().filter(|_| entry(position).kind == Kind::TableAttach);
        let attached = attached.flat_map(|table| self.graph.needs(*table)).copied();
        self.walk(from.chain(of_index.copied()).chain(attached).collect(), |reached| {
            found |= self.is_code(reached) || entry(reached).kind == Kind::Domain;
            // Values may be of a relation's row type, which makes values of its columns' types and no more.
            if entry(reached).kind.is_relation() { Next::NeedsButFunctions } else { Next::Needs }
        });
        found
    }

    /// The same for a foreign key: rows are looked up in its tables, which runs code of their indexes, and values may be cast where nothing
    /// says so.
    pub fn may_run_code_of_key(&self, position: usize) -> bool {
        let entries = self.archive.entries();
        let tables = self.graph.needs(position).iter().copied().chain(self.graph.whole(position));
        let parts = tables.filter(|table| has_rows(entries[*table].kind)).flat_map(|table| self.graph.parts(table));
        let decides = |part: &&usize| matches!(entries[**part].kind, Kind::Index | Kind::Constraint | Kind::Statistics);
        entries.iter().any(|entry| entry.kind == Kind::Cast)
            || self.may_run_code(position)
            || parts.filter(decides).any(|part| self.may_run_code(*part))
    }

    /// Whether statistics of a table cannot be gathered without code of users: that of its types, its indexes, or its other statistics.
    pub fn may_run_code_of_statistics(&self, position: usize) -> bool {
        let entries = self.archive.entries();
        let parts = self.graph.parts(position).iter().copied();
        let mut parts =
            parts.filter(|part| matches!(entries[*part].kind, Kind::Index | Kind::Constraint | Kind::Statistics));
        self.may_run_code(position) || parts.any(|part| self.may_run_code(part))
    }

    /// Whether the entry is code of users.
    pub fn is_code(&self, position: usize) -> bool {
        let entry = &self.archive.entries()[position];
        is_function(entry.kind) && !is_compiled(entry)
    }

    /// The table that the entry is a part of, or whose partition it attaches, is one of several that rows are spread over: what is done to it
    /// is done below it as well.
    pub fn is_of_a_tree(&self, position: usize) -> bool {
        let tables = self.graph.needs(position).iter().copied().chain(self.graph.whole(position));
        let mut entries = tables.map(|table| &self.archive.entries()[table]);
        entries.any(|entry| has_rows(entry.kind) && !self.partitions(entry.catalog_id.oid).is_empty())
    }

    /// The tables that a foreign key is about, but for its own.
    pub fn others_of_key(&self, position: usize) -> Vec<&Entry> {
        let is_key = self.archive.entries()[position].kind == Kind::FkConstraint;
        let whole = self.graph.whole(position);
        let needed = self.graph.needs(position).iter().filter(|needed| is_key && Some(**needed) != whole);
        needed.map(|needed| &self.archive.entries()[*needed]).filter(|entry| has_rows(entry.kind)).collect()
    }

    /// The table that an entry attaches a partition to.
    pub fn partitioned(&self, position: usize) -> Option<&Entry> {
        let entries = self.archive.entries();
        let tables = entries.get(position).filter(|entry| entry.kind == Kind::TableAttach)?;
        let needed = tables.dependencies.iter().filter_map(|id| self.archive.entry(*id));
        // The partition itself comes first.
        needed.filter(|entry| has_rows(entry.kind)).nth(1)
    }

    /// For each relation that is loaded, those whose rows its checks, domains, generated columns and partition keys may look at.
    pub fn loads_after(&self, selection: &Selection) -> BTreeMap<Oid, BTreeSet<Oid>> {
        let with_rows = &selection.relations_with_rows;
        let mut after = BTreeMap::new();
        for (position, entry) in self.archive.entries().iter().enumerate() {
            let oid = entry.catalog_id.oid;
            if entry.kind != Kind::Table || !with_rows.contains(&oid) {
                continue;
            }
            let mut read = self.read_by_functions_of(position);
            read.retain(|other| *other != oid && with_rows.contains(other));
            if !read.is_empty() {
                after.insert(oid, read);
            }
        }
        after
    }

    /// Functions that a restore of the selection calls, and that find nothing where the search path is empty, as labels.
    pub fn needing_a_search_path(&self, selection: &Selection) -> Vec<String> {
        let entry = |position: usize| &self.archive.entries()[position];
        let calls = |kind: Kind| {
            matches!(
                kind,
                Kind::Table
                    | Kind::Index
                    | Kind::Constraint
                    | Kind::CheckConstraint
                    | Kind::Statistics
                    | Kind::MaterializedView
            )
        };
        let mut functions = Vec::new();
        for (position, caller) in self.archive.entries().iter().enumerate() {
            if !calls(caller.kind) || !selection.contains(caller.dump_id) {
                continue;
            }
            let of_index = self.exclusions.get(&position).into_iter().flatten();
            // A default's function makes no value of a row that has all of its own.
            let defaults = only_defaults_call(caller);
            let needs = self.graph.needs(position).iter().filter(|need| !(defaults && is_function(entry(**need).kind)));
            self.walk(needs.chain(of_index).copied().collect(), |reached| {
                if is_function(entry(reached).kind) {
                    functions.push(reached);
                }
                // Whatever it calls by name has the path that it was called with.
                if is_function(entry(reached).kind) { Next::NeedsAndNames } else { Next::Needs }
            });
        }
        functions.sort_unstable();
        functions.dedup();
        let needing = functions.into_iter().filter(|function| self.mentions.needs_a_search_path(entry(*function)));
        needing.map(|function| entry(function).label()).collect()
    }

    /// The tables that functions name which the entry needs, through views and other functions.
    fn read_by_functions_of(&self, position: usize) -> BTreeSet<Oid> {
        let entry = |position: usize| &self.archive.entries()[position];
        let mut functions = Vec::new();
        // A partition is held to what its parents are cut by.
        let tables = std::iter::successors(Some(position), |table| self.part_of.get(table).copied());
        let needs = tables.flat_map(|table| self.graph.needs(table)).copied();
        self.walk(needs.collect(), |reached| {
            if is_function(entry(reached).kind) {
                functions.push(reached);
                return Next::Leave;
            }
            Next::Needs
        });
        let mut read = BTreeSet::new();
        self.walk(functions, |reached| {
            if !has_rows(entry(reached).kind) {
                return Next::NeedsAndNames;
            }
            let mut queue = vec![entry(reached).catalog_id.oid];
            while let Some(oid) = queue.pop() {
                if read.insert(oid) {
                    queue.extend(self.partitions(oid));
                }
            }
            Next::Leave
        });
        read
    }

    /// The nearest materialized views that a view's query reads, directly or through views and functions.
    pub fn materialized_views_behind(&self, position: usize) -> Vec<usize> {
        self.materialized_views(position, Next::Needs)
    }

    /// The same with those that only the text of a function names.
    pub fn materialized_views_named_behind(&self, position: usize) -> Vec<usize> {
        self.materialized_views(position, Next::NeedsAndNames)
    }

    fn materialized_views(&self, position: usize, through: Next) -> Vec<usize> {
        let mut found = Vec::new();
        self.walk(self.graph.needs(position).to_vec(), |reached| {
            if reached != position && self.archive.entries()[reached].kind == Kind::MaterializedView {
                found.push(reached);
                return Next::Leave;
            }
            through
        });
        found.sort_unstable();
        found
    }

    /// Goes on from each entry that is reached, once, as `visit` says.
    fn walk(&self, from: Vec<usize>, mut visit: impl FnMut(usize) -> Next) {
        let mut queue = from;
        let mut seen = BTreeSet::new();
        while let Some(position) = queue.pop() {
            if !seen.insert(position) {
                continue;
            }
            let next = visit(position);
            let needs = self.graph.needs(position).iter().copied();
            match next {
                Next::Leave => {}
                Next::NeedsButFunctions => {
                    queue.extend(needs.filter(|needed| !is_function(self.archive.entries()[*needed].kind)));
                }
                Next::Needs | Next::NeedsAndNames => queue.extend(needs),
            }
            if next == Next::NeedsAndNames {
                let entry = &self.archive.entries()[position];
                queue.extend(self.mentions.of(entry));
                queue.extend(self.mentions.relations_of(entry));
            }
        }
    }
}

/// Where a walk goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Leave,
    /// To what the entry needs.
    Needs,
    NeedsButFunctions,
    /// There, and to what a function's text names.
    NeedsAndNames,
}

/// Whether the text has something of the server's own that runs code which no dependency names: it opens a table that it is given, looks
/// a cast up, returns a domain, or runs text.
fn hides_code(entry: &Entry) -> bool {
    let runs_text = |token: &Token<'_>| {
        let name = String::from_utf8_lossy(token.text).to_ascii_lowercase();
        name.contains("_to_xml") || name == "ts_stat" || name == "ts_rewrite"
    };
    let hides = |token: &Token<'_>| {
        token.is_word("satisfies_hash_partition")
            || runs_text(token)
            || token.kind == TokenKind::Word
                && token.text.len() >= 4
                && (token.text[..4].eq_ignore_ascii_case(b"JSON") && !token.is_word("json") && !token.is_word("jsonb")
                    || token.text[..3].eq_ignore_ascii_case(b"XML") && !token.is_word("xml"))
    };
    tokens(entry.defn.as_bytes()).iter().any(hides)
}

/// Whether the entry is a table whose functions nothing but defaults of columns call: nobody computes these until a row is made without
/// a value.
fn only_defaults_call(entry: &Entry) -> bool {
    if !has_rows(entry.kind) {
        return false;
    }
    let tokens = tokens(entry.defn.as_bytes());
    let generates = |at: usize| {
        let word = |ahead: usize, word: &str| tokens.get(at + ahead).is_some_and(|token| token.is_word(word));
        let as_identity = |ahead: usize| word(ahead, "AS") && word(ahead + 1, "IDENTITY");
        word(0, "GENERATED")
            && !(word(1, "ALWAYS") && as_identity(2))
            && !(word(1, "BY") && word(2, "DEFAULT") && as_identity(3))
    };
    !tokens.iter().any(|token| ["CHECK", "PARTITION", "INHERITS"].iter().any(|word| token.is_word(word)))
        && !(0..tokens.len()).any(generates)
}

fn is_function(kind: Kind) -> bool {
    matches!(kind, Kind::Function | Kind::Procedure | Kind::Aggregate)
}

/// Partitioned tables included.
fn has_rows(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::ForeignTable)
}
