//! Digests in the making.

use xxhash_rust::xxh3::xxh3_128_with_secret;

use super::digest::Digest;
use super::row_hash::{Method, RowHasher, RowPieces, TOGETHER};

/// The digest of rows that come one after another.
pub struct Tally<'a> {
    hasher: &'a RowHasher,
    digest: Digest,
    /// Universal hashes that are not in the sum yet.
    waiting: [u128; TOGETHER],
    waiting_rows: usize,
}

impl<'a> Tally<'a> {
    pub fn new(hasher: &'a RowHasher) -> Self {
        Self { hasher, digest: Digest::default(), waiting: [0; TOGETHER], waiting_rows: 0 }
    }

    /// One row's bytes as COPY sent them.
    #[inline]
    pub fn add(&mut self, row: &[u8]) {
        match &self.hasher.0 {
            Method::Xxh3(secret) => self.digest.add_row(row.len(), xxh3_128_with_secret(row, secret)),
            Method::Prf(prf) => {
                self.digest.add_row(row.len(), 0);
                self.waiting[self.waiting_rows] = prf.pairs.hash(row);
                self.waiting_rows += 1;
                if self.waiting_rows == TOGETHER {
                    self.digest.sum = self.digest.sum.wrapping_add(prf.encrypt_all(&self.waiting));
                    self.waiting_rows = 0;
                }
            }
        }
    }

    /// For a row that comes in pieces.
    pub fn pieces(&self) -> RowPieces {
        self.hasher.pieces()
    }

    pub fn add_pieces(&mut self, bytes: usize, pieces: RowPieces) {
        self.digest.add_row(bytes, pieces.finish());
    }

    pub fn rows(&self) -> u64 {
        self.digest.rows
    }

    pub fn bytes(&self) -> u64 {
        self.digest.bytes
    }

    /// Of all rows so far.
    pub fn digest(&self) -> Digest {
        let mut digest = self.digest;
        if let Method::Prf(prf) = &self.hasher.0 {
            digest.sum = digest.sum.wrapping_add(prf.encrypt_all(&self.waiting[..self.waiting_rows]));
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{DigestKey, RowHash};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_does_not_matter_but_a_doubled_row_does(rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..20)) {
            for hash in [RowHash::Xxh3, RowHash::Prf] {
                let hasher = RowHasher::new(hash, &DigestKey([7; 32]));
                let digest = |rows: &[Vec<u8>]| {
                    let mut tally = Tally::new(&hasher);
                    rows.iter().for_each(|row| tally.add(row));
                    tally.digest()
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
    }

    /// Computed by a program of its own, from docs/format.md: BLAKE3 in pure Python (checked against BLAKE3's test vectors), numbers of any
    /// size, and AES-128 of Python's `cryptography` 48 (OpenSSL).
    #[test]
    fn hashes_are_those_of_another_program() {
        let counting = |bytes: usize| (0..bytes).map(|n| (n % 251) as u8).collect::<Vec<u8>>();
        let known: [(Vec<u8>, u128); 10] = [
            (Vec::new(), 0x4758_9a51_2756_cd09_fc5b_98e2_58e1_690e),
            (b"\n".to_vec(), 0x81f4_8967_bfce_d828_0573_9230_d8bd_01d0),
            (b"1\tone\n".to_vec(), 0x243e_8087_00fd_01a8_5da1_a71e_c15f_9c64),
            (counting(26), 0x8230_eb74_774e_e909_d39e_3eee_674e_a016),
            (counting(31), 0x76a2_2ab8_750a_afe9_a629_5766_abcd_9589),
            (counting(120), 0x7c49_8e60_b693_8b30_10fd_2c7f_907e_2fc5),
            (counting(900), 0x9210_a9af_c947_04c1_febc_4b6e_85c3_cf31),
            (counting(901), 0xd545_bf0b_a4f3_da13_5c7b_609a_b75b_bc03),
            (counting(5000), 0xdadd_46ca_d0ab_6d5f_2137_e35f_ff41_0f1d),
            (vec![0xff; 2000], 0x469d_2d0d_bdc5_7316_5837_f7a8_90c6_288b),
        ];
        let hasher = RowHasher::new(RowHash::Prf, &DigestKey(std::array::from_fn(|n| n as u8)));
        let mut tally = Tally::new(&hasher);
        for (row, hash) in known {
            assert_eq!(hasher.hash(&row), hash, "{} bytes", row.len());
            tally.add(&row);
        }
        assert_eq!(tally.digest().sum_hex(), "eb79256187bb8a48bedd1c1863bf2f82");
    }
}
