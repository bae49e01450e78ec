//! What a loose key can take the place of, and what not.

use crate::split::facts::{ForeignKey, ReferencedRows};
use crate::split::finding::Severity;

/// How much it matters that the key becomes loose, and why.
pub(super) fn loose(key: &ForeignKey) -> (Severity, &'static str) {
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
