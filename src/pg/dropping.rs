//! What is dropped, and looked at before: between the look and the drop nobody may bring anything in that nobody has seen.

use std::time::{Duration, Instant};

use super::Error;
use super::connect::Session;
use super::fence::{Attempt, Patience, lock};
use super::quoting::quote_identifier;
use super::raw_text::RawText;

const PAUSE: Duration = Duration::from_millis(50);

/// Begins a transaction in which nobody writes to those of the tables that are there, nor changes what they are. Not begun where somebody is
/// in the way.
pub async fn hold_rows(session: &Session, tables: &[(String, String)], patience: Patience) -> Result<Attempt, Error> {
    session.run("starting a transaction", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
    let attempt = lock(session, &there(session, tables).await?, "SHARE", patience).await;
    if !matches!(attempt, Ok(Attempt::Up)) {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    attempt
}

async fn there(session: &Session, tables: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = tables.iter().map(|(s, n)| (s.as_str(), n.as_str())).unzip();
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t (schema, name)
            ON t.schema = n.nspname AND t.name = c.relname WHERE c.relkind IN ('r', 'p')";
    let rows = session.rows("the list of tables", sql, &[&schemas, &names]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Nobody connects to the database any more, superusers neither. It stays so where the program is killed.
pub async fn shut(server: &Session, database: &str) -> Result<(), Error> {
    allow(server, database, "false").await
}

/// Takes [`shut`] back.
pub async fn open(server: &Session, database: &str) -> Result<(), Error> {
    allow(server, database, "true").await
}

async fn allow(server: &Session, database: &str, word: &str) -> Result<(), Error> {
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {word}", quote_identifier(database));
    server.run("who may connect to a database", &sql).await
}

/// Waits until no other session is in the session's database, and returns those that stay; the server's own workers, which the drop of a
/// database ends, are left out.
pub async fn who_stays(session: &Session, wait: Duration) -> Result<Vec<String>, Error> {
    // The owner of a process is for everybody to see; what kind it is, is not.
    let sql = "SELECT pg_catalog.format('process %s of the role %s%s', a.pid, a.usename, coalesce(' (application ' || pg_catalog.quote_literal(nullif(a.application_name, '')) || ')', ''))
        FROM pg_catalog.pg_stat_activity a WHERE a.usesysid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
          AND a.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY a.pid LIMIT 20";
    let since = Instant::now();
    loop {
        // In a transaction, a second look would see what the first has seen.
        session.run("looking for sessions", "SELECT pg_catalog.pg_stat_clear_snapshot()").await?;
        let rows = session.raw_rows("the list of sessions", sql, &[]).await?;
        if rows.is_empty() || since.elapsed() >= wait {
            return Ok(rows.iter().map(|row| row.get::<_, RawText>(0).shown()).collect());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
