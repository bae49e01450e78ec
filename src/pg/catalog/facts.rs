//! What a selection needs to know beyond pg_dump's archive.

use std::collections::BTreeMap;

use super::{Error, Session, query};
use crate::schema::facts::{
    ExtensionFacts, Facts, GrantOnSchema, Membership, Needed, RelationFacts, RelationKind, SchemaFacts,
};
use crate::schema::search_path;

/// Read under the same snapshot as the archive. The empty search path of our sessions is not the operator's: patterns without a
/// schema look where the role's and the database's settings say.
pub async fn facts(session: &Session) -> Result<Facts, Error> {
    Ok(Facts {
        extensions: extensions(session).await?,
        relations: relations(session).await?,
        exclusions: exclusions(session).await?,
        extension_schemas: extension_schemas(session).await?,
        schemas: Some(schemas(session).await?),
        search_path: path_of_sessions(session).await?,
    })
}

async fn path_of_sessions(session: &Session) -> Result<Vec<String>, Error> {
    // What a new session of this role would have, before ours set it to nothing.
    let sql = "SELECT coalesce(
            (SELECT pg_catalog.substr(c, 13) FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c
             WHERE c LIKE 'search\\_path=%'
               AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
               AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = pg_catalog.current_user()))
             ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1),
            (SELECT boot_val FROM pg_catalog.pg_settings WHERE name = 'search_path')), pg_catalog.current_user()::text";
    let rows = query(session, "the search path", sql).await?;
    let Some(row) = rows.first() else { return Ok(vec!["public".into()]) };
    let (path, user): (String, String) = (row.get(0), row.get(1));
    Ok(search_path::schemas(&path, &user))
}

async fn extensions(session: &Session) -> Result<BTreeMap<String, ExtensionFacts>, Error> {
    let sql = "SELECT x.extname::text, n.nspname::text,
            coalesce((SELECT pg_catalog.array_agg(DISTINCT p.proname::text) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.objid
                WHERE d.refobjid = x.oid AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
                  AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc b WHERE b.proname = p.proname AND b.pronamespace = 'pg_catalog'::pg_catalog.regnamespace)), '{}'),
            coalesce((SELECT pg_catalog.array_agg(t.typname::text) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_type t ON t.oid = d.objid
                WHERE d.refobjid = x.oid AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
                  AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND NOT (t.typelem <> 0 AND t.typlen = -1)), '{}'),
            coalesce((SELECT pg_catalog.array_agg(coalesce(t.dictname, c.cfgname)::text) FROM pg_catalog.pg_depend d
                LEFT JOIN pg_catalog.pg_ts_dict t ON d.classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass AND t.oid = d.objid
                LEFT JOIN pg_catalog.pg_ts_config c ON d.classid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass AND c.oid = d.objid
                WHERE d.refobjid = x.oid AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
                  AND coalesce(t.dictname, c.cfgname) IS NOT NULL), '{}')
        FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace";
    let set = |names: Vec<String>| names.into_iter().collect();
    let facts = |row: tokio_postgres::Row| {
        let facts = ExtensionFacts {
            schema: row.get(1),
            functions: set(row.get(2)),
            types: set(row.get(3)),
            dictionaries: set(row.get(4)),
        };
        (row.get(0), facts)
    };
    Ok(query(session, "the list of extensions", sql).await?.into_iter().map(facts).collect())
}

async fn relations(session: &Session) -> Result<BTreeMap<u32, RelationFacts>, Error> {
    let sql = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
            (SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition), e.extname, e.is_configuration,
            ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND NOT c.relispartition ORDER BY i.inhseqno),
            c.oid IN (SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhdetachpending)
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN (
            SELECT d.objid, x.extname::text, coalesce(d.objid = ANY (x.extconfig), false) AS is_configuration
            FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e'
              AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) e ON e.objid = c.oid
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp\\_%'";
    let mut relations = BTreeMap::new();
    for row in query(session, "the list of relations", sql).await? {
        let kind = row.get::<_, String>(3).chars().next().and_then(RelationKind::from_relkind);
        let Some(kind) = kind else { continue };
        let membership = match (row.get::<_, Option<String>>(6), row.get::<_, Option<bool>>(7)) {
            (None, _) => Membership::None,
            (Some(extension), Some(true)) => Membership::Configuration { extension },
            (Some(extension), _) => Membership::Member { extension },
        };
        let facts = RelationFacts {
            schema: row.get(1),
            name: row.get(2),
            kind,
            owner: row.get(4),
            part_of: row.get(5),
            detach_pending: row.get(9),
            inherits: row.get(8),
            membership,
        };
        relations.insert(row.get(0), facts);
    }
    Ok(relations)
}

async fn extension_schemas(session: &Session) -> Result<BTreeMap<String, String>, Error> {
    let sql = "SELECT n.nspname::text, x.extname::text
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_namespace n ON n.oid = d.objid JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
        WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.deptype = 'e'
          AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass";
    let rows = query(session, "the schemas of extensions", sql).await?;
    Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Owners and privileges of the schemas that are no extension's.
pub async fn schemas(session: &Session) -> Result<BTreeMap<String, SchemaFacts>, Error> {
    // Who is gone has no name, and no privilege either.
    let sql = "SELECT n.nspname::text, pg_catalog.pg_get_userbyid(n.nspowner)::text, g.rolname::text, e.rolname::text, a.privilege_type, a.is_grantable
        FROM pg_catalog.pg_namespace n
        LEFT JOIN LATERAL pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) WITH ORDINALITY a ON true
        LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
        LEFT JOIN pg_catalog.pg_roles e ON e.oid = a.grantee
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (a.grantee IS NULL OR a.grantee = 0 OR e.oid IS NOT NULL)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            AND d.objid = n.oid AND d.deptype = 'e')
        ORDER BY 1, a.ordinality";
    let mut schemas: BTreeMap<String, SchemaFacts> = BTreeMap::new();
    for row in query(session, "the privileges on schemas", sql).await? {
        let owner = row.get(1);
        let schema = schemas.entry(row.get(0)).or_insert_with(|| SchemaFacts { owner, grants: Vec::new() });
        if let (Some(grantor), Some(privilege)) = (row.get(2), row.get(4)) {
            schema.grants.push(GrantOnSchema { grantor, grantee: row.get(3), privilege, grantable: row.get(5) });
        }
    }
    Ok(schemas)
}

async fn exclusions(session: &Session) -> Result<BTreeMap<u32, Vec<Needed>>, Error> {
    let sql = "SELECT c.oid, d.refclassid, d.refobjid, x.extname::text
        FROM pg_catalog.pg_constraint c
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.conindid AND d.deptype = 'n'
        LEFT JOIN pg_catalog.pg_depend e ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
        LEFT JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
        WHERE c.contype = 'x' ORDER BY 1, 2, 3";
    let mut exclusions: BTreeMap<u32, Vec<Needed>> = BTreeMap::new();
    for row in query(session, "what exclusion constraints need", sql).await? {
        let needed = match row.get::<_, Option<String>>(3) {
            Some(extension) => Needed::Extension(extension),
            None => Needed::Object(row.get(1), row.get(2)),
        };
        let all = exclusions.entry(row.get(0)).or_default();
        if !all.contains(&needed) {
            all.push(needed);
        }
    }
    Ok(exclusions)
}
