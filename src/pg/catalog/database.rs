//! The database itself: properties, settings, grants.

use super::{Error, Session, query};
use crate::repo::manifest::{Database, Grant};

/// Properties of the session's database.
pub async fn database(session: &Session) -> Result<Database, Error> {
    // The names of the locale columns changed in 15 (provider), 16 (rules) and 17 (datlocale).
    let (provider, locale, rules) = match session.server_version_num() / 10000 {
        ..=14 => ("'c'", "NULL", "NULL"),
        15 => ("d.datlocprovider::text", "d.daticulocale", "NULL"),
        16 => ("d.datlocprovider::text", "d.daticulocale", "d.daticurules"),
        _ => ("d.datlocprovider::text", "d.datlocale", "d.daticurules"),
    };
    let version = if session.server_version_num() >= 150_000 { "d.datcollversion" } else { "NULL" };
    let sql = format!(
        "SELECT d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text, pg_catalog.pg_encoding_to_char(d.encoding)::text, {provider},
            d.datcollate::text, d.datctype::text, {locale}::text, {rules}::text, {version}::text, d.datconnlimit, d.datistemplate,
            pg_catalog.shobj_description(d.oid, 'pg_database'),
            coalesce((SELECT s.setconfig FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0), '{{}}'),
            d.datacl IS NOT NULL
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"
    );
    let rows = query(session, "the database's properties", &sql).await?;
    let row = rows.first().ok_or_else(|| Error::Protocol {
        context: "the database's properties".into(),
        source: "pg_database does not list the current database".into(),
    })?;
    let grants = if row.get(13) {
        let acl = "(SELECT datacl FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";
        Some(grants(session, acl).await?)
    } else {
        None
    };
    Ok(Database {
        name: row.get(0),
        owner: row.get(1),
        encoding: row.get(2),
        locale_provider: row.get(3),
        collate: row.get(4),
        ctype: row.get(5),
        icu_locale: row.get(6),
        icu_rules: row.get(7),
        collation_version: row.get(8),
        connection_limit: row.get(9),
        is_template: row.get(10),
        comment: row.get(11),
        settings: row.get(12),
        grants,
    })
}

/// `server_version`, such as `15.18 (Debian 15.18-0+deb12u1)`.
pub async fn server_version(session: &Session) -> Result<String, Error> {
    let rows = query(session, "the server's version", "SELECT pg_catalog.current_setting('server_version')").await?;
    Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
}

/// Materialized views that hold rows, by oid.
pub async fn populated_views(session: &Session) -> Result<Vec<u32>, Error> {
    let sql = "SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'm' AND relispopulated ORDER BY oid";
    Ok(query(session, "the list of materialized views", sql).await?.iter().map(|row| row.get(0)).collect())
}

/// The privileges in an `aclitem[]` expression, each on its own.
async fn grants(session: &Session, acl: &str) -> Result<Vec<Grant>, Error> {
    let sql = format!(
        "SELECT pg_catalog.pg_get_userbyid(a.grantor)::text,
            CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable
        FROM pg_catalog.aclexplode({acl}) a ORDER BY 1, 2, 3"
    );
    let grant = |row: tokio_postgres::Row| Grant {
        grantor: row.get(0),
        grantee: row.get(1),
        privilege: row.get(2),
        grantable: row.get(3),
    };
    Ok(query(session, "grants", &sql).await?.into_iter().map(grant).collect())
}
