//! Policies: what `pgkeep run` does, as a file says it. Pure: bytes in, decision out.

mod error;
mod names;
mod section;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::PolicyError;

use crate::pg::conninfo::{Conninfo, Secrets};
use crate::retention::{Grace, Rules, Tag, Zone};
use crate::schema::pattern::{Pattern, PatternKind};
use section::{Document, Located, Section, line_of};

/// How many sessions read rows at the same time, where nobody says.
pub const JOBS_DEFAULT: u16 = 2;
/// zstd's level, where nobody says.
pub const LEVEL_DEFAULT: i32 = 1;
/// Seconds, where nobody says.
pub const LOCK_WAIT_TIMEOUT_DEFAULT: u32 = 120;
/// Seconds: PostgreSQL's lock_timeout is a number of milliseconds in 31 bits.
pub const LOCK_WAIT_TIMEOUT_MAX: u32 = 2_147_483;

/// A policy of the first form: one backup. Relative paths are resolved against the policy's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A libpq connection string without a password.
    pub dsn: String,
    pub password: PasswordSource,
    /// Patterns as psql reads them, checked.
    pub schemas: Vec<String>,
    pub exclude_schemas: Vec<String>,
    pub tables: Vec<String>,
    pub exclude_tables: Vec<String>,
    /// The repository's URL, or its path.
    pub repository: Option<String>,
    pub writer_key: Option<PathBuf>,
    pub jobs: u16,
    pub level: i32,
    /// Seconds; 0 waits forever.
    pub lock_wait_timeout: u32,
    pub role_passwords: bool,
    /// Whether much less than in the last snapshot is right.
    pub accept_shrink: bool,
    pub pg_bin: Option<PathBuf>,
    pub tags: Vec<Tag>,
    /// None: nothing is ever forgotten.
    pub retention: Option<Retention>,
}

/// What is kept of the snapshots of this policy's database and selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub rules: Rules,
    pub grace: Grace,
    pub time_zone: Zone,
}

/// Where the password of the source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// Where libpq looks: the service file, `PGPASSWORD`, the password file.
    Libpq,
    /// A file that holds nothing else.
    File(PathBuf),
    /// A program and its arguments, run without a shell in the policy's folder; it prints the password.
    Command { program: PathBuf, arguments: Vec<String> },
}

impl Policy {
    /// Reads a policy file's bytes; `folder` is where the file lies.
    ///
    /// # Errors
    /// Whatever is not understood: an unknown key, a wrong type, a password. Nothing is passed over.
    pub fn parse(bytes: &[u8], folder: &Path) -> Result<Self, PolicyError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| PolicyError::NotUtf8 { line: line_of(bytes, error.valid_up_to()) })?;
        let document = Document::parse(text)?;
        let source = document.section("source");
        let repository = document.section("repository");
        let backup = document.section("backup");
        let selection = document.section("selection");
        Ok(Self {
            dsn: dsn(&source)?,
            password: password(&source, folder)?,
            schemas: patterns(&selection, "schemas", PatternKind::Schema)?,
            exclude_schemas: patterns(&selection, "exclude_schemas", PatternKind::Schema)?,
            tables: patterns(&selection, "tables", PatternKind::Relation)?,
            exclude_tables: patterns(&selection, "exclude_tables", PatternKind::Relation)?,
            repository: url(&repository, folder)?,
            writer_key: path(&repository, "writer_key", folder)?,
            jobs: backup.number("jobs", 1..=256, "a number from 1 to 256")?.unwrap_or(JOBS_DEFAULT),
            level: backup.number("level", -7..=19, "a number from -7 to 19")?.unwrap_or(LEVEL_DEFAULT),
            lock_wait_timeout: backup
                .number("lock_wait_timeout", 0..=LOCK_WAIT_TIMEOUT_MAX, "a number of seconds up to 2147483")?
                .unwrap_or(LOCK_WAIT_TIMEOUT_DEFAULT),
            role_passwords: backup.flag("role_passwords")?,
            accept_shrink: backup.flag("accept_shrink")?,
            pg_bin: path(&backup, "pg_bin", folder)?,
            tags: tags(&backup, "tags")?,
            retention: retention(&document.section("retention"))?,
        })
    }
}

fn dsn(source: &Section) -> Result<String, PolicyError> {
    let Located { value, line } = source.text("dsn")?.ok_or(PolicyError::Missing { section: "source", key: "dsn" })?;
    match Conninfo::secrets_in(&value) {
        Ok(Secrets::None) => Ok(value),
        Ok(Secrets::Within) => Err(PolicyError::Password { line }),
        Err(source) => Err(PolicyError::Dsn { line, source }),
    }
}

fn password(source: &Section, folder: &Path) -> Result<PasswordSource, PolicyError> {
    const COMMAND: &str = "password_command";
    let file = path(source, "password_file", folder)?;
    let mut words = source.texts(COMMAND)?.into_iter();
    match (file, source.line(COMMAND), words.next()) {
        (None, None, _) => Ok(PasswordSource::Libpq),
        (Some(file), None, _) => Ok(PasswordSource::File(file)),
        (Some(_), Some(line), _) => Err(PolicyError::TwoPasswords { line }),
        (None, Some(line), None) => {
            let (expected, found) = ("a program and its arguments", "an empty list".to_owned());
            Err(PolicyError::Invalid { line, key: COMMAND.to_owned(), expected, found })
        }
        (None, Some(_), Some(program)) => Ok(PasswordSource::Command {
            // As a shell does: a bare name is looked for in PATH, anything with a slash is a path.
            program: match program.value.contains('/') {
                true => resolve(&program, COMMAND, folder)?,
                false => not_empty(program, COMMAND)?.value.into(),
            },
            arguments: words.map(|argument| argument.value).collect(),
        }),
    }
}

fn tags(section: &Section, key: &'static str) -> Result<Vec<Tag>, PolicyError> {
    section.texts(key)?.iter().map(|text| text.parsed(key)).collect()
}

fn retention(section: &Section) -> Result<Option<Retention>, PolicyError> {
    if !section.is_there() {
        return Ok(None);
    }
    let number = |key| Ok(section.number(key, 1..=u32::MAX, "a number from 1")?.unwrap_or_default());
    let rules = Rules {
        last: number("keep_last")?,
        hourly: number("keep_hourly")?,
        daily: number("keep_daily")?,
        weekly: number("keep_weekly")?,
        monthly: number("keep_monthly")?,
        yearly: number("keep_yearly")?,
        within: section.parsed("keep_within")?,
        tags: tags(section, "keep_tags")?,
    };
    let (grace, time_zone) = (section.parsed("grace")?, section.parsed("time_zone")?);
    if rules.is_empty() {
        return Err(PolicyError::KeepsNothing);
    }
    Ok(Some(Retention { rules, grace: grace.unwrap_or_default(), time_zone: time_zone.unwrap_or_default() }))
}

fn patterns(selection: &Section, key: &'static str, kind: PatternKind) -> Result<Vec<String>, PolicyError> {
    let check = |Located { value, line }: Located<String>| match Pattern::parse(&value, kind) {
        Ok(_) => Ok(value),
        Err(source) => Err(PolicyError::Pattern { line, key, source }),
    };
    selection.texts(key)?.into_iter().map(check).collect()
}

fn path(section: &Section, key: &'static str, folder: &Path) -> Result<Option<PathBuf>, PolicyError> {
    section.text(key)?.map(|text| resolve(&text, key, folder)).transpose()
}

/// A repository that is no URL is a path, and resolved as one.
fn url(repository: &Section, folder: &Path) -> Result<Option<String>, PolicyError> {
    let Some(text) = repository.text("url")? else { return Ok(None) };
    if text.value.contains("://") {
        return Ok(Some(text.value));
    }
    let path = resolve(&text, "url", folder)?.into_os_string().into_string();
    path.map(Some).map_err(|_| PolicyError::FolderNotUtf8 { line: text.line })
}

/// Neither `~` nor variables are expanded; a path that seems to ask for it is refused, and not taken for a strange name.
fn resolve(text: &Located<String>, key: &str, folder: &Path) -> Result<PathBuf, PolicyError> {
    let Located { value, line } = not_empty(text.clone(), key)?;
    match value.chars().next().filter(|sign| ['~', '$'].contains(sign)) {
        Some(sign) => Err(PolicyError::Unexpanded { line, key: key.to_owned(), sign }),
        None => Ok(folder.join(value)),
    }
}

fn not_empty(text: Located<String>, key: &str) -> Result<Located<String>, PolicyError> {
    let Located { value, line } = &text;
    if value.is_empty() {
        let (expected, found) = ("a path", "an empty string".to_owned());
        return Err(PolicyError::Invalid { line: *line, key: key.to_owned(), expected, found });
    }
    Ok(text)
}
