//! How much memory and how many processes an index build gets.
//!
//! Where every core is busy, as at a load in parallel, helpers of one build take from the others and a large sort leaves the
//! processor's cache. Two cores, two builds at a time, eight indexes over 0.8 to 1 million rows: 9.5 s of processor time with 128 MB
//! and two workers, 8.9 s without workers, 7.4 s with 8 MB; 5.2, 5.2 and 4.3 s by the clock.

use std::thread::available_parallelism;

use super::error::Error;
use super::wire::{Wire, protocol};

/// Rows below which a build takes too little time for its settings to matter.
const BYTES_MIN: u64 = 8 << 20;
const MEMORY_KB_MIN: u64 = 8 << 10;
/// What PostgreSQL reads ahead of each sorted run when it merges them (`MERGE_BUFFER_SIZE` in tuplesort.c).
const RUN_BUFFER_KB: u64 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    /// `maintenance_work_mem`
    memory_kb: u64,
    /// `max_parallel_maintenance_workers`
    workers: u64,
}

/// The settings of a session for what it builds.
#[derive(Debug)]
pub struct Builds {
    /// What there is to be had.
    most: Settings,
    now: Settings,
    /// The server's, where they are known: it runs on this machine.
    cores: Option<u64>,
}

/// What a session is about to do after the rows.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Bytes of the rows that it reads.
    pub bytes: u64,
    /// Whether it builds a B-tree, which sorts; a foreign key or another kind of index is better off with all the memory.
    pub sorts: bool,
    /// Sessions that have work, this one included.
    pub sessions: usize,
}

impl Builds {
    /// Gives the session as much memory as the server's setting or, if that is more, its share of `shared_buffers` among
    /// `jobs`: the server has been given that much before.
    pub fn new(wire: &mut Wire, jobs: usize) -> Result<Self, Error> {
        let sql = format!(
            "SELECT m.setting, greatest(m.setting::bigint, least(b.setting::bigint * 8 / {jobs}, 1048576)), w.setting
            FROM pg_catalog.pg_settings m, pg_catalog.pg_settings b, pg_catalog.pg_settings w
            WHERE m.name = 'maintenance_work_mem' AND b.name = 'shared_buffers'
            AND w.name = 'max_parallel_maintenance_workers'"
        );
        let context = "settings for index builds";
        let rows = wire.query(context, sql.as_bytes())?;
        let numbers: Vec<u64> = rows.iter().flatten().flatten().filter_map(|text| text.parse().ok()).collect();
        let [memory_kb, most_kb, workers] = numbers[..] else {
            return Err(protocol(context, "the server does not say what they are"));
        };
        let cores = available_parallelism().ok().filter(|_| wire.is_local()).map(|cores| cores.get() as u64);
        let most = Settings { memory_kb: most_kb, workers };
        let mut builds = Self { most, now: Settings { memory_kb, workers }, cores };
        builds.set(wire, most)?;
        Ok(builds)
    }

    /// Sets what suits the build that comes next.
    pub fn suit(&mut self, wire: &mut Wire, build: Build) -> Result<(), Error> {
        if build.bytes < BYTES_MIN { Ok(()) } else { self.set(wire, suited(self.most, self.cores, build)) }
    }

    fn set(&mut self, wire: &mut Wire, to: Settings) -> Result<(), Error> {
        if to != self.now {
            wire.execute("settings for index builds", statement(to).as_bytes())?;
            self.now = to;
        }
        Ok(())
    }

    /// What the session is set to, for one that has lost its settings.
    pub fn statement(&self) -> String {
        statement(self.now)
    }
}

fn statement(Settings { memory_kb, workers }: Settings) -> String {
    format!("SET maintenance_work_mem = {memory_kb}; SET max_parallel_maintenance_workers = {workers}")
}

fn suited(most: Settings, cores: Option<u64>, build: Build) -> Settings {
    let Some(cores) = cores else { return most };
    let share = cores / build.sessions.max(1) as u64;
    let workers = most.workers.min(share.saturating_sub(1));
    // As little as lets all runs be merged at once: `memory / RUN_BUFFER` of them, each as large as the memory.
    let enough = (build.bytes / 1024 * RUN_BUFFER_KB).isqrt().max(MEMORY_KB_MIN);
    let memory_kb = if build.sorts && workers == 0 { enough.min(most.memory_kb) } else { most.memory_kb };
    Settings { memory_kb, workers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sorts_beside_others_stays_in_the_cache_and_alone() {
        let most = Settings { memory_kb: 128 << 10, workers: 2 };
        let suited = |gigabytes: u64, sorts, cores| {
            let build = Build { bytes: gigabytes << 30, sorts, sessions: 2 };
            let Settings { memory_kb, workers } = suited(most, cores, build);
            (memory_kb >> 10, workers)
        };
        assert_eq!(suited(1, true, Some(2)), (16, 0));
        assert_eq!(suited(4, true, Some(2)), (32, 0));
        assert_eq!(suited(1000, true, Some(2)), (128, 0), "no more than there is");
        assert_eq!(suited(0, true, Some(2)), (8, 0));
        assert_eq!(suited(1, false, Some(2)), (128, 0), "what does not sort has use for the memory");
        assert_eq!(suited(1, true, Some(4)), (128, 1), "workers need their share of it");
        assert_eq!(suited(1, true, Some(32)), (128, 2));
        assert_eq!(suited(1, true, None), (128, 2), "the server's own business");
    }
}
