//! One key for each part: `DB_HOST`, `DB_PORT`, `DB_DATABASE`.

use super::text::Text;
use super::{Part, Scope};
use crate::switch::ValueError;

/// What a key holds, by the last word of its name.
fn part_of(key: &str) -> Option<Part> {
    let key = key.to_ascii_uppercase();
    let words: Vec<&str> = key.split(['_', '.', '-']).collect();
    let last = *words.last()?;
    let ends = |endings: &[&str]| endings.iter().any(|ending| last.ends_with(ending));
    if ends(&["PORT"]) {
        return Some(Part::Port);
    }
    if ends(&["HOST", "HOSTNAME", "HOSTADDR"]) || last == "SERVER" {
        return Some(Part::Host);
    }
    let is_name = last == "NAME" && words.iter().any(|word| ["DB", "DATABASE", "PG", "POSTGRES"].contains(word));
    (ends(&["DATABASE", "DBNAME"]) || last == "DB" || is_name).then_some(Part::Database)
}

pub(super) fn rewrite(key: &str, text: &Text, scope: &Scope) -> Result<String, ValueError> {
    let raw = text.raw;
    let change = scope.change;
    let is_word = |value: &str| !value.is_empty() && !value.contains(['/', '@', ';', '=', '?']);
    let part = match part_of(key) {
        Some(part) => part,
        None if raw == change.from || raw == change.to => Part::Database,
        None if text.is_interpolated(0..raw.len()) => Part::Value,
        None => return Err(ValueError::Unknown),
    };
    if part == Part::Value || !scope.exchanges(text, part, &(0..raw.len()))? {
        // Either refused here, or set by another rewrite.
        return scope.exchanges(text, part, &(0..raw.len())).map(|_| raw.to_owned());
    }
    match (part, scope.other_server()) {
        (Part::Host, None) => Ok(raw.to_owned()),
        (Part::Port, None) if raw.parse::<u16>().is_ok() => Ok(raw.to_owned()),
        (Part::Port, None) => Err(ValueError::Unknown),
        (Part::Port, Some((_, port))) => {
            if raw.parse::<u16>().is_err() {
                return Err(ValueError::Unknown);
            }
            Ok(port.to_string())
        }
        (Part::Host, Some((host, port))) => {
            // Some programs take the port in the same place.
            let (old, with_port) = match raw.rsplit_once(':') {
                Some((old, digits)) if digits.parse::<u16>().is_ok() && !old.contains(':') => (old, true),
                _ => (raw, false),
            };
            if !is_word(old) && !old.starts_with('/') {
                return Err(ValueError::Unknown);
            }
            scope.check_host(old, host)?;
            Ok(if with_port { format!("{host}:{port}") } else { host.to_owned() })
        }
        (Part::Database | Part::Value, _) => {
            if raw != change.from && raw != change.to && !is_word(raw) {
                return Err(ValueError::Unknown);
            }
            scope.check_database(raw)?;
            Ok(change.to.clone())
        }
    }
}
