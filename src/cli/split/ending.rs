//! What `split` and its verbs say when they have done something.

use std::time::Duration;

use crate::cli::display::{bytes, count, duration};
use crate::cli::texts;
use crate::command::split::{Finished, Report, RolledBack, Status};

pub fn run(report: &Report) -> String {
    let time = |ms| duration(Duration::from_millis(ms));
    let mut text = String::new();
    report.mismatches.iter().for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    text += &texts::definitions(&report.definitions);
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
    if !report.bridged.is_empty() {
        text += &format!("foreign tables took the old place of {}\n", report.bridged.join(", "));
    }
    text += &format!("writes were refused for {}; the old tables refuse them from now on\n", time(report.downtime_ms));
    if !report.loose.is_empty() {
        text += &format!(
            "loose keys, which nothing follows but `pgkeep split reap`, again and again: {}\n",
            report.loose.join(", ")
        );
    }
    text + "`pgkeep split rollback` goes back, as long as nothing was written in the new database\n"
}

pub fn status(status: &Status) -> String {
    let mut text = format!("{} from {}: {}\n", status.schemas.join(", "), status.source, status.phase);
    for step in &status.history {
        text += &format!("  {}  {}\n", step.time.format("%Y-%m-%d %H:%M:%S UTC"), step.phase);
    }
    if !status.bridged.is_empty() {
        text += &format!("foreign tables in the old place of {}\n", status.bridged.join(", "));
    }
    for waits in &status.loose {
        text += &match (waits.entries, waits.oldest_seconds) {
            (None, _) => format!("loose key {}: its log is in the old database (--from)\n", waits.key),
            (Some(entries), Some(seconds)) => {
                let (entries, age) = (count(entries, "gone key"), duration(Duration::from_secs(seconds)));
                format!("loose key {}: {entries} for `split reap`, the oldest {age} old\n", waits.key)
            }
            (Some(_), None) => format!("loose key {}: nothing waits\n", waits.key),
        };
    }
    if !status.next.is_empty() {
        text += &format!("next: {}\n", status.next.join(", "));
    }
    text
}

pub fn rollback(back: &RolledBack) -> String {
    let mut text: String =
        back.discarded.iter().map(|mismatch| format!("left in the new database: {mismatch}\n")).collect();
    back.keys_missing.iter().for_each(|key| text += &format!("rows are against it, so it was not made again: {key}\n"));
    for key in &back.keys_unchecked {
        text += &format!("came back NOT VALID (ALTER TABLE ... VALIDATE CONSTRAINT checks its rows): {key}\n");
    }
    text += &format!("{} take writes in the old database again", back.schemas.join(", "));
    text += match back.dropped {
        true => "; the new database is gone\n",
        false => "; the new one is kept, and refuses writes\n",
    };
    text
}

pub fn finish(finished: &Finished) -> String {
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
