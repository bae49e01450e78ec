//! The terminal's echo: taken for a time, and given back at every end.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// No echo, and each byte at once, so that Ctrl-C is seen although nobody else looks at signals meanwhile.
pub struct Silence {
    tty: File,
    before: Termios,
}

impl Silence {
    pub fn begin(tty: File) -> Option<Self> {
        let before = tcgetattr(&tty).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        // What was typed ahead of the question is an answer too.
        *silenced() = tty.try_clone().ok().map(|tty| (tty, before.clone()));
        tcsetattr(&tty, OptionalActions::Now, &quiet).ok()?;
        Some(Self { tty, before })
    }

    pub fn tty(&mut self) -> &mut File {
        &mut self.tty
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.before);
        *silenced() = None;
    }
}

/// The terminal that shows nothing at the moment, and how it was before.
fn silenced() -> MutexGuard<'static, Option<(File, Termios)>> {
    static SILENCED: Mutex<Option<(File, Termios)>> = Mutex::new(None);
    SILENCED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the terminal its echo back: for an end at which nothing is dropped.
pub fn restore() {
    if let Some((tty, before)) = silenced().take() {
        let _ = tcsetattr(&tty, OptionalActions::Now, &before);
    }
}
