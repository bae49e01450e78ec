//! Whoever owns a table, or its schema, can put a view in its place between our look and our reading: code of its own would run as we do
//! (CVE-2024-7348, of pg_dump). Sessions that read tables and sequences by their names read nothing else.

use super::Error;
use super::connect::Session;
use super::wire::Wire;

/// As what the setting is known; servers older than 14.13, 15.8 and 16.4 do not have it.
const SETTING: &str = "restrict_nonsystem_relation_kind";

/// A statement after which the session reads no view and no foreign table of users.
fn on() -> String {
    set("view, foreign-table", "false")
}

fn off() -> String {
    set("", "false")
}

/// The same inside a block of PL/pgSQL, around `body`. It must have no variable of the name `known`.
pub fn within(body: &str) -> String {
    let perform = |value: &str| set(value, "true").replacen("SELECT", "PERFORM", 1);
    format!("{};\n{body}\n{};", perform("view, foreign-table"), perform(""))
}

fn set(value: &str, is_local: &str) -> String {
    format!(
        "SELECT pg_catalog.set_config(known.name, '{value}', {is_local}) FROM pg_catalog.pg_settings known WHERE known.name = '{SETTING}'"
    )
}

/// For the rest of the session.
pub async fn read(session: &Session) -> Result<(), Error> {
    session.run("a setting", &on()).await
}

/// For as long as something is read; a session that reads nothing else goes on so.
pub async fn while_read<T>(session: &Session, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let context = "a setting";
    let sql = format!("SELECT coalesce(pg_catalog.current_setting('{SETTING}', true), '')");
    let before = session.texts(context, &sql, &[]).await?;
    if before.first().is_some_and(|before| !before.is_empty()) {
        return read.await;
    }
    session.run(context, &on()).await?;
    let read = read.await;
    let ended = session.run(context, &off()).await;
    // In a transaction that has failed nothing can be set, and nothing be read.
    let read = read?;
    ended.map(|()| read)
}

/// The same for a session of a worker.
pub fn while_read_by<T>(wire: &mut Wire, read: impl FnOnce(&mut Wire) -> Result<T, Error>) -> Result<T, Error> {
    let context = "a setting";
    wire.query(context, on().as_bytes())?;
    let read = read(wire)?;
    wire.query(context, off().as_bytes())?;
    Ok(read)
}

/// For the rest of a worker's session.
pub fn read_by(wire: &mut Wire) -> Result<(), Error> {
    wire.query("a setting", on().as_bytes()).map(drop)
}
