//! Tables whose rows no dump takes: `CREATE EXTENSION` makes them anew, without them.

use super::{Error, Session};

/// Tables in the schemas that are members of an extension and no configuration of it: (`schema.table`, extension), sorted.
pub async fn member_tables(session: &Session, schemas: &[String]) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(x.extname)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_depend d ON d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e'
            AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
        WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT coalesce(c.oid = ANY (x.extconfig), false) ORDER BY 1, 2";
    let rows = session.rows("the tables of extensions", sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
