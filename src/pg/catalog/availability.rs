//! What a server offers to a database that is to be made there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Session, query, quote_literal};
use crate::pg::raw_text::RawText;
use crate::split::facts::{CollationKnown, Locale, Right, Trust};

/// When the server was started, to the microsecond: the same for all databases of one cluster, and for no other. Any role may
/// ask it, which `pg_control_system` does not promise.
pub async fn cluster_identity(session: &Session) -> Result<String, Error> {
    let sql = "SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text";
    let rows = query(session, "the identity of the cluster", sql).await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}

/// Versions that `CREATE EXTENSION` can make, and the one that it makes by itself.
pub async fn available_extensions(
    session: &Session,
) -> Result<(BTreeMap<(String, String), Trust>, BTreeMap<String, String>), Error> {
    let sql = "SELECT name::text, version, trusted FROM pg_catalog.pg_available_extension_versions";
    let trust = |trusted| if trusted { Trust::Trusted } else { Trust::SuperuserOnly };
    let rows = query(session, "the list of available extensions", sql).await?;
    let versions = rows.iter().map(|row| ((row.get(0), row.get(1)), trust(row.get(2)))).collect();
    let sql =
        "SELECT name::text, default_version FROM pg_catalog.pg_available_extensions WHERE default_version IS NOT NULL";
    let rows = query(session, "the list of available extensions", sql).await?;
    Ok((versions, rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
}

/// All roles of the cluster, and those that the session may act as; none whose name is no UTF-8.
pub async fn role_names(session: &Session) -> Result<(BTreeSet<String>, BTreeSet<String>), Error> {
    let sql = "SELECT rolname::text, pg_catalog.pg_has_role(current_user, oid, 'MEMBER') FROM pg_catalog.pg_roles";
    let rows = session.raw_rows("the list of roles", sql, &[]).await?;
    let (mut all, mut member) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let name: RawText = row.get(0);
        let Some(name) = name.text() else { continue };
        all.insert(name.to_owned());
        if row.get(1) {
            member.insert(name.to_owned());
        }
    }
    Ok((all, member))
}

/// What the session's role may do here; [`Right::CreateInDatabase`] is of the session's own database.
pub async fn rights(session: &Session) -> Result<BTreeSet<Right>, Error> {
    let sql = "SELECT r.rolsuper, r.rolcreatedb, r.rolcreaterole,
            pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
            NOT pg_catalog.pg_is_in_recovery()
        FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    let rows = query(session, "the rights of the role", sql).await?;
    let all = [Right::Superuser, Right::CreateDatabase, Right::CreateRole, Right::CreateInDatabase, Right::Write];
    let held = |row: &tokio_postgres::Row| {
        let held = all.iter().enumerate().filter(|(n, _)| row.get(*n));
        held.map(|(_, right)| *right).collect()
    };
    Ok(rows.first().map(held).unwrap_or_default())
}

/// Objects of users in the session's database: schemas but `public`, what is in `public`, and extensions but plpgsql. Extensions' own are none.
pub async fn own_objects(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "WITH own AS (
            SELECT 'schema ' || n.nspname::text AS name FROM pg_catalog.pg_namespace n
            WHERE n.nspname NOT IN ('public', 'pg_catalog', 'information_schema', 'pg_toast', 'pgkeep_split') AND n.nspname !~ '^pg_(toast_)?temp_'
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e')
            UNION ALL
            SELECT n.nspname::text || '.' || c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 'function ' || n.nspname::text || '.' || p.proname::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname = 'public'
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
            UNION ALL SELECT 'extension ' || extname::text FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql')
        SELECT name FROM own ORDER BY 1";
    Ok(query(session, "what the database holds", sql).await?.iter().map(|row| row.get(0)).collect())
}

/// Default privileges of the session's database, each as the statement that takes it back.
pub async fn default_privileges(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "WITH set AS (
            SELECT d.defaclacl AS acl, pg_catalog.acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) AS usual,
                d.defaclnamespace = 0 AS of_all,
                pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s', pg_catalog.pg_get_userbyid(d.defaclrole),
                    'IN SCHEMA ' || pg_catalog.quote_ident(n.nspname) || ' ') AS alter,
                CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                    WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS objects
            FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace),
        beyond AS (SELECT DISTINCT s.alter, 'REVOKE ALL' AS what, s.objects, 'FROM' AS word, a.grantee FROM set s, pg_catalog.aclexplode(s.acl) a
            WHERE NOT s.of_all OR NOT EXISTS (SELECT FROM pg_catalog.aclexplode(s.usual) u WHERE u.grantee = a.grantee)),
        lacking AS (SELECT DISTINCT s.alter, 'GRANT ALL' AS what, s.objects, 'TO' AS word, u.grantee FROM set s, pg_catalog.aclexplode(s.usual) u
            WHERE s.of_all AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(s.acl) a WHERE (a.grantee, a.privilege_type) = (u.grantee, u.privilege_type)))
        SELECT alter || what || ' ON ' || objects || ' ' || word || ' ' || CASE grantee WHEN 0 THEN 'PUBLIC'
                ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END
        FROM (SELECT * FROM beyond UNION ALL SELECT * FROM lacking) AS statements ORDER BY 1";
    Ok(query(session, "the default privileges", sql).await?.iter().map(|row| row.get(0)).collect())
}

/// The version that the session's server has of a collation.
pub async fn collation_version(session: &Session, locale: &Locale) -> Result<(CollationKnown, Option<String>), Error> {
    let (provider, name) = match (locale.provider.as_str(), &locale.locale) {
        ("c", _) | (_, None) => ("c", locale.collate.as_str()),
        (provider, Some(locale)) => (provider, locale.as_str()),
    };
    // These need no library.
    if matches!(name, "C" | "POSIX" | "C.UTF-8" | "C.utf8") || provider == "b" {
        return Ok((CollationKnown::Known, None));
    }
    let column = match (provider, session.server_version_num() / 10_000) {
        ("c", _) | (_, ..=14) => "collcollate",
        (_, 15..=16) => "colliculocale",
        _ => "colllocale",
    };
    // `en_US.UTF-8` and `en_US.utf8` are one.
    let plain = |text: &str| format!("pg_catalog.lower(pg_catalog.replace({text}, '-', ''))");
    let sql = format!(
        "SELECT pg_catalog.pg_collation_actual_version(oid) FROM pg_catalog.pg_collation
        WHERE collprovider = {} AND {} = {} ORDER BY 1 NULLS LAST LIMIT 1",
        quote_literal(provider),
        plain(&format!("{column}::text")),
        plain(&quote_literal(name)),
    );
    let rows = query(session, "the version of a collation", &sql).await?;
    Ok(match rows.first() {
        Some(row) => (CollationKnown::Known, row.get(0)),
        // ICU makes collations for any language.
        None if provider == "i" => (CollationKnown::Known, None),
        None => (CollationKnown::Unknown, None),
    })
}

/// `server_encoding` of the session's database.
pub async fn encoding(session: &Session) -> Result<String, Error> {
    let rows = query(session, "the encoding", "SELECT pg_catalog.current_setting('server_encoding')").await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}
