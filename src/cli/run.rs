//! From arguments to a command, and from its result to what is printed.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use chrono::Local;
use clap::Parser;
use clap::error::ErrorKind;
use serde::Serialize;

use super::args::{Cli, Common, Selection, Verb};
use super::display::{bytes, count, duration, table};
use super::progress::{Display, Verbosity};
use super::report;
use super::signals::Interrupt;
use crate::command::progress::Progress;
use crate::command::restore::Creation;
use crate::command::selecting::Patterns;
use crate::command::{Error, backup, init, list, restore};
use crate::pg::catalog::Passwords;
use crate::pg::conninfo::{Conninfo, Environment};
use crate::repo::keys::KeyKind;
use crate::repo::{KeyError, ReadingKey, Repository, RestoreKey, WriterKey};
use crate::schema::restore::{Grants, Owners};
use crate::schema::schedule::Proof;
use crate::stop::Stop;
use crate::store::Access;

/// The program: reads the arguments, runs the verb, prints, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, args.iter().any(|arg| arg == "--json")),
    };
    let form = if cli.common.json { Form::Json } else { Form::Text };
    let result = run(&cli);
    match result {
        Ok(outcome) => {
            let text = match form {
                Form::Json => outcome.json + "\n",
                Form::Text => outcome.text,
            };
            // A reader that has gone away is no failure of the command.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::from(outcome.exit_code)
        }
        Err(error) => fail(&error, form),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// What a verb has to say.
struct Outcome {
    text: String,
    json: String,
    exit_code: u8,
}

impl Outcome {
    fn new(report: &impl Serialize, text: String) -> Result<Self, Error> {
        let json = serde_json::to_string(report).map_err(|source| Error::Internal {
            what: "the report cannot be encoded".into(),
            source: Some(Box::new(source)),
        })?;
        Ok(Self { text, json, exit_code: 0 })
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
            let report = init::run(repo_url(common)?, &args.keys).await?;
            let text = format!(
                "made the repository {}\n\n\
                 Leave {} on the host that takes backups: it writes and lists, and cannot read a single row.\n\
                 Move {} to a safe place off this host, twice: without it no backup can be read, and with it anyone can.\n",
                report.repository,
                report.writer_key.display(),
                report.restore_key.display(),
            );
            Outcome::new(&report, text)
        }
        Verb::Backup(args) => {
            let key = writer_key(common)?;
            let repository = Repository::open(repo_url(common)?, ReadingKey::from(&key), Access::Write).await?;
            let options = backup::Options {
                source: conninfo(args.database.dbname.as_deref())?,
                patterns: patterns(&args.selection),
                jobs: usize::from(args.jobs),
                level: args.level,
                lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
                passwords: if args.role_passwords { Passwords::Read } else { Passwords::Leave },
                pg_bin: args.programs.pg_bin.clone(),
            };
            let report = backup::run(&repository, &key, &options, progress, stop).await?;
            Outcome::new(&report, backup_text(&report))
        }
        Verb::List => {
            let repository = open_to_read(common).await?;
            let lines = list::list(&repository).await?;
            Outcome::new(&lines, list_text(&lines))
        }
        Verb::Show(args) => {
            let repository = open_to_read(common).await?;
            let details = list::show(&repository, &args.snapshot).await?;
            Outcome::new(&details, show_text(&details))
        }
        Verb::Restore(args) => {
            let repository = open_with_restore_key(common).await?;
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
            let mut outcome = Outcome::new(&report, restore_text(&report))?;
            if !report.mismatches.is_empty() {
                outcome.exit_code = 3;
            }
            Ok(outcome)
        }
        Verb::Verify(_) => Err(Error::Usage { what: "not there yet".into(), hint: None }),
    }
}

fn backup_text(report: &backup::Report) -> String {
    let mut text = format!(
        "snapshot {} of {}: {}, {}, {} read, {} stored in {} ({} reused), {}\n",
        report.snapshot.short(),
        report.database,
        count(report.tables, "table"),
        count(report.rows, "row"),
        bytes(report.bytes_read),
        bytes(report.bytes_stored),
        count(report.objects_new, "new object"),
        report.objects_reused,
        duration(Duration::from_millis(report.elapsed_ms)),
    );
    text += &left_out_text(&report.left_out);
    text
}

fn restore_text(report: &restore::Report) -> String {
    let mut text = format!(
        "restored {} into {}: {}, {}, {}",
        report.snapshot.short(),
        report.database,
        count(report.tables, "table"),
        count(report.rows, "row"),
        duration(Duration::from_millis(report.elapsed_ms)),
    );
    text += match (report.proven, report.mismatches.is_empty()) {
        (true, _) => "; proven: every table's rows are those of the snapshot\n",
        (false, true) => "; not proven (--no-proof)\n",
        (false, false) => "; NOT the snapshot:\n",
    };
    report.mismatches.iter().for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    report.warnings.iter().for_each(|warning| text += &format!("warning: {warning}\n"));
    text
}

fn role_pair(pair: &str) -> Result<(String, String), Error> {
    let parts = pair.split_once('=').filter(|(from, to)| !from.is_empty() && !to.is_empty());
    parts.map(|(from, to)| (from.to_owned(), to.to_owned())).ok_or_else(|| Error::Usage {
        what: format!("--map-role {pair} does not name two roles"),
        hint: Some("Write --map-role OLD=NEW.".into()),
    })
}

fn left_out_text(left_out: &[crate::repo::manifest::LeftOut]) -> String {
    left_out.iter().map(|l| format!("left out: {}: {}\n", l.entry, l.reason)).collect()
}

fn list_text(lines: &[list::Line]) -> String {
    let row = |line: &list::Line| {
        vec![
            line.snapshot.short().to_owned(),
            line.time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string(),
            line.database.clone(),
            if line.schemas.len() <= 3 { line.schemas.join(",") } else { count(line.schemas.len() as u64, "schema") },
            line.tables.to_string(),
            line.rows.to_string(),
            bytes(line.bytes_read),
            bytes(line.bytes_stored),
        ]
    };
    if lines.is_empty() {
        return "no snapshots yet\n".into();
    }
    table(
        &["snapshot", "time", "database", "schemas", "tables", "rows", "read", "added"],
        &[4, 5, 6, 7],
        &lines.iter().map(row).collect::<Vec<_>>(),
    )
}

fn show_text(details: &list::Details) -> String {
    let line = &details.line;
    let mut text = format!(
        "snapshot  {}\ntime      {}\ndatabase  {} (PostgreSQL {})\nholds     {}, {}, {} rows of {}, {}, {}\nadded     {}\nroles     {}\n",
        line.snapshot,
        line.time.to_rfc3339(),
        line.database,
        line.server_version,
        if details.whole_database { "the whole database" } else { "a selection" },
        count(line.tables, "table"),
        line.rows,
        bytes(line.bytes_read),
        count(details.sequences as u64, "sequence"),
        count(details.large_objects as u64, "large object"),
        bytes(line.bytes_stored),
        details.roles.join(", "),
    );
    text += &left_out_text(&details.left_out);
    text.push('\n');
    let row = |r: &list::RelationLine| {
        let name = format!("{}.{}", r.schema, r.name);
        vec![name, r.digest.rows.to_string(), bytes(r.digest.bytes), r.format.name().into(), r.digest.sum_hex()]
    };
    text += &table(
        &["table", "rows", "bytes", "format", "digest"],
        &[1, 2],
        &details.relations.iter().map(row).collect::<Vec<_>>(),
    );
    text
}

fn patterns(selection: &Selection) -> Patterns {
    Patterns {
        schemas: selection.schemas.clone(),
        exclude_schemas: selection.exclude_schemas.clone(),
        tables: selection.tables.clone(),
        exclude_tables: selection.exclude_tables.clone(),
    }
}

fn repo_url(common: &Common) -> Result<&str, Error> {
    common.repo.as_deref().ok_or_else(|| Error::Usage {
        what: "no repository was named".into(),
        hint: Some("Name it with --repo URL or PGKEEP_REPO.".into()),
    })
}

fn conninfo(dsn: Option<&str>) -> Result<Conninfo, Error> {
    let info = Conninfo::resolve(dsn, &Environment::from_process())?;
    info.warnings().iter().for_each(|warning| eprintln!("pgkeep: warning: {warning}"));
    Ok(info)
}

fn writer_key(common: &Common) -> Result<WriterKey, Error> {
    let path = common.writer_key.as_deref().ok_or(KeyError::NotGiven { kind: KeyKind::Writer })?;
    Ok(WriterKey::read(path)?)
}

/// Rows open with the restore key alone.
async fn open_with_restore_key(common: &Common) -> Result<Repository, Error> {
    let path = common.restore_key.as_deref().ok_or(KeyError::NotGiven { kind: KeyKind::Restore })?;
    Ok(Repository::open(repo_url(common)?, ReadingKey::from(&RestoreKey::read(path)?), Access::Read).await?)
}

/// Either key reads manifests; the restore key, where both are given, reads more.
async fn open_to_read(common: &Common) -> Result<Repository, Error> {
    let key = match (&common.restore_key, &common.writer_key) {
        (Some(path), _) => ReadingKey::from(&RestoreKey::read(path)?),
        (None, Some(path)) => ReadingKey::from(&WriterKey::read(path)?),
        (None, None) => return Err(KeyError::NotGiven { kind: KeyKind::Writer }.into()),
    };
    Ok(Repository::open(repo_url(common)?, key, Access::Read).await?)
}
