//! Reading rows for their digest alone.

use crate::pg;
use crate::pg::wire::{RowPiece, RowSink};
use crate::stream::row_hash::RowPieces;
use crate::stream::{Digest, RowHasher, Tally};

/// Bytes of rows between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Takes rows and keeps nothing but their digest.
pub struct HashingSink<'a, P> {
    on_progress: P,
    tally: Tally<'a>,
    reported: (u64, u64),
    large: Option<(usize, RowPieces)>,
}

impl<'a, P: FnMut(u64, u64)> HashingSink<'a, P> {
    pub fn new(hasher: &'a RowHasher, on_progress: P) -> Self {
        Self { on_progress, tally: Tally::new(hasher), reported: (0, 0), large: None }
    }

    fn report(&mut self) {
        let (bytes, rows) = (self.tally.bytes(), self.tally.rows());
        (self.on_progress)(bytes - self.reported.0, rows - self.reported.1);
        self.reported = (bytes, rows);
    }

    #[inline]
    fn report_now_and_then(&mut self) {
        if self.tally.bytes() - self.reported.0 >= PROGRESS_BYTES {
            self.report();
        }
    }

    pub fn finish(mut self) -> Digest {
        self.report();
        self.tally.digest()
    }
}

impl<P: FnMut(u64, u64)> RowSink for HashingSink<'_, P> {
    type Error = pg::Error;

    #[inline]
    fn row(&mut self, row: &[u8]) -> Result<(), pg::Error> {
        self.tally.add(row);
        self.report_now_and_then();
        Ok(())
    }

    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), pg::Error> {
        match piece {
            RowPiece::Start { bytes } => self.large = Some((bytes, self.tally.pieces())),
            RowPiece::Bytes(bytes) => {
                if let Some((_, hash)) = &mut self.large {
                    hash.update(bytes);
                }
            }
            RowPiece::End => {
                if let Some((bytes, hash)) = self.large.take() {
                    self.tally.add_pieces(bytes, hash);
                    self.report_now_and_then();
                }
            }
        }
        Ok(())
    }
}
