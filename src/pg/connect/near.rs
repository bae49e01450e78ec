//! Which database somebody has meant who names one that is not there.

use super::connect;
use crate::pg::Error;
use crate::pg::conninfo::Conninfo;
use crate::pg::raw_text::RawText;
use crate::spelling::nearest;

/// Databases that most servers have, and that most roles may enter.
const OTHERS: [&str; 2] = ["postgres", "template1"];

/// The same error; where there is no database of the name, with the nearest name that the server has.
pub async fn with_near_name(info: &Conninfo, error: Error) -> Error {
    match error {
        Error::NoSuchDatabase { endpoint, database, near: None, source } => {
            let near = near(info).await;
            Error::NoSuchDatabase { endpoint, database, near, source }
        }
        error => error,
    }
}

/// None too where nobody may ask.
async fn near(info: &Conninfo) -> Option<String> {
    for other in OTHERS {
        let Ok(session) = connect(&info.with_database(other), "pgkeep").await else { continue };
        let sql =
            "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1";
        let rows = session.raw_rows("the list of databases", sql, &[]).await.ok()?;
        let names: Vec<RawText> = rows.iter().map(|row| row.get(0)).collect();
        let near = nearest(info.database(), names.iter().filter_map(RawText::text)).map(str::to_owned);
        let _ = session.close().await;
        return near;
    }
    None
}
