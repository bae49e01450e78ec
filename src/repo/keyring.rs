//! The keyring: who may write, said by the holder of the restore key.
//!
//! Each change is a new record with the whole list and a number one higher. Only the root signs it, so a host learns of a new or
//! revoked writer without a new key file, and nobody who can merely write to the store can add one.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::keys::{KeyError, Revoked};
use super::record::{Record, Stored, each_record};
use super::snapshot::SnapshotName;
use super::succession::{FormerRoot, verifying_key};
use crate::store::Store;
use crate::stream::seal::PublicRecord;

const NAME_BYTES_MAX: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyring {
    /// From 1 up; 0 is the keyring of a repository that has none.
    pub number: u64,
    pub writers: Vec<Writer>,
    /// Keys that signed this list before, the restore keys of earlier days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_roots: Vec<FormerRoot>,
}

/// One signing key. A name may come again once its earlier holder is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    pub name: String,
    #[serde(with = "verifying_key")]
    pub signer: VerifyingKey,
    pub added: DateTime<Utc>,
    pub revoked: Option<Revocation>,
}

/// What stays trusted of a writer whose key no longer is. A stolen key can date a manifest back, and can sign another one under an
/// old name: so neither a time nor a name is trusted, but the bytes that were there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub time: DateTime<Utc>,
    pub manifests: Vec<TrustedManifest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedManifest {
    /// `TIME-ID`.
    pub name: String,
    /// BLAKE3 of the stored object.
    #[serde(with = "hex::serde")]
    pub blake3: [u8; 32],
}

impl PublicRecord for Keyring {}

impl Record for Keyring {
    const KIND: &'static str = "keyring";
}

impl Writer {
    pub fn new(name: &str, signer: VerifyingKey) -> Self {
        Self { name: name.to_owned(), signer, added: Utc::now(), revoked: None }
    }

    /// The first eight hexadecimal digits of the public key, as tables show it.
    pub fn id(&self) -> String {
        signer_id(&self.signer)
    }
}

/// The first eight hexadecimal digits of a public key.
pub fn signer_id(signer: &VerifyingKey) -> String {
    hex::encode(&signer.to_bytes()[..4])
}

impl Keyring {
    /// What the records say that this root has signed; number 0 and nobody where there is none. Two changes made at the same time
    /// are joined: who is revoked in one of them is revoked.
    pub(super) async fn load(store: &Store, root: Option<VerifyingKey>) -> Result<Self, RepoError> {
        let Some(root) = root else { return Ok(Self::default()) };
        let mut keyrings = Vec::new();
        each_record(store, &[root].into(), |stored| keyrings.push(stored)).await?;
        keyrings.sort_unstable_by(|a: &Stored<Self>, b| a.key.cmp(&b.key));
        let mut joined = Self::default();
        keyrings.into_iter().for_each(|stored| joined.join(stored.record));
        Ok(joined)
    }

    /// What both say; `other` is the later one.
    pub fn join(&mut self, other: Keyring) {
        self.number = self.number.max(other.number);
        for former in other.former_roots {
            match self.former_roots.iter_mut().find(|known| known.root == former.root) {
                None => self.former_roots.push(former),
                // An earlier program did not have it signed.
                Some(known) if former.succession.is_some() => *known = former,
                Some(_) => {}
            }
        }
        for writer in other.writers {
            match self.writers.iter_mut().find(|known| known.signer == writer.signer) {
                None => self.writers.push(writer),
                Some(known) => match (&mut known.revoked, writer.revoked) {
                    (_, None) => {}
                    (None, revoked) => known.revoked = revoked,
                    (Some(one), Some(two)) => one.manifests.retain(|manifest| two.manifests.contains(manifest)),
                },
            }
        }
    }

    /// Ends the trust in whom a later restore key has revoked, of those who are named here or in the key's file.
    pub(super) fn adopt_revocations(&mut self, later: &Keyring, signers: &[VerifyingKey]) {
        let is_known = |writer: &&Writer| self.of_signer(&writer.signer).is_some() || signers.contains(&writer.signer);
        let revoked =
            later.writers.iter().filter(|writer| writer.revoked.is_some()).filter(is_known).cloned().collect();
        self.join(Keyring { number: self.number, writers: revoked, former_roots: Vec::new() });
    }

    /// The keyring with the writers that only the restore key's file knows.
    pub fn with_signers(&self, signers: &[VerifyingKey]) -> Self {
        let mut keyring = self.clone();
        for signer in signers {
            if !keyring.writers.iter().any(|writer| writer.signer == *signer) {
                let taken = |name: &str| keyring.writers.iter().any(|writer| writer.name == name);
                let name = if taken("first") { signer_id(signer) } else { "first".to_owned() };
                keyring.writers.push(Writer::new(&name, *signer));
            }
        }
        keyring
    }

    /// Adds a writer under a name that no active one has.
    pub fn add(&mut self, name: &str, signer: VerifyingKey) -> Result<(), KeyError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
            return Err(KeyError::WriterName { name: name.to_owned() });
        }
        if self.writers.iter().any(|writer| writer.revoked.is_none() && writer.name == name) {
            return Err(KeyError::WriterExists { name: name.to_owned() });
        }
        self.writers.push(Writer::new(name, signer));
        Ok(())
    }

    /// The writer that a name, an id or the beginning of one means; of one name, the active one.
    pub fn find(&self, asked: &str) -> Result<&Writer, KeyError> {
        let named = self.writers.iter().filter(|writer| writer.name == asked);
        if let Some(writer) = named.max_by_key(|writer| (writer.revoked.is_none(), writer.added)) {
            return Ok(writer);
        }
        let lower = asked.to_ascii_lowercase();
        let is_meant = |writer: &&Writer| hex::encode(writer.signer.to_bytes()).starts_with(&lower);
        let mut found = self.writers.iter().filter(|writer| !lower.is_empty() && is_meant(writer));
        match (found.next(), found.count()) {
            (None, _) => Err(KeyError::NoWriter { asked: asked.to_owned() }),
            (Some(writer), 0) => Ok(writer),
            (Some(_), more) => Err(KeyError::AmbiguousWriter { asked: asked.to_owned(), count: more + 1 }),
        }
    }

    /// The writer with this key, whether or not it is revoked.
    pub fn of_signer(&self, signer: &VerifyingKey) -> Option<&Writer> {
        self.writers.iter().find(|writer| writer.signer == *signer)
    }

    /// Those that are revoked.
    pub fn revoked(&self) -> Revoked {
        let revoked = self.writers.iter().filter(|writer| writer.revoked.is_some());
        revoked.map(|writer| writer.signer.to_bytes()).collect()
    }

    /// Ends the trust in a writer, but for these manifests.
    pub fn revoke(&mut self, signer: &VerifyingKey, manifests: Vec<TrustedManifest>) -> Result<(), KeyError> {
        let id = || KeyError::NoWriter { asked: signer_id(signer) };
        let writer = self.writers.iter_mut().find(|writer| writer.signer == *signer).ok_or_else(id)?;
        if writer.revoked.is_some() {
            return Err(KeyError::AlreadyRevoked { name: writer.name.clone() });
        }
        writer.revoked = Some(Revocation { time: Utc::now(), manifests });
        Ok(())
    }
}

/// Whose manifests are trusted, and how far.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    signers: BTreeMap<[u8; 32], (VerifyingKey, Option<Revocation>)>,
    former_roots: Vec<FormerRoot>,
}

impl Trust {
    /// Those whom the key's file names, and those whom the keyring names; the keyring alone revokes.
    pub(super) fn new(signers: &[VerifyingKey], keyring: &Keyring) -> Self {
        let mut trust = Self::default();
        for signer in signers {
            trust.signers.insert(signer.to_bytes(), (*signer, None));
        }
        for writer in &keyring.writers {
            trust.signers.insert(writer.signer.to_bytes(), (writer.signer, writer.revoked.clone()));
        }
        trust.former_roots.clone_from(&keyring.former_roots);
        trust
    }

    /// Those who may write today.
    pub fn active(&self) -> impl Iterator<Item = VerifyingKey> {
        self.signers.values().filter(|(_, revoked)| revoked.is_none()).map(|(signer, _)| *signer)
    }

    /// Those who might write once, and until when. What they signed then counts for nothing any more, and is no forgery.
    pub(super) fn retired(&self) -> Vec<(VerifyingKey, DateTime<Utc>)> {
        let revoked = self.signers.values().filter_map(|(signer, revoked)| Some((*signer, revoked.as_ref()?.time)));
        revoked.chain(self.former_roots.iter().map(|former| (former.root, former.until))).collect()
    }

    /// Those who have signed what may be trusted.
    pub(super) fn manifest_signers(&self) -> Arc<[VerifyingKey]> {
        self.signers.values().map(|(signer, _)| *signer).collect()
    }

    /// Whether a manifest, of which the signature is right, is trusted; otherwise why not.
    pub(super) fn check_manifest(
        &self,
        signer: &VerifyingKey,
        name: &SnapshotName,
        whole: &blake3::Hash,
    ) -> Result<(), &'static str> {
        let Some((_, Some(revocation))) = self.signers.get(&signer.to_bytes()) else { return Ok(()) };
        let name = name.to_string();
        let trusted = revocation.manifests.iter().find(|manifest| manifest.name == name);
        match trusted {
            None => Err("its writer was revoked, and the snapshot was not there at that time"),
            Some(trusted) if trusted.blake3 == *whole.as_bytes() => Ok(()),
            Some(_) => Err("its writer was revoked, and the snapshot was changed since"),
        }
    }

    /// That what this key writes will be trusted.
    pub(super) fn check_writer(&self, signer: &VerifyingKey) -> Result<(), KeyError> {
        match self.signers.get(&signer.to_bytes()) {
            Some((_, Some(_))) => Err(KeyError::Revoked { id: signer_id(signer) }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn signer(seed: u8) -> VerifyingKey {
        SigningKey::from_bytes(&[seed; 32]).verifying_key()
    }

    fn name(id: u8) -> SnapshotName {
        format!("20261122T031500.123Z-{:016x}", id).parse().unwrap()
    }

    #[test]
    fn of_a_revoked_writer_only_what_was_there_is_trusted() {
        let mut keyring = Keyring::default().with_signers(&[signer(1)]);
        keyring.add("db2", signer(2)).unwrap();
        let kept = TrustedManifest { name: name(1).to_string(), blake3: *blake3::hash(b"one").as_bytes() };
        keyring.revoke(&signer(2), vec![kept]).unwrap();
        let trust = Trust::new(&[signer(1), signer(2)], &keyring);
        assert_eq!(trust.active().collect::<Vec<_>>(), [signer(1)]);
        assert_eq!(trust.check_manifest(&signer(2), &name(1), &blake3::hash(b"one")), Ok(()));
        assert!(
            trust.check_manifest(&signer(2), &name(1), &blake3::hash(b"two")).is_err(),
            "other bytes under the old name"
        );
        assert!(
            trust.check_manifest(&signer(2), &name(2), &blake3::hash(b"one")).is_err(),
            "the old bytes under another name"
        );
        assert_eq!(trust.check_manifest(&signer(1), &name(2), &blake3::hash(b"any")), Ok(()));
        assert!(matches!(trust.check_writer(&signer(2)), Err(KeyError::Revoked { .. })));
        assert!(matches!(keyring.revoke(&signer(2), vec![]), Err(KeyError::AlreadyRevoked { .. })));
    }

    #[test]
    fn changes_made_at_the_same_time_are_joined_and_revocation_wins() {
        let mut base = Keyring { number: 1, ..Keyring::default() }.with_signers(&[signer(1), signer(2)]);
        base.writers.iter_mut().for_each(|writer| writer.added = DateTime::UNIX_EPOCH);
        let (mut one, mut two) = (base.clone(), base.clone());
        (one.number, two.number) = (2, 2);
        one.revoke(&signer(2), vec![]).unwrap();
        two.add("db3", signer(3)).unwrap();
        let mut joined = Keyring::default();
        for keyring in [one, base, two] {
            joined.join(keyring);
        }
        assert_eq!((joined.number, joined.writers.len()), (2, 3));
        assert!(joined.find("db3").unwrap().revoked.is_none());
        assert!(joined.find(&signer_id(&signer(2))).unwrap().revoked.is_some());
    }

    #[test]
    fn a_name_means_the_writer_that_has_it_today() {
        let mut keyring = Keyring::default();
        keyring.add("db1", signer(1)).unwrap();
        assert!(matches!(keyring.add("db1", signer(2)), Err(KeyError::WriterExists { .. })));
        keyring.revoke(&signer(1), vec![]).unwrap();
        keyring.add("db1", signer(2)).unwrap();
        assert_eq!(keyring.find("db1").unwrap().signer, signer(2));
        for bad in ["", "a b", "a/b", "é", &"x".repeat(65)] {
            assert!(matches!(keyring.add(bad, signer(3)), Err(KeyError::WriterName { .. })), "{bad:?}");
        }
        assert!(matches!(keyring.find("host-9"), Err(KeyError::NoWriter { .. })));
    }
}
