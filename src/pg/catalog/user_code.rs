//! Functions that the server calls while rows are loaded, whose they are, and as whom they run.

use super::through_root::ThroughRoot;
use crate::pg::Error;
use crate::pg::connect::Session;

/// A function of an ordinary role that rows of a table call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledByRows {
    pub schema: String,
    pub table: String,
    /// Whose rights are taken to load the table, or the one through which it is loaded: none where that is a superuser, whose place the
    /// session's role takes.
    pub table_owner: Option<String>,
    /// `core.slug(text)`
    pub function: String,
    pub function_owner: String,
}

/// What checks, domains, generated columns, partition keys and indexes of tables with rows call, in these schemas or in all. Nothing
/// where the session's role is an ordinary one itself. What the functions' bodies call is not looked at.
pub async fn called_by_rows(
    session: &Session,
    schemas: Option<&[String]>,
    which: ThroughRoot,
) -> Result<Vec<CalledByRows>, Error> {
    let rows = session.rows("the functions that rows call", &called(which), &[&schemas]).await?;
    let by_rows = |row: &tokio_postgres::Row| CalledByRows {
        schema: row.get(0),
        table: row.get(1),
        table_owner: row.get(2),
        function: row.get(3),
        function_owner: row.get(4),
    };
    Ok(rows.iter().map(by_rows).collect())
}

/// A domain is in a column by itself, or inside of an array, a composite type, a range or another domain. The key of a partitioned table
/// is asked for each row of its partitions.
fn called(which: ThroughRoot) -> String {
    let through = which.query();
    format!(
        "WITH RECURSIVE through AS MATERIALIZED ({through}), called AS (
        SELECT d.classid, d.objid, CASE WHEN o.oid IS NULL THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END AS function
        FROM pg_catalog.pg_depend d
        LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.refobjid
        WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR o.oid IS NOT NULL),
    code AS (
        SELECT f.classid, f.objid, p.oid::pg_catalog.regprocedure::text AS function, r.rolname::text AS owner
        FROM called f JOIN pg_catalog.pg_proc p ON p.oid = f.function JOIN pg_catalog.pg_roles r ON r.oid = p.proowner AND NOT r.rolsuper
        WHERE pg_catalog.current_setting('is_superuser') = 'on'),
    held (relation, type) AS (
        SELECT a.attrelid, a.atttypid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384 AND EXISTS (SELECT FROM code)
        UNION SELECT h.relation, i.type FROM held h JOIN pg_catalog.pg_type t ON t.oid = h.type CROSS JOIN LATERAL (
            SELECT t.typbasetype UNION ALL SELECT t.typelem UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
            UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) i (type)
        WHERE i.type >= 16384),
    calling (relation, function, owner) AS (
        SELECT k.conrelid, f.function, f.owner FROM code f JOIN pg_catalog.pg_constraint k
            ON f.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = f.objid AND k.contype = 'c' AND k.conrelid <> 0
        UNION SELECT h.relation, f.function, f.owner FROM code f JOIN pg_catalog.pg_constraint k
            ON f.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = f.objid AND k.contypid <> 0
            JOIN held h ON h.type = k.contypid
        UNION SELECT x.adrelid, f.function, f.owner FROM code f JOIN pg_catalog.pg_attrdef x
            ON f.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND x.oid = f.objid
            JOIN pg_catalog.pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum AND a.attgenerated <> ''
        UNION SELECT l.relid, f.function, f.owner FROM code f JOIN pg_catalog.pg_class c
            ON f.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = f.objid AND c.relkind = 'p'
            CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) l WHERE l.isleaf
        UNION SELECT i.indrelid, f.function, f.owner FROM code f JOIN pg_catalog.pg_index i
            ON f.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = f.objid)
    SELECT n.nspname::text, t.relname::text, CASE WHEN NOT r.rolsuper THEN r.rolname::text END, k.function, k.owner
    FROM calling k JOIN pg_catalog.pg_class t ON t.oid = k.relation AND t.relkind = 'r'
    JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace LEFT JOIN through ON through.leaf = t.oid
    LEFT JOIN pg_catalog.pg_class top ON top.oid = through.root JOIN pg_catalog.pg_roles r ON r.oid = coalesce(top.relowner, t.relowner)
    WHERE ($1::text[] IS NULL OR n.nspname = ANY ($1)) AND pg_catalog.pg_relation_size(t.oid) > 0 ORDER BY 1, 2, 4"
    )
}
