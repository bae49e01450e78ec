//! Names and words as a command line takes them.

use crate::spelling::bytes::is_spelled;

/// A word as a shell passes it on.
pub fn word(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.starts_with('~')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./,:@=+%~".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A relation as `-t` and `-T` take it, in a shell.
pub fn pattern(schema: &str, name: &str) -> String {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let part = |part: &str| match is_plain(part) {
        true => part.to_owned(),
        false => format!("\"{}\"", part.replace('"', "\"\"")),
    };
    let pattern = format!("{}.{}", part(schema), part(name));
    match is_plain(schema) && is_plain(name) {
        true => pattern,
        false => format!("'{}'", pattern.replace('\'', "'\\''")),
    }
}

/// Whether a terminal shows it as it is: what is copied from there, or wrapped there, is then the same. A line break would end a name in
/// the middle, and make it another's.
pub fn can_be_copied(text: &str) -> bool {
    !is_spelled(text)
        && !text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[cfg(test)]
mod tests {
    use super::{pattern, word};

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_more_in_it() {
        assert_eq!(word("file:///a/b-c"), "file:///a/b-c");
        assert_eq!(word("host=/tmp dbname=it's"), "'host=/tmp dbname=it'\\''s'");
        assert_eq!((word(""), word("~/x"), word("$HOME")), ("''".into(), "'~/x'".into(), "'$HOME'".into()));
    }

    #[test]
    fn a_name_becomes_a_pattern_that_a_shell_passes_on() {
        assert_eq!(pattern("shop", "orders_2"), "shop.orders_2");
        assert_eq!(pattern("shop", "Order"), "'shop.\"Order\"'");
        assert_eq!(pattern("a.b", "it's \"x\""), "'\"a.b\".\"it'\\''s \"\"x\"\"\"'");
    }
}
