//! Partitions whose rows go in through the table above them, which puts each row where this database wants it. They are proven together:
//! what is compared is the sum over all of them.

use std::collections::BTreeMap;

use super::Job;
use crate::command::mismatch::{Difference, Mismatch, differ};
use crate::command::some::some_of;
use crate::pg;
use crate::pg::catalog::{self, ThroughRoot, quote_relation};
use crate::pg::connect::Session;
use crate::repo::manifest::Relation;
use crate::stream::Digest;

/// So many tables are named.
const NAMES_MAX: usize = 10;

/// Which of a job's relations are loaded through which table.
#[derive(Default)]
pub struct Families {
    /// By the relation's place in the job; none: into itself.
    of_relation: Vec<Option<usize>>,
    families: Vec<Family>,
}

struct Family {
    schema: String,
    name: String,
    members: Vec<usize>,
}

impl Families {
    /// Asks the target, whose definitions are there and whose rows are not. Also returns what the operator should know.
    pub async fn find(
        session: &Session,
        relations: &[Relation],
        which: ThroughRoot,
    ) -> Result<(Self, Vec<String>), pg::Error> {
        let places: BTreeMap<(&str, &str), usize> =
            relations.iter().enumerate().map(|(n, r)| ((r.schema.as_str(), r.name.as_str()), n)).collect();
        let mut roots: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for partition in catalog::partitions_through_root(session, which).await? {
            if let Some(place) = places.get(&(partition.schema.as_str(), partition.name.as_str())) {
                roots.entry(partition.root).or_default().push(*place);
            }
        }
        // A row is digested as its columns come: in another partition it would be another row.
        let alike =
            |members: &Vec<usize>| members.iter().all(|n| relations[*n].columns == relations[members[0]].columns);
        let (alike, mixed): (Vec<_>, Vec<_>) = roots.into_iter().partition(|(_, members)| alike(members));
        let mut families = Self { of_relation: vec![None; relations.len()], families: Vec::new() };
        for ((schema, name), members) in alike {
            members.iter().for_each(|n| families.of_relation[*n] = Some(families.families.len()));
            families.families.push(Family { schema, name, members });
        }
        let has_rows_here =
            |(schema, _): &(String, String)| relations.iter().any(|relation| relation.schema == *schema);
        let foreign = catalog::cut_with_foreign(session).await?.into_iter().filter(has_rows_here);
        let foreign: Vec<String> = foreign.map(|(schema, name)| format!("{schema}.{name}")).collect();
        let foreign = some_of(&foreign, NAMES_MAX).map(|names| {
            format!("loaded partition by partition, because rows might go to the server of a foreign partition otherwise; if this database partitions a table differently, rows are refused: {names}")
        });
        let mixed: Vec<String> = mixed.into_iter().map(|((schema, name), _)| format!("{schema}.{name}")).collect();
        let told = some_of(&mixed, NAMES_MAX).map(|names| {
            format!(
                "loaded partition by partition, because the snapshot has their columns in different orders: {names}"
            )
        });
        Ok((families, told.into_iter().chain(foreign).collect()))
    }

    pub fn number(&self, relation: usize) -> Option<usize> {
        self.of_relation.get(relation).copied().flatten()
    }

    /// The quoted name of the table that the relation's rows are written to, where it is another.
    pub fn root(&self, relation: usize) -> Option<String> {
        self.number(relation).map(|family| quote_relation(&self.families[family].schema, &self.families[family].name))
    }

    /// The relations whose rows may be in this one's partition, itself among them.
    pub fn relatives(&self, relation: usize) -> Vec<usize> {
        self.number(relation).map_or_else(|| vec![relation], |family| self.families[family].members.clone())
    }

    /// The relations that are loaded through the table.
    pub fn members(&self, schema: &str, name: &str) -> &[usize] {
        let found = self.families.iter().find(|family| family.schema == schema && family.name == name);
        found.map_or(&[], |family| &family.members)
    }
}

impl Job {
    /// Asks the target which rows go in through which table; what waits for the rows of one partition then waits for all that may hold some
    /// of them. Returns what the operator should know.
    pub(super) async fn find_families(
        &mut self,
        session: &Session,
        which: ThroughRoot,
    ) -> Result<Vec<String>, pg::Error> {
        let (families, told) = Families::find(session, &self.relations, which).await?;
        for step in &mut self.plan.post_data {
            let rows = |family: &Family| {
                let oids: Vec<u32> = family.members.iter().map(|n| self.relations[*n].oid).collect();
                if oids.iter().any(|oid| step.after_rows.contains(oid)) { oids } else { Vec::new() }
            };
            let more: Vec<u32> = families.families.iter().flat_map(rows).collect();
            let new = |oid: &u32| !step.after_rows.contains(oid);
            let more: Vec<u32> = more.into_iter().filter(new).collect();
            step.after_rows.extend(more);
        }
        self.families = families;
        Ok(told)
    }
}

/// What the proofs of a job's families have found so far.
pub struct Sums {
    families: Vec<Sum>,
}

#[derive(Default)]
struct Sum {
    expected: Digest,
    found: Digest,
    proven: usize,
}

impl Sums {
    pub fn new(families: &Families) -> Self {
        Self { families: families.families.iter().map(|_| Sum::default()).collect() }
    }

    /// What the proof of a relation says, or, of one in a family, that of the last of them.
    pub fn add(
        &mut self,
        families: &Families,
        relation: usize,
        expected: Digest,
        proof: Option<Mismatch>,
    ) -> Option<Mismatch> {
        let Some(number) = families.number(relation) else { return proof };
        let found = match proof {
            None => expected,
            Some(Mismatch { what: Difference::Rows { found, .. }, .. }) => found,
            // It cannot be read, which the sum would say worse.
            other => return other,
        };
        let (sum, family) = (&mut self.families[number], &families.families[number]);
        sum.expected.merge(&expected);
        sum.found.merge(&found);
        sum.proven += 1;
        let differs = sum.proven == family.members.len() && differ(&sum.expected, &sum.found);
        let what = Difference::Rows { expected: sum.expected, found: sum.found };
        differs.then(|| Mismatch::new(&family.schema, &family.name, what))
    }
}
