//! What shall become of what crosses the line: one word for all, or a file with a word for each.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::spelling;

/// What to do with a foreign key, a view or anything else that refers across the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// It stops the split.
    #[default]
    Refuse,
    /// It is given up, and reported with the rows that hang on it.
    Drop,
    /// A generated trigger writes down what is deleted, and `pgkeep split reap` does on the other side what the key would have done.
    Loose,
    /// Foreign tables in the old place: joins and views go on working, the key is not enforced.
    Bridge,
}

impl Boundary {
    pub const ALL: [Boundary; 4] = [Boundary::Refuse, Boundary::Drop, Boundary::Loose, Boundary::Bridge];

    pub fn word(self) -> &'static str {
        match self {
            Boundary::Refuse => "refuse",
            Boundary::Drop => "drop",
            Boundary::Loose => "loose",
            Boundary::Bridge => "bridge",
        }
    }
}

/// A word that is none of the four.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of refuse, drop, loose, bridge")]
pub struct NoBoundary {
    pub word: String,
}

impl FromStr for Boundary {
    type Err = NoBoundary;

    fn from_str(word: &str) -> Result<Boundary, NoBoundary> {
        let found = Boundary::ALL.into_iter().find(|boundary| boundary.word() == word);
        found.ok_or_else(|| NoBoundary { word: word.to_owned() })
    }
}

/// What `--boundary` and `--boundary-file` say together.
///
/// ```toml
/// default = "drop"
///
/// [constraints]
/// "erp.execution_runs.execution_runs_session_id_fkey" = "loose"
///
/// [objects]
/// "VIEW erp.run_overview" = "drop"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoundaryFile {
    pub default: Option<Boundary>,
    /// By `schema.table.constraint`, or the constraint's name alone where only one has it.
    pub constraints: BTreeMap<String, Chosen>,
    /// By kind and name, as the plan prints them.
    pub objects: BTreeMap<String, Chosen>,
}

/// A choice and the line on which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub boundary: Boundary,
    pub line: usize,
}

/// Why a file is no list of choices. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundaryFileError {
    /// In the words of the TOML parser.
    #[error("line {line}: {message}")]
    Syntax { line: usize, message: String },
    #[error("line {line}: there is no key `{key}`")]
    UnknownKey { line: usize, key: String },
    #[error("line {line}: `{key}` must be refuse, drop, loose or bridge")]
    Invalid { line: usize, key: String, near: Option<String> },
    #[error("line {line}: `{key}` must be a section of names")]
    NoSection { line: usize, key: String },
    #[error("line {line}: no foreign key `{name}` crosses the line")]
    UnknownConstraint { line: usize, name: String, near: Option<String> },
    #[error("line {line}: several foreign keys `{name}` cross the line")]
    Ambiguous { line: usize, name: String, candidates: Vec<String> },
    #[error("line {line}: nothing called `{name}` crosses the line")]
    UnknownObject { line: usize, name: String, near: Option<String> },
}

impl BoundaryFileError {
    /// What the operator may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { .. } => {
                Some("The file is TOML: [constraints], then \"schema.table.constraint\" = \"drop\".".into())
            }
            Self::UnknownKey { key, .. } => Some(match spelling::nearest(key, KEYS) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "The file can have default, [constraints] and [objects].".into(),
            }),
            Self::Invalid { near: Some(near), .. }
            | Self::UnknownConstraint { near: Some(near), .. }
            | Self::UnknownObject { near: Some(near), .. } => Some(format!("Did you mean `{near}`?")),
            Self::UnknownConstraint { .. } | Self::UnknownObject { .. } => {
                Some("`pgkeep split --plan` lists what crosses, with the names to use in the file.".into())
            }
            Self::Ambiguous { candidates, .. } => Some(format!("Write one of {}.", candidates.join(", "))),
            Self::Invalid { .. } | Self::NoSection { .. } => None,
        }
    }
}

const KEYS: [&str; 3] = ["default", "constraints", "objects"];

impl BoundaryFile {
    /// # Errors
    /// What is no TOML, a key that is not known, a value that is none of the four words; always with the line.
    pub fn parse(text: &str) -> Result<BoundaryFile, BoundaryFileError> {
        let table = DeTable::parse(text).map_err(|error| BoundaryFileError::Syntax {
            line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let mut file = BoundaryFile::default();
        // In the order of the file, so that the first mistake is the one that is told.
        let table = table.into_inner();
        let mut keys: Vec<_> = table.iter().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in keys {
            let line = line_of(text, key.span().start);
            match key.get_ref().as_ref() {
                "default" => file.default = Some(choice(text, "default", value)?.boundary),
                "constraints" => file.constraints = choices(text, "constraints", value)?,
                "objects" => file.objects = choices(text, "objects", value)?,
                key => return Err(BoundaryFileError::UnknownKey { line, key: key.to_owned() }),
            }
        }
        Ok(file)
    }
}

fn choices(text: &str, key: &str, value: &Spanned<DeValue<'_>>) -> Result<BTreeMap<String, Chosen>, BoundaryFileError> {
    let line = line_of(text, value.span().start);
    let no_section = || BoundaryFileError::NoSection { line, key: key.to_owned() };
    let table = value.get_ref().as_table().ok_or_else(no_section)?;
    let mut names: Vec<_> = table.iter().collect();
    names.sort_by_key(|(name, _)| name.span().start);
    let one = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        Ok((name.clone().into_owned(), choice(text, name, value)?))
    };
    names.into_iter().map(one).collect()
}

fn choice(text: &str, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Chosen, BoundaryFileError> {
    let line = line_of(text, value.span().start);
    let word = value.get_ref().as_str().unwrap_or_default();
    match word.parse() {
        Ok(boundary) => Ok(Chosen { boundary, line }),
        Err(NoBoundary { .. }) => {
            let near = spelling::nearest(word, Boundary::ALL.map(Boundary::word)).map(str::to_owned);
            Err(BoundaryFileError::Invalid { line, key: key.to_owned(), near })
        }
    }
}

fn line_of(text: &str, position: usize) -> usize {
    text.as_bytes()[..position.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_a_word_for_all_and_for_each() {
        let text = "default = \"drop\"\n[constraints]\n\"erp.runs.fk\" = \"loose\"\n\n[objects]\n\"VIEW erp.v\" = \"bridge\"\n";
        let file = BoundaryFile::parse(text).unwrap();
        assert_eq!(file.default, Some(Boundary::Drop));
        assert_eq!(file.constraints["erp.runs.fk"], Chosen { boundary: Boundary::Loose, line: 3 });
        assert_eq!(file.objects["VIEW erp.v"], Chosen { boundary: Boundary::Bridge, line: 6 });
        assert_eq!(BoundaryFile::parse("").unwrap(), BoundaryFile::default());
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_what_was_meant() {
        let told = |text: &str| {
            let error = BoundaryFile::parse(text).unwrap_err();
            (error.to_string(), error.hint().unwrap_or_default())
        };
        let expected = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            told("\n[constrains]\na = \"drop\"\n"),
            expected("line 2: there is no key `constrains`", "Did you mean `constraints`?")
        );
        assert_eq!(
            told("[constraints]\n# one\na = \"lose\"\n"),
            expected("line 3: `a` must be refuse, drop, loose or bridge", "Did you mean `loose`?")
        );
        assert_eq!(told("[constraints]\na = 5"), expected("line 2: `a` must be refuse, drop, loose or bridge", ""));
        assert_eq!(told("constraints = 1"), expected("line 1: `constraints` must be a section of names", ""));
        assert!(told("a = \n").0.starts_with("line 1: "));
    }
}
