//! The server without the database that is filled.

use crate::command::Error;
use crate::pg;
use crate::pg::connect::{Session, connect};
use crate::pg::conninfo::Conninfo;

const MAINTENANCE_DATABASES: [&str; 2] = ["postgres", "template1"];

/// A session in a database of the server that is not the target.
pub async fn connect_for_maintenance(target: &Conninfo) -> Result<Session, Error> {
    for maintenance in MAINTENANCE_DATABASES {
        match connect(&target.with_database(maintenance), "pgkeep restore").await {
            Err(pg::Error::NoSuchDatabase { .. }) => {}
            connected => return connected.map_err(Error::target_database("connecting")),
        }
    }
    Err(Error::Usage {
        what: "the server has neither a database postgres nor template1 to connect to".into(),
        hint: Some("Create the database yourself and leave --create out.".into()),
    })
}
