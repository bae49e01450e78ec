//! Steps that were not tried, and what each of them is without.

use std::collections::BTreeSet;

use super::{Job, Shared};
use crate::command::error::Skipped;
use crate::schema::schedule::Task;

/// The steps after the rows that need a definition which could not be made.
pub(super) fn without_definitions(job: &Job) -> Vec<usize> {
    let lacks = |n: &usize| needs(job, *n).is_some();
    (0..job.plan.post_data.len()).filter(lacks).collect()
}

/// A definition that was refused and that the step needs; for the rows of a materialized view, the view itself.
fn needs(job: &Job, n: usize) -> Option<&str> {
    let dump_id = job.plan.post_data[n].step.dump_id;
    job.unmade.get(&dump_id).map(String::as_str).or_else(|| job.plan.needs.first_of(dump_id, &job.unmade))
}

/// All of them, each with what failed.
pub(super) fn told(job: &Job, shared: &Shared<'_>) -> Vec<Skipped> {
    let all = shared.schedule.skipped().iter();
    let told = all.map(|n| {
        let needs = needs(job, *n).map_or_else(|| failed_before(job, shared, *n), str::to_owned);
        Skipped { entry: job.plan.post_data[*n].step.label.clone(), needs }
    });
    told.collect()
}

/// The step or the rows that failed and that the step waited for, through whatever stands between.
fn failed_before(job: &Job, shared: &Shared<'_>, n: usize) -> String {
    let (mut seen, mut queue) = (BTreeSet::from([n]), vec![n]);
    while let Some(next) = queue.pop() {
        let step = &job.plan.post_data[next];
        let rows = |relation: &crate::repo::manifest::Relation| step.after_rows.contains(&relation.oid);
        let loads = job.relations.iter().enumerate().filter(|(_, relation)| rows(relation));
        let waited = loads.map(|(load, _)| Task::Load(load)).chain(step.after.iter().map(|before| Task::Step(*before)));
        for task in waited {
            if let Some((_, label)) = shared.failed.iter().find(|(failed, _)| *failed == task) {
                return label.clone();
            }
            if let Task::Step(before) = task
                && seen.insert(before)
            {
                queue.push(before);
            }
        }
    }
    String::new()
}
