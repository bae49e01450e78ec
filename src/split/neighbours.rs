//! Schemas that were not named and seem to belong to what moves.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Says, SourceFacts, TextClue};
use super::finding::{Finding, FindingKind, Severity};
use super::names::SchemaNames;
use crate::schema::archive::{Archive, Kind};
use crate::schema::facts::{Facts, Membership};
use crate::schema::pattern::Pattern;

/// Two clues: the same owner, and a column of a moving table that holds the schema's name. `leave` are the schemas of which the
/// operator says that they stay.
pub(super) fn forgotten(
    archive: &Archive,
    facts: &Facts,
    source: &SourceFacts,
    names: &SchemaNames,
    leave: &[Pattern],
) -> Vec<Finding> {
    let owners = owners(archive, facts);
    let of_moving = owners.iter().filter(|(schema, _)| names.moving.contains(*schema)).flat_map(|(_, owners)| owners);
    let moving_owners: BTreeSet<&String> = of_moving.filter(|owner| **owner != source.bootstrap).collect();
    let told = told(&source.text);
    let relations = |schema: &str| {
        let own = |relation: &&crate::schema::facts::RelationFacts| {
            relation.schema == schema && relation.membership == Membership::None && relation.kind.has_rows()
        };
        facts.relations.values().filter(own).count()
    };
    let mut findings = Vec::new();
    let mut of_the_owner: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for schema in names.staying() {
        let common: Vec<&str> = owners
            .get(schema)
            .into_iter()
            .flatten()
            .filter(|owner| moving_owners.contains(owner))
            .map(String::as_str)
            .collect();
        let columns = told.get(schema.as_str()).cloned().unwrap_or_default();
        if common.is_empty() && columns.is_empty() {
            continue;
        }
        let left = leave.iter().any(|pattern| pattern.matches_schema(schema));
        let tables = relations(schema);
        // Whoever owns the database owns much of it, and owning says little then.
        let telling = common.iter().any(|owner| *owner != source.owner);
        let severity = match (left, columns.is_empty(), telling, tables) {
            (true, ..) | (_, true, _, 0) => Severity::Note,
            (_, false, ..) | (_, _, true, _) => Severity::Blocker,
            _ => Severity::Warning,
        };
        if severity == Severity::Warning {
            of_the_owner.entry(common.join(" and ")).or_default().push(schema.clone());
            continue;
        }
        let mut clues = Vec::new();
        if !columns.is_empty() {
            let verb = if columns.len() == 1 { "holds" } else { "hold" };
            clues.push(format!("{} {verb} its name", columns.join(" and ")));
        }
        if !common.is_empty() {
            let verb = if common.len() == 1 { "owns" } else { "own" };
            clues.push(format!("{} {verb} it, and {verb} what moves", common.join(" and ")));
        }
        let count = if tables == 1 { "1 table".to_owned() } else { format!("{tables} tables") };
        let reason = format!("{}; it has {count} and was not named", clues.join("; "));
        let action = match severity {
            Severity::Note if left => "it stays, as --leave says".to_owned(),
            Severity::Note => "it stays".to_owned(),
            Severity::Blocker | Severity::Warning => format!(
                "if its rows belong to the schemas that move, add it to --schemas, or they stay behind; if not, use --leave {}",
                pattern_for(schema)
            ),
        };
        findings.push(Finding::new(severity, FindingKind::ForgottenSchema, schema.clone(), reason, action));
    }
    findings.extend(of_the_owner.into_iter().map(|(owner, schemas)| {
        let reason = format!("{owner} owns them, the database, and some of the objects that move");
        let action = "they stay; add those that belong together with the moving schemas to --schemas, and name the rest with --leave";
        Finding::new(Severity::Warning, FindingKind::ForgottenSchema, schemas.join(", "), reason, action)
    }));
    findings
}

/// The name as a pattern that covers it alone, ready for a shell.
fn pattern_for(schema: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !schema.is_empty() && schema.chars().all(plain) {
        schema.to_owned()
    } else {
        format!("'\"{}\"'", schema.replace('"', "\"\"").replace('\'', "'\\''"))
    }
}

/// Who owns each schema or a table in it.
fn owners(archive: &Archive, facts: &Facts) -> BTreeMap<String, BTreeSet<String>> {
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in archive.entries().iter().filter(|entry| entry.kind == Kind::Schema) {
        owners.entry(entry.tag.clone()).or_default().extend(entry.owner.clone());
    }
    for relation in facts.relations.values().filter(|relation| relation.membership == Membership::None) {
        owners.entry(relation.schema.clone()).or_default().insert(relation.owner.clone());
    }
    owners
}

/// By the schema that is named: the columns that name it.
fn told(text: &[TextClue]) -> BTreeMap<&str, Vec<String>> {
    let mut told: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for clue in text {
        if let Says::Schema(schema) = &clue.says {
            told.entry(schema).or_default().push(format!("{}.{}.\"{}\"", clue.schema, clue.table, clue.column));
        }
    }
    told
}
