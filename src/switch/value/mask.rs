//! A value as it may be shown.

use super::pairs;
use super::text::Text;
use crate::switch::site::Dollar;

const MASK: &str = "***";

/// How much of a value that has no known shape may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::switch) enum Shown {
    /// It is a host, a port or the name of a database.
    Known,
    /// It may be anything.
    Unknown,
}

/// The value without its passwords.
pub(in crate::switch) fn masked(raw: &str, dollar: Dollar, otherwise: Shown) -> String {
    let text = Text::new(raw, dollar);
    let scheme =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b));
    if let Some((name, _)) = raw.split_once("://").filter(|(name, _)| scheme(name)) {
        return masked_uri(&text, name.len() + 3);
    }
    if let Some(pairs) = pairs::read(&text) {
        let secret = pairs.iter().filter(|pair| is_secret(&pair.keyword)).map(|pair| (pair.range.clone(), MASK.into()));
        return super::exchanged(raw, secret.collect());
    }
    match otherwise {
        Shown::Known => raw.to_owned(),
        Shown::Unknown => MASK.to_owned(),
    }
}

fn is_secret(keyword: &str) -> bool {
    let keyword = keyword.to_ascii_lowercase();
    ["pass", "pwd", "secret", "token", "key", "auth"].iter().any(|word| keyword.contains(word))
}

/// The password is whatever stands between the first colon and the last `@`, also where that is too much.
fn masked_uri(text: &Text, begin: usize) -> String {
    let raw = text.raw;
    let at = raw[begin..].rfind('@').map(|at| begin + at);
    let mut pieces = Vec::new();
    if let Some(at) = at {
        // One in a variable's default, where there is none beside it.
        let within = || raw[begin..at].find(':').map(|colon| begin + colon);
        if let Some(colon) = text.find(begin..at, &[':']).or_else(within) {
            pieces.push((colon + 1..at, MASK.to_owned()));
        }
    }
    let options = raw[at.unwrap_or(begin)..].find('?').map_or(raw.len(), |mark| at.unwrap_or(begin) + mark + 1);
    let mut start = options;
    for option in raw[options..].split('&') {
        if let Some((keyword, value)) = option.split_once('=').filter(|(keyword, _)| is_secret(keyword)) {
            let value_start = start + keyword.len() + 1;
            pieces.push((value_start..value_start + value.len(), MASK.to_owned()));
        }
        start += option.len() + 1;
    }
    super::exchanged(raw, pieces)
}
