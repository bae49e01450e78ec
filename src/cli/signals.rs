//! Ctrl-C and SIGTERM: the first ends the work in order, the second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::echo;
use crate::stop::Stop;

static COME: AtomicBool = AtomicBool::new(false);

/// Whether a signal arrived to this process.
pub fn has_come() -> bool {
    COME.load(Ordering::SeqCst)
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
            [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                let [sigint, sigterm] = &mut signals;
                for again in [false, true] {
                    tokio::select! { _ = sigint.recv() => {}, _ = sigterm.recv() => {} }
                    if again {
                        // At a question the terminal shows nothing that is typed, and nothing is dropped on this way.
                        echo::restore();
                        std::process::exit(130);
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

    /// Returns when a signal has come.
    pub async fn wait(&self) {
        while !self.came() {
            self.notify.notified().await;
        }
    }
}
