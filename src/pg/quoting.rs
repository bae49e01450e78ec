//! Names and texts as SQL writes them.

pub use crate::spelling::sql_text as quote_literal;

/// `"a""b"`: an identifier as SQL writes it. Always quoted, so that no list of reserved words is needed.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `"schema"."name"`.
pub fn quote_relation(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// An anonymous block. Its body is a literal, which no name in it can end, as one could end dollar quotes.
pub fn do_block(body: &str) -> String {
    format!("DO {};\n", quote_literal(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted_as_postgresql_reads_them() {
        assert_eq!(quote_relation("a.b", "say \"hi\""), r#""a.b"."say ""hi""""#);
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(r"a\b"), r" E'a\\b'");
    }
}
