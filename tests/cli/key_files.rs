//! Key files on disk: what a program that was killed has left beside them, and two programs at the same time.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::key::{key, ok, write_secret};
use crate::pgkeep::{Repo, Said, folder, pgkeep};

/// Names as an earlier program made them, and as today's makes them.
const LEFT: [&str; 2] = [".pgkeep-key-4711", ".pgkeep-key-a1B2c3D4e5F6"];

fn leave(folder: &Path) -> [PathBuf; 2] {
    LEFT.map(|name| {
        write_secret(&folder.join(name), "AGE-SECRET-KEY-1");
        folder.join(name)
    })
}

/// Half a key is a secret that nobody looks after.
#[test]
fn what_a_killed_command_left_of_a_key_goes_with_the_next_one() {
    let (repo, folder) = (Repo::new(), folder());
    let (keys, at) = (repo.writer_key().parent().unwrap().to_owned(), |name: &str| folder.path().join(name));
    let word = at("word");
    write_secret(&word, "correct horse\n");
    let mut reader = pgkeep();
    reader.args(["key", "reader", "--restore-key"]).arg(repo.restore_key()).arg("-o").arg(at("reader.key"));
    let mut init = pgkeep();
    init.arg("init").arg("--repo").arg(at("second")).arg("--keys").arg(folder.path());
    let mut passphrase = pgkeep();
    passphrase.args(["key", "passphrase", "--restore-key"]).arg(repo.restore_key());
    passphrase.arg("--new-passphrase-file").arg(&word);
    let mut add_writer = key(&repo, ["add-writer", "db2", "-o"]);
    add_writer.arg(at("db2.key"));
    let mut rotate_restore = key(&repo, ["rotate-restore", "-o"]);
    rotate_restore.arg(at("new.key"));
    let (here, there) = (keys.as_path(), folder.path());
    for (mut command, cleared) in [
        (reader, there),
        (init, there),
        (add_writer, there),
        (key(&repo, ["rotate"]), here),
        (rotate_restore, there),
        (passphrase, here),
    ] {
        let left = leave(cleared);
        let is_like_it = cleared.join("pgkeep-key-notes");
        fs::write(&is_like_it, "of somebody's").unwrap();
        let said = Said::of(&mut command);
        assert_eq!(said.code, 0, "{command:?}: {said:?}");
        assert!(left.iter().all(|left| !left.exists()), "{command:?}");
        assert!(is_like_it.exists());
    }
    let made = ["reader.key", "db2.key", "new.key", "writer.key", "restore.key"];
    let modes = made.map(|name| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o600; 5]);
}

/// What lay under the name that a command takes for its work was in its way.
#[test]
fn nothing_can_lie_where_a_key_is_made() {
    let (repo, folder) = (Repo::new(), folder());
    let mut shell = Command::new("sh");
    shell.args(["-c", "touch \"$0/.pgkeep-key-$$\"; exec \"$@\""]).arg(folder.path());
    let add = key(&repo, ["add-writer", "db2", "-o"]);
    shell.arg(add.get_program()).args(add.get_args()).arg(folder.path().join("db2.key"));
    add.get_envs().for_each(|(name, value)| {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    });
    ok(&mut shell);
}

/// What another command is writing at this moment is none of a killed one's.
#[test]
fn what_another_command_is_writing_is_left_alone() {
    let (repo, folder) = (Repo::new(), folder());
    let other = File::open(folder.path()).unwrap();
    other.lock().unwrap();
    let theirs = leave(folder.path());
    let mut add = key(&repo, ["add-writer", "db2", "-o"]);
    add.arg(folder.path().join("db2.key"));
    let mut child = add.stdout(Stdio::null()).spawn().unwrap();
    // The system's list of locks says when it waits for this one.
    let inode = format!(":{} ", fs::metadata(folder.path()).unwrap().ino());
    let waits = |locks: String| locks.lines().any(|lock| lock.contains("-> ") && lock.contains(&inode));
    while !waits(fs::read_to_string("/proc/locks").unwrap()) {
        assert!(child.try_wait().unwrap().is_none(), "it did not wait");
        std::thread::yield_now();
    }
    assert!(theirs.iter().all(|theirs| theirs.exists()));
    theirs.iter().for_each(|theirs| fs::remove_file(theirs).unwrap());
    drop(other);
    assert!(child.wait().unwrap().success() && folder.path().join("db2.key").exists());
}
