//! The damage matrix: every kind of harm to every kind of object. The harm is named with what it hurts, what it does not hurt
//! comes back, what it hurts stops before it is committed, and the next backup is whole again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::repo::layout::{self, ChunkKind};
use pgkeep::repo::manifest::{Slice, SliceList};
use pgkeep::repo::{Manifest, ReadingKey, Repository, WriterKey};
use pgkeep::store::Access;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};
use crate::verify::objects;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Harm {
    Delete,
    Truncate,
    FlipBit,
    Swap,
    /// By another valid object of the same kind, an older one where there is one.
    Replace,
    Append,
}

const HARMS: [Harm; 6] = [Harm::Delete, Harm::Truncate, Harm::FlipBit, Harm::Swap, Harm::Replace, Harm::Append];

impl Harm {
    fn apply(self, victim: &Path, other: &Path) {
        let (mut bytes, theirs) = (fs::read(victim).unwrap(), fs::read(other).unwrap());
        let middle = bytes.len() / 2;
        match self {
            Harm::Delete => return fs::remove_file(victim).unwrap(),
            Harm::Truncate => bytes.truncate(middle),
            Harm::FlipBit => bytes[middle] ^= 1,
            Harm::Swap => {
                fs::write(other, &bytes).unwrap();
                bytes = theirs;
            }
            Harm::Replace => bytes = theirs,
            Harm::Append => bytes.push(0),
        }
        fs::write(victim, bytes).unwrap();
    }

    fn victims<'n>(self, victim: &'n str, other: &'n str) -> BTreeSet<&'n str> {
        if self == Harm::Swap { [victim, other].into() } else { [victim].into() }
    }
}

/// 400 kB that do not compress have an object of their own; small tables share one; 80 MB have a slice list in a page.
const TABLES: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.orders AS SELECT n AS id, md5(n::text) || md5((-n)::text) AS note FROM generate_series(1, 6000) n;
    CREATE TABLE shop.returns AS SELECT n AS id, md5((n * 7)::text) || md5((n * 11)::text) AS note FROM generate_series(1, 6000) n;
    CREATE TABLE shop.colours AS SELECT n AS id, 'colour ' || n AS name FROM generate_series(1, 30) n;
    CREATE TABLE shop.sizes AS SELECT n AS id, 'size ' || n AS name FROM generate_series(1, 40) n;
    CREATE TABLE shop.events (id int, payload text); ALTER TABLE shop.events ALTER payload SET STORAGE PLAIN;
    INSERT INTO shop.events SELECT n, repeat(md5(n::text), 32) FROM generate_series(1, 80000) n;";

/// So that the second snapshot has another archive, another page and other objects, and shares the rest.
const CHANGES: &str =
    "CREATE TABLE shop.extra AS SELECT 1 AS id; UPDATE shop.events SET payload = 'changed' WHERE id = 20000";

struct Site {
    server: Server,
    repo: Repo,
    first: Manifest,
    second: Manifest,
    pages: [String; 2],
}

/// One object and what depends on it, found in the manifests.
struct Target {
    what: &'static str,
    object: String,
    /// Of the same kind.
    other: String,
    snapshots: BTreeSet<String>,
    tables: BTreeSet<String>,
    /// Tables of the second snapshot that harm to it cannot hurt, and one that it must.
    sound: Option<&'static str>,
    hurt: Option<&'static str>,
}

fn name(kind: ChunkKind, slice: &Slice) -> String {
    layout::chunk(kind, &slice.object.object, slice.object.generation).to_string()
}

fn table<'m>(manifest: &'m Manifest, table: &str) -> &'m SliceList {
    &manifest.relations.iter().find(|relation| relation.name == table).unwrap().slices
}

fn inline<'m>(manifest: &'m Manifest, of: &str) -> &'m [Slice] {
    match table(manifest, of) {
        SliceList::Inline(slices) => slices,
        SliceList::Pages(_) => panic!("{of} has pages"),
    }
}

/// Opens a repository with the writer key, which reads manifests.
fn manifests(repo: &Repo) -> (Vec<Manifest>, Vec<Vec<Slice>>) {
    let writer = WriterKey::read(&repo.writer_key()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = repo.root().to_str().unwrap();
        let repository = Repository::open(url, ReadingKey::from(&writer), Access::Read).await.unwrap();
        let (mut manifests, mut events) = (Vec::new(), Vec::new());
        for name in repository.snapshots().await.unwrap() {
            let manifest = repository.manifest(&name).await.unwrap();
            events.push(repository.slices(&manifest, table(&manifest, "events")).await.unwrap());
            manifests.push(manifest);
        }
        (manifests, events)
    })
}

impl Site {
    fn start() -> Self {
        let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
        server.ask(TABLES);
        let dsn = server.dsn("postgres");
        repo.json(["backup", "-j", "1", "-d", &dsn]);
        server.ask(CHANGES);
        repo.json(["backup", "-j", "1", "-d", &dsn]);
        // Two records of one kind, for the two snapshots.
        let ids: Vec<String> =
            repo.json(["list"]).as_array().unwrap().iter().map(|l| l["snapshot"].to_string()).collect();
        for id in ids {
            repo.restored([id.trim_matches('"'), "--create", "-d", &server.dsn("copy")]);
            server.ask("DROP DATABASE copy");
        }
        let (mut manifests, _) = manifests(&repo);
        let (second, first) = (manifests.pop().unwrap(), manifests.pop().unwrap());
        let page = |manifest: &Manifest| match table(manifest, "events") {
            SliceList::Pages(pages) => name(ChunkKind::Meta, &pages[0]),
            SliceList::Inline(_) => panic!("the list of events is too short for a page"),
        };
        let pages = [page(&first), page(&second)];
        assert_ne!(pages[0], pages[1]);
        Self { server, repo, first, second, pages }
    }

    fn without_pages<'f>(&self, found: BTreeSet<&'f str>) -> BTreeSet<&'f str> {
        found.into_iter().filter(|object| !self.pages.iter().any(|page| page == object)).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let [first, second] = [&self.first, &self.second].map(|m| m.snapshot.to_string());
        let both: BTreeSet<String> = [first.clone(), second.clone()].into();
        let tables = |names: &[&str]| names.iter().map(|n| format!("shop.{n}")).collect::<BTreeSet<String>>();
        let everything = tables(&["orders", "returns", "colours", "sizes", "events", "extra"]);
        let data = |of| name(ChunkKind::Data, &inline(&self.second, of)[0]);
        let shared = data("colours");
        assert_eq!(shared, data("sizes"), "small tables share an object");
        let mut sharing: BTreeSet<String> = tables(&["colours", "sizes"]);
        let (_, events) = manifests(&self.repo);
        if events.iter().flatten().any(|slice| name(ChunkKind::Data, slice) == shared) {
            sharing.extend(tables(&["events"]));
        }
        let archive = |manifest: &Manifest| name(ChunkKind::Meta, &manifest.archive[0]);
        assert_ne!(archive(&self.first), archive(&self.second));
        let names = |folder| objects(self.repo.root(), folder).into_iter().collect::<Vec<String>>();
        let (manifests, proofs) = (names("snapshots"), names("records/proven"));
        assert_eq!((manifests.len(), proofs.len()), (2, 2));
        let target = |what, object, other, snapshots, tables, sound, hurt| Target {
            what,
            object,
            other,
            snapshots,
            tables,
            sound,
            hurt,
        };
        let none = BTreeSet::new;
        vec![
            target(
                "data object",
                data("orders"),
                data("returns"),
                both.clone(),
                tables(&["orders"]),
                Some("sizes"),
                Some("orders"),
            ),
            target("shared data object", shared, data("orders"), both, sharing, Some("returns"), Some("sizes")),
            target(
                "archive",
                archive(&self.second),
                archive(&self.first),
                [second.clone()].into(),
                everything,
                None,
                Some("sizes"),
            ),
            target(
                "slice list",
                self.pages[1].clone(),
                self.pages[0].clone(),
                [second.clone()].into(),
                tables(&["events"]),
                Some("orders"),
                Some("events"),
            ),
            target("manifest", manifests[0].clone(), manifests[1].clone(), [first].into(), none(), Some("sizes"), None),
            target("record", proofs[0].clone(), proofs[1].clone(), none(), none(), Some("colours"), None),
        ]
    }
}

/// A copy of the repository that is harmed.
struct Copy<'s> {
    site: &'s Site,
    root: PathBuf,
}

impl<'s> Copy<'s> {
    fn of(site: &'s Site) -> Self {
        let root = site.repo.root().with_file_name("harmed");
        let _ = fs::remove_dir_all(&root);
        assert!(Command::new("cp").arg("-a").arg(site.repo.root()).arg(&root).status().unwrap().success());
        Self { site, root }
    }

    fn said(&self, key: &str, args: &[&str]) -> Said {
        let path = if key == "--writer-key" { self.site.repo.writer_key() } else { self.site.repo.restore_key() };
        Said::of(pgkeep().arg("--repo").arg(&self.root).arg(key).arg(path).arg("--json").args(args))
    }

    fn verify(&self, args: &[&str]) -> (i32, Value) {
        let said = self.said("--restore-key", &[&["verify"], args].concat());
        (said.code, said.document())
    }

    /// The table alone, from the second snapshot, into a database of its own.
    fn restore(&self, table: &str) -> (Said, Option<String>) {
        let server = &self.site.server;
        server.ask("DROP DATABASE IF EXISTS copy");
        server.ask("CREATE DATABASE copy");
        let dsn = server.dsn("copy");
        let id = self.site.second.snapshot.to_string();
        let said = self.said("--restore-key", &["restore", &id, "-d", &dsn, "-t", &format!("shop.{table}")]);
        (said, psql(&server.binaries, &dsn, &format!("SELECT count(*) FROM shop.{table}")).ok())
    }

    fn backup(&self) -> String {
        let said = self.said("--writer-key", &["backup", "-j", "1", "-d", &self.site.server.dsn("postgres")]);
        assert_eq!(said.code, 0, "{said:?}");
        said.document()["snapshot"].as_str().unwrap().to_owned()
    }
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn found(report: &Value) -> BTreeSet<&str> {
    report["findings"].as_array().unwrap().iter().map(|f| f["object"].as_str().unwrap()).collect()
}

#[test]
fn every_harm_to_every_kind_of_object_is_named_contained_and_healed() {
    let site = Site::start();
    for target in site.targets() {
        for harm in HARMS {
            hurt_and_heal(&site, &target, harm);
        }
    }
}

fn hurt_and_heal(site: &Site, target: &Target, harm: Harm) {
    let case = format!("{harm:?} of a {}", target.what);
    let copy = Copy::of(site);
    let is_chunk = target.object.starts_with("data/") || target.object.starts_with("meta/");
    harm.apply(&copy.root.join(&target.object), &copy.root.join(&target.other));
    let sizes = |object: &str| {
        let size = |root: &Path| fs::metadata(root.join(object)).ok().map(|m| m.len());
        size(&copy.root) != size(site.repo.root())
    };

    // A snapshot or a record that is gone cannot be told from one that was never there.
    let expected = match (is_chunk, harm) {
        (false, Harm::Delete) => BTreeSet::new(),
        _ => harm.victims(&target.object, &target.other),
    };
    let (code, listed) = copy.verify(&[]);
    let in_listing: BTreeSet<&str> = expected.iter().copied().filter(|o| !is_chunk || sizes(o)).collect();
    // A page is read in any case: it says what else there is.
    assert_eq!(site.without_pages(found(&listed)), site.without_pages(in_listing), "{case}: {listed}");
    assert_eq!(code, if found(&listed).is_empty() { 0 } else { 3 }, "{case}");

    if is_chunk {
        let shallow = copy.said("--writer-key", &["verify", "--read-data"]);
        assert_eq!(shallow.code, 3, "{case}: {shallow:?}");
        assert_eq!(found(&shallow.document()), expected, "{case}: the writer key sees it too");
    }
    let (code, read) = copy.verify(&["--read-data"]);
    assert_eq!((found(&read), code), (expected.clone(), if expected.is_empty() { 0 } else { 3 }), "{case}: {read}");
    if let Some(finding) = read["findings"].as_array().unwrap().iter().find(|f| f["object"] == *target.object) {
        assert_eq!(strings(&finding["snapshots"]), target.snapshots, "{case}: {finding}");
        assert_eq!(strings(&finding["tables"]), target.tables, "{case}: {finding}");
    }
    let list = copy.said("--writer-key", &["list"]);
    let lines = list.document();
    match (target.what, harm) {
        ("manifest", Harm::Delete) => assert_eq!((list.code, lines.as_array().unwrap().len()), (0, 1), "{case}"),
        ("manifest", _) => {
            assert_eq!(list.code, 3, "{case}: {list:?}");
            assert!(lines[0]["damaged"].as_str().unwrap().contains("is not signed by"), "{case}: {list:?}");
            assert_eq!(lines[1]["damaged"] == json!(null), harm != Harm::Swap, "{case}: {list:?}");
        }
        // What the check has found, but for what is missing, which every listing shows.
        _ => {
            let lines = lines.as_array().unwrap();
            let findings: Vec<&Value> = match harm {
                Harm::Delete => Vec::new(),
                _ if is_chunk => read["findings"].as_array().unwrap().iter().collect(),
                _ => Vec::new(),
            };
            let of =
                |field: &str| findings.iter().flat_map(|finding| strings(&finding[field])).collect::<BTreeSet<_>>();
            let hurt = lines.iter().filter(|line| line["hurt"] != json!([]));
            let tables: BTreeSet<String> = lines.iter().flat_map(|line| strings(&line["hurt"])).collect();
            assert_eq!(tables, of("tables"), "{case}: {list:?}");
            let snapshots: BTreeSet<String> = hurt.map(|line| line["snapshot"].as_str().unwrap().to_owned()).collect();
            assert_eq!(snapshots, of("snapshots"), "{case}: {list:?}");
            assert_eq!((list.code, lines.len()), (if tables.is_empty() { 0 } else { 3 }, 2), "{case}: {list:?}");
        }
    }

    if let Some(table) = target.sound.filter(|_| !(target.what == "manifest" && harm == Harm::Swap)) {
        let (said, rows) = copy.restore(table);
        assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{case}: {said:?}");
        assert!(rows.is_some_and(|rows| rows != "0"), "{case}");
    }
    if let Some(table) = target.hurt {
        let (said, rows) = copy.restore(table);
        assert_eq!(said.code, 5, "{case}: {said:?}");
        assert!(rows.is_none_or(|rows| rows == "0"), "{case}: rows of {table} were committed");
    }

    let healed = copy.backup();
    let (code, whole) = copy.verify(&[&healed, "--read-data"]);
    assert_eq!((code, &whole["findings"]), (0, &json!([])), "{case}: {whole}");
}

/// Without any check before it: the host that takes backups can open metadata, and looks at what it uses again.
#[test]
fn a_backup_heals_metadata_that_nobody_has_checked() {
    let site = Site::start();
    let meta = |slice: &Slice| name(ChunkKind::Meta, slice);
    let victims = [meta(&site.second.archive[0]), meta(&site.second.facts[0]), site.pages[1].clone()];
    for victim in &victims {
        let copy = Copy::of(&site);
        Harm::FlipBit.apply(&copy.root.join(victim), &copy.root.join(victim));
        let healed = copy.backup();
        let (code, whole) = copy.verify(&[&healed, "--read-data"]);
        assert_eq!((code, &whole["findings"]), (0, &json!([])), "{victim}: {whole}");
        // The objects that only a page names have nobody to vouch for them without it: they are stored again, and it is another page.
        assert_eq!(copy.root.join(format!("{victim}.1")).exists(), *victim != site.pages[1], "{victim}");
    }
}

#[test]
fn what_is_lost_and_stored_again_is_whole_for_the_older_snapshots_too() {
    let site = Site::start();
    let copy = Copy::of(&site);
    let victim = name(ChunkKind::Data, &inline(&site.second, "orders")[0]);
    fs::remove_file(copy.root.join(&victim)).unwrap();
    assert_eq!(copy.verify(&["--read-data"]).0, 3);
    copy.backup();
    let (code, whole) = copy.verify(&["--read-data"]);
    assert_eq!((code, &whole["findings"]), (0, &json!([])), "{whole}");
    assert_eq!(copy.verify(&[]).0, 0);
    let (said, rows) = copy.restore("orders");
    assert_eq!((said.code, rows.as_deref()), (0, Some("6000")), "{said:?}");
    assert!(!copy.root.join(format!("{victim}.1")).exists());
}

#[test]
fn without_its_config_nothing_is_used_until_it_is_written_again() {
    let site = Site::start();
    let other = Repo::new();
    for harm in HARMS {
        let copy = Copy::of(&site);
        let config = copy.root.join("config");
        let (theirs, ours) = (copy.root.with_file_name("other-config"), fs::read_to_string(&config).unwrap());
        fs::copy(other.root().join("config"), &theirs).unwrap();
        match harm {
            // In the id: elsewhere a bit is no more than another time of creation.
            Harm::FlipBit => {
                let at = ours.find(&*id_of(&ours)).unwrap();
                let mut bytes = ours.clone().into_bytes();
                bytes[at] ^= 1;
                fs::write(&config, bytes).unwrap();
            }
            harm => harm.apply(&config, &theirs),
        }
        let (code, report) = copy.verify(&["--read-data"]);
        // It is another repository's, or it is none.
        assert!([5, 6].contains(&code), "{harm:?}: {report}");
        assert_eq!(copy.said("--writer-key", &["list"]).code, code, "{harm:?}");
        fs::write(
            &config,
            format!(r#"{{"format": 1, "repository": "{}", "created": "2000-01-01T00:00:00Z"}}"#, id_of(&ours)),
        )
        .unwrap();
        assert_eq!(copy.verify(&["--read-data"]).0, 0, "{harm:?}");
        assert_eq!(copy.restore("sizes").0.code, 0, "{harm:?}");
    }
}

fn id_of(config: &str) -> String {
    config.split('"').find(|word| word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit())).unwrap().to_owned()
}
