//! Settings that a server does not take.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Session, query};
use crate::split::facts::{FunctionSetting, SettingRefused};

/// `SET` clauses of the database's functions.
pub async fn function_settings(session: &Session) -> Result<Vec<FunctionSetting>, Error> {
    let sql = "SELECT p.oid, n.nspname::text || '.' || p.proname::text || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', c
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace CROSS JOIN pg_catalog.unnest(p.proconfig) c
        WHERE p.oid >= 16384 ORDER BY 2, 3";
    let setting = |row: &tokio_postgres::Row| {
        let (name, value) = row.get::<_, &str>(2).split_once('=')?;
        Some(FunctionSetting {
            function: row.get(0),
            label: row.get(1),
            name: name.to_owned(),
            value: value.to_owned(),
        })
    };
    Ok(query(session, "the settings of functions", sql).await?.iter().filter_map(setting).collect())
}

/// Values that depend on what a database holds, or on who is logged in: `ALTER ... SET` takes any of them.
const VALUE_NOT_TRIED: [&str; 8] = [
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "role",
    "search_path",
    "session_authorization",
    "temp_tablespaces",
    "timezone_abbreviations",
];

/// Tries each setting in the session, and takes it back at once: the server itself says whether it has the name, and takes the value. The
/// session must be in a transaction, which goes on.
pub async fn refused_settings(
    session: &Session,
    settings: &BTreeSet<(String, String)>,
) -> Result<BTreeMap<(String, String), SettingRefused>, Error> {
    let mut refused = BTreeMap::new();
    for (name, value) in settings {
        if let Some(why) = refusal(session, name, value).await? {
            refused.insert((name.clone(), value.clone()), why);
        }
    }
    Ok(refused)
}

/// The same in a transaction of its own.
pub async fn refused_settings_apart(
    session: &Session,
    settings: &BTreeSet<(String, String)>,
) -> Result<BTreeMap<(String, String), SettingRefused>, Error> {
    session.run("starting a transaction", "BEGIN READ ONLY").await?;
    let refused = refused_settings(session, settings).await?;
    session.run("ending a transaction", "ROLLBACK").await?;
    Ok(refused)
}

async fn refusal(session: &Session, name: &str, value: &str) -> Result<Option<SettingRefused>, Error> {
    let context = "trying a setting";
    session.run(context, "SAVEPOINT pgkeep_setting").await?;
    // A time-out might end the statement that takes it back.
    let lower = name.to_ascii_lowercase();
    let tried = if VALUE_NOT_TRIED.contains(&lower.as_str()) || lower.ends_with("_timeout") {
        session.client().query("SELECT pg_catalog.current_setting($1)", &[&name]).await
    } else {
        session.client().query("SELECT pg_catalog.set_config($1, $2, true)", &[&name, &value]).await
    };
    let tried = tried.map_err(|error| session.fault(context, error));
    session.run(context, "ROLLBACK TO SAVEPOINT pgkeep_setting; RELEASE SAVEPOINT pgkeep_setting").await?;
    let Err(error) = tried else { return Ok(None) };
    let Some(message) = error.server_message() else { return Err(error) };
    Ok(match message.sqlstate.as_str() {
        // undefined_object
        "42704" => Some(SettingRefused::Unknown),
        // invalid_parameter_value, invalid_name
        "22023" | "42602" => Some(SettingRefused::Value(message.message.clone())),
        "42501" => Some(SettingRefused::Denied),
        // Only at the start of a session, for example: ALTER ... SET takes it.
        _ => None,
    })
}
