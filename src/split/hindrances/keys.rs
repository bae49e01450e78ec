//! Foreign keys inside the moving part, and rows that are against them.

use super::some;
use crate::split::facts::{InnerKey, Orphans, Referencing, SourceFacts, TargetFacts, Validity};
use crate::split::finding::Severity::{Blocker, Note, Warning};
use crate::split::finding::{Finding, FindingKind};

/// The first version in which a partitioned table can have a key that is not checked.
const PARTITIONS_NOT_VALID: u32 = 180_000;

pub(super) fn findings(source: &SourceFacts, target: &TargetFacts) -> Vec<Finding> {
    let keys = &source.hindrances.inner_keys;
    let mut findings: Vec<Finding> = keys.iter().filter_map(|key| of_key(key, target)).collect();
    let uncounted = |unable: bool| -> Vec<String> {
        let keys = keys.iter().filter(|key| key.orphans == Orphans::NotCounted && key.validity == Validity::Valid);
        keys.filter(|key| must_be_valid(key, target) == unable).map(|key| key.key.clone()).collect()
    };
    let reason = "whether rows are against it was not counted: it would have taken too long, the role may not read them, or code of ordinary roles would run";
    let (able, unable) = (uncounted(false), uncounted(true));
    if !able.is_empty() {
        let action = "where rows are against one, it moves as NOT VALID, and the run says so";
        findings.push(Finding::new(Note, FindingKind::OrphanedRows, some(&able), reason, action));
    }
    if !unable.is_empty() {
        let action =
            "it is of a partitioned table: where rows are against it, the run ends, and the source takes writes again";
        findings.push(Finding::new(Warning, FindingKind::OrphanedRows, some(&unable), reason, action));
    }
    findings
}

fn must_be_valid(key: &InnerKey, target: &TargetFacts) -> bool {
    key.referencing == Referencing::Partitions && target.server.version_num < PARTITIONS_NOT_VALID
}

fn of_key(key: &InnerKey, target: &TargetFacts) -> Option<Finding> {
    let finding = |severity, reason: String, action: &str| {
        Some(Finding::new(severity, FindingKind::OrphanedRows, key.key.clone(), reason, action))
    };
    match (key.validity, key.orphans) {
        (Validity::Valid, Orphans::Counted(0)) | (_, Orphans::NotCounted) => None,
        (Validity::Valid, Orphans::Counted(rows)) if must_be_valid(key, target) => finding(
            Blocker,
            format!(
                "{} against it: it cannot be made anew, and before PostgreSQL 18 a key of a partitioned table cannot be NOT VALID",
                counted(rows)
            ),
            "delete those rows or give them a row to refer to, or drop the key",
        ),
        (Validity::Valid, Orphans::Counted(rows)) => finding(
            Warning,
            format!("{} against it, although PostgreSQL counts it as valid", counted(rows)),
            "it moves as NOT VALID: new rows are checked, and these stay; delete them or give them a row to refer to if it shall be whole",
        ),
        (Validity::NotValid, Orphans::Counted(rows)) => finding(
            if rows == 0 { Note } else { Warning },
            match rows {
                0 => "it is NOT VALID, and no row is against it".to_owned(),
                rows => format!("it is NOT VALID, and {} against it", counted(rows)),
            },
            "it moves as it is",
        ),
    }
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row is".to_owned() } else { format!("{rows} rows are") }
}
