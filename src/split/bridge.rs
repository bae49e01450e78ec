//! Foreign tables in the old place: for what, and what they do not carry.

mod limits;

use std::collections::BTreeSet;

use super::crossing::{Action, Crossing, Direction, Sides};
use super::facts::{ForeignData, Right, SourceFacts, TargetFacts, Traffic};
use super::finding::Severity::{Blocker, Note, Warning};
use super::finding::{Finding, FindingKind};
use crate::schema::archive::{DumpId, Kind, Oid};

/// A relation that moves, and that something in the old place goes on using by a foreign table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bridged {
    pub schema: String,
    pub name: String,
    pub entry: DumpId,
}

/// The role by which the old database reads the new one; the foreign server has the same name.
pub fn role_name(database: &str) -> String {
    cut(&format!("pgkeep_bridge_{database}"), 63)
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
pub fn given_up(archive: &crate::schema::archive::Archive, boundary: &[Crossing]) -> Vec<Oid> {
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
    let role = role_name(&target.database);
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
            role.clone(),
            format!("the old database still uses {}", names.join(", ")),
            format!(
                "the split creates the role {role} in the new database, only for {carried} of these, and in the old one a postgres_fdw server {role} and foreign tables in their place, which their former owners may use, and not alter"
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
    findings.extend(several_owners(sides, bridged, &role));
    findings.extend(bridged.iter().filter_map(|table| blocked(sides, table)));
    findings.extend(limits::findings(sides, bridged, boundary, source, traffic));
    findings.extend(extension(source));
    if !target.rights.contains(&Right::Superuser) && !target.rights.contains(&Right::CreateRole) {
        findings.push(Finding::new(
            Blocker,
            FindingKind::Bridge,
            target.user.clone(),
            format!("it has no permission to create the role {role} on the target's server"),
            "connect as a role with CREATEROLE",
        ));
    }
    findings
}

/// One role reads them all, and code of a table's owner runs as it in the new database.
fn several_owners(sides: &Sides<'_>, bridged: &[Bridged], role: &str) -> Option<Finding> {
    let owners: BTreeSet<&str> =
        bridged.iter().filter_map(|table| sides.archive.entry(table.entry)?.owner.as_deref()).collect();
    if owners.len() < 2 {
        return None;
    }
    let owners = Vec::from_iter(owners).join(", ");
    Some(Finding::new(
        Warning,
        FindingKind::Bridge,
        owners.clone(),
        format!(
            "each of {owners} owns bridged tables; triggers, functions and views that one of them makes there run as {role} in the new database, which may use the tables of the others"
        ),
        "bridge them only if these roles may see each other's tables, or keep those that may not from connecting to the new database",
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
