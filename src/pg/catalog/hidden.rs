//! What the server shows to a superuser alone, so that a pg_dump of somebody else leaves it out.

use super::{Error, Session, query};

/// Objects of the database that pg_dump, as the session's role, does not write, or not as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// pg_dump asks nobody but superusers for them.
    pub subscriptions: Vec<String>,
    /// User mappings with options that the role is not shown, or may have some.
    pub mappings: Vec<HiddenMapping>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenMapping {
    /// As pg_dump's archive has it: `public` for everybody.
    pub role: String,
    pub server: String,
    pub options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Options {
    There,
    /// The role may not even see whether there are any.
    MayBeThere,
}

pub async fn hidden(session: &Session) -> Result<Hidden, Error> {
    let context = "what only superusers can see";
    let rights = "SELECT pg_catalog.current_setting('is_superuser') = 'on',
            pg_catalog.has_table_privilege('pg_catalog.pg_user_mapping', 'SELECT')";
    let rows = query(session, context, rights).await?;
    let (is_superuser, sees_mappings) = rows.first().map_or((false, false), |row| (row.get(0), row.get(1)));
    if is_superuser {
        return Ok(Hidden::default());
    }
    let subscriptions = "SELECT s.subname::text FROM pg_catalog.pg_subscription s
        JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database() ORDER BY 1";
    let subscriptions = query(session, context, subscriptions).await?.iter().map(|row| row.get(0)).collect();
    // The view hides them by these conditions, and pg_dump reads the view.
    let mappings = if sees_mappings {
        "SELECT v.usename::text, v.srvname::text FROM pg_catalog.pg_user_mappings v
         JOIN pg_catalog.pg_user_mapping m ON m.oid = v.umid
         WHERE v.umoptions IS NULL AND m.umoptions IS NOT NULL ORDER BY 2, 1"
    } else {
        "SELECT v.usename::text, v.srvname::text FROM pg_catalog.pg_user_mappings v
         JOIN pg_catalog.pg_foreign_server s ON s.oid = v.srvid
         WHERE v.umoptions IS NULL AND NOT CASE
             WHEN v.umuser = 0 THEN pg_catalog.pg_has_role(s.srvowner, 'USAGE')
             ELSE v.usename = current_user AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE') OR pg_catalog.has_server_privilege(s.oid, 'USAGE'))
         END ORDER BY 2, 1"
    };
    let options = if sees_mappings { Options::There } else { Options::MayBeThere };
    let mapping = |row: &tokio_postgres::Row| HiddenMapping { role: row.get(0), server: row.get(1), options };
    let mappings = query(session, context, mappings).await?.iter().map(mapping).collect();
    Ok(Hidden { subscriptions, mappings })
}
