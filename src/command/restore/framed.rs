//! Steps that may run code of users, as their owners.

use std::collections::BTreeSet;

use crate::pg::frame::Frame;
use crate::schema::archive::SqlText;
use crate::schema::restore::{ActsAs, Step};

/// The steps, all of which the same role is to run, as one message, after which the session needs its settings again. None where they
/// are the operator's to run.
pub fn framed(steps: &[Step]) -> Option<Vec<u8>> {
    let acting: Vec<_> = steps.iter().filter_map(|step| step.acts_as.as_ref()).collect();
    let first = acting.first()?;
    let all = |schemas: fn(&ActsAs) -> &Vec<String>| -> Vec<String> {
        let distinct: BTreeSet<&String> = acting.iter().flat_map(|acts_as| schemas(acts_as)).collect();
        distinct.into_iter().cloned().collect()
    };
    let statements: Vec<&[u8]> = steps.iter().flat_map(|step| &step.statements).map(SqlText::as_bytes).collect();
    let frame = Frame {
        role: &first.role,
        uses: &all(|acts_as| &acts_as.uses),
        makes_in: &all(|acts_as| &acts_as.makes_in),
        borrows: &acting.iter().flat_map(|acts_as| acts_as.borrows.clone()).collect::<Vec<_>>(),
        statements: &statements,
        definitions: acting.iter().map(|acts_as| acts_as.definitions).sum(),
    };
    Some(frame.sql())
}
