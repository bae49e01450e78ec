//! What a database holds at one moment, by identity, so that what was made since is found later. Nothing is compared by its contents.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Error;
use super::connect::Session;

/// What there was: for each system catalog the oids. It means something in that very database alone, where what is dropped and made anew
/// has another oid, and what is renamed keeps its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Tables and their kind, with the number of columns that each has had; what comes later has a higher one.
    relations: BTreeMap<u32, i16>,
    /// Schemas, functions, types, extensions, large objects, by their kind.
    others: BTreeMap<String, BTreeSet<u32>>,
}

/// Something that was made since.
struct Item {
    /// `table`, `function`, ...
    kind: String,
    oid: u32,
    /// How many columns it has had, for a relation.
    columns: Option<i16>,
    name: String,
}

/// How far an inventory looks.
#[derive(Clone, Copy, Debug)]
pub enum Extent<'a> {
    /// Everything that a user can make: schemas, extensions and large objects too.
    Database,
    /// What is in these schemas, by the names that they have now.
    Schemas(&'a [&'a str]),
}

/// Takes stock. The system's schemas, pgkeep's own, temporary ones, and what belongs to extensions are left out.
pub async fn inventory(session: &Session, extent: Extent<'_>) -> Result<Inventory, Error> {
    let mut found = Inventory::default();
    for item in items(session, extent).await? {
        match item.columns {
            Some(columns) => drop(found.relations.insert(item.oid, columns)),
            None => drop(found.others.entry(item.kind).or_default().insert(item.oid)),
        }
    }
    Ok(found)
}

/// What is there now and was not then: `table core.notes`, `column core.person.nickname`, `large object 16402`; sorted.
pub async fn made_since(session: &Session, extent: Extent<'_>, then: &Inventory) -> Result<Vec<String>, Error> {
    let (mut made, mut grown) = (BTreeSet::new(), BTreeMap::new());
    for item in items(session, extent).await? {
        match item.columns {
            Some(columns) => match then.relations.get(&item.oid) {
                None => drop(made.insert(format!("{} {}", item.kind, item.name))),
                Some(before) if *before < columns => drop(grown.insert(item.oid, *before)),
                Some(_) => {}
            },
            None if then.others.get(&item.kind).is_none_or(|known| !known.contains(&item.oid)) => {
                made.insert(format!("{} {}", item.kind, item.name));
            }
            None => {}
        }
    }
    let (tables, before): (Vec<u32>, Vec<i16>) = grown.into_iter().unzip();
    let sql = "SELECT 'column ' || pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname)
        FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int2[])) AS grown (oid, columns)
        JOIN pg_catalog.pg_class c ON c.oid = grown.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > grown.columns AND NOT a.attisdropped";
    let rows = session.client().query(sql, &[&tables, &before]).await;
    made.extend(
        rows.map_err(|error| session.fault("the list of new columns", error))?
            .iter()
            .map(|row| row.get::<_, String>(0)),
    );
    Ok(made.into_iter().collect())
}

async fn items(session: &Session, extent: Extent<'_>) -> Result<Vec<Item>, Error> {
    let whole = match extent {
        Extent::Database => WHOLE,
        Extent::Schemas(_) => "",
    };
    let sql = format!("{PLACED} {whole}");
    let schemas: Option<Vec<&str>> = match extent {
        Extent::Database => None,
        Extent::Schemas(names) => Some(names.to_vec()),
    };
    let rows = session.rows("the inventory of the database", &sql, &[&schemas]).await?;
    let item =
        |row: &tokio_postgres::Row| Item { kind: row.get(0), oid: row.get(1), columns: row.get(2), name: row.get(3) };
    Ok(rows.iter().map(item).collect())
}

const PLACED: &str = "WITH place AS (SELECT oid, nspname FROM pg_catalog.pg_namespace
        WHERE CASE WHEN $1::text[] IS NOT NULL THEN nspname = ANY ($1)
            ELSE nspname <> 'information_schema' AND nspname NOT IN ('pgkeep_split', 'pgkeep_loose', 'pgkeep_bridge') AND nspname !~ '^pg_' END),
    member AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e')
    SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'table' END,
            c.oid, c.relnatts, pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM pg_catalog.pg_class c JOIN place n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid)
    UNION ALL SELECT 'type', t.oid, NULL, pg_catalog.format('%I.%I', n.nspname, t.typname)
        FROM pg_catalog.pg_type t JOIN place n ON n.oid = t.typnamespace
        WHERE t.typelem = 0 AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class r WHERE r.oid = t.typrelid AND r.relkind = 'c'))
            AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
    UNION ALL SELECT 'function', p.oid, NULL, pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
        FROM pg_catalog.pg_proc p JOIN place n ON n.oid = p.pronamespace
        WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)";

const WHOLE: &str = "UNION ALL SELECT 'schema', oid, NULL, pg_catalog.quote_ident(nspname) FROM place
    UNION ALL SELECT 'extension', oid, NULL, pg_catalog.quote_ident(extname) FROM pg_catalog.pg_extension
    UNION ALL SELECT 'large object', oid, NULL, oid::text FROM pg_catalog.pg_largeobject_metadata";
