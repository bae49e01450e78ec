//! Which schemas the operator means.

use std::collections::BTreeSet;

use crate::schema::archive::{Archive, Kind};
use crate::schema::facts::Facts;
use crate::schema::pattern::Pattern;
use crate::schema::unmatched::near;

/// The schemas of a database, and which of them move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaNames {
    pub all: BTreeSet<String>,
    pub moving: BTreeSet<String>,
}

/// A pattern that names no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no schema matches {pattern}")]
pub struct UnknownSchema {
    pub pattern: String,
    /// The name that was probably meant.
    pub near: Option<String>,
    pub known: Vec<String>,
}

impl UnknownSchema {
    pub fn hint(&self) -> Option<String> {
        Some(match &self.near {
            Some(near) => format!("Did you mean {near}?"),
            None => format!("The database has the schemas {}.", self.known.join(", ")),
        })
    }
}

/// Those of the schemas that the patterns mean.
///
/// # Errors
/// A pattern that matches none.
pub fn matching(all: &BTreeSet<String>, patterns: &[Pattern]) -> Result<BTreeSet<String>, UnknownSchema> {
    let mut meant = BTreeSet::new();
    for pattern in patterns {
        let found: Vec<&String> = all.iter().filter(|schema| pattern.matches_schema(schema)).collect();
        if found.is_empty() {
            let near = near(pattern.text(), all.iter().map(String::as_str));
            let known = all.iter().cloned().collect();
            return Err(UnknownSchema { pattern: pattern.text().to_owned(), near, known });
        }
        meant.extend(found.into_iter().cloned());
    }
    Ok(meant)
}

impl SchemaNames {
    /// # Errors
    /// A pattern that matches none.
    pub fn resolve(archive: &Archive, facts: &Facts, patterns: &[Pattern]) -> Result<SchemaNames, UnknownSchema> {
        let mut all = BTreeSet::from(["public".to_owned()]);
        all.extend(archive.entries().iter().filter(|entry| entry.kind == Kind::Schema).map(|entry| entry.tag.clone()));
        all.extend(facts.relations.values().map(|relation| relation.schema.clone()));
        let moving = matching(&all, patterns)?;
        Ok(SchemaNames { all, moving })
    }

    pub fn staying(&self) -> impl Iterator<Item = &String> {
        self.all.difference(&self.moving)
    }
}
