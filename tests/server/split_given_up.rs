//! A split that ended before its seal is given up, by a rollback or by the next run: what the split made goes without a question, what others
//! made meanwhile does not, and a database that was there is again what it was.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};

use crate::judge::text_of;
use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

const OLD: &str = "CREATE ROLE app; CREATE SCHEMA m AUTHORIZATION app; SET ROLE app;
    CREATE TABLE m.a (id int PRIMARY KEY, name text DEFAULT 'x', n serial); INSERT INTO m.a VALUES (1);
    CREATE TYPE m.span AS RANGE (subtype = int4); CREATE TYPE m.pair AS (a int, b int); CREATE DOMAIN m.small AS int CHECK (VALUE < 10);
    CREATE FUNCTION m.f(m.pair) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW m.v AS SELECT id FROM m.a;
    CREATE TABLE m.p (id int GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (id); CREATE TABLE m.p1 PARTITION OF m.p FOR VALUES FROM (0) TO (1000);
    CREATE INDEX ON m.p (id); CREATE STATISTICS m.s ON id, name FROM m.a; CREATE AGGREGATE m.total(int) (SFUNC = int4pl, STYPE = int);
    CREATE VIEW m.grouped AS SELECT id, name FROM m.a GROUP BY id; CREATE MATERIALIZED VIEW m.mv AS SELECT id, name FROM m.a GROUP BY id";
/// A row takes 10 ms to load, so that the copy takes a second.
const SLOW: &str = "CREATE TABLE m.slow (n integer CHECK (pg_sleep(0.01) IS NOT NULL)); INSERT INTO m.slow SELECT generate_series(1, 100)";

fn split(server: &Server, args: &[&str]) -> Said {
    let ends = [server.dsn("old"), server.dsn("new")];
    let mut command = pgkeep();
    command.args(["split", "--json"]).args(args).args(["--from", &ends[0], "--to", &ends[1]]);
    Said::of(command.env("PGKEEP_PG_BIN", &server.binaries.bin_dir))
}

fn error(said: &Said) -> String {
    said.document()["error"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// Begins a split, and kills it when `is_due` says `t` in the new database.
#[track_caller]
fn killed(server: &Server, schemas: &str, is_due: &str) {
    let (from, to) = (server.dsn("old"), server.dsn("new"));
    let mut command = pgkeep();
    command.args(["split", "-q", "--schemas", schemas, "--jobs", "1", "--from", &from, "--to", &to]);
    command.env("PGKEEP_PG_BIN", &server.binaries.bin_dir);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while psql(&server.binaries, &to, is_due).as_deref() != Ok("t") {
        if since.elapsed() > Duration::from_secs(60) || child.try_wait().unwrap().is_some() {
            child.kill().unwrap();
            panic!("{is_due}: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep %'", "0");
}

/// Kills one whose fence waits for a writer: all definitions are made by then.
#[track_caller]
fn killed_before_its_fence(server: &Server, schemas: &str, table: &str) {
    let mut writer = server.binaries.command("psql");
    writer.args([
        "-X",
        "-q",
        "-d",
        &server.dsn("old"),
        "-c",
        &format!("BEGIN; DELETE FROM {table}; SELECT pg_sleep(60)"),
    ]);
    let mut writer = writer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1");
    killed(
        server,
        schemas,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgkeep split' AND datname = 'old' AND query LIKE '%SHARE ROW EXCLUSIVE%'",
    );
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()");
    writer.wait().unwrap();
}

/// What somebody makes in the new database, what is said of it, and how it goes again.
const MADE: [(&str, &str, &str); 12] = [
    ("CREATE TABLE m.extra (x int); INSERT INTO m.extra VALUES (1)", "table m.extra", "DROP TABLE m.extra"),
    ("SELECT lo_from_bytea(777, 'precious')", "large object 777", "SELECT lo_unlink(777)"),
    (
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.mine()",
        "DROP FUNCTION public.mine()",
    ),
    ("CREATE SEQUENCE public.sq", "sequence public.sq", "DROP SEQUENCE public.sq"),
    ("CREATE VIEW public.vv AS SELECT 1 AS a", "view public.vv", "DROP VIEW public.vv"),
    ("CREATE TYPE public.mood AS ENUM ('a')", "type public.mood", "DROP TYPE public.mood"),
    ("CREATE SCHEMA theirs", "schema theirs", "DROP SCHEMA theirs"),
    ("CREATE EXTENSION pg_trgm", "extension pg_trgm", "DROP EXTENSION pg_trgm"),
    ("CREATE FOREIGN DATA WRAPPER w", "foreign-data wrapper w", "DROP FOREIGN DATA WRAPPER w"),
    ("INSERT INTO m.a VALUES (99)", "m.a: 1 rows", "DELETE FROM m.a WHERE id = 99"),
    ("ALTER TABLE m.a ADD COLUMN theirs int", "column m.a.theirs", ""),
    ("CREATE OR REPLACE FUNCTION m.f(m.pair) RETURNS int LANGUAGE sql AS 'SELECT 2'", "function m.f(m.pair)", ""),
];

#[test]
fn what_others_made_before_the_seal_is_dropped_by_no_verb() {
    let server = Server::start(18, ClusterOptions::default());
    server.ask("CREATE DATABASE old");
    sql(&server, "old", OLD);
    let again = ["--schemas", "m"];
    for found in ["", "CREATE DATABASE new"] {
        let renewed = || {
            server.ask("DROP DATABASE IF EXISTS new");
            if !found.is_empty() {
                server.ask(found);
            }
            killed_before_its_fence(&server, "m", "m.a");
        };
        renewed();
        for (make, told, undo) in MADE {
            sql(&server, "new", make);
            for verb in [&["rollback"][..], &again] {
                let said = split(&server, verb);
                assert_eq!(said.code, 7, "{make}: {said:?}");
                assert!(error(&said).contains(told), "{make}: {said:?}");
            }
            if undo.is_empty() {
                // What is changed cannot be as it was.
                let said = split(&server, &["rollback", "--discard"]);
                assert_eq!(said.code, 0, "{make}: {said:?}");
                assert!(said.document()["left_behind"].to_string().contains(told), "{make}: {said:?}");
                renewed();
            } else {
                sql(&server, "new", undo);
            }
        }
        // It is the split's own, and goes without a question, by either verb.
        let said = split(&server, &again);
        assert_eq!((said.code, &said.document()["phase"]), (0, &"switched".into()), "{said:?}");
        assert_eq!(split(&server, &["rollback"]).code, 0);
        renewed();
        let said = split(&server, &["rollback"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.document()["emptied"], serde_json::json!(!found.is_empty()), "{said:?}");
    }
}

/// Half a copy is known by what was written down with each table.
#[test]
fn half_a_copy_goes_without_a_question_and_rows_of_others_do_not() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE old");
    sql(&server, "old", OLD);
    sql(&server, "old", SLOW);
    // Smaller tables may come later than the slow one, or earlier.
    sql(
        &server,
        "old",
        "CREATE TABLE m.big (id int PRIMARY KEY, t text); INSERT INTO m.big SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n",
    );
    let halfway = "SELECT count(*) > 0 FROM m.big";
    for (make, told) in [
        ("", ""),
        ("INSERT INTO m.big VALUES (-1, 'theirs')", "m.big: 5001 rows"),
        ("UPDATE m.big SET t = 'theirs' WHERE id = 7", "m.big: 5000 rows"),
        ("INSERT INTO m.slow VALUES (1)", "m.slow: 1 rows"),
        ("CREATE TABLE m.extra (x int)", "table m.extra"),
        ("ALTER TABLE m.big ADD COLUMN theirs int", "column m.big.theirs"),
    ] {
        killed(&server, "m", halfway);
        if !make.is_empty() {
            sql(&server, "new", make);
            let said = split(&server, &["rollback"]);
            assert_eq!(said.code, 7, "{make}: {said:?}");
            assert!(error(&said).contains(told), "{make}: {said:?}");
            sql(&server, "new", "SELECT FROM m.big");
        }
        let discard: &[&str] = if make.is_empty() { &["rollback"] } else { &["rollback", "--discard"] };
        let said = split(&server, discard);
        assert_eq!(said.code, 0, "{make}: {said:?}");
        assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'new'"), "0");
    }
    // The source has taken writes since.
    killed(&server, "m", halfway);
    sql(&server, "old", "UPDATE m.big SET t = 'new' WHERE id = 7; INSERT INTO m.a VALUES (2)");
    let said = split(&server, &["--schemas", "m"]);
    assert_eq!(said.code, 0, "{said:?}");
}

/// As pg_dump says it of the whole database, with what is said of the database itself.
fn as_it_is(server: &Server) -> String {
    let mut dump = server.binaries.command("pg_dump");
    let text = text_of(dump.args(["--create", "--schema-only", "-d", &server.dsn("new")]));
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("restrict ")).collect();
    let said = lines.join("\n");
    said + &sql(server, "new", "SELECT nspowner::regrole, nspacl::text FROM pg_namespace WHERE nspname = 'public'")
        + &sql(server, "new", "SELECT datacl::text FROM pg_database WHERE datname = 'new'")
}

#[test]
fn a_database_that_was_there_is_again_what_it_was() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE old");
    server.ask("CREATE ROLE app LOGIN; CREATE ROLE reader; ALTER DATABASE old OWNER TO app; ALTER DATABASE old SET work_mem = '7MB'");
    server.ask("COMMENT ON DATABASE old IS 'the old one'; ALTER DATABASE old CONNECTION LIMIT 50; GRANT TEMPORARY ON DATABASE old TO reader");
    sql(
        &server,
        "old",
        "CREATE SCHEMA m AUTHORIZATION app; CREATE EXTENSION pg_trgm SCHEMA public; ALTER SCHEMA public OWNER TO app;
        CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; COMMENT ON SCHEMA public IS 'of the old one';
        CREATE TABLE m.a (id int PRIMARY KEY, t text); INSERT INTO m.a VALUES (1); CREATE INDEX ON m.a USING gin (t public.gin_trgm_ops);
        CREATE FOREIGN TABLE m.f (id int) SERVER s; CREATE TABLE public.here (id int); CREATE FUNCTION public.too() RETURNS int LANGUAGE sql AS 'SELECT 1';
        GRANT CREATE ON SCHEMA public TO reader",
    );
    for schemas in ["m", "m,public"] {
        server.ask("CREATE DATABASE new OWNER app");
        server.ask(
            "ALTER DATABASE new SET statement_timeout = '1h'; ALTER ROLE reader IN DATABASE new SET work_mem = '9MB'",
        );
        server.ask("COMMENT ON DATABASE new IS 'ours'; ALTER DATABASE new CONNECTION LIMIT 20; REVOKE TEMPORARY ON DATABASE new FROM PUBLIC");
        sql(&server, "new", "COMMENT ON SCHEMA public IS 'ours'; GRANT CREATE ON SCHEMA public TO PUBLIC");
        let was = as_it_is(&server);
        for _ in 0..2 {
            killed_before_its_fence(&server, schemas, "m.a");
            assert_ne!(as_it_is(&server), was, "{schemas}: the split has set it up as the old one");
            let said = split(&server, &["rollback"]);
            assert_eq!((said.code, &said.document()["emptied"]), (0, &true.into()), "{schemas}: {said:?}");
            assert_eq!(as_it_is(&server), was, "{schemas}");
        }
        // The next run begins with the same.
        let whole = |killed: bool| {
            if killed {
                killed_before_its_fence(&server, schemas, "m.a");
            }
            let said = split(&server, &["--schemas", schemas]);
            assert_eq!(said.code, 0, "{schemas}: {said:?}");
            let is = as_it_is(&server);
            assert_eq!(split(&server, &["rollback"]).code, 0);
            server.ask("DROP DATABASE new");
            is
        };
        let again = whole(true);
        server.ask("CREATE DATABASE new OWNER app");
        server.ask(
            "ALTER DATABASE new SET statement_timeout = '1h'; ALTER ROLE reader IN DATABASE new SET work_mem = '9MB'",
        );
        server.ask("COMMENT ON DATABASE new IS 'ours'; ALTER DATABASE new CONNECTION LIMIT 20; REVOKE TEMPORARY ON DATABASE new FROM PUBLIC");
        sql(&server, "new", "COMMENT ON SCHEMA public IS 'ours'; GRANT CREATE ON SCHEMA public TO PUBLIC");
        assert_eq!(again, whole(false), "{schemas}");
    }
}

/// The program waits where it reads what it has loaded: after its look for objects, before it reads the rows. Then somebody makes something.
#[track_caller]
fn while_it_looks(server: &Server, verb: &[&str], meanwhile: &str) -> Said {
    let relation = sql(server, "new", "SELECT 'pgkeep_split.loaded'::regclass::oid");
    let locks = |application: &str, granted: bool| {
        format!(
            "SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = '{application}'
            AND l.relation = {relation} AND l.granted = {granted}"
        )
    };
    let mut holder = server.binaries.command("psql");
    holder.env("PGAPPNAME", "holder").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn("new")]);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = holder.stdin.take().unwrap();
    lines.write_all(b"BEGIN; LOCK TABLE pgkeep_split.loaded IN ACCESS EXCLUSIVE MODE;\n").unwrap();
    server.wait_for(&locks("holder", true), "t");
    let ends = [server.dsn("old"), server.dsn("new")];
    let mut command = pgkeep();
    command.args(["split", "--json"]).args(verb).args(["--from", &ends[0], "--to", &ends[1]]);
    command.env("PGKEEP_PG_BIN", &server.binaries.bin_dir);
    let running = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for(&locks("pgkeep split", false), "t");
    sql(server, "new", meanwhile);
    lines.write_all(b"COMMIT;\n").unwrap();
    drop(lines);
    assert!(holder.wait().unwrap().success());
    Said::from(running.wait_with_output().unwrap())
}

fn looked_at_on(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE DATABASE old");
    sql(&server, "old", OLD);
    sql(&server, "old", SLOW);
    sql(&server, "old", "CREATE TABLE m.big (id int PRIMARY KEY); INSERT INTO m.big SELECT generate_series(1, 5000)");
    for found in ["", "CREATE DATABASE new"] {
        server.ask("DROP DATABASE IF EXISTS new");
        if !found.is_empty() {
            server.ask(found);
        }
        killed(&server, "m", "SELECT count(*) > 0 FROM m.big");
        for (make, told, rows, undo) in [
            (
                "CREATE TABLE m.orders (id int); INSERT INTO m.orders SELECT generate_series(1, 100)",
                "table m.orders",
                "SELECT count(*) = 100 FROM m.orders",
                "DROP TABLE m.orders",
            ),
            (
                "CREATE TABLE public.orders AS SELECT 1 AS id",
                "table public.orders",
                "SELECT count(*) = 1 FROM public.orders",
                "DROP TABLE public.orders",
            ),
            (
                "CREATE SCHEMA theirs CREATE TABLE orders (id int)",
                "schema theirs",
                "SELECT count(*) = 0 FROM theirs.orders",
                "DROP SCHEMA theirs CASCADE",
            ),
            (
                "SELECT lo_from_bytea(777, 'precious')",
                "large object 777",
                "SELECT lo_get(777) = 'precious'",
                "SELECT lo_unlink(777)",
            ),
        ] {
            for verb in [&["rollback"][..], &["--schemas", "m"]] {
                let said = while_it_looks(&server, verb, make);
                assert_eq!(said.code, 7, "{make}: {said:?}");
                assert!(error(&said).contains(told), "{make}: {said:?}");
                // It is there, and whoever needs it gets to it.
                assert_eq!(sql(&server, "new", rows), "t", "{make}");
                sql(&server, "new", undo);
            }
        }
        // With the word of its operator it goes, and is named all the same.
        let said = while_it_looks(&server, &["rollback", "--discard"], "CREATE TABLE m.orders (id int)");
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.document()["left_behind"].to_string().contains("table m.orders"), "{said:?}");
        let there = server.ask("SELECT count(*) FROM pg_database WHERE datname = 'new' AND datallowconn");
        assert_eq!(there, if found.is_empty() { "0" } else { "1" });
    }
}

#[test]
fn what_others_make_while_a_split_is_given_up_is_dropped_by_no_verb_15() {
    looked_at_on(15);
}

#[test]
fn what_others_make_while_a_split_is_given_up_is_dropped_by_no_verb_18() {
    looked_at_on(18);
}

/// Whoever is in the database could bring something in until it is dropped.
#[test]
fn a_database_of_a_split_is_dropped_under_nobody() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE old");
    sql(&server, "old", OLD);
    killed_before_its_fence(&server, "m", "m.a");
    let mut visitor = server.binaries.command("psql");
    visitor.env("PGAPPNAME", "visitor").args(["-X", "-q", "-d", &server.dsn("new")]);
    let mut visitor = visitor.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'visitor'", "1");
    let said = split(&server, &["rollback"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(error(&said).contains("application 'visitor'"), "{said:?}");
    // As open as before.
    assert_eq!(sql(&server, "new", "SELECT datallowconn FROM pg_database WHERE datname = 'new'"), "t");
    drop(visitor.stdin.take());
    assert!(visitor.wait().unwrap().success());
    assert_eq!(split(&server, &["rollback"]).code, 0);
}
