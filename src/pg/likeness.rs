//! What a private server takes over from a real one, so that a time that is measured on it means something.

use std::collections::BTreeMap;

use super::Error;
use super::catalog;
use super::connect::{Session, connect};
use super::conninfo::Conninfo;
use super::quoting::quote_identifier;

/// Settings that decide how long a copy takes: what is written how durably, how often, and with how much memory and how many
/// processes; and how many locks a transaction may hold, for a fence locks every table at once.
pub const TAKEN_OVER: [&str; 23] = [
    "autovacuum",
    "backend_flush_after",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "default_toast_compression",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "maintenance_io_concurrency",
    "maintenance_work_mem",
    "max_connections",
    "max_locks_per_transaction",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_wal_size",
    "max_worker_processes",
    "min_wal_size",
    "shared_buffers",
    "synchronous_commit",
    "wal_buffers",
    "wal_init_zero",
    "wal_level",
    "work_mem",
];

/// A server as far as SQL shows it to any role.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// `server_version_num` without the minor version: 15.
    pub major: u32,
    /// As [`catalog::cluster_identity`] has it.
    pub cluster: String,
    /// Those of [`TAKEN_OVER`] that the server has, as it spells them: `128MB`, `on`.
    pub settings: BTreeMap<String, String>,
    pub shared_buffers_bytes: u64,
    pub max_wal_bytes: u64,
    /// Standbys for which commits wait; empty where there are none.
    pub synchronous_standbys: String,
}

impl Likeness {
    pub async fn of(session: &Session) -> Result<Self, Error> {
        let sql =
            "SELECT name::text, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE name = ANY ($1)";
        let rows = session.rows("the server's settings", sql, &[&TAKEN_OVER.as_slice()]).await?;
        let sql = "SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')),
            pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')),
            coalesce(pg_catalog.current_setting('synchronous_standby_names', true), '')";
        let sizes = session.row("the server's settings", sql, &[]).await?;
        Ok(Self {
            major: session.server_version_num() / 10_000,
            cluster: catalog::cluster_identity(session).await?,
            settings: rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
            shared_buffers_bytes: sizes.get::<_, i64>(0).unsigned_abs(),
            max_wal_bytes: sizes.get::<_, i64>(1).unsigned_abs(),
            synchronous_standbys: sizes.get(2),
        })
    }
}

/// Size of the session's database in its files, indexes included.
pub async fn database_bytes(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())";
    let row = session.client().query_one(sql, &[]).await;
    Ok(row.map_err(|error| session.fault("the database's size", error))?.get::<_, i64>(0).unsigned_abs())
}

/// How many large objects the session's database has.
pub async fn large_objects(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata";
    let row = session.client().query_one(sql, &[]).await;
    Ok(row.map_err(|error| session.fault("the number of large objects", error))?.get::<_, i64>(0).unsigned_abs())
}

/// Why a server cannot make an extension; none where it can. Tries it, and takes it back.
///
/// A connection of its own, for an extension that has to be loaded at the server's start ends the one that asks for it.
pub async fn refuses_extension(info: &Conninfo, name: &str) -> Result<Option<String>, Error> {
    let session = connect(info, "pgkeep rehearsal").await?;
    let there = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_available_extensions WHERE name = $1";
    let row = session.client().query_one(there, &[&name]).await;
    if row.map_err(|error| session.fault("the list of available extensions", error))?.get::<_, i64>(0) == 0 {
        session.close().await?;
        return Ok(Some("not installed".into()));
    }
    let name = quote_identifier(name);
    // Where it has no schema of its own it takes the first of the search path.
    let make =
        format!("BEGIN; SET LOCAL search_path = public; CREATE EXTENSION IF NOT EXISTS {name} CASCADE; ROLLBACK");
    match session.run("an extension", &make).await {
        Ok(()) => {
            session.close().await?;
            Ok(None)
        }
        // The session ends with its transaction.
        Err(error) => match error.server_message() {
            Some(message) => Ok(Some(message.message.clone())),
            None => Err(error),
        },
    }
}

/// Writes out what was changed, so that it is not written while something is timed.
pub async fn checkpoint(session: &Session) -> Result<(), Error> {
    session.run("a checkpoint", "CHECKPOINT").await
}
