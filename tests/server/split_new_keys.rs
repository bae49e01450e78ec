//! Foreign keys that PostgreSQL has since 18: over periods, and those that it does not enforce. What the plan says of them is what a run does.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql};

const KEYS: &str = "CREATE EXTENSION btree_gist; CREATE SCHEMA par; CREATE SCHEMA kid;
    CREATE TABLE par.p (id int PRIMARY KEY); CREATE TABLE par.t (id int, v daterange, PRIMARY KEY (id, v WITHOUT OVERLAPS));
    CREATE TABLE kid.meant (id int, p int CONSTRAINT meant_p REFERENCES par.p NOT ENFORCED);
    CREATE TABLE kid.dated (id int, v daterange, CONSTRAINT dated_t FOREIGN KEY (id, PERIOD v) REFERENCES par.t (id, PERIOD v));
    CREATE TABLE kid.plain (id int, p int CONSTRAINT plain_p REFERENCES par.p ON DELETE CASCADE);
    INSERT INTO par.p VALUES (1), (2); INSERT INTO kid.meant VALUES (1, 1), (2, 9); INSERT INTO kid.plain VALUES (1, 1), (2, 2);
    INSERT INTO par.t VALUES (1, '[2020-01-01,2021-01-01)'); INSERT INTO kid.dated VALUES (1, '[2020-02-01,2020-03-01)');";

fn crossing<'a>(plan: &'a Value, name: &str) -> &'a Value {
    plan["boundary"].as_array().unwrap().iter().find(|crossing| crossing["name"] == name).unwrap()
}

#[test]
fn a_plan_with_loose_keys_blocks_what_a_run_would_refuse_and_gives_up_what_nobody_enforces() {
    let server = Server::start(18, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    let ask = |sql: &str| psql(&server.binaries, &server.dsn("shop"), sql).unwrap();
    ask(KEYS);
    let split = |args: &[&str]| {
        let mut command = pgkeep();
        command.args(["split", "--json", "--quiet"]).args(args);
        Said::of(command.args(["--from", &server.dsn("shop"), "--to", &server.dsn("place")]))
    };
    let bin = server.binaries.bin_dir.to_str().unwrap();
    let run = ["--schemas", "kid", "--leave", "*", "--boundary", "loose", "--pg-bin", bin];

    let plan = split(&[&["--plan"], &run[..]].concat());
    assert_eq!(plan.code, 3, "{plan:?}");
    let plan = plan.document();
    let dated = crossing(&plan, "dated_t");
    assert_eq!((&dated["action"], &dated["severity"]), (&json!("refuse"), &json!("blocker")), "{dated}");
    assert!(dated["reason"].as_str().unwrap().contains("compares periods"), "{dated}");
    assert!(plan["blockers"].to_string().contains("choose drop or bridge for it in --boundary-file"), "{plan}");
    let meant = crossing(&plan, "meant_p");
    assert_eq!((&meant["action"], &meant["severity"]), (&json!("drop"), &json!("note")), "{meant}");
    assert!(meant["reason"].as_str().unwrap().contains("NOT ENFORCED"), "{meant}");
    assert_eq!(crossing(&plan, "plain_p")["action"], "loose", "{plan}");
    // The run says the same, in the same words.
    let blocked = split(&run);
    assert_eq!((blocked.code, &blocked.document()["blockers"]), (3, &plan["blockers"]), "{blocked:?}");

    // What the plan asks for is enough; there and back.
    let folder = folder();
    let file = folder.path().join("boundary.toml");
    std::fs::write(&file, "[constraints]\ndated_t = \"drop\"\n").unwrap();
    let decided = [&run[..], &["--boundary-file", file.to_str().unwrap()]].concat();
    let plan = split(&[&["--plan"], &decided[..]].concat());
    assert_eq!(plan.code, 0, "{plan:?}");
    let moved = split(&decided);
    assert_eq!((moved.code, &moved.document()["loose"]), (0, &json!(["kid.plain.plain_p"])), "{moved:?}");
    let keys = "SELECT string_agg(conname || ' ' || conenforced || ' ' || convalidated, ', ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(ask(keys), "");
    let back = split(&["rollback"]);
    let back_said = back.document();
    assert_eq!(
        (back.code, &back_said["keys_missing"], &back_said["keys_unchecked"]),
        (0, &json!([]), &json!([])),
        "{back:?}"
    );
    assert_eq!(ask(keys), "dated_t true true, meant_p false false, plain_p true true");
}
