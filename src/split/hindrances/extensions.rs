//! Extensions that lie in a moving schema, and that what stays uses as well.

use super::some;
use crate::schema::archive::{Entry, Kind};
use crate::schema::lexer::quoted;
use crate::schema::selection::Reason;
use crate::split::crossing::{Place, Sides};
use crate::split::finding::Severity::Warning;
use crate::split::finding::{Finding, FindingKind};

/// The new database gets its own; `finish` puts the old one aside with its schema, where no search path finds its operators.
pub(super) fn findings(sides: &Sides<'_>) -> Vec<Finding> {
    let entries = sides.archive.entries();
    let shared = entries.iter().enumerate().filter(|(_, entry)| {
        entry.kind == Kind::Extension && sides.selection.entries.get(&entry.dump_id) == Some(&Reason::Asked)
    });
    let finding = |(position, entry): (usize, &Entry)| {
        let users = sides.graph.needed_by(position).iter().map(|user| sides.root(*user));
        let staying = users.filter(|user| sides.place(*user) == Place::Stays && entries[*user].namespace.is_some());
        let mut names: Vec<String> = staying.map(|user| sides.name(user)).collect();
        names.sort_unstable();
        names.dedup();
        let extension = &entry.tag;
        (!names.is_empty()).then(|| {
            Finding::new(
                Warning,
                FindingKind::Extension,
                extension.clone(),
                format!(
                    "it lies in a schema that moves, and {}, which stay in the old database, use it: `finish` puts that schema aside, and what finds the extension's operators and functions by a search path then finds others, or none",
                    some(&names)
                ),
                format!("before `finish`: ALTER EXTENSION {} SET SCHEMA another one, which those who use it have on their search path", quoted(extension)),
            )
        })
    };
    shared.filter_map(finding).collect()
}
