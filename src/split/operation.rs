//! Who uses what moves, and what of the whole database acts on it.

use std::collections::BTreeSet;

use super::crossing::{Place, Sides};
use super::facts::{Identity, Reach, Says, Setting, SourceFacts};
use super::finding::Severity::{Blocker, Note, Warning};
use super::finding::{Finding, FindingKind};
use super::names::SchemaNames;
use crate::schema::archive::Kind;

/// A loose key's trigger does not move with its table, and its log would end unnoticed.
pub(super) fn watched(names: &SchemaNames, source: &SourceFacts) -> Vec<Finding> {
    let moving = source.watched.iter().filter(|(schema, ..)| names.moving.contains(schema));
    let finding = |(schema, table, key): &(String, String, String)| {
        Finding::new(
            Blocker,
            FindingKind::LooseKey,
            format!("{schema}.{table}"),
            format!("its deletions are logged for the loose key {key} of an earlier split, and the log stays"),
            "run `split reap`, then remove the key (docs/split.md), or leave the schema where it is",
        )
    };
    moving.map(finding).collect()
}

/// Rows, sequences and large objects that a split by schema does not carry as they are.
pub(super) fn contents(sides: &Sides<'_>, source: &SourceFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for clue in &source.text {
        if let Says::ConnectionStrings(count) = clue.says {
            let name = format!("{}.{}.\"{}\"", clue.schema, clue.table, clue.column);
            let reason =
                format!("{count} of its values are PostgreSQL connection strings that lead to the old database");
            findings.push(Finding::new(
                Warning,
                FindingKind::ConnectionString,
                name,
                reason,
                "set them to NULL or to the new database after the switch",
            ));
        }
    }
    for (position, entry) in sides.archive.entries().iter().enumerate() {
        if entry.kind == Kind::Sequence && sides.place(position) == Place::Copied {
            findings.push(Finding::new(
                Warning,
                FindingKind::SharedSequence,
                sides.name(position),
                "both moving and staying tables use it: both databases continue from the same number",
                "it is copied with its value; give each side its own range if the numbers must not overlap",
            ));
        }
    }
    for (schema, table) in &source.hypertables {
        if sides.names.moving.contains(schema) {
            findings.push(Finding::new(
                Blocker,
                FindingKind::Hypertable,
                format!("{schema}.{table}"),
                "its rows are in TimescaleDB's chunks, outside of its schema: a split would not move them",
                "leave its schema where it is, or move the whole database",
            ));
        }
    }
    for column in &source.large_object_columns {
        findings.push(Finding::new(
            Warning,
            FindingKind::LargeObjects,
            column.clone(),
            "it may refer to large objects, which belong to no schema and do not move",
            "copy those large objects by hand if it does",
        ));
    }
    findings.extend(source.reordered.iter().filter(|table| sides.names.moving.contains(&table.schema)).map(|table| {
        let name = format!("{}.{}", table.schema, table.table);
        let held_by: Vec<String> = table.held_by.iter().map(ToString::to_string).collect();
        let order = table.columns.join(", ");
        if held_by.is_empty() {
            Finding::new(
                Warning,
                FindingKind::ColumnOrder,
                name,
                format!("it inherits, and its copy has the inherited columns first, as after a restore of pg_dump: {order}"),
                "make sure that nobody depends on the column order: SELECT *, and INSERT or COPY without column names",
            )
        } else {
            Finding::new(
                Blocker,
                FindingKind::ColumnOrder,
                name,
                format!(
                    "its copy has its columns in another order ({order}), but {} {} rows of it as values, by column position",
                    held_by.join(" and "),
                    if held_by.len() == 1 { "holds" } else { "hold" },
                ),
                "recreate the table with its columns in that order, or keep the values as jsonb",
            )
        }
    }));
    let moving = |oid: &u32| {
        let relation =
            sides.archive.entries().iter().position(|entry| entry.kind == Kind::Table && entry.catalog_id.oid == *oid);
        relation.is_some_and(|position| sides.place(position) == Place::Moves)
    };
    let without = source.sizes.iter().filter(|(oid, size)| size.identity == Identity::Absent && moving(oid)).count();
    if without > 0 {
        findings.push(Finding::new(
            Note,
            FindingKind::ReplicaIdentity,
            if without == 1 { "1 table".to_owned() } else { format!("{without} tables") },
            "without a primary key or another replica identity, logical replication cannot carry updates and deletes",
            "nothing now: the split copies them while writes are refused",
        ));
    }
    findings
}

/// Objects of the whole database that stay, and act on what moves.
pub(super) fn database_objects(sides: &Sides<'_>, source: &SourceFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in sides.archive.entries() {
        let sql = entry.defn.to_display();
        match entry.kind {
            Kind::EventTrigger => findings.push(Finding::new(
                Note,
                FindingKind::DatabaseObject,
                entry.label(),
                "it acts on the whole database, and is not copied to the new one",
                "create it there by hand if the application needs it",
            )),
            Kind::Publication if sql.contains(" FOR ALL TABLES") => findings.push(Finding::new(
                Warning,
                FindingKind::DatabaseObject,
                entry.label(),
                "it publishes all tables: after the switch its subscribers get no changes of the moved ones",
                "create a publication in the new database for the subscribers",
            )),
            Kind::DefaultAcl if entry.namespace.is_none() => {
                let owner = entry.owner.clone().unwrap_or_default();
                if sides.owners_of_moving().contains(&owner) {
                    findings.push(Finding::new(
                        Note,
                        FindingKind::DefaultPrivileges,
                        owner,
                        format!(
                            "its default privileges for the whole database are not copied: {}",
                            first_statement(&sql)
                        ),
                        "set them in the new database too if new objects there need them",
                    ));
                }
            }
            _ => {}
        }
    }
    for (subscription, schema, table) in &source.subscribed {
        if sides.names.moving.contains(schema) {
            findings.push(Finding::new(
                Blocker,
                FindingKind::DatabaseObject,
                format!("SUBSCRIPTION {subscription}"),
                format!("it writes into {schema}.{table}, and would still write into the old database"),
                "change it to write into the new database, or stop it before the split",
            ));
        }
    }
    findings
}

fn first_statement(sql: &str) -> String {
    let line = sql.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--"));
    line.unwrap_or_default().trim_end_matches(';').to_owned()
}

/// Sessions that would be fenced.
pub(super) fn sessions(source: &SourceFacts) -> Vec<Finding> {
    let using = source.sessions.iter().filter(|group| group.using_now > 0);
    let finding = |group: &super::facts::SessionGroup| {
        let application = if group.application.is_empty() { "no application name" } else { &group.application };
        Finding::new(
            Note,
            FindingKind::Session,
            format!("{} ({application})", group.role),
            format!("{} of its {} sessions are using the moving schemas now", group.using_now, group.sessions),
            "stop it before the switch, or the fence refuses its writes",
        )
    };
    using.map(finding).collect()
}

/// Settings that name the old database, or a search path.
pub(super) fn settings(needed: &BTreeSet<String>, sides: &Sides<'_>, source: &SourceFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for setting in &source.settings {
        let Setting { role, reach, name, value } = setting;
        let theirs = role.as_ref().is_none_or(|role| needed.contains(role));
        let who = match (role, reach) {
            (None, _) => format!("the database {}", source.database),
            (Some(role), Reach::Database) => format!("{role} in {}", source.database),
            (Some(role), Reach::Cluster) => role.clone(),
        };
        let subject = format!("{who}: {name}");
        // Any other may hold a secret (PostgREST's jwt_secret).
        let value_shown =
            if name.contains("search_path") || name.contains("schemas") { format!("{value}: ") } else { String::new() };
        let mentions = |word: &str| words_of(value).any(|part| part == word);
        let moving: Vec<&String> = sides.names.moving.iter().filter(|schema| mentions(schema)).collect();
        if name == "search_path" && !theirs && !moving.is_empty() {
            let reason = format!("{value_shown}it finds moving objects, and the role stays with the old database");
            findings.push(Finding::new(
                Warning,
                FindingKind::Setting,
                subject,
                reason,
                "it is not changed; check who connects as this role",
            ));
        } else if mentions(&source.database) && name != "search_path" {
            let reason = format!("{value_shown}it names the old database");
            findings.push(Finding::new(
                Warning,
                FindingKind::Setting,
                subject,
                reason,
                "change it where it means the new one",
            ));
        } else if name != "search_path" && !moving.is_empty() && *reach == Reach::Cluster {
            // PostgREST's pgrst.db_schemas and its kind.
            let reason = format!("{value_shown}it names moving objects, for every database of the cluster");
            findings.push(Finding::new(Warning, FindingKind::Setting, subject, reason, "change it after the switch"));
        } else if *reach == Reach::Database && theirs {
            let reason =
                format!("{value_shown}it applies only to the old database, and a dump of schemas does not contain it");
            findings.push(Finding::new(
                Note,
                FindingKind::Setting,
                subject,
                reason,
                "it is set in the new database too",
            ));
        }
    }
    findings
}

/// The names in a setting's value, quotes undone.
fn words_of(value: &str) -> impl Iterator<Item = String> {
    value.split([',', ' ', '/', '=', ';']).map(|word| word.trim().trim_matches(['"', '\'']).to_owned())
}

impl Sides<'_> {
    /// The roles that own what moves.
    pub(super) fn owners_of_moving(&self) -> BTreeSet<String> {
        let moves = |(position, _): &(usize, _)| self.place(*position) == Place::Moves;
        let entries = self.archive.entries().iter().enumerate().filter(moves);
        let schemas =
            self.archive.entries().iter().filter(|e| e.kind == Kind::Schema && self.names.moving.contains(&e.tag));
        entries.map(|(_, entry)| entry).chain(schemas).filter_map(|entry| entry.owner.clone()).collect()
    }
}
