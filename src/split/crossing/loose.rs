//! What a loose key can take the place of, and what not.

use crate::split::crossing::Action;
use crate::split::facts::{ForeignKey, KeyRule, ReferencedRows};
use crate::split::finding::Severity;

/// What becomes of a key that is to be loose, how much it matters, and why.
pub(super) fn loose(key: &ForeignKey) -> (Action, Severity, &'static str) {
    match key.rule {
        KeyRule::Values => {
            let (severity, outcome) = of_values(key);
            (Action::Loose, severity, outcome)
        }
        KeyRule::Periods => (Action::Refuse, Severity::Blocker, PERIODS),
        KeyRule::Nothing => (Action::Drop, Severity::Note, UNENFORCED),
    }
}

/// Why a key cannot be loose.
pub(in crate::split) const PERIODS: &str = "the key compares periods (PERIOD), and a loose key compares values";

/// What is lost with a key that PostgreSQL does nothing for.
pub(super) const UNENFORCED: &str =
    "PostgreSQL does not enforce the key (NOT ENFORCED): it is given up, and nothing need take its place";

fn of_values(key: &ForeignKey) -> (Severity, &'static str) {
    let refuses = |action: &str| matches!(action, "NO ACTION" | "RESTRICT");
    if refuses(&key.on_delete) {
        return (
            Severity::Warning,
            "the key refuses deletions there, which nothing can do from another database: `split reap` counts the rows that are left without",
        );
    }
    if key.referenced_rows == ReferencedRows::Partitions {
        return (
            Severity::Warning,
            "what is deleted there is written down, and `split reap` follows it; not seen are partitions that are dropped or detached, or emptied where they were made later, and a row that moves to another partition counts as deleted",
        );
    }
    (Severity::Note, "what is deleted there is written down, and `split reap` follows it")
}
