//! Code that writes across the line: what it will do after the switch is said in the plan, with the triggers that call it, and is so.

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::Value;

use crate::pgkeep::{Said, pgkeep};
use crate::postgres::{Server, psql};

const SQL: &str = "CREATE SCHEMA m; CREATE SCHEMA stays; CREATE TABLE m.log (id int); CREATE TABLE m.t (id int);
    CREATE TABLE stays.t (id int); CREATE TABLE stays.u (id int); CREATE TABLE stays.v (id int); CREATE TABLE stays.w (id int); CREATE TABLE stays.log (id int);
    CREATE FUNCTION stays.notes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO m.log VALUES (new.id); RETURN new; END';
    CREATE TRIGGER noting AFTER INSERT ON stays.t FOR EACH ROW EXECUTE FUNCTION stays.notes();
    CREATE FUNCTION stays.dynamic() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE ''DELETE FROM m.log WHERE id < 0''; RETURN new; END';
    CREATE TRIGGER deleting AFTER INSERT ON stays.u FOR EACH ROW EXECUTE FUNCTION stays.dynamic();
    CREATE FUNCTION stays.helper() RETURNS void LANGUAGE sql AS 'TRUNCATE m.log';
    CREATE FUNCTION stays.through() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM stays.helper(); RETURN new; END';
    CREATE TRIGGER through AFTER INSERT ON stays.v FOR EACH ROW EXECUTE FUNCTION stays.through();
    CREATE FUNCTION stays.reads() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM FROM m.log; RETURN new; END';
    CREATE TRIGGER reading AFTER INSERT ON stays.w FOR EACH ROW EXECUTE FUNCTION stays.reads();
    CREATE RULE also AS ON DELETE TO stays.t DO ALSO INSERT INTO m.log VALUES (old.id);
    CREATE TABLE stays.x (id int); CREATE FUNCTION stays.atomic(i int) RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO m.log VALUES (i); END;
    CREATE FUNCTION stays.calls() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM stays.atomic(new.id); RETURN new; END';
    CREATE TRIGGER calling AFTER INSERT ON stays.x FOR EACH ROW EXECUTE FUNCTION stays.calls();
    CREATE FUNCTION stays.atomic_reads() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM m.log; END;
    CREATE PROCEDURE stays.atomic_drops() LANGUAGE sql BEGIN ATOMIC DELETE FROM m.log; SELECT count(*) FROM m.t; END;
    CREATE FUNCTION m.notes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO stays.log VALUES (new.id); RETURN new; END';
    CREATE TRIGGER noting AFTER INSERT ON m.t FOR EACH ROW EXECUTE FUNCTION m.notes();";

#[test]
fn what_writes_across_the_line_is_told_with_the_triggers_that_call_it_and_fails_as_told() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    let ask = |database: &str, sql: &str| psql(&server.binaries, &server.dsn(database), sql);
    ask("shop", SQL).unwrap();
    let split = |args: &[&str]| {
        let run = [
            "--schemas",
            "m",
            "--leave",
            "*",
            "--boundary",
            "drop",
            "--from",
            &server.dsn("shop"),
            "--to",
            &server.dsn("place"),
        ];
        Said::of(pgkeep().args(["split", "--json", "--quiet"]).args(args).args(run))
    };
    let plan = split(&["--plan"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    let plan: Value = plan.document();
    let reason = |name: &str| {
        let warnings = plan["warnings"].as_array().unwrap().iter();
        let found: Vec<&str> = warnings.filter(|w| w["name"] == name).map(|w| w["reason"].as_str().unwrap()).collect();
        assert_eq!(found.len(), 1, "{name}: {plan}");
        found[0]
    };
    for (function, trigger) in [
        ("stays.notes()", "stays.t noting"),
        ("stays.dynamic()", "stays.u deleting"),
        ("stays.helper()", "stays.v through"),
    ] {
        let reason = reason(&format!("FUNCTION {function}"));
        assert!(reason.contains("its writes there are refused once the fence is up"), "{reason}");
        assert!(reason.contains(&format!("the trigger {trigger} calls it")), "{reason}");
    }
    // Of a body that PostgreSQL has parsed itself the catalog says what it needs, and not what it does there.
    let atomic = reason("FUNCTION stays.atomic(integer)");
    assert!(atomic.contains("its writes to m.log are refused once the fence is up"), "{atomic}");
    assert!(atomic.contains("the trigger stays.x calling calls it"), "{atomic}");
    let atomic = reason("FUNCTION stays.atomic_reads()");
    assert!(atomic.contains("sees the old rows of m.log") && !atomic.contains("writes"), "{atomic}");
    let drops: Vec<&str> = plan["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|w| w["name"] == "PROCEDURE stays.atomic_drops()")
        .map(|w| w["reason"].as_str().unwrap())
        .collect();
    assert!(drops.iter().any(|reason| reason.starts_with("its writes to m.log are refused")), "{drops:?}");
    assert!(drops.iter().any(|reason| reason.starts_with("after the switch it sees the old rows of m.t")), "{drops:?}");
    let reads = reason("FUNCTION stays.reads()");
    assert!(reads.contains("sees the old rows") && reads.contains("the trigger stays.w reading calls it"), "{reads}");
    let moves = reason("FUNCTION m.notes()");
    assert!(
        moves.contains("it fails when it is called in the new database")
            && moves.contains("the trigger m.t noting calls it"),
        "{moves}"
    );
    assert!(reason("RULE stays.t also").contains("its writes there are refused"), "{plan}");

    assert_eq!(split(&[]).code, 0);
    for table in ["t", "u", "v", "x"] {
        let refused = ask("shop", &format!("INSERT INTO stays.{table} VALUES (1)")).unwrap_err();
        assert!(refused.contains("m.log"), "{table}: {refused}");
    }
    ask("shop", "INSERT INTO stays.w VALUES (1)").unwrap();
    assert!(ask("shop", "DELETE FROM stays.t").is_err());
    assert!(ask("place", "INSERT INTO m.t VALUES (1)").unwrap_err().contains("stays.log"));
}
