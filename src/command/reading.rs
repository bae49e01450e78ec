//! Reading a table's rows: from COPY's stream through digest and chunker into the repository.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::error::Error;
use super::progress::{Lane, Progress};
use crate::pg;
use crate::pg::wire::{RowPiece, RowSink};
use crate::repo::ChunkWriter;
use crate::repo::objects::PendingSlice;
use crate::stream::chunk::CHUNK_BYTES_MAX;
use crate::stream::cut::CutPieces;
use crate::stream::row_hash::RowPieces;
use crate::stream::{Chunker, Digest, RowHasher, Tally};

/// A row that comes in pieces.
struct LargeRow {
    bytes: usize,
    hash: RowPieces,
    cut: CutPieces,
}

/// Takes the rows of one part of a table.
pub struct PartRecorder<'a> {
    runtime: &'a Arc<Runtime>,
    chunker: &'a mut Chunker,
    writer: &'a mut ChunkWriter,
    progress: &'a Progress,
    lane: Arc<Lane>,
    tally: Tally<'a>,
    slices: Vec<PendingSlice>,
    large: Option<LargeRow>,
    counted: (u64, u64),
}

/// What ends the reading of rows.
pub enum Unread {
    Server(pg::Error),
    /// Whoever takes them cannot go on.
    Taker(Error),
}

impl Unread {
    /// `what` was read.
    pub fn at_source(self, what: &str) -> Error {
        match self {
            Unread::Server(source) => Error::Source { what: format!("reading {what}"), source },
            Unread::Taker(error) => error,
        }
    }
}

impl From<pg::Error> for Unread {
    fn from(error: pg::Error) -> Self {
        Unread::Server(error)
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Unread::Taker(error)
    }
}

impl<'a> PartRecorder<'a> {
    pub fn new(
        runtime: &'a Arc<Runtime>,
        hasher: &'a RowHasher,
        chunker: &'a mut Chunker,
        writer: &'a mut ChunkWriter,
        progress: &'a Progress,
        lane: Arc<Lane>,
    ) -> Self {
        let (slices, large, counted) = Default::default();
        Self { runtime, chunker, writer, progress, lane, tally: Tally::new(hasher), slices, large, counted }
    }

    /// What was read; the last rows are stored, alone or in company.
    pub fn finish(mut self) -> Result<(Digest, Vec<PendingSlice>), Error> {
        if !self.chunker.is_empty() {
            let (runtime, writer) = (self.runtime, &mut self.writer);
            let slice = self.chunker.take(|bytes, cut| runtime.block_on(writer.add_rest(bytes, cut.rows)))?;
            self.slices.push(slice);
        }
        self.count();
        Ok((self.tally.digest(), self.slices))
    }

    fn cut(&mut self) -> Result<(), Error> {
        let (runtime, writer) = (self.runtime, &mut self.writer);
        let slice = self.chunker.take(|bytes, cut| runtime.block_on(writer.add(bytes, cut.rows)))?;
        self.slices.push(slice);
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        let (bytes, rows) = (self.tally.bytes(), self.tally.rows());
        self.progress.add(&self.lane, bytes - self.counted.0, rows - self.counted.1);
        self.counted = (bytes, rows);
    }
}

impl RowSink for PartRecorder<'_> {
    type Error = Unread;

    #[inline]
    fn row(&mut self, row: &[u8]) -> Result<(), Unread> {
        self.tally.add(row);
        if self.chunker.must_cut_before(row.len()) {
            self.cut()?;
        }
        if self.chunker.add_row(row) {
            self.cut()?;
        }
        Ok(())
    }

    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), Unread> {
        match piece {
            RowPiece::Start { bytes } => {
                // A row that needs several chunks begins one, so that its cuts depend on nothing before it.
                if self.chunker.must_cut_before(bytes.min(CHUNK_BYTES_MAX)) {
                    self.cut()?;
                }
                self.large = Some(LargeRow { bytes, hash: self.tally.pieces(), cut: self.chunker.pieces() });
            }
            RowPiece::Bytes(mut bytes) => {
                if let Some(LargeRow { hash, cut, .. }) = &mut self.large {
                    hash.update(bytes);
                    cut.update(bytes);
                }
                while !bytes.is_empty() {
                    let taken = self.chunker.add_piece(bytes);
                    bytes = &bytes[taken..];
                    if !bytes.is_empty() {
                        self.cut()?;
                    }
                }
            }
            RowPiece::End => {
                if let Some(LargeRow { bytes, hash, cut }) = self.large.take() {
                    self.tally.add_pieces(bytes, hash);
                    if self.chunker.end_row(bytes, cut) {
                        self.cut()?;
                    }
                }
            }
        }
        Ok(())
    }
}
