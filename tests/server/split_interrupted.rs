//! A split that is interrupted says what it has left, and the run that goes on does what the first one was told.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql};

fn shop() -> Server {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    let sql = "CREATE SCHEMA core; CREATE TABLE core.t (id int PRIMARY KEY); INSERT INTO core.t VALUES (1)";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    server
}

fn split(server: &Server, args: &[&str]) -> Command {
    let mut command = pgkeep();
    command.args(["split", "--json"]).args(args).args(["--from", &server.dsn("shop"), "--to", &server.dsn("crm")]);
    command
}

#[test]
fn a_run_that_goes_on_does_what_the_first_one_was_told_and_says_how_long_writes_were_refused() {
    let server = shop();
    let folder = folder();
    let (env, other, log) = (folder.path().join(".env"), folder.path().join("other"), folder.path().join("log"));
    let text = "DATABASE_URL=postgres://app:se-cret@db:5432/shop\n";
    std::fs::write(&env, text).unwrap();
    std::fs::write(&other, text).unwrap();
    let rewrite = |file: &std::path::Path| format!("{}:DATABASE_URL", file.display());
    let hook = format!("echo $PGKEEP_SPLIT_PHASE >> {0}; [ $(wc -l < {0}) -gt 1 ] || sleep 30", log.display());
    let told = ["--schemas", "core", "--rewrite", &rewrite(&env), "--hook", &hook];
    let begun = split(&server, &told).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("switch")) {
        assert!(since.elapsed() < Duration::from_secs(60), "the hook is never run");
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused_at_least = Instant::now();
    kill_process(Pid::from_child(&begun), Signal::INT).unwrap();
    let said: Said = begun.wait_with_output().unwrap().into();
    let hint = said.document()["hint"].as_str().unwrap_or_default().to_owned();
    assert_eq!(said.code, 130, "{said:?}");
    assert!(hint.contains("refuses writes") && hint.contains("continues") && hint.contains("rollback"), "{hint}");
    assert!(psql(&server.binaries, &server.dsn("shop"), "INSERT INTO core.t VALUES (2)").is_err());

    std::thread::sleep(Duration::from_secs(2));
    let least = refused_at_least.elapsed();
    let gone_on = Said::of(&mut split(&server, &["--schemas", "core"]));
    let report = gone_on.document();
    assert_eq!(gone_on.code, 0, "{gone_on:?}");
    assert_eq!(report["rewritten"].as_array().map(Vec::len), Some(1), "{report}");
    assert!(std::fs::read_to_string(&env).unwrap().contains("/crm"));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "switch\nswitch\n");
    assert!(u128::from(report["downtime_ms"].as_u64().unwrap()) >= least.as_millis(), "{report}");

    // Too late: nothing is said to be done that is not.
    let again = Said::of(&mut split(&server, &told));
    assert_eq!(again.code, 0, "what was asked for is done: {again:?}");
    let too_late: [(&[&str], &str); 2] =
        [(&["--rewrite", &rewrite(&other)], "--rewrite"), (&["--hook", "exit 3"], "too late for --hook")];
    for (more, named) in too_late {
        let said = Said::of(&mut split(&server, &[&["--schemas", "core"], more].concat()));
        let error = said.document()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(said.code, 7, "{said:?}");
        assert!(error.contains("already switched") && error.contains(named), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&other).unwrap(), text);
    let back = Said::of(&mut split(&server, &["rollback"]));
    assert_eq!((back.code, std::fs::read_to_string(&env).unwrap()), (0, text.to_owned()), "{back:?}");
}

/// Ctrl-C while the plan waits for somebody's lock: nothing is there that a rollback could take back.
#[test]
fn an_interruption_before_anything_was_made_says_so() {
    let server = shop();
    let mut psql = server.binaries.command("psql");
    let hold = "BEGIN; LOCK TABLE core.t; SELECT pg_sleep(60)";
    psql.args(["-X", "-q", "-d", &server.dsn("shop"), "-c", hold]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut holder = psql.spawn().unwrap();
    server.wait_for(
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation > 16383",
        "1",
    );
    let begun = split(&server, &["--schemas", "core"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND wait_event_type = 'Lock'",
        "t",
    );
    kill_process(Pid::from_child(&begun), Signal::INT).unwrap();
    let said: Said = begun.wait_with_output().unwrap().into();
    let hint = said.document()["hint"].as_str().unwrap_or_default().to_owned();
    assert_eq!(said.code, 130, "{said:?}");
    assert!(hint.starts_with("Nothing was changed") && !hint.contains("rollback"), "{hint}");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'crm'"), "0");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
}

/// A value that was to be written may be a secret, and is not kept; so the run that goes on asks for it.
#[test]
fn a_value_that_is_not_remembered_is_asked_for_again() {
    let server = shop();
    let folder = folder();
    let env = folder.path().join(".env");
    std::fs::write(&env, "DATABASE_URL=x\n").unwrap();
    let rewrite = format!("{}:DATABASE_URL=postgres://app:pass-word@db/crm", env.display());
    let asked = ["--schemas", "core", "--rewrite", &rewrite];
    let failed = Said::of(&mut split(&server, &[&asked[..], &["--hook", "exit 3"]].concat()));
    assert_ne!(failed.code, 0, "{failed:?}");
    // A hook that fails takes all back: here somebody is killed instead.
    server.ask("DROP DATABASE crm");
    let log = folder.path().join("log");
    let hook = format!("echo >> {}; sleep 30", log.display());
    let mut begun = split(&server, &[&asked[..], &["--hook", &hook]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while !log.exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "the hook is never run");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&begun), Signal::KILL).unwrap();
    begun.wait().unwrap();
    let said = Said::of(&mut split(&server, &["--schemas", "core"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains("DATABASE_URL is not stored"), "{said:?}");
    assert!(!format!("{said:?}").contains("pass-word"));
    let gone_on = Said::of(&mut split(&server, &[&asked[..], &["--hook", "true"]].concat()));
    assert_eq!((gone_on.code, gone_on.document()["phase"].clone()), (0, json!("switched")), "{gone_on:?}");
    assert_eq!(std::fs::read_to_string(&env).unwrap(), "DATABASE_URL=postgres://app:pass-word@db/crm\n");
}

/// A view stays behind, a key is given up, rows are against another, and rows are not compared: whichever run ends it says so.
#[test]
fn a_run_that_goes_on_reports_what_the_first_one_found() {
    let server = shop();
    let sql = "CREATE SCHEMA erp; CREATE TABLE erp.r (id int PRIMARY KEY); INSERT INTO erp.r VALUES (1);
        CREATE TABLE core.u (id int REFERENCES erp.r, t int); INSERT INTO core.u VALUES (1, 7);
        ALTER TABLE core.u ADD CONSTRAINT against FOREIGN KEY (t) REFERENCES core.t NOT VALID;
        CREATE TABLE erp.v (t int REFERENCES core.t);
        CREATE VIEW core.seen AS SELECT id FROM erp.r; ALTER TABLE core.t ADD CONSTRAINT c CHECK (id > 0)";
    psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    let log = folder();
    let log = log.path().join("log");
    let run = ["--schemas", "core", "--boundary", "drop", "--no-proof"];
    let whole = Said::of(&mut split(&server, &run));
    assert_eq!(whole.code, 0, "{whole:?}");
    let whole = whole.document();
    assert_eq!(whole["given_up"], json!(["core.u.u_id_fkey", "erp.v.v_t_fkey"]), "{whole}");
    let keys = "SELECT string_agg(conrelid::regclass || '.' || conname, ' ' ORDER BY 1) FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(psql(&server.binaries, &server.dsn("shop"), keys).unwrap(), "core.u.against", "those are gone");
    assert!(whole["left_out"].to_string().contains("VIEW core.seen"), "{whole}");
    assert_eq!(whole["proven"], json!(false), "{whole}");
    assert_eq!(Said::of(&mut split(&server, &["rollback"])).code, 0);
    server.ask("DROP DATABASE crm");

    let hook = format!("echo >> {0}; [ $(wc -l < {0}) -gt 1 ] || sleep 30", log.display());
    let told = [&run[..], &["--hook", &hook]].concat();
    let mut begun = split(&server, &told).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    while !log.exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "the hook is never run");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&begun), Signal::KILL).unwrap();
    begun.wait().unwrap();
    let gone_on = Said::of(&mut split(&server, &run));
    assert_eq!(gone_on.code, 0, "{gone_on:?}");
    let gone_on = gone_on.document();
    for field in ["left_out", "given_up", "keys_not_valid", "proven", "warnings", "tables", "rows"] {
        assert_eq!(gone_on[field], whole[field], "{field}: {gone_on}");
    }
    // Once more, for the text.
    let mut text = pgkeep();
    text.args(["split", "--quiet"]).args(run).args(["--from", &server.dsn("shop"), "--to", &server.dsn("crm")]);
    let text = Said::of(&mut text).stdout;
    assert!(
        text.contains("foreign keys across the line were given up, and nothing enforces them; a rollback recreates them: core.u.u_id_fkey, erp.v.v_t_fkey\n"),
        "{text}"
    );
}
