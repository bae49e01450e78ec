//! Default privileges that stand in a target: what comes into it has the privileges that it had, and no others.

use pgkeep::pg::cluster::ClusterOptions;

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// Every kind of object that has default privileges; as an ordinary role's, with code, and as a superuser's.
const OLD: &str = "CREATE ROLE app LOGIN; CREATE ROLE mal; CREATE SCHEMA m AUTHORIZATION app; SET ROLE app;
    CREATE FUNCTION m.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
    CREATE TABLE m.t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (m.f(id)) STORED, s serial, i int GENERATED ALWAYS AS IDENTITY);
    CREATE TABLE m.given (id int); GRANT SELECT ON m.given TO mal; CREATE SEQUENCE m.q; CREATE VIEW m.v AS SELECT 1 AS a;
    CREATE MATERIALIZED VIEW m.mv AS SELECT m.f(1) AS a; CREATE VIEW m.grouped AS SELECT id, g FROM m.t GROUP BY id;
    CREATE FUNCTION m.sec() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; REVOKE ALL ON FUNCTION m.sec() FROM PUBLIC;
    CREATE PROCEDURE m.p() LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE m.total(int) (SFUNC = int4pl, STYPE = int);
    CREATE AGGREGATE m.number(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
    CREATE TYPE m.e AS ENUM ('a'); CREATE TYPE m.pair AS (a int, b int); CREATE DOMAIN m.d AS int CHECK (m.f(VALUE) < 10);
    CREATE TABLE m.parts (id int, d m.d DEFAULT 3) PARTITION BY RANGE (id); CREATE TABLE m.part PARTITION OF m.parts FOR VALUES FROM (0) TO (9);
    INSERT INTO m.t (id) VALUES (1); RESET ROLE; CREATE TABLE m.ours (x int); CREATE FUNCTION m.h() RETURNS int LANGUAGE sql AS 'SELECT 1';
    SELECT lo_from_bytea(777, 'precious')";

fn standing(major: u32) -> String {
    let mut sql = String::new();
    for role in ["", "FOR ROLE app "] {
        for objects in ["TABLES", "SEQUENCES", "FUNCTIONS", "TYPES", "SCHEMAS"] {
            sql += &format!("ALTER DEFAULT PRIVILEGES {role}GRANT ALL ON {objects} TO mal WITH GRANT OPTION;");
        }
        sql += &format!("ALTER DEFAULT PRIVILEGES {role}REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;");
        if major >= 18 {
            sql += &format!("ALTER DEFAULT PRIVILEGES {role}GRANT ALL ON LARGE OBJECTS TO mal;");
        }
    }
    sql + "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE INSERT ON TABLES FROM app"
}

/// All that anybody but its owner may do with something of the database.
fn given(server: &Server, database: &str) -> String {
    let acl = |catalog: &str, acl: &str, owner: &str, letter: &str, name: &str| {
        format!(
            "SELECT '{catalog} ' || {name} || ': ' || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ' ' || a.privilege_type AS what
            FROM {catalog} o, aclexplode(coalesce({acl}, acldefault('{letter}', {owner}))) a WHERE o.oid >= 16384"
        )
    };
    let all = [
        acl("pg_class", "relacl", "relowner", "r", "relname")
            + " AND relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'm'::regnamespace",
        acl("pg_class", "relacl", "relowner", "s", "relname")
            + " AND relkind = 'S' AND relnamespace = 'm'::regnamespace",
        acl("pg_proc", "proacl", "proowner", "f", "proname"),
        acl("pg_type", "typacl", "typowner", "T", "typname") + " AND typelem = 0 AND typrelid = 0",
        acl("pg_namespace", "nspacl", "nspowner", "n", "nspname") + " AND nspname !~ '^pg_'",
        acl("pg_largeobject_metadata", "lomacl", "lomowner", "L", "'777'").replace(" WHERE o.oid >= 16384", ""),
    ];
    psql(&server.binaries, &server.dsn(database), &format!("{} ORDER BY 1", all.join(" UNION ALL "))).unwrap()
}

#[test]
fn a_restore_gives_nothing_away_by_default_privileges_of_the_target() {
    for major in [15, 18] {
        let server = Server::start(major, ClusterOptions::default());
        let repo = Repo::new();
        let clients = server.binaries.bin_dir.clone();
        server.ask("CREATE DATABASE old");
        psql(&server.binaries, &server.dsn("old"), OLD).unwrap();
        let backup = Said::of(repo.command(["backup", "-d", &server.dsn("old"), "-q"]).env("PGKEEP_PG_BIN", &clients));
        assert_eq!(backup.code, 0, "{backup:?}");
        server.ask("CREATE DATABASE copy");
        psql(&server.binaries, &server.dsn("copy"), &standing(major)).unwrap();
        let restore = |more: &[&str], to: &str| {
            Said::of(&mut repo.restore([&["latest", "--json", "-d", &server.dsn(to)], more].concat()))
        };
        let said = restore(&[], "copy");
        assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{said:?}");
        assert_equal("privileges", &given(&server, "old"), &given(&server, "copy"));
        let of = |database| definitions(&server, database, &["-n", "m"]);
        assert_equal("definitions", &of("old"), &of("copy"));
        // What stood there stands there.
        let left = psql(&server.binaries, &server.dsn("copy"), "SELECT count(*) FROM pg_default_acl").unwrap();
        assert_eq!(left, if major >= 18 { "12" } else { "10" });
        // Whoever wants none of the snapshot's privileges is told what there is instead.
        server.ask("CREATE DATABASE bare");
        psql(&server.binaries, &server.dsn("bare"), "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO mal").unwrap();
        let said = restore(&["--no-acl"], "bare");
        let warnings = said.document()["warnings"].to_string();
        assert_eq!(said.code, 0, "{said:?}");
        assert!(
            warnings.contains(
                "with --no-acl, what is restored gets the default privileges of the database: those of the role"
            ),
            "{warnings}"
        );
        assert!(warnings.contains(" for TABLES, to mal"), "{warnings}");
    }
}

/// As the restorer's own, too, and where the restorer is an ordinary role.
#[test]
fn a_restore_as_an_ordinary_role_gives_nothing_away_either() {
    let server = Server::start(15, ClusterOptions::default());
    let repo = Repo::new();
    for sql in
        ["CREATE ROLE app LOGIN; CREATE ROLE mal", "CREATE DATABASE old OWNER app", "CREATE DATABASE copy OWNER app"]
    {
        server.ask(sql);
    }
    let old = "CREATE SCHEMA m; CREATE TABLE m.t (id int PRIMARY KEY); INSERT INTO m.t VALUES (1); CREATE FUNCTION m.f() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    psql(&server.binaries, &server.dsn_as("app", "old"), old).unwrap();
    let standing = "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mal, app; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO mal;
        ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC";
    psql(&server.binaries, &server.dsn_as("app", "copy"), standing).unwrap();
    assert_eq!(Said::of(&mut repo.command(["backup", "-d", &server.dsn("old"), "-q"])).code, 0);
    let said = Said::of(&mut repo.restore(["latest", "--json", "--no-owner", "-d", &server.dsn_as("app", "copy")]));
    assert_eq!(said.code, 0, "{said:?}");
    assert_equal("privileges", &given(&server, "old"), &given(&server, "copy"));
}

#[test]
fn a_split_is_told_of_them_before_anybody_is_refused_a_write() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE old");
    psql(&server.binaries, &server.dsn("old"), OLD).unwrap();
    server.ask("CREATE DATABASE new");
    psql(&server.binaries, &server.dsn("new"), &standing(15)).unwrap();
    let ends = ["--from", &server.dsn("old"), "--to", &server.dsn("new")];
    let split = |args: &[&str]| Said::of(pgkeep().args(["split", "--json"]).args(args).args(ends));
    for args in [&["--schemas", "m", "--plan"][..], &["--schemas", "m"]] {
        let said = split(args);
        assert_eq!(said.code, 3, "{said:?}");
        let document = said.document();
        let blockers = document["blockers"].as_array().unwrap();
        let blocker = blockers.iter().find(|finding| finding["kind"] == "default_privileges");
        let action = blocker.expect("a blocker")["action"].as_str().unwrap().to_owned();
        assert_eq!(
            psql(&server.binaries, &server.dsn("new"), "SELECT count(*) FROM pg_namespace WHERE nspname = 'm'")
                .unwrap(),
            "0"
        );
        if args.len() == 2 {
            // As it says, so it is.
            let statements = action.split_once("after the split: ").unwrap().1;
            psql(&server.binaries, &server.dsn("new"), statements).unwrap();
        }
    }
    assert_eq!(psql(&server.binaries, &server.dsn("new"), "SELECT count(*) FROM pg_default_acl").unwrap(), "0");
    let said = split(&["--schemas", "m"]);
    assert_eq!(said.code, 0, "{said:?}");
}
