//! What counts on a relation by more than its name and columns: a foreign table cannot take its place.

use std::collections::BTreeSet;

use super::{Bridged, given_up};
use crate::schema::archive::Oid;
use crate::split::crossing::{Crossing, Sides};
use crate::split::facts::{RelationUse, SourceFacts, Traffic};
use crate::split::finding::Severity::Blocker;
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
    rows.chain(keys).chain(values).collect()
}
