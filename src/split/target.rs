//! Whether the target can take what moves.

use std::collections::BTreeSet;

use super::facts::{Cluster, CollationKnown, Existence, Right, SourceFacts, TargetFacts, Trust, Writing};
use super::finding::Severity::{Blocker, Note, Warning};
use super::finding::{Finding, FindingKind};
use super::moving::{MovingSchema, Need};

pub(super) fn target(
    source: &SourceFacts,
    target: &TargetFacts,
    needs: &[Need],
    moves: &[MovingSchema],
    roles: &BTreeSet<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(version(source, target));
    findings.extend(emptiness(target));
    findings.extend(default_privileges(target));
    findings.extend(rights(source, target, roles));
    findings.extend(extensions(target, needs));
    findings.extend(collation(source, target));
    findings.push(disk(moves));
    findings
}

fn version(source: &SourceFacts, target: &TargetFacts) -> Option<Finding> {
    let (from, to) = (source.server.version_num / 10_000, target.server.version_num / 10_000);
    let name = format!("{} to {}", source.server.version, target.server.version);
    match from.cmp(&to) {
        std::cmp::Ordering::Greater => Some(Finding::new(
            Blocker,
            FindingKind::ServerVersion,
            name,
            "the target is an older server, and may not support definitions of a newer one",
            format!("use a server of version {from} or newer"),
        )),
        std::cmp::Ordering::Less => Some(Finding::new(
            Note,
            FindingKind::ServerVersion,
            name,
            "the target is the newer server",
            "definitions are copied as they are; test the application on it first",
        )),
        std::cmp::Ordering::Equal => None,
    }
}

fn emptiness(target: &TargetFacts) -> Option<Finding> {
    let Existence::Exists { objects } = &target.existence else { return None };
    if objects.is_empty() {
        return None;
    }
    let mut some = objects.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if objects.len() > 5 {
        some += &format!(" and {} more", objects.len() - 5);
    }
    Some(Finding::new(
        Blocker,
        FindingKind::TargetNotEmpty,
        target.database.clone(),
        format!("the target database exists and is not empty: {some}"),
        "name a database that does not exist, or one that is empty",
    ))
}

/// PostgreSQL gives them to all that is made there: the copy would not be the original.
fn default_privileges(target: &TargetFacts) -> Option<Finding> {
    let statements = &target.default_privileges;
    (!statements.is_empty()).then(|| {
        Finding::new(
            Blocker,
            FindingKind::DefaultPrivileges,
            target.database.clone(),
            "default privileges in the target database would give what moves other privileges than it has",
            format!(
                "name a database that does not exist, or take them back in this one, and set them again after the split: {}",
                statements.join("; ")
            ),
        )
    })
}

fn rights(source: &SourceFacts, target: &TargetFacts, roles: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let has = |right: Right| target.rights.contains(&right);
    if ["template0", "template1"].contains(&target.database.as_str()) {
        findings.push(Finding::new(
            Blocker,
            FindingKind::TargetNotEmpty,
            target.database.clone(),
            "it is the template of new databases: each would contain the moved schemas",
            "name another database with --to",
        ));
    }
    let lacks = |reason: String, action: String| {
        Finding::new(Blocker, FindingKind::TargetPrivilege, target.user.clone(), reason, action)
    };
    if !has(Right::Write) {
        findings.push(Finding::new(
            Blocker,
            FindingKind::TargetReadOnly,
            target.database.clone(),
            "the target's server is a standby, which refuses writes",
            match &target.hindrances.writing {
                Writing::Standby { primary: Some(primary) } => {
                    format!("name the primary with --to: this one follows {primary}")
                }
                _ => "name the primary with --to".to_owned(),
            },
        ));
    }
    if has(Right::Superuser) {
        return findings;
    }
    match &target.existence {
        Existence::Absent if !has(Right::CreateDatabase) => findings.push(lacks(
            format!("it has no permission to create the database {}", target.database),
            format!("ALTER ROLE {} CREATEDB, or let an administrator create it", target.user),
        )),
        Existence::Exists { .. } if !has(Right::CreateInDatabase) => findings.push(lacks(
            format!("it has no permission to create schemas in {}", target.database),
            format!("GRANT CREATE ON DATABASE {} TO {}", target.database, target.user),
        )),
        _ => {}
    }
    let missing: Vec<&str> = roles.iter().filter(|role| !target.roles.contains(*role)).map(String::as_str).collect();
    if !missing.is_empty() && !has(Right::CreateRole) {
        findings.push(lacks(
            format!("the server has no role {}, and it has no permission to create one", missing.join(", ")),
            "create the roles first, or connect as a role with CREATEROLE".to_owned(),
        ));
    }
    let owners: Vec<&str> = roles
        .iter()
        .filter(|role| target.roles.contains(*role) && !target.member_of.contains(*role))
        .filter(|role| source.roles.iter().any(|known| known.name == **role))
        .map(String::as_str)
        .collect();
    if !owners.is_empty() {
        findings.push(Finding::new(
            Warning,
            FindingKind::TargetPrivilege,
            target.user.clone(),
            format!("it is not a member of {}: it cannot make them owners of their objects", owners.join(", ")),
            format!("GRANT {} TO {}, or connect as a superuser", owners.join(", "), target.user),
        ));
    }
    findings
}

fn extensions(target: &TargetFacts, needs: &[Need]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for need in needs.iter().filter(|need| need.kind == "EXTENSION") {
        let versions: Vec<(&str, Trust)> = target
            .available_extensions
            .iter()
            .filter(|((name, _), _)| *name == need.name)
            .map(|((_, version), trust)| (version.as_str(), *trust))
            .collect();
        let installed = need.version.as_deref().unwrap_or_default();
        let Some(&(_, trust)) = versions.iter().find(|(version, _)| *version == installed).or(versions.first()) else {
            findings.push(Finding::new(
                Blocker,
                FindingKind::Extension,
                need.name.clone(),
                format!("{} needs it, but the target's server does not have it", need.needed_by),
                "install its package on the target's server",
            ));
            continue;
        };
        if !versions.iter().any(|(version, _)| *version == installed) {
            let default = target.default_versions.get(&need.name).map_or("another version", String::as_str);
            findings.push(Finding::new(
                Warning,
                FindingKind::Extension,
                need.name.clone(),
                format!("the source has version {installed}, which the target's server does not offer"),
                format!("it is created in version {default}; test what uses it"),
            ));
        }
        if trust == Trust::SuperuserOnly && !target.rights.contains(&Right::Superuser) {
            findings.push(Finding::new(
                Blocker,
                FindingKind::Extension,
                need.name.clone(),
                format!("only a superuser may create it, and {} is not one", target.user),
                "name a superuser in --to: the split creates it",
            ));
        }
    }
    findings
}

fn collation(source: &SourceFacts, target: &TargetFacts) -> Vec<Finding> {
    let locale = &source.locale;
    let name = match (locale.provider.as_str(), &locale.locale) {
        ("c", _) | (_, None) => locale.collate.clone(),
        (provider, Some(locale)) => format!("{locale} ({})", if provider == "i" { "ICU" } else { "builtin" }),
    };
    let mut findings = Vec::new();
    if let Some(encoding) = target.encoding.as_ref().filter(|encoding| **encoding != locale.encoding) {
        findings.push(Finding::new(
            Blocker,
            FindingKind::Encoding,
            target.database.clone(),
            format!("its encoding is {encoding}, but the source's is {}", locale.encoding),
            "name a database that does not exist: it is created with the source's settings",
        ));
    }
    if let (Some(recorded), Some(actual)) = (&locale.recorded_version, &locale.actual_version)
        && recorded != actual
    {
        findings.push(Finding::new(
            Warning,
            FindingKind::Collation,
            name.clone(),
            format!("the source was created with version {recorded} of its collation and runs with {actual}: its indexes on text may be corrupt"),
            "REINDEX in the source and ALTER DATABASE ... REFRESH COLLATION VERSION; the new database builds its own indexes",
        ));
    }
    if target.collation == CollationKnown::Unknown {
        findings.push(Finding::new(
            Blocker,
            FindingKind::Collation,
            name,
            "the target's server does not have the source's collation",
            "install that locale on the target's machine",
        ));
    } else if let (Cluster::Another, Some(here), Some(there)) =
        (target.cluster, &locale.actual_version, &target.collation_version)
        && here != there
    {
        findings.push(Finding::new(
            Warning,
            FindingKind::Collation,
            name,
            format!(
                "the collation version is {here} in the source and {there} in the target: text may sort differently"
            ),
            "indexes are rebuilt; check range partitions and CHECK constraints on text",
        ));
    }
    findings
}

/// No statement of SQL says how much is free.
fn disk(moves: &[MovingSchema]) -> Finding {
    let bytes: u64 = moves.iter().map(|schema| schema.bytes + schema.index_bytes).sum();
    Finding::new(
        Note,
        FindingKind::Disk,
        format!("{} MB", bytes.div_ceil(1_000_000)),
        "size of the tables and indexes in the source; SQL cannot show the free space on the target",
        "make sure that the target's volume has twice as much: WAL needs space as well",
    )
}
