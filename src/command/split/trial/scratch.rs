//! A database that is made for a trial and goes with it.

use rand_core::{OsRng, RngCore};

use super::{Definitions, connect, failed};
use crate::command::Error;
use crate::command::restore::target::connect_for_maintenance;
use crate::command::split::plan::Options;
use crate::pg;
use crate::pg::catalog;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::trial;
use crate::schema::archive::Kind;
use crate::schema::restore::RoleMap;

/// Dropped with this value at the latest, also where Ctrl-C ends the run; what a kill leaves, the next one drops.
pub struct Scratch {
    name: String,
    info: Conninfo,
    /// Elsewhere on the server; none once the database is gone.
    keeper: Option<Session>,
}

impl Scratch {
    /// A database on the target's server, encoded and sorted as the target is, or as it will be.
    ///
    /// # Errors
    /// The role may not create databases, or may not do it now.
    pub async fn make(options: &Options, definitions: Definitions<'_>) -> Result<Self, Error> {
        let name = format!("{}{:016x}", trial::PREFIX, OsRng.next_u64());
        let (create, owner) = match connect(&options.target, "pgkeep split trial").await {
            Err(pg::Error::NoSuchDatabase { .. }) => (as_source(definitions, &name)?, source_owner(definitions)),
            connected => {
                let session = connected.map_err(failed("connecting"))?;
                let target = catalog::database(&session).await.map_err(failed("reading the catalog"))?;
                let create = trial::like(&target, &name, session.server_version_num());
                session.close().await.map_err(failed("closing the session"))?;
                (create, Some(target.owner))
            }
        };
        let keeper = connect_for_maintenance(&options.target).await?;
        trial::drop_leftovers(&keeper).await.map_err(failed("looking for old scratch databases"))?;
        // From here on it may be there, however this goes on.
        let scratch = Self { info: options.target.with_database(&name), name, keeper: Some(keeper) };
        if let Some(keeper) = &scratch.keeper
            && let Err(error) = trial::make(keeper, &scratch.name, &create, owner.as_deref()).await
        {
            let refused = failed("making a scratch database")(error);
            // Where nothing was made there is nothing to drop.
            scratch.close().await?;
            return Err(refused);
        }
        Ok(scratch)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn enter(&self) -> Result<Session, Error> {
        connect(&self.info, "pgkeep split trial").await.map_err(failed("connecting to a scratch database"))
    }

    /// Drops the database.
    ///
    /// # Errors
    /// It is still there; the next trial drops it.
    pub async fn close(mut self) -> Result<(), Error> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        trial::drop(keeper, &self.name).await.map_err(failed("dropping a scratch database"))?;
        match self.keeper.take() {
            Some(keeper) => keeper.close().await.map_err(failed("closing the session")),
            None => Ok(()),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            trial::drop_now(keeper.conninfo(), &self.name);
        }
    }
}

/// To whom the target would belong.
fn source_owner(definitions: Definitions<'_>) -> Option<String> {
    definitions.archive.entries().iter().find(|entry| entry.kind == Kind::Database)?.owner.clone()
}

/// The statement that would make the target.
fn as_source(definitions: Definitions<'_>, name: &str) -> Result<String, Error> {
    let plan = definitions.plan(name, RoleMap::default());
    let statements = plan.database.iter().flat_map(|step| &step.statements).map(|sql| sql.to_display());
    statements.into_iter().find(|sql| sql.starts_with("CREATE DATABASE ")).ok_or_else(|| Error::Internal {
        what: "pg_dump's archive does not say how its database is made".into(),
        source: None,
    })
}
