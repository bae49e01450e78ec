//! While rows are read, what is stored already is recorded from time to time, so that a run that is killed was not in vain.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use super::runtime::worker_runtime;
use crate::repo::{Repository, UnfinishedWriter};
use crate::stop::Stop;

/// The time to the first record and the least between two.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// A run that is killed loses at most about this part of its time: a record follows when it has passed since the last one.
/// So even a run of hours leaves no more than a hundred of them.
const PART_LOST: u32 = 8;

/// Runs `work` and records beside it.
pub(super) fn recorded<R>(
    writer: &mut UnfinishedWriter,
    repository: &Repository,
    stop: &Stop,
    work: impl FnOnce() -> Result<R, Error>,
) -> Result<R, Error> {
    let end = End::default();
    std::thread::scope(|scope| {
        let recording = scope.spawn(|| record(writer, repository, &end).inspect_err(|_| stop.trigger()));
        let result = {
            let _end = EndOnDrop(&end);
            work()
        };
        let recording = recording.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (result, recording) {
            (_, Err(why)) => Err(why),
            (result, Ok(())) => result,
        }
    })
}

fn record(writer: &mut UnfinishedWriter, repository: &Repository, end: &End) -> Result<(), Error> {
    let started = Instant::now();
    let runtime = worker_runtime()?;
    while !end.comes_within(PAUSE_MIN.max(started.elapsed() / PART_LOST)) {
        runtime.block_on(writer.record(repository))?;
    }
    // What came last, for a run that ends early in order, or is killed before its manifest. If that fails, the run has an error
    // to tell that is nearer to the cause, or the manifest will fail in the same way.
    if started.elapsed() >= PAUSE_MIN {
        let _ = runtime.block_on(writer.record(repository));
    }
    Ok(())
}

#[derive(Default)]
struct End {
    has_come: Mutex<bool>,
    changed: Condvar,
}

impl End {
    fn comes_within(&self, at_most: Duration) -> bool {
        let has_come = self.has_come.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(has_come, at_most, |has_come| !*has_come);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Also where the work panics.
struct EndOnDrop<'a>(&'a End);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.has_come.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}
