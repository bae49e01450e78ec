//! In which lines two definitions differ, for a person to read.

use super::{definition, of_entry};
use crate::schema::archive::{Entry, Kind};

/// So many lines of each side are shown, each with so many characters.
const LINES_MAX: usize = 8;
const CHARS_MAX: usize = 200;
/// So much of what both lines begin with is left before the place where they part.
const CHARS_BEFORE: usize = 60;

/// The lines that only one of both has, in their order. Equal definitions differ in what pg_dump keeps apart: owner, access method.
pub(super) fn differing(one: &Entry, other: &Entry) -> (Vec<String>, Vec<String>) {
    let (ours, theirs) = (lines(one), lines(other));
    let mut only_ours = without(&ours, &theirs);
    let mut only_theirs = without(&theirs, &ours);
    if may_hold_secrets(one) {
        // That they differ is enough.
        only_ours.retain(|line| line.starts_with("-- "));
        only_theirs.retain(|line| line.starts_with("-- "));
    }
    for n in 0..only_ours.len().max(only_theirs.len()) {
        let parts = match (only_ours.get(n), only_theirs.get(n)) {
            (Some(ours), Some(theirs)) => ours.chars().zip(theirs.chars()).take_while(|(a, b)| a == b).count(),
            _ => 0,
        };
        for line in [only_ours.get_mut(n), only_theirs.get_mut(n)].into_iter().flatten() {
            *line = shortened(line, parts);
        }
    }
    (at_most(only_ours), at_most(only_theirs))
}

fn lines(entry: &Entry) -> Vec<String> {
    let text = definition(entry);
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    let (owner, access_method) = of_entry(entry);
    lines.extend(owner.map(|owner| format!("-- owner: {owner}")));
    lines.extend(access_method.map(|method| format!("-- access method: {method}")));
    lines
}

/// Each line as often as `lines` has it more often than `others`.
fn without(lines: &[String], others: &[String]) -> Vec<String> {
    let mut others: Vec<&String> = others.iter().collect();
    let mut only = Vec::new();
    for line in lines {
        match others.iter().position(|other| *other == line) {
            Some(at) => drop(others.swap_remove(at)),
            None => only.push(line.clone()),
        }
    }
    only
}

/// Passwords stand in the options of these.
fn may_hold_secrets(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::UserMapping | Kind::Subscription | Kind::Server)
}

/// The piece of a long line in which it parts from the other, after `common` characters.
fn shortened(line: &str, common: usize) -> String {
    let all = line.chars().count();
    if all <= CHARS_MAX {
        return line.to_owned();
    }
    let from = common.saturating_sub(CHARS_BEFORE).min(all - CHARS_MAX);
    let piece: String = line.chars().skip(from).take(CHARS_MAX).collect();
    let (before, after) = (if from > 0 { "..." } else { "" }, if from + CHARS_MAX < all { "..." } else { "" });
    format!("{before}{piece}{after}")
}

fn at_most(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if more > 0 {
        lines.push(format!("... and {more} more lines"));
    }
    lines
}
