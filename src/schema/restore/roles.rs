//! The names of roles in entries: which there are, and others in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Owners, RestorePlan, Step};
use crate::schema::archive::{Archive, DumpId, Entry, Kind, SqlText};
use crate::schema::lexer::{Token, quoted, tokens};
use crate::schema::selection::{Reason, Selection};

/// Other names for roles. A role that is not in it keeps its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleMap(BTreeMap<String, String>);

impl RoleMap {
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> RoleMap {
        RoleMap(pairs.into_iter().collect())
    }

    /// The role's name in the target.
    pub fn name<'a>(&'a self, role: &'a str) -> &'a str {
        self.0.get(role).map_or(role, String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// All roles that the selected entries need in the target: owners, and those named in grants, default privileges, policies, user
/// mappings and settings. Without `PUBLIC` and the like, and without the owner of a database of which only a part is selected.
pub fn roles_named(archive: &Archive, selection: &Selection) -> BTreeSet<String> {
    named_by(archive, selection, |reason| *reason != Reason::Setting)
}

/// All roles that the database itself has to do with, where only a part of it is selected: its owner, and those named in its grants and
/// settings. A database that is made for the part needs them.
pub fn roles_of_the_database(archive: &Archive, selection: &Selection) -> BTreeSet<String> {
    named_by(archive, selection, |reason| *reason == Reason::Setting)
}

fn named_by(archive: &Archive, selection: &Selection, belongs: impl Fn(&Reason) -> bool) -> BTreeSet<String> {
    let is_chosen = |entry: &&Entry| selection.entries.get(&entry.dump_id).is_some_and(&belongs);
    named_in(archive.entries().iter().filter(is_chosen), Owners::Keep)
}

impl RestorePlan {
    /// The roles, by their names in the source, without which a statement of the plan would fail; without those of the database itself.
    pub fn roles_named(&self, archive: &Archive, owners: Owners) -> BTreeSet<String> {
        let steps = self.pre_data.iter().chain(self.post_data.iter().map(|post| &post.step));
        named_in_steps(archive, steps, owners)
    }

    /// The same for what makes the database, and is said of it.
    pub fn roles_of_the_database(&self, archive: &Archive, owners: Owners) -> BTreeSet<String> {
        named_in_steps(archive, self.database.iter(), owners)
    }
}

fn named_in_steps<'a>(archive: &Archive, steps: impl Iterator<Item = &'a Step>, owners: Owners) -> BTreeSet<String> {
    let run: BTreeSet<DumpId> = steps.map(|step| step.dump_id).collect();
    named_in(archive.entries().iter().filter(|entry| run.contains(&entry.dump_id)), owners)
}

fn named_in<'a>(entries: impl Iterator<Item = &'a Entry>, owners: Owners) -> BTreeSet<String> {
    let mut roles = BTreeSet::new();
    for entry in entries {
        roles.extend(entry.owner.clone().filter(|_| owners == Owners::Keep));
        roles.extend(mentions(entry.kind, entry.defn.as_bytes()).into_iter().map(|mention| mention.role));
    }
    roles
}

/// The entry's SQL with the roles' names in the target.
pub(super) fn with_roles_mapped(kind: Kind, sql: SqlText, map: &RoleMap) -> SqlText {
    if map.is_empty() {
        return sql;
    }
    let bytes = sql.as_bytes();
    let mut mapped = Vec::with_capacity(bytes.len());
    let mut copied = 0;
    for mention in mentions(kind, bytes) {
        mapped.extend_from_slice(&bytes[copied..mention.range.start]);
        mapped.extend_from_slice(quoted(map.name(&mention.role)).as_bytes());
        copied = mention.range.end;
    }
    mapped.extend_from_slice(&bytes[copied..]);
    SqlText::new(mapped)
}

/// Roles as which the entry gives what they had with grant option.
pub(super) fn session_roles(entry: &Entry) -> BTreeSet<String> {
    let tokens = tokens(entry.defn.as_bytes());
    after(&tokens, &[&["SESSION", "AUTHORIZATION"]]).into_iter().map(|mention| mention.role).collect()
}

/// The roles that a statement of such an entry names, in its order.
pub(super) fn mentioned(kind: Kind, sql: &[u8]) -> Vec<String> {
    mentions(kind, sql).into_iter().map(|mention| mention.role).collect()
}

/// A role's name and where it stands.
struct Mention {
    role: String,
    range: Range<usize>,
}

fn mentions(kind: Kind, sql: &[u8]) -> Vec<Mention> {
    let tokens = tokens(sql);
    match kind {
        Kind::Acl | Kind::DefaultAcl => {
            after(&tokens, &[&["TO"], &["FROM"], &["FOR", "ROLE"], &["GRANTED", "BY"], &["SESSION", "AUTHORIZATION"]])
        }
        Kind::Policy => {
            // The expressions, which may hold anything, start with the first bracket.
            let head = tokens.iter().position(|token| token.is_symbol("(")).unwrap_or(tokens.len());
            after(&tokens[..head], &[&["TO"]])
        }
        Kind::UserMapping => after(&tokens, &[&["MAPPING", "FOR"]]),
        Kind::DatabaseProperties => after(&tokens, &[&["ALTER", "ROLE"]]),
        _ => Vec::new(),
    }
}

/// The lists of roles that follow one of the phrases, outside brackets (which hold columns and argument types).
fn after(tokens: &[Token<'_>], phrases: &[&[&str]]) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut in_list = false;
    for (index, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        if depth > 0 {
            continue;
        }
        let starts = |phrase: &&[&str]| {
            let start = index.checked_sub(phrase.len());
            start.is_some_and(|start| tokens[start..index].iter().zip(*phrase).all(|(token, word)| token.is_word(word)))
        };
        let continues = in_list && (token.is_symbol(",") || tokens[index - 1].is_symbol(","));
        in_list = continues || phrases.iter().any(starts);
        if !in_list || is_no_role(token) {
            continue;
        }
        if let Some(role) = token.name() {
            found.push(Mention { role, range: token.range.clone() });
        }
    }
    found
}

/// Unquoted, these mean somebody else than a role of this name.
fn is_no_role(token: &Token<'_>) -> bool {
    ["PUBLIC", "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"].iter().any(|word| token.is_word(word))
}
