//! `pgkeep key`, where no snapshot is needed: recipients, passphrases, the list of writers.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::pgkeep::{Repo, Said, assert_refused, folder, pgkeep};

pub fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// What a line of a key file says.
pub fn lines(key: &Path, name: &str) -> Vec<String> {
    let prefix = format!("# pgkeep-{name}: ");
    fs::read_to_string(key).unwrap().lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// A new key of the stock age, and its recipient.
fn age_key(folder: &Path, name: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    let made = Command::new("age-keygen").arg("-o").arg(&path).output().expect("age-keygen; scripts/setup has it");
    assert!(made.status.success(), "{made:?}");
    let public = Command::new("age-keygen").arg("-y").arg(&path).output().unwrap();
    (path, String::from_utf8(public.stdout).unwrap().trim().to_owned())
}

/// A new SSH key and its public line.
fn ssh_key(folder: &Path, kind: &str, passphrase: &str) -> (PathBuf, String) {
    let path = folder.join(format!("id_{kind}"));
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", kind, "-N", passphrase, "-C", "somebody", "-f"]).arg(&path);
    assert!(make.status().expect("ssh-keygen runs").success());
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, public.trim().to_owned())
}

pub fn key<'a>(repo: &Repo, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = repo.command(["key"]);
    command.arg("--restore-key").arg(repo.restore_key()).args(args);
    command
}

#[track_caller]
pub fn ok(command: &mut Command) -> Value {
    let said = Said::of(command.arg("--json"));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    said.document()
}

/// Answers on a terminal of its own; what was shown there is returned with the exit code.
fn on_terminal(command: &Command, typed: &str) -> (i32, String) {
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script of util-linux runs");
    let (mut keyboard, mut screen) = (child.stdin.take(), child.stdout.take().unwrap());
    let mut answers = typed.lines();
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while screen.read(&mut byte).unwrap() == 1 {
        shown.push(byte[0]);
        // Each answer waits for its question, which begins with the program's name: what is typed ahead of the first the terminal
        // itself would show.
        if shown.ends_with(b": ") && !shown.ends_with(b"pgkeep: ") {
            match answers.next() {
                Some(answer) => writeln!(keyboard.as_mut().unwrap(), "{answer}").unwrap(),
                None => keyboard = None,
            }
        }
    }
    (child.wait().unwrap().code().unwrap(), String::from_utf8(shown).unwrap())
}

/// A signal at the question ends it, and a second one at the same moment: the terminal shows again what is typed.
#[test]
fn a_signal_at_the_question_leaves_the_terminal_as_it_was() {
    use rustix::process::{Pid, Signal, kill_process};
    let (repo, folder) = (Repo::new(), folder());
    let word = folder.path().join("word");
    write_secret(&word, "correct horse\n");
    let protect = ["key", "passphrase", "--new-passphrase-file"];
    assert_eq!(Said::of(pgkeep().args(protect).arg(&word).arg("--restore-key").arg(repo.restore_key())).code, 0);
    let script_file = folder.path().join("ask.sh");
    let text = format!(
        "sh -c 'echo \"pid $$.\"; exec \"$0\" \"$@\"' '{}' list --repo '{}' --restore-key '{}'\necho \"ended with $?\"\nstty -a\n",
        env!("CARGO_BIN_EXE_pgkeep"),
        repo.root().display(),
        repo.restore_key().display()
    );
    fs::write(&script_file, text).unwrap();
    for signals in [&[Signal::TERM][..], &[Signal::INT], &[Signal::TERM, Signal::TERM], &[Signal::INT, Signal::TERM]] {
        let mut script = Command::new("script");
        script
            .args(["-q", "-c", &format!("sh {}", script_file.display()), "/dev/null"])
            .env_remove("PGKEEP_PASSPHRASE_FILE");
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script of util-linux runs");
        let (keyboard, mut screen) = (child.stdin.take(), child.stdout.take().unwrap());
        let (mut shown, mut byte, mut is_asked) = (Vec::new(), [0], false);
        while screen.read(&mut byte).unwrap() == 1 {
            shown.push(byte[0]);
            if shown.ends_with(b"restore.key: ") && !is_asked {
                is_asked = true;
                let text = String::from_utf8_lossy(&shown);
                let pid = text.split_once("pid ").unwrap().1.split_once('.').unwrap().0.parse().unwrap();
                for (n, signal) in signals.iter().enumerate() {
                    let sent = kill_process(Pid::from_raw(pid).unwrap(), *signal);
                    // The first may have ended it already.
                    assert!(sent.is_ok() || n > 0 && sent == Err(rustix::io::Errno::SRCH), "{signals:?}: {sent:?}");
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
            }
        }
        drop(keyboard);
        child.wait().unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("ended with 130"), "{signals:?}: {shown}");
        for setting in [" echo ", " icanon ", "isig "] {
            assert!(shown.contains(setting), "{signals:?}: {setting} is off: {shown}");
        }
    }
}

/// What is drawn over a question, or below it, hides what is asked; and Ctrl-C ends a command there as anywhere else.
#[test]
fn nothing_is_drawn_at_a_question_and_ctrl_c_ends_it() {
    let (repo, folder) = (Repo::new(), folder());
    let word = folder.path().join("word");
    write_secret(&word, "correct horse\n");
    let protect = ["key", "passphrase", "--new-passphrase-file"];
    assert_eq!(Said::of(pgkeep().args(protect).arg(&word).arg("--restore-key").arg(repo.restore_key())).code, 0);
    let (program, root, restore) = (env!("CARGO_BIN_EXE_pgkeep"), repo.root().display(), repo.restore_key());
    let list = format!("'{program}' list --repo '{root}' --restore-key '{}'", restore.display());
    let init = format!("'{program}' init --passphrase --repo '{root}2' --keys '{}/keys'", folder.path().display());
    for command in [list, init] {
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &command, "/dev/null"]).env_remove("PGKEEP_PASSPHRASE_FILE");
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script of util-linux runs");
        let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut shown, mut byte) = (Vec::new(), [0]);
        while !shown.ends_with(b"restore.key: ") && screen.read(&mut byte).unwrap() == 1 {
            shown.push(byte[0]);
        }
        // The display draws five times in this.
        std::thread::sleep(std::time::Duration::from_secs(1));
        keyboard.write_all(b"\x03").unwrap();
        let mut rest = String::new();
        screen.read_to_string(&mut rest).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!((code, rest.split('\n').next()), (Some(130), Some("\r")), "{command}: {rest:?}");
        assert!(rest.contains("pgkeep: interrupted"), "{rest:?}");
    }
}

#[test]
fn recipients_of_every_kind_are_added_and_begin_a_new_chunk_key() {
    let (repo, folder) = (Repo::new(), folder());
    let (_, age) = age_key(folder.path(), "friend.key");
    let (_, ed25519) = ssh_key(folder.path(), "ed25519", "");
    let (_, rsa) = ssh_key(folder.path(), "rsa", "");
    let without_name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let before = lines(&repo.writer_key(), "chunk-key");
    let own = lines(&repo.writer_key(), "recipient");

    let file = folder.path().join("recipients.txt");
    fs::write(&file, format!("# our people\n\n{ed25519}\n{rsa}\n")).unwrap();
    let said = ok(&mut key(&repo, ["add-recipient", &age, &format!("@{}", file.display())]));
    let expected = [own[0].clone(), age.clone(), without_name(&ed25519), without_name(&rsa)];
    assert_eq!(said["recipients"], Value::from(expected.to_vec()));
    assert_eq!(said["new_chunk_key"], true);
    assert_eq!(lines(&repo.writer_key(), "recipient"), expected);
    let after = lines(&repo.writer_key(), "chunk-key");
    assert_ne!(after, before, "chunks stored before could not be read by the new recipients");

    let listed = ok(&mut key(&repo, ["list"]));
    let kinds: Vec<&str> =
        listed["recipients"].as_array().unwrap().iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["x25519", "x25519", "ssh", "ssh"]);
    assert_eq!(listed["recipients"][0]["restore_key"], true);
    assert_eq!(listed["recipients"][1]["restore_key"], false);

    let again = format!("pgkeep: the writer key already encrypts to {age}\n");
    assert_refused(&mut key(&repo, ["add-recipient", &age]), 6, &again);
    ok(&mut key(&repo, ["remove-recipient", &age, "--keep-chunks"]));
    assert_eq!(lines(&repo.writer_key(), "chunk-key"), after);
    ok(&mut key(&repo, ["remove-recipient", &ed25519]));
    assert_ne!(lines(&repo.writer_key(), "chunk-key"), after);
    assert_eq!(lines(&repo.writer_key(), "recipient"), [own[0].clone(), without_name(&rsa)]);
    assert_refused(
        &mut key(&repo, ["remove-recipient", &age]),
        6,
        &format!("pgkeep: the writer key does not encrypt to {age}\n  hint: `pgkeep key list` shows the recipients.\n"),
    );
}

#[test]
fn the_restore_keys_recipient_and_the_last_one_stay() {
    let (repo, folder) = (Repo::new(), folder());
    let own = lines(&repo.writer_key(), "recipient").remove(0);
    let last = format!(
        "pgkeep: {own} is the last recipient of the writer key\n  \
         hint: Nobody could read the next backup. Add another recipient first.\n"
    );
    assert_refused(&mut key(&repo, ["remove-recipient", &own]), 6, &last);
    assert_refused(&mut key(&repo, ["remove-recipient", &own, "--force"]), 6, &last);
    let (_, friend) = age_key(folder.path(), "friend.key");
    ok(&mut key(&repo, ["add-recipient", &friend]));
    assert_refused(
        &mut key(&repo, ["remove-recipient", &own]),
        6,
        &format!(
            "pgkeep: {own} is the restore key's own recipient\n  hint: Without it the restore key cannot decrypt new backups. --force removes it anyway: then keep the identities of the other recipients as safe as the restore key.\n"
        ),
    );
    ok(&mut key(&repo, ["remove-recipient", &own, "--force"]));
    assert_eq!(lines(&repo.writer_key(), "recipient"), [friend]);
}

#[test]
fn what_is_no_recipient_changes_nothing_and_a_secret_is_not_repeated() {
    let (repo, folder) = (Repo::new(), folder());
    let before = fs::read(repo.writer_key()).unwrap();
    let hint = "  hint: A recipient is age1..., ssh-ed25519 ..., ssh-rsa ... or a plugin's age1NAME1...; @FILE reads them from a file, one per line.\n";
    assert_refused(
        &mut key(&repo, ["add-recipient", "age1nonsense"]),
        6,
        &format!("pgkeep: the recipient cannot be used\n  because: `age1nonsense` is not an age recipient\n{hint}"),
    );
    let (path, _) = age_key(folder.path(), "friend.key");
    let secret = fs::read_to_string(path).unwrap().lines().last().unwrap().to_owned();
    let refused =
        format!("pgkeep: the recipient cannot be used\n  because: it is an identity, which is secret\n{hint}");
    assert_refused(&mut key(&repo, ["add-recipient", &secret]), 6, &refused);
    // A real recipient of a plugin that is nowhere.
    let yubikey = "age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt";
    assert_refused(
        key(&repo, ["add-recipient", yubikey]).env("PATH", "/nonexistent"),
        6,
        &format!(
            "pgkeep: cannot encrypt to {yubikey}\n  because: the program age-plugin-yubikey, which a recipient of the writer key needs, is not installed on this machine\n  hint: Install the plugin on the host that takes backups, on its PATH: it \
             runs there at each backup.\n"
        ),
    );
    let empty = folder.path().join("empty");
    fs::write(&empty, "# nobody\n").unwrap();
    assert_refused(
        &mut key(&repo, ["add-recipient", &format!("@{}", empty.display())]),
        6,
        &format!("pgkeep: {} contains no recipient\n", empty.display()),
    );
    assert_eq!(fs::read(repo.writer_key()).unwrap(), before);
}

/// The old file or the new one, never a part: a new inode takes the name, with the owner and mode of the old one.
#[test]
fn a_changed_key_keeps_its_mode_and_leaves_nothing_beside_it() {
    let (repo, folder) = (Repo::new(), folder());
    let (_, friend) = age_key(folder.path(), "friend.key");
    fs::set_permissions(repo.writer_key(), Permissions::from_mode(0o400)).unwrap();
    let link = folder.path().join("link.key");
    std::os::unix::fs::symlink(repo.writer_key(), &link).unwrap();
    let before = fs::metadata(repo.writer_key()).unwrap();
    ok(pgkeep().args(["key", "add-recipient", &friend, "--writer-key"]).arg(&link));
    let after = fs::metadata(repo.writer_key()).unwrap();
    assert_eq!((after.mode() & 0o777, after.uid(), after.gid()), (0o400, before.uid(), before.gid()));
    assert_ne!(after.ino(), before.ino());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mut names: Vec<_> = fs::read_dir(repo.writer_key().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["restore.key", "writer.key"]);
}

#[test]
fn a_passphrase_protects_the_restore_key_and_the_stock_age_asks_for_it() {
    let (repo, folder) = (Repo::new(), folder());
    let secret = fs::read_to_string(repo.restore_key()).unwrap().lines().last().unwrap().to_owned();
    assert!(secret.starts_with("AGE-SECRET-KEY-1"));
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    write_secret(&first, "correct horse\n");
    write_secret(&second, "battery staple\n");

    let said = ok(key(&repo, ["passphrase", "--passphrase-file"]).arg(&first));
    assert_eq!(said["protected"], true);
    let stored = fs::read_to_string(repo.restore_key()).unwrap();
    assert!(stored.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{stored}");
    assert_eq!(fs::metadata(repo.restore_key()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(ok(&mut key(&repo, ["list"]))["restore_key_protected"], true, "the writer key tells without asking");

    // As the stock age reads its own protected identity files.
    let public = lines(&repo.writer_key(), "recipient").remove(0);
    let (plain, sealed) = (folder.path().join("plain"), folder.path().join("sealed"));
    fs::write(&plain, "rows").unwrap();
    let age = Command::new("age").args(["-r", &public, "-o"]).arg(&sealed).arg(&plain).status().unwrap();
    assert!(age.success());
    let mut open = Command::new("age");
    open.args(["-d", "-o"]).arg(folder.path().join("opened")).arg("-i").arg(repo.restore_key()).arg(&sealed);
    let (code, shown) = on_terminal(&open, "correct horse\n");
    assert_eq!(code, 0, "{shown}");
    assert_eq!(fs::read_to_string(folder.path().join("opened")).unwrap(), "rows");

    let list = || {
        let mut list = pgkeep();
        list.arg("list").arg("--repo").arg(repo.root()).arg("--restore-key").arg(repo.restore_key());
        list
    };
    let path = repo.restore_key().display().to_string();
    assert_refused(
        &mut list(),
        6,
        &format!(
            "pgkeep: the key file {path} needs a passphrase, but none was given\n  hint: Run it on a terminal, or name \
             a source: --passphrase-file FILE, PGKEEP_PASSPHRASE_FILE or PGKEEP_PASSPHRASE_COMMAND.\n"
        ),
    );
    let wrong = format!(
        "pgkeep: wrong passphrase for {path}\n  \
         hint: Is it the right key file? A forgotten passphrase cannot be recovered.\n"
    );
    assert_refused(list().arg("--passphrase-file").arg(&second), 6, &wrong);
    for given in [
        list().arg("--passphrase-file").arg(&first),
        list().env("PGKEEP_PASSPHRASE_FILE", &first),
        list().env("PGKEEP_PASSPHRASE_COMMAND", "echo 'correct horse'"),
    ] {
        let said = Said::of(given);
        assert_eq!((said.code, said.stdout.as_str()), (0, "no snapshots yet\n"), "{said:?}");
    }
    let (code, shown) = on_terminal(&list(), "correct horse\n");
    assert!(code == 0 && shown.contains("the passphrase of") && !shown.contains("AGE-SECRET"), "{shown}");

    // Changed, then taken away: the identity is what it was.
    let changed =
        ok(key(&repo, ["passphrase", "--passphrase-file"]).arg(&first).arg("--new-passphrase-file").arg(&second));
    assert_eq!(changed["protected"], true);
    assert_refused(list().arg("--passphrase-file").arg(&first), 6, &wrong);
    let removed = ok(key(&repo, ["passphrase", "--remove", "--passphrase-file"]).arg(&second));
    assert_eq!(removed["protected"], false);
    assert_eq!(fs::read_to_string(repo.restore_key()).unwrap().lines().last().unwrap(), secret);
    assert_refused(
        &mut key(&repo, ["passphrase", "--remove"]),
        6,
        &format!("pgkeep: the key file {path} has no passphrase\n"),
    );
}

#[test]
fn a_new_passphrase_is_typed_twice_and_unseen() {
    let folder = folder();
    let (root, keys) = (folder.path().join("repo"), folder.path().join("keys"));
    let mut init = pgkeep();
    init.args(["init", "--passphrase", "--repo"]).arg(&root).arg("--keys").arg(&keys);
    let (code, shown) = on_terminal(&init, "correct horse\ncorrect house\n");
    assert!(code == 6 && shown.contains("the two passphrases differ"), "{shown}");
    assert!(!root.exists() && !keys.exists());
    let (code, shown) = on_terminal(&init, "\n");
    assert!(code == 6 && shown.contains("the passphrase is empty"), "{shown}");
    // Typed a little ahead of the second question, it is unseen as well.
    let (code, shown) = on_terminal(&init, "correct horse\rcorrect horse\n");
    assert!(code == 0 && !shown.contains("correct horse"), "{shown}");
    fs::remove_dir_all(&root).unwrap();
    fs::remove_dir_all(&keys).unwrap();
    let (code, shown) = on_terminal(&init, "correct horse\ncorrect horse\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("a new passphrase for") && shown.contains("repeat the passphrase"), "{shown}");
    assert!(!shown.contains("correct horse"), "{shown}");
    assert!(fs::read_to_string(keys.join("restore.key")).unwrap().starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));

    // Without a terminal it is asked for nowhere, and nothing is made.
    let mut init = pgkeep();
    init.args(["init", "--passphrase", "--repo"])
        .arg(folder.path().join("r"))
        .arg("--keys")
        .arg(folder.path().join("k"));
    let said = Said::of(&mut init);
    let key = folder.path().join("k/restore.key");
    let told = format!(
        "pgkeep: no passphrase was given for the key file {}, and there is no terminal to ask for it\n",
        key.display()
    );
    assert!(said.code == 6 && said.stderr.starts_with(&told), "{said:?}");
    for source in ["--passphrase-file FILE", "PGKEEP_PASSPHRASE_FILE", "PGKEEP_PASSPHRASE_COMMAND", "on a terminal"] {
        assert!(said.stderr.contains(source), "{said:?}");
    }
    assert!(!folder.path().join("r").exists() && !folder.path().join("k").exists());
}

#[test]
fn writers_are_added_listed_and_revoked() {
    let (repo, folder) = (Repo::new(), folder());
    let second = folder.path().join("db2.key");
    let before = ok(&mut key(&repo, ["list"]));
    assert_eq!(before["keyring"], 0);
    let first_id = before["writers"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(before["writers"][0]["given"], true);

    let added = ok(key(&repo, ["add-writer", "db2", "-o"]).arg(&second));
    assert_eq!((&added["name"], &added["keyring"]), (&"db2".into(), &1.into()));
    assert_eq!(fs::metadata(&second).unwrap().mode() & 0o777, 0o600);
    // Shared but for the signing key.
    for name in ["repository", "chunk-key", "digest-key", "recipient", "root"] {
        assert_eq!(lines(&second, name), lines(&repo.writer_key(), name), "{name}");
    }
    assert_ne!(lines(&second, "signing-key"), lines(&repo.writer_key(), "signing-key"));
    let signers = lines(&repo.restore_key(), "signer");
    assert_eq!(signers.len(), 2);
    assert!(signers[0].starts_with(&first_id) && signers[1].starts_with(added["id"].as_str().unwrap()));
    assert_eq!(lines(&repo.restore_key(), "keyring"), ["1"]);
    assert_refused(
        key(&repo, ["add-writer", "db2", "-o"]).arg(folder.path().join("other.key")),
        6,
        "pgkeep: a writer db2 already exists\n  hint: Choose another name, or revoke that writer first.\n",
    );
    assert!(!folder.path().join("other.key").exists());

    // Each host learns of it without a new key file.
    let listed = repo.json(["key", "list"]);
    let names: Vec<&str> = listed["writers"].as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["first", "db2"]);
    assert_eq!(lines(&repo.writer_key(), "keyring"), ["1"], "the writer key remembers what it saw");

    let revoked = ok(&mut key(&repo, ["revoke-writer", "db2"]));
    assert_eq!((&revoked["id"], &revoked["keyring"]), (&added["id"], &2.into()));
    assert_eq!(lines(&repo.restore_key(), "signer"), signers[..1]);
    let id = added["id"].as_str().unwrap();
    assert_refused(
        pgkeep().args(["backup", "-d", "x", "--repo"]).arg(repo.root()).arg("--writer-key").arg(&second),
        6,
        &format!(
            "pgkeep: the writer key {id} was revoked\n  hint: Nothing that it writes would be trusted. `pgkeep key add-writer` \
             makes a new key for this host.\n"
        ),
    );
    assert_refused(&mut key(&repo, ["revoke-writer", id]), 6, "pgkeep: the writer db2 is already revoked\n");
    // The name is free for the host's next key.
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(folder.path().join("new.key")));
    assert_refused(
        &mut key(&repo, ["revoke-writer", "host-9"]),
        6,
        "pgkeep: there is no writer `host-9`\n  hint: `pgkeep key list` shows names and ids.\n",
    );
}

/// A key file of the first version knows no root: it goes on working, and learns of nobody.
#[test]
fn a_writer_key_without_root_goes_on_working() {
    let (repo, folder) = (Repo::new(), folder());
    let text = fs::read_to_string(repo.writer_key()).unwrap();
    let old: Vec<&str> =
        text.lines().filter(|line| !line.contains("pgkeep-root") && !line.contains("restore-")).collect();
    fs::write(repo.writer_key(), old.join("\n") + "\n").unwrap();
    assert_eq!(repo.json(["list"]), serde_json::json!([]));
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(folder.path().join("db2.key")));
    assert_eq!(repo.json(["key", "list"])["keyring"], 0);
    // Rotation brings it up to date.
    ok(&mut key(&repo, ["rotate"]));
    assert_eq!(lines(&repo.writer_key(), "root"), lines(&folder.path().join("db2.key"), "root"));
    assert_eq!(repo.json(["key", "list"])["keyring"], 2);
}

#[test]
fn a_keyring_that_was_removed_is_missed() {
    let (repo, folder) = (Repo::new(), folder());
    ok(key(&repo, ["add-writer", "db2", "-o"]).arg(folder.path().join("db2.key")));
    repo.json(["list"]);
    let kept = fs::read_dir(repo.root().join("records/keyring")).unwrap().next().unwrap().unwrap().path();
    ok(&mut key(&repo, ["revoke-writer", "db2"]));
    repo.json(["list"]);
    for entry in fs::read_dir(repo.root().join("records/keyring")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry != kept {
            fs::remove_file(entry).unwrap();
        }
    }
    let refused = "pgkeep: the key file knows keyring 2, but the repository's newest is keyring 1\n  \
                   hint: A record under records/keyring/ was removed, perhaps to make a revoked writer valid again. Nothing was trusted or written. Restore the record from a copy of the bucket; docs/operations.md, \"Keys\", says what to \
                   do without one.\n";
    assert_refused(&mut repo.command(["list"]), 5, refused);
    assert_refused(&mut repo.command(["backup", "-d", "x"]), 5, refused);
    assert_refused(&mut key(&repo, ["list"]), 5, refused);
    fs::remove_file(kept).unwrap();
    let said = Said::of(&mut repo.command(["list"]));
    assert!(said.code == 5 && said.stderr.contains("the repository's newest is none"), "{said:?}");
}

#[test]
fn a_reading_key_reads_nothing_and_signs_nothing_by_itself() {
    let (repo, folder) = (Repo::new(), folder());
    let reader = folder.path().join("reader.key");
    ok(key(&repo, ["reader", "-o"]).arg(&reader));
    let text = fs::read_to_string(&reader).unwrap();
    assert!(!text.contains("AGE-SECRET-KEY"), "{text}");
    assert_eq!(lines(&reader, "root"), lines(&repo.writer_key(), "root"));
    let with_reader = |args: &[&str]| {
        let mut command = pgkeep();
        command.arg("--repo").arg(repo.root()).arg("--restore-key").arg(&reader).args(args);
        command
    };
    let path = reader.display();
    assert_refused(
        &mut with_reader(&["list"]),
        6,
        &format!(
            "pgkeep: {path} is a reading key, which has no identity of its own\n  hint: Name the file of your age identity \
             or SSH private key: --identity FILE\n"
        ),
    );
    assert_refused(
        &mut with_reader(&["key", "revoke-writer", "first"]),
        6,
        &format!(
            "pgkeep: {path} is a reading key, but the restore key itself is needed\n  hint: Name the restore key that `pgkeep init` made: \
             --restore-key FILE\n"
        ),
    );
    let (identity, _) = age_key(folder.path(), "friend.key");
    let said = Said::of(with_reader(&["list", "-i"]).arg(&identity));
    assert_eq!((said.code, said.stdout.as_str()), (0, "no snapshots yet\n"), "{said:?}");
    // An SSH key under a passphrase asks on the terminal, and says so where there is none.
    let (ssh, _) = ssh_key(folder.path(), "ed25519", "correct horse");
    let said = Said::of(with_reader(&["list", "-i"]).arg(&ssh));
    assert!(said.code == 6 && said.stderr.contains("needs a passphrase, but none was given"), "{said:?}");
    let (code, shown) = on_terminal(with_reader(&["list", "-i"]).arg(&ssh), "correct horse\n");
    assert!(code == 0 && shown.contains("no snapshots yet"), "{shown}");
    let (code, shown) = on_terminal(with_reader(&["list", "-i"]).arg(&ssh), "wrong\n");
    assert!(code == 6 && shown.contains("wrong passphrase for"), "{shown}");
    let junk = folder.path().join("junk");
    fs::write(&junk, "secret words\n").unwrap();
    let said = Said::of(with_reader(&["list", "-i"]).arg(&junk));
    assert!(said.code == 6 && !said.stderr.contains("secret words"), "{said:?}");
}

/// A *cannot* without a test is a hope.
#[test]
fn every_cannot_of_the_threat_model_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let tests = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let all = |room: &str, files: &[&str]| -> String {
        files.iter().map(|file| tests(&format!("tests/{room}/{file}.rs"))).collect()
    };
    let server = all(
        "server",
        &[
            "bridge_code",
            "code_of_others",
            "left_in_session",
            "late_code",
            "loose_code",
            "loose_twins",
            "read_by_name",
            "same_named",
            "set_on_roles",
            "reap_alone",
            "replay_alone",
            "split_lock",
            "junk",
            "row_hash",
            "store/folder",
            "threat",
            "split_trust",
            "split_bridge",
            "split_finish_twins",
            "split_names",
            "split_seal",
            "user_code",
            "climbing",
            "split_given_up",
        ],
    );
    let cli = all("cli", &["dedup", "interleave", "key", "key_remembered", "key_replaced", "key_rotation"]);
    let mut named = 0;
    for item in model.split("\n- ").skip(1).filter(|item| item.contains("**cannot**") || item.contains("**Cannot**")) {
        let item = item.split("\n\n").next().unwrap();
        let names: Vec<&str> = item.split('`').filter(|word| word.contains("::") && !word.contains(' ')).collect();
        assert!(!names.is_empty(), "{item}");
        for name in names {
            let (file, test) = name.split_once("::").unwrap();
            let source = if file == "server" { &server } else { &cli };
            let is_there = ["#[test]\n", "#[tokio::test]\nasync "]
                .iter()
                .any(|begin| source.contains(&format!("{begin}fn {test}() {{")));
            assert!(is_there, "{name}");
            named += 1;
        }
    }
    assert!(named > 12, "{named}");
}

/// `chmod 600` of a folder would help nobody.
#[test]
fn a_folder_where_a_key_file_belongs_is_told_with_the_file_in_it() {
    let repo = Repo::new();
    let keys = repo.writer_key().parent().unwrap().to_owned();
    let told = |name: &str| {
        let (folder, file) = (keys.display(), keys.join(name));
        format!(
            "pgkeep: {folder} is a folder, not a key file\n  hint: Name the file, not its folder, such as {}\n",
            file.display()
        )
    };
    for (switch, name) in [("--writer-key", "writer.key"), ("--restore-key", "restore.key")] {
        let mut command = pgkeep();
        command.arg("--repo").arg(repo.root()).arg(switch).arg(&keys).arg("list");
        assert_refused(&mut command, 6, &told(name));
    }
    let mut command = repo.command(["key", "passphrase", "--restore-key"]);
    command.arg(repo.restore_key()).arg("--new-passphrase-file").arg(&keys);
    let said = Said::of(&mut command);
    assert!(said.code == 6 && said.stderr.contains("is a directory") && !said.stderr.contains("chmod"), "{said:?}");
}

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Opening one waits for whoever writes into it, and no signal ends that.
#[test]
fn a_fifo_where_a_file_belongs_is_told_and_not_waited_for() {
    let (repo, folder) = (Repo::new(), folder());
    let pipe = folder.path().join("pipe");
    fifo(&pipe);
    let pipe = pipe.to_str().unwrap();
    let (root, writer, restore) = (repo.root(), repo.writer_key(), repo.restore_key());
    let [root, writer, restore] = [root, &writer, &restore].map(|path| path.to_str().unwrap());
    let policy = folder.path().join("nightly.toml");
    let text = format!(
        "[source]\ndsn = \"host=/nowhere user=u dbname=d\"\npassword_file = \"pipe\"\n[repository]\nurl = \"{root}\"\nwriter_key = \"{writer}\"\n"
    );
    write_secret(&policy, &text);
    let service = format!("service=copy servicefile={pipe}");
    for (args, code) in [
        (&["list", "--writer-key", pipe][..], 6),
        (&["list", "--restore-key", pipe], 6),
        (&["list", "--restore-key", restore, "--identity", pipe], 6),
        (&["key", "passphrase", "--restore-key", restore, "--new-passphrase-file", pipe], 6),
        (&["key", "add-recipient", "--writer-key", writer, &format!("@{pipe}")], 6),
        (&["run", pipe], 2),
        (&["run", policy.to_str().unwrap()], 2),
        (&["drill", "--restore-key", restore, "--assert", pipe], 2),
        (&["backup", "--writer-key", writer, "-d", &service], 2),
    ] {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=2", "20", env!("CARGO_BIN_EXE_pgkeep")]).args(args).env("PGKEEP_REPO", root);
        let said = Said::of(&mut command);
        assert!(said.code == code && said.stderr.contains("it is a FIFO, and no file"), "{args:?}: {said:?}");
    }
    // What a shell hands over has somebody who writes.
    let script = r#""$0" key passphrase --restore-key "$1" --new-passphrase-file <(echo correct horse)"#;
    let mut shell = Command::new("bash");
    let said = Said::of(shell.args(["-c", script, env!("CARGO_BIN_EXE_pgkeep"), restore]));
    assert_eq!(said.code, 0, "{said:?}");
}
