//! `pgkeep drill` on the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::common::{Common, Programs};
use super::display::{count, duration};
use super::outcome::{FOUND_SOMETHING_WRONG, Outcome};
use super::search_path::SearchPathFix;
use super::{keys, texts};
use crate::command::Error;
use crate::command::drill::{self, Report, Room};
use crate::command::restore::{SearchPath, ThroughRoot};
use crate::command::watch::Watch;
use crate::opening;
use crate::schema::statements::{Statement, statements};

#[derive(Args)]
pub struct Drill {
    /// A snapshot's id, the beginning of one, `latest:DATABASE`, or `latest` if the repository has only one database
    #[arg(value_name = "SNAPSHOT", default_value = "latest")]
    pub snapshot: String,
    /// A file of SQL statements that must each return true in the restored database (may be repeated)
    #[arg(long = "assert", value_name = "FILE.sql")]
    pub assertions: Vec<PathBuf>,
    /// How many sessions load rows and build indexes at the same time
    #[arg(long, short = 'j', value_name = "JOBS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Load rows of partitions through the partitioned table, which puts each row into the right partition
    #[arg(long)]
    pub load_via_partition_root: bool,
    #[command(flatten)]
    pub search_path: SearchPathFix,
    /// Try it even if the temporary folder seems to have too little space for the restored database
    #[arg(long)]
    pub no_room_check: bool,
    #[command(flatten)]
    pub programs: Programs,
}

pub(super) async fn run(common: &Common, args: &Drill, watch: &Watch) -> Result<Outcome, Error> {
    let read = args.assertions.iter().map(|path| read_assertions(path)).collect::<Result<Vec<_>, _>>()?;
    let repository = keys::open_with_restore_key(common).await?;
    let options = drill::Options {
        snapshot: args.snapshot.clone(),
        assertions: read.into_iter().flatten().collect(),
        jobs: usize::from(args.jobs),
        through_root: if args.load_via_partition_root { ThroughRoot::All } else { ThroughRoot::WhereNeeded },
        search_path: args.search_path.path().unwrap_or(SearchPath::Fix),
        pg_bin: args.programs.pg_bin.clone(),
        room: if args.no_room_check { Room::Trust } else { Room::Check },
    };
    let report = drill::run(&repository, &options, watch).await?;
    let outcome = Outcome::new(&report, text(&report))?;
    Ok(Outcome { exit_code: if report.ok { 0 } else { FOUND_SOMETHING_WRONG }, ..outcome })
}

/// A file without a statement would make every drill pass.
fn read_assertions(path: &Path) -> Result<Vec<Statement>, Error> {
    let usage = |what: String, hint: &str| Error::Usage { what, hint: Some(hint.into()) };
    let text = opening::read_to_string(path).map_err(|error| {
        usage(format!("cannot read the assertions {}: {error}", path.display()), "It must be an SQL file in UTF-8.")
    })?;
    let statements = statements(&text);
    if statements.is_empty() {
        let hint =
            "Write statements that return true, each with a semicolon at the end: SELECT count(*) > 0 FROM orders;";
        return Err(usage(format!("{} contains no statement", path.display()), hint));
    }
    Ok(statements)
}

fn text(report: &Report) -> String {
    let time = |ms| duration(Duration::from_millis(ms));
    let mut text = String::new();
    report.mismatches.iter().for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    for assertion in &report.assertions {
        match &assertion.detail {
            None => text += &format!("true: {}\n", assertion.name),
            Some(detail) => text += &format!("NOT TRUE: {}: {detail}\n", assertion.name),
        }
    }
    text += &texts::left_out(&report.left_out);
    report.warnings.iter().for_each(|warning| text += &format!("warning: {warning}\n"));
    let failed = report.assertions.iter().filter(|assertion| !assertion.ok).count() as u64;
    text += &format!(
        "drill of {}, {}, {}, on a private PostgreSQL {}: {}{}\n",
        texts::of(&report.snapshot, &report.taken),
        count(report.tables, "table"),
        count(report.rows, "row"),
        report.server_version,
        if report.proven { "restored and proven" } else { "restored, but NOT equal to the snapshot" },
        match (report.assertions.len() as u64, failed) {
            (0, _) => String::new(),
            (all, 0) => format!(", {} true", count(all, "assertion")),
            (all, failed) => format!(", {failed} of {} NOT true", count(all, "assertion")),
        },
    );
    let phases = &report.phases;
    text += &format!(
        "time to recover {} (server {}, definitions {}, rows {}, indexes and statistics {}); then proof {}, assertions {}; data was {} old\n",
        time(report.rto_ms),
        time(phases.server_ms),
        time(phases.restore.pre_data_ms),
        time(phases.restore.data_ms),
        time(phases.restore.post_data_ms),
        time(phases.restore.proof_ms),
        time(phases.assertions_ms),
        time(report.data_age_ms),
    );
    text += &texts::suspicions(&report.taken);
    if let Some(receipt) = &report.receipt {
        text += &format!("receipt {receipt}; everything else was removed\n");
    }
    text
}
