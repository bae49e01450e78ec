//! A database, parts of it that are asked for, and what their copies lack.

use std::collections::BTreeMap;

use pgkeep::schema::archive::Entry;
use serde_json::Value;

use super::entries::{Said, is_existing, is_of_the_database, is_relation};
use super::roles;
use crate::judge;
use crate::pgkeep::{Repo, Said as Ended, pgkeep};
use crate::postgres::{Server, psql};

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Asked {
    Whole,
    Schema(String),
    Table(String, String),
    WithoutSchema(String),
    WithoutTable(String, String),
}

impl Asked {
    fn switches(&self) -> Vec<String> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match self {
            Asked::Whole => Vec::new(),
            Asked::Schema(schema) => vec!["-n".into(), quoted(schema)],
            Asked::Table(schema, table) => vec!["-t".into(), format!("{}.{}", quoted(schema), quoted(table))],
            Asked::WithoutSchema(schema) => vec!["-N".into(), quoted(schema)],
            Asked::WithoutTable(schema, table) => vec!["-T".into(), format!("{}.{}", quoted(schema), quoted(table))],
        }
    }

    /// Whether the entry itself is asked for.
    fn names(&self, entry: &Entry) -> bool {
        let lies_in = |schema: &String| {
            entry.namespace.as_ref() == Some(schema) || (entry.desc == "SCHEMA" && entry.tag == *schema)
        };
        let is_table = |schema: &String, table: &String| {
            is_relation(entry) && entry.namespace.as_ref() == Some(schema) && entry.tag == *table
        };
        match self {
            Asked::Whole => true,
            Asked::Schema(schema) => lies_in(schema),
            Asked::Table(schema, table) => is_table(schema, table),
            Asked::WithoutSchema(schema) => !lies_in(schema),
            Asked::WithoutTable(schema, table) => !is_table(schema, table),
        }
    }

    /// Whether what lies in no schema is asked for as well.
    fn is_of_all(&self) -> bool {
        matches!(self, Asked::Whole | Asked::WithoutSchema(_) | Asked::WithoutTable(..))
    }
}

/// Where a part of the snapshot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    New,
    Existing,
}

/// A database with all that is to be known of it.
pub struct Source {
    pub server: Server,
    database: String,
    /// Who takes backups.
    pub role: &'static str,
    pub said: Said,
    rows: BTreeMap<String, String>,
    /// What a restore is told beside the selection.
    switches: &'static [&'static str],
}

impl Source {
    pub fn new(server: Server, database: &str) -> Source {
        let (said, rows) = (Said::of(&server, database), rows(&server, database));
        assert_eq!(said.without_a_whole(), Vec::<String>::new());
        Source { server, database: database.to_owned(), role: "postgres", said, rows, switches: &[] }
    }

    /// From now on a restore leaves these out, and a copy need not have them.
    pub fn without_owners_and_grants(&mut self) {
        self.switches = &["--no-owner", "--no-acl"];
    }

    /// What is said, as far as the switches let it come; none where they do not.
    fn wanted<'a>(&self, entry: &Entry, says: Option<&'a str>) -> Option<&'a str> {
        match self.switches {
            [] => says,
            _ if matches!(entry.desc.as_str(), "ACL" | "DEFAULT ACL") => None,
            // The last line names the owner.
            _ => says.map(|says| says.rsplit_once('\n').unwrap().0),
        }
    }

    /// Whether the copy has to say of the entry what the source says, or the report why not.
    fn is_concerned(&self, entry: &Entry, asked: &Asked, into: Into, copy: &Copy<'_>) -> bool {
        if is_of_the_database(entry) {
            return into == Into::New || (asked.is_of_all() && entry.desc != "DATABASE");
        }
        let is_there = |entry: &Entry| copy.said.holds(&copy.said.label(entry));
        match (self.said.subject(entry), entry.desc.as_str()) {
            // What is not there is judged by itself.
            (subject, _) if matches!(asked, Asked::Whole) => subject.is_none_or(is_there),
            // Every database has it.
            (Some(subject), _) if subject.desc == "SCHEMA" && subject.tag == "public" => asked.names(subject),
            // A schema's tables are published where it was asked for as a whole.
            (Some(schema), "PUBLICATION TABLES IN SCHEMA") => asked.names(schema),
            // Statistics may lie in another schema than their table.
            (Some(subject), _) => is_there(subject) || (asked.names(entry) && subject.namespace != entry.namespace),
            (None, "CAST" | "TRANSFORM") => {
                let joined = self.said.joined(entry);
                let all = !joined.is_empty() && joined.iter().all(|joined| is_there(joined));
                all || joined.iter().any(|joined| asked.names(joined) && is_there(joined))
            }
            (None, "ACL" | "SECURITY LABEL") => {
                // Of PostgreSQL's own objects, the database says it.
                let sql = is_existing(entry).filter(|_| entry.namespace.as_deref() != Some("pg_catalog"));
                let there = |sql: String| {
                    psql(&copy.place.binaries, &copy.place.dsn(COPY), &format!("SELECT {sql}")).unwrap() == "t"
                };
                sql.is_some_and(there)
                    || matches!(asked, Asked::Schema(schema) if entry.tag == format!("SCHEMA {schema}"))
            }
            (None, _) => is_there(entry) || asked.names(entry),
        }
    }

    /// Entries, rows and roles that the copy lacks or has otherwise, and of which `told` has no word.
    fn silent(&self, asked: &Asked, into: Into, copy: &Copy<'_>, told: &Told) -> Vec<String> {
        let mut silent = Vec::new();
        for entry in self.said.entries() {
            let label = self.said.label(entry);
            let wanted = |said: &'_ Said| self.wanted(entry, said.says(&label)).map(str::to_owned);
            let (ours, theirs) = (wanted(&self.said), wanted(&copy.said));
            if self.is_concerned(entry, asked, into, copy) && theirs != ours && !told.names(&entry.label()) {
                let found = if theirs.is_some() { "differs" } else { "is missing" };
                let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
                silent.push(format!("{label} {found}\n--- source\n{ours}\n--- copy\n{theirs}"));
            }
        }
        for (relation, rows) in &self.rows {
            let differ = copy.rows.get(relation).is_some_and(|there| there != rows);
            if differ && !told.names(relation.rsplit_once(' ').unwrap().0) {
                silent.push(format!("the rows of {relation} differ"));
            }
        }
        let roles = roles::lost(&self.server, copy.place).into_iter().filter(|statement| !told.names(statement));
        silent.extend(roles);
        silent
    }
}

/// What came of it, on the source's server or another.
struct Copy<'a> {
    place: &'a Server,
    said: Said,
    rows: BTreeMap<String, String>,
}

impl Copy<'_> {
    fn of(place: &Server) -> Copy<'_> {
        Copy { place, said: Said::of(place, COPY), rows: rows(place, COPY) }
    }

    /// A database with a subscription is not dropped.
    fn drop(place: &Server) {
        let subscriptions =
            "SELECT quote_ident(subname) FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = ";
        for name in place.ask(&format!("{subscriptions} '{COPY}'")).lines() {
            for sql in
                [format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"), format!("DROP SUBSCRIPTION {name}")]
            {
                psql(&place.binaries, &place.dsn(COPY), &sql).unwrap();
            }
        }
        place.ask(&format!("DROP DATABASE IF EXISTS {COPY}"));
    }
}

/// What a report says is not there.
struct Told {
    left_out: Vec<String>,
    warnings: Vec<String>,
}

impl Told {
    fn by(report: &Value) -> Told {
        let texts =
            |list: &Value, what: &dyn Fn(&Value) -> String| list.as_array().into_iter().flatten().map(what).collect();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Told {
            left_out: texts(&report["left_out"], &|left| text(&left["entry"])),
            warnings: texts(&report["warnings"], &text),
        }
    }

    fn names(&self, label: &str) -> bool {
        self.left_out.iter().any(|entry| entry == label)
            || self.warnings.iter().any(|warning| warning.contains(label) || is_of_a_schema_that_stays(warning, label))
    }
}

/// Whether the warning says of a schema that was there what the entry would have changed.
fn is_of_a_schema_that_stays(warning: &str, label: &str) -> bool {
    let stays =
        warning.strip_prefix("schema ").and_then(|rest| rest.split_once(" already exists and is not changed: "));
    stays.is_some_and(|(schema, differences)| {
        let said = [("", "its owner is"), ("ACL ", "grants"), ("COMMENT ", "its comment differs")];
        let is_default = label.starts_with(&format!("DEFAULT ACL {schema}.DEFAULT PRIVILEGES FOR "));
        said.iter().any(|(kind, words)| label == format!("{kind}SCHEMA {schema}") && differences.contains(words))
            || (is_default && differences.contains("default privileges"))
    })
}

/// The rows of each relation, values of sequences, and whether a view is filled: by `schema.name kind`.
fn rows(server: &Server, database: &str) -> BTreeMap<String, String> {
    let text = judge::rows(server, database, Some("true"));
    let mut rows = BTreeMap::new();
    let mut at = String::new();
    for line in text.lines() {
        let is_head =
            [" r", " m", " S"].iter().any(|end| line.ends_with(end)) && line.contains('.') && !line.contains('\t');
        if is_head {
            at = line.to_owned();
            rows.insert(at.clone(), String::new());
        } else if let Some(rows) = rows.get_mut(&at) {
            *rows += line;
            *rows += "\n";
        }
    }
    rows
}

/// How a selection ended.
pub enum Outcome {
    Complete,
    /// It was refused, in words.
    Refused,
    Silent(Vec<String>),
}

/// How a run that is no loss in silence ends without a copy: a selection that cannot be had without a table outside is refused by its name,
/// one that would be without rows as well, and code of the database that looks for one there fails.
fn is_loud(said: &Ended) -> bool {
    let refusals = ["needs tables outside of it", "has rows in tables that are not selected"];
    let is_refused = said.code == 2 && refusals.iter().any(|words| said.stderr.contains(words));
    let has_failed = said.code == 8 && said.stderr.contains("does not exist (SQLSTATE 42P01)");
    assert!(is_refused || has_failed || said.code == 0, "{said:?}");
    said.code != 0
}

pub const COPY: &str = "pgkeep_copy";

impl Source {
    pub fn backup(&self, repo: &Repo, asked: &Asked) -> Option<Value> {
        let dsn = self.server.dsn_as(self.role, &self.database);
        let mut backup = repo.command(["backup", "-q", "--json", "--accept-shrink", "-d", &dsn]);
        backup.args(["--pg-bin", self.server.binaries.bin_dir.to_str().unwrap()]).args(asked.switches());
        let said = Ended::of(&mut backup);
        (!is_loud(&said)).then(|| said.document())
    }

    /// The schema in a database of its own, and back again. Sequences go on there above every number that was handed out, and owners of
    /// schemas get the right to make more.
    pub fn by_split(&self, schema: &str) -> Outcome {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let stays = self.said.schemas().into_iter().filter(|name| name != schema);
        let leave: Vec<String> = stays.flat_map(|name| ["--leave".to_owned(), quoted(&name)]).collect();
        let split = |args: &[String]| {
            let (from, to) = (self.server.dsn(&self.database), self.server.dsn(COPY));
            let mut split = pgkeep();
            split.env("PGKEEP_PG_BIN", &self.server.binaries.bin_dir).args(["split", "--json", "-q"]).args(args);
            Ended::of(split.args(["--from", &from, "--to", &to]))
        };
        let begin = ["--schemas", &quoted(schema), "--boundary", "drop"].map(str::to_owned);
        let said = split(&[&begin, leave.as_slice()].concat());
        if said.code == 3 {
            let plan = said.document();
            let blockers = plan["blockers"].as_array().unwrap();
            // A word that was given already is no way on.
            let helps = |blocker: &Value| !blocker["action"].as_str().unwrap().contains("--boundary drop");
            assert!(!blockers.is_empty() && blockers.iter().all(helps), "{schema}: {plan}");
            return Outcome::Refused;
        }
        assert!(said.code == 0, "{schema}: {said:?}");
        let copy = Copy::of(&self.server);
        let mut silent = self.silent(&Asked::Schema(schema.into()), Into::New, &copy, &Told::by(&said.document()));
        let has_all = |label: &str| {
            let (ours, theirs) = (self.said.says(label), copy.said.says(label).unwrap_or_default());
            ours.unwrap_or_default().lines().all(|line| theirs.lines().any(|there| there == line))
        };
        silent.retain(|loss| {
            let is_of_a_sequence = loss.starts_with("the rows of ") && loss.ends_with(" S differ");
            let has_more = loss.starts_with("ACL DATABASE *") && has_all("ACL DATABASE *");
            !is_of_a_sequence && !has_more
        });
        let back = split(&["rollback".to_owned()]);
        assert_eq!(back.code, 0, "{schema}: {back:?}");
        Copy::drop(&self.server);
        if silent.is_empty() { Outcome::Complete } else { Outcome::Silent(silent) }
    }

    /// What the copy on the source's own server lacks.
    pub fn lost(&self, asked: &Asked) -> Vec<String> {
        self.silent(asked, Into::New, &Copy::of(&self.server), &Told::by(&Value::Null))
    }

    /// A backup of the part, restored whole: each of the two reports names all that is not there.
    pub fn by_backup(&self, repo: &Repo, asked: &Asked, place: &Server) -> Outcome {
        let Some(backup) = self.backup(repo, asked) else { return Outcome::Refused };
        let snapshot = backup["snapshot"].as_str().unwrap();
        let Some(restored) = self.restore(repo, snapshot, &Asked::Whole, Into::New, place) else {
            Copy::drop(place);
            return Outcome::Refused;
        };
        let copy = Copy::of(place);
        let mut silent = self.silent(asked, Into::New, &copy, &Told::by(&restored));
        silent.extend(self.silent(asked, Into::New, &copy, &Told::by(&backup)));
        Copy::drop(place);
        silent.sort();
        silent.dedup();
        if silent.is_empty() { Outcome::Complete } else { Outcome::Silent(silent) }
    }

    /// A part of a whole backup.
    pub fn by_restore(&self, repo: &Repo, snapshot: &str, asked: &Asked, into: Into, place: &Server) -> Outcome {
        let restored = self.restore(repo, snapshot, asked, into, place);
        let silent = |restored| self.silent(asked, into, &Copy::of(place), &Told::by(restored));
        let silent = restored.as_ref().map(silent);
        Copy::drop(place);
        match silent {
            None => Outcome::Refused,
            Some(silent) if silent.is_empty() => Outcome::Complete,
            Some(silent) => Outcome::Silent(silent),
        }
    }

    fn restore(&self, repo: &Repo, snapshot: &str, asked: &Asked, into: Into, place: &Server) -> Option<Value> {
        let mut restore = repo.restore([snapshot, "-q", "--json", "-j", "1", "-d", &place.dsn(COPY)]);
        restore.args(asked.switches()).args(self.switches);
        match into {
            Into::New => drop(restore.arg("--create")),
            Into::Existing => drop(place.ask(&format!("CREATE DATABASE {COPY} TEMPLATE template0"))),
        }
        let said = Ended::of(&mut restore);
        (!is_loud(&said)).then(|| said.document())
    }
}
