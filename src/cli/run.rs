//! From arguments to a command, and from its result to what is printed.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::error::{ContextKind, ErrorKind};

use super::args::{Cli, Verb};
use super::drill;
use super::key;
use super::moment;
use super::outcome::{Outcome, Speech};
use super::output;
use super::progress::{Display, Verbosity};
use super::prune;
use super::report;
use super::signals::Interrupt;
use super::split;
use super::suggestions;
use super::verbs;
use super::visible;
use crate::command::Error;
use crate::command::progress::Progress;
use crate::command::watch::Watch;
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
        Verb::Init(args) => verbs::init(common, args).await,
        Verb::Backup(args) => verbs::backup(common, args, watch).await,
        Verb::List => verbs::list(common).await,
        Verb::Show(args) => verbs::show(common, args).await,
        Verb::Restore(args) => verbs::restore(common, args, watch).await,
        Verb::Verify(args) => verbs::verify(common, args, watch).await,
        Verb::Drill(args) => drill::run(common, args, watch).await,
        Verb::Run(args) => verbs::run_policy(common, args, watch).await,
        Verb::Prune(args) => prune::run(common, args, watch).await,
        Verb::Split(args) => split::run(common, args, watch).await,
        Verb::Key(args) => key::run(common, args).await,
        Verb::Version => {
            let version = env!("CARGO_PKG_VERSION");
            Outcome::new(&serde_json::json!({ "version": version }), format!("pgkeep {version}\n"))
        }
    }
}
