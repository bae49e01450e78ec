//! Reading rows for their digest alone.

use crate::pg;
use crate::pg::wire::{RowPiece, RowSink};
use crate::stream::digest::RowPieces;
use crate::stream::{Digest, RowHasher};

/// Bytes of rows between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Takes rows and keeps nothing but their digest.
pub struct HashingSink<'a, P> {
    hasher: &'a RowHasher,
    on_progress: P,
    digest: Digest,
    reported: Digest,
    large: Option<(usize, RowPieces)>,
}

impl<'a, P: FnMut(u64, u64)> HashingSink<'a, P> {
    pub fn new(hasher: &'a RowHasher, on_progress: P) -> Self {
        Self { hasher, on_progress, digest: Digest::default(), reported: Digest::default(), large: None }
    }

    fn report(&mut self) {
        (self.on_progress)(self.digest.bytes - self.reported.bytes, self.digest.rows - self.reported.rows);
        self.reported = self.digest;
    }

    #[inline]
    fn add(&mut self, bytes: usize, hash: u128) {
        self.digest.add_row(bytes, hash);
        if self.digest.bytes - self.reported.bytes >= PROGRESS_BYTES {
            self.report();
        }
    }

    pub fn finish(mut self) -> Digest {
        self.report();
        self.digest
    }
}

impl<P: FnMut(u64, u64)> RowSink for HashingSink<'_, P> {
    type Error = pg::Error;

    #[inline]
    fn row(&mut self, row: &[u8]) -> Result<(), pg::Error> {
        let hash = self.hasher.hash(row);
        self.add(row.len(), hash);
        Ok(())
    }

    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), pg::Error> {
        match piece {
            RowPiece::Start { bytes } => self.large = Some((bytes, self.hasher.pieces())),
            RowPiece::Bytes(bytes) => {
                if let Some((_, hash)) = &mut self.large {
                    hash.update(bytes);
                }
            }
            RowPiece::End => {
                if let Some((bytes, hash)) = self.large.take() {
                    self.add(bytes, hash.finish());
                }
            }
        }
        Ok(())
    }
}
