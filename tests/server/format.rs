//! `docs/format.md` by hand: what a repository holds is read back with age, zstd, tail and psql, and without pgkeep.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Repo, folder};
use crate::postgres::{Server, psql};

/// Tables that differ in what their chunks are like: small ones that share an object, one of more slices than a manifest
/// lists itself, one with a row larger than a chunk; and one whose type has no portable binary form.
const TABLES: &str = r"
    CREATE TABLE public.small (id integer, t text, n numeric, d date, a text[]);
    INSERT INTO public.small VALUES (1, E'tab\t newline\n backslash\\ \\N ünï 🐘', 'NaN', '-infinity', '{a,NULL,null}'),
        (2, NULL, '-Infinity', '4713-01-01 BC', '{}'), (3, '', 1e-30, 'infinity', NULL);
    CREATE TABLE public.also_small AS SELECT i AS id, 'row ' || i AS t FROM generate_series(1, 500) i;
    CREATE TABLE public.long AS SELECT i AS id, repeat(md5(i::text), 40) AS t FROM generate_series(1, 75000) i;
    CREATE TABLE public.wide (id integer, b bytea);
    INSERT INTO public.wide SELECT i, decode(repeat(md5(i::text), i * 300000), 'hex') FROM generate_series(1, 2) i;
    CREATE TABLE public.empty (id integer);
    CREATE TABLE public.registry (id integer, c regclass, t text);
    INSERT INTO public.registry VALUES (1, 'public.small', E'a\tb\\c\nd'), (2, NULL, NULL), (3, 'pg_class', '\.');
";

/// One of PostgreSQL's, byte for byte (manual, "COPY", "Binary Format").
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = b"\xff\xff";

fn shell(script: &str, arguments: &[&Path]) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -euo pipefail; {script}"), "bash"]).args(arguments);
    bash.stdin(Stdio::null()).output().expect("bash runs")
}

#[track_caller]
fn shell_ok(script: &str, arguments: &[&Path]) -> Vec<u8> {
    let output = shell(script, arguments);
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn manifests(repo: &Repo) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(repo.root().join("snapshots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

const OPEN_MANIFEST: &str = r#"tail -c +213 "$1" | age -d -i "$2" | zstd -dc"#;
const OPEN_OBJECT: &str = r#"age -d -i "$2" "$1" | zstd -dc"#;

pub fn manifest(repo: &Repo, key: &Path) -> Value {
    serde_json::from_slice(&shell_ok(OPEN_MANIFEST, &[&manifests(repo)[0], key])).unwrap()
}

fn object(repo: &Repo, kind: &str, slice: &Value) -> PathBuf {
    let name = slice["object"].as_str().unwrap();
    assert_eq!(slice.get("generation"), None, "nothing was damaged here");
    repo.root().join(kind).join(&name[..2]).join(name)
}

/// The bytes of a slice: a range of its object's plaintext.
fn slice(repo: &Repo, kind: &str, slice: &Value, key: &Path) -> Vec<u8> {
    let plain = shell_ok(OPEN_OBJECT, &[&object(repo, kind, slice), key]);
    assert_eq!(plain.len() as u64, slice["plain_bytes"].as_u64().unwrap());
    let number = |name: &str| usize::try_from(slice[name].as_u64().unwrap()).unwrap();
    plain[number("offset")..number("offset") + number("bytes")].to_owned()
}

/// A relation's slices, from the manifest or from the pages that it names, which the writer key opens.
fn slices(repo: &Repo, relation: &Value) -> Vec<Value> {
    if let Some(inline) = relation["slices"]["inline"].as_array() {
        return inline.clone();
    }
    let pages = relation["slices"]["pages"].as_array().expect("slices are inline or in pages");
    let text: Vec<u8> = pages.iter().flat_map(|page| slice(repo, "meta", page, &repo.writer_key())).collect();
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn rows(repo: &Repo, relation: &Value) -> Vec<u8> {
    slices(repo, relation).iter().flat_map(|s| slice(repo, "data", s, &repo.restore_key())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn stock_tools_read_every_table_back() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask(TABLES);
    repo.json(["backup", "-d", &server.dsn("postgres"), "-j", "2"]);
    let manifest = manifest(&repo, &repo.writer_key());
    let relations = manifest["relations"].as_array().unwrap();
    assert_eq!(relations.len(), 6);
    server.ask("CREATE DATABASE again");
    let again = server.dsn("again");
    psql(&server.binaries, &again, "CREATE TABLE public.small (LIKE pg_class)").unwrap();
    psql(&server.binaries, &again, "DROP TABLE public.small").unwrap();
    let bare = TABLES.lines().filter(|line| line.trim_start().starts_with("CREATE TABLE"));
    // CREATE TABLE ... AS leaves its columns to the query; WITH NO DATA keeps them and leaves the rows out.
    let bare: String = bare
        .map(|line| if line.contains(" AS ") { line.replace(';', " WITH NO DATA;") } else { line.into() })
        .collect();
    psql(&server.binaries, &again, &bare).unwrap();

    let scratch = folder();
    for relation in relations {
        let name = relation["name"].as_str().unwrap();
        let is_binary = relation["format"] == "binary";
        assert_eq!(is_binary, name != "registry", "{name}");
        let mut file = fs::File::create(scratch.path().join(name)).unwrap();
        let rows = rows(&repo, relation);
        let parts = if is_binary { [HEADER, &rows, TRAILER] } else { [&b""[..], &rows, b""] };
        parts.iter().for_each(|part| file.write_all(part).unwrap());
        let format = if is_binary { "binary" } else { "text" };
        let copy = format!("\\copy public.{name} FROM '{}' (FORMAT {format})", scratch.path().join(name).display());
        psql(&server.binaries, &again, &copy).unwrap_or_else(|error| panic!("{name}: {error}"));

        let all = format!("COPY (SELECT * FROM public.{name} ORDER BY id) TO STDOUT");
        let expected = psql(&server.binaries, &server.dsn("postgres"), &all).unwrap();
        let found = psql(&server.binaries, &again, &all).unwrap();
        assert!(found == expected, "{name}: what was read back is not what the database holds");
        assert_eq!(expected.is_empty(), name == "empty");
    }
}

/// The archive that is stored is pg_dump's but for the time in its header, and stock pg_restore takes it.
#[test]
fn pg_restore_lists_and_restores_the_stored_archive() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask(TABLES);
    server.ask("CREATE VIEW public.v AS SELECT * FROM public.small; COMMENT ON VIEW public.v IS 'ünï'");
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let manifest = manifest(&repo, &repo.writer_key());
    let slices = manifest["archive"].as_array().unwrap().iter();
    let stored: Vec<u8> = slices.flat_map(|s| slice(&repo, "meta", s, &repo.writer_key())).collect();
    let scratch = folder();
    let [ours, theirs] = ["ours", "theirs"].map(|name| scratch.path().join(name));
    fs::write(&ours, stored).unwrap();
    let run = |program: &str, args: &[&str]| {
        let output = server.binaries.command(program).args(args).env("TZ", "UTC").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{program} {args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let paths = [&ours, &theirs].map(|path| path.to_str().unwrap());
    run("pg_dump", &["-s", "-Fc", "-Z0", "--encoding=UTF8", "-f", paths[1], "-d", &server.dsn("postgres")]);
    let [ours, theirs] = paths.map(|archive| run("pg_restore", &["-l", archive]));
    let time = |list: &str| list.lines().find(|line| line.contains("Archive created at")).unwrap().to_owned();
    assert_eq!(time(&ours), "; Archive created at 2000-01-01 00:00:00 UTC");
    assert_eq!(ours.replace(&time(&ours), ""), theirs.replace(&time(&theirs), ""));
    // Newer ones fence their script with a word that is another one each time.
    let sql = |script: String| script.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n");
    let [ours, theirs] = paths.map(|archive| sql(run("pg_restore", &["-f", "-", archive])));
    assert!(ours.contains("CREATE VIEW public.v"));
    assert_eq!(ours, theirs);
    server.ask("CREATE DATABASE back");
    run("pg_restore", &["-d", &server.dsn("back"), paths[0]]);
    let comment = psql(&server.binaries, &server.dsn("back"), "SELECT obj_description('public.v'::regclass)").unwrap();
    assert_eq!(comment, "ünï");
}

/// So that the test above is about what its table says: shared objects, pages of slices, a row over several slices.
#[test]
fn the_shapes_that_the_format_describes_do_occur() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask(TABLES);
    repo.json(["backup", "-d", &server.dsn("postgres"), "-j", "1"]);
    let manifest = manifest(&repo, &repo.restore_key());
    let relation = |name: &str| manifest["relations"].as_array().unwrap().iter().find(|r| r["name"] == name).unwrap();
    let one = |name: &str| slices(&repo, relation(name))[0].clone();
    assert_eq!(one("small")["object"], one("also_small")["object"]);
    assert_ne!(one("small")["offset"], one("also_small")["offset"]);
    assert!(relation("long")["slices"]["pages"].is_array());
    assert!(slices(&repo, relation("long")).len() > 32);
    let wide = slices(&repo, relation("wide"));
    assert!(wide.len() >= 4, "2 rows of 4.8 and 9.6 MB: {wide:?}");
    assert!(wide.iter().any(|slice| slice["rows"] == 0), "{wide:?}");
    assert!(wide.iter().all(|slice| slice["bytes"].as_u64().unwrap() <= 4 << 20), "{wide:?}");
    // The manifest's numbers are those of the database.
    for (name, rows) in [("small", 3), ("also_small", 500), ("long", 75_000), ("wide", 2), ("empty", 0)] {
        let counted: u64 = slices(&repo, relation(name)).iter().map(|slice| slice["rows"].as_u64().unwrap()).sum();
        assert_eq!((relation(name)["rows"].as_u64(), counted), (Some(rows), rows), "{name}");
    }
}

#[test]
fn each_key_opens_what_it_is_for_and_nothing_else() {
    let (repo, stranger, server) = (Repo::new(), Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.t AS SELECT i, 'a secret ' || i AS words FROM generate_series(1, 1000) i");
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let snapshot = &manifests(&repo)[0];
    let (data, meta) = (files(&repo.root().join("data")), files(&repo.root().join("meta")));
    assert!(!data.is_empty() && !meta.is_empty());
    let opens = |object: &Path, key: &Path| {
        let output = shell(r#"age -d -i "$2" "$1""#, &[object, key]);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || words.contains("no identity matched any of the recipients"), "{words}");
        output.status.success()
    };
    for object in &data {
        assert!(opens(object, &repo.restore_key()));
        assert!(!opens(object, &repo.writer_key()), "the writer key opens rows: {}", object.display());
        assert!(!opens(object, &stranger.restore_key()));
    }
    for object in &meta {
        assert!(opens(object, &repo.restore_key()) && opens(object, &repo.writer_key()));
        assert!(!opens(object, &stranger.restore_key()) && !opens(object, &stranger.writer_key()));
    }
    let scratch = folder();
    let body = scratch.path().join("body");
    fs::write(&body, &fs::read(snapshot).unwrap()[212..]).unwrap();
    assert!(opens(&body, &repo.restore_key()) && opens(&body, &repo.writer_key()));
    assert!(!opens(&body, &stranger.restore_key()) && !opens(&body, &stranger.writer_key()));

    // With no key at all, nothing of the database shows anywhere.
    let first_line = fs::read(snapshot).unwrap()[..212].to_vec();
    let first_line = String::from_utf8(first_line).unwrap();
    assert!(first_line.starts_with("pgkeep-manifest/1 ") && first_line.ends_with('\n'), "{first_line}");
    for file in files(repo.root()) {
        let bytes = fs::read(&file).unwrap();
        for word in [&b"secret"[..], b"public", b"relations", b"postgres"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word), "{} shows {:?}", file.display(), word);
        }
    }
}

/// What is in an object is found under the hash that its name promises, and of the size that the manifest promises.
#[test]
fn every_object_has_its_checksum_in_the_manifest() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.t AS SELECT i, sha512(i::text::bytea) FROM generate_series(1, 50000) i");
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let manifest = manifest(&repo, &repo.writer_key());
    let mut named: Vec<PathBuf> = Vec::new();
    for relation in manifest["relations"].as_array().unwrap() {
        for slice in slices(&repo, relation) {
            let path = object(&repo, "data", &slice);
            assert_eq!(fs::metadata(&path).unwrap().len(), slice["stored_bytes"].as_u64().unwrap());
            named.push(path);
        }
    }
    named.sort();
    named.dedup();
    let mut stored = files(&repo.root().join("data"));
    stored.sort();
    assert_eq!(stored, named, "what is stored is what the manifest names");
}
