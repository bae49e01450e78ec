//! The new place before the end of the way back: tables that moved and are gone from there, or have other names, end `finish` before anything is
//! changed.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

const SHOP: &str = r#"CREATE SCHEMA m; CREATE TABLE m.users (id int PRIMARY KEY); INSERT INTO m.users SELECT generate_series(1, 20);
    CREATE TABLE m."Odd one" AS SELECT 1 AS a; CREATE SCHEMA n; CREATE TABLE n.t AS SELECT 1 AS a"#;

struct Halves<'a> {
    server: &'a Server,
    repo: &'a Repo,
    name: String,
}

impl<'a> Halves<'a> {
    #[track_caller]
    fn moved(server: &'a Server, repo: &'a Repo, name: &str) -> Self {
        let halves = Self { server, repo, name: name.to_owned() };
        server.ask(&format!("CREATE DATABASE {name}"));
        psql(&server.binaries, &server.dsn(name), SHOP).unwrap();
        let said = halves.split(&["--schemas", "m,n", "--leave", "*"]);
        assert_eq!(said.code, 0, "{said:?}");
        halves
    }

    fn to(&self) -> String {
        format!("{}_new", self.name)
    }

    #[track_caller]
    fn new_place(&self, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(&self.to()), sql).unwrap()
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let ends = ["--from", &self.server.dsn(&self.name), "--to", &self.server.dsn(&self.to())];
        self.repo.command(["split", "--quiet"].iter().chain(args).chain(&ends))
    }

    fn split(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).arg("--json"))
    }

    /// Refused for these losses, with both sides as they were; `status` says the same.
    #[track_caller]
    fn refused(&self, args: &[&str], lost: &[&str]) {
        let names = [self.name.clone(), self.to()];
        let all = || names.each_ref().map(|name| definitions(self.server, name, &[]));
        let before = all();
        let said = self.split(args);
        let told = said.document();
        let error = format!("objects that moved were dropped or renamed in the new database: {}", lost.join("; "));
        assert_eq!((said.code, &told["error"]), (7, &json!(error)), "{said:?}");
        let hint = told["hint"].as_str().unwrap();
        assert!(hint.starts_with("Nothing was changed.") && hint.contains("--discard"), "{hint}");
        assert_eq!(hint.contains("RENAME"), error.contains(" now"), "{error}: {hint}");
        assert_eq!(hint.contains("pg_dump"), error.contains(" is gone"), "{error}: {hint}");
        for (before, after) in before.iter().zip(all()) {
            assert_equal(&error, before, &after);
        }
        let status = self.split(&["status"]).document();
        assert_eq!((&status["lost"], &status["next"]), (&json!(lost), &json!([])), "{status}");
        let text = Said::of(&mut self.command(&["status"])).stdout;
        let is_told = |lost: &&str| text.contains(&format!("\nLOST IN THE NEW DATABASE: {lost}\n"));
        assert!(lost.iter().all(is_told) && text.contains("finish --discard"), "{text}");
    }

    /// Gone on with all the same, which names what is lost.
    #[track_caller]
    fn discarded(&self, args: &[&str], lost: &[&str]) {
        let said = self.split(&[args, &["--discard"]].concat());
        let told = said.document();
        assert_eq!((said.code, &told["lost"]), (0, &json!(lost)), "{said:?}");
        for lost in lost {
            let warning = json!(format!("lost in the new database: {lost}"));
            assert!(told["warnings"].as_array().unwrap().contains(&warning), "{told}");
        }
    }
}

/// What somebody does in the new place, what is said of it, and what puts it back where it can be.
const LOSSES: &[(&str, &[&str], Option<&str>)] = &[
    (
        "DROP SCHEMA m CASCADE; DROP SCHEMA n CASCADE",
        &["table m.\"Odd one\" is gone", "table m.users is gone", "table n.t is gone"],
        None,
    ),
    ("DROP TABLE m.users", &["table m.users is gone"], None),
    // An application that makes its tables anew where it finds none.
    (
        "DROP SCHEMA m CASCADE; CREATE SCHEMA m; CREATE TABLE m.users (id int PRIMARY KEY)",
        &["table m.\"Odd one\" is gone", "table m.users is gone, and another object has its name"],
        None,
    ),
    (
        "DROP TABLE m.users; CREATE VIEW m.users AS SELECT 1 AS id",
        &["table m.users is gone, and another object has its name"],
        None,
    ),
    ("ALTER SCHEMA m RENAME TO m9", &["schema m is now called m9"], Some("ALTER SCHEMA m9 RENAME TO m")),
    (
        "ALTER TABLE m.users RENAME TO u2; CREATE TABLE m.users (id int); ALTER TABLE n.t SET SCHEMA m",
        &["table m.users is now called m.u2, and another object has its name", "table n.t is now called m.t"],
        Some("DROP TABLE m.users; ALTER TABLE m.u2 RENAME TO users; ALTER TABLE m.t SET SCHEMA n"),
    ),
];

#[test]
fn a_table_that_the_new_place_has_lost_ends_no_way_back_unless_it_was_said_to_be_known() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    for (n, (change, lost, again)) in LOSSES.iter().enumerate() {
        let halves = Halves::moved(&server, &repo, &format!("lost_{n}"));
        halves.new_place(change);
        halves.refused(&["finish", "--yes"], lost);
        let Some(again) = again else {
            let asked = halves.split(&["finish", "--discard"]);
            let error = asked.document()["error"].as_str().unwrap_or_default().to_owned();
            assert!(asked.code == 2 && error.contains(&lost.join("; ")), "the question names them: {asked:?}");
            halves.discarded(&["finish", "--yes"], lost);
            halves.refused(&["finish"], lost);
            halves.refused(&["finish", "--yes-drop", &halves.name], lost);
            continue;
        };
        halves.new_place(again);
        let said = halves.split(&["finish", "--yes"]);
        assert_eq!((said.code, &said.document()["lost"]), (0, &json!([])), "{change}: {said:?}");
    }
}

/// The last copy of what is gone from the new place is dropped by those who say so alone.
#[test]
fn what_was_put_aside_is_not_dropped_while_the_new_place_has_lost_it() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    let halves = Halves::moved(&server, &repo, "shop");
    assert_eq!(halves.split(&["finish", "--yes"]).code, 0);
    repo.json(["backup", "-d", &server.dsn("shop")]);
    repo.restored(["latest", "--create", "-d", &server.dsn("proof")]);
    halves.new_place("DROP TABLE m.users; ALTER SCHEMA n RENAME TO n2");
    let (drop, lost) = (["finish", "--yes-drop", "shop"], ["schema n is now called n2", "table m.users is gone"]);
    halves.refused(&drop, &lost);
    halves.discarded(&drop, &lost);
    let aside = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '_moved_'";
    assert_eq!(psql(&server.binaries, &server.dsn("shop"), aside).unwrap(), "0");
}

/// A new database that was loaded from a dump has other OIDs, and all that moved.
#[test]
fn a_new_place_that_was_loaded_from_a_dump_has_lost_nothing() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    let halves = Halves::moved(&server, &repo, "shop");
    let dump = crate::pgkeep::folder();
    let dump = dump.path().join("dump.sql");
    let mut pg_dump = server.binaries.command("pg_dump");
    assert!(pg_dump.args(["-d", &server.dsn("shop_new"), "-f"]).arg(&dump).status().unwrap().success());
    server.ask("DROP DATABASE shop_new");
    server.ask("CREATE DATABASE shop_new");
    // Whatever came before in that server.
    halves.new_place("CREATE TABLE first (id int); DROP TABLE first");
    let mut load = server.binaries.command("psql");
    let loaded = load.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn("shop_new"), "-f"]).arg(&dump);
    assert!(loaded.stdout(std::process::Stdio::null()).status().unwrap().success());
    assert_eq!(halves.split(&["status"]).document()["lost"], json!([]));
    halves.new_place("ALTER TABLE m.users RENAME TO u2");
    let said = halves.split(&["finish", "--yes", "--moved"]);
    let error = said.document()["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (said.code, error.as_str()),
        (7, "objects that moved were dropped or renamed in the new database: table m.users is gone")
    );
    halves.new_place("ALTER TABLE m.u2 RENAME TO users");
    let said = halves.split(&["finish", "--yes", "--moved"]);
    assert_eq!((said.code, &said.document()["lost"]), (0, &json!([])), "{said:?}");
}
