//! The server that takes what moves, before anything is made there.

use super::Options;
use super::hindrances;
use super::source::server;
use crate::command::error::Error;
use crate::command::restore::maintenance::connect_elsewhere;
use crate::command::rights::of_server;
use crate::command::split::strangers::refuse;
use crate::pg;
use crate::pg::catalog;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::{dump, ours};
use crate::split::facts::{Cluster, Existence, SourceFacts, TargetFacts};

const NAME: &str = "pgkeep split plan";

/// A session on the target's server: in the target itself where it exists.
pub struct Visit {
    session: Session,
    /// What the target database holds; absent where it does not exist.
    existence: Existence,
    pub cluster: String,
}

fn failed(what: &str) -> impl FnOnce(pg::Error) -> Error + use<> {
    Error::target_database(what.to_owned())
}

impl Visit {
    pub async fn begin(target: &Conninfo) -> Result<Visit, Error> {
        let connected = match connect(target, NAME).await {
            Err(pg::Error::NoSuchDatabase { .. }) => None,
            connected => Some(connected.map_err(failed("connecting"))?),
        };
        let exists = connected.is_some();
        let session = match connected {
            Some(session) => session,
            None => elsewhere(target).await?,
        };
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let begun = session.client().batch_execute(begin).await;
        begun.map_err(|error| session.fault("starting a transaction", error)).map_err(failed("looking at it"))?;
        if exists {
            let strangers = ours::strangers(&session).await.map_err(failed("looking for objects of other roles"))?;
            refuse(strangers, &session)?;
        }
        let existence = match exists {
            true => Existence::Exists {
                objects: catalog::own_objects(&session).await.map_err(failed("reading the catalog"))?,
            },
            false => Existence::Absent,
        };
        let cluster = catalog::cluster_identity(&session).await.map_err(failed("reading the catalog"))?;
        Ok(Visit { session, existence, cluster })
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    pub async fn facts(self, options: &Options, cluster: Cluster, source: &SourceFacts) -> Result<TargetFacts, Error> {
        // A newer server wants a newer one than the source does: better said now than when the copy is to be proven.
        dump::find(&self.session, options.pg_bin.as_deref()).map_err(Error::TargetDump)?;
        let facts = self.read(options, cluster, source).await.map_err(failed("reading the catalog"))?;
        self.session.close().await.map_err(failed("closing the session"))?;
        Ok(facts)
    }

    async fn read(&self, options: &Options, cluster: Cluster, source: &SourceFacts) -> Result<TargetFacts, pg::Error> {
        let session = &self.session;
        let (available_extensions, default_versions) = catalog::available_extensions(session).await?;
        let (roles, member_of) = catalog::role_names(session).await?;
        let names: Vec<String> = source.roles.iter().map(|role| role.name.clone()).collect();
        let of_the_name = catalog::roles_by_name(session, &names).await?;
        let (collation, collation_version) = catalog::collation_version(session, &source.locale).await?;
        let encoding = match self.existence {
            Existence::Exists { .. } => Some(catalog::encoding(session).await?),
            Existence::Absent => None,
        };
        let default_privileges = match self.existence {
            Existence::Exists { .. } => catalog::default_privileges(session).await?,
            Existence::Absent => Vec::new(),
        };
        Ok(TargetFacts {
            database: options.target.database().to_owned(),
            server: server(session).await?,
            cluster,
            existence: self.existence.clone(),
            available_extensions,
            default_versions,
            roles,
            role_rights: of_server(&of_the_name),
            user: session.conninfo().user().to_owned(),
            rights: catalog::rights(session).await?,
            member_of,
            collation_version,
            collation,
            encoding,
            default_privileges,
            hindrances: hindrances::at_target(session, &self.existence, source).await?,
        })
    }
}

async fn elsewhere(target: &Conninfo) -> Result<Session, Error> {
    match connect_elsewhere(target, NAME).await.map_err(failed("connecting"))? {
        Some(session) => Ok(session),
        None => Err(Error::Usage {
            what: "the target's server has neither a database postgres nor template1 to connect to".into(),
            hint: Some("Create the target database yourself, empty.".into()),
        }),
    }
}
