//! Where a worker's rows come from: objects of the repository, or another database under one snapshot.

use std::sync::Arc;
use tokio::runtime::Runtime;

use crate::command::Error;
use crate::command::reading::Unread;
use crate::command::source::{Source, join};
use crate::pg::copy::{PartRange, RowsOf, copy_table, which_are_empty};
use crate::pg::wire::{CopyIn, RowPiece, RowSink, Wire};
use crate::repo::layout::ChunkKind;
use crate::repo::manifest::{Relation, Slice};
use crate::repo::slices::SliceReader;
use crate::repo::{RepoError, Repository};
use crate::stop::Stop;
use crate::stream::row_hash::RowPieces;
use crate::stream::{ChunkKey, Digest, RowHasher, Tally};

/// Rows on their way are sent when there are this many bytes of them.
const POURED_BYTES: usize = 128 << 10;

/// A live table of more bytes holds rows, most likely: an index of TOAST alone takes a few pages.
const EMPTY_BYTES_MAX: u64 = 64 << 10;

/// The rows of a job's relations.
pub enum Rows<'a> {
    /// `lists` holds the slices of each relation, in the job's order.
    Stored {
        repository: &'a Repository,
        chunk_key: ChunkKey,
        lists: &'a [Vec<Slice>],
        large_objects: &'a [Slice],
    },
    Live(&'a Source),
}

/// One worker's access to them.
pub enum Feed<'a> {
    Stored { runtime: Arc<Runtime>, reader: Box<SliceReader>, lists: &'a [Vec<Slice>] },
    Live { runtime: Arc<Runtime>, wire: Box<Wire>, source: &'a Source },
}

impl<'a> Rows<'a> {
    pub fn open(&'a self, runtime: Arc<Runtime>, stop: &Stop) -> Result<Feed<'a>, Error> {
        Ok(match self {
            Rows::Stored { repository, chunk_key, lists, .. } => {
                let reader = Box::new(repository.reader(ChunkKind::Data, chunk_key.clone())?);
                Feed::Stored { runtime, reader, lists }
            }
            Rows::Live(source) => {
                let wire = Box::new(source.reader(stop)?);
                Feed::Live { runtime, wire, source }
            }
        })
    }
}

impl Feed<'_> {
    /// Whether the relation is known to have no rows.
    pub fn is_empty(&self, n: usize) -> bool {
        matches!(self, Feed::Stored { lists, .. } if lists[n].is_empty())
    }

    /// Whether it is worth asking, together with others, if the relation has rows at all.
    pub fn may_be_empty(&self, n: usize, relation: &Relation) -> bool {
        match self {
            Feed::Stored { .. } => self.is_empty(n),
            // Until rows are read, the digest holds the table's size.
            Feed::Live { .. } => relation.configuration.is_none() && relation.digest.bytes <= EMPTY_BYTES_MAX,
        }
    }

    /// Which of the job's relations have no rows.
    pub fn which_are_empty(&mut self, numbers: &[usize], relations: &[Relation]) -> Result<Vec<bool>, Error> {
        match self {
            Feed::Stored { lists, .. } => Ok(numbers.iter().map(|n| lists[*n].is_empty()).collect()),
            Feed::Live { wire, .. } => {
                let rows: Vec<RowsOf<'_>> = numbers.iter().map(|n| (&relations[*n]).into()).collect();
                which_are_empty(wire, &rows).map_err(Error::source_database("looking for empty tables"))
            }
        }
    }

    /// Copies all rows of the job's `n`th relation, and returns their digest: for stored rows the manifest's, which the proof
    /// relies on, for a live database that of what was read. `report` gets bytes and rows as they go.
    pub fn pour(
        &mut self,
        n: usize,
        relation: &Relation,
        hasher: &RowHasher,
        copy: &mut CopyIn<'_>,
        report: impl Fn(u64, u64),
        stop: &Stop,
    ) -> Result<Digest, Error> {
        let name = || format!("{}.{}", relation.schema, relation.name);
        match self {
            Feed::Stored { runtime, reader, lists } => {
                for (at, slice) in lists[n].iter().enumerate() {
                    reader.expect(&lists[n][at..]);
                    // A damaged object ends the run here, inside the transaction: the COPY fails and nothing of the table stays.
                    let rows = runtime.block_on(reader.slice(slice)).map_err(|source| damaged(name(), source))?;
                    copy.write(rows).map_err(Error::target_database(format!("TABLE DATA {}", name())))?;
                    report(u64::from(slice.bytes), u64::from(slice.rows));
                    if stop.is_set() {
                        return Err(Error::Interrupted);
                    }
                }
                Ok(relation.digest)
            }
            Feed::Live { runtime, wire, source } => {
                let mut pipe = Pipe {
                    copy,
                    report,
                    tally: Tally::new(hasher),
                    reported: (0, 0),
                    buffer: Vec::with_capacity(POURED_BYTES + (8 << 10)),
                    large: None,
                };
                let copied = copy_table(wire, relation.into(), PartRange::Whole, &source.encoding, &mut pipe);
                if let Err(error) = copied {
                    if wire.is_broken() && !stop.is_set() {
                        // The target would not have the rest of the rows; the session is in the middle of them.
                        **wire = join(source, runtime.clone(), stop)?;
                    }
                    return Err(match error.at_source(&name()) {
                        Error::Target { source, .. } => {
                            Error::Target { what: format!("TABLE DATA {}", name()), source }
                        }
                        other => other,
                    });
                }
                pipe.flush()?;
                Ok(pipe.tally.digest())
            }
        }
    }

    pub fn pour_large_objects(
        &mut self,
        slices: &[Slice],
        mut write: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Feed::Stored { runtime, reader, .. } = self else { return Ok(()) };
        for (at, slice) in slices.iter().enumerate() {
            reader.expect(&slices[at..]);
            let rows = runtime.block_on(reader.slice(slice)).map_err(|source| damaged(LARGE_OBJECTS.into(), source))?;
            write(rows)?;
        }
        Ok(())
    }
}

/// What a damaged row belongs to, where it is of no table.
pub const LARGE_OBJECTS: &str = "the large objects";

/// The table is named with the object: that is what the operator asks first.
pub fn damaged(table: String, source: RepoError) -> Error {
    Error::DamagedRows { table, way_on: None, source: Box::new(source) }
}

/// Rows of one table from one server to another, digested on the way.
struct Pipe<'a, 'c, R> {
    copy: &'a mut CopyIn<'c>,
    report: R,
    tally: Tally<'a>,
    reported: (u64, u64),
    buffer: Vec<u8>,
    large: Option<(usize, RowPieces)>,
}

impl<R: Fn(u64, u64)> Pipe<'_, '_, R> {
    fn flush(&mut self) -> Result<(), Error> {
        self.copy.write(&self.buffer).map_err(Error::target_database("loading rows"))?;
        self.buffer.clear();
        let (bytes, rows) = (self.tally.bytes(), self.tally.rows());
        (self.report)(bytes - self.reported.0, rows - self.reported.1);
        self.reported = (bytes, rows);
        Ok(())
    }
}

impl<R: Fn(u64, u64)> RowSink for Pipe<'_, '_, R> {
    type Error = Unread;

    #[inline]
    fn row(&mut self, row: &[u8]) -> Result<(), Unread> {
        self.tally.add(row);
        self.buffer.extend_from_slice(row);
        if self.buffer.len() >= POURED_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), Unread> {
        match piece {
            RowPiece::Start { bytes } => self.large = Some((bytes, self.tally.pieces())),
            RowPiece::Bytes(bytes) => {
                if let Some((_, hash)) = &mut self.large {
                    hash.update(bytes);
                }
                self.buffer.extend_from_slice(bytes);
                if self.buffer.len() >= POURED_BYTES {
                    self.flush()?;
                }
            }
            RowPiece::End => {
                if let Some((bytes, hash)) = self.large.take() {
                    self.tally.add_pieces(bytes, hash);
                }
            }
        }
        Ok(())
    }
}
