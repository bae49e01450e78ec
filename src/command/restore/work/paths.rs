//! Functions that look names up by `search_path`, which a restore leaves empty, as pg_dump's own does: rows of theirs are refused, or
//! an index, until somebody gives them the path that they had.

use std::collections::{BTreeMap, BTreeSet};

use super::super::refused::{failure, failure_of, is_not_found};
use super::{NAMES_MAX, Task, Worker};
use crate::command::Error;
use crate::command::error::Failure;
use crate::command::mismatch::Mismatch;
use crate::command::restore::{SearchPath, ThroughRoot};
use crate::command::some::some_of;
use crate::pg;
use crate::pg::catalog::quote_identifier;
use crate::rows::paths::{in_words, recorded};
use crate::schema::restore::{Step, commands};

/// From which version on indexes, materialized views and statistics are made with a path of the server's own.
const RESTRICTED_SINCE: u32 = 170_000;

impl Worker<'_, '_> {
    /// The task; where names are not found and the operator asks for it, once more with each path in turn that there is for them. For this
    /// task alone.
    pub(super) fn perform_or_with_path(&mut self, task: Task) -> Result<Option<Mismatch>, Error> {
        let mut error = match self.perform(task) {
            Err(Error::Target { source, what }) if is_not_found(&source) => Error::Target { source, what },
            done => return done,
        };
        let work = self.work;
        for path in self.paths(task) {
            self.roll_back("rolling back after a failure")?;
            let quoted: Vec<String> = path.iter().map(|schema| quote_identifier(schema)).collect();
            // The server's own names come first: somebody's type under one of them would be what a definition means.
            self.path = format!("SET LOCAL search_path = pg_catalog, {}, pg_temp;\n", quoted.join(", "));
            let done = self.perform(task);
            self.path.clear();
            match done {
                // What a path finds that is another's may well refuse the rows.
                Err(Error::Target { source: source @ pg::Error::Server { .. }, what }) => {
                    if !is_not_found(&source) {
                        error = Error::Target { source, what };
                    }
                }
                Ok(done) => {
                    let label = self.label(task);
                    work.lock().with_path.entry(path.join(", ")).or_default().insert(label);
                    return Ok(done);
                }
                done => return done,
            }
        }
        Err(error)
    }

    /// Those that are tried, the most probable first.
    fn paths(&self, task: Task) -> Vec<Vec<String>> {
        match &self.work.loading.search_path {
            SearchPath::Empty => Vec::new(),
            SearchPath::Fix => self.recorded(task),
            SearchPath::Given(path) => vec![path.clone()],
        }
    }

    /// Those that the source has for whoever owns it.
    fn recorded(&self, task: Task) -> Vec<Vec<String>> {
        let job = self.work.job;
        let owner = match task {
            Task::Step(n) => job.owned.entries.get(&job.plan.post_data[n].step.dump_id),
            Task::Load(n) | Task::Prove(n) | Task::Analyze(n) => job.owned.tables.get(&job.relations[n].oid),
        };
        recorded(&job.cargo, owner.map(String::as_str), &job.search_path)
    }

    /// Whether the server sets a path of its own for the task, so that none of ours is heeded.
    fn is_restricted(&self, task: Task) -> bool {
        let of_step = |n: usize| {
            let label = &self.work.job.plan.post_data[n].step.label;
            ["INDEX ", "CONSTRAINT ", "REFRESH MATERIALIZED VIEW "].iter().any(|kind| label.starts_with(kind))
        };
        let is = match task {
            Task::Step(n) => of_step(n),
            Task::Analyze(_) => true,
            Task::Load(_) | Task::Prove(_) => false,
        };
        is && self.server >= RESTRICTED_SINCE
    }

    /// What helps where a function does not find a name.
    fn about_paths(&self, task: Task) -> String {
        let recorded = &self.recorded(task);
        let needs =
            "A function that it calls needs search_path, which is empty while rows are loaded and definitions are made";
        let example = recorded.first().map_or_else(|| "SCHEMA, ...".to_owned(), |path| path.join(", "));
        let function = format!(
            "`ALTER FUNCTION ... SET search_path = {example}`, or schema names in its body, help: at the source before the next backup, and here before the refused statement is run again."
        );
        if self.is_restricted(task) {
            return format!(
                "{needs}; since PostgreSQL 17 the server builds indexes and materialized views without one, whatever --search-path-fix says. {function}"
            );
        }
        match &self.work.loading.search_path {
            SearchPath::Empty if recorded.is_empty() => {
                format!("{needs}: --search-path-fix=SCHEMA,... gives such entries this one. {function}")
            }
            SearchPath::Empty => format!(
                "{needs}: --search-path-fix uses the source's ({}) for such entries, --search-path-fix=SCHEMA,... another one.",
                in_words(recorded)
            ),
            SearchPath::Fix => format!(
                "None of the source's search paths ({}) has what it looks for: --search-path-fix=SCHEMA,... gives another one. {function}",
                in_words(recorded)
            ),
            SearchPath::Given(path) => format!(
                "The search_path of --search-path-fix ({}) does not have what it looks for; the source's: {}. {function}",
                path.join(", "),
                in_words(recorded)
            ),
        }
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
            failure.hint = Some(self.about_paths(task));
        }
        if let Task::Load(n) = task
            && is_of_another_partition(error)
        {
            let hint = match self.work.job.families.number(n) {
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

/// What was done with which path.
pub(super) fn told(asked: &SearchPath, with_path: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let whose = if matches!(asked, SearchPath::Given(_)) { "the" } else { "the source's" };
    let named = with_path.iter().filter_map(|(path, entries)| {
        let names = some_of(&Vec::from_iter(entries.iter().cloned()), NAMES_MAX)?;
        Some(format!("restored with {whose} search_path ({path}) because of --search-path-fix: {names}"))
    });
    named.collect()
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
