//! The new database of a split is as closed as the old one, also to those who own what moves.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

/// Owners of moving schemas, and others; what they may do in a database, in PostgreSQL's eyes.
const ROLES: &[&str] = &["nothing", "connects", "makes", "through", "holder", "root", "someone"];

fn rights(server: &Server, database: &str) -> String {
    let roles = ROLES.join("'), ('");
    server.ask(&format!(
        "SELECT string_agg(format('%s %s', role, (SELECT string_agg(p, ',') FROM unnest('{{CONNECT,CREATE,TEMPORARY}}'::text[]) p
            WHERE has_database_privilege(role, '{database}', p))), E'\\n' ORDER BY role) FROM (VALUES ('{roles}')) roles (role)"
    ))
}

/// Whom the access list names.
fn granted(server: &Server, database: &str) -> String {
    server.ask(&format!(
        "SELECT string_agg(format('%s %s', a.grantee::regrole, a.privilege_type), ',' ORDER BY a.grantee, a.privilege_type)
        FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = '{database}' AND a.grantee <> d.datdba"
    ))
}

fn the_new_database_is_as_closed_as_the_old_one(major: u32) {
    let server = Server::start(major, ClusterOptions::default());
    let sql = |database: &str, sql: &str| psql(&server.binaries, &server.dsn(database), sql).unwrap();
    for role in ROLES {
        server.ask(&format!("CREATE ROLE {role}"));
    }
    server.ask("ALTER ROLE root SUPERUSER");
    server.ask("GRANT makes TO through");
    let access = [
        ("open", ""),
        ("shut", "REVOKE ALL ON DATABASE shut FROM PUBLIC"),
        (
            "part",
            "REVOKE ALL ON DATABASE part FROM PUBLIC; GRANT CONNECT ON DATABASE part TO connects; GRANT CREATE ON DATABASE part TO makes;
             GRANT TEMPORARY ON DATABASE part TO someone; GRANT CONNECT ON DATABASE part TO PUBLIC",
        ),
    ];
    for (old, access) in access {
        server.ask(&format!("CREATE DATABASE {old} OWNER holder"));
        access.split(';').filter(|sql| !sql.is_empty()).for_each(|sql| drop(server.ask(sql)));
        // All but the last own a schema, with rows that run code of the owner.
        let owners = &ROLES[..ROLES.len() - 1];
        for owner in owners {
            sql(
                old,
                &format!(
                    "CREATE SCHEMA of_{owner} AUTHORIZATION {owner}; CREATE FUNCTION of_{owner}.ok(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
                     ALTER FUNCTION of_{owner}.ok(int) OWNER TO {owner}; CREATE TABLE of_{owner}.t (i int CHECK (of_{owner}.ok(i)));
                     ALTER TABLE of_{owner}.t OWNER TO {owner}; INSERT INTO of_{owner}.t VALUES (1)"
                ),
            );
        }
        let schemas = owners.iter().map(|owner| format!("of_{owner}")).collect::<Vec<_>>().join(",");
        for new in ["made", "there", "owned_by_another"] {
            let name = format!("{old}_{new}");
            match new {
                "made" => {}
                "there" => drop(server.ask(&format!("CREATE DATABASE {name} OWNER holder"))),
                _ => drop(server.ask(&format!("CREATE DATABASE {name}"))),
            }
            let split = |args: &[&str]| {
                let mut split = pgkeep();
                split.env("PGKEEP_PG_BIN", &server.binaries.bin_dir).args(["split", "--json", "--quiet"]).args(args);
                Said::of(split.args(["--from", &server.dsn(old), "--to", &server.dsn(&name)]))
            };
            let said = split(&["--schemas", &schemas]);
            assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
            assert_eq!(rights(&server, &name), rights(&server, old), "{major}: {name}");
            // The owner of the old database needs a grant where it does not own the new one.
            let is_owner = new != "owned_by_another";
            assert!(!is_owner || granted(&server, &name) == granted(&server, old), "{major}: {name}");
            let back = split(&["rollback", "--discard"]);
            assert_eq!(back.code, 0, "{back:?}");
        }
    }
}

#[test]
fn the_new_database_is_as_closed_as_the_old_one_14() {
    the_new_database_is_as_closed_as_the_old_one(14);
}

#[test]
fn the_new_database_is_as_closed_as_the_old_one_15() {
    the_new_database_is_as_closed_as_the_old_one(15);
}

#[test]
fn the_new_database_is_as_closed_as_the_old_one_18() {
    the_new_database_is_as_closed_as_the_old_one(18);
}

/// It has no grant that could be copied: at a server where it is no superuser, it could make no schema any more.
#[test]
fn a_superuser_of_the_old_server_goes_on_making_schemas_in_the_new_database() {
    let (source, target) = (Server::start(15, ClusterOptions::default()), Server::start(15, ClusterOptions::default()));
    source.ask("CREATE ROLE twenty_user SUPERUSER LOGIN");
    target.ask("CREATE ROLE twenty_user LOGIN");
    source.ask("CREATE DATABASE app");
    psql(
        &source.binaries,
        &source.dsn("app"),
        "CREATE SCHEMA core AUTHORIZATION twenty_user; CREATE TABLE core.t AS SELECT 1 AS i",
    )
    .unwrap();
    let mut split = pgkeep();
    split.args([
        "split",
        "--json",
        "--quiet",
        "--schemas",
        "core",
        "--from",
        &source.dsn("app"),
        "--to",
        &target.dsn("crm"),
    ]);
    let said = Said::of(&mut split);
    assert_eq!(said.code, 0, "{said:?}");
    psql(&target.binaries, &target.dsn_as("twenty_user", "crm"), "CREATE SCHEMA workspace_1").unwrap();
}
