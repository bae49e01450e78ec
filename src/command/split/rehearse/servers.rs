//! The private servers of a rehearsal: as many, of the versions and with the settings that the operator's have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::command::Error;
use crate::command::split::SplitError;
use crate::command::split::holding::at_target;
use crate::pg::binaries::{ServerBinaries, server_for};
use crate::pg::cluster::{ClusterError, ClusterOptions, Durability, PrivateCluster};
use crate::pg::conninfo::{Conninfo, Environment};
use crate::pg::likeness::{self, Likeness};
use crate::split::bridge::role_name;

/// Of the memory that is free, the shared buffers of all private servers take this part at most.
const MEMORY_SHARE: u64 = 4;
/// An empty cluster, with its log.
const EMPTY_BYTES: u64 = 100 << 20;
/// PostgreSQL's own (manual, "Server Configuration"), where a private server would have others.
const DEFAULTS: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    // How many the operator's server has room for is not known, and the copy shall not be what ends it.
    ("max_locks_per_transaction", "1024"),
    ("shared_buffers", "128MB"),
    ("synchronous_commit", "on"),
    ("wal_level", "replica"),
];
/// Databases that a cluster has from the start.
const THERE_ALREADY: [&str; 3] = ["postgres", "template0", "template1"];

/// What the private servers are made after.
pub enum Model {
    /// The operator's source and target; equal clusters make one private server.
    Real { source: Box<Likeness>, target: Box<Likeness> },
    /// A backup says the version alone: one server, with PostgreSQL's own defaults.
    Version(u32),
}

/// What `--json` prints of a private server.
#[derive(Clone, Debug, Serialize)]
pub struct PrivateServer {
    pub server_version: String,
    /// Taken over from the operator's server, as far as this machine's memory allows.
    pub settings: BTreeMap<String, String>,
}

pub struct Servers {
    source: PrivateCluster,
    /// None where one cluster holds both databases.
    target: Option<PrivateCluster>,
    /// In that order.
    pub servers: Vec<PrivateServer>,
    /// Settings that could not be as they are there.
    pub differs: Vec<String>,
    max_wal_bytes: u64,
}

impl Servers {
    /// # Errors
    /// This machine has no programs of such a version; a server does not start.
    pub async fn start(model: &Model, target: &str, owners: usize, pg_bin: Option<&Path>) -> Result<Self, Error> {
        let admission = admission(target_name(target), owners);
        let mut differs = Vec::new();
        let mut wanted = Vec::new();
        let mut max_wal_bytes = 0;
        match model {
            Model::Version(major) => {
                let settings = DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned()));
                wanted.push((server_for(*major, pg_bin)?, BTreeMap::from(settings)));
                max_wal_bytes = 1 << 30;
            }
            Model::Real { source, target } => {
                let ends: &[&Likeness] = if source.cluster == target.cluster { &[source] } else { &[source, target] };
                for end in ends {
                    let settings = settings(end, ends.len() as u64, &mut differs);
                    wanted.push((server_for(end.major, pg_bin)?, settings));
                    max_wal_bytes += end.max_wal_bytes;
                }
            }
        }
        let describe = |(binaries, settings): &(ServerBinaries, BTreeMap<String, String>)| PrivateServer {
            server_version: binaries.version.to_string(),
            settings: settings.clone(),
        };
        let servers = wanted.iter().map(describe).collect();
        let started = tokio::task::spawn_blocking(move || {
            let start = |(binaries, settings): (ServerBinaries, BTreeMap<String, String>)| {
                PrivateCluster::start(&binaries, options(settings, admission.clone()))
            };
            wanted.into_iter().map(start).collect::<Result<Vec<_>, _>>()
        });
        let mut started = started.await.map_err(ended_early)??.into_iter();
        let source =
            started.next().ok_or_else(|| Error::Internal { what: "no server was named".into(), source: None })?;
        Ok(Self { source, target: started.next(), servers, differs, max_wal_bytes })
    }

    /// The copy of the source, under its own name wherever the private server leaves it that.
    pub fn source(&self, database: &str) -> Result<Conninfo, Error> {
        let name = if THERE_ALREADY.contains(&database) { "pgkeep_rehearsal" } else { database };
        end(&self.source, name)
    }

    pub fn target(&self, database: &str) -> Result<Conninfo, Error> {
        end(self.target.as_ref().unwrap_or(&self.source), target_name(database))
    }

    /// Tries every extension. `needed` are those that what moves needs, which the target's server must have too.
    ///
    /// # Errors
    /// One cannot be made here: all of them are named, and nothing was copied.
    pub async fn check_extensions(&self, installed: &[String], needed: &[String]) -> Result<(), Error> {
        let mut missing = Vec::new();
        let elsewhere = self.target.iter().map(|target| (target, needed));
        for (cluster, names) in std::iter::once((&self.source, installed)).chain(elsewhere) {
            let info = end(cluster, "postgres")?;
            for name in names {
                let why =
                    likeness::refuses_extension(&info, name).await.map_err(at_target("looking for extensions"))?;
                missing.extend(why.map(|why| format!("{name} ({why})")));
            }
        }
        missing.dedup();
        if missing.is_empty() { Ok(()) } else { Err(SplitError::NoExtension { missing }.into()) }
    }

    /// Whether so many bytes of tables and indexes find room, with the write-ahead log that they make.
    pub fn check_room(&self, bytes: u64) -> Result<(), Error> {
        let folder = self.source.socket_dir();
        let failed = |source| ClusterError::Folder { path: folder.clone(), source };
        let volume = rustix::fs::statvfs(&folder).map_err(|errno| failed(errno.into()))?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        let needed = needed_bytes(bytes, self.max_wal_bytes, self.servers.len() as u64);
        if needed <= free {
            return Ok(());
        }
        // socket folder, cluster's folder, and where those are made
        let base = folder.ancestors().nth(2).map_or_else(|| folder.clone(), Path::to_owned);
        Err(SplitError::NoRoom { folder: base, needed, free }.into())
    }

    /// What the operator should know of the machine.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        std::iter::once(&self.source).chain(&self.target).find_map(PrivateCluster::leftover).into_iter()
    }

    /// Stops them and removes their files; a drop does that too, and cannot say what went wrong.
    pub async fn stop(self) -> Result<(), Error> {
        let stop = move || {
            let stopped = self.target.map_or(Ok(()), PrivateCluster::discard);
            self.source.discard().and(stopped)
        };
        Ok(tokio::task::spawn_blocking(stop).await.map_err(ended_early)??)
    }
}

fn end(cluster: &PrivateCluster, database: &str) -> Result<Conninfo, Error> {
    Ok(Conninfo::resolve(Some(&cluster.dsn(database)), &Environment::default())?)
}

fn ended_early(source: tokio::task::JoinError) -> Error {
    Error::Internal { what: "the private servers' thread ended too early".into(), source: Some(Box::new(source)) }
}

/// Tables may grow while they are copied, and the log is kept until a checkpoint: as much as the server's limit, but no more than is
/// written, which a page's first change after a checkpoint writes whole.
fn needed_bytes(bytes: u64, max_wal_bytes: u64, servers: u64) -> u64 {
    bytes + bytes / 10 + max_wal_bytes.min(2 * bytes) + servers * EMPTY_BYTES
}

fn target_name(database: &str) -> &str {
    if THERE_ALREADY.contains(&database) { "pgkeep_rehearsal_target" } else { database }
}

/// `pg_hba.conf`: the roles of a bridge, one for each owner at most, are asked for their passwords, without which postgres_fdw lets no ordinary role pass; the socket's folder
/// keeps everybody else out.
fn admission(target: &str, owners: usize) -> Vec<u8> {
    let asked = |number| format!("local all \"{}\" scram-sha-256\n", role_name(target, number));
    let asked: String = (1..=owners.max(1)).map(asked).collect();
    format!("{asked}local all all trust\n").into_bytes()
}

fn options(settings: BTreeMap<String, String>, admission: Vec<u8>) -> ClusterOptions {
    // Making the cluster is not timed and need not be flushed; what is, these settings decide.
    ClusterOptions {
        durability: Durability::Throwaway,
        settings: settings.into_iter().collect(),
        data_files: vec![("pg_hba.conf".to_owned(), admission)],
        ..ClusterOptions::default()
    }
}

/// The server's settings, with no more memory than this machine has to spare.
fn settings(end: &Likeness, servers: u64, differs: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut settings = end.settings.clone();
    let spare = available_memory().map(|bytes| bytes / MEMORY_SHARE / servers);
    if let Some(spare) = spare.filter(|spare| *spare < end.shared_buffers_bytes) {
        let here = format!("{}MB", (spare >> 20).max(16));
        let there = settings.insert("shared_buffers".into(), here.clone()).unwrap_or_default();
        differs.push(format!(
            "shared_buffers is {there} there, but {here} here, because this machine has too little memory"
        ));
    }
    settings
}

/// `MemAvailable` of proc(5), in bytes; none where the system does not say.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string(PathBuf::from("/proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_needs_room_up_to_its_limit() {
        let gb = 1 << 30;
        assert_eq!(needed_bytes(10 * gb, gb, 1), 11 * gb + gb + EMPTY_BYTES);
        assert_eq!(needed_bytes(1000, gb, 2), 1100 + 2000 + 2 * EMPTY_BYTES);
    }

    #[test]
    fn memory_is_no_more_than_a_share_of_what_is_there() {
        let end = Likeness {
            major: 15,
            cluster: String::new(),
            settings: BTreeMap::from([("shared_buffers".into(), "64TB".into()), ("fsync".into(), "on".into())]),
            shared_buffers_bytes: 64 << 40,
            max_wal_bytes: 0,
            synchronous_standbys: String::new(),
        };
        let mut differs = Vec::new();
        let here = settings(&end, 2, &mut differs);
        assert_eq!(here["fsync"], "on");
        assert!(here["shared_buffers"].ends_with("MB") && differs[0].contains("64TB there"), "{differs:?}");
    }
}
