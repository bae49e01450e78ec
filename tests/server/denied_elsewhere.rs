//! A role that may read one schema of a database backs it up and plans its split, whatever else the database holds that it may not read.

use std::path::Path;
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

const OWN: &str = "CREATE ROLE lone LOGIN; CREATE SCHEMA a; CREATE TABLE a.t (i int); INSERT INTO a.t SELECT generate_series(1, 5);
    GRANT USAGE ON SCHEMA a TO lone; GRANT SELECT ON a.t TO lone; CREATE SCHEMA b; CREATE SCHEMA c; GRANT USAGE ON SCHEMA c TO lone;
    CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w";

/// In a schema that the role may not enter, and in one that it may.
const ELSEWHERE: [&str; 7] = [
    "CREATE TABLE b.r (i int); CREATE TABLE c.r (i int)",
    "CREATE TABLE b.p (i int) PARTITION BY RANGE (i); CREATE TABLE c.p (i int) PARTITION BY RANGE (i)",
    "CREATE TABLE b.q (i int) PARTITION BY RANGE (i); CREATE TABLE b.q1 PARTITION OF b.q FOR VALUES FROM (0) TO (9);
        CREATE TABLE c.q1 PARTITION OF b.q FOR VALUES FROM (9) TO (99) PARTITION BY RANGE (i); CREATE TABLE c.q2 PARTITION OF c.q1 DEFAULT;
        GRANT SELECT ON c.q2 TO lone",
    "CREATE FOREIGN TABLE b.f (i int) SERVER s; CREATE FOREIGN TABLE c.f (i int) SERVER s",
    "CREATE VIEW b.v AS SELECT * FROM b.p; CREATE VIEW c.v AS SELECT * FROM c.r",
    "CREATE MATERIALIZED VIEW b.m AS SELECT * FROM b.p; CREATE MATERIALIZED VIEW c.m AS SELECT * FROM c.r",
    "CREATE SEQUENCE b.s; CREATE SEQUENCE c.s; CREATE TABLE c.serial (i serial)",
];

fn of(server: &Server, mut command: Command) -> Said {
    let pg_dump = server.binaries.command("pg_dump");
    command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
    Said::of(&mut command)
}

fn reads_its_own_on(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE DATABASE d");
    let sql = |sql: &str| psql(&server.binaries, &server.dsn("d"), sql).unwrap();
    sql(OWN);
    let (repo, lone) = (Repo::new(), server.dsn_as("lone", "d"));
    let backup = |args: &[&str]| {
        let always = ["backup", "--json", "--lock-wait-timeout", "3", "-d", &lone];
        of(&server, repo.command(always.iter().chain(args)))
    };
    let plan = || {
        let mut command = pgkeep();
        command.args(["split", "--plan", "--json", "--schemas", "a", "--from", &lone, "--to", &server.dsn("new")]);
        let said = of(&server, command);
        (said.code, said.document()["error"].clone())
    };
    let planned = plan();
    for elsewhere in ELSEWHERE {
        sql(elsewhere);
        let said = backup(&["-n", "a"]);
        assert_eq!(said.code, 0, "{elsewhere}: {said:?}");
        assert_eq!((&said.document()["tables"], &said.document()["rows"]), (&json!(1), &json!(5)), "{elsewhere}");
        assert_eq!(plan(), planned, "{elsewhere}");
    }
    // What is asked for is not left out in silence, nor called a lock.
    for (args, table) in [(&["-n", "a", "-t", "c.p"][..], "c.p"), (&["-n", "c", "-T", "c.r", "-T", "c.serial"], "c.p")]
    {
        let said = backup(args);
        let error = said.document()["error"].to_string();
        assert_eq!(said.code, 4, "{args:?}: {said:?}");
        assert!(error.contains("cannot read all rows of") && error.contains(table), "{args:?}: {said:?}");
    }
}

#[test]
fn what_a_role_may_not_read_elsewhere_keeps_no_backup_and_no_plan_14() {
    reads_its_own_on(14);
}

#[test]
fn what_a_role_may_not_read_elsewhere_keeps_no_backup_and_no_plan_15() {
    reads_its_own_on(15);
}

#[test]
fn what_a_role_may_not_read_elsewhere_keeps_no_backup_and_no_plan_18() {
    reads_its_own_on(18);
}
