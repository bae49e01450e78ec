//! What programs and servers have to say beside their result is told in the report, and so is what a run leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::disk_full::SmallDisk;
use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};

#[track_caller]
fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// The pg_dump that knows the server.
fn programs(server: &Server) -> &str {
    server.binaries.bin_dir.to_str().unwrap()
}

#[track_caller]
fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list}")).iter().map(|line| line.as_str().unwrap()).collect()
}

/// Subscriptions are left out for a role that is no superuser: one line on standard error, and exit code 0.
#[test]
fn what_pg_dump_says_is_a_warning_of_the_report() {
    let (server, repo) = (Server::start(16, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    server.ask("CREATE ROLE clerk LOGIN IN ROLE pg_read_all_data");
    sql(
        &server,
        "shop",
        "CREATE SCHEMA core; CREATE TABLE core.t AS SELECT 1 AS i;
         CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE)",
    );
    let said = "pg_dump says: subscriptions not dumped because current user is not a superuser";
    for part in [&[][..], &["-n", "core"]] {
        let mut args = vec!["backup", "--pg-bin", programs(&server)];
        let dsn = server.dsn_as("clerk", "shop");
        args.extend(["-d", &dsn]);
        args.extend(part);
        let report = repo.json(&args);
        assert_eq!(strings(&report["warnings"]).iter().filter(|line| **line == said).count(), 1, "{report}");
        args.push("--quiet");
        let text = Said::of(&mut repo.command(&args));
        assert!(text.stdout.contains(&format!("warning: {said}\n")), "{text:?}");
    }

    let mut plan = pgkeep();
    plan.args(["split", "--plan", "--json", "--schemas", "core", "--from", &server.dsn_as("clerk", "shop")]);
    let plan = Said::of(plan.args(["--to", &server.dsn("place"), "--pg-bin", programs(&server)])).document();
    let told = plan["warnings"].as_array().unwrap().iter().find(|finding| finding["kind"] == "pg_dump_says");
    assert_eq!(told.unwrap_or_else(|| panic!("{plan}"))["reason"], said);
}

/// Both ends of a split: their database's collation is said to be of another version whenever somebody connects.
#[test]
fn a_split_says_what_pg_dump_says_of_either_end() {
    let server = Server::start(16, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    server.ask("CREATE DATABASE place");
    sql(&server, "shop", "CREATE SCHEMA core; CREATE TABLE core.t AS SELECT 1 AS i");
    server.ask("UPDATE pg_database SET datcollversion = '0' WHERE datname IN ('shop', 'place')");
    let mut split = pgkeep();
    split.args(["split", "--json", "--quiet", "--schemas", "core", "--pg-bin", programs(&server)]);
    let said = Said::of(split.args(["--from", &server.dsn("shop"), "--to", &server.dsn("place")]));
    let document = said.document();
    assert_eq!((said.code, &document["proven"]), (0, &json!(true)), "{said:?}");
    let warnings = strings(&document["warnings"]);
    let of = |begin: &str| warnings.iter().filter(|line| line.starts_with(begin)).count();
    assert_eq!(of("pg_dump says: WARNING:  database \"shop\""), 1, "{document}");
    assert_eq!(of("of the new database, pg_dump says: WARNING:  database \"place\""), 1, "{document}");
}

#[test]
fn a_restore_lists_the_roles_that_it_makes_and_how_they_get_a_password() {
    let (source, target) = (Server::start(15, ClusterOptions::default()), Server::start(15, ClusterOptions::default()));
    source.ask("CREATE DATABASE shop");
    source.ask("CREATE ROLE team");
    source.ask("CREATE ROLE \"Order's app\" LOGIN PASSWORD 'secret' IN ROLE team");
    sql(&source, "shop", "CREATE TABLE public.t AS SELECT 1 AS i; ALTER TABLE public.t OWNER TO \"Order's app\"");
    let forget = || {
        target.ask("DROP DATABASE shop");
        target.ask("DROP ROLE \"Order's app\", team");
    };
    let repo = Repo::new();
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let statement = "ALTER ROLE \"Order's app\" PASSWORD '...'";
    for create in [&["--create"][..], &[]] {
        if create.is_empty() {
            target.ask("CREATE DATABASE shop");
        }
        let dsn = target.dsn("shop");
        let mut args = vec!["latest", "-d", &dsn];
        args.extend(create);
        let restored = repo.restored(&args);
        let expected = json!([
            {"role": "Order's app", "login": true, "set_password": statement, "rights": []},
            {"role": "team", "login": false, "set_password": null, "rights": []},
        ]);
        assert_eq!(restored["roles_made"], expected, "{restored}");
        // Nobody was made the second time.
        target.ask("DROP DATABASE shop");
        let again = repo.restored(["latest", "--create", "-d", &dsn]);
        assert_eq!(again["roles_made"], json!([]), "{again}");
        forget();
    }
    let text = Said::of(&mut repo.restore(["latest", "--create", "-q", "-d", &target.dsn("shop")]));
    assert!(
        text.stdout.contains(&format!("created the role Order's app, which has no password: {statement}\n")),
        "{text:?}"
    );
    assert!(text.stdout.contains("created the role team, which cannot log in\n"), "{text:?}");
    forget();

    repo.json(["backup", "-d", &source.dsn("shop"), "--role-passwords"]);
    let text = Said::of(&mut repo.restore(["latest", "--create", "-q", "-d", &target.dsn("shop")]));
    assert!(text.stdout.contains("created the role Order's app with the password from the snapshot\n"), "{text:?}");
}

/// What is not restored needs no role: owners, grants, what is said of the database, a schema that stays as it is.
#[test]
fn a_restore_makes_no_role_for_what_it_leaves_out() {
    let (source, target) = (Server::start(15, ClusterOptions::default()), Server::start(15, ClusterOptions::default()));
    let roles = ["boss", "guest", "keeper", "later", "lo_keeper", "lo_reader", "reader", "visitor"];
    roles.iter().for_each(|role| drop(source.ask(&format!("CREATE ROLE {role}"))));
    source.ask("CREATE DATABASE shop OWNER boss");
    source.ask("GRANT CREATE ON DATABASE shop TO guest");
    sql(
        &source,
        "shop",
        "CREATE SCHEMA core; CREATE TABLE core.t AS SELECT 1 AS i; ALTER TABLE core.t OWNER TO keeper; GRANT SELECT ON core.t TO reader;
         GRANT USAGE ON SCHEMA core TO visitor; ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA core GRANT SELECT ON TABLES TO later;
         SELECT lo_create(7); ALTER LARGE OBJECT 7 OWNER TO lo_keeper; GRANT SELECT ON LARGE OBJECT 7 TO lo_reader",
    );
    let repo = Repo::new();
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let cases: [(&[&str], &str, &[&str]); 5] = [
        (&["--create"], "", &roles),
        (&["--create", "--no-acl"], "", &["boss", "keeper", "lo_keeper"]),
        (&["--create", "--no-owner"], "", &["guest", "keeper", "later", "lo_keeper", "lo_reader", "reader", "visitor"]),
        (&[], "SELECT", &["keeper", "later", "lo_keeper", "lo_reader", "reader", "visitor"]),
        (&["--no-acl"], "CREATE SCHEMA core", &["keeper", "lo_keeper"]),
    ];
    for (switches, before, expected) in cases {
        if !before.is_empty() {
            target.ask("CREATE DATABASE shop");
            sql(&target, "shop", before);
        }
        let restored = repo.restored(["latest", "-d", &target.dsn("shop")].iter().chain(switches));
        let made: Vec<&str> =
            restored["roles_made"].as_array().unwrap().iter().map(|made| made["role"].as_str().unwrap()).collect();
        assert_eq!(made, expected, "{switches:?}: {restored}");
        target.ask("DROP DATABASE shop");
        made.iter().for_each(|role| drop(target.ask(&format!("DROP ROLE {role}"))));
    }
}

#[test]
fn a_split_lists_the_roles_that_it_makes() {
    let (source, target) = (Server::start(15, ClusterOptions::default()), Server::start(15, ClusterOptions::default()));
    source.ask("CREATE DATABASE shop");
    source.ask("CREATE ROLE app LOGIN");
    sql(
        &source,
        "shop",
        "CREATE SCHEMA core AUTHORIZATION app; CREATE TABLE core.t AS SELECT 1 AS i; ALTER TABLE core.t OWNER TO app",
    );
    let ends = ["--from", &source.dsn("shop"), "--to", &target.dsn("place")];
    let said = Said::of(pgkeep().args(["split", "--json", "--schemas", "core"]).args(ends));
    assert_eq!(said.code, 0, "{said:?}");
    let expected =
        json!([{"role": "app", "login": true, "set_password": "ALTER ROLE \"app\" PASSWORD '...'", "rights": []}]);
    assert_eq!(said.document()["roles_made"], expected, "{said:?}");
}

/// A server may warn of a definition and make it all the same: an event trigger here, a grant that was not made elsewhere.
#[test]
fn what_the_server_warns_of_while_definitions_are_made_is_told() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    server.ask("CREATE DATABASE copy");
    sql(&server, "shop", "CREATE SCHEMA core; CREATE TABLE core.t AS SELECT 1 AS i");
    sql(
        &server,
        "copy",
        "CREATE FUNCTION public.told() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'somebody ran %', tg_tag; END $$;
         CREATE EVENT TRIGGER told ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.told()",
    );
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let restored = repo.restored(["latest", "-d", &server.dsn("copy")]);
    let told = "while creating definitions: somebody ran CREATE TABLE";
    assert!(strings(&restored["warnings"]).contains(&told), "{restored}");
}

/// Somebody who reads a table keeps the opened fence's trigger there.
#[test]
fn triggers_that_stay_are_told_by_the_way_back() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    sql(&server, "shop", "CREATE SCHEMA core; CREATE TABLE core.t AS SELECT 1 AS i; CREATE TABLE core.u (i int)");
    let ends = ["--from", &server.dsn("shop"), "--to", &server.dsn("place")];
    let said = Said::of(pgkeep().args(["split", "--json", "--schemas", "core"]).args(ends));
    assert_eq!(said.code, 0, "{said:?}");
    let mut reader = reading(&server, "shop", "core.t");
    let said = Said::of(pgkeep().args(["split", "rollback", "--json"]).args(ends));
    assert_eq!(said.code, 0, "{said:?}");
    let warnings = said.document()["warnings"].clone();
    let told = strings(&warnings);
    assert_eq!(told.len(), 1, "{said:?}");
    assert!(told[0].starts_with("tables were read while the fence was taken down"), "{said:?}");
    assert!(told[0].ends_with(": core.t"), "{said:?}");
    sql(&server, "shop", "INSERT INTO core.t VALUES (2)");
    reader.kill().unwrap();
    reader.wait().unwrap();
}

/// A session that reads a table, in a transaction without end.
fn reading(server: &Server, database: &str, table: &str) -> Child {
    let sql = format!("BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE; SELECT pg_sleep(120)");
    let mut psql = server.binaries.command("psql");
    psql.args(["-X", "-q", "-d", &server.dsn(database), "-c", &sql]).stdout(Stdio::null()).stderr(Stdio::null());
    let child = psql.spawn().unwrap();
    server.wait_for(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(120)' AND wait_event = 'PgSleep'",
        "1",
    );
    child
}

/// Files of an earlier private server that cannot be removed.
#[test]
fn a_drill_says_what_stays_of_an_earlier_private_server() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE TABLE public.t AS SELECT 1 AS i");
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let servers = folder();
    let left: PathBuf = servers.path().join("pgkeep-cluster-left");
    fs::create_dir_all(left.join("busy")).unwrap();
    let Some(_busy) = SmallDisk::mount(&left.join("busy"), "size=1m") else { return };
    set_old(&left);
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
    drill.args(["drill", "--json", "--pg-bin", programs(&server)]).env("PGKEEP_TMPDIR", servers.path());
    let said = Said::of(&mut drill);
    assert_eq!(said.code, 0, "{said:?}");
    let document = said.document();
    let begin = format!("files of an earlier private server remain: could not remove {}", left.display());
    assert_eq!(strings(&document["warnings"]).iter().filter(|line| line.starts_with(&begin)).count(), 1, "{said:?}");
}

fn set_old(folder: &Path) {
    let touched = std::process::Command::new("touch").args(["-d", "5 minutes ago"]).arg(folder).status().unwrap();
    assert!(touched.success());
}
