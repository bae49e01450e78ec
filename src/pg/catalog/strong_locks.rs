//! Who keeps readers of a table out.

use std::fmt;

use super::{Error, Session, query};

/// A table that nobody can read, and because of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrongLock {
    pub table: String,
    pub holder: Holder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    Session {
        pid: i32,
        application: String,
    },
    /// A transaction that was prepared: it has no session, and no end of a session ends it.
    Prepared {
        gid: String,
        owner: String,
    },
    /// A transaction without a session, which was over before it could be asked for.
    Unknown,
}

/// All of the session's database.
pub async fn strong_locks(session: &Session) -> Result<Vec<StrongLock>, Error> {
    let sql = "SELECT DISTINCT n.nspname::text || '.' || c.relname::text, l.pid, coalesce(a.application_name, ''), p.gid, p.owner::text
        FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        LEFT JOIN pg_catalog.pg_locks own ON l.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'
            AND own.virtualtransaction = l.virtualtransaction
        LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid
        WHERE l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND l.granted AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p') ORDER BY 1";
    let lock = |row: &tokio_postgres::Row| StrongLock {
        table: row.get(0),
        holder: match (row.get(1), row.get(3), row.get(4)) {
            (Some(pid), _, _) => Holder::Session { pid, application: row.get(2) },
            (None, Some(gid), Some(owner)) => Holder::Prepared { gid, owner },
            _ => Holder::Unknown,
        },
    };
    Ok(query(session, "the list of locks", sql).await?.iter().map(lock).collect())
}

/// `sales.orders (process 4711, psql)`, `sales.orders (prepared transaction 'xa' of clerk)`
impl fmt::Display for StrongLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.table)?;
        match &self.holder {
            Holder::Session { pid, application } if application.is_empty() => write!(f, "process {pid}")?,
            Holder::Session { pid, application } => write!(f, "process {pid}, {application}")?,
            Holder::Prepared { gid, owner } => {
                write!(f, "prepared transaction '{}' of {owner}", gid.replace('\'', "''"))?;
            }
            Holder::Unknown => f.write_str("a transaction without a session")?,
        }
        f.write_str(")")
    }
}
