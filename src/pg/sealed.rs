//! What the moved schemas were when their source was sealed, written down beside the fence in the seal's own transaction.
//!
//! Between the last look inside the transaction and the writing down somebody may commit a change, which is then written down as if it had
//! moved. So the seal looks once more after it, through another session, which sees what others have committed and nothing of the seal's own:
//! see `command/split/sealing.rs`. Whatever is committed after that look is not what was written down.

use super::Error;
use super::catalog::{Scope, fingerprint_rows, in_words};
use super::connect::Session;
use super::fence::SCHEMA;
use super::ours;

async fn run(session: &Session, context: &str, sql: &str) -> Result<(), Error> {
    session.client().batch_execute(sql).await.map_err(|error| session.fault(context, error))
}

/// Writes it down, in the session's transaction.
pub async fn note(session: &Session, scope: &Scope) -> Result<(), Error> {
    let context = "writing down what is sealed";
    let make = format!(
        "{}CREATE TABLE IF NOT EXISTS {SCHEMA}.sealed (catalog smallint, class oid, object oid, one bigint, other bigint);
        TRUNCATE {SCHEMA}.sealed;
        {}",
        ours::guard(SCHEMA),
        ours::closed()
    );
    run(session, context, &make).await?;
    let sql = format!("INSERT INTO {SCHEMA}.sealed {}", fingerprint_rows(session).await?);
    let [one, other] = scope.seeds;
    let noted = session.client().execute(&sql, &[&scope.spaces, &scope.single, &one, &other]).await;
    noted.map(drop).map_err(|error| session.fault(context, error))
}

/// What is not as it was sealed, in words, sorted: made, changed or gone. Nothing where nobody wrote it down.
pub async fn changed(session: &Session, scope: &Scope) -> Result<Vec<String>, Error> {
    let context = "looking for what changed in the old place";
    let failed = |error| session.fault(context, error);
    let there = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.sealed') IS NOT NULL");
    if !session.client().query_one(&there, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT class, object FROM ({}) AS now (catalog, class, object, one, other)
        FULL JOIN {SCHEMA}.sealed AS sealed USING (catalog, class, object)
        WHERE (now.one, now.other) IS DISTINCT FROM (sealed.one, sealed.other) ORDER BY 1, 2",
        fingerprint_rows(session).await?
    );
    let [one, other] = scope.seeds;
    let rows = session.client().query(&sql, &[&scope.spaces, &scope.single, &one, &other]).await.map_err(failed)?;
    let objects: Vec<(u32, u32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    in_words(session, &objects, |_, _| None).await
}
