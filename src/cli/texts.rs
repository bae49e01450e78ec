//! What each verb says, without `--json`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::display::{bytes, count, duration, table};
use super::policy::Outline;
use super::{moment, visible};
use crate::command::ahead;
use crate::command::backup::measure::NONE_IS_GOOD;
use crate::command::finding::Finding;
use crate::command::restore::MadeRole;
use crate::command::some::some_of;
use crate::command::taken::Taken;
use crate::command::whole_rows::TakenAlong;
use crate::command::{backup, list, restore, verify};
use crate::repo::SnapshotId;
use crate::repo::manifest::Request;
use crate::schema::compare::{EntryDifference, EntryMismatch};

pub fn backup(report: &backup::Report) -> String {
    let mut text = format!(
        "snapshot {} of {}, {}: {}, {}, {} read, {} stored in {} ({} reused), {}\n",
        report.snapshot.short(),
        report.database,
        moment::local(report.time),
        count(report.tables, "table"),
        count(report.rows, "row"),
        bytes(report.bytes_read),
        bytes(report.bytes_stored),
        count(report.objects_new, "new object"),
        report.objects_reused,
        duration(Duration::from_millis(report.elapsed_ms)),
    );
    text += &left_out(&report.left_out);
    text += &taken_along(&report.taken_along);
    text += &suspicion_text(&report.suspicious, &report.accepted);
    if !report.suspicious.is_empty() {
        text += "The snapshot is kept, but does not count as a good one. Check the source and `pgkeep show`; \
                 if the data is right, take it again with --accept-shrink (also an option of `pgkeep run`).\n";
    }
    // The warning says it, and why.
    let is_said = report.warnings.iter().any(|warning| warning.starts_with(NONE_IS_GOOD));
    if report.measured_by.is_none() && !is_said {
        text += "not compared: there is no earlier good snapshot of this database and selection
";
    }
    text + &warnings(&report.warnings)
}

/// The snapshot, and of what it is: `1a2b3c4d (shop, 2026-11-22 03:15:00 CET)`.
pub fn of(snapshot: &SnapshotId, taken: &Taken) -> String {
    let part = if taken.whole_database { "" } else { ", a part of it" };
    format!("{} ({}, {}{part})", snapshot.short(), taken.snapshot_database, moment::local(taken.snapshot_time))
}

/// That the snapshot which was used is one to look at.
pub fn suspicions(taken: &Taken) -> String {
    taken.suspicious.iter().map(|reason| format!("SUSPICIOUS: its backup marked the snapshot: {reason}\n")).collect()
}

pub fn warnings(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("warning: {warning}\n")).collect()
}

fn suspicion_text(suspicious: &[String], accepted: &[String]) -> String {
    let suspicious = suspicious.iter().map(|reason| format!("SUSPICIOUS: {reason}\n"));
    suspicious.chain(accepted.iter().map(|reason| format!("accepted: {reason}\n"))).collect()
}

/// Entries in which two databases differ, with the lines that only one of them has: - the source's, + the target's.
pub fn definitions<'a>(mismatches: impl IntoIterator<Item = &'a EntryMismatch>) -> String {
    let mut text = String::new();
    for mismatch in mismatches {
        text += &match mismatch.what {
            EntryDifference::Different => format!("differs: {}\n", visible::line(&mismatch.entry)),
            what => format!("differs: {} {what}\n", visible::line(&mismatch.entry)),
        };
        mismatch.source_lines.iter().for_each(|line| text += &format!("  - {}\n", visible::line(line)));
        mismatch.target_lines.iter().for_each(|line| text += &format!("  + {}\n", visible::line(line)));
    }
    text
}

pub fn left_out(left_out: &[crate::repo::manifest::LeftOut]) -> String {
    left_out.iter().map(|l| format!("left out: {}: {}\n", l.entry, l.reason)).collect()
}

/// Of each relation that was asked for, the tables elsewhere that hold rows of it.
fn taken_along(along: &[TakenAlong]) -> String {
    let line = |along: &TakenAlong| {
        let tables = some_of(&along.tables, 10).unwrap_or_default();
        format!("also taken: {tables}: rows of {}\n", along.relation)
    };
    along.iter().map(line).collect()
}

pub fn list(entries: &[list::Entry]) -> String {
    let whole: Vec<&list::Line> = entries
        .iter()
        .filter_map(|entry| match entry {
            list::Entry::Whole(line) => Some(&**line),
            list::Entry::Damaged(_) => None,
        })
        .collect();
    // Most repositories have none, and the line is long.
    let tags: Option<&str> = whole.iter().any(|line| !line.tags.is_empty()).then_some("tags");
    let selections: Option<&str> = whole.iter().any(|line| !line.whole_database).then_some("selection");
    let row = |line: &list::Line| {
        let mut cells = vec![
            line.snapshot.short().to_owned(),
            moment::local(line.time),
            line.database.clone(),
            if line.schemas.len() <= 3 { line.schemas.join(",") } else { count(line.schemas.len() as u64, "schema") },
            line.tables.to_string(),
            line.rows.to_string(),
            bytes(line.bytes_read),
            bytes(line.bytes_stored),
            line.proven_at.map_or("-".into(), moment::day),
        ];
        cells.extend(selections.map(|_| selection(&line.selection, PATTERNS_IN_LIST)));
        cells.extend(tags.map(|_| line.tags.join(",")));
        cells
    };
    let row = |entry: &list::Entry| match entry {
        list::Entry::Whole(line) => row(line),
        list::Entry::Damaged(line) => {
            let mut cells = vec![line.snapshot.short().to_owned(), moment::local(line.time), "DAMAGED".into()];
            cells.resize(9 + selections.iter().chain(&tags).count(), "-".into());
            cells
        }
    };
    if entries.is_empty() {
        return "no snapshots yet\n".into();
    }
    let header = ["snapshot", "time", "database", "schemas", "tables", "rows", "read", "added", "proven"];
    let header: Vec<&str> = header.into_iter().chain(selections).chain(tags).collect();
    let mut text = table(&header, &[4, 5, 6, 7], &entries.iter().map(row).collect::<Vec<_>>());
    for entry in entries {
        if let list::Entry::Damaged(line) = entry {
            text += &format!("DAMAGED: {}: {}\n", line.snapshot.short(), line.damaged);
        }
    }
    text.extend(hints(entries).into_iter().map(|hint| format!("  hint: {hint}\n")));
    text += &read_text(&whole);
    let ahead = whole.iter().filter(|line| line.ahead).map(|line| (&line.snapshot, line.time));
    text += &warnings(ahead::told(ahead).as_slice());
    for line in whole {
        let reasons = line.suspicious.iter().map(|reason| format!("SUSPICIOUS: {}: {reason}\n", line.snapshot.short()));
        text.extend(reasons);
        text += &hurt_text(&format!("HURT: {}: ", line.snapshot.short()), line);
    }
    text
}

/// Each once, however many snapshots it is for.
fn hints(entries: &[list::Entry]) -> BTreeSet<&str> {
    let damaged = entries.iter().filter_map(|entry| match entry {
        list::Entry::Damaged(line) => Some(line),
        list::Entry::Whole(_) => None,
    });
    damaged.filter_map(|line| line.hint.as_deref()).collect()
}

pub const ROWS_WITHOUT_SNAPSHOTS: &str = "warning: the repository holds rows but no snapshot: either no backup has finished yet, or this is half of a \
    copy, without snapshots/\n";

/// So many patterns of a switch the list shows.
const PATTERNS_IN_LIST: usize = 3;

/// What a snapshot was asked to hold, as it is typed: `-n core,metadata -T core.log`.
fn selection(request: &Request, patterns_max: usize) -> String {
    let switches = [
        ("-n", &request.schemas),
        ("-t", &request.tables),
        ("-N", &request.exclude_schemas),
        ("-T", &request.exclude_tables),
    ];
    let asked = switches.iter().filter(|(_, patterns)| !patterns.is_empty());
    let asked: Vec<String> = asked
        .map(|(switch, patterns)| match patterns.len() {
            n if n > patterns_max => format!("{switch} {}", count(n as u64, "pattern")),
            _ => format!("{switch} {}", patterns.join(",")),
        })
        .collect();
    if asked.is_empty() { "all".into() } else { asked.join(" ") }
}

/// What a check has found damaged, and none has found healed.
fn hurt_text(begin: &str, line: &list::Line) -> String {
    let tables: Vec<String> = line.hurt.iter().cloned().collect();
    let told =
        some_of(&tables, 10).map(|tables| format!("{begin}a check found damaged rows in {}\n", visible::line(&tables)));
    told.unwrap_or_default()
}

/// How long ago all of it was read at the latest, if it ever was.
fn read_text(lines: &[&list::Line]) -> String {
    let read: Vec<u64> = lines.iter().filter_map(|line| line.read_within_days).collect();
    let unknown = lines.iter().filter(|line| line.too_new).count();
    match (read.len(), read.iter().max()) {
        (0, None) if unknown > 0 && unknown == lines.len() => {
            "too new to tell whether every byte was read: the last check began less than a minute after it was stored\n"
                .into()
        }
        (_, None) => "not every byte was read yet: pgkeep verify --budget 10m, or --read-data\n".into(),
        (n, Some(days)) if n == lines.len() => format!("every byte was read within {}\n", count(*days, "day")),
        (n, Some(days)) => {
            format!("every byte of {n} of {} snapshots was read within {}\n", lines.len(), count(*days, "day"))
        }
    }
}

pub fn show(details: &list::Details) -> String {
    let line = &details.line;
    let mut text = format!(
        "snapshot  {}\ntime      {}\ndatabase  {} (PostgreSQL {})\nholds     {}, {}, {} rows of {}, {}, {}\nadded     {}\nroles     {}\n",
        line.snapshot,
        moment::local(line.time),
        line.database,
        line.server_version,
        if line.whole_database {
            "the whole database".to_owned()
        } else {
            format!("a selection ({})", selection(&line.selection, usize::MAX))
        },
        count(line.tables, "table"),
        line.rows,
        bytes(line.bytes_read),
        count(details.sequences as u64, "sequence"),
        count(details.large_objects as u64, "large object"),
        bytes(line.bytes_stored),
        details.roles.join(", "),
    );
    text += &suspicion_text(&line.suspicious, &line.accepted);
    text += &hurt_text("HURT      ", line);
    if !line.tags.is_empty() {
        text += &format!("tags      {}\n", line.tags.join(", "));
    }
    text += &left_out(&details.left_out);
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
    text + &warnings(&details.warnings)
}

/// `pgkeep restore`.
pub fn restore(report: &restore::Report) -> String {
    let mut text = format!(
        "restored {} into {}: {}, {}, {}",
        of(&report.snapshot, &report.taken),
        report.database,
        count(report.tables, "table"),
        count(report.rows, "row"),
        duration(Duration::from_millis(report.elapsed_ms)),
    );
    text += match (report.proven, report.mismatches.is_empty()) {
        (true, _) => "; proven: the rows of every table equal the snapshot\n",
        (false, true) => "; not proven (--no-proof)\n",
        (false, false) => "; NOT equal to the snapshot:\n",
    };
    report.mismatches.iter().for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    text += &suspicions(&report.taken);
    if !report.hurt.is_empty() {
        text += &format!("HURT: checks found damage in the snapshot's {}\n", report.hurt.join(", "));
    }
    text += &left_out(&report.left_out);
    text += &taken_along(&report.taken_along);
    text += &roles_made(&report.roles_made);
    text += &warnings(&report.warnings);
    text
}

/// Roles that a run has made, and how each that can log in comes to a password.
pub fn roles_made(made: &[MadeRole]) -> String {
    made.iter().map(|made| format!("{made}\n")).collect()
}

pub fn verify(report: &verify::Report) -> String {
    let mut text: String = report.findings.iter().map(finding_text).collect();
    text += &format!(
        "checked {} of {} in {}: {}\n",
        count(report.objects_checked, "object"),
        bytes(report.bytes_checked),
        match &report.taken {
            Some(taken) => {
                format!("the snapshot of {}, {}", taken.snapshot_database, moment::local(taken.snapshot_time))
            }
            None => count(report.snapshots_checked, "snapshot"),
        },
        if report.ok { "no problems found".to_owned() } else { count(report.findings.len() as u64, "finding") },
    );
    if report.depth != "listing" {
        let (objects, size) = (count(report.objects_read, "object"), bytes(report.bytes_read));
        text += &format!("read {objects} of {size} now, as deep as this key sees: {}\n", report.depth);
    }
    if let Some(coverage) = &report.coverage {
        text += &match coverage.within_days {
            Some(days) => format!("every byte was read within {}\n", count(days, "day")),
            None => format!("{} were not read yet; run it again\n", bytes(coverage.bytes_never_read)),
        };
    }
    text += &report.taken.as_ref().map(suspicions).unwrap_or_default();
    report.warnings.iter().for_each(|warning| text += &format!("warning: {warning}\n"));
    if let (true, Some(snapshot)) = (report.ok, &report.compared) {
        text += &format!("the database equals the snapshot {}\n", snapshot.short());
    }
    if let Some(unreferenced) = report.objects_unreferenced.filter(|n| *n > 0) {
        text += &format!("{} that no snapshot refers to\n", count(unreferenced, "object"));
    }
    text
}

/// `missing: data/ab/ab12...: the object is missing`, and below it the tables and snapshots that it hurts.
fn finding_text(finding: &Finding) -> String {
    let mut text = format!("{}: ", finding.kind.noun());
    let subject = finding.object.clone().or_else(|| finding.tables.first().cloned());
    text += &subject.map(|subject| subject + ": ").unwrap_or_default();
    text += &finding.detail;
    text.push('\n');
    let some = |names: Vec<&str>| match names.len() {
        0..=10 => names.join(", "),
        more => format!("{} and {} more", names[..10].join(", "), more - 10),
    };
    if finding.object.is_some() && !finding.tables.is_empty() {
        text += &format!("  tables: {}\n", some(finding.tables.iter().map(String::as_str).collect()));
    }
    if !finding.snapshots.is_empty() {
        text += &format!("  snapshots: {}\n", some(finding.snapshots.iter().map(|id| id.short()).collect()));
    }
    text
}

/// `pgkeep run --check`.
pub fn outline(outline: &Outline) -> String {
    let asked = [
        ("schemas ", &outline.schemas),
        ("tables ", &outline.tables),
        ("without schemas ", &outline.exclude_schemas),
        ("without tables ", &outline.exclude_tables),
    ];
    let asked = asked.iter().filter(|(_, patterns)| !patterns.is_empty());
    let asked: Vec<String> = asked.map(|(what, patterns)| what.to_string() + &patterns.join(", ")).collect();
    let lock_wait = match outline.lock_wait_timeout {
        0 => "forever".to_owned(),
        seconds => format!("{seconds} s"),
    };
    let tags = match outline.tags.as_slice() {
        [] => String::new(),
        tags => format!("tags        {}\n", tags.join(", ")),
    };
    let retention = outline.retention.as_ref().map_or(String::new(), |retention| {
        format!(
            "then keeps  {} (calendar {}), deletes after {} h\n",
            retention.keep, retention.time_zone, retention.grace_hours
        )
    });
    let mut problems = String::new();
    for problem in &outline.problems {
        problems += &format!("PROBLEM: {}\n", problem.what);
        problems += &problem.hint.as_ref().map_or(String::new(), |hint| format!("  hint: {hint}\n"));
    }
    let pg_dump =
        outline.pg_bin.as_ref().map_or("a suitable one on this machine".to_owned(), |p| p.display().to_string());
    format!(
        "policy      {} {}; no connection was made\n\
         database    {} on {} as {}\n\
         password    from {}\n\
         holds       {}\n\
         repository  {}\n\
         writer key  {}\n\
         reading     {}, zstd level {}, waits for locks {lock_wait}\n\
         roles       {} password hashes\n\
         {}pg_dump     {pg_dump}\n{tags}{retention}{problems}",
        outline.policy.display(),
        match outline.problems.len() as u64 {
            0 => "is valid".to_owned(),
            n => format!("is valid, but cannot be run: {}", count(n, "problem")),
        },
        outline.database,
        outline.servers.join(", "),
        outline.user,
        outline.password.as_deref().unwrap_or("where libpq looks"),
        if asked.is_empty() { "the whole database".to_owned() } else { asked.join("; ") },
        outline.repository,
        outline.writer_key.display(),
        count(u64::from(outline.jobs), "job"),
        outline.level,
        if outline.role_passwords { "with" } else { "without" },
        if outline.accept_shrink { "shrinking   accepted\n" } else { "" },
    )
}
