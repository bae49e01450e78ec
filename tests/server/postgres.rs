//! The servers that the tests run on, and `psql` as the judge from outside.

use std::path::Path;
use std::process::{Command, Output};

use pgkeep::pg::binaries::{ServerBinaries, server_for};

/// The server programs of this major version: those that `scripts/postgres-versions` unpacked, otherwise the machine's.
pub fn server(major: u32) -> ServerBinaries {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/postgres/{major}/bin"));
    ServerBinaries::in_folder(&unpacked)
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
