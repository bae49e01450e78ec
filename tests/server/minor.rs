//! A pg_dump that is older than its server: the backup says so, and what the server writes for itself is not carried.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;
use tempfile::TempDir;

use crate::judge::rows;
use crate::pgkeep::{Repo, Said, executable, folder};
use crate::postgres::{Server, psql};

/// The real programs behind a pg_dump that calls itself the second release of its major version.
fn of_an_older_minor(server: &Server) -> TempDir {
    let folder = folder();
    let real = server.binaries.bin_dir.join("pg_dump");
    let major = server.binaries.version.major;
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) {major}.2'; exit; fi\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        server.binaries.bin_dir.with_file_name("lib").display(),
        real.display()
    );
    let program = folder.path().join("pg_dump");
    executable(&program, script.as_bytes());
    folder
}

#[test]
fn a_backup_with_an_older_pg_dump_says_so_once() {
    let (server, repo) = (Server::start(16, ClusterOptions::default()), Repo::new());
    server.ask("CREATE SCHEMA core; CREATE TABLE core.t AS SELECT 1 AS i");
    let older = of_an_older_minor(&server);
    let older = older.path().to_str().unwrap();
    for part in [&[][..], &["-n", "core"]] {
        let dsn = server.dsn("postgres");
        let mut args = vec!["backup", "--pg-bin", older, "-d", &dsn];
        args.extend(part);
        let report = repo.json(&args);
        let version = server.binaries.version;
        let warning = format!(
            "pg_dump 16.2 for PostgreSQL {version}: {older}/pg_dump is older than the server's minor release, and may write newer definitions wrongly; install the client of the server's version ({version}) or newer: postgresql-client-16 on Debian and Ubuntu; --pg-bin (in a policy, pg_bin under [backup]) names its folder"
        );
        assert_eq!(
            report["warnings"].as_array().unwrap().iter().filter(|line| **line == warning).count(),
            1,
            "{report}"
        );
    }
    let report =
        repo.json(["backup", "-d", &server.dsn("postgres"), "--pg-bin", server.binaries.bin_dir.to_str().unwrap()]);
    assert_eq!(report.get("warnings"), None, "{report}");
}

/// Column options as servers of November 2026 note them for themselves, printed by a pg_dump that does not know them and refused by a server that does not.
#[test]
fn what_a_server_notes_for_itself_is_not_restored() {
    let (server, repo) = (Server::start(16, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    let sql = |sql: &str| psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    sql("CREATE TABLE public.t (i int, s text); INSERT INTO public.t VALUES (1, 'one'), (2, 'two');
         CREATE MATERIALIZED VIEW public.m AS SELECT i FROM public.t; ALTER TABLE public.t ALTER COLUMN s SET (n_distinct = 5)");
    sql("UPDATE pg_attribute SET attoptions = coalesce(attoptions, '{}') || '{pg_attver=22160144}'
         WHERE attnum > 0 AND attrelid IN ('public.t'::regclass, 'public.m'::regclass)");
    let mut dump = server.binaries.command("pg_dump");
    let plain = dump.args(["--schema-only", "-d", &server.dsn("shop")]).output().unwrap();
    assert!(String::from_utf8(plain.stdout).unwrap().contains("pg_attver"), "pg_dump of this server prints them");

    repo.json(["backup", "-d", &server.dsn("shop"), "--pg-bin", server.binaries.bin_dir.to_str().unwrap()]);
    let restored = repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_eq!((&restored["proven"], &restored["warnings"]), (&json!(true), &json!([])), "{restored}");
    assert_eq!(rows(&server, "shop", None), rows(&server, "copy", None));
    let options = psql(
        &server.binaries,
        &server.dsn("copy"),
        "SELECT string_agg(attoptions::text, ' ') FROM pg_attribute WHERE attrelid = 'public.t'::regclass",
    );
    assert_eq!(options.unwrap(), "{n_distinct=5}");
    for against in ["shop", "copy"] {
        assert_eq!(repo.json(["verify", "latest", "--against", &server.dsn(against)])["ok"], true);
    }
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
    let said = Said::of(drill.args(["drill", "--json", "--pg-bin", server.binaries.bin_dir.to_str().unwrap()]));
    assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
}

/// pg_dump 15 and later name the locale's provider, which a server of 14 does not know.
#[test]
fn what_a_newer_pg_dump_read_of_14_is_restored_on_14() {
    let (old, newer, repo) = (Server::start(14, ClusterOptions::default()), crate::postgres::server(16), Repo::new());
    old.ask("CREATE DATABASE shop");
    psql(&old.binaries, &old.dsn("shop"), "CREATE TABLE t AS SELECT 1 AS i").unwrap();
    repo.json(["backup", "-d", &old.dsn("shop"), "--pg-bin", newer.bin_dir.to_str().unwrap()]);
    let restored = repo.restored(["latest", "--create", "-d", &old.dsn("copy")]);
    assert_eq!(restored["proven"], true, "{restored}");
    assert_eq!(restored["warnings"], serde_json::json!([]), "{restored}");
}
