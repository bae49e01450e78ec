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
use crate::stream::digest::RowPieces;
use crate::stream::{Chunker, Digest, RowHasher};

/// Takes the rows of one part of a table.
pub struct PartRecorder<'a> {
    runtime: &'a Arc<Runtime>,
    hasher: &'a RowHasher,
    chunker: &'a mut Chunker,
    writer: &'a mut ChunkWriter,
    progress: &'a Progress,
    lane: Arc<Lane>,
    digest: Digest,
    slices: Vec<PendingSlice>,
    large: Option<(usize, RowPieces)>,
    counted: Digest,
}

impl From<pg::Error> for Error {
    fn from(source: pg::Error) -> Self {
        Error::Source { what: "reading rows".into(), source }
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
        let (digest, counted) = Default::default();
        Self { runtime, hasher, chunker, writer, progress, lane, digest, slices: Vec::new(), large: None, counted }
    }

    /// What was read; the last rows are stored, alone or in company.
    pub fn finish(mut self) -> Result<(Digest, Vec<PendingSlice>), Error> {
        if !self.chunker.is_empty() {
            let (runtime, writer) = (self.runtime, &mut self.writer);
            let slice = self.chunker.take(|bytes, cut| runtime.block_on(writer.add_rest(bytes, cut.rows)))?;
            self.slices.push(slice);
        }
        self.count();
        Ok((self.digest, self.slices))
    }

    fn cut(&mut self) -> Result<(), Error> {
        let (runtime, writer) = (self.runtime, &mut self.writer);
        let slice = self.chunker.take(|bytes, cut| runtime.block_on(writer.add(bytes, cut.rows)))?;
        self.slices.push(slice);
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        let (bytes, rows) = (self.digest.bytes - self.counted.bytes, self.digest.rows - self.counted.rows);
        self.progress.add(&self.lane, bytes, rows);
        self.counted = self.digest;
    }
}

impl RowSink for PartRecorder<'_> {
    type Error = Error;

    #[inline]
    fn row(&mut self, row: &[u8]) -> Result<(), Error> {
        let hash = self.hasher.hash(row);
        self.digest.add_row(row.len(), hash);
        if self.chunker.must_cut_before(row.len()) {
            self.cut()?;
        }
        if self.chunker.add_row(row, hash) {
            self.cut()?;
        }
        Ok(())
    }

    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), Error> {
        match piece {
            RowPiece::Start { bytes } => {
                // A row that needs several chunks begins one, so that its cuts depend on nothing before it.
                if self.chunker.must_cut_before(bytes.min(CHUNK_BYTES_MAX)) {
                    self.cut()?;
                }
                self.large = Some((bytes, self.hasher.pieces()));
            }
            RowPiece::Bytes(mut bytes) => {
                if let Some((_, hash)) = &mut self.large {
                    hash.update(bytes);
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
                if let Some((bytes, hash)) = self.large.take() {
                    let hash = hash.finish();
                    self.digest.add_row(bytes, hash);
                    if self.chunker.end_row(bytes, hash) {
                        self.cut()?;
                    }
                }
            }
        }
        Ok(())
    }
}
