//! What is renamed, moved or made a part of something else after a split: it is known by itself and not by its name, or told.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

struct Halves<'a> {
    server: &'a Server,
    from: String,
    to: String,
}

impl<'a> Halves<'a> {
    /// A database made by `sql`, and its split.
    #[track_caller]
    fn moved(server: &'a Server, name: &str, sql: &str, args: &[&str]) -> Self {
        let halves = Self { server, from: name.to_owned(), to: format!("{name}_new") };
        server.ask(&format!("CREATE DATABASE {name}"));
        halves.sql(name, sql);
        let said = halves.split(&[&["--leave", "*"], args].concat());
        assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
        halves
    }

    #[track_caller]
    fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.server.binaries, &self.server.dsn(database), sql).unwrap()
    }

    fn split(&self, args: &[&str]) -> Said {
        self.between(args, &self.from, &self.to)
    }

    fn between(&self, args: &[&str], from: &str, to: &str) -> Said {
        let (from, to) = (self.server.dsn(from), self.server.dsn(to));
        Said::of(pgkeep().args(["split", "--json", "--quiet"]).args(args).args(["--from", &from, "--to", &to]))
    }
}

const PAIR: &str = "CREATE SCHEMA par; CREATE SCHEMA kid; CREATE SCHEMA other; CREATE TABLE par.p (id int PRIMARY KEY);
    CREATE TABLE kid.c (id int PRIMARY KEY, p int REFERENCES par.p ON DELETE CASCADE);
    INSERT INTO par.p SELECT generate_series(1, 9); INSERT INTO kid.c SELECT n, n FROM generate_series(1, 9) n;";
const LOOSE: [&str; 2] = ["--boundary", "loose"];

#[test]
fn a_watched_table_that_becomes_a_part_of_another_or_goes_is_told_by_every_verb() {
    let server = Server::start(15, ClusterOptions::default());
    let args = [&["--schemas", "par"], &LOOSE[..]].concat();
    let halves = Halves::moved(&server, "parts", PAIR, &args);
    assert_eq!(halves.split(&["reap"]).document()["keys"][0].get("unwatched"), None);
    halves.sql(&halves.to, "ALTER TABLE par.p RENAME TO old; CREATE TABLE par.p (id int) PARTITION BY RANGE (id);
        ALTER TABLE par.p ATTACH PARTITION par.old FOR VALUES FROM (0) TO (100); DELETE FROM par.p WHERE id = 1; DELETE FROM par.old WHERE id = 2");
    let status = halves.split(&["status"]).document();
    let why = status["loose"][0]["unwatched"].as_str().unwrap_or_default().to_owned();
    assert!(why.starts_with("par.old belongs to par.p now"), "{status}");
    let reaped = halves.split(&["reap"]);
    let key = &reaped.document()["keys"][0];
    assert_eq!((reaped.code, &key["progress"], &key["unwatched"]), (3, &json!("unwatched"), &json!(why)), "{reaped:?}");
    let finished = halves.split(&["finish", "--yes", "--discard"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.document()["warnings"].to_string().contains("par.old belongs to par.p now"), "{finished:?}");
    // The statements that it names are the cure.
    halves.sql(&halves.to, why.split_once(": ").unwrap().1);
    halves.sql(&halves.to, "DELETE FROM par.p WHERE id = 3");
    let reaped = halves.split(&["reap"]);
    assert_eq!((reaped.code, &reaped.document()["keys"][0]["deleted"]), (0, &json!(1)), "{reaped:?}");
    assert_eq!(halves.sql(&halves.from, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM kid.c"), "1 4 5 6 7 8 9");

    halves.sql(&halves.to, "ALTER TABLE par.p DETACH PARTITION par.old; DROP TABLE par.old");
    let status = halves.split(&["status"]).document();
    assert_eq!(status["loose"][0]["unwatched"], "its trigger is gone, or its table", "{status}");
}

#[test]
fn renamed_ends_of_a_loose_key_are_found_by_their_oids_whichever_side_moved() {
    let server = Server::start(15, ClusterOptions::default());
    // The child stays, and has another name and another schema.
    let halves = Halves::moved(&server, "stays", PAIR, &[&["--schemas", "par"], &LOOSE[..]].concat());
    halves.sql(&halves.from, "ALTER TABLE kid.c RENAME TO cc; ALTER TABLE kid.cc SET SCHEMA other");
    halves.sql(&halves.to, "DELETE FROM par.p WHERE id = 1");
    let reaped = halves.split(&["reap"]);
    assert_eq!((reaped.code, &reaped.document()["keys"][0]["deleted"]), (0, &json!(1)), "{reaped:?}");
    assert_eq!(halves.sql(&halves.from, "SELECT count(*) FROM other.cc"), "8");
    // Another table under the old name is not taken for it, and told.
    halves.sql(&halves.from, "CREATE TABLE kid.c (id int, p int); INSERT INTO kid.c VALUES (1, 2)");
    halves.sql(&halves.to, "DELETE FROM par.p WHERE id = 2");
    let reaped = halves.split(&["reap"]);
    let why = reaped.document()["keys"][0]["unwatched"].to_string();
    assert_eq!(reaped.code, 3, "{reaped:?}");
    assert!(why.contains("its table is now other.cc; kid.c is another table"), "{why}");
    assert_eq!(
        halves.sql(&halves.from, "SELECT (SELECT count(*) FROM other.cc) || ' ' || (SELECT count(*) FROM kid.c)"),
        "7 1"
    );

    // The child moved: the new one and the old one have other names, and the parent, which stayed, too.
    let halves = Halves::moved(&server, "moves", PAIR, &[&["--schemas", "kid"], &LOOSE[..]].concat());
    halves.sql(&halves.to, "ALTER TABLE kid.c RENAME TO newer");
    halves.sql(&halves.from, "ALTER TABLE kid.c RENAME TO older; ALTER TABLE par.p RENAME TO pp; ALTER TABLE par.pp SET SCHEMA other; DELETE FROM other.pp WHERE id < 3");
    let reaped = halves.split(&["reap"]);
    assert_eq!((reaped.code, &reaped.document()["keys"][0]["deleted"]), (0, &json!(2)), "{reaped:?}");
    assert_eq!(halves.sql(&halves.to, "SELECT count(*) FROM kid.newer"), "7");
    let back = halves.split(&["rollback", "--discard"]);
    // The key itself names its tables, and is told as missing.
    assert_eq!((back.code, &back.document()["keys_missing"]), (3, &json!(["kid.c.c_p_fkey"])), "{back:?}");
    assert_eq!(
        halves.sql(
            &halves.from,
            "SELECT count(*), max((SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgkeep%')) FROM kid.older"
        ),
        "7|0"
    );
}

/// One key that cannot be followed any more keeps no other back, whatever of it is gone; every verb names it.
#[test]
fn a_loose_key_whose_table_or_column_is_gone_is_named_and_the_others_are_reaped() {
    let server = Server::start(15, ClusterOptions::default());
    let more = "CREATE TABLE kid.d (id int PRIMARY KEY, p int REFERENCES par.p ON DELETE CASCADE); INSERT INTO kid.d SELECT n, n FROM generate_series(1, 9) n;
        CREATE TABLE par.q (id int PRIMARY KEY); CREATE TABLE kid.b (q int REFERENCES par.q ON DELETE CASCADE); INSERT INTO par.q VALUES (1); INSERT INTO kid.b VALUES (1)";
    let halves =
        Halves::moved(&server, "gone", &format!("{PAIR}{more}"), &[&["--schemas", "par"], &LOOSE[..]].concat());
    let reap = |code: i32| {
        let reaped = halves.split(&["reap"]);
        assert_eq!(reaped.code, code, "{reaped:?}");
        reaped.document()
    };
    let key = |document: &serde_json::Value, of: &str, name: &str| {
        let keys = document[of].as_array().unwrap().iter();
        keys.clone().find(|key| key["key"] == name).unwrap_or_else(|| panic!("{document}")).clone()
    };
    let [b, c, d] = ["kid.b.b_q_fkey", "kid.c.c_p_fkey", "kid.d.d_p_fkey"];
    halves.sql(&halves.from, "ALTER TABLE kid.c RENAME p TO q");
    halves.sql(&halves.to, "DELETE FROM par.p WHERE id = 1");
    let reaped = reap(3);
    let of_c = key(&reaped, "keys", c);
    assert_eq!((&of_c["progress"], &of_c["deleted"]), (&json!("unwatched"), &json!(0)), "{reaped}");
    assert!(of_c["unwatched"].as_str().unwrap().contains("does not exist"), "{reaped}");
    assert_eq!(key(&reaped, "keys", d)["deleted"], 1, "{reaped}");
    halves.sql(&halves.from, "ALTER TABLE kid.c RENAME q TO p");
    assert_eq!(key(&reap(0), "keys", c)["deleted"], 1);

    halves.sql(&halves.from, "DROP TABLE kid.c");
    halves.sql(&halves.to, "DELETE FROM par.p WHERE id = 2; DELETE FROM par.q; DROP TABLE par.q");
    let reaped = reap(3);
    let of_c = key(&reaped, "keys", c);
    let words = "the database gone has no table kid.c";
    assert_eq!(of_c["progress"], "unwatched", "{reaped}");
    assert!(of_c["unwatched"].as_str().unwrap().contains(words), "{reaped}");
    assert!(
        key(&reaped, "keys", b)["unwatched"].as_str().unwrap().contains("its trigger is gone, or its table"),
        "{reaped}"
    );
    assert_eq!(key(&reaped, "keys", d)["deleted"], 1, "{reaped}");
    let status = halves.split(&["status"]).document();
    assert!(key(&status, "loose", c)["unwatched"].as_str().unwrap().contains(words), "{status}");
    assert_eq!(key(&status, "loose", d).get("unwatched"), None, "{status}");
    let finished = halves.split(&["finish", "--yes", "--discard"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.document()["warnings"].to_string().contains(words), "{finished:?}");
    // It is what the documentation says.
    let number = halves.sql(&halves.to, &format!("SELECT key FROM pgkeep_loose.keys WHERE name = '{c}'"));
    halves.sql(
        &halves.to,
        &format!("DROP TRIGGER pgkeep_loose_{number}_delete ON par.p; DROP TRIGGER pgkeep_loose_{number}_update ON par.p; DROP TRIGGER pgkeep_loose_{number}_truncate ON par.p;
            DROP FUNCTION pgkeep_loose.note_{number}(); DELETE FROM pgkeep_loose.log WHERE key = {number}; DELETE FROM pgkeep_loose.keys WHERE key = {number}"),
    );
    assert!(!reap(3).to_string().contains(c));
}

const SEQUENCES: &str = "CREATE SCHEMA m; CREATE TABLE m.t (id serial PRIMARY KEY); CREATE SEQUENCE m.s; CREATE SEQUENCE m.u; SELECT nextval('m.s')";

#[test]
fn a_sequence_that_was_renamed_in_the_new_place_hands_no_number_out_again() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::moved(&server, "numbers", SEQUENCES, &["--schemas", "m"]);
    halves.sql(&halves.to, "ALTER SEQUENCE m.s RENAME TO was_s; SELECT setval('m.was_s', 50000); CREATE SEQUENCE m.s; SELECT setval('m.u', 7000)");
    let refused = halves.split(&["rollback"]);
    assert!(
        refused.code == 7 && refused.document()["error"].as_str().unwrap().contains("sequence m.was_s"),
        "{refused:?}"
    );
    let back = halves.split(&["rollback", "--discard"]);
    assert_eq!(back.code, 0, "{back:?}");
    let numbers = halves.sql(&halves.from, "SELECT nextval('m.s') || ' ' || nextval('m.u')");
    let numbers: Vec<i64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(numbers[0] > 50_000 && numbers[1] > 7_000 && numbers[1] < 50_000, "{numbers:?}");
}

/// Also one that has another name in the old place, or another schema, by the time of the way back; every verb names it.
#[test]
fn a_sequence_that_was_renamed_in_the_old_place_is_named_and_hands_no_number_out_again() {
    let server = Server::start(15, ClusterOptions::default());
    let halves = Halves::moved(&server, "olden", SEQUENCES, &["--schemas", "m"]);
    halves.sql(&halves.from, "ALTER SEQUENCE m.s RENAME TO was_s; CREATE SEQUENCE m.s; CREATE SCHEMA other; ALTER SEQUENCE m.u SET SCHEMA other");
    let status = halves.split(&["status"]).document();
    let told = status["changed_since"].to_string();
    assert!(
        told.contains("sequence m.was_s") && told.contains("sequence m.s\"") && told.contains("other.u"),
        "{status}"
    );
    halves.sql(&halves.to, "SELECT setval('m.s', 50000), setval('m.u', 7000)");
    let back = halves.split(&["rollback", "--discard"]);
    assert_eq!(back.code, 0, "{back:?}");
    let numbers = halves.sql(&halves.from, "SELECT nextval('m.was_s') || ' ' || nextval('other.u')");
    let numbers: Vec<i64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(numbers[0] > 50_000 && numbers[1] > 7_000 && numbers[1] < 50_000, "{numbers:?}");

    let halves = Halves::moved(&server, "oldest", SEQUENCES, &["--schemas", "m"]);
    halves.sql(&halves.from, "ALTER SEQUENCE m.s RENAME TO was_s");
    let finished = halves.split(&["finish", "--yes"]);
    assert_eq!(
        finished.document()["changed_since"],
        json!(["sequence m.s, which is now sequence m.was_s"]),
        "{finished:?}"
    );
}

#[test]
fn a_renamed_database_is_known_and_the_name_that_it_has_now_is_told() {
    let server = Server::start(15, ClusterOptions::default());
    let table = "CREATE SCHEMA m; CREATE TABLE m.t (id int); INSERT INTO m.t VALUES (1)";
    let halves = Halves::moved(&server, "shop", table, &["--schemas", "m"]);
    server.ask("ALTER DATABASE shop RENAME TO store");
    let text = |said: &Said, field: &str| said.document()[field].as_str().unwrap_or_default().to_owned();
    for verb in [&["status"][..], &["rollback"], &["finish", "--yes"]] {
        let said = halves.split(verb);
        assert_eq!(said.code, 4, "{said:?}");
        assert!(text(&said, "error").contains("the database that was split is now called store"), "{said:?}");
        assert!(text(&said, "hint").contains("--from"), "{said:?}");
    }
    let status = halves.between(&["status"], "store", "shop_new");
    assert_eq!(status.document()["renamed"], json!(["the old database shop is now called store"]), "{status:?}");

    // To the end: the name that is typed is the one that it has.
    assert_eq!(halves.between(&["finish", "--yes"], "store", "shop_new").code, 0);
    let repo = Repo::new();
    let finish = |typed: &str| {
        let (from, to) = (server.dsn("store"), server.dsn("shop_new"));
        Said::of(
            repo.command(["split", "--json", "finish", "--yes-drop", typed, "--from", &from, "--to", &to]).arg("-q"),
        )
    };
    let wrong = finish("shop");
    assert!(text(&wrong, "error").contains("\"shop\" is not the name of the source database"), "{wrong:?}");
    let unsaved = finish("store");
    assert!(unsaved.code == 7 && text(&unsaved, "error").contains("no proven snapshot"), "{unsaved:?}");
    let taken = repo.json(["backup", "-d", &server.dsn("store")]);
    let bin = server.binaries.bin_dir.to_str().unwrap();
    let drill = repo
        .restore(Vec::<&str>::new())
        .get_args()
        .map(|arg| arg.to_owned())
        .filter(|arg| arg != "restore")
        .collect::<Vec<_>>();
    let drilled = Said::of(
        pgkeep()
            .args(drill)
            .args(["drill", taken["snapshot"].as_str().unwrap(), "--pg-bin", bin])
            .arg("--writer-key")
            .arg(repo.writer_key()),
    );
    assert_eq!(drilled.code, 0, "{drilled:?}");
    let dropped = finish("store");
    assert_eq!((dropped.code, &dropped.document()["dropped"]), (0, &json!(true)), "{dropped:?}");

    // The new one, renamed and gone.
    let halves = Halves::moved(&server, "other", table, &["--schemas", "m"]);
    server.ask("ALTER DATABASE other_new RENAME TO newest");
    let said = halves.split(&["status"]);
    assert!(
        said.code == 8 && text(&said, "error").contains("the database that got m is now called newest"),
        "{said:?}"
    );
    assert!(text(&said, "hint").contains("--to"), "{said:?}");
    let status = halves.between(&["status"], "other", "newest");
    // The fence is not touched for it: what it says is told.
    let refused = psql(&server.binaries, &server.dsn("other"), "INSERT INTO m.t VALUES (2)").unwrap_err();
    assert!(refused.contains("moved to the database other_new"), "{refused}");
    let told = [
        "the new database other_new is now called newest",
        "the fence in the old database still sends writers to other_new",
    ];
    assert_eq!(status.document()["renamed"], json!(told), "{status:?}");
    assert_eq!(halves.between(&["rollback"], "other", "newest").code, 0);
}
