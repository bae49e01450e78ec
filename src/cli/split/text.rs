//! The plan on a terminal: sections, each short.

use std::time::Duration;

use super::super::display::{bytes, count, duration, table};
use crate::command::split::plan::Report;
use crate::split::{Action, Crossing, CrossingKind, Direction, Finding};

/// So many lines a list has at most; the rest is counted, and `--json` has all.
const LINES_MAX: usize = 20;

pub fn plan(report: &Report) -> String {
    let mut text = heading(report);
    text += &moves(report);
    text += &estimate(report);
    text += &needs(report);
    text += &boundary(report);
    for (title, findings) in [("BLOCKERS", &report.blockers), ("warnings", &report.warnings), ("notes", &report.notes)]
    {
        text += &self::findings(title, findings);
    }
    if !report.files.diff.is_empty() {
        text += &format!("\na run would write this:\n{}", report.files.diff);
    }
    text += &match report.blockers.len() as u64 {
        0 => "\nnothing blocks the split; nothing was changed\n".to_owned(),
        n => format!(
            "\n{} the split; nothing was changed\n",
            if n == 1 { "1 blocker stops".into() } else { format!("{n} blockers stop") }
        ),
    };
    text
}

fn heading(report: &Report) -> String {
    let (source, target) = (&report.source, &report.target);
    let state = if target.exists == Some(true) { "exists" } else { "will be made" };
    let place = if target.same_cluster == Some(true) { "the same cluster" } else { "another cluster" };
    format!(
        "from  {} (PostgreSQL {})\nto    {} ({state}; {place}, PostgreSQL {})\n",
        source.database, source.server_version, target.database, target.server_version
    )
}

fn moves(report: &Report) -> String {
    let row = |schema: &crate::split::MovingSchema| {
        let more = [
            (schema.views + schema.materialized_views, "view"),
            (schema.functions, "function"),
            (schema.foreign_tables, "foreign table"),
        ];
        let more: Vec<String> = more.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| count(*n, noun)).collect();
        vec![
            schema.schema.clone(),
            schema.tables.to_string(),
            schema.rows_estimated.to_string() + if schema.tables_without_estimate > 0 { "+" } else { "" },
            bytes(schema.bytes),
            schema.indexes.to_string(),
            bytes(schema.index_bytes),
            schema.sequences.to_string(),
            more.join(", "),
        ]
    };
    let header = ["moves", "tables", "rows (estimate)", "size", "indexes", "size", "sequences", ""];
    let rows: Vec<Vec<String>> = report.moves.iter().map(row).collect();
    let mut text = format!("\n{}", table(&header, &[1, 2, 3, 4, 5, 6], &rows));
    let unknown: u64 = report.moves.iter().map(|schema| schema.tables_without_estimate).sum();
    if unknown > 0 {
        text += &format!("+ without {} never analyzed\n", count(unknown, "table"));
    }
    text
}

fn estimate(report: &Report) -> String {
    let estimate = &report.estimate;
    let time = |ms: u64| duration(Duration::from_millis(ms));
    match (estimate.bytes_per_second, estimate.low_ms, estimate.high_ms) {
        (Some(rate), Some(low), Some(high)) => format!(
            "\ntime  {} to {}: one session read {} of {} in {}, {}/s; loading rows and building indexes takes 2 to 6 times that\n",
            time(low),
            time(high),
            bytes(estimate.measured_bytes),
            estimate.measured.join(", "),
            time(estimate.measured_ms),
            bytes(rate),
        ),
        _ => "\ntime  too little data to measure\n".to_owned(),
    }
}

fn needs(report: &Report) -> String {
    if report.needs.is_empty() {
        return String::new();
    }
    let row = |need: &crate::split::Need| {
        let name = need.version.as_ref().map_or(need.name.clone(), |version| format!("{} {version}", need.name));
        let how = if need.why == crate::split::Why::NamedInText { "named in" } else { "needed by" };
        vec![need.kind.to_lowercase(), name, format!("{how} {}", need.needed_by)]
    };
    let rows: Vec<Vec<String>> = report.needs.iter().take(LINES_MAX).map(row).collect();
    format!("\n{}{}", table(&["copied", "", "because"], &[], &rows), more(report.needs.len()))
}

fn boundary(report: &Report) -> String {
    if report.boundary.is_empty() {
        return "\nnothing crosses the line\n".to_owned();
    }
    let row = |crossing: &Crossing| {
        let arrow = match crossing.direction {
            Direction::MovingNeedsStaying => "out",
            Direction::StayingNeedsMoving => "in",
        };
        let name = match crossing.kind {
            CrossingKind::ForeignKey => crossing.key.clone(),
            _ => crossing.name.clone(),
        };
        vec![
            crossing.kind.label().to_lowercase(),
            name,
            arrow.to_owned(),
            crossing.to.clone(),
            crossing.orphans.map_or(String::new(), |rows| rows.to_string()),
            action(crossing).to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = report.boundary.iter().take(LINES_MAX).map(row).collect();
    let header = ["crosses", "", "", "needs", "rows", "will"];
    format!("\n{}{}", table(&header, &[4], &rows), more(report.boundary.len()))
}

fn action(crossing: &Crossing) -> &'static str {
    match crossing.action {
        Action::Refuse => "stop the split",
        Action::Drop if crossing.kind == CrossingKind::ForeignKey => "be dropped",
        Action::Drop if crossing.kind == CrossingKind::Publication => "publish no change",
        Action::Drop => "stay and see old rows",
        Action::Loose => "become a delete log",
        Action::Bridge => "go through a foreign table",
        Action::LeaveBehind => "stay behind",
        Action::Keep => "keep its own copy",
        Action::Review => "need a look",
    }
}

fn more(all: usize) -> String {
    match all.saturating_sub(LINES_MAX) {
        0 => String::new(),
        rest => format!("and {rest} more: --json has all\n"),
    }
}

fn findings(title: &str, findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for Finding { name, reason, action, .. } in findings.iter().take(LINES_MAX) {
        text += &format!("  {name}\n    {reason}\n    -> {action}\n");
    }
    text + &more(findings.len())
}
