use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The processes of a program that leads a group of its own, ended when this is dropped.
pub struct Group {
    leader: Option<Pid>,
}

impl Group {
    pub fn of(leader: &Child) -> Self {
        Self { leader: leader.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) }
    }

    pub fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // Gone already is as good.
            let _ = kill_process_group(leader, signal);
        }
    }

    /// What still runs goes on.
    pub fn release(mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
