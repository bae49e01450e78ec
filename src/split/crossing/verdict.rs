//! What becomes of what crosses, how much it matters, and why.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::loose::{UNENFORCED, loose};
use super::{Action, Crossing, CrossingKind, Direction, Sides};
use crate::schema::archive::{DumpId, Kind};
use crate::spelling;
use crate::split::bodies::Certainty;
use crate::split::boundary::{Boundary, BoundaryFile, BoundaryFileError};
use crate::split::facts::{ForeignKey, KeyRule};
use crate::split::finding::Severity;

/// The operator's choices.
pub struct Rules<'a> {
    default: Boundary,
    file: &'a BoundaryFile,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Rules<'a> {
    /// `default` is `--boundary`; where it was not given, the file's own default holds.
    pub fn new(default: Option<Boundary>, file: &'a BoundaryFile) -> Rules<'a> {
        Rules { default: default.or(file.default).unwrap_or_default(), file, used: RefCell::default() }
    }

    fn boundary(&self, key: &str) -> Boundary {
        self.chosen(key, self.file.objects.get(key).map(|chosen| chosen.boundary))
    }

    fn chosen(&self, key: &str, chosen: Option<Boundary>) -> Boundary {
        if chosen.is_some() {
            self.used.borrow_mut().insert(key.to_owned());
        }
        chosen.unwrap_or(self.default)
    }

    fn of_constraint(&self, full: &str, name: &str) -> Boundary {
        let choices = &self.file.constraints;
        let (key, chosen) = match choices.get(full) {
            Some(chosen) => (full, Some(chosen.boundary)),
            None => (name, choices.get(name).map(|chosen| chosen.boundary)),
        };
        self.chosen(key, chosen)
    }

    /// # Errors
    /// A name in the file that nothing which crosses has, or that several have.
    pub fn check(&self, crossings: &[Crossing]) -> Result<(), BoundaryFileError> {
        let keys = || crossings.iter().filter(|crossing| crossing.kind == CrossingKind::ForeignKey);
        let mut choices: Vec<_> = self.file.constraints.iter().collect();
        choices.sort_by_key(|(_, chosen)| chosen.line);
        for (name, chosen) in choices {
            let line = chosen.line;
            let candidates: Vec<String> =
                keys().filter(|crossing| crossing.name == *name).map(|crossing| crossing.key.clone()).collect();
            if keys().any(|crossing| crossing.key == *name) || candidates.len() == 1 {
                continue;
            }
            if candidates.len() > 1 {
                return Err(BoundaryFileError::Ambiguous { line, name: name.clone(), candidates });
            }
            let near = nearest(name, keys().flat_map(|crossing| [crossing.key.as_str(), crossing.name.as_str()]));
            return Err(BoundaryFileError::UnknownConstraint { line, name: name.clone(), near });
        }
        let mut choices: Vec<_> = self.file.objects.iter().collect();
        choices.sort_by_key(|(_, chosen)| chosen.line);
        for (name, chosen) in choices {
            let others = || crossings.iter().filter(|crossing| crossing.kind != CrossingKind::ForeignKey);
            if !others().any(|crossing| crossing.key == *name) {
                let near = nearest(name, others().map(|crossing| crossing.key.as_str()));
                return Err(BoundaryFileError::UnknownObject { line: chosen.line, name: name.clone(), near });
            }
        }
        Ok(())
    }

    pub(super) fn foreign_key(&self, key: &ForeignKey, direction: Direction, entry: DumpId) -> Crossing {
        let from = format!("{}.{}", key.schema, key.table);
        let to = format!("{}.{}", key.referenced_schema, key.referenced_table);
        let full = format!("{from}.{}", key.name);
        let rows = match key.orphans {
            Some(1) => "1 row refers".to_owned(),
            Some(rows) => format!("{rows} rows refer"),
            None => "rows refer".to_owned(),
        };
        let (action, severity, outcome) = match self.of_constraint(&full, &key.name) {
            Boundary::Refuse => (Action::Refuse, Severity::Blocker, "a foreign key cannot refer to another database"),
            Boundary::Drop if key.rule == KeyRule::Nothing => (Action::Drop, Severity::Note, UNENFORCED),
            Boundary::Drop => (Action::Drop, Severity::Warning, "the key is given up, and nothing enforces it"),
            Boundary::Loose => loose(key),
            Boundary::Bridge => {
                (Action::Bridge, Severity::Warning, "joins use foreign tables, but the key is not enforced")
            }
        };
        Crossing {
            kind: CrossingKind::ForeignKey,
            name: key.name.clone(),
            direction,
            reason: format!("{rows} from {from} to {to}: {outcome}"),
            from,
            to,
            orphans: key.orphans,
            action,
            severity,
            certainty: Certainty::Catalog,
            columns: key.columns.clone(),
            referenced_columns: key.referenced_columns.clone(),
            on_delete: Some(key.on_delete.clone()),
            key: full,
            entry,
            constraint: Some(key.oid),
        }
    }

    pub(super) fn entry(
        &self,
        sides: &Sides<'_>,
        position: usize,
        needed: usize,
        kind: CrossingKind,
        direction: Direction,
    ) -> Crossing {
        let entry = &sides.archive.entries()[position];
        let (root, to) = (sides.root(position), sides.name(needed));
        // A publication's entry for a table is named after both.
        let name = if kind == CrossingKind::Publication { sides.name(root) } else { sides.name(position) };
        let key = format!("{} {name}", kind.label());
        let on = &sides.archive.entries()[needed];
        let has_rows = on.kind.is_relation() || on.kind == Kind::Sequence;
        let boundary = self.boundary(&key);
        let (action, severity, reason) = match direction {
            Direction::MovingNeedsStaying => left_behind(kind, boundary, &to),
            Direction::StayingNeedsMoving if boundary == Boundary::Bridge && on.kind == Kind::Sequence => {
                stays(kind, Boundary::Drop, &to, has_rows)
            }
            Direction::StayingNeedsMoving => stays(kind, boundary, &to, has_rows),
        };
        Crossing {
            kind,
            name,
            direction,
            from: sides.name(root),
            to,
            orphans: None,
            action,
            severity,
            certainty: Certainty::Catalog,
            reason,
            columns: Vec::new(),
            referenced_columns: Vec::new(),
            on_delete: None,
            key,
            entry: entry.dump_id,
            constraint: None,
        }
    }

    /// A function whose text names something on the other side.
    pub(in crate::split) fn mention(&self, mention: &Across) -> Crossing {
        let Across { kind, name, to, to_kind, direction, certainty, entry, effect, triggers } = mention;
        let how = match certainty {
            Certainty::Catalog | Certainty::Parsed => "its text names",
            Certainty::Dynamic => "a string in its text, which is executed or read as a name, holds",
            Certainty::Text => "its text could not be parsed, and holds",
        };
        let key = format!("{} {name}", kind.label());
        let bridged = self.boundary(&key) == Boundary::Bridge && *direction == Direction::StayingNeedsMoving;
        let (action, severity, outcome) = match (bridged, direction) {
            (true, _) if to_kind.is_relation() && *effect == Effect::Writes => (
                Action::Bridge,
                Severity::Warning,
                "it reads through foreign tables in the old database, and its writes there are refused without --bridge-write",
            ),
            (true, _) if to_kind.is_relation() => {
                (Action::Bridge, Severity::Note, "it still works, through foreign tables in the old database")
            }
            (true, _) if *to_kind == Kind::Sequence => (
                Action::Review,
                Severity::Warning,
                "a bridge does not carry sequences: it takes numbers that the new database uses as well, and fails after `finish`",
            ),
            (true, _) => (
                Action::Review,
                Severity::Warning,
                "a bridge carries only tables and views: it finds the old one, and none after `finish`",
            ),
            (false, Direction::MovingNeedsStaying) => {
                (Action::Review, Severity::Warning, "it fails when it is called in the new database")
            }
            (false, Direction::StayingNeedsMoving) if *effect == Effect::Writes => (
                Action::Review,
                Severity::Warning,
                "its writes there are refused once the fence is up, so it fails when it is called",
            ),
            (false, Direction::StayingNeedsMoving) => (
                Action::Review,
                Severity::Warning,
                "after the switch it sees the old rows, and after `finish` it fails",
            ),
        };
        Crossing {
            kind: *kind,
            name: name.clone(),
            direction: *direction,
            from: name.clone(),
            to: to.clone(),
            orphans: None,
            action,
            severity,
            certainty: *certainty,
            reason: format!("{how} {to}: {outcome}{}", called_by(triggers)),
            columns: Vec::new(),
            referenced_columns: Vec::new(),
            on_delete: None,
            key,
            entry: *entry,
            constraint: None,
        }
    }
}

/// What is said of a function of which the catalog knows that it needs the other side, and its text that it writes there.
pub(in crate::split) fn writes(crossing: &mut Crossing, triggers: &[String]) {
    if crossing.direction != Direction::StayingNeedsMoving {
        return;
    }
    let to = &crossing.to;
    let reason = match crossing.action {
        Action::Refuse => format!("it writes to {to}, which moves away"),
        Action::Drop => format!(
            "its writes to {to} are refused once the fence is up, so it fails when it is called; drop or change it before `finish --yes-drop`"
        ),
        Action::Bridge => {
            crossing.severity = Severity::Warning;
            format!(
                "it reads {to} through a foreign table in the old database, and its writes there are refused without --bridge-write"
            )
        }
        Action::Loose | Action::LeaveBehind | Action::Keep | Action::Review => return,
    };
    crossing.reason = reason + &called_by(triggers);
}

/// A mention that leads to the other side.
pub(in crate::split) struct Across {
    pub kind: CrossingKind,
    pub name: String,
    pub to: String,
    pub to_kind: Kind,
    pub direction: Direction,
    pub certainty: Certainty,
    pub entry: DumpId,
    pub effect: Effect,
    /// Of the function's own side: they call it.
    pub triggers: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::split) enum Effect {
    Reads,
    /// The fence refuses that from its first moment on.
    Writes,
}

/// Where a trigger's function fails, so does what is done to its table.
fn called_by(triggers: &[String]) -> String {
    match triggers {
        [] => String::new(),
        [one] => format!("; the trigger {one} calls it, and if it fails, writes to that table fail too"),
        many => format!("; triggers call it, and if it fails, writes to their tables fail too: {}", many.join(", ")),
    }
}

fn left_behind(kind: CrossingKind, boundary: Boundary, to: &str) -> (Action, Severity, String) {
    match (kind, boundary) {
        (CrossingKind::Table | CrossingKind::Sequence, _) => (
            Action::Refuse,
            Severity::Blocker,
            format!("it cannot be created without {to}, which stays: its rows would be lost; name that schema as well"),
        ),
        (CrossingKind::Partition, _) => (
            Action::Refuse,
            Severity::Blocker,
            format!("its parent {to} stays, and rows that are written through that would have no place any more"),
        ),
        (_, Boundary::Refuse) => {
            (Action::Refuse, Severity::Blocker, format!("it needs {to}, which stays: the new database cannot have it"))
        }
        _ => (
            Action::LeaveBehind,
            Severity::Warning,
            format!("it needs {to}, which stays: the new database is without it"),
        ),
    }
}

fn stays(kind: CrossingKind, boundary: Boundary, to: &str, has_rows: bool) -> (Action, Severity, String) {
    match kind {
        CrossingKind::Publication => {
            return (
                Action::Drop,
                Severity::Warning,
                format!("it publishes {to}: after the switch its subscribers get no more changes of it"),
            );
        }
        CrossingKind::Subscription => {
            return (
                Action::Refuse,
                Severity::Blocker,
                format!("it writes into {to}, and would still write into the old database"),
            );
        }
        _ if !has_rows => {
            return (
                Action::Keep,
                Severity::Warning,
                format!(
                    "it uses {to}, which is copied: the old database keeps its own copy, which `finish` puts aside with the rest"
                ),
            );
        }
        _ => {}
    }
    // What can be told anew to read another relation. A foreign table has no parent, no trigger of ours and no unique index.
    let bridges = matches!(
        kind,
        CrossingKind::View
            | CrossingKind::MaterializedView
            | CrossingKind::Rule
            | CrossingKind::Function
            | CrossingKind::Procedure
            | CrossingKind::Policy
    );
    match boundary {
        Boundary::Refuse => (Action::Refuse, Severity::Blocker, format!("it needs {to}, which moves away")),
        _ if kind == CrossingKind::Rule && !(boundary == Boundary::Bridge && bridges) => (
            Action::Drop,
            Severity::Warning,
            format!(
                "after the switch it sees the old rows of {to}, and its writes there are refused, so the writes that fire it fail; drop or change it"
            ),
        ),
        Boundary::Bridge if bridges => {
            (Action::Bridge, Severity::Note, format!("it reads {to} through a foreign table in the old database"))
        }
        Boundary::Drop | Boundary::Loose | Boundary::Bridge => (
            Action::Drop,
            Severity::Warning,
            format!("after the switch it sees the old rows of {to}; drop or change it before `finish --yes-drop`"),
        ),
    }
}

fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    // The spelling compares in lower case.
    let names: Vec<&str> = names.collect();
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let near = spelling::nearest(name, lower.iter().map(String::as_str))?;
    lower.iter().position(|name| name == near).map(|at| names[at].to_owned())
}
