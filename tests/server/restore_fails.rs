//! Restores that cannot be completed: by the target's refusal, by damage in the repository, by a signal.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};
use crate::verify::{Harm, objects};

fn started() -> Server {
    Server::start(15, ClusterOptions::default())
}

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// A source whose foreign key does not hold any more: rows were deleted while triggers were off.
const ORPHANS: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.orders (id integer PRIMARY KEY, note text);
    CREATE TABLE shop.lines (id integer PRIMARY KEY, order_id integer CONSTRAINT lines_order REFERENCES shop.orders);
    INSERT INTO shop.orders SELECT n, 'note ' || n FROM generate_series(1, 100) n;
    INSERT INTO shop.lines SELECT n, n FROM generate_series(1, 100) n;
    CREATE INDEX lines_of ON shop.lines (order_id);
    CREATE MATERIALIZED VIEW shop.totals AS SELECT count(*) FROM shop.lines;
    SET session_replication_role = replica;
    DELETE FROM shop.orders WHERE id = 17";

#[test]
fn an_entry_that_the_target_refuses_is_told_in_full_and_the_rest_is_restored() {
    let (server, repo) = (started(), Repo::new());
    server.ask(ORPHANS);
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let mut restore = repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "--json"]);
    let said = Said::of(&mut restore);
    assert_eq!((said.code, said.stderr.as_str()), (8, ""), "{said:?}");
    let told = said.document();
    let whole = told.to_string();
    for part in ["lines_order", "violates foreign key constraint \\\"lines_order\\\"", "SQLSTATE 23503"] {
        assert!(whole.contains(part), "{part} is not in {whole}");
    }
    assert_eq!(
        told["hint"],
        "Rows refer to rows that are not there: the source was inconsistent, or the selection left the other table out."
    );
    // All but the constraint.
    sql(&server, "postgres", "ALTER TABLE shop.lines DROP CONSTRAINT lines_order");
    assert_equal("the rest", &definitions(&server, "postgres", &[]), &definitions(&server, "copy", &[]));
    assert_eq!(
        sql(
            &server,
            "copy",
            "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.lines), (SELECT count FROM shop.totals)"
        ),
        "99|100|100"
    );
}

#[test]
fn an_ordinary_role_is_told_what_only_a_superuser_may_make() {
    let (source, repo, target) = (started(), Repo::new(), started());
    source.ask(
        "CREATE TABLE public.orders AS SELECT generate_series(1, 10) AS id; CREATE INDEX ON public.orders (id);
         CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION public.watch()",
    );
    repo.json(["backup", "-d", &source.dsn("postgres")]);
    target.ask("CREATE ROLE tenant LOGIN");
    target.ask("CREATE DATABASE theirs OWNER tenant");
    let dsn = target.dsn_as("tenant", "theirs");
    let said = Said::of(&mut repo.restore(["latest", "-d", &dsn, "--no-owner", "--no-acl", "-q"]));
    assert_eq!((said.code, said.stdout.as_str()), (8, ""), "{said:?}");
    assert!(
        said.stderr.contains("watcher: ERROR: permission denied to create event trigger \"watcher\" (SQLSTATE 42501)"),
        "{said:?}"
    );
    assert!(said.stderr.contains("\n  hint: Restore as a superuser, "), "{said:?}");
    assert_eq!(sql(&target, "theirs", "SELECT count(*), max(id) FROM public.orders"), "10|10");
    assert_eq!(sql(&target, "theirs", "SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'"), "1");
}

#[test]
fn a_damaged_object_stops_it_before_a_row_of_its_table_is_there() {
    let (server, repo) = (started(), Repo::new());
    server.ask(
        "CREATE SCHEMA shop;
         CREATE TABLE shop.orders AS SELECT n AS id, md5(n::text) || md5((-n)::text) AS note FROM generate_series(1, 20000) n;
         CREATE INDEX ON shop.orders (id)",
    );
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    // All of it holds rows of the only table.
    let of_orders: BTreeSet<String> = objects(repo.root(), "data");
    let damaged = repo.root().join(of_orders.last().unwrap());
    server.ask("CREATE TABLE shop.others AS SELECT generate_series(1, 1000) AS id");
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let sound = fs::read(&damaged).unwrap();

    for harm in [Harm::FlipBit, Harm::Truncate, Harm::Delete] {
        harm.apply(&damaged);
        server.ask("CREATE DATABASE copy");
        let said = Said::of(&mut repo.restore(["latest", "-d", &server.dsn("copy"), "-q"]));
        assert_eq!((said.code, said.stdout.as_str()), (5, ""), "{harm:?}: {said:?}");
        let object = damaged.file_name().unwrap().to_str().unwrap();
        assert!(
            said.stderr.starts_with("pgkeep: the rows of shop.orders cannot be read from the repository\n"),
            "{said:?}"
        );
        assert!(said.stderr.contains(object), "{object} is not in {said:?}");
        assert_eq!(sql(&server, "copy", "SELECT count(*) FROM shop.orders"), "0", "{harm:?}");
        server.ask("DROP DATABASE copy");
        fs::write(&damaged, &sound).unwrap();
    }
    repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    assert_eq!(sql(&server, "copy", "SELECT count(*) FROM shop.orders"), "20000");
}

/// The switches that the hint names are all that it takes, and what needs those tables goes with them.
#[test]
fn a_restore_stopped_by_damage_says_what_lets_the_rest_through() {
    let (server, repo) = (started(), Repo::new());
    let dsn = server.dsn("postgres");
    server.ask(
        "CREATE SCHEMA shop; CREATE TABLE shop.\"Orders\" (id int PRIMARY KEY, note text);
         INSERT INTO shop.\"Orders\" SELECT n, md5(n::text) || md5((-n)::text) FROM generate_series(1, 20000) n",
    );
    repo.json(["backup", "-d", &dsn]);
    let of_orders = objects(repo.root(), "data");
    server.ask(
        "CREATE TABLE shop.returns AS SELECT n AS id, md5((n * 7)::text) || md5((n * 11)::text) AS note FROM generate_series(1, 9000) n",
    );
    repo.json(["backup", "-d", &dsn]);
    let all = objects(repo.root(), "data");
    let of_returns = all.difference(&of_orders).next().unwrap();
    server.ask(
        "CREATE TABLE shop.lines (id int, order_id int CONSTRAINT lines_order REFERENCES shop.\"Orders\");
         INSERT INTO shop.lines SELECT n, n FROM generate_series(1, 50) n;
         CREATE VIEW shop.notes AS SELECT note FROM shop.\"Orders\"; CREATE VIEW shop.again AS SELECT * FROM shop.notes;
         CREATE MATERIALIZED VIEW shop.count AS SELECT count(*) FROM shop.returns; CREATE VIEW shop.ids AS SELECT id FROM shop.lines",
    );
    let snapshot = repo.json(["backup", "-d", &dsn]);
    // One has rotted, which nobody has noticed yet; one is gone.
    Harm::FlipBit.apply(&repo.root().join(of_orders.last().unwrap()));
    Harm::Delete.apply(&repo.root().join(of_returns));

    server.ask("CREATE DATABASE copy");
    let said = Said::of(&mut repo.restore(["latest", "-d", &server.dsn("copy"), "-q", "-j", "1"]));
    assert_eq!((said.code, said.stdout.as_str()), (5, ""), "{said:?}");
    let switches = "-T 'shop.\"Orders\"' -T shop.returns";
    assert!(said.stderr.contains(&format!("\n  hint: To restore the rest: {switches}. ")), "{said:?}");
    let restore = |database: &str| {
        let shell = format!("exec \"$0\" restore latest --create -d '{}' --json {switches}", server.dsn(database));
        let mut command = Command::new("sh");
        command.args(["-c", &shell, env!("CARGO_BIN_EXE_pgkeep")]);
        command.env("PGKEEP_REPO", repo.root()).env("PGKEEP_RESTORE_KEY", repo.restore_key());
        let said = Said::of(&mut command);
        assert_eq!(said.code, 0, "{said:?}");
        said.document()
    };
    let report = restore("rest");
    assert_eq!((&report["proven"], &report["hurt"]), (&true.into(), &serde_json::json!([])), "{report}");
    let left_out = report["left_out"].to_string();
    for what in ["VIEW shop notes", "VIEW shop again", "MATERIALIZED VIEW shop count", "lines_order"] {
        assert!(left_out.contains(&what.replacen(" shop ", " shop.", 1)), "{what} is not in {left_out}");
    }
    assert_eq!(sql(&server, "rest", "SELECT count(*) FROM shop.ids"), "50");

    // Once a check has found it, a restore of the rest says what is wrong with the snapshot, and of what it is.
    assert_eq!(Said::of(&mut repo.command(["verify", "--read-data"])).code, 3);
    let report = restore("told");
    assert!(report["hurt"].as_array().unwrap().contains(&"shop.Orders".into()), "{report}");
    assert_eq!((&report["snapshot_database"], &report["snapshot_time"]), (&"postgres".into(), &snapshot["time"]));
    assert_eq!(report["database"], "told");
    let said =
        Said::of(&mut repo.restore(["latest", "--create", "-d", &server.dsn("words"), "-q", "-t", "shop.lines"]));
    assert!(
        said.stdout.starts_with(&format!("restored {} (postgres, 20", &snapshot["snapshot"].as_str().unwrap()[..8])),
        "{said:?}"
    );
    assert!(said.stdout.contains("\nHURT: checks have found damage in the snapshot's shop.Orders"), "{said:?}");
}

/// A millisecond a row where the restore needs the function: a COPY or an index that would take half a minute.
const SLOW: &str = "CREATE FUNCTION public.slow(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN i; END';
    CREATE TABLE public.slow_table (i integer {check}); INSERT INTO public.slow_table SELECT generate_series(1, 30000); {index};
    CREATE TABLE public.small AS SELECT 1 AS one;
    CREATE OR REPLACE FUNCTION public.slow(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.001); RETURN i; END'";

fn interrupt(check: &str, index: &str, busy_with: &str, signal: Signal) -> (Server, Repo) {
    let (server, repo) = (started(), Repo::new());
    server.ask(&SLOW.replace("{check}", check).replace("{index}", index));
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let mut restore = repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "-q"]);
    let mut child = restore.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let busy = format!(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND state = 'active'
         AND query LIKE '%{busy_with}%' AND clock_timestamp() - query_start > '0.3 s'"
    );
    server.wait_for(&busy, "t");
    let since = Instant::now();
    kill_process(Pid::from_child(&child), signal).unwrap();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            panic!("still running after {:?}", since.elapsed());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let said: Said = child.wait_with_output().unwrap().into();
    assert_eq!((said.code, said.stdout.as_str()), (130, ""), "{said:?}");
    // What it left, and how to go on.
    let told = "pgkeep: interrupted\n  hint: The database copy holds the definitions and some tables, each with all of its rows or none; \
                indexes and keys are missing. DROP DATABASE IF EXISTS \"copy\"; then restore again with --create.\n";
    assert_eq!(said.stderr, told);
    let left = Duration::from_secs(6).saturating_sub(since.elapsed());
    server.wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%'", "0", left);
    (server, repo)
}

#[test]
fn ctrl_c_among_the_rows_ends_it_and_its_sessions() {
    let (server, _repo) = interrupt("CHECK (public.slow(i) > 0)", "", "COPY%slow_table", Signal::INT);
    assert_eq!(sql(&server, "copy", "SELECT count(*) FROM public.slow_table"), "0");
}

#[test]
fn sigterm_among_the_indexes_ends_it_and_its_sessions() {
    let index = "CREATE INDEX slow_index ON public.slow_table (public.slow(i))";
    let (server, _repo) = interrupt("", index, "INDEX slow_index", Signal::TERM);
    assert_eq!(sql(&server, "copy", "SELECT to_regclass('public.slow_index') IS NULL"), "t");
}
