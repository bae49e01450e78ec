//! Partitions whose rows go in through a table above them, because another database may cut them otherwise.
//!
//! The hash of an enum is taken of the OID of a word, which is another in each database, and so is that of an array, a row or a range that
//! may hold one: a row that is written into the partition that it had is refused there.

use super::{Error, Session, query};

/// Which partitions' rows are written through a table above them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThroughRoot {
    /// Those that hang on the OIDs of the database: through the topmost table that is cut by them.
    #[default]
    WhereNeeded,
    /// All: through the topmost table.
    All,
}

/// Whether a partitioned table `p` is cut by a hash that hangs on the database's OIDs.
const HANGS_ON_OIDS: &str = "p.partstrat = 'h' AND EXISTS (SELECT FROM pg_catalog.pg_opclass o WHERE o.oid = ANY (p.partclass)
    AND o.opcintype IN ('anyenum'::pg_catalog.regtype, 'anyarray'::pg_catalog.regtype, 'record'::pg_catalog.regtype, 'anyrange'::pg_catalog.regtype, 'anymultirange'::pg_catalog.regtype))";

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
            ThroughRoot::WhereNeeded => HANGS_ON_OIDS,
            ThroughRoot::All => "true",
        };
        format!(
            "SELECT c.oid AS leaf, top.root FROM pg_catalog.pg_class c, LATERAL (
                SELECT p.partrelid AS root FROM ROWS FROM (pg_catalog.pg_partition_ancestors(c.oid)) WITH ORDINALITY AS a (relid, level)
                JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.relid WHERE {cut} ORDER BY a.level DESC LIMIT 1) top
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
