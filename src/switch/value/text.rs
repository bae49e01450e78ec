use std::ops::Range;

use crate::switch::site::Dollar;

/// A value in which `${...}` is one opaque piece: a colon or an `@` inside of it separates nothing.
pub(super) struct Text<'a> {
    pub raw: &'a str,
    /// Bytes of each variable, from `$` to its end, in their order.
    variables: Vec<Range<usize>>,
}

impl<'a> Text<'a> {
    pub fn new(raw: &'a str, dollar: Dollar) -> Self {
        let variables = match dollar {
            Dollar::Literal => Vec::new(),
            Dollar::Interpolates => find_variables(raw),
        };
        Self { raw, variables }
    }

    /// The first of these characters in a range, outside of variables.
    pub fn find(&self, range: Range<usize>, wanted: &[char]) -> Option<usize> {
        self.all(range, wanted).next()
    }

    /// All of these characters in a range, outside of variables.
    pub fn all(&self, range: Range<usize>, wanted: &[char]) -> impl DoubleEndedIterator<Item = usize> {
        let start = range.start;
        self.raw[range]
            .match_indices(wanted)
            .map(move |(at, _)| start + at)
            .filter(|at| !self.variables.iter().any(|variable| variable.contains(at)))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The names of the variables in a range; a `$` that begins no name counts as one, for it is not plain text.
    pub fn variables(&self, range: Range<usize>) -> Vec<String> {
        let within = self.variables.iter().filter(|v| v.start < range.end && range.start < v.end);
        let mut names: Vec<String> = within
            .map(|variable| {
                let name = self.raw[variable.clone()].trim_start_matches(['$', '{']);
                let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
                if end == 0 { "$".to_owned() } else { name[..end].to_owned() }
            })
            .collect();
        names.dedup();
        names
    }

    pub fn is_interpolated(&self, range: Range<usize>) -> bool {
        !self.variables(range).is_empty()
    }
}

fn find_variables(raw: &str) -> Vec<Range<usize>> {
    let bytes = raw.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'$' {
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        match bytes.get(at) {
            Some(b'{') => {
                let mut depth = 0usize;
                while let Some(byte) = bytes.get(at) {
                    at += 1;
                    match byte {
                        b'{' => depth += 1,
                        b'}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            // Compose writes a dollar as two.
            Some(b'$') => at += 1,
            _ => {
                while bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
                    at += 1;
                }
            }
        }
        found.push(start..at);
    }
    found
}
