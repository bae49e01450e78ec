//! The database's own entries, which name it.

use crate::schema::archive::{Entry, Kind, SqlText};
use crate::schema::lexer::{Token, quoted, tokens};

/// Whether the entry's SQL holds the name of the dumped database.
pub(super) fn names_its_database(entry: &Entry) -> bool {
    match entry.kind {
        Kind::Database | Kind::DatabaseProperties => true,
        kind => kind.is_remark() && is_about_a_database(entry),
    }
}

pub(super) fn is_about_a_database(remark: &Entry) -> bool {
    remark.namespace.is_none() && remark.tag.starts_with("DATABASE ")
}

/// The creation for a server before 15, which knows no `LOCALE_PROVIDER`, and none but libc's: a newer pg_dump names it whatever the
/// server that it reads.
pub fn without_libc_provider(sql: &SqlText) -> SqlText {
    let bytes = sql.as_bytes();
    let tokens = tokens(bytes);
    let is_named = |three: &&[Token<'_>]| three[0].is_word("LOCALE_PROVIDER") && three[2].is_word("libc");
    let Some(named) = tokens.windows(3).find(is_named) else { return sql.clone() };
    SqlText::new([&bytes[..named[0].range.start], &bytes[named[2].range.end..]].concat())
}

/// The same SQL for a database of another name: the name follows the key word `DATABASE`.
pub(super) fn with_name(sql: &[u8], name: &str) -> SqlText {
    let tokens = tokens(sql);
    let mut renamed = Vec::with_capacity(sql.len());
    let mut copied = 0;
    for pair in tokens.windows(2) {
        if pair[0].is_word("DATABASE") && pair[1].name().is_some() {
            renamed.extend_from_slice(&sql[copied..pair[1].range.start]);
            renamed.extend_from_slice(quoted(name).as_bytes());
            copied = pair[1].range.end;
        }
    }
    renamed.extend_from_slice(&sql[copied..]);
    SqlText::new(renamed)
}
