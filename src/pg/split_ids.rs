//! The splits that a source database is in, by the random id that the target and the operator's host know as well: a small table beside
//! the fence, gone with the last of them.

use super::Error;
use super::connect::Session;
use super::ours::{self, SCHEMA, Stranger};
use super::quoting::quote_literal;

/// Writes the id down, durably, in a schema that is ours; nothing is written where it is not, and who is in the way is returned.
pub async fn enter(session: &Session, id: &str, target: &str) -> Result<Vec<Stranger>, Error> {
    let context = "writing a split's id down";
    let make = format!(
        "BEGIN; SET LOCAL synchronous_commit = on;
        {}
        {}
        {}",
        ours::schema(),
        ours::closed_table(
            "splits",
            "id text PRIMARY KEY, target text NOT NULL, began timestamptz NOT NULL DEFAULT pg_catalog.now()"
        ),
        ours::closed()
    );
    let written = async {
        session.run(context, &make).await?;
        let strangers = ours::strangers(session).await?;
        if strangers.is_empty() {
            let (id, target) = (quote_literal(id), quote_literal(target));
            session.run(
                context,
                &format!(
                    "INSERT INTO {SCHEMA}.splits (id, target) VALUES ({id}, {target}) ON CONFLICT DO NOTHING; COMMIT"
                ),
            )
            .await?;
        }
        Ok(strangers)
    };
    match written.await {
        Ok(strangers) if strangers.is_empty() => Ok(strangers),
        ended => {
            session.run("ending a transaction", "ROLLBACK").await?;
            ended
        }
    }
}

/// Whether the session's database is in this split.
pub async fn knows(session: &Session, id: &str) -> Result<bool, Error> {
    if !exists(session).await? {
        return Ok(false);
    }
    let sql = format!("SELECT EXISTS (SELECT FROM {SCHEMA}.splits WHERE id = $1)");
    let row = session.client().query_one(&sql, &[&id]).await;
    Ok(row.map_err(|error| session.fault("looking for a split's id", error))?.get(0))
}

/// Whether what is in our schema is of this split alone: no other split is known, and the database is no other split's target.
pub async fn is_alone(session: &Session, id: &str) -> Result<bool, Error> {
    let sql = format!(
        "SELECT NOT EXISTS (SELECT FROM {SCHEMA}.splits WHERE id <> $1) AND pg_catalog.to_regclass('{SCHEMA}.state') IS NULL"
    );
    Ok(session.row("looking for other splits", &sql, &[&id]).await?.get(0))
}

/// The splits that this database is in: their ids, and the names that their new databases had when they were written down.
pub async fn all(session: &Session) -> Result<Vec<(String, String)>, Error> {
    if !exists(session).await? {
        return Ok(Vec::new());
    }
    let rows = session
        .rows("the splits of a database", &format!("SELECT id, target FROM {SCHEMA}.splits ORDER BY began"), &[])
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The names of the new databases alone.
pub async fn targets(session: &Session) -> Result<Vec<String>, Error> {
    Ok(all(session).await?.into_iter().map(|(_, target)| target).collect())
}

/// The id goes, and with the last one the table; and the schema, where nothing else is in it.
pub async fn forget(session: &Session, id: &str) -> Result<(), Error> {
    if !exists(session).await? {
        return Ok(());
    }
    let id = quote_literal(id);
    let body = format!(
        "BEGIN
            DELETE FROM {SCHEMA}.splits WHERE id = {id};
            IF NOT EXISTS (SELECT FROM {SCHEMA}.splits) THEN DROP TABLE {SCHEMA}.splits; END IF;
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{SCHEMA}')
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '{SCHEMA}') THEN
                DROP SCHEMA {SCHEMA};
            END IF;
        END"
    );
    session.run("forgetting a split's id", &format!("DO {}", quote_literal(&body))).await
}

async fn exists(session: &Session) -> Result<bool, Error> {
    let sql =
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'pgkeep_split' AND c.relname = 'splits' AND c.relkind = 'r')";
    let row = session.client().query_one(sql, &[]).await;
    Ok(row.map_err(|error| session.fault("looking for a split's id", error))?.get(0))
}
