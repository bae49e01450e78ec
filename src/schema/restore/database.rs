//! The database's own entries, which name it.

use crate::schema::archive::{Entry, Kind, SqlText};
use crate::schema::lexer::{quoted, tokens};

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
