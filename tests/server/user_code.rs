//! Code of ordinary roles: checks, domains, generated columns, partition keys, indexes, statistics, views, triggers, casts. Whoever moves,
//! restores or reaps is a superuser, and none of it runs as one. Each function writes into the server's log as whom it runs, which no
//! rollback takes back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::judge::rows;
use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

const MAKE: &str = "
    CREATE FUNCTION core.ran(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'ran: % as %.', what, current_user; RETURN true; END $$;
    CREATE FUNCTION core.same(what text, i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM core.ran(what); RETURN i; END $$;
    CREATE TABLE core.checked (id int CHECK (core.ran('check')));
    CREATE DOMAIN core.number AS int CHECK (core.ran('domain'));
    CREATE TABLE core.typed (id core.number);
    CREATE TABLE core.made (id int, twice int GENERATED ALWAYS AS (core.same('generated column', id)) STORED);
    CREATE TABLE core.parts (id int) PARTITION BY LIST (core.same('partition key', id));
    CREATE TABLE core.part PARTITION OF core.parts FOR VALUES IN (1, 2, 3);
    CREATE TABLE core.looped (id int);
    CREATE FUNCTION core.of_row(core.looped) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN core.ran('check of a row'); END $$;
    ALTER TABLE core.looped ADD CHECK (core.of_row(looped));
    CREATE TABLE core.indexed (id int);
    CREATE INDEX ON core.indexed (core.same('index', id)) WHERE core.same('predicate', id) > 0;
    CREATE STATISTICS core.known ON id, core.same('statistics', id) FROM core.indexed;
    CREATE FUNCTION core.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM core.ran('trigger'); RETURN coalesce(NEW, OLD); END $$;
    CREATE TRIGGER note BEFORE INSERT OR UPDATE OR DELETE ON core.indexed FOR EACH ROW EXECUTE FUNCTION core.note();
    ALTER TABLE core.indexed ENABLE ALWAYS TRIGGER note;
    INSERT INTO core.checked VALUES (1), (2); INSERT INTO core.typed VALUES (1), (2); INSERT INTO core.made VALUES (1), (2);
    INSERT INTO core.parts VALUES (1), (2); INSERT INTO core.looped VALUES (1), (2); INSERT INTO core.indexed VALUES (1), (2);
    CREATE MATERIALIZED VIEW core.seen AS SELECT core.ran('materialized view') FROM core.indexed";

/// What runs when all of it is copied.
const COPIED: [&str; 9] = [
    "check",
    "check of a row",
    "domain",
    "generated column",
    "index",
    "materialized view",
    "partition key",
    "predicate",
    "statistics",
];

struct Log<'a> {
    server: &'a Server,
    read: usize,
}

impl Log<'_> {
    /// What has run since the last call, and as whom.
    fn ran(&mut self) -> BTreeSet<(String, String)> {
        let log = std::fs::read_to_string(self.server.cluster.log_path()).unwrap();
        let ran = log[self.read..]
            .lines()
            .filter_map(|line| line.split_once("ran: ")?.1.strip_suffix('.')?.split_once(" as "));
        let ran = ran.map(|(what, whom)| (what.to_owned(), whom.to_owned())).collect();
        self.read = log.len();
        ran
    }

    /// Only mal was it, and what ran is this.
    #[track_caller]
    fn only_mal(&mut self, verb: &str, expected: &[&str]) {
        let ran = self.ran();
        let strangers: Vec<_> = ran.iter().filter(|(_, whom)| whom != "mal").collect();
        assert!(strangers.is_empty(), "{verb}: code of an ordinary role ran as {strangers:?}");
        let what: Vec<&str> = ran.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(what, expected, "{verb}");
    }
}

#[track_caller]
fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// The pg_dump that knows the server.
fn programs(server: &Server) -> PathBuf {
    Path::new(server.binaries.command("pg_dump").get_program()).parent().unwrap().to_owned()
}

#[track_caller]
fn as_mal(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn_as("mal", database), sql).unwrap()
}

fn split(server: &Server, args: &[&str]) -> Said {
    let (from, to) = (server.dsn("whole"), server.dsn("part"));
    let mut command = pgkeep();
    command.env("PGKEEP_PG_BIN", programs(server)).args(["split", "--json"]).args(args);
    Said::of(command.args(["--from", &from, "--to", &to]))
}

#[test]
fn what_is_moved_and_restored_runs_as_its_owner() {
    let server = Server::start(17, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE DATABASE whole");
    sql(&server, "whole", "CREATE SCHEMA core AUTHORIZATION mal");
    as_mal(&server, "whole", MAKE);
    let before = rows(&server, "whole", None);
    let mut log = Log { server: &server, read: 0 };
    assert!(log.ran().contains(&("trigger".to_owned(), "mal".to_owned())));

    let said = split(&server, &["--plan", "--schemas", "core"]);
    assert_eq!(said.code, 0, "{said:?}");
    log.only_mal("plan", &[]);
    let warned = said.document()["warnings"].to_string();
    assert!(!warned.contains("code of ordinary roles"), "it runs as its owner: {warned}");

    let said = split(&server, &["--schemas", "core"]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{said:?}");
    assert!(!said.stdout.contains("code of ordinary roles"), "{said:?}");
    log.only_mal("split", &COPIED);
    let said = split(&server, &["rollback"]);
    assert_eq!(said.code, 0, "{said:?}");
    log.only_mal("rollback", &[]);
    assert_eq!(rows(&server, "whole", None), before);

    let repo = Repo::new();
    let bin = programs(&server);
    repo.json(["backup", "--pg-bin", bin.to_str().unwrap(), "--dbname", &server.dsn("whole")]);
    log.only_mal("backup", &[]);
    let report = repo.restored(["latest", "--create", "--dbname", &server.dsn("again")]);
    assert_eq!(report["proven"], true, "{report}");
    let warnings = report["warnings"].to_string();
    assert!(!warnings.contains("code of ordinary roles"), "{report}");
    log.only_mal("restore", &COPIED);
    assert_eq!(rows(&server, "again", None), before);

    // Whoever restores is to own everything: then it is the restorer's code, too.
    let report = repo.restored(["latest", "--create", "--no-owner", "--dbname", &server.dsn("mine")]);
    assert_eq!(report["proven"], true, "{report}");
    assert!(log.ran().iter().all(|(_, whom)| whom != "mal"));
    assert!(!report["warnings"].to_string().contains("core.ran(text)"), "{report}");
}

#[test]
fn code_of_an_owner_that_needs_grants_runs_as_its_owner_all_the_same() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE DATABASE whole");
    // Grants come last in a restore, and with them the right to use the schema.
    sql(
        &server,
        "whole",
        "CREATE SCHEMA core; GRANT ALL ON SCHEMA core TO mal; CREATE TABLE core.plain (id int); INSERT INTO core.plain VALUES (1)",
    );
    // As PostgreSQL restores it: an index is built as the table's owner, who could not build one that needs the schema.
    let made = as_mal(&server, "whole", MAKE.split_once("CREATE TABLE core.indexed").unwrap().0);
    assert_eq!(made, "");
    as_mal(
        &server,
        "whole",
        "INSERT INTO core.checked VALUES (1), (2); INSERT INTO core.typed VALUES (1); INSERT INTO core.looped VALUES (1)",
    );
    let before = rows(&server, "whole", None);
    let repo = Repo::new();
    repo.json(["backup", "--dbname", &server.dsn("whole")]);
    let mut log = Log { server: &server, read: 0 };
    log.ran();
    let report = repo.restored(["latest", "--create", "--dbname", &server.dsn("again")]);
    log.only_mal("restore", &["check", "check of a row", "domain"]);
    assert_eq!(report["proven"], true, "{report}");
    assert_eq!(rows(&server, "again", None), before);
    let warnings = report["warnings"].to_string();
    assert!(!warnings.contains("code of ordinary roles"), "{report}");
    let grants = "SELECT array_agg(acl::text ORDER BY acl::text) FROM (SELECT unnest(nspacl) acl FROM pg_namespace WHERE nspname = 'core') a";
    assert_eq!(sql(&server, "again", grants), sql(&server, "whole", grants));
}

/// What applications have, where an owner alone may less than what it takes: because grants come last, because others have granted it, or
/// because a superuser made it so. Each is a schema of its own.
const LACKING: &[(&str, &str)] = &[
    (
        "a function that is inlined names another schema",
        "CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO PUBLIC; CREATE FUNCTION ext.plain(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
         CREATE SCHEMA a2 AUTHORIZATION app; SET ROLE app; CREATE FUNCTION a2.f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ext.plain($1)';
         CREATE TABLE a2.u (n text, s text GENERATED ALWAYS AS (lower(a2.f(n))) STORED); INSERT INTO a2.u VALUES ('X')",
    ),
    (
        "a key to a table of another, which was made by a superuser",
        "CREATE SCHEMA a3; CREATE TABLE a3.c (id int PRIMARY KEY); INSERT INTO a3.c VALUES (1); CREATE TABLE a3.o (c int REFERENCES a3.c); INSERT INTO a3.o VALUES (1);
         CREATE FUNCTION a3.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'; CREATE INDEX ON a3.c (a3.f(id)); CREATE TABLE a3.p (id int REFERENCES a3.c) PARTITION BY LIST (a3.f(id));
         CREATE TABLE a3.p1 PARTITION OF a3.p DEFAULT; INSERT INTO a3.p VALUES (1); ALTER TABLE a3.c OWNER TO lib; ALTER TABLE a3.o OWNER TO app; ALTER TABLE a3.p OWNER TO app; ALTER TABLE a3.p1 OWNER TO lib; ALTER FUNCTION a3.f OWNER TO app",
    ),
    (
        "a table that inherits from another's",
        "CREATE SCHEMA a5 AUTHORIZATION app; CREATE FUNCTION a5.f(int) RETURNS int LANGUAGE sql AS 'SELECT $1'; ALTER FUNCTION a5.f OWNER TO app; CREATE TABLE a5.p (a int CHECK (a5.f(a) > 0)); ALTER TABLE a5.p OWNER TO lib;
         CREATE TABLE a5.c (d int DEFAULT a5.f(1)) INHERITS (a5.p); ALTER TABLE a5.c OWNER TO app; INSERT INTO a5.c VALUES (1, 2)",
    ),
    (
        "types of a schema that its owner may not use",
        "CREATE SCHEMA a6l AUTHORIZATION lib; CREATE SCHEMA a6 AUTHORIZATION app; SET ROLE lib; CREATE FUNCTION a6l.ok(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 > 0; END';
         CREATE DOMAIN a6l.d AS int CHECK (a6l.ok(VALUE)); CREATE TYPE a6l.c AS (d a6l.d, t text); RESET ROLE; CREATE TABLE a6.t (c a6l.c, x a6l.d[]); ALTER TABLE a6.t OWNER TO app;
         SET ROLE app; INSERT INTO a6.t VALUES ('(5,x)', '{1}')",
    ),
    (
        "a check that reads a table with policies",
        "CREATE SCHEMA a7 AUTHORIZATION app; SET ROLE app; CREATE TABLE a7.lk (k int PRIMARY KEY); INSERT INTO a7.lk VALUES (1); ALTER TABLE a7.lk ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
         CREATE POLICY p ON a7.lk USING (true); CREATE FUNCTION a7.has(int) RETURNS bool STABLE LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT FROM a7.lk WHERE k = $1); END';
         CREATE TABLE a7.t (k int CHECK (a7.has(k)), b text); INSERT INTO a7.t SELECT 1, repeat('x', 300) FROM generate_series(1, 20000)",
    ),
    (
        "rows without a column that is written",
        "CREATE SCHEMA a8 AUTHORIZATION app; SET ROLE app; CREATE FUNCTION a8.ok() RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE TABLE a8.z (CHECK (a8.ok())); INSERT INTO a8.z DEFAULT VALUES; INSERT INTO a8.z DEFAULT VALUES;
         CREATE FUNCTION a8.g() RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 7; END'; CREATE TABLE a8.g1 (g int GENERATED ALWAYS AS (a8.g()) STORED); INSERT INTO a8.g1 DEFAULT VALUES",
    ),
    (
        "a check that reads what is granted to everybody",
        "CREATE SCHEMA a9z AUTHORIZATION lib; CREATE SCHEMA a9 AUTHORIZATION app; SET ROLE lib; CREATE TABLE a9z.cfg (v int); INSERT INTO a9z.cfg VALUES (10); CREATE FUNCTION a9z.mx() RETURNS int STABLE LANGUAGE sql AS 'SELECT v FROM a9z.cfg';
         GRANT USAGE ON SCHEMA a9z TO PUBLIC; GRANT SELECT ON a9z.cfg TO PUBLIC; SET ROLE app; CREATE TABLE a9.t (a int CHECK (a <= a9z.mx())); INSERT INTO a9.t VALUES (3)",
    ),
    (
        "statistics of another, and a trigger's condition",
        "CREATE SCHEMA b5 AUTHORIZATION app; CREATE FUNCTION b5.f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'; CREATE FUNCTION b5.tg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TABLE b5.t (a int); INSERT INTO b5.t VALUES (1); CREATE STATISTICS b5.s ON a, b5.f(a) FROM b5.t; CREATE TRIGGER tg BEFORE UPDATE ON b5.t FOR EACH ROW WHEN (b5.f(NEW.a) > 0) EXECUTE FUNCTION b5.tg();
         ALTER TABLE b5.t OWNER TO app; ALTER STATISTICS b5.s OWNER TO lib; ALTER FUNCTION b5.f OWNER TO lib; REVOKE ALL ON FUNCTION b5.tg FROM PUBLIC",
    ),
    (
        "ranges that compare in an order of their own",
        "CREATE SCHEMA b12 AUTHORIZATION app; SET ROLE app; CREATE FUNCTION b12.ok(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE DOMAIN b12.tx AS text CHECK (b12.ok(VALUE));
         CREATE TYPE b12.tr AS RANGE (SUBTYPE = b12.tx, COLLATION = \"C\", SUBTYPE_OPCLASS = text_pattern_ops); CREATE TABLE b12.t (a b12.tr, m int); INSERT INTO b12.t VALUES ('[A,a]', 1)",
    ),
    (
        "statistics whose function the table's owner may not call",
        "CREATE SCHEMA c1 AUTHORIZATION app; CREATE FUNCTION c1.f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'; CREATE TABLE c1.t (a int); INSERT INTO c1.t VALUES (1); CREATE STATISTICS c1.s ON a, c1.f(a) FROM c1.t;
         ALTER TABLE c1.t OWNER TO app; ALTER FUNCTION c1.f OWNER TO lib; REVOKE ALL ON FUNCTION c1.f FROM PUBLIC",
    ),
];

#[test]
fn what_an_owner_lacks_keeps_nothing_of_it_back() {
    let server = Server::start(15, ClusterOptions::default());
    for statement in ["CREATE ROLE app", "CREATE ROLE lib", "CREATE DATABASE whole"] {
        server.ask(statement);
    }
    for (what, made) in LACKING {
        assert_eq!(psql(&server.binaries, &server.dsn("whole"), made).map(|_| ()), Ok(()), "{what}");
    }
    // What the server's own event triggers do is not meant for what is made along the way.
    sql(
        &server,
        "whole",
        "CREATE SCHEMA log; CREATE TABLE log.seen (tag text); CREATE FUNCTION log.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log.seen VALUES (tg_tag); END';
         CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION log.note()",
    );
    let before = rows(&server, "whole", None);
    let repo = Repo::new();
    repo.json(["backup", "--dbname", &server.dsn("whole")]);
    let report = repo.restored(["latest", "--create", "--dbname", &server.dsn("again")]);
    assert_eq!(report["proven"], true, "{report}");
    assert_eq!(rows(&server, "again", None), before);
    let told = report["warnings"].to_string();
    // Of the definitions, and of what comes after the rows.
    for label in ["TABLE a5.c", "STATISTICS b5.s"] {
        let names = |told: &Value| {
            let told = told.as_str().unwrap();
            told.contains("the code ran with those of all ordinary roles: ") && told.contains(label)
        };
        assert!(report["warnings"].as_array().unwrap().iter().any(names), "{label}: {report}");
    }
    // Nothing is lost without them.
    assert!(told.contains("the server refused ANALYZE c1.t, so the planner has no statistics for it: ERROR: permission denied for function f\""), "{report}");
    for database in ["whole", "again"] {
        let owners = "SELECT string_agg(format('%s %s %s', c.oid::regclass, pg_get_userbyid(relowner), coalesce(relacl, acldefault('r', relowner))), ' ' ORDER BY c.oid::regclass::text) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            WHERE nspname ~ '^[ab][0-9]' OR nspname IN ('ext', 'log')";
        assert_eq!(sql(&server, database, owners), sql(&server, "whole", owners), "{database}");
        let schemas = "SELECT string_agg(format('%s %s %s', nspname, pg_get_userbyid(nspowner), coalesce(nspacl, acldefault('n', nspowner))), ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_'";
        assert_eq!(sql(&server, database, schemas), sql(&server, "whole", schemas), "{database}");
    }
    assert_eq!(server.ask("SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep'"), "0");
    for schemas in ["a8", "a9,a9z", "a6,a6l", "a7"] {
        let said = split(&server, &["--schemas", schemas, "--leave", "*", "--boundary", "drop"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{schemas}: {said:?}");
        assert_eq!(split(&server, &["rollback"]).code, 0, "{schemas}");
        server.ask("DROP DATABASE part");
    }
}

/// What the operator's rights run because the table is a superuser's, or the one through which it is loaded, is told, and nothing that runs as its owner, or not at all.
#[test]
fn code_that_runs_as_another_role_is_told_once_and_other_code_is_not() {
    let server = Server::start(15, ClusterOptions::default());
    for statement in ["CREATE ROLE mal LOGIN", "CREATE ROLE shop LOGIN IN ROLE mal", "CREATE DATABASE whole"] {
        server.ask(statement);
    }
    sql(&server, "whole", "CREATE SCHEMA core AUTHORIZATION mal");
    as_mal(
        &server,
        "whole",
        "CREATE FUNCTION core.ok(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
         CREATE DOMAIN core.number AS int CHECK (core.ok(VALUE)); CREATE TABLE core.own (i int CHECK (core.ok(i)), n core.number[]); INSERT INTO core.own VALUES (1, '{1}')",
    );
    let (repo, bin) = (Repo::new(), programs(&server));
    let restored = |schemas: &str| {
        repo.json(["backup", "--dbname", &server.dsn("whole")]);
        let report = repo.restored(["latest", "--create", "--dbname", &server.dsn("again")]);
        server.ask("DROP DATABASE again");
        assert_eq!(report["proven"], true, "{report}");
        let mut plan = pgkeep();
        plan.env("PGKEEP_PG_BIN", &bin).args(["split", "--plan", "--json", "--schemas", schemas]);
        let plan = Said::of(plan.args(["--from", &server.dsn("whole"), "--to", &server.dsn("part")])).document();
        let told = |list: &serde_json::Value| -> Vec<String> {
            let words = list.as_array().unwrap().iter().map(ToString::to_string);
            words.filter(|words| words.contains("code of ordinary roles")).collect()
        };
        (told(&report["warnings"]), told(&plan["warnings"]))
    };
    assert_eq!(restored("core"), (vec![], vec![]), "an ordinary database");

    sql(
        &server,
        "whole",
        "CREATE TABLE core.of_super (i int CHECK (core.ok(i))); INSERT INTO core.of_super VALUES (1); CREATE TABLE core.arrays (n core.number[]); INSERT INTO core.arrays VALUES ('{1}');
         CREATE TABLE core.keyed (i int); CREATE INDEX ON core.keyed (core.ok(i)); INSERT INTO core.keyed VALUES (1); CREATE TABLE core.empty (i int CHECK (core.ok(i)));
         CREATE TABLE core.p (i int) PARTITION BY LIST (core.ok(i)); CREATE TABLE core.leaf PARTITION OF core.p FOR VALUES IN (true); INSERT INTO core.p VALUES (1);
         CREATE TYPE core.kind AS ENUM ('a'); CREATE TABLE core.kinds (k core.kind, i int) PARTITION BY HASH (k);
         CREATE TABLE core.kinds_0 PARTITION OF core.kinds (CHECK (core.ok(i))) FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO core.kinds VALUES ('a', 1); ALTER TABLE core.kinds_0 OWNER TO mal;
         CREATE TABLE core.of_shop (i int CHECK (core.ok(i))); INSERT INTO core.of_shop VALUES (1); ALTER TABLE core.of_shop OWNER TO shop",
    );
    let named = "core.ok(integer) of mal as postgres (rows of core.arrays, core.keyed, core.kinds_0 and 2 more), core.ok(integer) of mal as shop (rows of core.of_shop)";
    let (told, planned) = restored("core");
    assert_eq!(told, [format!("\"code of ordinary roles ran with the privileges of another role: {named}\"")]);
    assert_eq!((planned.len(), planned[0].contains(named)), (1, true), "{planned:?}");
    let mut run = pgkeep();
    run.env("PGKEEP_PG_BIN", &bin).args(["split", "--json", "--quiet", "--schemas", "core"]);
    let run = Said::of(run.args(["--from", &server.dsn("whole"), "--to", &server.dsn("part")])).document();
    assert_eq!(run["warnings"].to_string().matches(named).count(), 1, "{run}");
}

/// A trigger of mal's that wants to be somebody else.
const HOSTILE: &str = "
    CREATE FUNCTION core.ran(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'ran: % as %.', what, current_user; RETURN true; END $$;
    CREATE FUNCTION core.climb(what text) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE way text; BEGIN
            FOREACH way IN ARRAY ARRAY['RESET ROLE', 'SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION',
                'SELECT set_config(''role'', ''none'', false)', 'COPY (SELECT 1) TO PROGRAM ''cat''', 'ALTER ROLE mal SUPERUSER'] LOOP
                BEGIN EXECUTE way; RAISE LOG 'ran: % by % as %.', what, way, 'somebody else'; EXCEPTION WHEN OTHERS THEN NULL; END;
            END LOOP;
            PERFORM core.ran(what);
            SET search_path = core, pg_catalog;
        END $$;
    CREATE FUNCTION core.act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM core.climb(TG_NAME); RETURN coalesce(NEW, OLD); END $$;
    CREATE FUNCTION core.equal(a text, b text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN core.ran('operator'); END $$;
    CREATE OPERATOR core.= (LEFTARG = text, RIGHTARG = text, FUNCTION = core.equal);
    CREATE TABLE core.c (id int PRIMARY KEY, p int REFERENCES stay.p ON DELETE CASCADE);
    INSERT INTO core.c SELECT g, g FROM generate_series(1, 20) g WHERE g NOT IN (5, 6);
    CREATE TRIGGER before_delete BEFORE DELETE ON core.c FOR EACH ROW EXECUTE FUNCTION core.act();
    CREATE CONSTRAINT TRIGGER deferred AFTER DELETE ON core.c DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION core.act();
    CREATE TABLE core.follows (id int PRIMARY KEY, p int REFERENCES stay.p ON UPDATE CASCADE ON DELETE SET NULL);
    INSERT INTO core.follows SELECT g, g FROM generate_series(1, 20) g;
    CREATE TRIGGER before_update BEFORE UPDATE ON core.follows FOR EACH ROW EXECUTE FUNCTION core.act();
    CREATE TABLE core.hidden (id int PRIMARY KEY, p int DEFAULT 7 REFERENCES stay.p ON DELETE SET DEFAULT);
    INSERT INTO core.hidden SELECT g, g FROM generate_series(1, 20) g WHERE g NOT IN (5, 6);
    ALTER TABLE core.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY nobody ON core.hidden USING (core.ran('policy') AND false);
    CREATE TRIGGER before_hidden BEFORE UPDATE ON core.hidden FOR EACH ROW EXECUTE FUNCTION core.act();
    CREATE TABLE core.colours (id int PRIMARY KEY, colour stay.colour REFERENCES stay.colours ON DELETE CASCADE);
    INSERT INTO core.colours VALUES (1, 'red'), (2, 'blue');
    CREATE FUNCTION core.to_colour(text) RETURNS stay.colour LANGUAGE plpgsql AS $$ BEGIN PERFORM core.ran('cast'); RETURN enum_first(NULL::stay.colour); END $$;
    CREATE CAST (text AS stay.colour) WITH FUNCTION core.to_colour(text)";

/// One that waits again whenever it has been made to act.
const DEFERRED_AGAIN: &str = "
    CREATE TABLE core.later (id int);
    CREATE FUNCTION core.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM core.ran('deferred again'); SET CONSTRAINTS ALL DEFERRED; INSERT INTO core.later VALUES (1); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER again AFTER INSERT ON core.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION core.again();
    CREATE FUNCTION core.begin() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO core.later VALUES (1); RETURN OLD; END $$;
    CREATE TRIGGER begin BEFORE DELETE ON core.c FOR EACH ROW EXECUTE FUNCTION core.begin()";

const CHILDREN: &str = "SELECT (SELECT count(*) FROM core.c), (SELECT string_agg(id || '>' || coalesce(p::text, '-'), ' ' ORDER BY id) FROM core.follows WHERE id <= 6),
    (SELECT string_agg(id || '>' || p, ' ' ORDER BY id) FROM core.hidden WHERE id <= 4), (SELECT count(*) FROM core.colours)";

#[test]
fn a_reaper_and_a_rollback_act_as_the_owner_of_the_child() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE ROLE mal LOGIN");
    server.ask("CREATE DATABASE whole");
    sql(
        &server,
        "whole",
        "CREATE SCHEMA core AUTHORIZATION mal; CREATE SCHEMA stay; CREATE TYPE stay.colour AS ENUM ('red', 'blue'); ALTER TYPE stay.colour OWNER TO mal;
        CREATE TABLE stay.p (id int PRIMARY KEY); INSERT INTO stay.p SELECT generate_series(1, 100);
        CREATE TABLE stay.colours (colour stay.colour PRIMARY KEY); INSERT INTO stay.colours VALUES ('red'), ('blue');
        GRANT USAGE ON SCHEMA stay TO mal; GRANT SELECT, REFERENCES ON ALL TABLES IN SCHEMA stay TO mal",
    );
    as_mal(&server, "whole", HOSTILE);
    let mut log = Log { server: &server, read: 0 };
    let said = split(&server, &["--schemas", "core", "--boundary", "loose", "--leave", "*"]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{said:?}");
    log.only_mal("split", &[]);

    let gone = "DELETE FROM stay.p WHERE id IN (2, 3); UPDATE stay.p SET id = 205 WHERE id = 5; UPDATE stay.p SET id = 305 WHERE id = 205;
        UPDATE stay.p SET id = 206 WHERE id = 6; DELETE FROM stay.p WHERE id = 206; DELETE FROM stay.colours WHERE colour = 'blue'";
    sql(&server, "whole", gone);
    let said = split(&server, &["reap"]);
    assert_eq!(said.code, 0, "{said:?}");
    let done = "16|1>1 2>- 3>- 4>4 5>305 6>-|1>1 2>7 3>7 4>4|1";
    assert_eq!(sql(&server, "part", CHILDREN), done);
    log.only_mal("reap", &["before_delete", "before_hidden", "before_update", "cast", "deferred"]);
    assert_eq!(server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'"), "f");

    // One that cannot be brought to an end as its owner is refused, and keeps nothing else back.
    as_mal(&server, "part", DEFERRED_AGAIN);
    sql(&server, "whole", "DELETE FROM stay.p WHERE id = 8");
    let said = split(&server, &["reap"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(
        said.stdout.contains(
            "a trigger of core.later defers its work once more: at the end of the transaction it would run as"
        ),
        "{said:?}"
    );
    assert_eq!(
        sql(&server, "part", "SELECT (SELECT count(*) FROM core.c), p IS NULL FROM core.follows WHERE id = 8"),
        "16|t"
    );
    log.only_mal("reap", &["before_delete", "before_hidden", "before_update", "deferred", "deferred again"]);

    // The way back does it to the old rows.
    let said = split(&server, &["rollback", "--discard"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(sql(&server, "whole", CHILDREN), done.replace("16|", "15|"));
    log.only_mal("rollback", &["before_delete", "before_hidden", "before_update", "cast", "deferred"]);
    assert_eq!(server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'"), "f");
}
