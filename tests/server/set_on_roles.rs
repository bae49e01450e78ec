//! What a snapshot sets on a role (settings in the database, default privileges) is set on no other one of its name that may do more here:
//! names would mean to that one what the source's role wants. It is told, with statements that set it.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, folder, pgkeep};
use crate::postgres::{Server, psql};

const SOURCE: &[&str] = &[
    "CREATE ROLE boss LOGIN; CREATE ROLE clerk LOGIN",
    "CREATE DATABASE shop OWNER boss",
    "ALTER DATABASE shop SET work_mem = '7MB'; ALTER ROLE boss IN DATABASE shop SET search_path = core, pg_catalog;
        ALTER ROLE boss IN DATABASE shop SET application_name = 'it''s; mine'; ALTER ROLE clerk IN DATABASE shop SET work_mem = '9MB'",
];
const SHOP: &str =
    "CREATE SCHEMA core AUTHORIZATION boss; CREATE TABLE core.t AS SELECT 1 AS i; ALTER TABLE core.t OWNER TO boss;
    GRANT USAGE ON SCHEMA core TO clerk;
    ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA core GRANT SELECT, INSERT ON TABLES TO clerk;
    ALTER DEFAULT PRIVILEGES FOR ROLE clerk IN SCHEMA core GRANT SELECT ON TABLES TO boss";
/// Not of a schema: a split does not copy it.
const SHOP_WHOLE: &str = "ALTER DEFAULT PRIVILEGES FOR ROLE boss REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE clerk GRANT USAGE ON TYPES TO boss";
/// What the role of that name is at the other server, and how reports call it.
const KINDS: &[(&str, &str)] = &[
    ("CREATE ROLE boss SUPERUSER LOGIN", "SUPERUSER"),
    ("CREATE ROLE root SUPERUSER; CREATE ROLE boss LOGIN IN ROLE root", "SUPERUSER"),
    ("CREATE ROLE payroll; CREATE ROLE boss LOGIN IN ROLE payroll", "membership in payroll"),
];

fn source(major: u32, more: &str) -> Server {
    let server = Server::start(major, ClusterOptions::default());
    SOURCE.iter().for_each(|sql| drop(server.ask(sql)));
    psql(&server.binaries, &server.dsn("shop"), &format!("{SHOP}; {more}")).unwrap();
    server
}

/// What is set in the database on the role, as PostgreSQL says; on the database itself for an empty name.
fn set_on(server: &Server, role: &str) -> String {
    let of_role = format!("coalesce((SELECT oid FROM pg_roles WHERE rolname = '{role}'), 0)");
    let sql = format!(
        "SELECT concat_ws(' | ', (SELECT string_agg(s, ', ' ORDER BY s) FROM pg_db_role_setting, unnest(setconfig) s
                WHERE setrole = {of_role} AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())),
            (SELECT string_agg(concat_ws(' ', defaclnamespace::regnamespace, defaclobjtype, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(defaclacl) a)),
                ', ' ORDER BY defaclnamespace::regnamespace::text, defaclobjtype) FROM pg_default_acl WHERE defaclrole = {of_role}))"
    );
    psql(&server.binaries, &server.dsn("shop"), &sql).unwrap().trim().to_owned()
}

#[track_caller]
fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list}")).iter().map(|line| line.as_str().unwrap()).collect()
}

/// The statements of the warnings about this role.
#[track_caller]
fn told<'a>(report: &'a Value, role: &str, what: &str, beyond: &str) -> Vec<&'a str> {
    let begins = format!(
        "the role {role} does not get the snapshot's {what}, since it has rights here that the role at the source did not have ({beyond}); to set them: "
    );
    strings(&report["warnings"]).into_iter().filter_map(|warning| warning.strip_prefix(begins.as_str())).collect()
}

#[track_caller]
fn set_by_hand(server: &Server, statements: &[&str]) {
    let statements = statements.join(";\n");
    psql(&server.binaries, &server.dsn("shop"), &statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

fn forget(server: &Server) {
    server.ask("DROP DATABASE IF EXISTS shop");
    for role in ["clerk", "boss", "root", "payroll"] {
        server.ask(&format!("DROP ROLE IF EXISTS {role}"));
    }
}

fn a_restore_sets_nothing(from: u32, to: u32) {
    let (source, target, repo) = (source(from, SHOP_WHOLE), Server::start(to, ClusterOptions::default()), Repo::new());
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let dsn = target.dsn("shop");
    for (make, beyond) in KINDS {
        target.ask(make);
        let report = repo.restored(["latest", "--create", "-d", &dsn]);
        assert_eq!(report["proven"], true);
        assert_eq!(set_on(&target, "boss"), "", "{make}: {report}");
        for of in ["clerk", ""] {
            assert_eq!(set_on(&target, of), set_on(&source, of), "{make}: {report}");
        }
        let settings = told(&report, "boss", "settings in the database", beyond);
        let privileges = told(&report, "boss", "default privileges", beyond);
        assert_eq!((settings.len(), privileges.len()), (1, 2), "{report}");
        set_by_hand(&target, &[settings, privileges].concat());
        assert_eq!(set_on(&target, "boss"), set_on(&source, "boss"), "{report}");

        // A database that is there gets no settings, whoever's.
        target.ask("DROP DATABASE shop");
        target.ask("CREATE DATABASE shop");
        let report = repo.restored(["latest", "-d", &dsn]);
        assert_eq!(set_on(&target, "boss"), "", "{make}: {report}");
        assert_eq!(told(&report, "boss", "settings in the database", beyond), Vec::<&str>::new());
        assert_eq!(told(&report, "boss", "default privileges", beyond).len(), 2, "{report}");
        assert!(report["left_out"].to_string().contains("DATABASE PROPERTIES shop"), "{report}");
        forget(&target);
    }
    // One that may do no more is taken for the same, and so is one that the restore makes.
    for make in ["CREATE ROLE boss", "SELECT"] {
        target.ask(make);
        let report = repo.restored(["latest", "--create", "-d", &dsn]);
        assert_eq!(set_on(&target, "boss"), set_on(&source, "boss"), "{report}");
        assert!(!report["warnings"].to_string().contains("does not get"), "{report}");
        forget(&target);
    }
}

#[test]
fn a_restore_sets_nothing_on_a_role_that_may_do_more_here_14() {
    a_restore_sets_nothing(14, 15);
}

#[test]
fn a_restore_sets_nothing_on_a_role_that_may_do_more_here_18() {
    a_restore_sets_nothing(15, 18);
}

/// The source's own `boss` may be a superuser: then nothing is more.
#[test]
fn what_a_superuser_has_set_for_itself_comes_back_to_the_superuser_of_its_name() {
    let (source, target, repo) = (source(15, SHOP_WHOLE), Server::start(15, ClusterOptions::default()), Repo::new());
    source.ask("ALTER ROLE boss SUPERUSER");
    repo.json(["backup", "-d", &source.dsn("shop")]);
    target.ask("CREATE ROLE boss SUPERUSER");
    let report = repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
    assert_eq!(set_on(&target, "boss"), set_on(&source, "boss"), "{report}");
}

/// The bootstrap superuser, of whom the catalog of dependencies says nothing, and who owns nothing here.
#[test]
fn default_privileges_of_the_first_superuser_come_back() {
    let (source, target, repo) = (source(15, "SELECT"), Server::start(16, ClusterOptions::default()), Repo::new());
    let bootstrap = source.ask("SELECT current_user");
    let grant = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {bootstrap} IN SCHEMA core GRANT SELECT ON TABLES TO clerk");
    psql(&source.binaries, &source.dsn("shop"), &grant).unwrap();
    for selection in [&["-n", "core"][..], &[]] {
        repo.json([&["backup", "-d", &source.dsn("shop"), "--accept-shrink"][..], selection].concat());
        let report = repo.restored(["latest", "--create", "-d", &target.dsn("shop")]);
        assert_eq!(set_on(&target, &bootstrap), set_on(&source, &bootstrap), "{report}");
        assert!(!report["warnings"].to_string().contains("does not get"), "{report}");
        forget(&target);
    }
}

#[test]
fn a_role_in_the_place_of_another_gets_nothing_set_that_it_may_do_more_than() {
    let (source, target, repo) = (source(15, SHOP_WHOLE), Server::start(15, ClusterOptions::default()), Repo::new());
    repo.json(["backup", "-d", &source.dsn("shop")]);
    let superuser = target.ask("SELECT current_user");
    let dsn = target.dsn("shop");
    let mapped = format!("boss={superuser}");
    let report = repo.restored(["latest", "--create", "--map-role", &mapped, "-d", &dsn]);
    assert_eq!(set_on(&target, &superuser), "", "{report}");
    assert_eq!(told(&report, &superuser, "settings in the database", "SUPERUSER").len(), 1, "{report}");
    let privileges = told(&report, &superuser, "default privileges", "SUPERUSER");
    assert!(privileges.iter().all(|sql| sql.contains(&format!("FOR ROLE \"{superuser}\""))), "{report}");
    assert_eq!(privileges.len(), 2, "{report}");
    forget(&target);
    // Without privileges and owners of the snapshot's, settings are set all the same.
    target.ask("CREATE ROLE boss SUPERUSER");
    let report = repo.restored(["latest", "--create", "--no-acl", "--no-owner", "-d", &dsn]);
    assert_eq!(set_on(&target, "boss"), "", "{report}");
    assert_eq!(told(&report, "boss", "settings in the database", "SUPERUSER").len(), 1, "{report}");
    assert_eq!(told(&report, "boss", "default privileges", "SUPERUSER"), Vec::<&str>::new());
}

fn a_split_sets_nothing(from: u32, to: u32) {
    let (source, target, servers) = (source(from, "SELECT"), Server::start(to, ClusterOptions::default()), folder());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bins = [&source, &target].map(|server| server.binaries.bin_dir.clone());
    let path = std::env::join_paths(bins.into_iter().chain(std::env::split_paths(&path))).unwrap();
    let split = |args: &[&str]| {
        let mut split = pgkeep();
        split.env("PATH", &path).env("PGKEEP_TMPDIR", servers.path()).arg("split").args(args);
        Said::of(split.args(["--quiet", "--from", &source.dsn("shop"), "--to", &target.dsn("shop")]))
    };
    let were = ["boss", "clerk"].map(|role| set_on(&source, role));
    for (make, beyond) in KINDS {
        for existing in ["SELECT", "CREATE DATABASE shop"] {
            target.ask(make);
            target.ask(existing);
            let plan = split(&["--plan", "--json", "--schemas", "core"]).document();
            let before = plan["warnings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "role");
            let actions: Vec<&str> = before.map(|finding| finding["action"].as_str().unwrap()).collect();
            let says = "its settings in the database and its default privileges are not set";
            assert!(actions.len() == 1 && actions[0].contains(says), "{plan}");
            let said = split(&["--json", "--schemas", "core"]);
            let report = said.document();
            assert_eq!((said.code, &report["proven"]), (0, &json!(true)), "{said:?}");
            assert_eq!([set_on(&target, "boss"), set_on(&target, "clerk")], ["", were[1].as_str()], "{report}");
            let settings = told(&report, "boss", "settings in the database", beyond);
            let privileges = told(&report, "boss", "default privileges", beyond);
            assert_eq!((settings.len(), privileges.len()), (1, 1), "{report}");
            let by_hand = [settings, privileges].concat();
            set_by_hand(&target, &by_hand);
            assert_eq!(set_on(&target, "boss"), were[0], "{report}");
            let back = split(&["rollback", "--json", "--discard"]);
            assert_eq!(back.code, 0, "{back:?}");
            forget(&target);
        }
    }
}

#[test]
fn a_split_sets_nothing_on_a_role_that_may_do_more_there_14() {
    a_split_sets_nothing(14, 15);
}

#[test]
fn a_split_sets_nothing_on_a_role_that_may_do_more_there_18() {
    a_split_sets_nothing(15, 18);
}

/// Who may own a subscription at a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Superuser,
    AnyRole,
}

/// A subscription is its owner's as soon as it is there, or it is not there.
fn no_subscription_without_its_owner(major: u32, owner: Owner) {
    let (source, target, repo) =
        (Server::start(major, ClusterOptions::default()), Server::start(major, ClusterOptions::default()), Repo::new());
    source.ask("CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE keeper SUPERUSER LOGIN");
    source.ask("CREATE DATABASE shop");
    let subscription = |name: &str, owner: &str| {
        format!(
            "CREATE SUBSCRIPTION {name} CONNECTION 'host=/nonexistent' PUBLICATION p WITH (connect = false, slot_name = 'theirs');
            ALTER SUBSCRIPTION {name} OWNER TO {owner};"
        )
    };
    let made = subscription("lost", "boss") + &subscription("kept", "keeper") + "CREATE TABLE t AS SELECT 1 AS i";
    psql(&source.binaries, &source.dsn("shop"), &made).unwrap();
    let programs = source.binaries.bin_dir.to_str().unwrap();
    repo.json(["backup", "-d", &source.dsn("shop"), "--pg-bin", programs]);
    target.ask("CREATE ROLE boss LOGIN; CREATE ROLE keeper SUPERUSER LOGIN");
    let said = Said::of(&mut repo.restore(["latest", "--create", "-d", &target.dsn("shop")]));
    // Before PostgreSQL 16 a superuser alone may own one.
    let refused = (said.code, said.stderr.contains("SUBSCRIPTION lost: "));
    assert_eq!(refused, if owner == Owner::AnyRole { (0, false) } else { (8, true) }, "{said:?}");
    let there = "SELECT string_agg(concat_ws(' ', subname, subowner::regrole, subenabled, subslotname), ', ' ORDER BY subname) FROM pg_subscription";
    let lost = if owner == Owner::AnyRole { ", lost boss f theirs" } else { "" };
    assert_eq!(target.ask(there), format!("kept keeper f theirs{lost}"), "{said:?}");
    // What was refused is one entry: the rest is there.
    assert_eq!(psql(&target.binaries, &target.dsn("shop"), "SELECT i FROM t").unwrap(), "1");
}

#[test]
fn a_subscription_whose_owner_is_refused_is_nobodys_14() {
    no_subscription_without_its_owner(14, Owner::Superuser);
}

#[test]
fn a_subscription_whose_owner_is_refused_is_nobodys_15() {
    no_subscription_without_its_owner(15, Owner::Superuser);
}

#[test]
fn a_subscription_is_its_owners_18() {
    no_subscription_without_its_owner(18, Owner::AnyRole);
}
