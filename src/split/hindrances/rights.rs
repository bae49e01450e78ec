//! Whether the role can put the fence up.

use super::some;
use crate::split::facts::{FenceRights, SourceFacts};
use crate::split::finding::Severity::Blocker;
use crate::split::finding::{Finding, FindingKind};

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
