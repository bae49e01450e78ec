//! Backups that end well and hold too little: kept, named, exit code 3, and never the measure of the next.

use chrono::TimeDelta;
use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::repo::{ReadingKey, Repository, SnapshotId, WriterKey};
use pgkeep::store::Access;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said};
use crate::postgres::Server;

struct Site {
    server: Server,
    repo: Repo,
}

impl Site {
    fn start() -> Self {
        Self { server: Server::start(15, ClusterOptions::default()), repo: Repo::new() }
    }

    /// The report of a backup of `postgres`, which ends with this exit code.
    #[track_caller]
    fn backup(&self, code: i32, args: &[&str]) -> Value {
        let dsn = self.server.dsn("postgres");
        let mut backup = self.repo.command(["backup", "--json", "-d", &dsn]);
        let said = Said::of(backup.args(args));
        assert_eq!(said.code, code, "{said:?}");
        let report = said.document();
        assert_eq!(code == 3, report["suspicious"] != json!([]), "{report}");
        report
    }

    /// A backup that is suspicious for one reason, which has these words in it.
    #[track_caller]
    fn suspicious(&self, words: &str) -> Value {
        let report = self.backup(3, &[]);
        let reasons = report["suspicious"].as_array().unwrap();
        assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains(words)), "{words}: {report}");
        report
    }
}

#[test]
fn what_is_empty_vanished_or_far_less_is_kept_and_marked_until_it_is_accepted() {
    let site = Site::start();
    let empty = site.suspicious("has no table");
    site.server.ask("CREATE TABLE orders (id int, note text); CREATE TABLE log (line text)");
    site.suspicious("none of its 2 tables has a row");
    site.server.ask(
        "INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 1000) n;
         INSERT INTO log SELECT n::text FROM generate_series(1, 300) n",
    );
    let good = site.backup(0, &[]);

    // Each is measured by the last good one, not by the suspicious one before it.
    site.server.ask("ALTER TABLE log RENAME TO journal");
    let vanished = format!("1 table of the snapshot {} is gone: public.log (300 rows)", short(&good));
    site.suspicious(&vanished);
    site.suspicious(&vanished);
    site.server.ask("ALTER TABLE journal RENAME TO log; DELETE FROM orders WHERE id > 300");
    let half = site.suspicious("it has 600 rows, less than half of the 1300 in the snapshot");
    assert_eq!(half["rows"], 600, "what is there is stored");
    site.server.ask("DELETE FROM orders; INSERT INTO log SELECT n::text FROM generate_series(1, 900) n");
    site.suspicious("now empty: public.orders (had 1000 of 1300 rows)");
    site.server.ask("TRUNCATE orders, log");
    site.suspicious(&format!("it has no row, but the snapshot {} had 1300 rows", short(&good)));

    // Accepted, it is a good one, and the next is measured by it.
    let accepted = site.backup(0, &["--accept-shrink"]);
    assert_eq!(accepted["suspicious"], json!([]));
    assert_eq!(accepted["accepted"].as_array().unwrap().len(), 1, "{accepted}");
    assert_eq!(site.backup(0, &[])["accepted"], json!([]));

    // Who looks at the repository is told, and nothing was thrown away.
    let lines = site.repo.json(["list"]);
    let marked: Vec<bool> = lines.as_array().unwrap().iter().map(|line| line["suspicious"] != json!([])).collect();
    assert_eq!(marked, [true, true, false, true, true, true, true, true, false, false]);
    assert_eq!(lines[8]["accepted"], accepted["accepted"]);
    let listed = Said::of(&mut site.repo.command(["list"])).stdout;
    assert!(listed.contains(&format!("SUSPICIOUS: {}: it is the first snapshot", short(&empty))), "{listed}");
    let shown = Said::of(&mut site.repo.command(["show", short(&half)])).stdout;
    assert!(shown.contains("\nSUSPICIOUS: it has 600 rows"), "{shown}");
    let shown = site.repo.json(["show", half["snapshot"].as_str().unwrap()]);
    assert_eq!(shown["suspicious"], half["suspicious"]);
}

fn short(report: &Value) -> &str {
    &report["snapshot"].as_str().unwrap()[..8]
}

#[test]
fn another_selection_or_database_is_no_measure() {
    let site = Site::start();
    site.server.ask(
        "CREATE SCHEMA a; CREATE TABLE a.t AS SELECT generate_series(1, 1000) AS id;
         CREATE SCHEMA b; CREATE TABLE b.t AS SELECT generate_series(1, 10) AS id;",
    );
    site.server.ask("CREATE DATABASE other");
    site.backup(0, &[]);
    site.backup(0, &["-n", "b"]);
    site.backup(0, &[]);
    site.server.ask("DELETE FROM b.t WHERE id > 4");
    site.backup(0, &[]);
    site.backup(3, &["-n", "b"]);

    let said = Said::of(&mut site.repo.command(["backup", "-d", &site.server.dsn("other")]));
    assert_eq!(said.code, 3, "the first of another database is empty: {said:?}");
    assert!(said.stdout.contains("SUSPICIOUS: it is the first snapshot of this database and selection"), "{said:?}");
    assert!(said.stdout.contains("--accept-shrink"), "it says what to do: {said:?}");
    // Whoever restores it all the same is told.
    let restored =
        Said::of(&mut site.repo.restore(["latest:other", "--create", "-q", "-d", &site.server.dsn("again")]));
    let told = "SUSPICIOUS: its backup marked the snapshot: it is the first snapshot";
    assert!(restored.code == 0 && restored.stdout.contains(told), "{restored:?}");
    // In cron's line standard output goes into a log that nobody reads.
    let said = Said::of(&mut site.repo.command(["backup", "-q", "-d", &site.server.dsn("other")]));
    assert!(said.code == 3 && said.stderr.contains("SUSPICIOUS: "), "{said:?}");
    assert_eq!(said.stdout, said.stderr);
}

/// The same selection, however it is written, has the same measure; another one has none, and that is said.
#[test]
fn the_order_of_patterns_is_no_other_selection_and_a_changed_one_is_told() {
    let site = Site::start();
    site.server.ask(
        "CREATE SCHEMA a; CREATE TABLE a.t AS SELECT generate_series(1, 1000) AS id; CREATE TABLE a.u AS SELECT 1 AS id;
         CREATE SCHEMA b; CREATE TABLE b.t AS SELECT generate_series(1, 1000) AS id; CREATE TABLE b.u AS SELECT 1 AS id",
    );
    let first = site.backup(0, &["-n", "a", "-n", "b", "-T", "a.u", "-T", "b.u"]);
    assert_eq!((&first["measured_by"], &first["warnings"]), (&json!(null), &json!(null)));
    site.server.ask("DELETE FROM a.t WHERE id > 5; TRUNCATE b.t");
    // Every order of each list, and repetitions.
    for schemas in [["a", "b"], ["b", "a"]] {
        for tables in [["a.u", "b.u"], ["b.u", "a.u"]] {
            for again in ["a", "b"] {
                let args = ["-n", schemas[0], "-n", again, "-T", tables[0], "-n", schemas[1], "-T", tables[1]];
                let report = site.backup(3, &args);
                assert_eq!(report["measured_by"], first["snapshot"], "{args:?}");
            }
        }
    }
    let changes: [&[&str]; 4] = [
        &["-n", "a", "-n", "b"],
        &["-n", "a*", "-n", "b", "-T", "a.u", "-T", "b.u"],
        &["-n", "a", "-T", "a.u"],
        &["-T", "b.u"],
    ];
    for changed in changes {
        let report = site.backup(0, changed);
        assert_eq!(report["measured_by"], json!(null), "{changed:?}");
        let warnings = report["warnings"].to_string();
        assert!(warnings.contains("is a good one of this selection, so pgkeep cannot notice a loss"), "{warnings}");
        // By the next time there is one.
        let next = site.backup(0, changed);
        assert_eq!((&next["measured_by"], &next["warnings"]), (&report["snapshot"], &json!(null)), "{changed:?}");
    }
}

#[test]
fn a_partition_that_is_dropped_each_month_is_no_alarm() {
    let site = Site::start();
    site.server.ask(
        "CREATE TABLE sales (month int, id int) PARTITION BY LIST (month);
         CREATE TABLE sales_1 PARTITION OF sales FOR VALUES IN (1); CREATE TABLE sales_2 PARTITION OF sales FOR VALUES IN (2);
         CREATE TABLE sales_3 PARTITION OF sales FOR VALUES IN (3);
         INSERT INTO sales SELECT 1 + n % 3, n FROM generate_series(1, 3000) n",
    );
    site.backup(0, &[]);
    site.server.ask("DROP TABLE sales_1");
    site.backup(0, &[]);
    site.server.ask("DROP TABLE sales");
    site.suspicious("2 tables of the snapshot");
}

#[test]
fn a_policy_may_accept_it() {
    let site = Site::start();
    site.server.ask("CREATE TABLE t (id int)");
    let policy = |accept: &str| {
        let (dsn, repo, key) = (site.server.dsn("postgres"), site.repo.root(), site.repo.writer_key());
        let text = format!(
            "source.dsn = \"{dsn}\"\nrepository.url = \"{}\"\nrepository.writer_key = \"{}\"\n{accept}",
            repo.display(),
            key.display()
        );
        let path = key.with_file_name("policy.toml");
        std::fs::write(&path, text).unwrap();
        path
    };
    let run = |accept: &str| Said::of(crate::pgkeep::pgkeep().args(["run", "--json"]).arg(policy(accept)));
    let said = run("");
    assert_eq!(said.code, 3, "{said:?}");
    let said = run("backup.accept_shrink = true");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.document()["accepted"].as_array().unwrap().len(), 1);
}

/// Gives the only snapshot another time, as a host with a wrong clock would have.
fn date_ahead(site: &Site) {
    let key = WriterKey::read(&site.repo.writer_key()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let root = site.repo.root().to_str().unwrap();
        let repository = Repository::open(root, ReadingKey::from(&key), Access::Write).await.unwrap();
        let name = repository.snapshots().await.unwrap().remove(0);
        let mut manifest = repository.manifest(&name).await.unwrap();
        (manifest.snapshot, manifest.time) = (SnapshotId::random(), name.time + TimeDelta::days(200));
        manifest.finished = manifest.time;
        repository.write_manifest(&key, &manifest).await.unwrap();
        std::fs::remove_file(site.repo.root().join(format!("snapshots/{name}"))).unwrap();
    });
}

/// Its date would have to pass before a loss is noticed, or before an alarm ends.
#[test]
fn a_snapshot_from_the_future_is_no_measure_while_there_is_another() {
    let site = Site::start();
    site.server.ask("CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 400) n");
    site.backup(0, &[]);
    date_ahead(&site);
    let told = |report: &Value| {
        let warnings = report["warnings"].as_array().cloned().unwrap_or_default();
        let words = "a snapshot lies in the future, so a clock is or was wrong: ";
        assert!(warnings.iter().any(|warning| warning.as_str().unwrap().starts_with(words)), "{report}");
    };
    // It is all there is.
    site.server.ask("DELETE FROM orders WHERE id > 100");
    told(&site.suspicious("it has 100 rows, less than half of the 400"));
    site.backup(0, &["--accept-shrink"]);
    told(&site.backup(0, &[]));
    site.server.ask("DELETE FROM orders WHERE id > 60");
    let newest = site.backup(0, &[]);
    site.server.ask("DELETE FROM orders WHERE id > 10");
    let lost = site.suspicious("it has 10 rows, less than half of the 60");
    assert_eq!(lost["measured_by"], newest["snapshot"]);

    let dsn = site.server.dsn("copy");
    let restore_key = site.repo.restore_key();
    let with_key = |args: &[&str]| {
        let mut command = site.repo.command(args);
        let said = Said::of(command.arg("--json").arg("--restore-key").arg(&restore_key));
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said.document()
    };
    let restored = with_key(&["restore", "latest", "--create", "-d", &dsn]);
    assert_eq!((&restored["snapshot"], &restored["rows"]), (&lost["snapshot"], &10.into()));
    told(&restored);
    let drilled = with_key(&["drill"]);
    assert_eq!(drilled["snapshot"], lost["snapshot"]);
    told(&drilled);
    told(&with_key(&["verify", "latest", "--against", &dsn]));
}
