//! That another restore key has taken the place of one, as the old one has signed itself.
//!
//! Whoever can write to the store can leave a keyring there which says that a restore key was replaced. So that counts only where the
//! replaced key has signed it, for this repository, this time, this successor and this keyring.

use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};

/// What no signature of a manifest or a record begins with.
const CONTEXT: &str = "pgkeep succession 1";

/// A restore key of earlier days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerRoot {
    #[serde(with = "verifying_key")]
    pub root: VerifyingKey,
    pub until: DateTime<Utc>,
    /// What earlier programs left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succession: Option<Succession>,
}

/// Who came after a former root, and its signature under that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    #[serde(with = "verifying_key")]
    pub successor: VerifyingKey,
    /// The number of the first keyring that says so with this signature.
    pub keyring: u64,
    #[serde(with = "hex::serde")]
    signature: [u8; 64],
}

impl FormerRoot {
    /// What the former root has signed for this repository; none where it has not, or something else.
    pub fn succession(&self, repository: &str) -> Option<&Succession> {
        let said = self.succession.as_ref().filter(|said| said.successor != self.root)?;
        let message = message(repository, self, &said.successor, said.keyring);
        self.root.verify(&message, &Signature::from_bytes(&said.signature)).is_ok().then_some(said)
    }

    fn sign(&mut self, repository: &str, own: &SigningKey, successor: VerifyingKey, keyring: u64) {
        let signature = own.sign(&message(repository, self, &successor, keyring)).to_bytes();
        self.succession = Some(Succession { successor, keyring, signature });
    }
}

fn message(repository: &str, former: &FormerRoot, successor: &VerifyingKey, keyring: u64) -> Vec<u8> {
    let until = former.until.to_rfc3339_opts(SecondsFormat::Nanos, true);
    let (root, successor) = (hex::encode(former.root.to_bytes()), hex::encode(successor.to_bytes()));
    format!("{CONTEXT}\n{repository}\n{until}\n{root}\n{successor}\n{keyring}\n").into_bytes()
}

/// Has each former root sign who came after it, where it has not. `line`: the restore keys, today's first.
pub(super) fn sign_line(former_roots: &mut Vec<FormerRoot>, repository: &str, line: &[SigningKey], keyring: u64) {
    for (successor, own) in line.iter().zip(line.iter().skip(1)) {
        let root = own.verifying_key();
        let known = former_roots.iter().position(|former| former.root == root);
        let at = known.unwrap_or_else(|| {
            former_roots.push(FormerRoot { root, until: Utc::now(), succession: None });
            former_roots.len() - 1
        });
        if former_roots[at].succession(repository).is_none() {
            former_roots[at].sign(repository, own, successor.verifying_key(), keyring);
        }
    }
}

pub(super) mod verifying_key {
    use ed25519_dalek::VerifyingKey;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(key: &VerifyingKey, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(key.to_bytes()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VerifyingKey, D::Error> {
        let bytes: [u8; 32] = hex::serde::deserialize(deserializer)?;
        VerifyingKey::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    #[test]
    fn a_succession_holds_for_one_repository_time_successor_and_keyring() {
        let mut former = Vec::new();
        sign_line(&mut former, "one", &[key(3), key(2), key(1)], 7);
        let reread: Vec<FormerRoot> = serde_json::from_slice(&serde_json::to_vec(&former).unwrap()).unwrap();
        assert_eq!(reread, former);
        let successors: Vec<_> =
            reread.iter().map(|one| (one.root, one.succession("one").unwrap().successor)).collect();
        let public = |seed| key(seed).verifying_key();
        assert_eq!(successors, [(public(2), public(3)), (public(1), public(2))]);
        let genuine = &reread[1];
        assert!(genuine.succession("two").is_none(), "another repository");
        let changed = |change: fn(&mut FormerRoot)| {
            let mut former = genuine.clone();
            change(&mut former);
            assert!(former.succession("one").is_none(), "{former:?}");
        };
        changed(|former| former.until += chrono::TimeDelta::nanoseconds(1));
        changed(|former| former.root = key(2).verifying_key());
        changed(|former| former.succession.as_mut().unwrap().successor = key(4).verifying_key());
        changed(|former| former.succession.as_mut().unwrap().keyring += 1);
        changed(|former| former.succession.as_mut().unwrap().signature[0] ^= 1);
        changed(|former| former.succession = None);
    }

    #[test]
    fn what_is_signed_is_not_signed_again_and_what_is_not_keeps_its_time() {
        let until = DateTime::UNIX_EPOCH;
        let mut former = vec![FormerRoot { root: key(1).verifying_key(), until, succession: None }];
        sign_line(&mut former, "one", &[key(2), key(1)], 7);
        assert_eq!((former.len(), former[0].until, former[0].succession("one").unwrap().keyring), (1, until, 7));
        let before = former[0].clone();
        sign_line(&mut former, "one", &[key(3), key(2), key(1)], 8);
        assert_eq!((former.len(), &former[0]), (2, &before));
    }
}
