//! Roles that the database's objects refer to, with memberships and settings.

use super::{Error, Session, query, quote_literal};
use crate::repo::manifest::{Membership, Role, RoleSetting};

/// Whether password hashes are read, which takes SELECT on pg_authid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords {
    Leave,
    Read,
}

#[derive(Clone, Debug, Default)]
pub struct RoleFacts {
    pub server_version_num: u32,
    pub roles: Vec<Role>,
    pub memberships: Vec<Membership>,
    pub settings: Vec<RoleSetting>,
}

/// Roles that own, may use, or are named by anything in this database; those that they are members of, and those that
/// have settings in this database. Predefined roles (`pg_...`) are not listed, memberships in them are.
pub async fn roles(session: &Session, passwords: Passwords) -> Result<RoleFacts, Error> {
    // pg_shdepend does not mention the bootstrap superuser, so owners are asked for as well.
    let named = "SELECT refobjid FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
            WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
              AND (s.dbid = d.oid OR s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = d.oid)
            UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
            UNION SELECT relowner FROM pg_catalog.pg_class WHERE oid >= 16384
            UNION SELECT proowner FROM pg_catalog.pg_proc WHERE oid >= 16384
            UNION SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid >= 16384
            UNION SELECT defaclrole FROM pg_catalog.pg_default_acl
            UNION SELECT lomowner FROM pg_catalog.pg_largeobject_metadata
            UNION SELECT s.setrole FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
                  WHERE d.datname = pg_catalog.current_database() AND s.setrole <> 0";
    facts(session, named, passwords).await
}

/// The roles of these names, as far as they are there, and those that they are members of.
pub async fn roles_by_name(session: &Session, names: &[String]) -> Result<RoleFacts, Error> {
    let names: Vec<String> = names.iter().map(|name| quote_literal(name)).collect();
    let named = format!(
        "SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY (ARRAY[{}]::pg_catalog.text[])",
        names.join(", ")
    );
    facts(session, &named, Passwords::Leave).await
}

/// `named`: a query of the oids to begin with.
async fn facts(session: &Session, named: &str, passwords: Passwords) -> Result<RoleFacts, Error> {
    let named = format!(
        "WITH RECURSIVE named(oid) AS (
            {named}
            UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN named n ON n.oid = m.member)"
    );
    let (table, password) = match passwords {
        Passwords::Leave => ("pg_catalog.pg_roles", "NULL::text"),
        Passwords::Read => ("pg_catalog.pg_authid", "r.rolpassword"),
    };
    let sql = format!(
        "{named} SELECT r.rolname::text, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
            r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil::text, pg_catalog.shobj_description(r.oid, 'pg_authid'), {password}
        FROM named n JOIN {table} r ON r.oid = n.oid WHERE r.rolname !~ '^pg_' ORDER BY 1"
    );
    let role = |row: tokio_postgres::Row| Role {
        name: row.get(0),
        superuser: row.get(1),
        inherit: row.get(2),
        create_role: row.get(3),
        create_db: row.get(4),
        login: row.get(5),
        replication: row.get(6),
        bypass_rls: row.get(7),
        connection_limit: row.get(8),
        valid_until: row.get(9),
        comment: row.get(10),
        password_hash: row.get(11),
    };
    let roles = query(session, "the list of roles", &sql).await?.into_iter().map(role).collect();

    // Since PostgreSQL 16 each grantor has a row of its own.
    let options = if session.server_version_num() >= 160_000 {
        "pg_catalog.bool_or(m.inherit_option), pg_catalog.bool_or(m.set_option)"
    } else {
        "NULL::bool, NULL::bool"
    };
    let sql = format!(
        "{named} SELECT pg_catalog.pg_get_userbyid(m.roleid)::text, pg_catalog.pg_get_userbyid(m.member)::text, pg_catalog.bool_or(m.admin_option), {options}
        FROM pg_catalog.pg_auth_members m
        WHERE m.member IN (SELECT oid FROM named) AND m.roleid IN (SELECT oid FROM named)
        GROUP BY m.roleid, m.member ORDER BY 1, 2"
    );
    let membership = |row: tokio_postgres::Row| Membership {
        role: row.get(0),
        member: row.get(1),
        admin: row.get(2),
        inherit: row.get(3),
        set: row.get(4),
    };
    let memberships = query(session, "role memberships", &sql).await?.into_iter().map(membership).collect();

    let sql = format!(
        "{named} SELECT pg_catalog.pg_get_userbyid(s.setrole)::text, s.setdatabase <> 0, s.setconfig
        FROM pg_catalog.pg_db_role_setting s
        WHERE s.setrole IN (SELECT oid FROM named)
          AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
        ORDER BY 1, 2"
    );
    let setting =
        |row: tokio_postgres::Row| RoleSetting { role: row.get(0), in_database: row.get(1), settings: row.get(2) };
    let settings = query(session, "role settings", &sql).await?.into_iter().map(setting).collect();
    Ok(RoleFacts { server_version_num: session.server_version_num(), roles, memberships, settings })
}
