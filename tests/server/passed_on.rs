//! Privileges that their holders gave to others, and who may not find the object any more.

use std::path::Path;

use pgkeep::pg::cluster::ClusterOptions;

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// Every kind of object in a schema that has privileges. The middle one has lost USAGE, the last one never had any.
const MADE: &str = r#"
    CREATE ROLE "mid'dle ""one"; CREATE ROLE last; CREATE ROLE reader; CREATE ROLE app;
    CREATE SCHEMA "s \ 'x" AUTHORIZATION app; SET search_path = "s \ 'x"; SET ROLE app;
    CREATE TABLE t (id int PRIMARY KEY, n text); INSERT INTO t VALUES (1, 'x'); CREATE VIEW v AS SELECT * FROM t; CREATE SEQUENCE q; CREATE TYPE e AS ENUM ('a');
    CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1'; REVOKE ALL ON FUNCTION f(int) FROM PUBLIC; CREATE TABLE plain (id int);
    GRANT USAGE ON SCHEMA "s \ 'x" TO "mid'dle ""one", last;
    GRANT ALL ON t, v, plain TO "mid'dle ""one" WITH GRANT OPTION; GRANT ALL ON SEQUENCE q TO "mid'dle ""one" WITH GRANT OPTION;
    GRANT USAGE ON TYPE e TO "mid'dle ""one" WITH GRANT OPTION; GRANT EXECUTE ON FUNCTION f(int) TO "mid'dle ""one" WITH GRANT OPTION;
    SET ROLE "mid'dle ""one";
    GRANT SELECT ON t, v TO last WITH GRANT OPTION; GRANT UPDATE (n) ON t TO reader; GRANT USAGE ON SEQUENCE q TO reader;
    GRANT USAGE ON TYPE e TO reader; GRANT EXECUTE ON FUNCTION f(int) TO last WITH GRANT OPTION; GRANT INSERT ON plain TO reader;
    SET ROLE last; GRANT SELECT ON t, v TO reader; GRANT EXECUTE ON FUNCTION f(int) TO reader;
    SET ROLE app; REVOKE USAGE ON SCHEMA "s \ 'x" FROM "mid'dle ""one", last; GRANT USAGE ON SCHEMA "s \ 'x" TO reader"#;

/// Who gave what to whom.
const GIVEN: &str = "SELECT string_agg(what, E'\\n' ORDER BY what) FROM (
    SELECT c.relname || coalesce('.' || x.attname, '') || ' ' || (x.a)::text AS what FROM pg_class c CROSS JOIN LATERAL (
        SELECT NULL AS attname, a FROM aclexplode(c.relacl) a UNION ALL SELECT t.attname, a FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) x
        WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 's \\ ''x')
    UNION ALL SELECT proname || a::text FROM pg_proc, aclexplode(proacl) a WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 's \\ ''x')
    UNION ALL SELECT typname || a::text FROM pg_type, aclexplode(typacl) a WHERE typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 's \\ ''x')
    UNION ALL SELECT nspname || a::text FROM pg_namespace, aclexplode(nspacl) a WHERE nspname LIKE 's %') x";

#[test]
fn what_was_passed_on_comes_back_from_a_role_that_cannot_find_it_any_more() {
    for major in [14, 15, 18] {
        let server = Server::start(major, ClusterOptions::default());
        let repo = Repo::new();
        server.ask("CREATE DATABASE app");
        let ask = |database: &str, sql: &str| psql(&server.binaries, &server.dsn(database), sql).unwrap();
        ask("app", MADE);
        let given = ask("app", GIVEN);
        assert!(given.lines().count() > 30, "{major}: {given}");
        let defined = definitions(&server, "app", &[]);
        let run = |args: &[&str]| {
            let mut command = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
            let pg_dump = server.binaries.command("pg_dump");
            command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
            let said = Said::of(command.args(args).arg("--json"));
            assert_eq!(said.code, 0, "{major}: {args:?}: {said:?}");
            said.document()
        };
        let (from, to) = (server.dsn("app"), server.dsn("part"));
        run(&["backup", "-d", &from]);
        assert_eq!(run(&["restore", "latest", "--create", "-d", &server.dsn("copy")])["proven"], true);
        assert_equal("privileges", &given, &ask("copy", GIVEN));
        assert_equal("definitions", &defined, &definitions(&server, "copy", &[]));
        run(&["drill", "latest"]);
        let said = run(&["split", "--schemas", "\"s \\ 'x\"", "--from", &from, "--to", &to]);
        assert_eq!(said["proven"], true, "{major}: {said}");
        assert_equal("privileges after the split", &given, &ask("part", GIVEN));
        // `finish` takes everybody's USAGE of the old schema, and a backup of that must be one.
        run(&["split", "finish", "--yes", "--from", &from, "--to", &to]);
        run(&["backup", "-d", &from]);
        run(&["drill", "latest:app"]);
    }
}
