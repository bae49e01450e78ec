//! What a second backup writes, as the disk says it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::Repo;
use crate::postgres::{Server, psql};

/// A script of `scripts/sample/`, with the machine's psql.
#[track_caller]
fn sample(script: &str, args: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/sample").join(script);
    let output = Command::new(&path).args(args).output().expect("the sample's scripts run");
    assert!(output.status.success(), "{script} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The stored objects below a folder with their sizes.
fn stored(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut objects = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        match entry.metadata().unwrap() {
            folder if folder.is_dir() => objects.append(&mut stored(&entry.path())),
            file => drop(objects.insert(entry.path(), file.len())),
        }
    }
    objects
}

fn data(repo: &Repo) -> BTreeMap<PathBuf, u64> {
    stored(&repo.root().join("data"))
}

fn bytes(objects: &BTreeMap<PathBuf, u64>) -> u64 {
    objects.values().sum()
}

/// Chunks of about 1 MiB set the grain: 1 % of a table must be more than one chunk, or nothing is measured but the grain.
/// 2,600,000 rows are about 200 MB, and 1 % of them 2 MB. Copies of the sample's rows, each with a number of its own, far
/// enough from each other that no chunk holds two.
fn enlarge_events(server: &Server, dsn: &str) {
    let sql = "ALTER TABLE public.events DROP CONSTRAINT events_pkey; DROP INDEX public.events_occurred_at_index;
        DO $$ BEGIN
            FOR copy IN 1..25 LOOP
                INSERT INTO public.events SELECT id + copy * 100000, occurred_at, source_id, amount, message
                FROM public.events WHERE id <= 100000;
            END LOOP;
        END $$";
    psql(&server.binaries, dsn, sql).unwrap();
}

#[test]
fn a_second_backup_writes_what_changed() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    let dsn = server.dsn("chronos");
    sample("load", &["chronos", "--scale", "0.01", "--create", &dsn]);
    enlarge_events(&server, &dsn);
    let backup = || repo.json(["backup", "-d", &dsn]);

    let first = backup();
    let (before, everything) = (data(&repo), stored(repo.root()));
    assert_eq!(first["objects_new"].as_u64(), Some(before.len() as u64));
    assert_eq!(first["parent"], Value::Null);

    let second = backup();
    assert_eq!((&second["objects_new"], &second["objects_reused"]), (&json!(0), &json!(before.len())));
    assert_eq!(second["bytes_stored"], 0, "neither rows nor the schema are written again");
    let added: Vec<_> = stored(repo.root()).into_iter().filter(|(path, _)| !everything.contains_key(path)).collect();
    let [(manifest, manifest_bytes)] = added.as_slice() else { panic!("more than a manifest was written: {added:?}") };
    assert!(manifest.starts_with(repo.root().join("snapshots")), "{}", manifest.display());
    println!(
        "unchanged: {} objects of {} bytes at first, then one manifest of {manifest_bytes}",
        everything.len(),
        bytes(&everything)
    );
    everything
        .iter()
        .for_each(|(path, size)| assert_eq!(fs::metadata(path).unwrap().len(), *size, "{}", path.display()));
    assert_eq!(second["parent"], first["snapshot"]);
    assert_eq!((&second["rows"], &second["bytes_read"]), (&first["rows"], &first["bytes_read"]));

    // What the table takes by itself, in a repository of its own, is what its hundredth is measured by.
    let alone = Repo::new();
    alone.json(["backup", "-d", &dsn, "-t", "public.events"]);
    let hundredth = bytes(&data(&alone)) / 100;
    let rows_before = psql(&server.binaries, &dsn, "SELECT count(*) FROM public.events").unwrap();
    sample("append", &["1", "public.events", &dsn]);
    let rows_after = psql(&server.binaries, &dsn, "SELECT count(*) FROM public.events").unwrap();
    let third = backup();
    let added: BTreeMap<_, _> = data(&repo).into_iter().filter(|(path, _)| !before.contains_key(path)).collect();
    println!(
        "1 % appended to public.events ({rows_before} to {rows_after} rows): {} bytes in {} data objects written; 1 % of \
         the table is {hundredth} bytes stored: {:.2} times that; all written, metadata included: {} bytes",
        bytes(&added),
        added.len(),
        bytes(&added) as f64 / hundredth as f64,
        third["bytes_stored"],
    );
    assert_eq!(third["objects_new"].as_u64(), Some(added.len() as u64));
    assert_eq!(third["rows"].as_u64().unwrap() - second["rows"].as_u64().unwrap(), 26_000);
    assert!(bytes(&added) >= hundredth / 2, "less than was appended: the figure cannot be right");
    // The chunk that grew is written again, and so are ends of parts that share an object with this table's.
    assert!(bytes(&added) <= 3 * hundredth, "{} bytes written for {hundredth}", bytes(&added));
    // What was there is there still, byte for byte as long as it was.
    everything
        .iter()
        .for_each(|(path, size)| assert_eq!(fs::metadata(path).unwrap().len(), *size, "{}", path.display()));
}
