//! Warnings that the server sends while it works. A trigger or a check may raise one for each of a billion rows.

use super::error::ServerMessage;

/// Warnings that differ and are kept.
const KEPT: usize = 5;
/// Bytes of a message that are kept.
const BYTES_MAX: usize = 1000;

/// The first few warnings that differ, how often each came, and how many others there were: never more memory than that.
#[derive(Debug, Default)]
pub struct Notices {
    kept: Vec<(String, u64)>,
    others: u64,
}

impl Notices {
    pub fn add(&mut self, message: ServerMessage) {
        self.hear(&message.severity, &message.message);
    }

    /// What is less than a warning is of no interest.
    pub fn hear(&mut self, severity: &str, message: &str) {
        if severity == "WARNING" {
            // A text that is cut after it was copied keeps the memory of all of it.
            self.add_text(message[..message.floor_char_boundary(BYTES_MAX + 4)].to_owned());
        }
    }

    pub fn add_text(&mut self, mut message: String) {
        if message.len() > BYTES_MAX {
            message.truncate(message.floor_char_boundary(BYTES_MAX));
            message.push_str("...");
        }
        if let Some((_, times)) = self.kept.iter_mut().find(|(kept, _)| *kept == message) {
            *times += 1;
        } else if self.kept.len() < KEPT {
            self.kept.push((message, 1));
        } else {
            self.others += 1;
        }
    }

    /// One line for each warning that was kept, and one for the others.
    pub fn into_lines(self) -> Vec<String> {
        let line = |(message, times): (String, u64)| match times {
            1 => message,
            times => format!("{message} ({times} times)"),
        };
        let mut lines: Vec<String> = self.kept.into_iter().map(line).collect();
        match self.others {
            0 => {}
            1 => lines.push("1 other warning".into()),
            others => lines.push(format!("{others} other warnings")),
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_kept_and_the_others_counted() {
        let mut notices = Notices::default();
        let mut raise = |severity: &str, message: String| {
            notices.add(ServerMessage { severity: severity.into(), message, ..ServerMessage::default() });
        };
        for row in 0..100_000 {
            raise("WARNING", format!("row {row}"));
            raise("WARNING", "deprecated".into());
            raise("NOTICE", "of no interest".into());
        }
        let expected = ["row 0", "deprecated (100000 times)", "row 1", "row 2", "row 3", "99996 other warnings"];
        assert_eq!(notices.into_lines(), expected);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut notices = Notices::default();
        notices.add_text("ü".repeat(700) + "x");
        let lines = notices.into_lines();
        assert_eq!(lines, ["ü".repeat(500) + "..."]);
    }
}
