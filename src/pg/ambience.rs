//! What a session of a database has by itself, where nobody pins anything.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::SimpleQueryMessage;

use super::Error;
use super::connect::{Session, connect_as_user, settings};
use super::conninfo::Conninfo;
use super::wire::Wire;

/// What code of a database heeds beyond what it is given: what a day is, how a number or a month is written, how text is searched.
pub const HEEDED_BY_CODE: [&str; 4] = ["TimeZone", "default_text_search_config", "lc_numeric", "lc_time"];

/// What shapes the text of rows where nothing is pinned, and has no value that all servers begin with.
pub const SHAPES_ROWS: [&str; 2] = ["TimeZone", "lc_monetary"];

/// Those of both lists, as a session of this role has them. Opens one.
pub async fn of(info: &Conninfo) -> Result<BTreeMap<String, String>, Error> {
    let session = connect_as_user(info, "pgkeep settings").await?;
    let names: BTreeSet<&str> = HEEDED_BY_CODE.iter().chain(&SHAPES_ROWS).copied().collect();
    // The database may have a path on which anything means something else: nothing here is looked up by one.
    let setting = |name: &&str| format!("pg_catalog.current_setting('{name}')");
    let sql = format!("SELECT {}", names.iter().map(setting).collect::<Vec<_>>().join(", "));
    let messages = session.client().simple_query(&sql).await;
    let messages = messages.map_err(|error| session.fault("the session's settings", error))?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let value = |(at, name): (usize, &&str)| Some(((*name).to_owned(), row?.try_get(at).ok().flatten()?.to_owned()));
    let found = names.iter().enumerate().filter_map(value).collect();
    session.close().await?;
    Ok(found)
}

/// Every time zone that the server knows.
pub async fn zones(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "SELECT name FROM pg_catalog.pg_timezone_names WHERE name NOT LIKE 'posix%' ORDER BY 1";
    let rows = session.rows("the list of time zones", sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Sets settings for the rest of the session.
pub fn statement(settings: &[(String, String)]) -> Option<String> {
    let calls: Vec<String> = settings.iter().map(|(name, value)| settings::set_config(name, value)).collect();
    (!calls.is_empty()).then(|| format!("SELECT {};", calls.join(", ")))
}

/// The same over a connection that moves rows.
pub fn set(wire: &mut Wire, settings: &[(String, String)]) -> Result<(), Error> {
    statement(settings).map_or(Ok(()), |sql| wire.execute("the session's settings", sql.as_bytes()))
}
