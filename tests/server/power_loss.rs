//! The order in which a run asks the disk to keep what it wrote, as the kernel saw it: what a snapshot names would survive a
//! loss of power at the moment in which its name appears. `docs/format.md`, "Order of writing".

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Said, folder_on_disk, pgkeep};
use crate::postgres::Server;

const TRACED: &str = "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,exit_group";

/// One system call that succeeded. Threads run beside each other, so a call has a beginning and an end: lines of the trace.
#[derive(Debug)]
struct Call {
    name: String,
    args: String,
    begun: usize,
    ended: usize,
}

impl Call {
    /// The paths that stand in quotes.
    fn quoted(&self) -> Vec<PathBuf> {
        self.args.split('"').skip(1).step_by(2).map(PathBuf::from).collect()
    }

    /// What the file descriptor stands for: `7</srv/repo>`.
    fn of_descriptor(&self) -> PathBuf {
        PathBuf::from(self.args.split_once('<').unwrap().1.rsplit_once('>').unwrap().0)
    }
}

fn calls(trace: &str) -> Vec<Call> {
    let mut begun: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((process, rest)) = line.split_once(' ').map(|(process, rest)| (process, rest.trim_start())) else {
            continue;
        };
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(first) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(process, (number, first.trim_end().to_owned()));
            continue;
        }
        let (first, whole) = match rest.strip_prefix("<... ") {
            None => (number, rest.to_owned()),
            Some(resumed) => {
                let (first, beginning) = begun.remove(process).expect("a call begins before it is resumed");
                (first, beginning + resumed.split_once("resumed>").unwrap().1)
            }
        };
        let Some((name, rest)) = whole.split_once('(') else { continue };
        let Some((args, result)) = rest.rsplit_once(" = ") else { continue };
        if result.starts_with('0') || (name == "exit_group" && result.starts_with('?')) {
            let args = args.trim_end().trim_end_matches(')').to_owned();
            calls.push(Call { name: name.to_owned(), args, begun: first, ended: number });
        }
    }
    calls
}

/// Runs the program under strace; the calls of all its threads.
fn traced(command: &Command, file: &Path) -> Vec<Call> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "4096", "-e", "signal=none", "-e", TRACED, "-o"]).arg(file);
    strace.arg(command.get_program()).args(command.get_args()).env_clear();
    strace.env("PATH", std::env::var_os("PATH").unwrap());
    let said = Said::of(&mut strace);
    assert_eq!(said.code, 0, "{said:?}");
    calls(&fs::read_to_string(file).unwrap())
}

fn can_trace() -> bool {
    Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output().is_ok_and(|output| output.status.success())
}

/// What of a repository would still be there if the power went away at a line of the trace.
struct Disk<'a> {
    root: &'a Path,
    calls: &'a [Call],
}

impl Disk<'_> {
    fn synced(&self, what: &Path, after: usize, before: usize) -> bool {
        let synced =
            |call: &&Call| ["fsync", "fdatasync"].contains(&call.name.as_str()) && call.of_descriptor() == what;
        self.calls.iter().filter(synced).any(|call| call.begun > after && call.ended < before)
    }

    /// When each name came to be, with the name that it had before; folders have none.
    fn named(&self) -> Vec<(PathBuf, Option<PathBuf>, &Call)> {
        let named = self.calls.iter().filter_map(|call| {
            let paths = call.quoted();
            match (call.name.as_str(), paths.as_slice()) {
                ("mkdir" | "mkdirat", [folder]) => Some((folder.clone(), None, call)),
                ("rename" | "renameat" | "renameat2" | "link" | "linkat", [from, to]) => {
                    Some((to.clone(), Some(from.clone()), call))
                }
                _ => None,
            }
        });
        named.filter(|(path, ..)| self.root.starts_with(path) || path.starts_with(self.root)).collect()
    }

    /// Everything that has a name by then would keep it, and its content. The way to `but` may be new: without it, it is not there.
    fn assert_durable(&self, before: usize, but: Option<&Path>, what: &str) -> BTreeSet<PathBuf> {
        let mut names = BTreeSet::new();
        for (path, was, call) in self.named() {
            let has_begun = call.begun < before;
            if !has_begun || path == self.root.join("tmp") || but.is_some_and(|but| but.starts_with(&path)) {
                continue;
            }
            if let Some(was) = was {
                assert!(
                    self.synced(&was, 0, call.begun),
                    "{what}: {} has its name before its bytes are durable",
                    path.display()
                );
            }
            let parent = path.parent().unwrap();
            assert!(call.ended < before, "{what}: {} does not have its name yet", path.display());
            assert!(self.synced(parent, call.ended, before), "{what}: the name of {} is not durable", path.display());
            names.insert(path);
        }
        names
    }

    /// The moment in which this object has its name.
    fn naming(&self, folder: &str) -> (PathBuf, &Call) {
        let mut there =
            self.named().into_iter().filter(|(path, was, _)| was.is_some() && path.starts_with(self.root.join(folder)));
        let (path, _, call) = there.next().unwrap_or_else(|| panic!("nothing was written to {folder}"));
        assert!(there.next().is_none(), "two objects in {folder}");
        (path, call)
    }

    fn exit(&self) -> usize {
        // pg_dump ends before it.
        self.calls.iter().rfind(|call| call.name == "exit_group").expect("it ends by itself").begun
    }
}

fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { [path].into() }).collect()
}

#[test]
fn what_a_snapshot_names_is_durable_before_its_own_name_is_there() {
    if !can_trace() {
        writeln!(
            std::io::stderr(),
            "left out: what_a_snapshot_names_is_durable_before_its_own_name_is_there, because strace is missing or may not trace here"
        )
        .unwrap();
        return;
    }
    let (outer, server) = (folder_on_disk(), Server::start(15, ClusterOptions::default()));
    let dsn = server.dsn("postgres");
    // A repository two folders deep, neither of which is there.
    let root = outer.path().join("backups/shop");
    let keys = outer.path().join("keys");
    let [root_arg, writer, restore] =
        [root.clone(), keys.join("writer.key"), keys.join("restore.key")].map(|path| path.to_str().unwrap().to_owned());
    let run = |args: &[&str]| traced(pgkeep().args(["--repo", &root_arg]).args(args), &outer.path().join("trace"));

    let made = run(&["init", "--keys", keys.to_str().unwrap()]);
    let disk = Disk { root: &root, calls: &made };
    let names = disk.assert_durable(disk.exit(), None, "init");
    assert!(names.contains(&root.join("config")) && names.contains(&outer.path().join("backups")), "{names:?}");
    for key in [&writer, &restore] {
        let (key, config) = (Path::new(key), disk.naming("config").1.begun);
        let is_its_name =
            |call: &&Call| call.name.starts_with("rename") && call.quoted().last().is_some_and(|to| to == key);
        let call = made.iter().find(is_its_name).expect("a key gets its name when it is whole");
        assert!(disk.synced(&call.quoted()[0], 0, call.begun), "{key:?} has its name before its bytes are durable");
        assert!(disk.synced(&keys, call.ended, config), "{key:?} is not durable before the repository is");
    }
    drop(made);

    server.ask("CREATE TABLE public.small AS SELECT 1 AS one");
    for n in 0..3 {
        server.ask(&format!(
            "DROP TABLE IF EXISTS public.noise;
             CREATE TABLE public.noise AS SELECT i, sha512(('{n} ' || i)::bytea) AS n FROM generate_series(1, 60000) i"
        ));
        let before = files_below(&root);
        let calls = run(&["--writer-key", &writer, "backup", "-q", "-d", &dsn]);
        let disk = Disk { root: &root, calls: &calls };
        let (manifest, call) = disk.naming("snapshots");
        let earlier: BTreeSet<PathBuf> = disk.assert_durable(call.begun, Some(&manifest), "before the manifest");
        let all = disk.assert_durable(disk.exit(), None, "at the end");
        // The trace has seen all that there is.
        let new: BTreeSet<PathBuf> = files_below(&root).difference(&before).cloned().collect();
        assert!(new.len() > 3 && new.is_subset(&all), "{new:?}");
        assert!(new.iter().all(|path| *path == manifest || earlier.contains(path)), "{new:?}");
    }

    let calls = run(&["--restore-key", &restore, "restore", "latest", "-q", "--create", "-d", &server.dsn("copy")]);
    let disk = Disk { root: &root, calls: &calls };
    let names = disk.assert_durable(disk.exit(), None, "restore");
    assert!(names.contains(&disk.naming("records/proven").0), "{names:?}");
}
