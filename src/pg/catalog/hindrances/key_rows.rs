//! Rows that a foreign key would not allow. PostgreSQL vouches for a validated key, and rows that were written under
//! `session_replication_role = replica`, or while its triggers were disabled, are against it all the same.

use std::time::Duration;

use super::super::row_code::{casts_of_users, operators_of_users, planned_with_code};
use super::{Error, Session, query, quote_identifier, quote_relation};
use crate::split::facts::{ForeignKey, Orphans, Referencing, Validity};

/// What it takes to ask for the rows that are against a key.
#[derive(Clone, Debug)]
pub struct KeyRows {
    /// `pg_constraint.oid`
    pub oid: u32,
    pub validity: Validity,
    pub referencing: Referencing,
    count: Option<String>,
}

/// Of all foreign keys that are enforced. One over periods (18) is compared in ranges, and is not counted; nor is one where
/// code of an ordinary role would run as whoever counts: a cast of its columns, an operator, or in an index.
pub async fn key_rows(session: &Session, keys: &[ForeignKey]) -> Result<Vec<KeyRows>, Error> {
    let oids: Vec<u32> = keys.iter().map(|key| key.oid).collect();
    let with_code = planned_with_code(session).await?;
    let casts = casts_of_users(
        "SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
            OR a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)",
    );
    let operators = operators_of_users("k.conpfeqop || k.conppeqop || k.conffeqop");
    let sql = format!(
        "SELECT k.oid, k.convalidated, c.relkind = 'p', f.relkind = 'p', k.confmatchtype = 'f',
            coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::bool, false),
            (SELECT pg_catalog.array_agg(pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY p.place)
             FROM pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY p (operator, place)
             JOIN pg_catalog.pg_operator o ON o.oid = p.operator JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace),
            k.conrelid = ANY ($2) OR k.confrelid = ANY ($2) OR pg_catalog.current_setting('is_superuser') = 'on' AND ({casts} OR {operators})
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
        WHERE k.oid = ANY ($1) AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::bool, true) ORDER BY k.oid"
    );
    let rows = session.rows("the operators of foreign keys", &sql, &[&oids, &with_code]).await?;
    let of_row = |row: &tokio_postgres::Row| {
        let key = keys.iter().find(|key| key.oid == row.get::<_, u32>(0))?;
        let (partitions, over_periods, runs_code): (bool, bool, bool) = (row.get(2), row.get(5), row.get(7));
        let operators: Option<Vec<String>> = row.get(6);
        let spread = Spread { referencing: partitions, referenced: row.get(3) };
        let count = operators
            .filter(|_| !over_periods && !runs_code)
            .map(|operators| count(key, &operators, row.get(4), spread));
        Some(KeyRows {
            oid: key.oid,
            validity: if row.get(1) { Validity::Valid } else { Validity::NotValid },
            referencing: if partitions { Referencing::Partitions } else { Referencing::Table },
            count,
        })
    };
    Ok(rows.iter().filter_map(of_row).collect())
}

/// Which ends have their rows in partitions: the others are read without the tables that inherit from them.
#[derive(Clone, Copy)]
struct Spread {
    referencing: bool,
    referenced: bool,
}

/// As PostgreSQL asks when it adds the key, with the key's own operators.
fn count(key: &ForeignKey, operators: &[String], full: bool, spread: Spread) -> String {
    let table = |schema: &str, name: &str, spread: bool| {
        format!("{}{}", if spread { "" } else { "ONLY " }, quote_relation(schema, name))
    };
    let set: Vec<String> = key.columns.iter().map(|name| format!("c.{} IS NOT NULL", quote_identifier(name))).collect();
    let pairs = key.referenced_columns.iter().zip(operators).zip(&key.columns);
    let equal: Vec<String> = pairs
        .map(|((to, operator), from)| format!("p.{} {operator} c.{}", quote_identifier(to), quote_identifier(from)))
        .collect();
    // MATCH FULL allows no row in which only some of the columns are null.
    format!(
        "SELECT pg_catalog.count(*) FROM {} c WHERE ({}) AND NOT EXISTS (SELECT FROM {} p WHERE {})",
        table(&key.schema, &key.table, spread.referencing),
        set.join(if full { " OR " } else { " AND " }),
        table(&key.referenced_schema, &key.referenced_table, spread.referenced),
        equal.join(" AND ")
    )
}

/// Counts, for as long as `at_most`; 0 is without end. What the server refuses or ends is not counted. The session must be in a
/// transaction, which goes on.
pub async fn orphans(session: &Session, key: &KeyRows, at_most: Duration) -> Result<Orphans, Error> {
    let Some(sql) = &key.count else { return Ok(Orphans::NotCounted) };
    let context = "counting rows that violate a foreign key";
    let begin = format!("SAVEPOINT pgkeep_count; SET LOCAL statement_timeout = {}", at_most.as_millis());
    session.run(context, &begin).await?;
    let counted = query(session, context, sql).await;
    // The time-out goes with the savepoint.
    session.run(context, "ROLLBACK TO SAVEPOINT pgkeep_count; RELEASE SAVEPOINT pgkeep_count").await?;
    match counted {
        Ok(rows) => Ok(Orphans::Counted(rows.first().map_or(0, |row| row.get::<_, i64>(0)).unsigned_abs())),
        Err(Error::Server { .. }) => Ok(Orphans::NotCounted),
        Err(error) => Err(error),
    }
}

/// The keys of these names that the database has not validated, each as the list of invalid objects calls it.
pub async fn not_valid_keys(session: &Session, keys: &[(String, String, String)]) -> Result<Vec<String>, Error> {
    let (mut schemas, mut tables, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (schema, table, name) in keys {
        schemas.push(schema);
        tables.push(table);
        names.push(name);
    }
    // Those of partitions go with their parent's.
    let sql = "WITH RECURSIVE named AS (
            SELECT k.oid FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) AS w (schema, name, key)
            JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
            JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
            JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.conname = w.key AND k.contype = 'f'
            UNION SELECT k.oid FROM pg_catalog.pg_constraint k JOIN named ON named.oid = k.conparentid)
        SELECT 'constraint ' || k.conname::text || ' on ' || k.conrelid::pg_catalog.regclass::text
        FROM named JOIN pg_catalog.pg_constraint k ON k.oid = named.oid WHERE NOT k.convalidated";
    let rows = session.rows("the list of keys that are not valid", sql, &[&schemas, &tables, &names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
