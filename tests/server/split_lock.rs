//! The advisory locks of a split, which whoever may connect can take: they keep no writer out once the split is gone, and are told.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// A split that takes seconds to load a table.
const TABLES: &str =
    "CREATE SCHEMA m; CREATE TABLE m.t (id int); GRANT USAGE ON SCHEMA m TO writer; GRANT INSERT ON m.t TO writer;
    CREATE TABLE m.slow (n int CHECK (pg_sleep(0.01) IS NOT NULL)); INSERT INTO m.slow SELECT generate_series(1, 2000)";

struct Halves {
    server: Server,
}

impl Halves {
    fn new(major: u32) -> Self {
        let server = Server::start(major, ClusterOptions::default());
        for sql in ["CREATE ROLE writer LOGIN", "CREATE ROLE mal LOGIN", "CREATE DATABASE old"] {
            server.ask(sql);
        }
        psql(&server.binaries, &server.dsn("old"), TABLES).unwrap();
        Self { server }
    }

    fn command(&self, args: &[&str]) -> Command {
        let pg_dump = self.server.binaries.command("pg_dump");
        let mut command = pgkeep();
        command.env("PGKEEP_PG_BIN", std::path::Path::new(pg_dump.get_program()).parent().unwrap());
        command.args(["split", "--json"]).args(args);
        command.args(["--from", &self.server.dsn("old"), "--to", &self.server.dsn("new")]);
        command
    }

    fn status(&self) -> Value {
        Said::of(&mut self.command(&["status"])).document()
    }

    /// What an ordinary role is answered that writes.
    fn write(&self) -> Result<String, String> {
        psql(&self.server.binaries, &self.server.dsn_as("writer", "old"), "INSERT INTO m.t VALUES (1)")
    }

    fn until(&self, what: &str, is_it: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_it() {
            assert!(since.elapsed() < Duration::from_secs(60), "never: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A session of `mal`'s that has the lock, or waits for it, until it is ended.
    fn mal(&self, lock: u32) -> Child {
        let mut session = self.server.binaries.command("psql");
        let sql = format!("SELECT pg_advisory_lock(1886086512, {lock}); SELECT pg_sleep(120)");
        session.args(["-X", "-q", "-d", &self.server.dsn_as("mal", "old"), "-c", &sql]);
        let session = session.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.server.wait_for(&Self::of_mal(lock, "count(*)::text"), "1");
        session
    }

    fn of_mal(lock: u32, what: &str) -> String {
        format!(
            "SELECT {what} FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'mal' AND l.locktype = 'advisory'
                AND (l.classid, l.objid) = (1886086512, {lock})"
        )
    }

    fn has(&self, lock: u32) -> bool {
        self.server.ask(&Self::of_mal(lock, "coalesce(bool_or(l.granted), false)::text")) == "true"
    }
}

fn kill(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
}

fn a_lock_of_somebodys(major: u32) {
    for lock in [1, 2] {
        let halves = Halves::new(major);
        let mut command = halves.command(&["--schemas", "m"]);
        let split = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        halves.until("the fence", || halves.write().is_err());
        let mut mal = halves.mal(lock);
        // As long as the split lives, an ordinary role is refused, whoever has or wants which lock.
        for _ in 0..5 {
            let refused = halves.write().unwrap_err();
            assert!(refused.contains("is being moved to the database new"), "{major}, {lock}: {refused}");
        }
        kill(split);
        halves.until("the lock", || halves.has(lock));
        halves.until("writers pass", || halves.write().is_ok());
        assert!(halves.has(lock), "it was not passed on: {major}, {lock}");

        // It is told, and so is what is so.
        halves.until("the split has ended", || halves.status()["under_way"] == false);
        let status = halves.status();
        assert_eq!(status["takes_writes"], json!("old"), "{major}, {lock}: {status}");
        let pid = halves.server.ask(&Halves::of_mal(lock, "l.pid"));
        let told = status["locked_by"][0].as_str().unwrap().to_owned();
        assert!(told.starts_with(&format!("process {pid} of the role mal ")), "{told}");
        let end = told.rsplit_once("ends with ").unwrap().1;
        halves.server.ask(end);
        mal.wait().unwrap();
        halves.until("it has ended", || !halves.has(lock));
        assert_eq!(halves.status()["locked_by"], json!([]));
        let back = Said::of(&mut halves.command(&["rollback"]));
        assert_eq!(back.code, 0, "{back:?}");
    }
}

#[test]
fn whoever_queues_for_the_lock_of_a_split_keeps_nobody_out_when_that_is_killed_14() {
    a_lock_of_somebodys(14);
}

#[test]
fn whoever_queues_for_the_lock_of_a_split_keeps_nobody_out_when_that_is_killed_18() {
    a_lock_of_somebodys(18);
}

/// A session of `mal`'s in the new database, whose table it is: it locks that as soon as `when` is so, until it is ended.
fn locks(halves: &Halves, when: &str) -> Child {
    let sql = format!(
        "DO $$ BEGIN
            LOOP
                PERFORM pg_sleep(0.001);
                BEGIN IF {when} THEN LOCK TABLE m.t IN ACCESS EXCLUSIVE MODE; EXIT; END IF; EXCEPTION WHEN OTHERS THEN NULL; END;
            END LOOP;
            PERFORM pg_sleep(120);
        END $$"
    );
    let mut session = halves.server.binaries.command("psql");
    session.args(["-X", "-q", "-d", &halves.server.dsn_as("mal", "new"), "-c", &sql]);
    session.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn who_locks_a_table_of_the_new_database_is_named_and_waited_for_no_longer_than_said() {
    let halves = Halves::new(15);
    let owned = "ALTER TABLE m.t OWNER TO mal; ALTER SCHEMA m OWNER TO mal; INSERT INTO m.t VALUES (0); DELETE FROM m.slow WHERE n > 300;
        CREATE TABLE m.large AS SELECT i, repeat('x', 200) FROM generate_series(1, 200000) i";
    psql(&halves.server.binaries, &halves.server.dsn("old"), owned).unwrap();
    halves.server.ask("CREATE DATABASE new");
    let end = || {
        halves.server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mal'");
    };
    let told = |said: &Said| {
        assert_eq!(said.code, 7, "{said:?}");
        let error = said.document()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("of the role mal ") && error.contains("waited 4 s for a lock"), "{error}");
    };
    let run = ["--schemas", "m", "--jobs", "1", "--fence-wait", "4"];

    // While rows are copied: the fence opens again.
    let mut mal = locks(
        &halves,
        "EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'm' AND c.relname = 't')",
    );
    told(&Said::of(&mut halves.command(&run)));
    assert!(halves.write().is_ok());
    end();
    mal.wait().unwrap();
    let said = Said::of(&mut halves.command(&run));
    assert_eq!(said.code, 0, "{said:?}");

    // While a rollback compares the rows: the new database takes writes again.
    let mut mal = locks(
        &halves,
        "EXISTS (SELECT FROM pg_trigger WHERE tgname = 'pgkeep_fence' AND tgrelid::regclass::text = 'm.t')",
    );
    halves.server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mal'", "1");
    let back = ["rollback", "--jobs", "1", "--fence-wait", "4"];
    told(&Said::of(&mut halves.command(&back)));
    assert!(halves.write().unwrap_err().contains("has moved"));
    end();
    mal.wait().unwrap();
    psql(&halves.server.binaries, &halves.server.dsn("new"), "BEGIN; INSERT INTO m.t VALUES (3); ROLLBACK").unwrap();
    let said = Said::of(&mut halves.command(&back));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(halves.write().is_ok());
}
