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

/// Against whom a property closes a database. A restore that is under way would be in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// A connection limit binds whoever is no superuser.
    OrdinaryRoles,
    /// A template is dropped by nobody, and what allows no connections lets nobody in.
    All,
}

/// Against whom the statement closes the database, if it does.
pub fn closing(statement: &str) -> Option<Closing> {
    let tokens = tokens(statement.as_bytes());
    if tokens.len() < 4 || !tokens[0].is_word("ALTER") || !tokens[1].is_word("DATABASE") {
        return None;
    }
    let property = tokens.iter().skip(3).find(|token| !token.is_word("WITH"))?;
    match () {
        () if property.is_word("CONNECTION") => Some(Closing::OrdinaryRoles),
        () if property.is_word("IS_TEMPLATE") || property.is_word("ALLOW_CONNECTIONS") => Some(Closing::All),
        () => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_and_a_template_close_a_database_and_settings_do_not() {
        assert_eq!(closing("ALTER DATABASE \"a b\" CONNECTION LIMIT = 0"), Some(Closing::OrdinaryRoles));
        for statement in ["ALTER DATABASE d IS_TEMPLATE = true", "alter database d with allow_connections false"] {
            assert_eq!(closing(statement), Some(Closing::All));
        }
        let open = [
            "ALTER DATABASE d SET work_mem TO '1MB'",
            "ALTER DATABASE connection OWNER TO is_template",
            "ALTER ROLE d IN DATABASE is_template SET work_mem TO '1MB'",
            "COMMENT ON DATABASE d IS 'CONNECTION LIMIT'",
        ];
        assert!(open.iter().all(|statement| closing(statement).is_none()));
    }
}
