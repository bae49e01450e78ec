use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ClusterError;
use super::account::Account;
use super::folder::ClusterFolder;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// How long each way of stopping may take before a harder one follows. The postmaster itself gives its children five
/// seconds in an immediate shutdown (`SIGKILL_CHILDREN_AFTER_SECS`).
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Stops the server and removes its files when the tool is gone, however it went: the kernel then closes the pipe that
/// is this script's standard input. A line on it means that the tool has stopped the server by itself.
///
/// `$1` postmaster, `$2` data directory, `$3` the server's folder, `$4` the cluster's folder. The last one cannot be
/// removed by an account that root lent: that is left to the next sweep.
const KEEPER: &str = r#"
read -r _ && exit 0
read -r pid 2>/dev/null <"$2/postmaster.pid"
if [ "$pid" = "$1" ]; then
    kill -QUIT "$1"
    tries=100
    while kill -0 "$1" 2>/dev/null && [ $tries -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
    [ $tries -gt 0 ] || kill -KILL "$1"
fi
rm -rf "$3" "$4"
"#;

/// How a server is asked to stop (manual, "Shutting Down the Server").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shutdown {
    /// Disconnects everybody and writes a checkpoint.
    Fast,
    /// Leaves the files as after a crash.
    Immediate,
}

/// A running server process, stopped when dropped.
#[derive(Debug)]
pub(super) struct Postmaster {
    /// Our child and not waited for, so that its number cannot pass to another process while we signal it.
    child: Child,
    keeper: Option<Child>,
}

impl Postmaster {
    /// Starts `command` (postgres with its arguments) and returns when it accepts connections.
    pub(super) fn start(mut command: Command, account: &Account, folder: &ClusterFolder) -> Result<Self, ClusterError> {
        let not_run = |program: &Command, source| ClusterError::NotRun {
            program: program.get_program().into(),
            account: account.name().to_owned(),
            source,
        };
        let log = File::create(folder.log())
            .and_then(|log| Ok((log.try_clone()?, log)))
            .map_err(|source| ClusterError::Folder { path: folder.log(), source })?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.0)
            .stderr(log.1)
            .spawn()
            .map_err(|source| not_run(&command, source))?;
        let mut postmaster = Self { child, keeper: None };

        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "pgkeep-cluster-keeper", &postmaster.child.id().to_string()]);
        keeper.arg(folder.data()).arg(folder.server()).arg(folder.root());
        account.lend(&mut keeper, Path::new("/"));
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        postmaster.keeper = Some(keeper.spawn().map_err(|source| not_run(&keeper, source))?);

        postmaster.wait_until_ready(folder)?;
        Ok(postmaster)
    }

    /// Stops the server, harder when it takes too long. One that has ended already is stopped.
    pub(super) fn shut_down(&mut self, how: Shutdown) -> io::Result<ExitStatus> {
        let signals = match how {
            Shutdown::Fast => &[Signal::INT, Signal::QUIT, Signal::KILL][..],
            Shutdown::Immediate => &[Signal::QUIT, Signal::KILL][..],
        };
        let status = self.signal_until_it_ends(signals);
        if let Some(mut keeper) = self.keeper.take() {
            // If the keeper is gone nobody reads the line, which is as good.
            let _ = keeper.stdin.take().map(|mut stdin| stdin.write_all(b"stopped\n"));
            let _ = keeper.wait();
        }
        status
    }

    fn signal_until_it_ends(&mut self, signals: &[Signal]) -> io::Result<ExitStatus> {
        for signal in signals {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            kill_process(Pid::from_child(&self.child), *signal)?;
            let deadline = Instant::now() + STOP_PATIENCE;
            while Instant::now() < deadline {
                if let Some(status) = self.child.try_wait()? {
                    return Ok(status);
                }
                std::thread::sleep(POLL);
            }
        }
        self.child.wait()
    }

    fn wait_until_ready(&mut self, folder: &ClusterFolder) -> Result<(), ClusterError> {
        let started = Instant::now();
        while !says_ready(&folder.data(), self.child.id()) {
            let ended = self.child.try_wait().map_err(|source| ClusterError::NotWatched { source })?;
            if let Some(status) = ended {
                return Err(ClusterError::NotStarted { status, log: log_tail(&folder.log()) });
            }
            if started.elapsed() > READY_TIMEOUT {
                return Err(ClusterError::NotReady { waited: READY_TIMEOUT, log: log_tail(&folder.log()) });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        let _ = self.shut_down(Shutdown::Immediate);
    }
}

/// Whether postmaster.pid is of this process and says that it takes connections: the eighth line holds the status
/// (`LOCK_FILE_LINE_PM_STATUS` in pidfile.h), which pg_ctl waits for as well.
fn says_ready(data: &Path, pid: u32) -> bool {
    let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = file.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string())
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// The end of what a program said, which is where it says why it gave up.
pub(super) fn tail(said: &[u8]) -> String {
    const LINES: usize = 20;
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn log_tail(log: &Path) -> String {
    tail(&fs::read(log).unwrap_or_default())
}
