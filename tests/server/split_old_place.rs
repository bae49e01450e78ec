//! The old place between the seal and the way back: what somebody drops, renames or writes there is told, and a lost table ends a rollback
//! before anything is changed.

use std::process::Stdio;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

const SHOP: &str = r#"
    CREATE SCHEMA m; CREATE SCHEMA other; CREATE TABLE other.stays (id int PRIMARY KEY);
    CREATE TABLE m.users (id serial PRIMARY KEY, email text); INSERT INTO m.users (email) SELECT 'u' || n FROM generate_series(1, 20) n;
    CREATE TABLE m.orders (id serial PRIMARY KEY, u int REFERENCES m.users, amount numeric);
    INSERT INTO m.orders (u, amount) SELECT n, n FROM generate_series(1, 20) n;
    CREATE TABLE m."Odd one" AS SELECT 1 AS a;
    CREATE TABLE m.parted (id int) PARTITION BY RANGE (id); CREATE TABLE other.part PARTITION OF m.parted FOR VALUES FROM (0) TO (9);
    INSERT INTO m.parted SELECT generate_series(1, 5);
    CREATE VIEW m.seen AS SELECT * FROM m.orders; CREATE FUNCTION m.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
"#;

struct Halves<'a> {
    server: &'a Server,
    name: String,
    from: String,
    to: String,
}

impl<'a> Halves<'a> {
    #[track_caller]
    fn moved(server: &'a Server, name: &str, sql: &str, args: &[&str]) -> Self {
        let halves =
            Self { server, name: name.to_owned(), from: server.dsn(name), to: server.dsn(&format!("{name}_new")) };
        server.ask(&format!("CREATE DATABASE {name}"));
        halves.old(sql);
        let said = halves.split(&[&["--schemas", "m", "--leave", "*"], args].concat());
        assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
        halves
    }

    #[track_caller]
    fn old(&self, sql: &str) -> String {
        psql(&self.server.binaries, &self.from, sql).unwrap()
    }

    #[track_caller]
    fn new_place(&self, sql: &str) -> String {
        psql(&self.server.binaries, &self.to, sql).unwrap()
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = pgkeep();
        command.args(["split", "--quiet"]).args(args).args(["--from", &self.from, "--to", &self.to]);
        command
    }

    fn split(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).arg("--json"))
    }

    /// A rollback that is refused for these losses, and has left both sides as they were.
    #[track_caller]
    fn refused(&self, lost: &[&str]) {
        let names = [self.name.clone(), format!("{}_new", self.name)];
        let all = || names.each_ref().map(|name| definitions(self.server, name, &[]));
        let before = all();
        let said = self.split(&["rollback"]);
        let told = said.document();
        let error =
            format!("objects in the old database were dropped or renamed since it was sealed: {}", lost.join("; "));
        assert_eq!((said.code, &told["error"]), (7, &json!(error)), "{said:?}");
        let hint = told["hint"].as_str().unwrap();
        assert!(hint.starts_with("Nothing was changed.") && hint.contains("--discard"), "{hint}");
        assert_eq!(hint.contains("RENAME"), error.contains(" now"), "{error}: {hint}");
        assert_eq!(hint.contains("pg_dump"), error.contains(" is gone"), "{error}: {hint}");
        for (before, after) in before.iter().zip(all()) {
            assert_equal(&error, before, &after);
        }
        let sealed = "SELECT split_part(obj_description('pgkeep_split.refuse'::regproc, 'pg_proc'), ' ', 1)";
        assert_eq!(self.old(sealed), "sealed", "{error}");
        self.new_place("BEGIN; INSERT INTO m.parted VALUES (1); ROLLBACK");
    }

    /// The way back all the same, which names what is lost.
    #[track_caller]
    fn discarded(&self, lost: &[&str]) -> Value {
        let said = self.split(&["rollback", "--discard"]);
        let told = said.document();
        assert_eq!((said.code, &told["phase"], &told["lost"]), (0, &json!("rolled_back"), &json!(lost)), "{said:?}");
        for lost in lost {
            let warning = json!(format!("dropped or renamed in the old database: {lost}"));
            assert!(told["warnings"].as_array().unwrap().contains(&warning), "{told}");
        }
        told
    }
}

/// What somebody does in the old place, what is said of it, and what puts it back where it can be.
const LOSSES: &[(&str, &[&str], Option<&str>)] = &[
    ("DROP TABLE m.orders CASCADE", &["table m.orders is gone"], None),
    (
        "DROP TABLE m.orders CASCADE; CREATE TABLE m.orders (id int)",
        &["table m.orders is gone, and another object has its name"],
        None,
    ),
    ("ALTER SCHEMA m RENAME TO mm", &["schema m is now called mm"], Some("ALTER SCHEMA mm RENAME TO m")),
    (
        "ALTER SCHEMA m RENAME TO mm; CREATE SCHEMA m; CREATE TABLE m.orders (id int); DROP TABLE mm.users CASCADE",
        &["schema m is now called mm, and another object has its name", "table m.users is gone"],
        None,
    ),
    (
        "ALTER TABLE m.orders RENAME TO o2; CREATE TABLE m.orders (id int)",
        &["table m.orders is now called m.o2, and another object has its name"],
        Some("DROP TABLE m.orders; ALTER TABLE m.o2 RENAME TO orders"),
    ),
    (
        "ALTER TABLE m.\"Odd one\" SET SCHEMA other; DROP TABLE other.part; ALTER TABLE m.parted RENAME TO whole; ALTER TABLE m.whole RENAME TO parted",
        &["table m.\"Odd one\" is now called other.\"Odd one\"", "table other.part is gone"],
        None,
    ),
    (
        "ALTER TABLE m.parted RENAME TO whole; CREATE TABLE m.parted (id int)",
        &["table m.parted is now called m.whole, and another object has its name"],
        Some("DROP TABLE m.parted; ALTER TABLE m.whole RENAME TO parted"),
    ),
];

#[test]
fn a_table_that_the_old_place_has_lost_ends_a_rollback_before_anything_is_changed() {
    let server = Server::start(15, ClusterOptions::default());
    for (n, (change, lost, again)) in LOSSES.iter().enumerate() {
        let halves = Halves::moved(&server, &format!("lost_{n}"), SHOP, &[]);
        halves.old(change);
        halves.refused(lost);
        match again {
            Some(again) => {
                halves.old(again);
                let back = halves.split(&["rollback"]);
                assert_eq!((back.code, &back.document()["lost"]), (0, &json!([])), "{change}: {back:?}");
                halves.old("INSERT INTO m.orders (u) VALUES (1); INSERT INTO m.parted VALUES (1)");
            }
            None => drop(halves.discarded(lost)),
        }
        // What is kept takes writes, whatever it is called.
        halves.old("INSERT INTO other.stays VALUES (1)");
        assert_eq!(halves.old("SELECT count(*) FROM pg_trigger WHERE tgname = 'pgkeep_fence'"), "0", "{change}");
        assert_eq!(halves.new_place("SELECT count(*) FROM m.orders"), "20", "{change}: kept");
    }
}

#[test]
fn a_renamed_schema_is_discarded_with_one_word_and_takes_writes_under_its_new_name() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::moved(&server, "renamed", SHOP, &[]);
    halves.old("ALTER SCHEMA m RENAME TO mm; GRANT SELECT ON mm.users TO PUBLIC");
    let status = halves.split(&["status"]).document();
    assert_eq!(
        status["changed_since"],
        json!(["schema m, which is now schema mm", "table m.users, which is now table mm.users"]),
        "{status}"
    );
    let told = halves.discarded(&["schema m is now called mm"]);
    let warnings: Vec<&str> = told["warnings"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let expected = [
        "dropped or renamed in the old database: schema m is now called mm",
        "changed in the old database since it was sealed: table m.users, which is now table mm.users",
    ];
    assert_eq!(warnings, expected);
    halves.old("INSERT INTO mm.orders (u) VALUES (1)");
}

/// What is no loss of a table ends nothing, and is told.
#[test]
fn whatever_else_changed_in_the_old_place_is_a_warning_of_the_rollback() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::moved(&server, "changed", SHOP, &[]);
    halves.old("GRANT SELECT ON m.users TO PUBLIC; ALTER TABLE m.orders DROP COLUMN amount CASCADE; DROP FUNCTION m.one(); ALTER SEQUENCE m.users_id_seq RENAME TO numbers;
        CREATE TABLE m.made (id int); DROP TRIGGER pgkeep_fence ON m.users; DROP TRIGGER pgkeep_fence_rows ON m.users; INSERT INTO m.users (email) VALUES ('somebody')");
    let status = halves.split(&["status"]).document();
    let back = halves.split(&["rollback"]);
    let told = back.document();
    assert_eq!((back.code, &told["lost"]), (0, &json!([])), "{back:?}");
    let warnings: Vec<&str> = told["warnings"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let fence =
        "the fence of the old database was changed, so rows may have been written there: m.users lacks a trigger of it";
    assert!(warnings.contains(&fence), "{warnings:?}");
    let changes = [
        "table m.users",
        "table m.orders",
        "view m.seen, which is gone",
        "function m.one(), which is gone",
        "sequence m.users_id_seq, which is now sequence m.numbers",
        "table m.made",
    ];
    for change in changes {
        let warning = format!("changed in the old database since it was sealed: {change}");
        assert!(warnings.contains(&warning.as_str()), "{change}: {warnings:?}");
        assert!(status["changed_since"].as_array().unwrap().contains(&json!(change)), "{change}: {status}");
    }
    assert_eq!(halves.old("SELECT count(*) FROM m.users"), "21");

    // As text.
    let halves = Halves::moved(&server, "words", SHOP, &[]);
    halves.old("DROP TABLE m.orders CASCADE");
    let said = Said::of(&mut halves.command(&["rollback"]));
    assert!(said.code == 7 && said.stderr.contains("table m.orders is gone"), "{said:?}");
    let said = Said::of(&mut halves.command(&["rollback", "--discard"]));
    assert_eq!(said.code, 0, "{said:?}");
    for line in [
        "warning: dropped or renamed in the old database: table m.orders is gone\n",
        "warning: changed in the old database since it was sealed: index m.orders_pkey, which is gone\n",
    ] {
        assert!(said.stdout.contains(line), "{line}: {said:?}");
    }
}

/// Notes and records of earlier programs have no names of what is dropped, and no partitioned tables: what the record knows is told.
#[test]
fn dropped_entries_are_named_as_far_as_the_note_or_the_record_knows_them() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::moved(&server, "names", SHOP, &[]);
    halves.old("DROP TABLE m.orders CASCADE");
    let changed = |halves: &Halves<'_>| halves.split(&["status"]).document()["changed_since"].to_string();
    let told = changed(&halves);
    for name in ["table m.orders", "index m.orders_pkey", "view m.seen", "table constraint orders_pkey on m.orders"] {
        assert!(told.contains(&format!("\"{name}, which is gone\"")), "{name}: {told}");
    }
    assert!(!told.contains("OID"), "{told}");
    halves.old("ALTER TABLE pgkeep_split.sealed DROP COLUMN name");
    let told = changed(&halves);
    assert!(
        told.contains("\"table m.orders, which is gone\"") && told.contains("an entry of pg_constraint (OID"),
        "{told}"
    );
    halves.refused(&["table m.orders is gone"]);
    halves.discarded(&["table m.orders is gone"]);

    // Before names, a renamed schema is known by its own OID.
    let halves = Halves::moved(&server, "former", SHOP, &[]);
    halves.old("ALTER TABLE pgkeep_split.sealed DROP COLUMN name; ALTER SCHEMA m RENAME TO mm");
    halves.refused(&["schema m is now called mm"]);
    halves.old("DROP TABLE pgkeep_split.sealed");
    halves.refused(&["schema m is now called mm"]);
}

/// Between the first look and the opening: the new place takes writes again, as if nothing had been tried.
#[test]
fn a_table_that_is_dropped_while_the_rollback_waits_ends_it_as_well() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::moved(&server, "meanwhile", SHOP, &[]);
    let mut writer = server.binaries.command("psql");
    let script = "BEGIN; UPDATE m.users SET email = email; SELECT pg_sleep(120)";
    writer.args(["-X", "-q", "-d", &halves.to, "-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut writer = writer.spawn().unwrap();
    let asleep = |what: &str| {
        format!("SELECT {what} FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%pg_sleep(120)'")
    };
    server.wait_for(&asleep("count(*)::text"), "1");
    let back = halves.command(&["rollback", "--json", "--fence-wait", "60"]).stdout(Stdio::piped()).spawn().unwrap();
    let waits = "SELECT (count(*) > 0)::text FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'";
    server.wait_for(waits, "true");
    halves.old("DROP TABLE m.orders CASCADE");
    server.ask(&asleep("pg_terminate_backend(pid)"));
    writer.wait().unwrap();
    let said = Said::from(back.wait_with_output().unwrap());
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.document()["error"].as_str().unwrap().contains("table m.orders is gone"), "{said:?}");
    halves.refused(&["table m.orders is gone"]);
    halves.discarded(&["table m.orders is gone"]);
}

/// With foreign tables in the old place the old tables have other names, which is no loss; where one of them is gone, it is.
#[test]
fn what_is_left_of_a_bridged_table_is_known_under_its_name_aside() {
    let hba = "local bridged_new pgkeep_bridge_bridged_new scram-sha-256\nlocal all all trust\n";
    let data_files = vec![("pg_hba.conf".to_owned(), hba.as_bytes().to_vec())];
    let server = Server::start(15, ClusterOptions { data_files, ..ClusterOptions::default() });
    let sql = format!("{SHOP} CREATE VIEW other.reads AS SELECT count(*) FROM m.users;");
    let halves = Halves::moved(&server, "bridged", &sql, &["--boundary", "bridge"]);
    let back = halves.split(&["rollback"]);
    assert_eq!(
        (back.code, &back.document()["lost"], &back.document()["warnings"]),
        (0, &json!([]), &json!([])),
        "{back:?}"
    );
    server.ask("DROP DATABASE bridged_new");
    let again = halves.split(&["--schemas", "m", "--leave", "*", "--boundary", "bridge"]);
    assert_eq!(again.code, 0, "{again:?}");
    let aside = halves.old("SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relname LIKE 'users_moved%'");
    halves.old(&format!("ALTER TABLE {aside} RENAME TO elsewhere"));
    halves.refused(&[&format!("table {aside} (the old m.users) is now called m.elsewhere")]);
    halves.old("DROP TABLE m.elsewhere CASCADE");
    halves.refused(&[&format!("table {aside} (the old m.users) is gone")]);
}

/// The old rows of a loose key's child are changed on the way back: where they are gone, nothing is to be changed.
#[test]
fn a_way_back_is_gone_without_the_child_of_a_loose_key() {
    let server = Server::start(15, ClusterOptions::default());
    let sql = format!(
        "{SHOP} CREATE TABLE m.child (s int REFERENCES other.stays ON DELETE CASCADE); INSERT INTO other.stays VALUES (7); INSERT INTO m.child VALUES (7)"
    );
    let halves = Halves::moved(&server, "loose", &sql, &["--boundary", "loose"]);
    halves.old("DELETE FROM other.stays; DROP TABLE m.child");
    halves.refused(&["table m.child is gone"]);
    let said = halves.split(&["rollback", "--discard"]);
    let told = said.document();
    assert_eq!((said.code, &told["lost"]), (3, &json!(["table m.child is gone"])), "{said:?}");
    assert_eq!(told["keys_missing"], json!(["m.child.child_s_fkey"]));
}
