//! Event triggers that fire for what a run does.
//!
//! A function that raises an exception whatever it is called for ends the run, and is a blocker. One that raises under a condition, or
//! writes a log, may let everything pass: what its condition comes to cannot be read, and an attempt would write. That is a warning, for
//! nobody is harmed by it: what it refuses is rolled back, and the source takes writes again.

use std::collections::BTreeSet;

use super::some;
use crate::schema::archive::Kind;
use crate::split::bodies::{Raising, raising, written_by};
use crate::split::boundary::Boundary;
use crate::split::crossing::Sides;
use crate::split::facts::{EventTrigger, SourceFacts, TargetFacts};
use crate::split::finding::Severity::{Blocker, Warning};
use crate::split::finding::{Finding, FindingKind};

/// The fence, the split's id, the seal, and the way back; CREATE FUNCTION for the session's own as well.
const FENCE: [&str; 12] = [
    "ALTER TABLE",
    "COMMENT",
    "CREATE FUNCTION",
    "CREATE SCHEMA",
    "CREATE TABLE",
    "CREATE TRIGGER",
    "DROP FUNCTION",
    "DROP SCHEMA",
    "DROP TABLE",
    "DROP TRIGGER",
    "GRANT",
    "REVOKE",
];
const BRIDGE: [&str; 21] = [
    "ALTER FOREIGN TABLE",
    "ALTER INDEX",
    "ALTER MATERIALIZED VIEW",
    "ALTER POLICY",
    "ALTER ROUTINE",
    "ALTER STATISTICS",
    "CREATE EXTENSION",
    "CREATE FOREIGN TABLE",
    "CREATE INDEX",
    "CREATE MATERIALIZED VIEW",
    "CREATE RULE",
    "CREATE SERVER",
    "CREATE STATISTICS",
    "CREATE USER MAPPING",
    "CREATE VIEW",
    "DROP INDEX",
    "DROP MATERIALIZED VIEW",
    "DROP STATISTICS",
    "GRANT",
    "REFRESH MATERIALIZED VIEW",
    "REVOKE",
];
const LOOSE: [&str; 4] = ["CREATE INDEX", "CREATE TABLE", "GRANT", "REVOKE"];
/// What drops something before the old schemas are put aside.
const DROPS: [&str; 4] = ["ALTER TABLE", "DROP FUNCTION", "DROP SCHEMA", "DROP TRIGGER"];

pub(super) fn findings(
    ways: &BTreeSet<Boundary>,
    sides: &Sides<'_>,
    source: &SourceFacts,
    target: &TargetFacts,
) -> Vec<Finding> {
    let mut tags: BTreeSet<&str> = FENCE.into();
    if ways.contains(&Boundary::Bridge) {
        tags.extend(BRIDGE);
    }
    if ways.contains(&Boundary::Loose) {
        tags.extend(LOOSE);
    }
    let at_source = source.hindrances.event_triggers.iter();
    let at_source = at_source.filter_map(|trigger| {
        let fires = Fires::at_source(trigger, &tags);
        match fenced(trigger, sides) {
            Some(table) if !matches!(fires, Fires::Never) => Some(of_writer(trigger, &source.database, &table)),
            _ => of_trigger(trigger, &source.database, fires),
        }
    });
    let at_target = target.hindrances.event_triggers.iter();
    let at_target = at_target.filter_map(|trigger| of_trigger(trigger, &target.database, Fires::at_target(trigger)));
    at_source.chain(at_target).collect()
}

/// A moving table that the trigger's function writes, by which the fence would refuse what the split does itself.
fn fenced(trigger: &EventTrigger, sides: &Sides<'_>) -> Option<String> {
    let tables = || sides.archive.entries().iter().filter(|entry| entry.kind == Kind::Table);
    written_by(&trigger.language, &trigger.body).into_iter().find_map(|(schema, name)| {
        let mut meant = tables().filter(|entry| entry.tag == name && (schema.is_none() || entry.namespace == schema));
        // Without a schema, whichever the path finds.
        let first = meant.next().filter(|entry| sides.selection.contains(entry.dump_id))?;
        let moves = meant.all(|entry| sides.selection.contains(entry.dump_id));
        moves.then(|| format!("{}.{}", first.namespace.as_deref().unwrap_or_default(), first.tag))
    })
}

fn of_writer(trigger: &EventTrigger, database: &str, table: &str) -> Finding {
    let EventTrigger { name, event, owner, function, .. } = trigger;
    Finding::new(
        Blocker,
        FindingKind::EventTrigger,
        format!("EVENT TRIGGER {name} in {database}"),
        format!(
            "(function {function}, owner {owner}, on {event}) it fires for what a split does, and its function writes the table {table}, which refuses writes while it moves"
        ),
        format!("ALTER EVENT TRIGGER {} DISABLE for the split, or leave that table's schema where it is", quoted(name)),
    )
}

/// For what of a run's it fires.
enum Fires {
    Never,
    Login,
    For(Vec<String>),
}

impl Fires {
    fn at_source(trigger: &EventTrigger, tags: &BTreeSet<&str>) -> Fires {
        let ours: Vec<String> = match trigger.event.as_str() {
            "login" => return Fires::Login,
            "ddl_command_start" | "ddl_command_end" => tags.iter().map(|tag| (*tag).to_owned()).collect(),
            "sql_drop" => DROPS.map(str::to_owned).into(),
            // table_rewrite: nothing is rewritten.
            _ => return Fires::Never,
        };
        Fires::those(ours.into_iter().filter(|tag| trigger.tags.is_empty() || trigger.tags.contains(tag)).collect())
    }

    /// Everything that moves is made there, and little is dropped.
    fn at_target(trigger: &EventTrigger) -> Fires {
        match trigger.event.as_str() {
            "login" => Fires::Login,
            "ddl_command_start" | "ddl_command_end" if trigger.tags.is_empty() => {
                Fires::For(vec!["all created objects".to_owned()])
            }
            "ddl_command_start" | "ddl_command_end" => {
                let made = |tag: &&String| !tag.starts_with("DROP ");
                Fires::those(trigger.tags.iter().filter(made).cloned().collect())
            }
            _ => Fires::Never,
        }
    }

    fn those(tags: Vec<String>) -> Fires {
        if tags.is_empty() { Fires::Never } else { Fires::For(tags) }
    }
}

fn of_trigger(trigger: &EventTrigger, database: &str, fires: Fires) -> Option<Finding> {
    let EventTrigger { name, event, owner, function, language, body, .. } = trigger;
    let subject = format!("EVENT TRIGGER {name} in {database}");
    let whose = format!("(function {function}, owner {owner}, on {event})");
    let statements = match fires {
        Fires::Never => return None,
        Fires::Login => {
            return Some(Finding::new(
                Warning,
                FindingKind::EventTrigger,
                subject,
                format!("{whose} it runs whenever a session of a split or of pg_dump begins"),
                "make sure that it allows each of them, and that it does not make them wait for locks of a log table",
            ));
        }
        Fires::For(tags) => some(&tags),
    };
    let (severity, does, action) = match raising(language, body) {
        Raising::Always => (
            Blocker,
            "raises an exception whatever happens",
            format!("ALTER EVENT TRIGGER {} DISABLE for the split, and ENABLE it afterwards", quoted(name)),
        ),
        Raising::Perhaps => (
            Warning,
            "raises an exception under conditions that cannot be tested without writing",
            format!(
                "make sure that it allows them for the role of the split; ALTER EVENT TRIGGER {} DISABLE is safe",
                quoted(name)
            ),
        ),
        Raising::Unread => (
            Warning,
            "is written in a language that pgkeep cannot check",
            "make sure that it allows them for the role of the split".to_owned(),
        ),
        Raising::Never => (
            Warning,
            "raises nothing, but may write a log",
            "check what it does with them; a failed split leaves nothing else behind".to_owned(),
        ),
    };
    let reason = format!("{whose} it fires for commands of a split ({statements}), and its function {does}");
    Some(Finding::new(severity, FindingKind::EventTrigger, subject, reason, action))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
