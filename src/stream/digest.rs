//! The order-independent digest of a relation's rows.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_secret};

/// Names the use of the digest key, so that the same key can never serve two purposes.
const CONTEXT: &[u8] = b"pgkeep row digest 1";

/// 32 secret bytes that make row hashes unpredictable to whoever writes rows into the database.
#[derive(Clone)]
pub struct DigestKey(pub [u8; 32]);

/// Hashes single rows. Cheap to clone, one for each worker.
#[derive(Clone)]
pub struct RowHasher {
    secret: [u8; 192],
}

impl RowHasher {
    pub fn new(key: &DigestKey) -> Self {
        let mut secret = [0; 192];
        blake3::Hasher::new_keyed(&key.0).update(CONTEXT).finalize_xof().fill(&mut secret);
        Self { secret }
    }

    /// XXH3-128 of one row's bytes as COPY sent them.
    #[inline]
    pub fn hash(&self, row: &[u8]) -> u128 {
        xxh3_128_with_secret(row, &self.secret)
    }

    /// The same hash for a row that arrives in pieces, because it is larger than the read buffer.
    pub fn pieces(&self) -> RowPieces {
        RowPieces(Box::new(Xxh3::with_secret(self.secret)))
    }
}

/// A row's hash in the making.
pub struct RowPieces(Box<Xxh3>);

impl RowPieces {
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub fn finish(self) -> u128 {
        self.0.digest128()
    }
}

/// Row count, bytes and the sum of row hashes modulo 2^128.
///
/// Two relations with equal digests hold the same multiset of rows, but for a chance of about 2^-128 that nobody
/// without the digest key can raise. Addition and not XOR, so that a doubled row shows.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hasher() -> RowHasher {
        RowHasher::new(&DigestKey([7; 32]))
    }

    proptest! {
        #[test]
        fn pieces_hash_like_the_whole_row(row in prop::collection::vec(any::<u8>(), 0..5000), at in 0usize..5000) {
            let at = at.min(row.len());
            let mut pieces = hasher().pieces();
            pieces.update(&row[..at]);
            pieces.update(&row[at..]);
            prop_assert_eq!(pieces.finish(), hasher().hash(&row));
        }

        #[test]
        fn order_does_not_matter_but_a_doubled_row_does(rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..20)) {
            let digest = |rows: &[Vec<u8>]| {
                let mut digest = Digest::default();
                rows.iter().for_each(|row| digest.add_row(row.len(), hasher().hash(row)));
                digest
            };
            let mut reversed = rows.clone();
            reversed.reverse();
            prop_assert_eq!(digest(&rows), digest(&reversed));
            let mut doubled = rows.clone();
            doubled.push(rows[0].clone());
            doubled.push(rows[0].clone());
            prop_assert_ne!(digest(&rows).sum, digest(&doubled).sum);
        }
    }

    #[test]
    fn another_key_gives_another_digest() {
        assert_ne!(hasher().hash(b"row"), RowHasher::new(&DigestKey([8; 32])).hash(b"row"));
    }
}
