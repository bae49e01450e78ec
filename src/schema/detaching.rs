//! Partitions that a selection takes and whose detaching was cut short: a copy has them attached.

use super::archive::{Archive, Oid};
use super::facts::{Detaching, Facts};
use super::selection::Selection;

/// Those of which the selection takes the partition or its table, sorted.
pub fn detaching(archive: &Archive, facts: &Facts, selection: &Selection) -> Vec<Detaching> {
    let pending = facts.relations.iter().filter(|(_, relation)| relation.detach_pending);
    let is_taken = |oid: Oid| {
        let mut entries = archive.entries().iter();
        entries.any(|e| e.kind.is_relation() && e.catalog_id.oid == oid && selection.contains(e.dump_id))
    };
    let mut found: Vec<Detaching> = pending
        .filter_map(|(oid, relation)| {
            let above = relation.part_of.filter(|above| is_taken(*oid) || is_taken(*above))?;
            let parent = facts.relations.get(&above)?;
            Some(Detaching {
                partition: (relation.schema.clone(), relation.name.clone()),
                parent: (parent.schema.clone(), parent.name.clone()),
            })
        })
        .collect();
    found.sort_by(|a, b| a.partition.cmp(&b.partition));
    found
}
