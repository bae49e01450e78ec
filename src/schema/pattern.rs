//! Name patterns as psql and `pg_dump` read them.
//!
//! Source: psql's manual, section "Patterns", and `pg_dump`'s switches `-n` and `-t`. Outside double quotes letters are folded to
//! lower case, `*` stands for any characters, `?` for any one, a dot parts schema and name, `$` means itself, and everything
//! else is a regular expression (`[0-9]+`, `a|b`). Inside double quotes every character means itself and `""` is one quote.
//! A pattern covers the whole name.
//!
//! Two limits against PostgreSQL's own regular expressions: no back references and no look-around, which are refused.
//! A database in front (`db.schema.table`), which `pg_dump` accepts when it is the connected one, is refused too.

use regex_lite::{Regex, RegexBuilder};

use super::unmatched::{instead_of_a_list, listed};

/// What a pattern names: decides how many dots it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatternKind {
    Schema,
    Relation,
}

/// Whether an unqualified name finds a relation, as `pg_table_is_visible` says: its schema is on the search path, and no
/// earlier schema there holds the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    Visible,
    Hidden,
}

/// A pattern that can be asked which names it covers.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    kind: PatternKind,
    schema: Option<Regex>,
    name: Regex,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("the pattern {pattern:?} has too many dots")]
    TooManyDots { pattern: String },
    #[error("the pattern {pattern:?} has an unclosed double quote")]
    UnclosedQuote { pattern: String },
    #[error("the pattern {pattern:?} is not a valid regular expression")]
    NotARegex {
        pattern: String,
        #[source]
        source: regex_lite::Error,
    },
}

impl PatternError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            PatternError::TooManyDots { pattern } if let Some(parts) = listed(pattern) => {
                instead_of_a_list("-t", &parts)
            }
            PatternError::TooManyDots { .. } => {
                "a schema pattern has no dot, a table pattern at most one; put a dot that is part of a name in double quotes"
                    .into()
            }
            PatternError::UnclosedQuote { .. } => {
                "write the quotes for the shell as well, such as '\"Table\"'; a quote inside a name is written twice"
                    .into()
            }
            PatternError::NotARegex { .. } => "put special characters of a name in double quotes".into(),
        })
    }
}

impl Pattern {
    /// # Errors
    /// Too many dots for the kind, a quote that stays open, or what is no regular expression.
    pub fn parse(text: &str, kind: PatternKind) -> Result<Pattern, PatternError> {
        let mut parts = translate(text)?;
        let dots_max = match kind {
            PatternKind::Schema => 0,
            PatternKind::Relation => 1,
        };
        if parts.len() > dots_max + 1 {
            return Err(PatternError::TooManyDots { pattern: text.to_owned() });
        }
        let compile = |part: String| {
            let whole = format!("^(?:{part})$");
            // A name may hold a line break, and PostgreSQL's dot covers it.
            let built = RegexBuilder::new(&whole).dot_matches_new_line(true).build();
            built.map_err(|source| PatternError::NotARegex { pattern: text.to_owned(), source })
        };
        let name = compile(parts.pop().unwrap_or_default())?;
        let schema = parts.pop().map(compile).transpose()?;
        Ok(Pattern { text: text.to_owned(), kind, schema, name })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    /// Whether a pattern for schemas covers this one. A pattern for relations covers no schema.
    pub fn matches_schema(&self, schema: &str) -> bool {
        self.kind == PatternKind::Schema && self.name.is_match(schema)
    }

    /// Whether a pattern for relations covers this one. Without a schema in the pattern, only what is visible is covered,
    /// which is `pg_dump`'s rule too.
    pub fn matches(&self, schema: &str, name: &str, visibility: Visibility) -> bool {
        let schema_fits = match &self.schema {
            Some(pattern) => pattern.is_match(schema),
            None => visibility == Visibility::Visible,
        };
        self.kind == PatternKind::Relation && schema_fits && self.name.is_match(name)
    }
}

/// Regular expressions for the parts between the dots.
fn translate(text: &str) -> Result<Vec<String>, PatternError> {
    let mut parts = vec![String::new()];
    let mut part = String::new();
    let mut in_quotes = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if in_quotes && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => in_quotes = !in_quotes,
            '$' => part.push_str("\\$"),
            _ if in_quotes => {
                if "|*+?()[]{}.^\\".contains(character) {
                    part.push('\\');
                }
                part.push(character);
            }
            '*' => part.push_str(".*"),
            '?' => part.push('.'),
            '.' => {
                parts.insert(parts.len() - 1, std::mem::take(&mut part));
            }
            // The pair stands for itself, so that array types can be named; a lone bracket opens a set.
            '[' if characters.peek() == Some(&']') => {
                characters.next();
                part.push_str("\\[\\]");
            }
            // Only ASCII, as the server folds in multi-byte encodings.
            _ => part.push(character.to_ascii_lowercase()),
        }
    }
    if in_quotes {
        return Err(PatternError::UnclosedQuote { pattern: text.to_owned() });
    }
    if let Some(last) = parts.last_mut() {
        *last = part;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::super::unmatched;
    use super::*;
    use proptest::prelude::*;

    fn covers(pattern: &str, schema: &str, name: &str) -> bool {
        Pattern::parse(pattern, PatternKind::Relation).unwrap().matches(schema, name, Visibility::Hidden)
    }

    fn schemas<'a>(pattern: &str, schemas: &[&'a str]) -> Vec<&'a str> {
        let pattern = Pattern::parse(pattern, PatternKind::Schema).unwrap();
        schemas.iter().copied().filter(|schema| pattern.matches_schema(schema)).collect()
    }

    #[test]
    fn schema_patterns_are_read_as_pg_dump_reads_them() {
        // The expected lists are pg_dump 15's, run with each pattern against a database with these schemas.
        let all =
            ["Core", "a b", "a.b", "a$b", "core", "core2", "public", "workspace_1", "workspace_22", "x\"y", "x[]"];
        let expected: [(&str, &[&str]); 14] = [
            ("core", &["core"]),
            ("CORE", &["core"]),
            ("\"Core\"", &["Core"]),
            ("core*", &["core", "core2"]),
            ("core?", &["core2"]),
            ("workspace_*", &["workspace_1", "workspace_22"]),
            ("workspace_[0-9]", &["workspace_1"]),
            ("workspace_[0-9]+", &["workspace_1", "workspace_22"]),
            ("core|public", &["core", "public"]),
            ("\"a.b\"", &["a.b"]),
            ("a$b", &["a$b"]),
            ("a\" \"b", &["a b"]),
            ("\"x\"\"y\"", &["x\"y"]),
            ("x[]", &["x[]"]),
        ];
        for (pattern, names) in expected {
            assert_eq!(schemas(pattern, &all), names, "{pattern}");
        }
    }

    const SCHEMAS: [&str; 4] = ["core", "Order Items", "workspace_1", "Core2"];

    #[test]
    fn what_is_offered_is_a_pattern_that_matches_it() {
        for (typed, name) in [
            ("croe", "core"),
            ("\"Cores\"", "core"),
            ("order itms", "Order Items"),
            ("core2", "Core2"),
            ("workspaec_1", "workspace_1"),
        ] {
            let near = unmatched::near(typed, SCHEMAS).unwrap_or_else(|| panic!("{typed}"));
            assert!(Pattern::parse(&near, PatternKind::Schema).unwrap().matches_schema(name), "{typed}: {near}");
        }
        assert_eq!(unmatched::near("elsewhere", SCHEMAS), None);
        let relations = || [("core", "users"), ("Order Items", "Line.1")].into_iter();
        for (typed, (schema, name)) in
            [("users", ("core", "users")), ("core.usres", ("core", "users")), ("line.1", ("", ""))]
        {
            let near = unmatched::near_relation(typed, relations());
            match near {
                Some(near) => {
                    let pattern = Pattern::parse(&near, PatternKind::Relation).unwrap();
                    assert!(pattern.matches(schema, name, Visibility::Hidden), "{typed}: {near}");
                }
                None => assert!(schema.is_empty(), "{typed}"),
            }
        }
    }

    #[test]
    fn a_dot_parts_schema_and_name() {
        assert!(covers("core.user", "core", "user"));
        assert!(!covers("core.user", "core", "users"));
        assert!(covers("work*.\"Order *\"", "workspace_1", "Order *"));
        assert!(!covers("work*.\"Order *\"", "workspace_1", "Order 1"));
        assert!(covers("*.*", "any", "line\nbreak"));
        assert!(covers("\"SPECIAL \"\"@/\\#~_-\".x", "SPECIAL \"@/\\#~_-", "x"));
    }

    #[test]
    fn without_a_schema_only_visible_relations_are_covered() {
        let pattern = Pattern::parse("user", PatternKind::Relation).unwrap();
        assert!(pattern.matches("public", "user", Visibility::Visible));
        assert!(!pattern.matches("core", "user", Visibility::Hidden));
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        let error = |text: &str, kind| Pattern::parse(text, kind).unwrap_err();
        assert!(matches!(error("a.b", PatternKind::Schema), PatternError::TooManyDots { .. }));
        assert!(matches!(error("a.b.c", PatternKind::Relation), PatternError::TooManyDots { .. }));
        assert!(matches!(error("\"a", PatternKind::Schema), PatternError::UnclosedQuote { .. }));
        assert!(matches!(error("a(", PatternKind::Schema), PatternError::NotARegex { .. }));
    }

    proptest! {
        /// A name in double quotes, its quotes doubled, covers exactly itself, whatever it holds.
        #[test]
        fn a_quoted_name_covers_itself_only(name in "\\PC{1,12}|[$.*?\\[\\]\"|^ a\\\\]{1,8}", other in "[$.*?\\[\\]\"|^ a\\\\]{1,8}") {
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            let pattern = Pattern::parse(&quoted, PatternKind::Schema).unwrap();
            prop_assert!(pattern.matches_schema(&name));
            prop_assert_eq!(pattern.matches_schema(&other), other == name);
        }
    }
}
