//! Does a live database hold what a manifest says? Rows are read and hashed anew; nothing is taken on trust.

mod partitions;
mod zones;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Runtime;

use super::column_order::column_order;
use super::error::Error;
use super::hashing::HashingSink;
use super::instant;
use super::mismatch::differ;
pub use super::mismatch::{Difference, Mismatch, SequenceValue};
use super::parts::cut;
use super::rows::LARGE_OBJECTS_IN_PART;
use super::runtime::worker_runtime;
use super::source::Source;
pub use super::surroundings::ReadUnder;
use super::watch::Watch;
use crate::pg;
use crate::pg::ambience;
use crate::pg::catalog::{self, Reading, SequenceFacts, TableFacts};
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::copy::{PartRange, copy_large_objects, copy_table};
use crate::pg::snapshot::SourceSnapshot;
use crate::pg::tables_alone;
use crate::pg::wire::Wire;
use crate::repo::Manifest;
use crate::repo::manifest::{LargeObjects, Relation, Sequence};
use crate::stop::in_parallel;
use crate::stream::{Digest, RowHasher};

/// How long to wait for a lock on a table of a live source.
const LOCK_TIMEOUT_MS: u64 = 120_000;

/// Which database is proven. Decides what its failures are called, and whether others may be writing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A database at work: read in one snapshot, which all sessions share. Failures are [`Error::Source`].
    Source,
    /// What a restore has just made, which nobody writes to yet: read without a shared snapshot. Failures are [`Error::Target`].
    Target,
}

impl Side {
    fn error(self, what: impl Into<String>) -> impl FnOnce(pg::Error) -> Error {
        let what = what.into();
        move |source| match self {
            Side::Source => Error::Source { what, source },
            Side::Target => Error::Target { what, source },
        }
    }
}

/// How rows were digested: by which hash, in which encoding text columns were sent, and under which settings.
pub struct Measure<'a> {
    pub hasher: RowHasher,
    pub encoding: &'a str,
    pub under: ReadUnder,
}

impl<'a> From<&'a Manifest> for Measure<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        Self { hasher: manifest.row_hasher(), encoding: &manifest.database.encoding, under: manifest.into() }
    }
}

/// What of a manifest is compared.
#[derive(Default)]
pub struct Scope<'a> {
    pub relations: Vec<&'a Relation>,
    pub sequences: Vec<&'a Sequence>,
    pub large_objects: Option<&'a LargeObjects>,
}

impl<'a> Scope<'a> {
    /// Everything that the manifest lists.
    pub fn whole(manifest: &'a Manifest) -> Self {
        Self {
            relations: manifest.relations.iter().collect(),
            sequences: manifest.sequences.iter().collect(),
            large_objects: manifest.large_objects.as_ref(),
        }
    }
}

/// The rows of these relations alone.
impl<'a> From<&[&'a Relation]> for Scope<'a> {
    fn from(relations: &[&'a Relation]) -> Self {
        Self { relations: relations.to_vec(), ..Self::default() }
    }
}

/// Reads the database's rows over `jobs` sessions and compares them with the manifest. The mismatches come sorted by
/// schema and name; none means that the database holds what the manifest says.
///
/// Blocks the thread, also where it belongs to a runtime: threads of its own do the work. The order of rows does not matter, nor
/// do columns and tables that the manifest does not know. Owners of large objects are not compared.
pub fn prove<'a>(
    conninfo: &Conninfo,
    measure: impl Into<Measure<'a>>,
    scope: impl Into<Scope<'a>>,
    jobs: usize,
    watch: &Watch,
    side: Side,
) -> Result<Vec<Mismatch>, Error> {
    let (measure, scope) = (measure.into(), scope.into());
    let prove = || {
        let proof = Proof { conninfo, measure: &measure, scope: &scope, watch, side };
        let mut mismatches = proof.run(jobs)?;
        mismatches.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Ok(mismatches)
    };
    // The caller may be inside a runtime, where no other may be waited for.
    std::thread::scope(|scope| scope.spawn(prove).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Reads one relation over an open session, in the columns and the format that the manifest recorded.
///
/// `encoding` is the database's of the manifest. `on_progress` gets the bytes and rows since its last call. A table (42P01) or
/// column (42703) that is not there is a mismatch and no error; in a transaction, it has then failed.
pub fn prove_relation(
    wire: &mut Wire,
    relation: &Relation,
    encoding: &str,
    hasher: &RowHasher,
    on_progress: impl FnMut(u64, u64),
) -> Result<Option<Mismatch>, pg::Error> {
    let mut sink = HashingSink::new(hasher, on_progress);
    match copy_table(wire, relation.into(), PartRange::Whole, encoding, &mut sink) {
        Ok(()) => Ok(Mismatch::of_rows(relation, sink.finish())),
        // undefined_table, invalid_schema_name; undefined_column
        Err(error) => match error.sqlstate() {
            Some("42P01" | "3F000") => {
                Ok(Some(Mismatch::new(&relation.schema, &relation.name, Difference::MissingTable)))
            }
            Some("42703") => {
                let columns = error.server_message().and_then(|m| named_column(&m.message, &relation.columns));
                let what = Difference::MissingColumns { columns: columns.into_iter().collect() };
                Ok(Some(Mismatch::new(&relation.schema, &relation.name, what)))
            }
            _ => Err(error),
        },
    }
}

/// The column that the server's message puts in quotes; none where its language has others.
fn named_column(message: &str, columns: &[String]) -> Option<String> {
    columns.iter().find(|column| message.contains(&format!("\"{column}\""))).cloned()
}

struct Proof<'a> {
    conninfo: &'a Conninfo,
    measure: &'a Measure<'a>,
    scope: &'a Scope<'a>,
    watch: &'a Watch,
    side: Side,
}

/// What the proof asks before rows are read, and what it was answered.
struct Found {
    tables: Vec<TableFacts>,
    /// The session stays open for its snapshot, where there is one.
    session: Session,
    source: Option<Source>,
}

/// What is set before rows are read.
type Settings = Vec<(String, String)>;

/// A table of the manifest that is there, and how it is cut.
#[derive(Clone)]
struct Comparable<'a> {
    relation: &'a Relation,
    parts: Vec<PartRange>,
    bytes: u64,
}

#[derive(Clone, Copy)]
enum Task {
    Relation { comparable: usize, part: usize },
    LargeObjects { first: u32, last: u32 },
}

impl<'a> Proof<'a> {
    fn run(&self, jobs: usize) -> Result<Vec<Mismatch>, Error> {
        let runtime = worker_runtime()?;
        let mut mismatches = Vec::new();
        let found = self.wait(&runtime, self.look(jobs, &mut mismatches))??;
        let comparable = self.compare_columns(&found.tables, &mut mismatches);
        let candidates = self.wait(&runtime, self.measure.under.candidates(self.conninfo))?;
        let candidates = candidates.map_err(self.side.error("reading the session's settings"))?;
        let mut digests = self.read(&comparable, &found, jobs, &candidates[0])?;
        let tried = match self.measure.under {
            ReadUnder::Known(_) => None,
            ReadUnder::Unknown { .. } => {
                let every_zone = || {
                    let asked = self.wait(&runtime, ambience::zones(&found.session))?;
                    asked.map_err(self.side.error("reading the time zones"))
                };
                Some(self.read_again(&comparable, &found, jobs, &candidates, every_zone, &mut digests.relations)?)
            }
        };
        let rows: Vec<_> = comparable.iter().map(|c| c.relation).zip(digests.relations.iter().copied()).collect();
        let together = self.together(&runtime, &rows, &found, jobs, &candidates[0])?;
        let doubted = |mismatch: Mismatch, relations: &[usize]| match &tried {
            Some(tried) if relations.iter().any(|n| zones::depend_on_settings(rows[*n].0)) => mismatch.doubted(tried),
            _ => mismatch,
        };
        // Of these more is known than that they are not there.
        let is_told = |m: &Mismatch| together.gone.iter().any(|(schema, name)| *schema == m.schema && *name == m.name);
        mismatches.retain(|mismatch| mismatch.what != Difference::MissingTable || !is_told(mismatch));
        for (n, (relation, digest)) in rows.iter().enumerate().filter(|(n, _)| !together.settled.contains(n)) {
            mismatches.extend(Mismatch::of_rows(relation, *digest).map(|mismatch| doubted(mismatch, &[n])));
        }
        mismatches.extend(together.mismatches.into_iter().map(|(mismatch, relations)| doubted(mismatch, &relations)));
        if let Some(expected) = self.scope.large_objects.map(|l| l.digest)
            && differ(&expected, &digests.large_objects)
        {
            let found = digests.large_objects;
            mismatches.push(Mismatch::of_large_objects(Difference::Rows { expected, found }));
        }
        Ok(mismatches)
    }

    /// Waits for an answer of the server, who may let us wait for somebody's lock, and no longer than until the stop.
    fn wait<T>(&self, runtime: &Runtime, work: impl Future<Output = T>) -> Result<T, Error> {
        runtime.block_on(self.watch.stop.or_stop(work)).ok_or(Error::Interrupted)
    }

    /// Opens the database, and compares what needs no rows: the order of columns, sequences, and which large objects there are.
    async fn look(&self, jobs: usize, mismatches: &mut Vec<Mismatch>) -> Result<Found, Error> {
        let failed = |what: &'static str| self.side.error(what);
        let (session, tables, source) = match self.side {
            Side::Target => {
                let session = connect(self.conninfo, "pgkeep proof").await.map_err(failed("connecting"))?;
                let tables = match self.scope.relations.is_empty() {
                    true => Vec::new(),
                    false => catalog::tables(&session).await.map_err(failed("reading the catalog"))?,
                };
                (session, tables, None)
            }
            Side::Source => {
                let (snapshot, source) = self.see(jobs).await?;
                (snapshot.session, snapshot.tables, Some(source))
            }
        };
        let order = column_order(&session, &self.scope.relations).await.map_err(failed("reading the catalog"))?;
        mismatches.extend(order.mismatches);
        let sequences = catalog::sequences(&session).await.map_err(failed("reading sequences"))?;
        self.compare_sequences(&session, sequences, mismatches).await?;
        if let Some(expected) = self.scope.large_objects {
            let found = catalog::large_objects(&session).await.map_err(failed("reading the catalog"))?;
            let oids = |objects: &[crate::repo::manifest::LargeObject]| -> BTreeSet<u32> {
                objects.iter().map(|object| object.oid).collect()
            };
            let (expected, found) = (oids(&expected.objects), oids(&found));
            if expected != found {
                mismatches.push(Mismatch::of_large_objects(Difference::LargeObjects {
                    missing: expected.difference(&found).copied().collect(),
                    unexpected: found.difference(&expected).copied().collect(),
                }));
            }
        }
        Ok(Found { tables, session, source })
    }

    /// The encoding that rows are read in is the snapshot's.
    async fn see(&self, jobs: usize) -> Result<(Box<SourceSnapshot>, Source), Error> {
        let names: BTreeSet<(&str, &str)> =
            self.scope.relations.iter().map(|r| (r.schema.as_str(), r.name.as_str())).collect();
        let wanted = |table: &TableFacts| names.contains(&(table.schema.as_str(), table.name.as_str()));
        let mut seen = instant::open(self.conninfo, LOCK_TIMEOUT_MS, wanted, jobs, &self.watch.stop).await?;
        seen.source.encoding = self.measure.encoding.to_owned();
        Ok((seen.snapshot, seen.source))
    }

    async fn compare_sequences(
        &self,
        session: &Session,
        facts: Vec<SequenceFacts>,
        mismatches: &mut Vec<Mismatch>,
    ) -> Result<(), Error> {
        let facts: HashMap<_, _> = facts.iter().map(|s| ((s.schema.as_str(), s.name.as_str()), s)).collect();
        let mut there = Vec::new();
        for sequence in &self.scope.sequences {
            match facts.get(&(sequence.schema.as_str(), sequence.name.as_str())) {
                Some(facts) if facts.reading == Reading::Elsewhere => {
                    mismatches.push(Mismatch::new(&sequence.schema, &sequence.name, Difference::Elsewhere));
                }
                Some(facts) => there.push((*sequence, *facts)),
                None => {
                    mismatches.push(Mismatch::new(&sequence.schema, &sequence.name, Difference::MissingSequence));
                }
            }
        }
        let facts: Vec<&SequenceFacts> = there.iter().map(|(_, facts)| *facts).collect();
        let values = catalog::sequence_values(session, &facts).await.map_err(self.side.error("reading sequences"))?;
        for ((sequence, _), (last_value, is_called)) in there.iter().zip(values) {
            let expected = SequenceValue { last_value: sequence.last_value, is_called: sequence.is_called };
            let found = SequenceValue { last_value, is_called };
            if expected != found {
                let what = Difference::SequenceValue { expected, found };
                mismatches.push(Mismatch::new(&sequence.schema, &sequence.name, what));
            }
        }
        Ok(())
    }

    /// The relations whose rows can be read as the manifest has them. The others are mismatches already.
    fn compare_columns(&self, tables: &[TableFacts], mismatches: &mut Vec<Mismatch>) -> Vec<Comparable<'a>> {
        let tables: HashMap<_, _> = tables.iter().map(|t| ((t.schema.as_str(), t.name.as_str()), t)).collect();
        let mut comparable = Vec::new();
        for relation in self.scope.relations.iter().copied() {
            let mut differs = |what| mismatches.push(Mismatch::new(&relation.schema, &relation.name, what));
            let Some(table) = tables.get(&(relation.schema.as_str(), relation.name.as_str())) else {
                differs(Difference::MissingTable);
                continue;
            };
            if table.reading == Reading::Elsewhere {
                differs(Difference::Elsewhere);
                continue;
            }
            let missing = relation.columns.iter().filter(|column| !table.columns.contains(column));
            let columns: Vec<String> = missing.cloned().collect();
            if columns.is_empty() {
                let parts = if relation.configuration.is_some() { vec![PartRange::Whole] } else { cut(table) };
                comparable.push(Comparable { relation, parts, bytes: table.bytes });
            } else {
                differs(Difference::MissingColumns { columns });
            }
        }
        comparable
    }

    /// Largest first, so that no large part is left for the end.
    fn queue(&self, comparable: &[Comparable<'_>]) -> VecDeque<Task> {
        let mut order: Vec<usize> = (0..comparable.len()).collect();
        order.sort_by_key(|n| std::cmp::Reverse(comparable[*n].bytes));
        let parts = |n: usize| (0..comparable[n].parts.len()).map(move |part| Task::Relation { comparable: n, part });
        let mut queue: VecDeque<Task> = order.into_iter().flat_map(parts).collect();
        if let Some(large_objects) = self.scope.large_objects {
            // Without gaps, so that objects between the expected ones show.
            let starts: Vec<u32> =
                large_objects.objects.chunks(LARGE_OBJECTS_IN_PART).skip(1).map(|chunk| chunk[0].oid).collect();
            let firsts = std::iter::once(0).chain(starts.iter().copied());
            let lasts = starts.iter().map(|start| start - 1).chain(std::iter::once(u32::MAX));
            firsts.zip(lasts).for_each(|(first, last)| queue.push_front(Task::LargeObjects { first, last }));
        }
        queue
    }

    fn read(
        &self,
        comparable: &[Comparable<'_>],
        found: &Found,
        jobs: usize,
        under: &Settings,
    ) -> Result<Digests, Error> {
        let total = comparable.iter().map(|c| c.bytes).sum();
        self.watch.progress.bytes_total.store(total, std::sync::atomic::Ordering::Relaxed);
        let queue = self.queue(comparable);
        let jobs = jobs.min(queue.len()).max(1);
        let queue = Mutex::new(queue);
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let workers = in_parallel(jobs, &self.watch.stop, |n| {
            let mut digests = Digests::new(comparable.len());
            let Some(mut task) = next() else { return Ok(digests) };
            let mut wire = self.open_wire(found)?;
            ambience::set(&mut wire, under).map_err(self.side.error("opening a session for the proof"))?;
            loop {
                let digest = self.read_part(n, &mut wire, comparable, task)?;
                digests.slot(task).merge(&digest);
                if self.watch.is_stopped() {
                    return Err(Error::Interrupted);
                }
                match next() {
                    Some(following) => task = following,
                    None => break,
                }
            }
            self.watch.progress.end(n);
            Ok(digests)
        })?;
        let mut all = Digests::new(comparable.len());
        workers.iter().for_each(|digests| all.merge(digests));
        Ok(all)
    }

    fn open_wire(&self, found: &Found) -> Result<Wire, Error> {
        match &found.source {
            Some(source) => source.reader(&self.watch.stop),
            None => {
                let wire = Wire::connect(self.conninfo, "pgkeep proof", worker_runtime()?, &self.watch.stop);
                let wire = wire.and_then(|mut wire| tables_alone::read_by(&mut wire).map(|()| wire));
                wire.map_err(self.side.error("opening a session for the proof"))
            }
        }
    }

    fn read_part(&self, n: usize, wire: &mut Wire, comparable: &[Comparable<'_>], task: Task) -> Result<Digest, Error> {
        let (label, bytes) = match task {
            Task::Relation { comparable: n, part } => comparable[n].describe(part),
            Task::LargeObjects { .. } => ("large objects".to_owned(), 0),
        };
        let lane = self.watch.progress.begin(n, label.clone(), bytes);
        let Measure { hasher, encoding, .. } = self.measure;
        let mut sink = HashingSink::new(hasher, |bytes, rows| self.watch.progress.add(&lane, bytes, rows));
        let copied = match task {
            Task::Relation { comparable: n, part } => {
                let Comparable { relation, parts, .. } = &comparable[n];
                copy_table(wire, (*relation).into(), parts[part], encoding, &mut sink)
            }
            Task::LargeObjects { first, last } => copy_large_objects(wire, first, last, &mut sink),
        };
        copied.map(|()| sink.finish()).map_err(self.side.error(format!("reading {label}")))
    }
}

impl Comparable<'_> {
    fn describe(&self, part: usize) -> (String, u64) {
        let name = format!("{}.{}", self.relation.schema, self.relation.name);
        match self.parts.len() {
            1 => (name, self.bytes),
            parts => (format!("{name} ({} of {parts})", part + 1), self.bytes / parts as u64),
        }
    }
}

/// What was found, in the order of the comparable relations.
struct Digests {
    relations: Vec<Digest>,
    large_objects: Digest,
}

impl Digests {
    fn new(relations: usize) -> Self {
        Self { relations: vec![Digest::default(); relations], large_objects: Digest::default() }
    }

    fn slot(&mut self, task: Task) -> &mut Digest {
        match task {
            Task::Relation { comparable, .. } => &mut self.relations[comparable],
            Task::LargeObjects { .. } => &mut self.large_objects,
        }
    }

    fn merge(&mut self, other: &Digests) {
        self.relations.iter_mut().zip(&other.relations).for_each(|(all, digest)| all.merge(digest));
        self.large_objects.merge(&other.large_objects);
    }
}
