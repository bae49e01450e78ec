use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::ConninfoError;
use super::environment::Environment;
use super::keyword::Origin;
use super::settings::Settings;

/// The port of a server that says nothing else (`DEF_PGPORT`).
pub const DEFAULT_PORT: u16 = 5432;

/// One server to try.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) password: Password,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The folder of the socket file, or `@name` for a socket in Linux's abstract name space.
    Socket(PathBuf),
    /// A name to resolve, which is also the name that a certificate must bear.
    Name(String),
    /// An address that needs no resolving; `name` is what a certificate must bear.
    Address { name: Option<String>, address: IpAddr },
}

/// The password for one endpoint, and where it was looked for.
#[derive(Clone, Debug)]
pub enum Password {
    Given { secret: SecretString, origin: Origin },
    FromFile { secret: SecretString, path: PathBuf },
    NotFound { looked_in: Option<PathBuf> },
}

impl Password {
    pub fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::Given { secret, .. } | Self::FromFile { secret, .. } => Some(secret),
            Self::NotFound { .. } => None,
        }
    }
}

/// Where the password came from, in words that fit behind "the password was ...".
impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given { origin, .. } => write!(f, "taken from the {}", origin.to_string().trim_start_matches("the ")),
            Self::FromFile { path, .. } => write!(f, "taken from the password file {}", path.display()),
            Self::NotFound { looked_in: Some(path) } => write!(
                f,
                "not found: neither the connection string, nor PGPASSWORD, nor the password file {} has one for this \
                 server, database and user",
                path.display()
            ),
            Self::NotFound { looked_in: None } => {
                f.write_str("not found: neither the connection string nor PGPASSWORD has one")
            }
        }
    }
}

impl Endpoint {
    pub fn host(&self) -> &Host {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn password(&self) -> &Password {
        &self.password
    }

    /// The file of the socket, for a local endpoint in the file system.
    pub fn socket_file(&self) -> Option<PathBuf> {
        match &self.host {
            Host::Socket(folder) if !folder.as_os_str().as_encoded_bytes().starts_with(b"@") => {
                Some(folder.join(format!(".s.PGSQL.{}", self.port)))
            }
            _ => None,
        }
    }
}

/// `host:5432`, `[::1]:5432` or `socket /folder:5432`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Socket(folder) => write!(f, "socket {}:{port}", folder.display()),
            Host::Address { name: None, address } => write!(f, "{}", std::net::SocketAddr::new(*address, port)),
            Host::Name(name) | Host::Address { name: Some(name), .. } if name.contains(':') => {
                write!(f, "[{name}]:{port}")
            }
            Host::Name(name) | Host::Address { name: Some(name), .. } => write!(f, "{name}:{port}"),
        }
    }
}

/// Hosts, addresses and ports, matched by their positions as `connectOptions2` of libpq does. Passwords are filled
/// in later, because a password file is asked with the database and the user too.
pub(super) fn expand(settings: &Settings, env: &Environment) -> Result<Vec<Endpoint>, ConninfoError> {
    let list = |keyword| settings.text(keyword).map(|text| text.split(',').collect::<Vec<_>>());
    let hosts = list("host");
    let addresses = list("hostaddr");
    let ports = list("port");
    let count = addresses.as_ref().or(hosts.as_ref()).map_or(1, Vec::len);
    if let Some(hosts) = hosts.as_ref().filter(|hosts| hosts.len() != count) {
        return Err(ConninfoError::CountMismatch { hosts: hosts.len(), other: count, keyword: "hostaddr" });
    }
    if let Some(ports) = ports.as_ref().filter(|ports| ports.len() != count && ports.len() != 1) {
        return Err(ConninfoError::CountMismatch { hosts: count, other: ports.len(), keyword: "port" });
    }
    let at = |list: &Option<Vec<&str>>, index: usize| -> String {
        let item = list.as_ref().and_then(|items| items.get(index).or(items.first()));
        item.map_or(String::new(), |item| item.trim().to_owned())
    };
    (0..count)
        .map(|index| {
            let port = match at(&ports, index).as_str() {
                "" => DEFAULT_PORT,
                text => text.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(|| invalid_port(settings))?,
            };
            let name = at(&hosts, index);
            let host = match at(&addresses, index).as_str() {
                "" => named_host(name, port, env),
                text => Host::Address {
                    name: Some(name).filter(|name| !name.is_empty()),
                    address: text
                        .parse()
                        .map_err(|_| settings.invalid("hostaddr", "a numeric IPv4 or IPv6 address for each host"))?,
                },
            };
            Ok(Endpoint { host, port, password: Password::NotFound { looked_in: None } })
        })
        .collect()
}

/// The value is not shown: in a URI it is what follows a password with a "/" that nobody percent-encoded.
fn invalid_port(settings: &Settings) -> ConninfoError {
    let origin = settings.origin("port");
    let expected = "a number from 1 to 65535 for each host; in a URI, percent-encode \"/\" in a password as %2F";
    ConninfoError::InvalidValue { keyword: "port", origin, value: "...".to_owned(), expected }
}

fn named_host(name: String, port: u16, env: &Environment) -> Host {
    if name.is_empty() {
        return default_host(port, env);
    }
    if name.starts_with(['/', '@']) {
        return Host::Socket(PathBuf::from(name));
    }
    Host::Name(name)
}

/// A libpq knows one folder, compiled in; distributions differ, so the first one that holds the socket is taken.
fn default_host(port: u16, env: &Environment) -> Host {
    let folders = &env.socket_directories;
    let live = folders.iter().find(|folder| folder.join(format!(".s.PGSQL.{port}")).exists());
    match live.or(folders.first()) {
        Some(folder) => Host::Socket(folder.clone()),
        None => Host::Name("localhost".to_owned()),
    }
}
