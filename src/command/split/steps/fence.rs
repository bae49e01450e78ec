//! What takes long on wide schemas is done before anybody is refused a write; then the fence goes up. Undone by taking it down. A kill takes
//! it down too: it is held by the session.

use crate::command::Error;
use crate::command::restore::target;
use crate::command::split::capture::{self, Drawn};
use crate::command::split::holding::{Trying, at_source, at_target, put_up};
use crate::command::split::state::State;
use crate::command::split::{Options, whereabouts};
use crate::command::watch::Watch;
use crate::pg::connect::{Session, connect};
use crate::pg::fence;

/// Definitions in the target. What its server said of them is returned.
pub async fn define(options: &Options, drawn: &mut Drawn, watch: &Watch) -> Result<Vec<String>, Error> {
    watch.set_phase("restoring definitions");
    let loading = capture::loading(options);
    let session = connect(&options.plan.target, "pgkeep split definitions").await.map_err(at_target("connecting"))?;
    let told = target::run_pre_data(&session, &mut drawn.job, &loading).await?;
    let mut said = drawn.job.surround(&session, loading.through_root).await?;
    said.extend(told);
    session.close().await.map_err(at_target("closing the session"))?;
    Ok(said)
}

/// From now on writes to the tables that move are refused: these, schema and name.
pub async fn put(
    options: &Options,
    state: &State,
    source: &Session,
    watch: &Watch,
) -> Result<Vec<(String, String)>, Error> {
    let phase = "putting the fence up";
    watch.set_phase(phase);
    let trying = Trying { wait: options.fence_wait, watch, phase };
    let fenced = fence::tables(source, &state.schemas).await.map_err(at_source("the list of tables to fence"))?;
    put_up(source, &fenced, options.plan.target.database(), &trying, at_source).await?;
    whereabouts::enter(state, source).await?;
    Ok(fenced)
}

/// The source takes writes again at once. What it is to be told, were this to fail as well, is that it does so with the end of the session.
pub async fn down(state: &State, source: &Session, watch: &Watch) -> Result<(), Error> {
    watch.set_phase("taking the fence down");
    let down = fence::take_down(source).await.map_err(at_source("taking the fence down"));
    drop(whereabouts::leave(state, source).await);
    down
}
