//! Roles that a restore needs: those there are stay as they are, the others are made as the snapshot had them.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::{Job, Loading};
use crate::command::Error;
use crate::command::rights::{attributes, of_cargo, of_server};
use crate::command::selecting::with_roles_above;
use crate::pg;
use crate::pg::catalog::{self, RoleFacts, quote_identifier};
use crate::pg::connect::Session;
use crate::pg::target;
use crate::repo::manifest::{Membership, Role, RoleSetting};
use crate::rows::cargo::Cargo;
use crate::schema::archive::Archive;
use crate::schema::restore::{Grants, Owners, RestorePlan, RoleMap};

/// Names, after mapping, of the roles that the restored objects will refer to, and of those in `also`: none that only what is not restored
/// names.
pub fn needed(
    archive: &Archive,
    plan: &RestorePlan,
    cargo: &Cargo,
    loading: &Loading,
    also: BTreeSet<String>,
    map: &RoleMap,
) -> Vec<String> {
    if loading.owners == Owners::Restorer && loading.grants == Grants::Omit {
        // Policies still name roles; a missing one is reported with the policy.
        return Vec::new();
    }
    let mut names: BTreeSet<String> = plan.roles_named(archive, loading.owners);
    for object in &cargo.large_objects {
        let grants = object.grants.as_ref().filter(|_| loading.grants == Grants::Keep);
        // Before anything is granted, what the owner has of itself is revoked.
        let is_named = loading.owners == Owners::Keep || grants.is_some();
        names.extend(Some(object.owner.clone()).filter(|_| is_named));
        let grantees = grants.into_iter().flatten().map(|grant| grant.grantee.clone());
        names.extend(grantees.filter(|name| !name.is_empty()));
    }
    names.extend(also);
    let names = with_roles_above(names, &cargo.memberships);
    let mapped: BTreeSet<String> = names.iter().map(|name| map.name(name).to_owned()).collect();
    mapped.into_iter().filter(|name| !name.starts_with("pg_")).collect()
}

/// Those that the creation of the database names. A snapshot of a part need not know them: then the statement that names one is refused
/// and told.
pub fn of_the_database(archive: &Archive, plan: &RestorePlan, cargo: &Cargo, owners: Owners) -> BTreeSet<String> {
    let known = |name: &String| cargo.roles.iter().any(|role| role.name == *name);
    plan.roles_of_the_database(archive, owners).into_iter().filter(known).collect()
}

/// A role that the run has made: it is the whole server's, and stays where the database goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MadeRole {
    pub role: String,
    /// It can log in, once it has a password where one is asked for.
    pub login: bool,
    /// The statement that gives it one; none where it cannot log in, or has the password that the snapshot holds.
    pub set_password: Option<String>,
    /// What it may do at the server, as at the source: attributes, and memberships of predefined roles (`membership in pg_monitor`).
    pub rights: Vec<String>,
}

impl MadeRole {
    fn from(role: &Role) -> Self {
        let wants_one = role.login && role.password_hash.is_none();
        let statement = || format!("ALTER ROLE {} PASSWORD '...'", quote_identifier(&role.name));
        Self {
            role: role.name.clone(),
            login: role.login,
            set_password: wants_one.then(statement),
            rights: attributes(role).into_iter().map(str::to_owned).collect(),
        }
    }
}

/// `made the role app, which has no password: ALTER ROLE "app" PASSWORD '...'`
impl fmt::Display for MadeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = &self.role;
        match &self.set_password {
            Some(set) => write!(f, "created the role {role}, which has no password: {set}")?,
            None if self.login => write!(f, "created the role {role} with the password from the snapshot")?,
            None => write!(f, "created the role {role}, which cannot log in")?,
        }
        match self.rights.is_empty() {
            true => Ok(()),
            false => write!(f, "; as at the source it has {}", self.rights.join(", ")),
        }
    }
}

/// What came of the roles that are needed.
#[derive(Debug, Default)]
pub struct Provided {
    pub made: Vec<MadeRole>,
    /// What the server did not take.
    pub left: Vec<String>,
}

impl Provided {
    pub fn also(&mut self, other: Provided) {
        self.made.extend(other.made);
        self.left.extend(other.left);
    }
}

/// Makes the missing roles, with attributes, memberships and settings.
pub async fn provide(session: &Session, job: &Job) -> Result<Provided, Error> {
    let missing =
        target::missing_roles(session, &job.roles_needed).await.map_err(Error::target_database("reading roles"))?;
    if missing.is_empty() {
        return Ok(Provided::default());
    }
    let known = |name: &String| job.cargo.roles.iter().find(|role| job.role_map.name(&role.name) == name);
    let (made, unknown): (Vec<_>, Vec<_>) = missing.iter().partition(|name| known(name).is_some());
    if !unknown.is_empty() {
        return Err(Error::MissingRoles { roles: unknown.into_iter().cloned().collect(), source: None });
    }
    let refused = |source: pg::Error| Error::MissingRoles { roles: missing.clone(), source: Some(source) };
    let mut provided = Provided::default();
    // As they are before any is made.
    let here = above_here(session, job).await?;
    for name in &made {
        if let Some(role) = known(name) {
            let role = Role { name: (*name).clone(), ..role.clone() };
            target::create_role(session, &role).await.map_err(refused)?;
            provided.left.extend(more_by_create_role(session, job, &role));
            provided.made.push(MadeRole::from(&role));
        }
    }
    for membership in
        job.cargo.memberships.iter().filter(|m| made.iter().any(|name| *name == job.role_map.name(&m.member)))
    {
        let (role, member) = (job.role_map.name(&membership.role), job.role_map.name(&membership.member));
        match join(session, job, membership, &here).await.map_err(refused)? {
            Some(left) => provided.left.push(left),
            None if role.starts_with("pg_") => {
                let of_member = provided.made.iter_mut().filter(|made| made.role == member);
                of_member.for_each(|made| made.rights.push(format!("membership in {role}")));
            }
            None => {}
        }
    }
    for setting in &job.cargo.role_settings {
        let mapped = RoleSetting { role: job.role_map.name(&setting.role).to_owned(), ..setting.clone() };
        // Settings for one database belong to the database; the plan's own steps carry them where it is made.
        if made.contains(&&mapped.role) && !mapped.in_database {
            provided.left.extend(target::set_role_settings(session, &mapped).await.map_err(refused)?);
        }
    }
    Ok(provided)
}

/// A role made before PostgreSQL 16 with a CREATEROLE of later.
fn more_by_create_role(session: &Session, job: &Job, role: &Role) -> Option<String> {
    let is_more = session.server_version_num() < 160_000 && job.cargo.server_version_num >= 160_000;
    let (name, quoted) = (&role.name, quote_identifier(&role.name));
    (is_more && role.create_role && !role.superuser).then(|| {
        format!(
            "the role {name} was made with CREATEROLE, by which it may be given, before PostgreSQL 16, every role that is no superuser \
             (pg_execute_server_program, say); at the source it was only over roles that it had the admin option on; to take that away: \
             ALTER ROLE {quoted} NOCREATEROLE"
        )
    })
}

/// Of the roles that the snapshot's are members of, those that the server has.
async fn above_here(session: &Session, job: &Job) -> Result<RoleFacts, Error> {
    let above: BTreeSet<&str> = job.cargo.memberships.iter().map(|m| job.role_map.name(&m.role)).collect();
    let above: Vec<String> = above.into_iter().map(str::to_owned).collect();
    catalog::roles_by_name(session, &above).await.map_err(Error::target_database("reading roles"))
}

/// Makes a role that was made here a member, as it was at the source: not of a role that was here before (`here`) and may do more than the
/// source's could. That one is another role of the same name, and whoever wrote the snapshot's roles is not asked who may be it. Returns what
/// was left.
async fn join(
    session: &Session,
    job: &Job,
    membership: &Membership,
    here: &RoleFacts,
) -> Result<Option<String>, pg::Error> {
    let beyond = of_server(here).beyond(&of_cargo(&job.cargo), &membership.role, &job.role_map);
    let mapped = Membership {
        role: job.role_map.name(&membership.role).to_owned(),
        member: job.role_map.name(&membership.member).to_owned(),
        ..membership.clone()
    };
    let Membership { role, member, .. } = &mapped;
    let why_not = match cannot_be_said(session, membership, &job.cargo.roles) {
        _ if !beyond.is_empty() => Some(format!(
            ", which has rights here that the role at the source did not have ({}); to make it one",
            beyond.join(", ")
        )),
        Some(options) => {
            Some(format!(": it was one WITH {options}, and here it would be without; to make it one all the same"))
        }
        None => None,
    };
    if let Some(why) = why_not {
        let statement = target::membership_statement(session, &mapped);
        return Ok(Some(format!("the role {member} was not made a member of {role}{why}: {statement}")));
    }
    match target::grant_membership(session, &mapped).await {
        // A predefined role of another version.
        Err(error) if error.sqlstate() == Some("42704") => {
            Ok(Some(format!("the role {member} was not made a member of {role}: {}", target::words(&error))))
        }
        done => done.map(|()| None),
    }
}

/// What limits the membership at the source and cannot at this server, where it would give more: before PostgreSQL 16 every member may become
/// what it is a member of, and inherits unless it is NOINHERIT itself.
fn cannot_be_said(session: &Session, membership: &Membership, roles: &[Role]) -> Option<String> {
    if session.server_version_num() >= 160_000 {
        return None;
    }
    let inherits = roles.iter().any(|role| role.name == membership.member && role.inherit);
    let limits = [
        ("INHERIT FALSE", membership.inherit == Some(false) && inherits),
        ("SET FALSE", membership.set == Some(false)),
    ];
    let limits: Vec<&str> = limits.into_iter().filter(|(_, limits)| *limits).map(|(words, _)| words).collect();
    (!limits.is_empty()).then(|| limits.join(", "))
}
