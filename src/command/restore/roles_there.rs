//! Roles that the target's server has already: they stay as they are, and what the snapshot's have beyond that is told.

use super::target::{connect_for_maintenance, enter};
use super::{Creation, Job, Options};
use crate::command::Error;
use crate::pg::catalog::{self, RoleFacts};
use crate::repo::manifest::{Membership, Role};
use crate::rows::cargo::Cargo;

/// A clause for each role that the restored objects need, and that is there otherwise than in the snapshot. Before any role is made. One
/// that takes another's place (`--map-role`) is another by intent.
pub async fn differing(options: &Options, job: &Job) -> Result<Vec<String>, Error> {
    if job.roles_needed.is_empty() {
        return Ok(Vec::new());
    }
    let session = match options.creation {
        Creation::Create => connect_for_maintenance(&options.loading.target).await?,
        Creation::Exists => enter(&options.loading.target).await?,
    };
    let here = catalog::roles_by_name(&session, &job.roles_needed).await;
    let here = here.map_err(Error::target_database("reading roles"))?;
    session.close().await.map_err(Error::target_database("closing the session"))?;
    let names = job.roles_needed.iter().filter(|name| job.role_map.name(name) == name.as_str());
    let told = names.filter_map(|name| {
        let differences = differences(name, &job.cargo, &here);
        (!differences.is_empty())
            .then(|| format!("the role {name} already exists and is not changed: {}", differences.join(", ")))
    });
    Ok(told.collect())
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
