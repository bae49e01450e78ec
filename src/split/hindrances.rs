//! What would end a run half-way, told before it begins: as far as reading goes.

mod event_triggers;
mod extensions;
mod keys;
mod locks;
mod rights;
mod rows;
mod settings;
mod values;
mod writing;

use std::collections::BTreeSet;

use super::boundary::Boundary;
use super::crossing::{Action, Crossing, Sides};
use super::facts::{SourceFacts, TargetFacts};
use super::finding::Finding;
use crate::schema::facts::Facts;

/// All of it, bridges aside: those have a place of their own.
pub(super) fn findings(
    sides: &Sides<'_>,
    boundary: &[Crossing],
    roles: &BTreeSet<String>,
    facts: &Facts,
    source: &SourceFacts,
    target: &TargetFacts,
) -> Vec<Finding> {
    let ways: BTreeSet<Boundary> = boundary.iter().filter_map(|crossing| way(crossing.action)).collect();
    let mut findings = keys::findings(source, target);
    findings.extend(event_triggers::findings(&ways, sides, source, target));
    findings.extend(extensions::findings(sides));
    findings.extend(writing::findings(source));
    findings.extend(writing::prepared(source));
    findings.extend(rights::findings(source));
    findings.extend(rows::findings(source));
    findings.extend(rows::detaching(sides, facts));
    findings.extend(values::findings(sides, roles, source, target));
    findings.extend(settings::findings(sides, roles, source, target));
    findings.extend(locks::findings(source, target));
    findings
}

/// The ways across the line that take statements of their own.
fn way(action: Action) -> Option<Boundary> {
    match action {
        Action::Bridge => Some(Boundary::Bridge),
        Action::Loose => Some(Boundary::Loose),
        _ => None,
    }
}

/// `a, b, c and 4 more`.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests;
