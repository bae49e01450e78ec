//! The server's warnings of a whole run.

/// Lines that are kept.
const LINES_MAX: usize = 1000;

/// The first lines, and how many others there were: the report stays one that can be read.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    lines: Vec<String>,
    others: u64,
}

impl Warnings {
    pub fn extend(&mut self, lines: impl Iterator<Item = String>) {
        for line in lines {
            if self.lines.len() < LINES_MAX {
                self.lines.push(line);
            } else {
                self.others += 1;
            }
        }
    }

    pub fn into_lines(mut self) -> Vec<String> {
        if self.others > 0 {
            self.lines.push(format!("{} more warning lines from the server", self.others));
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_many_warnings_says_how_many_it_left_out() {
        let mut warnings = Warnings::default();
        warnings.extend((0..1500).map(|n| format!("table {n}")));
        let lines = warnings.into_lines();
        assert_eq!((lines.len(), lines[999].as_str()), (1001, "table 999"));
        assert_eq!(lines[1000], "500 more warning lines from the server");
    }
}
