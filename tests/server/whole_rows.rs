//! A relation is taken with all rows that are read through it, or not at all: never a backup without rows that calls itself proven.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::judge::rows;
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, install_extension, psql};

const NAME: &str = "pgkeep_test_store";
const CONTROL: &str = "comment = 'for the tests of pgkeep'\ndefault_version = '1.0'\nrelocatable = false\n";
/// As TimescaleDB does it: rows go to children in a schema of the extension's own, and some from there to tables that only it knows to belong
/// to them. None of these tables is a member of the extension, unless `adopt` makes it one.
const SCRIPT: &str = "CREATE SCHEMA pgkeep_store;
    CREATE FUNCTION pgkeep_store.route() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('INSERT INTO pgkeep_store.%I SELECT ($1).*', TG_TABLE_NAME || '_chunk_' || (NEW.at % 2)) USING NEW;
        RETURN NULL; END $$;
    CREATE FUNCTION pgkeep_store.spread(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE name text := (SELECT relname FROM pg_class WHERE oid = relation); BEGIN
        FOR n IN 0..1 LOOP EXECUTE format('CREATE TABLE pgkeep_store.%I () INHERITS (%s)', name || '_chunk_' || n, relation); END LOOP;
        EXECUTE format('CREATE TABLE pgkeep_store.%I (packed text)', name || '_packed');
        EXECUTE format('CREATE TRIGGER route BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION pgkeep_store.route()', relation); END $$;
    CREATE FUNCTION pgkeep_store.adopt(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN EXECUTE format('ALTER EXTENSION pgkeep_test_store ADD TABLE %s', relation); END $$;";

struct Scene {
    server: Server,
    repo: Repo,
    database: &'static str,
}

impl Scene {
    fn new(database: &'static str, sql: &str) -> Self {
        let scene = Self { server: Server::start(16, ClusterOptions::default()), repo: Repo::new(), database };
        scene.server.ask(&format!("CREATE DATABASE {database}"));
        scene.sql(sql);
        scene
    }

    #[track_caller]
    fn sql(&self, sql: &str) {
        psql(&self.server.binaries, &self.server.dsn(self.database), sql).unwrap();
    }

    fn said(&self, part: &[&str]) -> Said {
        let (dsn, programs) = (self.server.dsn(self.database), self.server.binaries.bin_dir.clone());
        let mut backup = self.repo.command(["backup", "-d", &dsn, "--json", "--accept-shrink", "--pg-bin"]);
        Said::of(backup.arg(programs).args(part))
    }

    #[track_caller]
    fn backup(&self, part: &[&str]) -> Value {
        let said = self.said(part);
        assert_eq!(said.code, 0, "{part:?}: {said:?}");
        said.document()
    }

    /// The words, and the way out; no snapshot is there afterwards that was not before.
    #[track_caller]
    fn refused(&self, part: &[&str]) -> (String, String) {
        let before = self.repo.json(["list"]);
        let said = self.said(part);
        assert_eq!(said.code, 2, "{part:?}: {said:?}");
        assert_eq!(self.repo.json(["list"]), before);
        let document = said.document();
        (document["error"].as_str().unwrap().to_owned(), document["hint"].as_str().unwrap().to_owned())
    }
}

/// What is asked for, and where its rows lie.
#[track_caller]
fn assert_told(told: &(String, String), words: &str, way_out: &str) {
    assert!(told.0.starts_with("the selection has rows in tables that are not selected: "), "{told:?}");
    assert!(told.0.contains(words), "{told:?}");
    assert!(told.1.contains(way_out), "{told:?}");
}

const KEPT: &str = "rows of timeseries.metrics are in pgkeep_store.metrics_chunk_0, pgkeep_store.metrics_chunk_1, where the extension pgkeep_test_store keeps them";
const LEAVE: &str = "leave timeseries.metrics out (-T timeseries.metrics)";

#[test]
fn what_an_extension_keeps_elsewhere_is_never_left_behind_in_silence() {
    install_extension(16, NAME, CONTROL, SCRIPT);
    let scene = Scene::new(
        "metering",
        "CREATE EXTENSION pgkeep_test_store; CREATE SCHEMA timeseries; CREATE TABLE timeseries.metrics (at int, value float8);
         CREATE TABLE timeseries.notes AS SELECT 'a note' AS note;
         SELECT pgkeep_store.spread('timeseries.metrics'); INSERT INTO timeseries.metrics SELECT n, n / 7.0 FROM generate_series(1, 100) n;
         INSERT INTO pgkeep_store.metrics_packed VALUES ('more of them')",
    );
    for part in [
        &["-n", "timeseries"][..],
        &["-t", "timeseries.metrics"],
        &["-t", "timeseries.*"],
        &["-N", "pgkeep_store"],
        &["-T", "pgkeep_store.*"],
        &["-n", "timeseries", "-n", "pgkeep_store", "-T", "pgkeep_store.metrics_chunk*"],
    ] {
        let told = scene.refused(part);
        assert_told(&told, KEPT, LEAVE);
        assert!(
            told.1.starts_with("Only pgkeep_test_store knows which of its tables belong together: select everything"),
            "{told:?}"
        );
    }
    // All children and not what hangs on them in a way that no catalog tells.
    let told = scene.refused(&["-n", "timeseries", "-t", "pgkeep_store.metrics_chunk*"]);
    assert_told(&told, "rows of timeseries.metrics are in pgkeep_store.metrics_packed, where the extension", LEAVE);

    assert_eq!(scene.backup(&["-n", "timeseries", "-T", "timeseries.metrics"])["rows"], 1);
    assert_eq!(scene.backup(&["-n", "timeseries", "-n", "pgkeep_store"])["rows"], 102);
    assert_eq!(scene.backup(&[])["rows"], 102);

    // The same at the other end: a part of what a snapshot holds.
    let dsn = scene.server.dsn("copy");
    let said = Said::of(&mut scene.repo.restore(["latest", "--create", "--json", "-d", &dsn, "-n", "timeseries"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains(KEPT), "{said:?}");
    let restored = scene.repo.restored(["latest", "--create", "-d", &dsn]);
    assert_eq!((&restored["proven"], &restored["rows"]), (&json!(true), &json!(102)), "{restored}");
    assert_eq!(rows(&scene.server, "metering", None), rows(&scene.server, "copy", None));

    // A table that the extension calls its own is in no backup, not even in one of everything.
    scene.sql("SELECT pgkeep_store.adopt('pgkeep_store.metrics_chunk_1')");
    for part in [&[][..], &["-N", "public"]] {
        let told = scene.refused(part);
        let words = "rows of timeseries.metrics are in pgkeep_store.metrics_chunk_1, which belong to the extension pgkeep_test_store";
        assert_told(&told, words, "ALTER EXTENSION pgkeep_test_store DROP TABLE");
    }
}

#[test]
fn children_and_partitions_elsewhere_come_along_or_are_asked_for() {
    let scene = Scene::new(
        "shop",
        "CREATE SCHEMA shop; CREATE SCHEMA \"Archive\";
         CREATE TABLE shop.events (at int, what text) PARTITION BY RANGE (at); CREATE TABLE shop.events_new PARTITION OF shop.events FOR VALUES FROM (10) TO (20);
         CREATE TABLE \"Archive\".events_old PARTITION OF shop.events FOR VALUES FROM (0) TO (10); INSERT INTO shop.events SELECT n, 'event' FROM generate_series(1, 19) n;
         CREATE TABLE shop.cities (name text); INSERT INTO shop.cities VALUES ('a'), ('b');",
    );
    // Partitions go with the schema of their table, and it is said.
    let report = scene.backup(&["-n", "shop"]);
    assert_eq!(report["rows"], 21);
    let along = json!([{"relation": "shop.events", "tables": ["Archive.events_old"]}]);
    assert_eq!(report["taken_along"], along, "{report}");
    let restored = scene.repo.restored(["latest", "--create", "-d", &scene.server.dsn("part"), "-n", "shop"]);
    assert_eq!((&restored["proven"], &restored["taken_along"]), (&json!(true), &along), "{restored}");
    assert_eq!(scene.backup(&[])["taken_along"], json!([]));
    let mut text = scene.repo.command(["backup", "-q", "-n", "shop", "-d", &scene.server.dsn("shop")]);
    let said = Said::of(text.arg("--pg-bin").arg(&scene.server.binaries.bin_dir));
    assert!(said.stdout.contains("also taken: Archive.events_old: rows of shop.events\n"), "{said:?}");

    let old = "rows of shop.events are in Archive.events_old";
    let add = "Select these as well (-t '\"Archive\".events_old', or their schema with -n), or leave shop.events out (-T shop.events).";
    assert_told(&scene.refused(&["-N", "\"Archive\""]), old, add);
    // Around damage a restore leaves behind what it is told to by name, and says so.
    let copy = ["latest", "--create", "-d", &scene.server.dsn("around"), "-T", "\"Archive\".events_old"];
    let restored = scene.repo.restored(copy);
    assert_eq!((&restored["proven"], &restored["rows"]), (&json!(true), &json!(12)), "{restored}");
    assert_eq!(restored["warnings"], json!([format!("{old}: -T excludes them")]), "{restored}");
    assert_told(&scene.refused(&["-n", "shop", "-T", "\"Archive\".events_old"]), old, add);
    let told = scene.refused(&["-t", "shop.events"]);
    assert_told(
        &told,
        "rows of shop.events are in shop.events_new, Archive.events_old",
        "-t shop.events_new -t '\"Archive\".events_old'",
    );
    assert_eq!(scene.backup(&["-t", "shop.events*", "-t", "\"Archive\".*"])["rows"], 19);
    // A partition alone is a table of its own.
    assert_eq!(scene.backup(&["-t", "\"Archive\".events_old"])["rows"], 9);

    // What a role may not read is left out only where nothing that it asks for needs it.
    scene.sql("CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA shop TO clerk; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO clerk");
    let clerk = scene.server.dsn_as("clerk", "shop");
    let mut backup =
        scene.repo.command(["backup", "-d", &clerk, "--json", "--accept-shrink", "-n", "shop", "--pg-bin"]);
    let said = Said::of(backup.arg(&scene.server.binaries.bin_dir));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains(old), "{said:?}");

    // A child in another schema is somebody's table by itself: it is asked for.
    scene.sql("CREATE TABLE \"Archive\".capitals (of text) INHERITS (shop.cities); INSERT INTO \"Archive\".capitals VALUES ('c', 'd')");
    let told = scene.refused(&["-n", "shop"]);
    assert_told(&told, "rows of shop.cities are in Archive.capitals", "-t '\"Archive\".capitals'");
    assert_eq!(scene.backup(&["-n", "shop", "-t", "\"Archive\".capitals"])["rows"], 22);
    assert_eq!(scene.backup(&["-n", "shop", "-T", "shop.cities"])["rows"], 19);
    assert_eq!(scene.backup(&[])["rows"], 22);
    let dsn = scene.server.dsn("other");
    let said = Said::of(&mut scene.repo.restore(["latest", "--create", "--json", "-d", &dsn, "-n", "shop"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.document()["error"].as_str().unwrap().contains("rows of shop.cities are in Archive.capitals"),
        "{said:?}"
    );
}

/// Rows of a foreign table are another server's, and no backup's: nobody expects them.
#[test]
fn foreign_partitions_do_not_count() {
    let scene = Scene::new(
        "shop",
        "CREATE SCHEMA shop; CREATE SCHEMA far; CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;
         CREATE TABLE shop.events (at int) PARTITION BY RANGE (at); CREATE TABLE shop.events_new PARTITION OF shop.events FOR VALUES FROM (10) TO (20);
         CREATE FOREIGN TABLE far.events_old PARTITION OF shop.events FOR VALUES FROM (0) TO (10) SERVER far; INSERT INTO shop.events VALUES (11)",
    );
    for part in [&[][..], &["-n", "shop"], &["-N", "far"], &["-t", "shop.events", "-t", "shop.events_new"]] {
        assert_eq!(scene.backup(part)["rows"], 1, "{part:?}");
    }
}
