//! `split --rehearse` on the command line.

use std::time::Duration;

use clap::Args;

use super::{Split, planned, run_options, usage};
use crate::cli::common::Common;
use crate::cli::display::{bytes, count, duration};
use crate::cli::outcome::{FOUND_SOMETHING_WRONG, Outcome};
use crate::cli::{keys, texts};
use crate::command::Error;
use crate::command::split::rehearse::{self, Ends, Origin, Rehearsal, Rehearsed};
use crate::command::watch::Watch;

/// So many findings of a list are shown; `--json` has all.
const LINES_MAX: usize = 20;

#[derive(Args)]
pub struct Rehearse {
    /// Run the split and its rollback on copies in temporary private servers; show how long writes would be refused
    #[arg(long, conflicts_with_all = ["plan", "picture"])]
    pub rehearse: bool,
    /// Rehearse on this backup (an id, the beginning of one, latest:DATABASE, or latest) instead of the live source; needs --repo and --restore-key.
    /// Without --from, pgkeep connects to neither database
    #[arg(long, value_name = "SNAPSHOT", requires = "rehearse")]
    pub snapshot: Option<String>,
}

pub(super) async fn run(common: &Common, args: &Split, watch: &Watch) -> Result<Outcome, Error> {
    let repository = match &args.rehearsal.snapshot {
        Some(_) => Some(keys::open_with_restore_key(common).await?),
        None => None,
    };
    let (origin, from) = match (&repository, &args.rehearsal.snapshot) {
        (Some(repository), Some(snapshot)) => {
            let ends = if args.from.is_some() { Ends::Asked } else { Ends::Unasked };
            // Nobody looks at it where it was not given.
            let from = args.from.as_ref().or(args.to.as_ref());
            (Origin::Backup { repository, snapshot: snapshot.clone(), ends }, from)
        }
        _ => (Origin::Live, args.from.as_ref()),
    };
    if args.to.is_none() {
        return Err(usage("--to is missing", "It names the new database, which is not changed."));
    }
    match rehearse::rehearse(&run_options(args, from)?, &origin, watch).await? {
        Rehearsal::Blocked(report) => planned(&report),
        Rehearsal::Ended(report) => {
            let outcome = Outcome::new(&report, text(&report))?;
            Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
        }
    }
}

fn time(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

fn text(report: &Rehearsed) -> String {
    let mut text = String::new();
    let rollback = report.rollback.as_ref();
    let mismatches = report.mismatches.iter().chain(rollback.iter().flat_map(|back| &back.mismatches));
    mismatches.for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    let definitions = report.definitions.iter().chain(rollback.iter().flat_map(|back| &back.definitions));
    text += &texts::definitions(definitions);
    rollback.iter().filter_map(|back| back.fenced).for_each(|fenced| text += &format!("differs: {fenced}\n"));
    text += &report.taken.as_ref().map(texts::suspicions).unwrap_or_default();
    text += &texts::left_out(&report.left_out);
    text += &texts::warnings(&report.run_warnings);
    for finding in report.warnings.iter().take(LINES_MAX) {
        text += &format!("plan: {}: {}\n", finding.name, finding.reason);
    }
    if report.warnings.len() > LINES_MAX {
        text += &format!("plan: and {} more: --json has all\n", report.warnings.len() - LINES_MAX);
    }
    text += &head(report);
    text += &times(report);
    text += &prediction(report);
    report.not_rehearsed.iter().for_each(|what| text += &format!("not rehearsed: {what}\n"));
    if !report.files.diff.is_empty() {
        text += &format!("a run would write this:\n{}", report.files.diff);
    }
    text + "nothing was changed in either database, and the copies are removed\n"
}

fn head(report: &Rehearsed) -> String {
    let versions: Vec<&str> = report.servers.iter().map(|server| server.server_version.as_str()).collect();
    let origin = match &report.snapshot {
        Some(snapshot) => {
            let of = report.taken.as_ref().map_or(snapshot.short().to_owned(), |taken| texts::of(snapshot, taken));
            format!("the snapshot {of} of {}", report.source)
        }
        None => report.source.clone(),
    };
    let proof = if report.proven { "proven" } else { "rows not compared (--no-proof)" };
    format!(
        "{} ({}, {}, {}) {} {origin} to {}, on a copy of {} in {}\n",
        report.schemas.join(", "),
        count(report.tables, "table"),
        count(report.rows, "row"),
        bytes(report.bytes),
        match (&report.rollback, report.ok) {
            (None, _) => "NOT moved (the copy differs from the original) from".to_owned(),
            (Some(_), true) => format!("moved there ({proof}) and back from"),
            (Some(back), false) if back.ok =>
                format!("moved there ({proof}) and back, but NOT there a second time, from"),
            (Some(_), false) => format!("moved there ({proof}), but NOT back as it was, from"),
        },
        report.target,
        count(report.copied_tables, "table"),
        match versions[..] {
            [version] => format!("a private PostgreSQL {version}"),
            _ => format!("private PostgreSQL {}", versions.join(" and ")),
        },
    )
}

fn times(report: &Rehearsed) -> String {
    let (phases, times) = (&report.phases, &report.times);
    let mut text = format!(
        "run {}: prepare {}, fence {}, definitions {}, rows {}, indexes and statistics {}, proof {}, switch {}\n",
        time(times.run_ms),
        time(phases.prepare_ms),
        time(phases.fence_ms),
        time(phases.definitions_ms),
        time(phases.data_ms),
        time(phases.post_data_ms),
        time(phases.proof_ms),
        time(phases.switch_ms),
    );
    if let Some(back) = &report.rollback {
        text += &format!(
            "rollback {}; neither side took writes for {} of it",
            time(times.rollback_ms),
            time(back.downtime_ms)
        );
        text += &match back.not_valid.len() as u64 {
            0 => "\n".to_owned(),
            n => format!("; {} came back NOT VALID\n", count(n, "foreign key")),
        };
    }
    text + &format!(
        "also: plan {}, servers {}, copy {}, comparing {}{}\n",
        time(times.plan_ms),
        time(times.servers_ms),
        time(times.copy_ms),
        time(times.check_ms),
        if times.again_ms > 0 { format!(", a second run {}", time(times.again_ms)) } else { String::new() },
    )
}

fn prediction(report: &Rehearsed) -> String {
    let Some(prediction) = &report.prediction else { return String::new() };
    let mut text = format!(
        "expect writes to be refused for {} to {} (here {}); in a rollback for {} to {}\n",
        time(prediction.downtime_low_ms),
        time(prediction.downtime_high_ms),
        prediction.measured_downtime_ms.iter().map(|ms| time(*ms)).collect::<Vec<_>>().join(" and "),
        time(prediction.rollback_low_ms),
        time(prediction.rollback_high_ms),
    );
    prediction.reasons.iter().for_each(|reason| text += &format!("  {reason}\n"));
    text
}
