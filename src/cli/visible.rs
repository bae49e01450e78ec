//! Text for a terminal, in which no name can move the cursor, change a colour, or begin a line of its own.
//!
//! A name in a database holds whatever its maker likes: ESC, newlines, marks that turn the direction of writing.

use serde_json::Value;

use crate::spelling::bytes::{self, byte_of};

/// The text with its lines, and everything else that a terminal would obey spelled out: ESC as `\x1b`.
pub fn lines(text: &str) -> String {
    spelled(text, |c| c == '\n')
}

/// One line, whatever is in it.
pub fn line(text: &str) -> String {
    spelled(text, |_| false)
}

/// A report's text, whose lines are its own: where a string of the report has several, it is made one.
pub fn report(text: String, report: &Value) -> String {
    let mut names = Vec::new();
    with_controls(report, &mut names);
    // The longest first: a shorter one may be a part of it.
    names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
    names.dedup();
    lines(&names.into_iter().fold(text, |text, name| text.replace(name, &line(name))))
}

fn with_controls<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.len() > 1 && text.contains(obeyed) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| with_controls(value, found)),
        // A diff has lines of its own.
        Value::Object(values) => {
            values.iter().filter(|(key, _)| *key != "diff").for_each(|(_, value)| with_controls(value, found));
        }
        _ => {}
    }
}

/// A JSON document as it is, with what a terminal obeys and JSON lets stand spelled as JSON spells it: `\u009b`.
pub fn json(document: &str) -> String {
    let mut spelled = String::with_capacity(document.len());
    for c in document.chars() {
        match c {
            // Those below are escaped already where they are in a string, and elsewhere they are white space.
            c if byte_of(c).is_some() => spelled.push(c),
            c if c >= '\u{7f}' && obeyed(c) => spelled.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => spelled.push(c),
        }
    }
    spelled
}

/// Control characters, those that stand for bytes, line and paragraph separators, and those that turn the direction.
fn obeyed(c: char) -> bool {
    c.is_control() || byte_of(c).is_some() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn spelled(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut spelled = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if !obeyed(c) || kept(c) => spelled.push(c),
            '\n' => spelled.push_str("\\n"),
            '\t' => spelled.push_str("\\t"),
            c if byte_of(c).is_some() => spelled.push_str(&bytes::escaped(c.encode_utf8(&mut [0; 4]).as_bytes())),
            c if u32::from(c) < 0x100 => spelled.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => spelled.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_moves_the_cursor_or_begins_a_line() {
        let name = "a\u{1b}[2K\r\nerror: \u{202e}gnihton\u{9b}";
        let document = serde_json::json!({ "ok": true, "names": [{ "name": name }] });
        let text = report(format!("moved {name}\nthe end\n"), &document);
        assert_eq!(text, "moved a\\x1b[2K\\x0d\\nerror: \\u{202e}gnihton\\x9b\nthe end\n");
        // What no report has as a string of its own.
        assert_eq!(lines("x\u{1b}c\ny"), "x\\x1bc\ny");
        let document = serde_json::json!({ "name": name }).to_string();
        let spelled = json(&document);
        assert_eq!(spelled.matches(|c: char| obeyed(c)).count(), 0, "{spelled}");
        assert_eq!(serde_json::from_str::<Value>(&spelled).ok(), serde_json::from_str(&document).ok());
        assert_eq!(line("naïve 表\ty"), "naïve 表\\ty");
        // A byte of a database without an encoding; JSON has the character that stands for it.
        assert_eq!(line("caf\u{10ffe9}"), "caf\\xe9");
        assert_eq!(json("\"caf\u{10ffe9}\""), "\"caf\u{10ffe9}\"");
    }
}
