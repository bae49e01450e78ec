//! Check, then wait, then act: what changes between the proof and the seal, who waits for it, and what a crash leaves of it.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::catalog::fingerprint;
use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::connect::{Session, connect};
use pgkeep::pg::conninfo::{Conninfo, Environment};
use rustix::process::{Pid, Signal, kill_process};

use crate::judge::{definitions, rows};
use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// Schemas as an application makes them: one of each kind of object that sits in a schema, and something that stays.
const SHOP: &str = r#"
    CREATE ROLE reader; CREATE ROLE grantee; CREATE ROLE clerk;
    CREATE SCHEMA stay; CREATE TABLE stay.parent (id int PRIMARY KEY); INSERT INTO stay.parent SELECT generate_series(1, 100);
    CREATE SCHEMA core;
    CREATE TYPE core.mood AS ENUM ('glad'); CREATE DOMAIN core.amount AS int CHECK (VALUE > 0); CREATE TYPE core.pair AS (a int, b text);
    CREATE SEQUENCE core.numbers;
    CREATE TABLE core.goods (id bigserial PRIMARY KEY, name text DEFAULT 'x', amount core.amount, parent int REFERENCES stay.parent, mood core.mood);
    INSERT INTO core.goods (name, parent) SELECT 'n' || g, 1 + g % 100 FROM generate_series(1, 200) g;
    CREATE TABLE core.parted (id int) PARTITION BY RANGE (id); CREATE TABLE core.parted_1 PARTITION OF core.parted FOR VALUES FROM (0) TO (9);
    CREATE FUNCTION core.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION core.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER note BEFORE UPDATE ON core.goods FOR EACH ROW EXECUTE FUNCTION core.note();
    CREATE VIEW core.glad AS SELECT * FROM core.goods WHERE mood = 'glad';
    CREATE MATERIALIZED VIEW core.counted AS SELECT count(*) FROM core.goods;
    CREATE POLICY mine ON core.goods USING (true);
    CREATE INDEX by_name ON core.goods (name);
    CREATE STATISTICS core.name_parent ON name, parent FROM core.goods;
    CREATE RULE silent AS ON INSERT TO core.glad DO INSTEAD NOTHING;
    CREATE AGGREGATE core.total (int) (SFUNC = int4pl, STYPE = int);
    CREATE OPERATOR core.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
    CREATE COLLATION core.plain FROM "C";
    CREATE TEXT SEARCH CONFIGURATION core.words (COPY = simple);
    COMMENT ON TABLE core.goods IS 'goods';
    GRANT USAGE ON SCHEMA core TO reader; GRANT SELECT ON core.goods TO reader; ALTER DEFAULT PRIVILEGES IN SCHEMA core GRANT SELECT ON TABLES TO reader;
"#;

/// Whatever changes a definition, and a word of what is told of it.
const CHANGES: &[(&str, &str)] = &[
    ("CREATE TABLE core.late AS SELECT 1 AS a", "table core.late"),
    ("CREATE VIEW core.late AS SELECT 1 AS a", "view core.late"),
    ("CREATE VIEW stay.late AS SELECT * FROM core.goods", "view stay.late"),
    ("CREATE FUNCTION core.late() RETURNS int LANGUAGE sql AS 'SELECT 2'", "function core.late()"),
    ("CREATE OR REPLACE FUNCTION core.one() RETURNS int LANGUAGE sql AS 'SELECT 2'", "function core.one()"),
    ("ALTER FUNCTION core.one() SET work_mem = '1MB'", "function core.one()"),
    ("DROP FUNCTION core.one()", "which is gone"),
    ("GRANT SELECT ON core.goods TO grantee", "table core.goods"),
    ("GRANT UPDATE (name) ON core.goods TO grantee", "table core.goods"),
    ("REVOKE SELECT ON core.goods FROM reader", "table core.goods"),
    ("REVOKE USAGE ON SCHEMA core FROM reader", "schema core"),
    ("REVOKE EXECUTE ON FUNCTION core.one() FROM PUBLIC", "function core.one()"),
    ("GRANT USAGE ON SEQUENCE core.numbers TO grantee", "sequence core.numbers"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA core GRANT INSERT ON TABLES TO grantee", "default privileges"),
    ("ALTER TABLE core.goods OWNER TO grantee", "table core.goods"),
    ("ALTER SCHEMA core OWNER TO grantee", "schema core"),
    ("ALTER TYPE core.mood ADD VALUE 'sad'", "type core.mood"),
    ("ALTER TYPE core.mood RENAME VALUE 'glad' TO 'merry'", "type core.mood"),
    ("ALTER TYPE core.pair ADD ATTRIBUTE c int", "composite type core.pair"),
    ("ALTER DOMAIN core.amount SET DEFAULT 1", "type core.amount"),
    ("ALTER DOMAIN core.amount ADD CHECK (VALUE < 10)", "constraint"),
    ("ALTER POLICY mine ON core.goods USING (false)", "policy mine"),
    ("ALTER TABLE core.goods ENABLE ROW LEVEL SECURITY", "table core.goods"),
    ("ALTER TABLE core.goods ADD COLUMN late int", "table core.goods"),
    ("ALTER TABLE core.goods DROP COLUMN amount CASCADE", "table core.goods"),
    ("ALTER TABLE core.goods ALTER name SET DEFAULT 'y'", "table core.goods"),
    ("ALTER TABLE core.goods ALTER name SET STATISTICS 500", "table core.goods"),
    ("ALTER TABLE core.goods RENAME name TO named", "table core.goods"),
    ("ALTER TABLE core.goods DISABLE TRIGGER note", "trigger note"),
    ("ALTER TABLE core.goods REPLICA IDENTITY FULL", "table core.goods"),
    ("ALTER TABLE core.goods SET (fillfactor = 70)", "table core.goods"),
    ("ALTER TABLE core.goods SET UNLOGGED", "table core.goods"),
    ("ALTER TABLE core.goods ADD CHECK (id > 0)", "constraint"),
    ("ALTER TABLE core.goods ADD FOREIGN KEY (id) REFERENCES stay.parent NOT VALID", "constraint"),
    ("ALTER TABLE core.goods ALTER CONSTRAINT goods_parent_fkey DEFERRABLE", "constraint"),
    ("DROP INDEX core.by_name", "which is gone"),
    ("ALTER INDEX core.by_name RENAME TO by_name_too", "index core.by_name_too"),
    ("CREATE INDEX ON core.goods (amount)", "index core.goods_amount_idx"),
    ("CREATE TABLE core.parted_2 PARTITION OF core.parted FOR VALUES FROM (9) TO (20)", "table core.parted_2"),
    ("ALTER TABLE core.parted DETACH PARTITION core.parted_1", "table core.parted_1"),
    ("CREATE OR REPLACE VIEW core.glad AS SELECT * FROM core.goods WHERE mood = 'glad' AND id > 0", "view core.glad"),
    ("DROP RULE silent ON core.glad", "which is gone"),
    ("DROP STATISTICS core.name_parent", "which is gone"),
    ("ALTER STATISTICS core.name_parent SET STATISTICS 100", "statistics object core.name_parent"),
    ("ALTER SEQUENCE core.numbers INCREMENT 2", "sequence core.numbers"),
    ("ALTER SEQUENCE core.numbers OWNED BY core.goods.id", "sequence core.numbers"),
    ("DROP AGGREGATE core.total (int)", "which is gone"),
    ("DROP OPERATOR core.=== (int, int)", "which is gone"),
    ("ALTER TEXT SEARCH CONFIGURATION core.words DROP MAPPING FOR word", "text search configuration core.words"),
    ("ALTER COLLATION core.plain OWNER TO grantee", "collation core.plain"),
    ("COMMENT ON TABLE core.goods IS 'other goods'", "table core.goods"),
    ("COMMENT ON COLUMN core.goods.name IS 'a name'", "table core.goods"),
    ("COMMENT ON POLICY mine ON core.goods IS 'mine'", "policy mine"),
    ("CREATE PUBLICATION late FOR TABLE core.goods", "table core.goods"),
    ("REFRESH MATERIALIZED VIEW core.counted WITH NO DATA", "materialized view core.counted"),
];

/// What goes on in a database where nobody changes a definition.
const WORK: &[&str] = &[
    "INSERT INTO core.goods (name) VALUES ('more')",
    "UPDATE core.goods SET name = name",
    "ANALYZE",
    "VACUUM",
    "VACUUM FULL core.goods",
    "REINDEX TABLE core.goods",
    "CLUSTER core.goods USING goods_pkey; ALTER TABLE core.goods SET WITHOUT CLUSTER",
    "SELECT nextval('core.numbers')",
    "TRUNCATE core.parted",
    "ALTER TABLE core.goods ADD COLUMN late int; ALTER TABLE core.goods DROP COLUMN late",
    "REFRESH MATERIALIZED VIEW core.counted",
    "CREATE TABLE stay.of_no_concern (); CREATE VIEW stay.seen AS SELECT * FROM stay.parent; GRANT SELECT ON stay.parent TO grantee",
    "CREATE TEMP TABLE mine AS SELECT * FROM core.goods",
];

fn shop(server: &Server, database: &str) -> String {
    server.ask(&format!("CREATE DATABASE {database}"));
    let dsn = server.dsn(database);
    psql(&server.binaries, &dsn, SHOP).unwrap();
    dsn
}

async fn session(dsn: &str) -> Session {
    connect(&Conninfo::resolve(Some(dsn), &Environment::default()).unwrap(), "test").await.unwrap()
}

/// Each change of a definition is found and named, and no work is taken for one.
#[test]
fn whatever_changes_a_definition_is_seen_and_work_is_not() {
    for major in [14, 15, 18] {
        let server = Server::start(major, ClusterOptions::default());
        let dsn = shop(&server, "model");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = |sql: &str| psql(&server.binaries, &dsn, sql).unwrap();
        let changed = |before: &pgkeep::pg::catalog::Fingerprint| -> Vec<String> {
            runtime.block_on(async {
                let session = session(&dsn).await;
                let changed = before.changed(&session, |_, oid| Some(format!("{oid}, which is gone"))).await.unwrap();
                session.close().await.unwrap();
                changed
            })
        };
        let before = runtime.block_on(async {
            let session = session(&dsn).await;
            fingerprint(&session, &["core".to_owned()], &[]).await.unwrap()
        });
        for work in WORK {
            ask(work);
            assert_eq!(changed(&before), Vec::<String>::new(), "{major}: {work}");
        }
        for (change, word) in CHANGES {
            let told = runtime.block_on(async {
                let session = session(&dsn).await;
                let run = async |sql: &str| session.client().batch_execute(sql).await;
                run(&format!("BEGIN; {change}")).await.unwrap_or_else(|error| panic!("{major}: {change}: {error:?}"));
                let told = before.changed(&session, |_, oid| Some(format!("{oid}, which is gone"))).await.unwrap();
                run("ROLLBACK").await.unwrap();
                session.close().await.unwrap();
                told
            });
            assert!(told.iter().any(|told| told.contains(word)), "{major}: {change}: {told:?}");
        }
    }
}

struct Place {
    server: Server,
    from: String,
    to: String,
}

impl Place {
    fn new(options: ClusterOptions) -> Self {
        Self::of(15, options)
    }

    fn of(major: u32, options: ClusterOptions) -> Self {
        let server = Server::start(major, options);
        let from = shop(&server, "shop");
        Self { from, to: server.dsn("goods"), server }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = pgkeep();
        command.args(["split", "--json"]).args(args).args(["--from", &self.from, "--to", &self.to]);
        command.env("PGKEEP_PG_BIN", &self.server.binaries.bin_dir);
        command
    }

    fn begun(&self, more: &[&str]) -> Child {
        let mut command = self.command(&["--schemas", "core", "--boundary", "drop"]);
        command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn moved(&self) -> Said {
        self.begun(&[]).wait_with_output().unwrap().into()
    }

    fn old(&self, sql: &str) -> Result<String, String> {
        psql(&self.server.binaries, &self.from, sql)
    }

    fn new_place(&self, sql: &str) -> String {
        psql(&self.server.binaries, &self.to, sql).unwrap()
    }

    /// Somebody with a transaction that stays open until [`Self::ended`].
    fn somebody(&self, does: &str) -> Child {
        let mut session = self.server.binaries.command("psql");
        session.args(["-X", "-q", "-d", &self.from, "-c", &format!("BEGIN; {does}; SELECT pg_sleep(120)")]);
        let session = session.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.server.wait_for(&Self::asleep("count(*)::text"), "1");
        session
    }

    fn ended(&self, mut somebody: Child) {
        self.server.ask(&Self::asleep("pg_terminate_backend(pid)"));
        somebody.wait().unwrap();
    }

    fn asleep(what: &str) -> String {
        format!("SELECT {what} FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%pg_sleep(120)'")
    }

    /// The server crashes and comes back: what its log has not on the disk is lost.
    fn crash(&self) {
        let pid = || {
            psql(
                &self.server.binaries,
                &self.from,
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
            )
        };
        let before = pid().unwrap();
        kill_process(Pid::from_raw(before.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
        let since = Instant::now();
        while pid().is_ok_and(|now| now == before) || pid().is_err() {
            assert!(since.elapsed() < Duration::from_secs(60), "it does not come back");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// One that gives everything up and has fenced the new place, and somebody in the old one for whom it waits.
    fn rollback_that_waits(&self) -> (Child, Child) {
        let writer = self.somebody("UPDATE stay.parent SET id = id");
        let mut back = self.command(&["rollback", "--discard"]);
        let back = back.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let waits = "SELECT (count(*) > 0)::text FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'";
        self.server.wait_for(waits, "true");
        (back, writer)
    }

    /// Undone, so that it can be tried once more.
    fn back_again(&self, moved: &Said) {
        assert_eq!(moved.code, 0, "{moved:?}");
        let back = Said::of(&mut self.command(&["rollback"]));
        assert_eq!(back.code, 0, "{back:?}");
        self.server.ask("DROP DATABASE goods");
    }

    /// The split's record; empty where there is none.
    fn record(&self) -> String {
        psql(&self.server.binaries, &self.to, "SELECT document FROM pgkeep_split.state").unwrap_or_default()
    }

    /// Waits until the record of a split says so, and not the one that an earlier split has left.
    fn reaches(&self, phase: &str, earlier: &str) {
        let since = Instant::now();
        let at = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok_and(|doc| doc["phase"] == phase);
        loop {
            let record = self.record();
            if record != earlier && at(&record) {
                return;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{phase} is never reached");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A staying table is read for long while a key to it has to go: its other readers hardly wait, the numbers that are handed out meanwhile
/// are not handed out again, and once the reader is gone the source is sealed.
#[test]
fn a_seal_that_waits_keeps_no_reader_waiting_and_no_number_is_handed_out_twice() {
    let place = Place::new(ClusterOptions::default());
    let reader = place.somebody("SELECT count(*) FROM stay.parent");
    let split = place.begun(&[]);
    place.reaches("proven", "");
    let refused = place.old("INSERT INTO core.goods (name) VALUES ('x')").unwrap_err();
    assert!(refused.contains("is being moved"), "{refused}");
    for _ in 0..10 {
        let since = Instant::now();
        place.old("SET statement_timeout = '5s'; SELECT count(*) FROM stay.parent").unwrap();
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    }
    let last: i64 =
        place.old("SELECT max(nextval('core.goods_id_seq')) FROM generate_series(1, 300)").unwrap().parse().unwrap();
    place.ended(reader);
    let said: Said = split.wait_with_output().unwrap().into();
    assert_eq!(said.code, 0, "{said:?}");
    let next: i64 = place.new_place("SELECT nextval('core.goods_id_seq')").parse().unwrap();
    assert!(next > last, "{next} after {last}");
    // Between the seal and the way back numbers are taken on both sides.
    let there: i64 =
        place.new_place("SELECT max(nextval('core.goods_id_seq')) FROM generate_series(1, 5000)").parse().unwrap();
    let back = Said::of(&mut place.command(&["rollback"]));
    assert_eq!(back.code, 0, "{back:?}");
    let next: i64 = place.old("SELECT nextval('core.goods_id_seq')").unwrap().parse().unwrap();
    assert!(next > there, "{next} after {there}");
}

/// The session that keeps the fence is asked before the seal. It ends after that, while the seal's last statement is under way: that one
/// replaces a function, and waits for whoever else changes it, for half a second.
#[test]
fn nobody_writes_between_the_last_look_and_the_seal() {
    let place = Place::new(ClusterOptions::default());
    let sealed = (0..10).any(|_| {
        let reader = place.somebody("SELECT count(*) FROM stay.parent");
        let earlier = place.record();
        let split = place.begun(&[]);
        place.reaches("proven", &earlier);
        let mut changing = place.server.binaries.command("psql");
        let stalls = "BEGIN; ALTER FUNCTION pgkeep_split.refuse() COST 99; SELECT pg_sleep(60)";
        changing.args(["-X", "-q", "-d", &place.from, "-c", stalls]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut changing = changing.spawn().unwrap();
        let stalled = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%COST 99%'";
        place.server.wait_for(stalled, "1");
        // By the server alone, which is fast enough.
        let between = "DO $$ DECLARE keeper int; BEGIN
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%stay.parent; SELECT pg_sleep(120)' AND pid <> pg_backend_pid();
            LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted); PERFORM pg_sleep(0.005); END LOOP;
            SELECT pid INTO STRICT keeper FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (1886086512, 1) AND mode = 'ExclusiveLock'
                AND database = (SELECT oid FROM pg_database WHERE datname = 'shop');
            PERFORM pg_terminate_backend(keeper);
            LOOP EXIT WHEN NOT EXISTS (SELECT FROM pg_locks WHERE pid = keeper); PERFORM pg_sleep(0.005); END LOOP;
            BEGIN INSERT INTO core.parted VALUES (1); EXCEPTION WHEN read_only_sql_transaction THEN NULL; END;
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%COST 99%' AND pid <> pg_backend_pid();
        END $$";
        place.old(between).unwrap();
        changing.wait().unwrap();
        place.ended(reader);
        let said: Said = split.wait_with_output().unwrap().into();
        if said.code == 0 {
            assert_eq!(place.old("SELECT count(*) FROM core.parted").unwrap(), place.new_place("SELECT count(*) FROM core.parted"));
        }
        said.code == 0
    });
    assert!(sealed, "the seal was never stalled for less than its time-out");
    let refused = place.old("INSERT INTO core.parted VALUES (1)").unwrap_err();
    assert!(refused.contains("has moved"), "{refused}");
}

/// Whoever may connect can take the lock of a seal, and is named: a hint that somebody can follow.
#[test]
fn who_holds_the_lock_of_a_seal_is_named() {
    let place = Place::new(ClusterOptions::default());
    let somebody = place.somebody("SELECT pg_advisory_xact_lock_shared(1886086512, 2)");
    let said: Said = place.begun(&["--fence-wait", "2"]).wait_with_output().unwrap().into();
    let told = said.document().to_string();
    assert_eq!(said.code, 7, "{told}");
    assert!(told.contains("which has the advisory lock of a seal"), "{told}");
    place.old("INSERT INTO core.goods (name) VALUES ('goes on')").unwrap();
    place.ended(somebody);
    assert_eq!(place.moved().code, 0);
}

/// What changes in the moving schemas after the proof ends the run, which names it; the source takes writes again.
#[test]
fn what_is_made_after_the_proof_ends_the_run() {
    let place = Place::new(ClusterOptions::default());
    for (change, named, undone) in [
        ("CREATE TABLE core.late AS SELECT generate_series(1, 500)", "table core.late", "DROP TABLE core.late"),
        ("REVOKE SELECT ON core.goods FROM reader", "table core.goods", "GRANT SELECT ON core.goods TO reader"),
        ("ALTER TYPE core.mood ADD VALUE 'sad'", "type core.mood", "SELECT 1"),
    ] {
        let reader = place.somebody("SELECT count(*) FROM stay.parent");
        let earlier = place.record();
        let split = place.begun(&[]);
        place.reaches("proven", &earlier);
        place.old(change).unwrap();
        place.ended(reader);
        let said: Said = split.wait_with_output().unwrap().into();
        let told = said.document();
        assert_eq!(said.code, 7, "{change}: {told}");
        assert_eq!(told["error"], format!("the schema has changed since the split was planned: {named}"));
        place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
        place.old(undone).unwrap();
        // What the failed run has left is no obstacle.
    }
    assert_eq!(place.moved().code, 0, "and then it moves");
    let split = definitions(&place.server, "goods", &["-n", "core"]);
    assert!(split.contains("'sad'") && !split.contains("core.late"), "{split}");
}

/// Locks that the application takes in another order than the fence: whoever is ended for a deadlock is not the application.
#[test]
fn no_transaction_of_the_applications_is_ended_for_a_deadlock() {
    let settings = vec![("deadlock_timeout".to_owned(), "700ms".to_owned())];
    let place = Place::new(ClusterOptions { settings, ..ClusterOptions::default() });
    place.old("CREATE TABLE core.zebra (n int); INSERT INTO core.zebra VALUES (1)").unwrap();
    // It holds the last table, and wants the first one while the fence has that and waits for the last.
    let script = "BEGIN; UPDATE core.zebra SET n = n + 1; SELECT pg_sleep(0.3); UPDATE core.goods SET name = name WHERE id = 1; COMMIT";
    let mut application = place.server.binaries.command("psql");
    application.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &place.from]);
    let reader = place.somebody("UPDATE core.zebra SET n = n");
    let split = place.begun(&[]);
    let waits = "SELECT (count(*) > 0)::text FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'";
    place.server.wait_for(waits, "true");
    place.ended(reader);
    for _ in 0..12 {
        application.arg("-c").arg(script);
    }
    let output = application.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || error.contains("is being moved") || error.contains("has moved"), "{error}");
    assert!(!error.contains("deadlock"), "{error}");
    let said: Said = split.wait_with_output().unwrap().into();
    assert_eq!(said.code, 0, "{said:?}");
}

/// A transaction that was prepared belongs to no session, and is named all the same.
#[test]
fn a_prepared_transaction_in_the_way_is_named() {
    let settings = vec![("max_prepared_transactions".to_owned(), "5".to_owned())];
    let place = Place::new(ClusterOptions { settings, ..ClusterOptions::default() });
    place.old("BEGIN; UPDATE core.goods SET name = name; PREPARE TRANSACTION 'it''s left'").unwrap();
    let said: Said = place.begun(&["--fence-wait", "1"]).wait_with_output().unwrap().into();
    let told = said.document();
    assert_eq!(said.code, 7, "{told}");
    let error = told["error"].as_str().unwrap();
    assert!(
        error.contains("the prepared transaction 'it''s left' of role postgres, RowExclusiveLock on core.goods"),
        "{error}"
    );
    assert!(error.contains("ROLLBACK PREPARED"), "{error}");
    place.old("ROLLBACK PREPARED 'it''s left'").unwrap();
    // The locks of a split and of a seal, which anybody can take, and leave.
    for lock in [1, 2] {
        place
            .old(&format!("BEGIN; SELECT pg_advisory_xact_lock(1886086512, {lock}); PREPARE TRANSACTION 'left'"))
            .unwrap();
        let said: Said = place.begun(&["--fence-wait", "1"]).wait_with_output().unwrap().into();
        let told = said.document();
        assert_eq!(said.code, 7, "{told}");
        let named = "the prepared transaction 'left' of the role postgres";
        assert!(told["error"].as_str().unwrap().contains(named), "{lock}: {told}");
        if lock == 1 {
            assert!(told["hint"].as_str().unwrap().contains("ROLLBACK PREPARED 'left'"), "{told}");
        }
        place.old("ROLLBACK PREPARED 'left'").unwrap();
    }
    assert_eq!(place.moved().code, 0);
}

/// The fence stops rows, not definitions. What is made or changed in the old place from the last look on is named by the run, by `status` and
/// by `finish`, and a way back leaves nothing of that knowledge.
#[test]
fn what_changes_in_the_old_place_after_the_seal_is_named() {
    let place = Place::new(ClusterOptions::default());
    let said = place.moved();
    assert_eq!((said.code, &said.document()["changed_since"]), (0, &serde_json::json!([])), "{said:?}");
    let status = || Said::of(&mut place.command(&["status"])).document()["changed_since"].clone();
    place.old("ANALYZE; REFRESH MATERIALIZED VIEW core.counted; SELECT nextval('core.numbers')").unwrap();
    assert_eq!(status(), serde_json::json!([]), "work is no change");
    let changes = [
        "GRANT SELECT ON core.glad TO grantee",
        "REVOKE SELECT ON core.goods FROM reader",
        "ALTER TYPE core.mood ADD VALUE 'sad'",
        "CREATE INDEX late ON core.goods (amount)",
        "DROP FUNCTION core.one()",
    ];
    for change in changes {
        place.old(change).unwrap();
    }
    let told = status();
    let told: Vec<&str> = told.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    for name in ["view core.glad", "table core.goods", "type core.mood", "index core.late", "which is gone"] {
        assert!(told.iter().any(|one| one.contains(name)), "{name}: {told:?}");
    }
    // The next run says it as well.
    assert_eq!(place.moved().document()["changed_since"], status());
    let back = Said::of(&mut place.command(&["rollback"]));
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(place.old("SELECT to_regnamespace('pgkeep_split') IS NULL").unwrap(), "t");
    place.server.ask("DROP DATABASE goods");
    assert_eq!(place.moved().code, 0, "once more");
    place.old("CREATE INDEX later ON core.goods (amount)").unwrap();
    let finished = Said::of(&mut place.command(&["finish", "--yes"]));
    assert_eq!(finished.document()["changed_since"], serde_json::json!(["index core.later"]), "{finished:?}");
}

/// What somebody commits inside the seal, after the last look in its transaction and before what is sealed is written down, ends the run as well:
/// here in the very statement that makes the table for it.
#[test]
fn what_changes_while_the_seal_is_written_down_ends_the_run() {
    let place = Place::new(ClusterOptions::default());
    place.old("CREATE EXTENSION dblink SCHEMA public").unwrap();
    let changes = [
        ("GRANT EXECUTE ON FUNCTION core.one() TO grantee", "function core.one()"),
        ("ALTER TYPE core.mood ADD VALUE $$sad$$", "type core.mood"),
        ("REVOKE SELECT ON core.counted FROM reader", "materialized view core.counted"),
    ];
    for (change, named) in changes {
        let meanwhile = change.replace("$$", "''");
        let script = format!(
            "CREATE FUNCTION public.meanwhile() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN
                IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'pgkeep_split.sealed') THEN
                    PERFORM public.dblink_exec(format('dbname=shop user=postgres host=%s port=%s',
                        trim(chr(34) FROM current_setting('unix_socket_directories')), current_setting('port')), 'SET lock_timeout = 1000; {meanwhile}');
                    RAISE WARNING 'meanwhile';
                END IF;
            END $f$;
            CREATE EVENT TRIGGER meanwhile ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.meanwhile()"
        );
        place.old(&script).unwrap();
        let said = place.moved();
        place.old("DROP EVENT TRIGGER meanwhile; DROP FUNCTION public.meanwhile()").unwrap();
        let told = said.document();
        assert_eq!(said.code, 7, "{change}: {told}");
        let error = told["error"].as_str().unwrap();
        assert!(error.contains("the schema has changed") && error.contains(named), "{change}: {error}");
        place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
    }
    assert_eq!(place.moved().code, 0, "and then it moves");
    let moved = definitions(&place.server, "goods", &["-n", "core"]);
    assert!(moved.contains("'sad'") && moved.contains("FUNCTION core.one() TO grantee"), "{moved}");
}

/// What a split came to, and what became of each of these, done before the seal by somebody who held a lock on its tables from its fence on.
fn around(place: &Place, does: &[&str]) -> (Said, Vec<Result<(), String>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..12 {
        let reader = place.somebody("SELECT count(*) FROM stay.parent");
        let earlier = place.record();
        let split = place.begun(&[]);
        let others = runtime.block_on(session(&place.from));
        let run = |sql: &str| runtime.block_on(others.client().batch_execute(sql));
        let since = Instant::now();
        let up = "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'refuse')";
        while !runtime.block_on(others.client().query_one(up, &[])).unwrap().get::<_, bool>(0) {
            if since.elapsed() > Duration::from_secs(60) {
                let said: Said = split.wait_with_output().unwrap().into();
                panic!("no fence: {said:?}");
            }
        }
        // Between the fence and the locks that hold the definitions: who comes later waits for the end of the run.
        let came = run("SET lock_timeout = 300; BEGIN;
            LOCK TABLE core.goods, core.plain, core.parted, core.parted_1 IN SHARE UPDATE EXCLUSIVE MODE");
        place.reaches("proven", &earlier);
        let one = |does: &&str| {
            run("SAVEPOINT one").unwrap();
            let done = run(does);
            run(if done.is_ok() { "RELEASE one" } else { "ROLLBACK TO one" }).unwrap();
            done.map_err(|error| error.as_db_error().unwrap_or_else(|| panic!("{does}: {error}")).message().to_owned())
        };
        let done = came.is_ok().then(|| does.iter().map(one).collect());
        run("COMMIT").unwrap();
        runtime.block_on(others.close()).unwrap();
        place.ended(reader);
        let said: Said = split.wait_with_output().unwrap().into();
        match done {
            Some(done) => return (said, done),
            None => place.back_again(&said),
        }
    }
    panic!("nobody ever came before the definitions were held");
}

/// Somebody whose locks keep the definitions from being held, and who goes around the fence or rewrites a table behind it: everything is again
/// as it was when the seal looks, but for the rows.
#[test]
fn who_goes_around_the_fence_ends_the_run() {
    let place = Place::new(ClusterOptions::default());
    place.old("CREATE TABLE core.plain AS SELECT 'x'::text AS t").unwrap();
    let trigger = "a trigger of the fence on table core.goods";
    for (does, named) in [
        (
            "ALTER TABLE core.goods DISABLE TRIGGER USER; INSERT INTO core.goods (name) VALUES ('around'); ALTER TABLE core.goods ENABLE TRIGGER USER;
            ALTER TABLE core.goods ENABLE ALWAYS TRIGGER pgkeep_fence; ALTER TABLE core.goods ENABLE ALWAYS TRIGGER pgkeep_fence_rows",
            trigger,
        ),
        ("ALTER TABLE core.goods DISABLE TRIGGER pgkeep_fence_rows; ALTER TABLE core.goods ENABLE ALWAYS TRIGGER pgkeep_fence_rows", trigger),
        ("ALTER TABLE core.plain ALTER t TYPE text USING 'rewritten'", "the rows of table core.plain were rewritten"),
    ] {
        let (said, done) = around(&place, &[does]);
        assert_eq!(done, [Ok(())], "{does}");
        let told = said.document();
        assert_eq!(said.code, 7, "{does}: {told}");
        assert!(told["error"].as_str().unwrap().contains(named), "{does}: {told}");
        place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
    }
    assert_eq!(place.moved().code, 0, "and then it moves");
    assert_eq!(place.new_place("SELECT t FROM core.plain"), "rewritten");
}

/// Rows that come by way of a parent which a table has for a moment: no statement trigger of that table is asked for them. They are refused, under
/// the held fence, under the sealed one, and in the new place while a rollback keeps that shut.
#[test]
fn nobody_writes_through_a_parent_of_a_moment() {
    let inherited = |parent: &str, statement: &str| {
        format!("ALTER TABLE core.goods INHERIT {parent}; {statement}; ALTER TABLE core.goods NO INHERIT {parent}")
    };
    let attached = |statement: &str| {
        format!(
            "ALTER TABLE stay.top ATTACH PARTITION core.parted FOR VALUES FROM (0) TO (9); {statement}; ALTER TABLE stay.top DETACH PARTITION core.parted"
        )
    };
    let ways = [
        inherited("stay.alike", "UPDATE stay.alike SET name = 'around'"),
        inherited("stay.alike", "UPDATE stay.alike SET name = 'around' WHERE id = 7"),
        inherited("stay.bare", "DELETE FROM stay.bare"),
        inherited("stay.bare", "TRUNCATE stay.bare"),
        attached("INSERT INTO stay.top VALUES (3)"),
        attached("UPDATE stay.top SET id = 4"),
        attached("DELETE FROM stay.top"),
        attached("SET LOCAL session_replication_role = replica; INSERT INTO stay.top VALUES (3)"),
    ];
    let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
    for major in [14, 15, 18] {
        let place = Place::of(major, ClusterOptions::default());
        place
            .old(
                "CREATE TABLE core.plain (t text); CREATE TABLE stay.alike (id bigint, name text); CREATE TABLE stay.bare ();
                CREATE TABLE stay.top (id int) PARTITION BY RANGE (id); INSERT INTO core.parted VALUES (1)",
            )
            .unwrap();
        let (said, done) = around(&place, &ways);
        assert_eq!(said.code, 0, "{major}: {said:?}");
        for (does, done) in ways.iter().zip(done) {
            let refused = done.expect_err(does);
            assert!(refused.contains("is being moved to the database goods"), "{major}, {does}: {refused}");
            let refused = place.old(&format!("BEGIN; {does}; COMMIT")).expect_err(does);
            assert!(refused.contains("has moved to the database goods"), "{major}, {does}: {refused}");
        }
        let new_place = |sql: &str| psql(&place.server.binaries, &place.to, sql);
        new_place("CREATE TABLE public.bare ()").unwrap();
        let (back, writer) = place.rollback_that_waits();
        let does = "BEGIN; ALTER TABLE core.goods INHERIT public.bare; DELETE FROM public.bare; COMMIT";
        let refused = new_place(does).unwrap_err();
        assert!(refused.contains("is being moved to the database shop"), "{major}: {refused}");
        place.ended(writer);
        let said: Said = back.wait_with_output().unwrap().into();
        assert_eq!(said.code, 0, "{major}: {said:?}");
        let refused = new_place(does).unwrap_err();
        assert!(refused.contains("has moved to the database shop"), "{major}: {refused}");
    }
}

/// Who has looked at sessions, locks or catalogs before goes on seeing some of that in the same transaction. The fence asks for what is so now: of
/// the split, and in the new place during a rollback.
#[test]
fn what_a_writer_has_seen_before_opens_no_fence() {
    let looks = "SELECT count(*) FROM pg_stat_activity; SELECT count(*) FROM pg_locks; SELECT count(*) FROM pg_stat_get_activity(NULL);
        SELECT count(*) FROM pg_database, pg_proc, pg_roles";
    for major in [14, 15, 18] {
        let place = Place::of(major, ClusterOptions::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let seen = |dsn: &str| -> Vec<Session> {
            let begun = ["READ COMMITTED", "REPEATABLE READ"].map(|level| {
                let session = runtime.block_on(session(dsn));
                let sql = format!("BEGIN ISOLATION LEVEL {level}; {looks}; SAVEPOINT one");
                runtime.block_on(session.client().batch_execute(&sql)).unwrap();
                session
            });
            begun.into_iter().collect()
        };
        let refused = |sessions: Vec<Session>, told: &str| {
            for session in sessions {
                for _ in 0..2 {
                    let written = session.client().batch_execute("INSERT INTO core.goods (name) VALUES ('around')");
                    let error = runtime.block_on(written).unwrap_err();
                    assert!(error.as_db_error().unwrap().message().contains(told), "{major}: {error:?}");
                    runtime.block_on(session.client().batch_execute("ROLLBACK TO one")).unwrap();
                }
                runtime.block_on(session.close()).unwrap();
            }
        };
        let writers = seen(&place.from);
        let reader = place.somebody("SELECT count(*) FROM stay.parent");
        let split = place.begun(&[]);
        place.reaches("proven", "");
        refused(writers, "is being moved");
        place.ended(reader);
        let said: Said = split.wait_with_output().unwrap().into();
        assert_eq!(said.code, 0, "{major}: {said:?}");
        let (writers, (back, writer)) = (seen(&place.to), place.rollback_that_waits());
        refused(writers, "is being moved");
        place.ended(writer);
        let said: Said = back.wait_with_output().unwrap().into();
        assert_eq!(said.code, 0, "{major}: {said:?}");
    }
}

/// Rows that come behind the new place's fence, or into tables that it does not stand around, end a rollback before anything has changed.
#[test]
fn who_goes_around_the_fence_of_a_rollback_ends_it() {
    let place = Place::new(ClusterOptions::default());
    assert_eq!(place.moved().code, 0);
    let around = [
        (
            "ALTER TABLE core.goods DISABLE TRIGGER USER; INSERT INTO core.goods (name) VALUES ('around'); ALTER TABLE core.goods ENABLE TRIGGER USER;
            ALTER TABLE core.goods ENABLE ALWAYS TRIGGER pgkeep_fence; ALTER TABLE core.goods ENABLE ALWAYS TRIGGER pgkeep_fence_rows",
            "SELECT 1",
            "a trigger of the fence on table core.goods",
        ),
        ("VACUUM FULL core.goods", "SELECT 1", "the rows of table core.goods were rewritten"),
    ];
    for (does, undone, named) in around {
        let (back, writer) = place.rollback_that_waits();
        place.new_place(does);
        place.ended(writer);
        let said: Said = back.wait_with_output().unwrap().into();
        let told = said.document();
        assert_eq!(said.code, 7, "{does}: {told}");
        assert!(told["error"].as_str().unwrap().contains(named), "{does}: {told}");
        place.new_place(undone);
        place.new_place("INSERT INTO core.goods (name) VALUES ('written')");
    }
    let said = Said::of(&mut place.command(&["rollback", "--discard"]));
    assert_eq!(said.code, 0, "{said:?}");
}

/// A schema that is made while others move, and that the operator's pattern means as well.
#[test]
fn a_schema_that_the_pattern_means_and_that_is_made_meanwhile_ends_the_run() {
    let place = Place::new(ClusterOptions::default());
    let reader = place.somebody("SELECT count(*) FROM stay.parent");
    let mut command = place.command(&["--schemas", "co*", "--boundary", "drop"]);
    let split = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    place.reaches("proven", "");
    place.old("CREATE SCHEMA cold; CREATE TABLE cold.late AS SELECT 1 AS a").unwrap();
    place.ended(reader);
    let said: Said = split.wait_with_output().unwrap().into();
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains("schema cold is new"), "{said:?}");
    place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
}

/// The target's record is written over by its own split alone.
#[test]
fn the_record_of_another_split_is_not_written_over() {
    let place = Place::new(ClusterOptions::default());
    let writer = place.somebody("UPDATE core.goods SET name = name");
    let split = place.begun(&[]);
    place.reaches("created", "");
    place.new_place(
        "UPDATE pgkeep_split.state SET document = jsonb_set(document::jsonb, '{id}', '\"00000000000000000000000000000000\"')::text",
    );
    let another = place.record();
    place.ended(writer);
    let said: Said = split.wait_with_output().unwrap().into();
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains("another split started"), "{said:?}");
    assert_eq!(place.record(), another);
    place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
}

/// Whoever stays goes on being changed. A key that cannot come back is named, and the old place takes writes.
#[test]
fn a_way_back_does_not_fail_for_a_key_whose_table_has_become_another() {
    for change in [
        "ALTER TABLE stay.parent RENAME TO forebear",
        "ALTER SCHEMA stay RENAME TO stayed",
        "ALTER TABLE stay.parent RENAME id TO number",
        "DROP TABLE stay.parent",
        "ALTER TABLE stay.parent ALTER id TYPE text",
    ] {
        let place = Place::new(ClusterOptions::default());
        assert_eq!(place.moved().code, 0);
        place.old(change).unwrap();
        let back = Said::of(&mut place.command(&["rollback"]));
        let told = back.document();
        assert_eq!((back.code, &told["phase"]), (3, &"rolled_back".into()), "{change}: {told}");
        assert_eq!(told["keys_missing"], serde_json::json!(["core.goods.goods_parent_fkey"]), "{change}");
        place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
    }
}

/// What others have made in the target of a split that came to nothing is not taken away with what the split had made.
#[test]
fn a_target_in_which_others_have_made_something_is_not_emptied() {
    let place = Place::new(ClusterOptions::default());
    place.server.ask("CREATE DATABASE goods");
    let writer = place.somebody("UPDATE core.goods SET name = name");
    let mut split = place.begun(&[]);
    place.reaches("created", "");
    kill_process(Pid::from_child(&split), Signal::KILL).unwrap();
    split.wait().unwrap();
    place.ended(writer);
    place.new_place("CREATE TABLE public.precious AS SELECT 1 AS a");
    for verb in [&["rollback"][..], &["--schemas", "core", "--boundary", "drop"]] {
        let said = Said::of(&mut place.command(verb));
        assert_eq!(said.code, 7, "{verb:?}: {said:?}");
        assert!(said.document()["error"].as_str().unwrap().contains("public.precious"), "{said:?}");
        assert_eq!(place.new_place("SELECT count(*) FROM public.precious"), "1");
        place.old("INSERT INTO core.goods (name) VALUES ('written')").unwrap();
    }
    place.new_place("DROP TABLE public.precious");
    assert_eq!(place.moved().code, 0, "and then it moves");
}

/// A way back that cannot be gone is told as one that was only tried: the new place takes writes, as before.
#[test]
fn a_way_back_that_somebody_is_in_leaves_the_new_place_open() {
    let place = Place::new(ClusterOptions::default());
    assert_eq!(place.moved().code, 0);
    let writer = place.somebody("UPDATE stay.parent SET id = id");
    let back = Said::of(&mut place.command(&["rollback", "--fence-wait", "1"]));
    let told = back.document();
    assert_eq!(back.code, 7, "{told}");
    assert!(told["hint"].as_str().unwrap().contains("the new database takes writes"), "{told}");
    place.new_place("INSERT INTO core.goods (name) VALUES ('written'); DELETE FROM core.goods WHERE name = 'written'");
    place.ended(writer);
    let back = Said::of(&mut place.command(&["rollback"]));
    assert_eq!(back.code, 0, "{back:?}");
}

/// A server that answers COMMIT before it is on the disk, and crashes as soon as the split has said that it is done.
#[test]
fn a_crash_right_after_takes_nothing_back() {
    let settings = [("synchronous_commit", "off"), ("wal_writer_delay", "10s"), ("checkpoint_timeout", "1h")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let place = Place::new(ClusterOptions { settings, ..ClusterOptions::default() });
    place.old("CHECKPOINT").unwrap();
    assert_eq!(place.moved().code, 0);
    place.crash();
    let refused = place.old("INSERT INTO core.goods (name) VALUES ('x')").unwrap_err();
    assert!(refused.contains("has moved"), "{refused}");
    let moved = rows(&place.server, "goods", Some("nspname = 'core'"));
    assert!(moved.contains("n200"), "{moved}");
    let back = Said::of(&mut place.command(&["rollback"]));
    assert_eq!(back.code, 0, "{back:?}");
    place.crash();
    place.old("INSERT INTO core.goods (name) VALUES ('x')").unwrap();
    let status = Said::of(&mut place.command(&["status"]));
    assert_eq!(status.document()["phase"], "rolled_back");
}
