//! Arguments that several verbs take.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, RangedI64ValueParser, TypedValueParser};

use crate::command::Error;
use crate::policy::LOCK_WAIT_TIMEOUT_MAX;
use crate::spelling::bytes::spelled;

/// Whether a value stands on the command line, or came from the environment if it came at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given {
    Typed,
    #[default]
    Otherwise,
}

/// They come last in a verb's help.
const COMMON: &str = "Common options";

#[derive(Args)]
pub struct Common {
    /// The repository: file:///path, a path, or s3://bucket/prefix (docs/s3.md has its parameters)
    #[arg(long, value_name = "URL", env = "PGKEEP_REPO", global = true, help_heading = COMMON, display_order = 901)]
    pub repo: Option<String>,
    /// The key of the host that takes backups; opens manifests, not rows
    #[arg(long, value_name = "FILE", env = "PGKEEP_WRITER_KEY", global = true, help_heading = COMMON, display_order = 902)]
    pub writer_key: Option<PathBuf>,
    /// The key that opens everything; keep it elsewhere
    #[arg(long, value_name = "FILE", env = "PGKEEP_RESTORE_KEY", global = true, help_heading = COMMON, display_order = 903)]
    pub restore_key: Option<PathBuf>,
    /// An age identity file or SSH private key to read with, as for `age -i` (may be repeated)
    #[arg(long, short = 'i', value_name = "FILE", global = true, help_heading = COMMON, display_order = 904)]
    pub identity: Vec<PathBuf>,
    /// The file with the restore key's passphrase; PGKEEP_PASSPHRASE_COMMAND can name a command instead
    #[arg(long, value_name = "FILE", env = "PGKEEP_PASSPHRASE_FILE", global = true, help_heading = COMMON, display_order = 905)]
    pub passphrase_file: Option<PathBuf>,
    /// Print one JSON document on standard output, errors included
    #[arg(long, global = true, help_heading = COMMON, display_order = 906)]
    pub json: bool,
    /// Show no progress; problems also go to standard error, so that cron sends them
    #[arg(long, short = 'q', global = true, help_heading = COMMON, display_order = 907)]
    pub quiet: bool,
    #[arg(skip)]
    pub repo_given: Given,
    #[arg(skip)]
    pub writer_key_given: Given,
    #[arg(skip)]
    pub restore_key_given: Given,
    #[arg(skip)]
    pub passphrase_file_given: Given,
    /// As it was called.
    #[arg(skip)]
    pub program: String,
}

impl Common {
    /// The restore key, where either key reads. A writer key that was typed comes before a restore key of the environment.
    pub fn reading_restore_key(&self) -> Option<&PathBuf> {
        let typed = |given| given == Given::Typed;
        let other = typed(self.writer_key_given) && !typed(self.restore_key_given) && self.identity.is_empty();
        self.restore_key.as_ref().filter(|_| !other)
    }

    pub fn repo_url(&self) -> Result<&str, Error> {
        self.repo.as_deref().ok_or_else(|| Error::Usage {
            what: "no repository was given".into(),
            hint: Some("Name it with --repo URL or PGKEEP_REPO.".into()),
        })
    }
}

#[derive(Args)]
pub struct Programs {
    /// The folder of pg_dump and the other PostgreSQL programs, instead of the best ones on this machine
    #[arg(long, value_name = "DIR", env = "PGKEEP_PG_BIN")]
    pub pg_bin: Option<PathBuf>,
}

/// As many seconds as a server takes.
pub fn lock_wait_timeout() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(..=i64::from(LOCK_WAIT_TIMEOUT_MAX))
}

/// What is no UTF-8 names something in a database without an encoding, whose names are bytes.
pub fn pattern() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|typed| match typed.into_string() {
        Ok(text) => text,
        Err(bytes) => spelled(bytes.as_encoded_bytes()).into_owned(),
    })
}
