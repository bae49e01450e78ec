//! Work at the new database while its writers are refused: another session looks on, and says whose lock keeps it waiting. Whoever owns a
//! table can lock it, for ever.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::SplitError;
use crate::command::Error;
use crate::command::runtime::worker_runtime;
use crate::command::watch::Watch;
use crate::pg::connect::connect;
use crate::pg::conninfo::Conninfo;
use crate::pg::sessions::kept_waiting;
use crate::stop::Stop;

/// As the sessions that load, build, prove and read definitions call themselves.
const WORKERS: [&str; 4] = ["pgkeep restore", "pgkeep restore rows", "pgkeep proof", "pgkeep schema"];
const PAUSE: Duration = Duration::from_secs(1);
/// What is shorter is nothing to speak of.
const TOLD_AFTER: Duration = Duration::from_secs(3);

/// What the work comes to, which blocks. `phase` is what is told meanwhile.
///
/// # Errors
/// One of its sessions has waited so long for somebody's lock: the work is stopped, and who has the lock is named.
pub fn over<T: Send>(
    info: &Conninfo,
    wait: Duration,
    phase: &'static str,
    watch: &Watch,
    work: impl FnOnce(&Watch) -> Result<T, Error>,
) -> Result<T, Error> {
    watch.set_phase(phase);
    let (part, _heeded) = watch.stop.part();
    let watched = Watch { progress: watch.progress.clone(), stop: part.clone() };
    let done = Stop::new();
    let found = Mutex::new(None);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            let looked = look(info, wait, phase, watch, &done);
            if let Some(sessions) = looked {
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(sessions);
                part.trigger();
            }
        });
        let ended = work(&watched);
        done.trigger();
        ended
    });
    match (ended, found.into_inner().unwrap_or_else(PoisonError::into_inner)) {
        (Err(_), Some(sessions)) => Err(SplitError::KeptWaiting { phase, wait, sessions }.into()),
        (ended, _) => ended,
    }
}

/// Who has kept one of the sessions for too long; none where the work is done before. A lookout that cannot connect sees nothing.
fn look(info: &Conninfo, wait: Duration, phase: &str, watch: &Watch, done: &Stop) -> Option<Vec<String>> {
    let runtime = worker_runtime().ok()?;
    let looking = async {
        let session = connect(info, "pgkeep split lookout").await.ok()?;
        loop {
            tokio::time::sleep(PAUSE).await;
            let waiting = kept_waiting(&session, &WORKERS).await.ok()?;
            let longest = waiting.iter().map(|waiting| waiting.since).max().unwrap_or_default();
            match waiting.first() {
                Some(first) if longest >= TOLD_AFTER => {
                    watch.set_phase(&format!("{phase}: waiting for {}", first.holder));
                }
                _ => {}
            }
            if !waiting.is_empty() && longest >= wait.max(TOLD_AFTER) {
                let mut holders: Vec<String> = waiting.into_iter().map(|waiting| waiting.holder).collect();
                holders.dedup();
                return Some(holders);
            }
        }
    };
    runtime.block_on(done.or_stop(looking)).flatten()
}
