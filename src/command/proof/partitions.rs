//! Partitions of one table, which are compared together where they are not what they were by themselves: a database that hashes otherwise
//! cuts otherwise, and a restore lets it; partitions are renamed, detached, and made anew with rows of others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::runtime::Runtime;

use super::{Comparable, Found, Proof, Settings, cut, differ};
use crate::command::error::Error;
use crate::command::mismatch::{Difference, Mismatch};
use crate::pg;
use crate::pg::catalog::{Partition, Reading, TableFacts, ThroughRoot, partitions_through_root};
use crate::pg::connect::Session;
use crate::repo::manifest::{Relation, SliceList};
use crate::stream::Digest;

/// So many relations are tried as former partitions of one table, in all their combinations.
const FORMER_MAX: usize = 8;

type Name = (String, String);

/// What is to be said of partitions together.
#[derive(Default)]
pub(super) struct Together {
    /// By their places: relations of which nothing more is to be said.
    pub settled: BTreeSet<usize>,
    /// Relations that are not there, and of which nothing more is to be said.
    pub gone: BTreeSet<Name>,
    /// Each with the places of the relations that were read for it.
    pub mismatches: Vec<(Mismatch, Vec<usize>)>,
}

/// The partitions of a table here, whose rows may be in each other's.
struct Family<'f> {
    root: Name,
    which: ThroughRoot,
    /// Those of the manifest, by their places.
    listed: Vec<usize>,
    /// The others, where all can be read.
    unlisted: Vec<&'f TableFacts>,
}

/// A relation of the manifest that may have been a partition.
#[derive(Clone, Copy)]
enum Former<'f> {
    /// Not there by its name.
    Gone(&'f Relation),
    /// A table by itself, by its place.
    Alone(usize),
}

impl Proof<'_> {
    /// Looks at partitions together where some are not as they were. `rows`: the relations that are there, and what was read of them.
    pub(super) fn together(
        &self,
        runtime: &Runtime,
        rows: &[(&Relation, Digest)],
        found: &Found,
        jobs: usize,
        under: &Settings,
    ) -> Result<Together, Error> {
        let facts: HashMap<(&str, &str), &TableFacts> =
            found.tables.iter().map(|table| ((table.schema.as_str(), table.name.as_str()), table)).collect();
        let is_gone = |relation: &&Relation| !facts.contains_key(&(relation.schema.as_str(), relation.name.as_str()));
        let gone: Vec<&Relation> = self.scope.relations.iter().copied().filter(is_gone).collect();
        if gone.is_empty() && !rows.iter().any(|(relation, digest)| differ(&relation.digest, digest)) {
            return Ok(Together::default());
        }
        let partitions = self.wait(runtime, partitions(&found.session))?;
        let partitions = partitions.map_err(self.side.error("reading the list of partitions"))?;
        let families = Families::new(rows, &gone, &facts, partitions);
        let unlisted = self.read_unlisted(&families, found, jobs, under)?;
        Ok(families.judge(unlisted))
    }

    /// The rows of partitions that the manifest does not know, where some are missing in those that it does.
    fn read_unlisted(
        &self,
        families: &Families<'_>,
        found: &Found,
        jobs: usize,
        under: &Settings,
    ) -> Result<BTreeMap<Name, Digest>, Error> {
        let mut wanted: BTreeMap<Name, (&TableFacts, Relation)> = BTreeMap::new();
        for family in families.all.iter().filter(|family| families.lacks_rows(family)) {
            let like = families.rows[family.listed[0]].0;
            for table in &family.unlisted {
                let relation = Relation {
                    oid: table.oid,
                    schema: table.schema.clone(),
                    name: table.name.clone(),
                    columns: like.columns.clone(),
                    format: like.format,
                    configuration: None,
                    digest: Digest::default(),
                    slices: SliceList::default(),
                };
                wanted.entry((table.schema.clone(), table.name.clone())).or_insert((*table, relation));
            }
        }
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let comparable: Vec<Comparable<'_>> = wanted
            .values()
            .map(|(table, relation)| Comparable { relation, parts: cut(table), bytes: table.bytes })
            .collect();
        let read = self.read(&comparable, found, jobs, under)?.relations;
        Ok(wanted.keys().cloned().zip(read).collect())
    }
}

/// Of each table that is divided: through the topmost one first, then through the topmost whose cut may hang on the database.
async fn partitions(session: &Session) -> Result<[(ThroughRoot, Vec<Partition>); 2], pg::Error> {
    let all = partitions_through_root(session, ThroughRoot::All).await?;
    let needed = partitions_through_root(session, ThroughRoot::WhereNeeded).await?;
    Ok([(ThroughRoot::All, all), (ThroughRoot::WhereNeeded, needed)])
}

struct Families<'f> {
    rows: &'f [(&'f Relation, Digest)],
    gone: &'f [&'f Relation],
    all: Vec<Family<'f>>,
    /// Relations that are no partitions here.
    alone: Vec<usize>,
}

impl<'f> Families<'f> {
    fn new(
        rows: &'f [(&'f Relation, Digest)],
        gone: &'f [&'f Relation],
        facts: &HashMap<(&str, &str), &'f TableFacts>,
        partitions: [(ThroughRoot, Vec<Partition>); 2],
    ) -> Self {
        let places: HashMap<(&str, &str), usize> =
            rows.iter().enumerate().map(|(n, (r, _))| ((r.schema.as_str(), r.name.as_str()), n)).collect();
        let mut alone: BTreeSet<usize> = (0..rows.len()).collect();
        let mut all = Vec::new();
        for (which, partitions) in partitions {
            let mut members: BTreeMap<Name, Vec<Partition>> = BTreeMap::new();
            for partition in partitions {
                members.entry(partition.root.clone()).or_default().push(partition);
            }
            for (root, members) in members {
                let names = || members.iter().map(|member| (member.schema.as_str(), member.name.as_str()));
                let listed: Vec<usize> = names().filter_map(|name| places.get(&name).copied()).collect();
                let Some(first) = listed.first() else { continue };
                for n in &listed {
                    alone.remove(n);
                }
                let columns = &rows[*first].0.columns;
                let is_readable = |table: &&TableFacts| {
                    table.reading == Reading::Complete && columns.iter().all(|column| table.columns.contains(column))
                };
                let others: Vec<_> = names().filter(|name| !places.contains_key(name)).collect();
                let unlisted: Vec<&TableFacts> =
                    others.iter().filter_map(|name| facts.get(name).copied()).filter(is_readable).collect();
                // A part of them would say nothing.
                let unlisted = if unlisted.len() == others.len() { unlisted } else { Vec::new() };
                all.push(Family { root, which, listed, unlisted });
            }
        }
        Self { rows, gone, all, alone: alone.into_iter().collect() }
    }

    fn differs(&self, n: usize) -> bool {
        differ(&self.rows[n].0.digest, &self.rows[n].1)
    }

    /// A row is digested as its columns come: in a partition that has them otherwise it would be another row.
    fn columns(&self, family: &Family<'_>) -> Option<&'f [String]> {
        let mut columns = family.listed.iter().map(|n| &self.rows[*n].0.columns);
        let first = columns.next()?;
        columns.all(|other| other == first).then_some(first.as_slice())
    }

    /// Whether the database puts rows into other partitions than they were in: none has what it had.
    fn cuts_otherwise(&self, family: &Family<'_>) -> bool {
        let mut filled = family.listed.iter().filter(|n| self.rows[**n].0.digest.rows > 0).peekable();
        family.which == ThroughRoot::WhereNeeded && filled.peek().is_some() && filled.all(|n| self.differs(*n))
    }

    /// Relations that may have been partitions of the table, as far as they can be told from others.
    fn former(&self, family: &Family<'_>, gone: &BTreeSet<Name>) -> Vec<Former<'f>> {
        let Some(columns) = self.columns(family) else { return Vec::new() };
        // What has no rows has none anywhere.
        let is_like = |relation: &Relation| {
            relation.columns == columns && relation.configuration.is_none() && relation.digest.rows > 0
        };
        let missing = self.gone.iter().copied().filter(|r| is_like(r) && !gone.contains(&name_of(r)));
        let mut former: Vec<Former<'f>> = missing.map(Former::Gone).collect();
        // Elsewhere it has the rows that it had, and is compared by itself.
        if self.cuts_otherwise(family) {
            let alone = self.alone.iter().copied().filter(|n| self.differs(*n) && is_like(self.rows[*n].0));
            former.extend(alone.map(Former::Alone));
        }
        former.truncate(FORMER_MAX);
        former
    }

    fn digests(&self, former: Former<'_>) -> (Digest, Digest) {
        match former {
            Former::Gone(relation) => (relation.digest, Digest::default()),
            Former::Alone(n) => (self.rows[n].0.digest, self.rows[n].1),
        }
    }

    fn sums(&self, family: &Family<'_>) -> (Digest, Digest) {
        let (mut expected, mut there) = (Digest::default(), Digest::default());
        for n in &family.listed {
            expected.merge(&self.rows[*n].0.digest);
            there.merge(&self.rows[*n].1);
        }
        (expected, there)
    }

    fn is_of_interest(&self, family: &Family<'_>, former: &[Former<'_>]) -> bool {
        !former.is_empty() || family.listed.iter().any(|n| self.differs(*n))
    }

    /// Whether rows may be in partitions that the manifest does not know.
    fn lacks_rows(&self, family: &Family<'_>) -> bool {
        let former = self.former(family, &BTreeSet::new());
        let (mut expected, there) = self.sums(family);
        for (was, is) in former.iter().map(|former| self.digests(*former)) {
            expected.rows += was.rows.saturating_sub(is.rows);
        }
        self.columns(family).is_some() && self.is_of_interest(family, &former) && expected.rows > there.rows
    }

    /// The former partitions with which the table's rows are what they were.
    fn whole_with(
        &self,
        family: &Family<'_>,
        former: &[Former<'f>],
        unlisted: &BTreeMap<Name, Digest>,
    ) -> Option<Vec<Former<'f>>> {
        let (expected, there) = self.sums(family);
        let mut more = there;
        family.unlisted.iter().filter_map(|t| unlisted.get(&(t.schema.clone(), t.name.clone()))).for_each(|digest| {
            more.merge(digest);
        });
        let chosen = |set: u32| former.iter().enumerate().filter(move |(n, _)| set & (1 << n) != 0).map(|(_, f)| *f);
        // As many as there can be: the others may be whole without them.
        for set in (0..1u32 << former.len()).rev() {
            for there in [there, more] {
                let (mut expected, mut there) = (expected, there);
                for (was, is) in chosen(set).map(|former| self.digests(former)) {
                    expected.merge(&was);
                    there.merge(&is);
                }
                if !differ(&expected, &there) {
                    return Some(chosen(set).collect());
                }
            }
        }
        None
    }

    fn judge(&self, unlisted: BTreeMap<Name, Digest>) -> Together {
        let mut told = Together::default();
        for family in &self.all {
            let former = self.former(family, &told.gone);
            // What was said of the topmost table holds for those below it.
            if family.listed.iter().any(|n| told.settled.contains(n)) || !self.is_of_interest(family, &former) {
                continue;
            }
            let table = || format!("{}.{}", family.root.0, family.root.1);
            match self.whole_with(family, &former, &unlisted) {
                Some(former) => {
                    for former in former {
                        match former {
                            Former::Gone(relation) => {
                                let what = Difference::MissingPartition { table: table() };
                                let mismatch = Mismatch::new(&relation.schema, &relation.name, what);
                                told.gone.insert(name_of(relation));
                                told.mismatches.push((mismatch, Vec::new()));
                            }
                            Former::Alone(n) => {
                                let (relation, found) = self.rows[n];
                                let what = Difference::Detached { table: table(), expected: relation.digest, found };
                                told.settled.insert(n);
                                told.mismatches.push((Mismatch::new(&relation.schema, &relation.name, what), vec![n]));
                            }
                        }
                    }
                    told.settled.extend(&family.listed);
                }
                None if self.cuts_otherwise(family) => {
                    let (expected, found) = self.sums(family);
                    let mismatch = Mismatch::new(&family.root.0, &family.root.1, Difference::Rows { expected, found });
                    told.mismatches.push((mismatch, family.listed.clone()));
                    told.settled.extend(&family.listed);
                }
                None => {}
            }
        }
        told
    }
}

fn name_of(relation: &Relation) -> Name {
    (relation.schema.clone(), relation.name.clone())
}
