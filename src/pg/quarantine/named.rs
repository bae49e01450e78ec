//! That a name means the schema that it should. Whoever owns two schemas can exchange their names at any moment, and no lock on a table keeps
//! that from happening; so what is renamed or dropped by name is compared with its OID inside the transaction, once nobody else can rename it.

use super::Renamed;
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::quoting::{do_block, quote_identifier, quote_literal};

/// A schema, and the name that it has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub oid: u32,
    pub name: String,
}

/// OIDs of schemas, by their names and in their order; 0 for one that is not there.
pub async fn oids(session: &Session, schemas: &[String]) -> Result<Vec<u32>, Error> {
    let sql = "SELECT coalesce(n.oid, 0) FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS s (name, place)
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = s.name ORDER BY s.place";
    let rows = session.rows("the list of schemas", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What schemas are called now, by their OIDs and in their order; none for one that is gone.
pub async fn names(session: &Session, oids: &[u32]) -> Result<Vec<Option<String>>, Error> {
    let sql = "SELECT n.nspname::text FROM pg_catalog.unnest($1::oid[]) WITH ORDINALITY AS s (id, place)
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = s.id ORDER BY s.place";
    let rows = session.rows("the list of schemas", sql, &[&oids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// In a transaction: from here to its end nobody else gives the schemas other names, or their names to others; what is in them can be used.
/// Names that mean another schema come back, and then the transaction must not be committed.
///
/// PostgreSQL has no lock for that: a schema that is renamed, and back again, has a row of the transaction's own in the catalog, and others who
/// want to change that wait for its end. The name in between is one that nobody foresees.
pub(super) async fn keep(session: &Session, schemas: &[Named]) -> Result<Vec<String>, Error> {
    for Named { name, .. } in schemas {
        let literal = quote_literal(name);
        let there_and_back = do_block(&format!(
            "DECLARE aside text := 'pgkeep_' || pg_catalog.gen_random_uuid(); BEGIN
                EXECUTE pg_catalog.format('ALTER SCHEMA %I RENAME TO %I', {literal}, aside);
                EXECUTE pg_catalog.format('ALTER SCHEMA %I RENAME TO %I', aside, {literal});
            END"
        ));
        if !found(session.run("keeping the old schemas' names", &there_and_back).await)? {
            return Ok(vec![name.clone()]);
        }
    }
    others(session, schemas).await
}

/// In a transaction: gives the schemas their other names. Old names that mean another schema come back, as from [`keep`].
pub(super) async fn rename(session: &Session, schemas: &[(u32, Renamed)]) -> Result<Vec<String>, Error> {
    let mut renamed = Vec::new();
    for (oid, (from, to)) in schemas {
        let sql = format!("ALTER SCHEMA {} RENAME TO {}", quote_identifier(from), quote_identifier(to));
        if !found(session.run("quarantining the old schemas", &sql).await)? {
            return Ok(vec![from.clone()]);
        }
        renamed.push(Named { oid: *oid, name: to.clone() });
    }
    let others = others(session, &renamed).await?;
    let from = schemas.iter().filter(|(_, (_, to))| others.contains(to)).map(|(_, (from, _))| from.clone());
    Ok(from.collect())
}

/// Names that mean another schema, or none.
async fn others(session: &Session, schemas: &[Named]) -> Result<Vec<String>, Error> {
    let oids: Vec<u32> = schemas.iter().map(|schema| schema.oid).collect();
    let now = names(session, &oids).await?;
    let others = schemas.iter().zip(now).filter(|(schema, now)| now.as_ref() != Some(&schema.name));
    Ok(others.map(|(schema, _)| schema.name.clone()).collect())
}

/// Whether the name was there, and nobody else renamed what had it at the same moment.
fn found(renamed: Result<(), Error>) -> Result<bool, Error> {
    match renamed {
        // invalid_schema_name; "tuple concurrently updated" has no code of its own.
        Err(error) if matches!(error.sqlstate(), Some("3F000" | "XX000")) => Ok(false),
        renamed => renamed.map(|()| true),
    }
}
