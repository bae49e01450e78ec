//! Nothing is lost in silence: what pg_dump says of the source about what was taken is said of the copy as well, or the report names it.
//!
//! `PGKEEP_COMPLETE=all cargo test --release --test server complete -- --nocapture` takes every table by its name; the short form takes
//! some of each sample.

mod entries;
mod losses;

use std::collections::BTreeMap;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::schema::archive::Entry;
use serde_json::Value;

use crate::judge::{self, load_sample, project, text_of};
use crate::pgkeep::{Repo, Said as Ended};
use crate::postgres::{Server, psql};
use entries::{Said, is_existing, is_of_the_database, is_relation};

/// What is asked for.
#[derive(Clone, Debug)]
enum Asked {
    Whole,
    Schema(String),
    Table(String, String),
}

impl Asked {
    fn switches(&self) -> Vec<String> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match self {
            Asked::Whole => Vec::new(),
            Asked::Schema(schema) => vec!["-n".into(), quoted(schema)],
            Asked::Table(schema, table) => vec!["-t".into(), format!("{}.{}", quoted(schema), quoted(table))],
        }
    }

    /// Whether the entry itself is asked for.
    fn names(&self, entry: &Entry) -> bool {
        match self {
            Asked::Whole => true,
            Asked::Schema(schema) => {
                entry.namespace.as_ref() == Some(schema) || (entry.desc == "SCHEMA" && entry.tag == *schema)
            }
            Asked::Table(schema, table) => {
                is_relation(entry) && entry.namespace.as_ref() == Some(schema) && entry.tag == *table
            }
        }
    }
}

/// Where a part of the snapshot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Into {
    New,
    Existing,
}

/// A database with all that is to be known of it.
struct Source {
    server: Server,
    database: String,
    said: Said,
    rows: BTreeMap<String, String>,
}

impl Source {
    fn new(server: Server, database: &str) -> Source {
        let (said, rows) = (Said::of(&server, database), rows(&server, database));
        assert_eq!(said.without_a_whole(), Vec::<String>::new());
        Source { server, database: database.to_owned(), said, rows }
    }

    /// Whether the copy has to say of the entry what the source says, or the report why not.
    fn is_concerned(&self, entry: &Entry, asked: &Asked, into: Into, copy: &Said) -> bool {
        if is_of_the_database(entry) {
            return into == Into::New || (matches!(asked, Asked::Whole) && entry.desc != "DATABASE");
        }
        if matches!(asked, Asked::Whole) {
            return true;
        }
        let is_there = |entry: &Entry| copy.holds(&copy.label(entry));
        match (self.said.subject(entry), entry.desc.as_str()) {
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
                    psql(&self.server.binaries, &self.server.dsn(COPY), &format!("SELECT {sql}")).unwrap() == "t"
                };
                sql.is_some_and(there)
                    || matches!(asked, Asked::Schema(schema) if entry.tag == format!("SCHEMA {schema}"))
            }
            (None, _) => is_there(entry) || asked.names(entry),
        }
    }

    /// Entries and rows that the copy lacks or has otherwise, and of which `told` has no word.
    fn silent(&self, asked: &Asked, into: Into, copy: &str, told: &Told) -> Vec<String> {
        let (there, rows_there) = (Said::of(&self.server, copy), rows(&self.server, copy));
        let mut silent = Vec::new();
        for entry in self.said.entries() {
            let label = self.said.label(entry);
            if self.is_concerned(entry, asked, into, &there)
                && there.says(&label) != self.said.says(&label)
                && !told.names(&entry.label())
            {
                let found = if there.holds(&label) { "differs" } else { "is missing" };
                silent.push(format!(
                    "{label} {found}\n--- source\n{}\n--- copy\n{}",
                    self.said.says(&label).unwrap_or_default(),
                    there.says(&label).unwrap_or_default()
                ));
            }
        }
        for (relation, rows) in &self.rows {
            if rows_there.get(relation).is_some_and(|there| there != rows)
                && !told.names(relation.rsplit_once(' ').unwrap().0)
            {
                silent.push(format!("the rows of {relation} differ"));
            }
        }
        silent
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
        self.left_out.iter().any(|entry| entry == label) || self.warnings.iter().any(|warning| warning.contains(label))
    }
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
enum Outcome {
    Complete,
    /// It was refused, in words.
    Refused,
    Silent(Vec<String>),
}

/// A selection that cannot be had without a table outside is refused by its name.
fn refused(said: &Ended) -> bool {
    let is_refused = said.code == 2 && said.stderr.contains("cannot be taken without tables outside");
    assert!(is_refused || said.code == 0, "{said:?}");
    is_refused
}

const COPY: &str = "pgkeep_copy";

impl Source {
    fn backup(&self, repo: &Repo, asked: &Asked) -> Option<Value> {
        let mut backup =
            repo.command(["backup", "-q", "--json", "--accept-shrink", "-d", &self.server.dsn(&self.database)]);
        backup.args(["--pg-bin", self.server.binaries.bin_dir.to_str().unwrap()]).args(asked.switches());
        let said = Ended::of(&mut backup);
        (!refused(&said)).then(|| said.document())
    }

    fn restore(&self, repo: &Repo, snapshot: &str, asked: &Asked, into: Into) -> Option<Value> {
        let mut restore = repo.restore([snapshot, "-q", "--json", "-j", "1", "-d", &self.server.dsn(COPY)]);
        restore.args(asked.switches());
        match into {
            Into::New => drop(restore.arg("--create")),
            Into::Existing => drop(self.server.ask(&format!("CREATE DATABASE {COPY} TEMPLATE template0"))),
        }
        let said = Ended::of(&mut restore);
        (!refused(&said)).then(|| said.document())
    }

    /// A database with a subscription is not dropped.
    fn drop_copy(&self) {
        let subscriptions =
            "SELECT quote_ident(subname) FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = ";
        for name in self.server.ask(&format!("{subscriptions} '{COPY}'")).lines() {
            for sql in
                [format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)"), format!("DROP SUBSCRIPTION {name}")]
            {
                psql(&self.server.binaries, &self.server.dsn(COPY), &sql).unwrap();
            }
        }
        self.server.ask(&format!("DROP DATABASE IF EXISTS {COPY}"));
    }

    /// A backup of the part, restored whole: both reports name all that is not there.
    fn by_backup(&self, repo: &Repo, asked: &Asked) -> Outcome {
        let Some(backup) = self.backup(repo, asked) else { return Outcome::Refused };
        let snapshot = backup["snapshot"].as_str().unwrap();
        let restored = self.restore(repo, snapshot, &Asked::Whole, Into::New).unwrap();
        let mut silent = self.silent(asked, Into::New, COPY, &Told::by(&restored));
        silent.extend(self.silent(asked, Into::New, COPY, &Told::by(&backup)));
        self.drop_copy();
        silent.dedup();
        if silent.is_empty() { Outcome::Complete } else { Outcome::Silent(silent) }
    }

    /// A part of a whole backup.
    fn by_restore(&self, repo: &Repo, snapshot: &str, asked: &Asked, into: Into) -> Outcome {
        let restored = self.restore(repo, snapshot, asked, into);
        let silent = restored.as_ref().map(|restored| self.silent(asked, into, COPY, &Told::by(restored)));
        self.drop_copy();
        match silent {
            None => Outcome::Refused,
            Some(silent) if silent.is_empty() => Outcome::Complete,
            Some(silent) => Outcome::Silent(silent),
        }
    }
}

/// Collects what was silent, so that one run shows all of it.
#[derive(Default)]
struct Findings {
    silent: Vec<String>,
    complete: usize,
    refused: Vec<String>,
}

impl Findings {
    fn add(&mut self, what: String, outcome: Outcome) {
        match outcome {
            Outcome::Complete => self.complete += 1,
            Outcome::Refused => self.refused.push(what),
            Outcome::Silent(silent) => self.silent.extend(silent.into_iter().map(|entry| format!("{what}: {entry}"))),
        }
    }

    #[track_caller]
    fn assert_none(self) {
        println!("{} selections are complete or told; refused: {:?}", self.complete, self.refused);
        assert!(self.silent.is_empty(), "{} losses without a word:\n\n{}", self.silent.len(), self.silent.join("\n\n"));
    }
}

/// Everything, each schema, and tables by their names: some, or all of them where that is asked for.
fn selections(source: &Source, tables: usize) -> Vec<Asked> {
    let relations: Vec<(String, String)> = source.said.relations().into_iter().collect();
    let all = std::env::var("PGKEEP_COMPLETE").is_ok_and(|what| what == "all");
    let step = if all { 1 } else { relations.len().div_ceil(tables).max(1) };
    let tables = relations.into_iter().step_by(step).map(|(schema, table)| Asked::Table(schema, table));
    let schemas = source.said.schemas().into_iter().map(Asked::Schema);
    std::iter::once(Asked::Whole).chain(schemas).chain(tables).collect()
}

fn every_selection(source: &Source, tables: usize) {
    let (repo, mut findings) = (Repo::new(), Findings::default());
    let whole = source.backup(&repo, &Asked::Whole).unwrap();
    let snapshot = whole["snapshot"].as_str().unwrap();
    for asked in selections(source, tables) {
        findings.add(format!("backup {asked:?}"), source.by_backup(&repo, &asked));
        findings.add(format!("restore {asked:?}"), source.by_restore(&repo, snapshot, &asked, Into::Existing));
    }
    findings.assert_none();
}

/// A database that was dumped and restored once: from then on definitions are spelled alike.
fn respelled(server: &Server, from: &str, to: &str) {
    let text = text_of(server.binaries.command("pg_dump").args(["--create", "-d", &server.dsn(from)]));
    let text = text.replace(&format!("DATABASE {from}"), &format!("DATABASE {to}"));
    let text = text.replace(&format!("\\connect {from}"), &format!("\\connect {to}"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.sql");
    std::fs::write(&file, text).unwrap();
    let mut psql = server.binaries.command("psql");
    text_of(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn("postgres"), "-f"]).arg(file));
}

fn load(server: &Server, database: &str, files: &[&str]) {
    for file in files {
        let mut psql = server.binaries.command("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn(database), "-f"]);
        text_of(psql.arg(project(file)));
    }
}

fn start(major: u32) -> Server {
    let settings = vec![("wal_level".to_owned(), "logical".to_owned())];
    Server::start(major, ClusterOptions { settings, ..ClusterOptions::default() })
}

#[test]
fn nothing_of_the_kinds_is_lost_in_silence() {
    let server = start(15);
    server.ask("CREATE ROLE ann; CREATE ROLE ben");
    server.ask("CREATE DATABASE raw");
    load(&server, "raw", &["tests/data/definitions/kinds.sql", "tests/data/complete/across.sql"]);
    respelled(&server, "raw", "kinds");
    every_selection(&Source::new(server, "kinds"), 12);
}

#[test]
fn nothing_of_a_sample_is_lost_in_silence() {
    let server = start(15);
    load_sample(&server, "chronos", "0.001");
    every_selection(&Source::new(server, "chronos"), 5);
}
