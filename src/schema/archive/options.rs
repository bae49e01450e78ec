//! Column options that a server writes for itself, and which are no part of a definition.

use std::ops::Range;

use super::{Entry, Kind, SqlText};
use crate::schema::lexer::{Token, tokens};

/// Servers since the minor releases of November 2026 note a number of their own at each column (`pg_attver`). A pg_dump of their day leaves it
/// out; an older one takes it for the user's, writes `ALTER COLUMN ... SET (pg_attver=22160144)`, and an older server refuses that.
const OF_THE_SERVER: [&str; 1] = ["pg_attver"];

/// The entry as a pg_dump that knows the server would have written it.
pub(super) fn forget_own(entry: &mut Entry) {
    let with_columns = matches!(entry.kind, Kind::Table | Kind::ForeignTable | Kind::MaterializedView);
    let sql = entry.defn.as_bytes();
    if !with_columns || !OF_THE_SERVER.iter().any(|option| holds(sql, option.as_bytes())) {
        return;
    }
    let mut kept = Vec::with_capacity(sql.len());
    let mut copied = 0;
    for range in own_options(sql) {
        kept.extend_from_slice(&sql[copied..range.start]);
        copied = range.end;
    }
    kept.extend_from_slice(&sql[copied..]);
    entry.defn = SqlText::new(kept);
}

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// What goes: a whole statement with the end of its line, or some of its options with a comma.
fn own_options(sql: &[u8]) -> Vec<Range<usize>> {
    let tokens = tokens(sql);
    let mut ranges = Vec::new();
    for statement in tokens.split_inclusive(|token| token.is_symbol(";")) {
        let Some(options) = options_of_a_column(statement) else { continue };
        let options: Vec<&[Token<'_>]> = options.split(|token| token.is_symbol(",")).collect();
        let own: Vec<bool> = options.iter().map(|option| is_own(option)).collect();
        if own.iter().all(|own| *own) {
            let end = statement[statement.len() - 1].range.end;
            ranges.push(statement[0].range.start..end + usize::from(sql.get(end) == Some(&b'\n')));
            continue;
        }
        for (n, option) in options.iter().enumerate().filter(|(n, _)| own[*n]) {
            // With the comma behind it, or before it where it is the last.
            let range = match options.get(n + 1) {
                Some(next) => option[0].range.start..next[0].range.start,
                None => options[n - 1][options[n - 1].len() - 1].range.end..option[option.len() - 1].range.end,
            };
            ranges.push(range);
        }
    }
    ranges
}

/// What stands in the brackets of `ALTER TABLE ONLY s.t ALTER COLUMN c SET (...);`, where the statement is one of that form.
fn options_of_a_column<'t, 'a>(statement: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let opening = statement.iter().position(|token| token.is_symbol("("))?;
    let (before, after) = statement.split_at(opening);
    let alters = before.first()?.is_word("ALTER") && before.last()?.is_word("SET");
    let column =
        before.len().checked_sub(4).is_some_and(|at| before[at].is_word("ALTER") && before[at + 1].is_word("COLUMN"));
    let [_, options @ .., closing, end] = after else { return None };
    (alters && column && closing.is_symbol(")") && end.is_symbol(";") && !options.is_empty()).then_some(options)
}

fn is_own(option: &[Token<'_>]) -> bool {
    OF_THE_SERVER.iter().any(|own| option.first().is_some_and(|name| name.is_word(own)))
        && option.get(1).is_some_and(|token| token.is_symbol("="))
}

#[cfg(test)]
mod tests;
