//! `host=db port=5432 dbname=chronos`, as libpq reads it (manual, "Keyword/Value Connection Strings").

use std::ops::Range;

use super::text::Text;
use super::{Scope, exchanged};
use crate::pg::conninfo::DEFAULT_PORT;
use crate::switch::{Part, ValueError};

pub(super) struct Pair {
    pub keyword: String,
    /// Of the value with its quotes.
    pub range: Range<usize>,
    /// What the value means.
    pub value: String,
}

/// The pairs of a connection string; none where the text is something else, such as `Host=db;Database=x`.
pub(super) fn read(text: &Text) -> Option<Vec<Pair>> {
    let raw = text.raw;
    let blanks = |at: usize| raw.len() - raw[at..].trim_start().len();
    let (mut pairs, mut at) = (Vec::new(), blanks(0));
    while at < raw.len() {
        let equals = text.find(at..raw.len(), &['='])?;
        let keyword = raw[at..equals].trim_end();
        if keyword.is_empty() || !keyword.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return None;
        }
        let start = blanks(equals + 1);
        let (end, value) = take_value(text, start)?;
        pairs.push(Pair { keyword: keyword.to_owned(), range: start..end, value });
        at = blanks(end);
    }
    let known = ["host", "hostaddr", "port", "dbname", "user", "password", "service"];
    pairs.iter().any(|pair| known.contains(&pair.keyword.as_str())).then_some(pairs)
}

fn take_value(text: &Text, start: usize) -> Option<(usize, String)> {
    let raw = text.raw;
    let quoted = raw[start..].starts_with('\'');
    let mut value = String::new();
    let mut chars = raw[start..].char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((start + at + 1, value)),
            c if !quoted && c.is_whitespace() && text.find(start + at..start + at + c.len_utf8(), &[c]).is_some() => {
                return Some((start + at, value));
            }
            c => value.push(c),
        }
    }
    (!quoted).then_some((raw.len(), value))
}

pub(super) fn rewrite(text: &Text, pairs: &[Pair], scope: &Scope) -> Result<String, ValueError> {
    let one = |keyword: &str| -> Result<Option<&Pair>, ValueError> {
        let mut found = pairs.iter().filter(|pair| pair.keyword == keyword);
        let pair = found.next();
        match found.next() {
            Some(_) => Err(ValueError::Keyword { keyword: keyword.to_owned() }),
            None => Ok(pair),
        }
    };
    if one("service")?.is_some() {
        return Err(ValueError::Keyword { keyword: "service".into() });
    }
    let mut pieces = Vec::new();
    let database = one("dbname")?.ok_or(ValueError::NoDatabase)?;
    if scope.exchanges(text, Part::Database, &database.range)? {
        // A connection string in dbname counts instead of everything else.
        if database.value.contains("://") || database.value.contains('=') {
            return Err(ValueError::Unknown);
        }
        scope.check_database(&database.value)?;
        pieces.push((database.range.clone(), quoted(&scope.change.to)));
    }
    let (host, address, port) = (one("host")?, one("hostaddr")?, one("port")?);
    match (host, scope.other_server()) {
        (Some(pair), Some((new_host, new_port))) => {
            if address.is_some() {
                return Err(ValueError::Keyword { keyword: "hostaddr".into() });
            }
            if pair.value.contains(',') {
                return Err(ValueError::SeveralServers);
            }
            let host_changes = scope.exchanges(text, Part::Host, &pair.range)?;
            let mut new = quoted(new_host);
            match port {
                Some(port) if scope.exchanges(text, Part::Port, &port.range)? => {
                    pieces.push((port.range.clone(), new_port.to_string()));
                }
                None if host_changes => new += &format!(" port={new_port}"),
                _ => {}
            }
            if host_changes {
                scope.check_host(&pair.value, new_host)?;
                pieces.push((pair.range.clone(), new));
            }
        }
        (None, Some(_)) => return Err(ValueError::Keyword { keyword: "no host keyword".into() }),
        (Some(pair), None) if port.is_none() && !pair.value.contains(',') && !pair.value.starts_with(['/', '@']) => {
            if !text.is_interpolated(pair.range.clone()) {
                pieces.push((pair.range.end..pair.range.end, format!(" port={DEFAULT_PORT}")));
            }
        }
        (_, None) => {}
    }
    for (_, piece) in &pieces {
        // A value with several pairs has blanks, so one more before a port changes nothing.
        let (piece, port) = piece.split_once(" port=").unwrap_or((piece, ""));
        scope.fits(Part::Value, piece)?;
        scope.fits(Part::Port, port)?;
    }
    Ok(exchanged(text.raw, pieces))
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-.:/@%+".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
