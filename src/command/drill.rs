//! `pgkeep drill`: a restore nobody has to ask for, into a server that is thrown away, with the time that each part took.

mod room;

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use room::Room;

use super::error::Error;
use super::full;
use super::mismatch::Mismatch;
use super::moment::millis;
use super::restore::{self, Loading, Phases, SearchPath, ThroughRoot};
use super::taken::Taken;
use super::watch::Watch;
use crate::pg::binaries::server_for;
use crate::pg::cluster::{ClusterError, ClusterOptions, PrivateCluster};
use crate::pg::connect::{connect, connect_as_user};
use crate::pg::conninfo::{Conninfo, Environment};
use crate::pg::question::{self, Answer};
use crate::repo::manifest::LeftOut;
use crate::repo::{Manifest, Record, Repository, SnapshotId};
use crate::schema::statements::Statement;
use crate::stream::seal::PublicRecord;

pub struct Options {
    /// As a repository resolves it.
    pub snapshot: String,
    /// Statements that must answer true in the restored database.
    pub assertions: Vec<Statement>,
    pub jobs: usize,
    pub through_root: ThroughRoot,
    pub search_path: SearchPath,
    pub pg_bin: Option<PathBuf>,
    pub room: Room,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Restored, proven, and every assertion true.
    pub ok: bool,
    pub snapshot: SnapshotId,
    #[serde(flatten)]
    pub taken: Taken,
    /// The snapshot's.
    pub database: String,
    pub server_version: String,
    pub tables: u64,
    pub rows: u64,
    /// From nothing to a database that can be used: server, definitions, rows, indexes, statistics; without proof and assertions.
    pub rto_ms: u64,
    /// How old the snapshot was when the drill began: what a disaster at that moment would have lost.
    pub data_age_ms: u64,
    pub phases: DrillPhases,
    pub proven: bool,
    pub mismatches: Vec<Mismatch>,
    pub keys_not_valid: Vec<String>,
    /// What the snapshot's selection names, and the drill could not bring.
    pub left_out: Vec<LeftOut>,
    pub assertions: Vec<Assertion>,
    pub warnings: Vec<String>,
    /// The record in the repository; none where it could not be written.
    pub receipt: Option<String>,
    pub elapsed_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct DrillPhases {
    pub server_ms: u64,
    #[serde(flatten)]
    pub restore: Phases,
    pub assertions_ms: u64,
    pub cleanup_ms: u64,
}

#[derive(Debug, Serialize)]
pub struct Assertion {
    pub name: String,
    pub ok: bool,
    /// What it answered instead of true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a drill leaves in the repository. Nothing of it is of the database's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub snapshot: SnapshotId,
    pub time: DateTime<Utc>,
    pub ok: bool,
    pub proven: bool,
    pub rto_ms: u64,
    pub data_age_ms: u64,
    pub assertions: u64,
    pub assertions_failed: u64,
    pub pgkeep: String,
}

impl PublicRecord for Receipt {}

impl Record for Receipt {
    const KIND: &'static str = "drill";
}

pub async fn run(repository: &Repository, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let (began, started) = (Utc::now(), Instant::now());
    watch.set_phase("reading the snapshot");
    let manifest = repository.manifest(&repository.resolve(&options.snapshot).await?).await?;
    let binaries = server_for(manifest.server.version_num / 10_000, options.pg_bin.as_deref())?;
    if options.room == Room::Check {
        room::check(&manifest).await?;
    }
    let when_full = |error| full::explained(error, Some(room::needed(&manifest)));

    watch.set_phase("starting a private server");
    let server_version = binaries.version.to_string();
    let cluster = aside(move || PrivateCluster::start(&binaries, private_server())).await.map_err(when_full)?;
    let server_ms = millis(started);
    let leftover = cluster.leftover();
    let target = database_for(&manifest, &cluster)?;
    let restored = restore::run(repository, &restoring(&manifest, options, &target), watch).await.map_err(when_full)?;

    watch.set_phase("running the assertions");
    let phase = Instant::now();
    let assertions = assert_all(&cluster, &target, &options.assertions).await?;
    let assertions_ms = millis(phase);

    watch.set_phase("removing the private server");
    let phase = Instant::now();
    aside(move || cluster.stop()).await?;
    let phases = DrillPhases { server_ms, restore: restored.phases, assertions_ms, cleanup_ms: millis(phase) };

    let receipt = Receipt::of(&manifest, began, server_ms, &restored, &assertions);
    let mut warnings = restored.warnings;
    warnings.retain(|warning| !is_about_the_private_server(warning));
    warnings.extend(leftover);
    let written = repository.write_record(&receipt).await;
    if let Err(error) = &written {
        warnings.push(format!("the receipt could not be written to the repository: {error}"));
    }
    Ok(Report {
        ok: receipt.ok,
        taken: restored.taken,
        snapshot: manifest.snapshot,
        database: manifest.database.name,
        server_version,
        tables: restored.tables,
        rows: restored.rows,
        rto_ms: receipt.rto_ms,
        data_age_ms: receipt.data_age_ms,
        phases,
        proven: restored.proven,
        mismatches: restored.mismatches,
        keys_not_valid: restored.keys_not_valid,
        left_out: restored.left_out,
        assertions,
        warnings,
        receipt: written.ok().map(|key| key.to_string()),
        elapsed_ms: millis(started),
    })
}

impl Receipt {
    fn of(
        manifest: &Manifest,
        began: DateTime<Utc>,
        server_ms: u64,
        restored: &restore::Report,
        assertions: &[Assertion],
    ) -> Self {
        let failed = assertions.iter().filter(|assertion| !assertion.ok).count() as u64;
        Self {
            snapshot: manifest.snapshot.clone(),
            time: Utc::now(),
            ok: restored.proven && failed == 0,
            proven: restored.proven,
            rto_ms: server_ms + restored.elapsed_ms.saturating_sub(restored.phases.proof_ms),
            data_age_ms: (began - manifest.time).num_milliseconds().max(0).unsigned_abs(),
            assertions: assertions.len() as u64,
            assertions_failed: failed,
            pgkeep: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// In a thread of its own: a server takes its time to start and to stop.
async fn aside<T: Send + 'static>(does: impl FnOnce() -> Result<T, ClusterError> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(does).await.map_err(|source| Error::Internal {
        what: "the private server's thread ended too early".into(),
        source: Some(Box::new(source)),
    });
    Ok(done??)
}

/// A database of another name where the server has this one from the start.
fn database_for(manifest: &Manifest, cluster: &PrivateCluster) -> Result<Conninfo, Error> {
    let name = Some(manifest.database.name.as_str()).filter(|name| !["postgres", "template1"].contains(name));
    Ok(Conninfo::resolve(Some(&cluster.dsn(name.unwrap_or("pgkeep_drill"))), &Environment::default())?)
}

/// Not the name that was asked for: `latest` may mean another snapshot by now.
fn restoring(manifest: &Manifest, options: &Options, target: &Conninfo) -> restore::Options {
    let loading = Loading {
        search_path: options.search_path.clone(),
        through_root: options.through_root,
        ..Loading::of_a_copy(target.clone(), options.jobs)
    };
    restore::Options::of_all(&manifest.snapshot, loading)
}

/// It is started with a `wal_level` with which rows are loaded without WAL, and never publishes anything. Its messages are in English.
fn is_about_the_private_server(warning: &str) -> bool {
    warning.starts_with("PUBLICATION ") && warning.ends_with("is insufficient to publish logical changes")
}

/// Durability is off by the cluster's own choice; nothing runs in the background that would be thrown away as well.
fn private_server() -> ClusterOptions {
    let settings = [("autovacuum", "off"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "1h")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    ClusterOptions { settings, ..ClusterOptions::default() }
}

async fn assert_all(
    cluster: &PrivateCluster,
    target: &Conninfo,
    statements: &[Statement],
) -> Result<Vec<Assertion>, Error> {
    let mut assertions = Vec::with_capacity(statements.len());
    if statements.is_empty() {
        return Ok(assertions);
    }
    let failed = |what: &'static str| Error::target_database(what);
    let session = connect(target, "pgkeep drill").await.map_err(failed("connecting"))?;
    let role = question::role_for_questions(&session).await.map_err(failed("preparing the assertions"))?;
    session.close().await.map_err(failed("closing the session"))?;
    let asking = Conninfo::resolve(Some(&cluster.dsn_as(&role, target.database())), &Environment::default())?;
    let session = connect_as_user(&asking, "pgkeep drill").await.map_err(failed("connecting"))?;
    for statement in statements {
        question::prepare(&session).await.map_err(Error::target_database("preparing the assertions"))?;
        let failed = Error::target_database(format!("the assertion {}", statement.name));
        let detail = match question::ask(&session, &statement.sql).await.map_err(failed)? {
            Answer::True => None,
            Answer::Otherwise(detail) => Some(detail),
        };
        assertions.push(Assertion { name: statement.name.clone(), ok: detail.is_none(), detail });
    }
    session.close().await.map_err(Error::target_database("closing the session"))?;
    Ok(assertions)
}
