//! Sending the applications to the other database: their files, their command, and PostgREST, which is told by the database itself.

use std::io::Write;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::state::{Phase, State};
use super::{Options, SplitError};
use crate::command::Error;
use crate::command::progress::Progress;
use crate::pg;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::split::facts::Cluster;
use crate::switch::{
    self, Applied, Change, HOOK_TIMEOUT_DEFAULT, Hook, HookError, Kept, Occasion, Plan, PlannedEdit, Server,
};

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
    let is_same = target_identity.is_none_or(|target| cluster(target) == cluster(source_identity));
    plan_for(options, if is_same { Cluster::Same } else { Cluster::Another })
}

/// The same where it is known whether both databases are of one cluster.
pub fn plan_for(options: &Options, cluster: Cluster) -> Result<Plan, Error> {
    let server = match cluster {
        Cluster::Same => Some(Server::Same),
        Cluster::Another => Server::other(&options.plan.target),
    };
    let change = Change {
        from: options.plan.source.database().to_owned(),
        to: options.plan.target.database().to_owned(),
        server: server.unwrap_or(Server::Same),
    };
    Ok(Plan::read(&options.rewrites, &change).map_err(SplitError::from)?)
}

/// Who was sent to the new database by a switch that has not ended.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub rewritten: Vec<PathBuf>,
    pub hook_started: Option<DateTime<Utc>>,
}

impl Sent {
    pub fn of(state: &State) -> Self {
        if state.phase != Phase::Sealed {
            return Self::default();
        }
        let rewritten = state.files.as_ref().map_or_else(Vec::new, Applied::switched);
        Self { rewritten, hook_started: state.hook_started }
    }
}

/// What an interruption leaves from the seal to the end of the switch, where the new place has no fence.
pub fn would_leave(state: &State) -> String {
    let Sent { rewritten, hook_started } = Sent::of(state);
    let mut text = "The source refuses writes, and the new database takes them".to_owned();
    for file in &rewritten {
        text += &format!("; {} names the new database already", file.display());
    }
    text += match hook_started {
        Some(_) => "; the hook was started",
        None if rewritten.is_empty() => "; nobody was sent there yet",
        None => "",
    };
    text + ": `pgkeep split` with the same arguments continues, writes the files and runs the hook once more; `pgkeep split rollback` goes back and puts the files back, with --discard without what was written there."
}

/// The same where it is not known which of both takes writes.
pub fn would_leave_unsure() -> String {
    "`pgkeep split status` says whether the source takes writes: `pgkeep split` with the same arguments goes on, `pgkeep split rollback` goes back.".into()
}

/// Writes the files, then runs the hook. The record is kept before the first file is touched, so that a rollback can put them back, and that the
/// hook was started before it is.
pub async fn there(
    plan: &Plan,
    state: &mut State,
    target: &Session,
    progress: &Progress,
    echo: &mut (dyn Write + Send),
) -> Result<(), Error> {
    let record = plan.record(Utc::now());
    (state.files, state.hook_started) = (Some(record.clone()), None);
    state.save(target).await?;
    plan.apply(&record).map_err(SplitError::from)?;
    progress.would_leave(would_leave(state));
    if state.hook.is_some() {
        state.hook_started = Some(Utc::now());
        state.save(target).await?;
        progress.would_leave(would_leave(state));
    }
    Ok(run_hook(state, switch::Phase::Switch, target.conninfo(), echo).await.map_err(SplitError::from)?)
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
    phase: switch::Phase,
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
