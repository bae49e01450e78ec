//! Rows on their way out of a table.

use super::sending::NOTICE_BYTES_MAX;
use super::{BINARY_HEADER, BINARY_TRAILER, READ_BYTES, Wire, protocol};
use crate::pg::error::Error;
use crate::stream::RowFormat;

/// What takes the rows of a COPY, one call a row; a row that is larger than the read buffer comes in pieces.
pub trait RowSink {
    type Error: From<Error>;

    fn row(&mut self, row: &[u8]) -> Result<(), Self::Error>;
    fn large_row(&mut self, piece: RowPiece<'_>) -> Result<(), Self::Error>;
}

/// A part of a row that does not fit into the read buffer.
pub enum RowPiece<'a> {
    Start { bytes: usize },
    Bytes(&'a [u8]),
    End,
}

impl Wire {
    /// Runs `COPY ... TO STDOUT` and gives every row to `sink`, without the binary format's header and trailer. After an error of
    /// the sink, the session is of no more use.
    pub fn copy_out<S: RowSink>(
        &mut self,
        context: &str,
        sql: &[u8],
        format: RowFormat,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.send_query(sql)?;
        self.broken = true;
        let refused = self.copy_rows(context, format, sink)?;
        self.broken = false;
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Up to ReadyForQuery. What the server refused is no error of ours.
    fn copy_rows<S: RowSink>(
        &mut self,
        context: &str,
        format: RowFormat,
        sink: &mut S,
    ) -> Result<Option<Error>, S::Error> {
        let mut header = match format {
            RowFormat::Binary => BINARY_HEADER.len(),
            RowFormat::Text => 0,
        };
        let is_trailer = |row: &[u8]| format == RowFormat::Binary && row == BINARY_TRAILER;
        let mut refused = None;
        loop {
            while let Some((tag, total)) = self.head(context)? {
                if self.end - self.start < total {
                    match tag {
                        b'd' if total > READ_BYTES / 2 => {
                            self.start += 5;
                            self.large_row(total - 5, &mut header, sink)?;
                            continue;
                        }
                        b'N' if total > NOTICE_BYTES_MAX => {
                            self.pass_over_notice(context, total)?;
                            continue;
                        }
                        _ => self.make_room_for(total),
                    }
                    break;
                }
                let body = self.start + 5..self.start + total;
                self.start += total;
                match tag {
                    b'd' => {
                        let row = &self.buffer[body];
                        // The header comes in one message with the first row, or with the trailer of no rows.
                        let row =
                            row.get(header..).ok_or_else(|| protocol(context, "the binary header was cut short"))?;
                        header = 0;
                        if !is_trailer(row) && !row.is_empty() {
                            sink.row(row)?;
                        }
                    }
                    b'Z' => return Ok(refused),
                    b'E' => {
                        let error = self.server_error(context, body);
                        refused.get_or_insert(error);
                    }
                    b'N' => self.notice(body),
                    _ => {}
                }
            }
            if let Err(error) = self.fill(context) {
                return Err(refused.unwrap_or(error).into());
            }
        }
    }

    /// The row of `bytes` bytes that begins at the buffer's start and does not fit in it.
    fn large_row<S: RowSink>(&mut self, bytes: usize, header: &mut usize, sink: &mut S) -> Result<(), S::Error> {
        let mut left = bytes;
        let mut skip = std::mem::take(header);
        sink.large_row(RowPiece::Start { bytes: bytes - skip })?;
        while left > 0 {
            if self.start == self.end {
                self.fill("reading a large row")?;
            }
            let piece = self.start..self.start + left.min(self.end - self.start);
            self.start = piece.end;
            left -= piece.len();
            let skipped = skip.min(piece.len());
            skip -= skipped;
            sink.large_row(RowPiece::Bytes(&self.buffer[piece.start + skipped..piece.end]))?;
        }
        sink.large_row(RowPiece::End)
    }
}
