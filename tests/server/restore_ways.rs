//! The ways on from a restore that was refused or that ended in the middle: each command that a hint prints is run as it stands.

use std::process::{Child, Command, Stdio};

use pgkeep::pg::cluster::{ClusterOptions, Durability};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// A millisecond a row where the restore checks it.
const SLOW: &str = "CREATE SCHEMA core; CREATE FUNCTION core.slow(i integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
    CREATE TABLE core.slow_table (i integer PRIMARY KEY CHECK (core.slow(i))); INSERT INTO core.slow_table SELECT generate_series(1, 1500);
    CREATE TABLE core.small AS SELECT 1 AS one;
    CREATE OR REPLACE FUNCTION core.slow(i integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN true; END'";

const LOADING: &str =
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND state = 'active'
    AND query LIKE '%COPY%slow_table%' AND clock_timestamp() - query_start > '0.2 s'";

#[track_caller]
fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

struct Place {
    server: Server,
    repo: Repo,
}

impl Place {
    fn new() -> Self {
        // What was committed must be there after a crash.
        let options = ClusterOptions { durability: Durability::Durable, ..ClusterOptions::default() };
        let place = Self { server: Server::start(15, options), repo: Repo::new() };
        place.server.ask("CREATE DATABASE app");
        sql(&place.server, "app", SLOW);
        place.repo.json(["backup", "-d", &place.server.dsn("app")]);
        place
    }

    fn restore(&self, args: &[&str]) -> Command {
        let mut restore = self.repo.restore(["latest", "-q"]);
        restore.args(args);
        restore
    }

    /// A restore in the middle of the rows, that `end` has ended.
    #[track_caller]
    fn ended(&self, args: &[&str], end: impl Fn(&Server, &Child)) -> Said {
        let child = self.restore(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.server.wait_for(LOADING, "t");
        end(&self.server, &child);
        let said: Said = child.wait_with_output().unwrap().into();
        // A server that has crashed is there again soon.
        for _ in 0..200 {
            if psql(&self.server.binaries, &self.server.dsn("postgres"), "SELECT 1").is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        said
    }

    /// Runs what stands between backquotes in the hint: as somebody does who copies it.
    #[track_caller]
    fn follow(&self, said: &Said) -> Said {
        let commands = commands(said);
        assert_eq!(commands.len(), 1, "{said:?}");
        self.run(&commands[0])
    }

    #[track_caller]
    fn run(&self, command: &str) -> Said {
        let path = format!("{}:/usr/bin:/bin", self.server.binaries.bin_dir.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir("/").env("PATH", path).env("PGPASSFILE", "/nonexistent/pgpass");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            shell.env_remove(name);
        }
        Said::of(&mut shell)
    }

    #[track_caller]
    fn is_restored(&self, database: &str) {
        let whole = "SELECT (SELECT count(*) FROM core.slow_table), (SELECT count(*) FROM core.small), to_regclass('core.slow_table_pkey') IS NOT NULL";
        assert_eq!(sql(&self.server, database, whole), "1500|1|t", "{database}");
    }
}

fn commands(said: &Said) -> Vec<String> {
    let hint = said.stderr.split_once("\n  hint: ").unwrap_or_else(|| panic!("{said:?}")).1;
    hint.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn kill_sessions(server: &Server, _: &Child) {
    server.ask(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgkeep restore rows'",
    );
}

/// One session that is killed from outside takes all others along: the server starts anew.
fn crash(server: &Server, _: &Child) {
    let pid = server.ask("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgkeep restore rows' LIMIT 1");
    kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
}

fn ctrl_c(_: &Server, child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

type End = fn(&Server, &Child);
const ENDS: [(&str, End, i32); 3] =
    [("sessions are ended", kill_sessions, 8), ("the server crashes", crash, 8), ("Ctrl-C", ctrl_c, 130)];

#[test]
fn the_hints_of_a_restore_that_ended_among_the_rows_lead_to_a_restored_database() {
    let place = Place::new();
    let dsn = place.server.dsn("it's a copy");
    for (what, end, code) in ENDS {
        for create in [true, false] {
            let args = if create { vec!["--create", "-d", &dsn] } else { vec!["-d", &dsn] };
            if !create {
                place.server.ask("CREATE DATABASE \"it's a copy\"");
            }
            let ended = place.ended(&args, end);
            assert_eq!(ended.code, code, "{what}: {ended:?}");
            assert!(ended.stderr.contains("indexes and keys are missing. To start again: `psql "), "{ended:?}");

            // Who runs the same once more, or with the other choice of --create, is led beside it, and not in a circle.
            for (args, words) in [
                (
                    vec!["-d", &dsn],
                    "already contains objects of the restore: core.slow_table, core.small, FUNCTION core.slow(integer)",
                ),
                (vec!["--create", "-d", &dsn], "already exists"),
            ] {
                let again = Said::of(&mut place.restore(&args));
                assert_eq!((again.code, again.stderr.contains(words)), (7, true), "{again:?}");
                // Of a database that the first run has made, the hint says as well how to drop it.
                let ways = commands(&again);
                let says_half = create && args[0] == "--create";
                assert_eq!(ways.len(), 1 + usize::from(says_half), "{again:?}");
                let beside = place.run(ways.last().unwrap());
                assert_eq!(beside.code, 0, "{what}: {again:?} {beside:?}");
                place.is_restored("it's a copy_2");
                place.server.ask("DROP DATABASE \"it's a copy_2\"");
            }

            let anew = place.follow(&ended);
            assert_eq!(anew.code, 0, "{what}: {ended:?} {anew:?}");
            place.is_restored("it's a copy");
            place.server.ask("DROP DATABASE \"it's a copy\"");
        }
    }
}

/// What somebody has beside the restored objects is never proposed to be dropped.
#[test]
fn a_database_with_other_things_in_it_is_not_proposed_to_be_dropped() {
    let place = Place::new();
    place.server.ask("CREATE DATABASE prod");
    sql(&place.server, "prod", "CREATE TABLE mine AS SELECT 1 AS one");
    let dsn = place.server.dsn("prod");
    for end in [kill_sessions as End, ctrl_c] {
        let ended = place.ended(&["-d", &dsn, "-t", "core.slow_table"], end);
        assert!(!ended.stderr.contains("DROP"), "{ended:?}");
        assert!(ended.stderr.contains("prod was not empty before, and still has its other objects."), "{ended:?}");
        let beside = place.follow(&ended);
        assert_eq!(beside.code, 0, "{ended:?} {beside:?}");
        assert_eq!(sql(&place.server, "prod_2", "SELECT count(*) FROM core.slow_table"), "1500");
        // The switches of the first go with it.
        assert_eq!(sql(&place.server, "prod_2", "SELECT to_regclass('core.small') IS NULL"), "t");
        place.server.ask("DROP DATABASE prod_2");
        let again = Said::of(&mut place.restore(&["-d", &dsn, "-t", "core.slow_table"]));
        assert_eq!((again.code, again.stderr.contains("DROP")), (7, false), "{again:?}");
        sql(&place.server, "prod", "DROP SCHEMA core CASCADE");
    }
    assert_eq!(sql(&place.server, "prod", "SELECT count(*) FROM mine"), "1");
}

/// A database with subscriptions cannot be dropped; dropped by themselves they would take the slots of the original along.
#[test]
fn a_restored_database_with_subscriptions_is_made_anew_without_their_slots() {
    let place = Place::new();
    // As a restore makes it: the slot is the original's, which nobody reaches from here.
    let subscription = "CREATE SUBSCRIPTION \"the sub's\" CONNECTION 'host=/nonexistent' PUBLICATION p WITH (connect = false, slot_name = 'theirs')";
    sql(&place.server, "app", subscription);
    place.repo.json(["backup", "-d", &place.server.dsn("app")]);
    let dsn = place.server.dsn("fresh");
    for create in [true, false] {
        let args = if create { vec!["--create", "-d", &dsn] } else { vec!["-d", &dsn] };
        if !create {
            place.server.ask("CREATE DATABASE fresh");
        }
        let ended = place.ended(&args, kill_sessions);
        assert!(ended.stderr.contains("first drop its subscriptions"), "{ended:?}");
        if sql(&place.server, "fresh", "SELECT count(*) FROM pg_subscription") == "0" {
            sql(&place.server, "fresh", subscription);
        }
        let anew = place.follow(&ended);
        assert_eq!(anew.code, 0, "{ended:?} {anew:?}");
        place.is_restored("fresh");
        sql(&place.server, "fresh", "ALTER SUBSCRIPTION \"the sub's\" SET (slot_name = NONE)");
        sql(&place.server, "fresh", "DROP SUBSCRIPTION \"the sub's\"");
        place.server.ask("DROP DATABASE fresh");
    }
}

/// Who may not make databases is told what an administrator has to do, and it does.
#[test]
fn a_role_that_may_make_no_database_is_told_what_another_has_to_do() {
    let place = Place::new();
    place.server.ask("CREATE ROLE tenant LOGIN");
    place.server.ask("CREATE DATABASE theirs OWNER tenant");
    let dsn = place.server.dsn_as("tenant", "theirs");
    let args = ["-d", &dsn, "--no-owner", "--no-acl"];
    let ended = place.ended(&args, kill_sessions);
    let [administrator, command] = commands(&ended).try_into().unwrap_or_else(|c| panic!("{c:?} {ended:?}"));
    let again = Said::of(&mut place.restore(&args));
    assert_eq!((again.code, again.stderr.contains("an administrator can create one")), (7, true), "{again:?}");
    for statement in administrator.split_inclusive(';') {
        place.server.ask(statement);
    }
    let anew = place.run(&command);
    assert_eq!(anew.code, 0, "{ended:?} {anew:?}");
    place.is_restored("theirs");
}

/// Everything that cannot be there twice, each by itself, with what the refusal calls it.
const IN_THE_WAY: &[(&str, &str, &str)] = &[
    ("", "CREATE TABLE s.t (i int)", "s.t"),
    ("", "CREATE DOMAIN s.t AS int", "s.t"),
    ("", "CREATE SEQUENCE s.sq", "s.sq"),
    ("", "CREATE VIEW s.v AS SELECT 1", "VIEW s.v"),
    ("", "CREATE MATERIALIZED VIEW s.mv AS SELECT 1 AS a", "MATERIALIZED VIEW s.mv"),
    (
        "CREATE FOREIGN DATA WRAPPER other; CREATE SERVER other FOREIGN DATA WRAPPER other;",
        "CREATE FOREIGN TABLE s.ft (i int) SERVER other",
        "FOREIGN TABLE s.ft",
    ),
    ("", "CREATE TABLE s.ti (i int)", "INDEX s.ti"),
    ("", "CREATE TABLE s.\"odd name\" (i int)", "CONSTRAINT s.t odd name"),
    ("", "CREATE TYPE s.e AS ENUM ('x')", "TYPE s.e"),
    ("", "CREATE TABLE s.c (i int)", "TYPE s.c"),
    ("", "CREATE SEQUENCE s.c", "TYPE s.c"),
    ("", "CREATE TYPE s.r AS RANGE (subtype = int)", "TYPE s.r"),
    ("", "CREATE DOMAIN s.d AS text", "DOMAIN s.d"),
    ("", "CREATE FUNCTION s.f(x int, y text) RETURNS void LANGUAGE sql AS ''", "FUNCTION s.f(integer, text)"),
    ("", "CREATE FUNCTION s.\"Odd f\"(numeric[]) RETURNS void LANGUAGE sql AS ''", "FUNCTION s.Odd f(numeric[])"),
    (
        "",
        "CREATE FUNCTION s.p(int, varchar) RETURNS void LANGUAGE sql AS ''",
        "PROCEDURE s.p(integer, character varying)",
    ),
    ("", "CREATE AGGREGATE s.agg(int) (sfunc = int4pl, stype = int)", "AGGREGATE s.agg(integer)"),
    ("", "CREATE FUNCTION s.cnt() RETURNS void LANGUAGE sql AS ''", "AGGREGATE s.cnt(*)"),
    ("", "CREATE OPERATOR s.=== (leftarg = int, rightarg = int, function = int4eq)", "OPERATOR s.==="),
    ("", "CREATE OPERATOR s.!! (rightarg = int, function = int4abs)", "OPERATOR s.!!"),
    ("", "CREATE OPERATOR FAMILY s.fam USING btree", "OPERATOR FAMILY s.fam"),
    (
        "",
        "CREATE OPERATOR CLASS s.ops FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int)",
        "OPERATOR CLASS s.ops",
    ),
    ("", "CREATE COLLATION s.col (provider = libc, locale = 'C')", "COLLATION s.col"),
    ("", "CREATE CONVERSION s.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8", "CONVERSION s.conv"),
    ("", "CREATE TEXT SEARCH DICTIONARY s.dict (template = simple)", "TEXT SEARCH DICTIONARY s.dict"),
    ("", "CREATE TEXT SEARCH CONFIGURATION s.conf (copy = simple)", "TEXT SEARCH CONFIGURATION s.conf"),
    (
        "",
        "CREATE TEXT SEARCH PARSER s.pars (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)",
        "TEXT SEARCH PARSER s.pars",
    ),
    ("", "CREATE TEXT SEARCH TEMPLATE s.templ (lexize = dsimple_lexize)", "TEXT SEARCH TEMPLATE s.templ"),
    ("CREATE TABLE s.other (i int, j int);", "CREATE STATISTICS s.st ON i, j FROM s.other", "STATISTICS s.st"),
    ("", "CREATE CAST (money AS int4) WITH INOUT", "CAST (money AS integer)"),
    ("", "CREATE FOREIGN DATA WRAPPER fdw", "FOREIGN DATA WRAPPER fdw"),
    ("CREATE FOREIGN DATA WRAPPER other;", "CREATE SERVER srv FOREIGN DATA WRAPPER other", "SERVER srv"),
    (
        "CREATE FUNCTION public.noop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';",
        "CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION public.noop()",
        "EVENT TRIGGER et",
    ),
    ("", "CREATE PUBLICATION pub", "PUBLICATION pub"),
    (
        "",
        "CREATE SUBSCRIPTION sub CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE)",
        "SUBSCRIPTION sub",
    ),
    ("", "CREATE LANGUAGE plx HANDLER plpgsql_call_handler", "PROCEDURAL LANGUAGE plx"),
    ("", "CREATE ACCESS METHOD am TYPE TABLE HANDLER heap_tableam_handler", "ACCESS METHOD am"),
    ("", "CREATE EXTENSION citext SCHEMA s", "FUNCTION s.citext(boolean)"),
];

/// The source of all of it.
const KINDS: &str = "CREATE SCHEMA s; CREATE TABLE s.t (i int, j int, CONSTRAINT \"odd name\" UNIQUE (i)); CREATE INDEX ti ON s.t (j);
    CREATE STATISTICS s.st ON i, j FROM s.t; CREATE SEQUENCE s.sq; CREATE VIEW s.v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW s.mv AS SELECT 1 AS a;
    CREATE FOREIGN DATA WRAPPER fdw; CREATE SERVER srv FOREIGN DATA WRAPPER fdw; CREATE FOREIGN TABLE s.ft (i int) SERVER srv;
    CREATE TYPE s.e AS ENUM ('a'); CREATE TYPE s.c AS (i int); CREATE TYPE s.r AS RANGE (subtype = float8); CREATE DOMAIN s.d AS int;
    CREATE FUNCTION s.f(a int, b text DEFAULT 'x', OUT c int) LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION s.\"Odd f\"(VARIADIC numeric(5, 2)[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE PROCEDURE s.p(INOUT a int, b varchar(3)) LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE s.agg(int) (sfunc = int4pl, stype = int);
    CREATE AGGREGATE s.cnt(*) (sfunc = int8inc, stype = int8, initcond = '0'); CREATE OPERATOR s.=== (leftarg = int, rightarg = int, function = int4eq);
    CREATE OPERATOR s.!! (rightarg = int, function = int4abs); CREATE OPERATOR FAMILY s.fam USING btree;
    CREATE OPERATOR CLASS s.ops FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int);
    CREATE COLLATION s.col (provider = libc, locale = 'C'); CREATE CONVERSION s.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
    CREATE TEXT SEARCH DICTIONARY s.dict (template = simple); CREATE TEXT SEARCH CONFIGURATION s.conf (copy = simple);
    CREATE TEXT SEARCH PARSER s.pars (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);
    CREATE TEXT SEARCH TEMPLATE s.templ (lexize = dsimple_lexize); CREATE CAST (money AS int4) WITH INOUT;
    CREATE FUNCTION s.et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION s.et();
    CREATE PUBLICATION pub; CREATE SUBSCRIPTION sub CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE);
    CREATE FUNCTION s.plh() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; CREATE LANGUAGE plx HANDLER s.plh;
    CREATE ACCESS METHOD am TYPE TABLE HANDLER heap_tableam_handler; CREATE FUNCTION s.citext(boolean) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
    CREATE EXTENSION hstore SCHEMA public; INSERT INTO s.t VALUES (1, 1)";

#[test]
fn whatever_is_in_the_way_is_named_before_anything_is_made() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE kinds");
    sql(&server, "kinds", KINDS);
    repo.json(["backup", "-d", &server.dsn("kinds")]);
    let dsn = server.dsn("used");
    let restore = || Said::of(&mut repo.restore(["latest", "-q", "-d", &dsn, "--json"]));
    for (before, statement, label) in IN_THE_WAY {
        server.ask("CREATE DATABASE used");
        // The schemas and an extension as an administrator makes them are in nobody's way.
        sql(&server, "used", &format!("CREATE SCHEMA s; CREATE EXTENSION hstore SCHEMA public; {before}"));
        sql(&server, "used", statement);
        let state = "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_depend), (SELECT count(*) FROM pg_roles)";
        let was = sql(&server, "used", state);
        let said = restore();
        let error = said.document()["error"].as_str().unwrap_or_else(|| panic!("{statement}: {said:?}")).to_owned();
        let named = error.strip_prefix("the target database used already contains objects of the restore: ");
        let named: Vec<&str> = named.unwrap_or_else(|| panic!("{statement}: {said:?}")).split(", ").collect();
        assert!(named.join(", ").contains(label) && said.code == 7, "{statement}: {said:?}");
        assert!(named.len() <= 2, "{statement}: {said:?}");
        assert_eq!(sql(&server, "used", state), was, "{statement}");
        sql(&server, "used", "DROP SUBSCRIPTION IF EXISTS sub");
        server.ask("DROP DATABASE used");
    }

    // What is like it and another is in nobody's way.
    server.ask("CREATE DATABASE used");
    sql(
        &server,
        "used",
        "CREATE SCHEMA s; CREATE EXTENSION hstore SCHEMA public; CREATE SCHEMA other; CREATE TABLE other.t (i int); CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE OPERATOR s.=== (leftarg = text, rightarg = text, function = texteq); CREATE OPERATOR FAMILY s.fam USING hash; CREATE CAST (money AS int8) WITH INOUT;
         CREATE TYPE s._t AS ENUM ('x')",
    );
    let said = restore();
    assert_eq!((said.code, &said.document()["proven"]), (0, &Value::Bool(true)), "{said:?}");
}
