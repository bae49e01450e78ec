//! Tables whose columns a copy has in another order, and the values for which that matters.
//!
//! `CREATE TABLE ... INHERITS` puts inherited columns first. A table that was taken under a parent later
//! (`ALTER TABLE ... INHERIT`), or whose parent was given a column later, has them elsewhere, and no statement that makes the
//! table anew says so: not pg_dump's, and so not ours.

use std::collections::BTreeMap;

use super::{Error, Session, query};
use crate::split::facts::{Holder, Reordered};

/// A table in plain inheritance, as a parent or as a child.
#[derive(Clone, Debug, Default)]
pub struct Inheriting {
    pub schema: String,
    pub name: String,
    /// In the order of inheritance.
    parents: Vec<u32>,
    /// All of them, in the table's order.
    pub columns: Vec<String>,
}

/// Tables in plain inheritance, by oid; partitions, which keep their order, are left out.
pub async fn inheriting(session: &Session) -> Result<BTreeMap<u32, Inheriting>, Error> {
    let sql = "SELECT c.oid, n.nspname::text, c.relname::text,
            ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
            ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'f') AND NOT c.relispartition
          AND c.oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits UNION SELECT inhparent FROM pg_catalog.pg_inherits)";
    let table = |row: &tokio_postgres::Row| {
        (row.get(0), Inheriting { schema: row.get(1), name: row.get(2), parents: row.get(3), columns: row.get(4) })
    };
    Ok(query(session, "the list of tables that inherit", sql).await?.iter().map(table).collect())
}

/// Tables whose columns are not in the order that a copy gives them, by schema and name.
pub async fn reordered(session: &Session) -> Result<Vec<Reordered>, Error> {
    let tables = inheriting(session).await?;
    let mut reordered = Vec::new();
    for (oid, table) in &tables {
        let columns = order_of_copy(&tables, *oid);
        if columns != table.columns {
            let held_by = holders(session, *oid).await?;
            reordered.push(Reordered { schema: table.schema.clone(), table: table.name.clone(), columns, held_by });
        }
    }
    reordered.sort_by(|a, b| (&a.schema, &a.table).cmp(&(&b.schema, &b.table)));
    Ok(reordered)
}

/// Columns of tables that hold rows of this one as values, be it in arrays, domains, ranges or other rows. Such a value carries its
/// columns by their place.
pub async fn holders(session: &Session, table: u32) -> Result<Vec<Holder>, Error> {
    let sql = "WITH RECURSIVE types (oid) AS (
            SELECT c.reltype FROM pg_catalog.pg_class c WHERE c.oid = $1
            UNION
            SELECT made.oid FROM types, LATERAL (
                SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typelem = types.oid OR t.typbasetype = types.oid
                UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngsubtype = types.oid
                UNION ALL SELECT r.rngmultitypid FROM pg_catalog.pg_range r WHERE r.rngtypid = types.oid
                UNION ALL SELECT c.reltype FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                          WHERE a.atttypid = types.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0) made)
        SELECT n.nspname::text, c.relname::text, a.attname::text
        FROM types JOIN pg_catalog.pg_attribute a ON a.atttypid = types.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2, 3";
    let rows = session.rows("the list of columns that hold rows", sql, &[&table]).await?;
    Ok(rows.iter().map(|row| Holder { schema: row.get(0), table: row.get(1), column: row.get(2) }).collect())
}

/// What is inherited first, parent by parent, in the order that the parents' own copies have.
fn order_of_copy(tables: &BTreeMap<u32, Inheriting>, oid: u32) -> Vec<String> {
    let Some(table) = tables.get(&oid) else { return Vec::new() };
    let inherited = table.parents.iter().flat_map(|parent| order_of_copy(tables, *parent));
    let mut order: Vec<String> = Vec::with_capacity(table.columns.len());
    for column in inherited.chain(table.columns.iter().cloned()) {
        if !order.contains(&column) {
            order.push(column);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inherited_comes_first() {
        let table = |parents: &[u32], columns: &str| Inheriting {
            parents: parents.to_vec(),
            columns: columns.split(' ').map(str::to_owned).collect(),
            ..Inheriting::default()
        };
        let tables = BTreeMap::from([
            (1, table(&[], "id name")),
            (2, table(&[], "id place")),
            // Made with its parents; taken under them later; a child of that one; and one whose parent was given `name` later.
            (3, table(&[1, 2], "id name place own")),
            (4, table(&[2, 1], "own name id place")),
            (5, table(&[4], "own name id place more")),
            (6, table(&[1], "id own name")),
        ]);
        let order = |oid| order_of_copy(&tables, oid).join(" ");
        assert_eq!([1, 2, 3].map(order), ["id name", "id place", "id name place own"]);
        assert_eq!([4, 5, 6].map(order), ["id place name own", "id place name own more", "id name own"]);
    }
}
