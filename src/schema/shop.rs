//! The sample database `shop` of `tests/data/archives`, for the unit tests of this module.

use std::collections::BTreeSet;

use super::archive::{Archive, DumpId, Entry, Kind};
use super::facts::{ExtensionFacts, Facts, Membership, RelationFacts, RelationKind};

pub(crate) fn archive() -> Archive {
    Archive::parse(include_bytes!("../../tests/data/archives/shop-15.dump")).unwrap()
}

/// The archive of a database that differs a little.
pub(crate) fn archive_with(change: impl FnMut(&mut Entry)) -> Archive {
    let mut archive = archive();
    archive.entries_mut().iter_mut().for_each(change);
    archive
}

/// What the catalog says of `shop`.
pub(crate) fn facts(archive: &Archive) -> Facts {
    let mut facts = Facts { search_path: vec!["public".into()], ..Facts::default() };
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
    let unaccent = ExtensionFacts {
        schema: "public".into(),
        functions: names(&["unaccent", "unaccent_init", "unaccent_lexize"]),
        types: names(&[]),
        dictionaries: names(&["unaccent"]),
    };
    let hstore = ExtensionFacts {
        schema: "public".into(),
        functions: names(&["akeys", "hstore", "delete", "each", "exist"]),
        types: names(&["hstore"]),
        dictionaries: names(&[]),
    };
    facts.extensions.extend([("unaccent".to_owned(), unaccent), ("hstore".to_owned(), hstore)]);
    for entry in archive.entries() {
        let kind = match entry.kind {
            Kind::Table if entry.tag == "sale" => RelationKind::PartitionedTable,
            Kind::Table => RelationKind::Table,
            Kind::View => RelationKind::View,
            Kind::MaterializedView => RelationKind::MaterializedView,
            Kind::ForeignTable => RelationKind::ForeignTable,
            Kind::Sequence => RelationKind::Sequence,
            _ => continue,
        };
        let relation = RelationFacts {
            schema: entry.namespace.clone().unwrap(),
            name: entry.tag.clone(),
            kind,
            owner: entry.owner.clone().unwrap(),
            part_of: None,
            detach_pending: false,
            inherits: Vec::new(),
            membership: Membership::None,
        };
        facts.relations.insert(entry.catalog_id.oid, relation);
    }
    for attach in archive.entries().iter().filter(|entry| entry.kind == Kind::TableAttach) {
        let oid = |dump_id: &DumpId| archive.entry(*dump_id).unwrap().catalog_id.oid;
        let parent = oid(&attach.dependencies[1]);
        facts.relations.get_mut(&oid(&attach.dependencies[0])).unwrap().part_of = Some(parent);
    }
    facts
}

/// The entry with this label.
pub(crate) fn id(archive: &Archive, label: &str) -> DumpId {
    let found = archive.entries().iter().find(|entry| entry.label() == label);
    found.unwrap_or_else(|| panic!("no entry {label}")).dump_id
}
