use super::*;
use crate::split::facts::{
    Cluster, InnerKey, LockTable, Locked, Orphans, PreparedTransaction, Referencing, ServerFacts, Validity,
};
use crate::split::finding::{FindingKind, Severity};

fn source() -> SourceFacts {
    SourceFacts { database: "shop".into(), ..SourceFacts::default() }
}

fn target(version_num: u32) -> TargetFacts {
    TargetFacts { server: ServerFacts { version_num, version: "x".into() }, ..TargetFacts::default() }
}

#[test]
fn a_prepared_transaction_blocks_once_it_is_old() {
    let mut source = source();
    let of_age = |seconds| PreparedTransaction {
        gid: "it's".into(),
        owner: "app".into(),
        since: "now".into(),
        seconds,
        tables: vec!["m.t".into()],
    };
    for (seconds, severity) in [(60, Severity::Warning), (61, Severity::Blocker)] {
        source.hindrances.prepared = vec![of_age(seconds)];
        let findings = writing::prepared(&source);
        assert_eq!((findings.len(), findings[0].severity), (1, severity));
        assert!(findings[0].action.contains("ROLLBACK PREPARED 'it''s'"), "{findings:?}");
    }
}

#[test]
fn a_key_that_was_not_counted_is_told_and_weighs_more_where_it_must_be_valid() {
    let mut source = source();
    let key =
        |key: &str, referencing, orphans| InnerKey { key: key.into(), validity: Validity::Valid, referencing, orphans };
    source.hindrances.inner_keys = vec![
        key("m.a.k", Referencing::Table, Orphans::NotCounted),
        key("m.b.k", Referencing::Partitions, Orphans::NotCounted),
        key("m.c.k", Referencing::Partitions, Orphans::Counted(2)),
        key("m.d.k", Referencing::Table, Orphans::Counted(0)),
    ];
    let told = |version| -> Vec<(Severity, String)> {
        let findings = keys::findings(&source, &target(version));
        findings.into_iter().map(|finding| (finding.severity, finding.name)).collect()
    };
    let (note, warning, blocker) = (Severity::Note, Severity::Warning, Severity::Blocker);
    assert_eq!(told(170_000), [(blocker, "m.c.k".into()), (note, "m.a.k".into()), (warning, "m.b.k".into())]);
    assert_eq!(told(180_000), [(warning, "m.c.k".into()), (note, "m.a.k, m.b.k".into())]);
}

#[test]
fn the_number_of_locks_that_is_told_is_enough_and_both_databases_of_one_server_share_it() {
    let mut source = source();
    source.hindrances.locked =
        Locked { tables: 1000, views: 10, moving_tables: 500, moving_sequences: 50, dropped: 9000 };
    source.hindrances.lock_table = LockTable { per_transaction: 20, processes: 100 };
    let mut target = target(150_000);
    // One transaction makes at most 550 tables and sequences, with three locks each.
    target.cluster = Cluster::Same;
    let blockers = locks::findings(&source, &target);
    assert_eq!((blockers.len(), blockers[0].kind, blockers[0].severity), (1, FindingKind::Locks, Severity::Blocker));
    let needed = (1160 + 116) + (1750 + 175);
    assert!(blockers[0].reason.contains(&format!("up to {needed} objects")), "{blockers:?}");
    assert!(blockers[0].action.contains("max_locks_per_transaction to 33 or more"), "{blockers:?}");

    // Apart there is room, but not for dropping them at last.
    target.cluster = Cluster::Another;
    target.hindrances.lock_table = LockTable { per_transaction: 20, processes: 100 };
    let warnings = locks::findings(&source, &target);
    assert_eq!((warnings.len(), warnings[0].severity), (1, Severity::Warning), "{warnings:?}");
    assert!(warnings[0].reason.contains("finish --yes-drop"), "{warnings:?}");
}
