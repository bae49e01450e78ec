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
            format!("the role {role} does not own {}: only the owner can create the fence's triggers", some(not_owned)),
            format!("use a role in --from that owns them, or is a member of their owners: GRANT owner TO {role}"),
        ));
    }
    if !may_make_a_schema {
        findings.push(finding(
            format!("the role {role} has no permission to create a schema there for the fence's function"),
            format!("GRANT CREATE ON DATABASE {} TO {role}", source.database),
        ));
    }
    findings
}
