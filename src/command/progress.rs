//! How far a command is. Workers count, the terminal looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared between the workers and whoever shows it.
#[derive(Default)]
pub struct Progress {
    phases: Mutex<Phases>,
    news: Condvar,
    /// Bytes of rows expected, an estimate.
    pub bytes_total: AtomicU64,
    pub bytes: AtomicU64,
    pub rows: AtomicU64,
    /// What follows the rows: indexes, keys and the rest; how many of them, and how many are done.
    pub steps_total: AtomicU64,
    pub steps: AtomicU64,
    lanes: Mutex<Vec<Option<Arc<Lane>>>>,
    left: Mutex<Option<String>>,
}

#[derive(Default)]
struct Phases {
    names: Vec<String>,
    over: bool,
}

/// What one worker is busy with.
pub struct Lane {
    pub label: String,
    /// An estimate; 0 if unknown.
    pub bytes_total: u64,
    pub bytes: AtomicU64,
    pub since: Instant,
}

impl Progress {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn set_phase(&self, phase: &str) {
        let mut phases = self.phases();
        if phases.names.last().is_none_or(|last| last != phase) {
            // Each phase counts its own.
            for counter in [&self.bytes_total, &self.bytes, &self.rows, &self.steps_total, &self.steps] {
                counter.store(0, Ordering::Relaxed);
            }
            phases.names.push(phase.to_owned());
            self.news.notify_all();
        }
    }

    /// What would be there, and how to go on, if the command were interrupted from now on.
    pub fn would_leave(&self, what: String) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// What an interruption has left; none where nothing was begun that stays.
    pub fn left(&self) -> Option<String> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing more will come.
    pub fn finish(&self) {
        self.phases().over = true;
        self.news.notify_all();
    }

    /// Waits for a phase after the first `seen`, for the end, or for `patience`: the phases after those, and whether it
    /// was the end.
    pub fn wait(&self, seen: usize, patience: Duration) -> (Vec<String>, bool) {
        let nothing_new = |phases: &mut Phases| phases.names.len() == seen && !phases.over;
        let (phases, _) =
            self.news.wait_timeout_while(self.phases(), patience, nothing_new).unwrap_or_else(PoisonError::into_inner);
        (phases.names[seen..].to_vec(), phases.over)
    }

    fn phases(&self) -> MutexGuard<'_, Phases> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Worker `n` begins with something.
    pub fn begin(&self, n: usize, label: String, bytes_total: u64) -> Arc<Lane> {
        let lane = Arc::new(Lane { label, bytes_total, bytes: AtomicU64::new(0), since: Instant::now() });
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() <= n {
            lanes.resize(n + 1, None);
        }
        lanes[n] = Some(lane.clone());
        lane
    }

    /// Worker `n` has nothing under way.
    pub fn end(&self, n: usize) {
        if let Some(lane) = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(n) {
            *lane = None;
        }
    }

    /// One of the steps that follow the rows is done, well or badly.
    pub fn step_done(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    pub fn lanes(&self) -> Vec<Option<Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn add(&self, lane: &Lane, bytes: u64, rows: u64) {
        lane.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_told_once_and_the_end_wakes_who_waits() {
        let progress = Progress::new();
        for phase in ["connecting", "reading rows", "reading rows", "writing the manifest"] {
            progress.set_phase(phase);
        }
        let forever = Duration::from_secs(3600);
        let all = ["connecting", "reading rows", "writing the manifest"].map(String::from).to_vec();
        assert_eq!(progress.wait(0, forever), (all.clone(), false));
        assert_eq!(progress.wait(1, forever), (all[1..].to_vec(), false));
        assert_eq!(progress.wait(3, Duration::ZERO), (vec![], false));
        let waiting = std::thread::spawn({
            let progress = progress.clone();
            move || progress.wait(3, forever)
        });
        progress.finish();
        assert_eq!(waiting.join().ok(), Some((vec![], true)));
    }
}
