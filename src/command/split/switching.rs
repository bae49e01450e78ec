//! Sending the applications to the other database: their files, their command, and PostgREST, which is told by the database itself.

use std::io::Write;

use chrono::Utc;
use serde::Serialize;

use super::state::State;
use super::{Options, SplitError};
use crate::command::Error;
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::switch::{Change, HOOK_TIMEOUT_DEFAULT, Hook, HookError, Kept, Occasion, Phase, Plan, PlannedEdit, Server};

/// What would be written into configuration files. They were read; nothing was written.
#[derive(Debug, Default, Serialize)]
pub struct Files {
    /// For people, passwords masked.
    pub diff: String,
    pub edits: Vec<PlannedEdit>,
    /// Values that name the new database already.
    pub kept: Vec<Kept>,
}

/// What will be written where. Read before anything is touched, so that a wrong key ends the run at once.
pub fn plan(options: &Options, source_identity: &str, target_identity: Option<&str>) -> Result<Plan, Error> {
    let cluster = |identity: &str| identity.split('/').next().map(str::to_owned);
    let same = target_identity.is_none_or(|target| cluster(target) == cluster(source_identity));
    plan_for(options, same)
}

/// The same where it is known whether both databases are of one cluster.
pub fn plan_for(options: &Options, same: bool) -> Result<Plan, Error> {
    let server = if same { Some(Server::Same) } else { Server::other(&options.plan.target) };
    let change = Change {
        from: options.plan.source.database().to_owned(),
        to: options.plan.target.database().to_owned(),
        server: server.unwrap_or(Server::Same),
    };
    Ok(Plan::read(&options.rewrites, &change).map_err(SplitError::from)?)
}

/// Writes the files, then runs the hook. The record is kept before the first file is touched, so that a rollback can put them back.
pub async fn there(
    plan: &Plan,
    state: &mut State,
    target: &Session,
    echo: &mut (dyn Write + Send),
) -> Result<(), Error> {
    let record = plan.record(Utc::now());
    state.files = Some(record.clone());
    state.save(target).await?;
    plan.apply(&record).map_err(SplitError::from)?;
    Ok(run_hook(state, Phase::Switch, target.conninfo(), echo).await.map_err(SplitError::from)?)
}

/// Puts the files back. What was done already is not done twice.
pub fn back(state: &State) -> Result<(), Error> {
    match &state.files {
        Some(files) => Ok(files.revert().map_err(SplitError::from)?),
        None => Ok(()),
    }
}

pub async fn run_hook(
    state: &State,
    phase: Phase,
    target: &Conninfo,
    echo: &mut (dyn Write + Send),
) -> Result<(), HookError> {
    let Some(command) = &state.hook else { return Ok(()) };
    let hook = Hook { command: command.clone(), timeout: HOOK_TIMEOUT_DEFAULT };
    hook.run(&Occasion::new(phase, target), echo).await
}

/// PostgREST reads the schema anew; nobody else listens.
pub async fn notify(session: &Session) -> Result<(), pg::Error> {
    let sql = "NOTIFY pgrst, 'reload schema'";
    session.run("telling PostgREST", sql).await
}
