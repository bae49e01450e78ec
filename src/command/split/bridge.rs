//! The bridge: tried before anybody is refused a write, built when the source is sealed, torn down on the way back.

use std::collections::BTreeSet;

use chrono::Utc;
use rand_core::{OsRng, RngCore};
use secrecy::SecretString;

use super::SplitError;
use super::holding::{Had, Trying, at_source, at_target};
use super::plan::{self, Planned};
use super::state::State;
use crate::command::Error;
use crate::pg;
use crate::pg::bridge::{
    Endpoint, Extension, Probe, Refresh, Span, Works, hush, is_strange_owner, is_strange_role, leads_to, provide_role,
    strange_servers,
};
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::{Conninfo, Host, RootCertificates, SslMode};
use crate::split::bridge::{cut, given_up, ways};
use crate::split::facts::ForeignData;

/// What the plan says of it; none where nothing is bridged.
pub fn decide(planned: &Planned, options: &plan::Options) -> Option<Works> {
    let bridged = &planned.plan.bridged;
    if bridged.is_empty() {
        return None;
    }
    let suffix = Utc::now().format("_moved_%Y%m%d").to_string();
    let mut taken = BTreeSet::new();
    let mut aside = |schema: &str, name: &str| {
        // Long names may be cut to the same.
        let numbers = (1..).map(|n| if n == 1 { suffix.clone() } else { format!("{suffix}_{n}") });
        let mut names = numbers.map(|suffix| cut(name, 63 - suffix.len()) + &suffix);
        names.find(|name| taken.insert((schema.to_owned(), name.clone()))).unwrap_or_default()
    };
    let ways = ways(&planned.archive, bridged, options.target.database());
    let spans = bridged.iter().map(|table| Span {
        way: ways.iter().position(|way| way.tables.contains(&table.entry)).unwrap_or_default(),
        aside: aside(&table.schema, &table.name),
        schema: table.schema.clone(),
        name: table.name.clone(),
        oid: planned.archive.entry(table.entry).map(|entry| entry.catalog_id.oid),
    });
    let spans = spans.collect();
    let mut names = ways.into_iter().map(|way| way.role);
    let role = names.next()?;
    Some(Works {
        server: role.clone(),
        role,
        more: names.collect(),
        endpoint: endpoint(options),
        traffic: options.bridging.traffic,
        extension: match planned.source.foreign_data {
            ForeignData::Installed => Extension::Found,
            _ => Extension::Brought,
        },
        spans,
        leave: given_up(&planned.archive, &planned.plan.boundary),
        schemas: planned.names.moving.iter().cloned().collect(),
    })
}

/// Where the source's server finds the target: as this program does, unless it was told otherwise.
fn endpoint(options: &plan::Options) -> Endpoint {
    let target = &options.target;
    let first = target.endpoints().first();
    let host = first.map_or_else(String::new, |endpoint| match endpoint.host() {
        Host::Socket(folder) => folder.display().to_string(),
        Host::Name(name) | Host::Address { name: Some(name), .. } => name.clone(),
        Host::Address { name: None, address } => address.to_string(),
    });
    Endpoint {
        host: options.bridging.host.clone().unwrap_or(host),
        port: options.bridging.port.or(first.map(|endpoint| endpoint.port())).unwrap_or(pg::conninfo::DEFAULT_PORT),
        database: target.database().to_owned(),
        options: encryption(target),
    }
}

/// As strict as this program is asked to be. A file of root certificates must be there under the same name on the source's machine.
fn encryption(target: &Conninfo) -> Vec<(String, String)> {
    let tls = target.tls();
    let word = match tls.mode {
        SslMode::Disable => "disable",
        SslMode::Allow => "allow",
        SslMode::Prefer => return Vec::new(),
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    };
    let mut options = vec![("sslmode".to_owned(), word.to_owned())];
    if let (SslMode::VerifyCa | SslMode::VerifyFull, RootCertificates::File(path)) = (tls.mode, &tls.roots) {
        options.push(("sslrootcert".to_owned(), path.display().to_string()));
    }
    options
}

/// Makes the roles in the target and goes there and back once by each, by way of the source's server, before the fence goes up. Returns
/// the roles' passwords, which are kept nowhere but in the user mappings.
///
/// # Errors
/// The source's server does not get there, or gets to another database; somebody else's role has the name.
pub async fn try_out(state: &State, source: &Conninfo, target: &Session) -> Result<Vec<SecretString>, Error> {
    let Some(works) = &state.ties.bridge else { return Ok(Vec::new()) };
    let ways = works.ways();
    for way in &ways {
        let strange = is_strange_role(target, way.role).await;
        if let Some(comment) = strange.map_err(at_target("looking for the bridge's role"))? {
            let of = leads_to(&comment).map(str::to_owned);
            return Err(SplitError::BridgeRole { role: way.role.to_owned(), of }.into());
        }
    }
    let passwords: Vec<SecretString> = ways.iter().map(|_| password()).collect();
    for (way, password) in ways.iter().zip(&passwords) {
        let provided = provide_role(target, way.role, ways.len(), password).await;
        provided.map_err(at_target("making the bridge's role"))?;
    }
    // A session of its own: postgres_fdw keeps its connection as long as the session lives.
    let session = connect(source, "pgkeep split").await.map_err(at_source("connecting"))?;
    if is_strange_owner(&session, works).await.map_err(at_source("looking for the bridge's owner"))? {
        return Err(SplitError::BridgeRole { role: works.owner(), of: None }.into());
    }
    let strange = strange_servers(&session, works).await.map_err(at_source("looking for the bridge's servers"))?;
    if let Some(server) = strange.into_iter().next() {
        return Err(SplitError::BridgeServer { server }.into());
    }
    hush(&session).await.map_err(at_source("switching off statement logging"))?;
    let mut tried = Ok(());
    for (way, password) in ways.iter().zip(&passwords) {
        tried = match works.probe(&session, target, (*way, password)).await {
            Ok(Probe::Reached) => continue,
            Ok(Probe::AnotherDatabase) => Err(SplitError::BridgeElsewhere { endpoint: works.endpoint.clone().into() }),
            Err(source) => Err(SplitError::BridgeAway {
                role: way.role.to_owned(),
                roles: ways.iter().map(|way| way.role.to_owned()).collect(),
                endpoint: Box::new(works.endpoint.clone()),
                source: Box::new(source),
            }),
        };
        break;
    }
    session.close().await.map_err(at_source("closing the session"))?;
    tried?;
    Ok(passwords)
}

/// Under the fence, before anything is copied: the tables and all that reads them change hands, and are put back.
///
/// # Errors
/// Something cannot follow; somebody reads the tables for longer than the fence is waited for.
pub async fn rehearse(state: &State, source: &Session, trying: &Trying<'_>) -> Result<(), Error> {
    let Some(works) = &state.ties.bridge else { return Ok(()) };
    let attempt = async |patience| works.rehearse(source, patience).await;
    let had = trying.again_and_again(source, works.spans.len(), at_source, attempt).await;
    match had.map_err(|error| cannot_be_built(state, error))? {
        Had::Up => Ok(()),
        Had::NotInTime { who, source } => Err(SplitError::Bridge { sessions: who, source: Box::new(source) }.into()),
    }
}

/// Statements that build the bridge, for the transaction that seals the source.
pub async fn at_seal(state: &State, source: &Session, passwords: &[SecretString]) -> Result<String, Error> {
    let Some(works) = &state.ties.bridge else { return Ok(String::new()) };
    hush(source).await.map_err(at_source("switching off statement logging"))?;
    Ok(works.build(passwords, Refresh::Now))
}

/// Whether it is the bridge that cannot be built.
pub fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Fault(fault) if matches!(fault.get(), Some(SplitError::Bridge { .. })))
}

/// What the source refuses where a bridge is built is the bridge's failure.
pub fn cannot_be_built(state: &State, error: Error) -> Error {
    match error {
        Error::Source { source, .. } if state.ties.bridge.is_some() => {
            SplitError::Bridge { sessions: Vec::new(), source: Box::new(source) }.into()
        }
        other => other,
    }
}

/// What the roles need in the target, once its tables are there.
pub async fn grant(state: &State, target: &Session) -> Result<(), Error> {
    match &state.ties.bridge {
        Some(works) => works.grant(target).await.map_err(at_target("granting to the bridge's role")),
        None => Ok(()),
    }
}

/// The way back is tried before it is gone.
pub async fn rehearse_return(state: &State, source: &Session, trying: &Trying<'_>) -> Result<(), Error> {
    let Some(works) = &state.ties.bridge else { return Ok(()) };
    let attempt = async |patience| works.rehearse_return(source, patience).await;
    let had = trying.again_and_again(source, works.spans.len(), at_source, attempt).await;
    match had {
        Ok(Had::Up) => Ok(()),
        Ok(Had::NotInTime { who, source }) => {
            Err(SplitError::BridgeHolds { sessions: who, source: Box::new(source) }.into())
        }
        Err(Error::Source { source, .. }) => {
            Err(SplitError::BridgeHolds { sessions: Vec::new(), source: Box::new(source) }.into())
        }
        Err(error) => Err(error),
    }
}

/// What the way back could not make anew: warnings.
pub async fn left(state: &State, source: &Session) -> Result<Vec<String>, Error> {
    let Some(works) = &state.ties.bridge else { return Ok(Vec::new()) };
    let left = works.left(source).await.map_err(at_source("looking for what still reads the bridge"))?;
    let servers: Vec<&str> = works.ways().iter().map(|way| way.server).collect();
    let told = |reader| {
        format!(
            "{reader} was made during the rollback with a value whose domain is checked by an ordinary role, and was left: it reads a foreign table that leads nowhere. Drop it, then the {} {}, then the role {} where there is one",
            if servers.len() == 1 { "server" } else { "servers" },
            servers.join(", "),
            works.owner()
        )
    };
    Ok(left.into_iter().map(told).collect())
}

/// The roles go, and whatever they were granted in the session's database.
pub async fn dismiss(state: &State, session: &Session, target: &Conninfo) -> Result<(), Error> {
    for way in state.ties.bridge.iter().flat_map(Works::ways) {
        let dismissed = pg::bridge::dismiss_role(session, way.role, target.database()).await;
        dismissed.map_err(at_target("dropping the bridge's role"))?;
    }
    Ok(())
}

/// 128 bits, in letters and digits.
fn password() -> SecretString {
    SecretString::from(format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64()))
}
