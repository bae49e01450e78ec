//! The database that a restore makes: it is filled, or taken away again.

use std::time::Duration;

use super::Job;
use super::definitions::ability;
use super::maintenance::{MAINTENANCE_DATABASES, connect_for_maintenance};
use super::roles::{self, Provided};
use super::roles_there;
use super::typed::{drop_database, without_password};
use crate::command::Error;
use crate::command::error::LeftBehind;
use crate::command::finding::with_causes;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::target;
use crate::schema::restore::{Closing, Step, closing, without_libc_provider};
use crate::schema::statements::{Statement, statements};

/// How long the way back may take when nobody waits for it any more.
const TAKE_AWAY: Duration = Duration::from_secs(20);

/// A database that this run has made, and that holds nothing yet. Whatever ends the run, a signal too, takes it away.
pub struct Made {
    target: Option<Conninfo>,
}

impl Made {
    /// Makes the database, owned and set up as the snapshot's was, under the name of the target. Also returns the roles that were made, and
    /// what its server did not take: settings that it does not know.
    ///
    /// In a thread of its own, which a signal does not end: half of it would be nobody's.
    pub fn make(target: &Conninfo, job: &Job) -> Result<(Made, Provided), Error> {
        let provided = std::thread::scope(|scope| {
            let make = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|source| Error::Internal {
                    what: "cannot start a thread".into(),
                    source: Some(Box::new(source)),
                })?;
                runtime.block_on(create_database(target, job))
            });
            make.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok((Made { target: Some(target.clone()) }, provided))
    }

    /// It is being filled: what is in it stays.
    pub fn keep(mut self) {
        self.target = None;
    }

    /// Takes it away, because of `first`, which stays the error that is told.
    pub async fn take_away(mut self, first: Error) -> Error {
        match self.target.take() {
            None => first,
            Some(target) => after(first, &target, take_away(&target).await).await,
        }
    }
}

/// The future was dropped in the middle: a signal. There is no runtime that goes on.
impl Drop for Made {
    fn drop(&mut self) {
        let Some(target) = self.target.take() else { return };
        let thread = std::thread::spawn(move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                let _ = runtime.block_on(async { tokio::time::timeout(TAKE_AWAY, take_away(&target)).await });
            }
        });
        let _ = thread.join();
    }
}

async fn take_away(target: &Conninfo) -> Result<(), Error> {
    let session = connect_for_maintenance(target).await?;
    let dropped = target::take_away_database(&session, target.database()).await;
    dropped.map_err(Error::target_database("dropping the database that was created for the restore"))?;
    session.close().await.map_err(Error::target_database("closing the session"))
}

async fn after(first: Error, target: &Conninfo, taken_away: Result<(), Error>) -> Error {
    match taken_away {
        Ok(()) => first,
        Err(why) => {
            let (database, why) = (target.database(), with_causes(&why));
            let from = match connect_for_maintenance(target).await {
                Ok(session) => session.conninfo().database().to_owned(),
                Err(_) => MAINTENANCE_DATABASES[0].to_owned(),
            };
            let drop = drop_database(target, &from)
                .map(|drop| format!(" To drop it: `{drop}`{}", without_password(target)))
                .unwrap_or_default();
            let left =
                format!("The database {database}, which was created for this restore, still exists ({why}).{drop}");
            Error::LeftBehind(Box::new(LeftBehind { first, left }))
        }
    }
}

/// Makes the database and what belongs to it: roles that are missing, owner, settings, grants and comment; what closes it comes last of
/// all ([`close_as_the_source`]). Returns what its server did
/// not take, and the roles. After an error there is no database that was not there before.
pub async fn create_database(target: &Conninfo, job: &Job) -> Result<Provided, Error> {
    let database = target.database().to_owned();
    let session = connect_for_maintenance(target).await?;
    let failed = |what: &str| Error::target_database(what.to_owned());
    let exists = || Error::DatabaseExists { database: database.clone(), beside: None, half: None };
    if target::database_exists(&session, &database).await.map_err(failed("reading the list of databases"))? {
        return Err(exists());
    }
    let has_no_encoding = job.cargo.database.has_no_encoding();
    let mut provided = match has_no_encoding {
        true => Provided::default(),
        false => roles::provide(&session, job).await?,
    };
    let mut steps = job.plan.database.iter();
    if let Some(creation) = steps.next() {
        let mut statements = creation.statements.iter();
        for sql in statements.by_ref().take(1) {
            let older = session.server_version_num() < 150_000;
            let sql = if older { without_libc_provider(sql) } else { sql.clone() };
            // CREATE DATABASE stands alone in its message; the session's settings are in it already.
            let run = session.client().batch_execute(&sql.to_display()).await;
            let run = run.map_err(|e| session.fault(format!("the step {}", creation.label), e));
            if run.as_ref().is_err_and(target::is_made_already) {
                return Err(exists());
            }
            run.map_err(failed("creating the database"))?;
        }
        let rest = Step { statements: statements.cloned().collect(), ..creation.clone() };
        let rest = std::iter::once(&rest).chain(steps);
        let equipped = match has_no_encoding {
            true => equip_from_within(target, job, rest).await,
            false => equip_all(&session, rest).await.map(|left| Provided { left, ..Provided::default() }),
        };
        match equipped {
            Ok(more) => provided.also(more),
            Err(error) => return Err(after(error, target, take_away(target).await).await),
        }
    }
    session.close().await.map_err(failed("closing the session"))?;
    Ok(provided)
}

/// Names, comments and settings of a database without an encoding may be bytes, also those of its roles. A database that has one would refuse
/// them, so they are said in the new one itself.
async fn equip_from_within(
    target: &Conninfo,
    job: &Job,
    steps: impl Iterator<Item = &Step>,
) -> Result<Provided, Error> {
    let failed = |what: &str| Error::target_database(what.to_owned());
    let session = connect(target, "pgkeep restore").await.map_err(failed("connecting"))?;
    let differing = roles_there::differing(&session, job).await?;
    let mut provided = roles::provide(&session, job).await?;
    provided.left.extend(differing);
    provided.left.extend(equip_all(&session, steps).await?);
    session.close().await.map_err(failed("closing the session"))?;
    Ok(provided)
}

async fn equip_all(session: &Session, steps: impl Iterator<Item = &Step>) -> Result<Vec<String>, Error> {
    let mut refused = Vec::new();
    for step in steps {
        refused.extend(equip(session, step, Part::First).await?);
    }
    Ok(refused)
}

/// Gives a database that a killed run has made, and has not come to set up, what [`create_database`] would have given it.
pub async fn set_up(target: &Conninfo, job: &Job) -> Result<Provided, Error> {
    let mut steps = job.plan.database.iter();
    let creation =
        steps.next().map(|step| Step { statements: step.statements.iter().skip(1).cloned().collect(), ..step.clone() });
    if job.cargo.database.has_no_encoding() {
        return equip_from_within(target, job, creation.iter().chain(steps)).await;
    }
    let session = connect_for_maintenance(target).await?;
    let mut provided = roles::provide(&session, job).await?;
    provided.left.extend(equip_all(&session, creation.iter().chain(steps)).await?);
    session.close().await.map_err(Error::target_database("closing the session"))?;
    Ok(provided)
}

/// What is said of a database, by the time at which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    First,
    /// When nothing is to be done in it any more: what closes it to the role that restores.
    Last,
}

/// The end of a restore: the database is closed as the source's was, if it was. Returns what its server did not take.
pub async fn close_as_the_source(target: &Conninfo, job: &Job) -> Vec<String> {
    let closes = |step: &&Step| {
        let texts = step.statements.iter().map(|sql| sql.to_display());
        texts.into_iter().any(|text| statements(&text).iter().any(|statement| closing(&statement.sql).is_some()))
    };
    let steps: Vec<&Step> = job.plan.database.iter().filter(closes).collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let closed = async {
        let session = connect_for_maintenance(target).await?;
        let mut refused = Vec::new();
        for step in steps {
            refused.extend(equip(&session, step, Part::Last).await?);
        }
        session.close().await.map_err(Error::target_database("closing the session"))?;
        Ok(refused)
    };
    let closed: Result<Vec<String>, Error> = closed.await;
    closed.unwrap_or_else(|error| {
        let database = target.database();
        vec![format!(
            "the connection limit or the template mark of the database {database} could not be set: {}",
            with_causes(&error)
        )]
    })
}

/// Runs a part of what is said of the database, statement by statement, and returns what was refused.
async fn equip(session: &Session, step: &Step, part: Part) -> Result<Vec<String>, Error> {
    let mut refused = Vec::new();
    let mut all: Vec<Statement> = step.statements.iter().flat_map(|sql| statements(&sql.to_display())).collect();
    if all.iter().any(|statement| closing(&statement.sql).is_some()) {
        let ability = ability(session).await.map_err(Error::target_database("setting up the database"))?;
        all.retain(|statement| match closing(&statement.sql) {
            // Closed to others from the first moment, as far as that can be.
            Some(Closing::OrdinaryRoles) if ability.superuser => part == Part::First,
            Some(_) => part == Part::Last,
            None => part == Part::First,
        });
    } else if part == Part::Last {
        all.clear();
    }
    for statement in all {
        let run = session.client().batch_execute(&statement.sql).await;
        match run.map_err(|e| session.fault(format!("the step {}", step.label), e)) {
            Err(error) if error.server_message().is_some() => {
                refused.push(format!("{} was left out: {}", statement.sql, target::words(&error)));
            }
            done => done.map_err(Error::target_database("setting up the database"))?,
        }
    }
    Ok(refused)
}
