//! Whether the servers have room for the locks of a split.
//!
//! A server whose table of locks is full refuses them to everybody, not to the split alone.

use crate::split::facts::{Cluster, LockTable, Locked, SourceFacts, TargetFacts};
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

/// Catalogs, and what others lock meanwhile.
const BESIDES: u64 = 100;
/// Definitions that share a transaction in the target, and what each locks at most: a table, its TOAST, and the index of that.
const AT_ONCE: u64 = 1500;
const FOR_EACH: u64 = 3;

/// With a tenth more, for what comes and goes.
fn margin(locks: u64) -> u64 {
    locks + locks / 10
}

/// pg_dump locks every table of the database and reads its views while the fence holds the moving ones; sequences are read in the same
/// transaction.
fn at_source(locked: Locked) -> u64 {
    margin(locked.tables + locked.views + locked.moving_sequences + BESIDES)
}

/// Definitions are made, then looked at by pg_dump, then sequences set, each in a transaction.
fn at_target(locked: Locked) -> u64 {
    let made = FOR_EACH * AT_ONCE.min(locked.moving_tables + locked.moving_sequences);
    margin(made.max(locked.moving_tables).max(locked.moving_sequences) + BESIDES)
}

pub(super) fn findings(source: &SourceFacts, target: &TargetFacts) -> Vec<Finding> {
    let locked = source.hindrances.locked;
    let (there, here) = (source.hindrances.lock_table, target.hindrances.lock_table);
    let mut findings = Vec::new();
    let same = target.cluster == Cluster::Same;
    let needed = at_source(locked) + if same { at_target(locked) } else { 0 };
    let what =
        format!("{} tables, {} views, {} moving sequences", locked.tables, locked.views, locked.moving_sequences);
    findings.extend(of_server("the source's server", there, needed, &what));
    if !same {
        findings.extend(of_server("the target's server", here, at_target(locked), "what moves"));
    }
    let dropped = margin(locked.dropped + BESIDES);
    if findings.is_empty() && there.per_transaction > 0 && dropped > there.room() {
        findings.push(Finding::new(
            Warning,
            FindingKind::Locks,
            "the source's server",
            format!(
                "`finish --yes-drop` locks {dropped} objects in one transaction, but the lock table has room for {}",
                there.room()
            ),
            format!("before that: {}", enough(there, dropped)),
        ));
    }
    findings
}

fn of_server(name: &str, table: LockTable, needed: u64, what: &str) -> Option<Finding> {
    // Where the settings could not be read nothing is said.
    if table.per_transaction == 0 || needed <= table.room() {
        return None;
    }
    Some(Finding::new(
        Blocker,
        FindingKind::Locks,
        name,
        format!(
            "a split locks up to {needed} objects there at once ({what}), but the lock table has room for {}: other sessions, also those of applications, would fail (out of shared memory)",
            table.room()
        ),
        enough(table, needed),
    ))
}

fn enough(table: LockTable, needed: u64) -> String {
    let each = needed.div_ceil(table.processes.max(1)).max(table.per_transaction + 1);
    format!("set max_locks_per_transaction to {each} or more, and restart the server")
}
