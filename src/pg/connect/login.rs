//! From a stream of bytes to a session of the server: start-up, authentication, the session's settings.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use secrecy::ExposeSecret;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, Connection, SimpleQueryMessage};

use super::loan::{self, ForbiddenMethod, Lender, Loan};
use super::raw_stream::{AlreadyNegotiated, RawStream};
use super::settings::{self, IN_THE_WAY, Stands, Startup};
use crate::pg::conninfo::{self, Conninfo, Endpoint, TargetSession};
use crate::pg::error::{Error, causes, server_message};

/// What PostgreSQL calls the encoding of a database that has none.
pub const NO_ENCODING: &str = "SQL_ASCII";

/// A server that has accepted the log-in and is idle.
pub(super) struct Login {
    pub client: Client,
    pub connection: Connection<Loan, Loan>,
    pub lender: Lender,
    pub facts: ServerFacts,
    pub startup: Startup,
}

/// How a session is begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    pub application_name: &'a str,
    pub stands: Stands,
    pub startup: Startup,
}

/// What the server says about itself and about this session.
#[derive(Clone, Debug)]
pub(super) struct ServerFacts {
    pub version_num: u32,
    pub encoding: String,
    pub backend_pid: i32,
    is_standby: bool,
    is_read_only: bool,
}

impl ServerFacts {
    pub fn is_wanted(&self, wanted: TargetSession) -> bool {
        match wanted {
            TargetSession::Any | TargetSession::PreferStandby => true,
            TargetSession::ReadWrite => !self.is_read_only,
            TargetSession::ReadOnly => self.is_read_only,
            TargetSession::Primary => !self.is_standby,
            TargetSession::Standby => self.is_standby,
        }
    }
}

impl Login {
    /// The server announced another process number than its session has: something in between made one up.
    pub fn is_behind_pooler(&self) -> bool {
        self.lender.announced_pid().is_some_and(|announced| announced != self.facts.backend_pid)
    }

    /// Asks the session once more which process serves it.
    pub async fn backend_pid_now(&mut self, endpoint: &Endpoint) -> Result<i32, Error> {
        let encoding = self.facts.encoding.clone();
        let asked = drive(&mut self.connection, ask_facts(&self.client, encoding)).await;
        asked.map(|facts| facts.backend_pid).map_err(|fault| fault.at(endpoint))
    }

    /// Gives the session the settings under which SQL of this program means the same everywhere.
    pub async fn settle(&mut self, info: &Conninfo, endpoint: &Endpoint, stands: Stands) -> Result<(), Error> {
        let settings = set_up(&self.client, info.options(), stands, endpoint);
        drive(&mut self.connection, settings).await.map_err(|fault| fault.at(endpoint))?;
        if self.facts.encoding != NO_ENCODING {
            return Ok(());
        }
        // Bytes of no encoding: whoever asks for another is refused those that are none of it.
        let unencoded = async {
            let set = self.client.batch_execute("SET client_encoding = 'SQL_ASCII'").await;
            set.map_err(|error| Fault::Query("the session's encoding", error))
        };
        drive(&mut self.connection, unencoded).await.map_err(|fault| fault.at(endpoint))
    }
}

/// Logs in, and asks where it has come to.
pub(super) async fn log_in(
    info: &Conninfo,
    endpoint: &Endpoint,
    manner: Manner<'_>,
    stream: RawStream,
) -> Result<Login, Error> {
    let config = config(info, endpoint, manner);
    let (loan, lender) = loan::lend(stream, info.required_auth().clone());
    let (client, mut connection) =
        config.connect_raw(loan, AlreadyNegotiated).await.map_err(|error| refusal(info, endpoint, error))?;
    let encoding = connection.parameter("server_encoding").unwrap_or("UTF8").to_owned();
    let facts = drive(&mut connection, ask_facts(&client, encoding)).await.map_err(|fault| fault.at(endpoint))?;
    Ok(Login { client, connection, lender, facts, startup: manner.startup })
}

/// Whether sessions only read by default is what such an operator asks for, so it is looked at before it is pinned.
fn heeded(info: &Conninfo) -> &'static [&'static str] {
    match info.target_session() {
        TargetSession::ReadWrite | TargetSession::ReadOnly => &["default_transaction_read_only"],
        _ => &[],
    }
}

fn config(info: &Conninfo, endpoint: &Endpoint, manner: Manner<'_>) -> Config {
    let mut config = Config::new();
    config.user(info.user()).dbname(info.database());
    // See AlreadyNegotiated.
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    config.channel_binding(match info.channel_binding() {
        conninfo::ChannelBinding::Disable => ChannelBinding::Disable,
        conninfo::ChannelBinding::Prefer => ChannelBinding::Prefer,
        conninfo::ChannelBinding::Require => ChannelBinding::Require,
    });
    if let Some(secret) = endpoint.password().secret() {
        config.password(secret.expose_secret());
    }
    if let Some(options) = settings::startup_options(info.options(), manner.stands, manner.startup, heeded(info)) {
        config.options(options);
    }
    let own_name = manner.application_name;
    config.application_name(info.application_name().or(info.fallback_application_name()).unwrap_or(own_name));
    config
}

enum Fault {
    Query(&'static str, tokio_postgres::Error),
    Answer(Error),
}

impl Fault {
    fn at(self, endpoint: &Endpoint) -> Error {
        match self {
            Fault::Query(context, error) => Error::from_query(&endpoint.to_string(), context, error),
            Fault::Answer(error) => error,
        }
    }
}

/// The first message: until its SET has run, a role's statement_timeout counts. The setting ends with the message, for it is
/// not known yet whether the session is ours alone.
const FACTS: &str = "SET LOCAL statement_timeout = 0; \
                     SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.pg_backend_pid(), \
                     pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";

async fn ask_facts(client: &Client, encoding: String) -> Result<ServerFacts, Fault> {
    let answer = client.simple_query(FACTS).await.map_err(|error| Fault::Query("the query for its version", error))?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let column = |index| row.and_then(|row| row.try_get(index).ok().flatten()).unwrap_or_default();
    let not_a_number = |source: std::num::ParseIntError| {
        let context = "the server's version and process number".to_owned();
        Fault::Answer(Error::Protocol { context, source: Box::new(source) })
    };
    Ok(ServerFacts {
        version_num: column(0).parse().map_err(not_a_number)?,
        backend_pid: column(1).parse().map_err(not_a_number)?,
        is_standby: column(2) == "t",
        is_read_only: column(3) == "on",
        encoding,
    })
}

/// No time-out of a role or a database may end a backup half-way, no setting may change how a value is written, and no
/// `search_path` may change what a name means.
async fn set_up(client: &Client, options: Option<&str>, stands: Stands, endpoint: &Endpoint) -> Result<(), Fault> {
    let refused = |error| Fault::Query("the session's settings", error);
    let answer = client.simple_query(&settings::statements(options, stands)).await.map_err(refused)?;
    for (name, value) in answer.iter().filter_map(in_the_way) {
        let Some(pin) = settings::pin_of(name) else { continue };
        let set = format!("SELECT {}", settings::set_config(pin.name, pin.value));
        let Err(error) = client.batch_execute(&set).await else { continue };
        return Err(match server_message(&error) {
            None => refused(error),
            Some(message) => Fault::Answer(Error::Setting {
                endpoint: endpoint.to_string(),
                name: pin.name,
                value: value.to_owned(),
                needed: pin.value,
                source: Box::new(message),
            }),
        });
    }
    // Without it a server works on for hours for a client that was killed. Not every platform can do it.
    match client.batch_execute("SET client_connection_check_interval = '5s'").await {
        Err(error) if error.as_db_error().is_none() => Err(refused(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn in_the_way(message: &SimpleQueryMessage) -> Option<(&str, &str)> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    let named = row.columns().first().is_some_and(|column| column.name() == IN_THE_WAY);
    named.then(|| Some((row.get(0)?, row.get(1)?))).flatten()
}

/// Runs `work` on a connection that has no task of its own yet. The connection is polled only as long as an answer is
/// outstanding.
async fn drive<T, F>(connection: &mut Connection<Loan, Loan>, work: F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut work = pin!(work);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                let Err(Fault::Query(context, error)) = done else { return Poll::Ready(done) };
                // What ended the session is the connection's to say.
                let last_words = match error.is_closed() {
                    true => connection.poll_message(cx),
                    false => Poll::Pending,
                };
                return Poll::Ready(Err(match last_words {
                    Poll::Ready(Some(Err(said))) => Fault::Query(context, said),
                    _ => Fault::Query(context, error),
                }));
            }
            match connection.poll_message(cx) {
                Poll::Pending => return Poll::Pending,
                // Remarks on the log-in, which each of many sessions would make.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(Fault::Query("the session's settings", error)));
                }
                // Only after the client is gone, and the work holds on to it.
                Poll::Ready(None) => return Poll::Pending,
            }
        }
    })
    .await
}

#[derive(Debug, thiserror::Error)]
#[error("the server asks for a password, but none was given")]
struct PasswordMissing;

/// Why the server, or this program, ended the log-in.
fn refusal(info: &Conninfo, endpoint: &Endpoint, error: tokio_postgres::Error) -> Error {
    let label = endpoint.to_string();
    if let Some(ForbiddenMethod(method)) = causes(&error).find_map(|cause| cause.downcast_ref()) {
        return Error::AuthenticationMethod { endpoint: label, method: *method };
    }
    let authentication = |source| Error::Authentication {
        endpoint: label.clone(),
        user: info.user().to_owned(),
        password: endpoint.password().to_string(),
        source,
    };
    if let Some(message) = server_message(&error) {
        return match message.sqlstate.as_str() {
            "28000" if message.message.contains("pg_hba.conf") => Error::Rejected {
                endpoint: label,
                user: info.user().to_owned(),
                database: info.database().to_owned(),
                source: Box::new(message),
            },
            "28000" | "28P01" => authentication(Box::new(message)),
            "3D000" => Error::NoSuchDatabase {
                endpoint: label,
                database: info.database().to_owned(),
                near: None,
                source: Box::new(message),
            },
            _ => Error::from_message(&label, "the log-in", message),
        };
    }
    let asks_for_password = causes(&error).any(|cause| cause.to_string() == "password missing");
    match Error::from_query(&label, "the log-in", error) {
        // tokio-postgres found no password to send, or the proofs of SCRAM or channel binding failed.
        Error::Protocol { .. } if endpoint.password().secret().is_none() && asks_for_password => {
            authentication(Box::new(PasswordMissing))
        }
        Error::Protocol { source, .. } => authentication(source),
        other => other,
    }
}
