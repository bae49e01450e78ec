//! What a target has before a restore, and what is taken away again after one that came to nothing.

use std::collections::BTreeSet;

use super::{Error, Session, quote_identifier};
use crate::schema::restore::{
    DefaultGrant, DefaultPrivileges, ExtensionThere, Grant, Lacks, ObjectsOf, SchemaThere, There,
};

/// Whether the database holds nothing that `public` would be shared with. What initdb makes has smaller numbers (FirstNormalObjectId); what
/// an extension brought comes with the extension.
const IS_EMPTY: &str = "(NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relnamespace::pg_catalog.regnamespace::text !~ '^pg_')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384) AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'))";

/// Extensions and schemas of the session's database. Where it holds nothing, its `public` may be made the snapshot's.
pub async fn there(session: &Session) -> Result<There, Error> {
    let sql = "SELECT true, x.extname::text, n.nspname::text, pg_catalog.obj_description(x.oid, 'pg_extension')
            FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
        UNION ALL SELECT false, n.nspname::text, pg_catalog.pg_get_userbyid(n.nspowner)::text, pg_catalog.obj_description(n.oid, 'pg_namespace')
            FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";
    let rows = session.client().query(sql, &[]).await;
    let mut there = There::default();
    for row in rows.map_err(|e| session.fault("the list of extensions and schemas", e))? {
        let (name, of, comment): (String, String, Option<String>) = (row.get(1), row.get(2), row.get(3));
        if row.get(0) {
            there.extensions.insert(name, ExtensionThere { schema: of, comment });
        } else {
            there.schemas.insert(name, SchemaThere { owner: of, comment, ..SchemaThere::default() });
        }
    }
    there.defaults = defaults(session).await?;
    let roles = "SELECT current_user::text, pg_catalog.pg_get_userbyid(datdba)::text FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let roles = session.row("the session's role and the database's owner", roles, &[]).await?;
    (there.user, there.database_owner) = (roles.get(0), Some(roles.get(1)));
    remarks(session, &mut there).await.map_err(|e| session.fault("the grants on schemas", e))?;
    Ok(there)
}

/// Default privileges of the session's database, of whichever role and for whatever schema.
async fn defaults(session: &Session) -> Result<Vec<DefaultPrivileges>, Error> {
    let sql = "SELECT pg_catalog.pg_get_userbyid(d.defaclrole)::text, d.defaclobjtype::text, n.nspname::text,
            ARRAY(SELECT DISTINCT CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee)::text END FROM pg_catalog.aclexplode(d.defaclacl) a),
            -- For a schema they only add.
            d.defaclnamespace = 0 AND EXISTS (SELECT a.grantee, a.privilege_type FROM pg_catalog.aclexplode(pg_catalog.acldefault(
                    CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)) a
                EXCEPT SELECT a.grantee, a.privilege_type FROM pg_catalog.aclexplode(d.defaclacl) a)
        FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace ORDER BY 1, 2, 3";
    let rows = session.rows("the default privileges", sql, &[]).await?;
    let one = |row: &tokio_postgres::Row| {
        Some(DefaultPrivileges {
            role: row.get(0),
            objects: ObjectsOf::of_letter(row.get(1))?,
            schema: row.get(2),
            grantees: row.get::<_, Vec<Option<String>>>(3).into_iter().collect(),
            lacks: if row.get(4) { Lacks::Something } else { Lacks::Nothing },
        })
    };
    Ok(rows.iter().filter_map(one).collect())
}

/// Grants and labels of the schemas, and whether they are all there is.
async fn remarks(session: &Session, there: &mut There) -> Result<(), tokio_postgres::Error> {
    let sql = "SELECT n.nspname::text, CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable
        FROM pg_catalog.pg_namespace n,
            pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a";
    for row in session.client().query(sql, &[]).await? {
        if let Some(schema) = there.schemas.get_mut(row.get::<_, &str>(0)) {
            schema.grants.insert(Grant { role: row.get(1), privilege: row.get(2), grantable: row.get(3) });
        }
    }
    // All privileges that there are have one name.
    let sql = "SELECT n.nspname::text, pg_catalog.pg_get_userbyid(d.defaclrole)::text,
            CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END,
            CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee)::text END, a.is_grantable, pg_catalog.array_agg(a.privilege_type ORDER BY a.privilege_type),
            pg_catalog.count(*) = (SELECT pg_catalog.count(*) FROM pg_catalog.aclexplode(pg_catalog.acldefault(
                CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)) o WHERE o.grantee = d.defaclrole)
        FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace, pg_catalog.aclexplode(d.defaclacl) a
        GROUP BY 1, 2, 3, 4, 5, d.defaclobjtype, d.defaclrole";
    for row in session.client().query(sql, &[]).await? {
        let Some(schema) = there.schemas.get_mut(row.get::<_, &str>(0)) else { continue };
        let all = row.get::<_, bool>(6).then(|| vec!["ALL".to_owned()]);
        let grant = |privilege| DefaultGrant {
            owner: row.get(1),
            objects: row.get(2),
            grant: Grant { role: row.get(3), privilege, grantable: row.get(4) },
        };
        schema.defaults.extend(all.unwrap_or_else(|| row.get(5)).into_iter().map(grant));
    }
    let sql = "SELECT n.nspname::text, l.provider, l.label FROM pg_catalog.pg_seclabel l JOIN pg_catalog.pg_namespace n ON n.oid = l.objoid
        WHERE l.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass";
    for row in session.client().query(sql, &[]).await? {
        if let Some(schema) = there.schemas.get_mut(row.get::<_, &str>(0)) {
            schema.labels.insert(row.get(1), row.get(2));
        }
    }
    there.takes_public = session.client().query_one(&format!("SELECT {IS_EMPTY}"), &[]).await?.get(0);
    Ok(())
}

/// Those of `names` that the server has no tablespace for.
pub async fn tablespaces_missing(session: &Session, names: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT n FROM pg_catalog.unnest($1::text[]) n WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE spcname = n)";
    let names: Vec<&String> = names.iter().collect();
    let rows = session.rows("the list of tablespaces", sql, &[&names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many objects one transaction may lock, if it is alone.
pub async fn locks_max(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint
        * (pg_catalog.current_setting('max_connections')::bigint + pg_catalog.current_setting('max_prepared_transactions')::bigint)";
    let row = session.client().query_one(sql, &[]).await;
    Ok(row.map_err(|e| session.fault("the number of locks", e))?.get::<_, i64>(0).unsigned_abs())
}

/// Drops a database that this run has made, whoever is connected, and also one that was made a template.
pub async fn take_away_database(session: &Session, name: &str) -> Result<(), Error> {
    let name = quote_identifier(name);
    // Not in one message: DROP DATABASE stands alone.
    session.run("dropping a database", &format!("ALTER DATABASE {name} WITH IS_TEMPLATE false")).await?;
    session.run("dropping a database", &format!("DROP DATABASE {name} WITH (FORCE)")).await
}
