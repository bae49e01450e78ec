//! One instant of the source: locks first, then the snapshot, then everybody looks through it.

use std::time::{Duration, Instant};

use super::Error;
use super::catalog::{self, Reading, StrongLock, TableFacts};
use super::connect::{Session, connect};
use super::conninfo::Conninfo;
use super::quoting::{quote_literal, quote_relation};
use super::tables_alone;

/// How often the list of tables may change between locking and the snapshot, however little patience there is.
const ATTEMPTS_MIN: usize = 5;
const TABLES_IN_LOCK: usize = 200;

/// A session whose transaction holds an exported snapshot and ACCESS SHARE locks on every table to be read.
///
/// `pg_dump` takes its snapshot first and its locks after; a TRUNCATE in between shows as an empty table. Here the locks come
/// first: in REPEATABLE READ the snapshot is taken by the first query, and LOCK TABLE is none (manual, "LOCK").
pub struct SourceSnapshot {
    pub session: Session,
    pub id: String,
    /// By oid, as the snapshot shows them. Tables that were not `wanted` are listed and not locked.
    pub tables: Vec<TableFacts>,
}

/// A table that is to be read and that this role cannot read whole.
#[derive(Clone, Debug)]
pub struct Unreadable {
    pub table: String,
    pub reading: Reading,
}

pub enum Opened {
    Snapshot(Box<SourceSnapshot>),
    Unreadable(Vec<Unreadable>),
    /// Another session held a lock for longer than the time-out; `held` says who holds what.
    Locked {
        held: Vec<StrongLock>,
        source: Error,
    },
    /// Tables came and went too quickly to lock them all.
    Restless,
}

enum Attempt {
    Found(String, Vec<TableFacts>),
    Unreadable(Vec<Unreadable>),
    Restless,
}

impl SourceSnapshot {
    /// `wanted` says which tables will be read. `lock_timeout_ms` 0 waits forever.
    pub async fn open(
        info: &Conninfo,
        wanted: impl Fn(&TableFacts) -> bool,
        lock_timeout_ms: u64,
    ) -> Result<Opened, Error> {
        let session = connect(info, "pgkeep backup").await?;
        match Self::open_in(&session, &wanted, lock_timeout_ms).await {
            Ok(Attempt::Found(id, tables)) => Ok(Opened::Snapshot(Box::new(SourceSnapshot { session, id, tables }))),
            Ok(Attempt::Unreadable(unreadable)) => Ok(Opened::Unreadable(unreadable)),
            Ok(Attempt::Restless) => Ok(Opened::Restless),
            // lock_not_available
            Err(source) if source.sqlstate() == Some("55P03") => {
                session.run("ending a transaction", "ROLLBACK").await?;
                Ok(Opened::Locked { held: catalog::strong_locks(&session).await?, source })
            }
            Err(error) => Err(error),
        }
    }

    async fn open_in(
        session: &Session,
        wanted: &impl Fn(&TableFacts) -> bool,
        lock_timeout_ms: u64,
    ) -> Result<Attempt, Error> {
        // For the whole session: the list of tables asks for their sizes, and so waits for their locks as well.
        session.run("a setting", &format!("SET lock_timeout = {lock_timeout_ms}")).await?;
        tables_alone::read(session).await?;
        // Each attempt lets go of what it has: nobody waits for us meanwhile. On busy processors a table that lives for milliseconds is
        // gone before it is locked, again and again.
        let (began, patience) = (Instant::now(), Duration::from_millis(lock_timeout_ms));
        let mut attempts = 0;
        // As for the server, none is without end.
        while attempts < ATTEMPTS_MIN || patience.is_zero() || began.elapsed() < patience {
            attempts += 1;
            let before = catalog::tables(session).await?;
            let unreadable: Vec<_> = before
                .iter()
                .filter(|t| wanted(t) && !matches!(t.reading, Reading::Complete | Reading::Elsewhere))
                .map(unreadable)
                .collect();
            if !unreadable.is_empty() {
                return Ok(Attempt::Unreadable(unreadable));
            }
            session.run("starting a transaction", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let tables = before.iter().filter(|t| wanted(t)).map(|t| (t.schema.as_str(), t.name.as_str()));
            if !lock(session, &locks(tables)).await? {
                continue;
            }
            let row = session.client().query_one("SELECT pg_catalog.pg_export_snapshot()", &[]).await;
            let id: String = row.map_err(|e| session.fault("exporting a snapshot", e))?.get(0);
            let tables = catalog::tables(session).await?;
            let key = |t: &TableFacts| (t.oid, t.schema.clone(), t.name.clone());
            let locked = |tables: &[TableFacts]| tables.iter().filter(|t| wanted(t)).map(key).collect::<Vec<_>>();
            if locked(&before) == locked(&tables) {
                return Ok(Attempt::Found(id, tables));
            }
            session.run("ending a transaction", "ROLLBACK").await?;
        }
        Ok(Attempt::Restless)
    }
}

/// Statements that take the locks of a reader on the tables, by schema and name.
pub fn locks<'a>(tables: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let names: Vec<String> = tables.map(|(schema, name)| quote_relation(schema, name)).collect();
    let statement = |batch: &[String]| format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", batch.join(", ONLY "));
    names.chunks(TABLES_IN_LOCK).map(statement).collect()
}

/// Locks the tables; false (and rolled back) if one of them is gone meanwhile.
async fn lock(session: &Session, statements: &[String]) -> Result<bool, Error> {
    for sql in statements {
        match session.run("locks on the tables (ACCESS SHARE)", sql).await {
            Ok(()) => {}
            // undefined_table, invalid_schema_name
            Err(error) if matches!(error.sqlstate(), Some("42P01" | "3F000")) => {
                session.run("ending a transaction", "ROLLBACK").await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn unreadable(table: &TableFacts) -> Unreadable {
    Unreadable { table: format!("{}.{}", table.schema, table.name), reading: table.reading }
}

/// Statements with which another session joins the snapshot.
pub fn join_statements(snapshot_id: &str) -> String {
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        quote_literal(snapshot_id).trim()
    )
}

/// Whether an error of [`join_statements`] says that the snapshot is not known: the two sessions are on different servers.
pub fn is_unknown_snapshot(error: &Error) -> bool {
    // invalid_parameter_value, undefined_object, object_not_in_prerequisite_state, feature_not_supported
    matches!(error.sqlstate(), Some("22023" | "42704" | "55000" | "0A000"))
}
