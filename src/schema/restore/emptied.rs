//! What a new database has and the snapshot's had not.

use super::{RestorePlan, Step, Transaction};
use crate::schema::archive::SqlText;
use crate::schema::facts::Facts;

/// An administrator's, before PostgreSQL 15, which an ordinary role cannot drop: a warning, as any other of the definitions.
const WITHOUT_PUBLIC: &str = "DO 'BEGIN DROP SCHEMA IF EXISTS public; EXCEPTION WHEN insufficient_privilege OR dependent_objects_still_exist THEN
    RAISE WARNING ''the schema public, which the source does not have, stays as the new database has it: %'', SQLERRM; END';";

impl RestorePlan {
    /// For a database that is made for the copy: where the source has no schema `public`, the copy has none either.
    pub fn leave_public_out(&mut self, facts: &Facts) {
        if facts.lacks_public() {
            let step = Step {
                // No entry has this number.
                dump_id: 0,
                label: "SCHEMA public".into(),
                statements: vec![SqlText::new(WITHOUT_PUBLIC)],
                transaction: Transaction::Allowed,
                acts_as: None,
            };
            self.pre_data.insert(0, step);
        }
    }
}
