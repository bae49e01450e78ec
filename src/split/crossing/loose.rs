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
pub(in crate::split) const PERIODS: &str = "the key compares periods (PERIOD), but a loose key compares values";

/// What is lost with a key that PostgreSQL does nothing for.
pub(super) const UNENFORCED: &str =
    "PostgreSQL does not enforce the key (NOT ENFORCED): it is given up without a replacement";

fn of_values(key: &ForeignKey) -> (Severity, &'static str) {
    let refuses = |action: &str| matches!(action, "NO ACTION" | "RESTRICT");
    if refuses(&key.on_delete) {
        return (
            Severity::Warning,
            "the key refuses deletions there, which is not possible from another database: `split reap` counts the rows that lose their parent",
        );
    }
    if key.referenced_rows == ReferencedRows::Partitions {
        return (
            Severity::Warning,
            "deletions there are logged, and `split reap` applies them; not logged are dropped or detached partitions, and TRUNCATE of later partitions; a row that moves to another partition counts as deleted",
        );
    }
    (Severity::Note, "deletions there are logged, and `split reap` applies them")
}
