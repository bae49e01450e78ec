//! `.env` files: `KEY=value`, one a line. Their readers differ (Compose, `docker run --env-file`, systemd, dotenv
//! libraries, a shell), so what they read differently is refused where it matters, and passed over elsewhere.

use std::ops::Range;
use std::path::Path;

use super::SwitchError;
use super::rewrite::is_key;
use super::site::{Dollar, Site, Style, line_of};

/// An assignment of any key.
struct Assignment<'a> {
    key: &'a str,
    line: usize,
    value: Value,
}

enum Value {
    Plain(Range<usize>),
    /// Within its quotes.
    Quoted(char, Range<usize>),
    /// Something follows the closing quote, or there is none.
    Malformed,
}

/// The one place where a key is set.
///
/// # Errors
/// The key is missing, is set twice, or its value cannot be told.
pub(super) fn locate(path: &Path, text: &str, key: &str) -> Result<Site, SwitchError> {
    let assignments = read(text);
    let mut found = assignments.iter().filter(|assignment| assignment.key == key);
    let Some(first) = found.next() else {
        let keys = assignments.iter().map(|assignment| assignment.key);
        return Err(SwitchError::no_key(path, key, keys, Vec::new()));
    };
    if let Some(second) = found.next() {
        return Err(SwitchError::Twice {
            path: path.to_owned(),
            key: key.to_owned(),
            first: first.line,
            second: second.line,
        });
    }
    let unwritable =
        |what| SwitchError::Unwritable { path: path.to_owned(), line: first.line, key: key.to_owned(), what };
    let (style, value) = match &first.value {
        Value::Plain(range) => (Style::Plain, range.clone()),
        Value::Quoted(quote, range) => (if *quote == '\'' { Style::Single } else { Style::Double }, range.clone()),
        Value::Malformed => return Err(unwritable("has quotes that do not enclose the whole value")),
    };
    if text[value.clone()].contains('\n') {
        return Err(unwritable("has a value of several lines"));
    }
    let quote = usize::from(style != Style::Plain);
    Ok(Site {
        path: key.to_owned(),
        services: Vec::new(),
        line: first.line,
        token: value.start - quote..value.end + quote,
        value,
        style,
        dollar: if style == Style::Single { Dollar::Literal } else { Dollar::Interpolates },
        lead: String::new(),
    })
}

fn read(text: &str) -> Vec<Assignment<'_>> {
    let mut assignments = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let mut next = end + 1;
        if let Some((key, begin)) = key_of(text, at..end) {
            let (value, value_end) = value_at(text, begin, end);
            next = next.max(text[value_end..].find('\n').map_or(text.len(), |end| value_end + end + 1));
            assignments.push(Assignment { key, line: line_of(text, at), value });
        }
        at = next;
    }
    assignments
}

/// The key of a line, and where what follows its `=` begins.
fn key_of(text: &str, line: Range<usize>) -> Option<(&str, usize)> {
    let (left, _) = text[line.clone()].split_once('=')?;
    let name = left.trim();
    let name = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name).trim();
    is_key(name).then_some((name, line.start + left.len() + 1))
}

/// The value that begins here, and where it ends. A quoted one may go on in the next lines.
fn value_at(text: &str, begin: usize, line_end: usize) -> (Value, usize) {
    let line = text[begin..line_end].trim_end_matches('\r');
    let start = begin + line.len() - line.trim_start_matches([' ', '\t']).len();
    let rest = &text[start..begin + line.len()];
    let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        // A "#" begins a comment where a blank stands before it.
        let comment = rest
            .char_indices()
            .find(|(at, c)| *c == '#' && (if *at == 0 { start > begin } else { rest[..*at].ends_with([' ', '\t']) }));
        let value = rest[..comment.map_or(rest.len(), |(at, _)| at)].trim_end_matches([' ', '\t']);
        return (Value::Plain(start..start + value.len()), line_end);
    };
    let mut escaped = false;
    for (at, c) in text[start + 1..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => {
                let end = start + 1 + at;
                let after = text[end + 1..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
                let closed = after.trim_start_matches([' ', '\t']);
                // `"value"#x` is a comment for some and part of the value for others.
                let is_end = closed.is_empty() || (closed.starts_with('#') && closed.len() < after.len());
                let value = if is_end { Value::Quoted(quote, start + 1..end) } else { Value::Malformed };
                return (value, end + 1);
            }
            _ => {}
        }
    }
    // Not closed to the end of the file: the quote is a letter of this line, for most readers.
    (Value::Malformed, line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<&str, SwitchError> {
        locate(Path::new(".env"), text, "KEY").map(|site| &text[site.value])
    }

    #[test]
    fn values_are_found_as_their_readers_find_them() {
        for (text, expected) in [
            ("KEY=value", "value"),
            ("KEY=value\n", "value"),
            ("A=b\r\nKEY=value\r\nC=d\r\n", "value"),
            ("\u{feff}KEY=value\n", "value"),
            ("  export\tKEY=value  # why\n", "value"),
            ("export KEY='a b' # why", "a b"),
            ("KEY = \"a # b\"\t#c\r\n", "a # b"),
            ("KEY=a#b", "a#b"),
            ("KEY=", ""),
            ("KEY= # nothing", ""),
            ("KEY=''", ""),
            ("KEY=a=b c", "a=b c"),
            (r#"KEY="a\"b""#, r#"a\"b"#),
            (r"KEY='a\'", r"a\"),
            ("#KEY=old\nKEY=new", "new"),
            ("PEM=\"-----\nKEY=inside\n-----\"\nKEY=value", "value"),
            ("A='tis\nKEY=value", "value"),
            ("MY_KEY=x\nKEY=value\nKEY2=y", "value"),
        ] {
            assert_eq!(value(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for (text, part) in [
            ("KEY=a\n\nKEY=b", "sets KEY twice, in line 1 and in line 3"),
            ("KEY='a'b", "line 1: KEY has quotes that do not enclose"),
            ("A=1\nKEY=\"a", "line 2: KEY has quotes that do not enclose"),
            ("KEY='a\nb'", "line 1: KEY has a value of several lines"),
            ("# KEY=a", ".env has no KEY"),
        ] {
            let error = value(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_missing_key_is_told_with_the_nearest_one() {
        let error = locate(Path::new(".env"), "DB_HOST=a\nDB_DATABASE=b\n", "DB_DATABSE").unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("Did you mean DB_DATABASE?"));
    }
}
