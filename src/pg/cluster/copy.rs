use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use rand_core::{OsRng, RngCore};

use super::account::Account;
use super::{ClusterError, postmaster};
use crate::pg::binaries::ServerBinaries;

/// Where the system identifier stands: the first field of `ControlFileData` (pg_control.h), eight bytes in the machine's order.
const CONTROL_FILE: &str = "global/pg_control";

/// Makes `data` a copy of the data directory of a server that was shut down in order, with a system identifier of its own: by
/// that, servers are told from each other.
pub(super) fn copy(
    original: &Path,
    data: &Path,
    binaries: &ServerBinaries,
    account: &Account,
) -> Result<(), ClusterError> {
    let failed = |log: String| ClusterError::NotCopied { path: original.to_owned(), log };
    let run = |mut command: Command| {
        account.lend(&mut command, data.parent().unwrap_or(Path::new("/")));
        let output = command.stdin(Stdio::null()).output().map_err(|source| ClusterError::NotRun {
            program: command.get_program().into(),
            account: account.name().to_owned(),
            source,
        })?;
        let said = [output.stdout, output.stderr].concat();
        if output.status.success() { Ok(()) } else { Err(failed(postmaster::tail(&said))) }
    };
    let mut cp = Command::new("cp");
    cp.arg("-R").args([original, data]);
    run(cp)?;

    let control_file = data.join(CONTROL_FILE);
    let mut control = std::fs::read(&control_file).map_err(|error| failed(error.to_string()))?;
    let Some(identifier) = control.first_chunk_mut() else { return Err(failed(format!("{CONTROL_FILE} is cut off"))) };
    *identifier = new_system_identifier().to_ne_bytes();
    account.write(&control_file, &control).map_err(|error| failed(error.to_string()))?;

    // Starts the write-ahead log anew, whose files name the server as well, and counts the control file's checksum again. The sum
    // that is wrong until then is what it wants to be forced for.
    let mut pg_resetwal = binaries.command("pg_resetwal");
    pg_resetwal.arg("--force").arg("-D").arg(data);
    run(pg_resetwal)
}

/// As initdb makes it (`BootStrapXLOG`): the time in seconds, and below it what tells apart those of one second.
fn new_system_identifier() -> u64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    seconds << 32 | u64::from(OsRng.next_u32())
}
