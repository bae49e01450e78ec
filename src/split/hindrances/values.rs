//! Values that the new database would refuse: names of what it does not have, and rows that are against their own table's checks.

use std::collections::BTreeSet;

use super::some;
use crate::schema::archive::Oid;
use crate::split::crossing::Sides;
use crate::split::facts::{NamedValue, Orphans, SourceFacts, TargetFacts};
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

/// `pg_authid`, the same in every cluster.
const ROLES: Oid = 1260;

pub(super) fn findings(
    sides: &Sides<'_>,
    roles: &BTreeSet<String>,
    source: &SourceFacts,
    target: &TargetFacts,
) -> Vec<Finding> {
    let entries = sides.archive.entries().iter().filter(|entry| sides.selection.contains(entry.dump_id));
    let there: BTreeSet<(Oid, Oid)> = entries.map(|e| (e.catalog_id.tableoid, e.catalog_id.oid)).collect();
    let has = |value: &NamedValue| match value.class {
        ROLES => {
            let name = unquoted(&value.text);
            target.roles.contains(&name) || roles.contains(&name)
        }
        class => there.contains(&(class, value.oid)),
    };
    let mut findings = names(source, &has);
    findings.extend(checks(source));
    findings
}

/// As the catalog has it: `"a ""b"""` is `a "b"`.
fn unquoted(text: &str) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.to_owned(),
    }
}

fn names(source: &SourceFacts, has: &dyn Fn(&NamedValue) -> bool) -> Vec<Finding> {
    let columns = &source.hindrances.name_columns;
    let mut findings = Vec::new();
    for column in columns {
        let values = column.values.iter().flatten().filter(|value| !has(value));
        let lacking: Vec<String> = values.map(|value| value.text.clone()).collect();
        if !lacking.is_empty() {
            findings.push(Finding::new(
                Blocker,
                FindingKind::NameValues,
                column.name.clone(),
                format!(
                    "its values are names of catalog objects; the new database does not have these when rows are loaded, and would refuse them: {}",
                    some(&lacking)
                ),
                "change the column to text, or change or delete those rows; or move the objects that they name as well (indexes come after the rows)",
            ));
        }
    }
    let unread: Vec<String> = columns.iter().filter(|c| c.values.is_none()).map(|c| c.name.clone()).collect();
    if !unread.is_empty() {
        findings.push(Finding::new(
            Warning,
            FindingKind::NameValues,
            some(&unread),
            "its values are names of catalog objects, and were not checked: it would take too long, or the role cannot read them",
            "if they name objects that do not move, the run ends, and the source takes writes again; `--rehearse` shows it",
        ));
    }
    findings
}

fn checks(source: &SourceFacts) -> Vec<Finding> {
    let checks = &source.hindrances.checked;
    let against = checks.iter().filter_map(|check| match check.rows {
        Orphans::Counted(rows) => Some((check, rows)),
        Orphans::NotCounted => None,
    });
    let mut findings: Vec<Finding> = against
        .map(|(check, rows)| {
            let rows = if rows == 1 { "1 row violates".to_owned() } else { format!("{rows} rows violate") };
            Finding::new(
                Blocker,
                FindingKind::CheckedRows,
                check.check.clone(),
                format!("{rows} this check constraint, although PostgreSQL marks it as valid: the new database would refuse them"),
                "change those rows or the check constraint; or recreate it as NOT VALID, which moves as it is",
            )
        })
        .collect();
    let uncounted: Vec<String> =
        checks.iter().filter(|check| check.rows == Orphans::NotCounted).map(|check| check.check.clone()).collect();
    if !uncounted.is_empty() {
        findings.push(Finding::new(
            Warning,
            FindingKind::CheckedRows,
            some(&uncounted),
            "rows that violate these check constraints were not counted: it would take too long or failed, or they call functions of ordinary roles, which a plan does not run",
            "a run counts them as the tables' owners before it refuses writes; `--rehearse` shows whether the copy works",
        ));
    }
    findings
}
