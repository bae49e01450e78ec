//! Where a database is: enough to tell an original from a copy of its cluster, which has the same identifier.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Error;
use super::connect::Session;

/// A database as its server describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Of the cluster. Copies made by pg_basebackup, by a snapshot of the storage or with `cp` share it.
    pub system: String,
    /// The database's oid.
    pub database: i64,
    pub timeline: i64,
    pub port: i32,
    /// None where the role may not see it.
    pub data_directory: Option<String>,
    /// None over a socket.
    pub address: Option<String>,
    /// Of the postmaster, in microseconds since 1970.
    pub started: i64,
}

impl Place {
    /// The place of the session's database.
    pub async fn of(session: &Session) -> Result<Self, Error> {
        // pg_settings leaves out what a role may not see, and current_setting would fail.
        let sql = "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text, d.oid::bigint,
                (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())::bigint, pg_catalog.current_setting('port')::int,
                (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'), pg_catalog.host(pg_catalog.inet_server_addr()),
                (EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint
            FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";
        let row = session.row("identifying the database", sql, &[]).await?;
        Ok(Self {
            system: row.get(0),
            database: row.get(1),
            timeline: row.get(2),
            port: row.get(3),
            data_directory: row.get(4),
            address: row.get(5),
            started: row.get(6),
        })
    }

    /// As `split_state::identity` writes it.
    pub fn identity(&self) -> String {
        format!("{}/{}", self.system, self.database)
    }

    /// What makes `now` look like another database than this one, in words; nothing where it is the same, restarted or not.
    pub fn differs(&self, now: &Place) -> Vec<String> {
        if self.identity() != now.identity() {
            return vec![format!("it is the database {} of its cluster, but was {}", now.identity(), self.identity())];
        }
        // No two servers of one cluster begin in the same microsecond.
        if self.started == now.started {
            return Vec::new();
        }
        let mut words = Vec::new();
        let mut compare = |what: &str, was: Option<String>, is: Option<String>| {
            if let (Some(was), Some(is)) = (was, is)
                && was != is
            {
                words.push(format!("{what} is {is}, but was {was}"));
            }
        };
        compare("its port", Some(self.port.to_string()), Some(now.port.to_string()));
        compare("its timeline", Some(self.timeline.to_string()), Some(now.timeline.to_string()));
        compare("its data directory", self.data_directory.clone(), now.data_directory.clone());
        let (was, is) = (outward(self), outward(now));
        if was.is_some_and(|was| is.is_some_and(|is| was.is_ipv4() == is.is_ipv4())) {
            compare("its address", was.map(|a| a.to_string()), is.map(|a| a.to_string()));
        }
        words
    }
}

/// What a database is called by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Called(String),
    /// Its server has no such database any more.
    Gone,
    /// This is another server than the one that had it.
    OtherServer,
}

/// The name of the database with this OID, of the cluster with this identifier, asked in any of its databases.
pub async fn named(session: &Session, system: &str, oid: i64) -> Result<Named, Error> {
    let sql = "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text,
        (SELECT datname::text FROM pg_catalog.pg_database WHERE oid::bigint = $1)";
    let row = session.row("what a database is called", sql, &[&oid]).await?;
    Ok(match row.get::<_, Option<String>>(1) {
        _ if row.get::<_, &str>(0) != system => Named::OtherServer,
        Some(name) => Named::Called(name),
        None => Named::Gone,
    })
}

/// Every machine calls itself 127.0.0.1.
fn outward(place: &Place) -> Option<IpAddr> {
    place.address.as_deref()?.parse().ok().filter(|address: &IpAddr| !address.is_loopback())
}

/// The server's system identifier and the oid of a database of that name that a DROP has not finished; none where it is no such.
pub async fn invalid_database(session: &Session, name: &str) -> Result<Option<(String, i64)>, Error> {
    // DATCONNLIMIT_INVALID_DB
    let sql = "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text, d.oid::bigint
        FROM pg_catalog.pg_database d WHERE d.datname = $1 AND d.datconnlimit = -2";
    let row = session.client().query_opt(sql, &[&name]).await;
    let row = row.map_err(|error| session.fault("the list of databases", error))?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            system: "7".into(),
            database: 5,
            timeline: 1,
            port: 5432,
            data_directory: Some("/data".into()),
            address: Some("10.0.0.1".into()),
            started: 1,
        }
    }

    #[test]
    fn a_restart_is_no_copy_and_every_other_difference_is_told() {
        let later = || Place { started: 2, ..place() };
        assert_eq!(place().differs(&later()), [""; 0]);
        assert_eq!(
            place().differs(&Place { port: 5433, timeline: 2, ..later() }),
            ["its port is 5433, but was 5432", "its timeline is 2, but was 1"]
        );
        let elsewhere = Place { data_directory: Some("/copy".into()), ..later() };
        assert_eq!(place().differs(&elsewhere), ["its data directory is /copy, but was /data"]);
        let elsewhere = Place { address: Some("10.0.0.2".into()), ..later() };
        assert_eq!(place().differs(&elsewhere), ["its address is 10.0.0.2, but was 10.0.0.1"]);
        assert_eq!(
            place().differs(&Place { database: 6, ..place() }),
            ["it is the database 7/6 of its cluster, but was 7/5"]
        );
    }

    #[test]
    fn what_is_not_known_of_both_or_says_nothing_is_not_compared() {
        let later = || Place { started: 2, ..place() };
        for address in [None, Some("127.0.0.1".to_owned()), Some("::1".to_owned()), Some("fd00::7".to_owned())] {
            assert_eq!(place().differs(&Place { address, ..later() }), [""; 0]);
        }
        assert_eq!(place().differs(&Place { data_directory: None, ..later() }), [""; 0]);
    }

    /// Two networks lead to one server.
    #[test]
    fn a_server_that_did_not_stop_is_the_same_by_whatever_address() {
        assert_eq!(place().differs(&Place { address: Some("192.168.0.1".into()), ..place() }), [""; 0]);
    }
}
