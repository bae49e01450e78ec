//! A repository on a file system that fills up, or that can be read and not written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Repo, Said, folder};
use crate::postgres::Server;
use crate::prune::pass;

/// A file system in memory, of few bytes, unmounted at the end.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `options`: `size=4m`, `nr_inodes=100`. None where that takes a right that we do not have.
    pub fn mount(at: &Path, options: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("NOT RUN: it needs root, to mount a small tmpfs");
            return None;
        }
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", at.to_str().unwrap()]);
        Some(Self(at.to_owned()))
    }

    pub fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}"), self.0.to_str().unwrap()]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn a_full_disk_is_exit_code_5_and_the_next_run_works_once_there_is_room() {
    let folder = folder();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=4m") else { return };
    let (repo, server) = (Repo::in_folder(folder.path()), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.noise AS SELECT sha512(i::text::bytea) AS n FROM generate_series(1, 100000) i");
    let dsn = server.dsn("postgres");
    let said = Said::of(&mut repo.command(["backup", "-q", "-d", &dsn]));
    assert_eq!((said.code, said.stdout.as_str()), (5, ""), "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().collect();
    let place = repo.root().display().to_string();
    assert!(lines[0].starts_with(&format!("pgkeep: cannot write {place}/")), "{said:?}");
    assert_eq!(
        lines[1..],
        [
            "  because: No space left on device (os error 28)",
            "  hint: The file system is full. Nothing of this run is visible in the repository; make room and run it again.",
        ]
    );
    assert_eq!(repo.json(["list"]), json!([]));
    assert_eq!(
        files_below(&repo.root().join("tmp")),
        Vec::<PathBuf>::new(),
        "what is half written takes room that is scarce"
    );
    let again = Said::of(repo.command(["backup", "-d", &dsn]).arg("--json"));
    assert_eq!((again.code, &again.document()["exit_code"]), (5, &json!(5)), "{again:?}");

    let data = repo.root().join("data");
    let stored_before = files_below(&data);
    assert!(!stored_before.is_empty(), "the disk was too small for this test: nothing was stored at all");
    disk.remount("size=64m");
    let stored = repo.json(["backup", "-d", &dsn]);
    assert_eq!(stored["rows"], 100_000);
    // What the failed runs had stored is still there.
    let after = files_below(&data);
    stored_before.iter().for_each(|file| assert!(after.contains(file), "{} is gone", file.display()));
    assert_eq!(stored["objects_new"].as_u64(), Some((after.len() - stored_before.len()) as u64), "{stored}");
    // A run that meets a full disk cannot sign for what it has stored, and what nobody signed for is stored again.
    assert_eq!(repo.json(["verify"])["ok"], true);
    assert_eq!(repo.json(["list"]).as_array().unwrap().len(), 1);
    drop(repo);
    drop(disk);
}

/// The estimate is one: a drill that does not fit after all, or whose server cannot even be made, says where and what helps.
#[test]
fn a_drill_on_a_full_disk_names_the_folder_and_the_way_to_another() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.noise AS SELECT sha512(i::text::bytea) AS n FROM generate_series(1, 1000000) i");
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    for size in ["size=8m,mode=1777", "size=110m,mode=1777"] {
        let folder = folder();
        let Some(_disk) = SmallDisk::mount(folder.path(), size) else { return };
        let mut drill = repo.command(["drill", "--no-room-check", "--json", "--restore-key"]);
        let said = Said::of(drill.arg(repo.restore_key()).env("PGKEEP_TMPDIR", folder.path()));
        assert_eq!(said.code, 8, "{size}: {said:?}");
        let hint = said.document()["hint"].as_str().unwrap_or_default().to_owned();
        let place = format!("The private server's files were in {}", folder.path().display());
        assert!(
            hint.contains(&place) && hint.contains("Set PGKEEP_TMPDIR to a folder on a larger volume, with "),
            "{size}: {hint}"
        );
    }
}

/// As a disk is mounted after an error, or a snapshot of it.
#[test]
fn a_disk_that_can_only_be_read_is_told_by_what_writes_and_is_enough_for_what_reads() {
    let folder = folder();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=64m") else { return };
    let (repo, server) = (Repo::in_folder(folder.path()), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.t AS SELECT i FROM generate_series(1, 1000) i");
    let dsn = server.dsn("postgres");
    repo.json(["backup", "-d", &dsn]);
    repo.json(["backup", "-d", &dsn]);
    disk.remount("ro");
    assert_eq!(repo.json(["list"]).as_array().unwrap().len(), 2);
    assert_eq!(repo.json(["verify"])["ok"], true);
    let restored = repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_eq!((&restored["rows"], &restored["proven"]), (&json!(1000), &json!(true)), "{restored}");
    for args in [&["backup", "-q", "-d", &dsn][..], &["prune", "-q", "--keep-last", "1"]] {
        let said = Said::of(&mut repo.command(args));
        let words = format!("pgkeep: cannot write {}/tmp/", repo.root().display());
        assert!(said.code == 5 && said.stderr.starts_with(&words), "{said:?}");
        let because = "\n  because: Read-only file system (os error 30)\n  hint: The file system is read-only";
        assert!(said.stderr.contains(because) && !said.stderr.contains("needs read and write permission"), "{said:?}");
    }
    disk.remount("rw");
    assert_eq!(repo.json(["prune", "--keep-last", "1"])["forgotten"].as_array().unwrap().len(), 1);
    drop(repo);
    drop(disk);
}

/// A prune needs a few bytes, to ask what time it is and to say what it is about to do: without them it deletes nothing.
#[test]
fn a_prune_on_a_full_disk_forgets_nothing_and_does_when_there_is_room() {
    let folder = folder();
    let Some(disk) = SmallDisk::mount(folder.path(), "size=16m") else { return };
    let (repo, server) = (Repo::in_folder(folder.path()), Server::start(15, ClusterOptions::default()));
    let dsn = server.dsn("postgres");
    for n in 1..=3 {
        server.ask(&format!("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t AS SELECT sha512(('{n} ' || i)::bytea) FROM generate_series(1, 20000) i"));
        repo.json(["backup", "-d", &dsn]);
    }
    pass(repo.root(), 48);
    let filler = folder.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    let said = Said::of(&mut repo.command(["prune", "-q", "--keep-last", "1"]));
    assert!(said.code == 5 && said.stderr.contains("No space left on device"), "{said:?}");
    assert_eq!(repo.json(["verify"])["ok"], true);
    assert_eq!(
        repo.json(["list"]).as_array().unwrap().len(),
        3,
        "nothing is forgotten before the store can be written"
    );
    drop(file);
    fs::remove_file(&filler).unwrap();
    let pruned = repo.json(["prune", "--keep-last", "1"]);
    assert_eq!(pruned["forgotten"].as_array().unwrap().len(), 2, "{pruned}");
    drop((repo, disk));
}
