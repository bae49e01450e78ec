//! What the catalog of the source says of a key, before it is dropped there.

use tokio_postgres::Row;

use super::itself::{named, reach};
use super::{Key, Pair, Referential, SCHEMA, TRIGGER, Table};
use crate::pg::Error;
use crate::pg::connect::Session;
use crate::pg::quoting::quote_identifier;

/// Why a key cannot be loose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It compares periods, not values.
    Period,
    /// PostgreSQL does nothing for it (NOT ENFORCED), so nothing can be done in its place.
    NotEnforced,
}

/// The key with this `pg_constraint.oid`. Types and operators are PostgreSQL's own choice for the key ("pg_constraint", `conpfeqop`),
/// so that a loose key compares as the key did: citext without case, numeric without trailing zeros.
pub async fn describe(session: &Session, oid: u32, number: i32) -> Result<Result<Key, Unfit>, Error> {
    let failed = |error| session.fault("what a foreign key does", error);
    // What a version's pg_constraint does not have is null in its JSON.
    let sql = "SELECT k.conname::text, pn.nspname::text, p.relname::text, p.relkind = 'p', cn.nspname::text, c.relname::text, c.relkind = 'p',
            k.confdeltype::text, k.confupdtype::text,
            coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false),
            coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::boolean, true),
            coalesce((SELECT pg_catalog.array_agg(a.attname::text ORDER BY s.place)
                FROM pg_catalog.jsonb_array_elements_text(CASE pg_catalog.jsonb_typeof(pg_catalog.to_jsonb(k) -> 'confdelsetcols')
                        WHEN 'array' THEN pg_catalog.to_jsonb(k) -> 'confdelsetcols' ELSE '[]' END) WITH ORDINALITY s (number, place)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = s.number::int2), '{}'), p.oid, c.oid
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
        WHERE k.oid = $1";
    let row = session.client().query_one(sql, &[&oid]).await.map_err(failed)?;
    if row.get(9) {
        return Ok(Err(Unfit::Period));
    }
    if !row.get::<_, bool>(10) {
        return Ok(Err(Unfit::NotEnforced));
    }
    let columns = pairs(session, oid).await?;
    let table = |at: usize, oid: usize| Table {
        schema: row.get(at),
        name: row.get(at + 1),
        reach: reach(row.get(at + 2)),
        oid: Some(row.get(oid)),
    };
    let child = table(4, 13);
    Ok(Ok(Key {
        number,
        name: format!("{child}.{}", row.get::<_, String>(0)),
        parent: table(1, 12),
        child,
        columns,
        on_delete: referential(row.get(7)),
        on_update: referential(row.get(8)),
        set_columns: row.get(11),
    }))
}

fn referential(letter: &str) -> Referential {
    match letter {
        "r" => Referential::Restrict,
        "c" => Referential::Cascade,
        "n" => Referential::SetNull,
        "d" => Referential::SetDefault,
        _ => Referential::NoAction,
    }
}

async fn pairs(session: &Session, oid: u32) -> Result<Vec<Pair>, Error> {
    // An operator of enums, arrays or ranges says nothing of the type; then both sides have the same one, domains aside.
    // With a modifier of -1 a type's name is one that cuts nothing off: bpchar, not character(1).
    let sql = "WITH RECURSIVE pairs AS (
            SELECT place, p.attname::text AS parent, c.attname::text AS child, p.atttypid AS kind, own.oprname::text AS own, owns.nspname::text AS own_schema,
                across.oprname::text AS across, acrosss.nspname::text AS across_schema, across.oprleft AS compared
            FROM pg_catalog.pg_constraint k
            CROSS JOIN ROWS FROM (pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.conppeqop), pg_catalog.unnest(k.conpfeqop))
                WITH ORDINALITY AS u (p, c, pp, pf, place)
            JOIN pg_catalog.pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = u.p
            JOIN pg_catalog.pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = u.c
            JOIN pg_catalog.pg_operator own ON own.oid = u.pp JOIN pg_catalog.pg_namespace owns ON owns.oid = own.oprnamespace
            JOIN pg_catalog.pg_operator across ON across.oid = u.pf JOIN pg_catalog.pg_namespace acrosss ON acrosss.oid = across.oprnamespace
            WHERE k.oid = $1),
        base (place, oid) AS (
            SELECT place, kind FROM pairs
            UNION ALL SELECT b.place, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd')
        SELECT parent, child, pg_catalog.format_type(CASE WHEN t.typtype = 'p' THEN b.oid ELSE compared END, -1), own, own_schema, across, across_schema
        FROM pairs JOIN pg_catalog.pg_type t ON t.oid = pairs.compared
        JOIN base b USING (place) JOIN pg_catalog.pg_type bt ON bt.oid = b.oid AND bt.typtype <> 'd' ORDER BY place";
    let rows = session.rows("the columns of a foreign key", sql, &[&oid]).await?;
    let operator =
        |row: &Row, at: usize| format!("OPERATOR({}.{})", quote_identifier(row.get(at + 1)), row.get::<_, String>(at));
    let pair = |row: &Row| Pair {
        parent: row.get(0),
        child: row.get(1),
        kind: row.get(2),
        own: operator(row, 3),
        across: operator(row, 5),
    };
    Ok(rows.iter().map(pair).collect())
}

/// The highest number that a loose key of this database has; 0 where there is none.
pub async fn last_number(session: &Session) -> Result<i32, Error> {
    if !exists(session).await? {
        return Ok(0);
    }
    let row = session.client().query_one(&format!("SELECT coalesce(max(key), 0) FROM {SCHEMA}.keys"), &[]).await;
    Ok(row.map_err(|error| session.fault("the list of loose keys", error))?.get(0))
}

/// The keys with the names that their tables have by now, in the database that was split; those whose tables are there, and tables still.
pub async fn named_now(session: &Session, keys: &[&Key]) -> Result<Vec<Key>, Error> {
    let mut now = Vec::new();
    for key in keys {
        if let (Some(parent), Some(child)) = (named(session, &key.parent).await?, named(session, &key.child).await?) {
            now.push(Key { parent, child, ..(*key).clone() });
        }
    }
    Ok(now)
}

/// Tables that a loose key's trigger watches: schema, table, and the key's name.
pub async fn watched(session: &Session) -> Result<Vec<(String, String, String)>, Error> {
    if !exists(session).await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, k.name FROM {SCHEMA}.keys k
        JOIN pg_catalog.pg_trigger t ON t.tgname = '{TRIGGER}' || k.key || '_delete' AND t.tgparentid = 0
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2, 3"
    );
    let rows = session.rows("the list of loose keys", &sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Whether the database has a list of loose keys.
pub(super) async fn exists(session: &Session) -> Result<bool, Error> {
    // to_regclass would ask for a privilege on the schema.
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = '{SCHEMA}' AND c.relname = 'keys')"
    );
    let row = session.client().query_one(&sql, &[]).await;
    Ok(row.map_err(|error| session.fault("looking for loose keys", error))?.get(0))
}
