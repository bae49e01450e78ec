//! There and back on copies, and there once more.

use std::time::Instant;

use super::copying::Extent;
use super::prediction::Timed;
use super::scene::Scene;
use super::{Back, Origin, Times, back, original, while_at};
use crate::command::Error;
use crate::command::moment::millis;
use crate::command::restore::target::drop_database;
use crate::command::split::error::RehearsalStep;
use crate::command::split::{Options, Outcome, Report, plan};
use crate::command::watch::Watch;
use crate::schema::compare::EntryMismatch;

/// A run that took no longer is made twice: the second as it would be on the day after a rollback.
const TWICE_MS_MAX: u64 = 30_000;

pub struct Course<'a> {
    /// The run on the private servers.
    pub here: &'a Options,
    pub origin: &'a Origin<'a>,
    pub scene: &'a Scene,
    /// The copy's plan, before anything moved.
    pub before: &'a plan::Planned,
    pub copied: &'a Extent,
    pub watch: &'a Watch,
}

pub enum Ended {
    Blocked(Box<plan::Report>),
    Tried(Box<Tried>),
}

/// What there and back has come to.
pub struct Tried {
    pub there: Report,
    /// Definitions that changed at the source meanwhile.
    pub changed: Vec<EntryMismatch>,
    /// None where the run was not proven.
    pub rollback: Option<Back>,
    pub runs: Vec<Timed>,
}

impl Course<'_> {
    pub async fn there_and_back(&self, times: &mut Times) -> Result<Ended, Error> {
        let since = Instant::now();
        let mut there = match self.run(RehearsalStep::Run).await? {
            Outcome::Blocked(report) => return Ok(Ended::Blocked(report)),
            Outcome::Ended(report) => *report,
        };
        times.run_ms = millis(since);
        let runs = vec![Timed { downtime_ms: there.downtime_ms, data_ms: there.phases.data_ms }];
        let mut changed = Vec::new();
        if there.ok {
            let since = Instant::now();
            let judged = self.judged().await.map_err(while_at(RehearsalStep::Original))?;
            there.ok = judged.definitions.is_empty();
            there.proven &= there.ok;
            there.definitions = judged.definitions;
            changed = judged.changed;
            times.original_ms = millis(since);
        }
        let rollback = if there.ok { Some(self.back(times).await?) } else { None };
        let mut tried = Tried { there, changed, rollback, runs };
        if tried.rollback.as_ref().is_some_and(|back| back.ok) && times.run_ms <= TWICE_MS_MAX {
            let since = Instant::now();
            if let Some(report) = self.once_more(&mut tried).await? {
                return Ok(Ended::Blocked(report));
            }
            times.again_ms = millis(since);
        }
        Ok(Ended::Tried(Box::new(tried)))
    }

    async fn run(&self, step: RehearsalStep) -> Result<Outcome, Error> {
        let outcome = crate::command::split::run(self.here, self.watch, &mut std::io::sink()).await;
        outcome.map_err(while_at(step))
    }

    /// The source's own definitions, which a copy's need not be.
    async fn judged(&self) -> Result<original::Judged, Error> {
        let Course { here, origin, scene, before, copied, watch } = *self;
        match (origin, &scene.manifest, &scene.planned, &copied.archive) {
            (Origin::Backup { repository, .. }, Some(manifest), ..) => {
                original::backup(here, repository, manifest, before, watch).await
            }
            (_, _, Some(planned), Some(archive)) => original::live(here, planned, archive, before, watch).await,
            _ => Ok(original::Judged::default()),
        }
    }

    async fn back(&self, times: &mut Times) -> Result<Back, Error> {
        let Course { here, before, watch, .. } = *self;
        let since = Instant::now();
        let downtime_ms = back::go(here, watch).await.map_err(while_at(RehearsalStep::Rollback))?;
        times.rollback_ms = millis(since);
        let since = Instant::now();
        let looked = back::look(here, before, downtime_ms, watch).await.map_err(while_at(RehearsalStep::Rollback))?;
        times.check_ms = millis(since);
        Ok(looked)
    }

    /// From what the rollback left. Returns a plan that has blockers now.
    async fn once_more(&self, tried: &mut Tried) -> Result<Option<Box<plan::Report>>, Error> {
        drop_database(&self.here.plan.target).await.map_err(while_at(RehearsalStep::Again))?;
        let again = match self.run(RehearsalStep::Again).await? {
            Outcome::Blocked(report) => return Ok(Some(report)),
            Outcome::Ended(again) => again,
        };
        tried.runs.push(Timed { downtime_ms: again.downtime_ms, data_ms: again.phases.data_ms });
        tried.there.ok &= again.ok;
        tried.there.mismatches.extend(again.mismatches);
        tried.there.definitions.extend(again.definitions);
        Ok(None)
    }
}
