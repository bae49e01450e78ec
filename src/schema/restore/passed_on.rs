//! A privilege that its holder gave to others (`WITH GRANT OPTION`) is given again by that role, which must find the object by its name.
//! It need not be able to any more: who passed something on may have lost USAGE of the schema since.

use super::roles::session_roles;
use super::{RoleMap, Step};
use crate::schema::archive::{Entry, Kind, SqlText};
use crate::schema::lexer::quoted;
use crate::spelling::sql_text;

/// Gives each such role the names of the schema for as long as the step takes, where it does not have them.
pub(super) fn lend_names(entry: &Entry, roles: &RoleMap, step: &mut Step) {
    let Some(schema) = entry.namespace.as_deref().filter(|_| entry.kind == Kind::Acl) else { return };
    for (n, role) in session_roles(entry).iter().enumerate() {
        let role = roles.name(role);
        let setting = format!("'pgkeep.passed_on_{n}'");
        let (privilege, holder) = (format!("USAGE ON SCHEMA {}", quoted(schema)), quoted(role));
        let lacks = format!("NOT pg_catalog.has_schema_privilege({}, {}, 'USAGE')", sql_text(role), sql_text(schema));
        let lend = format!(
            "BEGIN PERFORM pg_catalog.set_config({setting}, 'no', true);
                IF {lacks} THEN GRANT {privilege} TO {holder}; PERFORM pg_catalog.set_config({setting}, 'yes', true); END IF; END"
        );
        let take_back = format!(
            "BEGIN IF pg_catalog.current_setting({setting}) = 'yes' THEN REVOKE {privilege} FROM {holder}; END IF; END"
        );
        step.statements.insert(0, block(&lend));
        step.statements.push(block(&take_back));
    }
}

fn block(body: &str) -> SqlText {
    SqlText::new(format!("DO {};\n", sql_text(body)))
}
