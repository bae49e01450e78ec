//! A split is killed in each of its states, held there by the database itself, and once gone on with, once taken back.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};

use crate::judge::{assert_equal, assert_gone_over, definitions, rows};
use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

const MOVED: &str = "nspname = 'agent'";
const WRITE: &str = "UPDATE agent.agents SET name = name";
/// A row takes 10 ms to load, so that the copy takes a second.
const SLOW: &str = "CREATE TABLE agent.slow (n integer CHECK (pg_sleep(0.01) IS NOT NULL)); INSERT INTO agent.slow SELECT generate_series(1, 100)";

/// A state, what holds a split there, and whether the source refuses writes after a kill.
struct Held {
    phase: &'static str,
    /// A session of somebody else's, in a transaction.
    by: Option<&'static str>,
    hook: Option<&'static str>,
    sealed: bool,
}

const STATES: [Held; 5] = [
    // The fence waits for a writer.
    Held { phase: "created", by: Some(WRITE), hook: None, sealed: false },
    // The slow table.
    Held { phase: "copying", by: None, hook: None, sealed: false },
    // The seal gives a foreign key up, and waits for a reader of its table.
    Held { phase: "proven", by: Some("SELECT count(*) FROM erp.execution_runs"), hook: None, sealed: false },
    Held { phase: "sealed", by: None, hook: Some("[ $PGKEEP_SPLIT_PHASE = rollback ] || sleep 5"), sealed: true },
    Held { phase: "switched", by: None, hook: None, sealed: true },
];

struct Place {
    server: Server,
    from: String,
    to: String,
}

impl Place {
    fn split(&self, args: &[&str]) -> Said {
        Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &self.from, "--to", &self.to]))
    }

    fn go_on(&self) -> Said {
        self.split(&["--schemas", "agent", "--boundary", "drop"])
    }

    fn command(&self, print: &str) -> Command {
        let mut command = pgkeep();
        command.args([
            "split",
            print,
            "--schemas",
            "agent",
            "--boundary",
            "drop",
            "--from",
            &self.from,
            "--to",
            &self.to,
        ]);
        command
    }

    fn begun(&self, held: &Held) -> Child {
        let mut command = self.command("-q");
        command.args(held.hook.into_iter().flat_map(|hook| ["--hook", hook]));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn somebody(&self, does: &str) -> Child {
        let mut session = self.server.binaries.command("psql");
        session.args(["-X", "-q", "-d", &self.from, "-c", &format!("BEGIN; {does}; SELECT pg_sleep(60)")]);
        let session = session.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.server.wait_for(&self.asleep("count(*)::text"), "1");
        session
    }

    fn asleep(&self, what: &str) -> String {
        format!("SELECT {what} FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%pg_sleep(60)'")
    }

    fn phase(&self) -> String {
        let document =
            psql(&self.server.binaries, &self.to, "SELECT document FROM pgkeep_split.state").unwrap_or_default();
        let state: serde_json::Value = serde_json::from_str(&document).unwrap_or_default();
        state["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// Kills a split in the state, and says whether the source takes writes: at once, or not before the split is gone on with.
    fn killed(&self, held: &Held) -> bool {
        let mut somebody = held.by.map(|does| self.somebody(does));
        let mut child = self.begun(held);
        let since = Instant::now();
        while self.phase() != held.phase {
            assert!(since.elapsed() < Duration::from_secs(60), "{} is never reached", held.phase);
            assert!(child.try_wait().unwrap().is_none() || held.phase == "switched", "{} was passed", held.phase);
            std::thread::sleep(Duration::from_millis(20));
        }
        if held.phase == "switched" {
            child.wait().unwrap();
        } else {
            // The state is written before what belongs to it is done.
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(self.phase(), held.phase, "held there");
            kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
            child.wait().unwrap();
        }
        if let Some(somebody) = &mut somebody {
            self.server.ask(&self.asleep("pg_terminate_backend(pid)"));
            somebody.wait().unwrap();
        }
        let since = Instant::now();
        loop {
            match psql(&self.server.binaries, &self.from, WRITE) {
                Ok(_) => return true,
                Err(error) if error.contains("has moved") => return false,
                Err(error) => {
                    assert!(error.contains("is being moved"), "{error}");
                    assert!(since.elapsed() < Duration::from_secs(5), "still fenced after the kill: {error}");
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

#[test]
fn whatever_the_state_a_killed_split_is_gone_on_with_or_taken_back() {
    let server = Server::with_samples(15, &[("portfolio", "0.003")], ClusterOptions::default());
    let place = Place { from: server.dsn("portfolio"), to: server.dsn("agents"), server };
    let server = &place.server;
    psql(&server.binaries, &place.from, SLOW).unwrap();
    let defined = || definitions(server, "portfolio", &[]);
    let (rows_before, defined_before) = (rows(server, "portfolio", None), defined());
    for held in &STATES {
        for goes_on in [false, true] {
            let told = format!("killed when {}, {}", held.phase, if goes_on { "gone on with" } else { "taken back" });
            assert_eq!(place.killed(held), !held.sealed, "{told}");
            if goes_on {
                let said = place.go_on();
                assert_eq!((said.code, &said.document()["phase"]), (0, &"switched".into()), "{told}: {said:?}");
                let old = rows(server, "portfolio", Some(MOVED));
                assert_gone_over(&told, &old, &rows(server, "agents", Some(MOVED)));
                assert!(psql(&server.binaries, &place.from, WRITE).unwrap_err().contains("has moved"), "{told}");
            }
            let back = place.split(&["rollback"]);
            assert_eq!((back.code, &back.document()["ok"]), (0, &true.into()), "{told}: {back:?}");
            psql(&server.binaries, &place.from, WRITE).unwrap();
            assert_equal(&told, &rows_before, &rows(server, "portfolio", None));
            assert_equal(&told, &defined_before, &defined());
            server.ask("DROP DATABASE IF EXISTS agents");
        }
    }
}

/// A view that nobody planned for appears while the fence waits.
#[test]
fn a_plan_that_is_stale_stops_the_run_and_the_source_takes_writes() {
    let server = Server::with_samples(15, &[("portfolio", "0.003")], ClusterOptions::default());
    let place = Place { from: server.dsn("portfolio"), to: server.dsn("agents"), server };
    let mut somebody = place.somebody(WRITE);
    let mut child = place.command("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while place.phase() != "created" {
        assert!(since.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    let late = "CREATE VIEW erp.latecomer AS SELECT id, name FROM agent.agents; CREATE TABLE erp.of_no_concern ()";
    psql(&place.server.binaries, &place.from, late).unwrap();
    place.server.ask(&place.asleep("pg_terminate_backend(pid)"));
    somebody.wait().unwrap();
    let output = child.wait_with_output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(7), "{document}");
    assert_eq!(document["error"], "the schema has changed since the split was planned: view erp.latecomer");
    psql(&place.server.binaries, &place.from, WRITE).unwrap();
    assert_eq!(place.go_on().code, 0, "planned anew");
}

/// A server goes on with what a killed run has asked it for: the new database is there when the next run has looked for it already. What
/// is not empty by then is somebody else's.
#[test]
fn a_database_that_is_made_meanwhile_is_taken_where_it_is_empty() {
    let server = Server::with_samples(15, &[("portfolio", "0.003")], ClusterOptions::default());
    let place = Place { from: server.dsn("portfolio"), to: server.dsn("agents"), server };
    let waits =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'pgkeep %' AND wait_event_type = 'Lock'";
    for (made, code) in [("", 0), ("CREATE TABLE theirs ()", 7)] {
        let mut somebody = place.somebody("LOCK TABLE agent.agents IN ACCESS EXCLUSIVE MODE");
        let child = place.command("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        place.server.wait_for(waits, "t");
        place.server.ask("CREATE DATABASE agents");
        psql(&place.server.binaries, &place.to, made).unwrap();
        place.server.ask(&place.asleep("pg_terminate_backend(pid)"));
        somebody.wait().unwrap();
        let said = Said::from(child.wait_with_output().unwrap());
        assert_eq!(said.code, code, "{said:?}");
        if code == 0 {
            assert_eq!(place.split(&["rollback"]).code, 0);
        } else {
            let error = said.document()["error"].as_str().unwrap().to_owned();
            assert_eq!(error, "the target database agents is not empty: public.theirs");
            psql(&place.server.binaries, &place.to, "SELECT FROM theirs").unwrap();
        }
        place.server.ask("DROP DATABASE agents");
    }
    psql(&place.server.binaries, &place.from, WRITE).unwrap();
}

/// Somebody reads an old table for long while the split is taken back: writers do not wait for that, and the next split does not mind
/// what was left.
#[test]
fn a_long_reader_keeps_no_writer_waiting_after_a_rollback() {
    let server = Server::with_samples(15, &[("portfolio", "0.003")], ClusterOptions::default());
    let place = Place { from: server.dsn("portfolio"), to: server.dsn("agents"), server };
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'pgkeep_fence'";
    assert_eq!(place.go_on().code, 0);
    let mut reader = place.somebody("SELECT count(*) FROM agent.agents");
    let since = Instant::now();
    assert_eq!(place.split(&["rollback"]).code, 0);
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    psql(&place.server.binaries, &place.from, &format!("SET lock_timeout = '1s'; {WRITE}")).unwrap();
    assert_eq!(psql(&place.server.binaries, &place.from, triggers).unwrap(), "1", "the one that is read");
    place.server.ask(&place.asleep("pg_terminate_backend(pid)"));
    reader.wait().unwrap();
    place.server.ask("DROP DATABASE agents");
    assert_eq!(place.go_on().code, 0, "once more");
    assert_eq!(place.split(&["rollback"]).code, 0);
    assert_eq!(psql(&place.server.binaries, &place.from, triggers).unwrap(), "0");
}

/// Two servers, and a newer one: rows are what they were, and so are definitions where one version writes both.
#[test]
fn schemas_move_to_another_server_and_come_back() {
    let server = Server::with_samples(15, &[("chronos", "0.003")], ClusterOptions::default());
    let moved = "nspname IN ('core', 'metadata') OR nspname LIKE 'workspace\\_%'";
    let of_schemas = ["-n", "core", "-n", "metadata", "-n", "workspace_*"];
    let (before, defined) = (rows(&server, "chronos", Some(moved)), definitions(&server, "chronos", &of_schemas));
    for major in [15, 16] {
        let other = Server::start(major, ClusterOptions::default());
        let (from, to) = (server.dsn("chronos"), other.dsn("twenty"));
        let ends = ["--from", &from, "--to", &to];
        let clients = &other.binaries.bin_dir;
        let split = |args: &[&str]| {
            Said::of(pgkeep().args(["split", "--json"]).args(args).args(ends).env("PGKEEP_PG_BIN", clients))
        };
        let said = split(&["--schemas", "core,metadata,workspace_*", "--boundary", "drop"]);
        let document = said.document();
        assert_eq!((said.code, &document["proven"]), (0, &true.into()), "{major}: {said:?}");
        assert_gone_over("rows", &before, &rows(&other, "twenty", Some(moved)));
        if major == 15 {
            assert_equal("definitions", &defined, &definitions(&other, "twenty", &of_schemas));
        }
        let refused = psql(&server.binaries, &from, "DELETE FROM core.workspace").unwrap_err();
        assert!(refused.contains("core.workspace has moved"), "{refused}");
        let back = split(&["rollback"]);
        assert_eq!(back.code, 0, "{major}: {back:?}");
        psql(&server.binaries, &from, "UPDATE core.workspace SET \"displayName\" = \"displayName\"").unwrap();
        assert_equal("definitions after the rollback", &defined, &definitions(&server, "chronos", &of_schemas));
    }
}

/// A crash of the server in the middle of a DROP DATABASE leaves one that nobody can enter. Where it was the split's own, the next verb ends
/// what began; another's is left alone, with the server's words for it.
#[test]
fn a_drop_that_a_crash_cut_short_is_ended_where_the_database_was_the_splits() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    // Holds in the old database alone, so that the run fails with the new one made.
    let here = "CREATE SCHEMA m; CREATE FUNCTION m.here(i int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN current_database() = ''shop''; END';
        CREATE TABLE m.t (i int CHECK (m.here(i))); INSERT INTO m.t VALUES (1)";
    psql(&server.binaries, &server.dsn("shop"), here).unwrap();
    let split = |args: &[&str], to: &str| {
        let mut command = pgkeep();
        command.args(["split", "--json", "--quiet"]).args(args);
        Said::of(command.args(["--from", &server.dsn("shop"), "--to", &server.dsn(to)]))
    };
    // What a crash leaves behind.
    let crash = |database: &str| {
        server.ask(&format!("UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{database}'"));
    };
    let there = |database: &str| server.ask(&format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'"));
    let failed = |said: Said| assert!(said.code == 8 && said.stdout.contains("TABLE DATA m.t"), "{said:?}");
    failed(split(&["--schemas", "m"], "place"));
    crash("place");
    failed(split(&["--schemas", "m"], "place"));
    crash("place");
    let said = split(&["rollback"], "place");
    assert!(said.code == 8 && said.stdout.contains("has no database place"), "{said:?}");
    assert_eq!(there("place"), "0");
    psql(&server.binaries, &server.dsn("shop"), "INSERT INTO m.t VALUES (2)").unwrap();

    server.ask("CREATE DATABASE theirs");
    crash("theirs");
    let said = split(&["--schemas", "m"], "theirs");
    assert!(said.code == 8 && said.stdout.contains("invalid database"), "{said:?}");
    assert_eq!(there("theirs"), "1");
}
