//! What a key file remembers of revocations, so that whoever deletes records brings nobody back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::key::{key, lines, ok};
use crate::key_rotation::Hidden;
use crate::pgkeep::{Repo, Said, folder};

const HINT: &str = "A record under records/keyring/ was removed, perhaps to make a revoked writer valid again. Nothing was trusted or written.";

fn keyrings(repo: &Repo) -> BTreeSet<PathBuf> {
    fs::read_dir(repo.root().join("records/keyring")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The keyrings that `change` makes.
fn made_by(repo: &Repo, change: impl FnOnce()) -> Vec<(PathBuf, Vec<u8>)> {
    let before = keyrings(repo);
    change();
    let made: Vec<PathBuf> = keyrings(repo).difference(&before).cloned().collect();
    assert!(!made.is_empty());
    made.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn hide(records: &[(PathBuf, Vec<u8>)]) {
    records.iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
}

fn show(records: &[(PathBuf, Vec<u8>)]) {
    records.iter().for_each(|(path, stored)| fs::write(path, stored).unwrap());
}

/// The first eight digits of a writer's public key, which its own file does not hold.
fn id(repo: &Repo, name: &str) -> String {
    let listed = ok(&mut key(repo, ["list"]));
    let all = listed["writers"].as_array().unwrap().clone();
    all.iter().find(|writer| writer["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn is_missed(said: &Said, id: &str) {
    let told = format!(
        "pgkeep: the key file knows that the writer {id} was revoked, but no keyring in the repository says so\n  hint: {HINT}"
    );
    assert!(said.code == 5 && said.stderr.starts_with(&told), "{said:?}");
}

/// Two keyrings of one number: changes at the same moment, or one that was made while the other was hidden. Whoever removes the one with the
/// revocation leaves a number that every key file has seen.
#[test]
fn a_revocation_is_missed_though_another_keyring_has_its_number() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(at("db2.key")));
    ok(key(&repo, ["reader", "-o"]).arg(at("reader.key")));
    let db2 = id(&repo, "db2");
    let before = fs::read(repo.restore_key()).unwrap();
    let revoked = made_by(&repo, || drop(ok(&mut key(&repo, ["revoke-writer", "db2"]))));
    // A copy of the restore key that has not seen it makes another one of its number.
    hide(&revoked);
    let after = fs::read(repo.restore_key()).unwrap();
    fs::write(repo.restore_key(), &before).unwrap();
    ok(key(&repo, ["add-writer", "db3", "-o"]).arg(at("db3.key")));
    let other = fs::read(repo.restore_key()).unwrap();
    show(&revoked);
    // Who reads both knows that db2 is revoked; nobody is to forget it.
    assert_eq!(ok(&mut key(&repo, ["list"]))["keyring"], 2);
    repo.json(["list"]);
    let seen = fs::read(repo.restore_key()).unwrap();
    hide(&revoked);
    for restore in [&seen, &after] {
        fs::write(repo.restore_key(), restore).unwrap();
        is_missed(&Said::of(&mut key(&repo, ["list"])), &db2);
        is_missed(&Said::of(key(&repo, ["add-writer", "db4", "-o"]).arg(at("db4.key"))), &db2);
    }
    is_missed(&Said::of(&mut repo.command(["list"])), &db2);
    is_missed(&Said::of(&mut repo.command(["backup", "-d", "x"])), &db2);
    // A key that has not seen it cannot know, and one that has is content once the record is back.
    fs::write(repo.restore_key(), &other).unwrap();
    assert_eq!(Said::of(&mut key(&repo, ["list"])).code, 0);
    show(&revoked);
    fs::write(repo.restore_key(), &seen).unwrap();
    for command in [&mut key(&repo, ["list"]), &mut repo.command(["list"])] {
        assert_eq!(Said::of(command).code, 0);
    }
}

/// A host that obeys a replaced restore key remembers what the newer one has revoked, whatever becomes of that one's keyrings.
#[test]
fn what_a_newer_restore_key_has_revoked_is_missed_by_those_who_obey_the_old_one() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(at("db2.key")));
    let db2 = id(&repo, "db2");
    ok(key(&repo, ["rotate-restore", "-o"]).arg(at("new.key")));
    let with = |restore: &Path, args: &[&str]| {
        let mut command = repo.command(["key", "--restore-key"]);
        command.arg(restore).args(args);
        command
    };
    let root = {
        ok(with(&at("new.key"), &["reader", "-o"]).arg(at("reader.key")));
        lines(&at("reader.key"), "root").remove(0)
    };
    ok(&mut with(&at("new.key"), &["revoke-writer", "db2"]));
    // The host and the old restore key see it.
    repo.json(["list"]);
    ok(&mut key(&repo, ["list"]));
    let hidden = Hidden::hide(&repo, &root);
    is_missed(&Said::of(&mut repo.command(["list"])), &db2);
    is_missed(&Said::of(&mut repo.command(["backup", "-d", "x"])), &db2);
    is_missed(&Said::of(&mut key(&repo, ["list"])), &db2);
    hidden.show();
    repo.json(["list"]);
    // Rotated with the newest one, it remembers still.
    ok(&mut with(&at("new.key"), &["rotate"]));
    assert_eq!(lines(&repo.writer_key(), "revoked").len(), 2, "db2, and what the host had before");
    repo.json(["list"]);
}

/// What is made of a key that has seen a revocation has seen it.
#[test]
fn keys_that_are_made_of_others_remember_what_those_have_seen() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(at("db2.key")));
    ok(&mut key(&repo, ["revoke-writer", "db2"]));
    let revoked = lines(&repo.restore_key(), "revoked");
    assert_eq!(revoked.len(), 1);
    ok(key(&repo, ["add-writer", "db3", "-o"]).arg(at("db3.key")));
    ok(key(&repo, ["reader", "-o"]).arg(at("reader.key")));
    ok(key(&repo, ["rotate-restore", "-o"]).arg(at("new.key")));
    for file in ["db3.key", "reader.key", "new.key"] {
        assert_eq!(lines(&at(file), "revoked"), revoked, "{file}");
    }
}
