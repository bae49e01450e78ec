//! Whether a role that is at a server already may do more there than the source's of that name.

use std::collections::{BTreeMap, BTreeSet};

use crate::pg::catalog::RoleFacts;
use crate::repo::manifest::{Membership, Role};
use crate::rows::cargo::Cargo;
use crate::schema::rights::{Bond, CreateRole, Rights, Way};

/// What `CREATE ROLE` calls them. LOGIN and INHERIT are none: whoever is a member gets nothing by them.
pub fn attributes(role: &Role) -> BTreeSet<&'static str> {
    let all = [
        ("SUPERUSER", role.superuser),
        ("CREATEROLE", role.create_role),
        ("CREATEDB", role.create_db),
        ("REPLICATION", role.replication),
        ("BYPASSRLS", role.bypass_rls),
    ];
    all.into_iter().filter(|(_, set)| *set).map(|(word, _)| word).collect()
}

pub fn of_cargo(cargo: &Cargo) -> Rights {
    rights(cargo.server_version_num, &cargo.roles, &cargo.memberships)
}

pub fn of_server(facts: &RoleFacts) -> Rights {
    rights(facts.server_version_num, &facts.roles, &facts.memberships)
}

fn rights(server_version_num: u32, roles: &[Role], memberships: &[Membership]) -> Rights {
    let bond = |membership: &Membership| Bond {
        member: membership.member.clone(),
        role: membership.role.clone(),
        ways: ways(membership, roles),
    };
    Rights::new(
        CreateRole::of_server(server_version_num),
        roles.iter().map(|role| (role.name.clone(), attributes(role))),
        memberships.iter().map(bond),
    )
}

/// Before PostgreSQL 16 it is the member that inherits or not, and every membership can be SET. Roles that are not listed are predefined
/// ones, which inherit.
fn ways(membership: &Membership, roles: &[Role]) -> BTreeSet<Way> {
    let inherits = || roles.iter().all(|role| role.name != membership.member || role.inherit);
    let all = [
        (Way::Inherit, membership.inherit.unwrap_or_else(inherits)),
        (Way::Set, membership.set.unwrap_or(true)),
        (Way::Admin, membership.admin),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(way, _)| way).collect()
}

/// One for each role and member: since PostgreSQL 16 each grantor has one of its own, and the member what any of them gives.
pub fn joined(memberships: &[Membership]) -> Vec<Membership> {
    let mut joined: BTreeMap<(&str, &str), Membership> = BTreeMap::new();
    for membership in memberships {
        let all = joined.entry((&membership.role, &membership.member)).or_insert_with(|| membership.clone());
        all.admin |= membership.admin;
        all.inherit = all.inherit.max(membership.inherit);
        all.set = all.set.max(membership.set);
    }
    joined.into_values().collect()
}
