//! How an error is told: what failed, the chain of causes, a hint, the exit code.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use serde_json::json;

use super::visible;
use crate::command::Error;
use crate::command::error::Skipped;
use crate::command::some::some_of;

/// The causes behind an error, outermost first, without repetitions: a transparent error has its cause's words.
pub fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts.remove(0);
    texts
}

pub fn text(error: &Error) -> String {
    let mut text = format!("pgkeep: {}\n", indented(&error.to_string()));
    for cause in causes(error) {
        text += &format!("  because: {}\n", indented(&cause));
    }
    if let Error::Entries { skipped, warnings, .. } = first(error) {
        skipped_lines(skipped).iter().for_each(|line| text += &format!("  skipped: {}\n", indented(line)));
        warnings.iter().for_each(|warning| text += &format!("  warning: {}\n", indented(warning)));
    }
    if let Some(hint) = error.hint() {
        text += &format!("  hint: {}\n", indented(&hint));
    }
    text
}

/// How many entries a line names.
const NAMES_MAX: usize = 10;

/// A line for each entry that failed and that others need.
fn skipped_lines(skipped: &[Skipped]) -> Vec<String> {
    let mut by_need: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Skipped { entry, needs } in skipped {
        by_need.entry(needs).or_default().push(entry.clone());
    }
    let line =
        |(needs, entries): (&&str, &Vec<String>)| Some(format!("{} (without {needs})", some_of(entries, NAMES_MAX)?));
    by_need.iter().filter_map(line).collect()
}

/// What ended the command, without what it has left.
fn first(error: &Error) -> &Error {
    match error {
        Error::LeftBehind(left) => &left.first,
        error => error,
    }
}

/// A server's log has lines, and so may a name have: none of them looks like one of ours.
fn indented(text: &str) -> String {
    visible::lines(text).replace('\n', "\n      ")
}

pub fn json(error: &Error) -> serde_json::Value {
    let mut document = json!({
        "error": error.to_string(),
        "causes": causes(error),
        "hint": error.hint(),
        "exit_code": error.exit_code(),
    });
    if let Error::Entries { failures, skipped, warnings, .. } = first(error) {
        document["failures"] = json!(failures);
        document["skipped"] = skipped.iter().map(|skipped| skipped.entry.as_str()).collect();
        document["skipped_for"] = json!(skipped);
        document["warnings"] = json!(warnings);
    }
    document
}
