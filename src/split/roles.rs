//! Roles that what moves needs: those that the target's server lacks, and those that may do more there, or more than they need.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Attribute, Role, SourceFacts, TargetFacts, Trust};
use super::finding::Severity::{Note, Warning};
use super::finding::{Finding, FindingKind};
use super::moving::Need;
use crate::schema::restore::RoleMap;
use crate::schema::rights::Rights;

/// Roles that what moves needs, and what they may do that they need no longer.
pub(super) fn roles(
    needed: &BTreeSet<String>,
    needs: &[Need],
    source: &SourceFacts,
    target: &TargetFacts,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for role in source.roles.iter().filter(|role| needed.contains(&role.name)) {
        findings.extend(more_there(role, &source.role_rights, target));
        if !target.roles.contains(&role.name) {
            let memberships: Vec<&str> =
                source.memberships.iter().filter(|m| m.member == role.name).map(|m| m.role.as_str()).collect();
            let reason = match memberships.is_empty() {
                true => "it owns or may use moving objects, but the target's server has no such role".to_owned(),
                false => format!(
                    "it owns or may use moving objects as a member of {}, but the target's server has no such role",
                    memberships.join(", ")
                ),
            };
            let action = "it is created with its attributes, memberships and settings; its password is copied only if it can be read";
            findings.push(Finding::new(Note, FindingKind::Role, role.name.clone(), reason, action));
        }
        if role.attributes.contains(&Attribute::Superuser) && role.name != target.user {
            findings.push(superuser(role, needs, target));
        }
    }
    findings
}

/// Of these roles those that may do more at the target's server, and what.
pub(super) fn with_nothing_set(
    roles: &BTreeSet<String>,
    source: &SourceFacts,
    target: &TargetFacts,
) -> BTreeMap<String, String> {
    let beyond = |role: &String| target.role_rights.beyond(&source.role_rights, role, &RoleMap::default()).join(", ");
    let all = roles.iter().map(|role| (role.clone(), beyond(role)));
    all.filter(|(_, beyond)| !beyond.is_empty()).collect()
}

/// A role that the target's server has already is another one, as far as anybody can tell.
fn more_there(role: &Role, source: &Rights, target: &TargetFacts) -> Option<Finding> {
    let beyond = target.role_rights.beyond(source, &role.name, &RoleMap::default());
    let reason = || {
        format!(
            "it exists at the target's server and has rights there that the source's does not have ({})",
            beyond.join(", ")
        )
    };
    let action = "what it owns there runs with them; no role that is created becomes a member of it, and its settings in the database and its default privileges are not set; where the two are not one and the same, rename one before the split";
    (!beyond.is_empty()).then(|| Finding::new(Warning, FindingKind::Role, role.name.clone(), reason(), action))
}

/// Most superusers of applications are superusers for the sake of `CREATE EXTENSION`.
fn superuser(role: &Role, needs: &[Need], target: &TargetFacts) -> Finding {
    let extensions: Vec<&Need> = needs.iter().filter(|need| need.kind == "EXTENSION").collect();
    let trusted = |need: &&&Need| {
        let mut versions = target.available_extensions.iter().filter(|((name, _), _)| *name == need.name);
        versions.any(|(_, trust)| *trust == Trust::Trusted)
    };
    let all_trusted = extensions.iter().filter(trusted).count() == extensions.len();
    let names: Vec<&str> = extensions.iter().map(|need| need.name.as_str()).collect();
    let reason = match (names.is_empty(), all_trusted) {
        (true, _) => "it is a superuser, but the moving schemas need no extension".to_owned(),
        (false, true) => {
            format!(
                "it is a superuser, but all extensions that move ({}) are trusted and do not need one",
                names.join(", ")
            )
        }
        (false, false) => format!(
            "it is a superuser, but does not need to be one if an administrator creates the extensions that move ({})",
            names.join(", ")
        ),
    };
    let kept = role.attributes.iter().filter(|attribute| **attribute != Attribute::Superuser).map(|a| a.word());
    let words: Vec<&str> = std::iter::once("NOSUPERUSER").chain(kept).collect();
    let quoted = format!("\"{}\"", role.name.replace('"', "\"\""));
    let database = format!("\"{}\"", target.database.replace('"', "\"\""));
    let action = format!(
        "{} creates the extensions; proposed: ALTER ROLE {quoted} {}; GRANT CREATE ON DATABASE {database} TO {quoted}",
        target.user,
        words.join(" ")
    );
    Finding::new(Note, FindingKind::Superuser, role.name.clone(), reason, action)
}
