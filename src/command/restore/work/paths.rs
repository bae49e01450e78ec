//! Functions that look names up by `search_path`, which a restore leaves empty, as pg_dump's own does: rows of theirs are refused, or
//! an index, until somebody gives them the path that they had.

use super::super::refused::{failure, failure_of, is_not_found};
use super::{Task, Worker};
use crate::command::Error;
use crate::command::error::Failure;
use crate::command::mismatch::Mismatch;
use crate::command::restore::{SearchPath, ThroughRoot};
use crate::pg;
use crate::pg::catalog::quote_identifier;
use crate::schema::restore::{Step, commands};

impl Worker<'_, '_> {
    /// The task; where names are not found and the operator asks for it, once more with the path that the source has for them. For this
    /// task alone.
    pub(super) fn perform_or_with_path(&mut self, task: Task) -> Result<Option<Mismatch>, Error> {
        let job = self.work.job;
        match self.perform(task) {
            Err(Error::Target { source, .. })
                if self.work.loading.search_path == SearchPath::Fix
                    && is_not_found(&source)
                    && !job.search_path.is_empty() => {}
            done => return done,
        }
        self.roll_back("rolling back after a failure")?;
        let path: Vec<String> = job.search_path.iter().map(|schema| quote_identifier(schema)).collect();
        // The server's own names come first: somebody's type under one of them would be what a definition means.
        self.path = format!("SET LOCAL search_path = pg_catalog, {}, pg_temp;\n", path.join(", "));
        let done = self.perform(task);
        self.path.clear();
        if done.is_ok() {
            let label = self.label(task);
            self.work.lock().with_path.push(label);
        }
        done
    }

    /// How it is told that the server refused the task.
    pub(super) fn failure(&self, task: Task, error: &pg::Error) -> Failure {
        let job = self.work.job;
        let (mut failure, inside) = match task {
            Task::Step(n) => {
                let step = &job.plan.post_data[n].step;
                (failure_of(step, &job.plan, error), is_in_a_function(step, error))
            }
            // Of a table that is not there no row is read, so that the message has no place.
            _ => (failure(&self.label(task), error), location(error).is_some()),
        };
        if is_not_found(error) && inside {
            failure.hint = Some(match self.work.loading.search_path {
                // The source has none, or it is a split, which gives none.
                _ if job.search_path.is_empty() => {
                    "A function that it calls needs search_path, which is empty while rows are loaded and definitions are made: write the schema names in the function's body, or give it SET search_path.".into()
                }
                SearchPath::Empty => format!(
                    "A function that it calls needs search_path, which is empty in a restore: --search-path-fix uses the source's ({}) for such entries.",
                    job.search_path.join(", ")
                ),
                SearchPath::Fix => format!(
                    "The source's search_path ({}) does not help: since PostgreSQL 17, indexes and materialized views are built without one. Write the schema names in the function's body.",
                    job.search_path.join(", ")
                ),
            });
        }
        if let Task::Load(n) = task
            && is_of_another_partition(error)
        {
            let hint = match job.families.number(n) {
                None if self.work.loading.through_root == ThroughRoot::All => {
                    "The target partitions the table differently from the source, and pgkeep does not load rows through a table that has foreign partitions."
                }
                None => {
                    "The target partitions the table differently from the source: --load-via-partition-root puts each row into the right partition, except in tables with foreign partitions."
                }
                Some(_) => {
                    "The target partitions the table differently from the source, and has no partition for some of these rows: all of its partitions must be restored."
                }
            };
            failure.hint = Some(hint.into());
        }
        failure
    }
}

/// check_violation, where no constraint of the table's is named: the one by which it is a partition.
fn is_of_another_partition(error: &pg::Error) -> bool {
    error.sqlstate() == Some("23514") && error.server_message().is_some_and(|message| message.constraint.is_none())
}

fn location(error: &pg::Error) -> Option<&str> {
    error.server_message()?.location.as_deref()
}

/// Whether a function that the step calls, and not the step itself, misses something. In whatever language the server speaks: the place
/// of what runs as its owner begins with the command itself. What a text asks for that the server runs (`ts_stat`) has no place, but a
/// relation or function there has no schema, which a definition always names.
fn is_in_a_function(step: &Step, error: &pg::Error) -> bool {
    let Some(said) = error.server_message() else { return false };
    let mut run = step.statements.iter().flat_map(|sql| commands(sql.as_bytes()));
    let innermost = said.location.as_deref().and_then(|location| location.lines().next());
    let is_inside = innermost.is_some_and(|innermost| {
        !run.any(|(_, sql)| {
            let begin = sql.split(|byte| *byte == b'\n').next().map(String::from_utf8_lossy);
            begin.is_some_and(|begin| innermost.contains(begin.trim()))
        })
    });
    is_inside || (said.sqlstate != "42704" && !said.message.contains('.'))
}
