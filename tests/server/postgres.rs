//! The servers that the tests run on, and `psql` as the judge from outside.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use pgkeep::pg::binaries::{ServerBinaries, server_for};
use pgkeep::pg::cluster::{ClusterOptions, PrivateCluster};

use crate::judge::text_of;
use crate::pgkeep::base;
use crate::template::{self, Sample};

/// The server programs of this major version: those that `scripts/postgres-versions` unpacked, otherwise the machine's.
pub fn server(major: u32) -> ServerBinaries {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/postgres/{major}/bin"));
    // Where only root may enter the checkout, the folder is a link to a place that the server's user can reach.
    ServerBinaries::in_folder(&unpacked.canonicalize().unwrap_or(unpacked))
        .or_else(|_| server_for(major, None))
        .unwrap_or_else(|error| panic!("{error}; run `scripts/postgres-versions {major}` (scripts/test does)"))
}

/// What psql says to one statement, unaligned and without headers; `Err` holds its complaint.
pub fn psql(binaries: &ServerBinaries, dsn: &str, sql: &str) -> Result<String, String> {
    let mut psql: Command = binaries.command("psql");
    let Output { status, stdout, stderr } =
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", sql]).output().expect("psql runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("psql writes UTF-8").trim_end().to_owned();
    if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
}

/// A private cluster and the programs that it was made from.
pub struct Server {
    pub binaries: ServerBinaries,
    pub cluster: PrivateCluster,
}

impl Server {
    pub fn start(major: u32, options: ClusterOptions) -> Self {
        Self::with_samples(major, &[], options)
    }

    /// One that is no copy: the log of a copy has begun anew, and no standby begins with it.
    pub fn of_initdb(major: u32, options: ClusterOptions) -> Self {
        let (binaries, temp_dir) = (server(major), Some(base().to_owned()));
        let cluster = PrivateCluster::start(&binaries, ClusterOptions { temp_dir, ..options }).unwrap();
        Self { binaries, cluster }
    }

    /// One that holds these samples.
    pub fn with_samples(major: u32, samples: &[Sample], options: ClusterOptions) -> Self {
        let binaries = server(major);
        let cluster = template::start(&binaries, samples, options);
        Self { binaries, cluster }
    }

    /// The superuser's way to a database.
    pub fn dsn(&self, database: &str) -> String {
        self.cluster.dsn(database)
    }

    /// The same socket for another role.
    pub fn dsn_as(&self, user: &str, database: &str) -> String {
        format!(
            "host={} port={} user={user} dbname={database}",
            self.cluster.socket_dir().display(),
            self.cluster.port()
        )
    }

    /// What the superuser is told in the database `postgres`.
    #[track_caller]
    pub fn ask(&self, sql: &str) -> String {
        psql(&self.binaries, &self.dsn("postgres"), sql).unwrap()
    }

    /// Asks until the answer is this one, with patience enough for a machine that is busy with other things.
    #[track_caller]
    pub fn wait_for(&self, sql: &str, expected: &str) {
        self.wait_until(sql, expected, Duration::from_secs(60));
    }

    /// The same where it has to be there soon.
    #[track_caller]
    pub fn wait_until(&self, sql: &str, expected: &str, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        loop {
            let answer = self.ask(sql);
            if answer == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{sql}: still {answer:?} after {at_most:?}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// Installs version 1.0 of an extension of the tests for all servers of the major version. Each file is there whole or not at all:
/// other tests may be reading it.
pub fn install_extension(major: u32, name: &str, control: &str, script: &str) {
    let mut pg_config = server(major).command("pg_config");
    let share = text_of(pg_config.arg("--sharedir"));
    let folder = Path::new(share.trim()).join("extension");
    for (file, content) in [(format!("{name}--1.0.sql"), script), (format!("{name}.control"), control)] {
        let mut written = tempfile::NamedTempFile::new_in(&folder).unwrap();
        written.write_all(content.as_bytes()).unwrap();
        fs::set_permissions(written.path(), fs::Permissions::from_mode(0o644)).unwrap();
        written.persist(folder.join(file)).unwrap();
    }
}
