//! Code of an ordinary role that owns the parent or the child of a loose key: in conditions of indexes, domains, casts, defaults, and in
//! what takes a table's place later. Emptying the parent, reaping and going back run it as that role, whatever it tries. Each function
//! writes into the server's log as whom it runs, which no rollback takes back.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// What tries, in every database.
const CANARY: &str = "
    CREATE SCHEMA IF NOT EXISTS tool; CREATE OR REPLACE FUNCTION tool.canary(what text) RETURNS bool LANGUAGE plpgsql AS $$
        DECLARE way text; BEGIN
            RAISE LOG 'ran: % as %.', what, current_user;
            FOREACH way IN ARRAY ARRAY['RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'ALTER ROLE mal SUPERUSER'] LOOP
                BEGIN EXECUTE way; EXCEPTION WHEN OTHERS THEN NULL; END;
            END LOOP;
            BEGIN
                IF session_user <> 'mal' THEN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT tool.canary(''cursor'')'; END IF;
            EXCEPTION WHEN OTHERS THEN NULL; END;
            SET search_path = tool, pg_catalog;
            RETURN true;
        END $$;
    CREATE OR REPLACE FUNCTION tool.fixed(what text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN tool.canary(what); END $$;
    CREATE OR REPLACE FUNCTION tool.equal(a text, b text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN tool.canary('operator'); END $$;
    DROP OPERATOR IF EXISTS tool.= (text, text);
    CREATE OPERATOR tool.= (LEFTARG = text, RIGHTARG = text, FUNCTION = tool.equal);";

/// The parent `par.p` and the child `kid.c`.
struct Case {
    name: &'static str,
    /// Which of them moves.
    moves: &'static str,
    before: &'static str,
    /// Where the parent is by then.
    after: &'static str,
    /// What code of mal has run, as mal.
    ran: &'static [&'static str],
    /// What `reap` says of the key, and what is left of the child: its rows' numbers.
    reaped: (&'static str, &'static str),
}

const PLAIN: &str = "CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1), (2), (3);
    CREATE TABLE kid.c (id int PRIMARY KEY, p int REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.c VALUES (1, 1), (2, 2), (3, NULL)";
const DEFAULTS: &str = "CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1), (2), (3);
    CREATE DOMAIN kid.dom AS int CHECK (tool.canary('default'));
    CREATE TABLE kid.c (id int PRIMARY KEY, p int DEFAULT ('{2}'::kid.dom[])[1] REFERENCES par.p ON DELETE SET DEFAULT, note kid.dom[] DEFAULT '{7}'::kid.dom[]);
    INSERT INTO kid.c VALUES (1, 1, NULL), (2, 2, NULL);
    ALTER TABLE kid.c ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY nobody ON kid.c USING (tool.canary('policy') AND false)";
const ARRAYS: &str = "CREATE DOMAIN par.dom AS int CHECK (tool.canary('key')); CREATE TABLE par.p (id par.dom[] PRIMARY KEY); INSERT INTO par.p VALUES ('{1}'), ('{2}');
    CREATE TABLE kid.c (id int PRIMARY KEY, p par.dom[] REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.c VALUES (1, '{1}'), (2, '{2}')";
const ROWS: &str = "CREATE DOMAIN par.dom AS int CHECK (tool.canary('key')); CREATE TYPE par.pair AS (a par.dom, b int);
    CREATE TABLE par.p (id par.pair PRIMARY KEY); INSERT INTO par.p VALUES ('(1,1)'), ('(2,2)');
    CREATE TABLE kid.c (id int PRIMARY KEY, p par.pair REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.c VALUES (1, '(1,1)'), (2, '(2,2)')";
const RANGES: &str = "CREATE DOMAIN par.dom AS int CHECK (tool.canary('key')); CREATE TYPE par.span AS RANGE (SUBTYPE = par.dom);
    CREATE TABLE par.p (id par.span PRIMARY KEY); INSERT INTO par.p VALUES ('[1,2)'), ('[2,3)');
    CREATE TABLE kid.c (id int PRIMARY KEY, p par.span REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.c VALUES (1, '[1,2)'), (2, '[2,3)')";
const FIRST: &str = "DELETE FROM par.p WHERE id = (SELECT p FROM par.p AS p(p) ORDER BY p LIMIT 1)";
const A_VIEW: &str = "DELETE FROM par.p WHERE id = 1; DROP TABLE par.p CASCADE;
    CREATE VIEW par.p AS SELECT 1 AS id FROM generate_series(1, 1) WHERE tool.canary('view')";
const OTHER_TYPES: &str = "DELETE FROM par.p WHERE id = 1; CREATE TYPE par.e AS ENUM ('1', '2', '3');
    CREATE FUNCTION par.e2i(par.e) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM tool.canary('cast'); RETURN $1::text::int; END $$;
    CREATE CAST (par.e AS int) WITH FUNCTION par.e2i(par.e); DROP TRIGGER pgkeep_loose_1_update ON par.p; DROP TRIGGER pgkeep_loose_1_delete ON par.p;
    ALTER TABLE par.p ALTER id TYPE par.e USING id::text::par.e";

const CASES: &[Case] = &[
    Case {
        name: "a parent with an index is emptied",
        moves: "par",
        before: PLAIN,
        after: "CREATE INDEX ON par.p (id) WHERE tool.fixed('predicate'); DELETE FROM par.p WHERE id = 3; TRUNCATE par.p",
        ran: &["predicate"],
        reaped: ("done", "3"),
    },
    Case {
        name: "a parent whose owner may not read it, and would not see its rows, is emptied",
        moves: "kid",
        before: PLAIN,
        after: "REVOKE ALL ON par.p FROM mal; GRANT TRUNCATE ON par.p TO mal; ALTER TABLE par.p ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            CREATE POLICY nobody ON par.p USING (tool.canary('policy') AND false); CREATE INDEX ON par.p (id) WHERE tool.fixed('predicate'); TRUNCATE par.p",
        ran: &["predicate"],
        reaped: ("done", "3"),
    },
    Case {
        name: "defaults of the child's own types, the parent moves",
        moves: "par",
        before: DEFAULTS,
        after: "DELETE FROM par.p WHERE id = 1",
        ran: &["default"],
        reaped: ("done", "1>2 2>2"),
    },
    Case {
        name: "defaults of the child's own types, the child moves",
        moves: "kid",
        before: DEFAULTS,
        after: "DELETE FROM par.p WHERE id = 1",
        ran: &["default"],
        reaped: ("done", "1>2 2>2"),
    },
    Case { name: "arrays, the parent moves", moves: "par", before: ARRAYS, after: FIRST, ran: &["key"], reaped: ("done", "2") },
    Case { name: "arrays, the child moves", moves: "kid", before: ARRAYS, after: FIRST, ran: &["key"], reaped: ("done", "2") },
    Case { name: "rows, the parent moves", moves: "par", before: ROWS, after: FIRST, ran: &["key"], reaped: ("done", "2") },
    Case { name: "rows, the child moves", moves: "kid", before: ROWS, after: FIRST, ran: &["key"], reaped: ("done", "2") },
    Case { name: "ranges, the parent moves", moves: "par", before: RANGES, after: FIRST, ran: &["key"], reaped: ("done", "2") },
    Case { name: "ranges, the child moves", moves: "kid", before: RANGES, after: FIRST, ran: &["key"], reaped: ("done", "2") },
    Case { name: "a view for a parent that moved", moves: "par", before: PLAIN, after: A_VIEW, ran: &[], reaped: ("its trigger is gone, or its table", "1 2 3") },
    Case { name: "a view for a parent that stayed", moves: "kid", before: PLAIN, after: A_VIEW, ran: &[], reaped: ("its trigger is gone, or its table", "1 2 3") },
    Case { name: "other types at a parent that moved", moves: "par", before: PLAIN, after: OTHER_TYPES, ran: &[], reaped: ("are others, or of other types, and are not read", "1 2 3") },
    Case { name: "other types at a parent that stayed", moves: "kid", before: PLAIN, after: OTHER_TYPES, ran: &[], reaped: ("are others, or of other types, and are not read", "1 2 3") },
];

struct Halves<'a> {
    server: &'a Server,
    name: String,
}

impl Halves<'_> {
    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    #[track_caller]
    fn as_mal(&self, database: &str, sql: &str) {
        psql(&self.server.binaries, &self.server.dsn_as("mal", database), sql).unwrap();
    }

    fn new_place(&self) -> String {
        format!("{}_new", self.name)
    }

    fn split(&self, args: &[&str]) -> Said {
        let programs: PathBuf =
            Path::new(self.server.binaries.command("pg_dump").get_program()).parent().unwrap().to_owned();
        let (from, to) = (self.server.dsn(&self.name), self.server.dsn(&self.new_place()));
        let mut command = pgkeep();
        command.env("PGKEEP_PG_BIN", programs).args(["split", "--json"]).args(args);
        Said::of(command.args(["--from", &from, "--to", &to]))
    }

    /// The child's rows, and to what they refer where that is a number that may be another one.
    fn child(&self, case: &Case, database: &str) -> String {
        let row = if case.before == DEFAULTS { "id || '>' || coalesce(p::text, '-')" } else { "id::text" };
        self.sql(database, &format!("SELECT string_agg({row}, ' ' ORDER BY id) FROM kid.c"))
    }
}

/// What has run since, each as whom.
fn ran(server: &Server, read: &mut usize) -> Vec<(String, String)> {
    let log = std::fs::read_to_string(server.cluster.log_path()).unwrap();
    let lines =
        log[*read..].lines().filter_map(|line| line.split_once("ran: ")?.1.split_once('.')?.0.split_once(" as "));
    let mut ran: Vec<_> = lines.map(|(what, whom)| (what.to_owned(), whom.to_owned())).collect();
    ran.sort();
    ran.dedup();
    *read = log.len();
    ran
}

fn cases_on(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    let (mut wrong, mut read) = (Vec::new(), 0);
    for (n, case) in CASES.iter().enumerate() {
        let halves = Halves { server: &server, name: format!("case_{n}") };
        wrong.extend(tried(&halves, case, &mut read).into_iter().map(|what| format!("{}: {what}", case.name)));
        server.ask("ALTER ROLE mal NOSUPERUSER");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not as it should be.
fn tried(halves: &Halves<'_>, case: &Case, read: &mut usize) -> Vec<String> {
    let server = halves.server;
    server.ask(&format!("CREATE DATABASE {}", halves.name));
    halves.sql(&halves.name, &format!("GRANT CREATE ON DATABASE {} TO mal", halves.name));
    halves.as_mal(&halves.name, &format!("{CANARY} CREATE SCHEMA par; CREATE SCHEMA kid; {}", case.before));
    let said = halves.split(&["--schemas", case.moves, "--boundary", "loose", "--leave", "*"]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{}: {said:?}", case.name);
    let (parent, child) = if case.moves == "par" {
        (halves.new_place(), halves.name.clone())
    } else {
        (halves.name.clone(), halves.new_place())
    };
    halves.sql(
        &halves.new_place(),
        &format!("GRANT CREATE ON DATABASE {} TO mal; SET ROLE mal; {CANARY}", halves.new_place()),
    );
    ran(server, read);

    let wrong = RefCell::new(Vec::new());
    let is = |what: String, expected: String| {
        if what != expected {
            wrong.borrow_mut().push(format!("{what} instead of {expected}"));
        }
    };
    let as_mal = |verb: &str, expected: &[&str], read: &mut usize| {
        let mut all = ran(server, read);
        let strangers: Vec<_> = all.iter().filter(|(_, whom)| whom != "mal").cloned().collect();
        is(format!("{verb} by others {strangers:?}"), format!("{verb} by others []"));
        all.retain(|(_, whom)| whom == "mal");
        let what: Vec<&str> = all.iter().map(|(what, _)| what.as_str()).filter(|what| *what != "cursor").collect();
        is(format!("{verb} {what:?}"), format!("{verb} {expected:?}"));
        is(server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'"), "f".to_owned());
    };
    halves.as_mal(&parent, case.after);
    if case.after.contains("TRUNCATE") {
        as_mal("TRUNCATE", case.ran, read);
    } else {
        ran(server, read);
    }
    let said = halves.split(&["reap"]);
    let key = &said.document()["keys"][0];
    let told = if key["progress"] == "done" { "done" } else { key["unwatched"].as_str().unwrap_or_default() };
    as_mal("reap", case.ran, read);
    is(format!("{} {:?}", told.contains(case.reaped.0), told), format!("true {told:?}"));
    is(halves.child(case, &child), case.reaped.1.to_owned());
    let is_reaped = case.reaped.0 == "done";
    is(said.code.to_string(), if is_reaped { "0" } else { "3" }.to_owned());
    if is_reaped {
        is(key["refused"].to_string(), Value::Array(Vec::new()).to_string());
    }

    if case.after.contains("TRUNCATE") {
        // The key that comes back is checked as another role.
        halves.sql(&parent, "DROP INDEX par.p_id_idx");
    }
    let said = halves.split(&["rollback", "--discard"]);
    // What the reaper did to a child that stayed stays done, and one that comes back is told what has happened.
    is(halves.child(case, &halves.name), case.reaped.1.to_owned());
    let back = if case.moves == "kid" && !case.after.contains("TRUNCATE") { case.ran } else { &[] };
    as_mal(&format!("rollback {}", said.code), back, read);
    wrong.take()
}

#[test]
fn code_at_either_end_of_a_loose_key_has_its_owners_rights_and_no_more_15() {
    cases_on(15);
}

#[test]
fn code_at_either_end_of_a_loose_key_has_its_owners_rights_and_no_more_18() {
    cases_on(18);
}
