//! Who may use whom among the rooms of `src/`. A new arrow is a decision, and is made here first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every arrow that there is. `cli` takes the arguments' types where they are defined; `pg::catalog` fills the manifest's
/// types, and the split's facts, with what the server says.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "command",
            "opening",
            "pg",
            "policy",
            "repo",
            "retention",
            "schema",
            "spelling",
            "split",
            "stop",
            "store",
            "switch",
        ],
    ),
    (
        "command",
        &[
            "opening",
            "pg",
            "policy",
            "repo",
            "retention",
            "rows",
            "schema",
            "spelling",
            "split",
            "stop",
            "store",
            "stream",
            "switch",
        ],
    ),
    ("opening", &[]),
    ("pg", &["opening", "repo", "schema", "spelling", "split", "stop", "stream"]),
    ("policy", &["pg", "retention", "schema", "spelling"]),
    ("repo", &["opening", "retention", "spelling", "store", "stream"]),
    ("retention", &["spelling"]),
    ("rows", &["pg", "repo", "schema", "stream"]),
    ("schema", &["spelling"]),
    ("spelling", &[]),
    ("split", &["schema", "spelling"]),
    ("stop", &[]),
    ("store", &["spelling", "stream"]),
    ("stream", &[]),
    ("switch", &["pg", "spelling"]),
];

/// Arrows to one room of a module and no other: from, to, the paths that are used.
const ONLY: &[(&str, &str, &[&str])] = &[
    ("cli", "pg", &["catalog", "conninfo"]),
    ("cli", "store", &["Access"]),
    ("pg", "repo", &["manifest"]),
    ("pg", "schema", &["facts", "restore", "search_path"]),
    ("pg", "split", &["facts"]),
    ("command", "store", &["StoreError"]),
    ("rows", "pg", &["catalog", "conninfo"]),
    ("rows", "repo", &["manifest"]),
    ("rows", "schema", &["restore", "schedule", "search_path"]),
    ("policy", "pg", &["conninfo"]),
    ("policy", "schema", &["pattern"]),
    ("switch", "pg", &["conninfo"]),
];

/// Words that must not stand in a module's code, comments aside.
const NEVER: &[(&str, &[&str])] = &[
    ("policy", &["tokio", "std::fs", "std::net", "std::process", "async"]),
    (
        "retention",
        &["tokio", "std::fs", "std::net", "std::process", "async", "SystemTime", "Instant", "Local::now", "Utc::now"],
    ),
    ("rows", &["Manifest", "Repository", "Slice", "SliceList", "SnapshotId"]),
    ("schema", &["tokio", "std::fs", "std::net", "std::process", "async"]),
    ("split", &["tokio", "std::fs", "std::net", "std::process", "async"]),
    ("stream", &["tokio", "async", "postgres", "std::net"]),
    ("store", &["SnapshotName", "SnapshotId", "Manifest", "postgres", "snapshot"]),
    ("repo", &["postgres", "clap", "indicatif"]),
    ("command", &["clap", "indicatif", "println!", "eprintln!"]),
    // They panic where the stream is full or closed: `cli/output.rs` writes.
    ("cli", &["print!", "println!", "eprint!", "eprintln!"]),
    ("pg", &["clap", "indicatif", "age::"]),
    ("switch", &["clap", "indicatif", "tokio_postgres", "println!", "eprintln!"]),
];

struct Source {
    path: PathBuf,
    room: String,
    /// How many modules deep the file is: `src/stop.rs` and `src/pg/mod.rs` 1, `src/pg/dump.rs` 2.
    depth: usize,
    code: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                let path = entry.strip_prefix(&root).unwrap().to_owned();
                let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                let room = name(Path::new(path.components().next().unwrap().as_os_str()));
                if ["lib", "main"].contains(&room.as_str()) {
                    continue;
                }
                let depth = path.components().count() - usize::from(name(&path) == "mod");
                let text = fs::read_to_string(&entry).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned);
                sources.push(Source { path, room, depth, code: code.collect() });
            }
        }
    }
    sources
}

/// The paths after each `prefix` in a line, to the second segment: `pg` `catalog`.
fn uses<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    line.match_indices(prefix).map(move |(at, _)| {
        let mut segments = line[at + prefix.len()..].split("::").map(|segment| {
            let end = segment.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(segment.len());
            (&segment[..end], end == segment.len())
        });
        let (first, goes_on) = segments.next().unwrap_or_default();
        (first, if goes_on { segments.next().map(|(second, _)| second) } else { None })
    })
}

#[test]
fn every_arrow_between_rooms_is_in_the_table_and_every_one_in_the_table_is_used() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let arrows = found.entry(source.room.clone()).or_default();
        for line in &source.code {
            for (target, _) in uses(line, "crate::") {
                assert!(!target.is_empty(), "{}: one path in a line, please: {line}", source.path.display());
                if target != source.room {
                    arrows.insert(target.to_owned());
                }
            }
        }
    }
    let expected: BTreeMap<String, BTreeSet<String>> =
        MAY_USE.iter().map(|(from, to)| (from.to_string(), to.iter().map(|to| to.to_string()).collect())).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_arrow_to_one_room_of_a_module_stays_one() {
    for (from, to, allowed) in ONLY {
        for source in sources().iter().filter(|source| source.room == *from) {
            for line in &source.code {
                for (_, inner) in uses(line, "crate::").filter(|(target, _)| target == to) {
                    // `use crate::store::{...}` and `use crate::pg;` hide what they take.
                    let inner = inner.filter(|inner| !inner.is_empty());
                    let named = inner.is_some_and(|inner| allowed.contains(&inner));
                    assert!(named, "{}: {from} uses {to} for {allowed:?} alone: {line}", source.path.display());
                }
            }
        }
    }
}

/// `super::super::` past a room's door would be an arrow that the table does not see.
#[test]
fn no_path_leaves_its_room_through_super() {
    for source in sources() {
        let mut depth = source.depth;
        for line in &source.code {
            // What is inside the file's own module of tests is one deeper.
            if line.starts_with("mod tests {") {
                depth += 1;
            }
            let climbs = line.split("use ").last().unwrap_or(line).matches("super::").count();
            assert!(climbs < depth, "{}: {line}", source.path.display());
        }
    }
}

#[test]
fn what_a_room_must_not_know_is_not_named_in_it() {
    for (room, words) in NEVER {
        for source in sources().iter().filter(|source| source.room == *room) {
            for line in &source.code {
                let word = words.iter().find(|word| {
                    line.match_indices(**word).any(|(at, _)| {
                        let before = line[..at].chars().next_back();
                        let after = line[at + word.len()..].chars().next();
                        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                        !inside(before) && (!inside(after) || word.ends_with([':', '!']))
                    })
                });
                assert_eq!(word, None, "{}: {line}", source.path.display());
            }
        }
    }
}
