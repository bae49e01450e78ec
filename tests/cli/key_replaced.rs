//! Who may say that a restore key was replaced: that key itself, and nobody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ed25519_dalek::{Signer, SigningKey};
use pgkeep::repo::RestoreKey;
use serde_json::{Value, json};

use crate::key::{key, lines, ok};
use crate::key_rotation::Hidden;
use crate::pgkeep::{Repo, Said, folder, pgkeep};

const UNTIL: &str = "2026-11-22T03:15:00.000000000Z";

fn public(key: &SigningKey) -> String {
    hex::encode(key.verifying_key().to_bytes())
}

fn signing(restore: &Path) -> SigningKey {
    RestoreKey::read(restore).unwrap().signing()
}

fn repository_of(repo: &Repo) -> String {
    let config: Value = serde_json::from_slice(&fs::read(repo.root().join("config")).unwrap()).unwrap();
    config["repository"].as_str().unwrap().to_owned()
}

fn stranger() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A keyring as `docs/format.md` says, signed by whoever likes to.
fn plant(repo: &Repo, name: &str, keyring: &Value, by: &SigningKey) -> String {
    let name = format!("records/keyring/{name}");
    let content = serde_json::to_vec(keyring).unwrap();
    let mut message = format!("pgkeep record 1\n{name}\n").into_bytes();
    message.extend_from_slice(blake3::hash(&content).as_bytes());
    let mut object =
        format!("pgkeep-record/1 {} {}\n", public(by), hex::encode(by.sign(&message).to_bytes())).into_bytes();
    object.extend_from_slice(&content);
    fs::create_dir_all(repo.root().join("records/keyring")).unwrap();
    fs::write(repo.root().join(&name), object).unwrap();
    name
}

/// What a restore key signs when another one takes its place.
fn succession(repository: &str, old: &SigningKey, successor: &SigningKey, keyring: u64) -> Value {
    let (root, next) = (public(old), public(successor));
    let message = format!("pgkeep succession 1\n{repository}\n{UNTIL}\n{root}\n{next}\n{keyring}\n");
    json!({ "successor": next, "keyring": keyring, "signature": hex::encode(old.sign(message.as_bytes()).to_bytes()) })
}

/// A keyring that says that `root` was replaced.
fn claim(root: &SigningKey, succession: Option<Value>) -> Value {
    let mut former = json!({ "root": public(root), "until": UNTIL });
    if let Some(succession) = succession {
        former["succession"] = succession;
    }
    json!({ "number": 9, "writers": [], "former_roots": [former] })
}

fn with(repo: &Repo, restore: &Path, args: &[&str]) -> Command {
    let mut command = repo.command(["--restore-key"]);
    command.arg(restore).args(args);
    command
}

#[track_caller]
fn assert_replaced(repo: &Repo, restore: &Path, keyring: u64) {
    let said = Said::of(&mut with(repo, restore, &["key", "add-writer", "late", "-o", "/nonexistent/late.key"]));
    let told = format!("pgkeep: this restore key was replaced (keyring {keyring} of ");
    assert!(said.code == 6 && said.stderr.starts_with(&told), "{said:?}");
    let listed = ok(&mut with(repo, restore, &["key", "list"]));
    assert_eq!(listed["replaced"]["keyring"], keyring, "{listed}");
    assert!(listed.get("warnings").is_none(), "what is signed needs no other: {listed}");
    let verified = Said::of(&mut with(repo, restore, &["verify"]));
    assert!(!verified.stdout.contains("record: "), "what the new key signs is no forgery: {verified:?}");
}

fn rotate_restore(repo: &Repo, old: &Path, new: &Path) -> u64 {
    let done = ok(with(repo, old, &["key", "rotate-restore", "-o"]).arg(new));
    done["keyring"].as_u64().unwrap()
}

/// A statement about this restore key of the repository.
type Form = fn(&Repo, &SigningKey) -> Value;

/// Whoever can write in the bucket can write all of these there. They keep nobody from anything.
#[test]
fn what_a_restore_key_has_not_signed_replaces_it_for_nobody() {
    let forms: [(&str, Form); 6] = [
        ("no signature, as an earlier program", |_, own| claim(own, None)),
        ("a signature of somebody else", |repo, own| {
            let mut said = succession(&repository_of(repo), &stranger(), &stranger(), 9);
            said["successor"] = public(&SigningKey::from_bytes(&[8; 32])).into();
            claim(own, Some(said))
        }),
        ("one bit of it is another", |repo, own| {
            let mut said = succession(&repository_of(repo), own, &stranger(), 9);
            let signature = said["signature"].as_str().unwrap();
            let digit = if signature.starts_with('0') { "1" } else { "0" };
            said["signature"] = format!("{digit}{}", &signature[1..]).into();
            claim(own, Some(said))
        }),
        ("what it has signed for another repository", |_, own| {
            claim(own, Some(succession("0123456789abcdef", own, &stranger(), 9)))
        }),
        ("another successor than it has signed for", |repo, own| {
            let mut said = succession(&repository_of(repo), own, &SigningKey::from_bytes(&[8; 32]), 9);
            said["successor"] = public(&stranger()).into();
            claim(own, Some(said))
        }),
        ("another keyring than it has signed for", |repo, own| {
            let mut said = succession(&repository_of(repo), own, &stranger(), 9);
            said["keyring"] = 8.into();
            claim(own, Some(said))
        }),
    ];
    for (what, form) in forms {
        let (repo, folder) = (Repo::new(), folder());
        let restore = repo.restore_key();
        let name = "20261122T031500.000Z-0123456789abcdef";
        let planted = plant(&repo, name, &form(&repo, &signing(&restore)), &stranger());
        let warned = format!("{planted} says that the restore key was replaced (keyring ");
        let second = folder.path().join("db2.key").to_str().unwrap().to_owned();
        let third = folder.path().join("new.key").to_str().unwrap().to_owned();
        for args in [
            &["key", "add-writer", "db2", "-o", &second][..],
            &["key", "revoke-writer", "db2"],
            &["key", "rotate"],
            &["key", "rotate-restore", "-o", &third],
        ] {
            let said = Said::of(&mut with(&repo, &restore, args));
            assert!(said.code == 0 && said.stderr.contains(&format!("pgkeep: warning: {warned}")), "{what}: {said:?}");
            assert!(said.stderr.contains("it counts for nothing"), "{what}: {said:?}");
            if args[1] == "rotate" {
                // Before the last of them replaces it.
                let listed = ok(&mut with(&repo, &restore, &["key", "list"]));
                assert!(listed.get("replaced").is_none(), "{what}: {listed}");
                assert!(listed["warnings"].to_string().contains(&warned), "{what}: {listed}");
                let listed = Said::of(&mut with(&repo, &restore, &["key", "list"]));
                assert!(
                    listed.code == 0 && listed.stdout.contains(&format!("warning: {warned}")),
                    "{what}: {listed:?}"
                );
                let verified = Said::of(&mut with(&repo, &restore, &["verify"]));
                assert!(verified.code == 3 && verified.stdout.contains(&warned), "{what}: {verified:?}");
                assert!(!ok(&mut repo.command(["key", "list"])).to_string().contains("\"replaced\""), "{what}");
            }
        }
        fs::remove_file(repo.root().join(planted)).unwrap();
        assert_replaced(&repo, &restore, 4);
    }
}

/// Where it lies and who hands it on does not matter: the new keyring may be gone, and what it said be left.
#[test]
fn what_a_restore_key_has_signed_replaces_it_wherever_it_stands() {
    let (repo, folder) = (Repo::new(), folder());
    let restore = repo.restore_key();
    let said = succession(&repository_of(&repo), &signing(&restore), &SigningKey::from_bytes(&[8; 32]), 5);
    plant(&repo, "20261122T031500.000Z-0123456789abcdef", &claim(&signing(&restore), Some(said)), &stranger());
    let refused = Said::of(with(&repo, &restore, &["key", "rotate-restore", "-o"]).arg(folder.path().join("new.key")));
    assert!(
        refused.code == 6 && refused.stderr.contains("was replaced (keyring 5 of 2026-11-22 03:15:00"),
        "{refused:?}"
    );
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "no key was made");
}

/// Each says who came after it, and only that.
#[test]
fn of_several_successions_each_key_knows_its_own() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    let first = rotate_restore(&repo, &repo.restore_key(), &at("b.key"));
    ok(&mut with(&repo, &at("b.key"), &["key", "rotate"]));
    let second = rotate_restore(&repo, &at("b.key"), &at("c.key"));
    assert!(first == 1 && second == 3);
    for (restore, keyring) in [(repo.restore_key(), first), (at("b.key"), second)] {
        assert_replaced(&repo, &restore, keyring);
    }
    let listed = ok(&mut with(&repo, &at("c.key"), &["key", "list"]));
    assert!(listed.get("replaced").is_none() && listed.get("warnings").is_none(), "{listed}");
    // The same command once more has nothing left to do, and a stranger's file is in the way.
    let objects = || fs::read_dir(repo.root().join("records/keyring")).unwrap().count();
    let before = objects();
    assert_eq!(rotate_restore(&repo, &at("b.key"), &at("c.key")), second);
    assert_eq!(objects(), before);
    let said = Said::of(with(&repo, &repo.restore_key(), &["key", "rotate-restore", "-o"]).arg(at("c.key")));
    assert!(said.code == 6 && said.stderr.contains("was replaced"), "{said:?}");
}

/// Keyrings as an earlier program wrote them: no former restore key has signed anything.
fn strip_signatures(repo: &Repo, signers: &[PathBuf]) {
    let signers: Vec<SigningKey> = signers.iter().map(|path| signing(path)).collect();
    for entry in fs::read_dir(repo.root().join("records/keyring")).unwrap() {
        let path = entry.unwrap().path();
        let stored = fs::read(&path).unwrap();
        let mut keyring: Value = serde_json::from_slice(&stored[210..]).unwrap();
        let Some(former) = keyring.get_mut("former_roots").and_then(Value::as_array_mut) else { continue };
        former.iter_mut().for_each(|former| drop(former.as_object_mut().unwrap().remove("succession").unwrap()));
        let by = signers.iter().find(|signer| stored[16..80] == *public(signer).as_bytes()).unwrap();
        fs::remove_file(&path).unwrap();
        plant(repo, path.file_name().unwrap().to_str().unwrap(), &keyring, by);
    }
}

/// The newest restore key holds the old identities, and signs for them.
#[test]
fn a_repository_of_an_earlier_program_heals_at_the_next_change_of_its_keyring() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    rotate_restore(&repo, &repo.restore_key(), &at("b.key"));
    rotate_restore(&repo, &at("b.key"), &at("c.key"));
    strip_signatures(&repo, &[at("b.key"), at("c.key")]);
    for old in [repo.restore_key(), at("b.key")] {
        let listed = ok(&mut with(&repo, &old, &["key", "list"]));
        assert!(listed.get("replaced").is_none(), "{listed}");
        assert!(listed["warnings"][0].as_str().unwrap().starts_with("records/keyring/"), "{listed}");
    }
    ok(&mut with(&repo, &at("c.key"), &["key", "rotate"]));
    assert_replaced(&repo, &repo.restore_key(), 3);
    assert_replaced(&repo, &at("b.key"), 3);
    // What is signed stays as it is, and is signed once.
    ok(with(&repo, &at("c.key"), &["key", "add-writer", "db2", "-o"]).arg(at("db2.key")));
    assert_replaced(&repo, &at("b.key"), 3);
    assert!(ok(&mut repo.command(["key", "list"]))["writers"].to_string().contains("db2"));
}

/// The old key can sign what an earlier program left unsigned, by the command that was run then.
#[test]
fn the_old_key_signs_by_the_same_command_what_an_earlier_program_left_unsigned() {
    let (repo, folder) = (Repo::new(), folder());
    let new = folder.path().join("new.key");
    rotate_restore(&repo, &repo.restore_key(), &new);
    strip_signatures(&repo, std::slice::from_ref(&new));
    let changed = Said::of(key(&repo, ["add-writer", "db2", "-o"]).arg(folder.path().join("db2.key")));
    assert!(changed.code == 0 && changed.stderr.contains("has not signed it"), "{changed:?}");
    let said = Said::of(with(&repo, &repo.restore_key(), &["key", "rotate-restore", "-o"]).arg(&new));
    assert_eq!(said.code, 0, "{said:?}");
    assert_replaced(&repo, &repo.restore_key(), 2);
    let listed = ok(&mut with(&repo, &new, &["key", "list"]));
    assert!(listed["keyring"] == 2 && listed["writers"].to_string().contains("db2"), "{listed}");
}

/// Exit code 4 is that of a writer that may write, and finds no server.
fn backup_with(repo: &Repo, writer: &Path) -> Said {
    let mut command = pgkeep();
    command.args(["backup", "-q", "-d", "host=/nonexistent dbname=shop user=me", "--repo"]).arg(repo.root());
    Said::of(command.arg("--writer-key").arg(writer))
}

#[track_caller]
fn assert_refused(said: &Said, words: &str) {
    assert!(said.code == 6 && said.stderr.contains(words), "{said:?}");
}

/// A host that still obeys the old restore key is revoked by the new one all the same, and by the one after that.
#[test]
fn a_writer_that_a_later_restore_key_has_revoked_writes_nothing_more() {
    for line in [&["b.key"][..], &["b.key", "c.key"]] {
        let (repo, folder) = (Repo::new(), folder());
        let at = |name: &str| folder.path().join(name);
        let writers = ["db2", "db3"].map(|name| at(&format!("{name}.key")));
        for (name, file) in ["db2", "db3"].iter().zip(&writers) {
            ok(key(&repo, ["add-writer", name, "-o"]).arg(file));
        }
        let mut newest = repo.restore_key();
        for name in line {
            rotate_restore(&repo, &newest, &at(name));
            newest = at(name);
        }
        let all = || [repo.writer_key(), writers[0].clone(), writers[1].clone()].map(|file| backup_with(&repo, &file));
        assert_eq!(all().map(|said| said.code), [4, 4, 4], "{line:?}");
        ok(&mut with(&repo, &newest, &["key", "revoke-writer", "db2"]));
        let said = all();
        assert_eq!([&said[0], &said[2]].map(|said| said.code), [4, 4], "{line:?}: {said:?}");
        assert_refused(&said[1], " was revoked");
        // The key's own list says so as well.
        let listed = ok(repo.command(["key", "list", "--writer-key"]).arg(&writers[0]));
        let is_revoked = |name: &str| {
            let all = listed["writers"].as_array().unwrap();
            !all.iter().find(|writer| writer["name"] == name).unwrap()["revoked"].is_null()
        };
        assert!(is_revoked("db2") && !is_revoked("db3"), "{listed}");
        // Also where the old restore key has never written a keyring that names the writer.
        ok(&mut with(&repo, &newest, &["key", "revoke-writer", "first"]));
        assert_refused(&backup_with(&repo, &repo.writer_key()), " was revoked");
    }
    let (repo, folder) = (Repo::new(), folder());
    rotate_restore(&repo, &repo.restore_key(), &folder.path().join("b.key"));
    assert_eq!(backup_with(&repo, &repo.writer_key()).code, 4);
    ok(&mut with(&repo, &folder.path().join("b.key"), &["key", "revoke-writer", "first"]));
    assert_refused(&backup_with(&repo, &repo.writer_key()), " was revoked");
}

/// What a rotation with the new restore key has revoked, and not replaced, is told as that.
#[test]
fn a_rotation_with_a_new_restore_key_that_was_killed_is_told() {
    let (repo, folder) = (Repo::new(), folder());
    let (writer, new) = (repo.writer_key(), folder.path().join("b.key"));
    let old = fs::read_to_string(&writer).unwrap();
    rotate_restore(&repo, &repo.restore_key(), &new);
    ok(&mut with(&repo, &new, &["key", "rotate"]));
    fs::rename(&writer, writer.with_extension("key.new")).unwrap();
    crate::key::write_secret(&writer, &old);
    assert_refused(&backup_with(&repo, &writer), "was revoked by a rotation that did not finish");
    ok(&mut with(&repo, &new, &["key", "rotate"]));
    assert_eq!(backup_with(&repo, &writer).code, 4);
}

/// A restore key that was replaced admits nobody any more: those who use the new one would not trust what is written.
#[test]
fn a_writer_that_only_a_replaced_restore_key_admits_writes_nothing() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    rotate_restore(&repo, &repo.restore_key(), &at("b.key"));
    ok(pgkeep().args(["key", "reader", "--restore-key"]).arg(at("b.key")).arg("-o").arg(at("reader")));
    let hidden = Hidden::hide(&repo, &lines(&at("reader"), "root")[0]);
    ok(key(&repo, ["add-writer", "late", "-o"]).arg(at("late.key")));
    assert_eq!(backup_with(&repo, &at("late.key")).code, 4);
    hidden.show();
    assert_refused(&backup_with(&repo, &at("late.key")), "was replaced, and the new one does not name this writer");
    assert_eq!(backup_with(&repo, &repo.writer_key()).code, 4, "this one the new restore key has taken over");
}

/// Revoking is as little anybody's as replacing is.
#[test]
fn nobody_but_a_restore_key_of_the_line_revokes_a_writer() {
    let (repo, folder) = (Repo::new(), folder());
    let (restore, new) = (signing(&repo.restore_key()), folder.path().join("b.key"));
    let writer = ok(&mut repo.command(["key", "list"]))["writers"][0]["id"].as_str().unwrap().to_owned();
    let mut planted = claim(&restore, Some(succession("0123456789abcdef", &restore, &stranger(), 9)));
    rotate_restore(&repo, &repo.restore_key(), &new);
    let signer = {
        ok(pgkeep().args(["key", "reader", "--restore-key"]).arg(&new).arg("-o").arg(folder.path().join("reader")));
        lines(&folder.path().join("reader"), "signer")[0].clone()
    };
    assert!(signer.starts_with(&writer), "{signer}");
    planted["writers"] =
        json!([{ "name": "first", "signer": signer, "added": UNTIL, "revoked": { "time": UNTIL, "manifests": [] } }]);
    plant(&repo, "20261122T031500.000Z-0123456789abcdef", &planted, &stranger());
    assert_eq!(backup_with(&repo, &repo.writer_key()).code, 4);
    // A copy of what the old key has signed, and nothing else of the new one: it revokes nobody, and leaves nobody out.
    let kept = fs::read_dir(repo.root().join("records/keyring")).unwrap().map(|entry| entry.unwrap().path());
    let genuine = kept
        .map(|path| (fs::read(&path).unwrap(), path))
        .find(|(stored, _)| stored[16..80] == *public(&signing(&new)).as_bytes());
    let (stored, path) = genuine.unwrap();
    let mut copied: Value = serde_json::from_slice(&stored[210..]).unwrap();
    fs::remove_file(path).unwrap();
    copied["writers"] = planted["writers"].clone();
    plant(&repo, "20261122T031500.000Z-0123456789abcdee", &copied, &stranger());
    let said = Said::of(&mut with(&repo, &repo.restore_key(), &["key", "rotate"]));
    assert!(said.code == 6 && said.stderr.contains("was replaced"), "{said:?}");
    assert_eq!(backup_with(&repo, &repo.writer_key()).code, 4);
}
