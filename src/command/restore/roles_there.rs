//! Roles that the target's server has already: they stay as they are, and what the snapshot's have beyond that is told.

use std::collections::{BTreeMap, BTreeSet};

use super::Job;
use crate::command::Error;
use crate::command::rights::{of_cargo, of_server};
use crate::pg::catalog::{self, RoleFacts};
use crate::pg::connect::Session;
use crate::repo::manifest::{Membership, Role};
use crate::rows::cargo::Cargo;
use crate::schema::restore::RoleMap;

/// A clause for each role that the restored objects need, and that is there otherwise than in the snapshot. Before any role is made. Of one
/// that takes another's place (`--map-role`), which is another by intent, only that what it gets runs with more rights than it had.
pub async fn differing(session: &Session, job: &Job) -> Result<Vec<String>, Error> {
    if job.roles_needed.is_empty() {
        return Ok(Vec::new());
    }
    let here = catalog::roles_by_name(session, &job.roles_needed).await;
    let here = here.map_err(Error::target_database("reading roles"))?;
    let names = job.cargo.roles.iter().map(|role| &role.name);
    let needed = names.filter(|name| job.roles_needed.iter().any(|needed| needed == job.role_map.name(name)));
    Ok(needed.filter_map(|name| told(name, job, &here)).collect())
}

/// Those of `names`, roles of the source, in whose place the session's server has one that may do more, and what. Before any role is made.
pub async fn beyond(
    session: &Session,
    cargo: &Cargo,
    names: &BTreeSet<String>,
    map: &RoleMap,
) -> Result<BTreeMap<String, String>, Error> {
    let mapped: Vec<String> = names.iter().map(|name| map.name(name).to_owned()).collect();
    let here = catalog::roles_by_name(session, &mapped).await.map_err(Error::target_database("reading roles"))?;
    let (here, there) = (of_server(&here), of_cargo(cargo));
    let more = |name: &String| Some((name.clone(), here.beyond(&there, name, map).join(", ")));
    Ok(names.iter().filter_map(more).filter(|(_, beyond)| !beyond.is_empty()).collect())
}

fn told(name: &str, job: &Job, here: &RoleFacts) -> Option<String> {
    let mapped = job.role_map.name(name);
    if !here.roles.iter().any(|role| role.name == mapped) {
        return None;
    }
    let beyond = of_server(here).beyond(&of_cargo(&job.cargo), name, &job.role_map).join(", ");
    if mapped != name {
        let more = format!("the role {mapped}, which takes the place of {name}, {}", what_that_means(&beyond));
        return (!beyond.is_empty()).then_some(more);
    }
    let differences = differences(name, &job.cargo, here).join(", ");
    let otherwise = format!("the role {name} already exists and is not changed: {differences}");
    match (differences.is_empty(), beyond.is_empty()) {
        (true, true) => None,
        (false, true) => Some(otherwise),
        (true, false) => Some(format!("the role {name} already exists and {}", what_that_means(&beyond))),
        (false, false) => Some(format!("{otherwise}; it {}", what_that_means(&beyond))),
    }
}

fn what_that_means(beyond: &str) -> String {
    format!("has rights here that the role at the source did not have ({beyond}): what it owns runs with them")
}

fn differences(name: &str, there: &Cargo, here: &RoleFacts) -> Vec<String> {
    let of = |roles: &[Role]| roles.iter().find(|role| role.name == name).cloned();
    let (Some(was), Some(is)) = (of(&there.roles), of(&here.roles)) else { return Vec::new() };
    let attributes = |role: &Role| {
        [
            ("SUPERUSER", role.superuser),
            ("INHERIT", role.inherit),
            ("CREATEROLE", role.create_role),
            ("CREATEDB", role.create_db),
            ("LOGIN", role.login),
            ("REPLICATION", role.replication),
            ("BYPASSRLS", role.bypass_rls),
        ]
    };
    let mut told = Vec::new();
    for ((word, was), (_, is)) in attributes(&was).into_iter().zip(attributes(&is)) {
        if was != is {
            told.push(format!("{} {word}", if is { "with" } else { "without" }));
        }
    }
    if was.connection_limit != is.connection_limit {
        told.push(format!("with the connection limit {} instead of {}", is.connection_limit, was.connection_limit));
    }
    if was.valid_until != is.valid_until {
        let until = |role: &Role| role.valid_until.clone().unwrap_or_else(|| "for ever".into());
        told.push(format!("valid {} instead of {}", until(&is), until(&was)));
    }
    if was.comment.is_some() && was.comment != is.comment {
        told.push("without its comment".into());
    }
    for membership in there.memberships.iter().filter(|membership| membership.member == name) {
        let is_here = |of: &&Membership| of.member == name && of.role == membership.role;
        match here.memberships.iter().find(is_here) {
            None => told.push(format!("not a member of {}", membership.role)),
            Some(is) if membership.admin && !is.admin => {
                told.push(format!("without the admin option on {}", membership.role));
            }
            Some(_) => {}
        }
    }
    let settings = there.role_settings.iter().filter(|of| of.role == name && !of.in_database);
    let has = |setting: &String| {
        let mut all = here.settings.iter().filter(|of| of.role == name && !of.in_database);
        all.any(|of| of.settings.contains(setting))
    };
    let missing = settings.flat_map(|of| &of.settings).filter(|setting| !has(setting));
    told.extend(missing.map(|setting| format!("without {setting}")));
    told
}
