//! Code of ordinary roles that a plan, a bridge, and the way back meet. Each canary makes its owner a superuser where it runs as one, and
//! says in the server's log, which no rollback takes back, as whom it ran.

use std::path::Path;
use std::process::Stdio;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// Those on which postgres_fdw loads with the libpq of this machine are tried with a bridge.
const BRIDGING: [u32; 2] = [14, 15];

const CANARY: &str = r"
    CREATE SCHEMA mal; CREATE SCHEMA par;
    CREATE FUNCTION mal.canary(tag text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        RAISE LOG 'ran: % as %.', tag, current_user;
        IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN EXECUTE 'ALTER ROLE mal SUPERUSER'; END IF;
        RETURN true; END $$;
    CREATE FUNCTION mal.imm(tag text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.canary(tag); RETURN 1; END $$;
    CREATE TYPE mal.e AS ENUM ('1', '2', '3');
    CREATE FUNCTION mal.e2i(mal.e) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.canary('cast'); RETURN $1::text::int; END $$;
    CREATE CAST (mal.e AS int) WITH FUNCTION mal.e2i(mal.e) AS IMPLICIT;
    CREATE DOMAIN mal.dom AS text CHECK (mal.canary('domain'))";

struct Trial {
    server: Server,
}

impl Trial {
    /// The socket asks the bridge's role for its password, and trusts everybody else.
    fn start(major: u32, made: &str) -> Trial {
        let hba = "local part pgkeep_bridge_part,pgkeep_bridge2_part scram-sha-256\nlocal all all trust\n";
        let data_files = vec![("pg_hba.conf".to_owned(), hba.into())];
        let server = Server::start(major, ClusterOptions { data_files, ..ClusterOptions::default() });
        for statement in ["CREATE ROLE mal LOGIN", "CREATE DATABASE whole", "GRANT CREATE ON DATABASE whole TO mal"] {
            server.ask(statement);
        }
        let trial = Trial { server };
        trial.mal("whole", CANARY);
        trial.mal("whole", made);
        trial
    }

    #[track_caller]
    fn mal(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn_as("mal", database), sql).unwrap()
    }

    #[track_caller]
    fn operator(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    fn split(&self, args: &[&str]) -> Said {
        self.split_by(&["whole", "part"].map(|database| self.server.dsn(database)), args)
    }

    fn split_by(&self, [from, to]: &[String; 2], args: &[&str]) -> Said {
        let mut command = pgkeep();
        let pg_dump = self.server.binaries.command("pg_dump");
        command.env("PGKEEP_PG_BIN", Path::new(pg_dump.get_program()).parent().unwrap());
        command.args(["split", "--json"]).args(args);
        Said::of(command.args(["--from", from, "--to", to]))
    }

    fn of_par(&self, args: &[&str]) -> Said {
        self.split(&[&["--schemas", "par", "--leave", "mal"], args].concat())
    }

    /// What has run since the server began, as whom; nothing of it as a superuser.
    #[track_caller]
    fn only_mal(&self, verb: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.server.cluster.log_path()).unwrap();
        let ran = log.lines().filter_map(|line| line.split_once("ran: ")?.1.strip_suffix('.')?.split_once(" as "));
        let (ran, whom): (Vec<&str>, Vec<&str>) = ran.unzip();
        assert!(whom.iter().all(|whom| *whom == "mal"), "{verb}: {ran:?} ran as {whom:?}");
        let superuser = self.server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'mal'");
        assert_eq!(superuser, "f", "{verb}");
        assert_eq!(self.server.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'pgkeep_all_ordinary'"), "0");
        ran.into_iter().map(str::to_owned).collect()
    }

    /// How often a canary has sung.
    fn sung(&self, verb: &str, tag: &str) -> usize {
        self.only_mal(verb).iter().filter(|ran| *ran == tag).count()
    }
}

/// Casts are found behind any number of domains.
#[test]
fn a_plan_counts_nothing_where_a_cast_of_users_would_run() {
    for major in [15, 18] {
        let made = "CREATE DOMAIN mal.d1 AS mal.e; CREATE DOMAIN mal.d2 AS mal.d1; CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1), (2);
            CREATE TABLE par.c (x mal.d2 REFERENCES par.p (id)); INSERT INTO par.c VALUES ('1');
            CREATE TABLE par.plain (id int PRIMARY KEY, p int REFERENCES par.p (id)); INSERT INTO par.plain VALUES (1, 1)";
        let trial = Trial::start(major, made);
        let before = trial.sung("made", "cast");
        let said = trial.of_par(&["--plan"]);
        let document = said.document();
        assert_eq!(trial.sung("plan", "cast"), before, "{major}: {document}");
        let told = document.to_string();
        assert!(told.contains("par.c.c_x_fkey") && !told.contains("par.plain.plain_p_fkey"), "{major}: {told}");
    }
}

/// The server computes what is constant in an index as soon as it plans to read the table: at either end of a key that crosses, in either
/// direction, and in the cut of a partitioned table.
#[test]
fn a_plan_counts_nothing_where_an_index_would_run_code() {
    let made = "CREATE TABLE mal.p (id int PRIMARY KEY); CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO mal.p VALUES (1); INSERT INTO par.p VALUES (1);
        CREATE TABLE par.out (x int REFERENCES mal.p (id)); INSERT INTO par.out VALUES (1); CREATE TABLE mal.back (x int REFERENCES par.p (id)); INSERT INTO mal.back VALUES (1);
        CREATE TABLE mal.cut (x int REFERENCES par.p (id)) PARTITION BY LIST ((x + mal.imm('cut'))); CREATE TABLE mal.cut_1 PARTITION OF mal.cut FOR VALUES IN (2); INSERT INTO mal.cut VALUES (1);
        CREATE INDEX ON mal.p ((id + mal.imm('mal.p'))); CREATE INDEX ON par.p ((id + mal.imm('par.p'))); CREATE INDEX ON par.out ((x + mal.imm('par.out'))); CREATE INDEX ON mal.back ((x + mal.imm('mal.back')))";
    for major in [15, 18] {
        let trial = Trial::start(major, made);
        let before = trial.only_mal("made").len();
        for boundary in ["refuse", "drop", "loose", "bridge"] {
            let said = trial.of_par(&["--plan", "--boundary", boundary]);
            assert!(said.stdout.contains("out_x_fkey"), "{major} {boundary}: {said:?}");
            // Definitions are tried as their owners.
            let ran = trial.only_mal(boundary);
            assert!(ran.len() >= before, "{major} {boundary}");
        }
    }
}

/// Code of an owner runs in sessions that put the seal together, and may let go of every lock that its session has: the fence is another one's.
#[test]
fn code_beside_the_fence_cannot_open_it() {
    // What a writer would find.
    let made = "CREATE FUNCTION mal.opens() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
            IF session_user <> 'mal' AND EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = 'refuse') THEN
                PERFORM pg_catalog.pg_advisory_unlock_all();
                PERFORM mal.canary(CASE WHEN pg_catalog.pg_try_advisory_xact_lock_shared(1886086512, 1) THEN 'open' ELSE 'shut' END);
            END IF; RETURN 1; END $$;
        CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1);
        CREATE TABLE mal.child (id int PRIMARY KEY, p int REFERENCES par.p ON DELETE CASCADE); INSERT INTO mal.child VALUES (1, 1); CREATE INDEX ON mal.child ((p + mal.opens()));
        CREATE MATERIALIZED VIEW mal.stored AS SELECT id FROM par.p; CREATE INDEX ON mal.stored ((id + mal.opens()))";
    let loose = [15, 18].map(|major| (major, "loose"));
    for (major, boundary) in loose.into_iter().chain(BRIDGING.map(|major| (major, "bridge"))) {
        let trial = Trial::start(major, made);
        if boundary == "loose" {
            trial.mal("whole", "DROP MATERIALIZED VIEW mal.stored");
        }
        let host = trial.server.cluster.socket_dir().to_str().unwrap().to_owned();
        let bridge: &[&str] = if boundary == "bridge" { &["--bridge-host", &host] } else { &[] };
        let said = trial.of_par(&[&["--boundary", boundary], bridge].concat());
        assert_eq!(said.code, 0, "{major} {boundary}: {said:?}");
        let found = trial.only_mal(boundary);
        assert!(
            found.iter().any(|found| found == "shut"),
            "{major} {boundary}: nothing ran while the fence was up: {found:?}"
        );
        assert!(!found.iter().any(|found| found == "open"), "{major} {boundary}: {found:?}");
    }
}

/// A superuser has made an operator class of functions that their owner may replace.
#[test]
fn functions_of_an_operator_class_run_as_the_owner_of_the_rows() {
    let made = "CREATE FUNCTION mal.eq(int, int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.canary('eq'); RETURN $1 = $2; END $$;
        CREATE FUNCTION mal.lt(int, int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.canary('lt'); RETURN $1 < $2; END $$;
        CREATE FUNCTION mal.cmp(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.canary('cmp'); RETURN btint4cmp($1, $2); END $$;
        CREATE OPERATOR mal.=% (LEFTARG = int, RIGHTARG = int, FUNCTION = mal.eq, MERGES); CREATE OPERATOR mal.<% (LEFTARG = int, RIGHTARG = int, FUNCTION = mal.lt)";
    let of_superuser = "CREATE OPERATOR CLASS mal.o FOR TYPE int USING btree AS OPERATOR 1 mal.<%, OPERATOR 3 mal.=%, FUNCTION 1 mal.cmp(int, int);
        SET ROLE mal; CREATE TABLE par.p (id int NOT NULL); CREATE UNIQUE INDEX ON par.p (id mal.o); INSERT INTO par.p SELECT generate_series(1, 20);
        CREATE TABLE mal.c (id int REFERENCES par.p (id)); INSERT INTO mal.c VALUES (1); CREATE TYPE par.r AS RANGE (SUBTYPE = int, SUBTYPE_OPCLASS = mal.o);
        CREATE TABLE par.ranges (r par.r); INSERT INTO par.ranges VALUES ('[1,3)'); CREATE TABLE par.c (id int REFERENCES par.p (id)); INSERT INTO par.c VALUES (2)";
    for major in [15, 18] {
        let trial = Trial::start(major, made);
        // What the superuser does itself.
        trial.mal("whole", "ALTER FUNCTION mal.canary(text) RENAME TO sings; CREATE FUNCTION mal.canary(text) RETURNS bool LANGUAGE sql AS 'SELECT true'");
        trial.operator("whole", of_superuser);
        trial.mal("whole", "DROP FUNCTION mal.canary(text); ALTER FUNCTION mal.sings(text) RENAME TO canary");
        for (verb, args) in
            [("plan", &["--plan", "--boundary", "drop"][..]), ("split", &["--boundary", "drop", "--move", "mal.o"][..])]
        {
            trial.of_par(args);
            trial.only_mal(verb);
        }
        let repo = Repo::new();
        let bin = trial.server.binaries.bin_dir.to_str().unwrap();
        repo.json(["backup", "--pg-bin", bin, "-d", &trial.server.dsn("whole")]);
        trial.only_mal("backup");
        let said =
            Said::of(&mut repo.restore(["latest", "--create", "--json", "-q", "-d", &trial.server.dsn("again")]));
        assert_eq!(said.code, 0, "{major}: {said:?}");
        assert!(trial.sung("restore", "cmp") > 0, "{major}: nothing was compared");
    }
}

/// PostgreSQL compares the rows of a key that came back as whoever asks it to: the owner of the table, not the operator.
#[test]
fn a_key_that_comes_back_is_checked_as_the_owner_of_its_table() {
    for major in [15, 18] {
        let made = "CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1), (2);
            CREATE TABLE mal.c (x mal.e REFERENCES par.p (id)); INSERT INTO mal.c VALUES ('1'), ('2');
            CREATE TABLE mal.parts (x mal.e REFERENCES par.p (id)) PARTITION BY LIST (x);
            CREATE TABLE mal.part PARTITION OF mal.parts FOR VALUES IN ('1', '2'); INSERT INTO mal.parts VALUES ('1');
            CREATE TABLE mal.s (x mal.e REFERENCES par.p (id)); INSERT INTO mal.s VALUES ('1');
            CREATE TABLE mal.plain (x int REFERENCES par.p (id)); INSERT INTO mal.plain VALUES (1)";
        let trial = Trial::start(major, made);
        trial.operator("whole", "ALTER TABLE mal.s OWNER TO CURRENT_USER");
        let said = trial.of_par(&["--boundary", "drop"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        let before = trial.sung("split", "cast");
        let said = trial.split(&["rollback"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        assert!(trial.sung("rollback", "cast") > before, "{major}: nothing was tried");
        let document = said.document();
        let unchecked = document["keys_unchecked"].as_array().unwrap();
        assert_eq!(unchecked.len(), 1, "{major}: {document}");
        let told = unchecked[0].as_str().unwrap();
        assert!(told.starts_with("mal.s.s_x_fkey: a superuser owns one of its tables"), "{major}: {told}");
        let keys =
            "SELECT string_agg(conrelid::regclass::text, ' ' ORDER BY conrelid::regclass::text) FROM pg_constraint
            WHERE contype = 'f' AND conparentid = 0 AND convalidated";
        assert_eq!(trial.mal("whole", keys), "c parts plain", "{major}");
        // As they were: what is against it is refused.
        let refused =
            psql(&trial.server.binaries, &trial.server.dsn_as("mal", "whole"), "INSERT INTO mal.c VALUES ('3')");
        assert!(refused.unwrap_err().contains("violates foreign key constraint"), "{major}");
    }
}

/// What a glance through the bridge runs leaves nothing behind for the operator: no cursor, no path by which operators are found.
#[test]
fn what_a_glance_through_a_bridge_runs_is_over_with_it() {
    for major in BRIDGING {
        let made = "CREATE FUNCTION mal.hold() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
                IF session_user <> 'mal' AND current_user = 'mal' THEN
                    BEGIN EXECUTE 'DECLARE evil CURSOR WITH HOLD FOR SELECT mal.canary(''hold'')'; EXCEPTION WHEN OTHERS THEN NULL; END;
                    PERFORM mal.canary('glance'), pg_catalog.set_config('search_path', 'mal, pg_catalog', false);
                END IF; RETURN true; END $$;
            CREATE FUNCTION mal.same(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN mal.canary('operator') AND pg_catalog.texteq($1, $2); END $$;
            CREATE OPERATOR mal.= (LEFTARG = text, RIGHTARG = text, FUNCTION = mal.same);
            CREATE FUNCTION mal.same_name(name, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN mal.canary('operator') AND pg_catalog.nameeq($1, $2); END $$;
            CREATE OPERATOR mal.= (LEFTARG = name, RIGHTARG = name, FUNCTION = mal.same_name);
            CREATE DOMAIN mal.held AS text CHECK (mal.hold());
            CREATE TABLE par.p (id int PRIMARY KEY, n mal.held[]); INSERT INTO par.p VALUES (1, '{x}'); CREATE VIEW mal.v AS SELECT id FROM par.p";
        let trial = Trial::start(major, made);
        let said = trial.of_par(&["--boundary", "bridge"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        assert!(trial.sung("split", "glance") > 0, "{major}: nothing was tried");
        assert_eq!(trial.mal("whole", "SELECT id FROM mal.v"), "1", "{major}");
        let said = trial.split(&["rollback"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        trial.only_mal("rollback");
        assert_eq!(trial.mal("whole", "SELECT id FROM mal.v"), "1", "{major}");
    }
}

/// Whoever owned a foreign table could read every other bridged table through it.
#[test]
fn nobody_points_a_foreign_table_of_a_bridge_elsewhere() {
    for major in BRIDGING {
        let made = "CREATE TABLE par.p (id int PRIMARY KEY, n mal.dom); INSERT INTO par.p VALUES (1, 'x'); CREATE VIEW mal.v AS SELECT id FROM par.p";
        let trial = Trial::start(major, made);
        let bank = "CREATE ROLE bank LOGIN; GRANT USAGE, CREATE ON SCHEMA par, mal TO bank; SET ROLE bank;
            CREATE TABLE par.secrets (id int PRIMARY KEY, n text); INSERT INTO par.secrets VALUES (1, '4711'); CREATE VIEW mal.b AS SELECT count(*) FROM par.secrets";
        trial.operator("whole", bank);
        trial.operator("whole", "ALTER DATABASE whole OWNER TO mal");
        let acl = "SELECT string_agg(relname || ' ' || relowner::regrole || ' ' || coalesce(relacl::text, '-'), ',' ORDER BY relname) FROM pg_class
            WHERE relnamespace = 'par'::regnamespace AND relkind = 'r'";
        let before = trial.operator("whole", acl);
        let refused = |sql: &str| psql(&trial.server.binaries, &trial.server.dsn_as("mal", "whole"), sql).unwrap_err();
        // In the new database a role uses what belongs to one: the plan names them.
        let plan = trial.of_par(&["--plan", "--boundary", "bridge", "--bridge-write"]);
        assert!(plan.stdout.contains("each of bank, mal owns bridged tables"), "{major}: {plan:?}");
        let each = "pgkeep_bridge_part those of bank, pgkeep_bridge2_part those of mal";
        assert!(plan.stdout.contains(each), "{major}: {plan:?}");
        let said = trial.of_par(&["--boundary", "bridge", "--bridge-write"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        let told = refused("ALTER FOREIGN TABLE par.p OPTIONS (SET table_name 'secrets')");
        assert!(told.contains("must be owner of foreign table p"), "{major}: {told}");
        assert!(refused("SELECT * FROM par.secrets").contains("permission denied"), "{major}");
        assert!(
            refused("CREATE FOREIGN TABLE par.q (id int) SERVER pgkeep_bridge_part").contains("permission denied"),
            "{major}"
        );
        // What runs as a table's owner runs as nobody here: there is no way through the bridge for it.
        let before_analyze = trial.sung("split", "domain");
        let told = refused("ANALYZE par.p");
        assert!(told.contains("password"), "{major}: {told}");
        assert_eq!(trial.sung("ANALYZE", "domain"), before_analyze, "{major}");
        let owner = "SELECT string_agg(rolname || rolcanlogin || rolsuper, ',') FROM pg_roles WHERE oid IN (SELECT relowner FROM pg_class WHERE relkind = 'f')";
        assert_eq!(trial.operator("whole", owner), "pgkeep_bridged_partfalsefalse", "{major}");
        // By mere use nothing is lost to the former owner; nor is what it may give to others.
        trial.mal("whole", "INSERT INTO par.p VALUES (2, 'y'); UPDATE par.p SET n = 'z' WHERE id = 2; GRANT SELECT ON par.p TO bank; CREATE VIEW mal.later AS SELECT * FROM par.p");
        assert_eq!(trial.mal("whole", "SELECT string_agg(n, ' ' ORDER BY id) FROM mal.later"), "x z", "{major}");
        trial.mal("whole", "DELETE FROM par.p WHERE id = 2; DROP VIEW mal.later");
        let said = trial.split(&["rollback"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        assert_eq!(trial.operator("whole", acl), before, "{major}");
        assert_eq!(trial.server.ask("SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep'"), "0", "{major}");

        // A bridge that an earlier program has built: its foreign tables belong to the former owners.
        trial.server.ask("DROP DATABASE part");
        let said = trial.of_par(&["--boundary", "bridge", "--bridge-write"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        trial.operator(
            "whole",
            "ALTER FOREIGN TABLE par.p OWNER TO mal; ALTER FOREIGN TABLE par.secrets OWNER TO bank;
            DROP USER MAPPING FOR pgkeep_bridged_part SERVER pgkeep_bridge_part; DROP USER MAPPING FOR pgkeep_bridged_part SERVER pgkeep_bridge2_part;
            DROP ROLE pgkeep_bridged_part",
        );
        let said = trial.split(&["rollback"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        assert_eq!(trial.operator("whole", acl), before, "{major}");

        // A role of that name that somebody is owns nothing of ours.
        trial.server.ask("DROP DATABASE part");
        trial.server.ask("CREATE ROLE pgkeep_bridged_part");
        let said = trial.of_par(&["--boundary", "bridge"]);
        assert_eq!(said.code, 7, "{major}: {said:?}");
        assert!(said.stdout.contains("a role pgkeep_bridged_part already exists"), "{major}: {said:?}");
        trial.mal("whole", "INSERT INTO par.p VALUES (3, 'w')");
    }
}

/// What an owner puts into the new place: reads and writes of the other's table, by each way that code of an owner runs.
const REACHES: &str = r"
    CREATE OR REPLACE FUNCTION par.reach(tag text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE attempt text; BEGIN
        FOREACH attempt IN ARRAY ARRAY['SELECT n FROM par.secrets', 'INSERT INTO par.secrets VALUES (7)', 'UPDATE par.secrets SET n = NULL', 'DELETE FROM par.secrets',
                'SELECT nextval(''par.numbers'')', 'SET ROLE bank', 'SET ROLE pgkeep_bridge_part'] LOOP
            BEGIN EXECUTE attempt; RAISE LOG 'reached: % by % as %', attempt, tag, current_user;
            EXCEPTION WHEN insufficient_privilege THEN RAISE LOG 'refused: % by %.', attempt, tag; END;
        END LOOP; RETURN tag; END $$;
    CREATE OR REPLACE FUNCTION par.fill() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN par.reach('default'); END $$;
    CREATE FUNCTION par.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM par.reach('trigger'); RETURN coalesce(NEW, OLD); END $$;
    CREATE TRIGGER fires BEFORE INSERT OR UPDATE OR DELETE ON par.p FOR EACH ROW EXECUTE FUNCTION par.fires();
    ALTER TABLE par.seen RENAME TO was_seen; CREATE VIEW par.seen AS SELECT id, par.reach('view') AS n FROM par.was_seen;
    DO $$ DECLARE r name; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname ~ '^pgkeep_bridge[0-9]*_' LOOP
        EXECUTE format('GRANT SELECT ON par.seen TO %I', r); END LOOP; END $$";

const HONEST_AGAIN: &str = "DROP TRIGGER fires ON par.p; DROP FUNCTION par.fires(); DROP VIEW par.seen; ALTER TABLE par.was_seen RENAME TO seen;
    CREATE OR REPLACE FUNCTION par.fill() RETURNS text LANGUAGE sql AS $$ SELECT 'filled' $$; DROP FUNCTION par.reach(text)";

/// In the new database code of an owner runs as the role by which its tables are reached, and that role reaches those of nobody else.
#[test]
fn code_of_one_owner_reaches_no_table_of_another_by_a_bridge() {
    for major in BRIDGING {
        let trial = Trial::start(major, "SELECT");
        // A schema's owner could put its own in the place of anything.
        let made = "ALTER SCHEMA par OWNER TO CURRENT_USER; CREATE ROLE bank LOGIN; GRANT USAGE, CREATE ON SCHEMA par TO mal, bank; GRANT USAGE, CREATE ON SCHEMA mal TO bank;
            SET ROLE bank; CREATE TABLE par.secrets (id serial PRIMARY KEY, n text); INSERT INTO par.secrets (n) VALUES ('4711'); CREATE SEQUENCE par.numbers;
            CREATE VIEW mal.b AS SELECT count(*) FROM par.secrets; SET ROLE mal;
            CREATE FUNCTION par.fill() RETURNS text LANGUAGE sql AS $$ SELECT 'filled' $$;
            CREATE TABLE par.p (id int PRIMARY KEY, n text, made text DEFAULT par.fill()); CREATE TABLE par.seen (id int, n text);
            INSERT INTO par.p VALUES (1, 'x', 'y'); INSERT INTO par.seen VALUES (1, 'x'); CREATE VIEW mal.v AS SELECT p.id FROM par.p, par.seen";
        trial.operator("whole", made);
        // A default that names another's sequence, which its owner may not use.
        trial.operator("whole", "ALTER TABLE par.p ADD number bigint DEFAULT nextval('par.numbers'); UPDATE par.p SET number = 1; SELECT setval('par.numbers', 1, false)");
        let args = ["--boundary", "bridge", "--bridge-write"];
        let said = trial.of_par(&args);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        trial.mal("part", "ALTER TABLE par.p ALTER number DROP DEFAULT");
        let rows = "SELECT string_agg(n, ',' ORDER BY id) FROM par.secrets";
        let bank =
            |database: &str, sql: &str| psql(&trial.server.binaries, &trial.server.dsn_as("bank", database), sql);
        // Through both.
        bank(
            "whole",
            "INSERT INTO par.secrets (n) VALUES ('4712'); UPDATE par.secrets SET n = '4713' WHERE n = '4712'",
        )
        .unwrap();
        trial.mal("whole", "INSERT INTO par.p (id, n) VALUES (2, 'y'); UPDATE par.p SET n = 'z' WHERE id = 1");
        assert_eq!(
            trial.mal("part", "SELECT string_agg(n || made, ',' ORDER BY id) FROM par.p"),
            "zy,yfilled",
            "{major}"
        );
        let before = trial.operator("part", rows);
        assert_eq!(before, "4711,4713", "{major}");

        trial.mal("part", REACHES);
        trial.mal("whole", "INSERT INTO par.p (id, n) VALUES (3, 'y'); UPDATE par.p SET n = 'w' WHERE id = 3; DELETE FROM par.p WHERE id IN (2, 3)");
        assert_eq!(trial.mal("whole", "SELECT n FROM par.seen"), "view", "{major}");
        let log = std::fs::read_to_string(trial.server.cluster.log_path()).unwrap();
        let of = |word: &str| log.lines().filter(|line| line.contains(word)).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of("reached: "), [""; 0], "{major}");
        for tag in ["default", "trigger", "view"] {
            let refused = of("refused: ").iter().filter(|line| line.ends_with(&format!(" by {tag}."))).count();
            assert!(refused >= 7, "{major} {tag}: {refused} refused");
        }
        assert_eq!(trial.operator("part", rows), before, "{major}");
        // The other one, too, goes its own way, and each may use what its owner has.
        assert_eq!(bank("whole", rows).unwrap(), before, "{major}");
        let may = "SELECT string_agg(r.rolname || ' ' || c.relname, ',' ORDER BY r.rolname, c.relname) FROM pg_roles r, pg_class c
            WHERE r.rolname ~ '^pgkeep_bridge[0-9]*_' AND c.relnamespace = 'par'::regnamespace AND c.relkind IN ('r', 'v', 'S')
            AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(r.oid, c.oid, 'USAGE') ELSE has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE') END";
        trial.mal("part", HONEST_AGAIN);
        let each = "pgkeep_bridge2_part p,pgkeep_bridge2_part seen,pgkeep_bridge_part secrets,pgkeep_bridge_part secrets_id_seq";
        assert_eq!(trial.operator("part", may), each, "{major}");

        let said = trial.split(&["rollback", "--discard"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        let ours = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep') + (SELECT count(*) FROM pg_foreign_server)
            + (SELECT count(*) FROM pg_user_mapping) + (SELECT count(*) FROM pg_extension WHERE extname = 'postgres_fdw')";
        assert_eq!(trial.operator("whole", ours), "0", "{major}");

        // What `finish` leaves goes on, and goes by what docs/bridge.md says.
        trial.server.ask("DROP DATABASE part");
        let said = trial.of_par(&args);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        let repo = Repo::new();
        let (from, to) = (trial.server.dsn("whole"), trial.server.dsn("part"));
        let finish = ["split", "finish", "--yes", "--json", "--from", &from, "--to", &to];
        for more in [&[][..], &["--yes-drop", "whole"]] {
            let said = Said::of(&mut repo.command(finish.iter().chain(more)));
            assert_eq!(said.code, 0, "{major}: {said:?}");
            if more.is_empty() {
                repo.json(["backup", "--pg-bin", trial.server.binaries.bin_dir.to_str().unwrap(), "-d", &from]);
                repo.restored(["latest", "--create", "-d", &trial.server.dsn("proof")]);
            }
        }
        assert_eq!(bank("whole", "SELECT * FROM mal.b").unwrap(), "1", "{major}");
        let insert = "INSERT INTO par.p (id) VALUES (4)";
        let told = psql(&trial.server.binaries, &trial.server.dsn_as("mal", "whole"), insert).unwrap_err();
        assert!(told.contains("permission denied for sequence numbers"), "{major}: {told}");
        trial.mal("part", "ALTER TABLE par.p ALTER number DROP DEFAULT");
        trial.mal("whole", insert);
        trial.server.ask("DROP DATABASE proof");
        trial.operator(
            "whole",
            "DROP SERVER pgkeep_bridge_part, pgkeep_bridge2_part CASCADE; DROP ROLE IF EXISTS pgkeep_bridged_part",
        );
        trial.operator(
            "part",
            "DROP OWNED BY pgkeep_bridge_part, pgkeep_bridge2_part; DROP ROLE pgkeep_bridge_part, pgkeep_bridge2_part",
        );
        assert_eq!(trial.operator("whole", "SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep'"), "0", "{major}");
    }
}

/// Another one's role has the name of the second way.
#[test]
fn a_name_that_is_taken_ends_a_bridge_of_several_ways_before_it_is_built() {
    for major in BRIDGING {
        let trial =
            Trial::start(major, "CREATE TABLE par.p (id int PRIMARY KEY); CREATE VIEW mal.v AS SELECT id FROM par.p");
        let bank = "CREATE ROLE bank; GRANT USAGE, CREATE ON SCHEMA par, mal TO bank; SET ROLE bank; CREATE TABLE par.q (id int PRIMARY KEY); CREATE VIEW mal.w AS SELECT id FROM par.q";
        trial.operator("whole", bank);
        trial.server.ask("CREATE ROLE pgkeep_bridge2_part");
        let said = trial.of_par(&["--boundary", "bridge"]);
        assert_eq!(said.code, 7, "{major}: {said:?}");
        assert!(said.stdout.contains("a role pgkeep_bridge2_part already exists"), "{major}: {said:?}");
        assert_eq!(
            trial.server.ask("SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname ~ '^pgkeep'"),
            "pgkeep_bridge2_part",
            "{major}"
        );
        // One that another database's bridge uses is not to be dropped.
        trial.server.ask("COMMENT ON ROLE pgkeep_bridge2_part IS 'pgkeep split: a bridge to the database part_2'");
        let said = trial.of_par(&["--boundary", "bridge"]);
        let uses = "The bridge to the database part_2 uses it";
        assert!(said.code == 7 && said.stdout.contains(uses) && !said.stdout.contains("DROP"), "{major}: {said:?}");
        trial.server.ask("DROP ROLE pgkeep_bridge2_part");
        // And another one's server, at the source.
        trial.operator(
            "whole",
            "CREATE EXTENSION postgres_fdw; CREATE SERVER pgkeep_bridge2_part FOREIGN DATA WRAPPER postgres_fdw",
        );
        let said = trial.of_par(&["--boundary", "bridge"]);
        assert_eq!(said.code, 7, "{major}: {said:?}");
        assert!(
            said.stdout.contains("a foreign server pgkeep_bridge2_part already exists in the source"),
            "{major}: {said:?}"
        );
        assert_eq!(trial.server.ask("SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep'"), "0", "{major}");
        assert_eq!(
            trial.operator("whole", "SELECT string_agg(srvname, ',') FROM pg_foreign_server"),
            "pgkeep_bridge2_part",
            "{major}"
        );
        trial.operator("whole", "DROP EXTENSION postgres_fdw CASCADE");
        // The source's server gets nowhere: all of them are gone.
        let said = trial.of_par(&["--boundary", "bridge", "--bridge-host", "/nowhere"]);
        assert_eq!(said.code, 7, "{major}: {said:?}");
        assert!(
            said.stdout.contains("local part pgkeep_bridge_part,pgkeep_bridge2_part scram-sha-256"),
            "{major}: {said:?}"
        );
        assert_eq!(trial.server.ask("SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep'"), "0", "{major}");
    }
}

/// As an earlier program left a bridge of two owners: one role and one server for both, and a record that knows of no other way.
fn as_of_one_way(trial: &Trial) {
    let servers = "SET allow_system_table_mods = on; UPDATE pg_foreign_table SET ftserver = (SELECT oid FROM pg_foreign_server WHERE srvname = 'pgkeep_bridge_part');
        UPDATE pg_depend SET refobjid = (SELECT oid FROM pg_foreign_server WHERE srvname = 'pgkeep_bridge_part') WHERE classid = 'pg_class'::regclass
            AND refclassid = 'pg_foreign_server'::regclass AND refobjid = (SELECT oid FROM pg_foreign_server WHERE srvname = 'pgkeep_bridge2_part');
        DROP SERVER pgkeep_bridge2_part CASCADE";
    trial.operator("whole", servers);
    let roles = "GRANT SELECT, INSERT, UPDATE, DELETE ON par.p TO pgkeep_bridge_part; DROP OWNED BY pgkeep_bridge2_part; DROP ROLE pgkeep_bridge2_part";
    trial.operator("part", roles);

    let mut record: Value =
        serde_json::from_str(&trial.operator("part", "SELECT document FROM pgkeep_split.state")).unwrap();
    assert_eq!(record["bridge"].as_object_mut().unwrap().remove("more").unwrap(), json!(["pgkeep_bridge2_part"]));
    for span in record["bridge"]["spans"].as_array_mut().unwrap() {
        assert!(span.as_object_mut().unwrap().remove("way").unwrap().is_u64());
    }
    // The host knows its own record by a key of its own.
    let host = format!("{}/split-state/splits/{}.json", env!("CARGO_TARGET_TMPDIR"), record["id"].as_str().unwrap());
    let host: Value = serde_json::from_str(&std::fs::read_to_string(host).unwrap()).unwrap();
    let key: [u8; 32] = hex::decode(host["key"].as_str().unwrap()).unwrap().try_into().unwrap();
    let document = record.to_string();
    let mark = blake3::keyed_hash(&key, document.as_bytes());
    trial.operator(
        "part",
        &format!("UPDATE pgkeep_split.state SET document = $record${document}$record$, mark = '{mark}'"),
    );
}

/// It has one role for all owners until the way back, or the end.
#[test]
fn a_bridge_of_an_earlier_program_is_gone_on_with_by_its_one_way() {
    for major in BRIDGING {
        let trial =
            Trial::start(major, "CREATE TABLE par.p (id int PRIMARY KEY); CREATE VIEW mal.v AS SELECT id FROM par.p");
        let made = "CREATE ROLE bank LOGIN; GRANT USAGE, CREATE ON SCHEMA par, mal TO bank; SET ROLE bank; CREATE TABLE par.a (id int PRIMARY KEY); CREATE VIEW mal.w AS SELECT id FROM par.a";
        trial.operator("whole", made);
        let bank = |sql: &str| psql(&trial.server.binaries, &trial.server.dsn_as("bank", "whole"), sql).unwrap();
        let ours = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname ~ '^pgkeep') + (SELECT count(*) FROM pg_foreign_server)
            + (SELECT count(*) FROM pg_user_mapping) + (SELECT count(*) FROM pg_extension WHERE extname = 'postgres_fdw')";
        for verb in [&["rollback", "--discard"][..], &["finish", "--yes"]] {
            let said = trial.of_par(&["--boundary", "bridge", "--bridge-write"]);
            assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
            as_of_one_way(&trial);
            bank("INSERT INTO par.a VALUES (1)");
            trial.mal("whole", "INSERT INTO par.p VALUES (1)");
            let status = trial.split(&["status"]).document();
            let told = (&status["record"], &status["bridged"]);
            assert_eq!(told, (&json!("checked"), &json!(["par.a", "par.p"])), "{major}: {status}");
            let said = trial.split(verb);
            assert_eq!(said.code, 0, "{major}: {said:?}");
            // Two roles, a server, its mapping for each of its users, and the extension.
            let (left, rows) = if verb[0] == "finish" { ("6", "1") } else { ("0", "0") };
            assert_eq!(trial.operator("whole", ours), left, "{major} {verb:?}");
            assert_eq!(bank("SELECT count(*) FROM mal.w"), rows, "{major} {verb:?}");
            assert_eq!(trial.mal("whole", "SELECT count(*) FROM mal.v"), rows, "{major} {verb:?}");
            if verb[0] == "rollback" {
                trial.server.ask("DROP DATABASE part");
            }
        }
    }
}

/// It may make no role at the source; the former owner is none of the owner's, either.
#[test]
fn where_no_superuser_splits_the_foreign_tables_are_that_roles() {
    for major in BRIDGING {
        let made = "CREATE TABLE par.p (id int PRIMARY KEY, n text); INSERT INTO par.p VALUES (1, 'x'); CREATE MATERIALIZED VIEW mal.v AS SELECT id FROM par.p;
            CREATE TABLE mal.c (p int REFERENCES par.p); INSERT INTO mal.c VALUES (1)";
        let trial = Trial::start(major, made);
        trial.operator("whole", "CREATE ROLE ops LOGIN CREATEDB CREATEROLE; GRANT mal TO ops; CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ops;
            ALTER DATABASE whole OWNER TO ops; SET ROLE ops; CREATE TABLE par.secrets (id int); INSERT INTO par.secrets VALUES (4711); CREATE VIEW mal.b AS SELECT count(*) FROM par.secrets");
        let ends = ["whole", "part"].map(|database| trial.server.dsn_as("ops", database));
        let args = ["--schemas", "par", "--leave", "mal", "--boundary", "bridge", "--bridge-write"];
        let said = trial.split_by(&ends, &args);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        let alter = "ALTER FOREIGN TABLE par.p OPTIONS (SET table_name 'secrets')";
        let told = psql(&trial.server.binaries, &trial.server.dsn_as("mal", "whole"), alter).unwrap_err();
        assert!(told.contains("must be owner of foreign table p"), "{major}: {told}");
        let owners = "SELECT string_agg(relowner::regrole::text, ' ') FROM pg_class WHERE relnamespace = 'par'::regnamespace AND relkind";
        assert_eq!(trial.operator("whole", &format!("{owners} = 'f'")), "ops ops", "{major}");
        trial.mal(
            "whole",
            "INSERT INTO par.p VALUES (2, 'y'); REFRESH MATERIALIZED VIEW mal.v; DELETE FROM par.p WHERE id = 2",
        );
        assert_eq!(trial.mal("whole", "SELECT count(*) FROM mal.v"), "2", "{major}");
        let said = trial.split_by(&ends, &["rollback"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        assert_eq!(trial.operator("whole", &format!("{owners} = 'r' AND relname = 'p'")), "mal", "{major}");
        trial.mal("whole", "INSERT INTO par.p VALUES (2, 'y')");
        assert_eq!(
            trial.mal("whole", "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"),
            "1",
            "{major}"
        );
    }
}

/// A foreign table stands where the one lies aside that the key leads to.
#[test]
fn a_key_to_a_bridged_table_comes_back_and_what_does_not_says_why() {
    for major in BRIDGING {
        let made = "CREATE TABLE par.plain (id int PRIMARY KEY); INSERT INTO par.plain VALUES (1); CREATE TABLE par.coded (id int PRIMARY KEY, e mal.e); INSERT INTO par.coded VALUES (1, '1');
            CREATE VIEW mal.v AS SELECT p.id, c.e FROM par.plain p, par.coded c";
        let trial = Trial::start(major, made);
        let keys = "CREATE TABLE mal.a (x int REFERENCES par.plain ON DELETE CASCADE); CREATE TABLE mal.b (x int REFERENCES par.coded);
            CREATE TABLE mal.parts (x int REFERENCES par.coded) PARTITION BY LIST (x); CREATE TABLE mal.part PARTITION OF mal.parts FOR VALUES IN (1);
            INSERT INTO mal.a VALUES (1); INSERT INTO mal.b VALUES (1); INSERT INTO mal.parts VALUES (1)";
        trial.operator("whole", keys);
        let said = trial.of_par(&["--boundary", "bridge"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        let said = trial.split(&["rollback"]);
        let document = said.document();
        let told = |field: &str| -> Vec<String> {
            let told = document[field].as_array().unwrap().iter();
            told.map(|key| key.as_str().unwrap().to_owned()).collect()
        };
        let why = "a superuser owns one of its tables, and code of an ordinary role would run as that one: look at the casts and indexes, then say";
        assert_eq!(
            (said.code, told("keys_missing")),
            (3, vec!["mal.parts.parts_x_fkey".to_owned()]),
            "{major}: {said:?}"
        );
        let unchecked = format!("mal.b.b_x_fkey: {why} ALTER TABLE \"mal\".\"b\" VALIDATE CONSTRAINT \"b_x_fkey\"");
        assert_eq!(told("keys_unchecked"), [unchecked], "{major}");
        let make = "ALTER TABLE mal.parts ADD CONSTRAINT parts_x_fkey FOREIGN KEY (x) REFERENCES par.coded(id);";
        assert_eq!(told("keys_left"), [format!("mal.parts.parts_x_fkey: {why} {make}")], "{major}");
        let there = "SELECT string_agg(conrelid::regclass || ' ' || convalidated, ',' ORDER BY conrelid::regclass::text) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
        assert_eq!(trial.operator("whole", there), "mal.a true,mal.b false", "{major}");
        trial.only_mal("rollback");
        trial.operator("whole", "ALTER TABLE mal.b VALIDATE CONSTRAINT b_x_fkey");
        trial.operator("whole", make);
    }
}

const READERS: &str = "CREATE VIEW mal.v AS SELECT id, '{x}'::mal.dom[] AS lit FROM par.p;
    CREATE MATERIALIZED VIEW mal.m AS SELECT id, '{x}'::mal.dom[] AS lit FROM par.p;
    CREATE MATERIALIZED VIEW mal.m2 AS SELECT id FROM par.p; CREATE VIEW mal.v2 AS SELECT id, '[a,b)'::mal.span AS lit FROM mal.m2;
    CREATE TABLE mal.t (id int); CREATE POLICY pol ON mal.t USING (EXISTS (SELECT FROM par.p WHERE '(x)'::mal.comp IS NOT NULL));
    CREATE RULE rul AS ON UPDATE TO mal.t WHERE '{x}'::mal.dom[] IS NULL DO INSTEAD SELECT FROM par.p;
    CREATE FUNCTION mal.f(a mal.dom[] DEFAULT '{x}') RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM par.p; END;
    CREATE FUNCTION mal.g() RETURNS mal.dom[] LANGUAGE sql BEGIN ATOMIC SELECT '{x}'::mal.dom[] FROM par.p; END;
    CREATE VIEW mal.fine AS SELECT id, NULL::mal.comp AS nothing, ARRAY['1']::mal.e[] AS plain, 'x'::mal.dom AS single FROM par.p";

/// A definition is made anew from its text, and a value in it is read then.
#[test]
fn a_bridge_makes_no_value_anew_that_an_ordinary_role_checks() {
    for major in BRIDGING {
        let made = "CREATE TYPE mal.comp AS (d mal.dom); CREATE TYPE mal.span AS RANGE (SUBTYPE = mal.dom);
            CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1);
            CREATE TABLE par.d (id int PRIMARY KEY, n mal.dom[] DEFAULT '{x}'::mal.dom[]); CREATE VIEW mal.w AS SELECT id FROM par.d";
        let trial = Trial::start(major, made);
        trial.mal("whole", READERS);
        let blocked = |args: &[&str]| {
            let said = trial.of_par(&[args, &["--boundary", "bridge"]].concat());
            let document = said.document();
            trial.only_mal("plan or run");
            let blockers = document["blockers"].as_array().unwrap().clone();
            let names: Vec<String> =
                blockers.iter().map(|blocker| blocker["name"].as_str().unwrap().to_owned()).collect();
            assert!(blockers.iter().all(|blocker| blocker["kind"] == "bridge_limit"), "{document}");
            (said.code, names)
        };
        let readers = [
            "function mal.f(mal.dom[])",
            "function mal.g()",
            "materialized view mal.m",
            "policy pol on table mal.t",
            "rule rul on table mal.t",
            "view mal.v",
            "view mal.v2",
        ];
        assert_eq!(blocked(&[]), (3, readers.map(str::to_owned).to_vec()), "{major}");
        let with_default = ["default value for column n of table par.d"].iter().chain(&readers);
        let with_default: Vec<String> = with_default.map(|&name| name.to_owned()).collect();
        assert_eq!(blocked(&["--plan", "--bridge-write"]).1, with_default, "{major}");

        trial.mal("whole", "DROP VIEW mal.v, mal.v2; DROP MATERIALIZED VIEW mal.m, mal.m2; DROP FUNCTION mal.f; DROP FUNCTION mal.g; DROP TABLE mal.t");
        let said = trial.of_par(&["--boundary", "bridge"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{major}: {said:?}");
        trial.only_mal("split");
        // What was made since is looked at before the way back begins.
        trial.mal("whole", "CREATE VIEW mal.later AS SELECT id, '{x}'::mal.dom[] AS lit FROM par.p");
        let said = trial.split(&["rollback"]);
        assert_eq!(said.code, 7, "{major}: {said:?}");
        assert!(
            said.stdout.contains("view mal.later holds a value whose domain is checked by an ordinary role"),
            "{major}: {said:?}"
        );
        trial.only_mal("rollback");
        trial.mal("whole", "DROP VIEW mal.later");
        let said = trial.split(&["rollback"]);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        trial.only_mal("rollback");
        assert_eq!(trial.mal("whole", "SELECT single FROM mal.fine"), "x", "{major}");
    }
}

/// Once the new place is fenced there is no way but back.
#[test]
fn what_is_made_during_the_way_back_stops_it_nowhere_and_is_named() {
    let made = "CREATE TABLE par.p (id int PRIMARY KEY); INSERT INTO par.p VALUES (1); CREATE VIEW mal.v AS SELECT id FROM par.p";
    let trial = Trial::start(15, made);
    let said = trial.of_par(&["--boundary", "bridge"]);
    assert_eq!(said.code, 0, "{said:?}");
    let mut writer = trial.server.binaries.command("psql");
    writer.args(["-X", "-q", "-d", &trial.server.dsn_as("mal", "part"), "-c"]);
    writer.arg("SET application_name = 'writer'; BEGIN; LOCK TABLE par.p IN ROW EXCLUSIVE MODE; SELECT pg_sleep(300)");
    let mut writer = writer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waits =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'writer' AND wait_event = 'PgSleep'";
    trial.server.wait_for(waits, "t");
    let said = std::thread::scope(|scope| {
        let back = scope.spawn(|| trial.split(&["rollback", "--fence-wait", "120"]));
        let fencing =
            "SELECT count(*) > 0 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = 'part'
            AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock'";
        trial.server.wait_for(fencing, "t");
        trial.mal("whole", "CREATE VIEW mal.later AS SELECT id, '{x}'::mal.dom[] AS lit FROM par.p");
        trial.server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer'");
        back.join().unwrap()
    });
    writer.wait().unwrap();
    assert_eq!(said.code, 0, "{said:?}");
    trial.only_mal("rollback");
    let warnings = said.document()["warnings"].to_string();
    assert!(warnings.contains("view mal.later was made during the rollback"), "{warnings}");
    assert!(!warnings.contains("mal.v "), "{warnings}");
    trial.mal("whole", "INSERT INTO par.p VALUES (2); DROP VIEW mal.later");
    assert_eq!(trial.mal("whole", "SELECT count(*) FROM mal.v"), "2");
    trial.operator("whole", "DROP SERVER pgkeep_bridge_part CASCADE");
}
