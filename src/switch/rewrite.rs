//! What is to be rewritten, and to what.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::pg::conninfo::{Conninfo, Host};

/// One key of one file, as `--rewrite FILE:KEY` or `--rewrite FILE:KEY=VALUE` names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// As it was given; relative to the working directory.
    pub file: PathBuf,
    pub key: String,
    /// The new value as it is to stand in the file, instead of one that is made from the old value.
    pub literal: Option<String>,
}

/// The literal value is left out: it may hold a password.
impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rewrite({self})")
    }
}

/// `FILE:KEY`, or `FILE:KEY=...`.
impl fmt::Display for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.file.display(), self.key, if self.literal.is_some() { "=..." } else { "" })
    }
}

/// Why a text names no key of a file. What stands behind a `=` is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    #[error("\"{text}\" has no colon between the file and the key")]
    NoColon { text: String },
    #[error("\"{text}\" names no file before the colon")]
    NoFile { text: String },
    #[error("\"{text}\" names no key after the last colon")]
    NoKey { text: String },
}

impl RewriteError {
    pub fn hint(&self) -> Option<String> {
        Some("Write FILE:KEY, such as docker-compose.yml:PG_DATABASE_URL or .env:DB_DATABASE.".into())
    }
}

impl Rewrite {
    /// Reads `FILE:KEY`, where the last colon counts, or `FILE:KEY=VALUE`, where the first colon counts that a key and
    /// a `=` follow: VALUE may be a URI with colons of its own. Looks at no file.
    ///
    /// # Errors
    /// There is no colon, no file before it, or nothing after it that can be the name of a variable.
    pub fn parse(text: &str) -> Result<Self, RewriteError> {
        let colons = || text.match_indices(':').map(|(at, _)| at);
        let with_value = colons().find(|at| text[at + 1..].split_once('=').is_some_and(|(key, _)| is_key(key)));
        // What is shown of a text that is refused ends where a value may begin.
        let shown = || text.split('=').next().unwrap_or_default().to_owned();
        let at = with_value.or_else(|| colons().next_back()).ok_or_else(|| RewriteError::NoColon { text: shown() })?;
        let (file, rest) = (&text[..at], &text[at + 1..]);
        let (key, literal) = match rest.split_once('=').filter(|_| with_value.is_some()) {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (rest, None),
        };
        if file.is_empty() {
            return Err(RewriteError::NoFile { text: shown() });
        }
        if !is_key(key) {
            return Err(RewriteError::NoKey { text: shown() });
        }
        Ok(Self { file: file.into(), key: key.to_owned(), literal })
    }
}

impl FromStr for Rewrite {
    type Err = RewriteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The name of an environment variable; some programs take dots and hyphens too.
pub(super) fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Which database the files name now, and which they are to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The database that is left. A value that names another one is refused: the key is the wrong one.
    pub from: String,
    pub to: String,
    pub server: Server,
}

/// Where the new database is, as the *application* sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// On the same server: hosts and ports stay as they are. In a Compose file the host is a name that means nothing
    /// outside of its network, so it could not be written from what this program connects to.
    Same,
    /// A host name, an address or a socket's folder, and a port.
    Other { host: String, port: u16 },
}

impl Server {
    /// The server that a connection names first.
    pub fn other(conninfo: &Conninfo) -> Option<Self> {
        let endpoint = conninfo.endpoints().first()?;
        let host = match endpoint.host() {
            Host::Socket(folder) => folder.to_str()?.to_owned(),
            Host::Name(name) | Host::Address { name: Some(name), .. } => name.clone(),
            Host::Address { name: None, address } => address.to_string(),
        };
        Some(Self::Other { host, port: endpoint.port() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_key_are_told_apart() {
        for (text, file, key, literal) in [
            ("docker-compose.yml:PG_DATABASE_URL", "docker-compose.yml", "PG_DATABASE_URL", None),
            ("/srv/a:b/.env:DB", "/srv/a:b/.env", "DB", None),
            (".env:DB=twenty", ".env", "DB", Some("twenty")),
            (".env:DB=", ".env", "DB", Some("")),
            ("c.yml:U=postgres://u:p@h:5432/d?x=y", "c.yml", "U", Some("postgres://u:p@h:5432/d?x=y")),
            ("c.yml:U=postgres://u:p=q@h/d", "c.yml", "U", Some("postgres://u:p=q@h/d")),
            ("/srv/a:b/.env:DB=x:y", "/srv/a:b/.env", "DB", Some("x:y")),
            ("x=y/.env:DB", "x=y/.env", "DB", None),
        ] {
            let expected = Rewrite { file: file.into(), key: key.into(), literal: literal.map(str::to_owned) };
            assert_eq!(Rewrite::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_key_is_refused_without_its_value() {
        for (text, part) in [
            ("docker-compose.yml", "\"docker-compose.yml\" has no colon"),
            (":KEY", "names no file"),
            (".env:", "names no key"),
            (".env:a b", "names no key"),
            (".env:1=hidden", "\".env:1\" names no key"),
            ("DB=hidden", "\"DB\" has no colon"),
        ] {
            let error = Rewrite::parse(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
            assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
        }
        assert!(!format!("{:?}", Rewrite::parse(".env:K=hidden")).contains("hidden"));
    }
}
