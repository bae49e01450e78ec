use std::os::unix::fs::PermissionsExt;

use age::secrecy::SecretString;

use super::*;

#[test]
fn both_keys_read_back_and_neither_passes_for_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, restore) = generate();
    let (w, r) = (dir.path().join("writer.key"), dir.path().join("restore.key"));
    writer.write(&w).unwrap();
    restore.write(&r, &Protection::Plain).unwrap();
    let read = WriterKey::read(&w).unwrap();
    assert_eq!(read.signing.to_bytes(), writer.signing.to_bytes());
    assert_eq!(read.recipients[0].to_string(), restore.identity.to_public().to_string());
    assert_eq!(RestoreKey::read(&r).unwrap().signers, vec![writer.signing.verifying_key()]);
    assert!(matches!(RestoreKey::read(&w), Err(KeyError::Malformed { kind: KeyKind::Restore, .. })));
    assert!(matches!(WriterKey::read(&r), Err(KeyError::Malformed { kind: KeyKind::Writer, .. })));
    assert!(matches!(writer.write(&w), Err(KeyError::Exists { .. })));
    let secret = restore.identity.to_string();
    assert!(!fs::read_to_string(&w).unwrap().contains(secret.expose_secret()), "the writer key holds the restore key");
}

#[test]
fn a_writer_key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("writer.key");
    generate().0.write(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(WriterKey::read(&path), Err(KeyError::Exposed { mode: 0o640, .. })));
}

/// As the first version wrote it: no root, no line that says which recipient is the restore key's.
#[test]
fn a_writer_key_of_the_first_version_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("writer.key");
    let (writer, _) = generate();
    writer.write(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let old: Vec<&str> =
        text.lines().filter(|l| !l.contains("pgkeep-root") && !l.contains("restore-recipient")).collect();
    assert_eq!(old.len() + 2, text.lines().count());
    fs::write(&path, old.join("\n")).unwrap();
    let read = WriterKey::read(&path).unwrap();
    assert_eq!((read.root, read.keyring, read.former.len()), (None, 0, 0));
    assert!(read.restore_recipient == writer.restore_recipient);
}

fn signer(seed: u8) -> [u8; 32] {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

#[test]
fn a_keyring_is_remembered_and_only_ever_goes_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("restore.key");
    let (_, restore) = generate();
    let protection = Protection::Passphrase(SecretString::from("correct horse"));
    restore.write(&path, &protection).unwrap();
    let revoked = |of: &[u8]| -> Revoked { of.iter().map(|seed| signer(*seed)).collect() };
    for (number, expected, of, remembered) in [
        (3, 3, &[][..], &[][..]),
        (2, 3, &[1], &[1]),
        (4, 4, &[2], &[1, 2]),
        (4, 4, &[2, 3], &[1, 2, 3]),
        (4, 4, &[], &[1, 2, 3]),
    ] {
        disk::remember_keyring(&path, number, &revoked(of), &protection).unwrap();
        let read = RestoreKey::open(&path, &protection).unwrap();
        assert_eq!((read.keyring, read.revoked), (expected, revoked(remembered)));
    }
    assert_eq!(RestoreKey::open(&path, &protection).unwrap().signers, restore.signers);
    assert!(matches!(RestoreKey::read(&path), Err(KeyError::PassphraseNeeded { .. })));
    let wrong = Protection::Passphrase(SecretString::from("wrong"));
    assert!(matches!(RestoreKey::open(&path, &wrong), Err(KeyError::WrongPassphrase { .. })));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Of a renewed key nothing is the old one's but what opens older things.
#[test]
fn a_renewed_key_shares_no_secret_that_writes() {
    let (writer, restore) = generate();
    let new = writer.renewed();
    assert_ne!(new.signing.to_bytes(), writer.signing.to_bytes());
    assert_ne!((new.chunk_key.0, new.digest_key.0), (writer.chunk_key.0, writer.digest_key.0));
    assert_ne!(new.identity.to_public().to_string(), writer.identity.to_public().to_string());
    assert_eq!(new.former[0].to_public().to_string(), writer.identity.to_public().to_string());
    let renewed = restore.renewed();
    assert_ne!(renewed.root(), restore.root());
    assert_eq!(renewed.former[0].to_public().to_string(), restore.identity.to_public().to_string());
}
