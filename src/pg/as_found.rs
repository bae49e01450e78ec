//! A database that was there before a split, as its administrator had set it up: what the split changes of that is put back where the split
//! comes to nothing.

use serde::{Deserialize, Serialize};

use super::Error;
use super::besides::{self, Known};
use super::connect::Session;
use super::ours::SCHEMA;
use super::quoting::{do_block, quote_identifier, quote_literal};
use super::target::setting;

/// What there was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AsFound {
    /// What stays, whatever was made in it: schemas and extensions, and what else there was.
    pub objects: Vec<Known>,
    schemas: Vec<Owned>,
    database: Owned,
    connection_limit: i32,
    settings: Vec<Settings>,
}

/// Whose it is, and who else may do what with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owned {
    name: String,
    owner: String,
    /// As the catalog writes it; none for what everything begins with.
    access: Option<String>,
    comment: Option<String>,
}

/// `ALTER DATABASE ... SET`, or `ALTER ROLE ... IN DATABASE ... SET`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    /// None for everybody.
    role: Option<String>,
    values: Vec<String>,
}

/// The session's database.
pub async fn look(session: &Session) -> Result<AsFound, Error> {
    let objects = besides::known(session).await?;
    let (database, connection_limit) = database(session).await?;
    Ok(AsFound {
        objects,
        schemas: schemas(session).await?,
        database,
        connection_limit,
        settings: settings(session).await?,
    })
}

async fn schemas(session: &Session) -> Result<Vec<Owned>, Error> {
    let sql = "SELECT nspname::text, pg_catalog.pg_get_userbyid(nspowner)::text, nspacl::text, pg_catalog.obj_description(oid, 'pg_namespace')
        FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'pgkeep_split', 'pgkeep_loose', 'pgkeep_bridge')";
    let rows = session.rows("how the schemas are set up", sql, &[]).await?;
    let one = |row: &tokio_postgres::Row| Owned {
        name: row.get(0),
        owner: row.get(1),
        access: row.get(2),
        comment: row.get(3),
    };
    Ok(rows.iter().map(one).collect())
}

async fn database(session: &Session) -> Result<(Owned, i32), Error> {
    let sql = "SELECT datname::text, pg_catalog.pg_get_userbyid(datdba)::text, datacl::text, pg_catalog.shobj_description(oid, 'pg_database'), datconnlimit
        FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let row = session.row("how the database is set up", sql, &[]).await?;
    Ok((Owned { name: row.get(0), owner: row.get(1), access: row.get(2), comment: row.get(3) }, row.get(4)))
}

async fn settings(session: &Session) -> Result<Vec<Settings>, Error> {
    let sql = "SELECT r.rolname::text, s.setconfig FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND (s.setrole = 0 OR r.oid IS NOT NULL) ORDER BY 1";
    let rows = session.rows("the settings of the database", sql, &[]).await?;
    Ok(rows.iter().map(|row| Settings { role: row.get(0), values: row.get(1) }).collect())
}

/// What is there is set up as it was. What could not be put back is returned, each in words: nothing depends on it but the administrator's own
/// plans.
pub async fn put_back(session: &Session, was: &AsFound) -> Result<Vec<String>, Error> {
    let mut statements = Vec::new();
    let now = schemas(session).await?;
    for schema in &was.schemas {
        let sql = match now.iter().find(|now| now.name == schema.name) {
            Some(now) => again(now, schema, "SCHEMA", 'n'),
            None => format!("CREATE SCHEMA {};\n", quote_identifier(&schema.name)) + &whole(schema, "SCHEMA", 'n'),
        };
        statements.push((format!("the schema {}", schema.name), sql));
    }
    let (now, limit) = database(session).await?;
    // Whatever it is called by now.
    let database = Owned { name: now.name.clone(), ..was.database.clone() };
    let mut sql = again(&now, &database, "DATABASE", 'd');
    if limit != was.connection_limit {
        sql += &format!("ALTER DATABASE {} CONNECTION LIMIT {};\n", quote_identifier(&now.name), was.connection_limit);
    }
    statements.push(("the database".to_owned(), sql));
    statements.extend(settings_again(&now.name, &settings(session).await?, &was.settings));
    let mut left = Vec::new();
    for (what, sql) in statements.into_iter().filter(|(_, sql)| !sql.is_empty()) {
        match session.run("setting the database up as it was found", &format!("BEGIN; {sql}COMMIT")).await {
            Ok(()) => {}
            Err(error) => {
                let message = error.server_message().map(|said| said.message.clone());
                session.run("ending a transaction", "ROLLBACK").await?;
                left.push(format!("{what} could not be set up as it was found: {}", message.ok_or(error)?));
            }
        }
    }
    Ok(left)
}

/// Sets a schema that comes with every database up as initdb does: what pg_dump says of it begins there. Nothing where it is not there.
pub async fn as_new(session: &Session, name: &str) -> Result<(), Error> {
    let Some(now) = schemas(session).await?.into_iter().find(|schema| schema.name == name) else { return Ok(()) };
    let sql = "SELECT CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 150000 THEN 'pg_database_owner' ELSE pg_catalog.pg_get_userbyid(10)::text END,
            i.initprivs::text FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_init_privs i
            ON i.objoid = n.oid AND i.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND i.objsubid = 0 WHERE n.nspname = $1";
    let row = session.row("how initdb sets the schema up", sql, &[&name]).await?;
    let (owner, access): (String, Option<String>) = (row.get(0), row.get(1));
    let new = Owned { owner, access, comment: Some("standard public schema".into()), ..now.clone() };
    let sql = again(&now, &new, "SCHEMA", 'n');
    if sql.is_empty() {
        Ok(())
    } else {
        session.run("setting a schema up as a new one", &format!("BEGIN; {sql}COMMIT")).await
    }
}

/// What differs.
fn again(now: &Owned, was: &Owned, kind: &str, class: char) -> String {
    if now == was {
        return String::new();
    }
    whole(was, kind, class)
}

fn whole(was: &Owned, kind: &str, class: char) -> String {
    let Owned { name, owner, access, comment } = was;
    let name = quote_identifier(name);
    let comment = comment.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
    let access = access.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
    let (catalog, column, of_name, of_owner) = match class {
        'd' => ("pg_database", "datacl", "datname", "datdba"),
        _ => ("pg_namespace", "nspacl", "nspname", "nspowner"),
    };
    let grantee =
        "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END";
    let body = format!(
        "DECLARE x text; BEGIN
            FOR x IN SELECT DISTINCT pg_catalog.format('REVOKE ALL ON {kind} %I FROM %s', o.{of_name}, {grantee})
                FROM pg_catalog.{catalog} o, pg_catalog.aclexplode(coalesce(o.{column}, pg_catalog.acldefault('{class}', o.{of_owner}))) a
                WHERE o.{of_name} = {literal} LOOP EXECUTE x; END LOOP;
            FOR x IN SELECT pg_catalog.format('GRANT %s ON {kind} %I TO %s%s', a.privilege_type, o.{of_name}, {grantee},
                    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                FROM pg_catalog.{catalog} o, pg_catalog.aclexplode(coalesce(({access})::pg_catalog.aclitem[], pg_catalog.acldefault('{class}', o.{of_owner}))) a
                WHERE o.{of_name} = {literal} LOOP EXECUTE x; END LOOP;
        END",
        literal = quote_literal(&was.name)
    );
    let owner = quote_identifier(owner);
    format!("ALTER {kind} {name} OWNER TO {owner};\nCOMMENT ON {kind} {name} IS {comment};\n{}", do_block(&body))
}

/// Each setting that is another one by now, by whose it is.
fn settings_again(database: &str, now: &[Settings], was: &[Settings]) -> Vec<(String, String)> {
    let database = quote_identifier(database);
    let values = |of: &[Settings], role: &Option<String>| {
        of.iter().find(|settings| settings.role == *role).map_or_else(Vec::new, |settings| settings.values.clone())
    };
    let mut roles: Vec<&Option<String>> = now.iter().chain(was).map(|settings| &settings.role).collect();
    roles.sort();
    roles.dedup();
    let changed = roles.into_iter().filter(|role| values(now, role) != values(was, role));
    changed
        .map(|role| {
            let (what, alter) = match role {
                None => ("the settings of the database".to_owned(), format!("ALTER DATABASE {database}")),
                Some(role) => (
                    format!("the settings of the role {role} in the database"),
                    format!("ALTER ROLE {} IN DATABASE {database}", quote_identifier(role)),
                ),
            };
            let pairs = values(was, role);
            let set = pairs.iter().filter_map(|pair| pair.split_once('='));
            let set: String = set.map(|(name, value)| format!("{alter} SET {};\n", setting(name, value))).collect();
            (what, format!("{alter} RESET ALL;\n{set}"))
        })
        .collect()
}

/// What pg_identify_object calls otherwise than `DROP` does.
const WORD: &str = "CASE i.type WHEN 'composite type' THEN 'TYPE' WHEN 'statistics object' THEN 'STATISTICS' ELSE pg_catalog.upper(i.type) END";

/// Takes away what was not there, in the session's transaction. `made` is what else the split makes, of which that in no schema is looked for by
/// name.
pub async fn empty(session: &Session, was: &AsFound, made: &[Known]) -> Result<(), Error> {
    let stays = |class: &str| {
        let of_class = was.objects.iter().filter(|known| known.0 == class).map(|known| quote_literal(&known.2));
        let names: Vec<String> = of_class.collect();
        format!("(ARRAY[{}]::text[])", names.join(", "))
    };
    let body = format!(
        "DECLARE x text; BEGIN
            FOR x IN SELECT extname FROM pg_catalog.pg_extension WHERE extname <> ALL {} LOOP
                EXECUTE pg_catalog.format('DROP EXTENSION IF EXISTS %I CASCADE', x); END LOOP;
            FOR x IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT IN ('information_schema', '{SCHEMA}') AND nspname !~ '^pg_'
                    AND nspname <> ALL {} LOOP
                EXECUTE pg_catalog.format('DROP SCHEMA IF EXISTS %I CASCADE', x); END LOOP;
            FOR x IN SELECT pg_catalog.format('DROP %s IF EXISTS %s CASCADE', {WORD}, i.identity)
                FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_namespace n ON n.oid = d.refobjid,
                    pg_catalog.pg_identify_object(d.classid, d.objid, 0) AS i
                WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.deptype = 'n' AND d.objsubid = 0
                  AND n.nspname = ANY {} AND d.classid NOT IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_default_acl'::pg_catalog.regclass)
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE (m.classid, m.objid) = (d.classid, d.objid) AND m.deptype IN ('e', 'i')) LOOP
                EXECUTE x; END LOOP;
        END",
        stays("EXTENSION"),
        stays("SCHEMA"),
        stays("SCHEMA"),
    );
    let alone: String = made.iter().filter(|known| !was.objects.contains(known)).map(drop_alone).collect();
    session.run("emptying the database", &format!("{}{alone}", do_block(&body))).await
}

/// Of what lives in no schema, and goes with nothing that does.
fn drop_alone(known: &Known) -> String {
    match known.0.as_str() {
        class @ ("EVENT TRIGGER"
        | "PUBLICATION"
        | "SERVER"
        | "FOREIGN DATA WRAPPER"
        | "PROCEDURAL LANGUAGE"
        | "ACCESS METHOD") => format!("DROP {class} IF EXISTS {} CASCADE;\n", quote_identifier(&known.2)),
        _ => String::new(),
    }
}
