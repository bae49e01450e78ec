//! What a restore and a drill say of causes and of what is left out, and that what they advise helps.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// Its private server is the drill's own: what that is not set up for is no fault of the snapshot.
#[test]
fn a_drill_does_not_warn_of_its_own_server() {
    for major in [15, 18] {
        let (server, repo) = (Server::start(major, ClusterOptions::default()), Repo::new());
        server.ask(
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION news FOR TABLE t; CREATE PUBLICATION whole FOR ALL TABLES",
        );
        let bin = server.binaries.bin_dir.to_str().unwrap();
        repo.json(["backup", "--pg-bin", bin, "-d", &server.dsn("postgres")]);
        let mut drill = repo.command(["drill", "--json", "-q", "--pg-bin", bin]);
        let said = Said::of(drill.arg("--restore-key").arg(repo.restore_key()));
        let told = said.document();
        assert_eq!((said.code, &told["ok"], &told["warnings"]), (0, &json!(true), &json!([])), "{told:#}");
    }
}

#[test]
fn an_ordinary_role_is_told_how_to_leave_event_triggers_out() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE ROLE ord LOGIN");
    server.ask("CREATE DATABASE app");
    sql(
        &server,
        "app",
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION seen(); COMMENT ON EVENT TRIGGER seen IS 'sees'",
    );
    repo.json(["backup", "-d", &server.dsn("app")]);
    let restored = |more: &[&str]| {
        server.ask("DROP DATABASE IF EXISTS copy");
        server.ask("CREATE DATABASE copy OWNER ord");
        let copy = server.dsn_as("ord", "copy");
        Said::of(repo.restore(["latest", "-q", "--json", "--no-owner", "--no-acl", "-d", &copy]).args(more))
    };
    let said = restored(&[]);
    let told = said.document();
    let failures = told["failures"].as_array().unwrap();
    assert_eq!((said.code, failures.len(), &failures[0]["entry"]), (8, 1, &json!("EVENT TRIGGER seen")), "{told:#}");
    assert!(failures[0]["hint"].as_str().unwrap().contains("-n '*' restores all schemas"), "{told:#}");
    assert_eq!(told["skipped"], json!(["COMMENT EVENT TRIGGER seen"]), "{told:#}");
    // As the hint says.
    let said = restored(&["-n", "*"]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
    assert_eq!(sql(&server, "copy", "SELECT count(*) FROM t"), "1");
}

#[test]
fn the_owner_of_a_database_that_is_there_is_among_what_is_left_out() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE ROLE alice; CREATE ROLE bob");
    server.ask("CREATE DATABASE app OWNER alice");
    sql(&server, "app", "CREATE TABLE t AS SELECT 1 AS id");
    repo.json(["backup", "-d", &server.dsn("app")]);
    let left_out = |owner: &str, more: &[&str]| -> Value {
        server.ask("DROP DATABASE IF EXISTS copy");
        server.ask(&format!("CREATE DATABASE copy OWNER {owner}"));
        let copy = server.dsn("copy");
        repo.restored([&["latest", "-d", &copy], more].concat())["left_out"].clone()
    };
    let reason = "the database already existed, and its owner is bob instead of alice";
    assert_eq!(left_out("bob", &[]), json!([{"entry": "DATABASE app", "reason": reason}]));
    for (owner, more) in
        [("alice", &[][..]), ("bob", &["--no-owner"]), ("bob", &["--map-role", "alice=bob"]), ("bob", &["-t", "t"])]
    {
        assert_eq!(left_out(owner, more), json!([]), "{owner} {more:?}");
    }
}

/// No setting of the session's own holds against what runs after it has begun.
#[test]
fn an_event_trigger_that_sets_a_time_out_is_named_as_a_possible_cause() {
    let (server, repo) = (Server::start(17, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE app");
    sql(
        &server,
        "app",
        "CREATE TABLE t (id int); CREATE FUNCTION public.hurry() RETURNS event_trigger LANGUAGE plpgsql AS
            $$BEGIN PERFORM set_config('idle_in_transaction_session_timeout', '1', false), set_config('idle_session_timeout', '1', false); END$$;
         CREATE EVENT TRIGGER hurry ON login EXECUTE FUNCTION public.hurry(); ALTER EVENT TRIGGER hurry ENABLE ALWAYS",
    );
    let bin = server.binaries.bin_dir.to_str().unwrap();
    let said = Said::of(&mut repo.command(["backup", "-q", "--pg-bin", bin, "-d", &server.dsn("app")]));
    assert!(said.code == 4 && said.stderr.contains("event trigger ON login"), "{said:?}");
}
