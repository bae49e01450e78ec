//! Partitions whose rows go in through a table above them, because another database may cut them otherwise.
//!
//! The hash of an enum is taken of the OID of a word, which is another in each database, and so is that of an array, a row or a range that
//! may hold one; an expression, or an operator class of somebody's own, may call anything. A row that is written into the partition that it
//! had is refused there. Never through a table with a foreign partition: what went there would be written to another server.

use super::{Error, Session, query};

/// Which partitions' rows are written through a table above them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThroughRoot {
    /// Those of tables whose cut may hang on the database: through the topmost one of them.
    #[default]
    WhereNeeded,
    /// All: through the topmost table.
    All,
}

/// Whether the cut of a partitioned table `p` may hang on the database.
const MAY_HANG_ON_DATABASE: &str = "(0 = ANY (p.partattrs::pg_catalog.int2[]) OR EXISTS (SELECT FROM pg_catalog.pg_opclass o WHERE o.oid = ANY (p.partclass)
    AND (o.opcnamespace <> 'pg_catalog'::pg_catalog.regnamespace OR p.partstrat = 'h' AND o.opcintype IN ('anyenum'::pg_catalog.regtype, 'anyarray'::pg_catalog.regtype,
        'record'::pg_catalog.regtype, 'anyrange'::pg_catalog.regtype, 'anymultirange'::pg_catalog.regtype, 'oid'::pg_catalog.regtype))))";

/// Whether a partitioned table `p` has a foreign partition, however deep.
const HAS_FOREIGN: &str = "EXISTS (SELECT FROM pg_catalog.pg_partition_tree(p.partrelid) t JOIN pg_catalog.pg_class f ON f.oid = t.relid WHERE f.relkind = 'f')";

/// A partition, and the table that its rows are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub schema: String,
    pub name: String,
    pub root: (String, String),
}

impl ThroughRoot {
    /// A query for the oids of partitions with rows (`leaf`) and of the tables that their rows are written to (`root`).
    pub(super) fn query(self) -> String {
        let cut = match self {
            ThroughRoot::WhereNeeded => MAY_HANG_ON_DATABASE,
            ThroughRoot::All => "true",
        };
        format!(
            "SELECT c.oid AS leaf, top.root FROM pg_catalog.pg_class c, LATERAL (
                SELECT p.partrelid AS root FROM ROWS FROM (pg_catalog.pg_partition_ancestors(c.oid)) WITH ORDINALITY AS a (relid, level)
                JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.relid WHERE {cut} AND NOT {HAS_FOREIGN} ORDER BY a.level DESC LIMIT 1) top
            WHERE c.relkind = 'r' AND c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE {cut})"
        )
    }
}

/// The partitions of the database whose rows are written through a table above them, sorted.
pub async fn partitions_through_root(session: &Session, which: ThroughRoot) -> Result<Vec<Partition>, Error> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, rn.nspname::text, r.relname::text FROM ({}) AS through
        JOIN pg_catalog.pg_class c ON c.oid = through.leaf JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_class r ON r.oid = through.root JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        ORDER BY 1, 2",
        which.query()
    );
    let rows = query(session, "the list of partitions", &sql).await?;
    let partition =
        |row: &tokio_postgres::Row| Partition { schema: row.get(0), name: row.get(1), root: (row.get(2), row.get(3)) };
    Ok(rows.iter().map(partition).collect())
}

/// Tables, as schema and name, whose rows may belong elsewhere in another database, and have a foreign partition to which they might then
/// be sent. Sorted.
pub async fn cut_with_foreign(session: &Session) -> Result<Vec<(String, String)>, Error> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_partitioned_table p JOIN pg_catalog.pg_class c ON c.oid = p.partrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {MAY_HANG_ON_DATABASE} AND {HAS_FOREIGN} ORDER BY 1, 2"
    );
    let rows = query(session, "the list of partitioned tables", &sql).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
