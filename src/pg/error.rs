//! What can go wrong between pgkeep and a server, and what the operator can do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use postgres_protocol::message::backend::ErrorResponseBody;
use tokio_postgres::fallible_iterator::FallibleIterator;

use super::conninfo::{AuthMethod, ConninfoError, TargetSession};
use super::said::kept;
use super::tls::TlsError;

/// An error report of the server, in its own words ("Error and Notice Message Fields", manual of PostgreSQL, chapter
/// Frontend/Backend Protocol).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerMessage {
    pub severity: String,
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// The stack of functions and COPY lines in which it happened.
    pub location: Option<String>,
    pub schema: Option<String>,
    pub table: Option<String>,
    pub constraint: Option<String>,
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (SQLSTATE {})", self.severity, self.message, self.sqlstate)?;
        if let Some(detail) = &self.detail {
            write!(f, "; {detail}")?;
        }
        match &self.location {
            Some(location) => write!(f, "; {location}"),
            None => Ok(()),
        }
    }
}

impl StdError for ServerMessage {}

impl ServerMessage {
    /// Reads the body of an `ErrorResponse` or `NoticeResponse`; of each text what is kept.
    pub fn from_response(body: &ErrorResponseBody) -> io::Result<Self> {
        let mut read = Self::default();
        let mut fields = body.fields();
        while let Some(field) = fields.next()? {
            read.set(field.type_(), kept(field.value_bytes()));
        }
        Ok(read)
    }

    /// As [`from_response`](Self::from_response), from the bytes that follow the message's length word.
    pub fn from_response_bytes(body: &[u8]) -> Self {
        let mut read = Self::default();
        for field in body.split(|byte| *byte == 0) {
            if let Some((kind, value)) = field.split_first() {
                read.set(*kind, kept(value));
            }
        }
        read
    }

    fn set(&mut self, kind: u8, value: String) {
        match kind {
            // "V" is the severity that is never translated; servers before 9.6 send only "S".
            b'S' if self.severity.is_empty() => self.severity = value,
            b'V' => self.severity = value,
            b'C' => self.sqlstate = value,
            b'M' => self.message = value,
            b'D' => self.detail = Some(value),
            b'H' => self.hint = Some(value),
            b'W' => self.location = Some(value),
            b's' => self.schema = Some(value),
            b't' => self.table = Some(value),
            b'n' => self.constraint = Some(value),
            _ => {}
        }
    }
}

impl From<&tokio_postgres::error::DbError> for ServerMessage {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        let text = |text: &str| kept(text.as_bytes());
        Self {
            severity: error.severity().to_owned(),
            sqlstate: error.code().code().to_owned(),
            message: text(error.message()),
            detail: error.detail().map(text),
            hint: error.hint().map(text),
            location: error.where_().map(text),
            schema: error.schema().map(text),
            table: error.table().map(text),
            constraint: error.constraint().map(text),
        }
    }
}

/// A fault at a server or on the way to it. `endpoint` is the short human form of a server (`db:5432`,
/// `socket /tmp:5432`); `context` says what pgkeep was doing ("reading the catalog").
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the connection settings cannot be used")]
    Conninfo(#[from] ConninfoError),

    #[error("could not connect to {endpoint}")]
    Connect {
        endpoint: String,
        #[source]
        source: io::Error,
    },

    #[error("could not connect to {endpoint} within {} s", after.as_secs())]
    ConnectTimeout { endpoint: String, after: Duration },

    #[error("none of these servers can be used: {endpoints}")]
    NoServerUsable {
        endpoints: String,
        #[source]
        last: Box<Error>,
    },

    /// `password` says where the password came from, or where it was looked for.
    #[error("{endpoint} refused the login of {user}")]
    Authentication {
        endpoint: String,
        user: String,
        password: String,
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A name was somebody else's by the time that it was read by it.
    #[error("{what} got another name while it was read, or its schema did")]
    Renamed { what: String },

    /// The server's `pg_hba.conf` has no place for this connection.
    #[error("{endpoint} does not allow {user} to connect to the database {database} from this host")]
    Rejected {
        endpoint: String,
        user: String,
        database: String,
        #[source]
        source: Box<ServerMessage>,
    },

    #[error("{endpoint} asks for the authentication method {}, which require_auth does not allow", method.word())]
    AuthenticationMethod { endpoint: String, method: AuthMethod },

    #[error("{endpoint} has no database {database}")]
    NoSuchDatabase {
        endpoint: String,
        database: String,
        /// A database of that server which has nearly this name.
        near: Option<String>,
        #[source]
        source: Box<ServerMessage>,
    },

    #[error("the encrypted connection to {endpoint} failed")]
    Tls {
        endpoint: String,
        #[source]
        source: TlsError,
    },

    #[error("{endpoint} is not the kind of server that target_session_attrs asks for")]
    WrongSession { endpoint: String, wanted: TargetSession },

    /// No session is ours for longer than a transaction. Nothing was set or read.
    #[error("{endpoint} is a connection pooler in transaction mode")]
    TransactionPooler { endpoint: String },

    /// A setting that only a superuser may change, and under which rows would not be what they are.
    #[error("{endpoint} has {name} = {value} for this role, but pgkeep needs {needed}")]
    Setting {
        endpoint: String,
        name: &'static str,
        value: String,
        needed: &'static str,
        #[source]
        source: Box<ServerMessage>,
    },

    #[error("the server reported an error ({context})")]
    Server {
        context: String,
        #[source]
        source: Box<ServerMessage>,
    },

    /// In a database without an encoding; of roles and databases, what was written in a database of another encoding.
    #[error("{endpoint}: names or texts of these objects are not valid UTF-8: {}", named(objects))]
    NoText { endpoint: String, objects: Vec<String> },

    #[error("the connection to {endpoint} was lost")]
    ConnectionLost {
        endpoint: String,
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The server or this program broke the protocol, or a value was not of the expected type.
    #[error("the server sent an unexpected answer ({context})")]
    Protocol {
        context: String,
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// The first of them, and how many more.
fn named(objects: &[String]) -> String {
    const NAMED_MAX: usize = 10;
    let listed = objects.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match objects.len().saturating_sub(NAMED_MAX) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// The server ended the session itself: `admin_shutdown`, `crash_shutdown`, `cannot_connect_now`,
/// `database_dropped`, `idle_session_timeout`, and the time-outs of a transaction, idle or not.
const ENDED_BY_SERVER: &[&str] = &["57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"];

impl Error {
    /// What a query came to. `context` says what was asked; `endpoint` is named when the connection is
    /// gone.
    pub fn from_query(endpoint: &str, context: impl Into<String>, error: tokio_postgres::Error) -> Self {
        if let Some(message) = server_message(&error) {
            return Self::from_message(endpoint, context, message);
        }
        if error.is_closed() || has_io_cause(&error) {
            return Self::ConnectionLost { endpoint: endpoint.to_owned(), source: Box::new(error) };
        }
        Self::Protocol { context: context.into(), source: Box::new(error) }
    }

    /// What an `ErrorResponse` means that the caller read off the wire itself.
    pub fn from_response(endpoint: &str, context: impl Into<String>, body: &ErrorResponseBody) -> Self {
        match ServerMessage::from_response(body) {
            Ok(message) => Self::from_message(endpoint, context, message),
            Err(source) => Self::Protocol { context: context.into(), source: Box::new(source) },
        }
    }

    pub fn from_message(endpoint: &str, context: impl Into<String>, message: ServerMessage) -> Self {
        let conflict = message.sqlstate == "40001" && message.severity == "FATAL";
        if conflict || ENDED_BY_SERVER.contains(&message.sqlstate.as_str()) {
            return Self::ConnectionLost { endpoint: endpoint.to_owned(), source: Box::new(message) };
        }
        Self::Server { context: context.into(), source: Box::new(message) }
    }

    /// The server's report, where one is behind this error.
    pub fn server_message(&self) -> Option<&ServerMessage> {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(message) = error.downcast_ref::<ServerMessage>() {
                return Some(message);
            }
            // A boxed message is a cause of its own type.
            if let Some(message) = error.downcast_ref::<Box<ServerMessage>>() {
                return Some(message);
            }
            cause = error.source();
        }
        None
    }

    pub fn sqlstate(&self) -> Option<&str> {
        self.server_message().map(|message| message.sqlstate.as_str())
    }

    /// Whether there was no session at all.
    pub fn is_of_the_log_in(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::ConnectTimeout { .. }
                | Self::NoServerUsable { .. }
                | Self::Authentication { .. }
                | Self::Rejected { .. }
                | Self::AuthenticationMethod { .. }
                | Self::NoSuchDatabase { .. }
                | Self::Tls { .. }
                | Self::WrongSession { .. }
        ) || self.sqlstate() == Some("57P03")
    }

    /// Whether a standby cancelled a statement, to go on with what the primary did: a conflict with recovery, or a deadlock with it.
    pub fn is_recovery_conflict(&self) -> bool {
        matches!(self.sqlstate(), Some("40001" | "40P01"))
    }

    /// What the operator may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conninfo(error) => error.hint(),
            Self::Connect { endpoint, source } => Some(connect_hint(endpoint, source)),
            Self::ConnectTimeout { .. } => {
                Some("a firewall may block the connection; connect_timeout allows more time".to_owned())
            }
            Self::NoServerUsable { last, .. } => last.hint(),
            Self::Authentication { password, source, .. } => authentication_hint(password, source.as_ref()),
            Self::Rejected { source, .. } if source.message.contains("no encryption") => {
                Some("the server may require encryption: try sslmode=require, or add a line to its pg_hba.conf".into())
            }
            Self::Rejected { .. } => Some("add a line to the server's pg_hba.conf and reload it".to_owned()),
            Self::AuthenticationMethod { .. } => Some("change require_auth, or the server's pg_hba.conf".to_owned()),
            Self::NoSuchDatabase { near: Some(near), .. } => {
                Some(format!("Did you mean {near}? psql -l lists the databases of a server"))
            }
            Self::NoSuchDatabase { near: None, .. } => Some("psql -l lists the databases of a server".to_owned()),
            Self::Tls { source, .. } => source.hint(),
            Self::TransactionPooler { .. } => Some(
                "connect to PostgreSQL directly (its own port), or to a pool in session mode: a snapshot and settings belong to one session"
                    .to_owned(),
            ),
            Self::WrongSession { wanted, .. } => Some(match wanted {
                TargetSession::Standby | TargetSession::PreferStandby => "name the standby among the hosts".to_owned(),
                TargetSession::ReadOnly => "name a standby or a read-only server among the hosts".to_owned(),
                _ => "name the primary among the hosts".to_owned(),
            }),
            Self::Server { source, .. } => source.hint.clone().or_else(|| server_hint(source)),
            Self::Setting { name, .. } => Some(format!(
                "a superuser can reset it (ALTER ROLE or ALTER DATABASE ... RESET {name}, or in postgresql.conf), or allow the role to set it (GRANT SET ON PARAMETER {name}, PostgreSQL 15 or newer)"
            )),
            Self::ConnectionLost { .. } => Some(match self.sqlstate() {
                Some("40001") => CONFLICT.to_owned(),
                Some("57P03") => "the server is starting or stopping: try again in a moment".to_owned(),
                Some("57P05") => time_out_hint("idle_session_timeout"),
                Some("25P03") => time_out_hint("idle_in_transaction_session_timeout"),
                Some("25P04") => time_out_hint("transaction_timeout"),
                _ => "the server's log says why it ended the session; a time-out may also come from an event trigger ON login, since PostgreSQL 17".to_owned(),
            }),
            Self::NoText { .. } => Some(
                "rename or rewrite them with PGCLIENTENCODING=SQL_ASCII psql (values in rows are copied as they are). A selection that leaves them out does not help, because the definitions of the whole database are read. For a role, its settings or its comment, connect to the database where it was written".to_owned(),
            ),
            Self::Renamed { .. } => Some("run it again".to_owned()),
            Self::Protocol { .. } => None,
        }
    }
}

/// A transaction of ours that only reads fails so on a standby alone ("Handling Query Conflicts", manual of PostgreSQL).
const CONFLICT: &str = "a standby cancels queries that conflict with changes from the primary: set hot_standby_feedback = on there, or a larger max_standby_streaming_delay, or connect to the primary";

/// Sessions of ours forbid time-outs in their first message; a pooler may keep it from the server.
fn time_out_hint(name: &str) -> String {
    format!(
        "the server's {name} ended the session: switch it off for this role (ALTER ROLE ... SET {name} = 0), or connect without a pooler; since PostgreSQL 17 an event trigger ON login may have set it"
    )
}

fn connect_hint(endpoint: &str, source: &io::Error) -> String {
    let is_socket = endpoint.starts_with("socket ");
    match source.kind() {
        io::ErrorKind::NotFound if is_socket => {
            "there is no server socket: is the server running, and are the folder and the port right?".to_owned()
        }
        io::ErrorKind::ConnectionRefused if is_socket => {
            "the socket file exists, but no server listens on it: is the server running?".to_owned()
        }
        io::ErrorKind::ConnectionRefused => {
            "is the server running, and do listen_addresses and port allow TCP connections?".to_owned()
        }
        io::ErrorKind::PermissionDenied if is_socket => "this user has no permission on the socket's folder".to_owned(),
        _ => "is the host name right, and can this machine reach the host?".to_owned(),
    }
}

fn authentication_hint(password: &str, source: &(dyn StdError + 'static)) -> Option<String> {
    let words = source.to_string();
    let is_about_identity = source.downcast_ref::<ServerMessage>().is_some_and(|message| message.sqlstate == "28000");
    if is_about_identity && words.contains("ertificate") {
        return Some("give the certificate of this user with sslcert and its key with sslkey".to_owned());
    }
    if is_about_identity && (words.contains("Peer") || words.contains("Ident")) {
        return Some(
            "the server accepts an operating system user only under the same role name (peer or ident): run as that user, \
                     or connect over TCP with a password"
                .to_owned(),
        );
    }
    if is_about_identity {
        return Some("psql -c '\\du' lists the roles of a server".to_owned());
    }
    if causes(source).any(|cause| cause.to_string().contains("channel binding")) {
        return Some("channel_binding=require needs an encrypted connection and a SCRAM password".to_owned());
    }
    Some(format!("the password was {password}"))
}

fn server_hint(message: &ServerMessage) -> Option<String> {
    let hint = match message.sqlstate.as_str() {
        "53300" => "too many connections: use fewer jobs (-j), or raise max_connections",
        "53100" => "the server's disk is full",
        "53200" => "the server ran out of memory",
        "42501" if message.message == "permission denied to create database" => {
            "ALTER ROLE ... CREATEDB lets this role create databases; or an administrator creates an empty one that the role owns (createdb -O ROLE NAME), and it is named without --create"
        }
        "55000" if message.message.ends_with("is not currently accepting connections") => {
            "ALTER DATABASE ... ALLOW_CONNECTIONS true opens it, from another database; a split that is given up shuts the database that it made for a moment before it drops it, and a kill may come in between"
        }
        "42501" => "grant the privilege to this role, or connect as the owner or as a superuser",
        "55P03" => "another session holds a lock: try again when it has ended, or raise the lock timeout",
        "22021" => {
            "a name, a comment or a definition is not valid in the database's encoding: find it with `PGCLIENTENCODING=SQL_ASCII psql`, and rename or rewrite it; values in rows are copied as they are"
        }
        "40001" => CONFLICT,
        "25006" => "the session is read-only: the server is a standby, or a function or trigger made it read-only",
        "57014" => "an administrator or a timeout cancelled the query",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The server's report behind an error of tokio-postgres.
pub(super) fn server_message(error: &tokio_postgres::Error) -> Option<ServerMessage> {
    causes(error).find_map(|cause| cause.downcast_ref::<tokio_postgres::error::DbError>()).map(ServerMessage::from)
}

fn has_io_cause(error: &tokio_postgres::Error) -> bool {
    // An io::Error of the kind InvalidData or InvalidInput is about an answer's form, not about the connection.
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
}

/// An error and all that caused it, the inner error of an `io::Error` included.
pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>() {
            Some(outer) => outer.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of an ErrorResponse as PostgreSQL 15 sends it for a duplicate key.
    const DUPLICATE: &[u8] = b"SERROR\0VERROR\0C23505\0Mduplicate key value violates unique constraint \"t_pkey\"\0\
        DKey (id)=(1) already exists.\0WCOPY t, line 2\0spublic\0tt\0nt_pkey\0Fnbtinsert.c\0L664\0R_bt_check_unique\0\0";

    #[test]
    fn the_fields_of_an_error_response_are_kept_apart() {
        let message = ServerMessage::from_response_bytes(DUPLICATE);
        assert_eq!(message.severity, "ERROR");
        assert_eq!(message.sqlstate, "23505");
        assert_eq!(message.detail.as_deref(), Some("Key (id)=(1) already exists."));
        assert_eq!(message.location.as_deref(), Some("COPY t, line 2"));
        assert_eq!(message.constraint.as_deref(), Some("t_pkey"));
        let error = Error::from_message("h:1", "loading public.t", message);
        assert_eq!(error.to_string(), "the server reported an error (loading public.t)");
        assert_eq!(error.sqlstate(), Some("23505"));
    }

    #[test]
    fn a_session_that_the_server_ends_is_a_lost_connection() {
        let body = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
        let error = Error::from_message("h:1", "reading", ServerMessage::from_response_bytes(body));
        assert_eq!(error.to_string(), "the connection to h:1 was lost");
        assert_eq!(error.sqlstate(), Some("57P01"));
    }
}
