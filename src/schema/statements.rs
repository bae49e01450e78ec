//! A file of SQL cut into its statements.

use super::lexer::tokens;

/// One statement, without its semicolon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The comment line (`-- name`) before it; the beginning of its first line where there is none.
    pub name: String,
    pub sql: String,
}

const NAME_CHARS_MAX: usize = 72;

/// All statements of the text, in order. Semicolons in strings, quoted names, comments and bodies in dollar quotes do not count.
pub fn statements(text: &str) -> Vec<Statement> {
    let tokens = tokens(text.as_bytes());
    let mut statements = Vec::new();
    let mut end_of_last = 0;
    for part in tokens.split(|token| token.is_symbol(";")) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
        let (start, end) = (first.range.start, last.range.end);
        let sql = text.get(start..end).unwrap_or_default().to_owned();
        let before = text.get(end_of_last..start).unwrap_or_default();
        let comment = before.lines().rev().find_map(|line| line.trim().strip_prefix("--"));
        let name = comment.map(str::trim).filter(|name| !name.is_empty());
        let name =
            name.unwrap_or_else(|| sql.lines().next().unwrap_or_default()).chars().take(NAME_CHARS_MAX).collect();
        statements.push(Statement { name, sql });
        end_of_last = end;
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(String, String)> {
        statements(text).into_iter().map(|statement| (statement.name, statement.sql)).collect()
    }

    #[test]
    fn statements_end_at_semicolons_that_are_none_of_a_string() {
        let text = "-- orders are there\nSELECT count(*) > 0 FROM orders;\n\n  select ';' = $a$;$a$ and \";\" is null -- ; no\n;;";
        let expected = [
            ("orders are there", "SELECT count(*) > 0 FROM orders"),
            ("select ';' = $a$;$a$ and \";\" is null", "select ';' = $a$;$a$ and \";\" is null"),
        ];
        assert_eq!(cut(text), expected.map(|(name, sql)| (name.to_owned(), sql.to_owned())));
        assert_eq!(cut("-- nothing\n;\n/* select 1; */"), []);
    }

    #[test]
    fn the_last_comment_before_a_statement_names_it() {
        let text = "-- a heading\n\n-- no order without a customer\nselect true;select\nfalse";
        let expected = [("no order without a customer", "select true"), ("select", "select\nfalse")];
        assert_eq!(cut(text), expected.map(|(name, sql)| (name.to_owned(), sql.to_owned())));
    }
}
