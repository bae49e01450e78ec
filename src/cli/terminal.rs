//! Questions to whoever sits at the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write, stdin};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::echo::Silence;
use super::progress::{Undisturbed, undisturbed};
use super::{output, signals, visible};
use crate::repo::keys::Callbacks;

/// The terminal of this process, if its standard input is one.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

impl Terminal {
    fn open() -> Option<File> {
        if !stdin().is_terminal() {
            return None;
        }
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok()
    }

    /// A question that only `y` answers with yes. None without a terminal.
    pub fn confirm_on_terminal(self, question: &str) -> Option<bool> {
        Self::open()?;
        let answer = self.request_public_string(&format!("{question}. Go on? (y/N)"));
        Some(matches!(answer.as_deref().map(str::trim), Some("y" | "Y" | "yes")))
    }

    /// A passphrase, typed unseen. None without a terminal, and where the question was left with Ctrl-C or Ctrl-D.
    pub fn passphrase(self, prompt: &str) -> Option<SecretString> {
        self.unseen()?.ask(prompt)
    }

    /// The terminal without its echo, for several questions: between two of them nothing that is typed ahead is shown either.
    pub fn unseen(self) -> Option<Unseen> {
        let tty = Self::open()?;
        let undisturbed = undisturbed();
        Some(Unseen { silence: Silence::begin(tty)?, _undisturbed: undisturbed })
    }
}

/// Questions to which nothing that is typed is shown.
pub struct Unseen {
    silence: Silence,
    _undisturbed: Undisturbed,
}

impl Unseen {
    /// What was typed; none where the question was left with Ctrl-C, which is a signal as anywhere else, or with Ctrl-D.
    pub fn ask(&mut self, prompt: &str) -> Option<SecretString> {
        let tty = self.silence.tty();
        write!(tty, "pgkeep: {}: ", visible::line(prompt)).ok()?;
        let typed = read_line(&mut Patient(tty));
        let _ = writeln!(tty);
        match typed {
            Ok(typed) => Some(SecretString::from(typed.as_str())),
            Err(Left::ByCtrlC) => {
                // The terminal sends no signal while it shows nothing that is typed.
                signals::interrupt();
                None
            }
            Err(Left::Otherwise) => None,
        }
    }
}

/// Waits for what is typed, or for a signal: whoever reads here reads nothing else, and nobody ends it from outside.
struct Patient<'a>(&'a File);

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        loop {
            if signals::has_come() {
                return Err(io::Error::other("a signal arrived"));
            }
            match poll(&mut [PollFd::new(self.0, PollFlags::IN)], Some(&LOOK_EVERY)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return self.0.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// How a question was left without an answer.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    ByCtrlC,
    /// Ctrl-D, or the terminal is gone.
    Otherwise,
}

fn read_line(tty: &mut impl Read) -> Result<Zeroizing<String>, Left> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    let mut line = Zeroizing::new(Vec::with_capacity(4096));
    loop {
        let mut byte = [0];
        tty.read_exact(&mut byte).map_err(|_| Left::Otherwise)?;
        match byte[0] {
            b'\r' | b'\n' => break,
            CTRL_C => return Err(Left::ByCtrlC),
            CTRL_D => return Err(Left::Otherwise),
            CTRL_U => line.clear(),
            8 | 127 => {
                // A character, not a byte of one.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    std::str::from_utf8(&line).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| Left::Otherwise)
}

impl Callbacks for Terminal {
    fn display_message(&self, message: &str) {
        let _undisturbed = undisturbed();
        output::to_stderr(&format!("pgkeep: {}\n", visible::line(message)));
    }

    fn confirm(&self, message: &str, yes_string: &str, no_string: Option<&str>) -> Option<bool> {
        let question = match no_string {
            Some(no) => format!("{message} ({yes_string}: y, {no}: n)"),
            None => format!("{message} ({yes_string}: y)"),
        };
        let answer = self.request_public_string(&question)?;
        match answer.trim() {
            "y" | "Y" => Some(true),
            "n" | "N" => Some(false),
            _ => None,
        }
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        let mut tty = Self::open()?;
        let _undisturbed = undisturbed();
        write!(tty, "pgkeep: {}: ", visible::line(description)).ok()?;
        let mut typed = Vec::new();
        let mut byte = [0];
        while Patient(&tty).read(&mut byte).ok()? == 1 && byte[0] != b'\n' {
            typed.push(byte[0]);
        }
        String::from_utf8(typed).ok()
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.passphrase(description)
    }
}

#[cfg(test)]
mod tests {
    use super::{Left, read_line};

    #[test]
    fn a_line_is_what_is_left_after_corrections() {
        let line = |typed: &[u8]| read_line(&mut &typed[..]).map(|line| line.to_string());
        assert_eq!(line(b"secret\nmore"), Ok("secret".into()));
        assert_eq!(line("aü\u{7f}b\r".as_bytes()), Ok("ab".into()));
        assert_eq!(line(b"wrong\x15right\n"), Ok("right".into()));
        assert_eq!(line(b"\x7f\x7f\n"), Ok(String::new()));
        assert_eq!(line(b"half\x03"), Err(Left::ByCtrlC));
        assert_eq!(line(b"half\x04"), Err(Left::Otherwise));
        assert_eq!(line(b"no end"), Err(Left::Otherwise));
    }
}
