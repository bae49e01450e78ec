//! What `docs/threat-model.md` says that somebody *cannot* do, tried by him.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ed25519_dalek::{Signer, SigningKey};
use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::Server;
use crate::verify::objects;

/// A word that is in a row, in a table's name and in a function's text.
const SECRET: &str = "quetzalcoatl";

fn sample(server: &Server) {
    server.ask(&format!(
        "CREATE SCHEMA shop; CREATE TABLE shop.{SECRET} (id int PRIMARY KEY, note text);
         INSERT INTO shop.{SECRET} SELECT n, '{SECRET} ' || md5(n::text) FROM generate_series(1, 20000) n;
         CREATE FUNCTION shop.f() RETURNS text LANGUAGE sql AS $$ SELECT '{SECRET}'::text $$"
    ));
}

fn change(server: &Server, n: u32) {
    server.ask(&format!("INSERT INTO shop.{SECRET} SELECT i, md5(i::text) FROM generate_series({n}00000, {n}00500) i"));
}

fn start() -> (Repo, Server) {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    sample(&server);
    (repo, server)
}

fn backup_with(repo: &Repo, key: &Path, server: &Server) -> Said {
    let mut command = pgkeep();
    command.args(["backup", "--json", "-d", &server.dsn("postgres"), "--repo"]).arg(repo.root());
    Said::of(command.arg("--writer-key").arg(key))
}

#[track_caller]
fn backup(repo: &Repo, key: &Path, server: &Server) -> String {
    let said = backup_with(repo, key, server);
    assert_eq!(said.code, 0, "{said:?}");
    said.document()["snapshot"].as_str().unwrap().to_owned()
}

/// `pgkeep key`, with both keys of the repository.
fn key(repo: &Repo, args: &[&str]) -> Command {
    let mut command = repo.command(["key", "--restore-key"]);
    command.arg(repo.restore_key()).args(args);
    command
}

#[track_caller]
fn ok(command: &mut Command) -> Value {
    let said = Said::of(command.arg("--json"));
    assert_eq!(said.code, 0, "{said:?}");
    said.document()
}

fn with_restore_key(repo: &Repo, args: &[&str]) -> Said {
    let mut command = pgkeep();
    command.arg("--repo").arg(repo.root()).arg("--restore-key").arg(repo.restore_key()).args(args);
    Said::of(&mut command)
}

/// The object's name in the repository.
fn manifest_of(repo: &Repo, id: &str) -> String {
    objects(repo.root(), "snapshots").into_iter().find(|name| name.ends_with(id)).unwrap()
}

/// Signed as docs/format.md says.
fn signed(word: &str, name: &str, content: &[u8], key: &SigningKey) -> Vec<u8> {
    let mut message = format!("pgkeep {word} 1\n{name}\n").into_bytes();
    message.extend_from_slice(blake3::hash(content).as_bytes());
    let signature = hex::encode(key.sign(&message).to_bytes());
    let mut object =
        format!("pgkeep-{word}/1 {} {signature}\n", hex::encode(key.verifying_key().to_bytes())).into_bytes();
    object.extend_from_slice(content);
    object
}

/// What follows a manifest's signature line.
fn content(manifest: &[u8]) -> &[u8] {
    &manifest[manifest.iter().position(|byte| *byte == b'\n').unwrap() + 1..]
}

fn signing_key(key: &Path) -> SigningKey {
    let text = fs::read_to_string(key).unwrap();
    let seed = text.lines().find_map(|line| line.strip_prefix("# pgkeep-signing-key: ")).unwrap();
    SigningKey::from_bytes(&hex::decode(seed).unwrap().try_into().unwrap())
}

fn signer_of(key: &Path) -> String {
    hex::encode(signing_key(key).verifying_key().to_bytes())
}

/// The stock age opens an object with this key file, or does not.
fn age_opens(key: &Path, object: &[u8], scratch: &Path) -> bool {
    let path = scratch.join("object");
    fs::write(&path, object).unwrap();
    let said = Command::new("age").arg("-d").arg("-i").arg(key).arg("-o").arg("/dev/null").arg(&path).output();
    said.expect("age; scripts/setup has it").status.success()
}

/// That a restore refuses the snapshot before it has done anything to the target.
#[track_caller]
fn assert_restore_refuses(repo: &Repo, server: &Server, snapshot: &str, words: &str) {
    let said = Said::of(&mut repo.restore([snapshot, "--create", "-d", &server.dsn("victim")]));
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains(words), "{words}: {said:?}");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'victim'"), "0");
}

fn chunk_key(key: &Path) -> [u8; 32] {
    let text = fs::read_to_string(key).unwrap();
    let secret = text.lines().find_map(|line| line.strip_prefix("# pgkeep-chunk-key: ")).unwrap();
    hex::decode(secret).unwrap().try_into().unwrap()
}

/// What a chunk holds, by stock tools and the restore key.
fn plaintext(repo: &Repo, object: &str) -> Vec<u8> {
    let opened = Command::new("bash")
        .args(["-c", "set -euo pipefail; age -d -i \"$1\" \"$2\" | zstd -dc", "bash"])
        .args([repo.restore_key(), repo.root().join(object)])
        .output()
        .unwrap();
    assert!(opened.status.success(), "{opened:?}");
    opened.stdout
}

/// A manifest's JSON.
fn plaintext_manifest(repo: &Repo, id: &str, key: &Path) -> String {
    let opened = Command::new("bash")
        .args(["-c", "set -euo pipefail; tail -c +213 \"$2\" | age -d -i \"$1\" | zstd -dc", "bash"])
        .args([key.to_owned(), repo.root().join(manifest_of(repo, id))])
        .output()
        .unwrap();
    assert!(opened.status.success(), "{opened:?}");
    String::from_utf8(opened.stdout).unwrap()
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

// The bucket, read.

#[test]
fn the_bucket_shows_no_row_and_no_name_of_a_table() {
    let (repo, server) = start();
    backup(&repo, &repo.writer_key(), &server);
    let stranger = Repo::new();
    let scratch = folder();
    let mut seen = 0;
    for name in objects(repo.root(), "") {
        let stored = fs::read(repo.root().join(&name)).unwrap();
        for word in [SECRET, "shop", "postgres"] {
            assert!(!contains(&stored, word), "{word} stands in {name}");
        }
        if name == "config" || name.starts_with("records/") {
            continue;
        }
        let sealed = if name.starts_with("snapshots/") { content(&stored) } else { &stored[..] };
        assert!(sealed.starts_with(b"age-encryption.org/v1\n"), "{name}");
        assert!(!age_opens(&stranger.restore_key(), sealed, scratch.path()), "{name}");
        assert!(age_opens(&repo.restore_key(), sealed, scratch.path()), "{name}: the test proves nothing");
        seen += 1;
    }
    assert!(seen > 3, "{seen}");
}

#[test]
fn a_guessed_chunk_cannot_be_confirmed_without_the_chunk_key() {
    let (repo, server) = start();
    // Little enough for one chunk: where more are cut is the repository's secret as well.
    server.ask(&format!("DELETE FROM shop.{SECRET} WHERE id > 100"));
    backup(&repo, &repo.writer_key(), &server);
    let other = Repo::new();
    backup(&other, &other.writer_key(), &server);
    let names = |repo: &Repo| -> BTreeSet<String> {
        let data = objects(repo.root(), "data");
        data.iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!([names(&repo).len(), names(&other).len()], [1, 1], "the same rows are in both");
    assert!(names(&repo).is_disjoint(&names(&other)), "the same rows have the same name twice");
    // Who knows every row knows the plaintext, and still not the name.
    let chunk_key = chunk_key(&repo.writer_key());
    for name in objects(repo.root(), "data") {
        let plain = plaintext(&repo, &name);
        let stored_as = name.rsplit('/').next().unwrap();
        assert_eq!(blake3::keyed_hash(&chunk_key, &plain).to_string(), stored_as, "with the key it is the name");
        for guess in [blake3::hash(&plain), blake3::keyed_hash(&[0; 32], &plain)] {
            assert_ne!(guess.to_string(), stored_as);
        }
    }
}

// The bucket, written and deleted from.

#[test]
fn the_bucket_cannot_make_a_restore_run_other_sql() {
    let (repo, server) = start();
    let first = backup(&repo, &repo.writer_key(), &server);
    change(&server, 1);
    let second = backup(&repo, &repo.writer_key(), &server);
    let (one, two) = (manifest_of(&repo, &first), manifest_of(&repo, &second));
    let (of_one, of_two) = (fs::read(repo.root().join(&one)).unwrap(), fs::read(repo.root().join(&two)).unwrap());
    let put = |name: &str, bytes: &[u8]| fs::write(repo.root().join(name), bytes).unwrap();

    // Changed.
    let mut changed = of_two.clone();
    *changed.last_mut().unwrap() ^= 1;
    put(&two, &changed);
    assert_restore_refuses(&repo, &server, &second, "its content or name was changed");
    // Signed by another.
    let stranger = SigningKey::from_bytes(&[7; 32]);
    put(&two, &signed("manifest", &two, content(&of_two), &stranger));
    assert_restore_refuses(&repo, &server, &second, "an unknown key signed it");
    // An older snapshot in the place of a newer one.
    put(&two, &of_one);
    assert_restore_refuses(&repo, &server, &second, "its content or name was changed");
    put(&two, &of_two);
    // An older snapshot replayed as the newest: of a later time, but none that lies in the future and would be passed over.
    let time = (chrono::Utc::now() + chrono::TimeDelta::minutes(5)).format("%Y%m%dT%H%M%S%.3fZ");
    let newest = &format!("snapshots/{time}-ffffffffffffffff");
    put(newest, &of_one);
    assert_restore_refuses(&repo, &server, "latest", "its content or name was changed");
    fs::remove_file(repo.root().join(newest)).unwrap();

    // Chunks of the schema exchanged: nothing of them is run.
    let metas: Vec<String> = objects(repo.root(), "meta").into_iter().collect();
    let before: Vec<Vec<u8>> = metas.iter().map(|name| fs::read(repo.root().join(name)).unwrap()).collect();
    for (n, name) in metas.iter().enumerate() {
        put(name, &before[(n + 1) % before.len()]);
    }
    let said = Said::of(&mut repo.restore([&second, "--create", "-d", &server.dsn("victim")]));
    assert_eq!(said.code, 5, "{said:?}");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'victim'"), "0");
    for (name, bytes) in metas.iter().zip(&before) {
        put(name, bytes);
    }
    // Chunks of rows exchanged: the table is not loaded.
    let data: Vec<String> = objects(repo.root(), "data").into_iter().collect();
    assert!(data.len() > 1, "{data:?}");
    let before: Vec<Vec<u8>> = data.iter().map(|name| fs::read(repo.root().join(name)).unwrap()).collect();
    for (n, name) in data.iter().enumerate() {
        put(name, &before[(n + 1) % before.len()]);
    }
    let said = Said::of(&mut repo.restore([&second, "--create", "-d", &server.dsn("swapped")]));
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("its content does not match its name"), "{said:?}");
    for (name, bytes) in data.iter().zip(&before) {
        put(name, bytes);
    }
    // As it was, it restores: what was refused was refused for what was done to it.
    let whole = repo.restored([&second, "--create", "-d", &server.dsn("whole")]);
    assert_eq!(whole["proven"], true);
}

#[test]
fn the_bucket_cannot_forge_a_record_nor_name_a_writer_or_a_recipient() {
    let (repo, server) = start();
    let snapshot = backup(&repo, &repo.writer_key(), &server);
    let stranger = SigningKey::from_bytes(&[7; 32]);
    let signer = hex::encode(stranger.verifying_key().to_bytes());
    let put = |name: &str, record: &Value, key: &SigningKey| {
        let path = repo.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, signed("record", name, record.to_string().as_bytes(), key)).unwrap();
    };
    // A proof that never was.
    let proven = json!({ "snapshot": snapshot, "time": "2026-11-22T03:00:00Z" });
    put("records/proven/20261122T030000.000Z-0000000000000001", &proven, &stranger);
    assert_eq!(repo.json(["list"])[0]["proven_at"], Value::Null);
    put("records/proven/20261122T030000.000Z-0000000000000002", &proven, &signing_key(&repo.writer_key()));
    assert_ne!(repo.json(["list"])[0]["proven_at"], Value::Null, "a writer's would count: the test proves something");

    // A writer of his own: not even with the key of a writer.
    let writers = json!([{ "name": "mallory", "signer": signer, "added": "2026-11-22T03:00:00Z", "revoked": null }]);
    let keyring = json!({ "number": 7, "writers": writers, "recipients": ["age1mallory"] });
    put("records/keyring/20261122T030000.000Z-0000000000000003", &keyring, &stranger);
    put("records/keyring/20261122T030000.000Z-0000000000000004", &keyring, &signing_key(&repo.writer_key()));
    let listed = repo.json(["key", "list"]);
    assert_eq!(listed["keyring"], 0);
    assert!(!listed.to_string().contains("mallory"), "{listed}");
    let name = manifest_of(&repo, &snapshot);
    let stored = fs::read(repo.root().join(&name)).unwrap();
    fs::write(repo.root().join(&name), signed("manifest", &name, content(&stored), &stranger)).unwrap();
    assert_restore_refuses(&repo, &server, &snapshot, "an unknown key signed it");
    fs::write(repo.root().join(&name), &stored).unwrap();

    // What the next backup encrypts to is what the writer key says: one recipient for rows, one more for metadata.
    change(&server, 1);
    let old = objects(repo.root(), "");
    backup(&repo, &repo.writer_key(), &server);
    for name in objects(repo.root(), "").difference(&old) {
        let stored = fs::read(repo.root().join(name)).unwrap();
        let head = String::from_utf8_lossy(&stored[..stored.len().min(2000)]).into_owned();
        let expected = if name.starts_with("data/") { 1 } else { 2 };
        assert_eq!(head.matches("\n-> X25519 ").count(), expected, "{name}");
    }
}

// The host that takes backups.

#[test]
fn the_writer_key_opens_no_row_not_even_by_the_stock_age() {
    let (repo, server) = start();
    backup(&repo, &repo.writer_key(), &server);
    let scratch = folder();
    let data = objects(repo.root(), "data");
    assert!(!data.is_empty());
    for name in &data {
        let stored = fs::read(repo.root().join(name)).unwrap();
        assert!(!age_opens(&repo.writer_key(), &stored, scratch.path()), "{name}");
        assert!(age_opens(&repo.restore_key(), &stored, scratch.path()), "{name}");
    }
    for name in objects(repo.root(), "meta") {
        let stored = fs::read(repo.root().join(&name)).unwrap();
        assert!(age_opens(&repo.writer_key(), &stored, scratch.path()), "{name}: the test proves nothing");
    }
    // Nor by giving it out as a restore key.
    let said = Said::of(pgkeep().arg("--repo").arg(repo.root()).arg("--restore-key").arg(repo.writer_key()).args([
        "restore",
        "latest",
        "--create",
        "-d",
        &server.dsn("victim"),
    ]));
    assert_eq!(said.code, 6, "{said:?}");
}

// The restore key, and those who read.

#[test]
fn an_old_restore_key_opens_no_row_that_is_stored_after_a_rotation() {
    let (repo, server) = start();
    let first = backup(&repo, &repo.writer_key(), &server);
    let new = repo.restore_key().with_file_name("new-restore.key");
    ok(key(&repo, &["rotate-restore", "-o"]).arg(&new));
    ok(repo.command(["key", "rotate", "--restore-key"]).arg(&new));
    let old_objects = objects(repo.root(), "data");
    let second = backup(&repo, &repo.writer_key(), &server);
    let scratch = folder();
    let added: Vec<String> = objects(repo.root(), "data").difference(&old_objects).cloned().collect();
    let rows = ok(&mut repo.command(["show", &second]))["relations"][0]["rows"].as_u64().unwrap();
    assert!(rows == 20000 && !added.is_empty(), "{rows}");
    let manifest = plaintext_manifest(&repo, &second, &new);
    for name in &old_objects {
        assert!(!manifest.contains(name.rsplit('/').next().unwrap()), "{name}: every row is stored anew");
    }
    for name in &added {
        let stored = fs::read(repo.root().join(name)).unwrap();
        assert!(!age_opens(&repo.restore_key(), &stored, scratch.path()), "{name}");
        assert!(age_opens(&new, &stored, scratch.path()), "{name}");
    }
    // The new one opens what is old and what is new.
    for (n, snapshot) in [&first, &second].into_iter().enumerate() {
        let mut restore = pgkeep();
        restore.arg("--repo").arg(repo.root()).arg("--restore-key").arg(&new).args(["restore", snapshot, "--create"]);
        let said = Said::of(restore.args(["-d", &server.dsn(&format!("again{n}"))]));
        assert!(said.code == 0 && said.stdout.contains("proven"), "{said:?}");
    }
    let said = with_restore_key(&repo, &["show", &second]);
    assert!(said.code != 0, "{said:?}");
}

#[test]
fn a_recipient_reads_what_came_after_it_and_nothing_after_its_removal() {
    let (repo, server) = start();
    let before = backup(&repo, &repo.writer_key(), &server);
    let scratch = folder();
    let identity = scratch.path().join("id_ed25519");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&identity).status();
    assert!(made.unwrap().success());
    let public = format!("@{}", identity.with_extension("pub").display());
    ok(&mut key(&repo, &["add-recipient", &public]));
    let reader = scratch.path().join("reader.key");
    ok(key(&repo, &["reader", "-o"]).arg(&reader));
    let first_objects = objects(repo.root(), "data");
    let with_it = backup(&repo, &repo.writer_key(), &server);
    ok(&mut key(&repo, &["remove-recipient", &public]));
    let second_objects = objects(repo.root(), "data");
    let after = backup(&repo, &repo.writer_key(), &server);

    let restore = |snapshot: &str, database: &str| {
        let mut restore = pgkeep();
        restore.arg("--repo").arg(repo.root()).arg("--restore-key").arg(&reader).arg("--identity").arg(&identity);
        Said::of(restore.args(["restore", snapshot, "--create", "-d", &server.dsn(database)]))
    };
    let said = restore(&with_it, "by_friend");
    assert!(said.code == 0 && said.stdout.contains("proven"), "{said:?}");
    assert!(said.stdout.contains("a reading key cannot sign"), "the proof is no record of the repository: {said:?}");
    for snapshot in [&before, &after] {
        assert_eq!(restore(snapshot, "never").code, 6);
    }
    for (name, may) in first_objects
        .iter()
        .map(|name| (name, false))
        .chain(second_objects.difference(&first_objects).map(|name| (name, true)))
        .chain(objects(repo.root(), "data").difference(&second_objects).map(|name| (name, false)))
    {
        let stored = fs::read(repo.root().join(name)).unwrap();
        assert_eq!(age_opens(&identity, &stored, scratch.path()), may, "{name}");
        assert!(age_opens(&repo.restore_key(), &stored, scratch.path()), "{name}");
    }
    let verified = Said::of(
        pgkeep().arg("--repo").arg(repo.root()).arg("--restore-key").arg(&reader).arg("-i").arg(&identity).args([
            "verify",
            "--read-data",
            &with_it,
        ]),
    );
    assert_eq!(verified.code, 0, "{verified:?}");
}

// A writer that was revoked.

/// A second host with a key of its own, and one snapshot by each.
fn two_writers(repo: &Repo, server: &Server) -> (PathBuf, String, String) {
    let second = repo.writer_key().with_file_name("db2.key");
    ok(key(repo, &["add-writer", "db2", "-o"]).arg(&second));
    let by_first = backup(repo, &repo.writer_key(), server);
    change(server, 2);
    let by_second = backup(repo, &second, server);
    (second, by_first, by_second)
}

#[test]
fn two_writers_read_each_other_and_share_chunks() {
    let (repo, server) = start();
    let (second, by_first, by_second) = two_writers(&repo, &server);
    for key in [repo.writer_key(), second] {
        let mut list = pgkeep();
        list.args(["list", "--repo"]).arg(repo.root()).arg("--writer-key").arg(key);
        let listed = ok(&mut list);
        let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|line| line["snapshot"].as_str().unwrap()).collect();
        assert_eq!(ids, [&by_first, &by_second]);
    }
    let again = repo.json(["backup", "-d", &server.dsn("postgres")]);
    assert_eq!((&again["objects_new"], &again["parent"]), (&0.into(), &by_second.into()));
}

#[test]
fn what_a_revoked_writer_signs_later_is_refused_and_what_it_signed_before_is_not() {
    let (repo, server) = start();
    let (second, by_first, by_second) = two_writers(&repo, &server);
    change(&server, 3);
    let planted = backup(&repo, &second, &server);
    let revoked = ok(&mut key(&repo, &["revoke-writer", "db2", "--distrust", &planted]));
    assert_eq!(revoked["trusted"][0]["snapshot"], by_second);
    assert_eq!(revoked["distrusted"][0]["snapshot"], planted);
    assert_eq!(revoked["trusted"].as_array().unwrap().len(), 1);
    assert_restore_refuses(
        &repo,
        &server,
        &planted,
        "its writer was revoked, and the snapshot was not there at that time",
    );
    fs::remove_file(repo.root().join(manifest_of(&repo, &planted))).unwrap();
    for (n, snapshot) in [&by_first, &by_second].into_iter().enumerate() {
        assert_eq!(repo.restored([snapshot, "--create", "-d", &server.dsn(&format!("kept{n}"))])["proven"], true);
    }

    // The program does not write for it any more, and somebody who does so by hand is not believed, whatever the time he claims.
    assert_eq!(backup_with(&repo, &second, &server).code, 6);
    let thief = signing_key(&second);
    let kept_name = manifest_of(&repo, &by_second);
    let kept = fs::read(repo.root().join(&kept_name)).unwrap();
    let other = fs::read(repo.root().join(manifest_of(&repo, &by_first))).unwrap();
    for (name, id) in [
        ("snapshots/20200101T000000.000Z-aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"),
        ("snapshots/20991231T000000.000Z-bbbbbbbbbbbbbbbb", "bbbbbbbbbbbbbbbb"),
    ] {
        fs::write(repo.root().join(name), signed("manifest", name, content(&kept), &thief)).unwrap();
        assert_restore_refuses(
            &repo,
            &server,
            id,
            "its writer was revoked, and the snapshot was not there at that time",
        );
        let said = Said::of(&mut repo.command(["show", id]));
        assert!(said.code == 5 && said.stderr.contains("its writer was revoked"), "{said:?}");
        fs::remove_file(repo.root().join(name)).unwrap();
    }
    // Another one under a name that is trusted.
    fs::write(repo.root().join(&kept_name), signed("manifest", &kept_name, content(&other), &thief)).unwrap();
    assert_restore_refuses(&repo, &server, &by_second, "its writer was revoked, and the snapshot was changed since");
    fs::write(repo.root().join(&kept_name), &kept).unwrap();
    assert_eq!(with_restore_key(&repo, &["verify", "--read-data"]).code, 0);

    // Its records count for nothing more.
    let name = "records/proven/20261122T030000.000Z-0000000000000009";
    let proven = json!({ "snapshot": by_second, "time": "2099-01-01T00:00:00Z" }).to_string();
    fs::create_dir_all(repo.root().join("records/proven")).unwrap();
    fs::write(repo.root().join(name), signed("record", name, proven.as_bytes(), &thief)).unwrap();
    let listed = repo.json(["list"]);
    assert!(!listed.to_string().contains("2099"), "{listed}");
}

#[test]
fn a_revoked_writer_does_not_come_back_by_deleting_a_record() {
    let (repo, server) = start();
    let (_, _, by_second) = two_writers(&repo, &server);
    ok(&mut key(&repo, &["revoke-writer", "db2"]));
    let newest = objects(repo.root(), "records/keyring").pop_last().unwrap();
    fs::remove_file(repo.root().join(newest)).unwrap();
    assert_restore_refuses(&repo, &server, &by_second, "the key file knows keyring 2");
    let said = Said::of(&mut repo.command(["list"]));
    assert_eq!(said.code, 0, "the host has not seen keyring 2 yet: {said:?}");
}

#[test]
fn a_leaked_writer_key_writes_nothing_more_once_it_is_rotated() {
    let (repo, server) = start();
    let first = backup(&repo, &repo.writer_key(), &server);
    let leaked = repo.writer_key().with_file_name("leaked.key");
    fs::copy(repo.writer_key(), &leaked).unwrap();
    let old_objects = objects(repo.root(), "data");
    ok(&mut key(&repo, &["rotate"]));
    assert_ne!(signer_of(&repo.writer_key()), signer_of(&leaked));
    assert_eq!(backup_with(&repo, &leaked, &server).code, 6);
    let second = backup(&repo, &repo.writer_key(), &server);
    let new_objects = objects(repo.root(), "data");
    let (old_key, new_key) = (chunk_key(&leaked), chunk_key(&repo.writer_key()));
    for name in &new_objects {
        let (plain, stored_as) = (plaintext(&repo, name), name.rsplit('/').next().unwrap());
        let is_of = |key| blake3::keyed_hash(key, &plain).to_string() == stored_as;
        let old = old_objects.contains(name);
        assert_eq!([is_of(&old_key), is_of(&new_key)], [old, !old], "{name}: a name that the leaked key can make");
    }
    assert!(new_objects.len() > old_objects.len());
    // Metadata of new snapshots is closed to it, that of old ones is not.
    let scratch = folder();
    let opens = |id: &str| {
        let stored = fs::read(repo.root().join(manifest_of(&repo, id))).unwrap();
        age_opens(&leaked, content(&stored), scratch.path())
    };
    assert_eq!([opens(&first), opens(&second)], [true, false]);
    // The host reads both, as before.
    assert_eq!(repo.json(["list"]).as_array().unwrap().len(), 2);
    assert_eq!(repo.restored([&first, "--create", "-d", &server.dsn("old")])["proven"], true);
    assert_eq!(repo.restored([&second, "--create", "-d", &server.dsn("new")])["proven"], true);
}

/// What a key has signed before it was exchanged is no forgery, and what was proven stays proven.
#[test]
fn exchanged_keys_leave_nothing_that_verify_complains_of_and_no_proof_is_lost() {
    let (repo, server) = start();
    let snapshot = backup(&repo, &repo.writer_key(), &server);
    let new = repo.restore_key().with_file_name("new-restore.key");
    repo.json(["verify", "--budget", "1m"]);
    assert_eq!(repo.restored([&snapshot, "--create", "-d", &server.dsn("one")])["proven"], true);
    let proven = |repo: &Repo| repo.json(["list"])[0]["proven_at"].clone();
    let before = proven(&repo);
    assert!(before.is_string(), "{before}");
    ok(&mut key(&repo, &["rotate"]));
    repo.json(["verify"]);
    ok(key(&repo, &["rotate-restore", "-o"]).arg(&new));
    ok(repo.command(["key", "rotate", "--restore-key"]).arg(&new));
    repo.json(["verify"]);
    ok(pgkeep().arg("verify").arg("--repo").arg(repo.root()).arg("--restore-key").arg(&new));
    assert_eq!(proven(&repo), before);
}

// The database server.

/// psql would run what begins with a backslash on the restoring host (CVE-2025-8714).
#[test]
fn the_server_cannot_make_the_restoring_host_run_a_program() {
    let (repo, server) = start();
    let scratch = folder();
    let mark = scratch.path().join("mark");
    let hostile = format!("x\n\\! touch {}\n", mark.display());
    server.ask(&format!(
        "CREATE TABLE shop.\"{hostile}\" (\"{hostile}\" text); INSERT INTO shop.\"{hostile}\" VALUES (E'\\\\.\\n\\\\! touch {mark}');
         COMMENT ON TABLE shop.\"{hostile}\" IS '{hostile}'",
        mark = mark.display()
    ));
    let snapshot = backup(&repo, &repo.writer_key(), &server);
    assert_eq!(repo.restored([&snapshot, "--create", "-d", &server.dsn("copy")])["proven"], true);
    assert!(!mark.exists());
}
