//! Code of ordinary roles in definitions. PostgreSQL runs it while it makes some of them: what is constant is computed, literals are checked.
//! Each function tries every way to more rights, and leaves behind what might have them later: a cursor that is held, a trigger on a table
//! that is loaded next, types under the names of the server's own, settings.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said, base, pgkeep};
use crate::postgres::{Server, psql};

/// What tries. `RAISE LOG` is what no rollback takes back.
const CODE: &str = r"
    CREATE FUNCTION core.ran(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'ran: % as %.', what, current_user; RETURN true; END $$;
    CREATE FUNCTION core.evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM core.ran('trigger'); RETURN NEW; END $$;
    CREATE TABLE core.victim (id int, t text);
    CREATE DOMAIN core.later AS int;
    CREATE TABLE core.waiting (l core.later, ls core.later[]);
    CREATE FUNCTION core.climb(what text) RETURNS bool LANGUAGE plpgsql AS $$
        DECLARE way text; BEGIN
            FOREACH way IN ARRAY ARRAY['RESET ROLE', 'SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION',
                'SELECT set_config(''role'', ''none'', false)', 'COPY (SELECT 1) TO PROGRAM ''touch {mark}''', 'ALTER ROLE mal SUPERUSER',
                'DO ''BEGIN EXECUTE ''''DROP EVENT TRIGGER '''' || (SELECT evtname FROM pg_catalog.pg_event_trigger LIMIT 1); END''',
                'SELECT nextval(''pg_temp.pgkeep_permits'')', 'SELECT setval(''pg_temp.pgkeep_permits'', 0)'] LOOP
                BEGIN EXECUTE way; RAISE LOG 'ran: % by % as %.', what, way, CASE WHEN way ~ '^(SET|RESET|SELECT set_config)' THEN current_user::text ELSE 'somebody else' END; EXCEPTION WHEN OTHERS THEN NULL; END;
            END LOOP;
            FOREACH way IN ARRAY ARRAY['CREATE TRIGGER evil BEFORE INSERT ON core.victim FOR EACH ROW EXECUTE FUNCTION core.evil()',
                'ALTER TABLE core.victim ADD CONSTRAINT evil CHECK (core.ran(''check of a table that is loaded later''))', 'ALTER DOMAIN core.later ADD CONSTRAINT evil CHECK (core.ran(''domain that is used later''))',
                'CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (core.ran(''shadow''))', 'CREATE TYPE pg_temp.uuid AS (a int)',
                'CREATE OR REPLACE FUNCTION pg_temp.pgkeep_act() RETURNS void LANGUAGE plpgsql AS ''BEGIN PERFORM core.ran(''''act''''); END''',
                'ALTER FUNCTION pg_temp.pgkeep_act() SECURITY INVOKER', 'CREATE RULE evil AS ON INSERT TO core.victim DO INSTEAD SELECT core.ran(''rule'')'] LOOP
                BEGIN EXECUTE way; EXCEPTION WHEN OTHERS THEN NULL; END;
            END LOOP;
            BEGIN EXECUTE 'DECLARE held_' || pg_catalog.substr(pg_catalog.md5(what), 1, 8) || ' CURSOR WITH HOLD FOR SELECT core.ran(''cursor'')';
            EXCEPTION WHEN OTHERS THEN NULL; END;
            RAISE LOG 'ran: % as %.', what, current_user;
            SET search_path = core, pg_catalog; SET standard_conforming_strings = off; SET check_function_bodies = on;
            SET transform_null_equals = on; SET row_security = on; SET lock_timeout = 1; SET statement_timeout = 60000;
            RETURN true;
        END $$;
    CREATE FUNCTION core.number(what text, i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb(what); RETURN i; END $$;
    CREATE FUNCTION core.equal(a text, b text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN core.ran('operator'); END $$;
    CREATE OPERATOR core.= (LEFTARG = text, RIGHTARG = text, FUNCTION = core.equal);
    CREATE DOMAIN core.checked AS int CHECK (core.climb('domain'));
    CREATE DOMAIN core.quiet AS int CHECK (current_user = 'mal' OR query_to_xml('SELECT core.climb(''text that a function of the server runs'')', true, true, '') IS NOT NULL);
    CREATE TYPE core.pair AS (a core.checked, b int);
    CREATE TYPE core.span AS RANGE (SUBTYPE = core.checked, MULTIRANGE_TYPE_NAME = core.spans)";

/// Each a definition, and what of it runs when the definition alone is made.
const DEFINITIONS: &[&str] = &[
    "CREATE TABLE core.d01 (id int, g int GENERATED ALWAYS AS (core.number('generated column', 7)) STORED)",
    "CREATE TABLE core.d02 (id int) PARTITION BY LIST ((id + core.number('partition key', 7)));
     CREATE TABLE core.d02a PARTITION OF core.d02 FOR VALUES IN (8)",
    "CREATE TABLE core.d03 (id int, EXCLUDE USING btree ((id + core.number('exclusion', 7)) WITH =))",
    "CREATE TABLE core.d04 (id int); CREATE STATISTICS core.d04s ON id, (id + core.number('statistics', 7)) FROM core.d04",
    "CREATE TABLE core.d05 (id int, a core.checked[] DEFAULT '{1}'::core.checked[], p core.pair DEFAULT '(1,2)'::core.pair, s core.span DEFAULT '[1,2)'::core.span, m core.spans)",
    "CREATE VIEW core.d06 AS SELECT '{1}'::core.checked[] AS a",
    "CREATE TABLE core.d07 (id int); CREATE POLICY p ON core.d07 USING ('{1}'::core.checked[] IS NOT NULL); ALTER TABLE core.d07 ENABLE ROW LEVEL SECURITY",
    "CREATE TABLE core.d08 (id int); CREATE RULE r AS ON UPDATE TO core.d08 WHERE '{1}'::core.checked[] IS NULL DO INSTEAD NOTHING",
    "CREATE TABLE core.d09 (id int); CREATE TRIGGER t AFTER DELETE ON core.d09 FOR EACH ROW WHEN ('{1}'::core.checked[] IS NOT NULL) EXECUTE FUNCTION core.evil()",
    "CREATE TABLE core.d10 (a core.checked[]) PARTITION BY LIST (a); CREATE TABLE core.d10a PARTITION OF core.d10 FOR VALUES IN ('{1}')",
    "CREATE FUNCTION core.step(core.checked[], int) RETURNS core.checked[] LANGUAGE sql AS 'SELECT $1'; CREATE AGGREGATE core.d11 (int) (SFUNC = core.step, STYPE = core.checked[], INITCOND = '{1}')",
    "CREATE FUNCTION core.d12(a core.checked[] DEFAULT '{1}'::core.checked[]) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION core.d13() RETURNS core.checked[] LANGUAGE sql BEGIN ATOMIC SELECT '{1}'::core.checked[]; SELECT '{2}'::core.checked[]; END",
    "CREATE TABLE core.d14 (id int); CREATE INDEX d14i ON core.d14 (id) WHERE ('{1}'::core.checked[] IS NOT NULL) AND id > core.number('index', 0)",
    "CREATE TABLE core.d15 (q core.quiet, qs core.quiet[] DEFAULT '{1}'::core.quiet[], CHECK (core.climb('check')))",
    "CREATE DOMAIN core.d16 AS core.checked[] DEFAULT '{1}'::core.checked[] CHECK (VALUE <> '{2}'::core.checked[])",
    "CREATE MATERIALIZED VIEW core.d17 AS SELECT core.ran('materialized view')",
    "CREATE TYPE core.near AS ENUM ('a');
     CREATE FUNCTION core.far(core.near) RETURNS \"char\" IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb('cast'); RETURN 'a'; END $$;
     CREATE CAST (core.near AS \"char\") WITH FUNCTION core.far(core.near) AS IMPLICIT;
     CREATE TABLE core.d18 (id \"char\" PRIMARY KEY); CREATE TABLE core.d18b (id core.near REFERENCES core.d18); INSERT INTO core.d18 VALUES ('a'); INSERT INTO core.d18b VALUES ('a')",
    "CREATE TABLE core.d19 (id int CHECK (current_user = 'mal' OR query_to_xml('SELECT core.climb(''check of the server'')', true, true, '') IS NOT NULL))",
    "CREATE TABLE core.rt (a core.checked); CREATE TABLE core.d20 (id int, d core.rt DEFAULT '(1)'::core.rt); CREATE INDEX ON core.d20 (id) WHERE '(1)'::core.rt IS NOT NULL;
     CREATE VIEW core.d20v AS SELECT '(1)'::core.rt AS x; CREATE VIEW core.d20w AS SELECT 1 AS i, '{1}'::core.checked[] AS a; CREATE TABLE core.d20t (v core.d20w DEFAULT '(1,{1})'::core.d20w)",
    "CREATE DOMAIN c.t AS int; CREATE FUNCTION core.d21(language c.t) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb('argument called language'); RETURN 7; END $$;
     CREATE TABLE core.d21t (id int, g int GENERATED ALWAYS AS (core.d21(7)) STORED)",
    "CREATE TABLE core.d22 (id int, a core.quiet) PARTITION BY LIST (a); CREATE TABLE core.d22a PARTITION OF core.d22 FOR VALUES IN (NULL)",
    "CREATE TABLE core.d23 (id int); CREATE DOMAIN core.d23d AS core.d23 CHECK (current_user = 'mal' OR query_to_xml('SELECT core.climb(''check of a row by a domain'')', true, true, '') IS NOT NULL);
     ALTER TABLE core.d23 ADD CHECK (((d23.*)::core.d23d) IS NOT NULL)",
    "CREATE DOMAIN core.d24d AS int; ALTER DOMAIN core.d24d ADD CONSTRAINT k CHECK (core.climb('check that is not valid')) NOT VALID; CREATE TABLE core.d24 (id int);
     INSERT INTO core.d24 VALUES (1); CREATE MATERIALIZED VIEW core.d24m AS SELECT id FROM core.d24; CREATE INDEX ON core.d24m (id) WHERE '{1}'::core.d24d[] IS NOT NULL",
    "CREATE TABLE core.d25q (id int PRIMARY KEY); INSERT INTO core.d25q VALUES (1); CREATE TABLE core.d25 (id int REFERENCES core.d25q) PARTITION BY LIST ((id + core.number('partition key again', 7)));
     CREATE TABLE core.d25a PARTITION OF core.d25 FOR VALUES IN (8); CREATE INDEX ON core.d25 (id); CREATE TRIGGER t AFTER DELETE ON core.d25 FOR EACH ROW EXECUTE FUNCTION core.evil()",
    "CREATE TABLE core.d26 (id int REFERENCES core.d25q, CHECK (core.number('constant check', 7) > 0)) PARTITION BY LIST (id); CREATE TABLE core.d26a PARTITION OF core.d26 (CHECK (core.number('check of a partition', 7) > 0)) FOR VALUES IN (1)",
    "CREATE TYPE core.kind AS ENUM ('a'); CREATE FUNCTION core.spelled(core.kind) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb('cast to text'); RETURN 'a'; END $$;
     CREATE CAST (core.kind AS text) WITH FUNCTION core.spelled(core.kind); CREATE TABLE core.d27 (e core.kind CHECK ((e || 'x'::text) <> 'zz'), f core.kind CHECK (quote_literal(f) <> 'zz'))",
    "CREATE FUNCTION core.apart(int, int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN BEGIN EXECUTE 'CREATE INDEX evil_index ON core.victim (id)'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN 1.0; END $$;
     CREATE TYPE core.stretch AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = core.apart); CREATE TABLE core.d28 (s core.stretch) WITH (autovacuum_enabled = off)",
    "CREATE FUNCTION core.denies(what text, i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb(what);
         IF current_user = 'mal' AND current_database() <> 'whole' THEN RAISE insufficient_privilege; END IF; RETURN i; END $$;
     CREATE TABLE core.d30 (identity int[], g int GENERATED ALWAYS AS (identity[core.denies('column called identity', 1)]) STORED)",
    "CREATE TABLE core.a31 (id int) PARTITION BY HASH ((id + core.number('key of a table that is only named', 7)));
     CREATE TABLE core.d31 (id int PRIMARY KEY CHECK (satisfies_hash_partition(('{core.a31}'::regclass[])[1], 1, 0, id)), t text);
     CREATE TABLE core.d31g (id int, g bool GENERATED ALWAYS AS (satisfies_hash_partition(('{core.a31}'::regclass[])[1], 1, 0, 1)) STORED);
     CREATE INDEX ON core.d31 (id) WHERE satisfies_hash_partition(('{core.a31}'::regclass[])[1], 1, 0, id)",
    "CREATE TABLE core.d32 (id int) PARTITION BY RANGE (id); CREATE TABLE core.d32a PARTITION OF core.d32 FOR VALUES FROM (0) TO (1000) PARTITION BY LIST ((id * 0 + core.number('key of a part', 7)));
     CREATE TABLE core.d32b PARTITION OF core.d32a FOR VALUES IN (7); INSERT INTO core.d32 VALUES (1); ALTER TABLE core.d32 ADD FOREIGN KEY (id) REFERENCES core.d25q",
    "CREATE TABLE core.d33 (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE core.d33a PARTITION OF core.d33 FOR VALUES FROM (0) TO (1000); INSERT INTO core.d33 VALUES (1);
     CREATE TABLE core.d33k (id int REFERENCES core.d33); INSERT INTO core.d33k VALUES (1); CREATE INDEX ON core.d33a (id) WHERE core.number('index of a partition', 7) > 0",
];

/// Beyond those, from 17 on.
const OF_17: &str = "CREATE DOMAIN core.of_json AS int CHECK (core.denies('domain that JSON is made into', 7) > 0);
    CREATE TABLE core.d34 (j jsonb, g bool GENERATED ALWAYS AS (JSON_VALUE(j, '$' RETURNING core.of_json) IS NOT NULL) STORED); INSERT INTO core.d34 (j) VALUES ('1')";

/// Beyond those, from 16 on.
const OF_16: &str = "CREATE FUNCTION core.as_json(core.kind) RETURNS json IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb('cast to json'); RETURN '1'; END $$;
    CREATE CAST (core.kind AS json) WITH FUNCTION core.as_json(core.kind); CREATE TABLE core.d29 (e core.kind CHECK (JSON_ARRAY(e) IS NOT NULL)); INSERT INTO core.d29 VALUES ('a');
    CREATE TABLE core.d29g (e core.kind, g text GENERATED ALWAYS AS (JSON_ARRAY(e RETURNING text)) STORED); INSERT INTO core.d29g (e) VALUES ('a')";

const ROWS: &str = "
    INSERT INTO core.victim SELECT g, 'x' FROM generate_series(1, 10) g; INSERT INTO core.waiting VALUES (1, '{1}');
    INSERT INTO core.d01 VALUES (1), (2); INSERT INTO core.d02 VALUES (1); INSERT INTO core.d03 VALUES (1), (2); INSERT INTO core.d04 VALUES (1);
    INSERT INTO core.d05 (id, m) VALUES (1, '{[1,2),[5,6)}'), (2, NULL); INSERT INTO core.d07 VALUES (1); INSERT INTO core.d08 VALUES (1); INSERT INTO core.d09 VALUES (1);
    INSERT INTO core.d10 VALUES ('{1}'); INSERT INTO core.d14 VALUES (1); INSERT INTO core.d15 VALUES (1, '{1,2}'); INSERT INTO core.d19 VALUES (1);
    INSERT INTO core.d20 (id) VALUES (1); INSERT INTO core.d21t VALUES (1); INSERT INTO core.d22 VALUES (1, NULL); INSERT INTO core.d23 VALUES (1); INSERT INTO core.d25 VALUES (1); INSERT INTO core.d26 VALUES (1);
    INSERT INTO core.d27 VALUES ('a', 'a'); INSERT INTO core.d30 (identity) VALUES ('{1}'); INSERT INTO core.d31 (id) VALUES (1); INSERT INTO core.d31g (id) VALUES (1); INSERT INTO core.d28 SELECT core.stretch(g, g + 5) FROM generate_series(1, 100) g";

/// What a superuser of any server here could make.
fn mark() -> PathBuf {
    base().join(format!("pgkeep-climbed-{}", std::process::id()))
}

const CLEAN: &str = "DROP TRIGGER IF EXISTS evil ON core.victim; DROP RULE IF EXISTS evil ON core.victim; DROP INDEX IF EXISTS core.evil_index;
    ALTER TABLE core.victim DROP CONSTRAINT IF EXISTS evil; ALTER DOMAIN core.later DROP CONSTRAINT IF EXISTS evil";

struct Log<'a> {
    server: &'a Server,
    read: usize,
}

impl Log<'_> {
    /// What has run since the last call; fails where anything of it ran as another than an ordinary role.
    #[track_caller]
    fn only_mal(&mut self, verb: &str) -> BTreeSet<String> {
        let log = std::fs::read_to_string(self.server.cluster.log_path()).unwrap();
        let lines = log[self.read..].lines();
        let ran = lines.filter_map(|line| line.split_once("ran: ")?.1.strip_suffix('.')?.rsplit_once(" as "));
        let ran: Vec<(String, String)> = ran.map(|(what, whom)| (what.to_owned(), whom.to_owned())).collect();
        self.read = log.len();
        // The latter is what code that says it lacks a privilege is run as: never a superuser.
        let ordinary = ["mal", "pgkeep_all_ordinary"];
        let strangers: BTreeSet<_> = ran.iter().filter(|(_, whom)| !ordinary.contains(&whom.as_str())).collect();
        assert!(strangers.is_empty(), "{verb}: code of an ordinary role ran as {strangers:?}");
        assert_eq!(self.server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'"), "f", "{verb}");
        assert!(!mark().exists(), "{verb}: a program was run");
        let left = self.server.ask("SELECT count(*) FROM pg_event_trigger");
        assert_eq!(left, "0", "{verb}");
        ran.into_iter().map(|(what, _)| what).collect()
    }
}

#[track_caller]
fn sql(server: &Server, user: &str, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn_as(user, database), sql).unwrap()
}

fn split(server: &Server, to: &str, args: &[&str]) -> Said {
    let mut command = pgkeep();
    let bin = server.binaries.command("pg_dump");
    command.env("PGKEEP_PG_BIN", std::path::Path::new(bin.get_program()).parent().unwrap());
    command.args(["split", "--json"]).args(args);
    Said::of(command.args(["--from", &server.dsn("whole"), "--to", to]))
}

/// All rows of the schema. Whoever plans to read a table runs code of its indexes: COPY plans nothing.
fn rows(server: &Server, database: &str) -> String {
    let superuser = server.ask("SELECT current_user");
    let tables = "SELECT relname FROM pg_class WHERE relnamespace = 'core'::regnamespace AND relkind = 'r' ORDER BY 1";
    let copied = |table: &str| {
        let rows = sql(server, &superuser, database, &format!("COPY core.{table} TO STDOUT"));
        let mut rows: Vec<&str> = rows.lines().collect();
        rows.sort_unstable();
        format!("{table}\n{}\n", rows.join("\n"))
    };
    sql(server, &superuser, database, tables).lines().map(copied).collect()
}

/// The source, whose schema is mal's or only lent to it.
fn source(major: u32, schema: &str) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE DATABASE whole");
    let superuser = server.ask("SELECT current_user");
    sql(&server, &superuser, "whole", schema);
    sql(&server, "mal", "whole", &CODE.replace("{mark}", mark().to_str().unwrap()));
    for definition in DEFINITIONS {
        sql(&server, "mal", "whole", definition);
    }
    if major >= 16 {
        sql(&server, "mal", "whole", OF_16);
    }
    if major >= 17 {
        sql(&server, "mal", "whole", OF_17);
    }
    // What the application itself has left there is not what is tried.
    sql(&server, "mal", "whole", CLEAN);
    sql(&server, "mal", "whole", ROWS);
    sql(&server, "mal", "whole", CLEAN);
    // The owner of a database sets what its sessions begin with.
    server.ask("ALTER DATABASE whole SET constraint_exclusion = on");
    server
}

/// What must have run: otherwise nothing was tried.
const IN_DEFINITIONS: [&str; 5] = ["domain", "exclusion", "generated column", "index", "partition key"];
const IN_LOADS: [&str; 6] = ["cast", "cast to text", "check", "check of a partition", "domain", "partition key again"];

#[track_caller]
fn tried(ran: &BTreeSet<String>, expected: &[&str]) {
    let missing: Vec<&&str> = expected.iter().filter(|what| !ran.contains(**what)).collect();
    assert!(missing.is_empty(), "{missing:?} did not run; {ran:?} did");
}

fn every_verb(major: u32, schema: &str) {
    let server = source(major, schema);
    let before = rows(&server, "whole");
    let mut log = Log { server: &server, read: 0 };
    log.only_mal("made");

    // A plan, on this server and on one that does not have the role.
    let said = split(&server, &server.dsn("part"), &["--plan", "--schemas", "core,c"]);
    assert_eq!((said.code, said.document()["blockers"].to_string()), (0, "[]".into()));
    tried(&log.only_mal("plan"), &IN_DEFINITIONS);
    let other = Server::start(major, ClusterOptions::default());
    let said = split(&server, &other.dsn("part"), &["--plan", "--schemas", "core,c"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("definitions that may call functions of their owners were not tried"), "{said:?}");
    let mut elsewhere = Log { server: &other, read: 0 };
    let log_of_other = std::fs::read_to_string(other.cluster.log_path()).unwrap();
    assert!(!log_of_other.contains("ran: "), "{log_of_other}");

    let said = split(&server, &server.dsn("part"), &["--schemas", "core,c"]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{said:?}");
    let ran = log.only_mal("split");
    tried(&ran, &IN_DEFINITIONS);
    tried(&ran, &IN_LOADS);
    let said = split(&server, &server.dsn("part"), &["rollback"]);
    assert_eq!(said.code, 0, "{said:?}");
    log.only_mal("rollback");
    assert_eq!(rows(&server, "whole"), before);

    let repo = Repo::new();
    let bin = server.binaries.command("pg_dump");
    let bin = std::path::Path::new(bin.get_program()).parent().unwrap();
    repo.json(["backup", "--pg-bin", bin.to_str().unwrap(), "--dbname", &server.dsn("whole")]);
    log.only_mal("backup");
    let report = repo.restored(["latest", "--create", "--dbname", &server.dsn("again")]);
    assert_eq!(report["proven"], true, "{report}");
    let ran = log.only_mal("restore");
    tried(&ran, &IN_DEFINITIONS);
    tried(&ran, &IN_LOADS);
    assert_eq!(rows(&server, "again"), before);
    assert_eq!(sql(&server, "mal", "again", "SELECT pg_catalog.to_regclass('core.evil_index') IS NULL"), "t");
    // What is there is what was backed up, and no more.
    let compared = repo.json(["verify", "latest", "--against", &server.dsn("again")]);
    assert_eq!(compared["ok"], true, "{compared}");
    log.only_mal("verify --against");
    // Where the role is made.
    let report = repo.restored(["latest", "--create", "--dbname", &other.dsn("again")]);
    assert_eq!(report["proven"], true, "{report}");
    tried(&elsewhere.only_mal("restore elsewhere"), &IN_DEFINITIONS);

    // On private servers, whose superuser could run programs here.
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str(), "drill".as_ref()]);
    let drilled = Said::of(drill.arg("--pg-bin").arg(bin));
    assert_eq!(drilled.code, 0, "{drilled:?}");
    log.only_mal("drill");
    let said = split(&server, &server.dsn("rehearsed"), &["--rehearse", "--schemas", "core,c"]);
    assert_eq!(said.code, 0, "{said:?}");
    log.only_mal("rehearsal");
}

#[test]
fn code_in_definitions_has_its_owners_rights_and_no_more_15() {
    every_verb(15, "CREATE SCHEMA core AUTHORIZATION mal; CREATE SCHEMA c AUTHORIZATION mal");
}

/// The schema is another's, as `public` is, and grants come last in a restore.
#[test]
fn code_in_definitions_has_its_owners_rights_and_no_more_18() {
    every_verb(18, "CREATE SCHEMA core; GRANT USAGE, CREATE ON SCHEMA core TO mal; CREATE SCHEMA c AUTHORIZATION mal");
}

/// The query of a materialized view is read before the server fires for the command: its code might define something in its place.
#[test]
fn what_code_defines_in_the_place_of_a_definition_is_undone_with_it() {
    let server = source(15, "CREATE SCHEMA core AUTHORIZATION mal; CREATE SCHEMA c AUTHORIZATION mal");
    sql(&server, "mal", "whole", "CREATE MATERIALIZED VIEW core.greedy AS SELECT '{1}'::core.checked[] AS a");
    sql(&server, "mal", "whole", CLEAN);
    let mut log = Log { server: &server, read: 0 };
    let repo = Repo::new();
    repo.json(["backup", "--dbname", &server.dsn("whole")]);
    log.only_mal("backup");
    let said = Said::of(&mut repo.restore(["latest", "--json", "--create", "--dbname", &server.dsn("again")]));
    assert_eq!(said.code, 8, "{said:?}");
    let failures = said.document()["failures"].as_array().unwrap().clone();
    let entries: Vec<&str> = failures.iter().map(|failure| failure["entry"].as_str().unwrap()).collect();
    assert_eq!(entries, ["MATERIALIZED VIEW core.greedy"], "{said:?}");
    assert_eq!(said.document()["skipped"][0], "REFRESH MATERIALIZED VIEW core.greedy", "{said:?}");
    log.only_mal("restore");
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'evil'";
    assert_eq!(sql(&server, "mal", "again", triggers), "0");
    assert_eq!(sql(&server, "mal", "again", "SELECT count(*) FROM core.victim"), "10");
}

/// The owner of a database sets the path on which its sessions find types and operators.
#[test]
fn a_path_on_which_everything_is_somebodys_means_nothing_to_us() {
    let server = Server::start(16, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE DATABASE whole");
    let superuser = server.ask("SELECT current_user");
    server.ask("CREATE ROLE runner IN ROLE pg_execute_server_program");
    let made = "CREATE SCHEMA core AUTHORIZATION mal; CREATE SCHEMA run AUTHORIZATION runner";
    sql(&server, &superuser, "whole", made);
    let code = format!(
        "CREATE FUNCTION core.ran(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'ran: % as %.', what, current_user;
            BEGIN COPY (SELECT 1) TO PROGRAM 'touch {}'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN true; END $$;
         CREATE FUNCTION core.same(a oid, b oid) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM core.ran('='); RETURN pg_catalog.oideq(a, b); END $$;
         CREATE OPERATOR core.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = core.same);
         CREATE FUNCTION core.more(a int8, b int4) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN core.ran('>'); END $$;
         CREATE OPERATOR core.> (LEFTARG = int8, RIGHTARG = int4, FUNCTION = core.more);
         CREATE DOMAIN core.name AS pg_catalog.name CHECK (core.ran('name')); CREATE TABLE core.helper (x int);
         CREATE FUNCTION core.apart(int, int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM * FROM helper; RETURN 1.0; END $$;
         CREATE TYPE core.r AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = core.apart); CREATE TABLE core.t (id int PRIMARY KEY, r core.r);
         SET search_path = pg_catalog, core; CREATE INDEX ON core.t USING gist (r) WHERE '{{abc}}'::name[] IS NOT NULL;
         INSERT INTO core.t SELECT g, core.r(g, g + 5) FROM generate_series(1, 1000) g; CREATE DOMAIN core.text AS pg_catalog.text",
        mark().display()
    );
    sql(&server, "mal", "whole", &code);
    server.ask("ALTER DATABASE whole SET search_path = core, pg_catalog");
    let mut log = Log { server: &server, read: 0 };
    log.only_mal("made");
    let repo = Repo::new();
    let bin = server.binaries.command("pg_dump");
    let bin = std::path::Path::new(bin.get_program()).parent().unwrap();
    repo.json(["backup", "--pg-bin", bin.to_str().unwrap(), "--dbname", &server.dsn("whole")]);
    log.only_mal("backup");
    let report = repo.restored(["latest", "--create", "--search-path-fix", "--dbname", &server.dsn("again")]);
    assert_eq!(report["proven"], true, "{report}");
    log.only_mal("restore");
    let questions = mark().with_extension("sql");
    std::fs::write(
        &questions,
        "SELECT count(*) > 0 FROM core.t;\nSELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user;",
    )
    .unwrap();
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str(), "drill".as_ref()]);
    let drilled = Said::of(drill.arg("--pg-bin").arg(bin).arg("--assert").arg(&questions));
    std::fs::remove_file(&questions).unwrap();
    assert_eq!(drilled.code, 0, "{drilled:?}");
    log.only_mal("drill");
}
