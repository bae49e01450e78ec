//! Empty tables, of which a database may have thousands: a question for each would be most of the work.

use super::{Shared, Worker};
use crate::command::Error;
use crate::command::restore::Job;
use crate::command::restore::feed::Feed;
use crate::pg;
use crate::pg::copy::{RowsOf, which_are_empty};
use crate::schema::schedule::{Ended, Task};
use crate::stream::Digest;

/// Tables that one question is about.
const TOGETHER: usize = 100;

/// What a worker is given to do.
pub(super) struct Given {
    pub tasks: Vec<Task>,
    pub size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Loads or proofs of tables that may be empty.
    Small,
    Any,
}

/// The task, and more of its kind where it is small.
pub(super) fn given(task: Task, shared: &mut Shared<'_>, worker: &Worker<'_, '_>) -> Given {
    let relations = &worker.work.job.relations;
    let Shared { schedule, digests, .. } = shared;
    let (first, is_small): (usize, &dyn Fn(usize) -> bool) = match task {
        Task::Load(n) => (n, &|n| worker.feed.may_be_empty(n, &relations[n])),
        Task::Prove(n) => (n, &|n| is_empty(worker.work.job, n, digests[n])),
        Task::Step(_) | Task::Analyze(_) => return Given { tasks: vec![task], size: Size::Any },
    };
    if !is_small(first) {
        return Given { tasks: vec![task], size: Size::Any };
    }
    let mut tasks = vec![task];
    tasks.extend(schedule.more(task, TOGETHER - 1, is_small));
    Given { tasks, size: Size::Small }
}

/// Whether the table was loaded with nothing. An extension's configuration table has rows of the extension's own, a partition perhaps some
/// that were in another one.
fn is_empty(job: &Job, n: usize, digest: Digest) -> bool {
    digest.rows == 0 && job.relations[n].configuration.is_none() && job.families.number(n).is_none()
}

impl Worker<'_, '_> {
    /// Does in one go what can be: loads of empty tables, and proofs that they are empty. Returns what must be done one by one.
    pub(super) fn together(&mut self, tasks: Vec<Task>, size: Size) -> Result<Vec<Task>, Error> {
        let (Size::Small, Some(first)) = (size, tasks.first().copied()) else { return Ok(tasks) };
        let number = |task: &Task| match task {
            Task::Load(n) | Task::Step(n) | Task::Prove(n) | Task::Analyze(n) => *n,
        };
        let relations = &self.work.job.relations;
        let numbers: Vec<usize> = tasks.iter().map(number).collect();
        let empty = if matches!(first, Task::Load(_)) {
            self.feed.which_are_empty(&numbers, relations)?
        } else {
            let rows: Vec<RowsOf<'_>> = numbers.iter().map(|n| (&relations[*n]).into()).collect();
            match which_are_empty(&mut self.wire, &rows) {
                Ok(empty) => empty,
                // A table or a column is not there: which, is found one by one.
                Err(pg::Error::Server { .. }) => vec![false; numbers.len()],
                Err(error) => return Err(Error::target_database("proving empty tables")(error)),
            }
        };
        let mut shared = self.work.lock();
        let mut left = Vec::new();
        for (task, empty) in tasks.into_iter().zip(empty) {
            if !empty {
                left.push(task);
                continue;
            }
            // Of stored rows the manifest's digest stays: the proof relies on it.
            if let (Task::Load(n), Feed::Live { .. }) = (task, &self.feed) {
                shared.digests[n] = Digest::default();
            }
            shared.note_time(task);
            shared.schedule.end(task, Ended::Well);
        }
        drop(shared);
        self.work.changed.notify_all();
        Ok(left)
    }

    /// An empty table needs none, as a new one has none.
    pub(super) fn has_no_statistics(&self, n: usize) -> bool {
        is_empty(self.work.job, n, self.work.lock().digests[n])
    }
}
