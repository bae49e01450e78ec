use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use super::ConninfoError;

/// What a process gives to libpq beside the connection string. A test makes its own, so that the developer's
/// `PGHOST` or `~/.pgpass` cannot change what it proves.
#[derive(Clone, Default)]
pub struct Environment {
    /// The variables whose names begin with `PG`, and perhaps others.
    pub variables: BTreeMap<String, OsString>,
    /// The folder of `.pgpass`, `.pg_service.conf` and `.postgresql/`.
    pub home: Option<PathBuf>,
    /// The operating system's name of the effective user, which is the database user when none is named.
    pub os_user: Option<String>,
    /// Where a local server may have its socket, in the order of trial.
    pub socket_directories: Vec<PathBuf>,
    /// The folder of the system's `pg_service.conf` where `PGSYSCONFDIR` is not set.
    pub sysconf_directories: Vec<PathBuf>,
}

impl Environment {
    /// The environment of this process. The socket folders and the configuration folders are those of Debian's
    /// packages, then those of a build from source.
    pub fn from_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("PG"))
            .collect();
        Self {
            variables,
            home: std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            os_user: effective_user_name(),
            socket_directories: vec![PathBuf::from("/var/run/postgresql"), PathBuf::from("/tmp")],
            sysconf_directories: vec![PathBuf::from("/etc/postgresql-common"), PathBuf::from("/etc/sysconfig/pgsql")],
        }
    }

    pub(super) fn variable(&self, name: &str) -> Result<Option<&str>, ConninfoError> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text)),
                None => Err(ConninfoError::NotUtf8 { variable: name.to_owned() }),
            },
        }
    }

    /// A file in the home folder, where there is one.
    pub(super) fn home_file(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(name))
    }
}

/// Values are left out: one of them may be `PGPASSWORD`.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .field("os_user", &self.os_user)
            .finish_non_exhaustive()
    }
}

/// The user database is a file on nearly every server; `id` knows those of a directory service.
fn effective_user_name() -> Option<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let from_file = std::fs::read_to_string("/etc/passwd").ok().and_then(|passwd| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == uid).then(|| name.to_owned())
        })
    });
    from_file.or_else(|| {
        let output = Command::new("id").arg("-un").output().ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !name.is_empty()).then_some(name)
    })
}
