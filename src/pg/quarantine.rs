//! The old schemas after a split: out of the way under other names, and gone at last.

use super::Error;
use super::bridge::{self, Span};
use super::catalog::{do_block, quote_identifier, quote_literal};
use super::connect::Session;
use super::fence;

/// One schema's name before and after.
pub type Renamed = (String, String);

async fn run(session: &Session, context: &str, sql: &str) -> Result<(), Error> {
    session.client().batch_execute(sql).await.map_err(|error| session.fault(context, error))
}

async fn texts(session: &Session, context: &str, sql: &str, schemas: &[&str]) -> Result<Vec<String>, Error> {
    let rows = session.client().query(sql, &[&schemas]).await.map_err(|error| session.fault(context, error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Renames the schemas and takes everybody's privileges on them, in one transaction. The fence stays around their tables.
///
/// What refers to their objects by OID (views, keys, defaults) goes on working; what names them in text does not, which is the point.
/// Foreign tables of a bridge stay under the old name, in a schema of their own.
pub async fn quarantine(
    session: &Session,
    schemas: &[Renamed],
    spans: &[Span],
    lock_timeout_ms: u64,
) -> Result<(), Error> {
    let mut sql = format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};\n");
    for (name, aside) in schemas {
        let bridged = spans.iter().filter(|span| span.schema == *name);
        let tables: Vec<&str> = bridged.map(|span| span.name.as_str()).collect();
        let again = if tables.is_empty() { String::new() } else { bridge::schema_again(name, aside, &tables) };
        let (from, to) = (name, aside);
        let (from, to, literal) = (quote_identifier(from), quote_identifier(to), quote_literal(to));
        let close = do_block(&format!(
            "DECLARE grantee text; BEGIN
                FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                    FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a WHERE n.nspname = {literal} AND a.grantee <> n.nspowner
                LOOP EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', {literal}, grantee); END LOOP;
            END"
        ));
        sql += &format!("ALTER SCHEMA {from} RENAME TO {to};\n{again}{close}");
    }
    match run(session, "quarantining the old schemas", &(sql + "COMMIT")).await {
        Ok(()) => Ok(()),
        Err(error) => {
            run(session, "the end of a transaction", "ROLLBACK").await?;
            Err(error)
        }
    }
}

/// Objects outside the schemas that need something inside: they would go with it, or keep it from going.
pub async fn needed_by(session: &Session, schemas: &[&str]) -> Result<Vec<String>, Error> {
    let sql = "WITH inside AS (
            SELECT 'pg_class'::pg_catalog.regclass AS classid, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY ($1)
            UNION ALL SELECT 'pg_proc'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = ANY ($1)
            UNION ALL SELECT 'pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY ($1)
            UNION ALL SELECT 'pg_collation'::pg_catalog.regclass, o.oid FROM pg_catalog.pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace WHERE n.nspname = ANY ($1)),
        depends AS (
            SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN inside i ON i.classid = d.refclassid AND i.oid = d.refobjid
            WHERE d.deptype IN ('n', 'a'))
        SELECT DISTINCT what FROM (
            SELECT 'view ' || r.ev_class::pg_catalog.regclass::text AS what FROM depends d JOIN pg_catalog.pg_rewrite r
                    ON d.classid = 'pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
                JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> ALL ($1)
            UNION ALL SELECT 'constraint ' || pg_catalog.quote_ident(k.conname) || ' of ' || k.conrelid::pg_catalog.regclass::text FROM depends d
                JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
                JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace WHERE n.nspname <> ALL ($1)
            UNION ALL SELECT 'table ' || c.oid::pg_catalog.regclass::text FROM depends d JOIN pg_catalog.pg_class c
                    ON d.classid = 'pg_class'::pg_catalog.regclass AND c.oid = d.objid
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> ALL ($1) AND c.relkind IN ('r', 'p', 'f')
            UNION ALL SELECT 'type ' || y.oid::pg_catalog.regtype::text FROM depends d JOIN pg_catalog.pg_type y
                    ON d.classid = 'pg_type'::pg_catalog.regclass AND y.oid = d.objid
                JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace WHERE n.nspname <> ALL ($1)
            UNION ALL SELECT 'function ' || p.oid::pg_catalog.regprocedure::text FROM depends d JOIN pg_catalog.pg_proc p
                    ON d.classid = 'pg_proc'::pg_catalog.regclass AND p.oid = d.objid
                JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> ALL ($1)
            UNION ALL SELECT 'default of ' || a.adrelid::pg_catalog.regclass::text FROM depends d JOIN pg_catalog.pg_attrdef a
                    ON d.classid = 'pg_attrdef'::pg_catalog.regclass AND a.oid = d.objid
                JOIN pg_catalog.pg_class c ON c.oid = a.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> ALL ($1)
            UNION ALL SELECT 'policy ' || pg_catalog.quote_ident(y.polname) || ' on ' || y.polrelid::pg_catalog.regclass::text FROM depends d JOIN pg_catalog.pg_policy y
                    ON d.classid = 'pg_policy'::pg_catalog.regclass AND y.oid = d.objid
                JOIN pg_catalog.pg_class c ON c.oid = y.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> ALL ($1)) AS outside
        ORDER BY 1";
    texts(session, "what needs the old schemas", sql, schemas).await
}

/// How often each table was read by an index, which backups never do; as `schema.table`, tables in the order of their names.
pub async fn index_reads(session: &Session, schemas: &[&str]) -> Result<Vec<(String, i64)>, Error> {
    let sql =
        "SELECT schemaname::text || '.' || relname::text, coalesce(idx_scan, 0) FROM pg_catalog.pg_stat_all_tables
        WHERE schemaname = ANY ($1) ORDER BY 1";
    let rows = session.client().query(sql, &[&schemas]).await;
    let rows = rows.map_err(|error| session.fault("how often the old tables were read", error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Sessions that have a table of the schemas open.
pub async fn users(session: &Session, schemas: &[&str]) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT pg_catalog.format('process %s, role %s, application %s', a.pid, a.usename, a.application_name)
        FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY ($1) AND l.pid <> pg_catalog.pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 1";
    texts(session, "who uses the old schemas", sql, schemas).await
}

/// Drops the schemas and what is in them, and the fence's function. Nothing outside goes with them: it is looked again, in the same
/// transaction, and under the same locks.
pub async fn drop_for_good(session: &Session, schemas: &[&str], lock_timeout_ms: u64) -> Result<Vec<String>, Error> {
    run(session, "the start of a transaction", &format!("BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}")).await?;
    let outside = needed_by(session, schemas).await?;
    if !outside.is_empty() {
        run(session, "the end of a transaction", "ROLLBACK").await?;
        return Ok(outside);
    }
    let names: Vec<String> = schemas.iter().map(|name| quote_identifier(name)).collect();
    let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE; COMMIT", names.join(", "));
    if let Err(error) = run(session, "dropping the old schemas", &sql).await {
        run(session, "the end of a transaction", "ROLLBACK").await?;
        return Err(error);
    }
    fence::take_down(session).await?;
    Ok(Vec::new())
}
