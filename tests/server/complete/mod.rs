//! Nothing is lost in silence: what pg_dump says of the source about what was taken is said of the copy as well, or the report names it.
//!
//! `PGKEEP_COMPLETE=all cargo test --release --test server complete -- --nocapture` takes every table by its name; the short form takes
//! some of each sample.

mod entries;
mod losses;
mod roles;
mod source;

use pgkeep::pg::cluster::ClusterOptions;

use crate::judge::{load_sample, project, text_of};
use crate::pgkeep::Repo;
use crate::postgres::{Server, psql};
use source::{Asked, Into, Outcome, Source};

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

/// Whether every table is taken by its name, and everything by both ways.
fn is_long() -> bool {
    std::env::var("PGKEEP_COMPLETE").is_ok_and(|what| what == "all")
}

/// All of the source, each schema, `tables`, and all `without` some: by a backup of the part, which is restored whole, or as a part of a whole backup. The short
/// form takes one of the two ways.
fn every_selection(source: &Source, tables: &[(&str, &str)], without: &[Asked]) {
    let (repo, mut findings) = (Repo::new(), Findings::default());
    let whole = source.backup(&repo, &Asked::Whole).unwrap();
    let table = |(schema, name): &(&str, &str)| Asked::Table((*schema).to_owned(), (*name).to_owned());
    let tables: Vec<Asked> = match is_long() {
        true => source.said.relations().into_iter().map(|(schema, name)| Asked::Table(schema, name)).collect(),
        false => tables.iter().map(table).collect(),
    };
    let parts = source.said.schemas().into_iter().map(Asked::Schema).chain(tables).chain(without.iter().cloned());
    for (n, asked) in std::iter::once(Asked::Whole).chain(parts).enumerate() {
        if n == 0 || n % 2 == 1 || is_long() {
            findings.add(format!("backup {asked:?}"), source.by_backup(&repo, &asked, &source.server));
        }
        if n % 2 == 0 || is_long() {
            let into = if matches!(asked, Asked::Schema(_)) { Into::New } else { Into::Existing };
            let outcome = source.by_restore(&repo, whole["snapshot"].as_str().unwrap(), &asked, into, &source.server);
            findings.add(format!("restore {asked:?} {into:?}"), outcome);
        }
    }
    findings.assert_none();
}

/// On a server that has none of the roles.
fn elsewhere(source: &Source, place: &Server) {
    let (repo, mut findings) = (Repo::new(), Findings::default());
    let whole = source.backup(&repo, &Asked::Whole).unwrap();
    let some = [Asked::Whole, Asked::Schema("shop".into()), Asked::Table("shop".into(), "item".into())];
    for (asked, into) in some.iter().zip([Into::Existing, Into::New, Into::Existing]) {
        findings.add(format!("backup {asked:?} elsewhere"), source.by_backup(&repo, asked, place));
        roles::forget(place);
        let outcome = source.by_restore(&repo, whole["snapshot"].as_str().unwrap(), asked, into, place);
        findings.add(format!("restore {asked:?} {into:?} elsewhere"), outcome);
        roles::forget(place);
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
        load_with(server, database, file, &[]);
    }
}

/// With other words for some.
fn load_with(server: &Server, database: &str, file: &str, words: &[(&str, &str)]) {
    let mut text = std::fs::read_to_string(project(file)).unwrap();
    for (word, other) in words.iter().filter(|(word, _)| text.contains(word)).collect::<Vec<_>>() {
        text = text.replace(word, other);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loaded.sql");
    std::fs::write(&file, text).unwrap();
    let mut psql = server.binaries.command("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn(database), "-f"]);
    text_of(psql.arg(file));
}

/// What a server lacks that was built without ICU, and what 14 lacks.
const OTHERWISE: [(&str, &str); 5] = [
    ("(provider = icu, locale = 'de', deterministic = false)", "(locale = 'C')"),
    ("news FOR TABLE m.published WHERE (a > 1)", "news FOR TABLE m.published"),
    ("gazette FOR TABLES IN SCHEMA m", "gazette FOR TABLE m.published"),
    ("shop.item (id, n), depot.bin", "shop.item, depot.bin"),
    ("whole FOR TABLES IN SCHEMA depot, shop", "whole FOR TABLE shop.item"),
];

fn start(major: u32) -> Server {
    let settings = vec![("wal_level".to_owned(), "logical".to_owned())];
    Server::start(major, ClusterOptions { settings, ..ClusterOptions::default() })
}

/// A database `kinds` of all kinds of entries, in and across schemas.
pub fn kinds(major: u32) -> Server {
    let server = start(major);
    server.ask(
        "CREATE ROLE ann LOGIN CONNECTION LIMIT 3; CREATE ROLE ben CREATEDB; CREATE ROLE above NOLOGIN NOINHERIT; GRANT above TO ann WITH ADMIN OPTION;
         ALTER ROLE ann SET work_mem = '6MB'; COMMENT ON ROLE ben IS 'builds'; ALTER ROLE ben VALID UNTIL '2036-01-01'; GRANT pg_monitor TO ben",
    );
    server.ask("CREATE DATABASE raw");
    let words = match major {
        14 => &OTHERWISE[..],
        15 => &[],
        _ => &OTHERWISE[..1],
    };
    for file in ["tests/data/definitions/kinds.sql", "tests/data/complete/across.sql"] {
        load_with(&server, "raw", file, words);
    }
    respelled(&server, "raw", "kinds");
    server
}

#[test]
fn nothing_of_the_kinds_is_lost_in_silence() {
    let source = Source::new(kinds(15), "kinds");
    let of_shop = ["item", "pick", "counted", "sale_1", "located", "unlogged"].map(|name| ("shop", name));
    let of_m = ["t_identity", "t_serial", "parent", "child", "indexed_1", "published"].map(|name| ("m", name));
    let without = [
        Asked::WithoutSchema("depot".into()),
        Asked::WithoutSchema("tools".into()),
        Asked::WithoutTable("shop".into(), "item".into()),
        Asked::WithoutTable("depot".into(), "bin".into()),
    ];
    every_selection(&source, &[of_shop, of_m].concat(), &without);
    elsewhere(&source, &start(15));
}

/// By the role of the manual, which is no superuser.
#[test]
fn nothing_that_a_backup_role_is_not_shown_is_lost_in_silence() {
    let server = kinds(15);
    server.ask("CREATE ROLE backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO backup");
    let mut source = Source::new(server, "kinds");
    source.role = "backup";
    let (repo, mut findings) = (Repo::new(), Findings::default());
    let whole = source.backup(&repo, &Asked::Whole).unwrap();
    for asked in [Asked::Whole, Asked::Schema("shop".into())] {
        findings.add(format!("backup {asked:?} by a role"), source.by_backup(&repo, &asked, &source.server));
        let snapshot = whole["snapshot"].as_str().unwrap();
        let outcome = source.by_restore(&repo, snapshot, &asked, Into::New, &source.server);
        findings.add(format!("restore {asked:?} of a role's backup"), outcome);
    }
    findings.assert_none();
}

/// As a server of today has them: the orders' own torture, with what 18 has beyond.
#[test]
fn nothing_of_the_torture_is_lost_in_silence() {
    let server = start(18);
    server.ask("CREATE DATABASE torture");
    load(&server, "torture", &["tests/data/orders/torture.sql"]);
    let newer = "ALTER EVENT TRIGGER no_ddl DISABLE; CREATE TABLE rows.of_today (id int, v int GENERATED ALWAYS AS (id * 2) VIRTUAL, room int4range, during daterange, PRIMARY KEY (room, during WITHOUT OVERLAPS), CONSTRAINT filled NOT NULL v);
        COMMENT ON CONSTRAINT filled ON rows.of_today IS 'named'; ALTER TABLE rows.orphans ADD CONSTRAINT later NOT NULL id NOT VALID; ALTER EVENT TRIGGER no_ddl ENABLE";
    psql(&server.binaries, &server.dsn("torture"), newer).unwrap();
    every_selection(
        &Source::new(server, "torture"),
        // Of the leaf, a trigger is disabled that a table two levels above has made.
        &[("rows", "line_0"), ("rows", "amounts"), ("tenant", "users"), ("leaves", "middle"), ("leaves", "a_leaf")],
        &[],
    );
}

#[test]
fn nothing_of_a_sample_is_lost_in_silence() {
    let server = start(15);
    load_sample(&server, "chronos", "0.001");
    every_selection(&Source::new(server, "chronos"), &[("core", "workspace"), ("public", "events")], &[]);
}

#[test]
fn nothing_of_a_split_is_lost_in_silence() {
    // A partition of a table that stays.
    every_split(&Source::new(kinds(15), "kinds"), "shop", &["depot"]);
    let server = start(15);
    load_sample(&server, "chronos", "0.001");
    every_split(&Source::new(server, "chronos"), "core", &[]);
}

/// The whole and a schema on servers of the other versions, and a split of it on the oldest and the newest.
#[test]
fn nothing_is_lost_in_silence_on_other_servers() {
    for major in [14, 16, 17, 18] {
        let (source, shop) = (Source::new(kinds(major), "kinds"), Asked::Schema("shop".into()));
        let (repo, mut findings) = (Repo::new(), Findings::default());
        let whole = source.backup(&repo, &Asked::Whole).unwrap();
        let outcome = source.by_restore(&repo, whole["snapshot"].as_str().unwrap(), &shop, Into::New, &source.server);
        findings.add(format!("restore {shop:?} {major}"), outcome);
        for asked in [&Asked::Whole, &shop] {
            findings.add(format!("backup {asked:?} {major}"), source.by_backup(&repo, asked, &source.server));
        }
        findings.assert_none();
        if is_long() || matches!(major, 14 | 18) {
            every_split(&source, "shop", &["depot"]);
        }
    }
}

/// All that the switches do not leave out by their names.
#[test]
fn nothing_but_owners_and_grants_is_lost_where_a_restore_is_to_leave_them_out() {
    let mut source = Source::new(kinds(15), "kinds");
    let repo = Repo::new();
    let whole = source.backup(&repo, &Asked::Whole).unwrap();
    source.without_owners_and_grants();
    let mut findings = Findings::default();
    for (asked, into) in [(Asked::Whole, Into::New), (Asked::Schema("shop".into()), Into::Existing)] {
        let outcome = source.by_restore(&repo, whole["snapshot"].as_str().unwrap(), &asked, into, &source.server);
        findings.add(format!("restore {asked:?} without owners"), outcome);
    }
    findings.assert_none();
}

/// Each schema that the long form takes, and this one. No other than the `blocked` are refused.
fn every_split(source: &Source, schema: &str, blocked: &[&str]) {
    let mut findings = Findings::default();
    for schema in source.said.schemas().into_iter().filter(|other| other == schema || is_long()) {
        findings.add(format!("split {schema}"), source.by_split(&schema));
    }
    let refused = |what: &String| blocked.iter().any(|schema| *what == format!("split {schema}"));
    assert!(findings.refused.iter().all(refused), "{:?}", findings.refused);
    findings.assert_none();
}

/// Each of these losses is seen.
#[test]
fn the_oracle_is_not_asleep() {
    let (server, other) = (kinds(15), start(15));
    other.ask("CREATE ROLE ann LOGIN CONNECTION LIMIT 3; CREATE ROLE ben; CREATE ROLE above NOINHERIT; ALTER ROLE ann SET work_mem = '6MB'");
    respelled(&server, "kinds", source::COPY);
    let source = Source::new(server, "kinds");
    let (all, part) = (Asked::Whole, Asked::Schema("shop".into()));
    assert_eq!((source.lost(&all), source.lost(&part)), (Vec::new(), Vec::new()));
    let losses = [
        ("ALTER TABLE shop.item ALTER id DROP IDENTITY", "SEQUENCE shop.item_id_seq"),
        ("DROP CAST (shop.grade AS int)", "CAST CAST (shop.grade AS integer)"),
        ("REVOKE EXECUTE ON FUNCTION tools.unaccent(text) FROM cleo", "ACL tools.FUNCTION unaccent(text)"),
        ("ALTER DOMAIN tools.positive DROP CONSTRAINT more", "CHECK CONSTRAINT tools.positive more"),
        ("DROP INDEX shop.item_bare", "INDEX shop.item_bare"),
        ("DROP STATISTICS depot.item_stats", "STATISTICS depot.item_stats"),
        ("ALTER TABLE shop.pick OWNER TO ann", "TABLE shop.pick"),
        ("COMMENT ON SEQUENCE depot.shared IS NULL", "COMMENT depot.SEQUENCE shared"),
        ("DROP USER MAPPING FOR PUBLIC SERVER far", "USER MAPPING public SERVER far"),
        ("ALTER DATABASE pgkeep_copy RESET work_mem", "DATABASE PROPERTIES *"),
        ("GRANT TEMPORARY ON DATABASE pgkeep_copy TO PUBLIC", "ACL DATABASE *"),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA shop REVOKE SELECT ON TABLES FROM cleo",
            "DEFAULT ACL shop.DEFAULT PRIVILEGES FOR TABLES",
        ),
        ("ALTER PUBLICATION goods DROP TABLE shop.item", "PUBLICATION TABLE shop.goods item"),
        ("SELECT setval('shop.spare', 5)", "the rows of shop.spare S"),
        ("UPDATE shop.item SET n = 0 WHERE id = 100", "the rows of shop.item r"),
    ];
    for (sql, _) in losses {
        psql(&source.server.binaries, &source.server.dsn(source::COPY), sql).unwrap();
    }
    for asked in [&all, &part] {
        let found = source.lost(asked);
        for (sql, loss) in losses {
            assert!(found.iter().any(|found| found.starts_with(loss)), "{asked:?}, {sql}: {found:#?}");
        }
    }
    let lost = roles::lost(&source.server, &other);
    let is_of_ben = |line: &&String| line.starts_with("ALTER ROLE ben ") || line.starts_with("COMMENT ON ROLE ben ");
    assert!(lost.contains(&"GRANT above TO ann WITH ADMIN OPTION GRANTED BY postgres;".to_owned()), "{lost:?}");
    assert!(lost.contains(&"GRANT pg_monitor TO ben GRANTED BY postgres;".to_owned()), "{lost:?}");
    assert_eq!((lost.len(), lost.iter().filter(is_of_ben).count()), (4, 2), "{lost:?}");
}
