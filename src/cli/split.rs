//! `pgkeep split`: its arguments, and what it says.

mod ending;
mod reap;
mod rehearse;
mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::common::{Common, Programs, lock_wait_timeout};
use super::database::{conninfo, target};
use super::keys;
use super::outcome::{FOUND_SOMETHING_WRONG, Outcome, Speech};
use super::search_path::SearchPathFix;
use super::terminal::Terminal;
use crate::command::Error;
use crate::command::restore::{Proof, SearchPath};
use crate::command::split::host::Folder;
use crate::command::split::plan::{self, Bridging, Choices, Options};
use crate::command::split::{self, Discard, Moved};
use crate::command::watch::Watch;
use crate::opening;
use crate::policy::LOCK_WAIT_TIMEOUT_DEFAULT;
use crate::split::facts::Traffic;
use crate::split::picture::PictureForm;
use crate::split::{Boundary, BoundaryFile};
use crate::switch::Rewrite;

/// --plan shows what a split would do and changes nothing: it reads both databases, and tries the definitions in a scratch database on
/// the target's server, which it drops. Exit code 3 if something blocks the split.
///
/// --boundary decides about everything that crosses the line between the schemas that move and those that stay: refuse stops the
/// split; drop gives it up and reports it; loose replaces a foreign key by a delete log and `split reap`; bridge puts foreign tables
/// into the old database. docs/split.md explains each finding.
#[derive(Args)]
pub struct Split {
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The schemas that move, as patterns: core,metadata,'workspace_*'
    #[arg(long, value_name = "PATTERN,...")]
    pub schemas: Option<String>,
    /// The database that has these schemas
    #[arg(long, value_name = "DSN")]
    pub from: Option<String>,
    /// The new database: it does not exist yet, or is empty
    #[arg(long, value_name = "DSN")]
    pub to: Option<String>,
    /// Show what the split would do, and leave nothing behind
    #[arg(long)]
    pub plan: bool,
    /// What to do with everything that crosses the line: refuse (the default), drop, loose or bridge
    #[arg(long, value_name = "WORD", value_parser = parse_boundary)]
    pub boundary: Option<Boundary>,
    /// A file with this choice for single objects
    #[arg(long, value_name = "FILE.toml")]
    pub boundary_file: Option<PathBuf>,
    /// With --boundary bridge: also allow writes through the foreign tables
    #[arg(long)]
    pub bridge_write: bool,
    /// With --boundary bridge: the host at which the source's server reaches the target, if it differs from --to
    #[arg(long, value_name = "HOST")]
    pub bridge_host: Option<String>,
    /// With --boundary bridge: the port, if it differs from --to
    #[arg(long, value_name = "PORT")]
    pub bridge_port: Option<u16>,
    /// Schemas that stay, although they seem to belong to those that move (patterns, may be repeated)
    #[arg(long, value_name = "PATTERN,...")]
    pub leave: Vec<String>,
    /// Draw the plan: .dot for Graphviz, .svg for a browser
    #[arg(long, value_name = "FILE.dot|FILE.svg", value_parser = parse_picture)]
    pub picture: Option<PathBuf>,
    /// How many sessions copy rows and build indexes at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// How long to wait for other writers before writes can be refused, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub fence_wait: u32,
    /// How long to wait for a lock on a table, in seconds; 0 waits forever
    #[arg(long, value_name = "SECONDS", default_value_t = LOCK_WAIT_TIMEOUT_DEFAULT, value_parser = lock_wait_timeout())]
    pub lock_wait_timeout: u32,
    /// Do not read the rows of the new database again to compare them
    #[arg(long)]
    pub no_proof: bool,
    #[command(flatten)]
    pub search_path: SearchPathFix,
    /// Point a configuration file at the new database: docker-compose.yml:PG_DATABASE_URL, .env:DB_DATABASE (may be repeated)
    #[arg(long = "rewrite", value_name = "FILE:KEY[=VALUE]")]
    pub rewrites: Vec<Rewrite>,
    /// A command for /bin/sh to run after the files are rewritten, and again in a rollback
    #[arg(long, value_name = "COMMAND")]
    pub hook: Option<String>,
    /// Confirm that these are the databases of the split, although one was moved, restored or promoted
    #[arg(long)]
    pub moved: bool,
    /// The folder for this host's state of its splits: files, hook, and the key that protects the record of a split
    /// [default: /var/lib/pgkeep for root, otherwise $XDG_STATE_HOME/pgkeep or ~/.local/state/pgkeep]
    #[arg(long, value_name = "DIR", env = "PGKEEP_STATE", hide_env_values = true, global = true)]
    pub state: Option<PathBuf>,
    #[command(flatten)]
    pub rehearsal: rehearse::Rehearse,
    #[command(flatten)]
    pub programs: Programs,
}

impl Split {
    pub fn speech(&self) -> Speech {
        match &self.verb {
            Some(Verb::Status(_)) => Speech::Answer,
            None if self.plan => Speech::Answer,
            _ => Speech::Log,
        }
    }
}

#[derive(Subcommand)]
pub enum Verb {
    /// Show how far a split is, which database takes writes, and what to do next
    Status(StatusArgs),
    /// Let the old database take writes again
    Rollback(RollbackArgs),
    /// Rename the old schemas to put them aside; later, drop them
    Finish(FinishArgs),
    /// Apply deletions for loose foreign keys (CASCADE, SET NULL, SET DEFAULT)
    Reap(reap::ReapArgs),
}

#[derive(Args)]
pub struct FinishArgs {
    /// The old database
    #[arg(long, value_name = "DSN", required = true)]
    pub from: Option<String>,
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// Drop the old schemas for good; the old database's name confirms it. Needs --repo with a proven snapshot of them
    #[arg(long, value_name = "NAME")]
    pub yes_drop: Option<String>,
    /// Confirm that a rollback will no longer be possible: do not ask on the terminal
    #[arg(long)]
    pub yes: bool,
    /// Go on without the tables that moved and that the new database has lost, or has under other names; they are named
    #[arg(long)]
    pub discard: bool,
    /// How long to wait for a lock, in seconds; 0 waits forever
    #[arg(long, value_name = "SECONDS", default_value_t = LOCK_WAIT_TIMEOUT_DEFAULT, value_parser = lock_wait_timeout())]
    pub lock_wait_timeout: u32,
    /// Confirm that these are the databases of the split, although one was moved, restored or promoted
    #[arg(long)]
    pub moved: bool,
    /// With --yes-drop: how many sessions compare rows with the snapshot at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    #[command(flatten)]
    pub programs: Programs,
}

#[derive(Args)]
pub struct StatusArgs {
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// The old database, to check its fence and the delete logs of loose keys there
    #[arg(long, value_name = "DSN")]
    pub from: Option<String>,
}

#[derive(Args)]
pub struct RollbackArgs {
    /// The old database
    #[arg(long, value_name = "DSN", required = true)]
    pub from: Option<String>,
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// Go back without the rows written in the new database since the switch; it keeps them, but refuses writes
    #[arg(long)]
    pub discard: bool,
    /// How long to wait for other writers before writes can be refused, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub fence_wait: u32,
    /// How long applying what happened to the parents of loose keys may take, in seconds, while no database takes writes; what is
    /// not done is left to `split reap`
    #[arg(long, value_name = "SECONDS", default_value_t = split::REPLAY_TIMEOUT.as_secs() as u32, value_parser = clap::value_parser!(u32).range(1..))]
    pub replay_timeout: u32,
    /// How many sessions compare rows at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Confirm that these are the databases of the split, although one was moved, restored or promoted
    #[arg(long)]
    pub moved: bool,
}

pub(super) async fn run(common: &Common, args: &Split, watch: &Watch) -> Result<Outcome, Error> {
    if args.verb.is_some() && (args.schemas.is_some() || args.from.is_some() || args.to.is_some()) {
        return Err(usage(
            "--schemas, --from and --to before the verb are for a run",
            "Write the verb's options after it: pgkeep split rollback --from DSN --to DSN",
        ));
    }
    if args.verb.is_some() && (args.plan || args.rehearsal.rehearse) {
        return Err(usage(
            "--plan and --rehearse are for a run, not for this verb",
            "A rehearsal also tests the rollback, on its copies: pgkeep split --rehearse --schemas NAME --from DSN --to DSN",
        ));
    }
    let folder = || folder(args.state.as_ref());
    match &args.verb {
        Some(Verb::Status(args)) => {
            let source = args.from.as_deref().map(|dsn| conninfo(Some(dsn))).transpose()?;
            let status = split::status(&conninfo(args.to.as_deref())?, source.as_ref(), &folder()?).await?;
            Outcome::new(&status, ending::status(&status))
        }
        Some(Verb::Rollback(args)) => {
            let options = split::RollbackOptions {
                source: conninfo(args.from.as_deref())?,
                target: conninfo(args.to.as_deref())?,
                discard: discard(args.discard),
                limits: split::Limits {
                    fence_wait: Duration::from_secs(args.fence_wait.into()),
                    replay: Duration::from_secs(args.replay_timeout.into()),
                },
                jobs: usize::from(args.jobs),
                state: folder()?,
                moved: moved(args.moved),
            };
            let back = split::rollback(&options, watch, &mut std::io::stderr()).await?;
            let outcome = Outcome::new(&back, ending::rollback(&back))?;
            Ok(Outcome { exit_code: if back.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
        }
        Some(Verb::Finish(args)) => {
            let options = split::FinishOptions {
                source: conninfo(args.from.as_deref())?,
                target: conninfo(args.to.as_deref())?,
                drop: args.yes_drop.clone(),
                now: chrono::Utc::now(),
                lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
                state: folder()?,
                moved: moved(args.moved),
                discard: discard(args.discard),
                ask: if args.yes { |_| split::Consent::Yes } else { ask },
                jobs: usize::from(args.jobs),
                pg_bin: args.programs.pg_bin.clone(),
            };
            let repository = match &args.yes_drop {
                Some(_) => Some(keys::open_to_read(common).await?),
                None => None,
            };
            let finished = split::finish(&options, repository.as_ref(), watch).await?;
            Outcome::new(&finished, ending::finish(&finished))
        }
        Some(Verb::Reap(args)) => reap::run(args, folder()?, watch).await,
        None if args.rehearsal.rehearse => rehearse::run(common, args, watch).await,
        None if args.plan => {
            let report = plan::run(&run_options(args, args.from.as_ref())?, watch).await?;
            if let Some((path, form)) = args.picture.as_deref().and_then(|path| Some((path, form(path)?))) {
                std::fs::write(path, form.draw(&report.plan)).map_err(|error| {
                    usage(&format!("cannot write {}: {error}", path.display()), "Name a file in a folder that exists.")
                })?;
            }
            planned(&report)
        }
        None if args.picture.is_some() => Err(usage("--picture draws a plan", "Add --plan.")),
        None => match split::run(&run_options(args, args.from.as_ref())?, watch, &mut std::io::stderr()).await? {
            split::Outcome::Blocked(report) => planned(&report),
            split::Outcome::Ended(report) => {
                let outcome = Outcome::new(&report, ending::run(&report))?;
                Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
            }
        },
    }
}

/// On the terminal. Whatever is no clear yes is a no.
fn ask(question: &str) -> split::Consent {
    match Terminal.confirm_on_terminal(question) {
        Some(true) => split::Consent::Yes,
        Some(false) => split::Consent::No,
        None => split::Consent::NobodyToAsk,
    }
}

/// A plan with blockers is something wrong, whether it was asked for or stopped a run.
fn planned(report: &plan::Report) -> Result<Outcome, Error> {
    let outcome = Outcome::new(report, text::plan(report))?;
    Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
}

fn run_options(args: &Split, from: Option<&String>) -> Result<split::Options, Error> {
    Ok(split::Options {
        plan: options(args, from)?,
        jobs: usize::from(args.jobs),
        fence_wait: Duration::from_secs(args.fence_wait.into()),
        proof: if args.no_proof { Proof::Leave } else { Proof::Make },
        rewrites: args.rewrites.clone(),
        hook: args.hook.clone(),
        state: folder(args.state.as_ref())?,
        moved: moved(args.moved),
    })
}

fn folder(given: Option<&PathBuf>) -> Result<Folder, Error> {
    match given {
        Some(path) => Ok(Folder::at(path.clone())),
        None => Ok(Folder::of_account().map_err(split::SplitError::from)?),
    }
}

fn discard(said: bool) -> Discard {
    if said { Discard::Accept } else { Discard::Refuse }
}

fn moved(said: bool) -> Moved {
    if said { Moved::Accept } else { Moved::Refuse }
}

fn options(args: &Split, from: Option<&String>) -> Result<Options, Error> {
    let needed = |given: Option<&String>, switch: &str| {
        given.cloned().ok_or_else(|| {
            usage(&format!("{switch} is missing"), "pgkeep split --schemas core,metadata --from DSN --to DSN --plan")
        })
    };
    let schemas = needed(args.schemas.as_ref(), "--schemas")?;
    Ok(Options {
        source: conninfo(Some(&needed(from, "--from")?))?,
        target: target(Some(&needed(args.to.as_ref(), "--to")?), "--to")?,
        schemas: patterns(&schemas),
        leave: args.leave.iter().flat_map(|list| patterns(list)).collect(),
        boundary: args.boundary,
        bridging: Bridging {
            host: args.bridge_host.clone(),
            port: args.bridge_port,
            traffic: if args.bridge_write { Traffic::ReadsAndWrites } else { Traffic::Reads },
        },
        choices: args.boundary_file.as_deref().map(read_choices).transpose()?.unwrap_or_default(),
        lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
        pg_bin: args.programs.pg_bin.clone(),
        search_path: args.search_path.path().unwrap_or(SearchPath::Empty),
    })
}

fn usage(what: &str, hint: &str) -> Error {
    Error::Usage { what: what.to_owned(), hint: Some(hint.to_owned()) }
}

/// Cuts at commas, which inside double quotes belong to a name.
fn patterns(list: &str) -> Vec<String> {
    let mut patterns = vec![String::new()];
    let mut quoted = false;
    for c in list.chars() {
        quoted ^= c == '"';
        match patterns.last_mut() {
            Some(last) if c != ',' || quoted => last.push(c),
            _ => patterns.push(String::new()),
        }
    }
    patterns.iter().map(|pattern| pattern.trim().to_owned()).filter(|pattern| !pattern.is_empty()).collect()
}

fn read_choices(path: &Path) -> Result<Choices, Error> {
    let name = path.display().to_string();
    let text = opening::read_to_string(path).map_err(|error| {
        usage(
            &format!("the boundary file {name} cannot be read: {error}"),
            "It is TOML in UTF-8; docs/split.md shows one.",
        )
    })?;
    let file = BoundaryFile::parse(&text)
        .map_err(|error| Error::Usage { what: format!("{name}: {error}"), hint: error.hint() })?;
    Ok(Choices { name, file })
}

fn parse_boundary(word: &str) -> Result<Boundary, String> {
    word.parse().map_err(|error: crate::split::boundary::NoBoundary| error.to_string())
}

fn form(path: &Path) -> Option<PictureForm> {
    PictureForm::of_ending(&path.extension()?.to_string_lossy().to_ascii_lowercase())
}

fn parse_picture(path: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    form(&path).map(|_| path).ok_or("a picture's name ends in .dot or .svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_at_commas_outside_quotes() {
        assert_eq!(patterns("core, metadata,workspace_*"), ["core", "metadata", "workspace_*"]);
        assert_eq!(patterns("\"a,b\",,\"c\"\"d\""), ["\"a,b\"", "\"c\"\"d\""]);
        assert_eq!(patterns(""), [""; 0]);
    }
}
