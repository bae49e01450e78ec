use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// Added to a signal's number, the exit code of a shell whose command the signal has ended.
const OF_A_SHELL: i32 = 128;

/// Whether a program was ended by Ctrl-C, SIGTERM or a terminal that was closed, as whoever runs pgkeep with it sends to both.
pub fn was_stopped(status: ExitStatus) -> bool {
    let signals = [Signal::INT, Signal::TERM, Signal::HUP].map(Signal::as_raw);
    let signal = status.signal().or_else(|| status.code()?.checked_sub(OF_A_SHELL));
    signal.is_some_and(|signal| signals.contains(&signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_program_from_outside_is_known() {
        let of = |raw| was_stopped(ExitStatus::from_raw(raw));
        assert!(of(Signal::INT.as_raw()) && of(Signal::TERM.as_raw()) && of(130 << 8) && of(143 << 8));
        assert!(!(of(0) || of(1 << 8) || of(Signal::SEGV.as_raw()) || of(127 << 8) || of(128 << 8)));
    }
}
