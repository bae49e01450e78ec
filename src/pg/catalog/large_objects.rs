//! Large objects: who owns them, and a query that reads them as rows.

use std::collections::BTreeMap;

use super::{Error, Session, query};
use crate::repo::manifest::{Grant, LargeObject};

/// The columns of a large object's rows.
pub const LARGE_OBJECT_COLUMNS: &str = "loid oid, byte_offset bigint, data bytea";

/// Bytes of one row.
const PIECE_BYTES: u32 = 256 << 10;

/// Every large object with its owner, comment and grants, by oid.
pub async fn large_objects(session: &Session) -> Result<Vec<LargeObject>, Error> {
    let sql = "SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner)::text, pg_catalog.obj_description(m.oid, 'pg_largeobject'), m.lomacl IS NOT NULL
        FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid";
    let rows = query(session, "the list of large objects", sql).await?;
    let grants_sql = "SELECT m.oid, pg_catalog.pg_get_userbyid(a.grantor)::text,
            CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable
        FROM pg_catalog.pg_largeobject_metadata m, pg_catalog.aclexplode(m.lomacl) a ORDER BY 1, 2, 3, 4";
    let mut grants: BTreeMap<u32, Vec<Grant>> = BTreeMap::new();
    for row in query(session, "grants on large objects", grants_sql).await? {
        let grant = Grant { grantor: row.get(1), grantee: row.get(2), privilege: row.get(3), grantable: row.get(4) };
        grants.entry(row.get(0)).or_default().push(grant);
    }
    let object = |row: tokio_postgres::Row| {
        let oid = row.get(0);
        let grants = row.get::<_, bool>(3).then(|| grants.remove(&oid).unwrap_or_default());
        LargeObject { oid, owner: row.get(1), comment: row.get(2), grants }
    };
    Ok(rows.into_iter().map(object).collect())
}

/// A query for the rows of the large objects with oids in `first..=last`: pieces of 256 KiB, holes read as zeros.
///
/// The descriptors are closed as they are used, so that their number stays small. An empty object gives no row.
pub fn large_object_query(first: u32, last: u32) -> String {
    // lo_open's 0x40000 is INV_READ; whence 2 is SEEK_END. OFFSET 0 keeps the planner from merging the levels, so that
    // each function runs once.
    format!(
        "SELECT o.loid, p.byte_offset, pg_catalog.lo_get(o.loid, p.byte_offset, {PIECE_BYTES}) AS data
        FROM (SELECT s.loid, s.bytes, pg_catalog.lo_close(s.fd) AS closed
              FROM (SELECT f.loid, f.fd, pg_catalog.lo_lseek64(f.fd, 0, 2) AS bytes
                    FROM (SELECT m.oid AS loid, pg_catalog.lo_open(m.oid, 262144) AS fd
                          FROM pg_catalog.pg_largeobject_metadata m
                          WHERE m.oid >= {first} AND m.oid <= {last} ORDER BY m.oid OFFSET 0) f OFFSET 0) s OFFSET 0) o,
             LATERAL pg_catalog.generate_series(0, o.bytes - 1, {PIECE_BYTES}) AS p (byte_offset)
        WHERE o.closed = 0"
    )
}
