//! Whether a role that is at a server already may do more there than the source's of that name.

use std::collections::BTreeSet;

use crate::repo::manifest::{Membership, Role};
use crate::schema::rights::Rights;

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

pub fn rights(roles: &[Role], memberships: &[Membership]) -> Rights {
    Rights::new(
        roles.iter().map(|role| (role.name.clone(), attributes(role))),
        memberships.iter().map(|membership| (membership.member.clone(), membership.role.clone())),
    )
}
