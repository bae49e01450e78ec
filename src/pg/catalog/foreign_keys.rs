//! Foreign keys, and the rows that hang on them.

use super::{Error, Session, query, quote_identifier, quote_relation};
use crate::split::facts::{ForeignKey, KeyRule, ReferencedRows};

/// All foreign keys of the database, but those that a partition has from its parent.
pub async fn foreign_keys(session: &Session) -> Result<Vec<ForeignKey>, Error> {
    let columns = |relation: &str, numbers: &str| {
        format!(
            "(SELECT pg_catalog.array_agg(a.attname::text ORDER BY p.place) FROM pg_catalog.unnest({numbers}) WITH ORDINALITY p (number, place)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = p.number)"
        )
    };
    let word = |column: &str| {
        format!(
            "CASE {column} WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END"
        )
    };
    let sql = format!(
        "SELECT k.oid, k.conname::text, n.nspname::text, c.relname::text, c.oid, {}, fn.nspname::text, f.relname::text, f.oid, {}, {}, {}, f.relkind = 'p',
            -- What a version's pg_constraint does not have is null in its JSON.
            coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::bool, true), coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::bool, false)
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_class f ON f.oid = k.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
        WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY n.nspname, c.relname, k.conname",
        columns("k.conrelid", "k.conkey"),
        columns("k.confrelid", "k.confkey"),
        word("k.confdeltype"),
        word("k.confupdtype"),
    );
    let key = |row: tokio_postgres::Row| ForeignKey {
        oid: row.get(0),
        name: row.get(1),
        schema: row.get(2),
        table: row.get(3),
        relation: row.get(4),
        columns: row.get(5),
        referenced_schema: row.get(6),
        referenced_table: row.get(7),
        referenced: row.get(8),
        referenced_columns: row.get(9),
        on_delete: row.get(10),
        on_update: row.get(11),
        referenced_rows: if row.get(12) { ReferencedRows::Partitions } else { ReferencedRows::Table },
        rule: match (row.get(13), row.get(14)) {
            (false, _) => KeyRule::Nothing,
            (true, true) => KeyRule::Periods,
            (true, false) => KeyRule::Values,
        },
        orphans: None,
    };
    Ok(query(session, "the list of foreign keys", &sql).await?.into_iter().map(key).collect())
}

/// The rows of the referencing table whose key is not null, partitions included and children by inheritance not: those rows
/// refer to a row on the other side.
pub async fn referencing_rows(session: &Session, key: &ForeignKey) -> Result<u64, Error> {
    let set: Vec<String> =
        key.columns.iter().map(|column| format!("{} IS NOT NULL", quote_identifier(column))).collect();
    let table = quote_relation(&key.schema, &key.table);
    let condition = set.join(" AND ");
    // ONLY on a partitioned table finds nothing, and without it a table brings its children, which the key does not bind.
    let sql = format!(
        "SELECT CASE WHEN (SELECT relkind FROM pg_catalog.pg_class WHERE oid = {}) = 'p'
            THEN (SELECT pg_catalog.count(*) FROM {table} WHERE {condition})
            ELSE (SELECT pg_catalog.count(*) FROM ONLY {table} WHERE {condition}) END",
        key.relation
    );
    let rows = query(session, "the rows of a foreign key", &sql).await?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0)).unsigned_abs())
}
