//! What belongs to a snapshot beside definitions and rows.

use super::Error;
use super::taking::{Read, Taking};
use crate::command::source_facts::{elsewhere, read_roles, read_sequences};
use crate::command::{not_given, selecting, surroundings};
use crate::pg::catalog::{self, RoleFacts};
use crate::repo::manifest::{LeftOut, Sequence, Server, Settings};

pub struct Beside {
    pub sequences: Vec<Sequence>,
    pub left_out: Vec<LeftOut>,
    pub roles: RoleFacts,
    /// Materialized views of the selection that held rows, by oid.
    pub populated: Vec<u32>,
    pub server: Server,
    pub settings: Settings,
}

impl Beside {
    pub async fn read(taking: &Taking<'_>, read: &Read) -> Result<Self, Error> {
        let Taking { options, request, snapshot, .. } = taking;
        let Read { archive, selection, .. } = read;
        let session = &snapshot.session;
        let failed = || Error::source_database("reading the catalog");
        let sequences = read_sequences(snapshot, selection).await?;
        let mut left_out = selecting::describe_left_out(archive, selection);
        left_out.extend(elsewhere(snapshot, selection).await?);
        left_out.extend(not_given::hidden(session, archive, selection, request).await?);
        let roles = read_roles(session, request, archive, selection, options.passwords).await?;
        let mut populated = catalog::populated_views(session).await.map_err(failed())?;
        if !request.is_everything() {
            populated = selecting::only_selected(populated, archive, selection);
        }
        let version = catalog::server_version(session).await.map_err(failed())?;
        let server = Server { version_num: session.server_version_num(), version };
        let settings = surroundings::of_source(session.conninfo()).await;
        let settings = settings.map_err(Error::source_database("reading settings"))?;
        Ok(Self { sequences, left_out, roles, populated, server, settings })
    }
}
