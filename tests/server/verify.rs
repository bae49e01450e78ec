//! `pgkeep verify`, the program itself: what was done to a repository or a source is found and named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ed25519_dalek::Signer;
use pgkeep::pg::binaries::ServerBinaries;
use pgkeep::pg::cluster::{ClusterOptions, PrivateCluster};
use pgkeep::repo::{ReadingKey, Repository, SnapshotId, WriterKey};
use pgkeep::store::Access;
use serde_json::Value;
use tempfile::TempDir;

use crate::postgres::{psql, server};
use crate::template;

/// 400 kB that do not compress, so that the table has an object of its own.
const ORDERS: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, note text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO shop.orders (note) SELECT md5(n::text) || md5((-n)::text) FROM generate_series(1, 6000) n;";

/// Small tables that share an object, one in text format; a row of 9 MB, which goes through several chunks; large objects.
const OTHERS: &str = r#"CREATE TABLE shop.empty (a int);
    CREATE TABLE shop."Odd.Name" (t text, r regclass);
    INSERT INTO shop."Odd.Name" VALUES (E'line\nline\ttab\\', 'pg_catalog.pg_class'), (NULL, NULL), ('', NULL);
    CREATE TABLE shop.no_columns (); INSERT INTO shop.no_columns DEFAULT VALUES;
    CREATE TABLE shop.scans (id int, image bytea);
    ALTER TABLE shop.scans ALTER image SET STORAGE EXTERNAL;
    INSERT INTO shop.scans SELECT n, decode(repeat(md5(n::text), n * 100000), 'hex') FROM generate_series(1, 6) n;
    SELECT lo_from_bytea(0, decode(repeat('00ff', 400000), 'hex')); SELECT lo_create(0);"#;

/// 110 MB: two parts, and a slice list that is long enough for pages of its own.
const EVENTS: &str = "CREATE TABLE shop.events (id int, payload text);
    ALTER TABLE shop.events ALTER payload SET STORAGE PLAIN;
    INSERT INTO shop.events SELECT n, repeat(md5(n::text), 32) FROM generate_series(1, 100000) n;";

struct Site {
    folder: TempDir,
    binaries: ServerBinaries,
    cluster: PrivateCluster,
}

struct Answer {
    exit_code: i32,
    json: Value,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let binaries = server(15);
        let cluster = template::start(&binaries, &[], ClusterOptions::default());
        Self { folder, binaries, cluster }
    }

    fn dsn(&self) -> String {
        self.cluster.dsn("postgres")
    }

    fn sql(&self, sql: &str) -> String {
        psql(&self.binaries, &self.dsn(), sql).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.path("keys").join(name)
    }

    /// The program's JSON, with the restore key unless the arguments name another.
    fn pgkeep(&self, repo: &Path, args: &[&str]) -> Answer {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pgkeep"));
        for variable in ["PGKEEP_REPO", "PGKEEP_WRITER_KEY", "PGKEEP_RESTORE_KEY"] {
            program.env_remove(variable);
        }
        if !args.iter().any(|arg| arg.ends_with("-key") || *arg == "--keys") {
            program.arg("--restore-key").arg(self.key("restore.key"));
        }
        let output = program.arg("--json").arg("--repo").arg(repo).args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        Answer { exit_code: output.status.code().unwrap(), json }
    }

    fn init(&self) -> PathBuf {
        let repo = self.path("repo");
        let keys = self.path("keys");
        assert_eq!(self.pgkeep(&repo, &["init", "--keys", keys.to_str().unwrap()]).exit_code, 0);
        repo
    }

    fn backup(&self, repo: &Path) -> String {
        let writer = self.key("writer.key");
        let answer = self.pgkeep(repo, &["--writer-key", writer.to_str().unwrap(), "backup", "-d", &self.dsn()]);
        assert_eq!(answer.exit_code, 0, "{}", answer.json);
        answer.json["snapshot"].as_str().unwrap().to_owned()
    }

    fn copy(&self, repo: &Path) -> PathBuf {
        let copy = self.path("copy");
        let _ = fs::remove_dir_all(&copy);
        assert!(Command::new("cp").arg("-a").arg(repo).arg(&copy).status().unwrap().success());
        copy
    }
}

/// Names of all objects in a folder of the repository.
pub fn objects(repo: &Path, folder: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![repo.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(names.insert(path.strip_prefix(repo).unwrap().to_str().unwrap().to_owned())),
            }
        }
    }
    names
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Harm {
    Delete,
    Truncate,
    FlipBit,
}

impl Harm {
    pub fn apply(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        match self {
            Harm::Delete => return fs::remove_file(path).unwrap(),
            Harm::Truncate => bytes.truncate(middle),
            Harm::FlipBit => bytes[middle] ^= 1,
        }
        fs::write(path, bytes).unwrap();
    }

    fn kind(self) -> &'static str {
        match self {
            Harm::Delete => "missing",
            Harm::Truncate => "size",
            Harm::FlipBit => "checksum",
        }
    }
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The only finding, which the exit code must agree with.
fn only_finding(answer: &Answer) -> &Value {
    assert_eq!(answer.exit_code, 3, "{}", answer.json);
    assert_eq!(answer.json["ok"], false);
    let findings = answer.json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{}", answer.json);
    &findings[0]
}

fn assert_clean(answer: &Answer) {
    assert_eq!(answer.exit_code, 0, "{}", answer.json);
    assert_eq!(answer.json["ok"], true);
    assert_eq!(answer.json["findings"], Value::Array(vec![]));
}

#[test]
fn damage_to_an_object_is_found_and_names_the_tables_that_it_hurts() {
    let site = Site::start();
    let repo = site.init();
    site.sql(ORDERS);
    let first = site.backup(&repo);
    // All of it holds rows of the only table.
    let of_orders = objects(&repo, "data");
    site.sql(OTHERS);
    site.sql(EVENTS);
    let second = site.backup(&repo);
    let everything = site.pgkeep(&repo, &["show", &second]);
    let tables = everything.json["relations"].as_array().unwrap().iter();
    let tables: BTreeSet<String> = tables
        .map(|t| format!("{}.{}", t["schema"].as_str().unwrap(), t["name"].as_str().unwrap()))
        .chain(["large objects".to_owned()])
        .collect();

    for args in [
        &["verify"][..],
        &["verify", &second],
        &["verify", "--read-data"],
        &["verify", "latest", "--read-data", "-j", "3"],
    ] {
        assert_clean(&site.pgkeep(&repo, args));
    }
    let all = site.pgkeep(&repo, &["verify", "--read-data"]).json;
    let stored: Vec<String> = objects(&repo, "data").into_iter().chain(objects(&repo, "meta")).collect();
    assert_eq!(all["objects_checked"], stored.len());
    let bytes: u64 = stored.iter().map(|object| fs::metadata(repo.join(object)).unwrap().len()).sum();
    assert_eq!(all["bytes_checked"], bytes);
    assert_eq!(all["snapshots_checked"], 2);
    assert_eq!(all["objects_unreferenced"], 0);

    let shared = of_orders.first().unwrap();
    for harm in [Harm::Delete, Harm::Truncate, Harm::FlipBit] {
        let copy = site.copy(&repo);
        harm.apply(&copy.join(shared));
        let listed = site.pgkeep(&copy, &["verify"]);
        let read = site.pgkeep(&copy, &["verify", "--read-data"]);
        if harm == Harm::FlipBit {
            assert_clean(&listed);
        } else {
            assert_eq!(only_finding(&listed), only_finding(&read));
        }
        let finding = only_finding(&read);
        assert_eq!(finding["kind"], harm.kind());
        assert_eq!(finding["object"], **shared);
        assert_eq!(strings(&finding["tables"]), set(&["shop.orders"]), "{harm:?}");
        assert_eq!(strings(&finding["snapshots"]), set(&[&first, &second]));

        let mut hurt_alone = BTreeSet::new();
        for meta in objects(&repo, "meta") {
            let copy = site.copy(&repo);
            harm.apply(&copy.join(&meta));
            let answer = site.pgkeep(&copy, &["verify", "--read-data", &second]);
            if answer.exit_code == 0 {
                // Of the first snapshot alone.
                assert_eq!(only_finding(&site.pgkeep(&copy, &["verify", "--read-data"]))["object"], *meta);
                continue;
            }
            let finding = only_finding(&answer);
            assert_eq!(finding["kind"], harm.kind());
            assert_eq!(finding["object"], *meta);
            let hurt = strings(&finding["tables"]);
            if hurt != tables {
                hurt_alone.extend(hurt);
            }
        }
        assert_eq!(hurt_alone, set(&["shop.events"]), "its slice list is kept apart");
    }
}

#[test]
fn a_manifest_that_was_changed_or_signed_by_another_is_refused() {
    let site = Site::start();
    let repo = site.init();
    site.sql(ORDERS);
    let id = site.backup(&repo);
    let manifest = objects(&repo, "snapshots").pop_first().unwrap();
    site.backup(&repo);

    for harm in [Harm::Truncate, Harm::FlipBit] {
        let copy = site.copy(&repo);
        harm.apply(&copy.join(&manifest));
        assert_refused(&site, &copy, &manifest, &id);
    }

    let other = site.path("other");
    let other_keys = site.path("other-keys");
    assert_eq!(site.pgkeep(&other, &["init", "--keys", other_keys.to_str().unwrap()]).exit_code, 0);
    let forger = WriterKey::read(&other_keys.join("writer.key")).unwrap();
    let copy = site.copy(&repo);
    let stored = fs::read(copy.join(&manifest)).unwrap();
    // As docs/format.md says how to sign.
    let mut message = format!("pgkeep manifest 1\n{manifest}\n").into_bytes();
    message.extend_from_slice(blake3::hash(&stored[212..]).as_bytes());
    let signer = hex::encode(forger.signing.verifying_key().to_bytes());
    let signature = hex::encode(forger.signing.sign(&message).to_bytes());
    let mut forged = format!("pgkeep-manifest/1 {signer} {signature}\n").into_bytes();
    forged.extend_from_slice(&stored[212..]);
    fs::write(copy.join(&manifest), &forged).unwrap();
    assert_refused(&site, &copy, &manifest, &id);

    // The same by the right key is taken.
    let owner = WriterKey::read(&site.key("writer.key")).unwrap();
    let signature = hex::encode(owner.signing.sign(&message).to_bytes());
    let signer = hex::encode(owner.signing.verifying_key().to_bytes());
    forged.splice(..212, format!("pgkeep-manifest/1 {signer} {signature}\n").into_bytes());
    fs::write(copy.join(&manifest), &forged).unwrap();
    assert_clean(&site.pgkeep(&copy, &["verify", "--read-data"]));
}

fn assert_refused(site: &Site, repo: &Path, manifest: &str, id: &str) {
    for args in [&["verify"][..], &["verify", id], &["verify", "--read-data"]] {
        let answer = site.pgkeep(repo, args);
        let finding = only_finding(&answer);
        assert_eq!(finding["kind"], "signature");
        assert_eq!(finding["object"], manifest);
        assert_eq!(strings(&finding["snapshots"]), set(&[id]));
        let others = if args.contains(&id) { 0 } else { 1 };
        assert_eq!(answer.json["snapshots_checked"], others, "the other snapshots are checked all the same");
    }
    let shown = site.pgkeep(repo, &["show", id]);
    assert_eq!(shown.exit_code, 5, "{}", shown.json);
}

#[test]
fn rows_that_are_not_those_that_were_digested_are_found() {
    let site = Site::start();
    let repo = site.init();
    site.sql(ORDERS);
    site.sql(OTHERS);
    site.backup(&repo);
    let url = repo.to_str().unwrap();
    let writer = WriterKey::read(&site.key("writer.key")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for wrong in ["scans", "Odd.Name", "orders", "empty", "no_columns"] {
        let id = runtime.block_on(async {
            let repository = Repository::open(url, ReadingKey::from(&writer), Access::Write).await.unwrap();
            let name = repository.resolve("latest").await.unwrap();
            let mut manifest = repository.manifest(&name).await.unwrap();
            manifest.snapshot = SnapshotId::random();
            let relation = manifest.relations.iter_mut().find(|r| r.name == wrong).unwrap();
            relation.digest.sum ^= 1;
            repository.write_manifest(&writer, &manifest).await.unwrap();
            manifest.snapshot
        });
        let file = objects(&repo, "snapshots").into_iter().find(|name| name.ends_with(id.as_str())).unwrap();
        assert_clean(&site.pgkeep(&repo, &["verify", id.as_str()]));
        let answer = site.pgkeep(&repo, &["verify", "--read-data", id.as_str()]);
        let finding = only_finding(&answer);
        assert_eq!(finding["kind"], "digest");
        assert_eq!(strings(&finding["tables"]), set(&[&format!("shop.{wrong}")]));
        fs::remove_file(repo.join(file)).unwrap();
    }
    assert_clean(&site.pgkeep(&repo, &["verify", "--read-data"]));
}

#[test]
fn a_live_database_is_compared_table_by_table() {
    let site = Site::start();
    let repo = site.init();
    site.sql(ORDERS);
    site.sql(OTHERS);
    site.sql(EVENTS);
    site.backup(&repo);
    let against = |dsn: &str| site.pgkeep(&repo, &["verify", "latest", "--against", dsn]);
    assert_clean(&against(&site.dsn()));

    let steps = [
        ("UPDATE shop.orders SET note = 'changed' WHERE id = 17", "row digest", "shop.orders", "ROW"),
        ("DELETE FROM shop.events WHERE id = 99999", "row digest", "shop.events", "ROW"),
        ("ALTER TABLE shop.scans RENAME image TO picture", "missing column", "shop.scans", "image"),
        (r#"DROP TABLE shop."Odd.Name""#, "missing table", "shop.Odd.Name", ""),
        ("SELECT setval('shop.orders_id_seq', 9999)", "sequence", "shop.orders_id_seq", "9999"),
        (
            "SELECT lo_unlink(min(oid)) FROM pg_largeobject_metadata WHERE oid NOT IN (SELECT loid FROM pg_largeobject)",
            "large objects",
            "pg_catalog.pg_largeobject",
            "1 large objects are missing",
        ),
    ];
    let mut expected = BTreeSet::new();
    for (sql, kind, table, words) in steps {
        site.sql(sql);
        expected.insert((kind.to_owned(), table.to_owned()));
        let answer = against(&site.dsn());
        assert_eq!(answer.exit_code, 3, "{}", answer.json);
        let findings = answer.json["findings"].as_array().unwrap();
        let found: BTreeSet<(String, String)> = findings
            .iter()
            .map(|f| (f["kind"].as_str().unwrap().to_owned(), f["tables"][0].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(found, expected, "after {sql}");
        let finding = findings.iter().find(|f| f["tables"][0] == *table).unwrap();
        assert!(words == "ROW" || finding["detail"].as_str().unwrap().contains(words), "{finding}");
    }
    let rows = against(&site.dsn()).json;
    let events = rows["findings"].as_array().unwrap().iter().find(|f| f["tables"][0] == "shop.events").unwrap();
    assert_eq!(events["mismatch"]["expected"]["rows"], 100_000);
    assert_eq!(events["mismatch"]["found"]["rows"], 99_999);

    let gone = against("host=/nowhere dbname=postgres");
    assert_eq!(gone.exit_code, 4, "{}", gone.json);
    let unnamed = site.pgkeep(&repo, &["verify", "--against", &site.dsn()]);
    assert_eq!(unnamed.exit_code, 2, "{}", unnamed.json);
}

#[test]
fn what_a_key_cannot_open_is_no_damage() {
    let site = Site::start();
    let repo = site.init();
    site.sql(ORDERS);
    site.backup(&repo);
    let writer = site.key("writer.key");
    let with_writer = |args: &[&str]| site.pgkeep(&repo, &[&["--writer-key", writer.to_str().unwrap()], args].concat());
    assert_clean(&with_writer(&["verify"]));
    let shallow = with_writer(&["verify", "--read-data"]);
    assert_clean(&shallow);
    assert_eq!(shallow.json["depth"], "stored bytes", "it cannot open rows, and says how far it saw");
    assert_eq!(site.pgkeep(&repo, &["verify", "--read-data"]).json["depth"], "plaintext");
    assert_eq!(site.pgkeep(&repo, &["verify"]).json["depth"], "listing");

    let other_keys = site.path("other-keys");
    assert_eq!(site.pgkeep(&site.path("other"), &["init", "--keys", other_keys.to_str().unwrap()]).exit_code, 0);
    let other = other_keys.join("restore.key");
    let wrong = site.pgkeep(&repo, &["--restore-key", other.to_str().unwrap(), "verify"]);
    assert_eq!(wrong.exit_code, 6, "{}", wrong.json);

    // The right repository and signer, and another identity.
    let identity = |path: &Path| {
        fs::read_to_string(path).unwrap().lines().find(|l| l.starts_with("AGE-SECRET-KEY")).unwrap().to_owned()
    };
    let mixed = site.path("mixed.key");
    let text = fs::read_to_string(site.key("restore.key")).unwrap();
    assert!(Command::new("install").args(["-m", "600", "/dev/null"]).arg(&mixed).status().unwrap().success());
    fs::write(&mixed, text.replace(&identity(&site.key("restore.key")), &identity(&other))).unwrap();
    let mixed = site.pgkeep(&repo, &["--restore-key", mixed.to_str().unwrap(), "verify", "--read-data"]);
    assert_eq!(mixed.exit_code, 6, "{}", mixed.json);
}
