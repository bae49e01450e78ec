//! Rows on their way into a table.

use super::{BINARY_HEADER, BINARY_TRAILER, Wire, protocol};
use crate::pg::error::Error;
use crate::stream::RowFormat;

/// CopyData messages that we send hold at most this much.
const SEND_BYTES: usize = 128 << 10;

/// A COPY FROM STDIN under way.
pub struct CopyIn<'a> {
    wire: &'a mut Wire,
    context: &'a str,
    format: RowFormat,
    message: Vec<u8>,
    done: bool,
}

impl Wire {
    /// Begins `COPY ... FROM STDIN`. Dropping the result without [`CopyIn::finish`] fails the COPY at the server.
    pub fn copy_in<'a>(&'a mut self, context: &'a str, sql: &[u8], format: RowFormat) -> Result<CopyIn<'a>, Error> {
        self.send_query(sql)?;
        loop {
            let frame = self.next_frame(context)?;
            match frame.tag {
                b'G' => break,
                b'E' => {
                    let error = self.server_error(context, frame.body);
                    self.finish(context, |_, _| Ok(()))?;
                    return Err(error);
                }
                b'Z' => return Err(protocol(context, "COPY did not begin")),
                _ => {}
            }
        }
        let mut copy = CopyIn { wire: self, context, format, message: Vec::new(), done: false };
        if format == RowFormat::Binary {
            copy.write(BINARY_HEADER)?;
        }
        Ok(copy)
    }
}

impl CopyIn<'_> {
    /// Sends rows, or any part of them.
    ///
    /// # Errors
    /// What the server has against the rows sent so far, as soon as it says so.
    pub fn write(&mut self, rows: &[u8]) -> Result<(), Error> {
        for piece in rows.chunks(SEND_BYTES) {
            self.message.clear();
            self.message.push(b'd');
            self.message.extend_from_slice(&((piece.len() + 4) as u32).to_be_bytes());
            self.message.extend_from_slice(piece);
            let sent = self.wire.send(&self.message);
            if self.wire.is_answered()? {
                // The server has left the COPY, and passes over whatever of it still comes.
                self.done = true;
                self.wire.finish(self.context, |_, _| Ok(()))?;
                return Err(protocol(self.context, "COPY ended before all rows were sent"));
            }
            sent?;
        }
        Ok(())
    }

    /// Ends the COPY; the server has taken all rows when this returns without an error.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.format == RowFormat::Binary {
            self.write(BINARY_TRAILER)?;
        }
        self.done = true;
        self.wire.send(&[b'c', 0, 0, 0, 4])?;
        self.wire.finish(self.context, |_, _| Ok(()))
    }
}

impl Drop for CopyIn<'_> {
    fn drop(&mut self) {
        if !self.done {
            let mut message = vec![b'f', 0, 0, 0, 0];
            message.extend_from_slice(b"pgkeep stopped the copy\0");
            let length = (message.len() - 1) as u32;
            message[1..5].copy_from_slice(&length.to_be_bytes());
            // The server answers with an error, which the COPY's caller has no more use for.
            if self.wire.send(&message).is_ok() {
                let _ = self.wire.finish(self.context, |_, _| Ok(()));
            }
        }
    }
}
