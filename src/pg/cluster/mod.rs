//! A private, throwaway PostgreSQL server: what drills, rehearsals, tests and the demo stand on.
//!
//! It is made from the programs on the machine, takes connections on a unix socket that no other user reaches, and
//! leaves nothing behind: not after [`PrivateCluster::stop`], not after a failure or a panic, and not after `kill -9`
//! of the tool. For the last case a small shell process watches the tool's end of a pipe and stops the server when it
//! closes; what even that one leaves is removed by the next start ([`sweep_orphans`]).

mod account;
mod copy;
mod error;
mod folder;
mod options;
mod postmaster;
mod sweep;

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use secrecy::{ExposeSecret, SecretString};

use super::binaries::ServerBinaries;
use account::Account;
pub use error::ClusterError;
use folder::ClusterFolder;
pub use folder::{Volume, volume};
pub use options::{ClusterOptions, Durability, Listen, Locale};
use postmaster::{Postmaster, Shutdown};
pub use sweep::{sweep_orphans, sweep_orphans_in};

/// The port of a cluster that listens on its socket alone: part of the socket's name, and nobody else's business.
const SOCKET_PORT: u16 = 5432;

/// The longest way to a unix socket: `sun_path` without its closing zero (unix(7); macOS has 104 bytes).
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Between the choice of a free port and the server's start somebody else may take it.
const PORT_ATTEMPTS: u32 = 5;

/// A running private server. Dropping it stops the server at once and removes its files.
#[derive(Debug)]
pub struct PrivateCluster {
    // Before the folder: fields are dropped in this order.
    postmaster: Postmaster,
    folder: ClusterFolder,
    superuser: String,
    port: u16,
    password: Option<SecretString>,
    leftover: Option<ClusterError>,
}

impl PrivateCluster {
    /// Makes a cluster with the programs of `binaries` and returns when it takes connections; after 60 seconds that is
    /// an error. Removes what dead owners left behind first. Blocks: an async caller goes through `spawn_blocking`.
    pub fn start(binaries: &ServerBinaries, options: ClusterOptions) -> Result<Self, ClusterError> {
        let base = match &options.temp_dir {
            Some(dir) => {
                std::path::absolute(dir).map_err(|source| ClusterError::Folder { path: dir.clone(), source })?
            }
            None => folder::default_base(),
        };
        // Somebody else's leftover is no reason not to start.
        let leftover = sweep_orphans().and_then(|_| sweep_orphans_in(&base)).err();
        let account = Account::choose()?;
        let folder = ClusterFolder::create(&base, &account)?;
        let making = Making { binaries, options: &options, account: &account, folder: &folder };
        making.initialise()?;
        let (postmaster, port) = making.start()?;
        let password = match options.listen {
            Listen::UnixSocket => None,
            Listen::Loopback { password } => Some(password),
        };
        Ok(Self { postmaster, folder, superuser: options.superuser, port, password, leftover })
    }

    /// Why files of an earlier private server, whose owner is dead, stay: a warning for the operator.
    pub fn leftover(&self) -> Option<String> {
        let causes = |error: &ClusterError| match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        self.leftover.as_ref().map(|error| format!("files of an earlier private server remain: {}", causes(error)))
    }

    /// A libpq connection string (`key=value`) over the unix socket, as the superuser.
    pub fn dsn(&self, database: &str) -> String {
        self.dsn_as(&self.superuser, database)
    }

    /// The same as another role, which needs no password there.
    pub fn dsn_as(&self, user: &str, database: &str) -> String {
        connection_string(&self.socket_dir().to_string_lossy(), self.port, user, database)
    }

    /// A connection string over 127.0.0.1, password included; `None` for a cluster that does not listen there.
    pub fn tcp_dsn(&self, database: &str) -> Option<SecretString> {
        let password = quoted(self.password.as_ref()?.expose_secret());
        let rest = connection_string("127.0.0.1", self.port, &self.superuser, database);
        Some(SecretString::from(format!("{rest} password={password}")))
    }

    /// The folder of the unix socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.folder.server()
    }

    /// The port: of 127.0.0.1 where the cluster listens there, and in the socket's name in every case.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server has written to its log.
    pub fn log_path(&self) -> PathBuf {
        self.folder.log()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.data()
    }

    /// Disconnects everybody, shuts the server down in order and removes its files. Unlike a drop it reports what did
    /// not work.
    pub fn stop(self) -> Result<(), ClusterError> {
        self.end(Shutdown::Fast)
    }

    /// The same without writing out what is thrown away: a cluster that flushes would take its time for it.
    pub fn discard(self) -> Result<(), ClusterError> {
        self.end(Shutdown::Immediate)
    }

    fn end(mut self, how: Shutdown) -> Result<(), ClusterError> {
        self.postmaster.shut_down(how).map_err(|source| ClusterError::NotWatched { source })?;
        self.folder.remove()
    }
}

/// A cluster on its way.
struct Making<'a> {
    binaries: &'a ServerBinaries,
    options: &'a ClusterOptions,
    account: &'a Account,
    folder: &'a ClusterFolder,
}

impl Making<'_> {
    fn initialise(&self) -> Result<(), ClusterError> {
        match &self.options.copy_of {
            Some(original) => copy::copy(original, &self.folder.data(), self.binaries, self.account)?,
            None => self.initdb()?,
        }
        for (name, content) in &self.options.data_files {
            self.write(&self.folder.data().join(name), content)?;
        }
        Ok(())
    }

    fn initdb(&self) -> Result<(), ClusterError> {
        let home = self.folder.server();
        let mut initdb = self.binaries.command("initdb");
        initdb.arg("-D").arg(self.folder.data()).args(["-U", &self.options.superuser, "-E", "UTF8"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
        initdb.args(self.options.locale.initdb_arguments());
        if self.options.durability == Durability::Throwaway {
            initdb.arg("--no-sync");
        }
        let password_file = home.join("password");
        if let Listen::Loopback { password } = &self.options.listen {
            self.write(&password_file, password.expose_secret().as_bytes())?;
            initdb.arg("--pwfile").arg(&password_file);
        }
        self.account.lend(&mut initdb, &home);
        let output = initdb.stdin(Stdio::null()).output().map_err(|source| ClusterError::NotRun {
            program: initdb.get_program().into(),
            account: self.account.name().to_owned(),
            source,
        })?;
        // Where there was none there is nothing to remove.
        let _ = std::fs::remove_file(&password_file);
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            return Err(ClusterError::InitdbFailed { status: output.status, log: postmaster::tail(&said) });
        }
        Ok(())
    }

    fn start(&self) -> Result<(Postmaster, u16), ClusterError> {
        let mut attempt = 1;
        loop {
            let port = match self.options.listen {
                Listen::UnixSocket => SOCKET_PORT,
                Listen::Loopback { .. } => free_port().map_err(|source| ClusterError::NoPort { source })?,
            };
            let socket = self.folder.server().join(format!(".s.PGSQL.{port}"));
            if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
                return Err(ClusterError::SocketPathTooLong { path: socket });
            }
            let mut postgres = self.binaries.command("postgres");
            postgres.arg("-D").arg(self.folder.data()).args(self.settings(port));
            self.account.lend(&mut postgres, &self.folder.server());
            match Postmaster::start(postgres, self.account, self.folder) {
                Err(ClusterError::NotStarted { log, .. })
                    if log.contains("Address already in use") && attempt < PORT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                started => return started.map(|postmaster| (postmaster, port)),
            }
        }
    }

    /// As arguments: they win over postgresql.conf, and the last of two wins. Settings of roles and databases, which a
    /// restore brings along, win over them (manual, "Setting Parameters").
    fn settings(&self, port: u16) -> Vec<OsString> {
        let listen = match self.options.listen {
            Listen::UnixSocket => "",
            Listen::Loopback { .. } => "127.0.0.1",
        };
        let socket_dir = self.folder.server().to_string_lossy().replace('"', "\"\"");
        let port = port.to_string();
        let chosen = [
            ("listen_addresses", listen),
            ("port", &port),
            // Quoted, because the setting is a list with commas.
            ("unix_socket_directories", &format!("\"{socket_dir}\"")),
            // Modest: a drill runs beside other programs, often on the server that it rehearses for.
            ("shared_buffers", "64MB"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
            // The log is read here, and shown to the operator.
            ("lc_messages", "C"),
        ];
        let own = self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        chosen
            .into_iter()
            .chain(self.options.durability.settings().iter().copied())
            .chain(own)
            .flat_map(|(name, value)| [OsString::from("-c"), OsString::from(format!("{name}={value}"))])
            .collect()
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), ClusterError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.account.write(path, content).map_err(|source| ClusterError::DataFile { name, source })
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn connection_string(host: &str, port: u16, user: &str, database: &str) -> String {
    format!("host={} port={port} user={} dbname={}", quoted(host), quoted(user), quoted(database))
}

/// A value of a connection string (manual, "Keyword/Value Connection Strings").
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_connection_string_are_quoted_as_the_manual_says() {
        assert_eq!(quoted("plain"), "'plain'");
        assert_eq!(quoted(r"it's a \"), r"'it\'s a \\'");
        assert_eq!(connection_string("/tmp/a b", 5432, "me", ""), "host='/tmp/a b' port=5432 user='me' dbname=''");
    }
}
