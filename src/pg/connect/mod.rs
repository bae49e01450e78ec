//! Opening connections: which servers are tried in which order, with and without encryption, as libpq does it.
//!
//! Two kinds come out of one path. A [`Session`] is a tokio-postgres client. A [`RawStream`] is a connection that is
//! logged in and idle, and whose bytes the caller speaks itself.

mod frames;
mod loan;
mod login;
mod near;
mod raw_stream;
mod session;
pub mod settings;
mod socket;

use rand_core::{OsRng, RngCore};

pub use near::with_near_name;
pub use raw_stream::{EncryptedStream, RawStream};
pub use session::{Canceller, Session};

use super::conninfo::{Conninfo, Endpoint, HostOrder, TargetSession};
use super::error::Error;
use login::{Login, Manner};
use settings::{Stands, Startup};
use socket::{Address, Dialer, Encryption};

/// Opens a session. Its [settings] are fixed, whatever its role, database and server have. `application_name` is used where the
/// connection settings name none.
///
/// # Errors
/// See [`Error`]; with several servers, that of the last one tried. A server that refuses the log-in ends the search, as
/// in libpq.
pub async fn connect(info: &Conninfo, application_name: &str) -> Result<Session, Error> {
    start(info, application_name, Stands::ForUs).await
}

/// The same with the settings that a user of the database has. Only what would end the session is ours.
pub async fn connect_as_user(info: &Conninfo, application_name: &str) -> Result<Session, Error> {
    start(info, application_name, Stands::ForUser).await
}

async fn start(info: &Conninfo, application_name: &str, stands: Stands) -> Result<Session, Error> {
    let opened = open(info, application_name, stands).await?;
    let conninfo = info.narrowed_to(&opened.endpoint, opened.address.ip());
    Ok(Session::start(opened.login, conninfo, opened.address, opened.encryption))
}

/// Opens a connection as [`connect`] does, with the same settings, and gives away its bytes: the server has sent
/// ReadyForQuery and waits for a message.
///
/// No byte is lost on the way: tokio-postgres reads through a stream that never delivers more than the rest of one
/// message, so that its buffer is empty when the ReadyForQuery that it waits for has come. If the server sends something
/// between that and the hand-over (it is shutting down), this fails.
pub async fn connect_raw_stream(info: &Conninfo, application_name: &str) -> Result<RawStream, Error> {
    let Opened { login, endpoint, .. } = open(info, application_name, Stands::ForUs).await?;
    let Login { client, connection, lender, .. } = login;
    // Neither says goodbye when it is dropped: only a polled connection does.
    drop(connection);
    drop(client);
    lender
        .take_back()
        .map_err(|source| Error::ConnectionLost { endpoint: endpoint.to_string(), source: Box::new(source) })
}

struct Opened {
    login: Login,
    endpoint: Endpoint,
    address: Address,
    encryption: Encryption,
}

/// Where there is a choice, the first that is made is the run's: what is begun on one server is never gone on with on another.
async fn open(info: &Conninfo, application_name: &str, stands: Stands) -> Result<Opened, Error> {
    if let Some(info) = info.at_reached() {
        return open_any(&info, application_name, stands).await;
    }
    let opened = open_any(info, application_name, stands).await?;
    match info.at_reached() {
        // Two were opened at once, and the other one was first.
        Some(first) if !first.is_at(&opened.endpoint, opened.address.ip()) => {
            drop(opened);
            open_any(&first, application_name, stands).await
        }
        _ => Ok(opened),
    }
}

async fn open_any(info: &Conninfo, application_name: &str, stands: Stands) -> Result<Opened, Error> {
    let rounds: &[TargetSession] = match info.target_session() {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        wanted => &[wanted],
    };
    let mut endpoints = info.endpoints().to_vec();
    if info.host_order() == HostOrder::Random {
        shuffle(&mut endpoints);
    }
    let manner = Manner { application_name, stands, startup: Startup::Options };
    let mut last = None;
    for wanted in rounds {
        for endpoint in &endpoints {
            match open_endpoint(info, endpoint, *wanted, manner).await {
                Ok(opened) => return Ok(opened),
                Err(error) if may_try_next(&error) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
    }
    Err(match last {
        Some(last) if endpoints.len() > 1 => {
            let endpoints = endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(", ");
            Error::NoServerUsable { endpoints, last: Box::new(last) }
        }
        Some(error) => error,
        None => no_address(info.to_string()),
    })
}

/// A server that cannot be reached, is starting or stopping, or plays another part gives way to the next one. One that
/// refuses this user does not ("Specifying Multiple Hosts", manual of PostgreSQL).
fn may_try_next(error: &Error) -> bool {
    matches!(
        error,
        Error::Connect { .. }
            | Error::ConnectTimeout { .. }
            | Error::ConnectionLost { .. }
            | Error::WrongSession { .. }
    )
}

fn no_address(endpoint: String) -> Error {
    Error::Connect { endpoint, source: std::io::Error::other("the host name has no address") }
}

async fn open_endpoint(
    info: &Conninfo,
    endpoint: &Endpoint,
    wanted: TargetSession,
    manner: Manner<'_>,
) -> Result<Opened, Error> {
    let addresses =
        socket::resolve(endpoint).await.map_err(|source| Error::Connect { endpoint: endpoint.to_string(), source })?;
    let mut last = None;
    let choice = addresses.len();
    for address in addresses {
        let reached = || info.stay_with(endpoint, address.ip().filter(|_| choice > 1));
        let attempt = open_address(info, endpoint, &address, manner);
        let outcome = match info.connect_timeout() {
            None => attempt.await,
            Some(after) => match tokio::time::timeout(after, attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Error::ConnectTimeout { endpoint: endpoint.to_string(), after }),
            },
        };
        match outcome {
            Ok(opened) if opened.login.facts.is_wanted(wanted) => {
                reached();
                return Ok(opened);
            }
            Ok(_) => last = Some(Error::WrongSession { endpoint: endpoint.to_string(), wanted }),
            Err(error) if may_try_next(&error) => last = Some(error),
            // The search ends with it, as in libpq: whatever is asked next is asked of this one.
            Err(error) => {
                reached();
                return Err(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| no_address(endpoint.to_string())))
}

/// One address, with the second attempt that `sslmode=allow` and `sslmode=prefer` make when the first one was refused.
async fn open_address(
    info: &Conninfo,
    endpoint: &Endpoint,
    address: &Address,
    manner: Manner<'_>,
) -> Result<Opened, Error> {
    let mut refused: Option<Error> = None;
    for encryption in socket::attempts(endpoint, info.tls()) {
        let dialer = Dialer { endpoint, tls: info.tls(), keepalives: info.keepalives() };
        let error = match enter(info, &dialer, address, *encryption, manner).await {
            Ok(login) => {
                let encryption = if login.was_encrypted { Encryption::Demanded } else { Encryption::Plain };
                let (endpoint, address) = (endpoint.clone(), address.clone());
                return Ok(Opened { login: login.entered, endpoint, address, encryption });
            }
            Err(error) => error,
        };
        let Attempt { entered: error, was_encrypted } = error;
        // Where the server did not offer encryption, the plain attempt has been made already.
        let is_final = (*encryption == Encryption::WhenOffered && !was_encrypted) || !may_try_otherwise(&error);
        let error = match refused.take() {
            None => error,
            Some(first) => more_telling(first, error),
        };
        if is_final {
            return Err(error);
        }
        refused = Some(error);
    }
    Err(refused.unwrap_or_else(|| no_address(endpoint.to_string())))
}

struct Attempt<T> {
    entered: T,
    was_encrypted: bool,
}

/// Dials and logs in, in the manner that this server takes.
async fn enter(
    info: &Conninfo,
    dialer: &Dialer<'_>,
    address: &Address,
    encryption: Encryption,
    mut manner: Manner<'_>,
) -> Result<Attempt<Login>, Attempt<Error>> {
    loop {
        let stream = match dialer.dial(address, encryption).await {
            Ok(stream) => stream,
            Err(entered) => return Err(Attempt { entered, was_encrypted: true }),
        };
        let was_encrypted = stream.is_encrypted();
        let entered = async {
            let mut login = login::log_in(info, dialer.endpoint, manner, stream).await?;
            if login.is_behind_pooler() {
                check_session_is_kept(&mut login, info, dialer, address, encryption, manner).await?;
            }
            login.settle(info, dialer.endpoint, manner.stands).await?;
            Ok(login)
        };
        match entered.await {
            Ok(entered) => return Ok(Attempt { entered, was_encrypted }),
            Err(error) => match manner.startup.instead(&error) {
                Some(startup) => manner.startup = startup,
                None => return Err(Attempt { entered: error, was_encrypted }),
            },
        }
    }
}

/// Behind a pooler that hands each transaction to whichever server session is free, settings would reach the sessions of
/// others, and ours be lost. What shows it: a second connection is served by the same process while the first one is open, or
/// the first one by another than before.
async fn check_session_is_kept(
    login: &mut Login,
    info: &Conninfo,
    dialer: &Dialer<'_>,
    address: &Address,
    encryption: Encryption,
    manner: Manner<'_>,
) -> Result<(), Error> {
    let endpoint = dialer.endpoint;
    let stream = dialer.dial(address, encryption).await?;
    let other = login::log_in(info, endpoint, manner, stream).await?;
    let pid = login.facts.backend_pid;
    if other.facts.backend_pid == pid || login.backend_pid_now(endpoint).await? != pid {
        return Err(Error::TransactionPooler { endpoint: endpoint.to_string() });
    }
    Ok(())
}

/// A refusal may depend on whether the connection is encrypted (`hostssl`, `hostnossl`); a closed port does not. What is
/// wrong with a file of this machine is never papered over by going without encryption.
fn may_try_otherwise(error: &Error) -> bool {
    use super::tls::TlsError;
    match error {
        Error::Tls { source, .. } => matches!(source, TlsError::Handshake { .. }),
        Error::Authentication { .. } | Error::Rejected { .. } => true,
        _ => false,
    }
}

/// "No entry in pg_hba.conf for this kind of connection" says less than what the other kind came to.
fn more_telling(first: Error, second: Error) -> Error {
    match first {
        Error::Rejected { .. } if !matches!(second, Error::Tls { .. } | Error::Rejected { .. }) => second,
        _ => first,
    }
}

/// Fisher and Yates. The bias of the remainder is nothing beside a handful of hosts.
fn shuffle(endpoints: &mut [Endpoint]) {
    for last in (1..endpoints.len()).rev() {
        let range = u64::try_from(last).map_or(u64::MAX, |last| last + 1);
        let chosen = usize::try_from(OsRng.next_u64() % range).unwrap_or(0);
        endpoints.swap(last, chosen);
    }
}
