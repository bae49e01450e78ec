use std::io;
use std::path::PathBuf;

use super::keyword::Origin;

/// Why connection settings cannot be used. No variant carries a password, nor a piece of text that may hold one.
#[derive(Debug, thiserror::Error)]
pub enum ConninfoError {
    #[error("{origin} has the unknown connection setting \"{keyword}\"")]
    UnknownKeyword { keyword: String, origin: Origin, suggestion: Option<&'static str> },

    /// A setting of libpq that would change how one connects, and that pgkeep does not carry out.
    #[error("the connection setting {keyword} ({origin}) is not supported")]
    Unsupported { keyword: &'static str, origin: Origin, hint: &'static str },

    #[error("the connection setting {keyword} ({origin}) has the invalid value \"{value}\"")]
    InvalidValue { keyword: &'static str, origin: Origin, value: String, expected: &'static str },

    #[error("two connection settings conflict: {what}")]
    Contradiction { what: &'static str, hint: &'static str },

    #[error("the connection string is malformed: {what}")]
    Syntax { what: String },

    #[error("{hosts} host names cannot be matched with {other} values of {keyword}")]
    CountMismatch { hosts: usize, other: usize, keyword: &'static str },

    #[error("the service \"{service}\" is not defined")]
    ServiceNotFound { service: String, looked_in: Vec<PathBuf> },

    #[error("the service file {} is malformed at line {line}: {what}", path.display())]
    ServiceSyntax { path: PathBuf, line: usize, what: &'static str },

    #[error("cannot read the file {}", path.display())]
    ReadFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the environment variable {variable} is not valid UTF-8")]
    NotUtf8 { variable: String },

    #[error("no database user is given, and this operating system user has no name")]
    NoUser,
}

impl ConninfoError {
    /// What the operator may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKeyword { suggestion: Some(word), .. } => Some(format!("Did you mean \"{word}\"?")),
            Self::UnknownKeyword { .. } => Some("see \"Parameter Key Words\" in the manual of libpq".to_owned()),
            Self::Unsupported { hint, .. } | Self::Contradiction { hint, .. } => Some((*hint).to_owned()),
            Self::InvalidValue { expected, .. } => Some(format!("expected: {expected}")),
            Self::Syntax { .. } => Some(
                "write postgresql://user@host:5432/database or \"host=... dbname=...\"; quote values that contain spaces \
                 and percent-encode special characters in a URI"
                    .to_owned(),
            ),
            Self::CountMismatch { keyword, .. } => Some(format!("give one {keyword} for each host")),
            Self::ServiceNotFound { looked_in, .. } if looked_in.is_empty() => {
                Some("neither ~/.pg_service.conf nor pg_service.conf in PGSYSCONFDIR exists".to_owned())
            }
            Self::ServiceNotFound { looked_in, .. } => {
                let files: Vec<String> = looked_in.iter().map(|path| path.display().to_string()).collect();
                Some(format!("looked in {}", files.join(" and ")))
            }
            Self::ServiceSyntax { .. } => Some("a line is [service], keyword=value or #comment".to_owned()),
            Self::NoUser => Some("set user= in the connection string, or PGUSER".to_owned()),
            Self::ReadFile { .. } | Self::NotUtf8 { .. } => None,
        }
    }
}
