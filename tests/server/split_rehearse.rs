//! A split that is rehearsed: there and back on copies, what it predicts, and that nothing of the operator's has changed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::disk_full::SmallDisk;
use crate::judge::{assert_equal, definitions, roles};
use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};
use crate::template::Sample;

/// Nothing runs in the background that would take a transaction id.
fn quiet_server(major: u32, settings: &[(&str, &str)]) -> Server {
    quiet_server_with(major, &[], settings)
}

fn quiet_server_with(major: u32, samples: &[Sample], settings: &[(&str, &str)]) -> Server {
    let own = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = own.chain([("autovacuum".to_owned(), "off".to_owned())]).collect();
    Server::with_samples(major, samples, ClusterOptions { settings, ..ClusterOptions::default() })
}

/// Two schemas that hold on to each other.
fn shop(server: &Server) {
    server.ask("CREATE DATABASE shop");
    let sql = "CREATE TABLE public.people (id int PRIMARY KEY, name text);
        CREATE SCHEMA app; CREATE TABLE app.orders (id int PRIMARY KEY, person int REFERENCES public.people, note text);
        INSERT INTO public.people SELECT i, 'person ' || i FROM generate_series(1, 100) i;
        INSERT INTO app.orders SELECT i, i % 100 + 1, repeat('x', 50) FROM generate_series(1, 2000) i";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
}

/// With private servers in a folder of its own, from the programs of these servers.
fn rehearse(servers: &Path, programs: &[&Server]) -> Command {
    let mut command = pgkeep();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bins = programs.iter().map(|server| server.binaries.bin_dir.clone());
    let path = std::env::join_paths(bins.chain(std::env::split_paths(&path))).unwrap();
    command.env("PATH", path).env("PGKEEP_TMPDIR", servers).args(["split", "--rehearse"]);
    command
}

/// The shop's schema `app`, into a database of its own on the same server.
fn rehearse_app(servers: &Path, server: &Server, boundary: &str) -> Said {
    let (from, to) = (server.dsn("shop"), server.dsn("orders"));
    let args = ["--json", "--schemas", "app", "--boundary", boundary, "--from", &from, "--to", &to];
    Said::of(rehearse(servers, &[server]).args(args))
}

fn leftovers(servers: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(servers.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Everything that somebody could have changed in a cluster, and the next transaction id: who writes takes one.
fn state(server: &Server, database: &str) -> String {
    let databases = server.ask("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
    let next = server.ask("SELECT pg_snapshot_xmax(pg_current_snapshot())");
    format!("{databases}\n{next}\n{}{}", roles(server, &[]), definitions(server, database, &[]))
}

fn ms(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number of milliseconds"))
}

#[test]
fn the_whole_path_is_taken_on_a_copy_and_neither_database_is_written_to() {
    let settings = [("max_wal_size", "512MB"), ("shared_buffers", "48MB"), ("checkpoint_timeout", "7min")];
    let server = quiet_server_with(15, &[("chronos", "0.003")], &settings);
    let (servers, files) = (folder(), folder());
    let (env, told) = (files.path().join(".env"), files.path().join("told"));
    let text = "# Twenty\nPG_DATABASE_URL=postgres://twenty_user:se-cret@db:5432/chronos # the old place\n";
    fs::write(&env, text).unwrap();
    let before = state(&server, "chronos");

    let from = server.dsn("chronos");
    let mut command = rehearse(servers.path(), &[&server]);
    command.args([
        "--schemas",
        "core,metadata,workspace_*",
        "--boundary",
        "drop",
        "--from",
        &from,
        "--to",
        &server.dsn("twenty"),
    ]);
    command.args(["--rewrite", &format!("{}:PG_DATABASE_URL", env.display())]);
    command.args(["--hook", &format!("echo ran >> {}", told.display())]);
    let said = Said::of(command.arg("--json"));
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["rehearsed"]), (0, &json!(true), &json!(true)), "{said:?}");
    assert_equal("the cluster", &before, &state(&server, "chronos"));
    assert_eq!(leftovers(&servers), [""; 0]);

    assert_eq!((&report["proven"], &report["snapshot"]), (&json!(true), &Value::Null));
    let moved =
        "SELECT count(*) FROM pg_tables WHERE schemaname IN ('core', 'metadata') OR schemaname LIKE 'workspace\\_%'";
    let count = |sql: &str| psql(&server.binaries, &server.dsn("chronos"), sql).unwrap();
    assert_eq!(report["tables"].to_string(), count(moved));
    let back = &report["rollback"];
    assert_eq!(
        (&back["ok"], &back["fenced"], &back["definitions"]),
        (&json!(true), &Value::Null, &json!([])),
        "{back}"
    );
    let (prediction, phases) = (&report["prediction"], &report["phases"]);
    let (low, high) = (ms(&prediction["downtime_low_ms"]), ms(&prediction["downtime_high_ms"]));
    assert!(0 < low && ms(&phases["data_ms"]) < high && low < high, "{prediction} {phases}");
    assert_eq!(prediction["measured_downtime_ms"].as_array().unwrap().len(), 2, "a short run is made twice");
    assert!(ms(&prediction["rollback_low_ms"]) <= ms(&prediction["rollback_high_ms"]));
    assert!(report["warnings"].as_array().is_some() && report["blockers"] == json!([]), "{report}");
    let settings = &report["servers"][0]["settings"];
    let taken =
        ["max_wal_size", "shared_buffers", "checkpoint_timeout", "fsync"].map(|name| settings[name].as_str().unwrap());
    // The throwaway server that plays the operator's does not flush: its likeness does not either.
    assert_eq!(taken, ["512MB", "48MB", "7min", "off"]);
    assert_eq!(report["servers"].as_array().unwrap().len(), 1);

    // Files are shown as they would be, without the password, and are what they were; the hook is named and was not run.
    assert_eq!(fs::read_to_string(&env).unwrap(), text);
    assert_eq!((fs::read_dir(files.path()).unwrap().count(), told.exists()), (1, false));
    let diff = report["files"]["diff"].as_str().unwrap();
    assert!(
        diff.contains("-PG_DATABASE_URL=") && diff.contains("/twenty") && !said.stdout.contains("se-cret"),
        "{diff}"
    );
    let not_rehearsed = report["not_rehearsed"].to_string();
    assert!(
        not_rehearsed.contains("nobody wrote") && not_rehearsed.contains("the hook was not run"),
        "{not_rehearsed}"
    );
}

/// The servers are gone, as they may be for whoever holds the restore key.
#[test]
fn a_backup_is_rehearsed_without_any_server_of_the_operators() {
    let (servers, repo, server) = (folder(), Repo::new(), quiet_server(15, &[]));
    shop(&server);
    repo.json(["backup", "-d", &server.dsn("shop")]);
    repo.json(["backup", "-d", &server.dsn("shop"), "-n", "app"]);
    let partly = repo
        .json(["list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["snapshot"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    let records = || fs::read_dir(repo.root().join("records")).map_or(0, Iterator::count);
    let before = records();
    let run = |snapshot: &str| {
        let mut command = rehearse(servers.path(), &[&server]);
        command.arg("--repo").arg(repo.root()).arg("--restore-key").arg(repo.restore_key());
        command.args(["--schemas", "app", "--boundary", "drop", "--snapshot", snapshot]);
        command.args(["--to", "host=/nonexistent dbname=orders"]);
        Said::of(command.arg("--json"))
    };
    let said = run("latest");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains("has only a part of its database"), "{said:?}");
    let whole = partly.iter().find(|id| !said.stdout.contains(&id[..8])).unwrap();
    let said = run(whole);
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["rows"]), (0, &json!(true), &json!(2000)), "{said:?}");
    assert_eq!(
        (&report["snapshot"], &report["source"], &report["copied_rows"]),
        (&json!(whole), &json!("shop"), &json!(2100))
    );
    assert!(report["not_rehearsed"].to_string().contains("no server was connected to"), "{report}");
    // The key that crossed is back, and checked.
    assert_eq!(report["rollback"]["not_valid"], json!([]));
    assert_eq!((leftovers(&servers).len(), records()), (0, before), "nothing is left, in the repository neither");
}

#[test]
fn blockers_stop_a_rehearsal_before_anything_is_copied() {
    let (servers, server) = (folder(), quiet_server(15, &[]));
    shop(&server);
    let (from, to) = (server.dsn("shop"), server.dsn("orders"));
    let mut command = rehearse(servers.path(), &[&server]);
    let said = Said::of(command.args(["--schemas", "app", "--from", &from, "--to", &to, "--json"]));
    let plan = said.document();
    assert_eq!((said.code, &plan["ok"], &plan["rehearsed"]), (3, &json!(false), &Value::Null), "{said:?}");
    assert!(plan["blockers"].to_string().contains("orders_person_fkey"), "{plan}");
    assert_eq!(leftovers(&servers), [""; 0]);
    // A verb beside it would be meant, and is not done.
    let said =
        Said::of(rehearse(servers.path(), &[&server]).args(["rollback", "--from", &from, "--to", &to, "--json"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains("not for this verb"), "{said:?}");
    let said =
        Said::of(pgkeep().args(["split", "--schemas", "app", "--from", &from, "--to", &to, "--snapshot", "latest"]));
    assert_eq!(said.code, 2, "a snapshot is for a rehearsal: {said:?}");
}

#[test]
fn what_holds_the_halves_together_is_rehearsed_as_well() {
    let server = quiet_server(15, &[]);
    shop(&server);
    let view =
        "CREATE VIEW public.notes AS SELECT p.name, o.note FROM public.people p JOIN app.orders o ON o.person = p.id";
    psql(&server.binaries, &server.dsn("shop"), view).unwrap();
    let (servers, before) = (folder(), state(&server, "shop"));
    for boundary in ["bridge", "loose"] {
        let said = rehearse_app(servers.path(), &server, boundary);
        let report = said.document();
        assert_eq!((said.code, &report["ok"]), (0, &json!(true)), "{boundary}: {said:?}");
        assert_eq!(
            (&report["rollback"]["ok"], &report["rollback"]["fenced"]),
            (&json!(true), &Value::Null),
            "{report}"
        );
        assert_equal("the cluster", &before, &state(&server, "shop"));
    }
}

/// The private servers ask the role of each for its password: postgres_fdw lets no ordinary role pass without.
#[test]
fn each_owners_way_over_a_bridge_is_rehearsed() {
    for major in [14, 15] {
        let server = quiet_server(major, &[]);
        shop(&server);
        let made = "CREATE ROLE bank; CREATE ROLE crew; GRANT USAGE, CREATE ON SCHEMA app TO bank, crew;
            SET ROLE bank; CREATE TABLE app.bills (id int PRIMARY KEY); SET ROLE crew; CREATE TABLE app.shifts (id int PRIMARY KEY); RESET ROLE;
            CREATE VIEW public.counted AS SELECT FROM app.bills, app.shifts, app.orders";
        psql(&server.binaries, &server.dsn("shop"), made).unwrap();
        let (servers, before) = (folder(), state(&server, "shop"));
        let said = rehearse_app(servers.path(), &server, "bridge");
        let report = said.document();
        assert_eq!((said.code, &report["ok"], &report["rollback"]["ok"]), (0, &json!(true), &json!(true)), "{said:?}");
        assert!(said.stdout.contains("pgkeep_bridge2_orders those of crew"), "{said:?}");
        assert_equal("the cluster", &before, &state(&server, "shop"));
    }
}

#[test]
fn two_clusters_of_two_versions_are_two_private_servers() {
    let (servers, old, new) =
        (folder(), quiet_server(15, &[("max_wal_size", "300MB")]), quiet_server(16, &[("max_wal_size", "200MB")]));
    shop(&old);
    let before = (state(&old, "shop"), state(&new, "postgres"));
    let mut command = rehearse(servers.path(), &[&new, &old]);
    command.args(["--schemas", "app", "--boundary", "drop", "--from", &old.dsn("shop"), "--to", &new.dsn("orders")]);
    let said = Said::of(command.arg("--json"));
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["proven"]), (0, &json!(true), &json!(true)), "{said:?}");
    let of = |n: usize| {
        (
            report["servers"][n]["server_version"].as_str().unwrap(),
            report["servers"][n]["settings"]["max_wal_size"].as_str().unwrap(),
        )
    };
    assert!(of(0).0.starts_with("15.") && of(1).0.starts_with("16."), "{report}");
    assert_eq!((of(0).1, of(1).1), ("300MB", "200MB"));
    assert_eq!(before, (state(&old, "shop"), state(&new, "postgres")));
    assert_eq!(leftovers(&servers), [""; 0]);
}

#[test]
fn what_this_machine_lacks_is_said_before_anything_is_copied() {
    let (servers, server) = (folder(), quiet_server(15, &[]));
    shop(&server);
    // An extension that is installed there, and for which there are no files here.
    let sql = "CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; SET allow_system_table_mods = on;
        UPDATE pg_extension SET extname = 'elsewhere_' || extname WHERE extname IN ('citext', 'pg_trgm')";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    let run = || rehearse_app(servers.path(), &server, "drop");
    let said = run();
    assert_eq!(said.code, 8, "{said:?}");
    let expected = "the private server cannot create extensions of the source: elsewhere_citext (not installed); elsewhere_pg_trgm (not installed)";
    assert_eq!(said.document()["error"], expected);
    assert_eq!(leftovers(&servers), [""; 0]);

    let sql = "SET allow_system_table_mods = on; UPDATE pg_extension SET extname = replace(extname, 'elsewhere_', '')";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    let Some(_disk) = SmallDisk::mount(servers.path(), "size=128m,mode=755") else { return };
    let said = run();
    assert_eq!(said.code, 8, "{said:?}");
    let error = said.document()["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with(&format!("not enough disk space for the copies in {}: ", servers.path().display())),
        "{error}"
    );
    assert_eq!(leftovers(&servers), [""; 0]);
}

/// No plan sees what a trigger on DDL will say. The copy has it too.
#[test]
fn what_would_go_wrong_on_the_day_goes_wrong_on_the_copy() {
    let (servers, server) = (folder(), quiet_server(15, &[]));
    shop(&server);
    let sql = "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF tg_tag = 'CREATE TRIGGER' THEN RAISE 'ask the DBA first'; END IF; END $$;
        CREATE EVENT TRIGGER guard ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION public.refuse()";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    let before = state(&server, "shop");
    let said = rehearse_app(servers.path(), &server, "drop");
    let error = said.document();
    assert_eq!((said.code, &error["error"]), (3, &json!("the rehearsal failed in the run on the copies")), "{said:?}");
    assert!(error["causes"].to_string().contains("ask the DBA first"), "{error}");
    assert!(error["hint"].as_str().unwrap().starts_with("Nothing was changed in either database"), "{error}");
    assert_eq!((leftovers(&servers).len(), state(&server, "shop")), (0, before));
}

/// Stopped while a private server runs.
fn in_the_middle(server: &Server, servers: &TempDir) -> Child {
    let mut command = rehearse(servers.path(), &[server]);
    command.args([
        "--schemas",
        "app",
        "--boundary",
        "drop",
        "--from",
        &server.dsn("shop"),
        "--to",
        &server.dsn("orders"),
        "-q",
    ]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let runs = |name: &String| servers.path().join(name).join("server/data/postmaster.pid").exists();
    while !leftovers(servers).iter().any(runs) {
        assert!(Instant::now() < deadline, "the rehearsal starts no server");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    child
}

#[test]
fn a_rehearsal_that_is_stopped_or_killed_leaves_nothing() {
    let (servers, server) = (folder(), quiet_server(15, &[]));
    shop(&server);
    let before = state(&server, "shop");
    let stopped = in_the_middle(&server, &servers);
    kill_process(Pid::from_child(&stopped), Signal::INT).unwrap();
    let said = Said::from(stopped.wait_with_output().unwrap());
    assert_eq!((said.code, leftovers(&servers).len()), (130, 0), "{said:?}");

    let mut killed = in_the_middle(&server, &servers);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let mut command = rehearse(servers.path(), &[&server]);
    command.args([
        "--schemas",
        "app",
        "--boundary",
        "drop",
        "--from",
        &server.dsn("shop"),
        "--to",
        &server.dsn("orders"),
        "-q",
    ]);
    let said = Said::of(&mut command);
    assert_eq!(said.code, 0, "{said:?}");
    for words in [
        "app (1 table, 2000 rows, ",
        "moved there (proven) and back from shop",
        "expect writes to be refused for ",
        "not rehearsed: nobody wrote",
    ] {
        assert!(said.stdout.contains(words), "{words}: {said:?}");
    }
    assert!(!said.stdout.contains("NOT VALID"), "{said:?}");
    assert!(said.stdout.ends_with("nothing was changed in either database, and the copies are removed\n"));
    assert_eq!(leftovers(&servers), [""; 0]);
    assert_eq!(before, state(&server, "shop"));
}
