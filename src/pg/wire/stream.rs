//! The socket of a [`Wire`](super::Wire): it reads, and it writes without ever waiting for a server that waits for us.

use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

use crate::pg::connect::{EncryptedStream, RawStream};
use crate::stop::{HookGuard, Stop};

pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<EncryptedStream>),
}

/// What a try to write has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Wrote(usize),
    /// The server has something to say, and takes nothing until it has been heard.
    Read(usize),
}

impl Stream {
    /// The hook ends a call that waits when the stop comes. An encrypted stream has no socket that another thread could shut: its
    /// calls look at the stop themselves.
    pub fn new(stream: RawStream, stop: &Stop) -> io::Result<(Self, Option<HookGuard>)> {
        Ok(match stream {
            RawStream::Unix(socket) => {
                let socket = socket.into_std()?;
                socket.set_nonblocking(false)?;
                let other = socket.try_clone()?;
                let hook = stop.on_stop(move || drop(other.shutdown(Shutdown::Both)));
                (Self::Unix(socket), Some(hook))
            }
            RawStream::Tcp(socket) => {
                let socket = socket.into_std()?;
                socket.set_nonblocking(false)?;
                let other = socket.try_clone()?;
                let hook = stop.on_stop(move || drop(other.shutdown(Shutdown::Both)));
                (Self::Tcp(socket), Some(hook))
            }
            RawStream::Tls(stream) => (Self::Tls(stream), None),
        })
    }

    /// Whether the server is known to run on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(socket) => socket.peer_addr().is_ok_and(|address| address.ip().is_loopback()),
            Self::Tls(_) => false,
        }
    }

    /// Waits for at least one byte. 0 is the end.
    pub fn read(&mut self, room: &mut [u8], runtime: &Runtime, stop: &Stop) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Unix(socket) => socket.read(room),
                Self::Tcp(socket) => socket.read(room),
                Self::Tls(stream) => wait(runtime, stop, |cx| poll_read(stream, cx, room)),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Reads what is there; 0 where that is nothing.
    pub fn read_ready(&mut self, room: &mut [u8], runtime: &Runtime) -> io::Result<usize> {
        let stream = match self {
            Self::Unix(socket) => return recv_ready(socket.as_fd(), room),
            Self::Tcp(socket) => return recv_ready(socket.as_fd(), room),
            Self::Tls(stream) => stream,
        };
        runtime.block_on(async {
            // The runtime looks at the socket when a task gives way.
            tokio::task::yield_now().await;
            poll_fn(|cx| match poll_read(stream, cx, room) {
                Poll::Pending => Poll::Ready(Ok(0)),
                Poll::Ready(read) => Poll::Ready(read.and_then(or_end)),
            })
            .await
        })
    }

    /// Waits until some of `bytes` is written or, if `room` is given, something was read into it. Without `bytes`, what encryption
    /// holds back is written; that is done when it returns `Wrote`.
    pub fn exchange(
        &mut self,
        bytes: &[u8],
        room: Option<&mut [u8]>,
        runtime: &Runtime,
        stop: &Stop,
    ) -> io::Result<Moved> {
        match self {
            Self::Unix(socket) => exchange_plain(socket.as_fd(), bytes, room),
            Self::Tcp(socket) => exchange_plain(socket.as_fd(), bytes, room),
            Self::Tls(stream) => {
                let mut room = room;
                wait(runtime, stop, |cx| {
                    let wrote = match bytes {
                        [] => Pin::new(&mut **stream).poll_flush(cx).map_ok(|()| 0),
                        bytes => Pin::new(&mut **stream).poll_write(cx, bytes),
                    };
                    match (wrote, room.as_deref_mut()) {
                        (Poll::Pending, Some(room)) => {
                            poll_read(stream, cx, room).map(|read| read.and_then(or_end).map(Moved::Read))
                        }
                        (wrote, _) => wrote.map_ok(Moved::Wrote),
                    }
                })
            }
        }
    }
}

/// Polls until there is a result or the stop has come, at which it looks five times a second.
fn wait<T>(
    runtime: &Runtime,
    stop: &Stop,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    let stopped = async {
        while !stop.is_set() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = poll_fn(|cx| step(cx)) => done,
            () = stopped => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    })
}

fn poll_read(stream: &mut EncryptedStream, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::new(room);
    Pin::new(stream).poll_read(cx, &mut room).map_ok(|()| room.filled().len())
}

fn exchange_plain(socket: BorrowedFd<'_>, bytes: &[u8], room: Option<&mut [u8]>) -> io::Result<Moved> {
    let mut room = room;
    loop {
        if bytes.is_empty() {
            return Ok(Moved::Wrote(0));
        }
        match send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(wrote) => return Ok(Moved::Wrote(wrote)),
            Err(Errno::AGAIN) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let readable = if room.is_some() { PollFlags::IN } else { PollFlags::empty() };
        match poll(&mut [PollFd::from_borrowed_fd(socket, PollFlags::OUT | readable)], None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(room) = room.as_deref_mut() {
            match recv_ready(socket, room)? {
                0 => {}
                read => return Ok(Moved::Read(read)),
            }
        }
    }
}

/// 0 where nothing is there. The end of the stream is an error.
fn recv_ready(socket: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
    match recv(socket, room, RecvFlags::DONTWAIT) {
        Ok((_, read)) => or_end(read),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

fn or_end(read: usize) -> io::Result<usize> {
    match read {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
        read => Ok(read),
    }
}
