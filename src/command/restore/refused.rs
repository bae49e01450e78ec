//! What the server refuses of a restore, as it is told.

use crate::command::Error;
use crate::command::error::{Failure, FirstFailure};
use crate::pg;
use crate::pg::catalog::quote_identifier;
use crate::schema::restore::{Moved, RestorePlan, Step};

/// What the server refused, as the run's error.
pub fn refused(failures: Vec<Failure>) -> Error {
    Error::Entries { first: FirstFailure(failures.clone()), failures, skipped: Vec::new(), warnings: Vec::new() }
}

/// An entry's failure as it is reported.
pub fn failure(entry: &str, error: &pg::Error) -> Failure {
    let message =
        error.server_message().map_or_else(|| error.to_string(), |m| format!("{}: {}", m.severity, m.message));
    Failure {
        entry: entry.to_owned(),
        message,
        sqlstate: error.sqlstate().map(str::to_owned),
        hint: entry_hint(entry, error).or_else(|| error.hint()),
    }
}

/// The same of a step of the plan: what it misses may be an extension's that lies elsewhere in the target.
pub fn failure_of(step: &Step, plan: &RestorePlan, error: &pg::Error) -> Failure {
    let failure = failure(&step.label, error);
    let moved = plan.moved.get(&step.dump_id).filter(|_| is_not_found(error));
    match moved.and_then(|moved| moved_hint(moved, &failure.message)) {
        Some(hint) => Failure { hint: Some(hint), ..failure },
        None => failure,
    }
}

/// undefined_table, undefined_function, undefined_object
const NOT_FOUND: [&str; 3] = ["42P01", "42883", "42704"];

pub fn is_not_found(error: &pg::Error) -> bool {
    error.sqlstate().is_some_and(|code| NOT_FOUND.contains(&code))
}

/// duplicate_object, duplicate_schema: what needs it finds it. A relation or a function of that name is somebody else's.
pub fn is_there(error: &pg::Error) -> bool {
    matches!(error.sqlstate(), Some("42710" | "42P06"))
}

/// Of the extensions that are elsewhere, the one in whose former schema something is missed.
fn moved_hint(moved: &[Moved], message: &str) -> Option<String> {
    let named = |moved: &&Moved| message.contains(&format!("{}.", moved.was_in));
    let Moved { extension, is_in, was_in } = moved.iter().find(named)?;
    let move_it = format!("ALTER EXTENSION {} SET SCHEMA {}", quote_identifier(extension), quote_identifier(was_in));
    Some(format!(
        "The extension {extension} is in the schema {is_in} of the target, and the snapshot's definitions look for it in {was_in}: `{move_it};` there first, or drop it where nothing uses it, and the restore makes it in {was_in}. Then restore into an empty database again."
    ))
}

/// A privilege of the role that restores, whoever owns what is made.
fn is_to_be_granted(error: &pg::Error) -> bool {
    let begins = ["permission denied for database ", "permission denied for schema "];
    error.server_message().is_some_and(|said| begins.iter().any(|begin| said.message.starts_with(begin)))
}

const SUBSCRIPTION: &str = "Only a superuser makes subscriptions; since PostgreSQL 16 also a member of pg_create_subscription that has CREATE on the database, where the connection string has a password. -n '*' restores all schemas and leaves subscriptions out.";

fn entry_hint(entry: &str, error: &pg::Error) -> Option<String> {
    let hint = match error.sqlstate()? {
        "58P01" | "0A000" if error.server_message()?.message.contains("extension") => {
            "Install the extension's package on the target's server (Debian: postgresql-contrib, postgresql-NN-NAME)."
        }
        "42501" if is_to_be_granted(error) && !entry.starts_with("ACL ") => {
            "Let its owner grant it (GRANT CREATE ON DATABASE, or ON SCHEMA, to the role that restores), or restore as a superuser. --no-owner and --no-acl do not help here."
        }
        "42501" | "2F003" if error.server_message()?.message.contains("subscription") => SUBSCRIPTION,
        // Of a role that is no superuser, a connection string without a password.
        "2F003" if entry.starts_with("SUBSCRIPTION ") => SUBSCRIPTION,
        "42501" if entry.starts_with("EVENT TRIGGER ") => {
            "Only a superuser makes event triggers. -n '*' restores all schemas and leaves event triggers out."
        }
        "42501" => "Restore as a superuser, or as an ordinary role with --no-owner --no-acl if the objects allow it.",
        "42704" => {
            "An object that the entry needs is missing: a role (--map-role, --no-owner), a type, or an object of an extension."
        }
        "23503" => {
            "Rows refer to rows that do not exist: the source was inconsistent, or the selection leaves the other table out."
        }
        _ => return None,
    };
    Some(hint.into())
}
