//! `split --boundary loose` and `split reap`. The judge is PostgreSQL: a copy of the database that was never split, with its real
//! keys, sees the same statements, and the rows of the referencing tables must be the same in both.

use std::process::{Child, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::judge::{assert_equal, load_sample, rows};
use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// A database before its split, its copy that stays whole, and where its schemas go.
struct Halves<'a> {
    server: &'a Server,
    from: String,
    whole: String,
    to: String,
}

impl<'a> Halves<'a> {
    /// `template` is left as it is.
    fn of(server: &'a Server, template: &str, name: &str) -> Self {
        let halves = Self { server, from: name.to_owned(), whole: format!("{name}_whole"), to: format!("{name}_new") };
        for database in [&halves.from, &halves.whole] {
            server.ask(&format!("CREATE DATABASE {database} TEMPLATE {template}"));
        }
        halves
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    fn split(&self, args: &[&str]) -> Said {
        let (from, to) = (self.server.dsn(&self.from), self.server.dsn(&self.to));
        Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]))
    }

    #[track_caller]
    fn moved(&self, schemas: &str) {
        let said = self.split(&["--schemas", schemas, "--boundary", "loose", "--leave", "*"]);
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{said:?}");
        assert!(!said.document()["loose"].as_array().unwrap().is_empty(), "{said:?}");
    }

    /// What a reaper says that ends with this code.
    #[track_caller]
    fn reap(&self, code: i32, args: &[&str]) -> Value {
        let said = self.split(&[&["reap"], args].concat());
        assert_eq!(said.code, code, "{said:?}");
        said.document()
    }

    /// A reaper that nobody waits for.
    fn reaper(&self, args: &[&str]) -> Child {
        let (from, to) = (self.server.dsn(&self.from), self.server.dsn(&self.to));
        let mut command = pgkeep();
        command.args(["split", "--json", "reap"]).args(args).args(["--from", &from, "--to", &to]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The same in the database that was split and in the one that was not.
    #[track_caller]
    fn both(&self, database: &str, sql: &str) {
        self.sql(database, sql);
        self.sql(&self.whole, sql);
    }
}

/// The sum of one number over all keys.
fn sum(reaped: &Value, field: &str) -> u64 {
    reaped["keys"].as_array().unwrap().iter().map(|key| key[field].as_u64().unwrap()).sum()
}

const RUNS: &str =
    "SELECT string_agg(id || ' ' || coalesce(session_id::text, 'none'), E'\\n' ORDER BY id) FROM erp.execution_runs";

/// A third of the sessions, with what inside `agent` would keep them.
const SESSIONS: &str = "DELETE FROM agent.artifacts; DELETE FROM agent.sessions WHERE id IN (SELECT id FROM agent.sessions ORDER BY id LIMIT 7)";

#[test]
fn sessions_that_go_are_forgotten_by_the_runs_in_the_other_database_whichever_moves() {
    let server = Server::start(15, ClusterOptions::default());
    load_sample(&server, "portfolio", "0.001");
    for (schema, parent_moves) in [("agent", true), ("erp", false)] {
        let halves = Halves::of(&server, "portfolio", &format!("moves_{schema}"));
        halves.moved(schema);
        let (parent, child) = if parent_moves { (&halves.to, &halves.from) } else { (&halves.from, &halves.to) };
        let keys = "SELECT count(*) FROM pg_constraint WHERE conname = 'execution_runs_session_id_fkey'";
        assert_eq!(halves.sql(&halves.from, keys), "0", "the real key is gone");
        let before = halves.sql(child, RUNS);
        halves.both(parent, SESSIONS);
        assert_eq!(halves.sql(child, RUNS), before);
        let said = halves.split(&["status"]);
        let waits = &said.document()["loose"];
        assert_eq!((waits[0]["entries"].as_u64(), waits.as_array().unwrap().len()), (Some(7), 1), "{said:?}");

        let reaped = halves.reap(0, &[]);
        let judge = halves.sql(&halves.whole, RUNS);
        assert_ne!(judge, before);
        assert_eq!(halves.sql(child, RUNS), judge, "{schema}");
        let freed = judge.matches("none").count() - before.matches("none").count();
        assert_eq!((sum(&reaped, "entries"), sum(&reaped, "updated")), (7, freed as u64), "{reaped}");
        // Once more is no harm, and says so.
        assert_eq!(sum(&halves.reap(0, &[]), "entries"), 0);

        // Back: what the new place has seen since is refused, then left there on demand.
        let back = halves.split(&["rollback"]);
        assert_eq!(back.code, 7, "{back:?}");
        let back = halves.split(&["rollback", "--discard"]);
        assert_eq!(back.code, 0, "{back:?}");
        for database in [&halves.from, &halves.to] {
            let ours = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'pgkeep_loose') + (SELECT count(*) FROM pg_trigger WHERE tgname ~ '^pgkeep_loose')";
            assert_eq!(halves.sql(database, ours), "0");
        }
        let valid = "SELECT convalidated FROM pg_constraint WHERE conname = 'execution_runs_session_id_fkey'";
        assert_eq!(halves.sql(&halves.from, valid), "t");
        // The child stayed: what was reaped in it stays done. The child had moved: its old rows are told what has happened.
        assert_eq!(halves.sql(&halves.from, RUNS), judge, "{schema}");
    }
}

/// Referenced tables in `par`, referencing ones in `kid`: actions, types, shapes.
const TABLES: &str = r#"
    CREATE EXTENSION citext SCHEMA public;
    CREATE ROLE writer; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO writer; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO writer;
    CREATE SCHEMA par; CREATE SCHEMA kid;
    CREATE TYPE par.mood AS ENUM ('low', 'high');
    CREATE DOMAIN public.code AS text CHECK (value <> '');
    CREATE TABLE par.top (id int PRIMARY KEY);
    CREATE TABLE par.plain (id bigint PRIMARY KEY, top int REFERENCES par.top ON DELETE CASCADE);
    CREATE TABLE kid.cascades (id int PRIMARY KEY, p int REFERENCES par.plain ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE kid.below (id int, c int REFERENCES kid.cascades ON DELETE CASCADE);
    CREATE TABLE kid.parted (id int, p bigint REFERENCES par.plain ON DELETE SET NULL ON UPDATE SET NULL) PARTITION BY LIST (id);
    CREATE TABLE kid.parted_1 PARTITION OF kid.parted FOR VALUES IN (1); CREATE TABLE kid.parted_rest PARTITION OF kid.parted DEFAULT;
    CREATE TABLE par."Two ""keys""" ("A, b" public.code, "c%s" numeric, PRIMARY KEY ("A, b", "c%s"));
    CREATE TABLE kid.two (id int, "the $a" text, c numeric, FOREIGN KEY ("the $a", c) REFERENCES par."Two ""keys""" ON DELETE SET NULL (c) ON UPDATE CASCADE);
    CREATE TABLE par.cities (name public.citext PRIMARY KEY);
    CREATE TABLE kid.lives (id int, city public.citext DEFAULT 'home' REFERENCES par.cities ON DELETE SET DEFAULT ON UPDATE SET NULL);
    CREATE TABLE par.typed (at timestamptz, mood par.mood, u uuid, ch character(4), f float8, b bytea, i interval, ns int[], UNIQUE (at, mood, u, ch, f, b, i, ns));
    CREATE TABLE kid.typed (id int, at timestamptz, mood par.mood, u uuid, ch character(4), f float8, b bytea, i interval, ns int[],
        FOREIGN KEY (at, mood, u, ch, f, b, i, ns) REFERENCES par.typed (at, mood, u, ch, f, b, i, ns) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE par.parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE par.parts_1 PARTITION OF par.parts FOR VALUES FROM (0) TO (10); CREATE TABLE par.parts_2 PARTITION OF par.parts FOR VALUES FROM (10) TO (20);
    CREATE TABLE kid.of_parts (id int, p int REFERENCES par.parts ON DELETE SET NULL);
    CREATE TABLE par.emptied (id name PRIMARY KEY);
    CREATE TABLE kid.of_emptied (id int, p name NOT NULL REFERENCES par.emptied ON DELETE CASCADE);
    CREATE TABLE par.kept (id int PRIMARY KEY);
    CREATE TABLE kid.keeps (id int, p int REFERENCES par.kept);
    ALTER TABLE par.plain ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY all_of_it ON par.plain USING (true);
    INSERT INTO par.top VALUES (1), (2);
    INSERT INTO par.plain SELECT i, CASE WHEN i > 90 THEN 1 END FROM generate_series(1, 100) i;
    INSERT INTO kid.cascades SELECT i, nullif(i % 101, 0) FROM generate_series(1, 300) i;
    INSERT INTO kid.below SELECT i, i % 300 + 1 FROM generate_series(1, 600) i;
    INSERT INTO kid.parted SELECT i % 3, nullif(i % 101, 0) FROM generate_series(1, 300) i;
    INSERT INTO par."Two ""keys""" SELECT E'it''s \\ ' || i, i + 0.50 FROM generate_series(1, 20) i;
    INSERT INTO kid.two SELECT i, CASE WHEN i % 7 > 0 THEN E'it''s \\ ' || i % 20 + 1 END, i % 20 + 1.5 FROM generate_series(1, 100) i;
    INSERT INTO par.cities VALUES ('Home'), ('Bonn'), ('Kiel'), ('Ulm');
    INSERT INTO kid.lives SELECT i, (ARRAY['bonn', 'KIEL', 'Ulm', NULL, 'HOME'])[i % 5 + 1] FROM generate_series(1, 50) i;
    INSERT INTO par.typed SELECT '2024-03-31 01:30+00'::timestamptz + i * interval '1 h', (enum_range(NULL::par.mood))[i % 2 + 1], md5(i::text)::uuid, 'a' || i, i / 3.0::float8,
        decode('00ff' || lpad(i::text, 2, '0'), 'hex'), i * interval '1 mon 2 days 0.000001 s', ARRAY[i, NULL] FROM generate_series(1, 12) i;
    INSERT INTO par.typed VALUES (now(), NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO kid.typed SELECT row_number() OVER (), t.* FROM par.typed t, generate_series(1, 3);
    INSERT INTO par.parts SELECT generate_series(1, 19); INSERT INTO kid.of_parts SELECT i, i FROM generate_series(1, 19) i;
    INSERT INTO par.emptied VALUES ('a'), ('B "b"'); INSERT INTO kid.of_emptied VALUES (1, 'a'), (2, 'B "b"');
    INSERT INTO par.kept SELECT generate_series(1, 9); INSERT INTO kid.keeps SELECT i, i % 9 + 1 FROM generate_series(1, 18) i;
    GRANT USAGE ON SCHEMA par TO writer; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA par TO writer;
"#;

/// As a role that may write the referenced tables and nothing else; with settings under which a value's text is another one.
const DELETIONS: &str = r#"
    SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Asia/Kolkata'; SET bytea_output = 'escape'; SET extra_float_digits = -5;
    SET ROLE writer;
    DELETE FROM par.plain WHERE id % 10 = 3;
    WITH gone AS (DELETE FROM par.plain WHERE id = 8 RETURNING id) SELECT count(*) FROM gone;
    DELETE FROM par.top WHERE id = 1;
    UPDATE par.plain SET id = 201 WHERE id = 1; UPDATE par.plain SET id = 202 WHERE id = 201; DELETE FROM par.plain WHERE id = 202;
    UPDATE par.plain SET id = id + 300 WHERE id BETWEEN 40 AND 44; UPDATE par.plain SET top = 2 WHERE id = 50;
    DELETE FROM par."Two ""keys""" WHERE "c%s" < 5; UPDATE par."Two ""keys""" SET "A, b" = 'it is ' || "A, b", "c%s" = -"c%s" WHERE "c%s" > 18;
    DELETE FROM par.cities WHERE name = 'BONN'; UPDATE par.cities SET name = 'Flensburg' WHERE name = 'kiel';
    DELETE FROM par.typed WHERE f < 1.5 OR mood IS NULL; UPDATE par.typed SET at = at + interval '1 microsecond', i = i * 2, f = f * 10 WHERE f > 3;
    DELETE FROM par.parts_1 WHERE id = 5; DELETE FROM par.parts WHERE id IN (6, 15);
    TRUNCATE par.emptied CASCADE;
"#;

fn kids(halves: &Halves<'_>, database: &str) -> String {
    rows(halves.server, database, Some("nspname = 'kid'"))
}

#[test]
fn every_action_type_and_shape_comes_to_what_real_keys_come_to() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE tables");
    psql(&server.binaries, &server.dsn("tables"), TABLES).unwrap();
    for (schema, parent_moves) in [("par", true), ("kid", false)] {
        let halves = Halves::of(&server, "tables", &format!("moves_{schema}"));
        let said = halves.split(&["--plan", "--schemas", schema, "--boundary", "loose"]);
        let warned = said.document()["warnings"].to_string();
        assert!(
            warned.contains("kid.keeps.keeps_p_fkey") && warned.contains("kid.of_parts.of_parts_p_fkey"),
            "{warned}"
        );
        assert!(!warned.contains("kid.lives"), "{warned}");
        halves.moved(schema);
        let (parent, child) = if parent_moves { (&halves.to, &halves.from) } else { (&halves.from, &halves.to) };
        halves.sql(parent, &format!("{DELETIONS} DELETE FROM par.kept WHERE id > 7"));
        // What the unsplit copy needs besides: whoever truncates there must own what refers to it, and a key that refuses is in the way.
        halves.sql(&halves.whole, &DELETIONS.replace("TRUNCATE", "RESET ROLE; TRUNCATE"));

        let reaped = halves.reap(3, &["--batch", "5"]);
        assert_equal("rows", &kids(&halves, &halves.whole), &kids(&halves, child));
        let key = |reaped: &Value, name: &str| {
            let keys = reaped["keys"].as_array().unwrap().iter();
            keys.clone().find(|key| key["key"] == name).unwrap().clone()
        };
        let keeps = key(&reaped, "kid.keeps.keeps_p_fkey");
        assert_eq!((&keeps["entries"], &keeps["orphans"]), (&2.into(), &4.into()), "{keeps}");
        assert_eq!(sum(&reaped, "orphans"), 4, "{reaped}");
        // They are told until somebody has seen to them.
        assert_eq!(key(&halves.reap(3, &[]), "kid.keeps.keeps_p_fkey")["orphans"], 4);
        halves.sql(child, "DELETE FROM kid.keeps WHERE p > 7");
        assert_eq!(sum(&halves.reap(0, &[]), "entries"), 2);
        assert_eq!(sum(&halves.reap(0, &[]), "entries"), 0);

        // Only the trigger writes the log, and only its owner reads it.
        for sql in [
            "INSERT INTO pgkeep_loose.log (key, happened, gone) VALUES (1, 'delete', '{7}')",
            "SELECT FROM pgkeep_loose.keys",
            "CREATE TEMP TABLE t (); CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION pgkeep_loose.note_1()",
        ] {
            let refused = psql(&server.binaries, &server.dsn(parent), &format!("SET ROLE writer; {sql}")).unwrap_err();
            assert!(refused.contains("permission denied"), "{sql}: {refused}");
        }
        // A table that is watched does not move on, and loses its log, in silence.
        let onward = server.dsn("onward");
        let plan = ["split", "--json", "--plan", "--schemas", "par", "--from", &server.dsn(parent), "--to", &onward];
        let said = Said::of(pgkeep().args(plan));
        let blocked = said.document()["blockers"].to_string();
        assert!(blocked.contains("\"loose_key\"") && blocked.contains("par.cities"), "{said:?}");

        // A copy of the database has the log and its triggers, and is not taken for the original.
        let copy = format!("{parent}_copy");
        server.ask(&format!("CREATE DATABASE {copy}"));
        let dump = folder_dump(&server, parent);
        let mut restore = server.binaries.command("psql");
        let restored = restore
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn(&copy), "-f"])
            .arg(dump.path())
            .output()
            .unwrap();
        assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
        halves.sql(&copy, "DELETE FROM par.plain WHERE id = 60");
        let (from, to) = if parent_moves { (child, &copy) } else { (&copy, child) };
        let said =
            Said::of(pgkeep().args(["split", "--json", "reap", "--from", &server.dsn(from), "--to", &server.dsn(to)]));
        assert_eq!(said.code, 7, "{said:?}");
        assert!(said.document()["error"].as_str().unwrap().contains("is a copy"), "{said:?}");

        // Back: the old rows of a child that had moved learn what has happened, and every key is there again.
        let back = halves.split(&["rollback", "--discard"]);
        assert_eq!((back.code, &back.document()["keys_missing"]), (0, &serde_json::json!([])), "{back:?}");
        if !parent_moves {
            assert_equal("old rows", &kids(&halves, &halves.whole), &kids(&halves, &halves.from));
        }
        let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND conrelid::regclass::text LIKE 'kid.%' AND confrelid::regclass::text LIKE 'par.%'";
        assert_eq!(halves.sql(&halves.from, keys), halves.sql(&halves.whole, keys));
    }
}

fn folder_dump(server: &Server, database: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut pg_dump = server.binaries.command("pg_dump");
    let dumped = pg_dump.args(["-d", &server.dsn(database)]).stdout(file.reopen().unwrap()).status().unwrap();
    assert!(dumped.success());
    file
}

/// A referenced table and one that goes with it.
const PAIR: &str = "CREATE SCHEMA par; CREATE SCHEMA kid; CREATE TABLE par.p (id int PRIMARY KEY);
    CREATE TABLE kid.k (id int PRIMARY KEY, p int REFERENCES par.p ON DELETE CASCADE); CREATE INDEX ON kid.k (p);
    INSERT INTO par.p SELECT generate_series(1, 400); INSERT INTO kid.k SELECT i, i % 400 + 1 FROM generate_series(1, 1200) i;";

const KIDS: &str = "SELECT string_agg(id || ' ' || p, ',' ORDER BY id) FROM kid.k";

#[test]
fn a_key_that_is_back_is_left_alone_a_kill_does_no_harm_and_two_reapers_share_the_work() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE pair");
    psql(&server.binaries, &server.dsn("pair"), PAIR).unwrap();
    let halves = Halves::of(&server, "pair", "shared");
    halves.moved("kid");
    let (parent, child) = (&halves.from, &halves.to);

    // Deleted and there again: nothing is done. In the copy its rows went with it, and are put back.
    let back = "DELETE FROM par.p WHERE id = 17; INSERT INTO par.p VALUES (17)";
    halves.sql(parent, back);
    halves.both(parent, "DELETE FROM par.p WHERE id IN (18, 19)");
    let reaped = halves.reap(0, &[]);
    assert_eq!((sum(&reaped, "entries"), sum(&reaped, "back"), sum(&reaped, "deleted")), (3, 1, 6), "{reaped}");
    assert_eq!(halves.sql(child, KIDS), halves.sql(&halves.whole, KIDS));

    // Killed between the child's commit and the log's: somebody holds the log's rows meanwhile.
    halves.both(parent, "DELETE FROM par.p WHERE id BETWEEN 20 AND 39");
    let mut holder = server.binaries.command("psql");
    holder.args([
        "-X",
        "-q",
        "-d",
        &server.dsn(parent),
        "-c",
        "BEGIN; SELECT FROM pgkeep_loose.log FOR UPDATE; SELECT pg_sleep(60)",
    ]);
    let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let holds = "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND wait_event = 'PgSleep'";
    server.wait_for(holds, "t");
    let mut reaper = halves.reaper(&[]);
    let waits =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgkeep reap' AND wait_event_type = 'Lock'";
    server.wait_for(waits, "1");
    assert_eq!(halves.sql(child, KIDS), halves.sql(&halves.whole, KIDS), "the child has committed");
    kill_process(Pid::from_child(&reaper), Signal::KILL).unwrap();
    reaper.wait().unwrap();
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgkeep reap'", "0");
    let reaped = halves.reap(0, &[]);
    assert_eq!((sum(&reaped, "entries"), sum(&reaped, "deleted")), (20, 0), "{reaped}");
    assert_eq!(halves.sql(child, KIDS), halves.sql(&halves.whole, KIDS));

    // Rows that cannot go are named, and do not keep the others from going.
    halves.sql(child, "CREATE TABLE kid.holds (k int REFERENCES kid.k); INSERT INTO kid.holds SELECT id FROM kid.k WHERE p = 45 LIMIT 1");
    halves.both(parent, "DELETE FROM par.p WHERE id BETWEEN 40 AND 49");
    let reaped = halves.reap(3, &[]);
    assert_eq!((sum(&reaped, "entries"), sum(&reaped, "deleted")), (10, 27), "{reaped}");
    let refused = &reaped["keys"][0]["refused"];
    assert_eq!((&refused[0]["gone"], refused.as_array().unwrap().len()), (&serde_json::json!(["45"]), 1), "{reaped}");
    assert!(refused[0]["error"].as_str().unwrap().contains("violates foreign key constraint"), "{reaped}");
    halves.sql(child, "DROP TABLE kid.holds");
    assert_eq!(sum(&halves.reap(0, &[]), "deleted"), 3);

    // Two at once, an entry at a time, while more is deleted.
    halves.both(parent, "DELETE FROM par.p WHERE id BETWEEN 100 AND 250");
    let reapers = [halves.reaper(&["--batch", "1"]), halves.reaper(&["--batch", "1"])];
    halves.both(parent, "DELETE FROM par.p WHERE id BETWEEN 300 AND 310");
    let mut deleted = 0;
    for reaper in reapers {
        let said = Said::from(reaper.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
        deleted += sum(&said.document(), "deleted");
    }
    deleted += sum(&halves.reap(0, &[]), "deleted");
    assert_eq!(deleted, 3 * 162);
    assert_eq!(halves.sql(child, KIDS), halves.sql(&halves.whole, KIDS));

    // A table that is locked at the child waits for the next time.
    halves.both(parent, "DELETE FROM par.p WHERE id = 320");
    let mut holder = server.binaries.command("psql");
    holder.args(["-X", "-q", "-d", &server.dsn(child), "-c", "BEGIN; LOCK TABLE kid.k; SELECT pg_sleep(61)"]);
    let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for(&holds.replace("(60)", "(61)"), "t");
    let reaped = halves.reap(3, &["--lock-wait-timeout", "1"]);
    assert_eq!(reaped["keys"][0]["progress"], "postponed", "{reaped}");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
    assert_eq!(sum(&halves.reap(0, &[]), "deleted"), 3);

    // Without its trigger nothing is written down, which is said.
    halves.sql(parent, "ALTER TABLE par.p DISABLE TRIGGER USER");
    assert_eq!(halves.reap(3, &[])["keys"][0]["progress"], "unwatched");
    halves.sql(parent, "ALTER TABLE par.p ENABLE TRIGGER USER");

    // `finish` leaves the key; what was kept for a rollback goes with the next reaper.
    assert_eq!(halves.split(&["finish", "--yes"]).code, 0);
    halves.both(parent, "DELETE FROM par.p WHERE id = 330");
    assert_eq!(sum(&halves.reap(0, &[]), "deleted"), 3);
    assert_eq!(halves.sql(parent, "SELECT count(*) FROM pgkeep_loose.log"), "0");
    assert_eq!(halves.sql(child, KIDS), halves.sql(&halves.whole, KIDS));

    // For people.
    let (from, to) = (server.dsn(parent), server.dsn(child));
    let said = |args: &[&str]| {
        Said::of(pgkeep().args(["--quiet", "split"]).args(args).args(["--from", &from, "--to", &to])).stdout
    };
    assert_eq!(said(&["reap"]), "kid.k.k_p_fkey: 0 gone keys read\n");
    halves.both(parent, "DELETE FROM par.p WHERE id = 340");
    let status = said(&["status"]);
    assert!(status.contains("loose key kid.k.k_p_fkey: 1 gone key for `split reap`, the oldest "), "{status}");
    assert_eq!(said(&["reap"]), "kid.k.k_p_fkey: 1 gone key read, 3 rows deleted\n");
    assert!(said(&["status"]).contains("loose key kid.k.k_p_fkey: nothing to do\n"));

    // Wrong questions.
    let turned = Said::of(pgkeep().args(["split", "--json", "reap", "--from", &to, "--to", &from]));
    assert_eq!((turned.code, &turned.document()["error"]), (2, &"--from and --to are swapped".into()));
    let said = Said::of(pgkeep().args([
        "split",
        "--json",
        "reap",
        "--from",
        &server.dsn("pair"),
        "--to",
        &server.dsn(&halves.whole),
    ]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().starts_with("there is no loose key between"), "{said:?}");
}
