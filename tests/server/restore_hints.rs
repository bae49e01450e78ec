//! What the hint after a restore that ended in the middle must not say, whatever the database held and however it was named.

use std::fs;

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// Everything that a database can have of its own, each by itself. `{db}` is its name.
const KINDS: &[&str] = &[
    "SELECT lo_create(0)",
    "SELECT lo_create(7)",
    "CREATE SCHEMA s",
    "CREATE TABLE public.x ()",
    "CREATE SEQUENCE public.x",
    "CREATE VIEW public.x AS SELECT 1 AS a",
    "CREATE TYPE public.x AS ENUM ('a')",
    "CREATE DOMAIN public.x AS int",
    "CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION hstore",
    "CREATE PUBLICATION x",
    "CREATE PUBLICATION x FOR TABLES IN SCHEMA public",
    "CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE)",
    "CREATE CAST (money AS int4) WITH INOUT",
    "CREATE FOREIGN DATA WRAPPER x",
    "CREATE FOREIGN DATA WRAPPER x; CREATE SERVER x FOREIGN DATA WRAPPER x; CREATE USER MAPPING FOR CURRENT_USER SERVER x",
    "CREATE TEXT SEARCH DICTIONARY public.x (template = simple)",
    "CREATE TEXT SEARCH CONFIGURATION public.x (copy = simple)",
    "CREATE TEXT SEARCH PARSER public.x (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)",
    "CREATE TEXT SEARCH TEMPLATE public.x (lexize = dsimple_lexize)",
    "CREATE OPERATOR public.=== (leftarg = int, rightarg = int, function = int4eq)",
    "CREATE OPERATOR FAMILY public.x USING btree",
    "CREATE OPERATOR CLASS public.x FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int)",
    "CREATE ACCESS METHOD x TYPE TABLE HANDLER heap_tableam_handler",
    "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))",
    "CREATE LANGUAGE x HANDLER plpgsql_call_handler",
    "CREATE EVENT TRIGGER x ON sql_drop EXECUTE FUNCTION public.et()",
    "CREATE COLLATION public.x (provider = libc, locale = 'C')",
    "CREATE CONVERSION public.x FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "COMMENT ON SCHEMA public IS 'ours'",
    "COMMENT ON SCHEMA public IS NULL",
    "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "ALTER SCHEMA public OWNER TO CURRENT_USER",
    "DROP SCHEMA public",
    "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC",
    "GRANT SELECT ON pg_catalog.pg_authid TO PUBLIC",
    "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
    "REVOKE CONNECT ON DATABASE {db} FROM PUBLIC",
    "ALTER DATABASE {db} SET work_mem = '9MB'",
    "ALTER ROLE CURRENT_USER IN DATABASE {db} SET work_mem = '9MB'",
    "COMMENT ON DATABASE {db} IS 'ours'",
    "ALTER DATABASE {db} CONNECTION LIMIT 90",
    "ALTER DATABASE {db} IS_TEMPLATE true",
    "SELECT pg_create_logical_replication_slot('x', 'pgoutput')",
];

/// A snapshot whose rows are lost: a restore ends in their middle, at once.
fn damaged() -> (Server, Repo) {
    let settings = vec![("wal_level".to_owned(), "logical".to_owned())];
    let options = ClusterOptions { settings, ..ClusterOptions::default() };
    let (server, repo) = (Server::start(15, options), Repo::new());
    server.ask("CREATE DATABASE app");
    sql(&server, "app", "CREATE SCHEMA core; CREATE TABLE core.rows AS SELECT n FROM generate_series(1, 5000) n");
    repo.json(["backup", "-d", &server.dsn("app")]);
    lose(&repo.root().join("data"));
    (server, repo)
}

fn lose(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => lose(&entry.path()),
            false => fs::remove_file(entry.path()).unwrap(),
        }
    }
}

#[track_caller]
fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

#[track_caller]
fn ended(repo: &Repo, args: &[&str]) -> Said {
    let mut restore = repo.restore(["latest", "-q", "-j", "1"]);
    let said = Said::of(restore.args(args));
    assert!(said.code == 5 && said.stderr.contains("core.rows"), "{said:?}");
    said
}

#[test]
fn a_database_with_anything_of_its_own_is_not_proposed_to_be_dropped() {
    let (server, repo) = damaged();
    let dsn = server.dsn("used");
    let mut proposed = Vec::new();
    for kind in KINDS {
        server.ask("CREATE DATABASE used");
        if kind.contains("public.et()") {
            // In its place a function of the system would do, and there is none.
            sql(&server, "used", "CREATE FUNCTION public.et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
        }
        sql(&server, "used", &kind.replace("{db}", "used"));
        let said = ended(&repo, &["-d", &dsn]);
        if said.stderr.contains("DROP") || !said.stderr.contains("used was not empty before") {
            proposed.push(*kind);
        }
        if kind.contains("SUBSCRIPTION") {
            sql(&server, "used", "DROP SUBSCRIPTION x");
        }
        server.ask("SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots");
        server.ask("ALTER DATABASE used IS_TEMPLATE false");
        server.ask("DROP DATABASE used");
    }
    assert!(proposed.is_empty(), "{proposed:#?}");

    server.ask("CREATE DATABASE used TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    let said = ended(&repo, &["-d", &dsn]);
    assert!(!said.stderr.contains("DROP"), "{said:?}");
    let said = ended(&repo, &["-d", &server.dsn("postgres")]);
    assert!(!said.stderr.contains("DROP") && said.stderr.contains("To start again in a new database"), "{said:?}");

    // One that is empty may go, also after somebody has worked there with temporary tables.
    server.ask("CREATE DATABASE fresh");
    sql(&server, "fresh", "CREATE TEMPORARY TABLE x (t text)");
    let said = ended(&repo, &["-d", &server.dsn("fresh")]);
    assert!(said.stderr.contains("DROP DATABASE IF EXISTS \"fresh\" WITH (FORCE)"), "{said:?}");
}

/// What is copied from a terminal would have lost the line break: `it` and `it\nor`, or two words, are different databases.
#[test]
fn no_command_is_printed_for_a_name_that_cannot_be_copied() {
    let (server, repo) = damaged();
    for (create, control) in [(true, '\n'), (false, '\n'), (false, '\t'), (false, '\u{1b}'), (false, '\u{202e}')] {
        let name = format!("it{control}or");
        let dsn = server.dsn(&name);
        if !create {
            server.ask(&format!("CREATE DATABASE \"{name}\""));
        }
        let args = if create { vec!["--create", "-d", &dsn] } else { vec!["-d", &dsn] };
        let said = ended(&repo, &args);
        let words = "restore into a new database with another name. No command is printed";
        assert!(!said.stderr.contains("DROP") && !said.stderr.contains("`psql"), "{said:?}");
        assert!(said.stderr.contains(words), "{said:?}");
        let again = Said::of(&mut repo.restore(["latest", "-q", "-d", &dsn]));
        assert!(again.code == 7 && !again.stderr.contains('`'), "{again:?}");
        server.ask(&format!("DROP DATABASE \"{name}\""));
    }
}

#[test]
fn the_commands_keep_service_and_password_file_and_say_that_the_password_is_missing() {
    let (server, repo) = damaged();
    let folder = crate::pgkeep::folder();
    let (host, port) = (server.cluster.socket_dir().display().to_string(), server.cluster.port());
    let services = folder.path().join("services");
    fs::write(&services, format!("[shop]\nhost={host}\nport={port}\nuser=postgres\npassword=not-shown\n")).unwrap();
    let passfile = folder.path().join("pass");
    fs::write(&passfile, "").unwrap();
    let passfile = format!("passfile={}", passfile.display());
    let typed = format!("host={host} port={port} user=postgres dbname=copy");
    for (dsn, kept, notes) in [
        ("service=shop dbname=copy".to_owned(), "service=shop", 0),
        (format!("{typed} {passfile}"), passfile.as_str(), 0),
        (format!("{typed} password=not-shown"), "-d", 1),
    ] {
        let run = |code: i32| {
            let mut restore = repo.restore(["latest", "-q", "-j", "1", "--create", "-d", &dsn]);
            let said = Said::of(restore.env("PGSERVICEFILE", &services));
            assert_eq!((said.code, said.stderr.contains("not-shown")), (code, false), "{said:?}");
            assert_eq!(said.stderr.matches("PGPASSWORD").count(), notes, "{said:?}");
            said.stderr.matches(kept).count()
        };
        // For psql and for the restore; then beside the database that is there.
        assert!(run(5) >= 2 && run(7) >= 1, "{dsn}");
        server.ask("DROP DATABASE copy");
    }
}

/// Neither is a database dropped from itself, nor is `postgres` on every server, or open on each that has it.
#[test]
fn a_database_is_made_and_dropped_from_one_that_can_be_entered() {
    let (server, repo) = damaged();
    let count = "SELECT count(*) FROM pg_database WHERE datname = 'copy'";
    for shut in ["ALTER DATABASE postgres ALLOW_CONNECTIONS false", "DROP DATABASE postgres"] {
        sql(&server, "template1", shut);
        for create in [true, false] {
            if !create {
                sql(&server, "template1", "CREATE DATABASE copy TEMPLATE template0");
            }
            let dsn = server.dsn("copy");
            let args = if create { vec!["--create", "-d", &dsn] } else { vec!["-d", &dsn] };
            let said = ended(&repo, &args);
            let drop = said.stderr.split('`').find(|command| command.starts_with("psql -d "));
            let drop = drop.and_then(|command| command.split(" && ").next()).unwrap_or_default();
            assert!(drop.contains("dbname=template1"), "{shut}: {said:?}");
            let path = format!("{}:/usr/bin:/bin", server.binaries.bin_dir.display());
            let dropped = Said::of(std::process::Command::new("sh").args(["-c", drop]).env("PATH", path));
            assert_eq!((dropped.code, sql(&server, "template1", count).as_str()), (0, "0"), "{shut}: {dropped:?}");
        }
    }
}

/// What only others may make is told with what they can grant, or with the way around it.
#[test]
fn an_ordinary_role_is_told_how_to_come_to_a_database_and_to_the_rest_without_subscriptions() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE app");
    sql(
        &server,
        "app",
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS n; CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE)",
    );
    server.ask("CREATE ROLE plain LOGIN");
    repo.json(["backup", "-d", &server.dsn("app")]);
    let restore = |database: &str, more: &[&str]| {
        let dsn = server.dsn_as("plain", database);
        Said::of(repo.restore(["latest", "-q", "--no-owner", "--no-acl"]).args(["-d", &dsn]).args(more))
    };
    let said = restore("theirs", &["--create"]);
    assert!(said.code == 8 && said.stderr.contains("permission denied to create database"), "{said:?}");
    assert!(said.stderr.contains("ALTER ROLE ... CREATEDB") && said.stderr.contains("createdb -O ROLE"), "{said:?}");
    let fresh = || server.ask("DROP DATABASE IF EXISTS theirs") + &server.ask("CREATE DATABASE theirs OWNER plain");
    fresh();
    let said = restore("theirs", &[]);
    assert!(said.code == 8 && said.stderr.contains("SUBSCRIPTION x"), "{said:?}");
    assert!(said.stderr.contains("-n '*' restores all schemas and leaves subscriptions out"), "{said:?}");
    fresh();
    assert_eq!(restore("theirs", &["-n", "*"]).code, 0);
}
