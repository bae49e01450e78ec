//! Where chunks end: at rows, by content, so that what did not change is found again.

use super::cut::{CutHasher, CutPieces};

/// No chunk ends by content before it has this many bytes.
pub const CHUNK_BYTES_MIN: usize = 512 << 10;
/// The mean distance between two ends by content, in bytes.
pub const CHUNK_BYTES_TARGET: usize = 1 << 20;
/// A chunk never holds more.
pub const CHUNK_BYTES_MAX: usize = 4 << 20;

/// What a finished chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Rows that end in this chunk.
    pub rows: u32,
}

/// Collects rows into one chunk at a time. The caller takes the bytes when a cut is reported, before it adds more.
///
/// The buffer grows to what the rows need and no further than [`CHUNK_BYTES_MAX`].
pub struct Chunker {
    hasher: CutHasher,
    bytes: Vec<u8>,
    rows: u32,
}

impl Chunker {
    pub fn new(hasher: CutHasher) -> Self {
        Self { hasher, bytes: Vec::new(), rows: 0 }
    }

    /// Whether `row_bytes` more would pass the maximum, so that [`Chunker::take`] must come first.
    #[inline]
    pub fn must_cut_before(&self, row_bytes: usize) -> bool {
        !self.bytes.is_empty() && self.bytes.len() + row_bytes > CHUNK_BYTES_MAX
    }

    /// Adds a whole row of at most [`CHUNK_BYTES_MAX`] bytes; true if the chunk ends after it.
    #[inline]
    pub fn add_row(&mut self, row: &[u8]) -> bool {
        self.bytes.extend_from_slice(row);
        self.rows += 1;
        self.bytes.len() >= CHUNK_BYTES_MIN && ends_chunk(row.len(), self.hasher.hash(row))
    }

    /// For a row that comes in pieces: [`Chunker::end_row`] wants to know it all.
    pub fn pieces(&self) -> CutPieces {
        self.hasher.pieces()
    }

    /// Adds a piece of a row that is larger than the maximum; returns how much of it was taken. Less than all means
    /// that the chunk is full.
    pub fn add_piece(&mut self, piece: &[u8]) -> usize {
        let taken = piece.len().min(CHUNK_BYTES_MAX - self.bytes.len());
        self.bytes.extend_from_slice(&piece[..taken]);
        taken
    }

    /// The row whose pieces were added is complete; true if the chunk ends after it.
    pub fn end_row(&mut self, row_bytes: usize, pieces: CutPieces) -> bool {
        self.rows += 1;
        self.bytes.len() >= CHUNK_BYTES_MIN && ends_chunk(row_bytes, pieces.finish())
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.rows == 0
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was collected: its rows will be read again.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows = 0;
    }

    /// Ends the chunk: gives its bytes and row count to `use_chunk`, then starts anew in the same buffer.
    pub fn take<R>(&mut self, use_chunk: impl FnOnce(&[u8], Cut) -> R) -> R {
        let result = use_chunk(&self.bytes, Cut { rows: self.rows });
        self.bytes.clear();
        self.rows = 0;
        result
    }
}

/// A row ends a chunk with a probability in proportion to its length, so that the mean chunk has the same size whatever
/// the rows' length.
#[inline]
fn ends_chunk(row_bytes: usize, hash: u64) -> bool {
    let threshold = (row_bytes.min(CHUNK_BYTES_TARGET) as u64).saturating_mul(u64::MAX / CHUNK_BYTES_TARGET as u64);
    hash < threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::DigestKey;

    fn chunks(rows: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        let mut chunker = Chunker::new(CutHasher::new(&DigestKey([1; 32])));
        let mut out = Vec::new();
        for row in rows {
            if chunker.must_cut_before(row.len()) {
                chunker.take(|bytes, _| out.push(bytes.to_vec()));
            }
            if chunker.add_row(&row) {
                chunker.take(|bytes, _| out.push(bytes.to_vec()));
            }
        }
        chunker.take(|bytes, _| out.push(bytes.to_vec()));
        out
    }

    fn row(n: usize, len: usize) -> Vec<u8> {
        let mut row = format!("{n:>20}").into_bytes();
        row.resize(len, b'x');
        row
    }

    #[test]
    fn mean_size_is_near_the_target_for_short_and_long_rows() {
        for len in [40, 1000, 20_000] {
            let total = 64 << 20;
            let chunks = chunks((0..total / len).map(|n| row(n, len)));
            let mean = total / chunks.len();
            assert!((1 << 20..2 << 20).contains(&mean), "rows of {len} bytes give chunks of {mean}");
            assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES_MAX));
        }
    }

    #[test]
    fn an_insert_in_the_middle_changes_few_chunks() {
        let before = chunks((0..200_000).map(|n| row(n, 100)));
        let after = chunks((0..200_000).flat_map(|n| {
            let mut rows = vec![row(n, 100)];
            if n == 77_777 {
                rows.push(row(999_999, 100));
            }
            rows
        }));
        let new = after.iter().filter(|chunk| !before.contains(chunk)).count();
        assert!(new <= 2, "{new} of {} chunks are new", after.len());
    }
}
