//! What is read by its name is what was looked at: not what somebody has put in its place since, and no code of theirs.

use std::process::Stdio;
use std::sync::Arc;

use pgkeep::pg::catalog;
use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::connect::connect;
use pgkeep::pg::conninfo::{Conninfo, Environment};
use pgkeep::pg::copy::check_name;
use pgkeep::pg::tables_alone;
use pgkeep::pg::wire::Wire;
use pgkeep::stop::Stop;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

fn resolve(dsn: &str) -> Conninfo {
    Conninfo::resolve(Some(dsn), &Environment::default()).unwrap()
}

fn place(major: u32) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE DATABASE whole");
    server.ask("GRANT CREATE ON DATABASE whole TO mal");
    mal(
        &server,
        "CREATE SCHEMA mal; CREATE FUNCTION mal.code() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
            IF session_user <> 'mal' THEN EXECUTE 'ALTER ROLE mal SUPERUSER'; END IF; RETURN 1; END $$",
    );
    server
}

#[track_caller]
fn mal(server: &Server, sql: &str) {
    psql(&server.binaries, &server.dsn_as("mal", "whole"), sql).unwrap();
}

#[track_caller]
fn assert_mal_has_no_more(server: &Server) {
    assert_eq!(server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'"), "f");
}

/// Between the list of sequences and their values lies all of a backup.
#[test]
fn a_view_in_a_sequences_place_is_not_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for major in [15, 18] {
        runtime.block_on(no_view_is_read_as_a_sequence(major));
    }
}

async fn no_view_is_read_as_a_sequence(major: u32) {
    let server = place(major);
    mal(&server, "CREATE SEQUENCE mal.s");
    let session = connect(&resolve(&server.dsn("whole")), "test").await.unwrap();
    let listed = catalog::sequences(&session).await.unwrap();
    mal(
        &server,
        "DROP SEQUENCE mal.s; CREATE VIEW mal.s AS SELECT mal.code() AS last_value, true AS is_called, 1::oid AS tableoid",
    );
    let refused = catalog::sequence_values(&session, &listed.iter().collect::<Vec<_>>()).await.unwrap_err();
    assert!(refused.server_message().unwrap().message.contains("access to non-system view"), "{major}: {refused}");
    assert_mal_has_no_more(&server);

    // Another sequence under the name is not the one that was listed.
    mal(&server, "DROP VIEW mal.s; CREATE SEQUENCE mal.s");
    let refused = catalog::sequence_values(&session, &listed.iter().collect::<Vec<_>>()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the sequence mal.s got another name while it was read, or its schema did");
    // The session reads views as before.
    mal(&server, "CREATE VIEW mal.plain AS SELECT 1 AS one");
    session.row("a view", "SELECT one FROM mal.plain", &[]).await.unwrap();
}

/// A lock on a table keeps nobody from giving its schema another name.
#[test]
fn a_view_in_a_tables_place_is_not_read() {
    for major in [15, 18] {
        let server = place(major);
        mal(&server, "CREATE TABLE mal.t (id int)");
        let oid: u32 =
            psql(&server.binaries, &server.dsn("whole"), "SELECT 'mal.t'::regclass::oid").unwrap().parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut wire = Wire::connect(&resolve(&server.dsn("whole")), "test", Arc::new(runtime), &Stop::new()).unwrap();
        tables_alone::read_by(&mut wire).unwrap();
        check_name(&mut wire, oid, "mal", "t").unwrap();
        mal(
            &server,
            "ALTER TABLE mal.t RENAME TO old; CREATE VIEW mal.t AS SELECT mal.code()::int AS id, '(0,1)'::tid AS ctid",
        );
        let refused = wire.query("rows", b"SELECT id FROM ONLY mal.t WHERE ctid >= '(0,0)'::tid").unwrap_err();
        assert!(refused.server_message().unwrap().message.contains("access to non-system view"), "{major}: {refused}");
        assert_mal_has_no_more(&server);
        let renamed = check_name(&mut wire, oid, "mal", "t").unwrap_err();
        assert_eq!(renamed.to_string(), "the table mal.t got another name while it was read, or its schema did");
    }
}

/// Two places exchange their names in the middle of a backup, as a new version of an application takes the old one's place.
#[test]
fn schemas_that_exchange_their_names_keep_their_rows() {
    for major in [15, 18] {
        let (server, repo) = (place(major), Repo::new());
        let made = "CREATE SCHEMA live; CREATE SCHEMA staging; CREATE TABLE live.t (v text); CREATE TABLE staging.t (v text);
            CREATE SEQUENCE live.s; CREATE SEQUENCE staging.s; SELECT setval('live.s', 500), setval('staging.s', 3);
            INSERT INTO live.t SELECT 'live' FROM generate_series(1, 500); INSERT INTO staging.t SELECT 'staging' FROM generate_series(1, 3);
            COMMENT ON TABLE live.t IS 'live'; COMMENT ON TABLE staging.t IS 'staging'; CREATE TABLE public.large AS SELECT repeat('x', 200) FROM generate_series(1, 200000)";
        let superuser = |sql: &str| psql(&server.binaries, &server.dsn("whole"), sql).unwrap();
        superuser(made);
        let bin = server.binaries.bin_dir.to_str().unwrap();
        // The large table comes first, and is not over when the backup is stopped.
        let mut backup = repo.command(["backup", "--json", "-j", "1", "--pg-bin", bin, "-d", &server.dsn("whole")]);
        let backup = backup.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&backup);
        // It has its snapshot.
        server.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgkeep rows'", "t");
        kill_process(pid, Signal::STOP).unwrap();
        superuser(
            "ALTER SCHEMA live RENAME TO passing; ALTER SCHEMA staging RENAME TO live; ALTER SCHEMA passing RENAME TO staging",
        );
        kill_process(pid, Signal::CONT).unwrap();
        let said = Said::from(backup.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{major}: {said:?}");

        let dsn = server.dsn("again");
        let said = Said::of(&mut repo.restore(["latest", "--create", "--json", "-q", "-d", &dsn]));
        assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{major}: {said:?}");
        let again = |sql: &str| psql(&server.binaries, &dsn, sql).unwrap();
        // Under either name, whichever of the two the snapshot saw: definitions, rows and sequences belong together.
        let held = |schema: &str| {
            again(&format!(
                "SELECT string_agg(DISTINCT v, ' ') || ' ' || count(*) || ' ' || (SELECT last_value FROM {schema}.s) || ' ' || obj_description('{schema}.t'::regclass) FROM {schema}.t"
            ))
        };
        let mut held = ["live", "staging"].map(held);
        held.sort();
        assert_eq!(held, ["live 500 500 live", "staging 3 3 staging"], "{major}");
    }
}
