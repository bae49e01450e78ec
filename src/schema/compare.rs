//! Whether a copy's definitions are those of the original, entry by entry, as pg_dump writes both.
//!
//! PostgreSQL spells an expression otherwise once its text has gone through a server: `s IN ('a', 'b')` on a varchar column is dumped as
//! `(ARRAY['a'::character varying, ...])::text[]` where an application made it, and as `ARRAY[('a'::character varying)::text, ...]` where a dump
//! was restored. So a copy may be given a third archive beside the original: the original's definitions, *respelled* by the copy's server.

mod lines;

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
    /// Of an entry that is different: the lines that only the original has, and those that only the copy has. Cut where they are long or many.
    pub source_lines: Vec<String>,
    pub target_lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryDifference {
    Missing,
    Unexpected,
    /// The definition, the owner or the access method.
    Different,
}

impl fmt::Display for EntryDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EntryDifference::Missing => "is missing",
            EntryDifference::Unexpected => "is new",
            EntryDifference::Different => "is another",
        })
    }
}

impl fmt::Display for EntryMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entry, self.what)
    }
}

/// Compares those entries of `original` that were `copied` with all that `copy` holds. Databases themselves, and what only says how the
/// archive is to be read, are left out on both sides.
///
/// An entry is equal whose definition is the original's text, or the `respelled` one; which entries there are, their owners and access
/// methods are the original's in any case.
pub fn compare(
    original: &Archive,
    copied: impl Fn(DumpId) -> bool,
    copy: &Archive,
    respelled: Option<&Archive>,
) -> Vec<EntryMismatch> {
    let mut groups: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for entry in original.entries().iter().filter(|entry| copied(entry.dump_id) && counts(entry)) {
        groups.entry(key(entry)).or_default().original.push(entry);
    }
    for entry in respelled.iter().flat_map(|respelled| respelled.entries()) {
        if let Some(group) = groups.get_mut(&key(entry)) {
            group.respelled.push(entry);
        }
    }
    for entry in copy.entries().iter().filter(|entry| counts(entry)) {
        groups.entry(key(entry)).or_default().copy.push(entry);
    }
    groups.values().flat_map(Group::differences).collect()
}

type Key<'a> = (&'a str, Option<&'a str>, &'a str);

fn key(entry: &Entry) -> Key<'_> {
    (&entry.desc, entry.namespace.as_deref(), &entry.tag)
}

/// The entries of one kind and name. Mostly one on each side; operators of one name, and some others, share theirs.
#[derive(Default)]
struct Group<'a> {
    original: Vec<&'a Entry>,
    respelled: Vec<&'a Entry>,
    copy: Vec<&'a Entry>,
}

impl<'a> Group<'a> {
    fn differences(&self) -> Vec<EntryMismatch> {
        let facets_of = |entries: &[&'a Entry]| sorted(entries, facets);
        let copied = facets_of(&self.copy);
        let same_traits = sorted(&self.copy, of_entry) == sorted(&self.original, of_entry);
        if copied == facets_of(&self.original) || same_traits && copied == facets_of(&self.respelled) {
            return Vec::new();
        }
        // What the original means here is nearer to the copy than how it is spelled there.
        let respelled = same_traits && self.respelled.len() == self.original.len();
        unlike(if respelled { &self.respelled } else { &self.original }, &self.copy)
    }
}

fn sorted<'a, T: Ord>(entries: &[&'a Entry], of: fn(&'a Entry) -> T) -> Vec<T> {
    let mut all: Vec<T> = entries.iter().copied().map(of).collect();
    all.sort_unstable();
    all
}

/// Pairs off what is equal, then names the rest.
fn unlike(wanted: &[&Entry], there: &[&Entry]) -> Vec<EntryMismatch> {
    let mut wanted = wanted.to_vec();
    let mut others = Vec::new();
    for entry in there {
        match wanted.iter().position(|wanted| facets(wanted) == facets(entry)) {
            Some(at) => drop(wanted.remove(at)),
            None => others.push(*entry),
        }
    }
    let pairs = wanted.len().min(others.len());
    let different = wanted.iter().zip(&others).map(|(wanted, other)| {
        let (source_lines, target_lines) = lines::differing(wanted, other);
        EntryMismatch { entry: wanted.label(), what: EntryDifference::Different, source_lines, target_lines }
    });
    let alone = |what| {
        move |entry: &&Entry| EntryMismatch {
            entry: entry.label(),
            what,
            source_lines: Vec::new(),
            target_lines: Vec::new(),
        }
    };
    let unexpected = others[pairs..].iter().filter(|entry| !stands_by_itself(entry));
    let mut all: Vec<EntryMismatch> = different.collect();
    all.extend(unexpected.map(alone(EntryDifference::Unexpected)));
    all.extend(wanted[pairs..].iter().map(alone(EntryDifference::Missing)));
    all
}

type Traits<'a> = (Option<&'a str>, Option<&'a str>);

/// Owner and access method.
fn of_entry(entry: &Entry) -> Traits<'_> {
    (entry.owner.as_deref(), entry.table_am.as_deref())
}

fn facets(entry: &Entry) -> (Cow<'_, [u8]>, Traits<'_>) {
    (definition(entry), of_entry(entry))
}

/// The definition, but for what a copy cannot have in the same order.
fn definition(entry: &Entry) -> Cow<'_, [u8]> {
    let sql = entry.defn.to_display();
    let sorted = match entry.desc.as_str() {
        "POLICY" => with_sorted_roles(&sql),
        "TABLE" | "FOREIGN TABLE" => with_sorted_columns(&sql),
        // A grant that was taken and given back comes last.
        "ACL" => Some(sorted_lines(&sql)),
        _ => None,
    };
    sorted.map_or(Cow::Borrowed(entry.defn.as_bytes()), |sql| Cow::Owned(sql.into_bytes()))
}

fn sorted_lines(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
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

#[cfg(test)]
mod tests;
