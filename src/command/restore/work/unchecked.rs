//! A foreign key that rows are against, though the source counts it as valid: it is made again unchecked, and named.

use super::{PostDataStep, Worker};
use crate::command::Error;
use crate::schema::archive::SqlText;
use crate::schema::not_valid;
use crate::schema::restore::Step;

impl Worker<'_, '_> {
    /// As [`step`](Self::step). Rows that are against the key here were so in the source: a live one is asked for that afterwards, and a
    /// backup's rows are proven to be the source's.
    pub(super) fn step_or_unchecked(&mut self, n: usize, label: &str) -> Result<(), Error> {
        let failed = match self.step(n, label) {
            Err(error) if is_violated_key(&error) => error,
            ended => return ended,
        };
        let PostDataStep { step, .. } = &self.work.job.plan.post_data[n];
        let unchecked: Option<Vec<SqlText>> = step.statements.iter().map(not_valid::statement).collect();
        let Some(unchecked) = unchecked else { return Err(failed) };
        self.roll_back(label)?;
        // Where the table's rows go may be computed all the same.
        match self.run_step(&Step { statements: unchecked, ..step.clone() }, label) {
            // wrong_object_type: a partitioned table before 18 has no such keys, and why the key cannot be had is what counts.
            Err(Error::Target { source, .. }) if source.sqlstate() == Some("42809") => return Err(failed),
            made => made?,
        }
        self.work.lock().not_valid.push(n);
        Ok(())
    }
}

/// foreign_key_violation
fn is_violated_key(error: &Error) -> bool {
    matches!(error, Error::Target { source, .. } if source.sqlstate() == Some("23503"))
}
