//! Repositories that are missing, empty, damaged, from the future, or out of reach.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::interleave::{World, back_up};
use crate::pgkeep::{Repo, Said, assert_refused, executable, pgkeep};

/// An account without rights of its own; `nobody` on Debian.
const NOBODY: u32 = 65534;

#[test]
fn a_repository_that_is_missing_is_refused_and_not_made() {
    let repo = Repo::new();
    let missing = repo.root().with_file_name("nowhere");
    let text = format!(
        "pgkeep: there is no repository folder {path}\n  \
         hint: The key belongs to a repository that was made before. Check --repo, and that its file system is mounted. A new repository, with its own keys: pgkeep init --repo {path} --keys DIR\n",
        path = missing.display()
    );
    for verb in [&["list"][..], &["show", "latest"], &["backup", "-d", "x"]] {
        assert_refused(
            pgkeep().args(verb).arg("--repo").arg(&missing).arg("--writer-key").arg(repo.writer_key()),
            5,
            &text,
        );
    }
    assert!(!missing.exists());
}

/// What a hint says to type must be accepted by the program that says it.
#[test]
fn the_hint_for_a_missing_repository_works_as_it_stands() {
    let repo = Repo::new();
    let mut list = pgkeep();
    list.current_dir(repo.root().parent().unwrap()).args(["list", "--repo", "relative/folder", "--json"]);
    let said = Said::of(list.arg("--writer-key").arg(repo.writer_key()));
    assert_eq!(said.code, 5, "{said:?}");
    let hint = said.document()["hint"].as_str().unwrap().to_owned();
    let advised = hint.split_once("pgkeep init ").expect("the hint names a command").1.replace("DIR", "new-keys");
    let mut init = pgkeep();
    init.current_dir(repo.root().parent().unwrap()).arg("init").args(advised.split(' '));
    let said = Said::of(&mut init);
    assert_eq!(said.code, 0, "{hint}: {said:?}");
}

/// A mount point without what is mounted there: an `init` would begin a second repository under the first.
#[test]
fn an_empty_folder_is_no_place_for_a_second_repository() {
    let repo = Repo::new();
    let mounted = repo.root().with_file_name("mounted");
    fs::rename(repo.root(), &mounted).unwrap();
    fs::create_dir(repo.root()).unwrap();
    let text = format!(
        "pgkeep: the folder {} is empty\n  hint: The key belongs to a repository that was made before: is its file system mounted there? Nothing was written.\n",
        repo.root().display()
    );
    let dsn = "host=/nonexistent user=u dbname=d";
    for verb in [
        &["list"][..],
        &["show", "latest"],
        &["verify"],
        &["verify", "--budget", "1s"],
        &["backup", "-d", dsn],
        &["prune", "--keep-last", "1"],
        &["drill"],
        &["restore", "latest", "-d", dsn],
    ] {
        assert_refused(repo.command(verb).arg("--restore-key").arg(repo.restore_key()), 5, &text);
        assert_eq!(fs::read_dir(repo.root()).unwrap().count(), 0, "{verb:?} wrote under the mount point");
    }
}

#[test]
fn a_folder_without_config_is_no_repository() {
    let repo = Repo::new();
    fs::remove_file(repo.root().join("config")).unwrap();
    let root = repo.root().display();
    assert_refused(
        &mut repo.command(["list"]),
        5,
        &format!(
            "pgkeep: there is no repository at {root}\n  \
             hint: The key belongs to a repository that was made before. Check --repo, and that its file system is mounted.\n"
        ),
    );
}

#[test]
fn a_file_is_no_repository() {
    let repo = Repo::new();
    let mut list = pgkeep();
    list.arg("list").arg("--repo").arg(repo.restore_key()).arg("--writer-key").arg(repo.writer_key());
    let text = format!("pgkeep: cannot open {}\n  because: not a directory\n", repo.restore_key().display());
    assert_refused(&mut list, 5, &text);
}

#[test]
fn an_empty_repository_lists_nothing_and_holds_no_latest() {
    let repo = Repo::new();
    let said = Said::of(&mut repo.command(["list"]));
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (0, "no snapshots yet\n", ""));
    assert_eq!(repo.json(["list"]), serde_json::json!([]));
    assert_refused(
        &mut repo.command(["show", "latest"]),
        5,
        "pgkeep: the repository has no snapshot\n  hint: Take a backup first: pgkeep backup -d DSN\n",
    );
}

#[test]
fn a_snapshot_is_named_by_an_id_that_means_one() {
    let repo = Repo::new();
    let snapshots = repo.root().join("snapshots");
    fs::create_dir(&snapshots).unwrap();
    for name in ["20261122T031500.123Z-abcd000000000000", "20261123T031500.123Z-abce000000000000"] {
        fs::write(snapshots.join(name), "").unwrap();
    }
    for asked in ["ffff", "bcd", "abcd0000000000001", "20261122"] {
        let text = format!("pgkeep: there is no snapshot `{asked}`\n  hint: `pgkeep list` shows their ids.\n");
        assert_refused(&mut repo.command(["show", asked]), 2, &text);
    }
    assert_refused(
        &mut repo.command(["show", "abc"]),
        2,
        "pgkeep: `abc` is ambiguous: it matches 2 snapshots\n  hint: `pgkeep list` shows their ids.\n",
    );
    // One letter more is enough: what is refused then is the manifest, which nobody signed.
    let refused = "pgkeep: the manifest of snapshot 20261123T031500.123Z-abce000000000000 is not signed by a writer that \
                   the key trusts, or is not whole: it is too short\n  hint: Its bytes are not those that were signed: it was copied by half, damaged or changed, or somebody else wrote \
                   it. Nothing of it was used. Copy it once more where this is a copy; otherwise restore an earlier snapshot.\n";
    assert_refused(&mut repo.command(["show", "abce"]), 5, refused);
    assert_refused(&mut repo.command(["show", "latest"]), 5, refused);
    // A list with a gap would pass for a whole one: each has its line, and says what is wrong with it.
    let said = Said::of(&mut repo.command(["list"]));
    assert_eq!(said.code, 3, "{said:?}");
    for id in ["abcd0000", "abce0000"] {
        assert!(said.stdout.contains(&format!("\n{id}  2026-11-2")), "{said:?}");
        assert!(said.stdout.contains(&format!("\nDAMAGED: {id}: the manifest of snapshot 2026112")), "{said:?}");
    }
    let said = Said::of(repo.command(["list"]).arg("--json"));
    assert_eq!(said.code, 3, "{said:?}");
    let listed = said.document();
    assert_eq!(listed[1]["snapshot"], "abce000000000000");
    assert_eq!(listed[1]["time"], "2026-11-23T03:15:00Z");
    assert!(listed[1]["damaged"].as_str().unwrap().ends_with("it is too short"), "{listed}");
}

fn rewrite_config(id: &str) -> String {
    format!(
        "Nothing else depends on its content. Write the file `config` with this line, then run `pgkeep verify`: \
         {{\"format\": 1, \"repository\": \"{id}\", \"created\": \"2000-01-01T00:00:00Z\"}}"
    )
}

#[test]
fn a_config_that_is_lost_from_a_repository_with_snapshots_is_written_again() {
    let repo = Repo::new();
    let config = fs::read_to_string(repo.root().join("config")).unwrap();
    let id = config.split('"').find(|word| word.len() == 16).unwrap();
    fs::remove_file(repo.root().join("config")).unwrap();
    fs::create_dir(repo.root().join("snapshots")).unwrap();
    fs::write(repo.root().join("snapshots/20261122T031500.123Z-abcd000000000000"), "").unwrap();
    let text = format!(
        "pgkeep: the repository at {} has snapshots, but its `config` is missing\n  hint: {}\n",
        repo.root().display(),
        rewrite_config(id)
    );
    assert_refused(&mut repo.command(["list"]), 5, &text);
}

#[test]
fn a_damaged_config_is_told_from_a_newer_format() {
    let repo = Repo::new();
    let path = repo.root().join("config");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    fs::write(&path, "{\"format\": 1").unwrap();
    assert_refused(
        &mut repo.command(["list"]),
        5,
        &format!(
            "pgkeep: the repository's `config` is damaged\n  because: EOF while parsing an object at line 1 column 12\n  hint: {}\n",
            rewrite_config(config["repository"].as_str().unwrap())
        ),
    );
    // What the hint says to write is enough.
    let hint = rewrite_config(config["repository"].as_str().unwrap());
    fs::write(&path, hint.split_once("`pgkeep verify`: ").unwrap().1).unwrap();
    assert_eq!(repo.json(["list"]), serde_json::json!([]));
    config["format"] = 3.into();
    fs::write(&path, config.to_string()).unwrap();
    for verb in [&["list"][..], &["backup", "-d", "x"]] {
        assert_refused(
            &mut repo.command(verb),
            5,
            "pgkeep: the repository has format 3, but this program reads only up to 2\n  \
             hint: Use the version of pgkeep that wrote it, or a newer one.\n",
        );
    }
}

/// A newer version may have renamed what else is in there: its number alone has to be understood.
#[test]
fn a_newer_format_is_told_whatever_else_its_config_holds() {
    let repo = Repo::new();
    fs::write(repo.root().join("config"), r#"{"format": 7, "keyring": "elsewhere"}"#).unwrap();
    let said = Said::of(&mut repo.command(["list"]));
    assert_eq!(said.code, 5, "{said:?}");
    assert!(
        said.stderr.starts_with("pgkeep: the repository has format 7, but this program reads only up to 2\n"),
        "{said:?}"
    );
}

/// The program as an account that may not do everything: root may.
pub fn as_nobody(repo: &Repo, args: &[&str]) -> Command {
    let args = args.iter().map(Into::into);
    let mut all = vec![
        "--repo".into(),
        repo.root().as_os_str().to_owned(),
        "--writer-key".into(),
        repo.writer_key().into_os_string(),
    ];
    all.extend(args);
    if !rustix::process::geteuid().is_root() {
        let mut command = pgkeep();
        command.args(all);
        return command;
    }
    chown(repo.writer_key(), Some(NOBODY), None).unwrap();
    // The account may have no way to the folder in which the program was built.
    let copy = repo.root().with_file_name("pgkeep");
    if !copy.exists() {
        executable(&copy, &fs::read(env!("CARGO_BIN_EXE_pgkeep")).unwrap());
    }
    let built = pgkeep();
    let mut command = Command::new(copy);
    for (name, value) in built.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(all).uid(NOBODY).gid(NOBODY);
    command
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_repository_that_the_account_may_not_write_is_refused_with_a_hint() {
    let repo = Repo::new();
    fs::remove_dir(repo.root().join("tmp")).unwrap();
    set_mode(repo.root(), 0o555);
    let tmp = repo.root().join("tmp");
    assert_refused(
        &mut as_nobody(&repo, &["backup", "-d", "x"]),
        5,
        &format!(
            "pgkeep: cannot create {tmp}\n  because: Permission denied (os error 13)\n  \
             hint: The user who runs pgkeep needs read and write permission in {root}.\n",
            tmp = tmp.display(),
            root = repo.root().display()
        ),
    );
    // To read is enough for reading.
    let said = Said::of(&mut as_nobody(&repo, &["list"]));
    assert_eq!((said.code, said.stdout.as_str()), (0, "no snapshots yet\n"), "{said:?}");
    set_mode(repo.root(), 0o755);
}

#[test]
fn a_repository_that_the_account_may_not_read_is_refused_with_a_hint() {
    let repo = Repo::new();
    set_mode(repo.root(), 0);
    let config = repo.root().join("config");
    assert_refused(
        &mut as_nobody(&repo, &["list"]),
        5,
        &format!(
            "pgkeep: cannot read {config}\n  because: Permission denied (os error 13)\n  \
             hint: The user who runs pgkeep needs read and write permission in {root}.\n",
            config = config.display(),
            root = repo.root().display()
        ),
    );
    set_mode(repo.root(), 0o755);
}

/// Before hours are spent on reading a database whose rows can be stored nowhere.
#[test]
fn an_unwritable_repository_is_refused_before_the_database_is_asked() {
    let repo = Repo::new();
    set_mode(repo.root(), 0o555);
    set_mode(&repo.root().join("tmp"), 0o555);
    let said = Said::of(&mut as_nobody(&repo, &["backup", "-q", "-d", "host=/nonexistent user=u dbname=d"]));
    set_mode(repo.root(), 0o755);
    assert_eq!(said.code, 5, "{said:?}");
}

/// As a nightly job of another account meets it.
#[test]
fn a_check_of_a_policy_names_the_key_file_that_the_account_may_not_read() {
    let repo = Repo::new();
    let (key, policy) = (repo.writer_key(), repo.root().with_file_name("nightly.toml"));
    fs::write(&policy, "[source]\ndsn = \"shop\"\n").unwrap();
    set_mode(&policy, 0o644);
    set_mode(&key, 0);
    let args = ["run", "--check", policy.to_str().unwrap()];
    let said = Said::of(&mut as_nobody(&repo, &args));
    let problem = format!(
        "PROBLEM: cannot read the key file {0}: Permission denied (os error 13)\n  hint: The account that runs pgkeep must own the file, or a copy of it, and have access to its folder: ls -l {0} shows the owner.\n",
        key.display()
    );
    assert!(said.code == 3 && said.stdout.contains(&problem), "{said:?}");
    let said = Said::of(&mut as_nobody(&repo, &["run", policy.to_str().unwrap(), "-q"]));
    assert!(said.code == 6 && said.stderr.contains(&format!("cannot read the key file {}", key.display())), "{said:?}");
    set_mode(&policy, 0);
    let said = Said::of(&mut as_nobody(&repo, &args));
    if rustix::process::geteuid().is_root() {
        assert!(
            said.code == 2
                && said.stderr.contains("\n  hint: The account that runs pgkeep needs read permission on it"),
            "{said:?}"
        );
    }
}

/// A copy of a repository that was broken off is no work of a forger.
#[test]
fn a_manifest_that_was_cut_short_may_be_half_a_copy() {
    let mut world = World::new();
    back_up(&mut world, [1, 2]);
    let manifest = fs::read_dir(world.repo.root().join("snapshots")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&manifest).unwrap();
    for bytes in [100, whole.len() / 2, whole.len() - 1] {
        fs::write(&manifest, &whole[..bytes]).unwrap();
        let said = Said::of(&mut world.repo.command(["show", "latest"]));
        assert!(said.code == 5 && said.stderr.contains(", or is not whole: "), "{said:?}");
        assert!(said.stderr.contains("Copy it once more where this is a copy"), "{said:?}");
    }
}
