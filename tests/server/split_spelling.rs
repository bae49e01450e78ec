//! Definitions are compared by what they mean: schemas as applications made them, which PostgreSQL spells otherwise after a reload, move; what
//! really differs is found and shown; and the trial that this takes leaves nothing behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::schema::archive::Archive;
use pgkeep::schema::compare::{EntryDifference, EntryMismatch, compare};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::judge::{assert_gone_over, definitions, roles, rows};
use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql};

const EVERYDAY: &str = include_str!("../data/definitions/everyday.sql");
const KINDS: &str = include_str!("../data/definitions/kinds.sql");
const WORDS: &str = include_str!("../data/definitions/words.sql");
const CLAUSES: &str = include_str!("../data/definitions/clauses.sql");

fn server(major: u32) -> Server {
    let settings = BTreeMap::from([("wal_level".to_owned(), "logical".to_owned())]);
    Server::start(major, ClusterOptions { settings: settings.into_iter().collect(), ..ClusterOptions::default() })
}

#[track_caller]
fn run(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// A database that an application has made, definition by definition.
fn made(server: &Server, sql: &str) {
    server.ask("CREATE DATABASE app");
    run(server, "app", sql);
}

/// The program, which finds the programs of these servers.
fn split(servers: &[&Server], args: &[&str]) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bins = servers.iter().map(|server| server.binaries.bin_dir.clone());
    let mut command = pgkeep();
    command.env("PATH", std::env::join_paths(bins.chain(std::env::split_paths(&path))).unwrap());
    command.args(["split", "--json", "--schemas", "m"]).args(args);
    command.args(["--from", &servers[0].dsn("app"), "--to", &servers[servers.len() - 1].dsn("place")]);
    command
}

/// Everything that a trial could have left at a server.
fn state(server: &Server) -> String {
    let shared = server.ask(
        "SELECT (SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database), (SELECT count(*) FROM pg_shdescription),
            (SELECT count(*) FROM pg_shdepend), (SELECT count(*) FROM pg_db_role_setting), (SELECT count(*) FROM pg_roles)",
    );
    format!("{shared}\n{}", roles(server, &[]))
}

const TRIALS: &str = "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgkeep\\_trial\\_%'";

#[test]
fn what_applications_make_every_day_moves() {
    let server = server(15);
    made(&server, EVERYDAY);
    let before = rows(&server, "app", None);
    let said = Said::of(&mut split(&[&server], &["--jobs", "1"]));
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["proven"]), (0, &json!(true), &json!(true)), "{said:?}");
    assert_gone_over("rows", &before, &rows(&server, "place", Some("nspname = 'm'")));
    assert_eq!(server.ask(TRIALS), "0");
}

/// Between two major versions too, where pg_dump writes other things otherwise.
#[test]
fn it_moves_to_a_newer_server() {
    let (old, new) = (server(15), server(17));
    made(&old, EVERYDAY);
    let said = Said::of(&mut split(&[&old, &new], &[]));
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["proven"]), (0, &json!(true), &json!(true)), "{said:?}");
    assert_gone_over("rows", &rows(&old, "app", Some("nspname = 'm'")), &rows(&new, "place", Some("nspname = 'm'")));
}

#[test]
fn it_is_rehearsed_as_the_application_made_it() {
    let server = server(15);
    made(&server, EVERYDAY);
    let (before, private) = (state(&server), folder());
    let mut command = split(&[&server], &["--rehearse"]);
    let said = Said::of(command.env("PGKEEP_TMPDIR", private.path()));
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["definitions"]), (0, &json!(true), &json!([])), "{said:?}");
    assert!(report["times"]["original_ms"].as_u64().unwrap() > 0, "{}", report["times"]);
    assert_eq!(state(&server), before);
}

/// What pg_dump says of a database.
fn archive(server: &Server, database: &str) -> Archive {
    let mut pg_dump = server.binaries.command("pg_dump");
    let dumped = pg_dump.args(["-Fc", "--schema-only", "-d", &server.dsn(database)]).output().unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    Archive::parse(&dumped.stdout).unwrap()
}

/// What PostgreSQL's own programs make of a database.
fn reload(server: &Server, from: &str, to: &str) {
    server.ask(&format!("CREATE DATABASE {to}"));
    let file = folder();
    let file = file.path().join("dump");
    let program = |name: &str, args: &[&str], file: &Path| {
        let mut command = server.binaries.command(name);
        assert!(command.args(args).arg(file).status().unwrap().success(), "{name}");
    };
    program("pg_dump", &["-Fc", "--schema-only", "-d", &server.dsn(from), "-f"], &file);
    program("pg_restore", &["--exit-on-error", "-d", &server.dsn(to)], &file);
}

/// Makes the changes of such a file in a copy of the database `copy`, and compares.
fn changed(server: &Server, name: &str, changes: &str, source: &Archive, respelled: &Archive) -> Vec<EntryMismatch> {
    server.ask(&format!("CREATE DATABASE {name} TEMPLATE copy"));
    run(server, name, changes);
    compare(source, |_| true, &archive(server, name), Some(respelled))
}

/// Every change that the file makes is told, with its lines, and nothing else is.
#[track_caller]
fn assert_told(changes: &str, mut told: Vec<EntryMismatch>) {
    let expected: Vec<Vec<&str>> = changes
        .lines()
        .filter_map(|line| line.strip_prefix("-- "))
        .map(|line| line.split(" |").map(str::trim).collect::<Vec<_>>())
        .filter(|parts| parts.len() > 1 && !parts[0].contains(':'))
        .collect();
    assert!(expected.len() > 50, "{}", expected.len());
    let mut wrong = Vec::new();
    for parts in &expected {
        let Some(at) = told.iter().position(|mismatch| mismatch.entry == parts[0]) else {
            wrong.push(format!("{parts:?} is not told"));
            continue;
        };
        let EntryMismatch { what, source_lines, target_lines, .. } = told.remove(at);
        let right = match parts[1] {
            "missing" => what == EntryDifference::Missing,
            "new" => what == EntryDifference::Unexpected,
            // Passwords may stand in these.
            _ if parts[0].contains("SERVER far") => source_lines.is_empty() && target_lines.is_empty(),
            from => {
                what == EntryDifference::Different
                    && !(source_lines.is_empty() && target_lines.is_empty())
                    && source_lines.concat().contains(from)
                    && target_lines.concat().contains(parts[2])
            }
        };
        if !right {
            wrong.push(format!("{parts:?} is told otherwise: {what:?} {source_lines:?} {target_lines:?}"));
        }
    }
    wrong.extend(told.iter().map(|mismatch| format!("told, and not changed: {mismatch:?}")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The mutation test: for each kind of entry a changed word and a dropped clause. The files say what must be told of each change.
#[test]
fn every_real_difference_is_told() {
    let server = server(15);
    server.ask("CREATE ROLE ann");
    server.ask("CREATE ROLE ben");
    made(&server, KINDS);
    reload(&server, "app", "copy");
    let (source, copy) = (archive(&server, "app"), archive(&server, "copy"));
    let spelled_otherwise = compare(&source, |_| true, &copy, None);
    assert!(spelled_otherwise.len() > 15, "this is why: {spelled_otherwise:?}");
    assert_eq!(compare(&source, |_| true, &copy, Some(&copy)), []);
    assert_told(WORDS, changed(&server, "words", WORDS, &source, &copy));
    assert_told(CLAUSES, changed(&server, "clauses", CLAUSES, &source, &copy));
}

/// PostgreSQL 17 has no `buffers_backend` any more; its own program says so as well.
#[test]
fn a_definition_that_the_targets_server_refuses_blocks_the_plan_and_ends_a_run_before_the_fence() {
    let (old, new) = (server(15), server(17));
    let sql = "CREATE SCHEMA m; CREATE ROLE keeper; CREATE TABLE m.t (a int); ALTER TABLE m.t OWNER TO keeper; GRANT SELECT ON m.t TO keeper;
        CREATE VIEW m.written AS SELECT buffers_backend FROM pg_stat_bgwriter; CREATE VIEW m.more AS SELECT * FROM m.written;
        CREATE TABLE m.u (a int); ALTER TABLE m.u ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON m.u TO keeper USING (true)";
    made(&old, sql);
    let before = (state(&old), state(&new));
    let said = Said::of(&mut split(&[&old, &new], &["--plan"]));
    let plan = said.document();
    assert_eq!((said.code, &plan["ok"]), (3, &json!(false)), "{said:?}");
    let blockers: Vec<&Value> = plan["blockers"].as_array().unwrap().iter().collect();
    assert_eq!(blockers.len(), 1, "{blockers:?}");
    assert_eq!((&blockers[0]["kind"], &blockers[0]["name"]), (&json!("definition"), &json!("VIEW m.written")));
    let reason = blockers[0]["reason"].as_str().unwrap();
    assert!(reason.contains("buffers_backend") && reason.contains("1 more entries depend"), "{reason}");
    // The role keeper, which the target lacks, was not made for it.
    assert_eq!((state(&old), state(&new)), before);

    let said = Said::of(&mut split(&[&old, &new], &[]));
    assert_eq!(said.code, 8, "{said:?}");
    assert!(said.document()["causes"][0].as_str().unwrap().contains("VIEW m.written"), "{said:?}");
    run(&old, "app", "INSERT INTO m.t VALUES (1)");
    assert_eq!(new.ask("SELECT count(*) FROM pg_database WHERE datname = 'place'"), "0");
    assert_eq!(new.ask(TRIALS), "0");
}

/// A role that may make no database: the plan says what it could not try, and a run tries it in the target itself.
#[test]
fn without_the_right_to_make_a_database_the_trial_is_made_in_the_target() {
    let server = server(15);
    server.ask("CREATE ROLE poor LOGIN");
    server.ask("CREATE DATABASE app OWNER poor");
    server.ask("CREATE DATABASE place OWNER poor");
    let poor = |database: &str| server.dsn_as("poor", database);
    psql(&server.binaries, &poor("app"), "CREATE EXTENSION citext").unwrap();
    psql(&server.binaries, &poor("app"), EVERYDAY).unwrap();
    let sql = "CREATE TABLE m.named (name citext CHECK (name IN ('a', 'b'))); INSERT INTO m.named VALUES ('A')";
    psql(&server.binaries, &poor("app"), sql).unwrap();
    let command = |args: &[&str]| {
        let mut command = pgkeep();
        command.args(["split", "--json", "--schemas", "m", "--from", &poor("app"), "--to", &poor("place")]).args(args);
        Said::of(&mut command)
    };
    let before = state(&server);
    let said = command(&["--plan"]);
    let plan = said.document();
    assert_eq!(said.code, 0, "{said:?}");
    let warnings = plan["warnings"].as_array().unwrap();
    let untried: Vec<&Value> = warnings.iter().filter(|finding| finding["kind"] == "definition").collect();
    assert_eq!(untried.len(), 1, "{warnings:?}");
    assert!(untried[0]["reason"].as_str().unwrap().contains("permission denied to create database"), "{untried:?}");
    assert_eq!(state(&server), before);

    let said = command(&[]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
    assert_gone_over(
        "rows",
        &rows(&server, "app", Some("nspname = 'm'")),
        &rows(&server, "place", Some("nspname = 'm'")),
    );
}

/// So many definitions that a trial takes a moment.
fn many() -> String {
    let table =
        "EXECUTE format('CREATE TABLE m.t%s (a int PRIMARY KEY, s varchar(10) CHECK (s IN (''a'', ''b'')))', i)";
    format!("CREATE SCHEMA m; DO $$ BEGIN FOR i IN 1..600 LOOP {table}; END LOOP; END $$")
}

/// A plan, while its scratch database is there.
fn in_its_trial(server: &Server) -> Child {
    let mut command = split(&[server], &["--plan"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'pgkeep\\_trial\\_%' AND query LIKE '%CREATE TABLE m.t%'", "1");
    child
}

#[test]
fn what_is_interrupted_takes_its_scratch_database_along_and_what_is_killed_leaves_it_to_the_next() {
    let server = server(15);
    made(&server, &many());
    let before = state(&server);
    let mut child = in_its_trial(&server);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(state(&server), before);

    let mut child = in_its_trial(&server);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    assert_eq!(server.ask(TRIALS), "1");
    // Of others, or not known as ours: not touched.
    let mark = server.ask("SELECT description FROM pg_shdescription s JOIN pg_database d ON d.oid = s.objoid WHERE datname LIKE 'pgkeep\\_trial\\_%'");
    server.ask("CREATE ROLE other");
    let (others, unmarked) = ("pgkeep_trial_0000000000000001", "pgkeep_trial_0000000000000002");
    server.ask(&format!("CREATE DATABASE {others} OWNER other"));
    server.ask(&format!("COMMENT ON DATABASE {others} IS '{mark}'"));
    server.ask(&format!("CREATE DATABASE {unmarked}"));
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'pgkeep\\_trial\\_%'", "0");
    assert_eq!(Said::of(&mut split(&[&server], &["--plan"])).code, 0);
    let left = server.ask(
        "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'pgkeep\\_trial\\_%'",
    );
    assert_eq!(left, format!("{others} {unmarked}"));
}

/// A server goes on with a statement whose sender is gone: the scratch database would be made after it was dropped.
#[test]
fn what_is_interrupted_while_its_scratch_database_is_made_leaves_none() {
    let server = server(15);
    made(&server, &many());
    let making = |signal: Signal| {
        let mut command = split(&[&server], &["--plan"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%pgkeep\\_trial\\_%' AND state = 'active'";
        while server.ask(asked) == "0" {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        server.wait_for(asked, "0");
        true
    };
    let mut met = 0;
    for _ in 0..6 {
        met += usize::from(making(Signal::INT));
        assert_eq!(server.ask(TRIALS), "0");
    }
    assert!(met > 0, "none was interrupted while it was made");
    let mut left = 0;
    for _ in 0..6 {
        making(Signal::KILL);
        left += server.ask(TRIALS).parse::<usize>().unwrap();
        assert_eq!(Said::of(&mut split(&[&server], &["--plan"])).code, 0);
        assert_eq!(server.ask(TRIALS), "0");
    }
    assert!(left > 0, "no kill left one");
}

/// The target that is there and empty is not touched by a plan.
#[test]
fn a_plan_tries_beside_an_empty_target() {
    let server = server(15);
    made(&server, EVERYDAY);
    server.ask("CREATE DATABASE place ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    let before = (state(&server), definitions(&server, "place", &["--create"]));
    let said = Said::of(&mut split(&[&server], &["--plan"]));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.stdout.contains("\"definition\""), "{said:?}");
    assert_eq!((state(&server), definitions(&server, "place", &["--create"])), before);
}
