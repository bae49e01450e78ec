//! Names, comments and sources in a database without an encoding that are no UTF-8: a split cannot carry them.

use super::{Error, Session, query};
use crate::pg::raw_text::RawText;

/// What has such bytes, each as a clause that names it, the bytes escaped (`table public.caf\xe9`). Empty for a database that has an
/// encoding, whose server sees to it.
pub async fn no_text(session: &Session) -> Result<Vec<String>, Error> {
    if session.server_encoding() != "SQL_ASCII" {
        return Ok(Vec::new());
    }
    // Bytes and not text: whatever is sent as text, the server checks. What is an object's own, without the names that it stands in.
    let sql =
        "WITH named AS (
            SELECT 1, 'schema' AS kind, n.nspname::text AS object, n.nspname::text AS own FROM pg_catalog.pg_namespace n WHERE n.oid >= 16384
            UNION ALL SELECT 2, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                    WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'index' END, n.nspname || '.' || c.relname, c.relname::text
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384 AND c.relkind <> 't'
            UNION ALL SELECT 3, 'column', n.nspname || '.' || c.relname || '.' || a.attname, a.attname || coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
                FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT 4, 'type', n.nspname || '.' || t.typname, t.typname || coalesce((SELECT pg_catalog.string_agg(e.enumlabel, ' ') FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), '')
                FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid >= 16384 AND t.typrelid = 0 AND t.typelem = 0
            UNION ALL SELECT 5, 'function', n.nspname || '.' || p.proname, p.proname || p.prosrc || coalesce(pg_catalog.array_to_string(p.proargnames, ' '), '')
                FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.oid >= 16384
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
            UNION ALL SELECT 6, 'constraint', n.nspname || '.' || coalesce(c.relname || '.', '') || k.conname, k.conname || coalesce(pg_catalog.pg_get_expr(k.conbin, k.conrelid), '')
                FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE k.oid >= 16384
            UNION ALL SELECT 7, 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname, t.tgname::text
                FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal
            UNION ALL SELECT 8, 'policy', n.nspname || '.' || c.relname || '.' || p.polname, p.polname::text
                FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            UNION ALL SELECT 9, 'rule', n.nspname || '.' || c.relname || '.' || r.rulename, r.rulename::text
                FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE r.oid >= 16384
            UNION ALL SELECT 10, 'role', r.rolname::text, r.rolname || coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), '') FROM pg_catalog.pg_roles r
            UNION ALL SELECT 11, 'database', d.datname::text, d.datname || coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '') FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
            UNION ALL SELECT 12, 'comment on ' || o.type, o.identity, d.description
                FROM pg_catalog.pg_description d, LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) o WHERE d.objoid >= 16384 AND o.identity IS NOT NULL)
        SELECT kind, pg_catalog.convert_to(object, 'SQL_ASCII'), pg_catalog.convert_to(own, 'SQL_ASCII') FROM named
        WHERE own ~ '[\\x80-\\xff]' ORDER BY 1, 2";
    let rows = query(session, "looking for names that are not valid UTF-8", sql).await?;
    let mut told: Vec<String> = Vec::new();
    for row in rows {
        let (kind, object, own): (String, Vec<u8>, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
        let object = RawText::from(object);
        match (object.text(), std::str::from_utf8(&own)) {
            (_, Ok(_)) => {}
            (None, _) => told.push(format!("{kind} {}", object.shown())),
            (Some(object), Err(_)) => told.push(format!("{kind} {object} (its text)")),
        }
    }
    Ok(told)
}
