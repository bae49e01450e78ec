//! Whether the role can put the fence up.

use super::some;
use crate::split::facts::{FenceRights, SourceFacts};
use crate::split::finding::Severity::Blocker;
use crate::split::finding::{Finding, FindingKind};

/// Rows that no dump takes: `CREATE EXTENSION` makes the table anew, without them.
pub(super) fn members(source: &SourceFacts) -> Vec<Finding> {
    let finding = |(table, extension): &(String, String)| {
        Finding::new(
            Blocker,
            FindingKind::Extension,
            table.clone(),
            format!(
                "it belongs to the extension {extension}, which does not mark it as configuration: its rows would not move"
            ),
            format!(
                "ALTER EXTENSION {extension} DROP TABLE {table} makes it a table like others; or leave its schema where it is"
            ),
        )
    };
    let hashed = |table: &String| {
        Finding::new(
            Blocker,
            FindingKind::EnumHash,
            table.clone(),
            "it is partitioned by the hash of an enum, which is another in each database: its rows would not go into the partitions that they have",
            "partition it by the hash of the column's text or by a list, or leave its schema where it is",
        )
    };
    let members = source.hindrances.member_tables.iter().map(finding);
    members.chain(source.hindrances.hashed_by_enum.iter().map(hashed)).collect()
}

pub(super) fn findings(source: &SourceFacts) -> Vec<Finding> {
    let FenceRights { role, may_make_a_schema, not_owned } = &source.hindrances.fence_rights;
    let finding = |reason: String, action: String| {
        Finding::new(Blocker, FindingKind::SourcePrivilege, source.database.clone(), reason, action)
    };
    let mut findings = Vec::new();
    if !not_owned.is_empty() {
        findings.push(finding(
            format!(
                "the role {role} does not own {}: the fence that refuses writes is a trigger of the tables' owner",
                some(not_owned)
            ),
            format!("name a role with --from that owns them, or is a member of their owners: GRANT owner TO {role}"),
        ));
    }
    if !may_make_a_schema {
        findings.push(finding(
            format!("the role {role} may not make a schema there, in which the fence's function lies"),
            format!("GRANT CREATE ON DATABASE {} TO {role}", source.database),
        ));
    }
    findings
}
