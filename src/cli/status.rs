//! The lines that say how far a command is. Pure: counts in, text out, never wider than asked.

use std::time::Duration;

use super::display::{bytes, duration};

/// What is known at a moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub phase: String,
    /// Bytes of rows in this phase, and how many are expected, which may be an estimate.
    pub bytes: u64,
    pub bytes_total: u64,
    /// What follows the rows: indexes, keys and the rest.
    pub steps: u64,
    pub steps_total: u64,
    /// Since the first of these bytes was waited for.
    pub elapsed: Duration,
}

/// What one worker is busy with.
#[derive(Clone, Debug, Default)]
pub struct Doing {
    pub label: String,
    pub bytes: u64,
    /// 0 where nobody knows.
    pub bytes_total: u64,
    pub elapsed: Duration,
}

impl Status {
    /// `restoring rows: 1.2 GB of about 3.0 GB, 45 MB/s, about 40 s of rows left`
    pub fn line(&self, width: usize) -> String {
        let mut line = self.phase.clone();
        let mut parts = Vec::new();
        if self.bytes_total > 0 {
            parts.push(self.rows_read());
            parts.extend(self.rate());
        }
        if self.steps > 0 || self.steps_total > 0 && self.bytes >= self.bytes_total {
            parts.push(format!("indexes and keys {} of {}", self.steps, self.steps_total));
        }
        // The most telling come first; what does not fit is left out whole.
        for (n, part) in parts.iter().enumerate() {
            let more = format!("{}{part}", if n == 0 { ": " } else { ", " });
            if line.chars().count() + more.chars().count() <= width {
                line += &more;
            }
        }
        cut(&line, width)
    }

    fn rows_read(&self) -> String {
        match self.bytes {
            read if read >= self.bytes_total && self.steps_total > 0 => format!("all {} there", bytes(read)),
            // An estimate that was too low says nothing about the end.
            read if read > self.bytes_total => format!("{} (about {} expected)", bytes(read), bytes(self.bytes_total)),
            read => format!("{} of about {}", bytes(read), bytes(self.bytes_total)),
        }
    }

    /// Before anything was read, and once all of it was, there is nothing to reckon.
    fn rate(&self) -> Option<String> {
        let left = self.bytes_total.checked_sub(self.bytes).filter(|left| *left > 0 && self.bytes > 0)?;
        let rate = self.bytes as f64 / self.elapsed.as_secs_f64().max(0.001);
        let left = duration(Duration::from_secs_f64((left as f64 / rate).min(1e7)));
        let of = if self.steps_total > 0 { " of rows" } else { "" };
        Some(format!("{}/s, about {left}{of} left", bytes(rate as u64)))
    }
}

impl Doing {
    pub fn line(&self, width: usize) -> String {
        let far = match (self.bytes, self.bytes_total) {
            // An index has no bytes to count, and its time is what there is to say.
            (0, 0) => duration(Duration::from_secs(self.elapsed.as_secs())).replace("0 ms", "0 s"),
            (read, 0) => bytes(read),
            (read, total) if read > total => format!("{} (about {} expected)", bytes(read), bytes(total)),
            (read, total) => format!("{} of {}", bytes(read), bytes(total)),
        };
        let room = width.saturating_sub(far.chars().count() + 4);
        cut(&format!("  {}  {far}", cut(&self.label, room)), width)
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { String::new() } else { kept + "…" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn restoring(bytes: u64, steps: u64) -> Status {
        Status {
            phase: "restoring rows".into(),
            bytes,
            bytes_total: 3_000_000_000,
            steps,
            steps_total: 17,
            elapsed: Duration::from_secs(10),
        }
    }

    #[test]
    fn rows_that_are_all_there_promise_nothing_about_indexes() {
        let line = restoring(1_000_000_000, 0).line(200);
        assert_eq!(line, "restoring rows: 1.0 GB of about 3.0 GB, 100 MB/s, about 20.0 s of rows left");
        let line = restoring(3_000_000_000, 4).line(200);
        assert_eq!(line, "restoring rows: all 3.0 GB there, indexes and keys 4 of 17");
        assert_eq!(restoring(3_000_000_000, 4).line(60), line);
        assert_eq!(restoring(1_000_000_000, 0).line(60), "restoring rows: 1.0 GB of about 3.0 GB");
    }

    #[test]
    fn an_estimate_that_was_too_low_is_no_end() {
        let reading = Status { bytes: 2_000_000, bytes_total: 1_000_000, ..Status::default() };
        assert_eq!(reading.line(80), ": 2.0 MB (about 1.0 MB expected)");
    }

    #[test]
    fn an_index_shows_its_time() {
        let index =
            Doing { label: "INDEX shop.orders_note".into(), elapsed: Duration::from_secs(75), ..Doing::default() };
        assert_eq!(index.line(60), "  INDEX shop.orders_note  1 min 15 s");
        let table = Doing {
            label: "TABLE DATA shop.orders".into(),
            bytes: 5_000_000,
            bytes_total: 9_000_000,
            ..Doing::default()
        };
        assert_eq!(table.line(60), "  TABLE DATA shop.orders  5.0 MB of 9.0 MB");
        assert_eq!(table.line(30), "  TABLE DAT…  5.0 MB of 9.0 MB");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(
            phase in ".{0,80}", bytes: u64, total: u64, steps in 0_u64..100_000, more in 0_u64..100_000, seconds in 0_u64..10_000_000, width in 0_usize..200,
        ) {
            let elapsed = Duration::from_secs(seconds);
            let steps_total = steps + more;
            let status = Status { phase: phase.clone(), bytes, bytes_total: total, steps, steps_total, elapsed };
            prop_assert!(status.line(width).chars().count() <= width);
            let doing = Doing { label: phase, bytes, bytes_total: total, elapsed };
            prop_assert!(doing.line(width).chars().count() <= width);
        }
    }
}
