//! Definitions are tried at the target's server before anything depends on them: made without rows in a scratch database, read once
//! more as that server spells them, and thrown away.

mod inside;
mod scratch;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::slice;

use super::capture;
use super::plan::{Options, Planned};
use crate::command::Error;
use crate::command::error::{Failure, FirstFailure, Skipped};
use crate::command::restore::definitions::ability;
use crate::command::restore::framed::{Onward, framed, onward};
use crate::command::restore::refused::failure;
use crate::command::some::some_of;
use crate::command::watch::Watch;
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::frame::{Ability, Rights};
use crate::pg::{target, trial};
use crate::schema::archive::{Archive, DumpId, Entry, Kind, SqlText};
use crate::schema::facts::Facts;
use crate::schema::restore::{RestoreOptions, RestorePlan, RoleMap, Step, Transaction};
use crate::schema::selection::Selection;
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::{Finding, FindingKind};
use crate::stop::Stop;
use scratch::Scratch;

/// Definitions that share a transaction: fewer locks than a server has by default.
const STEPS_IN_TRANSACTION: usize = 1500;
/// The same where some are run as their owners, each with a function and what keeps it.
const FRAMED_STEPS_IN_TRANSACTION: usize = 500;
const ENTRIES_NAMED_MAX: usize = 10;

/// What is tried.
#[derive(Clone, Copy)]
pub struct Definitions<'a> {
    pub archive: &'a Archive,
    pub facts: &'a Facts,
    pub selection: &'a Selection,
    /// Roles on which nothing is set, not even here.
    pub more_there: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a Planned> for Definitions<'a> {
    fn from(planned: &'a Planned) -> Self {
        let Planned { archive, facts, selection, plan, .. } = planned;
        Self { archive, facts, selection, more_there: &plan.more_there }
    }
}

impl Definitions<'_> {
    /// How they are made. Materialized views are not filled, and nobody's function runs but for what making a definition needs.
    fn plan(&self, database: &str, roles: RoleMap) -> RestorePlan {
        let (database, more_here) = (Some(database.to_owned()), self.more_there.clone());
        let options = RestoreOptions { roles, database, more_here, ..RestoreOptions::default() };
        RestorePlan::new(self.archive, self.facts, self.selection, &options)
    }

    /// The entries that are made.
    pub fn entries(&self) -> BTreeSet<DumpId> {
        let plan = self.plan("", RoleMap::default());
        steps(&plan).map(|step| step.dump_id).collect()
    }
}

fn steps(plan: &RestorePlan) -> impl DoubleEndedIterator<Item = &Step> {
    plan.pre_data.iter().chain(plan.post_data.iter().map(|step| &step.step))
}

/// What trying has come to.
#[derive(Debug, Default)]
pub struct Tried {
    pub failures: Vec<Failure>,
    /// Entries that were not tried, because they need one that failed or was left.
    pub skipped: Vec<Skipped>,
    /// Entries that were not tried, because they may call code of their owners, and the target's server does not have these.
    pub left: Vec<String>,
}

impl Tried {
    fn into_result(self) -> Result<(), Error> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => {
                let first = FirstFailure(self.failures.iter().take(5).cloned().collect());
                Err(Error::Entries { failures: self.failures, skipped: self.skipped, warnings: Vec::new(), first })
            }
        }
    }
}

/// The source's definitions as the target's server spells them. The target is empty but for the split's record, and is so again; the
/// roles are there.
///
/// # Errors
/// The target's server refuses a definition ([`Error::Entries`]); nobody waits yet.
pub async fn respell(options: &Options, planned: &Planned, watch: &Watch) -> Result<Archive, Error> {
    watch.set_phase("trying the definitions");
    match respell_aside(options, planned.into(), &watch.stop).await {
        // The role may not make a scratch database, or not enter it; or something can be made in the target alone, as pg_cron.
        Err(error) if !matches!(error, Error::Interrupted) => {
            inside::respell(options, planned.into(), &watch.stop).await
        }
        respelled => respelled,
    }
}

/// The same in a scratch database alone: nothing of the target is touched.
pub async fn respell_aside(options: &Options, definitions: Definitions<'_>, stop: &Stop) -> Result<Archive, Error> {
    let scratch = Scratch::make(options, definitions).await?;
    let respelled = async {
        let session = scratch.enter().await?;
        trial::settle(&session).await.map_err(failed("preparing the session"))?;
        let plan = definitions.plan(scratch.name(), RoleMap::default());
        make(&session, definitions.archive, &plan, BTreeSet::new(), stop).await?.into_result()?;
        let archive = capture::archive_now(options, &session, stop).await?;
        session.close().await.map_err(failed("closing the session"))?;
        Ok(archive)
    };
    let respelled: Result<Archive, Error> = respelled.await;
    let closed = scratch.close().await;
    let respelled = respelled?;
    closed.map(|()| respelled)
}

/// What a plan says of the definitions: those that the target's server refuses are blockers, and where they could not be tried, that is
/// said. Roles that the target lacks would stay if they were made, so the running role stands in for them.
///
/// # Errors
/// The sessions are lost, or it was interrupted.
pub async fn findings(options: &Options, planned: &Planned, watch: &Watch) -> Result<Vec<Finding>, Error> {
    if planned.plan.blockers().any(|blocker| makes_trial_vain(blocker.kind)) {
        return Ok(Vec::new());
    }
    watch.set_phase("trying the definitions at the target's server");
    let scratch = match Scratch::make(options, planned.into()).await {
        Ok(scratch) => scratch,
        Err(error) => return Ok(vec![untried(planned, &error)]),
    };
    let tried = try_all(&scratch, planned, &watch.stop).await;
    let closed = scratch.close().await;
    let found = match tried {
        Ok(tried) => refused(&tried).into_iter().chain(left(planned, &tried)).collect(),
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => vec![untried(planned, &error)],
    };
    closed.map(|()| found)
}

/// What is missing for all of them is told already, and each definition would tell it again.
fn makes_trial_vain(kind: FindingKind) -> bool {
    use FindingKind::{Collation, Encoding, Extension, ServerVersion, TargetPrivilege, TargetReadOnly};
    matches!(kind, ServerVersion | Encoding | Collation | Extension | TargetReadOnly | TargetPrivilege)
}

async fn try_all(scratch: &Scratch, planned: &Planned, stop: &Stop) -> Result<Tried, Error> {
    let session = scratch.enter().await?;
    trial::settle(&session).await.map_err(failed("preparing the session"))?;
    let missing = target::missing_roles(&session, &planned.plan.roles).await.map_err(failed("reading roles"))?;
    let user = session.conninfo().user();
    let roles = RoleMap::new(missing.iter().map(|role| (role.clone(), user.to_owned())));
    let mut plan = Definitions::from(planned).plan(scratch.name(), roles);
    plan.suit(session.server_version_num());
    if !missing.is_empty() {
        // Two roles of which this one takes the place cannot both have one.
        let is_mapping = |step: &Step| planned.archive.entry(step.dump_id).is_some_and(|e| e.kind == Kind::UserMapping);
        plan.pre_data.retain(|step| !is_mapping(step));
    }
    // Nor does it lend its rights to their code.
    let is_theirs = |step: &&Step| {
        let owner = planned.archive.entry(step.dump_id).and_then(|entry| entry.owner.as_ref());
        step.acts_as.as_ref().is_some_and(|acts_as| !acts_as.or_restorer)
            && owner.is_some_and(|owner| missing.contains(owner))
    };
    let left: BTreeSet<DumpId> = steps(&plan).filter(is_theirs).map(|step| step.dump_id).collect();
    let labels = steps(&plan).filter(is_theirs).map(|step| step.label.clone()).collect();
    let tried = make(&session, &planned.archive, &plan, left, stop).await?;
    session.close().await.map_err(failed("closing the session"))?;
    Ok(Tried { left: labels, ..tried })
}

fn refused(tried: &Tried) -> Vec<Finding> {
    let skipped = match tried.skipped.len() {
        0 => String::new(),
        n => format!("; {n} more entries depend on it and were not tried"),
    };
    let finding = |failure: &Failure| {
        let action = failure.hint.clone().unwrap_or_else(|| {
            "change it at the source, or make sure that the target's server has what it needs".to_owned()
        });
        let reason = format!("the target's server refuses the definition: {}{skipped}", failure.message);
        Finding::new(Blocker, FindingKind::Definition, failure.entry.clone(), reason, action)
    };
    tried.failures.iter().map(finding).collect()
}

fn left(planned: &Planned, tried: &Tried) -> Option<Finding> {
    let named = some_of(&tried.left, ENTRIES_NAMED_MAX)?;
    Some(Finding::new(
        Warning,
        FindingKind::Definition,
        planned.target.database.clone(),
        format!(
            "definitions that may call functions of their owners were not tried, because the target's server does not have these roles: {named}"
        ),
        "a run creates the roles and tries all definitions before it refuses writes",
    ))
}

fn untried(planned: &Planned, error: &Error) -> Finding {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    Finding::new(
        Warning,
        FindingKind::Definition,
        planned.target.database.clone(),
        format!(
            "the definitions were not tried, because the plan could not use a scratch database on the target's server ({why})"
        ),
        "a run tries them in the target itself before it refuses writes; with ALTER ROLE ... CREATEDB the plan tries them",
    )
}

/// Makes the definitions one after the other. One that is refused or `left` does not keep the others back, but for those that need it.
async fn make(
    session: &Session,
    archive: &Archive,
    plan: &RestorePlan,
    left: BTreeSet<DumpId>,
    stop: &Stop,
) -> Result<Tried, Error> {
    let mut tried = Tried::default();
    let mut refused = left.clone();
    let settings: Vec<&str> = plan.session.iter().filter_map(|sql| std::str::from_utf8(sql.as_bytes()).ok()).collect();
    let again = settings.join("\n") + "\n";
    let ability = ability(session).await.map_err(failed("preparing the session"))?;
    let settled = trial::attempt_alone(session, "session settings", &settings).await;
    settled.and_then(|refused| refused).map_err(failed("preparing the session"))?;
    let all: Vec<&Step> = steps(plan).collect();
    let framed = all.iter().any(|step| step.acts_as.is_some());
    let steps_max = if framed { FRAMED_STEPS_IN_TRANSACTION } else { STEPS_IN_TRANSACTION };
    for batch in all.chunk_by(|a, b| a.transaction == b.transaction) {
        for batch in batch.chunks(steps_max) {
            let together = batch[0].transaction == Transaction::Allowed;
            if together {
                trial::begin(session).await.map_err(failed("trying the definitions"))?;
            }
            for step in batch {
                if stop.is_set() {
                    return Err(Error::Interrupted);
                }
                let needs = archive.entry(step.dump_id).map(|entry| entry.dependencies.as_slice()).unwrap_or_default();
                if left.contains(&step.dump_id) {
                    continue;
                }
                if let Some(needed) = needs.iter().find(|needed| refused.contains(needed)) {
                    let needs = archive.entry(*needed).map(Entry::label).unwrap_or_default();
                    refused.insert(step.dump_id);
                    tried.skipped.push(Skipped { entry: step.label.clone(), needs });
                } else if let Err(error) =
                    one(session, step, &again, ability).await.map_err(failed("trying the definitions"))?
                {
                    refused.insert(step.dump_id);
                    tried.failures.push(failure(&step.label, &error));
                }
            }
            if together {
                trial::commit(session).await.map_err(failed("trying the definitions"))?;
            }
        }
    }
    Ok(tried)
}

/// # Errors
/// The session is lost; what the server said of the definition is the inner error.
async fn one(
    session: &Session,
    step: &Step,
    settings: &str,
    ability: Ability,
) -> Result<Result<(), pg::Error>, pg::Error> {
    let context = format!("the step {}", step.label);
    let in_frame = |rights| framed(slice::from_ref(step), settings.as_bytes(), ability, rights);
    let framed = in_frame(Rights::Own);
    let own = step.statements.iter().map(SqlText::as_bytes).filter(|_| framed.is_none());
    let texts = framed.as_deref().into_iter().chain(own).map(std::str::from_utf8);
    let texts: Vec<&str> = match texts.collect() {
        Ok(texts) => texts,
        Err(source) => return Ok(Err(pg::Error::Protocol { context, source: Box::new(source) })),
    };
    match step.transaction {
        Transaction::Allowed => {
            let error = match trial::attempt(session, &context, &texts).await? {
                Err(error) => error,
                tried => return Ok(tried),
            };
            let again: Vec<Vec<u8>> = match onward(step, &error, ability) {
                None => return Ok(Err(error)),
                Some(Onward::Restorer) => step.statements.iter().map(|sql| sql.as_bytes().to_vec()).collect(),
                Some(Onward::AllOrdinary) => in_frame(Rights::AllOrdinary).into_iter().collect(),
            };
            let texts: Result<Vec<&str>, _> = again.iter().map(|sql| std::str::from_utf8(sql)).collect();
            trial::attempt(session, &context, &texts.unwrap_or_default()).await
        }
        Transaction::Forbidden => trial::attempt_alone(session, &context, &texts).await,
    }
}

fn failed(what: &str) -> impl FnOnce(pg::Error) -> Error + use<> {
    Error::target_database(what.to_owned())
}
