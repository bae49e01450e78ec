//! A connection that moves rows: the frames of the protocol, walked in place in one large read buffer.
//!
//! tokio-postgres connects and authenticates; from then on the bytes are read here. Its COPY stream reads 8 KiB at a
//! time and hands every row from one task to another; a blocking read of up to 256 KiB on the thread that uses the
//! rows costs a third of that. What is spoken is the simple query protocol alone ("Message Flow" in the manual).

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::connect::{EncryptedStream, RawStream, connect_raw_stream};
use super::conninfo::Conninfo;
use super::error::{Error, ServerMessage};
use crate::stop::{HookGuard, Stop};
use crate::stream::RowFormat;

const READ_BYTES: usize = 256 << 10;
/// CopyData messages that we send hold at most this much.
const SEND_BYTES: usize = 128 << 10;

/// A session of a worker, used from the thread that made it.
pub struct Wire {
    stream: Stream,
    runtime: Rc<Runtime>,
    stop: Stop,
    endpoint: String,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    backend_pid: i32,
    notices: Vec<ServerMessage>,
    /// Ends a read that waits, when the stop comes.
    _hook: Option<HookGuard>,
}

enum Stream {
    Unix(std::os::unix::net::UnixStream),
    Tcp(std::net::TcpStream),
    Tls(Box<EncryptedStream>),
}

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

/// `PGCOPY\n\377\r\n\0`, flags, and the length of the header's extension: "Binary Format" under COPY in the manual.
const BINARY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8; 2] = b"\xff\xff";

/// One row of a small result, in text.
pub type TextRow = Vec<Option<String>>;

struct Frame {
    tag: u8,
    /// Where the body lies in the buffer.
    body: std::ops::Range<usize>,
}

impl Wire {
    pub fn connect(info: &Conninfo, application_name: &str, runtime: Rc<Runtime>, stop: &Stop) -> Result<Self, Error> {
        let stream = runtime.block_on(connect_raw_stream(info, application_name))?;
        let endpoint = info.to_string();
        let lost = |source: io::Error| Error::ConnectionLost { endpoint: info.to_string(), source: Box::new(source) };
        let (stream, hook) = match stream {
            RawStream::Unix(socket) => {
                let socket = socket.into_std().map_err(lost)?;
                socket.set_nonblocking(false).map_err(lost)?;
                let other = socket.try_clone().map_err(lost)?;
                let hook = stop.on_stop(move || drop(other.shutdown(Shutdown::Both)));
                (Stream::Unix(socket), Some(hook))
            }
            RawStream::Tcp(socket) => {
                let socket = socket.into_std().map_err(lost)?;
                socket.set_nonblocking(false).map_err(lost)?;
                let other = socket.try_clone().map_err(lost)?;
                let hook = stop.on_stop(move || drop(other.shutdown(Shutdown::Both)));
                (Stream::Tcp(socket), Some(hook))
            }
            RawStream::Tls(stream) => (Stream::Tls(stream), None),
        };
        let buffer = vec![0; READ_BYTES];
        let stop = stop.clone();
        let mut wire = Self {
            stream,
            runtime,
            stop,
            endpoint,
            buffer,
            start: 0,
            end: 0,
            backend_pid: 0,
            notices: Vec::new(),
            _hook: hook,
        };
        let pid = wire.query("asking for the backend's process id", b"SELECT pg_catalog.pg_backend_pid()")?;
        wire.backend_pid = first_text(&pid).and_then(|pid| pid.parse().ok()).unwrap_or_default();
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
        match &self.stream {
            Stream::Unix(_) => true,
            Stream::Tcp(socket) => socket.peer_addr().is_ok_and(|address| address.ip().is_loopback()),
            Stream::Tls(_) => false,
        }
    }

    /// Warnings that the server sent since the last call.
    pub fn take_notices(&mut self) -> Vec<ServerMessage> {
        std::mem::take(&mut self.notices)
    }

    /// Runs statements that return nothing of interest. `context` completes "the server refused ...".
    pub fn execute(&mut self, context: &str, sql: &[u8]) -> Result<(), Error> {
        self.send_query(sql)?;
        self.finish(context, |_, _| Ok(()))
    }

    /// Runs a query with a small result.
    pub fn query(&mut self, context: &str, sql: &[u8]) -> Result<Vec<TextRow>, Error> {
        self.send_query(sql)?;
        let mut rows = Vec::new();
        self.finish(context, |tag, body| {
            if tag == b'D' {
                rows.push(parse_data_row(body).ok_or_else(|| protocol(context, "a row was cut short"))?);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// Runs `COPY ... TO STDOUT` and gives every row to `sink`, without the binary format's header and trailer.
    pub fn copy_out<S: RowSink>(
        &mut self,
        context: &str,
        sql: &[u8],
        format: RowFormat,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.send_query(sql)?;
        let mut header = match format {
            RowFormat::Binary => BINARY_HEADER.len(),
            RowFormat::Text => 0,
        };
        let is_trailer = |row: &[u8]| format == RowFormat::Binary && row == BINARY_TRAILER;
        let mut error = None;
        loop {
            while self.end - self.start >= 5 {
                let head = &self.buffer[self.start..];
                let tag = head[0];
                let total = 1 + u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if total < 5 {
                    return Err(protocol(context, "a frame has no length").into());
                }
                if self.end - self.start < total {
                    if tag == b'd' && total > READ_BYTES / 2 {
                        self.start += 5;
                        self.large_row(total - 5, &mut header, sink)?;
                        continue;
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
                    b'Z' => return error.map_or(Ok(()), |error: Error| Err(error.into())),
                    b'E' => {
                        let message = ServerMessage::from_response_bytes(&self.buffer[body]);
                        error.get_or_insert(Error::from_message(&self.endpoint, context, message));
                    }
                    b'N' => self.notice(body),
                    _ => {}
                }
            }
            self.fill(context)?;
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

    /// Begins `COPY ... FROM STDIN`. Dropping the result without [`CopyIn::finish`] fails the COPY at the server.
    pub fn copy_in<'a>(&'a mut self, context: &'a str, sql: &[u8], format: RowFormat) -> Result<CopyIn<'a>, Error> {
        self.send_query(sql)?;
        loop {
            let frame = self.next_frame(context)?;
            match frame.tag {
                b'G' => break,
                b'E' => {
                    let message = ServerMessage::from_response_bytes(&self.buffer[frame.body]);
                    let error = Error::from_message(&self.endpoint, context, message);
                    self.finish(context, |_, _| Ok(()))?;
                    return Err(error);
                }
                b'N' => self.notice(frame.body),
                b'Z' => return Err(protocol(context, "COPY did not begin")),
                _ => {}
            }
        }
        let mut copy = CopyIn { wire: self, context, format, done: Cell::new(false) };
        if format == RowFormat::Binary {
            copy.write(BINARY_HEADER)?;
        }
        Ok(copy)
    }

    fn send_query(&mut self, sql: &[u8]) -> Result<(), Error> {
        let mut message = Vec::with_capacity(sql.len() + 6);
        message.push(b'Q');
        message.extend_from_slice(&((sql.len() + 5) as u32).to_be_bytes());
        message.extend_from_slice(sql);
        message.push(0);
        self.send(&message)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let sent = match &mut self.stream {
            Stream::Unix(socket) => socket.write_all(bytes),
            Stream::Tcp(socket) => socket.write_all(bytes),
            Stream::Tls(stream) => self.runtime.block_on(async {
                stream.write_all(bytes).await?;
                stream.flush().await
            }),
        };
        sent.map_err(|source| self.lost(source))
    }

    /// Reads frames up to ReadyForQuery; the first error of the server is the result.
    fn finish(&mut self, context: &str, mut each: impl FnMut(u8, &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut error = None;
        loop {
            let frame = self.next_frame(context)?;
            match frame.tag {
                b'Z' => return error.map_or(Ok(()), Err),
                b'E' => {
                    let message = ServerMessage::from_response_bytes(&self.buffer[frame.body]);
                    error.get_or_insert(Error::from_message(&self.endpoint, context, message));
                }
                b'N' => self.notice(frame.body),
                tag => each(tag, &self.buffer[frame.body])?,
            }
        }
    }

    fn notice(&mut self, body: std::ops::Range<usize>) {
        let message = ServerMessage::from_response_bytes(&self.buffer[body]);
        if message.severity == "WARNING" {
            self.notices.push(message);
        }
    }

    /// The next frame, whole, in the buffer, which grows for it if it must.
    fn next_frame(&mut self, context: &str) -> Result<Frame, Error> {
        loop {
            let have = self.end - self.start;
            if have >= 5 {
                let head = &self.buffer[self.start..];
                let total = 1 + u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if total < 5 {
                    return Err(protocol(context, "a frame has no length"));
                }
                if have >= total {
                    let tag = head[0];
                    let body = self.start + 5..self.start + total;
                    self.start += total;
                    return Ok(Frame { tag, body });
                }
                if total > self.buffer.len() {
                    self.buffer.resize(total, 0);
                }
            }
            self.fill(context)?;
        }
    }

    /// Reads more, after what is not consumed yet. At least one byte is added.
    fn fill(&mut self, context: &str) -> Result<(), Error> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > self.buffer.len() / 2 || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = &mut self.buffer[self.end..];
        let read = loop {
            let read = match &mut self.stream {
                Stream::Unix(socket) => socket.read(room),
                Stream::Tcp(socket) => socket.read(room),
                Stream::Tls(stream) => {
                    let stop = &self.stop;
                    self.runtime.block_on(async {
                        tokio::select! {
                            read = stream.read(room) => read,
                            () = stopped(stop) => Err(io::ErrorKind::ConnectionAborted.into()),
                        }
                    })
                }
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match read {
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

/// An encrypted stream has no socket that another thread could shut: look at the flag five times a second.
async fn stopped(stop: &Stop) {
    while !stop.is_set() {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// A COPY FROM STDIN under way.
pub struct CopyIn<'a> {
    wire: &'a mut Wire,
    context: &'a str,
    format: RowFormat,
    done: Cell<bool>,
}

impl CopyIn<'_> {
    /// Sends rows, or any part of them.
    pub fn write(&mut self, rows: &[u8]) -> Result<(), Error> {
        let mut message = Vec::with_capacity(rows.len().min(SEND_BYTES) + 5);
        for piece in rows.chunks(SEND_BYTES) {
            message.clear();
            message.push(b'd');
            message.extend_from_slice(&((piece.len() + 4) as u32).to_be_bytes());
            message.extend_from_slice(piece);
            self.wire.send(&message)?;
        }
        Ok(())
    }

    /// Ends the COPY; the server has taken all rows when this returns without an error.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.format == RowFormat::Binary {
            self.write(BINARY_TRAILER)?;
        }
        self.done.set(true);
        self.wire.send(&[b'c', 0, 0, 0, 4])?;
        self.wire.finish(self.context, |_, _| Ok(()))
    }
}

impl Drop for CopyIn<'_> {
    fn drop(&mut self) {
        if !self.done.get() {
            let mut message = vec![b'f', 0, 0, 0, 0];
            message.extend_from_slice(b"pgkeep gave up\0");
            let length = (message.len() - 1) as u32;
            message[1..5].copy_from_slice(&length.to_be_bytes());
            // The server answers with an error, which the COPY's caller has no more use for.
            if self.wire.send(&message).is_ok() {
                let _ = self.wire.finish(self.context, |_, _| Ok(()));
            }
        }
    }
}

fn first_text(rows: &[TextRow]) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}

fn parse_data_row(body: &[u8]) -> Option<TextRow> {
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
                row.push(Some(String::from_utf8_lossy(value).into_owned()));
                rest = after;
            }
        }
    }
    Some(row)
}

pub(super) fn protocol(context: &str, what: &str) -> Error {
    Error::Protocol { context: context.to_owned(), source: what.into() }
}
