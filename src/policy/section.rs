//! The sections and keys of a policy, read with their lines.
//!
//! The document is walked by hand and not through serde's derive: serde's messages repeat the value they do not like,
//! which may be a password in the wrong place, and do not name its key.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::PolicyError;
use super::names::SECTIONS;

/// A value and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub value: T,
    pub line: usize,
}

impl Located<String> {
    /// The error never repeats the value.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Result<T, PolicyError> {
        let refused = |error: T::Err| PolicyError::Refused { line: self.line, key, message: error.to_string() };
        self.value.parse().map_err(refused)
    }
}

/// The whole file, whose sections and keys are all known.
pub(super) struct Document<'t> {
    text: &'t str,
    table: DeTable<'t>,
}

/// One section; without keys where the file leaves it out.
pub(super) struct Section<'d, 't> {
    document: &'d Document<'t>,
    table: Option<&'d DeTable<'t>>,
}

impl<'t> Document<'t> {
    pub fn parse(text: &'t str) -> Result<Self, PolicyError> {
        let table = DeTable::parse(text).map_err(|error| PolicyError::Syntax {
            line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let document = Self { text, table: table.into_inner() };
        if document.table.is_empty() {
            return Err(PolicyError::Empty);
        }
        document.check_names()?;
        Ok(document)
    }

    /// Reports the first unknown name from the top.
    fn check_names(&self) -> Result<(), PolicyError> {
        let mut unknown: Vec<(usize, PolicyError)> = Vec::new();
        for (name, value) in &self.table {
            let (section, start) = (name.get_ref().as_ref(), name.span().start);
            let line = line_of(self.text, start);
            let known = SECTIONS.iter().find(|(known, _)| *known == section);
            match (known, value.get_ref()) {
                (Some((section, keys)), DeValue::Table(table)) => {
                    for key in table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
                        let line = line_of(self.text, key.span().start);
                        let error = match key.get_ref().as_ref() {
                            "password" => PolicyError::Password { line },
                            key => PolicyError::UnknownKey { line, section, key: key.to_owned() },
                        };
                        unknown.push((key.span().start, error));
                    }
                }
                (Some((section, _)), value) => {
                    let (key, found) = (format!("[{section}]"), kind(value).to_owned());
                    unknown.push((start, PolicyError::Invalid { line, key, expected: "a section", found }));
                }
                (None, DeValue::Table(_)) => {
                    unknown.push((start, PolicyError::UnknownSection { line, section: section.to_owned() }));
                }
                (None, _) => unknown.push((start, PolicyError::NoSection { line, key: section.to_owned() })),
            }
        }
        match unknown.into_iter().min_by_key(|(start, _)| *start) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    pub fn section<'d>(&'d self, name: &'static str) -> Section<'d, 't> {
        Section { document: self, table: self.table.get(name).and_then(|value| value.get_ref().as_table()) }
    }
}

impl<'d, 't> Section<'d, 't> {
    fn get(&self, key: &str) -> Option<(&'d DeValue<'t>, usize)> {
        let value = self.table?.get(key)?;
        Some((value.get_ref(), self.document.line(value)))
    }

    pub fn text(&self, key: &'static str) -> Result<Option<Located<String>>, PolicyError> {
        let Some((value, line)) = self.get(key) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| invalid(line, key, "a string", value))?;
        Ok(Some(Located { value: text.to_owned(), line }))
    }

    /// A list of strings, each with its line; empty where the key is not there.
    pub fn texts(&self, key: &'static str) -> Result<Vec<Located<String>>, PolicyError> {
        const EXPECTED: &str = "a list of strings";
        let Some((value, line)) = self.get(key) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| invalid(line, key, EXPECTED, value))?;
        let text = |item: &Spanned<DeValue<'t>>| {
            let line = self.document.line(item);
            let text = item.get_ref().as_str().ok_or_else(|| PolicyError::Invalid {
                line,
                key: key.to_owned(),
                expected: EXPECTED,
                found: format!("a list with {}", kind(item.get_ref())),
            })?;
            Ok(Located { value: text.to_owned(), line })
        };
        items.iter().map(text).collect()
    }

    /// An integer that fits the type and the range, which `expected` tells.
    pub fn number<N: TryFrom<i64> + PartialOrd>(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<N>,
        expected: &'static str,
    ) -> Result<Option<N>, PolicyError> {
        let Some((value, line)) = self.get(key) else { return Ok(None) };
        let digits = value.as_integer().ok_or_else(|| invalid(line, key, expected, value))?;
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.and_then(|number| N::try_from(number).ok()).filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| PolicyError::Invalid {
            line,
            key: key.to_owned(),
            expected,
            found: digits.as_str().to_owned(),
        })
    }

    /// `true` or `false`; not given is `false`.
    pub fn flag(&self, key: &'static str) -> Result<bool, PolicyError> {
        let Some((value, line)) = self.get(key) else { return Ok(false) };
        value.as_bool().ok_or_else(|| invalid(line, key, "true or false", value))
    }

    /// Whether the file has this section.
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// A text that means something more.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, PolicyError> {
        self.text(key)?.map(|text| text.parsed(key)).transpose()
    }

    /// Where the key's value stands, if it is there.
    pub fn line(&self, key: &str) -> Option<usize> {
        self.get(key).map(|(_, line)| line)
    }
}

impl Document<'_> {
    fn line(&self, value: &Spanned<DeValue<'_>>) -> usize {
        line_of(self.text, value.span().start)
    }
}

fn invalid(line: usize, key: &str, expected: &'static str, value: &DeValue<'_>) -> PolicyError {
    PolicyError::Invalid { line, key: key.to_owned(), expected, found: kind(value).to_owned() }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a decimal point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The line, counted from 1, that holds this byte.
pub(super) fn line_of(text: impl AsRef<[u8]>, at: usize) -> usize {
    let text = text.as_ref();
    1 + text[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
