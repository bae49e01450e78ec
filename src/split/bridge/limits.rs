//! What counts on a relation by more than its name and columns: a foreign table cannot take its place.

use std::collections::BTreeSet;

use super::{Bridged, given_up};
use crate::schema::archive::Oid;
use crate::split::crossing::{Crossing, Sides};
use crate::split::facts::{Children, RelationUse, SourceFacts, Traffic};
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

pub(super) fn findings(
    sides: &Sides<'_>,
    bridged: &[Bridged],
    boundary: &[Crossing],
    source: &SourceFacts,
    traffic: Traffic,
) -> Vec<Finding> {
    let going: BTreeSet<Oid> =
        bridged.iter().filter_map(|table| Some(sides.archive.entry(table.entry)?.catalog_id.oid)).collect();
    let name = |relation: Oid| {
        let table = bridged
            .iter()
            .find(|table| sides.archive.entry(table.entry).is_some_and(|entry| entry.catalog_id.oid == relation));
        table.map_or_else(String::new, |table| format!("{}.{}", table.schema, table.name))
    };
    let left: Vec<Oid> = given_up(sides.archive, boundary);
    let in_the_way = |used: &&RelationUse| going.contains(&used.relation) && !left.contains(&used.user);
    let rows = source.hindrances.row_type_uses.iter().filter(in_the_way).map(|used| {
        Finding::new(
            Blocker,
            FindingKind::BridgeLimit,
            used.label.clone(),
            format!("it uses the row type of {}, but the foreign table that replaces it has another row type", name(used.relation)),
            "change it to name the columns, or a type of its own; or choose drop in --boundary-file for what needs the bridge",
        )
    });
    let keys = source.hindrances.key_uses.iter().filter(in_the_way).map(|used| {
        Finding::new(
            Blocker,
            FindingKind::BridgeLimit,
            used.label.clone(),
            format!(
                "it groups by the primary key of {} and selects other columns, but the foreign table that replaces it has no key: it cannot be recreated",
                name(used.relation)
            ),
            "name all its columns in GROUP BY, or choose drop in --boundary-file",
        )
    });
    let defaults = source.hindrances.values_of_defaults.iter().filter(|_| traffic == Traffic::ReadsAndWrites);
    let values = source.hindrances.values_of_readers.iter().chain(defaults).filter(in_the_way).map(|used| {
        Finding::new(
            Blocker,
            FindingKind::BridgeLimit,
            used.label.clone(),
            "it holds a value whose domain is checked by an ordinary role, and its definition is made again: the check would run as the superuser who splits",
            "write it without such a value (an array, a row or a range with a domain in it), or give up with --boundary-file what needs the bridge (drop)",
        )
    });
    let peculiar = source.hindrances.peculiar_uses.iter().filter(in_the_way).map(|used| {
        Finding::new(
            Blocker,
            FindingKind::BridgeLimit,
            used.label.clone(),
            format!(
                "it reads system columns of {} (such as xmin), or reads it with ONLY: the foreign table in its place has no such columns, and always reads children",
                name(used.relation)
            ),
            "change it to use columns of the table, or choose drop in --boundary-file for what needs the bridge",
        )
    });
    let parents = source.hindrances.with_children.iter().filter(|(relation, _)| going.contains(relation));
    let parents = parents.filter_map(|(relation, children)| of_children(&name(*relation), *children, traffic));
    rows.chain(keys).chain(values).chain(peculiar).chain(parents).collect()
}

/// postgres_fdw finds the row that it changes by its place in one relation (`ctid`), and rows of other children have the same place.
fn of_children(name: &str, children: Children, traffic: Traffic) -> Option<Finding> {
    let only = "ONLY reads their rows as well";
    let changes = "UPDATE, DELETE and SELECT FOR UPDATE through the bridge fail: postgres_fdw would change rows of other children as well";
    let reason = match (children, traffic) {
        (Children::Partitions, Traffic::Reads) => return None,
        (Children::Partitions, Traffic::ReadsAndWrites) => format!("it is partitioned: {changes}; INSERT works"),
        (Children::Inheriting, Traffic::Reads) => format!("tables inherit from it: {only}"),
        (Children::Inheriting, Traffic::ReadsAndWrites) => {
            format!("tables inherit from it: {only}; {changes}; INSERT works")
        }
    };
    let action = "make sure that nobody in the old database needs this; change such rows in the new database";
    Some(Finding::new(Warning, FindingKind::BridgeLimit, name, reason, action))
}
