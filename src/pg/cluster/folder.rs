use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ClusterError;
use super::account::Account;

/// How the folders of private clusters are recognised.
pub(super) const PREFIX: &str = "pgkeep-cluster-";

/// How long a removal waits for server processes that are still writing while they die.
const REMOVE_ATTEMPTS: u32 = 40;
const REMOVE_PAUSE: Duration = Duration::from_millis(50);

/// The folder of one cluster, removed when dropped.
///
/// ```text
/// pgkeep-cluster-XXXXXXXX/   ours
///   owner                    pid and start time of the owning process, locked for as long as it lives
///   server.log
///   server/                  0700, the server's account: its home, its socket
///     data/
/// ```
#[derive(Debug)]
pub(super) struct ClusterFolder {
    root: PathBuf,
    /// The lock on it says that the owner lives. The kernel drops it with the process, however that dies, and it holds
    /// across containers that share a /tmp but not their process numbers.
    owner: File,
}

impl ClusterFolder {
    pub(super) fn create(base: &Path, account: &Account) -> Result<Self, ClusterError> {
        let failed = |source| ClusterError::Folder { path: base.to_owned(), source };
        let root = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base)
            .map_err(failed)?;
        let mut owner = File::create_new(root.path().join("owner")).map_err(failed)?;
        // Locked before it has content: a sweep passes over a young folder whose owner file is empty.
        owner.lock().map_err(failed)?;
        owner.write_all(identity().as_bytes()).map_err(failed)?;
        if *account != Account::Own {
            // The account passes through here to its own folder, and can list or read nothing on the way.
            fs::set_permissions(root.path(), Permissions::from_mode(0o711)).map_err(failed)?;
        }
        let folder = Self { root: root.keep(), owner };
        let server = folder.server();
        fs::create_dir(&server)
            .and_then(|()| fs::set_permissions(&server, Permissions::from_mode(0o700)))
            .and_then(|()| account.own(&server))
            .map_err(failed)?;
        Ok(folder)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn server(&self) -> PathBuf {
        self.root.join("server")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("server/data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    pub(super) fn remove(&self) -> Result<(), ClusterError> {
        remove(&self.root)
    }
}

impl Drop for ClusterFolder {
    fn drop(&mut self) {
        // What stays is swept by the next start; a destructor has nobody to tell.
        let _ = self.remove();
        let _ = self.owner.unlock();
    }
}

/// The folder under which clusters are made when the caller names none.
pub(super) fn default_base() -> PathBuf {
    named_bases().next().unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// Where clusters are made when the caller names no folder.
#[derive(Debug)]
pub struct Volume {
    pub folder: PathBuf,
    /// For an account that is not root.
    pub free_bytes: u64,
}

/// How much room there is for a cluster that is about to be made.
pub fn volume() -> Result<Volume, ClusterError> {
    let folder = default_base();
    let failed = |source| ClusterError::Folder { path: folder.clone(), source };
    let volume = rustix::fs::statvfs(&folder).map_err(|errno| failed(errno.into()))?;
    Ok(Volume { free_bytes: volume.f_bavail.saturating_mul(volume.f_frsize), folder })
}

/// Everywhere that an earlier run may have made clusters.
pub(super) fn bases() -> Vec<PathBuf> {
    let mut bases: Vec<PathBuf> = named_bases().chain([PathBuf::from("/tmp")]).collect();
    bases.dedup();
    bases
}

/// Removes a folder with everything in it; one that is gone already is removed.
pub(super) fn remove(path: &Path) -> Result<(), ClusterError> {
    let mut attempt = 0;
    loop {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => return Ok(()),
            Err(source) if attempt == REMOVE_ATTEMPTS => {
                return Err(ClusterError::NotRemoved { path: path.to_owned(), source });
            }
            Err(_) => std::thread::sleep(REMOVE_PAUSE),
        }
        attempt += 1;
    }
}

fn named_bases() -> impl Iterator<Item = PathBuf> {
    ["PGKEEP_TMPDIR", "TMPDIR"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// For the person who finds the folder: which process made it. Whether that lives is the lock's business.
fn identity() -> String {
    let started = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(start_time).unwrap_or_default();
    format!("pid {} started {started}\n", std::process::id())
}

/// Field 22 of /proc/PID/stat, in clock ticks since boot (proc(5)). The second field, the program's name in
/// parentheses, may itself hold spaces and parentheses.
fn start_time(stat: &str) -> Option<String> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_read_behind_a_name_with_spaces_and_parentheses() {
        let stat = "42 (tmux: (a) b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 11 12";
        assert_eq!(start_time(stat).as_deref(), Some("987654"));
        assert_eq!(start_time(""), None);
    }
}
