//! How long a check of a large repository takes, and how much memory. Ignored, because making one takes minutes:
//! `cargo test --release --test cli -- --ignored --nocapture many_objects`

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgkeep::repo::index::Index;
use pgkeep::repo::layout::ChunkKind;
use pgkeep::repo::slice_list::store_slice_list;
use pgkeep::repo::{ChunkWriter, Manifest, Objects, ReadingKey, Repository, WriterKey};
use pgkeep::store::Access;
use serde_json::json;

use crate::pgkeep::{Repo, Said};

const OBJECTS: u32 = 100_000;

/// One snapshot of one table, each of whose rows has an object of its own.
async fn fill(repo: &Repo) {
    let key = WriterKey::read(&repo.writer_key()).unwrap();
    let url = repo.root().to_str().unwrap();
    let repository = Repository::open(url, ReadingKey::from(&key), Access::Write).await.unwrap();
    let objects = Arc::new(Objects::new(&repository, Index::default()));
    let mut rows = ChunkWriter::new(objects.clone(), ChunkKind::Data, &key, 1).unwrap();
    let mut pending = Vec::new();
    for n in 0..OBJECTS {
        pending.push(rows.add(&n.to_le_bytes(), 1).await.unwrap());
    }
    rows.finish().await.unwrap();
    objects.settle().await.unwrap();
    let mut meta = ChunkWriter::new(objects.clone(), ChunkKind::Meta, &key, 1).unwrap();
    let list = store_slice_list(&mut meta, rows.resolve(&pending)).await.unwrap();
    objects.settle().await.unwrap();
    let mut manifest: Manifest = serde_json::from_value(json!({
        "format": 1, "snapshot": "0123456789abcdef", "time": "2026-11-22T03:15:00Z", "finished": "2026-11-22T03:15:00Z",
        "parent": null, "pgkeep": "0", "chunk_key": hex::encode(key.chunk_key.0), "digest_key": hex::encode(key.digest_key.0),
        "server": {"version_num": 150000, "version": "15"},
        "database": {"name": "d", "owner": "o", "encoding": "UTF8", "locale_provider": "c", "collate": "C", "ctype": "C",
            "icu_locale": null, "icu_rules": null, "collation_version": null, "connection_limit": -1, "is_template": false,
            "comment": null, "settings": [], "grants": null},
        "request": {"schemas": [], "exclude_schemas": [], "tables": [], "exclude_tables": []},
        "archive": [], "pg_dump_version": "15", "facts": [], "entries": null, "left_out": [], "roles": [], "memberships": [],
        "role_settings": [], "sequences": [], "populated": [], "large_objects": null,
        "relations": [{"oid": 1, "schema": "public", "name": "t", "columns": ["id"], "format": "binary", "rows": OBJECTS,
            "bytes": 4 * OBJECTS, "digest": "0".repeat(32), "slices": {"inline": []}}],
        "totals": {"tables": 1, "rows": OBJECTS, "bytes_read": 4 * OBJECTS, "bytes_stored": 0, "objects_new": OBJECTS,
            "objects_reused": 0},
    }))
    .unwrap();
    manifest.relations[0].slices = list.resolve(&meta);
    repository.write_manifest(&key, &manifest).await.unwrap();
}

#[test]
#[ignore = "makes 100,000 files, each fsynced"]
fn a_check_of_many_objects_on_disk_takes_seconds() {
    let repo = Repo::new();
    let since = Instant::now();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(fill(&repo));
    println!("{OBJECTS} objects made in {:.1} s", since.elapsed().as_secs_f64());
    for args in [&["verify"][..], &["verify", "--read-data"], &["list"], &["prune", "--keep-last", "1", "--dry-run"]] {
        let since = Instant::now();
        let (said, peak) = measured(repo.command(args).arg("--json"));
        let took = since.elapsed();
        println!("pgkeep {}: {:.2} s, {:.1} MiB", args.join(" "), took.as_secs_f64(), peak as f64 / 1024.0);
        assert_eq!(said.code, 0, "{said:?}");
        if args == ["verify"] {
            assert!(said.document()["objects_checked"].as_u64().unwrap() > u64::from(OBJECTS));
            assert!(took < Duration::from_secs(5), "{took:?}");
            assert!(peak <= 64 << 10, "{peak} KiB");
        }
    }
}

/// What the command said, and its peak resident memory in KiB, by GNU time.
fn measured(command: &Command) -> (Said, u64) {
    let peak = tempfile::NamedTempFile::new().unwrap();
    let mut time = Command::new("/usr/bin/time");
    time.args(["--format", "%M", "--output"]).arg(peak.path()).arg(command.get_program()).args(command.get_args());
    time.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = Said::of(&mut time);
    (said, std::fs::read_to_string(peak.path()).unwrap().lines().last().unwrap().parse().unwrap())
}
