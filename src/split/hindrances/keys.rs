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
    let reason = "rows that violate it were not counted: it would take too long, the role cannot read them, or code of ordinary roles would run";
    let (able, unable) = (uncounted(false), uncounted(true));
    if !able.is_empty() {
        let action = "if rows violate one, it moves as NOT VALID, and the run says so";
        findings.push(Finding::new(Note, FindingKind::OrphanedRows, some(&able), reason, action));
    }
    if !unable.is_empty() {
        let action =
            "it is on a partitioned table: if rows violate it, the run ends, and the source takes writes again";
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
                "{} it: it cannot be recreated, because before PostgreSQL 18 a foreign key on a partitioned table cannot be NOT VALID",
                counted(rows)
            ),
            "delete those rows or insert the rows that they refer to, or drop the key",
        ),
        (Validity::Valid, Orphans::Counted(rows)) => finding(
            Warning,
            format!("{} it, although PostgreSQL marks it as valid", counted(rows)),
            "it moves as NOT VALID: new rows are checked, and these rows stay; to make it valid, delete them or insert the rows that they refer to",
        ),
        (Validity::NotValid, Orphans::Counted(rows)) => finding(
            if rows == 0 { Note } else { Warning },
            match rows {
                0 => "it is NOT VALID, but no row violates it".to_owned(),
                rows => format!("it is NOT VALID, and {} it", counted(rows)),
            },
            "it moves as it is",
        ),
    }
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row violates".to_owned() } else { format!("{rows} rows violate") }
}
