//! Keys that are exchanged: what the old ones may still do, and what a rotation that was killed leaves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::key::{key, lines, ok, write_secret};
use crate::pgkeep::{Repo, Said, folder, pgkeep};

#[test]
fn rotated_keys_share_nothing_that_writes_with_the_old_ones() {
    let (repo, folder) = (Repo::new(), folder());
    let (second, new_restore) = (folder.path().join("db2.key"), folder.path().join("new-restore.key"));
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(&second));
    let secret = ["signing-key", "chunk-key", "digest-key"];
    let old: Vec<_> = secret.map(|name| lines(&repo.writer_key(), name)).into();
    let (old_recipients, old_root) = (lines(&repo.writer_key(), "recipient"), lines(&repo.writer_key(), "root"));
    let rotated = ok(&mut key(&repo, ["rotate"]));
    assert_eq!(rotated["name"], "first");
    let new: Vec<_> = secret.map(|name| lines(&repo.writer_key(), name)).into();
    for (n, name) in secret.iter().enumerate() {
        assert_ne!(old[n], new[n], "{name}");
    }
    assert_eq!(lines(&repo.writer_key(), "recipient"), old_recipients);

    // The second writer follows, and shares chunks with the first again.
    let mut like = pgkeep();
    like.args(["key", "rotate", "--repo"]).arg(repo.root()).arg("--restore-key").arg(repo.restore_key());
    like.arg("--writer-key").arg(&second).arg("--like").arg(repo.writer_key());
    ok(&mut like);
    assert_eq!(lines(&second, "chunk-key"), new[1]);
    assert_ne!(lines(&second, "signing-key"), new[0]);

    // A new restore key: the writers obey it once they are rotated with it.
    ok(key(&repo, ["rotate-restore", "-o"]).arg(&new_restore));
    let identities = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(identities(&new_restore)[1..], identities(&repo.restore_key()));
    repo.json(["list"]);
    let with_new = |args: &[&str]| {
        let mut command = repo.command(["key", "--restore-key"]);
        command.arg(&new_restore).args(args);
        command
    };
    ok(&mut with_new(&["rotate"]));
    assert_ne!(lines(&repo.writer_key(), "root"), old_root);
    let recipients = lines(&repo.writer_key(), "recipient");
    assert!(recipients.len() == 1 && recipients != old_recipients, "{recipients:?}");
    assert_eq!(ok(&mut with_new(&["list"]))["recipients"][0]["restore_key"], true);
    // What the old root says from now on counts for nothing, where it was not refused: the holder of the bucket hid the new keyrings.
    let hidden = Hidden::hide(&repo, &lines(&repo.writer_key(), "root")[0]);
    ok(key(&repo, ["add-writer", "thief", "-o"]).arg(folder.path().join("thief.key")).arg("--writer-key").arg(&second));
    hidden.show();
    let listed = repo.json(["key", "list"]);
    assert!(!listed["writers"].to_string().contains("thief"), "{listed}");
}

/// Keyrings that one root has signed, out of sight for a moment.
pub struct Hidden(Vec<(PathBuf, Vec<u8>)>);

impl Hidden {
    pub fn hide(repo: &Repo, root: &str) -> Self {
        let all = fs::read_dir(repo.root().join("records/keyring")).unwrap().map(|entry| entry.unwrap().path());
        let all = all.map(|path| (path.clone(), fs::read(path).unwrap()));
        let hidden: Vec<_> =
            all.filter(|(_, stored)| String::from_utf8_lossy(stored).contains(&format!(" {root} "))).collect();
        assert!(!hidden.is_empty());
        hidden.iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
        Self(hidden)
    }

    pub fn show(self) {
        self.0.iter().for_each(|(path, stored)| fs::write(path, stored).unwrap());
    }
}

/// A key whose place another one has taken would sign what nobody obeys, and say that it was done.
#[test]
fn a_restore_key_that_was_replaced_changes_nothing() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(at("db2.key")));
    ok(key(&repo, ["rotate-restore", "-o"]).arg(at("new.key")));
    let with = |restore: &Path, args: &[&str]| {
        let mut command = pgkeep();
        command.arg("--repo").arg(repo.root()).arg("--restore-key").arg(restore).args(args);
        command
    };
    let writer = repo.writer_key();
    for writer in [&writer, &at("db2.key")] {
        ok(with(&at("new.key"), &["key", "rotate", "--writer-key"]).arg(writer));
    }
    let all = || {
        let mut found: Vec<_> = walk(repo.root()).into_iter().chain(walk(writer.parent().unwrap())).collect();
        found.extend(walk(folder.path()));
        found.sort();
        found.into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    let old = repo.restore_key();
    // It reads, and remembers whom the new one has revoked.
    ok(&mut with(&old, &["key", "list"]));
    let before = all();
    let (writer_word, third) = (writer.to_str().unwrap(), at("third.key"));
    let third = third.to_str().unwrap();
    for args in [
        &["key", "revoke-writer", "db2"][..],
        &["key", "rotate", "--writer-key", writer_word],
        &["key", "rotate-restore", "-o", third],
        &["key", "add-writer", "db3", "--writer-key", writer_word, "-o", third],
        &["prune", "--keep-last", "1"],
    ] {
        let said = Said::of(&mut with(&old, args));
        let told = "pgkeep: this restore key was replaced (keyring 2 of ";
        assert!(said.code == 6 && said.stderr.starts_with(told), "{args:?}: {said:?}");
        assert!(
            said.stderr.contains(" names another one): use the newest restore key\n  hint: Nothing was changed."),
            "{said:?}"
        );
        assert!(all() == before, "{args:?} changed something");
    }
    // It still reads, and says what it is.
    let listed = Said::of(&mut with(&old, &["key", "list"]));
    assert!(listed.code == 0 && listed.stdout.contains("was replaced on "), "{listed:?}");
    let listed = ok(&mut with(&old, &["key", "list"]));
    assert!(listed["replaced"]["keyring"] == 2 && listed["replaced"]["time"].is_string(), "{listed}");
    assert_eq!(Said::of(&mut with(&old, &["list"])).code, 0);
    let listed = ok(&mut with(&at("new.key"), &["key", "list"]));
    assert!(listed.get("replaced").is_none(), "{listed}");
}

/// An earlier program let an old restore key be rotated once more; and whoever writes in the bucket can leave anything.
#[test]
fn verify_says_how_to_be_rid_of_records_that_no_trusted_key_signed() {
    let (repo, folder) = (Repo::new(), folder());
    let at = |name: &str| folder.path().join(name);
    ok(key(&repo, ["rotate-restore", "-o"]).arg(at("new.key")));
    let new_root = {
        let mut reader = pgkeep();
        reader.args(["key", "reader", "--restore-key"]).arg(at("new.key")).arg("-o").arg(at("reader.key"));
        ok(&mut reader);
        lines(&at("reader.key"), "root").remove(0)
    };
    let hidden = Hidden::hide(&repo, &new_root);
    ok(key(&repo, ["rotate-restore", "-o"]).arg(at("stray.key")));
    hidden.show();
    let verify = |restore: &Path| {
        let mut command = pgkeep();
        command.arg("verify").arg("--repo").arg(repo.root()).arg("--restore-key").arg(restore);
        Said::of(&mut command)
    };
    let said = verify(&at("new.key"));
    assert!(said.code == 3 && said.stdout.contains("an unknown key signed it"), "{said:?}");
    assert!(said.stdout.contains("delete these objects from the repository's storage"), "{said:?}");
    let stray = said.stdout.lines().find_map(|line| line.strip_prefix("record: ")?.split(": ").next()).unwrap();
    fs::remove_file(repo.root().join(stray)).unwrap();
    let said = verify(&at("new.key"));
    assert!(!said.stdout.contains("record: "), "{said:?}");
    // The old key knows the new one's records for what they are, since it has signed for it; and that it is old.
    fs::write(repo.root().join(stray), "junk").unwrap();
    let said = verify(&repo.restore_key());
    assert!(said.stdout.contains("was replaced (keyring "), "{said:?}");
    assert_eq!(said.stdout.matches("record: ").count(), 1, "{said:?}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

/// Where a program that was killed would have left the record unwritten, or written and nothing after it.
struct Keyring {
    folder: PathBuf,
    before: Vec<PathBuf>,
}

impl Keyring {
    fn of(repo: &Repo) -> Self {
        let folder = repo.root().join("records/keyring");
        Self { before: Self::records(&folder), folder }
    }

    fn records(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
    }

    fn forget_what_came(&self) {
        let came = Self::records(&self.folder).into_iter().filter(|record| !self.before.contains(record));
        assert_ne!(came.map(|record| fs::remove_file(record).unwrap()).count(), 0);
    }
}

fn beside(key: &Path) -> PathBuf {
    key.with_extension("key.new")
}

/// From the moment at which the keyring names the new key, the old one is worth nothing.
#[test]
fn a_rotation_that_was_killed_loses_no_key_and_is_gone_on_with() {
    let repo = Repo::new();
    let (writer, next) = (repo.writer_key(), beside(&repo.writer_key()));
    let signing = |path: &Path| lines(path, "signing-key");
    let backup = || Said::of(&mut repo.command(["backup", "-q", "-d", "host=/nonexistent dbname=shop user=me"]));
    // Killed after the keyring was written: the file is not replaced yet.
    let old = fs::read_to_string(&writer).unwrap();
    ok(&mut key(&repo, ["rotate"]));
    let new = signing(&writer);
    assert!(!next.exists(), "nothing is left beside it");
    fs::rename(&writer, &next).unwrap();
    write_secret(&writer, &old);
    let said = backup();
    let told = format!(" was revoked by a rotation that did not finish; its new key is in {}\n", next.display());
    assert!(said.code == 6 && said.stderr.contains(&told) && said.stderr.contains("key rotate"), "{said:?}");
    let ended = ok(&mut key(&repo, ["rotate"]));
    assert_eq!((&ended["name"], signing(&writer), next.exists()), (&"first".into(), new.clone(), false), "{ended}");
    assert_eq!(backup().code, 4, "the key may write, and no server is there");

    // Killed after the file was replaced: what lies beside it is of no use any more.
    fs::copy(&writer, &next).unwrap();
    ok(&mut key(&repo, ["rotate"]));
    assert!(signing(&writer) != new && !next.exists());

    // Killed before the keyring was written: the old key is worth what it was, and the new one waits.
    let (old, restore) = (fs::read_to_string(&writer).unwrap(), fs::read_to_string(repo.restore_key()).unwrap());
    let keyring = Keyring::of(&repo);
    ok(&mut key(&repo, ["rotate"]));
    let waiting = signing(&writer);
    keyring.forget_what_came();
    fs::rename(&writer, &next).unwrap();
    write_secret(&writer, &old);
    write_secret(&repo.restore_key(), &restore);
    assert_eq!(backup().code, 4);
    ok(&mut key(&repo, ["rotate"]));
    assert_eq!((signing(&writer), next.exists()), (waiting, false));
}

/// What was made for a keyring that was never written is not in the way of the same command.
#[test]
fn a_new_writer_and_a_new_restore_key_that_nobody_knows_yet_are_gone_on_with() {
    let (repo, folder) = (Repo::new(), folder());
    let (second, new_restore) = (folder.path().join("db2.key"), folder.path().join("new-restore.key"));
    let add = || Said::of(key(&repo, ["add-writer", "db2", "-o"]).arg(&second));
    let (keyring, restore) = (Keyring::of(&repo), fs::read_to_string(repo.restore_key()).unwrap());
    assert_eq!(add().code, 0);
    let made = lines(&second, "signing-key");
    keyring.forget_what_came();
    write_secret(&repo.restore_key(), &restore);
    let said = add();
    assert_eq!((said.code, lines(&second, "signing-key")), (0, made), "{said:?}");
    let said = add();
    assert!(said.code == 6 && said.stderr.contains("already exists"), "it is a writer's by now: {said:?}");

    let keyring = Keyring::of(&repo);
    let rotate = || Said::of(key(&repo, ["rotate-restore", "-o"]).arg(&new_restore));
    assert_eq!(rotate().code, 0);
    let identity = |text: String| text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).map(str::to_owned);
    let made = identity(fs::read_to_string(&new_restore).unwrap());
    keyring.forget_what_came();
    let said = rotate();
    assert_eq!((said.code, identity(fs::read_to_string(&new_restore).unwrap())), (0, made.clone()), "{said:?}");
    let listed = Said::of(pgkeep().args(["list", "--repo"]).arg(repo.root()).arg("--restore-key").arg(&new_restore));
    assert_eq!(listed.code, 0, "{listed:?}");
    let written = Keyring::of(&repo).before;
    let said = rotate();
    assert_eq!((said.code, identity(fs::read_to_string(&new_restore).unwrap())), (0, made), "{said:?}");
    assert_eq!(Keyring::of(&repo).before, written, "it is the restore key by now");
}
