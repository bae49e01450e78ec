//! A relation is taken with all of its rows, or not at all.

use std::collections::BTreeSet;

use serde::Serialize;

use super::error::Error;
use super::some::some_of;
use super::typed::pattern;
use crate::schema::archive::{Archive, Oid};
use crate::schema::facts::{Facts, RelationFacts};
use crate::schema::pattern::Visibility;
use crate::schema::selection::elsewhere::{Elsewhere, Keeper, rows_elsewhere, rows_elsewhere_in_all, taken_along};
use crate::schema::selection::{Request, Selection};

/// Names in a sentence.
const NAMED_MAX: usize = 5;

/// Tables of schemas that were not asked for, which hold rows of a relation that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenAlong {
    pub relation: String,
    pub tables: Vec<String>,
}

/// # Errors
/// What a selection takes has rows in tables that it does not take.
pub fn check(archive: &Archive, facts: &Facts, selection: &Selection) -> Result<(), Error> {
    refuse(facts, rows_elsewhere(archive, facts, selection))
}

/// # Errors
/// In a whole database: rows of somebody's relation lie in tables of which an extension says that they are its own.
pub fn check_all(facts: &Facts) -> Result<(), Error> {
    refuse(facts, rows_elsewhere_in_all(facts))
}

/// What is restored of a snapshot.
pub struct Part<'a> {
    pub archive: &'a Archive,
    pub facts: &'a Facts,
    pub request: &'a Request,
    pub selection: &'a Selection,
    /// The relations whose rows the snapshot holds.
    pub held: &'a BTreeSet<Oid>,
}

impl Part<'_> {
    /// Says which rows do not come: those that the snapshot was taken without, as by earlier programs, and those that `-T` leaves behind by
    /// name, as a restore around damage must.
    ///
    /// # Errors
    /// As [`check`], of what the snapshot holds.
    pub fn check(&self) -> Result<Vec<String>, Error> {
        let (mut missing, mut told) = (Vec::new(), Vec::new());
        for found in rows_elsewhere(self.archive, self.facts, self.selection) {
            let (held, not_held): (Vec<Oid>, Vec<Oid>) =
                found.holders.iter().partition(|holder| self.held.contains(holder));
            let (named, others): (Vec<Oid>, Vec<Oid>) = held.into_iter().partition(|holder| self.leaves_out(*holder));
            for (holders, why) in [(not_held, "the snapshot does not have them"), (named, "-T excludes them")] {
                let of = Elsewhere { holders, ..found.clone() };
                told.extend((!of.holders.is_empty()).then(|| format!("{}: {why}", self::told(self.facts, &of))));
            }
            missing.extend((!others.is_empty()).then_some(Elsewhere { holders: others, ..found }));
        }
        refuse(self.facts, missing).map(|()| told)
    }

    fn leaves_out(&self, oid: Oid) -> bool {
        let named = |relation: &RelationFacts| {
            let mut patterns = self.request.exclude_tables.iter();
            patterns.any(|pattern| pattern.matches(&relation.schema, &relation.name, Visibility::Visible))
        };
        self.facts.relations.get(&oid).is_some_and(named)
    }
}

/// What comes along although its schema was not asked for.
pub fn along(archive: &Archive, facts: &Facts, request: &Request, selection: &Selection) -> Vec<TakenAlong> {
    let along = taken_along(archive, facts, request, selection);
    let told = along.into_iter().map(|along| TakenAlong {
        relation: name(facts, along.relation),
        tables: along.holders.iter().map(|holder| name(facts, *holder)).collect(),
    });
    told.collect()
}

fn refuse(facts: &Facts, found: Vec<Elsewhere>) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = found.iter().map(|found| told(facts, found)).collect();
    Err(Error::Usage {
        what: format!(
            "the selection has rows in tables that are not selected: {}",
            some_of(&told, NAMED_MAX).unwrap_or_default()
        ),
        hint: Some(
            found
                .iter()
                .take(NAMED_MAX)
                .map(|found| way_out(facts, found))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(" "),
        ),
    })
}

fn told(facts: &Facts, found: &Elsewhere) -> String {
    let holders: Vec<String> = found.holders.iter().map(|holder| name(facts, *holder)).collect();
    let holders = some_of(&holders, NAMED_MAX).unwrap_or_default();
    let relation = name(facts, found.relation);
    match &found.keeper {
        Keeper::Nobody => format!("rows of {relation} are in {holders}"),
        Keeper::Extension { name } => {
            format!("rows of {relation} are in {holders}, where the extension {name} keeps them")
        }
        Keeper::Member { extension } => {
            format!("rows of {relation} are in {holders}, which belong to the extension {extension}")
        }
    }
}

fn way_out(facts: &Facts, found: &Elsewhere) -> String {
    let typed = |oid: Oid| {
        facts.relations.get(&oid).map_or_else(|| oid.to_string(), |relation| pattern(&relation.schema, &relation.name))
    };
    let leave = format!("leave {} out (-T {})", name(facts, found.relation), typed(found.relation));
    match &found.keeper {
        Keeper::Nobody => {
            let mut add: Vec<String> =
                found.holders.iter().take(NAMED_MAX).map(|holder| format!("-t {}", typed(*holder))).collect();
            if found.holders.len() > NAMED_MAX {
                add.push("...".into());
            }
            format!("Select these as well ({}, or their schema with -n), or {leave}.", add.join(" "))
        }
        Keeper::Extension { name } => {
            format!(
                "Only {name} knows which of its tables belong together: select everything, without -n, -N, -t and -T, or {leave}."
            )
        }
        Keeper::Member { extension } => {
            format!(
                "A backup has no tables of an extension, except those marked by pg_extension_config_dump: take a table out of it with ALTER EXTENSION {extension} DROP TABLE, or {leave}."
            )
        }
    }
}

fn name(facts: &Facts, oid: Oid) -> String {
    facts
        .relations
        .get(&oid)
        .map_or_else(|| oid.to_string(), |relation| format!("{}.{}", relation.schema, relation.name))
}
