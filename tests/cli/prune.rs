//! `pgkeep prune` without a server: what it refuses, what it does with what it cannot read or delete, and that it says so.

use std::error::Error as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use pgkeep::command::Error;
use pgkeep::repo::RepoError;
use pgkeep::retention::Suspicion;
use serde_json::{Value, json};

use crate::interleave::{HOUR, World, back_up, count_objects};
use crate::pgkeep::{Repo, Said, assert_refused, pgkeep};
use crate::repository::as_nobody;

/// Snapshots with two chunks that the newest does not need.
fn world() -> World {
    let mut world = World::new();
    back_up(&mut world, [1, 2, 3]);
    back_up(&mut world, [3, 4, 5]);
    back_up(&mut world, [3, 4, 6]);
    world.pass(48 * HOUR);
    world
}

fn manifests(repo: &Repo) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        fs::read_dir(repo.root().join("snapshots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// All names and times below the repository.
fn state(repo: &Repo) -> Vec<(PathBuf, std::time::SystemTime)> {
    let (mut folders, mut files) = (vec![repo.root().to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => files.push((entry.path(), entry.metadata().unwrap().modified().unwrap())),
            }
        }
    }
    files.sort();
    files
}

fn number(document: &Value, field: &str) -> u64 {
    document[field].as_u64().unwrap_or_else(|| panic!("{field}: {document}"))
}

#[test]
fn without_a_rule_nothing_is_done() {
    let repo = Repo::new();
    assert_refused(
        &mut repo.command(["prune"]),
        2,
        "pgkeep: no rule says what to keep\n  \
         hint: For example: pgkeep prune --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run\n",
    );
    for (args, words) in [
        (["--keep-last", "0"], "0 is not in 1.."),
        (["--grace", "0h"], "a grace period of less than an hour is not safe"),
        (["--grace", "30m"], "write a grace period in hours or days: 24h, 7d"),
        (["--keep-within", "1w"], "write a period as 2y5m7d3h"),
        (["--time-zone", "CEST-1"], "a time zone is `local`, `UTC` or a name of the IANA database"),
        (["--keep-tag", "a b"], "a tag is a word of 1 to 64 characters"),
    ] {
        let said = Said::of(repo.command(["prune", "--keep-daily", "7"]).args(args));
        assert!(said.code == 2 && said.stderr.contains(words), "{said:?}");
    }
    assert_eq!(repo.json(["prune", "--keep-last", "1"])["forgotten"], json!([]), "an empty repository");
}

/// Both are conflicts: nothing was done, and the same command may be given again when the other side has had its say.
#[test]
fn a_suspicious_database_and_an_overtaken_backup_are_conflicts() {
    let suspicious = Error::from(Suspicion { databases: vec!["shop".into(), "crm".into()] });
    let overtaken = Error::from(RepoError::Overtaken { objects: 3, elapsed: 13 * HOUR });
    let told = |error: &Error| (error.exit_code(), error.to_string(), error.source().map(ToString::to_string));
    let newest = "the newest snapshot of shop, crm is suspicious".to_owned();
    assert_eq!(told(&suspicious), (7, "nothing was pruned".into(), Some(newest)));
    let counted = "a prune condemned 3 of the objects that this backup uses (it has run for 13 h 0 min)".to_owned();
    assert_eq!(told(&overtaken), (7, counted, None));
    assert!(overtaken.hint().unwrap().contains("--grace") && suspicious.hint().is_some());
}

#[test]
fn a_dry_run_explains_and_changes_nothing() {
    let world = world();
    let before = state(&world.repo);
    let said = world.repo.json(["prune", "--keep-last", "1", "--dry-run"]);
    assert_eq!(state(&world.repo), before);
    assert_eq!((&said["dry_run"], said["forgotten"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(said["kept"][0]["reasons"], json!(["the newest of its database and selection", "last (1 of 1)"]));
    // Chunks 1, 2 and 5, the small chunk that ends each of the two, and their archives' lists are another matter: what the
    // real run condemns is what the dry run said.
    assert!(number(&said, "objects_condemned") > 0, "{said}");
    let text =
        Said::of(&mut world.repo.command(["prune", "-q", "--keep-last", "1", "--dry-run", "--time-zone", "UTC"]));
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    assert_eq!(text.stdout.matches("no rule keeps it").count(), 2, "{}", text.stdout);
    assert!(text.stdout.contains("would forget 2 snapshots, would keep 1\n"), "{}", text.stdout);
    let real = world.repo.json(["prune", "--keep-last", "1"]);
    for field in ["objects_condemned", "bytes_condemned", "kept", "forgotten"] {
        assert_eq!(real[field], said[field], "{field}");
    }
    assert_eq!(manifests(&world.repo).len(), 1);
}

#[test]
fn objects_go_in_a_later_run_after_the_grace_period_and_verify_never_minds() {
    let world = world();
    let before = count_objects(&world);
    let prune = || world.repo.json(["prune", "--keep-last", "1"]);
    let verify = || {
        let said = world.repo.json(["verify"]);
        assert_eq!(said["ok"], json!(true), "{said}");
        number(&said, "objects_unreferenced")
    };
    let first = prune();
    let condemned = number(&first, "objects_condemned");
    assert_eq!((condemned, number(&first, "objects_deleted")), (verify(), 0));
    assert_eq!(count_objects(&world), before);
    // Neither at once nor before the time, however short the grace of a later run.
    world.pass(23 * HOUR);
    let soon = world.repo.json(["prune", "--keep-last", "1", "--grace", "1h"]);
    assert_eq!((number(&soon, "objects_deleted"), number(&soon, "objects_waiting")), (0, condemned), "{soon}");
    world.pass(2 * HOUR);
    let dry = world.repo.json(["prune", "--keep-last", "1", "--dry-run"]);
    let second = prune();
    assert_eq!(
        (number(&second, "objects_deleted"), number(&second, "bytes_freed")),
        (condemned, number(&first, "bytes_condemned"))
    );
    assert_eq!((&dry["objects_deleted"], &dry["bytes_freed"]), (&second["objects_deleted"], &second["bytes_freed"]));
    assert_eq!(count_objects(&world) as u64, before as u64 - condemned);
    assert_eq!(verify(), 0);
    world.assert_whole("after the second phase");
    world.pass(25 * HOUR);
    prune();
    for kind in ["condemned", "swept"] {
        assert_eq!(fs::read_dir(world.repo.root().join("records").join(kind)).unwrap().count(), 0, "{kind}");
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_kept_and_keeps_every_object() {
    let world = world();
    let all = manifests(&world.repo);
    let mut bytes = fs::read(&all[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&all[0], bytes).unwrap();
    world.pass(48 * HOUR);
    let said = Said::of(world.repo.command(["prune", "--keep-last", "1", "--json"]).arg("--quiet"));
    assert_eq!(said.code, 3, "{said:?}");
    let said = said.document();
    assert_eq!(said["kept"][0]["reasons"], json!(["its manifest cannot be read"]), "{said}");
    assert_eq!(said["unreadable"][0]["snapshot"], said["kept"][0]["snapshot"]);
    // The second was forgotten all the same.
    assert_eq!(manifests(&world.repo), [all[0].clone(), all[2].clone()]);
    assert_eq!((number(&said, "objects_condemned"), number(&said, "objects_deleted")), (0, 0));
    // What was condemned while all could be read is not deleted while one cannot.
    fs::remove_file(&all[0]).unwrap();
    assert!(number(&world.repo.json(["prune", "--keep-last", "1"]), "objects_condemned") > 0);
    fs::write(&all[0], b"nothing that anybody signed").unwrap();
    world.pass(25 * HOUR);
    let before = count_objects(&world);
    assert_eq!(Said::of(&mut world.repo.command(["prune", "--keep-last", "1"])).code, 3);
    assert_eq!(count_objects(&world), before);
}

#[test]
fn what_the_store_will_not_delete_is_told_and_the_rest_goes_on() {
    let world = world();
    let root = world.repo.root();
    world.repo.json(["prune", "--keep-last", "1"]);
    world.pass(25 * HOUR);
    // As nobody, who owns all but the folders of rows.
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        chown(&folder, Some(65534), None).unwrap();
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { chown(entry, Some(65534), None).unwrap() }
        }
    }
    let mut locked = 0;
    for folder in fs::read_dir(root.join("data")).unwrap().map(|entry| entry.unwrap().path()) {
        chown(&folder, Some(0), None).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
        locked += 1;
    }
    assert!(locked > 0);
    let rows = |world: &World| world.repo.json(["verify"])["objects_unreferenced"].as_u64().unwrap();
    let said = Said::of(&mut as_nobody(&world.repo, &["prune", "--keep-last", "1", "--json", "--quiet"]));
    assert_eq!(said.code, 3, "{said:?}");
    let said = said.document();
    assert_eq!(said["refused"][0]["kind"], "data object", "{said}");
    assert!(said["refused"][0]["detail"].as_str().unwrap().ends_with("Permission denied (os error 13)"), "{said}");
    assert_eq!(number(&said["refused"][0], "objects"), rows(&world));
    assert_eq!(said["refused"].as_array().unwrap().len(), 1);
    // With the right to do it, the next run does.
    let said = world.repo.json(["prune", "--keep-last", "1"]);
    assert!(number(&said, "objects_deleted") > 0 && rows(&world) == 0, "{said}");
}

#[test]
fn the_restore_key_alone_prunes_too_and_a_writer_goes_on_with_its_work() {
    let world = world();
    let prune = || {
        let mut command = pgkeep();
        command.arg("--repo").arg(world.repo.root()).arg("--restore-key").arg(world.repo.restore_key());
        let said = Said::of(command.args(["prune", "--keep-last", "1", "--json"]));
        assert_eq!(said.code, 0, "{said:?}");
        said.document()
    };
    let condemned = number(&prune(), "objects_condemned");
    assert!(condemned > 0);
    world.pass(25 * HOUR);
    assert_eq!(number(&world.repo.json(["prune", "--keep-last", "1"]), "objects_deleted"), condemned);
    world.assert_whole("after both keys");
}

/// A folder that was copied without `snapshots/` looks like a repository that is new.
#[test]
fn rows_without_any_snapshot_are_told_and_not_condemned() {
    let world = world();
    fs::remove_dir_all(world.repo.root().join("snapshots")).unwrap();
    let objects = count_objects(&world);
    let said = Said::of(&mut world.repo.command(["list"]));
    let told = "no snapshots yet\nwarning: the repository holds rows but no snapshot: either no backup has finished yet, or this is half of a copy";
    assert!(said.code == 0 && said.stdout.starts_with(told), "{said:?}");
    for args in [&["prune", "--keep-last", "1", "--dry-run"][..], &["prune", "--keep-last", "1"]] {
        let report = world.repo.json(args);
        assert_eq!((number(&report, "objects_condemned"), number(&report, "objects_deleted")), (0, 0), "{report}");
        assert!(report["warnings"][0].as_str().unwrap().contains("there is no snapshot at all"), "{report}");
    }
    world.pass(48 * HOUR);
    world.repo.json(["prune", "--keep-last", "1"]);
    assert_eq!(count_objects(&world), objects);
}
