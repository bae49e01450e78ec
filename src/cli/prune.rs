//! `pgkeep prune`: its arguments, and what it says.

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::common::Common;
use super::display::{bytes, count, duration, table};
use super::outcome::{FOUND_SOMETHING_WRONG, Outcome};
use super::report;
use super::{keys, moment};
use crate::command::prune::{self, Action, Options, Report};
use crate::command::watch::Watch;
use crate::command::{Error, backup};
use crate::repo::Repository;
use crate::retention::{Grace, Rules, Scope, Span, Tag, Zone};
use crate::store::Access;

/// Rules keep the newest snapshot of each period, separately for each database and selection.
///
/// Never forgotten: the newest snapshot of a database and selection, the newest that a restore has proven, suspicious ones, those
/// with a time in the future, and those that cannot be read.
#[derive(Args)]
pub struct Prune {
    /// Keep the N newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_last: Option<u32>,
    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_hourly: Option<u32>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_daily: Option<u32>,
    /// Keep the newest of each of the last N weeks (Monday to Sunday) that have one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_weekly: Option<u32>,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_monthly: Option<u32>,
    /// Keep the newest of each of the last N years that have one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_yearly: Option<u32>,
    /// Keep all snapshots within this period before the newest: 30d, 2y5m7d3h
    #[arg(long, value_name = "DURATION")]
    pub keep_within: Option<Span>,
    /// Keep snapshots with this tag (may be repeated)
    #[arg(long = "keep-tag", value_name = "TAG")]
    pub keep_tags: Vec<Tag>,
    /// The time zone of the calendar: local, UTC, or a name such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "local")]
    pub time_zone: Zone,
    /// How long to keep unneeded objects for backups that are running; more than twice the longest backup
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub grace: Grace,
    /// Explain every decision, but change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Prune {
    fn rules(&self) -> Rules {
        Rules {
            last: self.keep_last.unwrap_or_default(),
            hourly: self.keep_hourly.unwrap_or_default(),
            daily: self.keep_daily.unwrap_or_default(),
            weekly: self.keep_weekly.unwrap_or_default(),
            monthly: self.keep_monthly.unwrap_or_default(),
            yearly: self.keep_yearly.unwrap_or_default(),
            within: self.keep_within,
            tags: self.keep_tags.clone(),
        }
    }
}

pub async fn run(common: &Common, args: &Prune, watch: &Watch) -> Result<Outcome, Error> {
    let options = Options {
        rules: args.rules(),
        scope: Scope::All,
        zone: args.time_zone,
        grace: args.grace,
        action: if args.dry_run { Action::DryRun } else { Action::Prune },
    };
    if options.rules.is_empty() {
        return Err(prune::no_rules());
    }
    let access = if args.dry_run { Access::Read } else { Access::Write };
    let repository = keys::open_with_either_key(common, access).await?;
    outcome(&prune::run(&repository, &options, watch).await?, args.time_zone)
}

/// The second half of `pgkeep run`, with the rules of its policy.
pub async fn after_backup(
    repository: &Repository,
    options: &Options,
    watch: &Watch,
) -> Result<(Report, Outcome), Error> {
    let report = prune::run(repository, options, watch).await?;
    let outcome = outcome(&report, options.zone)?;
    Ok((report, outcome))
}

/// What `pgkeep run` prints.
#[derive(Serialize)]
struct BackupAndPrune<'a> {
    #[serde(flatten)]
    backup: &'a backup::Report,
    /// The report of the prune, or its error.
    prune: serde_json::Value,
}

/// Tells both. The backup's snapshot is there whatever became of the prune, whose error is told after it and gives the exit code,
/// unless the backup has something worse to say.
pub fn join(
    backup: &backup::Report,
    backed_up: Outcome,
    pruned: Result<(Report, Outcome), Error>,
) -> Result<Outcome, Error> {
    let (prune, text, complaint, exit_code) = match pruned {
        Ok((report, outcome)) => (serde_json::json!(report), outcome.text, String::new(), outcome.exit_code),
        Err(error) => (report::json(&error), String::new(), report::text(&error), error.exit_code()),
    };
    let exit_code = if backed_up.exit_code != 0 { backed_up.exit_code } else { exit_code };
    let outcome = Outcome::new(&BackupAndPrune { backup, prune }, backed_up.text + &text)?;
    Ok(Outcome { complaint, exit_code, ..outcome })
}

fn outcome(report: &Report, zone: Zone) -> Result<Outcome, Error> {
    let outcome = Outcome::new(report, text(report, zone))?;
    Ok(Outcome { exit_code: if report.is_clean() { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
}

fn text(report: &Report, zone: Zone) -> String {
    let when = |time: DateTime<Utc>| moment::in_zone(time, zone);
    let mut text = String::new();
    if report.dry_run {
        text += &decisions(report, &when);
    } else {
        for gone in &report.forgotten {
            text += &format!("forgotten: {} of {}, {}\n", gone.snapshot.short(), gone.database, when(gone.time));
        }
    }
    let (forgot, kept, condemned, deleted) = match report.dry_run {
        true => ("would forget", "would keep", "would condemn", "would delete"),
        false => ("forgot", "kept", "condemned", "deleted"),
    };
    text += &format!("{forgot} {}, {kept} {}\n", count(report.forgotten.len() as u64, "snapshot"), report.kept.len());
    if report.objects_condemned > 0 {
        text += &format!(
            "{condemned} {} of {}; a run in {} h or later deletes them\n",
            count(report.objects_condemned, "object"),
            bytes(report.bytes_condemned),
            report.grace_hours,
        );
    }
    if report.objects_waiting > 0 {
        text += &format!(
            "waiting from earlier runs: {} of {}\n",
            count(report.objects_waiting, "object"),
            bytes(report.bytes_waiting)
        );
    }
    text += &format!(
        "{deleted} {} that an earlier run condemned; {} freed, {}\n",
        count(report.objects_deleted, "object"),
        bytes(report.bytes_freed),
        duration(std::time::Duration::from_millis(report.elapsed_ms)),
    );
    for refused in &report.refused {
        text += &format!("refused: {} cannot be deleted: {}\n", count(refused.objects, refused.kind), refused.detail);
    }
    report.unreadable.iter().for_each(|u| text += &format!("unreadable: {}: {}\n", u.snapshot.short(), u.detail));
    report.warnings.iter().for_each(|warning| text += &format!("warning: {warning}\n"));
    text
}

/// Every snapshot, what becomes of it, and why.
fn decisions(report: &Report, when: &impl Fn(DateTime<Utc>) -> String) -> String {
    let reasons = |kept: &prune::Kept| kept.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let database = |name: Option<&String>| name.cloned().unwrap_or_else(|| "?".into());
    let kept = report.kept.iter().map(|k| (k.time, &k.snapshot, database(k.database.as_ref()), "keep", reasons(k)));
    let no_rule = || "no rule keeps it".to_owned();
    let forgotten = report.forgotten.iter().map(|f| (f.time, &f.snapshot, f.database.clone(), "forget", no_rule()));
    let mut rows: Vec<_> = kept.chain(forgotten).collect();
    rows.sort();
    let cells =
        |(time, id, database, verdict, why): (DateTime<Utc>, &crate::repo::SnapshotId, String, &str, String)| {
            vec![id.short().to_owned(), when(time), database, verdict.to_owned(), why]
        };
    let rows: Vec<Vec<String>> = rows.into_iter().map(cells).collect();
    table(&["snapshot", "time", "database", "", "because"], &[], &rows) + "\n"
}
