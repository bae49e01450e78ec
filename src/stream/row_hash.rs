//! How single rows are hashed, for the digests of their relations.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Block};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_secret};

use super::cut::CutHasher;
use super::digest::{DigestKey, KeyUse};
use super::pairs::{BLOCK_BYTES, Pairs, SECRET_BYTES};

/// Rows that are encrypted at a time: eight take less than twice the time of one.
pub(super) const TOGETHER: usize = 8;

/// Which hash of rows a digest is the sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowHash {
    /// XXH3-128 with a secret, in format 1: fast, and no match for whoever looks for two rows that have the same.
    #[default]
    Xxh3,
    /// A universal hash under AES-128, since format 2: a pseudorandom function, as far as AES-128 is one.
    Prf,
}

impl RowHash {
    /// That of manifests of this format, and so of everything that is read to be compared with them.
    pub fn of_format(format: u32) -> Self {
        if format < 2 { RowHash::Xxh3 } else { RowHash::Prf }
    }
}

/// Hashes single rows. One for each worker.
#[derive(Clone)]
pub struct RowHasher(pub(super) Method);

#[derive(Clone)]
pub(super) enum Method {
    Xxh3([u8; 192]),
    Prf(Box<Prf>),
}

impl RowHasher {
    pub fn new(hash: RowHash, key: &DigestKey) -> Self {
        Self(match hash {
            RowHash::Xxh3 => Method::Xxh3(key.secret(KeyUse::Xxh3)),
            RowHash::Prf => Method::Prf(Box::new(Prf::new(key))),
        })
    }

    /// Of one row's bytes as COPY sent them.
    #[inline]
    pub fn hash(&self, row: &[u8]) -> u128 {
        match &self.0 {
            Method::Xxh3(secret) => xxh3_128_with_secret(row, secret),
            Method::Prf(prf) => prf.encrypt(prf.pairs.hash(row)),
        }
    }

    /// The same hash for a row that arrives in pieces, because it is larger than the read buffer.
    pub fn pieces(&self) -> RowPieces {
        RowPieces(match &self.0 {
            Method::Xxh3(secret) => Pieces::Xxh3(Box::new(Xxh3::with_secret(*secret))),
            Method::Prf(prf) => {
                Pieces::Prf { prf: prf.clone(), sum: 0, bytes: 0, block: Vec::with_capacity(BLOCK_BYTES) }
            }
        })
    }
}

/// A row's hash in the making.
pub struct RowPieces(Pieces);

enum Pieces {
    Xxh3(Box<Xxh3>),
    /// `block`: what came last, until more comes or the row ends.
    Prf {
        prf: Box<Prf>,
        sum: u128,
        bytes: u64,
        block: Vec<u8>,
    },
}

impl RowPieces {
    pub fn update(&mut self, mut piece: &[u8]) {
        match &mut self.0 {
            Pieces::Xxh3(hash) => hash.update(piece),
            Pieces::Prf { prf, sum, bytes, block } => {
                *bytes += piece.len() as u64;
                while !piece.is_empty() {
                    if block.len() == BLOCK_BYTES {
                        *sum = prf.pairs.append(*sum, block);
                        block.clear();
                    }
                    let (taken, after) = piece.split_at(piece.len().min(BLOCK_BYTES - block.len()));
                    block.extend_from_slice(taken);
                    piece = after;
                }
            }
        }
    }

    pub fn finish(self) -> u128 {
        match self.0 {
            Pieces::Xxh3(hash) => hash.digest128(),
            Pieces::Prf { prf, sum, bytes, block } => prf.encrypt(prf.pairs.end(sum, &block, bytes)),
        }
    }
}

/// The universal hash and what makes it unpredictable.
#[derive(Clone)]
pub(super) struct Prf {
    cipher: Aes128,
    pub(super) pairs: Pairs,
}

impl Prf {
    fn new(key: &DigestKey) -> Self {
        let secret: [u8; 16 + SECRET_BYTES] = key.secret(KeyUse::Prf);
        let (mut cipher_key, mut of_pairs) = ([0; 16], [0; SECRET_BYTES]);
        cipher_key.copy_from_slice(&secret[..16]);
        of_pairs.copy_from_slice(&secret[16..]);
        Self { cipher: Aes128::new(&cipher_key.into()), pairs: Pairs::new(&of_pairs) }
    }

    fn encrypt(&self, universal: u128) -> u128 {
        let mut block = universal.to_le_bytes().into();
        self.cipher.encrypt_block(&mut block);
        u128::from_le_bytes(block.into())
    }

    /// The sum of several rows' hashes.
    pub(super) fn encrypt_all(&self, universal: &[u128]) -> u128 {
        let mut blocks: [Block; TOGETHER] =
            std::array::from_fn(|n| universal.get(n).map_or(0, |n| *n).to_le_bytes().into());
        let blocks = &mut blocks[..universal.len()];
        self.cipher.encrypt_blocks(blocks);
        blocks.iter().fold(0, |sum, block| sum.wrapping_add(u128::from_le_bytes((*block).into())))
    }
}

/// What a backup asks of each row.
#[derive(Clone)]
pub struct Hashers {
    pub rows: RowHasher,
    pub cuts: CutHasher,
}

impl Hashers {
    pub fn of_format(format: u32, key: &DigestKey) -> Self {
        Self { rows: RowHasher::new(RowHash::of_format(format), key), cuts: CutHasher::new(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [RowHash; 2] = [RowHash::Xxh3, RowHash::Prf];

    fn hasher(hash: RowHash) -> RowHasher {
        RowHasher::new(hash, &DigestKey([7; 32]))
    }

    proptest! {
        #[test]
        fn pieces_hash_like_the_whole_row(row in prop::collection::vec(any::<u8>(), 0..5000), at in 0usize..5000, piece in 1usize..2000) {
            let at = at.min(row.len());
            for hash in ALL {
                let mut pieces = hasher(hash).pieces();
                pieces.update(&row[..at]);
                row[at..].chunks(piece).for_each(|piece| pieces.update(piece));
                prop_assert_eq!(pieces.finish(), hasher(hash).hash(&row));
            }
        }
    }

    #[test]
    fn another_key_gives_another_digest() {
        for hash in ALL {
            assert_ne!(hasher(hash).hash(b"row"), RowHasher::new(hash, &DigestKey([8; 32])).hash(b"row"));
        }
    }

    #[test]
    fn rows_that_differ_by_their_length_or_in_one_bit_have_other_hashes() {
        for hash in ALL {
            let mut seen = std::collections::HashSet::new();
            for bytes in
                [0, 1, 7, 8, 14, 15, 16, 17, 29, 30, 31, 32, 33, 61, 62, 869, 870, 871, 899, 900, 901, 931, 1801, 1830]
            {
                let mut row = vec![0; bytes];
                assert!(seen.insert(hasher(hash).hash(&row)), "{bytes} zero bytes, {hash:?}");
                for at in 0..bytes * 8 {
                    row[at / 8] ^= 1 << (at % 8);
                    assert!(seen.insert(hasher(hash).hash(&row)), "bit {at} of {bytes} bytes, {hash:?}");
                    row[at / 8] ^= 1 << (at % 8);
                }
            }
        }
    }

    /// XXH3 adds the product of two halves of each word, after XOR with a word of the secret. Where one half is zero by that, the other
    /// says nothing, and 64 bits of the secret decide. Whoever guesses them right has two rows of one hash.
    #[test]
    fn rows_that_xxh3_takes_for_one_are_two() {
        let key = DigestKey([7; 32]);
        let secret: [u8; 192] = key.secret(KeyUse::Xxh3);
        let row = |upper: [u32; 2]| {
            let mut row = vec![b'x'; 300];
            for (stripe, upper) in upper.into_iter().enumerate() {
                row[64 * stripe..64 * stripe + 4].copy_from_slice(&secret[8 * stripe..8 * stripe + 4]);
                row[64 * stripe + 4..64 * stripe + 8].copy_from_slice(&upper.to_le_bytes());
            }
            row
        };
        let (one, other) = (row([10, 20]), row([11, 19]));
        let same = |hash| RowHasher::new(hash, &key).hash(&one) == RowHasher::new(hash, &key).hash(&other);
        assert_ne!(one, other);
        assert!(same(RowHash::Xxh3));
        assert!(!same(RowHash::Prf));
    }
}
