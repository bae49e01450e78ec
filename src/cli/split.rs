//! `pgkeep split` on the command line.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::args::{Common, Programs};
use super::display::{bytes, count, duration};
use super::run::{FOUND_SOMETHING_WRONG, Outcome, conninfo};
use super::{keys, texts};
use crate::command::Error;
use crate::command::progress::Progress;
use crate::command::restore::Proof;
use crate::command::split::{self, Discard, Finished, Report, RolledBack, Status};
use crate::policy::LOCK_WAIT_TIMEOUT_DEFAULT;
use crate::stop::Stop;
use crate::switch::Rewrite;

#[derive(Args)]
#[command(subcommand_negates_reqs = true)]
pub struct Split {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

#[derive(Args)]
pub struct RunArgs {
    /// The schemas that move, separated by commas; psql's patterns (may be repeated)
    #[arg(long, value_name = "SCHEMA,...", value_delimiter = ',', required = true)]
    pub schemas: Vec<String>,
    /// The database that they are in: a libpq connection string, URI or name
    #[arg(long, value_name = "DSN", required = true)]
    pub from: Option<String>,
    /// The database that they move to; made if it is not there
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// How many sessions copy rows and build indexes at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// How long to try to put the fence up while others write, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub fence_wait: u32,
    /// How long to wait for a lock on a table, in seconds; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = LOCK_WAIT_TIMEOUT_DEFAULT)]
    pub lock_wait_timeout: u32,
    /// Do not read the rows of the new database once more to compare them
    #[arg(long)]
    pub no_proof: bool,
    /// Point a configuration file at the new database: docker-compose.yml:PG_DATABASE_URL, .env:DB_DATABASE (may be repeated)
    #[arg(long = "rewrite", value_name = "FILE:KEY[=VALUE]")]
    pub rewrites: Vec<Rewrite>,
    /// Run this by /bin/sh when the files are rewritten, and again in a rollback
    #[arg(long, value_name = "COMMAND")]
    pub hook: Option<String>,
    #[command(flatten)]
    pub programs: Programs,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Say how far a split is, and what can be done now
    Status(StatusArgs),
    /// Let the old database take writes again
    Rollback(RollbackArgs),
    /// Put the old schemas aside under other names; much later, drop them
    Finish(FinishArgs),
}

#[derive(Args)]
pub struct FinishArgs {
    /// The old database
    #[arg(long, value_name = "DSN", required = true)]
    pub from: Option<String>,
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// Drop the old schemas for good: the old database's name, typed. Takes --repo with a proven snapshot of them
    #[arg(long, value_name = "NAME")]
    pub yes_drop: Option<String>,
    /// How long to wait for a lock, in seconds; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = LOCK_WAIT_TIMEOUT_DEFAULT)]
    pub lock_wait_timeout: u32,
}

#[derive(Args)]
pub struct StatusArgs {
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
}

#[derive(Args)]
pub struct RollbackArgs {
    /// The old database
    #[arg(long, value_name = "DSN", required = true)]
    pub from: Option<String>,
    /// The new database
    #[arg(long, value_name = "DSN", required = true)]
    pub to: Option<String>,
    /// Go back without the rows that were written in the new database since the switch; it keeps them, and takes no more
    #[arg(long)]
    pub discard: bool,
    /// How long to try to put the fence up while others write, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub fence_wait: u32,
    /// How many sessions compare rows at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
}

pub(super) async fn run(
    common: &Common,
    args: &Split,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Outcome, Error> {
    if args.verb.is_some() && (!args.run.schemas.is_empty() || args.run.from.is_some() || args.run.to.is_some()) {
        return Err(Error::Usage {
            what: "--schemas, --from and --to before the verb belong to a run".into(),
            hint: Some("Write what belongs to the verb after it: pgkeep split rollback --from DSN --to DSN".into()),
        });
    }
    match &args.verb {
        Some(Verb::Status(args)) => {
            let status = split::status(&conninfo(args.to.as_deref())?).await?;
            Outcome::new(&status, status_text(&status))
        }
        Some(Verb::Rollback(args)) => {
            let (from, to) = (conninfo(args.from.as_deref())?, conninfo(args.to.as_deref())?);
            let discard = if args.discard { Discard::Rows } else { Discard::Refuse };
            let wait = Duration::from_secs(args.fence_wait.into());
            let order =
                split::RollbackOptions { source: from, target: to, discard, fence_wait: wait, jobs: args.jobs.into() };
            let back = split::rollback(&order, progress, stop, &mut std::io::stderr()).await?;
            Outcome::new(&back, rollback_text(&back))
        }
        Some(Verb::Finish(args)) => {
            let options = split::FinishOptions {
                source: conninfo(args.from.as_deref())?,
                target: conninfo(args.to.as_deref())?,
                drop: args.yes_drop.clone(),
                now: chrono::Utc::now(),
                lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
            };
            let repository = match &args.yes_drop {
                Some(_) => Some(keys::open_to_read(common).await?),
                None => None,
            };
            let finished = split::finish(&options, repository.as_ref()).await?;
            Outcome::new(&finished, finish_text(&finished))
        }
        None => {
            let args = &args.run;
            let options = split::Options {
                schemas: args.schemas.clone(),
                source: conninfo(args.from.as_deref())?,
                target: conninfo(args.to.as_deref())?,
                jobs: usize::from(args.jobs),
                lock_timeout_ms: u64::from(args.lock_wait_timeout) * 1000,
                fence_wait: Duration::from_secs(args.fence_wait.into()),
                proof: if args.no_proof { Proof::Leave } else { Proof::Make },
                pg_bin: args.programs.pg_bin.clone(),
                rewrites: args.rewrites.clone(),
                hook: args.hook.clone(),
            };
            let report = split::run(&options, progress, stop, &mut std::io::stderr()).await?;
            let outcome = Outcome::new(&report, text(&report))?;
            Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
        }
    }
}

fn text(report: &Report) -> String {
    let time = |ms| duration(Duration::from_millis(ms));
    let mut text = String::new();
    report.mismatches.iter().for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    report.definitions.iter().for_each(|entry| text += &format!("differs: {}: {:?}\n", entry.entry, entry.what));
    text += &texts::left_out(&report.left_out);
    text += &texts::warnings(&report.warnings);
    let what = format!(
        "{} ({}, {}, {})",
        report.schemas.join(", "),
        count(report.tables, "table"),
        count(report.rows, "row"),
        bytes(report.bytes)
    );
    if !report.ok {
        return text
            + &format!(
                "{what} NOT moved: the copy is not the original. The source takes writes again, after {}\n",
                time(report.downtime_ms)
            );
    }
    let proof = if report.proven { "proven" } else { "rows not compared (--no-proof)" };
    text += &format!("{what} moved from {} to {}: {proof}\n", report.source, report.target);
    report.rewritten.iter().for_each(|edit| {
        text += &format!("{}:{}: {} -> {}\n", edit.file.display(), edit.line, edit.before, edit.after);
    });
    text += &format!("writes were refused for {}; the old tables refuse them from now on\n", time(report.downtime_ms));
    text + "`pgkeep split rollback` goes back, as long as nothing was written in the new database\n"
}

fn status_text(status: &Status) -> String {
    let mut text = format!("{} from {}: {}\n", status.schemas.join(", "), status.source, status.phase);
    for step in &status.history {
        text += &format!("  {}  {}\n", step.time.format("%Y-%m-%d %H:%M:%S UTC"), step.phase);
    }
    if !status.next.is_empty() {
        text += &format!("next: {}\n", status.next.join(", "));
    }
    text
}

fn rollback_text(back: &RolledBack) -> String {
    let mut text: String =
        back.discarded.iter().map(|mismatch| format!("left in the new database: {mismatch}\n")).collect();
    text += &format!("{} take writes in the old database again", back.schemas.join(", "));
    text += match back.dropped {
        true => "; the new database is gone\n",
        false => "; the new one is kept, and refuses writes\n",
    };
    text
}

fn finish_text(finished: &Finished) -> String {
    let mut text = String::new();
    for (from, to) in &finished.quarantined {
        text += &match finished.dropped {
            true => format!("dropped: {to}, once {from}\n"),
            false => format!("put aside: {from} is {to}, and nobody but its owner may use it\n"),
        };
    }
    finished.needed_by.iter().for_each(|by| text += &format!("still needed by {by}\n"));
    match &finished.snapshot {
        Some(snapshot) => text + &format!("the snapshot {snapshot} holds what was dropped\n"),
        None => {
            text + "when nobody misses them: pgkeep split finish --yes-drop NAME, with a proven snapshot in --repo\n"
        }
    }
}
