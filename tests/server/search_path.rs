//! Functions that look names up by a `search_path` that nobody but the application's role or database has.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};

/// Of both kinds of servers: before and since indexes are built with a path of the server's own.
const MAJORS: [u32; 2] = [15, 18];

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// A table of a role of its own, whose check finds a dictionary by the path alone. Another `dict`, in which nothing is, lies on the path of
/// who backs up.
fn app(major: u32) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    server.ask("CREATE ROLE app LOGIN");
    server.ask("CREATE DATABASE app OWNER app");
    sql(
        &server,
        "app",
        "CREATE SCHEMA s1 AUTHORIZATION app; SET ROLE app; SET search_path = s1; CREATE TABLE dict (val text); INSERT INTO dict VALUES ('a');
         CREATE FUNCTION in_dict(p text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM dict WHERE val = p)';
         CREATE TABLE data (val text CHECK (in_dict(val))); INSERT INTO data VALUES ('a')",
    );
    server
}

/// Where the programs of the server's version are.
fn programs(server: &Server) -> &str {
    server.binaries.bin_dir.to_str().unwrap()
}

fn back_up(server: &Server, repo: &Repo) {
    repo.json(["backup", "--pg-bin", programs(server), "-d", &server.dsn("app")]);
}

/// Restores with these switches, and proves: every row is there.
#[track_caller]
fn comes_back(server: &Server, switch: &str, path: &str) {
    let repo = Repo::new();
    back_up(server, &repo);
    let restored = repo.restored(["latest", "--create", "-d", &server.dsn("copy"), switch]);
    let warnings = restored["warnings"].to_string();
    assert!(
        warnings.contains(&format!("search_path ({path})")) && warnings.contains("TABLE DATA s1.data"),
        "{restored}"
    );
    assert_eq!((&restored["proven"], sql(server, "copy", "TABLE s1.data").as_str()), (&Value::Bool(true), "a"));
    server.ask("DROP DATABASE copy");
}

#[test]
fn the_path_of_the_owners_role_is_found() {
    for major in MAJORS {
        let server = app(major);
        server.ask("ALTER ROLE app SET search_path = s1, public");
        comes_back(&server, "--search-path-fix", "s1, public");
        // A drill does it by itself.
        let repo = Repo::new();
        back_up(&server, &repo);
        let drilled = Said::of(
            pgkeep()
                .args(["drill", "--json", "--pg-bin", programs(&server), "--repo"])
                .arg(repo.root())
                .arg("--restore-key")
                .arg(repo.restore_key()),
        );
        assert_eq!(drilled.code, 0, "{drilled:?}");
        // What a role has in this one database comes first.
        server.ask("ALTER ROLE app SET search_path = nowhere");
        server.ask("ALTER ROLE app IN DATABASE app SET search_path = \"$user\", s1");
        comes_back(&server, "--search-path-fix", "app, s1");
    }
}

#[test]
fn the_path_of_the_database_is_found_whatever_the_one_who_backs_up_has() {
    for major in MAJORS {
        let server = app(major);
        server.ask("ALTER DATABASE app SET search_path = s1, public");
        server.ask("ALTER ROLE postgres SET search_path = nowhere");
        comes_back(&server, "--search-path-fix", "s1, public");
    }
}

#[test]
fn a_path_that_only_the_application_knows_can_be_given() {
    for major in MAJORS {
        let server = app(major);
        let repo = Repo::new();
        back_up(&server, &repo);
        for (switch, helps) in
            [("--no-acl", "--search-path-fix uses"), ("--search-path-fix", "--search-path-fix=SCHEMA,...")]
        {
            let said = Said::of(repo.restore(["latest", "--create", "-d", &server.dsn("copy"), switch]).arg("--json"));
            assert_eq!(said.code, 8, "{said:?}");
            let hint = said.document()["failures"][0]["hint"].to_string();
            assert!(hint.contains(helps) && !hint.contains("since PostgreSQL 17"), "{hint}");
            // What is there, and how to begin anew.
            let hint = said.document()["hint"].to_string();
            assert!(hint.contains("The database copy has everything else, and is not dropped"), "{hint}");
            server.ask("DROP DATABASE copy");
        }
        comes_back(&server, "--search-path-fix=s1", "s1");
        comes_back(&server, "--search-path-fix=\"s1\", Public", "s1, public");
    }
}

/// It can set that itself, and what is found there would run with the rights of the table's owner.
#[test]
fn the_path_of_another_role_is_not_tried() {
    let server = app(15);
    server.ask("CREATE ROLE other LOGIN");
    sql(
        &server,
        "app",
        "CREATE SCHEMA trap AUTHORIZATION other; SET ROLE other; CREATE TABLE trap.dict AS SELECT 'a'::text AS val;
         GRANT USAGE ON SCHEMA trap TO PUBLIC; GRANT SELECT ON trap.dict TO PUBLIC; ALTER ROLE other SET search_path = trap",
    );
    let repo = Repo::new();
    back_up(&server, &repo);
    let mut restore = repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "--search-path-fix"]);
    let said = Said::of(restore.arg("--json"));
    assert_eq!((said.code, said.stdout.contains("trap")), (8, false), "{said:?}");
}

/// What the owner of a database says of its path means nothing to a superuser who has one of its own, and where it would mean something, it
/// is not asked for what that superuser owns.
#[test]
fn the_path_that_a_databases_owner_sets_is_not_tried_for_a_superusers_tables() {
    for (major, own) in [(15, "ALTER ROLE postgres IN DATABASE app SET search_path = deep"), (18, "SELECT")] {
        let server = Server::start(major, ClusterOptions::default());
        server.ask("CREATE ROLE mal LOGIN");
        server.ask("CREATE DATABASE app OWNER mal");
        server.ask(own);
        sql(
            &server,
            "app",
            "CREATE SCHEMA deep; CREATE FUNCTION deep.helper(x int) RETURNS boolean LANGUAGE sql AS 'SELECT x > 0'; SET search_path = deep;
             CREATE FUNCTION deep.is_valid(x int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN helper(x); END';
             CREATE TABLE deep.t (x int CHECK (deep.is_valid(x))); INSERT INTO deep.t VALUES (1);
             CREATE SCHEMA mal AUTHORIZATION mal; SET ROLE mal;
             CREATE FUNCTION mal.helper(x int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'reached as %', current_user; RETURN true; END$$;
             ALTER DATABASE app SET search_path = mal",
        );
        let repo = Repo::new();
        back_up(&server, &repo);
        let said = |of: Said| format!("{}{}", of.stdout, of.stderr);
        let restored = Said::of(
            repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "--search-path-fix"]).arg("--json"),
        );
        assert_eq!(restored.code, if major == 15 { 0 } else { 8 }, "{restored:?}");
        let restored_code = restored.code;
        assert!(!said(restored).contains("reached as"));
        let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str(), "drill".as_ref()]);
        let drilled = Said::of(drill.args(["latest", "--pg-bin", programs(&server), "--json"]));
        assert_eq!(drilled.code, restored_code, "{drilled:?}");
        assert!(!said(drilled).contains("reached as"));
    }
}

#[test]
fn a_path_that_names_no_schema_is_refused() {
    for switch in ["--search-path-fix=,", "--search-path-fix=\"$user\",public"] {
        let said = Said::of(pgkeep().args(["restore", "latest", "-d", "x", switch]));
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains("--search-path-fix"), "{said:?}");
    }
}

/// An index is built without a path since 17, so that no switch helps: what does is said.
#[test]
fn an_index_that_no_path_reaches_says_which_statement_helps() {
    let server = app(18);
    let function = "CREATE FUNCTION s1.known(p text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT EXISTS (SELECT FROM dict WHERE val = p)'";
    sql(
        &server,
        "app",
        &format!(
            "SET check_function_bodies = off; {function}; ALTER FUNCTION s1.known SET search_path = s1; CREATE INDEX by_known ON s1.dict (s1.known(val)); ALTER FUNCTION s1.known RESET ALL"
        ),
    );
    server.ask("ALTER DATABASE app SET search_path = s1");
    let repo = Repo::new();
    back_up(&server, &repo);
    let said =
        Said::of(repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "--search-path-fix"]).arg("--json"));
    let told = said.document();
    assert_eq!((said.code, told["failures"].as_array().map(Vec::len)), (8, Some(1)), "{said:?}");
    assert_eq!(told["failures"][0]["entry"], "INDEX s1.by_known", "{told}");
    let hint = told["failures"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("since PostgreSQL 17") && hint.contains("ALTER FUNCTION ... SET search_path = s1"), "{hint}");
    // As it says, so it is.
    sql(
        &server,
        "copy",
        "ALTER FUNCTION s1.known SET search_path = s1; CREATE INDEX by_known ON s1.dict (s1.known(val))",
    );
}

/// Under the fence it would be too late: the plan says it, and the switch gets the rows over.
#[test]
fn a_split_is_blocked_by_functions_that_need_a_path_until_it_may_give_them_one() {
    for major in MAJORS {
        let server = app(major);
        server.ask("ALTER ROLE app SET search_path = s1, public");
        sql(
            &server,
            "app",
            "SET check_function_bodies = off; CREATE FUNCTION s1.next() RETURNS text LANGUAGE sql AS 'SELECT max(val) FROM dict'; CREATE TABLE s1.made (val text DEFAULT s1.next())",
        );
        let state = folder();
        let split = |more: &[&str]| {
            let mut command = pgkeep();
            command.args([
                "split",
                "--pg-bin",
                programs(&server),
                "--json",
                "--schemas",
                "s1",
                "--from",
                &server.dsn("app"),
                "--to",
                &server.dsn("place"),
                "--state",
            ]);
            Said::of(command.arg(state.path()).args(more))
        };
        for more in [&["--plan"][..], &[]] {
            let said = split(more);
            let told = said.document();
            let blockers = told["blockers"].as_array().unwrap();
            assert_eq!((said.code, blockers.len()), (3, 1), "{said:?}");
            // A default makes no row that is copied.
            assert!(
                blockers[0]["kind"] == "search_path" && blockers[0]["name"].to_string().contains("s1.in_dict("),
                "{told}"
            );
            assert!(blockers[0]["action"].to_string().contains("--search-path-fix"), "{told}");
            assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'place'"), "0");
        }
        let said = split(&["--search-path-fix"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(sql(&server, "place", "TABLE s1.data"), "a");
        assert!(said.document()["warnings"].to_string().contains("search_path (s1, public)"), "{said:?}");
    }
}
