//! What the server refuses of a restore, as it is told.

use crate::command::Error;
use crate::command::error::{Failure, FirstFailure};
use crate::pg;

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
