//! What somebody leaves in the bucket takes neither the memory of those who read it nor their patience, whatever its size and number.
//!
//! Peaks are those of the real program, by the kernel: `ru_maxrss` of `wait4`, as GNU time prints it.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use ed25519_dalek::{Signer, SigningKey};
use pgkeep::pg::cluster::ClusterOptions;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::pgkeep::{Repo, Said, folder};
use crate::postgres::Server;
use crate::verify::objects;

const PEAK_KIB_MAX: u64 = 64 << 10;
/// Enough that keeping each of them shows.
const NAMES: u32 = 150_000;
const KINDS: [&str; 9] = ["damaged", "sound", "read", "proven", "drill", "keyring", "unfinished", "condemned", "swept"];

struct Site {
    repo: Repo,
    server: Server,
}

impl Site {
    /// Two snapshots, a check and a prune of which remain records.
    fn new() -> Self {
        let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
        server.ask("CREATE TABLE t AS SELECT g AS id, md5(g::text) AS a FROM generate_series(1, 1000) g");
        let site = Self { repo, server };
        site.repo.json(["backup", "-d", &site.server.dsn("postgres")]);
        site.repo.json(["verify", "--read-data"]);
        site.repo.json(["backup", "-d", &site.server.dsn("postgres")]);
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        let path = self.repo.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Every verb that reads the repository, and what it may end with beside such junk.
    fn assert_bounded(&self, junk: &str, codes: [&[i32]; 4]) {
        let dsn = self.server.dsn("postgres");
        let verbs: [&[&str]; 4] = [&["list"], &["backup", "-d", &dsn], &["verify"], &["prune", "--keep-last", "9"]];
        let mut told = format!("{junk}:");
        let mut wrong = Vec::new();
        for (args, codes) in verbs.into_iter().zip(codes) {
            let (said, kib) = measured(self.repo.command(args).arg("--json"));
            told += &format!(" {} {:.1} MiB, {};", args[0], kib as f64 / 1024.0, said.code);
            if kib > PEAK_KIB_MAX || !codes.contains(&said.code) {
                wrong.push(format!("{}: {kib} KiB, {} {}", args[0], said.code, said.stderr));
            }
        }
        println!("{told}");
        assert!(wrong.is_empty(), "{junk}: {wrong:#?}");
    }

    /// The line with which a genuine object begins.
    fn line_of(&self, folder: &str) -> Vec<u8> {
        let genuine = fs::read(self.repo.root().join(objects(self.repo.root(), folder).pop_first().unwrap())).unwrap();
        genuine[..=genuine.iter().position(|byte| *byte == b'\n').unwrap()].to_vec()
    }
}

/// What the command said, and its peak resident memory in KiB.
fn measured(command: &Command) -> (Said, u64) {
    let peak = tempfile::NamedTempFile::new().unwrap();
    let mut time = Command::new("/usr/bin/time");
    time.args(["--format", "%M", "--output"]).arg(peak.path()).arg(command.get_program()).args(command.get_args());
    time.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = Said::of(&mut time);
    (said, fs::read_to_string(peak.path()).unwrap().lines().last().unwrap().parse().unwrap())
}

/// Bytes of nothing after these, which take no room on the disk.
fn sparse(path: &Path, begin: &[u8], bytes: u64) {
    fs::write(path, begin).unwrap();
    File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn name(n: u32) -> String {
    let hex = blake3::hash(&n.to_le_bytes()).to_hex();
    format!("{}/{hex}", &hex[..2])
}

const FUTURE: &str = "20991231T000000.000Z-0123456789abcdef";

#[test]
fn large_junk_takes_no_memory() {
    let site = Site::new();
    let (ok, hurt) = (&[0][..], &[3][..]);
    site.assert_bounded("nothing", [ok, ok, ok, ok]);
    let line = site.line_of("snapshots");
    let manifest = site.at(&format!("snapshots/{FUTURE}"));
    for (junk, begin, bytes) in [
        ("1 GiB in the place of a manifest", &b""[..], 1 << 30),
        ("a byte more", b"", (1 << 30) + 1),
        ("200 MiB after the line of a genuine manifest", &line, 200 << 20),
        ("as many as a manifest may have, after the line of a genuine one", &line, 256 << 20),
    ] {
        sparse(&manifest, begin, bytes);
        site.assert_bounded(junk, [hurt, ok, hurt, hurt]);
    }
    fs::remove_file(&manifest).unwrap();

    let line = site.line_of("records/read");
    for (junk, begin) in [("250 MiB in the place of each kind of record", &b""[..]), ("after a genuine line", &line)] {
        let records: Vec<PathBuf> = KINDS.map(|kind| site.at(&format!("records/{kind}/{FUTURE}"))).into();
        records.iter().for_each(|path| sparse(path, begin, 250 << 20));
        site.assert_bounded(junk, [ok, ok, hurt, ok]);
        records.iter().for_each(|path| fs::remove_file(path).unwrap());
    }

    for folder in ["data", "meta"] {
        sparse(&site.at(&format!("{folder}/{}", name(0))), b"", 8 << 30);
    }
    site.assert_bounded("8 GiB under names of chunks that nobody needs", [ok, ok, ok, ok]);
    let config = fs::read(site.at("config")).unwrap();
    sparse(&site.at("config"), b"", 8 << 30);
    site.assert_bounded("8 GiB in the place of the configuration", [&[5], &[5], &[5], &[5]]);
    fs::write(site.at("config"), config).unwrap();
    site.assert_bounded("what remains", [ok, ok, ok, ok]);
}

#[test]
fn many_names_take_no_memory_and_are_cleared_away() {
    let site = Site::new();
    let (ok, hurt) = (&[0][..], &[3][..]);
    let long_ago = SystemTime::now() - Duration::from_secs(48 * 3600);
    for n in 0..NAMES {
        let folder = if n % 4 == 0 { "meta" } else { "data" };
        let file = File::create(site.at(&format!("{folder}/{}", name(n)))).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    site.assert_bounded("150,000 names of chunks, condemned by the prune", [ok, ok, ok, ok]);
    site.assert_bounded("while they are condemned", [ok, ok, ok, ok]);
    for record in objects(site.repo.root(), "records/condemned") {
        File::options().write(true).open(site.at(&record)).unwrap().set_modified(long_ago).unwrap();
    }
    site.assert_bounded("deleted by the prune", [ok, ok, ok, ok]);
    assert!(objects(site.repo.root(), "data").len() < 10, "they are gone");

    let line = site.line_of("snapshots");
    let mut genuine_line_and_more = line.clone();
    genuine_line_and_more.extend([b'x'; 100]);
    for n in 0..NAMES / 4 {
        let name = format!("snapshots/20990101T{:06}.000Z-{n:016x}", n % 24 * 10_000);
        fs::write(site.at(&name), if n % 2 == 0 { &b""[..] } else { &genuine_line_and_more }).unwrap();
    }
    site.assert_bounded("37,500 names of snapshots, half of them with a genuine line", [hurt, ok, hurt, hurt]);
    let listed = Said::of(site.repo.command(["list", "--json"]).arg("--quiet")).document();
    let listed = listed.as_array().unwrap();
    assert!((1000..1100).contains(&listed.len()), "{}", listed.len());
    let last = listed.last().unwrap()["damaged"].as_str().unwrap();
    assert!(last.ends_with("more objects in snapshots/ are not manifests either)"), "{last}");
    for name in objects(site.repo.root(), "snapshots").iter().filter(|name| name.contains("/2099")) {
        fs::remove_file(site.at(name)).unwrap();
    }

    let line = site.line_of("records/read");
    for (n, kind) in (0..NAMES / 8).flat_map(|n| ["read", "condemned"].map(|kind| (n, kind))) {
        let mut record = line.clone();
        record.extend_from_slice(b"{\"grace_seconds\": 3600, \"objects\": []}");
        fs::write(site.at(&format!("records/{kind}/20990101T000000.000Z-{n:016x}")), record).unwrap();
    }
    site.assert_bounded("37,500 records with a genuine line", [ok, ok, hurt, ok]);
}

/// Of a keyring that somebody else has signed it is looked at whether a known restore key has signed something in it.
#[test]
fn large_keyrings_of_anybody_take_no_memory() {
    let site = Site::new();
    let own = SigningKey::from_bytes(&[7; 32]);
    let (public, bytes) = (hex::encode(own.verifying_key().to_bytes()), (8 << 20) - 1000);
    let former = format!(r#"{{"root":"{public}","until":"2026-11-22T03:15:00Z"}},"#);
    let repeated = |text: &str| text.repeat(bytes / text.len());
    let many = format!(
        r#"{{"number":9,"writers":[],"former_roots":[{}{}]}}"#,
        repeated(&former),
        former.trim_end_matches(',')
    );
    let long = format!(r#"{{"number":9,"writers":[],"former_roots":[{{"root":"{}"}}]}}"#, repeated("00"));
    let deep = format!(r#"{{"number":9,"former_roots":[],"writers":{}"#, repeated("["));
    for (n, content) in [many, long, deep].into_iter().enumerate() {
        let name = format!("records/keyring/{}", name(n as u32));
        let mut message = format!("pgkeep record 1\n{name}\n").into_bytes();
        message.extend_from_slice(blake3::hash(content.as_bytes()).as_bytes());
        let signature = hex::encode(own.sign(&message).to_bytes());
        fs::write(site.at(&name), format!("pgkeep-record/1 {public} {signature}\n{content}")).unwrap();
    }
    site.assert_bounded("large keyrings", [&[0], &[0], &[3], &[0, 3]]);
}

/// Encrypted to whom an object is for, so that the reader's own key opens it: its frame says 1 GiB, or does not say how much it holds.
#[test]
fn a_small_object_that_unpacks_to_a_large_one_is_not_unpacked() {
    let (site, scratch) = (Site::new(), folder());
    let recipient = |key: PathBuf| {
        let said = Command::new("age-keygen").arg("-y").arg(key).output().expect("age-keygen; scripts/setup has it");
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    let zeros = scratch.path().join("zeros");
    sparse(&zeros, b"", 1 << 30);
    for (how, pack) in [("with its size", "zstd -q -c \"$1\""), ("without its size", "cat \"$1\" | zstd -q -c")] {
        for (folder, key) in [("data", site.repo.restore_key()), ("meta", site.repo.writer_key())] {
            let victim = objects(site.repo.root(), folder).pop_first().unwrap();
            let whole = fs::read(site.at(&victim)).unwrap();
            let made = Command::new("bash")
                .args(["-c", &format!("set -euo pipefail; {pack} | age -r \"$2\" > \"$3\""), "bash"])
                .arg(&zeros)
                .arg(recipient(key))
                .arg(site.at(&victim))
                .status();
            assert!(made.unwrap().success());
            let dsn = site.server.dsn("copy");
            let restore_key = site.repo.restore_key();
            let with_restore_key = ["verify", "--read-data", "--restore-key", restore_key.to_str().unwrap()];
            for (mut command, codes) in [
                (site.repo.command(["verify", "--read-data"]), [3, 3]),
                (site.repo.command(with_restore_key), [3, 3]),
                (site.repo.restore(["latest", "--create", "-d", &dsn]), [5, 5]),
            ] {
                let (said, kib) = measured(command.arg("--json"));
                println!("{folder} {how}: {:.1} MiB, {}", kib as f64 / 1024.0, said.code);
                assert!(kib <= PEAK_KIB_MAX && codes.contains(&said.code), "{folder} {how}: {kib} KiB {said:?}");
            }
            fs::write(site.at(&victim), whole).unwrap();
            site.server.ask("DROP DATABASE IF EXISTS copy");
        }
    }
}

/// A named pipe, a device, a link to one or to the host's own files, a folder: at each place where pgkeep reads. Every verb comes to its end,
/// and nothing of what a link leads to is shown.
#[test]
fn no_verb_waits_for_what_is_no_file_or_follows_a_link() {
    let (site, outside) = (Site::new(), folder());
    let secret = outside.path().join("secret");
    fs::write(&secret, "root:$6$the-hash-of-a-password:19000\n").unwrap();
    let first = |folder: &str| objects(site.repo.root(), folder).pop_first().unwrap();
    let places = [
        ("an object of rows", first("data")),
        ("an object of metadata", first("meta")),
        ("a manifest", first("snapshots")),
        ("another manifest", format!("snapshots/{FUTURE}")),
        ("a record", first("records/read")),
        ("another record", format!("records/condemned/{FUTURE}")),
        ("the keyring", format!("records/keyring/{FUTURE}")),
        ("the configuration", "config".into()),
    ];
    type Make<'a> = &'a dyn Fn(&Path);
    let odd: [(&str, Make<'_>); 5] = [
        ("a pipe", &|path| mknodat(CWD, path, FileType::Fifo, Mode::from(0o666), 0).unwrap()),
        ("a link to a pipe", &|path| {
            let pipe = outside.path().join("pipe");
            let _ = mknodat(CWD, &pipe, FileType::Fifo, Mode::from(0o666), 0);
            symlink(pipe, path).unwrap();
        }),
        ("a link to /dev/zero", &|path| symlink("/dev/zero", path).unwrap()),
        ("a link to a file of the host", &|path| symlink(&secret, path).unwrap()),
        ("a folder", &|path| fs::create_dir(path).unwrap()),
    ];
    let dsn = site.server.dsn("postgres");
    let verbs: [&[&str]; 6] = [
        &["list"],
        &["show", "latest"],
        &["verify"],
        &["verify", "--read-data"],
        &["prune", "--keep-last", "9"],
        &["backup", "-d", &dsn],
    ];
    for (place, name) in &places {
        let path = site.at(name);
        let whole = fs::read(&path).ok();
        for (what, make) in &odd {
            let _ = fs::remove_file(&path);
            make(&path);
            for args in verbs {
                let verb = site.repo.command(args);
                let mut command = Command::new("timeout");
                command.args(["--kill-after=4", "30"]).arg(verb.get_program()).args(verb.get_args()).arg("--json");
                let said = Said::of(command.envs(verb.get_envs().filter_map(|(name, value)| Some((name, value?)))));
                let at = format!("{what} in the place of {place}: {args:?}: {said:?}");
                assert!([0, 3, 5].contains(&said.code), "{at}");
                assert!(!(said.stdout.contains("the-hash") || said.stderr.contains("the-hash")), "{at}");
                // What was there is missed; what never was is passed over, but where it is told as junk.
                let is_missed = match (*place, args[0]) {
                    ("the configuration", _) => Some(5),
                    ("an object of rows" | "an object of metadata", "verify") => Some(3),
                    ("a manifest" | "another manifest", "list" | "verify" | "prune") => Some(3),
                    ("a record" | "another record" | "the keyring", "verify") => Some(3),
                    // A snapshot of a moment ago is `latest`, or the junk from the future is.
                    (_, "show") => None,
                    // What a check has recorded is told by the next list, until another check has read it healed.
                    (_, "list") => None,
                    _ => Some(0),
                };
                // A folder is entered by a listing, and is none of the names.
                let is_passed_over = *what == "a folder" && said.code == 0;
                assert!(is_missed.is_none_or(|code| said.code == code) || is_passed_over, "{at}");
            }
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir(&path);
        }
        if let Some(whole) = whole {
            fs::write(&path, whole).unwrap();
        }
    }
    let said = Said::of(&mut site.repo.command(["verify", "--read-data"]));
    assert_eq!(said.code, 0, "as it was, nothing is wrong: {said:?}");
}
