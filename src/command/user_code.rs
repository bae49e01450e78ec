//! Code of ordinary roles that runs as somebody else while rows are loaded. Where it runs as its owner, as it did when the rows were
//! written, there is nothing to say.

use std::collections::BTreeMap;

use super::some::some_of;
use crate::pg;
use crate::pg::catalog::{CalledByRows, ThroughRoot, called_by_rows};
use crate::pg::connect::Session;

/// So many functions are named, and of each so many tables.
const FUNCTIONS_MAX: usize = 5;
const TABLES_MAX: usize = 3;

/// What of the session's database runs as another role than its owner, where its tables are loaded by the session's role.
pub async fn of_others(
    session: &Session,
    schemas: Option<&[String]>,
    which: ThroughRoot,
) -> Result<Option<String>, pg::Error> {
    let called = called_by_rows(session, schemas, which).await?;
    Ok(as_others(&called, session.conninfo().user()))
}

/// `core.slug(text) of app as postgres (rows of core.users)`
fn as_others(called: &[CalledByRows], operator: &str) -> Option<String> {
    let mut running: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for called in called {
        let runs_as = called.table_owner.as_deref().unwrap_or(operator);
        if runs_as != called.function_owner {
            let function = format!("{} of {}", called.function, called.function_owner);
            running.entry((function, runs_as)).or_default().push(format!("{}.{}", called.schema, called.table));
        }
    }
    let told = running.into_iter().map(|((function, runs_as), tables)| {
        let tables = some_of(&tables, TABLES_MAX).unwrap_or_default();
        format!("{function} as {runs_as} (rows of {tables})")
    });
    some_of(&told.collect::<Vec<_>>(), FUNCTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(table: &str, table_owner: Option<&str>, function_owner: &str) -> CalledByRows {
        CalledByRows {
            schema: "core".into(),
            table: table.into(),
            table_owner: table_owner.map(str::to_owned),
            function: "core.f(integer)".into(),
            function_owner: function_owner.into(),
        }
    }

    #[test]
    fn code_that_runs_as_its_owner_is_not_told() {
        let own = [called("a", Some("app"), "app"), called("b", Some("app"), "app")];
        assert_eq!(as_others(&own, "postgres"), None);
    }

    #[test]
    fn tables_of_superusers_and_of_other_roles_are_told_together() {
        let mixed = [
            called("a", None, "app"),
            called("b", None, "app"),
            called("c", None, "app"),
            called("d", None, "app"),
            called("e", Some("shop"), "app"),
        ];
        let expected = "core.f(integer) of app as postgres (rows of core.a, core.b, core.c and 1 more), \
                        core.f(integer) of app as shop (rows of core.e)";
        assert_eq!(as_others(&mixed, "postgres").as_deref(), Some(expected));
    }
}
