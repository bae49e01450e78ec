//! Connection settings, read as libpq reads them: a URI or `keyword=value` pairs, a service file, the `PG*` variables,
//! a password file, and libpq's defaults. The source of every rule is the chapter "libpq - C Library" of the manual
//! ("Connection Strings", "Parameter Key Words", "Environment Variables", "The Password File", "The Connection
//! Service File"); what the manual leaves open follows `fe-connect.c`.

mod child;
mod endpoint;
mod environment;
mod error;
mod keyword;
mod passfile;
mod require_auth;
mod service;
mod settings;
mod syntax;
mod transport;
mod written;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use endpoint::{DEFAULT_PORT, Endpoint, Host, Password};
pub use environment::Environment;
pub use error::ConninfoError;
pub use keyword::Origin;
pub use require_auth::{AuthMethod, RequiredAuth};
pub use transport::{
    ChannelBinding, ClientCertificate, HostOrder, Keepalives, Probing, RootCertificates, ServerNameIndication, SslMode,
    SslNegotiation, TargetSession, TlsSettings, TlsVersion,
};

use passfile::{Opened, Wanted};
use secrecy::SecretString;
use settings::Settings;

/// Whether a text holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    None,
    Within,
}

/// Everything that is needed to reach a database. Passwords never show in `Debug` or `Display`.
#[derive(Clone, Debug)]
pub struct Conninfo {
    endpoints: Vec<Endpoint>,
    user: String,
    database: String,
    database_choice: DatabaseChoice,
    tls: TlsSettings,
    connect_timeout: Option<Duration>,
    keepalives: Keepalives,
    options: Option<String>,
    application_name: Option<String>,
    fallback_application_name: Option<String>,
    target_session: TargetSession,
    channel_binding: ChannelBinding,
    required_auth: RequiredAuth,
    host_order: HostOrder,
    passfile: Option<PathBuf>,
    /// A socket in one of them goes by the name `localhost` in a password file.
    default_socket_directories: Vec<PathBuf>,
    /// What the connection string says, without secrets.
    typed: Vec<(String, String)>,
    warnings: Vec<String>,
    reached: Reached,
}

/// Which of several servers a run has come to: its number, and its address where its name has several. One for all that are made from a
/// connection string, so that every session of the run is with the same server, whichever can be reached later.
#[derive(Clone, Debug, Default)]
struct Reached(Arc<OnceLock<(usize, Option<IpAddr>)>>);

/// Who says which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// The connection string, or the service that it names.
    Named,
    /// The environment, or the user's name.
    Surroundings,
}

impl DatabaseChoice {
    fn of(settings: &Settings) -> Self {
        let is_named = match (settings.text("dbname"), settings.origin("dbname")) {
            (None, _) => false,
            (Some(_), Origin::ServiceFile(_)) => settings.origin("service") == Origin::ConnectionString,
            (Some(_), origin) => origin == Origin::ConnectionString,
        };
        if is_named { Self::Named } else { Self::Surroundings }
    }
}

impl Conninfo {
    /// Merges a connection string with what the environment adds. Reads the service file and the password file, and
    /// connects to nothing. A password file that others can read is passed over with a [warning](Self::warnings).
    ///
    /// # Errors
    /// A keyword or a value that libpq does not know, one that pgkeep cannot obey, a service that is not defined.
    pub fn resolve(dsn: Option<&str>, env: &Environment) -> Result<Self, ConninfoError> {
        let settings = Settings::gather(dsn, env)?;
        let owned = |keyword| settings.text(keyword).map(str::to_owned);
        let user = owned("user").or_else(|| env.os_user.clone()).ok_or(ConninfoError::NoUser)?;
        let orders = [("disable", HostOrder::AsGiven), ("random", HostOrder::Random)];
        let mut conninfo = Self {
            endpoints: endpoint::expand(&settings, env)?,
            database: owned("dbname").unwrap_or_else(|| user.clone()),
            user,
            database_choice: DatabaseChoice::of(&settings),
            tls: transport::read_tls(&settings, env)?,
            connect_timeout: settings
                .integer("connect_timeout")?
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            keepalives: transport::read_keepalives(&settings)?,
            options: owned("options"),
            application_name: owned("application_name"),
            fallback_application_name: owned("fallback_application_name"),
            target_session: settings
                .choice(
                    "target_session_attrs",
                    transport::TARGET_SESSIONS,
                    "any, read-write, read-only, primary, standby or prefer-standby",
                )?
                .unwrap_or(TargetSession::Any),
            channel_binding: settings
                .choice("channel_binding", transport::CHANNEL_BINDINGS, "disable, prefer or require")?
                .unwrap_or(ChannelBinding::Prefer),
            required_auth: RequiredAuth::read(&settings)?,
            host_order: settings
                .choice("load_balance_hosts", &orders, "disable or random")?
                .unwrap_or(HostOrder::AsGiven),
            passfile: owned("passfile").map(PathBuf::from).or_else(|| env.home_file(".pgpass")),
            default_socket_directories: env.socket_directories.clone(),
            typed: settings.typed(),
            warnings: Vec::new(),
            reached: Reached::default(),
        };
        match settings.text("password") {
            Some(password) => conninfo = conninfo.with_password(password.into(), &settings.origin("password")),
            None => conninfo.look_up_passwords(),
        }
        Ok(conninfo)
    }

    /// Whether a connection string holds a password itself. Reads nothing but the string.
    ///
    /// # Errors
    /// The string is malformed.
    pub fn secrets_in(dsn: &str) -> Result<Secrets, ConninfoError> {
        let named = syntax::parse(dsn)?;
        Ok(if named.iter().any(|(keyword, _)| keyword::is_secret(keyword)) { Secrets::Within } else { Secrets::None })
    }

    /// The same connection with this password for every server, whatever password was found before.
    pub fn with_password(mut self, secret: SecretString, origin: &Origin) -> Self {
        for endpoint in &mut self.endpoints {
            endpoint.password = Password::Given { secret: secret.clone(), origin: origin.clone() };
        }
        self
    }

    /// The same connection to another database of the same server. A password that came from the password file is
    /// looked up again, since a line there may name the database.
    pub fn with_database(&self, database: &str) -> Self {
        let mut other = Self { database: database.to_owned(), ..self.clone() };
        if other.endpoints.iter().any(|endpoint| !matches!(endpoint.password, Password::Given { .. })) {
            other.look_up_passwords();
        }
        other
    }

    /// The same settings for one server alone, at the address that was reached: a snapshot that one session exports
    /// exists on that server only.
    pub(crate) fn narrowed_to(&self, endpoint: &Endpoint, reached: Option<IpAddr>) -> Self {
        let mut endpoint = endpoint.clone();
        endpoint.host = match (endpoint.host, reached) {
            (Host::Name(name), Some(address)) => Host::Address { name: Some(name), address },
            (host, _) => host,
        };
        Self { endpoints: vec![endpoint], reached: Reached::default(), ..self.clone() }
    }

    fn look_up_passwords(&mut self) {
        let Some(path) = &self.passfile else { return };
        let file = match passfile::open(path) {
            Opened::Usable(file) => Some(file),
            Opened::Absent => None,
            Opened::Ignored(warning) => {
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
                None
            }
        };
        for endpoint in &mut self.endpoints {
            let host = match &endpoint.host {
                Host::Socket(folder) if self.default_socket_directories.contains(folder) => "localhost".to_owned(),
                Host::Socket(folder) => folder.display().to_string(),
                Host::Name(name) | Host::Address { name: Some(name), .. } => name.clone(),
                Host::Address { name: None, address } => address.to_string(),
            };
            let port = endpoint.port.to_string();
            let wanted = Wanted { host: &host, port: &port, database: &self.database, user: &self.user };
            endpoint.password = match file.as_ref().and_then(|file| Some((file, file.look_up(&wanted)?))) {
                Some((file, secret)) => Password::FromFile { secret, path: file.path.clone() },
                None => Password::NotFound { looked_in: Some(path.clone()) },
            };
        }
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whoever writes into a database wants it named.
    pub fn database_choice(&self) -> DatabaseChoice {
        self.database_choice
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    /// The servers to try, in the order of the connection string; there is at least one. The one that was reached, once there is one.
    pub fn endpoints(&self) -> &[Endpoint] {
        match self.reached.0.get() {
            Some((n, _)) => &self.endpoints[*n..=*n],
            None => &self.endpoints,
        }
    }

    /// The same for the server that was reached; none before that.
    pub(crate) fn at_reached(&self) -> Option<Self> {
        let (n, address) = self.reached.0.get()?;
        Some(self.narrowed_to(&self.endpoints[*n], *address))
    }

    /// Whether its one server is this one.
    pub(crate) fn is_at(&self, endpoint: &Endpoint, address: Option<IpAddr>) -> bool {
        let [only] = self.endpoints() else { return false };
        let host = match (&only.host, &endpoint.host) {
            (Host::Address { name: Some(name), address: only }, Host::Name(other)) => {
                name == other && Some(*only) == address
            }
            (only, other) => only == other,
        };
        host && only.port == endpoint.port
    }

    /// From now on this is the server, unless another one was reached before: then that is.
    ///
    /// `endpoint` is one of [`endpoints`](Self::endpoints), `address` is that of a name that has several.
    pub(crate) fn stay_with(&self, endpoint: &Endpoint, address: Option<IpAddr>) {
        let is_it = |other: &Endpoint| (other.host(), other.port()) == (endpoint.host(), endpoint.port());
        if let Some(n) = self.endpoints.iter().position(is_it) {
            // Who comes second finds what is there.
            let _ = self.reached.0.set((n, address));
        }
    }

    /// The address of the server that was reached, where its name has several.
    pub(crate) fn reached_address(&self) -> Option<IpAddr> {
        self.reached.0.get().and_then(|(_, address)| *address)
    }

    pub fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// How long one address may take, from the first packet to the end of the log-in; without it, for ever.
    pub fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    pub fn keepalives(&self) -> &Keepalives {
        &self.keepalives
    }

    pub fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    pub fn application_name(&self) -> Option<&str> {
        self.application_name.as_deref()
    }

    pub fn fallback_application_name(&self) -> Option<&str> {
        self.fallback_application_name.as_deref()
    }

    pub fn target_session(&self) -> TargetSession {
        self.target_session
    }

    pub fn channel_binding(&self) -> ChannelBinding {
        self.channel_binding
    }

    pub fn required_auth(&self) -> &RequiredAuth {
        &self.required_auth
    }

    pub fn host_order(&self) -> HostOrder {
        self.host_order
    }

    /// The password file that is asked where no password is given.
    pub fn passfile(&self) -> Option<&Path> {
        self.passfile.as_deref()
    }

    /// What libpq would print as a warning; the operator should see it.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// `chronos on db.example:5432`, `chronos on socket /tmp:5432`.
impl fmt::Display for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints: Vec<String> = self.endpoints().iter().map(Endpoint::to_string).collect();
        write!(f, "{} on {}", self.database, endpoints.join(","))
    }
}
