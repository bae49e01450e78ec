//! `pgkeep init` makes a repository and two keys, and never touches what is there already.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::pgkeep::{Repo, Said, assert_refused, folder, pgkeep};

fn init(repository: &Path, keys: &Path) -> Command {
    let mut command = pgkeep();
    command.arg("init").arg("--repo").arg(repository).arg("--keys").arg(keys);
    command
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_makes_two_private_keys_and_says_where_each_belongs() {
    let folder = folder();
    let (repo, keys) = (folder.path().join("r"), folder.path().join("a/b"));
    let said = Said::of(&mut init(&repo, &keys));
    let expected = format!(
        "created the repository {}\n\n\
         Keep {} on the host that takes backups: it can write and list snapshots, but cannot read rows.\n\
         Move {} to two safe places off this host: without it nobody can read a backup, with it anybody can.\n",
        repo.display(),
        keys.join("writer.key").display(),
        keys.join("restore.key").display()
    );
    assert_eq!((said.code, said.stdout, said.stderr), (0, expected, String::new()));
    assert_eq!([mode(&keys.join("writer.key")), mode(&keys.join("restore.key"))], [0o600, 0o600]);
    // The one object that anyone can read holds no secret.
    let config: serde_json::Value = serde_json::from_slice(&fs::read(repo.join("config")).unwrap()).unwrap();
    let names: Vec<&String> = config.as_object().unwrap().keys().collect();
    assert_eq!(names, ["created", "format", "repository"]);
    assert_eq!(config["format"], 2);
}

#[test]
fn with_json_it_names_what_it_made() {
    let folder = folder();
    let (repo, keys) = (folder.path().join("r"), folder.path().join("k"));
    let said = Said::of(init(&repo, &keys).arg("--json"));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let expected = serde_json::json!({
        "repository": repo, "writer_key": keys.join("writer.key"), "restore_key": keys.join("restore.key"),
    });
    assert_eq!(said.document(), expected);
}

/// The stock age tools read the identities: each key file's `public key` is what age-keygen derives from its secret.
#[test]
fn both_keys_are_age_identities() {
    let repo = Repo::new();
    for key in [repo.writer_key(), repo.restore_key()] {
        let derived =
            Command::new("age-keygen").arg("-y").arg(&key).output().expect("age-keygen; scripts/setup has it");
        assert!(derived.status.success(), "{derived:?}");
        let (text, derived) = (fs::read_to_string(&key).unwrap(), String::from_utf8(derived.stdout).unwrap());
        assert!(text.contains(&format!("# public key: {derived}")), "{derived} is not in {}", key.display());
    }
    // Data is encrypted to the restore key and to nobody else.
    let restore = fs::read_to_string(repo.restore_key()).unwrap();
    let public = restore.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let writer = fs::read_to_string(repo.writer_key()).unwrap();
    let recipients: Vec<&str> = writer.lines().filter_map(|line| line.strip_prefix("# pgkeep-recipient: ")).collect();
    assert_eq!(recipients, [public]);
}

#[test]
fn a_repository_is_never_initialised_again() {
    let repo = Repo::new();
    let before = fs::read(repo.root().join("config")).unwrap();
    let keys = folder();
    assert_refused(
        &mut init(repo.root(), &keys.path().join("new")),
        7,
        &format!(
            "pgkeep: a repository already exists at {}\n  \
             hint: Use it, or name another place. An existing repository is never initialised again.\n",
            repo.root().display()
        ),
    );
    assert!(!keys.path().join("new").exists());
    assert_eq!(fs::read(repo.root().join("config")).unwrap(), before);
}

#[test]
fn a_key_is_never_overwritten() {
    for name in ["writer.key", "restore.key"] {
        let folder = folder();
        let (repo, key) = (folder.path().join("r"), folder.path().join(name));
        fs::write(&key, "precious").unwrap();
        assert_refused(
            &mut init(&repo, folder.path()),
            6,
            &format!(
                "pgkeep: the key file {} already exists\n  \
                 hint: A key is never overwritten, because data may depend on it. Name another folder. There is no repository at {}: \
                 where an `init` of it was killed and has left the keys in {}, nothing depends on these two, and they can be deleted.\n",
                key.display(),
                repo.display(),
                folder.path().display()
            ),
        );
        assert_eq!(fs::read_to_string(&key).unwrap(), "precious");
        assert!(!repo.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the other key was made");
    }
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let folder = folder();
    let (repo, keys) = (folder.path().join("r"), folder.path().join("k"));
    fs::create_dir(&repo).unwrap();
    fs::write(repo.join("diary"), "mine").unwrap();
    assert_refused(
        &mut init(&repo, &keys),
        7,
        &format!(
            "pgkeep: {} is not empty\n  hint: Name a folder that does not exist yet, or an empty one.\n",
            repo.display()
        ),
    );
    assert!(!keys.exists());
    assert_eq!(fs::read_dir(&repo).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_is_taken() {
    let (repo, keys) = (folder(), folder());
    assert_eq!(Said::of(&mut init(repo.path(), keys.path())).code, 0);
}

#[test]
fn a_place_below_a_file_is_refused() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let repo = file.join("repo");
    assert_refused(
        &mut init(&repo, &folder.path().join("k")),
        5,
        &format!("pgkeep: cannot create {}\n  because: Not a directory (os error 20)\n", repo.display()),
    );
    let said = Said::of(&mut init(&folder.path().join("r"), &file.join("k")));
    assert_eq!(said.code, 6, "{said:?}");
    assert_eq!(
        said.stderr,
        format!(
            "pgkeep: cannot write the key file {}\n  because: Not a directory (os error 20)\n",
            file.join("k").display()
        )
    );
}

/// A full disk among the keys, and among the repository's own bytes. Needs a small tmpfs, and so root.
#[test]
fn a_full_disk_leaves_no_half_of_a_key() {
    let folder = folder();
    let (small, repo) = (folder.path().join("small"), folder.path().join("r"));
    fs::create_dir(&small).unwrap();
    if !rustix::process::geteuid().is_root()
        || !Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "none"])
            .arg(&small)
            .status()
            .unwrap()
            .success()
    {
        eprintln!("left out: a_full_disk_leaves_no_half_of_a_key (it mounts a small tmpfs)");
        return;
    }
    // From no page free to all that it takes.
    let mut ended = std::collections::BTreeSet::new();
    for free in 0..=12 {
        let filler = small.join("filler");
        let mut left = 16_i64 - free;
        let mut file = fs::File::create(&filler).unwrap();
        while left > 0 && std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {
            left -= 1;
        }
        drop(file);
        for (at, keys) in [(repo.clone(), small.join("k")), (small.join("r"), folder.path().join("k"))] {
            let said = Said::of(&mut init(&at, &keys));
            ended.insert(said.code);
            let names = |path: &Path| fs::read_dir(path).map_or(0, |entries| entries.count());
            if said.code != 0 {
                assert_eq!(names(&keys), 0, "{free}: {said:?}");
                assert!(!at.join("config").exists(), "{free}: {said:?}");
            }
            for path in [&at, &keys] {
                let _ = fs::remove_dir_all(path);
            }
        }
        fs::remove_file(&filler).unwrap();
    }
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    assert!(ended.contains(&0) && ended.len() > 1, "{ended:?}");
}

/// What failed can be tried again as it was, with the keys' folder put right.
#[test]
fn a_failed_init_does_not_stand_in_the_way_of_the_next() {
    let folder = folder();
    let (repo, keys) = (folder.path().join("r"), folder.path().join("k"));
    fs::write(&keys, "a file where a folder should be").unwrap();
    assert_eq!(Said::of(&mut init(&repo, &keys)).code, 6);
    fs::remove_file(&keys).unwrap();
    let said = Said::of(&mut init(&repo, &keys));
    assert_eq!(said.code, 0, "{said:?}");
}
