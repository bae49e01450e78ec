//! A stream that is lent to tokio-postgres for the log-in and can be taken back.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::frames::Frames;
use super::raw_stream::RawStream;
use crate::pg::conninfo::{AuthMethod, RequiredAuth};

/// The borrower's side.
pub(super) struct Loan(Arc<Mutex<Lent>>);

/// The lender's side.
pub(super) struct Lender(Arc<Mutex<Lent>>);

struct Lent {
    stream: Option<RawStream>,
    reading: Reading,
}

enum Reading {
    /// No read goes beyond the end of the message it began in. So whoever has seen a ReadyForQuery, and has not asked
    /// for more, cannot hold a byte that came after it: the stream changes hands without loss, by construction.
    ByMessage(MessageWatch),
    Free,
    /// As much as it likes, of a session with a database without an encoding.
    Spelled(Box<Spelled>),
}

/// What is spelled already, and still to be delivered.
#[derive(Default)]
struct Spelled {
    frames: Frames,
    inward: VecDeque<u8>,
    outward: VecDeque<u8>,
}

/// The server asked for a proof of identity that `require_auth` forbids; the client's answer was never sent.
#[derive(Debug, thiserror::Error)]
#[error("the server asks for the authentication method {}", .0.word())]
pub(super) struct ForbiddenMethod(pub AuthMethod);

/// The stream cannot be handed over.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an unexpected message instead of ReadyForQuery at the end of the login")]
pub(super) struct NotIdle;

pub(super) fn lend(stream: RawStream, permitted: RequiredAuth) -> (Loan, Lender) {
    let reading = Reading::ByMessage(MessageWatch::new(permitted));
    let lent = Arc::new(Mutex::new(Lent { stream: Some(stream), reading }));
    (Loan(Arc::clone(&lent)), Lender(lent))
}

// A panic while the lock is held cannot leave the stream half-changed, so poisoning tells nothing.
fn lock(lent: &Mutex<Lent>) -> MutexGuard<'_, Lent> {
    lent.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lender {
    /// The borrower keeps the stream and reads as much at once as it likes.
    pub fn give(&self) {
        lock(&self.0).reading = Reading::Free;
    }

    /// The same, and what is text is spelled from here on. Only where nothing is under way.
    pub fn give_spelled(&self) {
        lock(&self.0).reading = Reading::Spelled(Box::default());
    }

    /// The process number in the server's BackendKeyData, as far as it has come. A pooler sends a number of its own.
    pub fn announced_pid(&self) -> Option<i32> {
        match &lock(&self.0).reading {
            Reading::ByMessage(watch) => watch.announced_pid,
            Reading::Free | Reading::Spelled(_) => None,
        }
    }

    /// Takes the stream back, with the server idle and every byte it sent delivered to the borrower.
    pub fn take_back(self) -> Result<RawStream, NotIdle> {
        let mut lent = lock(&self.0);
        match &lent.reading {
            Reading::ByMessage(watch) if watch.is_at_ready_for_query() => lent.stream.take().ok_or(NotIdle),
            _ => Err(NotIdle),
        }
    }

    /// Reads until the server has closed its end, which it does when the backend has left its database.
    pub async fn wait_for_end(self) {
        let stream = lock(&self.0).stream.take();
        if let Some(mut stream) = stream {
            let mut rest = [0; 512];
            while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {}
        }
    }
}

impl Spelled {
    /// Reads until something is there for the borrower, or nothing comes any more.
    fn poll_read(
        &mut self,
        mut stream: Pin<&mut RawStream>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut space = [0; 8192];
        while self.inward.is_empty() {
            let mut part = ReadBuf::new(&mut space);
            ready!(stream.as_mut().poll_read(cx, &mut part))?;
            if part.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let mut whole = Vec::new();
            self.frames.receive(part.filled(), &mut whole);
            self.inward.extend(whole);
        }
        let read = self.inward.read(buf.initialize_unfilled())?;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }

    /// Takes all of it, where what was taken before is on its way.
    fn poll_write(&mut self, stream: Pin<&mut RawStream>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(stream, cx))?;
        let mut whole = Vec::new();
        self.frames.send(buf, &mut whole);
        self.outward.extend(whole);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_drain(&mut self, mut stream: Pin<&mut RawStream>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outward.is_empty() {
            let wrote = ready!(stream.as_mut().poll_write(cx, self.outward.as_slices().0))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outward.drain(..wrote);
        }
        Poll::Ready(Ok(()))
    }
}

impl Lent {
    /// What was taken from the borrower is on its way.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (&mut self.reading, &mut self.stream) {
            (Reading::Spelled(spelled), Some(stream)) => spelled.poll_drain(Pin::new(stream), cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut RawStream>> {
        let stream = self.stream.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        Ok(Pin::new(stream))
    }
}

impl AsyncRead for Loan {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut lent = lock(&self.0);
        let Lent { stream, reading } = &mut *lent;
        let Some(stream) = stream else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let stream = Pin::new(stream);
        let watch = match reading {
            Reading::Free => return stream.poll_read(cx, buf),
            Reading::Spelled(spelled) => return spelled.poll_read(stream, cx, buf),
            Reading::ByMessage(watch) => watch,
        };
        let mut space = [0; 1024];
        let limit = watch.read_limit().min(space.len()).min(buf.remaining());
        let mut part = ReadBuf::new(&mut space[..limit]);
        match stream.poll_read(cx, &mut part) {
            Poll::Ready(Ok(())) => {
                watch.pass(part.filled())?;
                buf.put_slice(part.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Loan {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut lent = lock(&self.0);
        match &mut *lent {
            Lent { stream: Some(stream), reading: Reading::Spelled(spelled) } => {
                spelled.poll_write(Pin::new(stream), cx, buf)
            }
            lent => lent.stream()?.poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lent = lock(&self.0);
        ready!(lent.poll_drain(cx))?;
        lent.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lent = lock(&self.0);
        ready!(lent.poll_drain(cx))?;
        lent.stream()?.poll_shutdown(cx)
    }
}

impl TlsStream for Loan {
    fn channel_binding(&self) -> ChannelBinding {
        lock(&self.0).stream.as_ref().map_or_else(ChannelBinding::none, TlsStream::channel_binding)
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loan")
    }
}

/// Follows the server's messages: a tag byte, a length word that counts itself, the body ("Message Formats", manual of
/// PostgreSQL).
struct MessageWatch {
    /// Tag, length and the first word of the body, where that is looked at: an authentication request's code, a process number.
    head: [u8; 9],
    head_len: usize,
    body_left: usize,
    last_complete: Option<u8>,
    permitted: RequiredAuth,
    was_challenged: bool,
    announced_pid: Option<i32>,
}

const HEADER: usize = 5;
const AUTHENTICATION: u8 = b'R';
const BACKEND_KEY_DATA: u8 = b'K';
const READY_FOR_QUERY: u8 = b'Z';

impl MessageWatch {
    fn new(permitted: RequiredAuth) -> Self {
        Self {
            head: [0; 9],
            head_len: 0,
            body_left: 0,
            last_complete: None,
            permitted,
            was_challenged: false,
            announced_pid: None,
        }
    }

    fn is_at_ready_for_query(&self) -> bool {
        self.head_len == 0 && self.last_complete == Some(READY_FOR_QUERY)
    }

    fn reads_word(&self) -> bool {
        let is_looked_at = matches!(self.head[0], AUTHENTICATION | BACKEND_KEY_DATA);
        self.head_len >= HEADER && is_looked_at && self.head_len < self.head.len()
    }

    /// How many bytes may be read before the watch must look; never 0.
    fn read_limit(&self) -> usize {
        if self.head_len < HEADER {
            HEADER - self.head_len
        } else if self.reads_word() {
            (self.head.len() - self.head_len).min(self.body_left)
        } else {
            self.body_left
        }
    }

    /// Takes note of bytes before the borrower sees them; there are at most [`read_limit`](Self::read_limit).
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.head_len < HEADER {
            self.extend_head(bytes);
            if self.head_len == HEADER {
                let length = u32::from_be_bytes([self.head[1], self.head[2], self.head[3], self.head[4]]);
                // A length below 4 breaks the protocol; tokio-postgres says so when it sees it.
                self.body_left = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(4);
            }
        } else {
            if self.reads_word() {
                self.extend_head(bytes);
                if self.head_len == self.head.len() {
                    let word = [self.head[5], self.head[6], self.head[7], self.head[8]];
                    match self.head[0] {
                        AUTHENTICATION => self.judge_code(u32::from_be_bytes(word))?,
                        _ => self.announced_pid = Some(i32::from_be_bytes(word)),
                    }
                }
            }
            self.body_left -= bytes.len();
        }
        if self.head_len >= HEADER && self.body_left == 0 {
            self.last_complete = Some(self.head[0]);
            self.head_len = 0;
        }
        Ok(())
    }

    fn extend_head(&mut self, bytes: &[u8]) {
        self.head[self.head_len..self.head_len + bytes.len()].copy_from_slice(bytes);
        self.head_len += bytes.len();
    }

    fn judge_code(&mut self, code: u32) -> io::Result<()> {
        let method = match code {
            0 if !self.was_challenged => AuthMethod::None,
            3 => AuthMethod::Password,
            5 => AuthMethod::Md5,
            7 => AuthMethod::Gss,
            9 => AuthMethod::Sspi,
            10 => AuthMethod::ScramSha256,
            // The end of an exchange, or one of its later steps.
            _ => return Ok(()),
        };
        self.was_challenged = true;
        if self.permitted.permits(method) { Ok(()) } else { Err(io::Error::other(ForbiddenMethod(method))) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// AuthenticationOk, a ParameterStatus, ReadyForQuery, and a NoticeResponse that came right behind.
    const LOG_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x0aa\0bcd\0Z\0\0\0\x05IN\0\0\0\x05\0";

    fn lent(permitted: RequiredAuth) -> (Loan, Lender, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        let (loan, lender) = lend(RawStream::Unix(near), permitted);
        (loan, lender, far)
    }

    use tokio::net::UnixStream;

    #[tokio::test]
    async fn a_read_never_passes_the_end_of_a_message() {
        let (mut loan, lender, mut far) = lent(RequiredAuth::Any);
        far.write_all(LOG_IN).await.unwrap();
        let mut seen = Vec::new();
        let mut space = [0; 8192];
        while seen.len() < LOG_IN.len() - 6 {
            let read = loan.read(&mut space).await.unwrap();
            seen.extend_from_slice(&space[..read]);
        }
        assert_eq!(seen, &LOG_IN[..LOG_IN.len() - 6]);
        let mut stream = lender.take_back().unwrap();
        let read = stream.read(&mut space).await.unwrap();
        assert_eq!(&space[..read], b"N\0\0\0\x05\0");
        assert!(loan.read(&mut space).await.is_err());
    }

    #[tokio::test]
    async fn a_stream_in_the_middle_of_a_message_is_not_handed_over() {
        let (mut loan, lender, mut far) = lent(RequiredAuth::Any);
        far.write_all(&LOG_IN[..12]).await.unwrap();
        let mut space = [0; 12];
        loan.read_exact(&mut space).await.unwrap();
        assert_eq!(lender.take_back().err(), Some(NotIdle));
    }

    #[tokio::test]
    async fn a_forbidden_method_is_stopped_before_the_client_can_answer() {
        for (request, permitted, forbidden) in [
            (b"R\0\0\0\x08\0\0\0\x03", RequiredAuth::AllBut(vec![AuthMethod::Password]), Some(AuthMethod::Password)),
            (b"R\0\0\0\x08\0\0\0\x03", RequiredAuth::AllBut(vec![AuthMethod::Md5]), None),
            (b"R\0\0\0\x08\0\0\0\x00", RequiredAuth::OneOf(vec![AuthMethod::ScramSha256]), Some(AuthMethod::None)),
        ] {
            let (mut loan, _lender, mut far) = lent(permitted);
            far.write_all(request).await.unwrap();
            let mut space = [0; 9];
            let answer = loan.read_exact(&mut space).await;
            let found = answer.err().and_then(|error| {
                error.get_ref().and_then(|inner| inner.downcast_ref::<ForbiddenMethod>()).map(|method| method.0)
            });
            assert_eq!(found, forbidden);
        }
    }
}
