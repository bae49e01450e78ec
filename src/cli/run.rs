//! From arguments to a command, and from its result to what is printed.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::error::ErrorKind;
use serde::Serialize;

use super::args::{Cli, Common, Selection, Verb};
use super::drill;
use super::policy;
use super::progress::{Display, Verbosity};
use super::prune;
use super::report;
use super::signals::Interrupt;
use super::split;
use super::texts;
use super::visible;
use super::{key, keys};
use crate::command::progress::Progress;
use crate::command::restore::{Creation, Grants, Owners, Proof};
use crate::command::selecting::Patterns;
use crate::command::suspicion::Shrink;
use crate::command::{Error, backup, init, list, restore, verify};
use crate::pg::catalog::Passwords;
use crate::pg::conninfo::{Conninfo, Environment};
use crate::repo::WriterKey;
use crate::repo::keys::KeyKind;
use crate::repo::keys::file::Protection;
use crate::stop::Stop;

/// The program: reads the arguments, runs the verb, prints, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::read(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, args.iter().any(|arg| arg == "--json")),
    };
    let form = if cli.common.json { Form::Json } else { Form::Text };
    let result = run_without_panic(&cli);
    match result {
        Ok(outcome) => {
            let (text, complaint) = match form {
                Form::Json => (outcome.json + "\n", String::new()),
                Form::Text => (outcome.text, outcome.complaint),
            };
            // A reader that has gone away is no failure of the command.
            let _ = std::io::stdout().write_all(text.as_bytes());
            eprint!("{}", visible::lines(&complaint));
            ExitCode::from(outcome.exit_code)
        }
        Err(error) => fail(&error, form),
    }
}

/// The exit code of a command that did what was asked, and found something wrong.
pub(super) const FOUND_SOMETHING_WRONG: u8 = 3;

/// A panic is a fault of this program, told once and in the form that was asked for. Nothing of the run is visible in the
/// repository: the manifest comes last.
fn run_without_panic(cli: &Cli) -> Result<Outcome, Error> {
    let first = Arc::new(OnceLock::new());
    let seen = first.clone();
    std::panic::set_hook(Box::new(move |panic| drop(seen.set(panic.to_string()))));
    std::panic::catch_unwind(AssertUnwindSafe(|| run(cli))).unwrap_or_else(|_| {
        let what = first.get().map_or("it gave no reason", String::as_str);
        Err(Error::Internal { what: format!("this is a fault of pgkeep, please report it: {what}"), source: None })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// What a verb has to say.
pub(super) struct Outcome {
    pub text: String,
    pub json: String,
    /// What goes to standard error where `text` goes to standard output: an error after something was done.
    pub complaint: String,
    pub exit_code: u8,
}

impl Outcome {
    pub fn new(report: &impl Serialize, text: String) -> Result<Self, Error> {
        let failed =
            |source| Error::Internal { what: "the report cannot be encoded".into(), source: Some(Box::new(source)) };
        let json = serde_json::to_string(report).map_err(failed)?;
        let text = visible::report(text, &serde_json::to_value(report).map_err(failed)?);
        Ok(Self { text, json, complaint: String::new(), exit_code: 0 })
    }
}

fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    if json {
        let mut lines = text.lines();
        let what = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let hint = lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        return fail(&Error::Usage { what, hint: Some(hint) }, Form::Json);
    }
    let _ = error.print();
    ExitCode::from(2)
}

fn fail(error: &Error, form: Form) -> ExitCode {
    match form {
        Form::Json => println!("{}", report::json(error)),
        Form::Text => eprint!("{}", report::text(error)),
    }
    ExitCode::from(error.exit_code())
}

fn run(cli: &Cli) -> Result<Outcome, Error> {
    let internal = |source| Error::Internal { what: "the program cannot start".into(), source: Some(Box::new(source)) };
    let stop = Stop::new();
    let interrupt = Interrupt::listen(&stop).map_err(internal)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    let progress = Progress::new();
    let quiet = cli.common.quiet || cli.common.json && !std::io::stderr().is_terminal();
    let display = Display::start(&progress, if quiet { Verbosity::Quiet } else { Verbosity::Normal });
    let result = runtime.block_on(async {
        tokio::select! {
            result = verb(cli, &progress, &stop) => result,
            () = interrupt.wait() => Err(Error::Interrupted),
        }
    });
    drop(display);
    // What fails after a signal fails because of it.
    if interrupt.came() { result.map_err(|_| Error::Interrupted) } else { result }
}

async fn verb(cli: &Cli, progress: &std::sync::Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    let common = &cli.common;
    match &cli.verb {
        Verb::Init(args) => {
            let path = args.keys.join(KeyKind::Restore.file_name());
            let protection = match args.passphrase {
                true => keys::new_protection(common, &path).await?,
                false => Protection::Plain,
            };
            let report = init::run(repo_url(common)?, &args.keys, &protection).await?;
            let text = format!(
                "made the repository {}\n\n\
                 Leave {} on the host that takes backups: it writes and lists, and cannot read a single row.\n\
                 Move {} to a safe place off this host, twice: without it no backup can be read, and with it anyone can.\n",
                report.repository,
                report.writer_key.display(),
                report.restore_key.display(),
            );
            let text = text + &texts::warnings(&report.warnings);
            Outcome::new(&report, text)
        }
        Verb::Backup(args) => {
            let key = keys::writer_key(common)?;
            let repository = keys::open_to_write(repo_url(common)?, keys::writer_path(common)?, &key).await?;
            let options = backup::Options {
                source: conninfo(args.database.dbname.as_deref())?,
                patterns: patterns(&args.selection),
                jobs: usize::from(args.jobs),
                level: args.level,
                lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
                passwords: if args.role_passwords { Passwords::Read } else { Passwords::Leave },
                shrink: if args.accept_shrink { Shrink::Accept } else { Shrink::Suspect },
                pg_bin: args.programs.pg_bin.clone(),
                tags: args.tags.clone(),
                time: args.time,
            };
            let report = backup::run(&repository, &key, &options, progress, stop).await?;
            backup_outcome(&report)
        }
        Verb::List => {
            let repository = keys::open_to_read(common).await?;
            let entries = list::list(&repository).await?;
            let outcome = Outcome::new(&entries, texts::list(&entries))?;
            let is_damaged = entries.iter().any(list::Entry::is_damaged);
            Ok(Outcome { exit_code: if is_damaged { FOUND_SOMETHING_WRONG } else { 0 }, ..outcome })
        }
        Verb::Show(args) => {
            let repository = keys::open_to_read(common).await?;
            let details = list::show(&repository, &args.snapshot).await?;
            let outcome = Outcome::new(&details, texts::show(&details))?;
            let is_hurt = !details.line.hurt.is_empty();
            Ok(Outcome { exit_code: if is_hurt { FOUND_SOMETHING_WRONG } else { 0 }, ..outcome })
        }
        Verb::Restore(args) => {
            let repository = keys::open_with_restore_key(common).await?;
            let options = restore::Options {
                snapshot: args.snapshot.clone(),
                target: conninfo(args.database.dbname.as_deref())?,
                creation: if args.create { Creation::Create } else { Creation::Exists },
                patterns: patterns(&args.selection),
                roles: args.map_role.iter().map(|pair| role_pair(pair)).collect::<Result<_, _>>()?,
                owners: if args.no_owner { Owners::Restorer } else { Owners::Keep },
                grants: if args.no_acl { Grants::Omit } else { Grants::Keep },
                proof: if args.no_proof { Proof::Leave } else { Proof::Make },
                jobs: usize::from(args.jobs),
            };
            let report = restore::run(&repository, &options, progress, stop).await?;
            let mut outcome = Outcome::new(&report, texts::restore(&report))?;
            if !report.mismatches.is_empty() {
                outcome.exit_code = FOUND_SOMETHING_WRONG;
            }
            Ok(outcome)
        }
        Verb::Verify(args) => {
            let options = verify::Options {
                snapshot: args.snapshot.clone(),
                depth: match (args.budget, args.read_data) {
                    (Some(budget), _) => verify::Depth::Budget(budget),
                    (None, true) => verify::Depth::Data,
                    (None, false) => verify::Depth::Listing,
                },
                against: args.against.as_deref().map(|dsn| conninfo(Some(dsn))).transpose()?,
                jobs: usize::from(args.jobs),
            };
            let repository = keys::open_to_read(common).await?;
            let report = verify::run(&repository, &options, progress, stop).await?;
            let outcome = Outcome::new(&report, texts::verify(&report))?;
            Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
        }
        Verb::Drill(args) => drill::run(common, args, progress, stop).await,
        Verb::Run(args) => {
            let plan = policy::Plan::read(common, &args.policy)?;
            if args.check {
                let outline = plan.outline();
                return Outcome::new(&outline, texts::outline(&outline));
            }
            let key = WriterKey::read(plan.writer_key())?;
            let repository = keys::open_to_write(plan.repository(), plan.writer_key(), &key).await?;
            let report = backup::run(&repository, &key, &plan.options().await?, progress, stop).await?;
            let outcome = backup_outcome(&report)?;
            match plan.prune_options(&report) {
                None => Ok(outcome),
                Some(options) => {
                    let pruned = prune::after_backup(&repository, &options, progress, stop).await;
                    prune::join(&report, outcome, pruned)
                }
            }
        }
        Verb::Prune(args) => prune::run(common, args, progress, stop).await,
        Verb::Split(args) => split::run(common, args, progress, stop).await,
        Verb::Key(args) => key::run(common, args).await,
    }
}

/// A suspicious snapshot is there, and somebody should look at it.
fn backup_outcome(report: &backup::Report) -> Result<Outcome, Error> {
    let mut outcome = Outcome::new(report, texts::backup(report))?;
    if !report.suspicious.is_empty() {
        outcome.exit_code = FOUND_SOMETHING_WRONG;
    }
    Ok(outcome)
}

fn role_pair(pair: &str) -> Result<(String, String), Error> {
    let parts = pair.split_once('=').filter(|(from, to)| !from.is_empty() && !to.is_empty());
    parts.map(|(from, to)| (from.to_owned(), to.to_owned())).ok_or_else(|| Error::Usage {
        what: format!("--map-role {pair} does not name two roles"),
        hint: Some("Write --map-role OLD=NEW.".into()),
    })
}

fn patterns(selection: &Selection) -> Patterns {
    Patterns {
        schemas: selection.schemas.clone(),
        exclude_schemas: selection.exclude_schemas.clone(),
        tables: selection.tables.clone(),
        exclude_tables: selection.exclude_tables.clone(),
    }
}

pub(super) fn repo_url(common: &Common) -> Result<&str, Error> {
    common.repo.as_deref().ok_or_else(|| Error::Usage {
        what: "no repository was named".into(),
        hint: Some("Name it with --repo URL or PGKEEP_REPO.".into()),
    })
}

pub(super) fn conninfo(dsn: Option<&str>) -> Result<Conninfo, Error> {
    let info = Conninfo::resolve(dsn, &Environment::from_process())?;
    info.warnings().iter().for_each(|warning| eprintln!("pgkeep: warning: {}", visible::line(&warning.to_string())));
    Ok(info)
}
