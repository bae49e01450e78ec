//! Functions that the server calls while rows are loaded, and whose they are.

use crate::pg::Error;
use crate::pg::connect::Session;

/// Functions of ordinary roles that checks, domains, generated columns, partition keys and indexes call, as `name(types) of role`; in
/// these schemas, or in all. Nothing where the session's role is an ordinary one itself. What their bodies call is not looked at.
pub async fn called_by_rows(session: &Session, schemas: Option<&[String]>) -> Result<Vec<String>, Error> {
    let sql = "WITH called AS (
            SELECT d.classid, d.objid, CASE WHEN o.oid IS NULL THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END AS function
            FROM pg_catalog.pg_depend d
            LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
            WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR o.oid IS NOT NULL)
        SELECT DISTINCT p.oid::pg_catalog.regprocedure::text || ' of ' || r.rolname
        FROM called f JOIN pg_catalog.pg_proc p ON p.oid = f.function
        JOIN pg_catalog.pg_roles r ON r.oid = p.proowner AND NOT r.rolsuper
        LEFT JOIN pg_catalog.pg_constraint k ON f.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = f.objid AND k.contype = 'c'
        LEFT JOIN pg_catalog.pg_attrdef x ON f.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND x.oid = f.objid
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum AND a.attgenerated <> ''
        LEFT JOIN pg_catalog.pg_class c ON c.relkind IN ('p', 'i', 'I')
            AND c.oid = CASE WHEN f.classid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN f.objid END
        LEFT JOIN pg_catalog.pg_class t ON t.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(k.connamespace, c.relnamespace, t.relnamespace)
        WHERE pg_catalog.current_setting('is_superuser') = 'on' AND ($1::text[] IS NULL OR n.nspname = ANY ($1)) ORDER BY 1";
    let rows = session.client().query(sql, &[&schemas]).await;
    let rows = rows.map_err(|error| session.fault("the functions that rows call", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
