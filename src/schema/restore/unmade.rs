//! What cannot be made because something that it needs could not, and extensions that lie elsewhere than what names their members expects.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use super::there::{Left, There};
use crate::schema::archive::{Archive, DumpId, Entry, Kind};
use crate::schema::graph::Graph;
use crate::schema::lexer::tokens;
use crate::schema::selection::Selection;

/// Of each entry, those that a restore makes and without which it cannot be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs(BTreeMap<DumpId, Vec<DumpId>>);

impl Needs {
    /// `made` are the entries that the restore makes.
    pub(super) fn new(archive: &Archive, graph: &Graph, selection: &Selection, made: &BTreeSet<DumpId>) -> Needs {
        let entries = archive.entries();
        let of = |position: usize| {
            let needs = graph.needs(position).iter().map(|needed| entries[*needed].dump_id);
            needs.filter(|needed| made.contains(needed)).collect::<Vec<_>>()
        };
        let selected = entries.iter().enumerate().filter(|(_, entry)| selection.contains(entry.dump_id));
        let needs = selected.map(|(position, entry)| (entry.dump_id, of(position)));
        Needs(needs.filter(|(_, needs)| !needs.is_empty()).collect())
    }

    /// Of what `failed`, by its label, one that the entry needs, through whatever stands between.
    pub fn first_of<'a>(&self, entry: DumpId, failed: &'a BTreeMap<DumpId, String>) -> Option<&'a str> {
        if failed.is_empty() {
            return None;
        }
        let (mut seen, mut queue) = (BTreeSet::from([entry]), vec![entry]);
        while let Some(next) = queue.pop() {
            for needed in self.0.get(&next).into_iter().flatten() {
                if !seen.insert(*needed) {
                    continue;
                }
                match failed.get(needed) {
                    Some(label) => return Some(label),
                    None => queue.push(*needed),
                }
            }
        }
        None
    }
}

/// Whether what needs the entry cannot be made where the target refuses its step: not where only its owner is set, nor of a language,
/// which may be there all the same.
pub(super) fn is_made(entry: &Entry, left: Left, step: &Step) -> bool {
    let has_own_sql = !tokens(entry.defn.as_bytes()).is_empty();
    left == Left::All && has_own_sql && entry.kind != Kind::Language && !step.statements.is_empty()
}

/// An extension that is there in another schema than the snapshot's definitions say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub extension: String,
    pub is_in: String,
    pub was_in: String,
}

/// Of each entry, the extensions that are elsewhere and that it names something of.
pub(super) fn moved(archive: &Archive, graph: &Graph, there: &There) -> BTreeMap<DumpId, Vec<Moved>> {
    let mut moved: BTreeMap<DumpId, Vec<Moved>> = BTreeMap::new();
    for (position, entry) in archive.entries().iter().enumerate() {
        let Some((is_in, was_in)) = there.elsewhere(entry) else { continue };
        let moved_there = Moved { extension: entry.tag.clone(), is_in, was_in };
        for needs in graph.needed_by(position) {
            moved.entry(archive.entries()[*needs].dump_id).or_default().push(moved_there.clone());
        }
    }
    moved
}
