use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ClusterError;
use super::folder::{self, PREFIX};

/// A folder whose owner file is missing or empty is being made, or was left in the middle of that.
const YOUNG: Duration = Duration::from_secs(60);

/// How long an orphaned server may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes what clusters of this user left behind whose owner died without a chance to clean up (`kill -9`, a power
/// cut), and stops their servers. Looks where [`super::PrivateCluster::start`] makes clusters by default.
///
/// Returns the folders removed. Safe beside running clusters, of this process as well as of others. One that cannot be
/// removed does not keep the others of its parent; the error tells of the first.
pub fn sweep_orphans() -> Result<Vec<PathBuf>, ClusterError> {
    let mut removed = Vec::new();
    for base in folder::bases() {
        removed.extend(sweep_orphans_in(&base)?);
    }
    Ok(removed)
}

/// [`sweep_orphans`] for one folder.
pub fn sweep_orphans_in(base: &Path) -> Result<Vec<PathBuf>, ClusterError> {
    let Ok(entries) = base.read_dir() else { return Ok(Vec::new()) };
    let mut removed = Vec::new();
    let mut failed = None;
    for entry in entries.filter_map(Result::ok) {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) || !is_own_folder(&entry.path()) {
            continue;
        }
        let root = entry.path();
        // The claim is held until the folder is gone, so that two sweeps do not meet in it.
        let Some(_claim) = claim(&root) else { continue };
        stop_server(&root);
        match folder::remove(&root) {
            Ok(()) => removed.push(root),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(removed), Err)
}

/// A right to remove the folder: its owner does not live.
struct Claim {
    _owner: Option<File>,
}

fn claim(root: &Path) -> Option<Claim> {
    let is_young = || {
        let age = fs::metadata(root).and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        age.is_none_or(|age| age < YOUNG)
    };
    // Opened for writing: NFS gives an exclusive lock to nobody else.
    let Ok(owner) = File::options().read(true).write(true).open(root.join("owner")) else {
        return (!is_young()).then_some(Claim { _owner: None });
    };
    // Held by the owner, or a file system without locks, where nothing says that the owner is dead.
    owner.try_lock().ok()?;
    let is_empty = owner.metadata().is_ok_and(|metadata| metadata.len() == 0);
    (!is_empty || !is_young()).then_some(Claim { _owner: Some(owner) })
}

fn is_own_folder(path: &Path) -> bool {
    // Not through a link: somebody else may have put it there.
    fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw())
}

/// Stops the server of this cluster, if there is one: at once, and by force when that takes too long.
///
/// Where /proc cannot tell whose process it is nothing is signalled. The server then stops by itself: it looks once a
/// minute whether its postmaster.pid is still there (`RecheckDataDirLockFile` in postmaster.c).
fn stop_server(root: &Path) {
    let Some(pid) = running_postmaster(root) else { return };
    // The process may end at any moment: a signal that finds nobody is as good.
    let _ = kill_process(pid, Signal::QUIT);
    let deadline = Instant::now() + PATIENCE;
    while running_postmaster(root) == Some(pid) {
        if Instant::now() > deadline {
            let _ = kill_process(pid, Signal::KILL);
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The process that postmaster.pid names, if it really is a `postgres` in this data directory. The number alone may
/// by now belong to another process.
fn running_postmaster(root: &Path) -> Option<Pid> {
    // Only the way to the folder is resolved: a link inside it could lead to the data directory of another server.
    let data = root.canonicalize().ok()?.join("server/data");
    let pid: i32 = fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()?;
    let process = Path::new("/proc").join(pid.to_string());
    // The postmaster changes into its data directory (ChangeToDataDir); the kernel resolves both links. A process
    // that has ended but was not waited for has neither.
    let is_at_home = fs::read_link(process.join("cwd")).ok()? == data;
    let is_postgres = fs::read_link(process.join("exe")).ok()?.file_name()?.to_str()?.starts_with("postgres");
    (is_at_home && is_postgres).then(|| Pid::from_raw(pid)).flatten()
}
