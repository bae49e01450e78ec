//! A database that a restore has made and not filled, because it was killed, is known as that by the next one.

use std::process::{Command, Stdio};

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// Rows take for ever while there is a role `slow`.
const SHOP: &str = "CREATE FUNCTION public.ok(int) RETURNS bool LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(600) FROM pg_roles WHERE rolname = 'slow'; RETURN true; END $$;
    CREATE TABLE public.t (i int CHECK (public.ok(i))); INSERT INTO public.t VALUES (1)";
const SLEEPING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = 'it''s a copy' AND wait_event = 'PgSleep'";

fn shop(major: u32, more: &str) -> (Server, Repo) {
    let (server, repo) = (Server::start(major, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    psql(&server.binaries, &server.dsn("shop"), &format!("{SHOP}; {more}")).unwrap();
    repo.json(["backup", "--pg-bin", server.binaries.bin_dir.to_str().unwrap(), "-d", &server.dsn("shop")]);
    (server, repo)
}

/// A restore with `--create` that is among the rows, and then no more.
fn killed_among_the_rows(server: &Server, repo: &Repo, dsn: &str) {
    server.ask("CREATE ROLE slow");
    let mut restore = repo.restore(["latest", "--create", "-d", dsn]);
    let mut restore = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for(SLEEPING, "1");
    restore.kill().unwrap();
    restore.wait().unwrap();
    server.ask("DROP ROLE slow");
}

fn comment(server: &Server) -> String {
    server.ask("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'it''s a copy'")
}

#[track_caller]
fn hint(said: &Said) -> String {
    let document = said.document();
    assert_eq!((said.code, &document["error"]), (7, &"the database it's a copy already exists".into()), "{said:?}");
    document["hint"].as_str().unwrap().to_owned()
}

fn half_a_database_is_told(major: u32, more: &str, comment_there: &str) {
    let (server, repo) = shop(major, more);
    let dsn = server.dsn("it's a copy");
    let restore = || Said::of(repo.restore(["latest", "--create", "-d", &dsn]).arg("--json"));
    killed_among_the_rows(&server, &repo, &dsn);
    let snapshot = repo.json(["list"])[0]["snapshot"].as_str().unwrap()[..8].to_owned();
    let begun = format!("A restore of the snapshot {snapshot} into it has not come to its end, and ");
    // The server has not noticed yet that nobody waits for the row.
    let told = hint(&restore());
    assert!(told.starts_with(&format!("{begun}may still be running: ")), "{told}");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'it''s a copy'");
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = 'it''s a copy'", "0");
    let told = hint(&restore());
    let told = told.strip_prefix(&format!("{begun}nobody is connected to it. To drop what it left: `"));
    let drop = told.and_then(|told| told.split_once('`')).expect("a command").0.to_owned();

    // As it says, so it is.
    let mut shell = Command::new("/bin/sh");
    let path = format!("{}:{}", server.binaries.bin_dir.display(), std::env::var("PATH").unwrap());
    let dropped = Said::of(shell.args(["-c", &drop]).env("PATH", path).env("PGPASSFILE", "/nonexistent"));
    assert_eq!((dropped.code, server.ask("SELECT count(*) FROM pg_database").as_str()), (0, "4"), "{dropped:?}");
    let restored = restore();
    assert_eq!((restored.code, &restored.document()["proven"]), (0, &true.into()), "{restored:?}");
    assert_eq!(comment(&server), comment_there);
    // One that came to its end is no half.
    let told = hint(&restore());
    assert!(told.starts_with("To restore into a new database: "), "{told}");
}

#[test]
fn a_database_that_a_killed_restore_has_left_is_told_with_the_way_to_drop_it_14() {
    half_a_database_is_told(14, "COMMENT ON DATABASE shop IS 'all that we sell'", "all that we sell");
}

#[test]
fn a_database_that_a_killed_restore_has_left_is_told_with_the_way_to_drop_it_18() {
    half_a_database_is_told(18, "SELECT 1", "");
}

/// Whatever ends the restore but a kill: the comment is the snapshot's.
#[test]
fn a_restore_that_is_refused_something_has_come_to_its_end() {
    let (server, repo) = shop(
        15,
        "COMMENT ON DATABASE shop IS 'all that we sell'; CREATE SCHEMA core; CREATE TABLE core.t (i int); CREATE ROLE clerk; ALTER TABLE core.t OWNER TO clerk",
    );
    let dsn = server.dsn("it's a copy");
    server.ask("CREATE ROLE plain LOGIN CREATEDB");
    // It may not make another the owner.
    let as_plain = server.dsn_as("plain", "'it\\'s a copy'");
    let said = Said::of(repo.restore(["latest", "--create", "-n", "core", "-d", &as_plain, "--json"]).arg("--no-acl"));
    assert_eq!(said.code, 8, "{said:?}");
    assert_eq!(comment(&server), "all that we sell");
    server.ask("DROP DATABASE \"it's a copy\"");
    // Its own, whose comment it may set.
    let said = Said::of(
        repo.restore(["latest", "--create", "--no-owner", "--no-acl", "-n", "core", "-d", &as_plain]).arg("--json"),
    );
    assert_eq!((said.code, comment(&server).as_str()), (0, "all that we sell"), "{said:?}");

    // What somebody else writes in its place leads nobody anywhere.
    for hostile in [
        "pgkeep: what a restore has not come to the end of: snapshot \u{1b}[2J",
        "pgkeep: what a restore has not come to the end of: snapshot `rm -r /`",
    ] {
        psql(&server.binaries, &dsn, &format!("COMMENT ON DATABASE \"it's a copy\" IS '{hostile}'")).unwrap();
        let told = hint(&Said::of(repo.restore(["latest", "--create", "-d", &dsn]).arg("--json")));
        assert!(told.starts_with("To restore into a new database: "), "{told}");
    }
}
