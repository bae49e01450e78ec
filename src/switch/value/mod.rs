//! Makes a value that names the old database name the new one. Works on the text as it stands in the file and exchanges
//! pieces of it, so that user, password and options stay as they were written.

mod bare;
mod mask;
mod pairs;
mod text;
mod uri;

use std::ops::Range;

pub(super) use mask::{Shown, masked};
pub(super) use uri::{encoded, encoded_host};

use super::rewrite::{Change, Server};
use super::site::{Dollar, Style};
use super::{Part, ValueError};
use text::Text;

/// What a value is rewritten by, and where it stands.
pub(super) struct Scope<'a> {
    pub change: &'a Change,
    pub style: Style,
    pub dollar: Dollar,
    /// Variables that other rewrites of the same run set: what is put in from them needs no change here.
    pub set_elsewhere: &'a [String],
}

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// Pieces were exchanged; what encloses the value need not change.
    Within(String),
    /// All of it is new, and may need other quotes.
    Whole(String),
}

/// The new value of a key.
///
/// # Errors
/// The shape of the value is not known, it names another database, or what must change is put in from a variable.
pub(super) fn rewrite(key: &str, raw: &str, scope: &Scope) -> Result<Rewritten, ValueError> {
    let text = Text::new(raw, scope.dollar);
    if ["postgres://", "postgresql://"].iter().any(|scheme| raw.starts_with(scheme)) {
        return uri::rewrite(&text, scope).map(Rewritten::Within);
    }
    if let Some(pairs) = pairs::read(&text) {
        return pairs::rewrite(&text, &pairs, scope).map(Rewritten::Within);
    }
    bare::rewrite(key, &text, scope).map(Rewritten::Whole)
}

impl Scope<'_> {
    /// Whether this part is to be exchanged: not where a variable gives it that is set by another rewrite.
    fn exchanges(&self, text: &Text, part: Part, range: &Range<usize>) -> Result<bool, ValueError> {
        let variables = text.variables(range.clone());
        if variables.is_empty() {
            return Ok(true);
        }
        if variables.iter().all(|variable| self.set_elsewhere.contains(variable)) {
            return Ok(false);
        }
        Err(ValueError::Interpolated { part, variables })
    }

    /// Refuses a value that names neither the database that is left nor, already, the new one.
    fn check_database(&self, named: &str) -> Result<(), ValueError> {
        if named == self.change.from || named == self.change.to {
            return Ok(());
        }
        Err(ValueError::OtherDatabase { expected: self.change.from.clone() })
    }

    /// Refuses a new host that means this machine where the old one did not: the application runs elsewhere, in a
    /// container perhaps, and would look for the database inside of it.
    fn check_host(&self, old: &str, new: &str) -> Result<(), ValueError> {
        if is_local(new) && !is_local(old) && old != new {
            return Err(ValueError::AsSeenFrom { host: new.to_owned() });
        }
        Ok(())
    }

    fn fits(&self, part: Part, piece: &str) -> Result<(), ValueError> {
        if self.style.holds(piece, self.dollar) { Ok(()) } else { Err(ValueError::Unfit { part }) }
    }

    fn other_server(&self) -> Option<(&str, u16)> {
        match &self.change.server {
            Server::Same => None,
            Server::Other { host, port } => Some((host, *port)),
        }
    }
}

fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.starts_with("127.")
        || host == "::1"
        || host.starts_with(['/', '@'])
        || host.starts_with("%2F")
        || host.starts_with("%2f")
}

/// The text with these pieces exchanged.
fn exchanged(text: &str, mut pieces: Vec<(Range<usize>, String)>) -> String {
    pieces.sort_by_key(|(range, _)| range.start);
    let mut new = text.to_owned();
    for (range, piece) in pieces.into_iter().rev() {
        new.replace_range(range, &piece);
    }
    new
}

#[cfg(test)]
mod tests;
