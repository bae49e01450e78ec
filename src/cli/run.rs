//! From arguments to a command, and from its result to what is printed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::error::{ContextKind, ErrorKind};

use super::again;
use super::args::{Cli, Restore, Selection, Verb};
use super::database::{conninfo, source, target};
use super::drill;
use super::moment;
use super::outcome::{FOUND_SOMETHING_WRONG, Outcome, Speech};
use super::output;
use super::policy;
use super::progress::{Display, Verbosity};
use super::prune;
use super::report;
use super::signals::Interrupt;
use super::split;
use super::suggestions;
use super::texts;
use super::visible;
use super::{key, keys};
use crate::command::progress::Progress;
use crate::command::restore::{
    Creation, Grants, Loading, Loads, Order, Owners, Proof, SearchPath, Tablespaces, ThroughRoot,
};
use crate::command::selecting::Patterns;
use crate::command::suspicion::Shrink;
use crate::command::watch::Watch;
use crate::command::{Error, backup, init, list, restore, verify};
use crate::pg::catalog::Passwords;
use crate::repo::WriterKey;
use crate::repo::keys::KeyKind;
use crate::repo::keys::file::Protection;
use crate::stop::Stop;

/// The program: reads the arguments, runs the verb, prints, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::read(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(error, &args),
    };
    let manner = Manner {
        form: if cli.common.json { Form::Json } else { Form::Text },
        speech: cli.verb.speech(),
        alarm: if cli.common.quiet { Alarm::Raise } else { Alarm::Leave },
    };
    match run_without_panic(&cli) {
        Ok(outcome) => tell(outcome, manner),
        Err(error) => fail(&error, manner),
    }
}

/// How a command speaks.
#[derive(Clone, Copy)]
struct Manner {
    form: Form,
    speech: Speech,
    alarm: Alarm,
}

/// Whether what is wrong goes to standard error as well: whoever wants no progress (cron) throws standard output into a log, and
/// looks at nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alarm {
    Raise,
    Leave,
}

/// What was done or found, and whether something is wrong.
fn tell(outcome: Outcome, manner: Manner) -> ExitCode {
    let complaint = visible::lines(&outcome.complaint);
    let wrong = outcome.exit_code != 0 && manner.alarm == Alarm::Raise && !output::is_one_place();
    let alarm = match (wrong, manner.form) {
        (true, _) => format!("{}{complaint}", outcome.text),
        (false, Form::Text) => complaint,
        (false, Form::Json) => String::new(),
    };
    let written = match manner.form {
        Form::Json => output::to_stdout(&(visible::json(&outcome.json) + "\n")),
        Form::Text => output::to_stdout(&as_logged(outcome.text, manner.speech, std::io::stdout())),
    };
    output::to_stderr(&as_logged(alarm, manner.speech, std::io::stderr()));
    match written {
        Ok(()) => ExitCode::from(outcome.exit_code),
        Err(source) => unwritten(source, outcome.exit_code),
    }
}

/// In a file that tells what was done, each line has its time. An answer may be read by a program.
fn as_logged(text: String, speech: Speech, stream: impl std::os::fd::AsFd) -> String {
    match speech {
        Speech::Log if output::is_file(stream) => moment::dated(&text),
        _ => text,
    }
}

/// A panic is a fault of this program, told once and in the form that was asked for. Nothing of the run is visible in the
/// repository: the manifest comes last.
fn run_without_panic(cli: &Cli) -> Result<Outcome, Error> {
    let first = Arc::new(OnceLock::new());
    let seen = first.clone();
    std::panic::set_hook(Box::new(move |panic| drop(seen.set(panic.to_string()))));
    std::panic::catch_unwind(AssertUnwindSafe(|| run(cli))).unwrap_or_else(|_| {
        let what = first.get().map_or("no reason was given", String::as_str);
        Err(Error::Internal { what: format!("this is a bug in pgkeep, please report it: {what}"), source: None })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

fn usage(error: clap::Error, args: &[OsString]) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // In colours on a terminal, as clap prints it.
        return match error.print().and_then(|()| std::io::stdout().flush()) {
            Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => unwritten(source, 0),
            _ => ExitCode::SUCCESS,
        };
    }
    let text = as_ours(error, args);
    if args.iter().any(|arg| arg == "--json") {
        let mut lines = text.lines().map(str::trim).peekable();
        let mut what = lines.next().unwrap_or_default().trim_start_matches(OURS).to_owned();
        let advice = lines.next_if(|line| line.starts_with("hint:"));
        if what.ends_with(':') {
            // What is listed below it belongs to it.
            let listed: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            what += &format!(" {}", listed.join(", "));
        }
        // The way to the help is for whoever reads the text.
        let usage = lines.find(|line| line.starts_with("Usage:"));
        let hint = advice.map_or(usage, |advice| advice.strip_prefix("hint: ")).unwrap_or_default().to_owned();
        let manner = Manner { form: Form::Json, speech: Speech::Answer, alarm: Alarm::Leave };
        return fail(&Error::Usage { what, hint: Some(hint) }, manner);
    }
    output::to_stderr(&text);
    ExitCode::from(2)
}

/// How every message of an error begins.
const OURS: &str = "pgkeep: ";

/// What clap says, as every other error is told: whoever looks for `pgkeep:` in a log finds it.
fn as_ours(error: clap::Error, args: &[OsString]) -> String {
    // It repeats arguments, and what it repeats has to be one line: it is asked again with tame ones.
    let tame: Vec<OsString> = args.iter().map(|arg| visible::line(&arg.to_string_lossy()).into()).collect();
    let again = Cli::read(&tame).err().filter(|again| again.kind() == error.kind());
    let mut error = again.unwrap_or(error);
    let advice = suggestions::of(&error);
    for guess in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::Suggested] {
        error.remove(guess);
    }
    let text = visible::lines(&error.render().to_string());
    let mut ours = String::new();
    for (n, line) in text.lines().enumerate() {
        let line = match (n, line.strip_prefix("error: "), line.strip_prefix("  tip: ")) {
            (0, Some(what), _) => {
                let advice = advice.as_ref().map_or(String::new(), |advice| format!("\n  hint: {advice}"));
                format!("{OURS}{what}{advice}")
            }
            (_, _, Some(tip)) => format!("  hint: {tip}"),
            _ => line.to_owned(),
        };
        ours += &(line + "\n");
    }
    ours
}

fn fail(error: &Error, manner: Manner) -> ExitCode {
    let untold = match manner.form {
        Form::Json => {
            let written = output::to_stdout(&(visible::json(&report::json(error).to_string()) + "\n"));
            written.is_err() || manner.alarm == Alarm::Raise && !output::is_one_place()
        }
        Form::Text => true,
    };
    if untold {
        output::to_stderr(&as_logged(report::text(error), manner.speech, std::io::stderr()));
    }
    ExitCode::from(error.exit_code())
}

/// The command has ended, and what it has to say is lost. What it found counts for more than that.
fn unwritten(source: std::io::Error, found: u8) -> ExitCode {
    let error = Error::Output { exit_code: found, source };
    output::to_stderr(&report::text(&error));
    ExitCode::from(if found == 0 { error.exit_code() } else { found })
}

fn run(cli: &Cli) -> Result<Outcome, Error> {
    let internal = |source| Error::Internal { what: "pgkeep cannot start".into(), source: Some(Box::new(source)) };
    let watch = Watch { progress: Progress::new(), stop: Stop::new() };
    let interrupt = Interrupt::listen(&watch.stop).map_err(internal)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    let quiet = cli.common.quiet || cli.common.json && !std::io::stderr().is_terminal();
    let display = Display::start(&watch.progress, if quiet { Verbosity::Quiet } else { Verbosity::Normal });
    let result = runtime.block_on(async {
        tokio::select! {
            result = verb(cli, &watch) => result,
            () = interrupt.wait() => Err(Error::Interrupted),
        }
    });
    if result.as_ref().is_err_and(Error::is_of_a_stopped_program) {
        runtime.block_on(interrupt.is_on_its_way());
    }
    drop(display);
    // What fails after a signal fails because of it.
    let is_on_a_copy = match &cli.verb {
        Verb::Restore(_) => false,
        Verb::Split(args) => args.rehearsal.rehearse || args.plan,
        _ => true,
    };
    let interrupted = |_| match watch.progress.left().filter(|_| !is_on_a_copy) {
        Some(left) => Error::InterruptedAmid { left },
        None => Error::Interrupted,
    };
    if interrupt.came() { result.map_err(interrupted) } else { result }
}

async fn verb(cli: &Cli, watch: &Watch) -> Result<Outcome, Error> {
    let common = &cli.common;
    match &cli.verb {
        Verb::Init(args) => {
            let path = args.keys.join(KeyKind::Restore.file_name());
            if common.passphrase_file.is_some() && !args.passphrase {
                return Err(Error::Usage {
                    what: "--passphrase-file (or PGKEEP_PASSPHRASE_FILE) is given, but not --passphrase".into(),
                    hint: Some("Add --passphrase to protect restore.key with it, or leave the file out.".into()),
                });
            }
            let protection = match args.passphrase {
                true => keys::new_protection(common, &path).await?,
                false => Protection::Plain,
            };
            let report = init::run(common.repo_url()?, &args.keys, &protection).await?;
            let text = format!(
                "created the repository {}\n\n\
                 Keep {} on the host that takes backups: it can write and list snapshots, but cannot read rows.\n\
                 Move {} to two safe places off this host: without it nobody can read a backup, with it anybody can.\n",
                report.repository,
                report.writer_key.display(),
                report.restore_key.display(),
            );
            let text = text + &texts::warnings(&report.warnings);
            Outcome::new(&report, text)
        }
        Verb::Backup(args) => {
            let key = keys::writer_key(common)?;
            let repository = keys::open_to_write(common.repo_url()?, keys::writer_path(common)?, &key).await?;
            let options = backup::Options {
                source: source(args.database.dbname.as_deref())?,
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
            let report = backup::run(&repository, &key, &options, watch).await?;
            backup_outcome(&report)
        }
        Verb::List => {
            let repository = keys::open_to_read(common).await?;
            let entries = list::list(&repository).await?;
            let mut text = texts::list(&entries);
            if entries.is_empty() && list::holds_rows(&repository).await? {
                text += texts::ROWS_WITHOUT_SNAPSHOTS;
            }
            let outcome = Outcome::new(&entries, text)?;
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
            let loading = Loading {
                target: target(args.database.dbname.as_deref(), "-d")?,
                owners: if args.no_owner { Owners::Restorer } else { Owners::Keep },
                grants: if args.no_acl { Grants::Omit } else { Grants::Keep },
                search_path: if args.search_path_fix { SearchPath::Fix } else { SearchPath::Empty },
                through_root: if args.load_via_partition_root { ThroughRoot::All } else { ThroughRoot::WhereNeeded },
                proof: if args.no_proof { Proof::Leave } else { Proof::Make },
                order: Order::LargestFirst,
                loads: Loads::Untold,
                jobs: usize::from(args.jobs),
            };
            let options = restore::Options {
                snapshot: args.snapshot.clone(),
                creation: if args.create { Creation::Create } else { Creation::Exists },
                patterns: patterns(&args.selection),
                roles: args.map_role.iter().map(|text| pair("--map-role", "role", text)).collect::<Result<_, _>>()?,
                tablespaces: tablespaces(args)?,
                typed: Some(again::restore(common, args)),
                loading,
            };
            let report = restore::run(&repository, &options, watch).await?;
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
            let report = verify::run(&repository, &options, watch).await?;
            let outcome = Outcome::new(&report, texts::verify(&report))?;
            Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
        }
        Verb::Drill(args) => drill::run(common, args, watch).await,
        Verb::Run(args) => {
            let plan = policy::Plan::read(common, args)?;
            if args.check {
                let outline = plan.outline().await;
                let outcome = Outcome::new(&outline, texts::outline(&outline))?;
                let exit_code = if outline.problems.is_empty() { 0 } else { FOUND_SOMETHING_WRONG };
                return Ok(Outcome { exit_code, ..outcome });
            }
            let key = WriterKey::read(plan.writer_key())?;
            let repository = keys::open_to_write(plan.repository(), plan.writer_key(), &key).await?;
            let report = backup::run(&repository, &key, &plan.options().await?, watch).await?;
            let outcome = backup_outcome(&report)?;
            match plan.prune_options(&report) {
                None => Ok(outcome),
                Some(options) => {
                    let pruned = prune::after_backup(&repository, &options, watch).await;
                    prune::join(&report, outcome, pruned)
                }
            }
        }
        Verb::Prune(args) => prune::run(common, args, watch).await,
        Verb::Split(args) => split::run(common, args, watch).await,
        Verb::Key(args) => key::run(common, args).await,
        Verb::Version => {
            let version = env!("CARGO_PKG_VERSION");
            Outcome::new(&serde_json::json!({ "version": version }), format!("pgkeep {version}\n"))
        }
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

fn tablespaces(args: &Restore) -> Result<Tablespaces, Error> {
    if args.no_tablespaces {
        return Ok(Tablespaces::Default);
    }
    let pairs = args.map_tablespace.iter().map(|text| pair("--map-tablespace", "tablespace", text));
    let map = pairs.map(|pair| pair.map(|(from, to)| (from, Some(to)))).collect::<Result<BTreeMap<_, _>, _>>()?;
    Ok(if map.is_empty() { Tablespaces::Keep } else { Tablespaces::Elsewhere(map) })
}

fn pair(switch: &str, what: &str, text: &str) -> Result<(String, String), Error> {
    let parts = text.split_once('=').filter(|(from, to)| !from.is_empty() && !to.is_empty());
    parts.map(|(from, to)| (from.to_owned(), to.to_owned())).ok_or_else(|| Error::Usage {
        what: format!("{switch} {text} does not name two {what}s"),
        hint: Some(format!("Write {switch} OLD=NEW.")),
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
