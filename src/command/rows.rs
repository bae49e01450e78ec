//! All rows of a backup: parts in a queue, workers that take them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Runtime;

use super::error::Error;
use super::parts::cut;
use super::progress::Progress;
use super::reading::PartRecorder;
use super::source::{Source, join};
use super::watch::Watch;
use crate::pg::catalog::TableFacts;
use crate::pg::copy::{PartRange, check_name, copy_large_objects, copy_table};
use crate::pg::sessions;
use crate::pg::wire::Wire;
use crate::repo::layout::ChunkKind;
use crate::repo::manifest::Slice;
use crate::repo::objects::PendingSlice;
use crate::repo::{ChunkWriter, RepoError};
use crate::stop::{Stop, in_parallel};
use crate::stream::{Chunker, Digest, Hashers, RowFormat, RowHasher};

/// So often one part is read again because a standby cancelled it.
const CONFLICTS_MAX: u32 = 20;

/// Large objects of one part.
pub(super) const LARGE_OBJECTS_IN_PART: usize = 512;

/// What is to be read, cut into parts.
pub struct Plan {
    tables: Vec<PlannedTable>,
    large_objects: Vec<(u32, u32)>,
}

struct PlannedTable {
    facts: TableFacts,
    parts: Vec<PartRange>,
}

/// What was read of one table.
pub struct ReadTable {
    pub oid: u32,
    pub format: RowFormat,
    pub digest: Digest,
    pub slices: Vec<Slice>,
}

pub struct Read {
    pub tables: Vec<ReadTable>,
    pub large_objects: Option<ReadTable>,
}

#[derive(Clone, Copy)]
enum Task {
    Table { table: usize, part: usize },
    LargeObjects { part: usize },
}

struct Done {
    task: Task,
    digest: Digest,
    slices: Vec<PendingSlice>,
}

impl Plan {
    /// `large_objects` are oids in ascending order.
    pub fn new(tables: &[&TableFacts], large_objects: &[u32]) -> Self {
        let planned = |facts: &&TableFacts| PlannedTable { facts: (*facts).clone(), parts: cut(facts) };
        let range = |oids: &[u32]| (oids[0], oids[oids.len() - 1]);
        Self {
            tables: tables.iter().map(planned).collect(),
            large_objects: large_objects.chunks(LARGE_OBJECTS_IN_PART).map(range).collect(),
        }
    }

    /// Largest first, so that no large part is left for the end.
    fn queue(&self) -> VecDeque<Task> {
        let mut tasks = Vec::new();
        for (table, planned) in self.tables.iter().enumerate() {
            let bytes = planned.facts.bytes / planned.parts.len().max(1) as u64;
            tasks
                .extend((0..planned.parts.len()).map(|part| (planned.facts.bytes, bytes, Task::Table { table, part })));
        }
        tasks.sort_by_key(|(table_bytes, _, task)| {
            let Task::Table { table, part } = task else { return (0, 0, 0) };
            (u64::MAX - table_bytes, *table, *part)
        });
        let large_objects = (0..self.large_objects.len()).map(|part| Task::LargeObjects { part });
        large_objects.chain(tasks.into_iter().map(|(_, _, task)| task)).collect()
    }
}

/// Reads everything in the plan. The first error stops all workers.
pub fn read(
    source: &Source,
    plan: &Plan,
    jobs: usize,
    hashers: &Hashers,
    new_writer: &(impl Fn(ChunkKind) -> Result<ChunkWriter, RepoError> + Sync),
    watch: &Watch,
) -> Result<Unsettled, Error> {
    let total = plan.tables.iter().map(|table| table.facts.bytes).sum();
    watch.progress.bytes_total.store(total, std::sync::atomic::Ordering::Relaxed);
    let queue = plan.queue();
    let jobs = jobs.min(queue.len()).max(1);
    let queue = Mutex::new(queue);
    let backends = Mutex::new(Vec::new());
    let workers = in_parallel(jobs, &watch.stop, |n| {
        let wire = source.reader(&watch.stop)?;
        let mut worker = Worker {
            n,
            // What is stored while the server is waited for goes on.
            runtime: wire.runtime().clone(),
            hasher: hashers.rows.clone(),
            chunker: Chunker::new(hashers.cuts.clone()),
            writer: new_writer(ChunkKind::Data)?,
            progress: &watch.progress,
        };
        let done = worker.work(wire, source, plan, &queue, &backends, &watch.stop)?;
        worker.runtime.block_on(worker.writer.finish())?;
        Ok::<_, Error>((worker.writer, done))
    });
    if workers.is_err() {
        // A backend that waits or sorts would go on for seconds before it notices.
        sessions::end(&source.conninfo, &backends.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    let workers = workers?;
    Ok(Unsettled { workers })
}

/// What the workers read, while some of its objects may not be durable yet.
pub struct Unsettled {
    workers: Vec<(ChunkWriter, Vec<Done>)>,
}

struct Worker<'a> {
    n: usize,
    runtime: Arc<Runtime>,
    hasher: RowHasher,
    chunker: Chunker,
    writer: ChunkWriter,
    progress: &'a Arc<Progress>,
}

impl Worker<'_> {
    fn work(
        &mut self,
        mut wire: Wire,
        source: &Source,
        plan: &Plan,
        queue: &Mutex<VecDeque<Task>>,
        backends: &Mutex<Vec<i32>>,
        stop: &Stop,
    ) -> Result<Vec<Done>, Error> {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let mut done = Vec::new();
        let Some(mut task) = next() else { return Ok(done) };
        backends.lock().unwrap_or_else(PoisonError::into_inner).push(wire.backend_pid());
        let mut conflicts = 0;
        loop {
            match self.read_part(&mut wire, source, plan, task) {
                Ok(read) => {
                    done.push(read);
                    conflicts = 0;
                }
                // The snapshot may have outlived the conflict, which may have been about one page.
                Err(Error::Source { what, source: conflict })
                    if conflict.is_recovery_conflict() && conflicts < CONFLICTS_MAX =>
                {
                    conflicts += 1;
                    self.chunker.clear();
                    wire = match join(source, self.runtime.clone(), stop) {
                        Ok(wire) => wire,
                        Err(_) => return Err(Error::Source { what, source: conflict }),
                    };
                    backends.lock().unwrap_or_else(PoisonError::into_inner).push(wire.backend_pid());
                    continue;
                }
                Err(error) => return Err(error),
            }
            if stop.is_set() {
                return Err(Error::Interrupted);
            }
            match next() {
                Some(following) => task = following,
                None => break,
            }
        }
        self.progress.end(self.n);
        Ok(done)
    }

    fn read_part(&mut self, wire: &mut Wire, source: &Source, plan: &Plan, task: Task) -> Result<Done, Error> {
        let (label, bytes) = match task {
            Task::Table { table, part } => plan.tables[table].describe(part),
            Task::LargeObjects { part } => (format!("large objects ({})", part + 1), 0),
        };
        let lane = self.progress.begin(self.n, label.clone(), bytes);
        let mut recorder =
            PartRecorder::new(&self.runtime, &self.hasher, &mut self.chunker, &mut self.writer, self.progress, lane);
        let copied = match task {
            Task::Table { table, part } => {
                let PlannedTable { facts, parts } = &plan.tables[table];
                copy_table(wire, facts.into(), parts[part], &source.encoding, &mut recorder)
            }
            Task::LargeObjects { part } => {
                let (first, last) = plan.large_objects[part];
                copy_large_objects(wire, first, last, &mut recorder)
            }
        };
        copied.map_err(|unread| unread.at_source(&label))?;
        if let Task::Table { table, .. } = task {
            let TableFacts { oid, schema, name, .. } = &plan.tables[table].facts;
            check_name(wire, *oid, schema, name).map_err(Error::source_database(label))?;
        }
        let (digest, slices) = recorder.finish()?;
        Ok(Done { task, digest, slices })
    }
}

impl PlannedTable {
    fn describe(&self, part: usize) -> (String, u64) {
        let name = format!("{}.{}", self.facts.schema, self.facts.name);
        match self.parts.len() {
            1 => (name, self.facts.bytes),
            parts => (format!("{name} ({} of {parts})", part + 1), self.facts.bytes / parts as u64),
        }
    }
}

/// Puts the parts together, in the order of the table.
///
/// Only after the objects are settled: until then a slice does not know under which name its object is stored.
pub fn collect(plan: &Plan, Unsettled { workers }: Unsettled) -> Read {
    let mut parts: Vec<Vec<(usize, Digest, Vec<Slice>)>> = plan.tables.iter().map(|_| Vec::new()).collect();
    let mut large_objects = Vec::new();
    for (writer, done) in workers {
        for Done { task, digest, slices } in done {
            let slices = writer.resolve(&slices);
            match task {
                Task::Table { table, part } => parts[table].push((part, digest, slices)),
                Task::LargeObjects { part } => large_objects.push((part, digest, slices)),
            }
        }
    }
    let join = |oid, format, mut parts: Vec<(usize, Digest, Vec<Slice>)>| {
        parts.sort_by_key(|(part, ..)| *part);
        let mut table = ReadTable { oid, format, digest: Digest::default(), slices: Vec::new() };
        for (_, digest, slices) in parts {
            table.digest.merge(&digest);
            table.slices.extend(slices);
        }
        table
    };
    let tables = plan
        .tables
        .iter()
        .zip(parts)
        .map(|(planned, parts)| join(planned.facts.oid, planned.facts.format, parts))
        .collect();
    let large_objects = (!plan.large_objects.is_empty()).then(|| join(0, RowFormat::Binary, large_objects));
    Read { tables, large_objects }
}
