//! Where sequences stand, asked by a session that was there before the database's own triggers were: a new one would be a log-in, and an
//! event trigger of the user's may count log-ins by a sequence.

use super::{Rows, Worker};
use crate::command::Error;
use crate::command::mismatch::{Difference, Mismatch, SequenceValue};
use crate::pg::target::sequence_values;
use crate::repo::manifest::Sequence;
use crate::schema::schedule::Proof;

impl Worker<'_, '_> {
    /// Compares the sequences of a snapshot. Those of a live source go on meanwhile, and are compared by whoever knows where they stand.
    pub(super) fn prove_sequences(&mut self) -> Result<(), Error> {
        let is_asked_for = self.work.loading.proof == Proof::Make && matches!(self.work.rows, Rows::Stored { .. });
        if !is_asked_for {
            return Ok(());
        }
        let sequences: Vec<&Sequence> = self.work.job.sequences.iter().collect();
        let found = sequence_values(&mut self.wire, &sequences).map_err(Error::target_database("reading sequences"))?;
        let differing = sequences.iter().zip(found).filter_map(|(sequence, found)| differs(sequence, found));
        self.work.lock().mismatches.extend(differing);
        Ok(())
    }
}

fn differs(sequence: &Sequence, found: Option<(i64, bool)>) -> Option<Mismatch> {
    let expected = SequenceValue { last_value: sequence.last_value, is_called: sequence.is_called };
    let what = match found.map(|(last_value, is_called)| SequenceValue { last_value, is_called }) {
        None => Difference::MissingSequence,
        Some(found) if found == expected => return None,
        Some(found) => Difference::SequenceValue { expected, found },
    };
    Some(Mismatch::new(&sequence.schema, &sequence.name, what))
}
