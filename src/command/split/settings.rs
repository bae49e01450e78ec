//! Settings of the old database in the new one: what the new server does not take is left out and named, and ends no run.

use std::collections::{BTreeMap, BTreeSet};

use super::holding::at_target;
use crate::command::Error;
use crate::command::restore::{Job, roles_there, target as destination};
use crate::pg;
use crate::pg::catalog::hindrances::refused_settings_apart;
use crate::pg::catalog::quote_identifier;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::split_state::{self, Statement};
use crate::pg::target::{missing_roles, setting};
use crate::repo::manifest::RoleSetting;
use crate::rows::cargo::Cargo;
use crate::schema::restore::{RoleMap, SETTINGS, Withheld};
use crate::split::facts::SettingRefused;

/// A session at the target's server, in the target where that is there.
async fn at_server(target: &Conninfo) -> Result<Session, Error> {
    match connect(target, "pgkeep split").await {
        Err(pg::Error::NoSuchDatabase { .. }) => destination::connect_for_maintenance(target).await,
        connected => connected.map_err(at_target("connecting")),
    }
}

/// Roles, of those on which something is set, in whose place the target's server has one that may do more, and what.
pub async fn more_there(
    target: &Conninfo,
    cargo: &Cargo,
    mut set: BTreeSet<String>,
) -> Result<BTreeMap<String, String>, Error> {
    set.extend(cargo.role_settings.iter().filter(|of| of.in_database).map(|of| of.role.clone()));
    if set.is_empty() {
        return Ok(BTreeMap::new());
    }
    let session = at_server(target).await?;
    let beyond = roles_there::beyond(&session, cargo, &set, &RoleMap::default()).await?;
    session.close().await.map_err(at_target("closing the session"))?;
    Ok(beyond)
}

/// Takes settings of roles that would be made with them out of `job` where the server has none of that name, or does not take the value.
/// Roles that are there keep theirs.
pub async fn leave_out(target: &Conninfo, job: &mut Job) -> Result<Vec<String>, Error> {
    let pairs = |texts: &[String]| -> Vec<(String, String)> {
        let pairs = texts.iter().filter_map(|text| text.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    if job.cargo.role_settings.iter().all(|role| role.in_database) {
        return Ok(Vec::new());
    }
    let session = at_server(target).await?;
    let missing = missing_roles(&session, &job.roles_needed).await.map_err(at_target("reading roles"))?;
    let made = |role: &RoleSetting| !role.in_database && missing.contains(&role.role);
    let of_roles = job.cargo.role_settings.iter().filter(|role| made(role));
    let settings: BTreeSet<(String, String)> = of_roles.flat_map(|role| pairs(&role.settings)).collect();
    let refused = refused_settings_apart(&session, &settings).await.map_err(at_target("trying settings"))?;
    session.close().await.map_err(at_target("closing the session"))?;
    let mut left = Vec::new();
    for role in job.cargo.role_settings.iter_mut().filter(|role| made(role)) {
        let name = role.role.clone();
        role.settings.retain(|text| {
            let Some((setting, value)) = text.split_once('=') else { return true };
            let why = match refused.get(&(setting.to_owned(), value.to_owned())) {
                None => return true,
                Some(SettingRefused::Unknown) => "the server has no such setting".to_owned(),
                Some(SettingRefused::Value(message)) => message.clone(),
                Some(SettingRefused::Denied) => "the connected role has no permission to set it".to_owned(),
            };
            left.push(format!("the setting {setting} of the role {name} was left out: {why}"));
            false
        });
    }
    Ok(left)
}

/// Gives the session's database what `pg_dump -n` leaves behind: the settings of the old one and of roles in it. Returns what the server
/// did not take.
pub async fn equip(session: &Session, job: &Job) -> Result<Vec<String>, Error> {
    let database = quote_identifier(session.conninfo().database());
    let of_database = job.cargo.database.settings.iter().filter_map(|pair| pair.split_once('='));
    let mut statements: Vec<Statement> = Vec::new();
    statements.extend(of_database.map(|(name, value)| Statement {
        label: format!("the setting {name} of the database"),
        sql: format!("ALTER DATABASE {database} SET {}", setting(name, value)),
    }));
    let mut left = BTreeSet::new();
    for in_database in job.cargo.role_settings.iter().filter(|setting| setting.in_database) {
        let role = &in_database.role;
        let pairs = in_database.settings.iter().filter_map(|pair| pair.split_once('='));
        let of_role = pairs.map(|(name, value)| Statement {
            label: format!("the setting {name} of the role {role} in the database"),
            sql: format!("ALTER ROLE {} IN DATABASE {database} SET {}", quote_identifier(role), setting(name, value)),
        });
        match job.more_here.get(role) {
            None => statements.extend(of_role),
            Some(beyond) => {
                let statements = of_role.map(|statement| statement.sql).collect();
                let (role, beyond) = (role.clone(), beyond.clone());
                left.insert(Withheld { role, beyond, what: SETTINGS, statements }.to_string());
            }
        }
    }
    let failed = || at_target("setting up the database");
    for statement in &statements {
        if let Some(message) = split_state::set(session, statement).await.map_err(failed())? {
            left.insert(format!("{} was left out: {message}", statement.label));
        }
    }
    Ok(left.into_iter().collect())
}
