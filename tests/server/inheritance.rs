//! Tables whose columns a copy has in another order, and the values that would be mixed up by it.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::judge::{assert_equal, definitions, rows};
use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// Taken under its parents later; its child; one whose parent was given a column later; and one that keeps its order.
const TABLES: &str = "CREATE SCHEMA app; CREATE TABLE app.documents (id int, number int, amount int GENERATED ALWAYS AS (number * 2) STORED);
    CREATE TABLE app.dated (day date, id int NOT NULL);
    CREATE TABLE app.bills (note text, amount int GENERATED ALWAYS AS (number * 2) STORED, number int, day date, id int NOT NULL);
    ALTER TABLE app.bills INHERIT app.documents; ALTER TABLE app.bills INHERIT app.dated;
    CREATE TABLE app.reminders (level int) INHERITS (app.bills); CREATE TABLE app.letters (text text) INHERITS (app.dated);
    ALTER TABLE app.dated ADD COLUMN place text; CREATE TABLE app.orders (own int) INHERITS (app.documents);
    CREATE TABLE app.points (x int, y int); CREATE TABLE app.marks (y int, x int); ALTER TABLE app.marks INHERIT app.points;
    INSERT INTO app.marks VALUES (100, 1), (200, 2);
    INSERT INTO app.bills (number, id, note) VALUES (100, 1, 'one'), (200, 2, 'two');
    INSERT INTO app.reminders (number, id, level) VALUES (300, 3, 9);";
/// Rows of them as values: as they are, and within a row within a domain over an array.
const VALUES: &str =
    "CREATE TABLE app.kept (at int, mark app.marks); INSERT INTO app.kept SELECT 7, m FROM app.marks m;
    CREATE TYPE app.pair AS (a int, letter app.letters); CREATE DOMAIN app.pairs AS app.pair[];
    CREATE TABLE app.empty (pairs app.pairs); CREATE VIEW app.seen AS SELECT * FROM app.kept;";

const ORDER: &str =
    "SELECT string_agg(c.relname || ': ' || (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), E'\\n' ORDER BY c.relname)
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'app'::regnamespace";

/// What is said of each table, and the order that it names.
fn told(findings: &Value) -> Vec<(String, String)> {
    let of = |finding: &&Value| finding["kind"] == "column_order";
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let all = findings.as_array().unwrap().iter().filter(of);
    all.map(|finding| (text(finding, "name"), text(finding, "reason"))).collect()
}

#[test]
fn inherited_columns_come_first_and_values_that_this_would_mix_up_are_found() {
    let server = Server::start(15, ClusterOptions::default());
    let ask = |database: &str, sql: &str| psql(&server.binaries, &server.dsn(database), sql).unwrap();
    server.ask("CREATE DATABASE office");
    ask("office", TABLES);
    ask("office", VALUES);
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("office")]);
    let split = |args: &[&str]| {
        let ends = ["--from", &server.dsn("office"), "--to", &server.dsn("moved")];
        Said::of(pgkeep().args(["split", "--json"]).args(args).args(ends))
    };

    // PostgreSQL's own copy has the values mixed up, and so has ours: it is said, with the proof or without.
    for (copy, proof) in [("proven", None), ("unproven", Some("--no-proof"))] {
        let dsn = server.dsn(copy);
        let args = ["latest", "--json", "--create", "-d", &dsn];
        let said = Said::of(&mut repo.restore(args.into_iter().chain(proof)));
        let document = said.document();
        assert_eq!((said.code, &document["proven"]), (3, &json!(false)), "{said:?}");
        let [mixed_up] = document["mismatches"].as_array().unwrap().as_slice() else { panic!("{document}") };
        assert_eq!(mixed_up["difference"], "mixed_up_values", "{document}");
        assert_eq!((&mixed_up["name"], &mixed_up["held_by"]), (&json!("marks"), &json!(["app.kept.mark"])));
        let x = "SELECT string_agg((mark).x::text, ' ' ORDER BY (mark).x) FROM app.kept";
        assert_eq!((ask("office", x), ask(copy, x)), ("1 2".to_owned(), "100 200".to_owned()));
    }
    let said = Said::of(&mut repo.command(["verify", "latest", "--json", "--against", &server.dsn("proven")]));
    assert_eq!(said.code, 3, "{said:?}");
    assert_eq!(said.document()["findings"][0]["kind"], "mixed up values", "{said:?}");
    let plan = split(&["--plan", "--schemas", "app"]).document();
    let [(letters, empty), (marks, why)] = told(&plan["blockers"]).try_into().unwrap();
    assert_eq!((letters.as_str(), marks.as_str()), ("app.letters", "app.marks"));
    assert!(empty.contains("app.empty.pairs"), "{empty}");
    assert!(why.contains("(x, y), but app.kept.mark holds rows of it as values"), "{why}");
    assert_eq!(split(&["--schemas", "app"]).code, 3);

    // Where the types do not fit either, their table fails, and the reason is given.
    ask("office", "CREATE TABLE app.torn (bill app.bills); INSERT INTO app.torn SELECT b FROM app.bills b");
    repo.json(["backup", "-d", &server.dsn("office")]);
    let said = Said::of(&mut repo.restore(["latest", "--json", "--create", "-d", &server.dsn("torn")]));
    assert_eq!(said.code, 8, "{said:?}");
    let failure = &said.document()["failures"][0];
    assert_eq!(failure["entry"], "TABLE DATA app.torn");
    assert!(failure["hint"].as_str().unwrap().starts_with("app.bills: its columns are in another order"), "{failure}");

    // Without such values the rows are all there, and the order is told.
    ask("office", "DROP VIEW app.seen; DROP TABLE app.kept, app.empty, app.torn");
    repo.json(["backup", "--accept-shrink", "-d", &server.dsn("office")]);
    let document = repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_eq!(document["proven"], json!(true), "{document}");
    let in_copy = ask("copy", ORDER);
    assert_ne!(in_copy, ask("office", ORDER));
    let warning = "app.bills has its inherited columns first, as after a restore of pg_dump: id, number, amount, day, place, note";
    assert!(document["warnings"].as_array().unwrap().contains(&json!(warning)), "{document}");

    // The plan names the order that PostgreSQL then gives them, and tables that keep theirs are not named.
    let warned = told(&split(&["--plan", "--schemas", "app"]).document()["warnings"]);
    let names: Vec<&str> = warned.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["app.bills", "app.letters", "app.marks", "app.reminders"]);
    for (name, reason) in &warned {
        let order = reason.split_once("after a restore of pg_dump: ").unwrap().1;
        let line = format!("{}: {order}", name.trim_start_matches("app."));
        assert!(in_copy.lines().any(|there| there == line), "{line}\n{in_copy}");
    }
    let app = Some("nspname = 'app'");
    let before = (rows(&server, "office", app), definitions(&server, "office", &["-n", "app"]));
    let said = split(&["--schemas", "app"]);
    assert_eq!((said.code, &said.document()["proven"]), (0, &json!(true)), "{said:?}");
    assert_eq!(ask("moved", ORDER), in_copy);
    let values = "SELECT string_agg(format('%s %s %s %s', id, number, amount, note), ',' ORDER BY id) FROM app.bills";
    assert_eq!(ask("moved", values), ask("office", values));
    assert_eq!(split(&["rollback"]).code, 0);
    assert_equal("rows", &before.0, &rows(&server, "office", app));
    assert_equal("definitions", &before.1, &definitions(&server, "office", &["-n", "app"]));
}
