//! The command line's grammar.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::common::{Common, Given, Programs, lock_wait_timeout, pattern};
use super::drill::Drill;
use super::key::Key;
use super::outcome::Speech;
use super::policy::Run;
use super::prune::Prune;
use super::search_path::SearchPathFix;
use super::split::Split;
use crate::policy::{JOBS_DEFAULT, LEVEL_DEFAULT, LOCK_WAIT_TIMEOUT_DEFAULT};
use crate::retention::Tag;

#[derive(Parser)]
#[command(
    name = "pgkeep",
    version,
    about = "Encrypted, deduplicated, proven backups of PostgreSQL databases and schemas",
    after_help = "Connection strings are libpq's: a URI, key=value pairs or a database name; the PG* variables, ~/.pgpass and the \
                  service file are used.\n\nExit codes: 0 success; 1 internal error; 2 usage; 3 finished, but found a problem; \
                  4 source database; 5 repository; 6 keys; 7 conflict; 8 target database; 130 interrupted.",
    infer_long_args = false
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

impl Cli {
    /// What can be typed after `pgkeep` and the verbs.
    pub fn verbs(above: &[&str]) -> Vec<String> {
        let root = Self::command();
        let inside = above.iter().try_fold(&root, |command, verb| command.find_subcommand(verb));
        let command = inside.unwrap_or(&root);
        let mut verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        verbs.push("help".into());
        verbs
    }

    /// Whether `switch` can be typed after these verbs.
    pub fn takes(above: &[&str], switch: &str) -> bool {
        let root = Self::command();
        let inside = above.iter().try_fold(&root, |command, verb| command.find_subcommand(verb));
        let is = |arg: &clap::Arg| match switch.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long),
            None => arg.get_short().is_some_and(|short| switch.strip_prefix('-') == Some(&short.to_string())),
        };
        root.get_arguments().chain(inside.into_iter().flat_map(clap::Command::get_arguments)).any(is)
    }

    /// Reads the arguments, and keeps which of the common ones were typed.
    pub fn read(args: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let mut matches = command.try_get_matches_from_mut(args)?;
        let given = |matches: &clap::ArgMatches, name| match matches.value_source(name) {
            Some(ValueSource::CommandLine) => Given::Typed,
            _ => Given::Otherwise,
        };
        let (repo_given, writer_key_given) = (given(&matches, "repo"), given(&matches, "writer_key"));
        let restore_key_given = given(&matches, "restore_key");
        let passphrase_file_given = given(&matches, "passphrase_file");
        let mut cli = Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        cli.common.repo_given = repo_given;
        cli.common.writer_key_given = writer_key_given;
        cli.common.restore_key_given = restore_key_given;
        cli.common.passphrase_file_given = passphrase_file_given;
        cli.common.program = args.first().map_or("pgkeep".into(), |arg| arg.to_string_lossy().into_owned());
        Ok(cli)
    }
}

#[derive(Subcommand)]
pub enum Verb {
    /// Make a repository and its two keys
    Init(Init),
    /// Back up a database or some of its schemas
    Backup(Backup),
    /// List the snapshots in the repository
    List,
    /// Show what a snapshot holds
    Show(Show),
    /// Restore a snapshot, whole or in part, and prove it
    Restore(Restore),
    /// Check a repository, or a live database against a snapshot
    Verify(Verify),
    /// Restore a snapshot into a temporary private server, prove it, and remove the server
    Drill(Drill),
    /// Move schemas into their own database, with a plan, a proof and a rollback
    Split(Box<Split>),
    /// Forget old snapshots, and delete data that no snapshot needs
    Prune(Prune),
    /// Take the backup that a policy file describes
    Run(Run),
    /// Manage keys: who may write, who may read, and what protects the keys
    Key(Key),
    /// Print the version
    Version,
}

impl Verb {
    pub fn speech(&self) -> Speech {
        match self {
            Verb::Init(_) | Verb::List | Verb::Show(_) | Verb::Key(_) | Verb::Version => Speech::Answer,
            Verb::Run(Run { check: true, .. }) | Verb::Prune(Prune { dry_run: true, .. }) => Speech::Answer,
            Verb::Split(split) => split.speech(),
            Verb::Backup(_) | Verb::Restore(_) | Verb::Verify(_) | Verb::Drill(_) | Verb::Prune(_) | Verb::Run(_) => {
                Speech::Log
            }
        }
    }
}

#[derive(Args)]
pub struct Init {
    /// The folder for writer.key and restore.key
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// Protect restore.key with a passphrase, typed twice or from --passphrase-file
    #[arg(long)]
    pub passphrase: bool,
}

#[derive(Args)]
pub struct Database {
    /// The database: a libpq connection string, URI or name
    #[arg(long, short = 'd', value_name = "DSN")]
    pub dbname: Option<String>,
}

/// Patterns follow psql's: * and ? are wildcards, "..." keeps capitals and dots.
#[derive(Args)]
pub struct Selection {
    /// Take these schemas, with what they need elsewhere (may be repeated)
    #[arg(long = "schema", short = 'n', value_name = "PATTERN", value_parser = pattern())]
    pub schemas: Vec<String>,
    /// Leave these schemas out
    #[arg(long = "exclude-schema", short = 'N', value_name = "PATTERN", value_parser = pattern())]
    pub exclude_schemas: Vec<String>,
    /// Take these tables
    #[arg(long = "table", short = 't', value_name = "PATTERN", value_parser = pattern())]
    pub tables: Vec<String>,
    /// Leave these tables out
    #[arg(long = "exclude-table", short = 'T', value_name = "PATTERN", value_parser = pattern())]
    pub exclude_tables: Vec<String>,
}

#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub selection: Selection,
    /// How many sessions read rows at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = JOBS_DEFAULT, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// zstd's compression level, -7 to 19
    #[arg(long, value_name = "LEVEL", default_value_t = LEVEL_DEFAULT, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-7..=19))]
    pub level: i32,
    /// How long to wait for a lock on a table, in seconds; 0 waits forever
    #[arg(long, value_name = "SECONDS", default_value_t = LOCK_WAIT_TIMEOUT_DEFAULT, value_parser = lock_wait_timeout())]
    pub lock_wait_timeout: u32,
    /// Also store the password hashes of roles (the role must be able to read pg_authid)
    #[arg(long)]
    pub role_passwords: bool,
    /// Accept that there is much less data than in the last snapshot, or none: do not mark this one as suspicious
    #[arg(long)]
    pub accept_shrink: bool,
    /// Mark the snapshot with a word for `prune --keep-tag` (may be repeated)
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<Tag>,
    /// The time of the data, if the database was loaded from an older copy: 2026-11-22T03:15:00Z
    #[arg(long, value_name = "RFC3339")]
    pub time: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub programs: Programs,
}

#[derive(Args)]
pub struct Show {
    /// A snapshot's id, the beginning of one, `latest:DATABASE`, or `latest` if the repository has only one database
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: String,
}

#[derive(Args)]
pub struct Restore {
    /// A snapshot's id, the beginning of one, `latest:DATABASE`, or `latest` if the repository has only one database
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: String,
    #[command(flatten)]
    pub database: Database,
    /// First create the database named by -d, with the settings from the snapshot
    #[arg(long)]
    pub create: bool,
    #[command(flatten)]
    pub selection: Selection,
    /// Give the ownership and privileges of role A to role B (may be repeated)
    #[arg(long, value_name = "A=B")]
    pub map_role: Vec<String>,
    /// Do not restore ownership: the role that restores owns everything
    #[arg(long)]
    pub no_owner: bool,
    /// Do not restore privileges (GRANT)
    #[arg(long)]
    pub no_acl: bool,
    /// Put objects of the tablespace A into B (may be repeated)
    #[arg(long, value_name = "A=B")]
    pub map_tablespace: Vec<String>,
    /// Put everything into the target database's default tablespace
    #[arg(long, conflicts_with = "map_tablespace")]
    pub no_tablespaces: bool,
    #[command(flatten)]
    pub search_path: SearchPathFix,
    /// Load rows of partitions through the partitioned table, which puts each row into the right partition
    #[arg(long)]
    pub load_via_partition_root: bool,
    /// Do not compare the target with the snapshot at the end
    #[arg(long)]
    pub no_proof: bool,
    /// How many sessions load rows and build indexes at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = Restore::JOBS_DEFAULT, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
}

impl Restore {
    pub const JOBS_DEFAULT: u16 = 2;
}

#[derive(Args)]
pub struct Verify {
    /// A snapshot's id, the beginning of one, `latest:DATABASE`, or `latest` of the only database; all snapshots if none is given
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: Option<String>,
    /// Read every byte: decrypted down to the rows with the restore key, as stored with the writer key
    #[arg(long)]
    pub read_data: bool,
    /// Read for this long (30s, 10m, 2h), oldest checks first, and record the progress
    #[arg(long, value_name = "TIME", value_parser = parse_budget, conflicts_with_all = ["read_data", "snapshot"])]
    pub budget: Option<Duration>,
    /// Compare a live database with the snapshot, table by table
    #[arg(long, value_name = "DSN")]
    pub against: Option<String>,
    /// How many threads or sessions read at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
}

/// `30s`, `10m`, `2h`.
fn parse_budget(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "a number of seconds, minutes or hours: 30s, 10m, 2h";
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(SHAPE),
    };
    let number: u64 = digits.parse().map_err(|_| SHAPE)?;
    // A budget of years is a mistake, and its end no time that the clock has.
    let year_ms = 365 * 24 * 3_600_000;
    number.checked_mul(unit_ms).filter(|ms| (1..=year_ms).contains(ms)).map(Duration::from_millis).ok_or(SHAPE)
}
