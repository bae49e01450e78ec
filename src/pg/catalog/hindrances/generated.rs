//! Stored generated columns whose values depend on code that may have been changed since they were written.

use super::{Error, Session};

/// `schema.table.column` of those in the schemas that call a function which is none of PostgreSQL's own, sorted.
pub async fn generated_by_functions(session: &Session, schemas: &[String]) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname)
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = e.oid
            AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid >= 16384
        WHERE a.attgenerated = 's' AND n.nspname = ANY ($1) ORDER BY 1";
    let rows = session.rows("the list of generated columns", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
