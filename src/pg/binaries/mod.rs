//! Where PostgreSQL's programs are on this machine, and which version they have.
//!
//! Clients (`pg_dump`, `pg_restore`) are chosen by version, because `pg_dump` refuses a server newer than itself.
//! Servers (`initdb`, `postgres`, `pg_ctl` in one folder) are what private clusters are made of.

mod search;
mod stopped;
mod version;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use stopped::was_stopped;
pub use version::ProgramVersion;

/// The programs that a folder must hold to count as a server.
const SERVER_PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// One program of PostgreSQL, found and asked for its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    pub path: PathBuf,
    pub version: ProgramVersion,
}

impl Binary {
    /// A command that runs this program with the libraries of its own installation (see [`ServerBinaries::command`]).
    pub fn command(&self) -> Command {
        relocated_command(&self.path)
    }
}

/// A folder that holds `initdb`, `postgres` and `pg_ctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerBinaries {
    pub bin_dir: PathBuf,
    pub version: ProgramVersion,
}

impl ServerBinaries {
    /// The server programs of exactly this folder.
    pub fn in_folder(bin_dir: &Path) -> Result<Self, BinariesError> {
        for program in SERVER_PROGRAMS {
            if search::executable(bin_dir, program).is_none() {
                return Err(BinariesError::NotInFolder { program: program.to_owned(), folder: bin_dir.to_owned() });
            }
        }
        // Absolute, because a cluster runs its programs from another working directory.
        let bin_dir = bin_dir
            .canonicalize()
            .map_err(|source| BinariesError::DoesNotRun { path: bin_dir.join("postgres"), source })?;
        let version = ask_version(&bin_dir.join("postgres"))?;
        Ok(Self { bin_dir, version })
    }

    /// A command that runs a program of this folder with the libraries of its own installation.
    ///
    /// A relocated installation (unpacked anywhere) carries its own `lib/libpq.so.5`. The loader would prefer the
    /// system's, possibly older, one, so `LD_LIBRARY_PATH` names the installation's `lib` first.
    pub fn command(&self, program: &str) -> Command {
        relocated_command(&self.bin_dir.join(program))
    }
}

/// Why no suitable program was found.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    #[error("{program} is not installed on this machine")]
    NotFound { program: String, at_least_major: u32 },
    #[error("{program} is not in {}", folder.display())]
    NotInFolder { program: String, folder: PathBuf },
    #[error("the server is PostgreSQL {server_major}, which is newer than {program} {found} ({})", path.display())]
    TooOld { program: String, found: ProgramVersion, path: PathBuf, server_major: u32 },
    #[error("the PostgreSQL {major} server programs are not installed on this machine (found: {})", found_list(found))]
    NoServer { major: u32, found: Vec<ProgramVersion> },
    #[error("cannot run {}", path.display())]
    DoesNotRun {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} --version was ended by a signal", path.display())]
    Ended { path: PathBuf },
    #[error("{} --version does not name a version: {output:?}", path.display())]
    NoVersion { path: PathBuf, output: String },
}

impl BinariesError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { at_least_major: major, .. } | Self::TooOld { server_major: major, .. } => Some(format!(
                "install a client of version {major} or newer: postgresql-client-{major} on Debian and Ubuntu (from the \
                 PostgreSQL project's repository, PGDG, where the distribution is older), postgresql{major} on Red Hat \
                 and derivatives; or name a folder that holds one with --pg-bin, PGKEEP_PG_BIN or, in a policy, pg_bin under [backup]"
            )),
            Self::NoServer { major, .. } => Some(format!(
                "install the server programs: postgresql-{major} on Debian and Ubuntu (from the PostgreSQL project's \
                 repository, PGDG, where the distribution has another version), postgresql{major}-server on Red Hat and \
                 derivatives; or name a folder that holds them with --pg-bin or PGKEEP_PG_BIN. No server needs to run"
            )),
            Self::NotInFolder { .. } => Some(
                "--pg-bin, PGKEEP_PG_BIN or, in a policy, pg_bin under [backup] must name the folder with the programs, often PREFIX/bin".to_owned(),
            ),
            Self::DoesNotRun { .. } | Self::NoVersion { .. } => {
                Some("run it with --version by hand: a library may be missing, or it may be another program".to_owned())
            }
            Self::Ended { .. } => None,
        }
    }
}

/// The `program` on this machine that serves a server of this version best.
///
/// A `configured` folder is an instruction and not a suggestion: only it is looked at. Otherwise PATH and the folders
/// where distributions keep one PostgreSQL beside another are searched. First come those that know the server
/// ([`ProgramVersion::knows`]), of them those of its own major version; where none does, all that are not of an older major. Of several
/// the newest is taken. Debian's `pg_wrapper` is passed over: it is a script that picks a version by cluster, not a program that has one.
pub fn find_client(program: &str, server: ProgramVersion, configured: Option<&Path>) -> Result<Binary, BinariesError> {
    let best = match configured {
        Some(folder) => {
            let path = search::executable(folder, program)
                .ok_or_else(|| BinariesError::NotInFolder { program: program.to_owned(), folder: folder.to_owned() })?;
            let version = ask_version(&path)?;
            Binary { path, version }
        }
        None => best_client(program, server, &search::folders())?
            .ok_or_else(|| BinariesError::NotFound { program: program.to_owned(), at_least_major: server.major })?,
    };
    if best.version.major < server.major {
        return Err(BinariesError::TooOld {
            program: program.to_owned(),
            found: best.version,
            path: best.path,
            server_major: server.major,
        });
    }
    Ok(best)
}

/// The server programs on this machine, newest first; with a `configured` folder only those in it.
///
/// A folder whose `postgres` does not run is left out.
pub fn find_servers(configured: Option<&Path>) -> Vec<ServerBinaries> {
    look_for_servers(configured).0
}

/// The same, and what ended one that was asked, if somebody did.
fn look_for_servers(configured: Option<&Path>) -> (Vec<ServerBinaries>, Option<BinariesError>) {
    let mut ended = None;
    let folders = configured.map_or_else(search::folders, |folder| vec![folder.to_owned()]);
    let mut servers: Vec<ServerBinaries> = Vec::new();
    for folder in folders {
        // PATH may reach a folder through a link (/usr/bin/postgres on Red Hat): the real folder holds all three.
        let Some(bin_dir) = search::executable(&folder, "postgres").and_then(|path| path.parent().map(Path::to_owned))
        else {
            continue;
        };
        if servers.iter().any(|known| known.bin_dir == bin_dir) {
            continue;
        }
        match ServerBinaries::in_folder(&bin_dir) {
            Ok(server) => servers.push(server),
            Err(error @ BinariesError::Ended { .. }) => ended = Some(error),
            Err(_) => {}
        }
    }
    // Stable: of two equal versions the one found first stays first.
    servers.sort_by_key(|server| std::cmp::Reverse(server.version));
    (servers, ended)
}

/// The newest server programs of exactly this major version.
pub fn server_for(major: u32, configured: Option<&Path>) -> Result<ServerBinaries, BinariesError> {
    let (servers, ended) = look_for_servers(configured);
    let found = servers.iter().map(|server| server.version).collect();
    let server = servers.into_iter().find(|server| server.version.major == major);
    server.ok_or_else(|| ended.unwrap_or(BinariesError::NoServer { major, found }))
}

/// The best of those that run; an error only when there are candidates and none of them runs.
fn best_client(program: &str, server: ProgramVersion, folders: &[PathBuf]) -> Result<Option<Binary>, BinariesError> {
    let mut best: Option<Binary> = None;
    let mut unusable = None;
    let rank = |version: ProgramVersion| {
        let knows = version.knows(server);
        (knows, knows && version.major == server.major, version)
    };
    for path in folders.iter().filter_map(|folder| search::executable(folder, program)) {
        match ask_version(&path) {
            Ok(version) if best.as_ref().is_none_or(|known| rank(known.version) < rank(version)) => {
                best = Some(Binary { path, version });
            }
            Ok(_) => {}
            Err(error) => unusable = unusable.or(Some(error)),
        }
    }
    match (best, unusable) {
        (None, Some(error)) => Err(error),
        (best, _) => Ok(best),
    }
}

fn ask_version(path: &Path) -> Result<ProgramVersion, BinariesError> {
    let output = relocated_command(path)
        .arg("--version")
        .output()
        .map_err(|source| BinariesError::DoesNotRun { path: path.to_owned(), source })?;
    if was_stopped(output.status) {
        return Err(BinariesError::Ended { path: path.to_owned() });
    }
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    ProgramVersion::parse(&said)
        .filter(|_| output.status.success())
        .ok_or_else(|| BinariesError::NoVersion { path: path.to_owned(), output: said.trim().to_owned() })
}

fn relocated_command(path: &Path) -> Command {
    let mut command = Command::new(path);
    if let Some(libraries) = search::own_libraries(path) {
        let mut value = OsString::from(libraries);
        if let Some(inherited) = std::env::var_os("LD_LIBRARY_PATH").filter(|value| !value.is_empty()) {
            value.push(":");
            value.push(inherited);
        }
        command.env("LD_LIBRARY_PATH", value);
    }
    command
}

fn found_list(found: &[ProgramVersion]) -> String {
    if found.is_empty() {
        return "none".to_owned();
    }
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
