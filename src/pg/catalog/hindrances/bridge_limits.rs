//! What uses a relation by more than its name and its columns, so that a foreign table cannot take its place.

use super::{Error, Session};
use crate::pg::read_again;
use crate::split::facts::{Children, RelationUse};

async fn uses(session: &Session, context: &str, sql: &str, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let rows = session.client().query(sql, &[&schemas]).await;
    let of_row = |row: &tokio_postgres::Row| RelationUse { relation: row.get(0), user: row.get(1), label: row.get(2) };
    Ok(rows.map_err(|error| session.fault(context, error))?.iter().map(of_row).collect())
}

/// Relations in `schemas` whose rows are in other relations too: partitions, or tables that inherit from it.
pub async fn with_children(session: &Session, schemas: &[String]) -> Result<Vec<(u32, Children)>, Error> {
    let sql = "SELECT c.oid, c.relkind = 'p' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY ($1) AND (c.relkind = 'p' OR c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid))
        ORDER BY 1";
    let of_row =
        |row: tokio_postgres::Row| (row.get(0), if row.get(1) { Children::Partitions } else { Children::Inheriting });
    Ok(session.rows("what has children", sql, &[&schemas]).await?.into_iter().map(of_row).collect())
}

/// What outside `schemas` reads of relations in them what a foreign table has otherwise: the columns in which PostgreSQL counts changes of a
/// row, and, where rows are in children as well, the place of a row, the name of its relation, and `ONLY`. Functions whose body is text
/// are not among them.
pub async fn peculiar_uses(session: &Session, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let sql = "SELECT DISTINCT r.oid, coalesce(w.ev_class, d.objid), CASE WHEN w.rulename = '_RETURN'
                THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, w.ev_class, 0)
                ELSE pg_catalog.pg_describe_object(d.classid, d.objid, 0) END
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class r ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.oid = d.refobjid
        JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
        LEFT JOIN pg_catalog.pg_policy y ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND y.oid = d.objid
        LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid
        LEFT JOIN pg_catalog.pg_class c ON c.oid = coalesce(w.ev_class, y.polrelid)
        JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(c.relnamespace, p.pronamespace)
        CROSS JOIN LATERAL (SELECT r.relkind = 'p' OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.oid)) k (has_children)
        CROSS JOIN LATERAL (SELECT CASE WHEN NOT k.has_children THEN '' WHEN w.rulename = '_RETURN' THEN pg_catalog.pg_get_viewdef(w.ev_class)
            WHEN w.oid IS NOT NULL THEN pg_catalog.pg_get_ruledef(w.oid) WHEN p.oid IS NOT NULL THEN pg_catalog.pg_get_functiondef(p.oid)
            ELSE pg_catalog.concat(pg_catalog.pg_get_expr(y.polqual, y.polrelid), pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid)) END) t (text)
        WHERE rn.nspname = ANY ($1) AND n.nspname <> ALL ($1) AND r.relkind IN ('r', 'p') AND d.deptype = 'n'
            AND (d.refobjsubid BETWEEN -5 AND -2 OR d.refobjsubid < 0 AND k.has_children
                OR pg_catalog.strpos(t.text, pg_catalog.format('ONLY %I.%I', rn.nspname, r.relname)) > 0)
        ORDER BY 3";
    uses(session, "what reads ONLY and system columns", sql, schemas).await
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

/// What outside `schemas` reads relations in them, and would be made anew from a definition with values that run code of ordinary roles when
/// they are read again. A materialized view gets another OID, so that those who read it are made anew as well.
pub async fn values_of_readers(session: &Session, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let (trees, condition) = (read_again::trees("class", "object"), read_again::condition("tree"));
    let sql = format!(
        "WITH RECURSIVE going (root, relation) AS (
            SELECT c.oid, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm')
            UNION SELECT g.root, m.oid FROM going g
                JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = g.relation AND d.deptype = 'n'
                JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
                JOIN pg_catalog.pg_class m ON m.oid = w.ev_class AND m.relkind = 'm' JOIN pg_catalog.pg_namespace n ON n.oid = m.relnamespace AND n.nspname <> ALL ($1)),
        readers (root, class, object, label) AS (
            SELECT DISTINCT g.root, CASE WHEN p.oid IS NOT NULL THEN 'function' WHEN y.oid IS NOT NULL THEN 'policy' WHEN w.rulename <> '_RETURN' THEN 'rule' ELSE 'view' END,
                CASE WHEN w.rulename = '_RETURN' THEN w.ev_class ELSE d.objid END,
                CASE WHEN w.rulename = '_RETURN' THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, w.ev_class, 0)
                    ELSE pg_catalog.pg_describe_object(d.classid, d.objid, 0) END
            FROM going g JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = g.relation AND d.deptype = 'n'
            LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid
            LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid
            LEFT JOIN pg_catalog.pg_policy y ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND y.oid = d.objid
            LEFT JOIN pg_catalog.pg_class c ON c.oid = coalesce(w.ev_class, y.polrelid)
            JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(c.relnamespace, p.pronamespace) AND n.nspname <> ALL ($1)),
        made AS MATERIALIZED (SELECT root, object, label, {trees} AS tree FROM readers)
        SELECT root, object, label FROM made WHERE {condition} ORDER BY 3"
    );
    uses(session, "values in what is made again", &sql, schemas).await
}

/// Defaults of columns in `schemas` with such values: a foreign table that is written through has them as well.
pub async fn values_of_defaults(session: &Session, schemas: &[String]) -> Result<Vec<RelationUse>, Error> {
    let sql = format!(
        "WITH given AS MATERIALIZED (SELECT x.adrelid, x.oid, pg_catalog.pg_describe_object('pg_catalog.pg_attrdef'::pg_catalog.regclass, x.oid, 0) AS label, x.adbin::text AS tree
            FROM pg_catalog.pg_attrdef x JOIN pg_catalog.pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum AND a.attgenerated = ''
            JOIN pg_catalog.pg_class c ON c.oid = x.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1))
        SELECT adrelid, oid, label FROM given WHERE {} ORDER BY 3",
        read_again::condition("tree")
    );
    uses(session, "values in defaults", &sql, schemas).await
}
