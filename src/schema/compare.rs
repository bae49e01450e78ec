//! Whether a copy's definitions are those of the original, entry by entry, as pg_dump writes both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::archive::{Archive, DumpId, Entry, Kind};

/// An entry in which two databases differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryMismatch {
    /// `INDEX core.user_email_idx`
    pub entry: String,
    pub what: EntryDifference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryDifference {
    Missing,
    Unexpected,
    /// The definition, the owner or the access method.
    Different,
}

impl fmt::Display for EntryMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            EntryDifference::Missing => "is missing",
            EntryDifference::Unexpected => "is new",
            EntryDifference::Different => "is another",
        };
        write!(f, "{} {what}", self.entry)
    }
}

/// How much of an entry is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The same server version wrote both: text by text.
    Text,
    /// Another version writes some definitions differently: that each is there.
    Presence,
}

/// Compares those entries of `original` that were `copied` with all that `copy` holds. Databases themselves, and what only says how the
/// archive is to be read, are left out on both sides.
pub fn compare(
    original: &Archive,
    copied: impl Fn(DumpId) -> bool,
    copy: &Archive,
    depth: Depth,
) -> Vec<EntryMismatch> {
    let mut wanted: BTreeMap<Key<'_>, Vec<Text<'_>>> = BTreeMap::new();
    for entry in original.entries().iter().filter(|entry| copied(entry.dump_id) && counts(entry)) {
        wanted.entry(key(entry)).or_default().push(text(entry));
    }
    let mut mismatches = Vec::new();
    let mut differs = |entry: String, what| mismatches.push(EntryMismatch { entry, what });
    for entry in copy.entries().iter().filter(|entry| counts(entry)) {
        let Some(texts) = wanted.get_mut(&key(entry)).filter(|texts| !texts.is_empty()) else {
            if !stands_by_itself(entry) {
                differs(entry.label(), EntryDifference::Unexpected);
            }
            continue;
        };
        match texts.iter().position(|wanted| *wanted == text(entry)) {
            Some(at) => drop(texts.remove(at)),
            None => {
                texts.pop();
                if depth == Depth::Text {
                    differs(entry.label(), EntryDifference::Different);
                }
            }
        }
    }
    for ((desc, namespace, tag), texts) in wanted {
        let label = match namespace {
            Some(namespace) => format!("{desc} {namespace}.{tag}"),
            None => format!("{desc} {tag}"),
        };
        texts.iter().for_each(|_| differs(label.clone(), EntryDifference::Missing));
    }
    mismatches
}

type Key<'a> = (&'a str, Option<&'a str>, &'a str);
type Text<'a> = (Cow<'a, [u8]>, Option<&'a str>, Option<&'a str>);

fn key(entry: &Entry) -> Key<'_> {
    (&entry.desc, entry.namespace.as_deref(), &entry.tag)
}

fn text(entry: &Entry) -> Text<'_> {
    (definition(entry), entry.owner.as_deref(), entry.table_am.as_deref())
}

/// The definition, but for what a copy cannot have in the same order.
fn definition(entry: &Entry) -> Cow<'_, [u8]> {
    let sql = entry.defn.to_display();
    let sorted = match entry.desc.as_str() {
        "POLICY" => with_sorted_roles(&sql),
        "TABLE" | "FOREIGN TABLE" => with_sorted_columns(&sql),
        _ => None,
    };
    sorted.map_or(Cow::Borrowed(entry.defn.as_bytes()), |sql| Cow::Owned(sql.into_bytes()))
}

/// A policy's roles in the order of their names: the catalog has them in that of their OIDs.
fn with_sorted_roles(policy: &str) -> Option<String> {
    let (before, after) = policy.split_once(" TO ")?;
    let ends = [" USING (", " WITH CHECK (", ";"].iter().filter_map(|end| after.find(end));
    let (roles, rest) = after.split_at(ends.min().unwrap_or(after.len()));
    let mut roles: Vec<&str> = roles.split(", ").collect();
    roles.sort_unstable();
    Some(format!("{before} TO {}{rest}", roles.join(", ")))
}

/// The lines of a table that inherits, sorted: inherited columns come first in a copy, wherever they were.
fn with_sorted_columns(table: &str) -> Option<String> {
    let (columns, inherits) = table.rsplit_once("\n)\nINHERITS (")?;
    let mut lines: Vec<&str> = columns.lines().map(|line| line.trim_end_matches(',')).collect();
    lines.sort_unstable();
    Some(format!("{}\n)\nINHERITS ({inherits}", lines.join("\n")))
}

fn counts(entry: &Entry) -> bool {
    let of_database = entry.kind == Kind::Database
        || entry.desc.starts_with("DATABASE")
        || (entry.tag.starts_with("DATABASE ") && entry.namespace.is_none());
    !(entry.kind.is_session_setting() || entry.kind.is_data() || of_database)
}

/// What every database has, or what comes with the extension that is there: schema public and its remarks.
fn stands_by_itself(entry: &Entry) -> bool {
    let of_public = entry.tag == "public" || entry.tag == "SCHEMA public";
    (entry.namespace.is_none() && of_public) || entry.defn.is_empty()
}
