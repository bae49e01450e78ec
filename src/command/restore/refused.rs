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
        hint: entry_hint(error).or_else(|| error.hint()),
    }
}

/// A privilege of the role that restores, whoever owns what is made.
fn is_to_be_granted(error: &pg::Error) -> bool {
    let begins = ["permission denied for database ", "permission denied for schema "];
    error.server_message().is_some_and(|said| begins.iter().any(|begin| said.message.starts_with(begin)))
}

fn entry_hint(error: &pg::Error) -> Option<String> {
    let hint = match error.sqlstate()? {
        "58P01" | "0A000" if error.server_message()?.message.contains("extension") => {
            "Install the extension's package on the target's server (Debian: postgresql-contrib, postgresql-NN-NAME)."
        }
        "42501" if is_to_be_granted(error) => {
            "Let its owner grant it (GRANT CREATE ON DATABASE, or ON SCHEMA, to the role that restores), or restore as a superuser. --no-owner and --no-acl do not help here."
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
