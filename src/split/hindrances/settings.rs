//! Settings that the target's server does not take.

use std::collections::BTreeSet;

use crate::schema::archive::{Kind, Oid};
use crate::split::crossing::Sides;
use crate::split::facts::{FunctionSetting, Reach, Setting, SettingRefused, SourceFacts, TargetFacts};
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

pub(super) fn findings(
    sides: &Sides<'_>,
    roles: &BTreeSet<String>,
    source: &SourceFacts,
    target: &TargetFacts,
) -> Vec<Finding> {
    let refused = |name: &str, value: &str| {
        let why = target.hindrances.refused_settings.get(&(name.to_owned(), value.to_owned()))?;
        Some(match why {
            SettingRefused::Unknown => format!("PostgreSQL {} has no such setting", target.server.version),
            SettingRefused::Value(message) => format!("the target's server refuses the value: {message}"),
            SettingRefused::Denied => format!("{} has no permission to set it there", target.user),
        })
    };
    let carried = source.settings.iter().filter(|setting| is_carried(setting, roles, target));
    let of_setting = |setting: &Setting| {
        let Setting { role, reach, name, value } = setting;
        let who = match (role, reach) {
            (None, _) => format!("the database {}", source.database),
            (Some(role), Reach::Database) => format!("{role} in {}", source.database),
            (Some(role), Reach::Cluster) => role.clone(),
        };
        let action = "it is not set in the new database, and the run says so; set a replacement there";
        Some(Finding::new(Warning, FindingKind::Setting, format!("{who}: {name}"), refused(name, value)?, action))
    };
    let taken = taken_functions(sides);
    let of_function = |setting: &FunctionSetting| {
        let FunctionSetting { label, name, value, .. } = setting;
        Some(Finding::new(
            Blocker,
            FindingKind::Setting,
            format!("FUNCTION {label}: {name}"),
            format!("{}, so the function cannot be created", refused(name, value)?),
            format!("ALTER FUNCTION {label} RESET {name}, or change the function"),
        ))
    };
    let functions = source.hindrances.function_settings.iter().filter(|setting| taken.contains(&setting.function));
    carried.filter_map(of_setting).chain(functions.filter_map(of_function)).collect()
}

/// A role that the target's server has keeps its own settings.
fn is_carried(setting: &Setting, roles: &BTreeSet<String>, target: &TargetFacts) -> bool {
    match (&setting.role, setting.reach) {
        (None, _) => true,
        (Some(role), Reach::Database) => roles.contains(role),
        (Some(role), Reach::Cluster) => roles.contains(role) && !target.roles.contains(role),
    }
}

fn taken_functions(sides: &Sides<'_>) -> BTreeSet<Oid> {
    let entries = sides.archive.entries().iter();
    let taken = entries.filter(|entry| {
        matches!(entry.kind, Kind::Function | Kind::Procedure) && sides.selection.contains(entry.dump_id)
    });
    taken.map(|entry| entry.catalog_id.oid).collect()
}
