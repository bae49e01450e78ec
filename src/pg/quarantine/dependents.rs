//! What outside needs something inside: whatever would go along, or keep the schemas from going.

use super::inside::inside;
use crate::pg::Error;
use crate::pg::connect::Session;

/// Objects outside the schemas that depend on anything in them, by way of whatever, as PostgreSQL's own list of dependencies has it. Each
/// with what it needs: `view public.looks_on (needs table core.workspace)`.
///
/// What PostgreSQL would drop without a word counts as well (a generated column goes with its function, a partition with its table); so do
/// tables whose rows would become fewer, and extensions that own something inside.
pub async fn needed_by(session: &Session, schemas: &[&str]) -> Result<Vec<String>, Error> {
    let sql = format!(
        "WITH RECURSIVE {inside}, {REACHED}, {TOLD}
        SELECT what, is_part FROM told UNION {UPWARDS} ORDER BY 1",
        inside = inside(session.server_version_num())
    );
    // The planner expects thousands of times more than there is, and compiling takes longer than anything else.
    session.run("a setting", "SET jit = off").await?;
    let rows = session.rows("what needs the old schemas", &sql, &[&schemas]).await?;
    let all: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let whole: Vec<String> = all.iter().filter(|(_, is_part)| !is_part).map(|(what, _)| what.clone()).collect();
    // Were everything a part of something, it would still be in the way.
    let mut told = if whole.is_empty() { all.into_iter().map(|(what, _)| what).collect() } else { whole };
    told.dedup();
    Ok(told)
}

/// Extensions that lie in the schemas, each with something outside that uses a member of it: table columns, functions, indexes.
pub async fn extensions_used(session: &Session, schemas: &[&str]) -> Result<Vec<(String, String)>, Error> {
    let sql = format!(
        "WITH RECURSIVE {inside},
        member (extension, classid, objid) AS (
            SELECT x.extname::text, d.classid, d.objid FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
                JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = x.oid AND d.deptype = 'e'
                WHERE n.nspname = ANY ($1)
            -- The array of a type is a part of it.
            UNION SELECT m.extension, d.classid, d.objid FROM member m JOIN pg_catalog.pg_depend d
                ON d.refclassid = m.classid AND d.refobjid = m.objid AND d.deptype = 'i')
        SELECT m.extension, pg_catalog.min(pg_catalog.format('%s %s', who.type, who.identity))
        FROM member m JOIN pg_catalog.pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid AND d.deptype IN ('n', 'a')
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) AS who
        WHERE NOT EXISTS (SELECT FROM inside i WHERE i.classid = d.classid AND i.objid = d.objid)
            AND NOT EXISTS (SELECT FROM member o WHERE o.classid = d.classid AND o.objid = d.objid)
        GROUP BY 1 ORDER BY 1",
        inside = inside(session.server_version_num())
    );
    session.run("a setting", "SET jit = off").await?;
    let rows = session.rows("what uses extensions of the old schemas", &sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Downwards whatever depends; upwards the whole that something is an internal part of, as a view's rule is of the view.
const REACHED: &str = "reached (classid, objid, objsubid) AS (
        SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
            JOIN inside i ON i.classid = d.refclassid AND i.objid = d.refobjid
            WHERE NOT EXISTS (SELECT FROM inside x WHERE x.classid = d.classid AND x.objid = d.objid)
        UNION SELECT n.classid, n.objid, n.objsubid FROM reached r CROSS JOIN LATERAL (
            SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
                WHERE d.refclassid = r.classid AND d.refobjid = r.objid AND (r.objsubid = 0 OR d.refobjsubid = r.objsubid)
            UNION ALL SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d
                WHERE d.classid = r.classid AND d.objid = r.objid AND d.objsubid = r.objsubid AND d.deptype = 'i') AS n
            WHERE NOT EXISTS (SELECT FROM inside x WHERE x.classid = n.classid AND x.objid = n.objid))";

/// What is a part of something that is told is not told. What a thing needs may be needed by one of its parts.
const TOLD: &str = "told AS (
        SELECT pg_catalog.format('%s %s', who.type, who.identity) || coalesce(' (needs ' || need.what || ')', '') AS what,
            EXISTS (SELECT FROM pg_catalog.pg_depend d
                JOIN reached whole ON whole.classid = d.refclassid AND whole.objid = d.refobjid AND (whole.objsubid = 0 OR whole.objsubid = d.refobjsubid)
                WHERE d.classid = r.classid AND d.objid = r.objid AND d.objsubid = r.objsubid
                    AND d.deptype IN ('i', 'a', 'P', 'S') AND (d.refclassid, d.refobjid) <> (r.classid, r.objid)) AS is_part
        FROM reached r
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(r.classid, r.objid, r.objsubid) AS who
        LEFT JOIN LATERAL (
            SELECT needs.type || ' ' || needs.identity AS what
            FROM (SELECT r.classid, r.objid, r.objsubid
                UNION ALL SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
                    WHERE d.refclassid = r.classid AND d.refobjid = r.objid AND d.deptype = 'i' AND (r.objsubid = 0 OR d.refobjsubid = r.objsubid)) AS part
            JOIN pg_catalog.pg_depend d ON d.classid = part.classid AND d.objid = part.objid AND d.objsubid = part.objsubid
            LEFT JOIN inside i ON i.classid = d.refclassid AND i.objid = d.refobjid
            LEFT JOIN reached up ON up.classid = d.refclassid AND up.objid = d.refobjid AND (up.objsubid = 0 OR up.objsubid = d.refobjsubid)
            CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, d.refobjid, 0) AS needs
            WHERE i.objid IS NOT NULL OR (up.objid IS NOT NULL AND (d.refclassid, d.refobjid) <> (r.classid, r.objid))
            ORDER BY i.objid IS NULL, needs.type = 'schema', 1 LIMIT 1) AS need ON true)";

/// What depends on nothing inside, and yet loses by its end.
const UPWARDS: &str = "SELECT 'extension ' || pg_catalog.quote_ident(x.extname) || ' (owns ' || part.type || ' ' || part.identity || ')', false
        FROM pg_catalog.pg_depend d JOIN inside i ON i.classid = d.classid AND i.objid = d.objid
        JOIN pg_catalog.pg_extension x ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND x.oid = d.refobjid
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS part
        WHERE d.deptype = 'e' AND d.objsubid = 0 AND NOT EXISTS (SELECT FROM inside o WHERE o.classid = d.refclassid AND o.objid = d.refobjid)
    UNION SELECT whole.type || ' ' || whole.identity || ' (has the rows of ' || part.identity || ')', false
        FROM pg_catalog.pg_inherits h
        JOIN inside i ON i.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.objid = h.inhrelid
        JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid AND c.relkind IN ('r', 'p', 'f')
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(i.classid, h.inhparent, 0) AS whole
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(i.classid, h.inhrelid, 0) AS part
        WHERE NOT EXISTS (SELECT FROM inside o WHERE o.classid = i.classid AND o.objid = h.inhparent)";
