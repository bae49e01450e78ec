//! A connection that moves rows: the frames of the protocol, walked in place in one large read buffer.
//!
//! tokio-postgres connects and authenticates; from then on the bytes are read here. Its COPY stream reads 8 KiB at a
//! time and hands every row from one task to another; a blocking read of up to 256 KiB on the thread that uses the
//! rows costs a third of that. What is spoken is the simple query protocol alone ("Message Flow" in the manual).
//!
//! A server that cannot get rid of a message reads none. So whatever is sent here is sent while listening, and warnings, of which
//! there may be one for each row, take bounded memory.

mod copy_in;
mod copy_out;
mod sending;
mod stream;

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::connect::connect_raw_stream;
use super::conninfo::Conninfo;
use super::error::{Error, ServerMessage};
use super::notices::Notices;
use crate::spelling::bytes::{spelled, unspelled};
use crate::stop::{HookGuard, Stop};
pub use copy_in::CopyIn;
pub use copy_out::{RowPiece, RowSink};
use stream::Stream;

const READ_BYTES: usize = 256 << 10;

/// A session of a worker, used by one thread at a time.
pub struct Wire {
    stream: Stream,
    runtime: Arc<Runtime>,
    stop: Stop,
    endpoint: String,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    backend_pid: i32,
    notices: Notices,
    texts: Texts,
    /// Somebody left in the middle of a message or a COPY: nothing that makes sense can be said any more.
    broken: bool,
    /// Ends a call that waits, when the stop comes.
    _hook: Option<HookGuard>,
}

/// `PGCOPY\n\377\r\n\0`, flags, and the length of the header's extension: "Binary Format" under COPY in the manual.
const BINARY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8; 2] = b"\xff\xff";

/// One row of a small result, in text.
pub type TextRow = Vec<Option<String>>;

/// Statements and small results; rows of a COPY are bytes in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    AsTheyAre,
    /// Of a database without an encoding: [`bytes`](crate::spelling::bytes).
    Spelled,
}

struct Frame {
    tag: u8,
    /// Where the body lies in the buffer.
    body: std::ops::Range<usize>,
}

impl Wire {
    /// Whatever waits for other things beside the session waits in the same runtime.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    pub fn connect(info: &Conninfo, application_name: &str, runtime: Arc<Runtime>, stop: &Stop) -> Result<Self, Error> {
        let endpoint = info.to_string();
        let stopped = || Error::ConnectionLost {
            endpoint: endpoint.clone(),
            source: Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)),
        };
        let stream = runtime.block_on(stop.or_stop(connect_raw_stream(info, application_name)));
        let stream = stream.ok_or_else(stopped)??;
        let (stream, hook) = Stream::new(stream, stop)
            .map_err(|source| Error::ConnectionLost { endpoint: endpoint.clone(), source: Box::new(source) })?;
        let mut wire = Self {
            stream,
            runtime,
            stop: stop.clone(),
            endpoint,
            buffer: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            backend_pid: 0,
            notices: Notices::default(),
            texts: Texts::AsTheyAre,
            broken: false,
            _hook: hook,
        };
        let sql = b"SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('server_encoding')";
        let asked = wire.query("asking for the backend's process id", sql)?;
        wire.backend_pid = first_text(&asked).and_then(|pid| pid.parse().ok()).unwrap_or_default();
        if asked.iter().flatten().nth(1).is_some_and(|encoding| encoding.as_deref() == Some("SQL_ASCII")) {
            // Such a database holds bytes of no encoding. Whoever asks for another is refused those that are none of it.
            wire.execute("the session's encoding", b"SET client_encoding = 'SQL_ASCII'")?;
            wire.texts = Texts::Spelled;
        }
        Ok(wire)
    }

    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether the server is known to run on this machine.
    pub fn is_local(&self) -> bool {
        self.stream.is_local()
    }

    /// Whether the session ended in the middle of a message, and is of no more use.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Warnings that the server sent since the last call.
    pub fn take_notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    /// Runs statements that return nothing of interest. `context` says what was asked.
    pub fn execute(&mut self, context: &str, sql: &[u8]) -> Result<(), Error> {
        self.send_query(sql)?;
        self.finish(context, |_, _| Ok(()))
    }

    /// Runs a query with a small result.
    pub fn query(&mut self, context: &str, sql: &[u8]) -> Result<Vec<TextRow>, Error> {
        self.send_query(sql)?;
        let (mut rows, texts) = (Vec::new(), self.texts);
        self.finish(context, |tag, body| {
            if tag == b'D' {
                rows.push(parse_data_row(body, texts).ok_or_else(|| protocol(context, "a row was cut short"))?);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    fn send_query(&mut self, sql: &[u8]) -> Result<(), Error> {
        let sql = match self.texts {
            Texts::AsTheyAre => Cow::Borrowed(sql),
            Texts::Spelled => unspelled(sql),
        };
        let mut message = Vec::with_capacity(sql.len() + 6);
        message.push(b'Q');
        message.extend_from_slice(&((sql.len() + 5) as u32).to_be_bytes());
        message.extend_from_slice(&sql);
        message.push(0);
        self.send(&message)
    }

    /// Reads frames up to ReadyForQuery; the first error of the server is the result.
    fn finish(&mut self, context: &str, mut each: impl FnMut(u8, &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut error = None;
        loop {
            // The server may hang up after its last words.
            let frame = match self.next_frame(context) {
                Ok(frame) => frame,
                Err(lost) => return Err(error.unwrap_or(lost)),
            };
            match frame.tag {
                b'Z' => return error.map_or(Ok(()), Err),
                b'E' => {
                    let refused = self.server_error(context, frame.body);
                    error.get_or_insert(refused);
                }
                tag => each(tag, &self.buffer[frame.body])?,
            }
        }
    }

    fn server_error(&self, context: &str, body: Range<usize>) -> Error {
        Error::from_message(&self.endpoint, context, self.message(body))
    }

    fn notice(&mut self, body: Range<usize>) {
        let message = self.message(body);
        self.notices.add(message);
    }

    fn message(&self, body: Range<usize>) -> ServerMessage {
        match self.texts {
            Texts::AsTheyAre => ServerMessage::from_response_bytes(&self.buffer[body]),
            Texts::Spelled => ServerMessage::from_response_bytes(spelled(&self.buffer[body]).as_bytes()),
        }
    }

    /// The next frame that is no notice, whole, in the buffer, which grows for it if it must.
    fn next_frame(&mut self, context: &str) -> Result<Frame, Error> {
        loop {
            if !self.pass_over_notices()?
                && let Some((tag, total)) = self.head(context)?
            {
                if self.end - self.start >= total {
                    let body = self.start + 5..self.start + total;
                    self.start += total;
                    return Ok(Frame { tag, body });
                }
                self.make_room_for(total);
            }
            self.fill(context)?;
        }
    }

    /// Tag and whole length of the frame at the front, where that much of it is there.
    fn head(&self, context: &str) -> Result<Option<(u8, usize)>, Error> {
        let there = &self.buffer[self.start..self.end];
        let [tag, a, b, c, d, ..] = there else { return Ok(None) };
        match 1 + u32::from_be_bytes([*a, *b, *c, *d]) as usize {
            0..5 => Err(protocol(context, "a frame has no length")),
            total => Ok(Some((*tag, total))),
        }
    }

    fn make_room_for(&mut self, total: usize) {
        if total > self.buffer.len() {
            self.buffer.resize(total, 0);
        }
    }

    /// Moves what is not consumed yet to the front, where there is little room behind it.
    fn compact(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > self.buffer.len() / 2 || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Reads more, after what is not consumed yet. At least one byte is added.
    fn fill(&mut self, context: &str) -> Result<(), Error> {
        self.compact();
        match self.stream.read(&mut self.buffer[self.end..], &self.runtime, &self.stop) {
            Ok(0) => Err(self.lost(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the server closed the connection during: {context}"),
            ))),
            Ok(bytes) => {
                self.end += bytes;
                Ok(())
            }
            Err(source) => Err(self.lost(source)),
        }
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::ConnectionLost { endpoint: self.endpoint.clone(), source: Box::new(source) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Terminate, so that the server logs no lost connection. Whether it arrives does not matter.
        let _ = self.send(&[b'X', 0, 0, 0, 4]);
    }
}

fn first_text(rows: &[TextRow]) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}

fn parse_data_row(body: &[u8], texts: Texts) -> Option<TextRow> {
    let (count, mut rest) = body.split_at_checked(2)?;
    let mut row = Vec::new();
    for _ in 0..u16::from_be_bytes([count[0], count[1]]) {
        let (length, after) = rest.split_at_checked(4)?;
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        rest = after;
        match usize::try_from(length) {
            Err(_) => row.push(None),
            Ok(length) => {
                let (value, after) = rest.split_at_checked(length)?;
                let text = match texts {
                    Texts::AsTheyAre => String::from_utf8_lossy(value),
                    Texts::Spelled => spelled(value),
                };
                row.push(Some(text.into_owned()));
                rest = after;
            }
        }
    }
    Some(row)
}

pub(super) fn protocol(context: &str, what: &str) -> Error {
    Error::Protocol { context: context.to_owned(), source: what.into() }
}
