//! What code of ordinary roles leaves in a session of pgkeep's, or holds beside it, keeps nothing of others from coming back.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// Every place of a definition whose code runs in a restore calls `hs.leave()`. The other role's tables need lends, stages and names.
const MADE: &str = "
    CREATE SCHEMA app AUTHORIZATION v; CREATE SCHEMA hs AUTHORIZATION h; GRANT USAGE ON SCHEMA app TO h; SET ROLE h;
    CREATE FUNCTION hs.leave() RETURNS int LANGUAGE plpgsql AS $$ BEGIN LEFT; RETURN 1; END $$;
    CREATE FUNCTION hs.g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM hs.leave(); RETURN 1; END $$;
    CREATE FUNCTION hs.f(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM hs.leave(); RETURN true; END $$;
    CREATE TABLE hs.t (id int PRIMARY KEY, x int, y int GENERATED ALWAYS AS (hs.g(1)) STORED); INSERT INTO hs.t (id, x) SELECT g, g FROM generate_series(1, 2) g;
    CREATE INDEX ON hs.t ((hs.g(2) + id)) WHERE hs.g(3) = 1; ALTER TABLE hs.t ADD CHECK (hs.f(x)); CREATE MATERIALIZED VIEW hs.mv AS SELECT hs.g(5);
    CREATE TABLE hs.p (id int, v int) PARTITION BY RANGE ((hs.g(5) + id)); CREATE TABLE hs.p1 PARTITION OF hs.p FOR VALUES FROM (1) TO (100); INSERT INTO hs.p VALUES (3, 3);
    SET ROLE v; CREATE FUNCTION app.ok(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
    CREATE DOMAIN app.d AS int CHECK (app.ok(VALUE)); CREATE TYPE app.r AS RANGE (SUBTYPE = app.d);
    CREATE TABLE app.t (id app.d PRIMARY KEY, r app.r, secret text); INSERT INTO app.t SELECT g, app.r(g, g + 1), 'x' || g FROM generate_series(1, 100) g;
    CREATE TABLE app.u (id int PRIMARY KEY, a app.r, b app.r, c int CHECK (app.ok(c))); INSERT INTO app.u SELECT g, app.r(1, g), app.r(2, g + 5), g FROM generate_series(1, 50) g;
    GRANT REFERENCES ON app.t TO h; SET ROLE h; ALTER TABLE hs.t ADD COLUMN of app.d REFERENCES app.t; SET ROLE v; REVOKE REFERENCES ON app.t FROM h";

const LOCK: &str = "PERFORM pg_advisory_lock(1886086770, 0)";
const PREPARED: &str = "FOR i IN 0..2000 LOOP BEGIN EXECUTE 'PREPARE s' || i || ' AS SELECT 1'; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP";
const TEMPORARY: &str = "FOR i IN 0..9 LOOP BEGIN EXECUTE 'EXPLAIN ANALYZE CREATE TEMP TABLE pgkeep_range_' || i || ' AS SELECT 1'; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP";

struct Trial {
    server: Server,
    repo: Repo,
}

impl Trial {
    fn start(major: u32, left: &str) -> Trial {
        let server = Server::start(major, ClusterOptions::default());
        for sql in
            ["CREATE ROLE v LOGIN", "CREATE ROLE h LOGIN", "CREATE DATABASE whole", "CREATE DATABASE part OWNER h"]
        {
            server.ask(sql);
        }
        psql(&server.binaries, &server.dsn("whole"), &MADE.replace("LEFT", left)).unwrap();
        Trial { server, repo: Repo::new() }
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = self.repo.command(["--restore-key".as_ref(), self.repo.restore_key().as_os_str()]);
        let pg_dump = self.server.binaries.command("pg_dump");
        command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
        Said::of(command.args(args).arg("--json"))
    }

    fn split(&self) -> Said {
        let (from, to) = (self.server.dsn("whole"), self.server.dsn("part"));
        self.run(&["split", "--schemas", "app,hs", "--from", &from, "--to", &to])
    }

    /// In a session of the hostile role's, for a minute.
    fn h_holds(&self, database: &str, sql: &str) -> Child {
        let mut holder = self.server.binaries.command("psql");
        let sql = format!("SET application_name = 'holder'; {sql}; SELECT pg_sleep(60)");
        holder.args(["-X", "-q", "-d", &self.server.dsn_as("h", database), "-c", &sql]);
        let child = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let there =
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'holder' AND wait_event = 'PgSleep'";
        self.server.wait_for(there, "t");
        child
    }
}

#[test]
fn what_code_leaves_in_a_session_keeps_nothing_of_others_from_coming_back() {
    for major in [15, 18] {
        for left in [LOCK, PREPARED, TEMPORARY] {
            let trial = Trial::start(major, left);
            let dsn = trial.server.dsn("whole");
            let said = trial.run(&["backup", "-d", &dsn]);
            assert_eq!(said.code, 0, "{major} {left}: {said:?}");
            let said = trial.run(&["restore", "latest", "--create", "-d", &trial.server.dsn("copy")]);
            assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major} {left}: {said:?}");
            let said = trial.split();
            assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major} {left}: {said:?}");
        }
    }
}

/// Whoever may connect can take any advisory lock, and the owner of a database keeps locks of its catalogs by ANALYZE.
#[test]
fn no_lock_that_anybody_can_take_stops_a_split() {
    for major in [15, 18] {
        let trial = Trial::start(major, "NULL");
        let mut holder = trial.h_holds("part", "ANALYZE; SELECT pg_advisory_lock(1886086770, 0)");
        let began = Instant::now();
        let said = trial.split();
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        assert!(began.elapsed() < Duration::from_secs(50), "{major}: {:?}", began.elapsed());
        holder.kill().unwrap();
        holder.wait().unwrap();
    }
}

/// Privileges of parameters are the server's, and their commands fire no event trigger.
#[test]
fn with_the_rights_of_all_ordinary_roles_nobody_gets_a_parameter() {
    for major in [15, 18] {
        // What its owner may not do runs again with the rights of all ordinary roles.
        let grant = "PERFORM secret FROM app.t; EXECUTE 'GRANT SET ON PARAMETER log_statement TO h'";
        let trial = Trial::start(major, "NULL");
        let parameters = "SELECT coalesce(string_agg(parname || paracl::text, ','), '') FROM pg_parameter_acl";
        trial.server.ask("GRANT SET ON PARAMETER log_statement TO v WITH GRANT OPTION");
        let leave = format!(
            "CREATE OR REPLACE FUNCTION hs.leave() RETURNS int LANGUAGE plpgsql AS $$ BEGIN {grant}; RETURN 1; END $$"
        );
        psql(&trial.server.binaries, &trial.server.dsn_as("h", "whole"), &leave).unwrap();
        let before = trial.server.ask(parameters);
        for args in [&["--plan"][..], &[]] {
            let (from, to) = (trial.server.dsn("whole"), trial.server.dsn("part"));
            trial.run(&[&["split", "--schemas", "app,hs", "--from", &from, "--to", &to], args].concat());
            assert_eq!(trial.server.ask(parameters), before, "{major} {args:?}");
        }
    }
}
