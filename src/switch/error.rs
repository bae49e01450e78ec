use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::spelling;

/// A part of a value that names where a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Host,
    Port,
    Database,
    /// All of it.
    Value,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host",
            Self::Port => "the port",
            Self::Database => "the database",
            Self::Value => "the value",
        })
    }
}

/// Why a value cannot be made to name the new database. No variant carries a piece of the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("{part} is not written there: it comes from {}", variables.join(", "))]
    Interpolated { part: Part, variables: Vec<String> },
    #[error("it is neither a PostgreSQL connection string nor clearly a host, a port or a database name")]
    Unknown,
    #[error("programs disagree on where the password in it ends")]
    Ambiguous,
    #[error("it names no database")]
    NoDatabase,
    #[error("it names a database other than {expected}")]
    OtherDatabase { expected: String },
    #[error("it names the server in {keyword}, which pgkeep does not rewrite")]
    Keyword { keyword: String },
    #[error("it names several servers")]
    SeveralServers,
    #[error("{host} means this machine here, but may mean another machine where the value is used")]
    AsSeenFrom { host: String },
    #[error("{part} needs other quotes there")]
    Unfit { part: Part },
}

impl ValueError {
    fn hint(&self, path: &Path, key: &str) -> String {
        let literal = format!("--rewrite {}:{key}=VALUE sets the new value literally.", path.display());
        match self {
            Self::Interpolated { variables, .. } => {
                let also: Vec<String> = variables.iter().map(|v| format!("--rewrite .env:{v}")).collect();
                format!("Rewrite the .env file that sets it ({}); or {literal}", also.join(" "))
            }
            Self::Ambiguous => {
                format!("Write @ as %40, / as %2F and ? as %3F in the password of a URI; or {literal}")
            }
            Self::OtherDatabase { .. } => format!("Is {key} the right key? If it is, {literal}"),
            Self::AsSeenFrom { .. } => format!("Name the new server as the application reaches it: {literal}"),
            _ => literal,
        }
    }
}

/// Why configuration files were not switched, or not switched back. No variant carries a value of a file.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} has more than {max} bytes", path.display())]
    TooLarge { path: PathBuf, max: u64 },
    #[error("{} is not valid UTF-8 in line {line}", path.display())]
    NotUtf8 { path: PathBuf, line: usize },
    #[error("{} has another hard link, which would keep the old values", path.display())]
    HardLinked { path: PathBuf },
    #[error("{} belongs to another user", path.display())]
    ForeignOwner { path: PathBuf },
    #[error("cannot parse {}: line {line}: {message}", path.display())]
    Yaml { path: PathBuf, line: usize, message: String },
    #[error("{} has no {key}", path.display())]
    NoKey { path: PathBuf, key: String, near: Option<String>, env_files: Vec<String> },
    #[error("{} sets {key} twice, in line {first} and in line {second}", path.display())]
    Twice { path: PathBuf, key: String, first: usize, second: usize },
    #[error("{key} is named twice for {}", path.display())]
    NamedTwice { path: PathBuf, key: String },
    #[error("{}, line {line}: {key} {what}", path.display())]
    Unwritable { path: PathBuf, line: usize, key: String, what: &'static str },
    #[error("{}, line {line}: the value of {key} cannot be rewritten", path.display())]
    Value {
        path: PathBuf,
        line: usize,
        key: String,
        #[source]
        source: ValueError,
    },
    /// The edited text, read again, is not the old one with the new values.
    #[error("{}: the rewritten text would be wrong", path.display())]
    Misread { path: PathBuf },
    #[error("{} has changed since the switch was planned", path.display())]
    Changed { path: PathBuf },
    #[error("{}: somebody has changed {key} since the switch", path.display())]
    ChangedSince { path: PathBuf, key: String },
    #[error("the backup copy {} differs from what {} contained before the switch", backup.display(), path.display())]
    Backup { path: PathBuf, backup: PathBuf },
    #[error("the file {} was not switched{}", path.display(), told(put_back, left))]
    NotApplied {
        path: PathBuf,
        /// Files that had been switched and are as before again.
        put_back: Vec<PathBuf>,
        /// Files that are still switched, because putting them back failed as well.
        left: Vec<PathBuf>,
        #[source]
        source: Box<SwitchError>,
    },
}

fn told(put_back: &[PathBuf], left: &[PathBuf]) -> String {
    let listed = |paths: &[PathBuf]| paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut text = String::new();
    if !put_back.is_empty() {
        text += &format!("; put back: {}", listed(put_back));
    }
    if !left.is_empty() {
        text += &format!("; STILL SWITCHED: {}", listed(left));
    }
    text
}

impl SwitchError {
    /// Of the keys that are there, it names the one that the missing one most likely meant.
    pub(super) fn no_key<'a>(
        path: &Path,
        key: &str,
        keys: impl Iterator<Item = &'a str>,
        env_files: Vec<String>,
    ) -> Self {
        Self::NoKey { path: path.to_owned(), key: key.to_owned(), near: near(key, keys), env_files }
    }

    /// What the operator may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Value { path, key, source, .. } => Some(source.hint(path, key)),
            Self::NoKey { near: Some(near), .. } => Some(format!("Did you mean {near}?")),
            Self::NoKey { env_files, key, .. } if !env_files.is_empty() => {
                let named: Vec<String> = env_files.iter().map(|file| format!("--rewrite {file}:{key}")).collect();
                Some(format!("Its services read their own files: {}", named.join(" ")))
            }
            Self::NoKey { .. } => None,
            Self::Twice { .. } => Some("Programs differ in which one they use. Remove one.".into()),
            Self::NamedTwice { .. } => Some("Name each key of a file once.".into()),
            Self::HardLinked { .. } => Some("Make it a symbolic link, or a separate file.".into()),
            Self::ForeignOwner { .. } => Some("Run as its owner or as root, so that the owner does not change.".into()),
            Self::Unwritable { path, key, .. } => {
                Some(format!("Write it on one line, as {key}: VALUE, or edit {} by hand.", path.display()))
            }
            Self::Changed { .. } => Some("Plan again.".into()),
            Self::ChangedSince { path, .. } => {
                Some(format!("Set it back by hand; the backup copy beside {} has the old value.", path.display()))
            }
            Self::Backup { path, .. } => Some(format!("Edit {} by hand.", path.display())),
            Self::NotApplied { left, source, .. } => {
                if left.is_empty() {
                    source.hint()
                } else {
                    Some("Their old content is in the backup copies beside them.".into())
                }
            }
            Self::Io { source, .. } if source.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {
                Some("A file that is a mount point cannot be replaced: mount its folder.".into())
            }
            Self::Io { .. } | Self::NotAFile { .. } | Self::TooLarge { .. } | Self::NotUtf8 { .. } => None,
            Self::Yaml { .. } => Some("Edit templates by hand, before they are expanded.".into()),
            Self::Misread { .. } => Some("Nothing was written. Edit it by hand.".into()),
        }
    }
}

fn near<'a>(key: &str, keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let keys: Vec<(String, &str)> = keys.map(|key| (key.to_ascii_lowercase(), key)).collect();
    let nearest = spelling::nearest(key, keys.iter().map(|(lower, _)| lower.as_str()))?;
    keys.iter().find(|(lower, _)| lower == nearest).map(|(_, key)| (*key).to_owned())
}
