//! The target before rows come: that it is empty, what it has, how its refusals are told.

use std::collections::BTreeSet;

use super::definitions::{self, Refusals};
use super::{Creation, Job, Options};
use crate::command::Error;
use crate::command::error::{Failure, FirstFailure};
use crate::pg;
use crate::pg::connect::{Session, connect, with_near_name};
use crate::pg::conninfo::Conninfo;
use crate::pg::target::{self, Before};
use crate::schema::archive::Kind;
use crate::schema::restore::{Object, There};

pub use super::made::{Made, create_database, set_up};

/// From which databases are made and dropped, the first that can be entered.
pub const MAINTENANCE_DATABASES: [&str; 2] = ["postgres", "template1"];

/// Drops a database that this run or an earlier one has made.
pub async fn drop_database(target: &Conninfo) -> Result<(), Error> {
    let session = connect_for_maintenance(target).await?;
    let dropped = target::drop_database(&session, target.database()).await;
    dropped.map_err(Error::target_database("dropping the database that was made for the restore"))?;
    session.close().await.map_err(Error::target_database("the end of the session"))
}

/// A session in the database that is filled.
pub async fn enter(target: &Conninfo) -> Result<Session, Error> {
    match connect(target, "pgkeep restore").await {
        Err(source @ pg::Error::NoSuchDatabase { .. }) => {
            Err(Error::NoTarget { source: with_near_name(target, source).await })
        }
        connected => connected.map_err(Error::target_database("connecting")),
    }
}

/// A session in a database of the server that is not the target.
pub async fn connect_for_maintenance(target: &Conninfo) -> Result<Session, Error> {
    match connect_elsewhere(target, "pgkeep restore").await.map_err(Error::target_database("connecting"))? {
        Some(session) => Ok(session),
        None => Err(Error::Usage {
            what: "the server has neither a database postgres nor template1 to connect to".into(),
            hint: Some("Create the database yourself and leave --create out.".into()),
        }),
    }
}

/// The same; none where the server has neither of the two.
pub async fn connect_elsewhere(target: &Conninfo, application: &str) -> Result<Option<Session>, pg::Error> {
    let mut refused = None;
    for maintenance in MAINTENANCE_DATABASES {
        match connect(&target.with_database(maintenance), application).await {
            Err(pg::Error::NoSuchDatabase { .. }) => {}
            Err(error) if is_shut(&error) => refused = refused.or(Some(error)),
            connected => return connected.map(Some),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Whether the database lets nobody in, or not this role: another one may.
fn is_shut(error: &pg::Error) -> bool {
    // object_not_in_prerequisite_state: ALLOW_CONNECTIONS is false; insufficient_privilege: no CONNECT
    matches!(error, pg::Error::Rejected { .. }) || matches!(error.sqlstate(), Some("55000" | "42501"))
}

/// The one of them that the session's role can enter; none where it is the session's own.
pub async fn maintenance_database(session: &Session) -> Result<Option<String>, Error> {
    let open = target::open_databases(session, &MAINTENANCE_DATABASES).await;
    let open = open.map_err(Error::target_database("reading the list of databases"))?;
    let own = session.conninfo().database();
    Ok(open.into_iter().find(|name| name != own))
}

/// What the target is before the restore.
pub async fn before(session: &Session) -> Result<Before, Error> {
    target::before(session).await.map_err(Error::target_database("looking for what is there already"))
}

/// Refuses a target that holds any of what would be restored.
pub async fn check_empty(session: &Session, job: &Job, options: &Options, before: &Before) -> Result<(), Error> {
    let failed = || Error::target_database("looking for what is there already");
    let found = target::in_the_way(session, &job.objects).await.map_err(failed())?;
    // Where the rows are comes first.
    let holds_rows = |object: &&Object| matches!(object.kind, Kind::Table | Kind::Sequence);
    let (mut rows, others): (Vec<&Object>, Vec<&Object>) = found.iter().map(|n| &job.objects[*n]).partition(holds_rows);
    rows.sort_unstable_by_key(|object| &object.label);
    let mut objects: Vec<String> = rows.into_iter().chain(others).map(|object| object.label.clone()).collect();
    objects.dedup();
    if let Some(large_objects) = job.manifest.large_objects.as_ref().filter(|_| job.large_objects) {
        let oids: Vec<u32> = large_objects.objects.iter().map(|object| object.oid).collect();
        objects.extend(target::existing_large_objects(session, &oids).await.map_err(failed())?);
    }
    if objects.is_empty() {
        return Ok(());
    }
    let beside = options.typed.as_ref().filter(|_| before.may_create).and_then(|typed| {
        let beside = options.target.with_database(&before.free_name);
        typed.restore_beside(job.manifest.snapshot.short(), &beside)
    });
    Err(Error::TargetNotEmpty { database: session.conninfo().database().to_owned(), objects, beside })
}

/// Definitions, sequences and large objects' shells. In one transaction where that is possible: what fails leaves nothing.
pub async fn run_pre_data(session: &Session, job: &Job, options: &Options) -> Result<(), Error> {
    definitions::make(session, job, options, Refusals::End).await.map(drop)
}

/// What the server has of what the snapshot needs, before anything is planned: tablespaces, extensions and schemas.
pub async fn look(
    target: &Conninfo,
    creation: Creation,
    tablespaces: &BTreeSet<String>,
) -> Result<(There, BTreeSet<String>), Error> {
    let failed = || Error::target_database("looking for what is there already");
    let session = match creation {
        Creation::Create if tablespaces.is_empty() => return Ok((There::default(), BTreeSet::new())),
        Creation::Create => connect_for_maintenance(target).await?,
        Creation::Exists => enter(target).await?,
    };
    let there = match creation {
        Creation::Create => There::default(),
        Creation::Exists => target::there(&session).await.map_err(failed())?,
    };
    let missing = target::tablespaces_missing(&session, tablespaces).await.map_err(failed())?;
    session.close().await.map_err(Error::target_database("the end of the session"))?;
    Ok((there, missing))
}

/// What the server refused, as the run's error.
pub fn refused(failures: Vec<Failure>) -> Error {
    Error::Entries { first: FirstFailure(failures.clone()), failures, skipped: Vec::new(), warnings: Vec::new() }
}

/// An entry's failure as it is reported.
pub fn failure(entry: &str, error: &pg::Error) -> Failure {
    let message =
        error.server_message().map_or_else(|| error.to_string(), |m| format!("{}: {}", m.severity, m.message));
    Failure {
        entry: entry.to_owned(),
        message,
        sqlstate: error.sqlstate().map(str::to_owned),
        hint: entry_hint(error).or_else(|| error.hint()),
    }
}

fn entry_hint(error: &pg::Error) -> Option<String> {
    let hint = match error.sqlstate()? {
        "58P01" | "0A000" if error.server_message()?.message.contains("extension") => {
            "Install the extension's package on the target's server (Debian: postgresql-contrib, postgresql-NN-NAME)."
        }
        "42501" => {
            "Restore as a superuser, or as an ordinary role with --no-owner --no-acl where the objects permit it."
        }
        "42704" => {
            "Something that the entry names is not there: a role (--map-role, --no-owner), a type, or an extension's object."
        }
        "23503" => {
            "Rows refer to rows that are not there: the source was inconsistent, or the selection left the other table out."
        }
        _ => return None,
    };
    Some(hint.into())
}
