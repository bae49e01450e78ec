//! The target before rows come: that it is empty, what it has, how its refusals are told.

use std::collections::BTreeSet;

use super::definitions::{self, Refusals};
use super::{Creation, Job, Loading, Options, Planned};
use crate::command::Error;
use crate::pg;
use crate::pg::connect::{Session, connect, with_near_name};
use crate::pg::conninfo::Conninfo;
use crate::pg::target::{self, Before};
use crate::repo::Manifest;
use crate::schema::archive::Kind;
use crate::schema::restore::{Object, There};

pub use super::made::{Made, create_database, set_up};
pub use super::maintenance::connect_for_maintenance;

/// Drops a database that this run or an earlier one has made.
pub async fn drop_database(target: &Conninfo) -> Result<(), Error> {
    let session = connect_for_maintenance(target).await?;
    let dropped = target::drop_database(&session, target.database()).await;
    dropped.map_err(Error::target_database("dropping the database that was created for the restore"))?;
    session.close().await.map_err(Error::target_database("closing the session"))
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

/// What the target is before the restore.
pub async fn before(session: &Session) -> Result<Before, Error> {
    target::before(session).await.map_err(Error::target_database("looking for existing objects"))
}

/// Refuses a target that holds any of what would be restored.
pub async fn check_empty(
    session: &Session,
    planned: &Planned,
    options: &Options,
    manifest: &Manifest,
    before: &Before,
) -> Result<(), Error> {
    let failed = || Error::target_database("looking for existing objects");
    let found = target::in_the_way(session, &planned.objects).await.map_err(failed())?;
    // Where the rows are comes first.
    let holds_rows = |object: &&Object| matches!(object.kind, Kind::Table | Kind::Sequence);
    let (mut rows, others): (Vec<&Object>, Vec<&Object>) =
        found.iter().map(|n| &planned.objects[*n]).partition(holds_rows);
    rows.sort_unstable_by_key(|object| &object.label);
    let mut objects: Vec<String> = rows.into_iter().chain(others).map(|object| object.label.clone()).collect();
    objects.dedup();
    let large_objects = &planned.job.cargo.large_objects;
    if !large_objects.is_empty() {
        let oids: Vec<u32> = large_objects.iter().map(|object| object.oid).collect();
        objects.extend(target::existing_large_objects(session, &oids).await.map_err(failed())?);
    }
    if objects.is_empty() {
        return Ok(());
    }
    let beside = options.typed.as_ref().filter(|_| before.may_create).and_then(|typed| {
        let beside = options.loading.target.with_database(&before.free_name);
        typed.restore_beside(manifest.snapshot.short(), &beside)
    });
    Err(Error::TargetNotEmpty { database: session.conninfo().database().to_owned(), objects, beside })
}

/// Definitions, sequences and large objects' shells. In one transaction where that is possible: what fails leaves nothing.
/// Returns what the operator should know.
pub async fn run_pre_data(session: &Session, job: &mut Job, loading: &Loading) -> Result<Vec<String>, Error> {
    Ok(definitions::make(session, job, loading, Refusals::End).await?.warnings)
}

/// What the server has of what the snapshot needs, before anything is planned: tablespaces, extensions and schemas.
pub async fn look(
    target: &Conninfo,
    creation: Creation,
    tablespaces: &BTreeSet<String>,
) -> Result<(There, BTreeSet<String>), Error> {
    let failed = || Error::target_database("looking for existing objects");
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
    session.close().await.map_err(Error::target_database("closing the session"))?;
    Ok((there, missing))
}
