//! A repository on a file system that fills up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Repo, Said, folder};
use crate::postgres::Server;

/// A file system in memory, of few bytes, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        run("mount", &["-t", "tmpfs", "-o", "size=4m", "tmpfs", at.to_str().unwrap()]);
        Self(at.to_owned())
    }

    fn grow(&self) {
        run("mount", &["-o", "remount,size=64m", self.0.to_str().unwrap()]);
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

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn a_full_disk_is_exit_code_5_and_the_next_run_works_once_there_is_room() {
    if !rustix::process::geteuid().is_root() {
        println!("NOT RUN: a full disk needs root, to mount a small tmpfs");
        return;
    }
    let folder = folder();
    let disk = SmallDisk::mount(folder.path());
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
    disk.grow();
    let stored = repo.json(["backup", "-d", &dsn]);
    assert_eq!(stored["rows"], 100_000);
    // What the failed runs had stored was used, and not stored a second time under another name.
    let after = files_below(&data);
    stored_before.iter().for_each(|file| assert!(after.contains(file), "{} is gone", file.display()));
    assert_eq!(stored["objects_new"].as_u64(), Some((after.len() - stored_before.len()) as u64), "{stored}");
    let again: Vec<_> = after.iter().filter(|file| file.extension().is_some()).collect();
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(repo.json(["list"]).as_array().unwrap().len(), 1);
    drop(repo);
    drop(disk);
}
