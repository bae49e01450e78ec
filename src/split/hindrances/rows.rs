//! Rows that would not move, or not with the values that they have.

use crate::schema::detaching;
use crate::schema::facts::{Detaching, Facts};
use crate::split::crossing::Sides;
use crate::split::facts::SourceFacts;
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

pub(super) fn findings(source: &SourceFacts) -> Vec<Finding> {
    let finding = |(table, extension): &(String, String)| {
        Finding::new(
            Blocker,
            FindingKind::Extension,
            table.clone(),
            format!(
                "it belongs to the extension {extension}, which does not mark it as a configuration table: its rows would not move"
            ),
            format!(
                "ALTER EXTENSION {extension} DROP TABLE {table} makes it an ordinary table; or leave its schema where it is"
            ),
        )
    };
    let generated = |column: &String| {
        Finding::new(
            Warning,
            FindingKind::Generated,
            column.clone(),
            "its values are computed again by the function that it calls: if the function was changed since they were written, they change, and no proof compares them",
            "SELECT the rows whose value differs from the expression; keep values that must not change in a column of their own",
        )
    };
    let foreign = |table: &String| {
        Finding::new(
            Blocker,
            FindingKind::ForeignPartition,
            table.clone(),
            "the new database may partition it differently (by the hash of an enum, an expression or a custom operator class), and would send rows to the server of its foreign partition",
            "ALTER TABLE ... DETACH PARTITION the foreign one, or leave its schema where it is",
        )
    };
    let members = source.hindrances.member_tables.iter().map(finding);
    members
        .chain(source.hindrances.cut_with_foreign.iter().map(foreign))
        .chain(source.hindrances.generated.iter().map(generated))
        .collect()
}

/// Partitions that the new database would have attached, and the old one reads no longer through their table.
pub(super) fn detaching(sides: &Sides<'_>, facts: &Facts) -> Vec<Finding> {
    let finding = |pending: Detaching| {
        let parent = pending.parent_name();
        Finding::new(
            Blocker,
            FindingKind::DetachPending,
            pending.name(),
            format!(
                "DETACH PARTITION from {parent} did not finish: its rows are no longer visible through {parent}, but the new database would have it attached"
            ),
            format!("to finish it: {}", pending.finalize()),
        )
    };
    detaching::detaching(sides.archive, facts, sides.selection).into_iter().map(finding).collect()
}
