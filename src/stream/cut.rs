//! The hash by which chunks are cut.

use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_secret};

use super::digest::{DigestKey, KeyUse};

/// Where chunks of rows may end: by the hash of format 1 in every format, so that what was stored is found again.
#[derive(Clone)]
pub struct CutHasher {
    secret: [u8; 192],
}

impl CutHasher {
    pub fn new(key: &DigestKey) -> Self {
        Self { secret: key.secret(KeyUse::Xxh3) }
    }

    #[inline]
    pub fn hash(&self, row: &[u8]) -> u64 {
        xxh3_128_with_secret(row, &self.secret) as u64
    }

    pub fn pieces(&self) -> CutPieces {
        CutPieces(Box::new(Xxh3::with_secret(self.secret)))
    }
}

/// The hash in the making.
pub struct CutPieces(Box<Xxh3>);

impl CutPieces {
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub fn finish(self) -> u64 {
        self.0.digest128() as u64
    }
}
