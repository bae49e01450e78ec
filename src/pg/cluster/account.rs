use std::io::{self, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::ClusterError;

/// The user that the server's programs run as.
///
/// `initdb` and `postgres` refuse to run as root, so root lends them an unprivileged user; everybody else runs them as
/// themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    Own,
    Unprivileged { name: String, uid: u32, gid: u32 },
}

/// Users that root may lend, the best first: `nobody` may own processes of other programs as well, and those could
/// look into the cluster.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

impl Account {
    pub(super) fn choose() -> Result<Self, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        CANDIDATES.iter().find_map(|name| in_passwd(&passwd, name)).ok_or(ClusterError::NoUnprivilegedUser)
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Own => "the current user",
            Self::Unprivileged { name, .. } => name,
        }
    }

    /// Makes `command` run as this user, in `folder` as working directory and home, with nothing of our environment
    /// that could change what the server does (`PGDATA`, `PGPORT`, `LC_*`).
    ///
    /// `Command::uid` of a root process also clears the supplementary groups (`setgroups(0)` in the standard library;
    /// a server test holds it).
    pub(super) fn lend(&self, command: &mut Command, folder: &Path) {
        let inherited = ["PATH", "TZ"].map(|name| (name, std::env::var_os(name)));
        let libraries: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value.to_owned())))
            .collect();
        command.env_clear().envs(libraries).env("HOME", folder).env("LC_ALL", "C").current_dir(folder);
        for (name, value) in inherited {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Self::Unprivileged { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
        // Ctrl-C in the terminal reaches the foreground group: the tool decides when its server stops.
        command.process_group(0);
    }

    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Writes a file with mode 0600 as this user: root does not write into a folder that another user controls.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask 077 && rm -f \"$1\" && cat >\"$1\"", "sh"]).arg(path);
        self.lend(&mut command, folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        // An error here shows itself in the exit status, with the shell's message.
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(content));
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        written
    }
}

fn in_passwd(passwd: &str, wanted: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account::Unprivileged { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_user_by_its_whole_name_and_never_root_under_another() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgresql:x:7:7::/:\npostgres:x:101:104:PostgreSQL,,,:/var:/bin/bash\n";
        let found = Account::Unprivileged { name: "postgres".to_owned(), uid: 101, gid: 104 };
        assert_eq!(in_passwd(passwd, "postgres"), Some(found));
        assert_eq!(in_passwd(passwd, "nobody"), None);
        assert_eq!(in_passwd("nobody:x:0:0::/:/bin/sh\n", "nobody"), None);
    }
}
