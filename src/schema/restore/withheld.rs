//! What a restore would set on roles: their settings in the database, and their default privileges. A role of the target's server that may do
//! more there than the source's of that name is another one. Names would mean, to that one, what whoever set it at the source wants.

use std::collections::BTreeSet;
use std::fmt;

use super::roles::mentioned;
use super::{RestoreOptions, Step};
use crate::schema::archive::{Archive, Entry, Kind, SqlText};
use crate::schema::selection::Selection;
use crate::schema::statements::statements;

/// Statements that are not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// At the target.
    pub role: String,
    /// What it may do there that the source's may not: `SUPERUSER, membership in payroll`.
    pub beyond: String,
    /// `default privileges`
    pub what: &'static str,
    /// Each without its semicolon.
    pub statements: Vec<String>,
}

pub const SETTINGS: &str = "settings in the database";
const DEFAULT_PRIVILEGES: &str = "default privileges";

/// `the role boss does not get its settings in the database, since it has rights here that ...; to set them: ALTER ROLE ...`
impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Withheld { role, beyond, what, statements } = self;
        let statements = statements.join("; ");
        write!(
            f,
            "the role {role} does not get the snapshot's {what}, since it has rights here that the role at the source did not have \
             ({beyond}); to set them: {statements}"
        )
    }
}

/// The roles, by their names in the source, on which the selected entries set something. `is_known`: whether it is known what the role may
/// do at the source. Default privileges of one that is not are the bootstrap superuser's, of whom earlier programs wrote nothing where it
/// owned nothing (pg_shdepend does not mention it): nobody may do more.
pub fn roles_set(archive: &Archive, selection: &Selection, is_known: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let selected = archive.entries().iter().filter(|entry| selection.contains(entry.dump_id));
    let of_entry = |entry: &Entry| {
        let of_bootstrap = |role: &String| entry.kind == Kind::DefaultAcl && !is_known(role);
        let roles = pieces(entry).into_iter().filter_map(|(role, _)| role);
        roles.filter(|role| !of_bootstrap(role)).collect::<Vec<String>>()
    };
    selected.flat_map(of_entry).collect()
}

/// Takes out of the entry's step what it sets on roles that may do more at the target.
pub(super) fn taken_out(entry: &Entry, step: &mut Step, options: &RestoreOptions) -> Vec<Withheld> {
    let pieces = pieces(entry);
    let is_more = |role: &Option<String>| role.as_ref().is_some_and(|role| options.more_here.contains_key(role));
    if !pieces.iter().any(|(role, _)| is_more(role)) {
        return Vec::new();
    }
    let what = if entry.kind == Kind::DefaultAcl { DEFAULT_PRIVILEGES } else { SETTINGS };
    let (mut kept, mut withheld) = (String::new(), Vec::<Withheld>::new());
    // Only names of roles and of the database differ between the two.
    let run = step.statements.iter().flat_map(|sql| statements(&sql.to_display()));
    for ((role, _), statement) in pieces.iter().zip(run) {
        let Some((role, beyond)) = role.as_ref().and_then(|role| Some((role, options.more_here.get(role)?))) else {
            kept += &format!("{};\n", statement.sql);
            continue;
        };
        let role = options.roles.name(role);
        match withheld.iter_mut().find(|one| one.role == role) {
            Some(one) => one.statements.push(statement.sql),
            None => {
                let statements = vec![statement.sql];
                withheld.push(Withheld { role: role.to_owned(), beyond: beyond.clone(), what, statements });
            }
        }
    }
    step.statements = Some(kept).filter(|kept| !kept.is_empty()).map(SqlText::new).into_iter().collect();
    withheld
}

/// The statements of an entry that sets something on roles, each with the role, by its name in the source. Nothing of other entries.
fn pieces(entry: &Entry) -> Vec<(Option<String>, String)> {
    if !matches!(entry.kind, Kind::DefaultAcl | Kind::DatabaseProperties) {
        return Vec::new();
    }
    let all = statements(&entry.defn.to_display());
    all.into_iter().map(|statement| (role_set(entry.kind, &statement.sql), statement.sql)).collect()
}

/// The role on which the statement sets something: the first that it names, or none where it is of the database itself.
fn role_set(kind: Kind, statement: &str) -> Option<String> {
    mentioned(kind, statement.as_bytes()).into_iter().next()
}
