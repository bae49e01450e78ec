//! Values that a new database would refuse: a plan names them, and a run ends before anybody is refused a write.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

struct Ends {
    server: Server,
}

impl Ends {
    fn of(sql: &str) -> Self {
        let server = Server::start(15, ClusterOptions::default());
        server.ask("CREATE DATABASE shop");
        psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
        Self { server }
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    fn split(&self, args: &[&str]) -> Said {
        let (from, to) = (self.server.dsn("shop"), self.server.dsn("place"));
        let run = ["--schemas", "m", "--leave", "*", "--from", &from, "--to", &to];
        Said::of(pgkeep().args(["split", "--json", "--quiet"]).args(args).args(run))
    }

    /// A run with this plan's blockers, which leaves no fence and no database.
    #[track_caller]
    fn blocked(&self) -> Value {
        let said = self.split(&[]);
        assert_eq!(said.code, 3, "{said:?}");
        assert_eq!(self.sql("shop", "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgkeep_split'"), "0");
        assert_eq!(self.server.ask("SELECT count(*) FROM pg_database WHERE datname = 'place'"), "0");
        said.document()
    }
}

/// `name: reason` of a kind.
fn told(plan: &Value, severity: &str, kind: &str) -> Vec<String> {
    let findings = plan[severity].as_array().unwrap().iter().filter(|finding| finding["kind"] == kind);
    findings.map(|f| format!("{}: {}", f["name"].as_str().unwrap(), f["reason"].as_str().unwrap())).collect()
}

const NAMES: &str = r#"CREATE SCHEMA m; CREATE SCHEMA stays; CREATE TABLE stays.t (); CREATE FUNCTION stays.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TYPE stays.mood AS ENUM ('low'); CREATE TYPE m.mine AS ENUM ('high'); CREATE ROLE "some ""body"""; CREATE EXTENSION hstore SCHEMA m;
    CREATE TABLE m.a (id int PRIMARY KEY); CREATE VIEW m.v AS SELECT 1; CREATE SEQUENCE m.s; CREATE FUNCTION m.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE DOMAIN m.rel AS regclass;
    CREATE TABLE m.names (id int PRIMARY KEY, r regclass, d m.rel, l regclass[], t regtype, p regprocedure, o regrole, n regnamespace);
    INSERT INTO m.names VALUES (1, 'm.a', 'm.v', '{m.s,pg_class}', 'm.mine', 'm.f(int)', '"some ""body"""', 'm'),
        (2, 'pg_class', 4294967, NULL, 'm.a', 'lower(text)', 'postgres', 'pg_catalog'), (3, 0, NULL, '{}', 'm.hstore', 'm.akeys(m.hstore)', NULL, NULL),
        (4, NULL, NULL, NULL, 'm.mine[]', NULL, NULL, NULL);"#;

#[test]
fn values_that_name_what_does_not_move_block_a_plan_and_those_that_do_move() {
    let ends = Ends::of(NAMES);
    let plan = ends.split(&["--plan"]);
    assert_eq!((plan.code, told(&plan.document(), "blockers", "name_values")), (0, Vec::new()), "{plan:?}");
    // The server says the same.
    let moved = ends.split(&[]);
    assert_eq!((moved.code, &moved.document()["proven"]), (0, &true.into()), "{moved:?}");
    assert_eq!(ends.split(&["rollback"]).code, 2, "--schemas is no argument of a rollback");
    let (from, to) = (ends.server.dsn("shop"), ends.server.dsn("place"));
    assert_eq!(Said::of(pgkeep().args(["split", "rollback", "--from", &from, "--to", &to])).code, 0);
    ends.server.ask("DROP DATABASE place");

    ends.sql("shop", "INSERT INTO m.names VALUES (5, 'stays.t', 'stays.t', '{m.a,m.a_pkey}', 'stays.mood', 'stays.f(int)', NULL, 'stays')");
    let plan = ends.split(&["--plan"]);
    assert_eq!(plan.code, 3, "{plan:?}");
    let blockers = told(&plan.document(), "blockers", "name_values");
    let expected = [
        ("d", "stays.t"),
        ("l", "m.a_pkey"),
        ("n", "stays"),
        ("p", "stays.f(integer)"),
        ("r", "stays.t"),
        ("t", "stays.mood"),
    ];
    assert_eq!(blockers.len(), expected.len(), "{blockers:?}");
    for (blocker, (column, value)) in blockers.iter().zip(expected) {
        assert!(
            blocker.starts_with(&format!("m.names.{column}: ")) && blocker.ends_with(&format!(": {value}")),
            "{blocker}"
        );
    }
    assert_eq!(told(&ends.blocked(), "blockers", "name_values"), blockers);
}

const CHECKS: &str = "CREATE ROLE app; CREATE SCHEMA m; GRANT ALL ON SCHEMA m TO app;
    CREATE FUNCTION m.ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
    CREATE DOMAIN m.pos AS int CHECK (m.ok(value));
    CREATE TABLE m.c (id int PRIMARY KEY, v int CONSTRAINT ok CHECK (m.ok(v)), w int CHECK (w > 0), d date CONSTRAINT young CHECK (d >= current_date));
    CREATE TABLE m.d (id int, \"the v\" m.pos); CREATE TABLE m.loose (v int); ALTER TABLE m.loose ADD CONSTRAINT later CHECK (m.ok(v)) NOT VALID;
    INSERT INTO m.c VALUES (1, 1, 1, NULL), (2, 5, 1, current_date), (3, NULL, 1, NULL); INSERT INTO m.d VALUES (1, 1), (2, 7); INSERT INTO m.loose VALUES (9);
    CREATE FUNCTION m.theirs(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE LOG ''theirs''; RETURN $1 > 0; END'; ALTER FUNCTION m.theirs(int) OWNER TO app;
    CREATE TABLE m.theirs (v int CONSTRAINT theirs CHECK (m.theirs(v))); ALTER TABLE m.theirs OWNER TO app; INSERT INTO m.theirs VALUES (3);";

#[test]
fn rows_that_are_against_their_own_checks_block_a_plan_and_a_run_before_the_fence() {
    let ends = Ends::of(CHECKS);
    let plan = ends.split(&["--plan"]);
    assert_eq!((plan.code, told(&plan.document(), "blockers", "checked_rows")), (0, Vec::new()), "{plan:?}");
    // Code of an ordinary role is not run by a superuser's plan, which says so.
    let left = told(&plan.document(), "warnings", "checked_rows");
    assert!(left.len() == 1 && left[0].starts_with("m.theirs (theirs): "), "{left:?}");

    ends.sql("shop", "CREATE OR REPLACE FUNCTION m.ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 3'");
    let plan = ends.split(&["--plan"]);
    let blockers = told(&plan.document(), "blockers", "checked_rows");
    assert_eq!((plan.code, blockers.len()), (3, 2), "{plan:?}");
    assert!(blockers[0].starts_with("m.c (ok): 1 row violates this check"), "{blockers:?}");
    assert!(blockers[1].starts_with("m.d.the v (pos_check): 1 row violates this check"), "{blockers:?}");
    assert_eq!(told(&ends.blocked(), "blockers", "checked_rows"), blockers);
    ends.sql("shop", "DELETE FROM m.c WHERE v < 4; DELETE FROM m.d WHERE \"the v\" < 4");
    // The run looks at what the plan left: as the table's owner.
    ends.sql("shop", "CREATE OR REPLACE FUNCTION m.theirs(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 3'");
    assert_eq!(ends.split(&["--plan"]).code, 0);
    let blockers = told(&ends.blocked(), "blockers", "checked_rows");
    assert!(blockers.len() == 1 && blockers[0].starts_with("m.theirs (theirs): 1 row"), "{blockers:?}");
    ends.sql("shop", "UPDATE m.theirs SET v = 4");
    let moved = ends.split(&[]);
    assert_eq!((moved.code, &moved.document()["proven"]), (0, &true.into()), "{moved:?}");
}
