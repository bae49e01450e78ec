//! Checks of an ordinary role in a database without a function of users: what they call is the server's, or an extension's.

use std::path::Path;

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// `made` is the hostile role's. Restored and split by a superuser; what the check does then must not have been done as that one.
fn tried(major: u32, extension: &str, made: impl Fn(&Server) -> String, harm: &str) {
    let server = Server::start(major, ClusterOptions::default());
    let repo = Repo::new();
    server.ask("CREATE ROLE h LOGIN");
    server.ask("CREATE DATABASE whole");
    let ask = |database: &str, sql: &str| psql(&server.binaries, &server.dsn(database), sql).unwrap();
    let made = made(&server);
    ask("whole", &format!("{extension}; CREATE SCHEMA hs AUTHORIZATION h; SET ROLE h; {made}"));
    let run = |args: &[&str]| {
        let mut command = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
        let pg_dump = server.binaries.command("pg_dump");
        command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
        Said::of(command.args(args).arg("--json"))
    };
    let (from, to) = (server.dsn("whole"), server.dsn("part"));
    assert_eq!(run(&["backup", "-d", &from]).code, 0, "{major}");
    for (database, said) in [
        ("copy", run(&["restore", "latest", "--create", "-d", &server.dsn("copy")])),
        ("part", run(&["split", "--schemas", "hs", "--from", &from, "--to", &to])),
    ] {
        // Its own entry may be refused.
        let is_there = server.ask(&format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'")) == "1";
        let done = if is_there { ask(database, harm) } else { server.ask(harm) };
        assert_eq!(done, "0", "{major} {database}: {said:?}");
    }
}

/// It names its table's row type, so that pg_dump writes it after the rows.
#[test]
fn a_check_of_the_servers_own_functions_after_the_rows_runs_as_its_owner() {
    for major in [14, 15, 18] {
        let made = |_: &Server| {
            "CREATE TABLE hs.t (a int); INSERT INTO hs.t VALUES (1);
            ALTER TABLE hs.t ADD CHECK (NULL::hs.t IS NULL AND CASE WHEN current_user = 'h' THEN true
                ELSE query_to_xml('SELECT pg_catalog.lo_from_bytea(0, ''ran'')', true, false, '') IS NOT NULL END)"
                .to_owned()
        };
        tried(major, "SELECT", made, "SELECT count(*) FROM pg_largeobject_metadata");
    }
}

/// Whoever calls it decides what it may do. At first the check lets its owner's rows pass.
#[test]
fn a_function_of_an_extension_that_is_not_immutable_is_code() {
    for major in [15, 18] {
        let made = |server: &Server| {
            let dsn = server.dsn("postgres").replace('\'', "''");
            let switch = server.ask("SELECT clock_timestamp() + interval '2 s'");
            format!(
                "CREATE TABLE hs.t (a int, CHECK (CASE WHEN now() < timestamptz '{switch}' THEN true
                    ELSE public.dblink_exec('{dsn}', 'CREATE ROLE of_h SUPERUSER', false) IS NOT NULL END)); INSERT INTO hs.t VALUES (1); SELECT pg_sleep(2.5)"
            )
        };
        tried(major, "CREATE EXTENSION dblink", made, "SELECT count(*) FROM pg_roles WHERE rolname = 'of_h'");
    }
}
