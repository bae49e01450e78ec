//! A partition whose `DETACH PARTITION ... CONCURRENTLY` was cut short: its parent reads it no longer, and a copy has it attached.

use std::process::Stdio;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// The second partition has partitions of its own, and lies in another schema.
const TREE: &str = r#"CREATE SCHEMA a; CREATE SCHEMA "B b"; CREATE TABLE a.p (id int) PARTITION BY RANGE (id);
    CREATE TABLE a.p1 PARTITION OF a.p FOR VALUES FROM (0) TO (10);
    CREATE TABLE "B b"."P" PARTITION OF a.p FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
    CREATE TABLE "B b".low PARTITION OF "B b"."P" FOR VALUES FROM (10) TO (20);
    INSERT INTO a.p SELECT generate_series(0, 19); CREATE TABLE a.other AS SELECT 1 AS id;"#;
const FINALIZE: &str = r#"ALTER TABLE "a"."p" DETACH PARTITION "B b"."P" FINALIZE"#;

/// Somebody reads the parent, so that the second half of the statement waits, and is cancelled.
fn cut_short(server: &Server, database: &str) {
    let ask = |sql: &str| psql(&server.binaries, &server.dsn(database), sql);
    let mut reader = server.binaries.command("psql");
    let reads = "BEGIN; SELECT count(*) FROM a.p; SELECT pg_sleep(120)";
    reader.args(["-X", "-q", "-d", &server.dsn(database), "-c", reads]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut reader = reader.spawn().unwrap();
    let asleep = |what: &str| {
        format!("SELECT {what} FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%pg_sleep(120)'")
    };
    server.wait_for(&asleep("count(*)::text"), "1");
    // Not in one transaction, as a list of statements would be.
    let mut detach = server.binaries.command("psql");
    detach.args(["-X", "-q", "-d", &server.dsn(database), "-c", "SET statement_timeout = '1s'"]);
    let detach = detach.args(["-c", "ALTER TABLE a.p DETACH PARTITION \"B b\".\"P\" CONCURRENTLY"]).output().unwrap();
    assert!(!detach.status.success(), "{detach:?}");
    server.ask(&asleep("pg_terminate_backend(pid)"));
    reader.wait().unwrap();
    assert_eq!(ask("SELECT count(*) FROM pg_inherits WHERE inhdetachpending").unwrap(), "1");
    assert_eq!(ask("SELECT count(*) FROM a.p").unwrap(), "10");
}

fn about(warnings: &Value) -> Vec<&str> {
    let warnings = warnings.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    warnings.map(|one| one.as_str().unwrap()).filter(|one| one.contains("DETACH PARTITION")).collect()
}

#[test]
fn a_detach_that_was_cut_short_is_told_by_backup_verify_restore_and_the_plan_of_a_split() {
    for major in [14, 18] {
        let server = Server::start(major, ClusterOptions::default());
        let bin = server.binaries.bin_dir.to_str().unwrap().to_owned();
        server.ask("CREATE DATABASE shop");
        let dsn = server.dsn("shop");
        psql(&server.binaries, &dsn, TREE).unwrap();
        let repo = Repo::new();
        let backup = |more: &[&str]| repo.json([&["backup", "--pg-bin", &bin, "-d", &dsn], more].concat());
        let verify = || repo.json(["verify", "latest:shop", "--against", &dsn]);
        let plan = |schemas: &str| {
            let mut command = pgkeep();
            command.args(["split", "--plan", "--json", "--quiet", "--pg-bin", &bin, "--schemas", schemas]);
            Said::of(command.args(["--from", &dsn, "--to", &server.dsn("place")]))
        };
        assert_eq!(about(&backup(&[])["warnings"]), [""; 0]);
        assert_eq!(about(&verify()["warnings"]), [""; 0]);
        assert_eq!(plan("a,\"B b\"").code, 0);

        cut_short(&server, "shop");
        let waits = "DETACH PARTITION of B b.P from a.p did not finish, and its rows are no longer visible through a.p";
        // The snapshot of before has it attached, and no row of its own is another.
        let verified = verify();
        let expected = format!("{waits}; to finish it: {FINALIZE}");
        assert_eq!(
            (&verified["ok"], about(&verified["warnings"])),
            (&json!(true), vec![expected.as_str()]),
            "{verified}"
        );
        let taken = backup(&[]);
        let expected = format!("{waits}; a restore attaches it again; to finish the detach: {FINALIZE}");
        assert_eq!(about(&taken["warnings"]), [&expected], "{taken}");
        assert_eq!(about(&backup(&["-n", "a"])["warnings"]), [&expected]);
        assert_eq!(about(&backup(&["-t", "a.other"])["warnings"]), [""; 0], "not in it");
        let latest = taken["snapshot"].as_str().unwrap();
        let restored = repo.restored([latest, "--create", "-d", &server.dsn("copy")]);
        let expected = "DETACH PARTITION of B b.P from a.p did not finish at the source, and it is restored attached; to detach it: ALTER TABLE \"a\".\"p\" DETACH PARTITION \"B b\".\"P\"";
        assert_eq!((&restored["proven"], about(&restored["warnings"])), (&json!(true), vec![expected]), "{restored}");

        for schemas in ["a", "a,\"B b\""] {
            let planned = plan(schemas);
            let document = planned.document();
            let found = document["blockers"].as_array().unwrap().iter().find(|one| one["kind"] == "detach_pending");
            let found = found.unwrap_or_else(|| panic!("{schemas}: {document}"));
            assert_eq!((planned.code, &found["name"]), (3, &json!("B b.P")), "{document}");
            assert_eq!(found["action"], format!("to finish it: {FINALIZE}"), "{document}");
        }
        psql(&server.binaries, &dsn, FINALIZE).unwrap();
        assert_eq!(plan("a").code, 0);
        assert_eq!(about(&backup(&[])["warnings"]), [""; 0]);
        assert_eq!(about(&verify()["warnings"]), [""; 0]);
    }
}
