//! Which key opens what: everything else is exit code 6.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::pgkeep::{Repo, Said, assert_refused, pgkeep};

fn repository_id(repo: &Repo) -> String {
    let config: serde_json::Value = serde_json::from_slice(&fs::read(repo.root().join("config")).unwrap()).unwrap();
    config["repository"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_must_be_named() {
    let repo = Repo::new();
    for verb in [&["list"][..], &["show", "latest"], &["backup", "-d", "x"]] {
        assert_refused(
            pgkeep().args(verb).arg("--repo").arg(repo.root()),
            6,
            "pgkeep: no writer key was given\n  \
             hint: Name it with --writer-key FILE or PGKEEP_WRITER_KEY. `pgkeep init` made it.\n",
        );
    }
}

#[test]
fn the_key_of_another_repository_is_refused() {
    let (repo, other) = (Repo::new(), Repo::new());
    let expected = format!(
        "pgkeep: the key belongs to the repository {}, but this is the repository {}\n  \
         hint: Each repository has its own keys, made by its `pgkeep init`.\n",
        repository_id(&other),
        repository_id(&repo)
    );
    let at_repo = || {
        let mut command = pgkeep();
        command.arg("--repo").arg(repo.root());
        command
    };
    assert_refused(at_repo().arg("list").arg("--writer-key").arg(other.writer_key()), 6, &expected);
    assert_refused(at_repo().arg("list").arg("--restore-key").arg(other.restore_key()), 6, &expected);
    assert_refused(at_repo().args(["backup", "-d", "x"]).arg("--writer-key").arg(other.writer_key()), 6, &expected);
}

#[test]
fn neither_key_passes_for_the_other() {
    let repo = Repo::new();
    for (flag, key, noun) in
        [("--writer-key", repo.restore_key(), "writer"), ("--restore-key", repo.writer_key(), "restore")]
    {
        assert_refused(
            pgkeep().arg("list").arg("--repo").arg(repo.root()).arg(flag).arg(&key),
            6,
            &format!(
                "pgkeep: {} is not a {noun} key of pgkeep: it is the other one of the two keys\n  \
                 hint: --writer-key (PGKEEP_WRITER_KEY) names writer.key, and --restore-key (PGKEEP_RESTORE_KEY) restore.key.\n",
                key.display()
            ),
        );
    }
}

#[test]
fn a_writer_key_that_others_can_read_is_refused() {
    let repo = Repo::new();
    for mode in [0o644, 0o640, 0o604, 0o666] {
        fs::set_permissions(repo.writer_key(), Permissions::from_mode(mode)).unwrap();
        let key = repo.writer_key();
        assert_refused(
            &mut repo.command(["list"]),
            6,
            &format!(
                "pgkeep: other users can read the key file {key} (mode {mode:o})\n  hint: chmod 600 {key}\n",
                key = key.display()
            ),
        );
    }
    fs::set_permissions(repo.writer_key(), Permissions::from_mode(0o400)).unwrap();
    assert_eq!(Said::of(&mut repo.command(["list"])).code, 0);
}

/// Whoever reads the restore key reads every backup.
#[test]
fn a_restore_key_that_others_can_read_is_refused() {
    let repo = Repo::new();
    let key = repo.restore_key();
    let list = || {
        let mut list = pgkeep();
        list.args(["list", "--repo"]).arg(repo.root()).arg("--restore-key").arg(&key);
        list
    };
    let set = |mode| fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620] {
        set(mode);
        let text = format!(
            "pgkeep: other users can read the key file {key} (mode {mode:o})\n  hint: chmod 600 {key}\n",
            key = key.display()
        );
        assert_refused(&mut list(), 6, &text);
    }
    for mode in [0o600, 0o400] {
        set(mode);
        assert_eq!(Said::of(&mut list()).code, 0);
    }
    // What a passphrase protects may lie anywhere, and a reading key holds no secret.
    let (word, reader) = (key.with_file_name("word"), key.with_file_name("reader.key"));
    set(0o600);
    assert_eq!(Said::of(pgkeep().args(["key", "reader", "--restore-key"]).arg(&key).arg("-o").arg(&reader)).code, 0);
    fs::set_permissions(&reader, Permissions::from_mode(0o644)).unwrap();
    let mut read = pgkeep();
    read.args(["list", "--repo"]).arg(repo.root()).arg("--restore-key").arg(&reader).arg("-i").arg(&key);
    let said = Said::of(&mut read);
    assert!(!said.stderr.contains("other users can read"), "{said:?}");
    fs::write(&word, "correct horse\n").unwrap();
    fs::set_permissions(&word, Permissions::from_mode(0o600)).unwrap();
    let protect = ["key", "passphrase", "--new-passphrase-file"];
    assert_eq!(Said::of(pgkeep().args(protect).arg(&word).arg("--restore-key").arg(&key)).code, 0);
    set(0o644);
    let said = Said::of(list().arg("--passphrase-file").arg(&word));
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_key_that_is_not_there_or_damaged_is_refused() {
    let repo = Repo::new();
    let key = repo.writer_key();
    let whole = fs::read_to_string(&key).unwrap();
    let without = |begin: &str| whole.lines().filter(|line| !line.starts_with(begin)).collect::<Vec<_>>().join("\n");
    for (text, reason) in [
        (String::new(), "it has no line `# pgkeep-key:`"),
        (without("# pgkeep-repository"), "a line is missing"),
        (without("# pgkeep-signing-key"), "a line is missing"),
        (without("# pgkeep-recipient"), "a recipient or signer is missing or damaged"),
        (
            whole.replace("# pgkeep-recipient: age1", "# pgkeep-recipient: age2"),
            "a recipient or signer is missing or damaged",
        ),
        (whole.replace("# pgkeep-chunk-key: ", "# pgkeep-chunk-key: 0"), "a key does not have 64 hexadecimal digits"),
        (without("AGE-SECRET-KEY-1"), "it has no valid age identity"),
    ] {
        fs::write(&key, text).unwrap();
        let expected = format!("pgkeep: {} is not a writer key of pgkeep: {reason}\n", key.display());
        assert_refused(&mut repo.command(["list"]), 6, &expected);
    }
    fs::remove_file(&key).unwrap();
    assert_refused(
        &mut repo.command(["list"]),
        6,
        &format!(
            "pgkeep: cannot read the key file {}\n  because: No such file or directory (os error 2)\n  \
             hint: Is the path right? `pgkeep init --keys DIR` put both keys there; the restore key should not stay on the host that takes backups.\n",
            key.display()
        ),
    );
}

/// What was typed comes before what the environment happens to hold.
#[test]
fn a_typed_writer_key_comes_before_a_restore_key_of_the_environment() {
    let mut world = crate::interleave::World::new();
    crate::interleave::back_up(&mut world, [1]);
    let repo = &world.repo;
    let depth = |typed: &[(&str, std::path::PathBuf)], environment: &[(&str, std::path::PathBuf)]| {
        let mut verify = pgkeep();
        verify.args(["verify", "--read-data", "--json", "--repo"]).arg(repo.root());
        verify.args(typed.iter().flat_map(|(flag, key)| [flag.into(), key.clone()])).envs(environment.iter().cloned());
        // The rows of this repository are not what its manifest says; how deep they were looked at is.
        let said = Said::of(&mut verify);
        assert!([0, 3].contains(&said.code), "{said:?}");
        said.document()["depth"].as_str().unwrap().to_owned()
    };
    let (writer, restore) = (("--writer-key", repo.writer_key()), ("--restore-key", repo.restore_key()));
    let environment = [("PGKEEP_WRITER_KEY", repo.writer_key()), ("PGKEEP_RESTORE_KEY", repo.restore_key())];
    assert_eq!(depth(std::slice::from_ref(&writer), &environment), "stored bytes");
    assert_eq!(depth(std::slice::from_ref(&writer), &environment[1..]), "stored bytes");
    assert_eq!(depth(std::slice::from_ref(&restore), &environment), "plaintext");
    assert_eq!(depth(&[writer, restore], &[]), "plaintext");
    assert_eq!(depth(&[], &environment), "plaintext");
}
