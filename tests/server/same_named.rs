//! A role that the target's server has already is another than the source's of that name: what it may do beyond that one is given to
//! nobody, and told.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};

/// `boss` is nothing but the owner of a function that runs as it; `clerk` belongs to it by itself and through `lead`.
const SOURCE: &str = "CREATE ROLE boss; CREATE ROLE lead IN ROLE boss; CREATE ROLE team; CREATE ROLE clerk LOGIN IN ROLE lead, boss, team;
    CREATE DATABASE shop OWNER boss";
const SHOP: &str = "CREATE SCHEMA core AUTHORIZATION boss; CREATE TABLE core.t AS SELECT 1 AS i; ALTER TABLE core.t OWNER TO clerk;
    CREATE FUNCTION core.f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'; ALTER FUNCTION core.f() OWNER TO boss;
    GRANT SELECT ON core.t TO team, lead";
/// What the role of that name is at the other server, and how reports call it.
const KINDS: &[(&str, &str)] = &[
    ("CREATE ROLE boss SUPERUSER", "SUPERUSER"),
    ("CREATE ROLE boss CREATEROLE", "CREATEROLE"),
    ("CREATE ROLE boss CREATEDB", "CREATEDB"),
    ("CREATE ROLE boss REPLICATION", "REPLICATION"),
    ("CREATE ROLE boss BYPASSRLS", "BYPASSRLS"),
    ("CREATE ROLE boss IN ROLE pg_execute_server_program", "membership in pg_execute_server_program"),
    ("CREATE ROLE root SUPERUSER; CREATE ROLE boss IN ROLE root", "SUPERUSER"),
    ("CREATE ROLE payroll; CREATE ROLE boss IN ROLE payroll", "membership in payroll"),
];

fn source(major: u32) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    SOURCE.split(';').for_each(|sql| drop(server.ask(sql)));
    psql(&server.binaries, &server.dsn("shop"), SHOP).unwrap();
    server
}

/// With its own pg_dump, also where there are no rows.
#[track_caller]
fn back_up(repo: &Repo, source: &Server) {
    let programs = source.binaries.bin_dir.to_str().unwrap();
    repo.json(["backup", "-d", &source.dsn("shop"), "--accept-shrink", "--pg-bin", programs]);
}

#[track_caller]
fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list}")).iter().map(|line| line.as_str().unwrap()).collect()
}

/// What `clerk` and `lead` may be, in PostgreSQL's eyes.
fn are_members(server: &Server, of: &str) -> String {
    server
        .ask(&format!("SELECT pg_has_role('clerk', '{of}', 'MEMBER') || ' ' || pg_has_role('lead', '{of}', 'MEMBER')"))
}

#[track_caller]
fn forget(server: &Server) {
    server.ask("DROP DATABASE IF EXISTS shop");
    for role in ["clerk", "lead", "team", "boss", "root", "payroll"] {
        server.ask(&format!("DROP ROLE IF EXISTS {role}"));
    }
}

/// That nobody became a member, that the report says so, and that its statements do what they say.
#[track_caller]
fn nothing_is_given(target: &Server, beyond: &str, warnings: &[&str]) {
    assert_eq!(are_members(target, "boss"), "false false", "{beyond}: {warnings:?}");
    for member in ["clerk", "lead"] {
        let told = format!(
            "the role {member} was not made a member of boss, which has rights here that the role at the source did not have ({beyond}); to make it one: "
        );
        let statement = warnings.iter().find_map(|warning| warning.strip_prefix(&told));
        target.ask(statement.unwrap_or_else(|| panic!("{told}: {warnings:?}")));
    }
    assert_eq!(are_members(target, "boss"), "true true");
    let owner = warnings.iter().filter(|warning| warning.starts_with("the role boss already exists and "));
    let means =
        format!("has rights here that the role at the source did not have ({beyond}): what it owns runs with them");
    assert!(owner.clone().count() == 1 && owner.clone().all(|warning| warning.ends_with(&means)), "{warnings:?}");
}

fn a_restore_gives_nobody(from: u32, to: u32) {
    let (source, target, repo) = (source(from), Server::start(to, ClusterOptions::default()), Repo::new());
    repo.json(["backup", "-d", &source.dsn("shop")]);
    for (n, (make, beyond)) in KINDS.iter().enumerate() {
        make.split(';').for_each(|sql| drop(target.ask(sql)));
        let dsn = target.dsn("shop");
        let mut args = vec!["latest", "-d", &dsn];
        if n % 2 == 0 {
            args.push("--create");
        } else {
            target.ask("CREATE DATABASE shop");
        }
        let report = repo.restored(&args);
        assert_eq!(report["proven"], true);
        // Those that were made are members of each other as they were.
        assert_eq!(are_members(&target, "team"), "true false", "{make}");
        assert_eq!(target.ask("SELECT pg_has_role('clerk', 'lead', 'MEMBER')"), "t");
        nothing_is_given(&target, beyond, &strings(&report["warnings"]));
        forget(&target);
    }
}

#[test]
fn a_restore_makes_nobody_a_member_of_a_role_that_may_do_more_here_14() {
    a_restore_gives_nobody(14, 15);
}

#[test]
fn a_restore_makes_nobody_a_member_of_a_role_that_may_do_more_here_18() {
    a_restore_gives_nobody(15, 18);
}

/// A second database of a server comes to where the first is: its roles are the same, and join those that are there.
#[test]
fn a_role_that_may_do_no_more_here_gets_its_members() {
    let (source, target, repo) = (source(15), Server::start(16, ClusterOptions::default()), Repo::new());
    source.ask("CREATE ROLE root SUPERUSER");
    source.ask("GRANT root TO team");
    repo.json(["backup", "-d", &source.dsn("shop")]);
    for make in [
        "CREATE ROLE boss",
        "CREATE ROLE boss LOGIN",
        "CREATE ROLE root SUPERUSER; CREATE ROLE team IN ROLE root CREATEROLE",
    ] {
        make.split(';').for_each(|sql| drop(target.ask(sql)));
        let report = repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
        assert_eq!(are_members(&target, "boss"), "true true", "{make}: {report}");
        assert_eq!(are_members(&target, "team"), "true false", "{make}: {report}");
        assert!(!report["warnings"].to_string().contains("not made a member"), "{report}");
        forget(&target);
    }
}

/// Nor is one that takes another's place by the operator's word anybody else's.
#[test]
fn a_role_in_the_place_of_another_gets_no_members_that_it_may_do_more_than() {
    let (source, target, repo) = (source(15), Server::start(15, ClusterOptions::default()), Repo::new());
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let superuser = target.ask("SELECT current_user");
    let report =
        repo.restored(["latest", "--create", "--map-role", &format!("boss={superuser}"), "-d", &target.dsn("shop")]);
    assert_eq!(are_members(&target, &superuser), "false false", "{report}");
    let warnings = strings(&report["warnings"]);
    let told = format!(
        "the role {superuser}, which takes the place of boss, has rights here that the role at the source did not have (SUPERUSER): what it owns runs with them"
    );
    assert!(warnings.contains(&told.as_str()), "{report}");
    assert_eq!(warnings.iter().filter(|warning| warning.contains(" was not made a member of ")).count(), 2, "{report}");
}

/// What a source's administrator has given comes back, and is told: by its own roles, and by those that every server has.
#[test]
fn what_a_role_that_is_made_may_do_at_the_server_is_told() {
    let (source, target, repo) =
        (Server::start(17, ClusterOptions::default()), Server::start(15, ClusterOptions::default()), Repo::new());
    source.ask("CREATE ROLE app LOGIN CREATEROLE IN ROLE pg_write_server_files, pg_maintain");
    source.ask("CREATE DATABASE shop OWNER app");
    back_up(&repo, &source);
    let dsn = target.dsn("shop");
    let report = repo.restored(["latest", "--create", "-d", &dsn]);
    let made = json!([{"role": "app", "login": true, "set_password": "ALTER ROLE \"app\" PASSWORD '...'",
        "rights": ["CREATEROLE", "membership in pg_write_server_files"]}]);
    assert_eq!(report["roles_made"], made, "{report}");
    let left = "the role app was not made a member of pg_maintain: ERROR: role \"pg_maintain\" does not exist";
    assert!(strings(&report["warnings"]).contains(&left), "{report}");
    assert_eq!(target.ask("SELECT pg_has_role('app', 'pg_write_server_files', 'MEMBER')"), "t");
    target.ask("DROP DATABASE shop");
    target.ask("DROP ROLE app");
    let text = Said::of(repo.restore(["latest", "--create", "-q", "-d", &dsn]).arg("--no-proof"));
    let line = "created the role app, which has no password: ALTER ROLE \"app\" PASSWORD '...'; as at the source it has CREATEROLE, membership in pg_write_server_files\n";
    assert!(text.stdout.contains(line), "{text:?}");
}

#[test]
fn a_split_gives_nobody_what_a_role_of_that_name_may_do_and_says_so_before_and_after() {
    let (source, target, servers) = (source(15), Server::start(16, ClusterOptions::default()), folder());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bins = [&source, &target].map(|server| server.binaries.bin_dir.clone());
    let path = std::env::join_paths(bins.into_iter().chain(std::env::split_paths(&path))).unwrap();
    let split = |args: &[&str]| {
        let mut split = pgkeep();
        split.env("PATH", &path).env("PGKEEP_TMPDIR", servers.path()).arg("split").args(args);
        Said::of(split.args(["--quiet", "--from", &source.dsn("shop"), "--to", &target.dsn("shop")]))
    };
    target.ask("CREATE ROLE boss SUPERUSER");
    for verb in ["--plan", "--rehearse"] {
        let report = split(&[verb, "--json", "--schemas", "core"]).document();
        let warnings = report["warnings"].as_array().unwrap_or_else(|| panic!("{report}"));
        let found: Vec<&Value> = warnings.iter().filter(|finding| finding["kind"] == "role").collect();
        let reason =
            "it exists at the target's server and has rights there that the source's does not have (SUPERUSER)";
        assert!(found.len() == 1 && found[0]["name"] == "boss" && found[0]["reason"] == reason, "{report}");
        let text = split(&[verb, "--schemas", "core"]);
        assert!(text.stdout.contains(reason), "{text:?}");
    }
    for (make, beyond) in KINDS {
        for existing in ["", "CREATE DATABASE shop"] {
            forget(&target);
            make.split(';').for_each(|sql| drop(target.ask(sql)));
            if !existing.is_empty() {
                target.ask(existing);
            }
            let said = split(&["--json", "--schemas", "core"]);
            let report = said.document();
            assert_eq!((said.code, &report["proven"]), (0, &json!(true)), "{said:?}");
            nothing_is_given(&target, beyond, &strings(&report["warnings"]));
            let back = split(&["rollback", "--json", "--discard"]);
            assert_eq!(back.code, 0, "{back:?}");
        }
    }
}

/// A server before PostgreSQL 16 has no `SET FALSE` and no `INHERIT FALSE`: a membership without them gives more.
#[test]
fn a_membership_that_an_older_server_would_make_more_of_is_left_out_and_named() {
    let (source, repo) = (Server::start(17, ClusterOptions::default()), Repo::new());
    for sql in [
        "CREATE ROLE team; CREATE ROLE quiet NOINHERIT",
        "CREATE ROLE reads; CREATE ROLE becomes; CREATE ROLE gives; CREATE ROLE nothing; CREATE ROLE all_of_it",
        "GRANT pg_execute_server_program, team TO reads WITH INHERIT TRUE, SET FALSE",
        "GRANT pg_execute_server_program, team TO becomes WITH INHERIT FALSE, SET TRUE",
        "GRANT pg_execute_server_program, team TO gives WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
        "GRANT pg_execute_server_program, team TO nothing WITH INHERIT FALSE, SET FALSE",
        "GRANT pg_execute_server_program, team TO all_of_it WITH ADMIN TRUE, INHERIT TRUE, SET TRUE",
        "GRANT pg_execute_server_program, team TO quiet WITH INHERIT FALSE, SET TRUE",
        "CREATE DATABASE shop",
    ] {
        sql.split(';').for_each(|sql| drop(source.ask(sql)));
    }
    let grants =
        "CREATE TABLE t AS SELECT 1 AS i; GRANT SELECT ON t TO reads, becomes, gives, nothing, all_of_it, quiet";
    psql(&source.binaries, &source.dsn("shop"), grants).unwrap();
    back_up(&repo, &source);
    for major in [14, 15] {
        let target = Server::start(major, ClusterOptions::default());
        let report = repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
        let members = "SELECT string_agg(member::regrole || CASE WHEN admin_option THEN ' gives' ELSE '' END, ', ' ORDER BY member::regrole::text)
            FROM pg_auth_members WHERE roleid = ";
        for role in ["pg_execute_server_program", "team"] {
            // Those that it says as they were: `quiet` inherits nothing by itself.
            let of_role = format!("{members} '{role}'::regrole");
            assert_eq!(target.ask(&of_role), "all_of_it gives, quiet", "{report}");
            for (member, limits, given) in [
                ("reads", "SET FALSE", ""),
                ("becomes", "INHERIT FALSE", ""),
                ("gives", "INHERIT FALSE, SET FALSE", " WITH ADMIN OPTION"),
                ("nothing", "INHERIT FALSE, SET FALSE", ""),
            ] {
                let statement = format!("GRANT \"{role}\" TO \"{member}\"{given}");
                let told = format!(
                    "the role {member} was not made a member of {role}: it was one WITH {limits}, and here it would be without; to make it one all the same: {statement}"
                );
                assert!(strings(&report["warnings"]).contains(&told.as_str()), "{told}: {report}");
                target.ask(&statement);
            }
        }
        let made = report["roles_made"].as_array().unwrap();
        let has = |made: &&Value| made["rights"] == json!(["membership in pg_execute_server_program"]);
        let may: Vec<&str> = made.iter().filter(has).map(|made| made["role"].as_str().unwrap()).collect();
        assert_eq!(may, ["all_of_it", "quiet"], "{report}");
    }
    // Where the server says it, it is as it was.
    let target = Server::start(18, ClusterOptions::default());
    repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
    let all = "SELECT string_agg(concat_ws(' ', roleid::regrole, member::regrole, admin_option, inherit_option, set_option), ', ')
        FROM pg_auth_members WHERE roleid::regrole::text IN ('team', 'pg_execute_server_program')";
    let sorted = |server: &Server| -> Vec<String> {
        let mut all: Vec<String> = server.ask(all).split(", ").map(str::to_owned).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&target), sorted(&source));
}

/// What the source's `boss` is not let through to (17), or has as it was before PostgreSQL 16 nowhere, and the `boss` here has.
#[test]
fn what_a_role_has_is_what_its_memberships_let_through_and_its_version_means() {
    let createrole = "CREATEROLE as before PostgreSQL 16, over every role that is no superuser";
    let admin = "membership in pg_read_server_files with the admin option";
    for (from, to, there, here, beyond) in [
        (
            17,
            17,
            "CREATE ROLE root SUPERUSER; GRANT root TO boss WITH INHERIT TRUE, SET FALSE",
            "SUPERUSER",
            "SUPERUSER",
        ),
        (
            17,
            15,
            "CREATE ROLE root SUPERUSER; GRANT root TO boss WITH INHERIT TRUE, SET FALSE",
            "SUPERUSER",
            "SUPERUSER",
        ),
        (17, 15, "ALTER ROLE boss CREATEROLE", "CREATEROLE", createrole),
        (16, 15, "ALTER ROLE boss CREATEROLE", "CREATEROLE", createrole),
        (15, 18, "GRANT pg_read_server_files TO boss", "; GRANT pg_read_server_files TO boss WITH ADMIN OPTION", admin),
    ] {
        let (source, target) = (source(from), Server::start(to, ClusterOptions::default()));
        let repo = Repo::new();
        there.split(';').for_each(|sql| drop(source.ask(sql)));
        format!("CREATE ROLE boss {here}").split(';').for_each(|sql| drop(target.ask(sql)));
        back_up(&repo, &source);
        let report = repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
        nothing_is_given(&target, beyond, &strings(&report["warnings"]));
    }
}

#[test]
fn a_role_made_with_a_createrole_that_means_more_here_is_told() {
    let (source, repo) = (Server::start(17, ClusterOptions::default()), Repo::new());
    source.ask("CREATE ROLE maker LOGIN CREATEROLE");
    source.ask("CREATE DATABASE shop OWNER maker");
    back_up(&repo, &source);
    for (major, told) in [(15, 1), (17, 0)] {
        let target = Server::start(major, ClusterOptions::default());
        let report = repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
        let begins =
            "the role maker was made with CREATEROLE, by which it may be given, before PostgreSQL 16, every role";
        let warnings = strings(&report["warnings"]);
        let of_it: Vec<&&str> = warnings.iter().filter(|warning| warning.starts_with(begins)).collect();
        assert_eq!(of_it.len(), told, "{report}");
        for warning in of_it {
            target.ask(warning.rsplit_once(": ").unwrap().1);
            assert_eq!(target.ask("SELECT rolcreaterole FROM pg_roles WHERE rolname = 'maker'"), "f");
        }
    }
}

/// Since PostgreSQL 16 each grantor has a row of its own, of which the last one read was all that came back.
#[test]
fn a_membership_by_two_grantors_comes_back_as_what_both_give() {
    let (source, target, repo) =
        (Server::start(17, ClusterOptions::default()), Server::start(18, ClusterOptions::default()), Repo::new());
    for sql in [
        "CREATE ROLE app; CREATE ROLE dev; CREATE ROLE maker; GRANT app TO maker WITH ADMIN TRUE",
        "GRANT app TO dev WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
        "GRANT app TO dev WITH ADMIN FALSE, INHERIT TRUE, SET FALSE GRANTED BY maker",
        "CREATE DATABASE shop OWNER dev",
    ] {
        sql.split(';').for_each(|sql| drop(source.ask(sql)));
    }
    assert_eq!(source.ask("SELECT count(*) FROM pg_auth_members WHERE member = 'dev'::regrole"), "2");
    back_up(&repo, &source);
    repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
    let options = "SELECT concat_ws(' ', admin_option, inherit_option, set_option) FROM pg_auth_members WHERE member = 'dev'::regrole";
    assert_eq!(target.ask(options), "t t f");
}
