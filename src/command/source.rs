//! Where rows come from: a server, seen by several sessions at one instant.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Runtime;

use super::error::Error;
use super::runtime::worker_runtime;
use crate::pg;
use crate::pg::catalog::TableFacts;
use crate::pg::connect::Session;
use crate::pg::conninfo::Conninfo;
use crate::pg::snapshot::{SourceSnapshot, is_unknown_snapshot, join_statements, locks};
use crate::pg::tables_alone;
use crate::pg::wire::Wire;
use crate::stop::Stop;

/// How long a reader waits for a lock that another session of ours has already.
const LOCK_MS: u64 = 1000;

pub struct Source {
    pub conninfo: Conninfo,
    pub snapshot_id: String,
    /// The database's encoding.
    pub encoding: String,
    /// How long a session that joins late waits for a lock; 0 waits forever.
    pub lock_timeout_ms: u64,
    /// Sessions that have joined the snapshot, and hold the locks of all that is to be read.
    readers: Readers,
}

#[derive(Default)]
struct Readers(Mutex<Vec<Wire>>);

impl Readers {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Wire>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Readers {
    /// A session's runtime may not end inside another one.
    fn drop(&mut self) {
        let left = std::mem::take(&mut *self.waiting());
        if !left.is_empty() {
            std::thread::scope(|scope| drop(scope.spawn(move || drop(left)).join()));
        }
    }
}

impl Source {
    pub fn of(snapshot: &SourceSnapshot, encoding: &str, lock_timeout_ms: u64) -> Self {
        Self {
            conninfo: snapshot.session.conninfo().clone(),
            snapshot_id: snapshot.id.clone(),
            encoding: encoding.to_owned(),
            lock_timeout_ms,
            readers: Readers::default(),
        }
    }

    /// A session that has joined the snapshot: one that holds its locks already, as long as there are any.
    pub fn reader(&self, stop: &Stop) -> Result<Wire, Error> {
        let ready = self.readers.waiting().pop();
        ready.map_or_else(|| join(self, worker_runtime()?, stop), Ok)
    }

    /// Opens readers that hold locks on the tables. False where somebody is in between.
    pub fn gather(&self, tables: &[&TableFacts], count: usize, stop: &Stop) -> Result<bool, Error> {
        let statements = locks(tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())));
        let reader = || {
            let mut wire = join(self, worker_runtime()?, stop)?;
            let asked = (|| {
                wire.execute("a setting", format!("SET lock_timeout = {LOCK_MS}").as_bytes())?;
                for statement in &statements {
                    wire.execute("locks on the tables (ACCESS SHARE)", statement.as_bytes())?;
                }
                wire.execute("a setting", format!("SET lock_timeout = {}", self.lock_timeout_ms).as_bytes())
            })();
            match asked {
                Ok(()) => Ok(Some(wire)),
                // lock_not_available
                Err(error) if error.sqlstate() == Some("55P03") => Ok(None),
                // out_of_memory: more locks than the server has room for. Then a reader takes them one by one.
                Err(error) if error.sqlstate() == Some("53200") => join(self, worker_runtime()?, stop).map(Some),
                Err(error) => Err(Error::source_database("locking the tables for reading")(error)),
            }
        };
        // A thread of their own: a reader's calls block.
        let readers = std::thread::scope(|scope| {
            let gathered = scope.spawn(|| (0..count).map(|_| reader()).collect::<Result<Option<Vec<Wire>>, Error>>());
            gathered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        let is_gathered = readers.is_some();
        *self.readers.waiting() = readers.unwrap_or_default();
        Ok(is_gathered)
    }
}

/// A session that sees the snapshot.
pub fn join(source: &Source, runtime: Arc<Runtime>, stop: &Stop) -> Result<Wire, Error> {
    let failed = |source: pg::Error| Error::Source { what: "opening a session for rows".into(), source };
    let mut wire = Wire::connect(&source.conninfo, "pgkeep rows", runtime, stop).map_err(failed)?;
    let joined = wire.execute("the snapshot of another session", join_statements(&source.snapshot_id).as_bytes());
    joined.map_err(|error| match is_unknown_snapshot(&error) {
        true => Error::SnapshotLost { explanation: "the sessions are on different servers".into(), source: error },
        false => failed(error),
    })?;
    // Whoever waits for a lock on a table that this session has not locked yet would keep it waiting for ever.
    let bounded = format!("SET lock_timeout = {}", source.lock_timeout_ms);
    wire.execute("a setting", bounded.as_bytes()).map_err(failed)?;
    tables_alone::read_by(&mut wire).map_err(failed)?;
    Ok(wire)
}

/// A second session joins the snapshot, before anything long begins: behind a pooler or balancer it may reach another server.
pub async fn check_snapshot_travels(session: &Session, source: &Source, stop: &Stop) -> Result<(), Error> {
    let identity = "SELECT pg_catalog.pg_postmaster_start_time()::text || ' ' || coalesce(pg_catalog.inet_server_addr()::text, 'socket')
        || ' ' || coalesce(pg_catalog.inet_server_port()::text, '') || CASE WHEN pg_catalog.pg_is_in_recovery() THEN ' standby' ELSE '' END";
    let row = session.client().query_one(identity, &[]).await;
    let first: String =
        row.map_err(|e| Error::source_database("identifying the server")(session.fault("a question", e)))?.get(0);
    let failed = || Error::source_database("identifying the server");
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| {
            let mut wire = match join(source, worker_runtime()?, stop) {
                Err(Error::SnapshotLost { source: error, .. }) => {
                    let wire = Wire::connect(&source.conninfo, "pgkeep rows", worker_runtime()?, stop);
                    let mut wire = wire.map_err(failed())?;
                    let second = wire.query("a question", identity.as_bytes()).map_err(failed())?;
                    let second = second.into_iter().flatten().flatten().next().unwrap_or_default();
                    return Err(Error::SnapshotLost { explanation: explain(&first, &second), source: error });
                }
                joined => joined?,
            };
            wire.execute("ending a transaction", b"ROLLBACK").map_err(failed())
        });
        probe.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn explain(first: &str, second: &str) -> String {
    if first == second {
        "the server is the same, so a pooler connected the second session to another database, or ended the first one's transaction".into()
    } else {
        format!("the first session is on a server that started at {first}, the second on one that started at {second}")
    }
}
