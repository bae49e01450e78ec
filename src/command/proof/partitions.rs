//! Partitions whose rows are all there, in other partitions of the same table than they were in: a database that hashes otherwise cuts
//! otherwise, and a restore lets it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::command::mismatch::differ;
use crate::pg;
use crate::pg::catalog::{ThroughRoot, partitions_through_root};
use crate::pg::connect::Session;
use crate::repo::manifest::Relation;
use crate::stream::Digest;

/// Of the relations and what was found in them, those that are no mismatch for that reason, by their places.
pub async fn spread_otherwise(session: &Session, found: &[(&Relation, Digest)]) -> Result<BTreeSet<usize>, pg::Error> {
    if !found.iter().any(|(relation, digest)| differ(&relation.digest, digest)) {
        return Ok(BTreeSet::new());
    }
    let places: HashMap<(&str, &str), usize> =
        found.iter().enumerate().map(|(n, (r, _))| ((r.schema.as_str(), r.name.as_str()), n)).collect();
    let mut families: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for partition in partitions_through_root(session, ThroughRoot::All).await? {
        if let Some(place) = places.get(&(partition.schema.as_str(), partition.name.as_str())) {
            families.entry(partition.root).or_default().push(*place);
        }
    }
    let is_whole = |members: &Vec<usize>| {
        let (mut expected, mut there) = (Digest::default(), Digest::default());
        for n in members {
            expected.merge(&found[*n].0.digest);
            there.merge(&found[*n].1);
        }
        !differ(&expected, &there)
    };
    Ok(families.into_values().filter(is_whole).flatten().collect())
}
