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
