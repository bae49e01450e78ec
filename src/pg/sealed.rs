//! What the moved schemas were at one moment, written down in our schema: the old ones beside the fence, in the seal's own transaction, the new
//! ones when they were proven.
//!
//! Between the last look inside the transaction and the writing down somebody may commit a change, which is then written down as if it had
//! moved. So the seal looks once more after it, through another session, which sees what others have committed and nothing of the seal's own:
//! see `command/split/sealing.rs`. Whatever is committed after that look is not what was written down.

use super::Error;
use super::catalog::{Scope, fingerprint_rows, in_words};
use super::connect::Session;
use super::ours::{self, SCHEMA};

/// What was written down, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The old place, as it was sealed.
    Sealed,
    /// The new place, as it was proven.
    Proven,
}

impl Noted {
    const fn table(self) -> &'static str {
        match self {
            Noted::Sealed => "sealed",
            Noted::Proven => "proven",
        }
    }
}

/// Writes it down, in the session's transaction where it has one.
pub async fn note(session: &Session, noted: Noted, scope: &Scope) -> Result<(), Error> {
    let context = "writing down what there is";
    let table = noted.table();
    let make = format!(
        "{}CREATE TABLE IF NOT EXISTS {SCHEMA}.{table} (catalog smallint, class oid, object oid, one bigint, other bigint);
        TRUNCATE {SCHEMA}.{table};
        {}",
        ours::guard(SCHEMA),
        ours::closed()
    );
    session.run(context, &make).await?;
    let sql = format!("INSERT INTO {SCHEMA}.{table} {}", fingerprint_rows(session).await?);
    let [one, other] = scope.seeds;
    let noted = session.client().execute(&sql, &[&scope.spaces, &scope.single, &one, &other]).await;
    noted.map(drop).map_err(|error| session.fault(context, error))
}

/// What is not as it was written down, in words, sorted: made, changed or gone. Nothing where nobody wrote it down.
pub async fn changed(session: &Session, noted: Noted, scope: &Scope) -> Result<Vec<String>, Error> {
    let context = "looking for what changed since";
    let table = noted.table();
    let failed = |error| session.fault(context, error);
    let there = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.{table}') IS NOT NULL");
    if !session.client().query_one(&there, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT class, object FROM ({}) AS now (catalog, class, object, one, other)
        FULL JOIN {SCHEMA}.{table} AS noted USING (catalog, class, object)
        WHERE (now.one, now.other) IS DISTINCT FROM (noted.one, noted.other) ORDER BY 1, 2",
        fingerprint_rows(session).await?
    );
    let [one, other] = scope.seeds;
    let rows = session.client().query(&sql, &[&scope.spaces, &scope.single, &one, &other]).await.map_err(failed)?;
    let objects: Vec<(u32, u32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    in_words(session, &objects, |_, _| None).await
}
