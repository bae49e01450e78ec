//! From an endpoint to a stream of bytes: name, socket, TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use postgres_protocol::message::frontend;
use rustix::net::sockopt;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::raw_stream::RawStream;
use crate::pg::conninfo::{Endpoint, Host, Keepalives, Probing, SslMode, SslNegotiation, TlsSettings};
use crate::pg::error::Error;
use crate::pg::tls::{self, TlsError};

/// One place where a server may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

impl Address {
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Socket(_) => None,
            Self::Tcp(address) => Some(address.ip()),
        }
    }
}

/// What an attempt does about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    Plain,
    WhenOffered,
    Demanded,
}

/// The attempts that `sslmode` means, in their order. A socket is never encrypted (manual, "SSL Support").
pub(super) fn attempts(endpoint: &Endpoint, tls: &TlsSettings) -> &'static [Encryption] {
    match (endpoint.host(), tls.mode) {
        (Host::Socket(_), _) | (_, SslMode::Disable) => &[Encryption::Plain],
        (_, SslMode::Allow) => &[Encryption::Plain, Encryption::Demanded],
        (_, SslMode::Prefer) => &[Encryption::WhenOffered, Encryption::Plain],
        (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[Encryption::Demanded],
    }
}

/// The addresses of an endpoint, in the order of the resolver.
pub(super) async fn resolve(endpoint: &Endpoint) -> io::Result<Vec<Address>> {
    let port = endpoint.port();
    match endpoint.host() {
        Host::Address { address, .. } => Ok(vec![Address::Tcp(SocketAddr::new(*address, port))]),
        Host::Name(name) => Ok(tokio::net::lookup_host((name.as_str(), port)).await?.map(Address::Tcp).collect()),
        Host::Socket(folder) => Ok(vec![Address::Socket(match endpoint.socket_file() {
            Some(file) => file,
            // tokio takes a leading NUL for the abstract name space.
            None => {
                PathBuf::from(format!("\0{}/.s.PGSQL.{port}", folder.display().to_string().trim_start_matches('@')))
            }
        })]),
    }
}

pub(super) struct Dialer<'a> {
    pub endpoint: &'a Endpoint,
    pub tls: &'a TlsSettings,
    pub keepalives: &'a Keepalives,
}

impl Dialer<'_> {
    /// Opens the socket and, as `encryption` says, wraps it in TLS.
    pub async fn dial(&self, address: &Address, encryption: Encryption) -> Result<RawStream, Error> {
        let unreachable = |source| Error::Connect { endpoint: self.endpoint.to_string(), source };
        let broken = |source| Error::Tls { endpoint: self.endpoint.to_string(), source };
        let address = match address {
            Address::Socket(path) => {
                return UnixStream::connect(path).await.map(RawStream::Unix).map_err(unreachable);
            }
            Address::Tcp(address) => address,
        };
        let mut stream = TcpStream::connect(address).await.map_err(unreachable)?;
        self.tune(&stream).map_err(unreachable)?;
        if encryption == Encryption::Plain {
            return Ok(RawStream::Tcp(stream));
        }
        // The files are read first: what is wrong with them must not depend on what the server offers.
        let config = tls::client_config(self.tls).map_err(broken)?;
        let name = self.server_name(address.ip()).map_err(broken)?;
        if self.tls.negotiation == SslNegotiation::Postgres {
            match ask_for_encryption(&mut stream).await.map_err(unreachable)? {
                b'S' => {}
                b'N' if encryption == Encryption::WhenOffered => return Ok(RawStream::Tcp(stream)),
                b'N' => return Err(broken(TlsError::NotOffered)),
                answer => return Err(broken(TlsError::UnknownAnswer { answer })),
            }
        }
        shake_hands(config, &name, stream).await.map_err(|source| broken(TlsError::Handshake { source }))
    }

    /// The name that the certificate must bear, and that the server is told.
    fn server_name(&self, address: IpAddr) -> Result<String, TlsError> {
        let must_match = self.tls.mode == SslMode::VerifyFull;
        match self.endpoint.host() {
            Host::Name(name) | Host::Address { name: Some(name), .. } => match ServerName::try_from(name.as_str()) {
                Ok(_) => Ok(name.clone()),
                Err(_) if must_match => Err(TlsError::HostName { name: name.clone() }),
                Err(_) => Ok(address.to_string()),
            },
            _ if must_match => Err(TlsError::NoHostName),
            _ => Ok(address.to_string()),
        }
    }

    fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let settings = self.keepalives;
        sockopt::set_socket_keepalive(stream, settings.probing == Probing::On)?;
        if settings.probing == Probing::On {
            if let Some(idle) = settings.idle {
                sockopt::set_tcp_keepidle(stream, idle)?;
            }
            if let Some(interval) = settings.interval {
                sockopt::set_tcp_keepintvl(stream, interval)?;
            }
            if let Some(count) = settings.count {
                sockopt::set_tcp_keepcnt(stream, count)?;
            }
        }
        if let Some(limit) = settings.unacknowledged {
            sockopt::set_tcp_user_timeout(stream, u32::try_from(limit.as_millis()).unwrap_or(u32::MAX))?;
        }
        Ok(())
    }
}

/// Sends an SSLRequest and reads the one byte of the answer. Not a byte more: what a man in the middle sends unencrypted
/// behind it must reach the handshake, and break it (CVE-2021-23222).
async fn ask_for_encryption(stream: &mut TcpStream) -> io::Result<u8> {
    let mut request = bytes::BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    stream.read_u8().await
}

async fn shake_hands(config: ClientConfig, name: &str, stream: TcpStream) -> io::Result<RawStream> {
    let connector: Result<_, std::convert::Infallible> =
        MakeTlsConnect::<TcpStream>::make_tls_connect(&mut MakeRustlsConnect::new(config), name);
    let Ok(connector) = connector;
    Ok(RawStream::Tls(Box::new(TlsConnect::<TcpStream>::connect(connector, stream).await?)))
}
