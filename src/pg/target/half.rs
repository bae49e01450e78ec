//! The comment of a database that a restore has made, until that restore comes to its end. Whoever owns the database can write it as well:
//! it is good for a hint, and decides nothing.

use super::super::Error;
use super::super::connect::Session;
use super::super::quoting::{quote_identifier, quote_literal};

const BEGINS: &str = "pgkeep: what a restore has not come to the end of: snapshot ";
/// More than an id's.
const ID_BYTES_MAX: usize = 64;

const COMMENT: &str = "SELECT pg_catalog.shobj_description(d.oid, 'pg_database'), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
    FROM pg_catalog.pg_database d WHERE d.datname = $1";

async fn comment(session: &Session, database: &str) -> Result<(Option<String>, i64), Error> {
    let rows = session.rows("the comment of the database", COMMENT, &[&database]).await?;
    Ok(rows.first().map_or((None, 0), |row| (row.get(0), row.get(1))))
}

async fn write(session: &Session, database: &str, comment: Option<&str>) -> Result<(), Error> {
    let comment = comment.map_or_else(|| "NULL".to_owned(), quote_literal);
    let sql = format!("COMMENT ON DATABASE {} IS {comment}", quote_identifier(database));
    session.run("the comment of the database", &sql).await
}

/// Puts the mark in the place of the comment, which comes back.
pub async fn mark(session: &Session, database: &str, snapshot: &str) -> Result<Option<String>, Error> {
    let (before, _) = comment(session, database).await?;
    write(session, database, Some(&format!("{BEGINS}{snapshot}"))).await?;
    Ok(before)
}

/// The comment again, where the mark is still there: somebody may have written another one meanwhile.
pub async fn unmark(session: &Session, database: &str, before: Option<&str>) -> Result<(), Error> {
    let (now, _) = comment(session, database).await?;
    if now.is_some_and(|now| now.starts_with(BEGINS)) {
        write(session, database, before).await?;
    }
    Ok(())
}

/// A database that bears the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    pub snapshot: String,
    /// How many are connected to it, the restore itself among them if it goes on.
    pub sessions: u64,
}

pub async fn half(session: &Session, database: &str) -> Result<Option<Half>, Error> {
    let (comment, sessions) = comment(session, database).await?;
    let snapshot = comment.as_deref().and_then(|comment| comment.strip_prefix(BEGINS));
    let is_id = |text: &&str| text.len() <= ID_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok(snapshot
        .filter(is_id)
        .map(|snapshot| Half { snapshot: snapshot.to_owned(), sessions: u64::try_from(sessions).unwrap_or_default() }))
}
