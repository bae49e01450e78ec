//! Whether the source takes what a run writes there, and who holds it up without a session.

use super::some;
use crate::split::facts::{PreparedTransaction, SourceFacts, Writing};
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

/// A prepared transaction that is as old as this does not end by itself while a fence is waited for.
const PREPARED_SECONDS_MAX: u64 = 60;

/// The fence is made in the source by writing.
pub(super) fn findings(source: &SourceFacts) -> Option<Finding> {
    let finding = |reason: &str, action: String| {
        Some(Finding::new(Blocker, FindingKind::SourceReadOnly, source.database.clone(), reason, action))
    };
    match &source.hindrances.writing {
        Writing::Taken => None,
        Writing::Standby { primary } => finding(
            "the source's server is a standby: the fence must be on the server that takes the writes",
            match primary {
                Some(primary) => format!("name the primary with --from: this one follows {primary}"),
                None => "name the primary with --from".to_owned(),
            },
        ),
    }
}

pub(super) fn prepared(source: &SourceFacts) -> Vec<Finding> {
    let finding = |transaction: &PreparedTransaction| {
        let PreparedTransaction { gid, owner, since, seconds, tables } = transaction;
        let old = *seconds > PREPARED_SECONDS_MAX;
        let literal = format!("'{}'", gid.replace('\'', "''"));
        Finding::new(
            if old { Blocker } else { Warning },
            FindingKind::PreparedTransaction,
            gid.clone(),
            format!(
                "{owner} prepared it at {since}, and it holds locks on {}: the fence waits for it, and no session will end it",
                some(tables)
            ),
            format!(
                "in {}: COMMIT PREPARED {literal} or ROLLBACK PREPARED {literal}, as its application needs it",
                source.database
            ),
        )
    };
    source.hindrances.prepared.iter().map(finding).collect()
}
