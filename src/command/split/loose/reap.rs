//! `pgkeep split reap`: does at the children what their loose keys would have done. At least once, and no harm if more often: the
//! child commits first, then the log's entries are done with.

use std::time::Instant;

use super::batch::ReapOptions;
use super::follow::{Follow, REAPER};
use super::reaped::{KeyReaped, Reaped};
use super::stored::{Foreign, Pair, between, in_place};
use super::{Side, SplitError, identity};
use crate::command::Error;
use crate::command::moment::millis;
use crate::command::split::holding::{at_source, at_target};
use crate::command::split::host::Folder;
use crate::command::split::state::{Memory, Phase, State};
use crate::command::split::strangers::refuse;
use crate::command::split::{Moved, whereabouts};
use crate::command::watch::Watch;
use crate::pg::connect::{Session, connect};
use crate::pg::loose::Settled;
use crate::pg::ours;
use crate::pg::place::Place;

/// # Errors
/// No loose key is between the two databases; the split is not so far; either database.
pub async fn reap(options: &ReapOptions, watch: &Watch) -> Result<Reaped, Error> {
    let started = Instant::now();
    watch.set_phase("connecting");
    let source = connect(&options.source, REAPER).await.map_err(at_source("connecting"))?;
    let target = connect(&options.target, REAPER).await.map_err(at_target("connecting"))?;
    let strangers = ours::strangers(&source).await.map_err(at_source("looking for objects of other roles"))?;
    refuse(strangers, &source)?;
    let state = State::look(&target, &options.state).await?.map(|(state, _)| state);
    let phase = state.as_ref().map(|state| state.phase);
    if phase.is_none() && is_target_of(&source, &target, &options.state).await? {
        return Err(Error::Usage {
            what: "--from and --to are swapped".into(),
            hint: Some("--from names the database that was split, --to the one that got its schemas.".into()),
        });
    }
    let home = Pair { parent: &source, child: &source, log: Side::Source, rows: Side::Source };
    let (own, _) = between(&home).await?;
    match phase {
        // What a rollback could not replay is replayed now, where the rows are again.
        Some(phase @ Phase::RolledBack) if own.is_empty() => return Err(SplitError::Over { phase }.into()),
        // Rows of the new place that change before the switch would be taken for written ones.
        Some(phase) if phase < Phase::Switched => return Err(SplitError::TooEarly { phase }.into()),
        _ => {}
    }
    let places = [whereabouts::place(&source, at_source).await?, whereabouts::place(&target, at_target).await?];
    if let Some(Memory { split, .. }) = state.as_ref().and_then(|state| state.memory.as_ref())
        && split.source != Place::default()
        && options.moved == Moved::Refuse
        // Between other databases the log itself says whose it is.
        && split.source.identity() == places[0].identity()
        && split.target.identity() == places[1].identity()
    {
        whereabouts::same("source", &split.source, &places[0], &source)?;
        whereabouts::same("target", &split.target, &places[1], &target)?;
    }
    let mut ways = vec![home];
    if places[0].identity() != places[1].identity() && phase != Some(Phase::RolledBack) {
        ways.push(Pair { parent: &source, child: &target, log: Side::Source, rows: Side::Target });
        ways.push(Pair { parent: &target, child: &source, log: Side::Target, rows: Side::Source });
    }
    let (reaped, elsewhere) = follow_all(&ways, &places, options, phase, watch).await?;
    if reaped.is_empty() {
        let databases = [options.source.database().to_owned(), options.target.database().to_owned()];
        return Err(SplitError::NoLooseKeys { databases, elsewhere }.into());
    }
    source.close().await.map_err(at_source("closing the session"))?;
    target.close().await.map_err(at_target("closing the session"))?;
    let ok = reaped.iter().all(KeyReaped::is_done);
    Ok(Reaped { ok, keys: reaped, elsewhere, elapsed_ms: millis(started) })
}

/// Of all keys between the two databases, and the names of those that lead to a third one.
async fn follow_all(
    ways: &[Pair<'_>],
    places: &[Place; 2],
    options: &ReapOptions,
    phase: Option<Phase>,
    watch: &Watch,
) -> Result<(Vec<KeyReaped>, Vec<String>), Error> {
    let (mut reaped, mut elsewhere) = (Vec::new(), Vec::new());
    for pair in ways {
        let (keys, others) = between(pair).await?;
        in_place(pair, &keys, places, options.moved).await?;
        let is_home = pair.log == pair.rows;
        let third = others.into_iter().filter(|_| !is_home);
        elsewhere.extend(third.map(|Foreign { name, database }| format!("{name} (its rows are in {database})")));
        let follow = Follow { pair, options, settled: settled(pair, phase), watch };
        for stored in keys {
            watch.set_phase(&format!("reaping {}", stored.key.name));
            reaped.push(follow.key(stored).await?);
        }
    }
    Ok((reaped, elsewhere))
}

/// Whether this database took what the other one gave.
async fn is_target_of(session: &Session, other: &Session, folder: &Folder) -> Result<bool, Error> {
    let Some((state, _)) = State::look(session, folder).await? else { return Ok(false) };
    Ok(state.source == identity(other, at_target).await?)
}

/// As long as a rollback can bring the old rows of a moved child back, it must find what has happened to their parents.
fn settled(pair: &Pair<'_>, phase: Option<Phase>) -> Settled {
    match (pair.log, pair.rows, phase) {
        (Side::Source, Side::Target, Some(Phase::Switched)) => Settled::Mark,
        _ => Settled::Forget,
    }
}
