//! `split status` says who takes writes, and names nothing that would be refused: each answer is held against the databases.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql};

const TABLE: &str = "CREATE SCHEMA m; CREATE TABLE m.t (id int); INSERT INTO m.t VALUES (1)";
/// A row takes 10 ms to load, so that the copy takes two seconds.
const SLOW: &str =
    "CREATE TABLE m.slow (n int CHECK (pg_sleep(0.01) IS NOT NULL)); INSERT INTO m.slow SELECT generate_series(1, 200)";

struct Halves<'a> {
    server: &'a Server,
    name: &'static str,
}

impl Halves<'_> {
    fn begun<'a>(server: &'a Server, name: &'static str, sql: &str) -> Halves<'a> {
        server.ask(&format!("CREATE DATABASE {name}"));
        psql(&server.binaries, &server.dsn(name), sql).unwrap();
        Halves { server, name }
    }

    fn old_place(&self) -> String {
        self.server.dsn(self.name)
    }

    fn new_place(&self) -> String {
        self.server.dsn(&format!("{}_new", self.name))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = pgkeep();
        command.args(["split", "--quiet"]).args(args).args(["--from", &self.old_place(), "--to", &self.new_place()]);
        command
    }

    fn split(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).arg("--json"))
    }

    fn status(&self) -> Value {
        self.split(&["status"]).document()
    }

    fn text(&self) -> String {
        Said::of(&mut self.command(&["status"])).stdout
    }

    /// Without a look at the old database.
    fn of_the_record(&self) -> (Value, String) {
        let command = || {
            let mut command = pgkeep();
            command.args(["split", "status", "--to", &self.new_place()]);
            command
        };
        (Said::of(command().arg("--json")).document(), Said::of(&mut command()).stdout)
    }

    /// Which of the two take a write.
    fn take(&self) -> (bool, bool) {
        let takes = |dsn: &str| psql(&self.server.binaries, dsn, "BEGIN; INSERT INTO m.t VALUES (2); ROLLBACK").is_ok();
        (takes(&self.old_place()), takes(&self.new_place()))
    }

    fn running(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    #[track_caller]
    fn wait_for(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let said = self.split(&["status"]);
            if said.code == 0 && is_it(&said.document()) {
                return said.document();
            }
            assert!(since.elapsed() < Duration::from_secs(60), "never: {said:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn kill(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
}

#[test]
fn status_says_who_takes_writes_in_each_state_and_what_is_not_refused_then() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::begun(&server, "told", &format!("{TABLE}; {SLOW}"));

    // The fence is held by a run that lives.
    let child = halves.running(&["--schemas", "m"]);
    let status = halves.wait_for(|status| status["takes_writes"] == "neither");
    assert_eq!((&status["under_way"], &status["next"]), (&json!(true), &json!([])), "{status}");
    assert!(!halves.take().0, "{status}");
    kill(child);
    let status = halves.wait_for(|status| status["under_way"] == false);
    assert_eq!((&status["takes_writes"], &status["next"]), (&json!("old"), &json!(["split", "rollback"])), "{status}");
    assert!(halves.take().0, "{status}");
    let text = halves.text();
    assert!(text.contains("\nthe old database takes writes\n"), "{text}");
    assert!(text.contains("starts again") && text.contains("removes what was created"), "{text}");

    // Sealed, and the hook runs.
    psql(&server.binaries, &halves.old_place(), "DROP TABLE m.slow").unwrap();
    let child = halves.running(&["--schemas", "m", "--hook", "sleep 30"]);
    let status = halves.wait_for(|status| status["hook_started"].is_string());
    assert_eq!((&status["under_way"], &status["next"]), (&json!(true), &json!([])), "{status}");
    assert_eq!((&status["phase"], &status["takes_writes"]), (&json!("sealed"), &json!("new")), "{status}");
    assert!(halves.text().contains("is running: wait for it"), "{}", halves.text());
    kill(child);
    let status = halves.wait_for(|status| status["under_way"] == false);
    let expected = (&json!("new"), &json!(["split", "rollback"]));
    assert_eq!((&status["takes_writes"], &status["next"]), expected, "{status}");
    let (status, text) = halves.of_the_record();
    assert_eq!((&status["takes_writes"], &status["next"]), expected, "{status}");
    assert!(text.contains("\nthe new database takes writes, and the old one refuses them (from the record"), "{text}");
    assert!(text.contains("--from DSN checks the old database"), "{text}");
    assert_eq!(halves.take(), (false, true));

    assert_eq!(halves.split(&["--schemas", "m", "--hook", "true"]).code, 0);
    let status = halves.status();
    assert_eq!((&status["rewritten"], &status["hook_started"]), (&json!([]), &json!(null)), "{status}");
    let status = halves.status();
    assert_eq!((&status["takes_writes"], &status["next"]), (&json!("new"), &json!(["rollback", "finish"])), "{status}");
    assert_eq!(halves.take(), (false, true));
    let text = halves.text();
    assert!(text.contains("\nthe new database takes writes, and the old one refuses them\n"), "{text}");
    assert!(text.contains("next: `pgkeep split rollback`") && text.contains("then no rollback is possible"), "{text}");

    // Of another host's split nothing can be done here.
    let state = folder();
    let elsewhere = Said::of(halves.command(&["status", "--json"]).env("PGKEEP_STATE", state.path())).document();
    assert_eq!((&elsewhere["takes_writes"], &elsewhere["next"]), (&json!("new"), &json!([])), "{elsewhere}");
    let refused = Said::of(halves.command(&["rollback"]).env("PGKEEP_STATE", state.path()));
    assert_eq!(refused.code, 7, "{refused:?}");
    let text = Said::of(halves.command(&["status"]).env("PGKEEP_STATE", state.path())).stdout;
    assert!(text.contains("next: run it on the host and with the account that started the split"), "{text}");

    // Somebody takes the fence down by hand.
    psql(&server.binaries, &halves.old_place(), "DROP FUNCTION pgkeep_split.refuse() CASCADE").unwrap();
    let status = halves.status();
    assert_eq!((&status["takes_writes"], &status["next"]), (&json!("both"), &json!(["rollback"])), "{status}");
    assert_eq!(halves.take(), (true, true));
    assert!(halves.text().contains("BOTH databases take writes"), "{}", halves.text());
    assert_eq!(halves.split(&["finish", "--yes"]).code, 7, "as it says");
    assert_eq!(halves.split(&["rollback"]).code, 0, "as it says");

    let status = halves.status();
    assert_eq!((&status["takes_writes"], &status["next"]), (&json!("old"), &json!([])), "{status}");
    assert_eq!(halves.take(), (true, false));
    assert!(halves.text().contains("next: nothing; the new database is kept"), "{}", halves.text());
}

#[test]
fn what_was_put_aside_is_dropped_next_and_the_new_database_takes_writes() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::begun(&server, "aside", TABLE);
    assert_eq!(halves.split(&["--schemas", "m"]).code, 0);
    assert_eq!(halves.split(&["finish", "--yes"]).code, 0);
    let status = halves.status();
    assert_eq!((&status["takes_writes"], &status["next"]), (&json!("new"), &json!(["finish"])), "{status}");
    let text = halves.text();
    assert!(text.contains("next: `pgkeep split finish --yes-drop NAME`, which drops the old schemas"), "{text}");
    assert!(halves.take().1);
}

/// Until the switch has ended: the files name the new database by then, and the hook has sent whom it sends.
#[test]
fn an_interrupted_switch_says_who_takes_writes_and_who_was_sent_where() {
    let server = Server::start(15, ClusterOptions::default());
    let folder = folder();
    for (name, signal) in [("hung_int", Signal::INT), ("hung_kill", Signal::KILL)] {
        let halves = Halves::begun(&server, name, TABLE);
        let (env, log) = (folder.path().join(format!("{name}.env")), folder.path().join(name));
        let text = format!("PG_URL=postgres://app:se-cret@db:5432/{name}\n");
        std::fs::write(&env, &text).unwrap();
        let hook = format!("echo >> {}; sleep 30", log.display());
        let rewrite = format!("{}:PG_URL", env.display());
        let mut command = halves.command(&["--schemas", "m", "--rewrite", &rewrite, "--hook", &hook, "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let since = Instant::now();
        while !log.exists() {
            assert!(since.elapsed() < Duration::from_secs(60), "the hook is never run");
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let said = Said::from(child.wait_with_output().unwrap());
        let real = std::fs::canonicalize(&env).unwrap();
        let named = format!("{} names the new database already", real.display());
        if signal == Signal::INT {
            let hint = said.document()["hint"].as_str().unwrap_or_default().to_owned();
            assert_eq!(said.code, 130, "{said:?}");
            let told = ["The source refuses writes, and the new database takes them", "the hook was started", &named];
            assert!(told.iter().all(|told| hint.contains(told)) && !hint.contains("nobody was sent"), "{hint}");
        }
        let status = halves.wait_for(|status| status["under_way"] == false);
        assert_eq!((&status["phase"], &status["takes_writes"]), (&json!("sealed"), &json!("new")), "{status}");
        assert_eq!(halves.take(), (false, true));
        assert_eq!(status["rewritten"], json!([real]), "{status}");
        assert!(status["hook_started"].is_string(), "{status}");
        assert!(std::fs::read_to_string(&env).unwrap().contains(&format!("/{name}_new")));
        let told = halves.text();
        assert!(told.contains("\nthe new database takes writes, and the old one refuses them\n"), "{told}");
        assert!(told.contains(&format!("\n{named}\n")) && told.contains("\nthe hook was started at "), "{told}");
        assert!(told.contains("puts the files back") && told.contains("runs the hook, once more"), "{told}");

        // Somebody puts the file back by hand.
        let switched = std::fs::read_to_string(&env).unwrap();
        std::fs::write(&env, &text).unwrap();
        assert_eq!(halves.status()["rewritten"], json!([]));
        std::fs::write(&env, switched).unwrap();
        assert_eq!(halves.split(&["rollback"]).code, 0, "as it says");
        assert_eq!((std::fs::read_to_string(&env).unwrap(), halves.take()), (text, (true, false)));
    }
}

#[test]
fn a_sealed_split_whose_fence_was_taken_down_takes_writes_in_both() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::begun(&server, "quiet", TABLE);
    let child = halves.running(&["--schemas", "m", "--hook", "sleep 30"]);
    halves.wait_for(|status| status["hook_started"].is_string());
    kill(child);
    halves.wait_for(|status| status["under_way"] == false);
    // Somebody takes the fence down by hand.
    psql(&server.binaries, &halves.old_place(), "DROP FUNCTION pgkeep_split.refuse() CASCADE").unwrap();
    let status = halves.status();
    assert_eq!((&status["takes_writes"], &status["next"]), (&json!("both"), &json!(["rollback"])), "{status}");
    assert_eq!(halves.take(), (true, true));
    assert!(halves.text().contains("BOTH databases take writes"), "{}", halves.text());
    assert_eq!(halves.split(&["rollback"]).code, 0, "as it says");
    assert_eq!(halves.take(), (true, false));
}

/// A database can be split again after a rollback: the fence is not the first split's then.
#[test]
fn the_fence_of_another_split_is_told_as_that_ones() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::begun(&server, "again", &format!("{TABLE}; CREATE SCHEMA k; CREATE TABLE k.t (id int)"));
    assert_eq!(halves.split(&["--schemas", "m"]).code, 0);
    assert_eq!(halves.split(&["rollback"]).code, 0);
    let mut other = pgkeep();
    other.args([
        "split",
        "--quiet",
        "--json",
        "--schemas",
        "k",
        "--from",
        &halves.old_place(),
        "--to",
        &server.dsn("again_other"),
    ]);
    let other = Said::of(&mut other);
    assert_eq!(other.code, 0, "{other:?}");
    let status = halves.status();
    let fence = status["fence"]["source"].as_str().unwrap();
    assert!(
        fence.contains("belongs to another split (") && fence.contains("into the database again_other"),
        "{status}"
    );
}
