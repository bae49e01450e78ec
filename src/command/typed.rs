//! Names as a command line takes them.

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

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_name_becomes_a_pattern_that_a_shell_passes_on() {
        assert_eq!(pattern("shop", "orders_2"), "shop.orders_2");
        assert_eq!(pattern("shop", "Order"), "'shop.\"Order\"'");
        assert_eq!(pattern("a.b", "it's \"x\""), "'\"a.b\".\"it'\\''s \"\"x\"\"\"'");
    }
}
