//! Foreign tables in the old place: what stays reads on, and writes where it may; and everything is put back, or dropped at the end.

use std::path::Path;
use std::process::Stdio;

use pgkeep::pg::cluster::{ClusterOptions, Listen};
use secrecy::SecretString;
use serde_json::Value;

use crate::judge::{assert_equal, assert_gone_over, definitions, load_sample, rows};
use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// The socket asks the bridge's role for its password, and trusts everybody else.
fn server(target: &str) -> Server {
    let hba = format!("local {target} pgkeep_bridge_{target} scram-sha-256\nlocal all all trust\n");
    let data_files = vec![("pg_hba.conf".to_owned(), hba.into_bytes())];
    Server::start(15, ClusterOptions { data_files, ..ClusterOptions::default() })
}

struct Ends<'a> {
    from: (&'a Server, &'a str),
    to: (&'a Server, &'a str),
}

impl Ends<'_> {
    fn split(&self, args: &[&str]) -> Said {
        let (from, to) = (self.from.0.dsn(self.from.1), self.to.0.dsn(self.to.1));
        Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]))
    }

    /// What the old database says.
    #[track_caller]
    fn old(&self, sql: &str) -> String {
        psql(&self.from.0.binaries, &self.from.0.dsn(self.from.1), sql).unwrap()
    }

    #[track_caller]
    fn there(&self, sql: &str) -> String {
        psql(&self.to.0.binaries, &self.to.0.dsn(self.to.1), sql).unwrap()
    }

    fn old_refuses(&self, sql: &str) -> String {
        psql(&self.from.0.binaries, &self.from.0.dsn(self.from.1), sql).unwrap_err()
    }

    /// Everything in the old database that is no row.
    fn definitions(&self) -> String {
        definitions(self.from.0, self.from.1, &[])
    }
}

#[track_caller]
fn error(said: &Said, code: i32) -> (String, String) {
    assert_eq!(said.code, code, "{said:?}");
    let document = said.document();
    (document["error"].as_str().unwrap().to_owned(), document["hint"].as_str().unwrap_or_default().to_owned())
}

const BRIDGES: &str = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'pgkeep%'";
const OVERVIEW: &str = "SELECT count(*), md5(string_agg(o::text, ',' ORDER BY id)) FROM erp.run_overview o";
const TAKES_WRITES: &str = "UPDATE agent.tools SET enabled = enabled";

#[test]
fn what_stays_reads_on_through_the_bridge_and_it_is_torn_down_on_the_way_back() {
    let server = server("agents");
    load_sample(&server, "portfolio", "0.01");
    let ends = Ends { from: (&server, "portfolio"), to: (&server, "agents") };
    let split = |args: &[&str]| ends.split(&[&["--schemas", "agent", "--boundary", "bridge"], args].concat());

    // Policies do not go over a bridge: the plan says so, and the run stops at it.
    let said = split(&[]);
    assert_eq!(said.code, 3, "{said:?}");
    let document = said.document();
    let blocked: Vec<&Value> =
        document["blockers"].as_array().unwrap().iter().filter(|b| b["kind"] == "bridge").collect();
    let names: Vec<&str> = blocked.iter().map(|blocker| blocker["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["agent.messages", "agent.sessions"]);
    assert!(blocked[0]["reason"].as_str().unwrap().starts_with("it has row-level security"), "{document}");
    ends.old(
        "ALTER TABLE agent.sessions DISABLE ROW LEVEL SECURITY; ALTER TABLE agent.messages DISABLE ROW LEVEL SECURITY;
        COMMENT ON CONSTRAINT execution_runs_session_id_fkey ON erp.execution_runs IS NULL",
    );
    let (before, defined, overview) = (rows(&server, "portfolio", None), ends.definitions(), ends.old(OVERVIEW));

    // A way that leads nowhere: refused before anybody was refused a write, and nothing is left.
    let (told, hint) = error(&split(&["--bridge-host", "/nowhere"]), 7);
    assert!(
        told.starts_with(
            "the source's server cannot connect to the new database as pgkeep_bridge_agents at host /nowhere"
        ),
        "{told}"
    );
    assert!(hint.contains("`local agents pgkeep_bridge_agents scram-sha-256`"), "{hint}");
    ends.old(TAKES_WRITES);
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'agents'"), "0");
    assert_eq!(server.ask(BRIDGES), "0");
    assert_equal("definitions after the refusal", &defined, &ends.definitions());

    // Who reads for long is in the way of every exchange, and is named.
    let while_read = |verb: &dyn Fn() -> Said| {
        let mut reader = server.binaries.command("psql");
        let sql = "SET application_name = 'the report'; BEGIN; SELECT FROM agent.sessions LIMIT 1; SELECT pg_sleep(60)";
        reader.args(["-X", "-q", "-d", &server.dsn("portfolio"), "-c", sql]);
        let mut reader = reader.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        server.wait_for(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'the report' AND wait_event = 'PgSleep'",
            "t",
        );
        let (told, _) = error(&verb(), 7);
        assert!(told.contains("application 'the report', AccessShareLock on agent.sessions"), "{told}");
        server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the report'");
        reader.wait().unwrap();
    };
    while_read(&|| split(&["--fence-wait", "0"]));
    ends.old(TAKES_WRITES);

    let said = split(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.document()["bridged"], serde_json::json!(["agent.messages", "agent.sessions"]));
    assert!(!said.stdout.contains("password"), "{said:?}");
    let status = Said::of(pgkeep().args(["split", "--json", "status", "--to", &server.dsn("agents")])).document();
    assert_eq!(status["bridged"], serde_json::json!(["agent.messages", "agent.sessions"]));
    assert_eq!(ends.old(OVERVIEW), overview, "the view reads the same");
    let hidden =
        "SET ROLE app_user; SELECT count(umoptions) FROM pg_user_mappings WHERE srvname = 'pgkeep_bridge_agents'";
    assert_eq!(ends.old(hidden), "0", "an ordinary role does not see the password");
    let owner = "SET ROLE app_auditor; SELECT count(*) FROM erp.run_overview WHERE owner_name = 'newcomer'";
    assert_eq!(ends.old(owner), "0");
    ends.there("UPDATE agent.sessions SET owner_name = 'newcomer'");
    assert_ne!(ends.old(owner), "0", "an ordinary role sees what was written in the new database");
    let busiest =
        ends.there("SELECT session_id FROM agent.messages GROUP BY 1 ORDER BY sum(tokens) DESC NULLS LAST LIMIT 1");
    let cost = ends.there(&format!("SELECT sum(tokens) * 0.0001 FROM agent.messages WHERE session_id = '{busiest}'"));
    assert_eq!(ends.old(&format!("SET ROLE app_user; SELECT erp.session_cost('{busiest}')")), cost);
    for write in [
        "UPDATE agent.sessions SET ended_at = NULL",
        "INSERT INTO agent.sessions (agent_id, started_at) VALUES (1, now())",
    ] {
        let refused = ends.old_refuses(write);
        assert!(refused.contains("permission denied") || refused.contains("does not allow"), "{refused}");
    }
    assert!(ends.old_refuses("DELETE FROM agent.sessions_moved_20991231").contains("does not exist"));
    let aside = ends.old("SELECT relname FROM pg_class WHERE relname LIKE 'sessions\\_moved\\_20%' AND relkind = 'r'");
    assert!(ends.old_refuses(&format!("DELETE FROM agent.{aside}")).contains("has moved to the database agents"));
    // Of everything in the new database, the role may read two tables.
    let may = "SELECT string_agg(c.oid::regclass::text || ' ' || p, ',' ORDER BY c.relname, p) FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
        WHERE relkind IN ('r', 'S') AND relnamespace = 'agent'::regnamespace AND has_table_privilege('pgkeep_bridge_agents', c.oid, p)";
    assert_eq!(ends.there(may), "agent.messages SELECT,agent.sessions SELECT");

    ends.there("UPDATE agent.sessions s SET owner_name = 'back'");
    let (told, _) = error(&ends.split(&["rollback"]), 7);
    assert!(told.contains("agent.sessions"), "{told}");
    assert_ne!(ends.old("SELECT count(*) FROM erp.run_overview WHERE owner_name = 'back'"), "0", "the bridge stands");
    // What somebody has built on a foreign table since is named before anything is undone.
    ends.old("CREATE FUNCTION erp.leans(s agent.sessions) RETURNS int LANGUAGE sql RETURN 1");
    let said = ends.split(&["rollback", "--discard"]);
    error(&said, 7);
    assert!(said.stdout.contains("function erp.leans(agent.sessions) uses the row type of agent.sessions"), "{said:?}");
    ends.there("UPDATE agent.tools SET enabled = enabled");
    ends.old("DROP FUNCTION erp.leans(agent.sessions)");
    while_read(&|| ends.split(&["rollback", "--discard", "--fence-wait", "0"]));
    let said = ends.split(&["rollback", "--discard"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_equal("rows after the rollback", &before, &rows(&server, "portfolio", None));
    assert_equal("definitions after the rollback", &defined, &ends.definitions());
    assert_eq!(server.ask(BRIDGES), "0");
    ends.old(TAKES_WRITES);
}

/// From 15 to 16, over TCP, with writes; then to the end.
#[test]
fn what_stays_writes_through_the_bridge_and_goes_on_when_the_old_tables_are_dropped() {
    let old = Server::with_samples(15, &[("portfolio", "0.003")], ClusterOptions::default());
    let listen = Listen::Loopback { password: SecretString::from("the superuser's own") };
    let new = Server::start(16, ClusterOptions { listen, ..ClusterOptions::default() });
    let repo = Repo::new();
    let ends = Ends { from: (&old, "portfolio"), to: (&new, "erp_place") };
    // Its user mapping has no place on another server's roles, and the roles above are made by the split.
    ends.old("DROP FOREIGN TABLE erp.remote_stock; DROP EXTENSION postgres_fdw CASCADE; CREATE TABLE agent.notes (run bigint)");
    // The newer server takes the newer pg_dump.
    let bin = Path::new(new.binaries.command("pg_dump").get_program()).parent().unwrap().to_owned();
    let split = |args: &[&str]| {
        let own = ["--schemas", "erp", "--boundary", "bridge", "--bridge-write", "--pg-bin", bin.to_str().unwrap()];
        ends.split(&[&own, args].concat())
    };
    // The socket asks nobody for a password, and postgres_fdw lets no ordinary role pass there.
    let (_, hint) = error(&split(&[]), 7);
    assert!(hint.contains("--bridge-host 127.0.0.1"), "{hint}");
    ends.old("UPDATE erp.customers SET name = name WHERE id = 1");
    assert_eq!(ends.old("SELECT count(*) FROM pg_extension WHERE extname = 'postgres_fdw'"), "0");
    let port = new.cluster.port().to_string();
    let said = split(&["--bridge-host", "127.0.0.1", "--bridge-port", &port]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.document()["bridged"], serde_json::json!(["erp.execution_runs"]));

    // The numbers are the new database's, and nobody else's.
    let next =
        ends.there("SELECT pg_sequence_last_value(pg_get_serial_sequence('erp.execution_runs', 'id')::regclass) + 1");
    let insert = "INSERT INTO erp.execution_runs (global_id, status, started_at) VALUES ('late', 'running', '2001-01-01') RETURNING id";
    assert_eq!(ends.old(&format!("SET ROLE app_user; {insert}")), next);
    assert!(ends.old_refuses("INSERT INTO erp.execution_runs (id) VALUES (1)").contains("non-DEFAULT value"));
    let agents = "UPDATE agent.sessions SET ended_at = NULL WHERE started_at < '2001-06-01'; CALL agent.close_sessions('2001-06-01')";
    ends.old(agents);
    assert_eq!(
        ends.there("SELECT id, status FROM erp.execution_runs WHERE global_id = 'late'"),
        format!("{next}|failed")
    );
    assert_eq!(ends.old("DELETE FROM erp.execution_runs WHERE global_id = 'late' RETURNING id"), next);
    assert_eq!(ends.there("SELECT count(*) FROM erp.execution_runs WHERE global_id = 'late'"), "0");
    // The foreign table belongs to nobody who uses it, and everybody may do what they could.
    let grants = "SELECT string_agg(x.grantee || ' ' || x.privilege_type, ',' ORDER BY x.grantee, x.privilege_type) FROM pg_class c,
        aclexplode(coalesce(relacl, acldefault('r', relowner))) x WHERE c.oid = '%'::regclass AND x.grantee::regrole::text <> 'pgkeep_bridged_erp_place'";
    let aside = ends.old(
        "SELECT oid::regclass FROM pg_class WHERE relname LIKE 'execution\\_runs\\_moved\\_20%' AND relkind = 'r'",
    );
    let of = |name: &str| ends.old(&grants.replace('%', name));
    assert_eq!(of("erp.execution_runs"), of(&aside));

    let finish = |args: &[&str]| {
        let (from, to) = (old.dsn("portfolio"), new.dsn("erp_place"));
        Said::of(
            &mut repo.command(["split", "finish", "--yes", "--json", "--from", &from, "--to", &to].iter().chain(args)),
        )
    };
    // The old schema's types go where the foreign table goes: what stays names them.
    let said = finish(&[]);
    assert_eq!((said.code, said.document()["needed_by"].clone()), (0, serde_json::json!([])), "{said:?}");
    assert_eq!(
        ends.old("SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 'erp'::regnamespace"),
        "execution_runs"
    );
    let usage = "SELECT string_agg(x.grantee::regrole || ' ' || privilege_type, ',' ORDER BY 1) FROM pg_namespace, aclexplode(nspacl) x WHERE nspname = 'erp' AND grantee <> nspowner";
    assert_eq!(ends.old("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'erp'"), "portfolio");
    assert!(ends.old(&usage.replace("ORDER BY 1", "")).contains("app_user USAGE"));
    ends.old(agents);
    assert_eq!(finish(&[]).code, 0, "once more is no harm");

    repo.json(["backup", "-d", &old.dsn("portfolio")]);
    repo.restored(["latest", "--create", "-d", &old.dsn("proof")]);
    let gone = finish(&["--yes-drop", "portfolio"]);
    assert_eq!((gone.code, &gone.document()["phase"]), (0, &Value::from("finished")), "{gone:?}");
    assert_eq!(ends.old("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'erp\\_moved%'"), "0");
    assert_eq!(ends.old(&format!("SET ROLE app_user; {}", insert.replace("RETURNING id", ""))), "");
    ends.old(agents);
    assert_eq!(ends.there("SELECT status FROM erp.execution_runs WHERE global_id = 'late'"), "failed");
}

/// Everything that can be said of a materialized view, its columns, indexes and statistics.
const DRESSED: &str = "
    CREATE ROLE app; CREATE ROLE reader; CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
    CREATE SCHEMA core AUTHORIZATION app; CREATE SCHEMA stay; GRANT USAGE ON SCHEMA core, stay TO app, reader;
    CREATE TABLE core.c (id int PRIMARY KEY, t text); ALTER TABLE core.c OWNER TO app; INSERT INTO core.c SELECT i, 'x' FROM generate_series(1, 5) i;
    CREATE MATERIALIZED VIEW stay.m WITH (fillfactor = 80, toast.autovacuum_enabled = false, autovacuum_enabled = false) AS SELECT id, t, id AS u, t AS v FROM core.c;
    CREATE MATERIALIZED VIEW stay.on_m USING heap2 TABLESPACE fast AS SELECT id, t FROM stay.m;
    ALTER MATERIALIZED VIEW stay.m OWNER TO app; ALTER MATERIALIZED VIEW stay.m RENAME COLUMN u TO \"U 1\";
    CREATE UNIQUE INDEX one ON stay.m (id) WITH (fillfactor = 50) TABLESPACE fast; CREATE UNIQUE INDEX two ON stay.m ((id + 1), t) WHERE id > 0;
    CREATE INDEX three ON stay.m (v); CREATE INDEX one ON core.c (t);
    ALTER INDEX stay.two ALTER COLUMN 1 SET STATISTICS 44; ALTER INDEX stay.three DEPENDS ON EXTENSION plpgsql; COMMENT ON INDEX stay.two IS 'i';
    ALTER MATERIALIZED VIEW stay.m CLUSTER ON one; ALTER MATERIALIZED VIEW stay.m DEPENDS ON EXTENSION plpgsql; ALTER TABLE stay.m REPLICA IDENTITY FULL;
    ALTER MATERIALIZED VIEW stay.m ALTER id SET STATISTICS 33; ALTER MATERIALIZED VIEW stay.m ALTER \"U 1\" SET (n_distinct = -0.5, n_distinct_inherited = 7);
    ALTER MATERIALIZED VIEW stay.m ALTER t SET STORAGE EXTERNAL; ALTER MATERIALIZED VIEW stay.m ALTER v SET STORAGE MAIN; ALTER MATERIALIZED VIEW stay.m ALTER t SET COMPRESSION pglz;
    CREATE STATISTICS stay.es (ndistinct) ON id, t FROM stay.m; ALTER STATISTICS stay.es SET STATISTICS 55; COMMENT ON STATISTICS stay.es IS 's'; ALTER STATISTICS stay.es OWNER TO app;
    GRANT SELECT (id), UPDATE (t) ON stay.m TO reader WITH GRANT OPTION; GRANT SELECT ON stay.on_m TO PUBLIC; REVOKE INSERT ON stay.m FROM app;
    COMMENT ON MATERIALIZED VIEW stay.m IS 'm'; COMMENT ON COLUMN stay.m.t IS 'c';
    CREATE FUNCTION stay.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM core.c; END; ALTER FUNCTION stay.f() DEPENDS ON EXTENSION plpgsql;
    CREATE VIEW stay.v AS SELECT id FROM stay.m; GRANT SELECT (id) ON stay.v TO reader; COMMENT ON COLUMN stay.v.id IS 'v';
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO reader";

/// pg_dump is the judge, at the seal and on the way back; also where new tables would lie elsewhere by default.
#[test]
fn a_materialized_view_keeps_all_that_pg_dump_says_of_it() {
    let server = server("new");
    server.ask("CREATE DATABASE src");
    let ends = Ends { from: (&server, "src"), to: (&server, "new") };
    for statement in
        ["ALTER ROLE CURRENT_USER SET allow_in_place_tablespaces = on", "CREATE TABLESPACE fast LOCATION ''"]
    {
        server.ask(statement);
    }
    ends.old(DRESSED);
    server.ask("ALTER DATABASE src SET default_tablespace = fast");
    let stays = || definitions(&server, "src", &["--schema", "stay"]);
    let (before, defined) = (stays(), ends.definitions());
    for said in [
        "n_distinct_inherited",
        "STORAGE MAIN",
        "COMPRESSION pglz",
        "SET STATISTICS 44",
        "toast.autovacuum_enabled",
        "DEPENDS ON EXTENSION",
    ] {
        assert!(before.contains(said), "{said} in {before}");
    }
    let said = ends.split(&["--schemas", "core", "--boundary", "bridge"]);
    assert_eq!(said.code, 0, "{said:?}");
    ends.there("UPDATE core.c SET t = 'y'; DELETE FROM core.c WHERE id = 5");
    ends.old("REFRESH MATERIALIZED VIEW stay.m");
    assert_eq!(ends.old("SELECT count(*), min(t) FROM stay.m"), "4|y", "it reads the new database");
    assert_equal("what stays, at the seal", &before, &stays());
    let said = ends.split(&["rollback", "--discard"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_equal("definitions after the rollback", &defined, &ends.definitions());
}

/// Whatever default privileges of the running role say, nobody else gets at what is ours.
#[test]
fn default_privileges_give_nobody_anything_of_ours() {
    let server = server("new");
    server.ask("CREATE DATABASE src");
    let ends = Ends { from: (&server, "src"), to: (&server, "new") };
    let kinds = ["SCHEMAS", "TABLES", "SEQUENCES", "FUNCTIONS", "TYPES"];
    let default: String =
        kinds.iter().map(|kind| format!("ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO team;")).collect();
    ends.old("CREATE ROLE team; CREATE SCHEMA m; CREATE SCHEMA s; CREATE TABLE m.a (id int PRIMARY KEY); CREATE VIEW s.v AS SELECT * FROM m.a");
    ends.old("CREATE TABLE s.c (a int REFERENCES m.a); CREATE TABLE s.p (id int PRIMARY KEY); CREATE TABLE m.c (p int REFERENCES s.p ON DELETE CASCADE)");
    ends.old(&default);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boundary.toml");
    std::fs::write(&file, "default = \"bridge\"\n[constraints]\nc_p_fkey = \"loose\"\n").unwrap();
    let said = ends.split(&["--schemas", "m", "--boundary-file", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    let given = "WITH ours AS (SELECT oid, nspname, nspacl FROM pg_namespace WHERE nspname ~ '^pgkeep_'), things (name, acl) AS (
            SELECT nspname, nspacl FROM ours UNION ALL SELECT c.relname, c.relacl FROM ours JOIN pg_class c ON c.relnamespace = ours.oid
            UNION ALL SELECT p.proname, p.proacl FROM ours JOIN pg_proc p ON p.pronamespace = ours.oid WHERE nspname <> 'pgkeep_bridge')
        SELECT count(*), count(*) FILTER (WHERE x.grantee = 'team'::regrole) FROM things LEFT JOIN LATERAL aclexplode(acl) x ON true";
    let (things, to_team) =
        ends.old(given).split_once('|').map(|(a, b)| (a.parse::<u32>().unwrap(), b.to_owned())).unwrap();
    assert!(things > 6 && to_team == "0", "{things} {to_team}");
    assert_eq!(
        ends.old(
            "SELECT count(*) FROM pg_namespace WHERE nspname IN ('pgkeep_bridge', 'pgkeep_split', 'pgkeep_loose')"
        ),
        "3"
    );
    assert_eq!(ends.split(&["status"]).code, 0);
    // The schema that is made again for the foreign tables is as open as the one that is put aside was.
    let said = ends.split(&["finish", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ends.old("SELECT has_schema_privilege('team', 'm', 'USAGE')"), "f");
}

/// Everything that reads a table in its own way, in names that need quotes.
const SHAPES: &str = r#"
    CREATE ROLE keeper; CREATE ROLE clerk; CREATE SCHEMA "Depot's" AUTHORIZATION keeper; CREATE SCHEMA shop AUTHORIZATION keeper; SET ROLE keeper;
    CREATE DOMAIN "Depot's".code AS text COLLATE "C" CHECK (VALUE <> '');
    CREATE TYPE "Depot's".pair AS (a int, b "Depot's".code);
    CREATE TABLE "Depot's"."Bin ""x""" (id serial PRIMARY KEY, gone int, "Code" "Depot's".code NOT NULL, name text COLLATE "POSIX" DEFAULT 'a''b', pair "Depot's".pair,
        many "Depot's".code[], twice int GENERATED ALWAYS AS (length(name) * 2) STORED, at timestamptz(3) DEFAULT now());
    ALTER TABLE "Depot's"."Bin ""x""" DROP COLUMN gone;
    COMMENT ON TABLE "Depot's"."Bin ""x""" IS 'bins'; COMMENT ON COLUMN "Depot's"."Bin ""x""".name IS 'its name';
    GRANT SELECT ON "Depot's"."Bin ""x""" TO clerk WITH GRANT OPTION; GRANT UPDATE (name) ON "Depot's"."Bin ""x""" TO PUBLIC;
    INSERT INTO "Depot's"."Bin ""x""" ("Code", pair, many) SELECT 'c' || i, ROW(i, 'b')::"Depot's".pair, ARRAY['m' || i] FROM generate_series(1, 20) i;
    CREATE VIEW "Depot's".seen WITH (security_barrier) AS SELECT id, name FROM "Depot's"."Bin ""x""" WHERE id > 3;
    CREATE TABLE "Depot's".parted (id int, bin int REFERENCES "Depot's"."Bin ""x""") PARTITION BY RANGE (id);
    CREATE TABLE "Depot's".part PARTITION OF "Depot's".parted FOR VALUES FROM (0) TO (10); INSERT INTO "Depot's".parted VALUES (1, 1);
    CREATE TABLE shop.pick (bin int REFERENCES "Depot's"."Bin ""x""" ON DELETE CASCADE, note text); INSERT INTO shop.pick SELECT i FROM generate_series(1, 9) i;
    CREATE VIEW shop.plain (bin, code, renamed) WITH (security_barrier = true) AS SELECT p.bin, b."Code", b.name FROM shop.pick p JOIN "Depot's"."Bin ""x""" b ON b.id = p.bin;
    CREATE VIEW shop.checked AS SELECT * FROM shop.pick WHERE bin IN (SELECT id FROM "Depot's"."Bin ""x""") WITH CASCADED CHECK OPTION;
    ALTER VIEW shop.plain ALTER COLUMN renamed SET DEFAULT 'd'; GRANT SELECT ON shop.plain TO clerk; COMMENT ON VIEW shop.plain IS 'v';
    CREATE VIEW shop.of_view AS SELECT count(*) FROM "Depot's".seen;
    CREATE MATERIALIZED VIEW shop.counted WITH (fillfactor = 70) AS SELECT "Code" AS code, count(*) AS n FROM "Depot's"."Bin ""x""" GROUP BY 1;
    CREATE UNIQUE INDEX counted_code ON shop.counted (code); CREATE INDEX counted_n ON shop.counted (n) WHERE n > 1; CREATE STATISTICS shop.both ON code, n FROM shop.counted;
    COMMENT ON INDEX shop.counted_n IS 'i'; COMMENT ON COLUMN shop.counted.n IS 'how many'; GRANT SELECT ON shop.counted TO clerk; ALTER MATERIALIZED VIEW shop.counted CLUSTER ON counted_code;
    CREATE MATERIALIZED VIEW shop.of_counted AS SELECT c.n, p.code FROM shop.counted c JOIN shop.plain p USING (code);
    CREATE MATERIALIZED VIEW shop.empty AS SELECT * FROM shop.of_counted WITH NO DATA;
    CREATE VIEW shop.top AS SELECT max(n) FROM shop.of_counted; GRANT SELECT ON shop.top TO clerk;
    CREATE RULE noted AS ON DELETE TO shop.pick DO ALSO UPDATE shop.pick SET note = (SELECT min(name) FROM "Depot's"."Bin ""x""");
    CREATE POLICY known ON shop.pick FOR SELECT TO clerk USING (EXISTS (SELECT FROM "Depot's"."Bin ""x""" b WHERE b.id = bin)); ALTER TABLE shop.pick ENABLE ROW LEVEL SECURITY;
    GRANT USAGE ON SCHEMA shop TO clerk; GRANT SELECT ON shop.pick TO clerk;
    CREATE FUNCTION shop.bins() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM "Depot's"."Bin ""x"""; END; GRANT EXECUTE ON FUNCTION shop.bins() TO clerk;
    CREATE VIEW shop.parts AS SELECT * FROM "Depot's".parted;
    CREATE VIEW shop.stale AS SELECT count(*) FROM "Depot's"."Bin ""x""";
"#;

#[test]
fn every_kind_of_reader_follows_and_comes_back_as_it_was() {
    let server = server("depot");
    server.ask("CREATE DATABASE shop");
    let ends = Ends { from: (&server, "shop"), to: (&server, "depot") };
    ends.old(SHAPES);
    ends.old("REFRESH MATERIALIZED VIEW shop.of_counted");
    let (before, defined) = (rows(&server, "shop", None), ends.definitions());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boundary.toml");
    std::fs::write(&file, "default = \"bridge\"\n[objects]\n\"VIEW shop.stale\" = \"drop\"\n").unwrap();
    let args =
        ["--schemas", "\"Depot's\"", "--boundary-file", file.to_str().unwrap(), "--leave", "shop", "--bridge-write"];

    // A function that takes the table's row has nothing to take from a foreign table: the plan says so.
    ends.old("CREATE FUNCTION shop.leans(b \"Depot's\".\"Bin \"\"x\"\"\") RETURNS int LANGUAGE sql RETURN 1");
    let said = ends.split(&args);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stdout.contains("function shop.leans") && said.stdout.contains("uses the row type of"), "{said:?}");
    ends.old("INSERT INTO \"Depot's\".part VALUES (2)");
    ends.old("DELETE FROM \"Depot's\".part WHERE id = 2; DROP FUNCTION shop.leans");
    assert_equal("definitions after the refusal", &defined, &ends.definitions());
    assert_eq!(server.ask(BRIDGES), "0");

    // A switch that fails takes the bridge back in the same breath.
    let failing = "[ $PGKEEP_SPLIT_PHASE = rollback ]";
    let (told, _) = error(&ends.split(&[&args[..], &["--hook", failing]].concat()), 7);
    assert_eq!(told, "the switch failed, and everything was undone: the source takes writes");
    assert_equal("definitions after the failed switch", &defined, &ends.definitions());
    assert_eq!(server.ask(BRIDGES), "0");
    server.ask("DROP DATABASE depot");

    let said = ends.split(&args);
    assert_eq!(said.code, 0, "{said:?}");
    ends.there("UPDATE \"Depot's\".\"Bin \"\"x\"\"\" SET name = 'new' WHERE id > 1; DELETE FROM \"Depot's\".\"Bin \"\"x\"\"\" WHERE id = 20; INSERT INTO \"Depot's\".parted VALUES (3, 3)");
    assert_eq!(ends.old("SELECT renamed FROM shop.plain WHERE bin = 2"), "new");
    assert_eq!(ends.old("SELECT count FROM shop.of_view"), "16");
    assert_eq!(ends.old("SELECT shop.bins(), count(*) FROM shop.parts"), "19|2");
    assert_eq!(ends.old("SELECT count FROM shop.stale"), "20", "as the file says, it sees the old rows");
    assert_eq!(ends.old("SET ROLE clerk; SELECT count(*) FROM shop.pick"), "9");
    ends.there("DELETE FROM \"Depot's\".\"Bin \"\"x\"\"\" WHERE id = 9");
    assert_eq!(ends.old("SET ROLE clerk; SELECT count(*) FROM shop.pick"), "8", "the policy asks the new database");
    assert_eq!(ends.old("SELECT count(*) FROM shop.counted"), "20");
    ends.old("REFRESH MATERIALIZED VIEW shop.counted; REFRESH MATERIALIZED VIEW shop.of_counted");
    assert_eq!(ends.old("SELECT count(*) FROM shop.counted"), "18");
    let insert = "INSERT INTO \"Depot's\".\"Bin \"\"x\"\"\" (\"Code\", pair) VALUES ('z', (1, 'q')) RETURNING id, name, twice, pair";
    assert_eq!(ends.old(insert), "1021|a'b|6|(1,q)");
    assert_eq!(
        ends.old("UPDATE \"Depot's\".\"Bin \"\"x\"\"\" SET name = 'longer' WHERE id = 1021 RETURNING twice"),
        "12"
    );
    ends.old(
        "DELETE FROM shop.pick WHERE bin = 8; CREATE VIEW shop.younger AS SELECT id FROM \"Depot's\".\"Bin \"\"x\"\"\"",
    );
    assert_eq!(ends.old("SELECT DISTINCT note FROM shop.pick"), "a'b");

    let said = ends.split(&["rollback", "--discard"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ends.old("SELECT count(*) FROM shop.younger"), "20", "made on the bridge, and reads the old table now");
    ends.old("DROP VIEW shop.younger; TRUNCATE shop.pick; INSERT INTO shop.pick SELECT i FROM generate_series(1, 9) i");
    ends.old("REFRESH MATERIALIZED VIEW shop.of_counted");
    assert_gone_over("rows after the rollback", &before, &rows(&server, "shop", None));
    assert_equal("definitions after the rollback", &defined, &ends.definitions());
}
