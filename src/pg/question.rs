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
            FOR member IN SELECT r.rolname FROM pg_catalog.pg_roles r WHERE {ORDINARY} AND r.rolname <> '{role}' LOOP
                EXECUTE pg_catalog.format('GRANT %I TO {role}', member);
            END LOOP;
        END"
    );
    session.run("a role for assertions", &do_block(&body)).await?;
    Ok(role)
}

/// Gives the session the settings that a user of this database would have, but none by which it could write.
pub async fn prepare(session: &Session) -> Result<(), Error> {
    let settings = "RESET ALL; SET default_transaction_read_only = on; SET statement_timeout = 0";
    session.run("the session's settings", settings).await
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
