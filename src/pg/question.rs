//! Questions of the operator's own to a database: SQL that must answer true.

use rand_core::{OsRng, RngCore};
use tokio_postgres::SimpleQueryMessage;

use super::Error;
use super::connect::Session;
use super::frame::ORDINARY;
use super::quoting::do_block;

/// What a statement answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    True,
    /// What it said instead, or the server's message.
    Otherwise(String),
}

/// A role for questions, which reads everything and is no superuser: a database may have a search path on which an operator of a question
/// is somebody's function. It may act as any ordinary role, so that views and functions answer it as they answer them. For a server that is
/// thrown away.
pub async fn role_for_questions(session: &Session) -> Result<String, Error> {
    let role = format!("pgkeep_asks_{:016x}", OsRng.next_u64());
    let body = format!(
        "DECLARE member pg_catalog.name; BEGIN
            CREATE ROLE {role} LOGIN BYPASSRLS IN ROLE pg_read_all_data;
            EXECUTE pg_catalog.format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO {role}', pg_catalog.current_database());
            EXECUTE pg_catalog.format('ALTER DATABASE %I CONNECTION LIMIT -1', pg_catalog.current_database());
            FOR member IN SELECT r.rolname FROM pg_catalog.pg_roles r WHERE {ORDINARY} AND r.rolname <> '{role}' LOOP
                EXECUTE pg_catalog.format('GRANT %I TO {role}', member);
            END LOOP;
        END"
    );
    session.run("a role for assertions", &do_block(&body)).await?;
    Ok(role)
}

/// Gives the session the settings that a user of this database would have, but none by which it could write, and names of the server's own
/// mean these: before each question, since what one calls may have set something.
pub async fn prepare(session: &Session) -> Result<(), Error> {
    let settings = "ROLLBACK; DISCARD ALL; SET default_transaction_read_only = on; SET statement_timeout = 0";
    for setting in settings.split("; ") {
        session.run("the session's settings", setting).await?;
    }
    drop(session.take_notices());
    let path = session.texts("the session's settings", "SHOW search_path", &[]).await?;
    let path = own_names_first(path.first().map(String::as_str).unwrap_or_default());
    session.run("the session's settings", &format!("SET search_path = {path}")).await
}

/// A search path as a session has it: `"$user", public`.
fn own_names_first(path: &str) -> String {
    let mut is_quoted = false;
    let parts = path.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    let others = parts.map(str::trim).filter(|name| !name.is_empty() && name.trim_matches('"') != "pg_catalog");
    ["pg_catalog"].into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

/// Runs one statement. An error of the server is an answer; a lost connection is not.
pub async fn ask(session: &Session, sql: &str) -> Result<Answer, Error> {
    let messages = match session.client().simple_query(sql).await {
        Ok(messages) => messages,
        Err(error) => {
            return match session.fault("an assertion", error) {
                Error::Server { source, .. } => Ok(Answer::Otherwise(source.to_string())),
                other => Err(other),
            };
        }
    };
    let rows: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    Ok(match rows[..] {
        [row] if row.len() == 1 && row.try_get(0).ok().flatten() == Some("t") => Answer::True,
        [row] if row.len() == 1 => {
            Answer::Otherwise(format!("it answers {}", row.try_get(0).ok().flatten().unwrap_or("NULL")))
        }
        [] => Answer::Otherwise("it answers with no row".into()),
        ref rows => {
            Answer::Otherwise(format!("it answers with {} rows, but must answer with one row that is true", rows.len()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::own_names_first;

    #[test]
    fn nobodys_schema_comes_before_the_servers_own() {
        assert_eq!(own_names_first("\"$user\", public"), "pg_catalog, \"$user\", public");
        assert_eq!(own_names_first("mal, pg_catalog,\"a,b\""), "pg_catalog, mal, \"a,b\"");
        assert_eq!(own_names_first("mal, \"pg_catalog\""), "pg_catalog, mal");
        assert_eq!(own_names_first(""), "pg_catalog");
    }
}
