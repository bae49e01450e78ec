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
                "it belongs to the extension {extension}, which does not mark it as configuration: its rows would not move"
            ),
            format!(
                "ALTER EXTENSION {extension} DROP TABLE {table} makes it a table like others; or leave its schema where it is"
            ),
        )
    };
    let generated = |column: &String| {
        Finding::new(
            Warning,
            FindingKind::Generated,
            column.clone(),
            "its values are computed anew by the function that it calls: where that was changed since they were written they become others, and no proof compares them",
            "SELECT the rows whose value is not the expression's; keep what must not change in a column of its own",
        )
    };
    let foreign = |table: &String| {
        Finding::new(
            Blocker,
            FindingKind::ForeignPartition,
            table.clone(),
            "the new database may cut it otherwise (by the hash of an enum, an expression or an operator class of its own), and rows of it would be sent to the server of its foreign partition",
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
                "its detaching from {parent} was cut short: its rows are not read through {parent} any more, and the new database would have it attached"
            ),
            format!("{} ends it", pending.finalize()),
        )
    };
    detaching::detaching(sides.archive, facts, sides.selection).into_iter().map(finding).collect()
}
