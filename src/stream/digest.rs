//! The order-independent digest of a relation's rows.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 32 secret bytes, of which the secrets of row hashes are made.
#[derive(Clone)]
pub struct DigestKey(pub [u8; 32]);

/// Names a use of the digest key, so that no two uses have a secret in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyUse {
    /// The row hash of format 1; chunks are cut by it in every format.
    Xxh3,
    /// The row hash since format 2.
    Prf,
}

impl KeyUse {
    fn context(self) -> &'static [u8] {
        match self {
            KeyUse::Xxh3 => b"pgkeep row digest 1",
            KeyUse::Prf => b"pgkeep row digest 2",
        }
    }
}

impl DigestKey {
    pub(super) fn secret<const N: usize>(&self, of: KeyUse) -> [u8; N] {
        let mut secret = [0; N];
        blake3::Hasher::new_keyed(&self.0).update(of.context()).finalize_xof().fill(&mut secret);
        secret
    }
}

/// Row count, bytes and the sum of row hashes modulo 2^128.
///
/// Two relations with equal digests hold the same multiset of rows, but for a chance that `docs/format.md` bounds ("What a digest
/// proves"): for [`RowHash::Prf`](super::RowHash), whoever chose the rows without the key and without digests, and by faults alone for
/// [`RowHash::Xxh3`](super::RowHash). Addition and not XOR, so that a doubled row shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub rows: u64,
    /// Bytes of the rows as COPY sent them.
    pub bytes: u64,
    pub sum: u128,
}

impl Digest {
    #[inline]
    pub fn add_row(&mut self, bytes: usize, hash: u128) {
        self.rows += 1;
        self.bytes += bytes as u64;
        self.sum = self.sum.wrapping_add(hash);
    }

    pub fn merge(&mut self, other: &Digest) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The sum as the manifest and `--json` write it: 32 hexadecimal digits.
    pub fn sum_hex(&self) -> String {
        format!("{:032x}", self.sum)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, digest {}", self.rows, self.sum_hex())
    }
}

#[derive(Serialize, Deserialize)]
struct DigestRecord {
    rows: u64,
    bytes: u64,
    digest: String,
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DigestRecord { rows: self.rows, bytes: self.bytes, digest: self.sum_hex() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = DigestRecord::deserialize(deserializer)?;
        let sum = u128::from_str_radix(&record.digest, 16).map_err(serde::de::Error::custom)?;
        Ok(Digest { rows: record.rows, bytes: record.bytes, sum })
    }
}
