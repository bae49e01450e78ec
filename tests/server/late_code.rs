//! What code of an ordinary role finds while a restore is under way: no door open that is shut in the source, and nothing that it could change
//! unseen.

use std::fs;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, folder};
use crate::postgres::{Server, psql};

struct Place {
    server: Server,
    repo: Repo,
}

impl Place {
    fn started(major: u32) -> Place {
        let server = Server::start(major, ClusterOptions::default());
        for sql in [
            "CREATE ROLE mal LOGIN",
            "CREATE ROLE victim LOGIN",
            "CREATE DATABASE whole",
            "CREATE DATABASE theirs OWNER victim",
        ] {
            server.ask(sql);
        }
        let place = Place { server, repo: Repo::new() };
        place.sql("postgres", "GRANT CREATE ON DATABASE whole TO mal, victim");
        place.sql("mal", "CREATE SCHEMA mal");
        // It waits until somebody else restores.
        place.sql(
            "mal",
            "CREATE FUNCTION mal.at_a_restore(sql text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN IF session_user <> 'mal' THEN EXECUTE sql; END IF; RETURN true; END $$",
        );
        place
    }

    #[track_caller]
    fn sql(&self, role: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn_as(role, "whole"), sql).unwrap()
    }

    #[track_caller]
    fn restored(&self) -> (Said, Value) {
        self.repo.json(["backup", "--pg-bin", self.bin(), "-d", &self.server.dsn("whole")]);
        let dsn = self.server.dsn("again");
        let said = Said::of(&mut self.repo.restore(["latest", "--create", "--json", "-q", "-d", &dsn]));
        let report = said.document();
        (said, report)
    }

    fn bin(&self) -> &str {
        self.server.binaries.bin_dir.to_str().unwrap()
    }

    #[track_caller]
    fn assert_mal_has_no_more(&self, what: &str) {
        assert_eq!(self.server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'"), "f", "{what}");
    }
}

/// Two tables with each other's row type, so that the check is one of its own, which comes after the rows.
fn check_of_its_own(condition: &str) -> String {
    format!(
        "CREATE TABLE mal.t1 (id int); CREATE TABLE mal.t2 (id int, x mal.t1); INSERT INTO mal.t1 VALUES (1), (2);
         ALTER TABLE mal.t1 ADD CONSTRAINT c CHECK ((NULL::mal.t2) IS NULL AND {condition})"
    )
}

#[test]
fn a_check_that_runs_text_by_the_servers_own_functions_runs_it_as_its_owner() {
    for major in [15, 18] {
        let place = Place::started(major);
        let text = "query_to_xml($$SELECT mal.at_a_restore('ALTER ROLE mal SUPERUSER')$$, true, true, '') IS NOT NULL";
        place.sql("mal", &check_of_its_own(text));
        let (said, _) = place.restored();
        assert_eq!(said.code, 8, "{major}: {said:?}");
        assert!(said.stdout.contains("permission denied") || said.stdout.contains("must be superuser"), "{said:?}");
        place.assert_mal_has_no_more("a check");
    }
}

#[test]
fn what_is_closed_to_everybody_is_closed_while_code_runs() {
    for major in [15, 18] {
        let place = Place::started(major);
        place.sql(
            "postgres",
            "CREATE FUNCTION public.admin_run(sql text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS 'BEGIN EXECUTE sql; END';
             REVOKE ALL ON FUNCTION public.admin_run(text) FROM PUBLIC;
             CREATE SCHEMA admin; CREATE FUNCTION admin.run(sql text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS 'BEGIN EXECUTE sql; END';
             CREATE EXTENSION IF NOT EXISTS citext SCHEMA public",
        );
        let call = |function: &str| format!("mal.at_a_restore($$SELECT {function}('ALTER ROLE mal SUPERUSER')$$)");
        // It says that it lacks a privilege, and gets those of all ordinary roles.
        let denies = "BEGIN IF session_user = 'mal' THEN RETURN true; END IF; IF current_user = 'mal' THEN RAISE insufficient_privilege; END IF; PERFORM admin.run('ALTER ROLE mal SUPERUSER'); RETURN true; END";
        place.sql(
            "mal",
            &format!(
                "CREATE TABLE mal.a (id int CHECK ({})); INSERT INTO mal.a VALUES (1);
                 CREATE FUNCTION mal.denies() RETURNS bool LANGUAGE plpgsql AS $$ {denies} $$; CREATE TABLE mal.b (id int CHECK (mal.denies())); INSERT INTO mal.b VALUES (1)",
                call("public.admin_run"),
            ),
        );
        let (said, _) = place.restored();
        assert_eq!(said.code, 8, "{major}: {said:?}");
        for refused in ["permission denied for function admin_run", "permission denied for schema admin"] {
            assert!(said.stdout.contains(refused), "{major}: {said:?}");
        }
        place.assert_mal_has_no_more("functions that are closed");
        let again = |sql: &str| psql(&place.server.binaries, &place.server.dsn("again"), sql).unwrap();
        let grants =
            "SELECT string_agg(proname || proacl::text, ' ' ORDER BY 1) FROM pg_proc WHERE proname = 'admin_run'";
        assert_eq!(again(grants), place.sql("postgres", grants));
    }
}

#[test]
fn a_proof_comes_after_the_last_code_of_users() {
    for major in [15, 18] {
        let place = Place::started(major);
        place.sql("victim", "CREATE SCHEMA vic; CREATE TABLE vic.t (id int PRIMARY KEY, note text); INSERT INTO vic.t SELECT g, 'true' FROM generate_series(1, 5) g");
        // By grants that it has: the table hides other rows from it.
        place.sql(
            "postgres",
            "CREATE SCHEMA sec; CREATE TABLE sec.t (who name, v text); INSERT INTO sec.t VALUES ('mal', 'own'), ('victim', 'other'); GRANT USAGE ON SCHEMA sec TO mal;
             GRANT SELECT, UPDATE ON sec.t TO mal; ALTER TABLE sec.t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON sec.t USING (who = current_user)",
        );
        let late = "BEGIN IF session_user = 'mal' THEN RETURN true; END IF;
            BEGIN UPDATE sec.t SET v = 'forged' WHERE who <> 'mal'; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
            IF current_user = 'mal' THEN RAISE insufficient_privilege; END IF; UPDATE vic.t SET note = 'forged'; DELETE FROM vic.t WHERE id = 5; RETURN true; END";
        place.sql("mal", &format!("CREATE FUNCTION mal.late() RETURNS bool LANGUAGE plpgsql AS $$ {late} $$"));
        place.sql("mal", &check_of_its_own("mal.late()"));
        let (said, report) = place.restored();
        assert_eq!((said.code, &report["proven"]), (3, &json!(false)), "{major}: {said:?}");
        let differs: Vec<&str> = report["mismatches"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|m| m["relation"].as_str().or(m["table"].as_str()))
            .collect();
        assert!(report["mismatches"].to_string().contains("vic"), "{differs:?}: {report}");
    }
}

/// However a materialized view's query comes to it, none is refreshed after the proof.
#[test]
fn a_proof_comes_after_a_refresh_that_calls_code_of_users() {
    let change = "BEGIN IF session_user <> 'mal' THEN UPDATE mal.own SET v = 'forged'; END IF; RETURN true; END";
    let counting = format!(
        "CREATE FUNCTION mal.counting(int, int) RETURNS int LANGUAGE plpgsql AS $$ {} $$;",
        change.replace("true", "1")
    );
    let routes = [
        ("a function", String::new(), "SELECT mal.change()"),
        ("a view", "CREATE VIEW mal.v AS SELECT mal.change() AS x;".into(), "SELECT x FROM mal.v"),
        ("an operator", counting.clone() + "CREATE OPERATOR mal.## (LEFTARG = int, RIGHTARG = int, FUNCTION = mal.counting);", "SELECT id OPERATOR(mal.##) 1 FROM mal.src"),
        ("an aggregate", counting + "CREATE AGGREGATE mal.all_of(int) (SFUNC = mal.counting, STYPE = int, INITCOND = '0');", "SELECT mal.all_of(id) FROM mal.src"),
        ("a domain", "CREATE DOMAIN mal.checked AS int CHECK (VALUE IS NULL OR mal.change());".into(), "SELECT id::mal.checked FROM mal.src"),
        ("a policy", "CREATE POLICY p ON mal.src USING (mal.change()); ALTER TABLE mal.src ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;".into(), "SELECT id FROM mal.src"),
        ("a text", String::new(), "SELECT query_to_xml('SELECT mal.change()', true, true, '')::text"),
    ];
    let place = Place::started(15);
    for (what, more, query) in routes {
        place.sql(
            "mal",
            &format!(
                "CREATE TABLE mal.own (v text); INSERT INTO mal.own SELECT 'true' FROM generate_series(1, 9);
                 CREATE TABLE mal.src (id int); INSERT INTO mal.src VALUES (1), (2);
                 CREATE FUNCTION mal.change() RETURNS bool LANGUAGE plpgsql AS $$ {change} $$; {more}
                 CREATE MATERIALIZED VIEW mal.stored AS {query}"
            ),
        );
        let (said, report) = place.restored();
        assert_eq!((said.code, &report["proven"]), (3, &json!(false)), "{what}: {said:?}");
        assert!(report["mismatches"].to_string().contains("own"), "{what}: {report}");
        place.server.ask("DROP DATABASE again");
        let again = "DROP SCHEMA mal CASCADE; CREATE SCHEMA mal";
        place.sql("mal", again);
    }
}

#[test]
fn code_with_the_rights_of_others_changes_nothing_that_other_databases_have() {
    let place = Place::started(15);
    let shared = "GRANT ALL ON DATABASE theirs TO mal; ALTER DATABASE theirs SET search_path = mal, public; ALTER DATABASE theirs CONNECTION LIMIT 0";
    let code = format!(
        "BEGIN IF session_user = 'mal' THEN RETURN true; END IF; IF current_user = 'mal' THEN RAISE insufficient_privilege; END IF; EXECUTE '{shared}'; RETURN true; END"
    );
    place.sql("mal", &format!("CREATE FUNCTION mal.shares() RETURNS bool LANGUAGE plpgsql AS $$ {code} $$; CREATE TABLE mal.t (id int CHECK (mal.shares())); INSERT INTO mal.t VALUES (1)"));
    let theirs = "SELECT datname, datacl, datconnlimit, (SELECT setconfig FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) FROM pg_database d WHERE datname = 'theirs'";
    let before = place.server.ask(theirs);
    let (said, _) = place.restored();
    assert_eq!(said.code, 8, "{said:?}");
    assert!(said.stdout.contains("wants to change what other databases have as well"), "{said:?}");
    assert_eq!(place.server.ask(theirs), before);
}

/// An operator under a name of the server's own, on a path that the database's owner has set, or a function that an assertion calls.
#[test]
fn assertions_mean_the_servers_own_operators() {
    let place = Place::started(15);
    place.sql("victim", "CREATE SCHEMA vic; CREATE TABLE vic.t (id int); INSERT INTO vic.t VALUES (1)");
    place.sql(
        "mal",
        "CREATE FUNCTION mal.eq(bigint, int) RETURNS bool LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR mal.= (LEFTARG = bigint, RIGHTARG = int, FUNCTION = mal.eq);
         CREATE FUNCTION mal.sets() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'mal, pg_catalog', false); RETURN true; END $$",
    );
    let folder = folder();
    let asked = folder.path().join("assert.sql");
    fs::write(&asked, "-- sets\nSELECT mal.sets();\n-- counts\nSELECT count(*) = 5 FROM vic.t;\n").unwrap();
    for path in ["public", "mal, pg_catalog", "\"$user\", mal, \"pg_catalog\""] {
        place.server.ask(&format!("ALTER DATABASE whole SET search_path = {path}"));
        place.repo.json(["backup", "--pg-bin", place.bin(), "-d", &place.server.dsn("whole")]);
        let mut drill = place.repo.command(["drill", "--json", "--assert"]);
        let said = Said::of(drill.arg(&asked).arg("--restore-key").arg(place.repo.restore_key()));
        let report = said.document();
        let answers: Vec<&Value> =
            report["assertions"].as_array().unwrap().iter().map(|assertion| &assertion["ok"]).collect();
        assert_eq!((said.code, answers), (3, vec![&json!(true), &json!(false)]), "{path}: {report}");
    }
}
