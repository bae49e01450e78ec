//! What text columns say of schemas and databases: links that no catalog knows.

use super::row_code::planned_with_code;
use super::{Error, Session, query, quote_identifier, quote_literal, quote_relation};
use crate::split::facts::{Says, TextClue};

/// Tables up to this size are read whole; in larger ones only columns that are called after a schema or an address.
const READ_BYTES_MAX: i64 = 16 << 20;

struct Table {
    schema: String,
    name: String,
    columns: Vec<String>,
}

/// Looks through the tables of the moving schemas, but for those that run code when they are read, for the names of `others`, and for connection strings.
///
/// A column counts as naming schemas when it is called after them (`schema`, `databaseSchema`), or when every value that it
/// has is one's name; a column of words, one of which happens to be a schema's name, does not.
pub async fn text_clues(session: &Session, moving: &[String], others: &[String]) -> Result<Vec<TextClue>, Error> {
    let mut clues = Vec::new();
    for table in text_tables(session, moving).await? {
        clues.extend(clues_in(session, &table, others).await?);
    }
    clues.sort();
    Ok(clues)
}

async fn text_tables(session: &Session, moving: &[String]) -> Result<Vec<Table>, Error> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, pg_catalog.array_agg(a.attname::text ORDER BY a.attnum)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND n.nspname = ANY ($1) AND a.attgenerated = '' AND c.oid <> ALL ($2)
          AND a.atttypid IN ('text'::pg_catalog.regtype, 'varchar'::pg_catalog.regtype, 'name'::pg_catalog.regtype)
          AND (a.attname ~* 'schema|url|dsn|connection' OR coalesce(pg_catalog.pg_table_size(c.oid), 0) <= {READ_BYTES_MAX})
        GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let with_code = planned_with_code(session).await?;
    let rows = session.rows("the list of text columns", &sql, &[&moving, &with_code]).await?;
    Ok(rows.iter().map(|row| Table { schema: row.get(0), name: row.get(1), columns: row.get(2) }).collect())
}

async fn clues_in(session: &Session, table: &Table, others: &[String]) -> Result<Vec<TextClue>, Error> {
    let schemas: Vec<String> = others.iter().map(|name| quote_literal(name)).collect();
    let schemas = format!("ARRAY[{}]::text[]", schemas.join(", "));
    // Columns may have collations that do not agree, or that regular expressions refuse.
    let values: Vec<String> = table
        .columns
        .iter()
        .map(|c| format!("({}, r.{}::text COLLATE pg_catalog.\"C\")", quote_literal(c), quote_identifier(c)))
        .collect();
    let sql = format!(
        "SELECT s.name, pg_catalog.array_agg(DISTINCT s.value) FILTER (WHERE s.value = ANY ({schemas})),
            pg_catalog.bool_and(s.value = ANY ({schemas})), pg_catalog.count(*) FILTER (WHERE s.value ~ '^postgres(ql)?://')
        FROM ONLY {} r, LATERAL (VALUES {}) s (name, value) WHERE s.value <> '' GROUP BY s.name",
        quote_relation(&table.schema, &table.name),
        values.join(", ")
    );
    let clue = |column: &str, says: Says| TextClue {
        schema: table.schema.clone(),
        table: table.name.clone(),
        column: column.to_owned(),
        says,
    };
    let mut clues = Vec::new();
    for row in query(session, "the text of a table", &sql).await? {
        let column: String = row.get(0);
        let named: Vec<String> = row.get::<_, Option<Vec<String>>>(1).unwrap_or_default();
        let all_are: bool = row.get(2);
        if all_are || column.to_lowercase().contains("schema") {
            clues.extend(named.into_iter().map(|schema| clue(&column, Says::Schema(schema))));
        }
        let addresses = row.get::<_, i64>(3).unsigned_abs();
        if addresses > 0 {
            clues.push(clue(&column, Says::ConnectionStrings(addresses)));
        }
    }
    Ok(clues)
}
