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
            let told = "pgkeep: what the command has to say could not be written to standard output\n  \
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
