//! Whoever runs a command looks on, and may end it early.

use std::sync::Arc;

use super::progress::Progress;
use crate::stop::Stop;

#[derive(Clone)]
pub struct Watch {
    pub progress: Arc<Progress>,
    pub stop: Stop,
}

impl Watch {
    pub fn set_phase(&self, phase: &str) {
        self.progress.set_phase(phase);
    }

    /// See [`Progress::would_leave`].
    pub fn would_leave(&self, what: String) {
        self.progress.would_leave(what);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }
}
