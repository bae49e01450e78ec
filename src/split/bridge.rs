//! Foreign tables in the old place: for what, and what they do not carry.

mod limits;

use std::collections::{BTreeMap, BTreeSet};

use super::crossing::{Action, Crossing, Direction, Sides};
use super::facts::{ForeignData, Right, SourceFacts, TargetFacts, Traffic};
use super::finding::Severity::{Blocker, Note, Warning};
use super::finding::{Finding, FindingKind};
use crate::schema::archive::{Archive, DumpId, Kind, Oid};

/// A relation that moves, and that something in the old place goes on using by a foreign table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bridged {
    pub schema: String,
    pub name: String,
    pub entry: DumpId,
}

/// The tables of one owner, and the role by which the old database reaches them in the new one. The foreign server has the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub owner: String,
    pub role: String,
    pub tables: Vec<DumpId>,
}

/// One for each owner, by name: code of a table's owner runs as the role that reaches the table.
pub fn ways(archive: &Archive, bridged: &[Bridged], database: &str) -> Vec<Way> {
    let mut owners: BTreeMap<&str, Vec<DumpId>> = BTreeMap::new();
    for table in bridged {
        let owner = archive.entry(table.entry).and_then(|entry| entry.owner.as_deref()).unwrap_or_default();
        owners.entry(owner).or_default().push(table.entry);
    }
    let way = |(n, (owner, tables)): (usize, (&str, Vec<DumpId>))| Way {
        owner: owner.to_owned(),
        role: role_name(database, n + 1),
        tables,
    };
    owners.into_iter().enumerate().map(way).collect()
}

/// Of the way with this number, from 1. The number comes before the database's name, which may end in anything, so that no two databases of a
/// server have one name. What is too long for an identifier of 63 bytes is told apart by a hash.
pub fn role_name(database: &str, number: usize) -> String {
    let number = if number == 1 { String::new() } else { number.to_string() };
    let name = format!("pgkeep_bridge{number}_{database}");
    // One that is cut has 60 bytes or more.
    if name.len() < 60 {
        return name;
    }
    let hash = blake3::hash(database.as_bytes()).to_hex();
    format!("{}_{}", cut(&name, 63 - 9), &hash[..8])
}

/// At most so many bytes of a name, in whole characters: an identifier has 63.
pub fn cut(name: &str, bytes_max: usize) -> String {
    let mut end = name.len().min(bytes_max);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// What stays, reads what moves, and was given up by the operator's choice: the catalog's OIDs.
pub fn given_up(archive: &Archive, boundary: &[Crossing]) -> Vec<Oid> {
    let given_up = boundary.iter().filter(|crossing| {
        crossing.direction == Direction::StayingNeedsMoving
            && crossing.constraint.is_none()
            && crossing.action == Action::Drop
    });
    let oids: BTreeSet<Oid> =
        given_up.filter_map(|crossing| Some(archive.entry(crossing.entry)?.catalog_id.oid)).collect();
    oids.into_iter().collect()
}

/// The moving ends of what is to be bridged.
pub(super) fn bridged(sides: &Sides<'_>, boundary: &[Crossing]) -> Vec<Bridged> {
    let moving_end = |crossing: &Crossing| match crossing.direction {
        Direction::StayingNeedsMoving => crossing.to.clone(),
        Direction::MovingNeedsStaying => crossing.from.clone(),
    };
    let wanted: BTreeSet<String> =
        boundary.iter().filter(|crossing| crossing.action == Action::Bridge).map(moving_end).collect();
    let entries = sides.archive.entries().iter().enumerate();
    let relations =
        entries.filter(|(position, entry)| entry.kind.is_relation() && wanted.contains(&sides.name(*position)));
    let moving = relations.filter(|(position, _)| sides.moves(*position));
    let mut bridged: Vec<Bridged> = moving
        .filter_map(|(_, entry)| {
            Some(Bridged { schema: entry.namespace.clone()?, name: entry.tag.clone(), entry: entry.dump_id })
        })
        .collect();
    bridged.sort();
    bridged
}

pub(super) fn findings(
    sides: &Sides<'_>,
    bridged: &[Bridged],
    boundary: &[Crossing],
    source: &SourceFacts,
    target: &TargetFacts,
    traffic: Traffic,
) -> Vec<Finding> {
    if bridged.is_empty() {
        return Vec::new();
    }
    let ways = ways(sides.archive, bridged, &target.database);
    let roles: Vec<&str> = ways.iter().map(|way| way.role.as_str()).collect();
    let (role, roles) = (roles.first().copied().unwrap_or_default(), roles.join(", "));
    let (the_role, a_server) =
        if ways.len() > 1 { ("roles", "postgres_fdw servers") } else { ("role", "a postgres_fdw server") };
    let names: Vec<String> = bridged.iter().map(|table| format!("{}.{}", table.schema, table.name)).collect();
    let (carried, missing) = match traffic {
        Traffic::Reads => ("reads", "writes (--bridge-write lets them through)"),
        Traffic::ReadsAndWrites => (
            "reads and writes",
            "optimistic locking by xmin (it is always 0: the later write wins), explicit values for identity, sequence and generated columns, and for those with a function of yours as default (the new database makes them), INSERT ... ON CONFLICT with a target, the search_path (triggers in the new database must name their schemas)",
        ),
    };
    let mut findings = vec![
        Finding::new(
            Note,
            FindingKind::Bridge,
            role,
            format!("the old database still uses {}", names.join(", ")),
            format!(
                "the split creates the {the_role} {roles} in the new database, only for {carried} of these, and in the old one {a_server} {roles} and foreign tables in their place, which their former owners may use, and not alter"
            ),
        ),
        Finding::new(
            Warning,
            FindingKind::Bridge,
            names.join(", "),
            format!(
                "foreign tables do not support foreign keys to them, triggers, TRUNCATE, row types, system columns (xmin, ctid), ONLY, an atomic commit in both databases, {missing}"
            ),
            "make sure that nobody in the old database needs these; large reads are slower than before",
        ),
    ];
    findings.extend(several_owners(&ways));
    findings.extend(bridged.iter().filter_map(|table| blocked(sides, table)));
    findings.extend(limits::findings(sides, bridged, boundary, source, traffic));
    findings.extend(extension(source));
    if !target.rights.contains(&Right::Superuser) && !target.rights.contains(&Right::CreateRole) {
        findings.push(Finding::new(
            Blocker,
            FindingKind::Bridge,
            target.user.clone(),
            format!("it has no permission to create the {the_role} {roles} on the target's server"),
            "connect as a role with CREATEROLE",
        ));
    }
    findings
}

/// Code of a table's owner runs as the role that reaches the table, so each has a role of its own.
fn several_owners(ways: &[Way]) -> Option<Finding> {
    if ways.len() < 2 {
        return None;
    }
    let owners = Vec::from_iter(ways.iter().map(|way| way.owner.as_str())).join(", ");
    let each = Vec::from_iter(ways.iter().map(|way| format!("{} those of {}", way.role, way.owner))).join(", ");
    Some(Finding::new(
        Note,
        FindingKind::Bridge,
        owners.clone(),
        format!(
            "each of {owners} owns bridged tables, and the tables of each are reached in the new database by a role of their own: {each}"
        ),
        "make sure that pg_hba.conf of the new database's server asks each of these roles for its password",
    ))
}

/// Why this one cannot have a foreign table in its place.
fn blocked(sides: &Sides<'_>, table: &Bridged) -> Option<Finding> {
    let name = format!("{}.{}", table.schema, table.name);
    let entries = sides.archive.entries();
    let own = |kind: Kind| {
        entries.iter().any(|entry| {
            entry.kind == kind && entry.namespace.as_ref() == Some(&table.schema) && entry.tag == table.name
        })
    };
    if own(Kind::RowSecurity) {
        return Some(Finding::new(
            Blocker,
            FindingKind::Bridge,
            name,
            "it has row-level security, which sees the same role for everybody behind a bridge: everybody would see all rows, or nobody any",
            "choose drop or loose in --boundary-file for the objects that use it, or remove the policies",
        ));
    }
    let definition = sides.archive.entry(table.entry)?;
    let view = definition.kind == Kind::View;
    if view && definition.defn.to_display().contains("security_invoker") {
        return Some(Finding::new(
            Blocker,
            FindingKind::Bridge,
            name,
            "it is a security_invoker view: behind a bridge it would read as a role that has no privileges on the tables below",
            "choose drop in --boundary-file for the objects that use it, or bridge the tables that it reads",
        ));
    }
    if definition.kind == Kind::ForeignTable {
        return Some(Finding::new(
            Blocker,
            FindingKind::Bridge,
            name,
            "it is a foreign table itself, and has no user mapping for the bridge's role",
            "choose drop in --boundary-file for the objects that use it",
        ));
    }
    None
}

fn extension(source: &SourceFacts) -> Option<Finding> {
    let (reason, action) = match source.foreign_data {
        ForeignData::Installed | ForeignData::Offered => return None,
        ForeignData::Missing => (
            "foreign tables need it, but the source's server does not have it",
            "install its package (contrib) on the source's server",
        ),
        ForeignData::SuperuserOnly => (
            "foreign tables need it, but only a superuser may create it",
            "ask an administrator to create it in the source database and to grant USAGE on the foreign data wrapper, or connect as a superuser",
        ),
        ForeignData::NoUsage => (
            "foreign tables need it, but the connected role has no USAGE on it",
            "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw, or connect as a superuser",
        ),
    };
    Some(Finding::new(Blocker, FindingKind::Bridge, "postgres_fdw", reason, action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_several_ways_are_distinct_identifiers() {
        assert_eq!(
            [1, 2, 10].map(|n| role_name("new", n)),
            ["pgkeep_bridge_new", "pgkeep_bridge2_new", "pgkeep_bridge10_new"]
        );
        let long = "ü".repeat(31);
        let names: BTreeSet<String> = (1..=20).map(|n| role_name(&long, n)).collect();
        assert!(names.len() == 20 && names.iter().all(|name| name.len() <= 63), "{names:?}");
    }

    /// Roles are the server's: a name that two databases have is a role that one of them takes from the other.
    #[test]
    fn no_two_databases_have_a_name_of_a_role_in_common() {
        let mut databases: Vec<String> =
            ["part", "part_2", "part_3", "2_part", "_part", "2", "_2", "", "_"].map(String::from).into();
        let ends = ["", "2", "_2", "x", "ü", "üü", "_2_2"];
        databases.extend((30..=60).flat_map(|n| ends.map(|end| "a".repeat(n) + end)).filter(|name| name.len() <= 63));
        databases.sort();
        databases.dedup();
        let names: BTreeSet<String> =
            databases.iter().flat_map(|database| (1..=30).map(|number| role_name(database, number))).collect();
        assert_eq!(names.len(), databases.len() * 30);
        assert!(names.iter().all(|name| name.len() <= 63), "{names:?}");
        // What frames know them by, and what owns foreign tables is not of them.
        assert!(names.iter().all(|name| name.starts_with("pgkeep_bridge") && !name.starts_with("pgkeep_bridged_")));
    }
}
