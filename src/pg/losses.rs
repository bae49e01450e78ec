//! Which of the tables that were sealed are gone, or are other ones by now: an OID stays with its table, whatever that is called.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;
use super::connect::Session;
use super::sealed::Space;

/// A table as it was sealed, or as it was proven in the new place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedTable {
    pub oid: u32,
    pub schema: String,
    pub name: String,
}

/// A table or a schema that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// In words.
    Gone(String),
    Renamed(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Gone(what) | Loss::Renamed(what) => f.write_str(what),
        }
    }
}

const LOST: &str = "SELECT t.schema, n.nspname::text, t.name = c.relname, n.oid,
        CASE t.name WHEN t.was THEN pg_catalog.format('table %I.%I', t.schema, t.name)
            ELSE pg_catalog.format('table %I.%I (the old %I.%I)', t.schema, t.name, t.schema, t.was) END,
        CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, c.relname) END,
        EXISTS (SELECT FROM pg_catalog.pg_class o WHERE o.relname = t.name AND o.relnamespace = s.oid), s.oid IS NOT NULL
    FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[]))
        AS t (oid, schema, name, was)
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid AND c.relkind IN ('r', 'p')
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_namespace s ON s.nspname = t.schema
    WHERE c.oid IS NULL OR (n.nspname, c.relname) IS DISTINCT FROM (t.schema::name, t.name::name) ORDER BY 5";

/// These tables with the OIDs that they have here by their names; 0 where there is none of that name.
pub async fn by_name(session: &Session, tables: Vec<SealedTable>) -> Result<Vec<SealedTable>, Error> {
    let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let sql = "SELECT coalesce(c.oid, 0::oid)
        FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY AS t (schema, name, place)
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name AND c.relkind IN ('r', 'p') ORDER BY t.place";
    let rows = session.rows("looking for tables by their names", sql, &[&schemas, &names]).await?;
    Ok(tables.into_iter().zip(&rows).map(|(table, row)| SealedTable { oid: row.get(0), ..table }).collect())
}

/// Those of these OIDs that are tables.
pub async fn still_there(session: &Session, oids: &[u32]) -> Result<BTreeSet<u32>, Error> {
    let sql = "SELECT oid FROM pg_catalog.pg_class WHERE oid = ANY ($1) AND relkind IN ('r', 'p')";
    let rows = session.rows("looking for tables by their OIDs", sql, &[&oids]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What has become of these tables where they are not as they were; `now` says what each should be called, `spaces` are the schemas as
/// they were noted, if they were. Tables of a schema that has another name are told with one word.
pub async fn losses(
    session: &Session,
    spaces: Vec<Space>,
    tables: &[SealedTable],
    now: impl Fn(&SealedTable) -> String,
) -> Result<Vec<Loss>, Error> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<String> = tables.iter().map(now).collect();
    let were: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let rows = session.rows("looking for the tables that were sealed", LOST, &[&oids, &schemas, &names, &were]).await?;

    let noted: BTreeSet<u32> = spaces.iter().map(|space| space.oid).collect();
    let were_spaces: BTreeSet<&str> = schemas.iter().copied().collect();
    let mut renamed: BTreeMap<String, String> = spaces.into_iter().filter_map(Space::renamed).collect();
    let mut told = Vec::new();
    for row in &rows {
        let (was, is): (String, Option<String>) = (row.get(0), row.get(1));
        let (keeps_its_name, space, name_is_taken): (Option<bool>, Option<u32>, bool) =
            (row.get(2), row.get(3), row.get(7));
        // A note without names: the schema is known by its tables.
        let is_of_it = |is: &String| {
            was != *is
                && keeps_its_name == Some(true)
                && !were_spaces.contains(is.as_str())
                && (!name_is_taken || space.is_some_and(|oid| noted.contains(&oid)))
        };
        if let Some(is) = is.filter(is_of_it)
            && *renamed.entry(was.clone()).or_insert_with(|| is.clone()) == is
        {
            continue;
        }
        let (what, now, another): (String, Option<String>, bool) = (row.get(4), row.get(5), row.get(6));
        let another = if another { ", and another object has its name" } else { "" };
        told.push(match now {
            Some(now) => Loss::Renamed(format!("{what} is now called {now}{another}")),
            None => Loss::Gone(format!("{what} is gone{another}")),
        });
    }
    let mut losses = of_schemas(session, &renamed).await?;
    losses.extend(told);
    Ok(losses)
}

async fn of_schemas(session: &Session, renamed: &BTreeMap<String, String>) -> Result<Vec<Loss>, Error> {
    let (were, are): (Vec<&String>, Vec<&String>) = renamed.iter().unzip();
    let sql = "SELECT pg_catalog.format('schema %I is now called %I', r.was, r.now), n.oid IS NOT NULL
        FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS r (was, now)
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = r.was ORDER BY 1";
    let rows = session.rows("the list of schemas", sql, &[&were, &are]).await?;
    let another = |there: bool| if there { ", and another object has its name" } else { "" };
    Ok(rows.iter().map(|row| Loss::Renamed(row.get::<_, String>(0) + another(row.get(1)))).collect())
}
