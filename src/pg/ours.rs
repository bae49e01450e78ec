//! What is ours in a database: made by the running role or a superuser, and written by nobody else. Whoever may CREATE in a database can
//! make a schema of any name first, and `CREATE OR REPLACE` keeps an owner; so it is looked before anything of it is believed.

use super::Error;
use super::connect::Session;
use super::quoting::{do_block, quote_literal};

/// Where the fence's function and a split's records live, on either side.
pub const SCHEMA: &str = "pgkeep_split";

/// Something under one of our names that another role made, or may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// `schema pgkeep_split`, `function pgkeep_split.refuse()`, with what others may do to it.
    pub what: String,
    /// Who owns it, or who may change it.
    pub owner: String,
    /// A statement that makes it ours.
    pub mend: String,
}

/// Everything in the session's database that bears one of our names and is not ours.
pub async fn strangers(session: &Session) -> Result<Vec<Stranger>, Error> {
    let sql = "WITH trusted AS (
            SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper OR rolname = current_user),
        own AS (SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace WHERE nspname IN ('pgkeep_split', 'pgkeep_loose', 'pgkeep_bridge')),
        things (kind, name, owner, acl, dangerous) AS (
            SELECT 'SCHEMA', pg_catalog.quote_ident(nspname), nspowner, nspacl, ARRAY['CREATE'] FROM own
            UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                    WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
                pg_catalog.format('%I.%I', own.nspname, c.relname), c.relowner, c.relacl,
                ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN']
                FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid WHERE c.relkind NOT IN ('i', 'I', 't')
            UNION ALL SELECT 'TABLE', pg_catalog.format('%I.%I', own.nspname, c.relname), c.relowner, a.attacl, ARRAY['INSERT', 'UPDATE', 'REFERENCES']
                FROM own JOIN pg_catalog.pg_class c ON c.relnamespace = own.oid
                JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attacl IS NOT NULL
            -- Whoever may call a function that runs as its owner may put it on a table of his own, and write the log.
            UNION ALL SELECT 'ROUTINE', pg_catalog.format('%I.%I(%s)', own.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)),
                p.proowner, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), CASE WHEN p.prosecdef THEN ARRAY['EXECUTE'] ELSE '{}' END
                FROM own JOIN pg_catalog.pg_proc p ON p.pronamespace = own.oid),
        found (what, owner, mend) AS (
            SELECT pg_catalog.lower(kind) || ' ' || name, owner, pg_catalog.format('ALTER %s %s OWNER TO %I', kind, name, current_user)
                FROM things WHERE owner NOT IN (SELECT oid FROM trusted)
            UNION SELECT pg_catalog.format('%s %s, with %s', pg_catalog.lower(kind), name, a.privilege_type), a.grantee,
                    pg_catalog.format('REVOKE ALL ON %s %s FROM %s', CASE WHEN kind IN ('SCHEMA', 'ROUTINE', 'SEQUENCE') THEN kind ELSE '' END, name,
                        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END)
                FROM things, pg_catalog.aclexplode(acl) a
                WHERE a.privilege_type = ANY (dangerous) AND a.grantee <> owner AND a.grantee NOT IN (SELECT oid FROM trusted)
            -- A trigger belongs to its table's owner; what makes it ours is the function that it calls.
            UNION SELECT pg_catalog.format('trigger %I on %s', t.tgname, c.oid::pg_catalog.regclass), c.relowner,
                    pg_catalog.format('DROP TRIGGER %I ON %s', t.tgname, c.oid::pg_catalog.regclass)
                FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
                JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE NOT t.tgisinternal AND (
                    t.tgname IN ('pgkeep_fence', 'pgkeep_fence_rows') AND (n.nspname, p.proname) <> ('pgkeep_split', 'refuse')
                    OR t.tgname LIKE 'pgkeep\\_loose\\_%' AND (n.nspname <> 'pgkeep_loose' OR p.proname NOT LIKE 'note\\_%')))
        SELECT what, CASE owner WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(owner)::text END, pg_catalog.regexp_replace(mend, ' +', ' ', 'g')
        FROM found ORDER BY 1, 2";
    let rows = session.rows("looking for objects of other roles under pgkeep's names", sql, &[]).await?;
    Ok(rows.iter().map(|row| Stranger { what: row.get(0), owner: row.get(1), mend: row.get(2) }).collect())
}

/// Statements that make [`SCHEMA`], closed to everybody but its owner, whatever default privileges say; for a transaction in which
/// [`strangers`] is asked afterwards, because the schema may be there already.
pub fn schema() -> String {
    closed_schema(SCHEMA) + &closed()
}

/// A statement that makes the schema where there is none, without the privileges that default privileges give to others. What its owner
/// gave to somebody later stays.
pub fn closed_schema(name: &str) -> String {
    closed_when_made("SCHEMA", name, "pg_catalog.to_regnamespace", &format!("CREATE SCHEMA {name}"))
}

/// The same for a table of [`SCHEMA`].
pub fn closed_table(name: &str, columns: &str) -> String {
    let table = format!("{SCHEMA}.{name}");
    closed_when_made("TABLE", &table, "pg_catalog.to_regclass", &format!("CREATE TABLE {table} ({columns})"))
}

fn closed_when_made(kind: &str, name: &str, found: &str, make: &str) -> String {
    let (catalog, prefix) = if kind == "SCHEMA" { ("pg_namespace", "nsp") } else { ("pg_class", "rel") };
    do_block(&format!(
        "DECLARE grantee text; BEGIN
            IF {found}('{name}') IS NOT NULL THEN RETURN; END IF;
            {make};
            FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
                FROM pg_catalog.{catalog} o, pg_catalog.aclexplode(o.{prefix}acl) a WHERE o.oid = {found}('{name}')::oid AND a.grantee <> o.{prefix}owner
            LOOP EXECUTE 'REVOKE ALL ON {kind} {name} FROM ' || grantee; END LOOP;
        END"
    ))
}

/// A statement that fails where the schema is there and is not ours, or something in it: for a transaction that makes things in it, because
/// somebody may have come between [`strangers`] and now.
pub fn guard(schema: &str) -> String {
    let body = format!(
        "DECLARE stranger text; BEGIN
            SELECT o.owner::pg_catalog.regrole INTO stranger FROM (
                SELECT nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = '{schema}'
                UNION ALL SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{schema}'
                UNION ALL SELECT p.proowner FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '{schema}') AS o
            WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = o.owner AND (r.rolsuper OR r.rolname = current_user)) LIMIT 1;
            IF stranger IS NOT NULL THEN
                RAISE EXCEPTION 'the schema {schema}, or something in it, belongs to %', stranger USING ERRCODE = 'insufficient_privilege';
            END IF;
        END"
    );
    format!("DO {};\n", quote_literal(&body))
}

/// Statements that take every privilege of others on what is ours in the schema.
pub fn closed() -> String {
    let body = format!(
        "DECLARE o record; BEGIN
            FOR o IN SELECT DISTINCT kind, name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS grantee
                FROM (SELECT 'SCHEMA' AS kind, pg_catalog.quote_ident(nspname) AS name, nspacl AS acl, nspowner AS owner FROM pg_catalog.pg_namespace
                        WHERE nspname = '{schema}'
                    UNION ALL SELECT 'TABLE', pg_catalog.format('%I.%I', n.nspname, c.relname), c.relacl, c.relowner FROM pg_catalog.pg_class c
                        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = '{schema}' AND c.relname IN ('state', 'splits', 'sealed', 'proven', 'loaded') AND c.relkind = 'r') AS ours,
                    pg_catalog.aclexplode(acl) a
                WHERE a.grantee <> owner AND pg_catalog.pg_has_role(current_user, owner, 'USAGE')
                    AND a.privilege_type NOT IN ('USAGE', 'SELECT')
            LOOP EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', o.kind, o.name, o.grantee); END LOOP;
        END",
        schema = SCHEMA
    );
    format!("DO {};\n", quote_literal(&body))
}
