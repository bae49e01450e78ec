//! Who has the advisory locks of a split.

use std::fmt;

use super::{Error, LOCK, SEAL_LOCK, Session};
use crate::spelling::sql_text;

const NOBODY: &str = "SELECT NULL::pg_catalog.oid";

/// A session that has the lock by which a split owns a database's fence. Anybody who may connect can take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// 0 of a transaction that was prepared: it belongs to no session.
    pub pid: i32,
    /// The name of that.
    pub prepared: Option<String>,
    pub role: String,
    /// As the session calls itself.
    pub application: String,
    /// It is of a role that could run a split here: the session's own, a superuser, or whose the log of loose keys is.
    pub is_trusted: bool,
    /// For itself; a writer that a held fence asks shares it.
    pub is_exclusive: bool,
}

impl Holder {
    /// A command of a split: it has the lock for itself. A writer that a held fence asks shares it.
    pub fn is_split(&self) -> bool {
        self.is_trusted && self.application.starts_with("pgkeep split")
    }

    /// The statement that ends it.
    pub fn end(&self) -> String {
        match &self.prepared {
            Some(name) => format!("ROLLBACK PREPARED {}", sql_text(name)),
            None => format!("SELECT pg_terminate_backend({})", self.pid),
        }
    }

    /// A command of a split or a reaper.
    pub fn is_reaper(&self) -> bool {
        self.is_trusted && self.application.starts_with("pgkeep ")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prepared {
            Some(name) => write!(f, "the prepared transaction '{name}' of the role {}", self.role),
            None => write!(f, "process {} of the role {} (application '{}')", self.pid, self.role, self.application),
        }
    }
}

/// Who has it at this moment, but for this session.
pub async fn holders(session: &Session) -> Result<Vec<Holder>, Error> {
    holders_of(session, LOCK, NOBODY).await
}

/// Who has the lock of a seal, but for this session.
pub(super) async fn of_seal(session: &Session) -> Result<Vec<Holder>, Error> {
    holders_of(session, SEAL_LOCK, NOBODY).await
}

/// Who has one of the two and is no command of a split: the next one is refused until they let go.
pub async fn strangers(session: &Session) -> Result<Vec<Holder>, Error> {
    let mut strangers = holders(session).await?;
    for holder in of_seal(session).await? {
        if !strangers.iter().any(|stranger| (stranger.pid, &stranger.prepared) == (holder.pid, &holder.prepared)) {
            strangers.push(holder);
        }
    }
    strangers.retain(|holder| !holder.is_split());
    Ok(strangers)
}

/// The same of another advisory lock by two numbers, of pgkeep's in this database. `also` is a query for one more role that is trusted.
pub(in crate::pg) async fn holders_of(session: &Session, lock: &str, also: &str) -> Result<Vec<Holder>, Error> {
    let sql = format!(
        "SELECT coalesce(l.pid, 0), coalesce(r.rolname::text, 'unknown'), coalesce(a.application_name, ''), coalesce(r.rolsuper OR r.rolname = current_user OR r.oid = ({also}), false), l.mode = 'ExclusiveLock', x.gid
        FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        LEFT JOIN pg_catalog.pg_locks own ON l.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid' AND own.granted
            AND own.virtualtransaction = l.virtualtransaction
        LEFT JOIN pg_catalog.pg_prepared_xacts x ON x.transaction = own.transactionid
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid OR r.rolname = x.owner
        WHERE l.locktype = 'advisory' AND (l.classid, l.objid, l.objsubid) = ({lock}, 2) AND l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 1"
    );
    let rows = session.rows("the holder of the lock of a split", &sql, &[]).await?;
    let one = |row: &tokio_postgres::Row| Holder {
        pid: row.get(0),
        role: row.get(1),
        application: row.get(2),
        is_trusted: row.get(3),
        is_exclusive: row.get(4),
        prepared: row.get(5),
    };
    Ok(rows.iter().map(one).collect())
}
