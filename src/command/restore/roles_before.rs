//! What is asked of the target's server about roles before anything is changed: they are as they will be found.

use std::collections::BTreeMap;

use super::target::{connect_for_maintenance, enter};
use super::{Creation, Job, Options, encodings, roles_there};
use crate::command::Error;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::rows::cargo::Cargo;
use crate::schema::archive::Archive;
use crate::schema::restore::{RoleMap, roles_set};
use crate::schema::selection::Selection;

/// With the target, or with its server where the target is to be made.
async fn session(target: &Conninfo, creation: Creation) -> Result<Session, Error> {
    match creation {
        Creation::Create => connect_for_maintenance(target).await,
        Creation::Exists => enter(target).await,
    }
}

/// As [`roles_there::beyond`], at the server that is restored to, of the roles on which the selection would set something.
pub async fn beyond(
    options: &Options,
    cargo: &Cargo,
    (archive, selection): (&Archive, &Selection),
    map: &RoleMap,
) -> Result<BTreeMap<String, String>, Error> {
    let names = roles_set(archive, selection, |name| cargo.knows(name));
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let session = session(&options.loading.target, options.creation).await?;
    let beyond = roles_there::beyond(&session, cargo, &names, map).await?;
    session.close().await.map_err(Error::target_database("closing the session"))?;
    Ok(beyond)
}

/// As [`roles_there::differing`]. Where names are bytes, the database that is made is asked later, from within.
pub async fn otherwise(target: &Conninfo, creation: Creation, job: &Job) -> Result<Vec<String>, Error> {
    let asks_later = job.roles_needed.is_empty() || job.cargo.database.has_no_encoding();
    if creation == Creation::Create && asks_later {
        return Ok(Vec::new());
    }
    let session = session(target, creation).await?;
    if creation == Creation::Exists {
        encodings::check(&session, job)?;
    }
    let told = roles_there::differing(&session, job).await?;
    session.close().await.map_err(Error::target_database("closing the session"))?;
    Ok(told)
}
