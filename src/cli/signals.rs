//! Ctrl-C, SIGTERM and SIGHUP: the first ends the work in order, another one at once, unless it is the same request told twice, or the
//! terminal that goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::echo;
use crate::stop::Stop;

static COME: AtomicBool = AtomicBool::new(false);

/// Signals that come so soon after the first are the same request: `timeout` sends its own to the process and then to the whole group,
/// and a terminal and a service manager may both have their say.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// Whether this process got a signal.
pub fn has_come() -> bool {
    COME.load(Ordering::SeqCst)
}

/// What Ctrl-C does where the terminal sends no signal for it. Returns when it has come.
pub fn interrupt() {
    let sent = kill_process(getpid(), Signal::INT);
    // It is taken by another thread, in a moment.
    let asked = Instant::now();
    while sent.is_ok() && !has_come() && asked.elapsed() < SAME_REQUEST {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a signal arrived, as opposed to an error that stopped the workers.
#[derive(Clone, Default)]
pub struct Interrupt {
    came: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl Interrupt {
    /// Listens from a thread of its own: the main thread may be waiting for workers.
    pub fn listen(stop: &Stop) -> std::io::Result<Self> {
        let interrupt = Self::default();
        let (came, notify, stop) = (interrupt.came.clone(), interrupt.notify.clone(), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _guard = runtime.enter();
            let hangup = if hangups_are_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, hangup)
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                let (sigint, sigterm, sighup) = &mut signals;
                let mut first: Option<Instant> = None;
                loop {
                    let is_hangup = tokio::select! {
                        _ = sigint.recv() => false,
                        _ = sigterm.recv() => false,
                        () = hung_up(sighup) => true,
                    };
                    match first {
                        // A terminal is closed while its Ctrl-C is obeyed: nobody asks for haste.
                        Some(_) if is_hangup => continue,
                        Some(first) if first.elapsed() < SAME_REQUEST => continue,
                        Some(_) => {
                            // At a question the terminal shows nothing that is typed, and nothing is dropped on this way.
                            echo::restore();
                            std::process::exit(130);
                        }
                        None => first = Some(Instant::now()),
                    }
                    COME.store(true, Ordering::SeqCst);
                    came.store(true, Ordering::SeqCst);
                    stop.trigger();
                    notify.notify_waiters();
                    notify.notify_one();
                }
            });
        });
        Ok(interrupt)
    }

    pub fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }

    /// Whether a signal comes that a program which was run has had already: both get it at the same moment, and either may be the first
    /// to heed it.
    pub async fn is_on_its_way(&self) -> bool {
        tokio::time::timeout(SAME_REQUEST, self.wait()).await.is_ok()
    }

    /// Returns when a signal has come.
    pub async fn wait(&self) {
        while !self.came() {
            self.notify.notified().await;
        }
    }
}

/// Whether this process was started to outlive its terminal (`nohup`). Where the system does not say, it is as if: the signal does there
/// what it does by itself.
fn hangups_are_ignored() -> bool {
    let ignored = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?.trim().to_owned();
        u64::from_str_radix(&mask, 16).ok()
    });
    ignored.is_none_or(|mask| mask & (1 << (Signal::HUP.as_raw() - 1)) != 0)
}

/// Never, where nobody listens.
async fn hung_up(hangups: &mut Option<tokio::signal::unix::Signal>) {
    match hangups {
        Some(hangups) => drop(hangups.recv().await),
        None => std::future::pending().await,
    }
}
