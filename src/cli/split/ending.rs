//! What `split` and its verbs say when they have done something.

use std::time::Duration;

use crate::cli::display::{bytes, count, duration};
use crate::cli::{moment, texts};
use crate::command::split::state::Phase;
use crate::command::split::{
    AS_IT_SHOULD_BE, Connected, Finished, NOT_LOOKED_AT, NotReplayed, Report, RolledBack, Status, Writers,
};

pub fn run(report: &Report) -> String {
    let time = |ms| duration(Duration::from_millis(ms));
    let mut text = String::new();
    report.mismatches.iter().for_each(|mismatch| text += &format!("differs: {mismatch}\n"));
    text += &texts::definitions(&report.definitions);
    text += &texts::left_out(&report.left_out);
    text += &texts::roles_made(&report.roles_made);
    text += &texts::warnings(&report.warnings);
    text += &changed(&report.changed_since);
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
                "{what} NOT moved: the copy differs from the original. The source takes writes again, after {}\n",
                time(report.downtime_ms)
            );
    }
    let proof = if report.proven { "proven" } else { "rows not compared (--no-proof)" };
    text += &format!("{what} moved from {} to {}: {proof}\n", report.source, report.target);
    report.rewritten.iter().for_each(|edit| {
        text += &format!("{}:{}: {} -> {}\n", edit.file.display(), edit.line, edit.before, edit.after);
    });
    if !report.bridged.is_empty() {
        text += &format!("foreign tables in the old database replaced {}\n", report.bridged.join(", "));
    }
    if !report.given_up.is_empty() {
        text += &format!(
            "foreign keys across the line were given up, and nothing enforces them; a rollback recreates them: {}\n",
            report.given_up.join(", ")
        );
    }
    text += &format!("writes were refused for {}; the old tables refuse them from now on\n", time(report.downtime_ms));
    if !report.loose.is_empty() {
        text += &format!(
            "loose keys, which only regular runs of `pgkeep split reap` maintain: {}\n",
            report.loose.join(", ")
        );
    }
    text += "`pgkeep split rollback` goes back, as long as nothing was written in the new database\n";
    text + &what_follows(report)
}

/// Each a line: nobody carries it over.
fn changed(objects: &[String]) -> String {
    let line = |object: &String| {
        format!(
            "warning: created or changed in the old database since it was sealed, but not in the new one: {object}\n"
        )
    };
    objects.iter().map(line).collect()
}

/// What must follow, and nobody but the operator can do.
fn what_follows(report: &Report) -> String {
    let mut text = connected(&report.sessions_old);
    let who = |field, who: &[String]| match who {
        _ if report.unread.contains(&field) => "unknown".to_owned(),
        [] => "nobody".to_owned(),
        who => who.join(", "),
    };
    text += &format!(
        "who may connect (superusers and owners aside): to the old database {}, to the new one {}\n",
        who("may_connect_old", &report.may_connect_old),
        who("may_connect_new", &report.may_connect_new)
    );
    text + &format!(
        "the new database has no backup yet. Now: pgkeep backup --repo URL --writer-key FILE -d '{}'; and every night, with its own policy:\n  [source]\n  dsn = \"{}\"\n  [repository]\n  url = \"URL\"\n  writer_key = \"FILE\"\n",
        report.target_dsn.replace('\'', "'\\''"),
        report.target_dsn.replace('\\', "\\\\").replace('"', "\\\""),
    )
}

fn connected(sessions: &[Connected]) -> String {
    if sessions.is_empty() {
        return String::new();
    }
    let lines: String = sessions.iter().map(|session| format!("  {session}\n")).collect();
    format!("sessions in the old database, which still read old rows of the moved schemas:\n{lines}")
}

pub fn status(status: &Status) -> String {
    let mut text = format!("{} from {}: {}\n", status.schemas.join(", "), status.source, status.phase);
    for step in &status.history {
        text += &format!("  {}  {}\n", moment::local(step.time), step.phase);
    }
    if status.record != "checked" {
        text += &format!("the record is {}\n", status.record);
    }
    text += &format!("{}\n", takes_writes(status));
    text += &sent(status);
    for who in &status.locked_by {
        text += &format!(
            "the advisory lock of a split is held by somebody who is none, and the next command is refused until then: {who}\n"
        );
    }
    status.lost.iter().for_each(|lost| text += &format!("LOST IN THE NEW DATABASE: {lost}\n"));
    status.renamed.iter().for_each(|renamed| text += &format!("{renamed}\n"));
    text += &changed(&status.changed_since);
    status.moved.iter().for_each(|moved| text += &format!("it looks like a copy: {moved}\n"));
    for (end, fence) in [("source", &status.fence.source), ("target", &status.fence.target)] {
        if fence != AS_IT_SHOULD_BE {
            text += &format!("the {end}'s fence: {fence}\n");
        }
    }
    if !status.bridged.is_empty() {
        text += &format!("foreign tables in the old database instead of {}\n", status.bridged.join(", "));
    }
    for waits in &status.loose {
        text += &match (waits.entries, waits.oldest_seconds) {
            (None, _) => format!("loose key {}: its log is in the old database (--from)\n", waits.key),
            (Some(entries), Some(seconds)) => {
                let (entries, age) = (count(entries, "gone key"), duration(Duration::from_secs(seconds)));
                format!("loose key {}: {entries} for `split reap`, the oldest {age} old\n", waits.key)
            }
            (Some(_), None) => format!("loose key {}: nothing to do\n", waits.key),
        };
        if let Some(why) = &waits.unwatched {
            text += &format!("  NOT ALL DELETIONS ARE LOGGED OR APPLIED ANY MORE: {why}\n");
        }
    }
    if matches!(status.phase, Phase::Sealed | Phase::Switched | Phase::Quarantined) {
        text += &connected(&status.sessions_old);
    }
    text + &next(status)
}

/// Who was sent to the new database before the split is switched.
fn sent(status: &Status) -> String {
    let files = status.rewritten.iter().map(|file| format!("{} names the new database already\n", file.display()));
    let hook = status.hook_started.map(|at| {
        let end = if status.under_way { "has not ended yet" } else { "nobody saw its end: it may still run" };
        format!("the hook was started at {}, and {end}\n", moment::local(at))
    });
    files.chain(hook).collect()
}

/// Who takes writes of what moves.
fn takes_writes(status: &Status) -> String {
    let was_nobody_sent =
        status.phase < Phase::Switched && status.rewritten.is_empty() && status.hook_started.is_none();
    let said = match status.takes_writes {
        Writers::Old => "the old database takes writes",
        Writers::New if was_nobody_sent => {
            "the new database takes writes, and the old one refuses them; nobody was sent to the new one yet"
        }
        Writers::New if status.phase <= Phase::Switched => {
            "the new database takes writes, and the old one refuses them"
        }
        Writers::New => "the new database takes writes",
        Writers::Neither if status.phase < Phase::Sealed => {
            "neither database takes writes: the old one refuses them, and the applications do not use the new one yet"
        }
        Writers::Neither => "neither database takes writes: both refuse them",
        Writers::Both => "BOTH databases take writes: a fence is missing",
        Writers::Unknown => return "it is unknown which database takes writes: --from DSN checks the old one".into(),
    };
    // Of what was put aside there is nothing to look at.
    let is_told = status.fence.source == NOT_LOOKED_AT && !matches!(status.phase, Phase::Quarantined | Phase::Finished);
    format!("{said}{}", if is_told { " (from the record; --from DSN checks the old database)" } else { "" })
}

/// What can be done, and what comes of it.
fn next(status: &Status) -> String {
    let is_open = status.takes_writes == Writers::Old && status.phase < Phase::Sealed;
    let line = |verb: &&'static str| {
        match (*verb, status.phase) {
        ("split", Phase::Sealed) => {
            "`pgkeep split` with the same arguments, which continues: it writes the files, and runs the hook, once more".to_owned()
        }
        ("rollback", Phase::Sealed) => {
            "`pgkeep split rollback`, which puts the files back and lets the old database take writes again; --discard goes back without what was written in the new one".to_owned()
        }
        ("split", _) if is_open => "`pgkeep split` with the same arguments, which starts again".to_owned(),
        ("split", _) => "`pgkeep split` with the same arguments, which continues".to_owned(),
        ("rollback", _) if is_open => "`pgkeep split rollback`, which removes what was created".to_owned(),
        ("rollback", _) => "`pgkeep split rollback`, which lets the old database take writes again".to_owned(),
        ("finish", Phase::Quarantined) => {
            "`pgkeep split finish --yes-drop NAME`, which drops the old schemas, after a newer snapshot of them is proven".to_owned()
        }
        ("finish", _) => "`pgkeep split finish`, which puts the old schemas aside; then no rollback is possible".to_owned(),
        (verb, _) => verb.to_owned(),
    }
    };
    let lines: Vec<String> = status.next.iter().map(line).collect();
    let nothing = match status.phase {
        _ if status.under_way => "a command of the split is running: wait for it",
        Phase::Finished => return String::new(),
        _ if !status.moved.is_empty() => {
            "name the original; if this is it, but was moved, restored or promoted, confirm it once with --moved"
        }
        Phase::Switched if !status.lost.is_empty() => {
            "`pgkeep split rollback --discard`, which lets the old database take writes again, and leaves the new one as it is; or `pgkeep split finish --discard`, which gives up the rollback, and what is lost"
        }
        Phase::Quarantined if !status.lost.is_empty() => {
            "`pgkeep split finish --discard --yes-drop NAME`, which drops the old schemas although the new database has lost what is named here"
        }
        Phase::RolledBack => {
            "nothing; the new database is kept. To split again, drop it when nobody needs its data, or name another one"
        }
        _ => "run it on the host and with the account that started the split, or with its --state",
    };
    format!("next: {}\n", if lines.is_empty() { nothing.to_owned() } else { lines.join("; or ") })
}

pub fn rollback(back: &RolledBack) -> String {
    let gone = if back.dropped || back.emptied { "dropped with the copy" } else { "left in the new database" };
    let mut text: String = back.discarded.iter().map(|mismatch| format!("{gone}: {mismatch}\n")).collect();
    back.left_behind.iter().for_each(|what| text += &format!("{gone}: {what}\n"));
    let is_left = |key: &&String| back.keys_left.iter().any(|left| left.starts_with(&format!("{key}: ")));
    back.keys_missing.iter().filter(|key| !is_left(key)).for_each(|key| {
        text += &format!(
            "foreign key not recreated, because rows violate it, or its tables or columns have other names: {key}\n"
        )
    });
    back.keys_left.iter().for_each(|key| text += &format!("foreign key not recreated: {key}\n"));
    for key in &back.keys_unchecked {
        text += &format!("came back NOT VALID (ALTER TABLE ... VALIDATE CONSTRAINT checks its rows): {key}\n");
    }
    for NotReplayed { key, child, reason, entries, to_do } in &back.keys_not_replayed {
        let entries = count(*entries, "gone key");
        text += &format!(
            "LOOSE KEY NOT APPLIED TO THE OLD ROWS of {child}, which may refer to rows that are gone: {key}: {reason}; {entries} in its log\n  {to_do}\n"
        );
    }
    back.by_hand.iter().for_each(|what| text += &format!("to do by hand: {what}\n"));
    text += &texts::warnings(&back.warnings);
    let take = if back.schemas.len() == 1 { "takes" } else { "take" };
    text += &format!("{} {take} writes in the old database again", back.schemas.join(", "));
    text += match back.dropped {
        true => "; the new database was dropped\n",
        false if back.emptied => "; the new one is empty again\n",
        false => "; the new one is kept, but refuses writes\n",
    };
    text
}

pub fn finish(finished: &Finished) -> String {
    let mut text = String::new();
    for (from, to) in &finished.quarantined {
        text += &match finished.dropped {
            true => format!("dropped: {to}, formerly {from}\n"),
            false => format!("put aside: {from} is now {to}, and only its owner may use it\n"),
        };
    }
    finished.needed_by.iter().for_each(|by| text += &format!("still needed by {by}\n"));
    text += &changed(&finished.changed_since);
    text += &texts::warnings(&finished.warnings);
    for made in &finished.made_since {
        text += &format!("warning: created in the old database after the copy, but not in the new one: {made}\n");
    }
    finished.file_copies.iter().for_each(|copy| {
        text += &format!("may be deleted, because only a rollback needs it: {}\n", copy.display());
    });
    if finished.dropped {
        if let Some(snapshot) = &finished.snapshot {
            let of = finished.taken.as_ref().map_or(String::new(), |taken| {
                format!(" ({}, {})", taken.snapshot_database, moment::local(taken.snapshot_time))
            });
            text += &format!("the snapshot {snapshot}{of} has everything that was dropped\n");
        }
        return text
            + "the next backup of the old database will be suspicious, because tables are gone: take it with --accept-shrink once\n";
    }
    text += &connected(&finished.sessions_old);
    text + "a rollback is no longer possible. When nobody misses the old schemas: back up the old database, drill the snapshot, then pgkeep split finish --yes-drop NAME with its --repo\n"
}
