//! Where on a server's disks objects lie: names that another server need not have.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::archive::{Archive, Kind, SqlText};
use crate::schema::lexer::{Token, quoted, tokens};

/// What becomes of tablespaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tablespaces {
    #[default]
    Keep,
    /// Everything goes to the target database's default tablespace.
    Default,
    /// What was in these goes to another one, or to the default one where there is no name. The others stay.
    Elsewhere(BTreeMap<String, Option<String>>),
}

impl Tablespaces {
    /// The tablespace's name in the target; none: the database's default one.
    pub fn place<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let placed = match self {
            Tablespaces::Keep => Some(name),
            Tablespaces::Default => None,
            Tablespaces::Elsewhere(map) => map.get(name).map_or(Some(name), Option::as_deref),
        };
        placed.filter(|name| !name.is_empty())
    }
}

/// The tablespaces that entries name, the database's own included.
pub fn tablespaces_named(archive: &Archive) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in archive.entries() {
        names.extend(entry.tablespace.clone().filter(|name| !name.is_empty()));
        if entry.kind == Kind::Database {
            let tokens = tokens(entry.defn.as_bytes());
            names.extend(clause(&tokens).and_then(|[_, _, name]| name.name()));
        }
    }
    names
}

/// `CREATE DATABASE ... TABLESPACE = name`, with the name in the target or without the clause.
pub(super) fn of_database(sql: SqlText, tablespaces: &Tablespaces) -> SqlText {
    let tokens = tokens(sql.as_bytes());
    let Some([word, _, name]) = clause(&tokens) else { return sql };
    let place = name.name();
    let place = place.as_deref().and_then(|name| tablespaces.place(name));
    let clause = place.map(|place| format!("TABLESPACE = {}", quoted(place))).unwrap_or_default();
    let (before, after) = (&sql.as_bytes()[..word.range.start], &sql.as_bytes()[name.range.end..]);
    SqlText::new([before, clause.as_bytes(), after].concat())
}

fn clause<'t, 's>(tokens: &'t [Token<'s>]) -> Option<[&'t Token<'s>; 3]> {
    let found = tokens.windows(3).find(|three| three[0].is_word("TABLESPACE") && three[1].is_symbol("="))?;
    Some([&found[0], &found[1], &found[2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_tablespace_is_another_or_none() {
        let sql = "CREATE DATABASE d WITH ENCODING = 'UTF8' TABLESPACE = \"Fast Disk\" LOCALE = 'C';\n";
        let said = |tablespaces: &Tablespaces| of_database(SqlText::new(sql), tablespaces).to_display();
        let mapped = |to: Option<&str>| {
            Tablespaces::Elsewhere(BTreeMap::from([("Fast Disk".to_owned(), to.map(str::to_owned))]))
        };
        assert_eq!(said(&Tablespaces::Keep), sql);
        assert_eq!(said(&mapped(Some("slow"))), sql.replace("Fast Disk", "slow"));
        let without = sql.replace("TABLESPACE = \"Fast Disk\"", "");
        assert_eq!(said(&Tablespaces::Default), without);
        assert_eq!(said(&mapped(None)), without);
    }

    #[test]
    fn what_is_not_named_stays_where_it_was() {
        let elsewhere = Tablespaces::Elsewhere(BTreeMap::from([("a".to_owned(), None)]));
        assert_eq!((elsewhere.place("a"), elsewhere.place("b"), elsewhere.place("")), (None, Some("b"), None));
    }
}
