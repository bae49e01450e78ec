//! Sending, and hearing the server's warnings meanwhile.

use std::io;

use super::Wire;
use super::stream::Moved;
use crate::pg::error::Error;

/// Warnings that are longer are counted and not read.
pub(super) const NOTICE_BYTES_MAX: usize = 64 << 10;

impl Wire {
    /// Sends a message as a whole, and hears the server's warnings while it does not take it.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        if self.broken {
            return Err(self.lost(io::Error::other("the session ended in the middle of a message")));
        }
        self.broken = true;
        let mut left = message;
        loop {
            // Whatever else the server says is an answer, and is read after the message.
            let listens = self.pass_over_notices()?;
            if listens {
                self.compact();
            }
            let room = listens.then(|| &mut self.buffer[self.end..]).filter(|room| !room.is_empty());
            let moved = self.stream.exchange(left, room, &self.runtime, &self.stop);
            match moved.map_err(|source| self.lost(source))? {
                Moved::Read(bytes) => self.end += bytes,
                Moved::Wrote(_) if left.is_empty() => break,
                Moved::Wrote(bytes) => left = &left[bytes..],
            }
        }
        self.broken = false;
        Ok(())
    }

    /// Whether the server has said something that is no warning. Does not wait for it.
    pub(super) fn is_answered(&mut self) -> Result<bool, Error> {
        if !self.pass_over_notices()? {
            return Ok(true);
        }
        self.compact();
        if self.end < self.buffer.len() {
            let read = self.stream.read_ready(&mut self.buffer[self.end..], &self.runtime);
            self.end += read.map_err(|source| self.lost(source))?;
        }
        Ok(!self.pass_over_notices()?)
    }

    /// Takes the notices, and news of settings, that lie at the front. Whether nothing else does.
    pub(super) fn pass_over_notices(&mut self) -> Result<bool, Error> {
        let context = "listening for warnings";
        while let Some((tag, total)) = self.head(context)? {
            if !matches!(tag, b'N' | b'S' | b'A') {
                return Ok(false);
            }
            if self.end - self.start >= total {
                let body = self.start + 5..self.start + total;
                self.start += total;
                if tag == b'N' {
                    self.notice(body);
                }
            } else if total > NOTICE_BYTES_MAX {
                self.pass_over_notice(context, total)?;
            } else {
                break;
            }
        }
        Ok(true)
    }

    /// A notice of which not all is there, at the front, and too long to be kept. The server is writing it, and nothing else.
    pub(super) fn pass_over_notice(&mut self, context: &str, total: usize) -> Result<(), Error> {
        self.notices.add_text(format!("a warning of {} kB", total / 1000));
        let mut left = total;
        loop {
            let piece = left.min(self.end - self.start);
            self.start += piece;
            left -= piece;
            if left == 0 {
                return Ok(());
            }
            self.fill(context)?;
        }
    }
}
