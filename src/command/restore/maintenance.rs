//! The server without the database that is filled.

use crate::command::Error;
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;
use crate::pg::target;

/// From which databases are made and dropped, the first that can be entered.
pub const MAINTENANCE_DATABASES: [&str; 2] = ["postgres", "template1"];

/// A session in a database of the server that is not the target.
pub async fn connect_for_maintenance(target: &Conninfo) -> Result<Session, Error> {
    match connect_elsewhere(target, "pgkeep restore").await.map_err(Error::target_database("connecting"))? {
        Some(session) => Ok(session),
        None => Err(Error::Usage {
            what: "the server has no database postgres or template1 to connect to".into(),
            hint: Some("Create the database yourself, and leave --create out.".into()),
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
