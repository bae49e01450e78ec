//! What somebody reads who has mistyped a name, and what a list says of what was asked for.

use std::fs;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Repo, Said, assert_refused};
use crate::postgres::{Server, psql};

/// A database `shop` with two schemas, and a repository.
fn shop() -> (Server, Repo) {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    let made = "CREATE SCHEMA core; CREATE TABLE core.users AS SELECT generate_series(1, 100) AS id; CREATE TABLE core.log AS SELECT 1 AS id;
        CREATE SCHEMA other; CREATE TABLE other.t AS SELECT 1 AS id";
    psql(&server.binaries, &server.dsn("shop"), made).unwrap();
    (server, repo)
}

#[test]
fn a_mistyped_database_is_answered_with_the_one_that_is_there() {
    let (server, repo) = shop();
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let socket = format!("socket {}:{}", server.cluster.socket_dir().display(), server.cluster.port());
    let key = repo.restore_key();
    for (name, guess) in [("shpo", "Did you mean shop? "), ("elsewhere", "")] {
        let dsn = server.dsn(name);
        let causes = format!(
            "because: {socket} has no database {name}\n  because: FATAL: database \"{name}\" does not exist (SQLSTATE 3D000)\n"
        );
        let hint = format!("{guess}psql -l lists the databases of a server");
        let source = format!("pgkeep: connecting failed at the source database\n  {causes}  hint: {hint}\n");
        assert_refused(&mut repo.command(["backup", "-d", &dsn]), 4, &source);
        assert_refused(&mut repo.command(["verify", "latest", "--against", &dsn]), 4, &source);
        let way = match guess {
            "" => format!("--create creates it; {hint}."),
            _ => format!("{hint}. Otherwise, --create creates it."),
        };
        let target = format!("pgkeep: the target database does not exist\n  {causes}  hint: {way}\n");
        assert_refused(&mut repo.restore(["latest", "-d", &dsn]), 8, &target);

        let guess = if guess.is_empty() { "" } else { "Did you mean latest:shop? " };
        let unknown = format!(
            "pgkeep: the repository has no snapshot of the database {name}\n  hint: {guess}It has snapshots of shop.\n"
        );
        let snapshot = format!("latest:{name}");
        assert_refused(&mut repo.command(["show", &snapshot]), 2, &unknown);
        assert_refused(&mut repo.restore([&snapshot, "--create", "-d", &server.dsn("copy")]), 2, &unknown);
        assert_refused(repo.command(["drill", &snapshot, "--restore-key"]).arg(&key), 2, &unknown);
    }
    for (typed, guess) in
        [("lastest", "Did you mean latest? "), ("latset:shop", "Did you mean latest:shop? "), ("0123", "")]
    {
        let unknown =
            format!("pgkeep: there is no snapshot `{typed}`\n  hint: {guess}`pgkeep list` shows their ids.\n");
        assert_refused(&mut repo.command(["show", typed]), 2, &unknown);
    }
    // Who may not look has no guess, and the same error.
    server.ask("CREATE ROLE clerk LOGIN");
    server.ask("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC");
    let said = Said::of(&mut repo.command(["backup", "-q", "-d", &server.dsn_as("clerk", "shpo")]));
    assert!(said.code == 4 && said.stderr.ends_with("\n  hint: psql -l lists the databases of a server\n"), "{said:?}");
}

#[test]
fn a_mistyped_schema_is_answered_with_the_one_that_is_there_and_a_list_with_what_to_write() {
    let (server, repo) = shop();
    let dsn = server.dsn("shop");
    psql(&server.binaries, &dsn, "CREATE SCHEMA \"Sales Data\"; CREATE TABLE \"Sales Data\".s ()").unwrap();
    repo.json(["backup", "-d", &dsn]);
    let hint = |args: &[&str]| {
        let restores = args[0] == "restore";
        let mut command = if restores { repo.restore(&args[1..]) } else { repo.command(args) };
        let said = Said::of(command.arg("-q"));
        assert_eq!(said.code, 2, "{said:?}");
        said.stderr.lines().find_map(|line| line.strip_prefix("  hint: ").map(str::to_owned)).unwrap_or_default()
    };
    let to_write = |switch: &str, each: &str| {
        format!(
            "{switch} takes one pattern, as in pg_dump, and a comma is part of it: write {each} (in a policy, one string each)"
        )
    };
    let copy = server.dsn("copy");
    let ways: [&[&str]; 2] = [&["backup", "-d", &dsn], &["restore", "latest", "--create", "-d", &copy]];
    for way in ways {
        let with = |more: &[&str]| hint(&[way, more].concat());
        assert_eq!(with(&["-n", "croe"]), "Did you mean core?");
        assert_eq!(with(&["-N", "othr"]), "Did you mean other?");
        assert!(with(&["-n", "SalesData"]).starts_with("Did you mean \"Sales Data\"? Put names with capitals"));
        assert_eq!(with(&["-t", "core.usres"]), "Did you mean core.users?");
        assert_eq!(with(&["-t", "users"]), "Did you mean core.users?");
        assert!(with(&["-n", "elsewhere"]).starts_with("patterns are folded to lower case"));
        assert_eq!(with(&["-n", "core,other"]), to_write("-n", "-n core -n other"));
        assert_eq!(with(&["-N", "core, oth*"]), to_write("-N", "-N core -N 'oth*'"));
        assert_eq!(with(&["-t", "core.users,core.log"]), to_write("-t", "-t core.users -t core.log"));
    }
    // What is offered works.
    repo.json(["backup", "-d", &dsn, "-n", "core", "-n", "other", "-n", "\"Sales Data\"", "-t", "core.users"]);
    for more in [&[][..], &["--plan"]] {
        let split = [&["split", "--schemas", "core,othre", "--from", &dsn, "--to", &copy][..], more].concat();
        assert_eq!(hint(&split), "Did you mean other?", "{more:?}");
    }
}

/// What was asked for, beside what is there: two backups that hold the same schema differ.
#[test]
fn a_list_says_what_each_snapshot_was_asked_to_hold() {
    let (server, repo) = shop();
    let dsn = server.dsn("shop");
    repo.json(["backup", "-d", &dsn]);
    let text = |args: &[&str]| Said::of(repo.command(args).arg("-q")).stdout;
    assert!(!text(&["list"]).contains("selection"), "a column that says nothing");
    for part in [
        &["-n", "core"][..],
        &["-t", "core.users"],
        &["-n", "core", "-n", "o*", "-T", "core.log"],
        &["-N", "other"],
        &["-t", "core.users", "-t", "core.log", "-t", "other.t", "-t", "core.u*"],
    ] {
        repo.json(["backup", "-d", &dsn].iter().chain(part));
    }
    let list = text(&["list"]);
    let header = list.lines().next().unwrap();
    let column = header.find("selection").unwrap_or_else(|| panic!("{list}"));
    let asked: Vec<&str> = list.lines().skip(1).take(6).map(|line| line[column..].trim_end()).collect();
    let told = ["all", "-n core", "-t core.users", "-n core,o* -T core.log", "-N other", "-t 4 patterns"];
    assert_eq!(asked, told, "{list}");
    let listed = repo.json(["list"]);
    assert_eq!((&listed[0]["whole_database"], &listed[2]["whole_database"]), (&json!(true), &json!(false)));
    assert_eq!(listed[2]["schemas"], json!(["core"]), "the old field stays");
    let selection =
        json!({"schemas": ["core", "o*"], "exclude_schemas": [], "tables": [], "exclude_tables": ["core.log"]});
    assert_eq!(listed[3]["selection"], selection);
    let id = listed[5]["snapshot"].as_str().unwrap();
    assert!(text(&["show", id]).contains("a selection (-t core.users,core.log,other.t,core.u*)"));
    assert_eq!(repo.json(["show", id])["selection"], listed[5]["selection"]);
}

/// For one run, what the policy does not say for all of them.
#[test]
fn a_run_accepts_once_that_there_is_less() {
    let (server, repo) = shop();
    let policy = repo.writer_key().with_file_name("nightly.toml");
    let (root, key) = (repo.root().display(), repo.writer_key());
    let text = format!(
        "[source]\ndsn = \"{}\"\n[repository]\nurl = \"{root}\"\nwriter_key = \"{}\"\n[retention]\nkeep_last = 9\n",
        server.dsn("shop"),
        key.display()
    );
    fs::write(&policy, text).unwrap();
    let policy = policy.to_str().unwrap();
    let run = |args: &[&str]| Said::of(repo.command(["run", policy, "--json"]).args(args));
    assert_eq!(run(&[]).code, 0);
    psql(&server.binaries, &server.dsn("shop"), "DELETE FROM core.users").unwrap();
    let suspicious = run(&[]);
    assert_eq!((suspicious.code, suspicious.document()["prune"]["exit_code"].clone()), (3, json!(7)), "{suspicious:?}");
    assert_eq!(run(&["--check"]).document()["accept_shrink"], json!(false));
    assert_eq!(run(&["--check", "--accept-shrink"]).document()["accept_shrink"], json!(true));
    let accepted = run(&["--accept-shrink"]);
    let report = accepted.document();
    assert_eq!((accepted.code, &report["suspicious"]), (0, &json!([])), "{accepted:?}");
    assert!(!report["accepted"].as_array().unwrap().is_empty() && report["prune"]["kept"].is_array(), "{report}");
    // The next one is measured by it, and nothing is accepted any more.
    assert_eq!(run(&[]).code, 0);
    psql(&server.binaries, &server.dsn("shop"), "DROP TABLE core.log").unwrap();
    assert_eq!(run(&[]).code, 3);
}
