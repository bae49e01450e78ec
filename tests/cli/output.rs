//! What a command has to say: where it goes, and what happens where it cannot be written.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::interleave::{World, back_up};
use crate::pgkeep::{Repo, Said, pgkeep};

/// A disk without a free byte.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader has gone away.
fn deserted() -> OwnedFd {
    std::io::pipe().unwrap().1.into()
}

fn with_a_snapshot() -> World {
    let mut world = World::new();
    back_up(&mut world, [1, 2, 3]);
    world
}

fn at(repo: &Repo, args: &[&str]) -> Command {
    let mut command = repo.command(args);
    command.arg("--restore-key").arg(repo.restore_key());
    command
}

/// Every verb that needs no server, as text and as JSON.
const SAY_SOMETHING: &[&[&str]] = &[
    &["--help"],
    &["--version"],
    &["backup", "--help"],
    &["list"],
    &["key", "list"],
    &["verify"],
    &["prune", "--keep-last", "1", "--dry-run"],
    &["prune", "--keep-last", "1"],
];

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let repo = with_a_snapshot().repo;
    for args in SAY_SOMETHING {
        for form in [&[][..], &["--json"]] {
            let ends_well = Said::of(at(&repo, args).args(form));
            assert_eq!(ends_well.code, 0, "{args:?}: {ends_well:?}");
            let said: Said = at(&repo, args).args(form).stdout(full()).stderr(Stdio::piped()).output().unwrap().into();
            assert_eq!(said.code, 1, "{args:?} {form:?}: {said:?}");
            let told = "pgkeep: could not write the report to standard output\n  \
                        because: No space left on device (os error 28)\n";
            assert!(said.stderr.contains(told), "{args:?} {form:?}: {said:?}");
            // Whoever reads no further had what he wanted.
            let said = at(&repo, args).args(form).stdout(deserted()).status().unwrap();
            assert_eq!(said.code(), Some(0), "{args:?} {form:?}");
        }
    }
}

/// What was found counts for more than that it could not be told.
#[test]
fn a_report_that_cannot_be_written_keeps_the_exit_code_of_what_it_says() {
    let repo = with_a_snapshot().repo;
    let manifest = std::fs::read_dir(repo.root().join("snapshots")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(manifest, "junk").unwrap();
    let seen = Said::of(&mut repo.command(["list"]));
    assert_eq!(seen.code, 3, "{seen:?}");
    let said: Said = repo.command(["list"]).stdout(full()).stderr(Stdio::piped()).output().unwrap().into();
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("with exit code 3"), "{said:?}");
}

/// Errors too: the exit code is what it would be, whatever becomes of the words.
#[test]
fn an_error_that_nobody_can_read_has_its_exit_code() {
    let repo = Repo::new();
    let mistakes: &[(&[&str], i32)] = &[
        (&["frobnicate"], 2),
        (&["list", "--frobnicate"], 2),
        (&["show", "nothing"], 2),
        (&["prune"], 2),
        (&["list", "--writer-key", "/nonexistent", "--restore-key", "/nonexistent"], 6),
        (&["list", "--repo", "/nonexistent"], 5),
    ];
    for (args, code) in mistakes {
        for form in [&[][..], &["--json"], &["--quiet"], &["--quiet", "--json"]] {
            let command = || {
                let mut command = pgkeep();
                command.env("PGKEEP_REPO", repo.root()).env("PGKEEP_WRITER_KEY", repo.writer_key());
                command.args(*args).args(form);
                command
            };
            assert_eq!(Said::of(&mut command()).code, *code, "{args:?} {form:?}");
            for (name, streams) in
                [("full", [full(), full()].map(Stdio::from)), ("deserted", [deserted(), deserted()].map(Stdio::from))]
            {
                let [out, err] = streams;
                let status = command().stdout(out).stderr(err).status().unwrap();
                assert_eq!(status.code(), Some(*code), "{name}: {args:?} {form:?}");
            }
        }
    }
}

/// In a shell: `2>&-`.
#[test]
fn closed_streams_are_no_panic() {
    let repo = Repo::new();
    for (redirected, args, code) in
        [("2>&-", "show nothing", 2), (">&- 2>&-", "show nothing --json", 2), (">&- 2>&-", "list", 0)]
    {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" {args} {redirected}"), env!("CARGO_BIN_EXE_pgkeep")]);
        shell.env("PGKEEP_REPO", repo.root()).env("PGKEEP_WRITER_KEY", repo.writer_key());
        assert_eq!(Said::of(&mut shell).code, code, "{args} {redirected}");
    }
}

/// A repository whose newest manifest is junk: `list`, `verify` and `prune` have something to say.
fn hurt() -> World {
    let mut world = with_a_snapshot();
    back_up(&mut world, [2, 3, 4]);
    let names = std::fs::read_dir(world.repo.root().join("snapshots")).unwrap().map(|entry| entry.unwrap().path());
    std::fs::write(names.max().unwrap(), "junk").unwrap();
    world
}

/// The arguments, whether their text is an answer (and no log), and a word of what is wrong.
const FIND_SOMETHING: &[(&[&str], bool, &str)] = &[
    (&["list"], true, "DAMAGED"),
    (&["verify"], false, "signature: "),
    (&["verify", "--budget", "10s"], false, "signature: "),
    (&["prune", "--keep-last", "1"], false, "unreadable: "),
    (&["prune", "--keep-last", "1", "--dry-run"], true, "unreadable: "),
];

/// `2026-11-22 03:15:00 CET `
fn without_time(line: &str) -> Option<&str> {
    let (time, rest) = line.split_at_checked(20)?;
    chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S ").ok()?;
    let (zone, rest) = rest.split_once(' ')?;
    (zone == "CET" || zone == "CEST").then_some(rest)
}

#[test]
fn a_quiet_run_tells_on_standard_error_what_is_wrong_and_nothing_else() {
    let (sound, hurt) = (with_a_snapshot(), hurt());
    for (args, is_answer, word) in FIND_SOMETHING {
        for (world, code) in [(&sound, 0), (&hurt, 3)] {
            for form in [&[][..], &["--json"]] {
                let log = tempfile::NamedTempFile::new().unwrap();
                let mut command = world.repo.command(*args);
                command.arg("--quiet").args(form).env("TZ", "Europe/Berlin");
                command.stdout(log.reopen().unwrap()).stderr(Stdio::piped());
                let said: Said = command.output().unwrap().into();
                assert_eq!(said.code, code, "{args:?} {form:?}: {said:?}");
                assert_eq!(said.stderr.contains(word), code == 3, "{args:?} {form:?}: {said:?}");
                assert_eq!(said.stderr.is_empty(), code == 0, "{args:?} {form:?}: {said:?}");
                // The log has all of it, and says when.
                let log = std::fs::read_to_string(log.path()).unwrap();
                if form.is_empty() && !is_answer {
                    let lines = log.lines().map(|line| without_time(line).unwrap_or_else(|| panic!("{line}")));
                    let lines: String = lines.map(|line| format!("{line}\n")).collect();
                    assert!(code == 0 || lines == said.stderr, "{lines}{said:?}");
                } else {
                    assert!(log.lines().all(|line| without_time(line).is_none()), "{log}");
                    assert!(form.is_empty() || serde_json::from_str::<serde_json::Value>(&log).is_ok(), "{log}");
                }
            }
        }
    }
}

#[test]
fn where_both_streams_are_one_nothing_is_said_twice() {
    let world = hurt();
    for form in [&[][..], &["--json"]] {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = world.repo.command(["verify", "--quiet"]);
        let once = OpenOptions::new().append(true).open(log.path()).unwrap();
        command.args(form).stdout(once.try_clone().unwrap()).stderr(once);
        assert_eq!(command.status().unwrap().code(), Some(3));
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert_eq!(log.matches("is not signed by a writer").count(), 1, "{log}");
        assert!(form.is_empty() || serde_json::from_str::<serde_json::Value>(&log).is_ok(), "{log}");
    }
}

/// Progress and errors in a file.
#[test]
fn each_line_of_a_log_of_standard_error_has_its_time() {
    let repo = Repo::new();
    let log = tempfile::NamedTempFile::new().unwrap();
    for args in [&["verify"][..], &["backup", "-d", "host=/nonexistent user=u dbname=d"]] {
        let err = OpenOptions::new().append(true).open(log.path()).unwrap();
        assert!(!repo.command(args).env("TZ", "Europe/Berlin").stderr(err).status().unwrap().success());
    }
    let log = std::fs::read_to_string(log.path()).unwrap();
    let lines: Vec<_> = log.lines().map(|line| without_time(line).unwrap_or_else(|| panic!("{log}"))).collect();
    assert!(lines.contains(&"reading manifests") && lines.contains(&"pgkeep: the repository has no snapshot"), "{log}");
    assert!(lines.iter().any(|line| line.starts_with("  because: ")), "{log}");
}

/// The lines that `docs/backup.md` gives for cron, with what they print going where they send it.
#[test]
fn the_documented_lines_for_cron_raise_an_alarm() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/backup.md")).unwrap();
    let world = hurt();
    let folder = world.repo.root().parent().unwrap();
    // A policy whose server is down.
    let policy = folder.join("nightly.toml");
    let source = "[source]\ndsn = \"host=/nonexistent user=u dbname=d\"\n[repository]\n";
    let keys = format!("url = {:?}\nwriter_key = {:?}\n", world.repo.root(), world.repo.writer_key());
    std::fs::write(&policy, source.to_owned() + &keys).unwrap();
    let lines: Vec<&str> =
        docs.lines().filter_map(|line| line.split_once("  backup  ")).map(|(_, line)| line).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, code, word) in [(lines[0], 4, "could not connect to "), (lines[1], 3, "is not signed by a writer")] {
        let text = line
            .replace("/etc/pgkeep/nightly.toml", policy.to_str().unwrap())
            .replace("/var/backups/pgkeep", world.repo.root().to_str().unwrap())
            .replace("/etc/pgkeep/writer.key", world.repo.writer_key().to_str().unwrap())
            .replace("/var/log/pgkeep", folder.to_str().unwrap())
            .replacen("pgkeep ", "\"$0\" ", 1);
        assert!(text.contains("--quiet") && text.contains(">>"), "{text}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &text, env!("CARGO_BIN_EXE_pgkeep")]);
        let said = Said::of(&mut shell);
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{line}: {said:?}");
        assert!(said.stderr.contains(word), "{line}: {said:?}");
    }
}
