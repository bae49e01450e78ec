//! What uses a relation by more than its name and its columns, so that a foreign table cannot take its place.

use super::{Error, Session};
use crate::split::facts::RelationUse;

async fn uses(session: &Session, context: &str, sql: &str, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let rows = session.client().query(sql, &[&schemas]).await;
    let of_row = |row: &tokio_postgres::Row| RelationUse { relation: row.get(0), user: row.get(1), label: row.get(2) };
    Ok(rows.map_err(|error| session.fault(context, error))?.iter().map(of_row).collect())
}

/// Functions outside `schemas` that take or return rows of relations in them, and relations with columns of such rows.
pub async fn row_type_uses(session: &Session, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let sql = "SELECT DISTINCT t.typrelid, coalesce(p.oid, c.oid), pg_catalog.pg_describe_object(d.classid, d.objid, 0)
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_class r ON r.oid = t.typrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype = 'n'
        LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid
        LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
        JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(p.pronamespace, c.relnamespace)
        WHERE r.relkind IN ('r', 'p', 'v', 'm') AND rn.nspname = ANY ($1) AND n.nspname <> ALL ($1) ORDER BY 3";
    uses(session, "what uses row types", sql, schemas).await
}

/// Views outside `schemas` that count on a key of a table in them: `GROUP BY` its primary key, and other columns named. The view depends
/// on the key itself then.
pub async fn key_uses(session: &Session, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let sql = "SELECT DISTINCT k.conrelid, coalesce(c.oid, p.oid),
            coalesce(pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0), pg_catalog.pg_describe_object(d.classid, d.objid, 0))
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace kn ON kn.oid = k.connamespace
        JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refobjid = k.oid AND d.deptype = 'n'
        LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
        LEFT JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
        LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid
        JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(c.relnamespace, p.pronamespace)
        WHERE kn.nspname = ANY ($1) AND n.nspname <> ALL ($1) ORDER BY 3";
    uses(session, "what counts on keys", sql, schemas).await
}
