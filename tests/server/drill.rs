//! Drills: a restore into a server that is thrown away, what it says, and that nothing of it stays.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::disk_full::SmallDisk;
use crate::pgkeep::{Repo, Said, folder};
use crate::postgres::Server;

struct Scene {
    repo: Repo,
    /// Where private servers are made: empty before a drill and after it.
    servers: TempDir,
    files: TempDir,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
        server.ask(
            "CREATE ROLE seller; CREATE TABLE public.orders (id integer PRIMARY KEY, total numeric NOT NULL);
             INSERT INTO public.orders SELECT i, i * 1.5 FROM generate_series(1, 1000) i;
             ALTER TABLE public.orders OWNER TO seller",
        );
        repo.json(["backup", "-d", &server.dsn("postgres")]);
        Self { repo, servers: folder(), files: folder(), server }
    }

    fn drill(&self, assertions: &str) -> Command {
        let file = self.files.path().join("assertions.sql");
        fs::write(&file, assertions).unwrap();
        let mut command = self.repo.command(["--restore-key".as_ref(), self.repo.restore_key().as_os_str()]);
        command.arg("drill").arg("--pg-bin").arg(&self.server.binaries.bin_dir).arg("--assert").arg(file);
        command.env("PGKEEP_TMPDIR", self.servers.path());
        command
    }

    /// One that sleeps in an assertion, private server and all.
    fn drill_in_the_middle(&self) -> Child {
        let mut command = self.drill("SELECT pg_sleep(100) IS NULL;");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !sleeps(self.servers.path()) {
            assert!(Instant::now() < deadline, "the drill does not reach its assertion");
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    fn leftovers(&self) -> Vec<String> {
        let entries = fs::read_dir(self.servers.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn proven_at(&self) -> Value {
        self.repo.json(["list"])[0]["proven_at"].clone()
    }
}

/// Whether a backend of a private server in this folder is in the sleeping assertion, as its process title says.
fn sleeps(servers: &Path) -> bool {
    let of_ours = |pid: &str| {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(servers));
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        cwd && String::from_utf8_lossy(&title).contains("[local] SELECT")
    };
    fs::read_dir("/proc").unwrap().flatten().any(|entry| of_ours(&entry.file_name().to_string_lossy()))
}

#[test]
fn a_drill_proves_a_snapshot_and_leaves_a_receipt_and_nothing_else() {
    let scene = Scene::new();
    assert_eq!(scene.proven_at(), Value::Null);
    let assertions = "-- all orders are there\nSELECT count(*) = 1000 FROM orders;\nSELECT current_database() <> '';";
    let said = Said::of(scene.drill(assertions).arg("--json"));
    assert_eq!(said.code, 0, "{said:?}");
    let report = said.document();
    assert_eq!((&report["ok"], &report["proven"], &report["rows"]), (&json!(true), &json!(true), &json!(1000)));
    let expected = json!([{"name": "all orders are there", "ok": true},
                          {"name": "SELECT current_database() <> ''", "ok": true}]);
    assert_eq!(report["assertions"], expected);
    assert!(report["rto_ms"].as_u64().unwrap() > 0 && report["rto_ms"].as_u64() <= report["elapsed_ms"].as_u64());
    let receipt = fs::read_to_string(scene.repo.root().join(report["receipt"].as_str().unwrap())).unwrap();
    assert!(receipt.starts_with("pgkeep-record/1 ") && receipt.contains("\"ok\": true"), "{receipt}");
    assert_ne!(scene.proven_at(), Value::Null);
    assert_eq!(scene.leftovers(), [""; 0]);
}

#[test]
fn an_assertion_that_is_not_true_is_named_and_cannot_write() {
    let scene = Scene::new();
    let assertions = "-- totals\nSELECT sum(total) = 1 FROM orders; SELECT 1 FROM nothing; DROP TABLE orders;
                      SELECT true FROM orders LIMIT 2; SELECT NULL::boolean;";
    let said = Said::of(scene.drill(assertions).arg("--json"));
    assert_eq!(said.code, 3, "{said:?}");
    let report = said.document();
    assert_eq!((&report["ok"], &report["proven"]), (&json!(false), &json!(true)));
    let details: Vec<&str> =
        report["assertions"].as_array().unwrap().iter().map(|a| a["detail"].as_str().unwrap()).collect();
    assert_eq!(details[0], "it answers f");
    assert!(details[1].contains("SQLSTATE 42P01") && details[2].contains("SQLSTATE 25006"), "{details:?}");
    assert_eq!(details[3..], ["it answers with 2 rows, but must answer with one row that is true", "it answers NULL"]);
    let said = Said::of(scene.drill("SELECT false;").arg("-q"));
    assert_eq!(said.code, 3);
    assert!(said.stdout.starts_with("NOT TRUE: SELECT false: it answers f\n"), "{said:?}");
    // A file that asserts nothing is no drill.
    let said = Said::of(scene.drill("-- nothing yet\n").arg("-q"));
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(scene.leftovers(), [""; 0]);
}

/// Before anything is loaded. What compresses well takes less than its text, which no manifest says.
#[test]
fn a_drill_without_room_is_refused_beforehand_and_can_be_tried_all_the_same() {
    let scene = Scene::new();
    scene
        .server
        .ask("CREATE TABLE public.wide AS SELECT i, repeat('x', 100000) AS text FROM generate_series(1, 1000) i");
    scene.repo.json(["backup", "-d", &scene.server.dsn("postgres")]);
    let Some(_disk) = SmallDisk::mount(scene.servers.path(), "size=150m,mode=755") else { return };
    let said = Said::of(scene.drill("SELECT true;").arg("--json"));
    let document = said.document();
    let error = document["error"].as_str().unwrap_or_default();
    let folder = scene.servers.path().display();
    assert_eq!(said.code, 8, "{said:?}");
    assert!(error.starts_with(&format!("not enough disk space for the restored database in {folder}: ")), "{error}");
    assert!(error.ends_with(" MB are free"), "{error}");
    let hint = document["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("PGKEEP_TMPDIR") && hint.contains("--no-room-check"), "{hint}");
    assert_eq!((scene.leftovers(), scene.proven_at()), (Vec::new(), Value::Null));
    let said = Said::of(scene.drill("SELECT count(*) = 1000 FROM wide;").args(["--json", "--no-room-check"]));
    assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
    assert_eq!(scene.leftovers(), [""; 0]);
}

#[test]
fn a_drill_of_damaged_rows_fails_and_proves_nothing() {
    let scene = Scene::new();
    let data = scene.repo.root().join("data");
    let object = fs::read_dir(fs::read_dir(data).unwrap().next().unwrap().unwrap().path()).unwrap().next().unwrap();
    let object = object.unwrap().path();
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&object, bytes).unwrap();
    let said = Said::of(scene.drill("SELECT true;").arg("-q"));
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("public.orders"), "{said:?}");
    assert_eq!((scene.proven_at(), scene.leftovers().len()), (Value::Null, 0));
}

#[test]
fn a_drill_that_is_stopped_takes_its_server_along_and_a_killed_one_is_cleared_away_by_the_next() {
    let scene = Scene::new();
    // Signals right after each other are one request: `timeout` sends two.
    for signals in [&[Signal::TERM][..], &[Signal::TERM, Signal::INT, Signal::TERM]] {
        let stopped = scene.drill_in_the_middle();
        let pid = Pid::from_child(&stopped);
        signals.iter().for_each(|signal| kill_process(pid, *signal).unwrap());
        let said = Said::from(stopped.wait_with_output().unwrap());
        assert_eq!((said.code, scene.leftovers().len()), (130, 0), "{signals:?}: {said:?}");
    }

    let mut killed = scene.drill_in_the_middle();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let said = Said::of(&mut scene.drill("SELECT true;"));
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(scene.leftovers(), [""; 0]);
    assert!(!sleeps(scene.servers.path()));
}
