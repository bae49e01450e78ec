//! What a split has loaded into its target, table by table, written down in the very transaction that loads it: whatever else a table holds
//! later was not the split's. A table that is not named was not loaded, or a kill came before the end of its transaction.

use super::Error;
use super::connect::Session;
use super::ours::{self, SCHEMA};
use super::quoting::quote_literal;
use crate::stream::Digest;

/// A table with what it was loaded with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub schema: String,
    pub name: String,
    pub digest: Digest,
}

/// Makes the list, empty, beside the split's record.
pub async fn begin(session: &Session) -> Result<(), Error> {
    let sql = format!(
        "BEGIN; {}CREATE TABLE IF NOT EXISTS {SCHEMA}.loaded (schema text, name text, digest text NOT NULL, PRIMARY KEY (schema, name));
        TRUNCATE {SCHEMA}.loaded;
        {}COMMIT",
        ours::guard(SCHEMA),
        ours::closed()
    );
    let made = session.run("making the list of loaded tables", &sql).await;
    if made.is_err() {
        session.run("ending a transaction", "ROLLBACK").await?;
    }
    made
}

/// A statement for the transaction that has loaded the table.
pub fn note(schema: &str, name: &str, digest: &Digest) -> String {
    let Digest { rows, bytes, .. } = digest;
    let digest = quote_literal(&format!("{rows} {bytes} {}", digest.sum_hex()));
    let (schema, name) = (quote_literal(schema), quote_literal(name));
    format!("INSERT INTO {SCHEMA}.loaded VALUES ({schema}, {name}, {digest});\n")
}

/// All that was loaded; nothing where the list was never made.
pub async fn loaded(session: &Session) -> Result<Vec<Loaded>, Error> {
    let context = "reading the list of loaded tables";
    let there = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.loaded') IS NOT NULL");
    if !session.row(context, &there, &[]).await?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT schema, name, digest FROM ONLY {SCHEMA}.loaded ORDER BY 1, 2");
    let rows = session.rows(context, &sql, &[]).await?;
    let one = |row: &tokio_postgres::Row| {
        let digest: String = row.get(2);
        let mut parts = digest.split(' ');
        let mut number = || parts.next()?.parse().ok();
        let (rows, bytes) = (number()?, number()?);
        let sum = u128::from_str_radix(parts.next()?, 16).ok()?;
        Some(Loaded { schema: row.get(0), name: row.get(1), digest: Digest { rows, bytes, sum } })
    };
    // What cannot be read was not written by us: the table counts as one that was not loaded.
    Ok(rows.iter().filter_map(one).collect())
}
