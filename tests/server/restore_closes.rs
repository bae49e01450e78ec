//! What closes a database, or keeps it from being dropped, is set when a restore has come to its end: until then nothing of it is in the
//! restore's own way.

use std::fs;
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

fn app(server: &Server, property: &str) {
    server.ask("CREATE DATABASE app");
    sql(
        server,
        "app",
        "CREATE TABLE a AS SELECT n FROM generate_series(1, 2000) n; CREATE TABLE b AS SELECT * FROM a; CREATE INDEX ON a (n); CREATE INDEX ON b (n); CREATE TABLE empty (n int)",
    );
    server.ask(&format!("ALTER DATABASE app {property}"));
}

fn properties(server: &Server, database: &str) -> String {
    server.ask(&format!("SELECT datconnlimit, datistemplate FROM pg_database WHERE datname = '{database}'"))
}

#[test]
fn the_limit_of_the_source_is_none_of_its_restore_and_holds_after_it() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE ord LOGIN CREATEDB");
    for limit in [0, 1] {
        let repo = Repo::new();
        app(&server, &format!("CONNECTION LIMIT {limit}"));
        repo.json(["backup", "-d", &server.dsn("app")]);
        let copy = server.dsn_as("ord", "copy");
        let told = repo.restored(["latest", "--create", "--no-owner", "--no-acl", "-j", "2", "-d", &copy]);
        assert_eq!((&told["proven"], &told["warnings"]), (&json!(true), &json!([])), "limit {limit}: {told:#}");
        assert_eq!(properties(&server, "copy"), format!("{limit}|f"));
        // A drill asks as an ordinary role.
        let (folder, mut drill) = (tempfile::tempdir().unwrap(), repo.command(["drill", "--json", "-q"]));
        let file = folder.path().join("there.sql");
        fs::write(&file, "SELECT count(*) = 2000 FROM public.a;").unwrap();
        let said = Said::of(drill.arg("--restore-key").arg(repo.restore_key()).arg("--assert").arg(&file));
        assert_eq!((said.code, &said.document()["ok"]), (0, &json!(true)), "limit {limit}: {said:?}");
        server.ask("DROP DATABASE copy");
        server.ask("DROP DATABASE app");
    }
}

/// Runs what drops the database and restores again, as somebody does who copies it.
fn follow(server: &Server, said: &Said) -> Said {
    let path = format!("{}:/usr/bin:/bin", server.binaries.bin_dir.display());
    let command = said.stderr.split('`').find(|part| part.contains("DROP DATABASE")).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir("/").env("PATH", path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        shell.env_remove(name);
    }
    Said::of(&mut shell)
}

#[test]
fn a_template_whose_restore_ended_in_the_middle_is_dropped_by_the_commands_of_the_hint() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    app(&server, "IS_TEMPLATE true CONNECTION LIMIT 5");
    repo.json(["backup", "-d", &server.dsn("app")]);
    // All rows of a table come, and the other's are lost for a while.
    let data = repo.root().join("data");
    let aside = repo.root().join("aside");
    fs::rename(&data, &aside).unwrap();
    let said = Said::of(&mut repo.restore(["latest", "--create", "-q", "-d", &server.dsn("copy")]));
    fs::rename(&aside, &data).unwrap();
    assert!(said.code == 5 && said.stderr.contains("DROP DATABASE IF EXISTS"), "{said:?}");
    // A superuser is not bound by the limit, and others are.
    assert_eq!(properties(&server, "copy"), "5|f");
    // Without the tables that were lost: the hint has them left out.
    let again = follow(&server, &said);
    assert_eq!(again.code, 0, "{said:?}\n{again:?}");
    assert_eq!(properties(&server, "copy"), "5|t");
    // What is left of it is the same as in the source.
    let whole = Said::of(&mut repo.restore(["latest", "--create", "-q", "-d", &server.dsn("whole")]));
    assert_eq!((whole.code, properties(&server, "whole")), (0, "5|t".to_owned()), "{whole:?}");
}

/// Entries that fail end no restore: it has come to its end.
#[test]
fn a_restore_with_entries_that_failed_closes_the_database_as_well() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    app(&server, "CONNECTION LIMIT 3");
    let at_home = "CREATE FUNCTION at_home(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$BEGIN IF current_database() <> 'app' THEN RAISE 'not at home'; END IF; RETURN i; END$$; CREATE INDEX home ON a (at_home(n))";
    sql(&server, "app", at_home);
    repo.json(["backup", "-d", &server.dsn("app")]);
    let said = Said::of(&mut repo.restore(["latest", "--create", "-q", "-d", &server.dsn("copy")]));
    assert_eq!((said.code, properties(&server, "copy")), (8, "3|f".to_owned()), "{said:?}");
}
