//! Relations whose rows lie in other relations: `SELECT` reads them through the one, and a backup finds them in the others.
//!
//! Partitions and children by inheritance hold rows of what they come from, and so do the tables that an extension keeps in a schema of
//! its own (the chunks of TimescaleDB's hypertables are children of the hypertable). Whoever takes the one without the others takes it
//! without rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Request, Selection};
use crate::schema::archive::{Archive, Entry, Kind, Oid};
use crate::schema::facts::{Facts, Membership, RelationFacts, RelationKind};
use crate::schema::lexer::tokens;
use crate::schema::pattern::Visibility;

/// A relation that is taken without all of its rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// What is taken.
    pub relation: Oid,
    pub keeper: Keeper,
    /// The tables that hold rows of it and are not taken.
    pub holders: Vec<Oid>,
}

/// Who decides where the rows lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeper {
    /// Partitions and children that somebody has made.
    Nobody,
    /// The tables lie in this extension's own schema; which of them belong together only it knows.
    Extension { name: String },
    /// The tables are made by this extension, and it does not say that their rows are anybody's.
    Member { extension: String },
}

/// A table in a schema that was not asked for, taken because it holds rows of a relation that was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Along {
    pub relation: Oid,
    pub holders: Vec<Oid>,
}

/// What the selection takes without all rows that `SELECT` reads through it. Rows of foreign tables are another server's and do not count.
pub fn rows_elsewhere(archive: &Archive, facts: &Facts, selection: &Selection) -> Vec<Elsewhere> {
    found_in(facts, &Family::new(archive, facts, selection))
}

/// The same for a whole database, before there is an archive.
pub fn rows_elsewhere_in_all(facts: &Facts) -> Vec<Elsewhere> {
    let taken = |relation: &RelationFacts| !matches!(relation.membership, Membership::Member { .. });
    let of_kind = |kind: RelationKind| {
        let fitting = facts.relations.iter().filter(move |(_, relation)| relation.kind == kind && taken(relation));
        fitting.map(|(oid, _)| *oid)
    };
    let with_rows = of_kind(RelationKind::Table).collect();
    let partitioned = of_kind(RelationKind::PartitionedTable).collect();
    found_in(facts, &Family { facts, parents: parents(facts), with_rows, partitioned })
}

fn found_in(facts: &Facts, family: &Family<'_>) -> Vec<Elsewhere> {
    let mut found: BTreeMap<(Oid, Keeper), Vec<Oid>> = BTreeMap::new();
    for (&oid, relation) in family.holders().filter(|(oid, _)| !family.has_rows_of(**oid)) {
        if let Some(taken) = family.nearest(oid, |above| family.is_taken(above)) {
            found.entry((taken, keeper(facts, relation))).or_default().push(oid);
        }
    }
    let known: HashSet<Oid> = found.values().flatten().copied().collect();
    for (relation, keeper, holder) in family.torn_apart().into_iter().filter(|(.., holder)| !known.contains(holder)) {
        found.entry((relation, keeper)).or_default().push(holder);
    }
    found.into_iter().map(|((relation, keeper), holders)| Elsewhere { relation, keeper, holders }).collect()
}

/// What is taken from schemas that the request does not name, for the rows of what it does name.
pub fn taken_along(archive: &Archive, facts: &Facts, request: &Request, selection: &Selection) -> Vec<Along> {
    if request.schemas.is_empty() {
        return Vec::new();
    }
    let named = |relation: &RelationFacts| {
        request.schemas.iter().any(|pattern| pattern.matches_schema(&relation.schema))
            || request.tables.iter().any(|p| p.matches(&relation.schema, &relation.name, Visibility::Visible))
    };
    let family = Family::new(archive, facts, selection);
    let mut along: BTreeMap<Oid, Vec<Oid>> = BTreeMap::new();
    for (&oid, _) in family.holders().filter(|(oid, relation)| family.has_rows_of(**oid) && !named(relation)) {
        let is_named = |above: Oid| facts.relations.get(&above).is_some_and(named);
        if let Some(above) = family.nearest(oid, |above| family.is_taken(above) && is_named(above)) {
            along.entry(above).or_default().push(oid);
        }
    }
    along.into_iter().map(|(relation, holders)| Along { relation, holders }).collect()
}

fn keeper(facts: &Facts, holder: &RelationFacts) -> Keeper {
    match (&holder.membership, facts.extension_schemas.get(&holder.schema)) {
        (Membership::Member { extension } | Membership::Configuration { extension }, _) => {
            Keeper::Member { extension: extension.clone() }
        }
        (Membership::None, Some(name)) => Keeper::Extension { name: name.clone() },
        (Membership::None, None) => Keeper::Nobody,
    }
}

fn parents(facts: &Facts) -> HashMap<Oid, Vec<Oid>> {
    let parents = facts.relations.iter().map(|(oid, relation)| {
        let above: Vec<Oid> = relation.part_of.into_iter().chain(relation.inherits.iter().copied()).collect();
        (*oid, above)
    });
    parents.filter(|(_, above)| !above.is_empty()).collect()
}

/// Children by inheritance with each of their parents, as pg_dump tells it: a table that cannot be made without another, and says why.
fn inherited(archive: &Archive) -> impl Iterator<Item = (Oid, Oid)> {
    let inherits = |entry: &&Entry| {
        entry.kind == Kind::Table && tokens(entry.defn.as_bytes()).iter().any(|token| token.is_word("INHERITS"))
    };
    archive.entries().iter().filter(inherits).flat_map(|entry| {
        let needed = entry.dependencies.iter().filter_map(|dump_id| archive.entry(*dump_id));
        needed.filter(|needed| needed.kind == Kind::Table).map(|needed| (entry.catalog_id.oid, needed.catalog_id.oid))
    })
}

/// Who comes from whom, and what is taken.
struct Family<'a> {
    facts: &'a Facts,
    /// By relation, those through which its rows are read as well.
    parents: HashMap<Oid, Vec<Oid>>,
    /// Relations whose rows are taken.
    with_rows: BTreeSet<Oid>,
    /// Partitioned tables whose definitions are taken.
    partitioned: HashSet<Oid>,
}

impl<'a> Family<'a> {
    fn new(archive: &Archive, facts: &'a Facts, selection: &Selection) -> Self {
        let chosen = archive.entries().iter().filter(|e| e.kind.is_relation() && selection.contains(e.dump_id));
        let partitioned = |oid: &Oid| {
            facts.relations.get(oid).is_some_and(|relation| relation.kind == RelationKind::PartitionedTable)
        };
        let partitioned = chosen.map(|entry| entry.catalog_id.oid).filter(partitioned).collect();
        let mut parents = parents(facts);
        if facts.relations.values().all(|relation| relation.inherits.is_empty()) {
            // Facts of an earlier program do not tell.
            inherited(archive).for_each(|(child, parent)| parents.entry(child).or_default().push(parent));
        }
        Self { facts, parents, with_rows: selection.relations_with_rows.clone(), partitioned }
    }

    /// Tables that come from others.
    fn holders(&self) -> impl Iterator<Item = (&'a Oid, &'a RelationFacts)> {
        self.facts.relations.iter().filter(|(oid, relation)| relation.kind.has_rows() && self.parents.contains_key(oid))
    }

    fn has_rows_of(&self, oid: Oid) -> bool {
        self.with_rows.contains(&oid)
    }

    /// Somebody's own relation. What an extension makes by itself is as the extension wants it.
    fn is_taken(&self, oid: Oid) -> bool {
        let own = self.facts.relations.get(&oid).is_some_and(|relation| relation.membership == Membership::None);
        own && (self.has_rows_of(oid) || self.partitioned.contains(&oid))
    }

    /// The nearest of those that the relation comes from and that fit.
    fn nearest(&self, oid: Oid, fits: impl Fn(Oid) -> bool) -> Option<Oid> {
        // The catalog has no circles, a damaged one might.
        let mut seen = BTreeSet::from([oid]);
        let mut level = vec![oid];
        while !level.is_empty() {
            let above = level.iter().filter_map(|oid| self.parents.get(oid)).flatten().copied();
            let above: BTreeSet<Oid> = above.filter(|oid| seen.insert(*oid)).collect();
            if let Some(found) = above.iter().copied().find(|oid| fits(*oid)) {
                return Some(found);
            }
            level = above.into_iter().collect();
        }
        None
    }

    /// Where an extension keeps rows of relations elsewhere in its own schema, the tables there hang together by ties that only it knows
    /// (TimescaleDB's compressed chunks): some of them without the others may be without rows. Each that is taken, with one that is not.
    fn torn_apart(&self) -> Vec<(Oid, Keeper, Oid)> {
        let mut torn = Vec::new();
        for (schema, extension) in &self.facts.extension_schemas {
            let kept = || {
                let own =
                    |relation: &RelationFacts| relation.schema == *schema && relation.membership == Membership::None;
                self.facts.relations.iter().filter(move |(_, relation)| own(relation) && relation.kind.has_rows())
            };
            let outside = |oid: Oid| self.facts.relations.get(&oid).is_some_and(|above| above.schema != *schema);
            let Some((&chunk, _)) = kept().find(|(oid, _)| self.has_rows_of(**oid)) else { continue };
            if !kept().any(|(oid, _)| self.nearest(*oid, outside).is_some()) {
                continue;
            }
            let keeper = Keeper::Extension { name: extension.clone() };
            let missing = kept().filter(|(oid, _)| !self.has_rows_of(**oid));
            torn.extend(missing.map(|(oid, _)| (self.nearest(chunk, outside).unwrap_or(chunk), keeper.clone(), *oid)));
        }
        torn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::selection::select;
    use crate::schema::selection::tests::request;
    use crate::schema::shop;

    /// The shop, in which `child` comes from `parent` as well.
    fn shop_with(ties: &[(&str, &str)]) -> (Archive, Facts) {
        let archive = shop::archive();
        let mut facts = shop::facts(&archive);
        let oid = |label: &str| archive.entry(shop::id(&archive, label)).unwrap().catalog_id.oid;
        for (child, parent) in ties {
            facts.relations.get_mut(&oid(child)).unwrap().inherits.push(oid(parent));
        }
        (archive, facts)
    }

    fn told(case: &(Archive, Facts), switches: &str) -> Vec<String> {
        let (archive, facts) = case;
        let selection = select(archive, facts, &request(switches)).unwrap();
        let name = |oid: &Oid| format!("{}.{}", facts.relations[oid].schema, facts.relations[oid].name);
        let told = |found: Elsewhere| {
            let holders: Vec<String> = found.holders.iter().map(name).collect();
            format!("{}: {} ({:?})", name(&found.relation), holders.join(", "), found.keeper)
        };
        rows_elsewhere(archive, facts, &selection).into_iter().map(told).collect()
    }

    #[test]
    fn what_is_whole_is_nowhere_else() {
        assert_eq!(told(&shop_with(&[]), ""), Vec::<String>::new());
        assert_eq!(told(&shop_with(&[]), "-n shop"), Vec::<String>::new());
    }

    #[test]
    fn a_partitioned_table_without_its_partitions_is_without_rows() {
        let shop = shop_with(&[]);
        assert_eq!(told(&shop, "-t shop.sale"), ["shop.sale: shop.sale_2025, depot.sale_rest (Nobody)"]);
        assert_eq!(told(&shop, "-n shop -N depot"), ["shop.sale: depot.sale_rest (Nobody)"]);
        assert_eq!(told(&shop, "-T depot.sale_rest"), ["shop.sale: depot.sale_rest (Nobody)"]);
        assert_eq!(told(&shop, "-t shop.sale -t shop.sale_2025 -t depot.sale_rest"), Vec::<String>::new());
    }

    #[test]
    fn a_child_elsewhere_is_asked_for_and_a_partition_comes_along() {
        let (archive, facts) =
            shop_with(&[("TABLE depot.bin", "TABLE shop.ticket"), ("TABLE Odd.Name.a b", "TABLE depot.bin")]);
        let case = (archive, facts);
        // The nearest that is taken is named.
        assert_eq!(told(&case, "-n shop"), ["shop.ticket: depot.bin, Odd.Name.a b (Nobody)"]);
        assert_eq!(told(&case, "-n shop -n depot"), ["depot.bin: Odd.Name.a b (Nobody)"]);
        assert_eq!(told(&case, ""), Vec::<String>::new());
        let (archive, facts) = &case;
        let asked = request("-n shop");
        let selection = select(archive, facts, &asked).unwrap();
        let along = taken_along(archive, facts, &asked, &selection);
        let name = |oid: &Oid| facts.relations[oid].name.clone();
        let along: Vec<_> = along
            .iter()
            .map(|along| (name(&along.relation), along.holders.iter().map(name).collect::<Vec<_>>()))
            .collect();
        assert_eq!(along, [("sale".to_owned(), vec!["sale_rest".to_owned()])]);
    }

    #[test]
    fn what_an_extension_keeps_hangs_together_and_what_it_calls_its_own_is_lost() {
        let (archive, mut facts) = shop_with(&[("TABLE depot.bin", "TABLE shop.ticket")]);
        facts.extension_schemas.insert("depot".into(), "stacker".into());
        let kept = "(Extension { name: \"stacker\" })";
        let case = (archive, facts);
        assert_eq!(told(&case, "-t shop.ticket"), [format!("shop.ticket: depot.bin {kept}")]);
        // The tie of the other table there to the first is none that a catalog has.
        assert_eq!(told(&case, "-t shop.ticket -t depot.bin"), [format!("shop.ticket: depot.sale_rest {kept}")]);
        assert_eq!(told(&case, "-n shop -n depot"), Vec::<String>::new());

        let (archive, mut facts) = case;
        let bin = archive.entry(shop::id(&archive, "TABLE depot.bin")).unwrap().catalog_id.oid;
        facts.relations.get_mut(&bin).unwrap().membership = Membership::Member { extension: "stacker".into() };
        let lost = rows_elsewhere_in_all(&facts);
        assert_eq!(
            (lost.len(), &lost[0].holders, &lost[0].keeper),
            (1, &vec![bin], &Keeper::Member { extension: "stacker".into() })
        );
    }
}
