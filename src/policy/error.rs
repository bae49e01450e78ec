use super::names::SECTIONS;
use crate::pg::conninfo::ConninfoError;
use crate::schema::pattern::PatternError;
use crate::spelling;

/// Why a text is no policy. Lines count from 1. No variant carries a text value of the file: it may be a secret that was
/// put in the wrong place.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("line {line}: it is not UTF-8")]
    NotUtf8 { line: usize },
    #[error("the policy is empty")]
    Empty,
    /// In the words of the TOML parser.
    #[error("line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error("line {line}: a policy has no section [{section}]")]
    UnknownSection { line: usize, section: String },
    #[error("line {line}: the key `{key}` is in no section")]
    NoSection { line: usize, key: String },
    #[error("line {line}: [{section}] has no key `{key}`")]
    UnknownKey { line: usize, section: &'static str, key: String },
    #[error("line {line}: {key} must be {expected}, not {found}")]
    Invalid { line: usize, key: String, expected: &'static str, found: String },
    #[error("line {line}: {key} cannot be used: {message}")]
    Refused { line: usize, key: &'static str, message: String },
    #[error("[retention] has no rule")]
    KeepsNothing,
    #[error("[{section}] has no {key}")]
    Missing { section: &'static str, key: &'static str },
    #[error("line {line}: {key} begins with `{sign}`, which is not expanded")]
    Unexpanded { line: usize, key: String, sign: char },
    #[error("line {line}: the folder of the policy is not UTF-8")]
    FolderNotUtf8 { line: usize },
    #[error("line {line}: a policy must not contain a password")]
    Password { line: usize },
    #[error("line {line}: both password_command and password_file are given")]
    TwoPasswords { line: usize },
    #[error("line {line}: dsn cannot be used")]
    Dsn {
        line: usize,
        #[source]
        source: ConninfoError,
    },
    #[error("line {line}: a pattern in {key} cannot be used")]
    Pattern {
        line: usize,
        key: &'static str,
        #[source]
        source: PatternError,
    },
}

impl PolicyError {
    /// What the operator may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotUtf8 { .. } => Some("Save the file as UTF-8.".into()),
            Self::Empty => Some("It needs a [source] with dsn and a [repository] at least.".into()),
            Self::Syntax { .. } => {
                Some("A policy is TOML: [section], then key = \"text\", 42, true or [\"a\", \"b\"].".into())
            }
            Self::UnknownSection { section, .. } => {
                let names: Vec<String> = SECTIONS.iter().map(|(name, _)| format!("[{name}]")).collect();
                Some(match spelling::nearest(section, SECTIONS.iter().map(|(name, _)| *name)) {
                    Some(name) => format!("Did you mean [{name}]?"),
                    None => format!("This version has {}.", names.join(", ")),
                })
            }
            Self::NoSection { key, .. } => elsewhere(key),
            Self::UnknownKey { section, key, .. } => Some(key_hint(section, key)),
            Self::Missing { key: "dsn", .. } => {
                Some("Name the database as `pgkeep backup -d` would: dsn = \"service=shop\" under [source].".into())
            }
            Self::Unexpanded { .. } => {
                Some("Write the whole path, or one relative to the folder of the policy.".into())
            }
            Self::Password { .. } => Some(
                "Use a file (password_file), a program that prints it (password_command), ~/.pgpass or PGPASSWORD."
                    .into(),
            ),
            Self::TwoPasswords { .. } => Some("Keep one of them.".into()),
            Self::Dsn { source, .. } => source.hint(),
            Self::Pattern { source, .. } => source.hint(),
            Self::KeepsNothing => {
                Some("For example: keep_daily = 7. Without the section, no snapshot is ever forgotten.".into())
            }
            Self::Refused { .. } | Self::Invalid { .. } | Self::Missing { .. } | Self::FolderNotUtf8 { .. } => None,
        }
    }
}

fn key_hint(section: &str, key: &str) -> String {
    let keys = SECTIONS.iter().find(|(name, _)| *name == section).map_or(&[][..], |(_, keys)| keys);
    match spelling::nearest(key, keys.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => elsewhere(key).unwrap_or_else(|| format!("[{section}] has the keys {}.", keys.join(", "))),
    }
}

/// The section that has this key.
fn elsewhere(key: &str) -> Option<String> {
    let (section, _) = SECTIONS.iter().find(|(_, keys)| keys.contains(&key))?;
    Some(format!("It belongs in [{section}]."))
}
