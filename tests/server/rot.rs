//! An object that rots while no manifest names it: the next backup makes the same chunk, and must not count on what is there.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::judge::{assert_equal, rows};
use crate::pgkeep::Repo;
use crate::postgres::Server;
use crate::verify::objects;

/// Objects of their own, which do not compress.
const NOISE: &str =
    "CREATE TABLE public.noise AS SELECT i, sha512(i::text::bytea) AS n FROM generate_series(1, 60000) i;
    CREATE TABLE public.small AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 500) i";

fn started(tables: &str) -> (Server, Repo) {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask(tables);
    (server, repo)
}

/// Flips a bit: length and times are as they were.
fn rot(repo: &Repo, object: &str) {
    let path = repo.root().join(object);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
}

/// The newest snapshot is whole, to the last byte of its rows, and comes back.
fn assert_whole(server: &Server, repo: &Repo) {
    let report = repo.json(["verify", "--read-data", "--restore-key", repo.restore_key().to_str().unwrap()]);
    assert_eq!(report["ok"], true, "{report}");
    repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_equal("rows", &rows(server, "postgres", None), &rows(server, "copy", None));
    server.ask("DROP DATABASE copy");
}

fn forget_all(repo: &Repo) {
    for manifest in objects(repo.root(), "snapshots") {
        fs::remove_file(repo.root().join(manifest)).unwrap();
    }
}

fn again(before: &BTreeSet<String>, after: &BTreeSet<String>) -> BTreeSet<String> {
    let first = |object: &String| object.split('.').next().unwrap().to_owned();
    let before: BTreeSet<String> = before.iter().map(first).collect();
    after.iter().filter(|object| object.contains('.') && before.contains(&first(object))).cloned().collect()
}

/// As a run leaves them that is killed before its first record.
#[test]
fn an_object_that_nobody_signed_for_is_not_used() {
    let (server, repo) = started(NOISE);
    let dsn = server.dsn("postgres");
    repo.json(["backup", "-d", &dsn]);
    forget_all(&repo);
    let stored = objects(repo.root(), "data");
    stored.iter().chain(&objects(repo.root(), "meta")).for_each(|object| rot(&repo, object));
    let report = repo.json(["backup", "-d", &dsn]);
    assert_eq!(report["objects_new"].as_u64(), Some(stored.len() as u64), "{report}");
    assert_whole(&server, &repo);
    // Once stored again, and signed for, it stays.
    assert_eq!(repo.json(["backup", "-d", &dsn])["bytes_stored"], 0);
}

#[test]
fn what_a_killed_run_has_signed_for_is_used_but_for_what_rotted() {
    let (server, repo) = started(&NOISE.replace("60000", "200000"));
    let mut backup = repo.command(["backup", "-q", "-j", "1", "--level", "19", "-d", &server.dsn("postgres")]);
    let mut child = backup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    // A record names objects that are there before it: by the third, the first two of a kind are named.
    let records = || fs::read_dir(repo.root().join("records/unfinished")).map_or(0, Iterator::count);
    while records() < 3 || objects(repo.root(), "data").len() < 4 {
        assert!(since.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let stored = objects(repo.root(), "data");
    let rotten = stored.first().unwrap();
    rot(&repo, rotten);
    let report = repo.json(["backup", "-d", &server.dsn("postgres")]);
    let stored_again = again(&stored, &objects(repo.root(), "data"));
    println!("of {stored:?} {stored_again:?} were stored again: {report}");
    assert!(report["objects_reused"].as_u64() >= Some(2), "{report}");
    assert!(stored_again.contains(&format!("{rotten}.1")), "{stored_again:?}");
    assert_whole(&server, &repo);
}

/// Of many manifests a backup reads the newest few; an older one still vouches for what it names, and for nothing else.
#[test]
fn what_an_old_snapshot_holds_is_used_again_but_for_what_rotted() {
    let (server, repo) = started("CREATE TABLE public.noise (i int, n bytea)");
    let dsn = server.dsn("postgres");
    let filled = |with: u32| {
        server.ask(&format!(
            "TRUNCATE public.noise; INSERT INTO public.noise SELECT i, sha512(('{with} ' || i)::bytea) FROM generate_series(1, 120000) i"
        ));
        repo.json(["backup", "-d", &dsn, "-j", "1"])
    };
    filled(1);
    let stored = objects(repo.root(), "data");
    assert!(stored.len() >= 2, "{stored:?}");
    server.ask("TRUNCATE public.noise");
    (0..9).for_each(|_| drop::<Value>(repo.json(["backup", "-d", &dsn, "--accept-shrink"])));
    let used_again = filled(1);
    assert_eq!((&used_again["objects_new"], objects(repo.root(), "data")), (&0.into(), stored.clone()), "{used_again}");

    server.ask("TRUNCATE public.noise");
    (0..9).for_each(|_| drop::<Value>(repo.json(["backup", "-d", &dsn, "--accept-shrink"])));
    let rotten = stored.first().unwrap();
    rot(&repo, rotten);
    let but_for_one = filled(1);
    let added: Vec<String> = objects(repo.root(), "data").difference(&stored).cloned().collect();
    assert_eq!((&but_for_one["objects_new"], added), (&1.into(), vec![format!("{rotten}.1")]), "{but_for_one}");
    fs::remove_file(repo.root().join(rotten)).unwrap();
    repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_equal("rows", &rows(&server, "postgres", None), &rows(&server, "copy", None));
}
