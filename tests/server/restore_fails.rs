//! Restores that cannot be completed: by the target's refusal, by damage in the repository, by a signal.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::judge::{assert_equal, definitions};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};
use crate::verify::{Harm, objects};

fn started() -> Server {
    Server::start(15, ClusterOptions::default())
}

/// So few locks that a transaction of thousands of objects has not enough.
fn with_few_locks() -> Server {
    let settings = [("max_connections", "12"), ("max_locks_per_transaction", "10"), ("max_prepared_transactions", "0")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Server::start(15, ClusterOptions { settings, ..ClusterOptions::default() })
}

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

/// An index that can be built in one database alone.
const AT_HOME: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.orders (id integer PRIMARY KEY, note text);
    CREATE TABLE shop.lines (id integer PRIMARY KEY, order_id integer REFERENCES shop.orders);
    INSERT INTO shop.orders SELECT n, 'note ' || n FROM generate_series(1, 100) n;
    INSERT INTO shop.lines SELECT n, n FROM generate_series(1, 100) n;
    CREATE INDEX lines_of ON shop.lines (order_id);
    CREATE FUNCTION shop.at_home(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
        $$BEGIN IF current_database() <> 'postgres' THEN RAISE 'not at home' USING HINT = 'Go home.'; END IF; RETURN i; END$$;
    CREATE UNIQUE INDEX at_home ON shop.lines (shop.at_home(id));
    COMMENT ON INDEX shop.at_home IS 'needs the index';
    CREATE MATERIALIZED VIEW shop.totals AS SELECT count(*) FROM shop.lines";

#[test]
fn an_entry_that_the_target_refuses_is_told_in_full_and_the_rest_is_restored() {
    let (server, repo) = (started(), Repo::new());
    server.ask(AT_HOME);
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let mut restore = repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "--json"]);
    let said = Said::of(&mut restore);
    assert_eq!((said.code, said.stderr.as_str()), (8, ""), "{said:?}");
    let told = said.document();
    let whole = told.to_string();
    for part in ["INDEX shop.at_home", "ERROR: not at home", "SQLSTATE P0001"] {
        assert!(whole.contains(part), "{part} is not in {whole}");
    }
    assert_eq!(
        (&told["failures"][0]["hint"], &told["skipped"]),
        (&json!("Go home."), &json!(["COMMENT shop.INDEX at_home"]))
    );
    let hint = told["hint"].as_str().unwrap();
    let left = "Go home. The database copy has everything else, and is not dropped";
    assert!(hint.starts_with(left) && hint.contains("To start again: `") && hint.contains("restore"), "{hint}");
    // All but the index.
    sql(&server, "postgres", "DROP INDEX shop.at_home");
    assert_equal("the rest", &definitions(&server, "postgres", &[]), &definitions(&server, "copy", &[]));
    assert_eq!(
        sql(
            &server,
            "copy",
            "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.lines), (SELECT count FROM shop.totals)"
        ),
        "100|100|100"
    );
}

/// Rows that were against a key in the source are so in every copy: the key is there for new rows, and is named.
#[test]
fn a_key_that_rows_are_against_comes_back_unchecked_and_is_named() {
    let (server, repo) = (started(), Repo::new());
    server.ask(
        "CREATE TABLE orders (id integer PRIMARY KEY); CREATE TABLE lines (id integer, order_id integer CONSTRAINT lines_order REFERENCES orders ON DELETE CASCADE);
         INSERT INTO orders VALUES (1); SET session_replication_role = replica; INSERT INTO lines VALUES (1, 1), (2, 99)",
    );
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let restored = repo.restored(["latest", "--create", "-d", &server.dsn("copy")]);
    let key = "FK CONSTRAINT public.lines lines_order";
    assert_eq!((&restored["proven"], &restored["keys_not_valid"]), (&json!(true), &json!([key])), "{restored}");
    assert!(restored["warnings"].to_string().contains(&format!("{key} is NOT VALID here")), "{restored}");
    assert_eq!(
        sql(&server, "copy", "SELECT convalidated, confdeltype FROM pg_constraint WHERE conname = 'lines_order'"),
        "f|c"
    );
    let refused = psql(&server.binaries, &server.dsn("copy"), "INSERT INTO lines VALUES (3, 98)").unwrap_err();
    assert!(refused.contains("lines_order"), "{refused}");

    let drilled = Said::of(repo.command(["drill", "--json"]).arg("--restore-key").arg(repo.restore_key()));
    let report = drilled.document();
    assert_eq!(
        (drilled.code, &report["ok"], &report["keys_not_valid"]),
        (0, &json!(true), &json!([key])),
        "{drilled:?}"
    );
    assert!(report["receipt"].is_string(), "{drilled:?}");
}

/// Functions that find names by search_path alone: the backup says so, a restore says what would help, and the switch gives just these
/// entries the path that the source has.
#[test]
fn functions_that_need_a_search_path_are_named_and_get_it_where_that_is_asked_for() {
    let (server, repo) = (started(), Repo::new());
    server.ask("CREATE DATABASE app");
    sql(
        &server,
        "app",
        "CREATE SCHEMA s1; SET search_path = s1; CREATE TABLE dict (val text); INSERT INTO dict VALUES ('a');
         CREATE FUNCTION in_dict(p text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT EXISTS (SELECT FROM dict WHERE val = p)';
         CREATE FUNCTION itself(p text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = s1 AS 'SELECT max(val) FROM dict WHERE val = p';
         CREATE TABLE data (val text CHECK (in_dict(val)), n int); INSERT INTO data VALUES ('a', 1);
         CREATE TABLE indexed (val text, own text GENERATED ALWAYS AS (itself(val)) STORED); INSERT INTO indexed VALUES ('a'); CREATE INDEX by_dict ON indexed (in_dict(val));
         CREATE MATERIALIZED VIEW words AS SELECT word FROM ts_stat('SELECT to_tsvector(''simple'', val) FROM dict');
         ALTER DATABASE app SET search_path = s1, public",
    );
    let backup = repo.json(["backup", "-d", &server.dsn("app")]);
    let warnings = backup["warnings"].to_string();
    assert!(warnings.contains("FUNCTION s1.in_dict(text)") && !warnings.contains("itself"), "{backup}");

    let said = Said::of(&mut repo.restore(["latest", "--create", "-d", &server.dsn("copy"), "--json"]));
    assert_eq!(said.code, 8, "{said:?}");
    let told = said.document();
    for failure in told["failures"].as_array().unwrap() {
        assert!(
            failure["hint"]
                .as_str()
                .unwrap()
                .contains("--search-path-fix uses the source's (s1, public) for such entries"),
            "{told}"
        );
    }
    let mut failed: Vec<&str> =
        told["failures"].as_array().unwrap().iter().map(|f| f["entry"].as_str().unwrap()).collect();
    failed.sort_unstable();
    let expected = ["INDEX s1.by_dict", "REFRESH MATERIALIZED VIEW s1.words", "TABLE DATA s1.data"];
    assert_eq!(failed, expected);
    server.ask("DROP DATABASE copy");

    let restored = repo.restored(["latest", "--create", "-d", &server.dsn("copy"), "--search-path-fix"]);
    let warnings = restored["warnings"].as_array().unwrap();
    let told = format!(
        "restored with the source's search_path (s1, public) because of --search-path-fix: {}",
        ["ANALYZE s1.indexed"].iter().chain(&expected).copied().collect::<Vec<_>>().join(", ")
    );
    assert_eq!((&restored["proven"], warnings), (&json!(true), &vec![json!(told)]), "{restored}");
    assert_equal("definitions", &definitions(&server, "app", &[]), &definitions(&server, "copy", &[]));
    let counted = "SELECT (SELECT count(*) FROM s1.data), (SELECT count(*) FROM s1.words), (SELECT count(*) FROM pg_index WHERE indexrelid = 's1.by_dict'::regclass)";
    assert_eq!(sql(&server, "copy", counted), "1|1|1");

    // Where nothing but a view's query, and in a text, looks for a name.
    server.ask("CREATE DATABASE words");
    sql(
        &server,
        "words",
        "CREATE TABLE documents (t text); INSERT INTO documents VALUES ('hello');
         CREATE MATERIALIZED VIEW words AS SELECT word FROM ts_stat('SELECT to_tsvector(''simple'', t) FROM documents')",
    );
    let repo = Repo::new();
    repo.json(["backup", "-d", &server.dsn("words")]);
    let restored = repo.restored(["latest", "--create", "-d", &server.dsn("words_again"), "--search-path-fix"]);
    assert_eq!(restored["proven"], true, "{restored}");
    assert_eq!(sql(&server, "words_again", "TABLE public.words"), "hello");
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
    assert!(said.stderr.contains("\n  hint: Only a superuser makes event triggers. -n '*' "), "{said:?}");
    assert_eq!(sql(&target, "theirs", "SELECT count(*), max(id) FROM public.orders"), "10|10");
    assert_eq!(sql(&target, "theirs", "SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'"), "1");
}

/// What the role lacks is no owner's and no grant of the snapshot's, which it was told to leave out.
#[test]
fn an_ordinary_role_that_may_create_nothing_is_told_what_to_grant() {
    let (source, target) = (started(), started());
    target.ask("CREATE ROLE tenant LOGIN");
    target.ask("CREATE DATABASE theirs");
    let dsn = target.dsn_as("tenant", "theirs");
    let restore = |repo: &Repo| Said::of(&mut repo.restore(["latest", "-d", &dsn, "--no-owner", "--no-acl", "-q"]));
    for (make, refused, grant) in [
        ("CREATE TABLE public.t AS SELECT 1 AS a", "for schema public", "GRANT CREATE ON SCHEMA public TO tenant"),
        (
            "DROP TABLE public.t; CREATE SCHEMA shop; CREATE TABLE shop.t AS SELECT 1 AS a",
            "for database theirs",
            "GRANT CREATE ON DATABASE theirs TO tenant",
        ),
    ] {
        let repo = Repo::new();
        source.ask(make);
        repo.json(["backup", "-d", &source.dsn("postgres")]);
        let said = restore(&repo);
        assert_eq!(said.code, 8, "{said:?}");
        assert!(said.stderr.contains(&format!("permission denied {refused}")), "{said:?}");
        assert!(said.stderr.contains("GRANT CREATE ON DATABASE, or ON SCHEMA"), "{said:?}");
        assert!(!said.stderr.contains("with --no-owner --no-acl"), "{said:?}");
        sql(&target, "theirs", grant);
        let said = restore(&repo);
        assert_eq!(said.code, 0, "as it says: {said:?}");
        sql(&target, "theirs", "DROP TABLE IF EXISTS public.t; DROP SCHEMA IF EXISTS shop CASCADE");
    }
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
    assert!(said.stdout.contains("\nHURT: checks found damage in the snapshot's shop.Orders"), "{said:?}");
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
    // What it left, and how to go on: `restore_ways.rs` does.
    let told = "pgkeep: interrupted\n  hint: The database copy has the definitions and some tables, each with all of its rows or none; indexes and keys are missing. To start again: `psql ";
    assert!(said.stderr.starts_with(told), "{said:?}");
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
    let (server, _repo) = interrupt("", index, "INDEX public.slow_index", Signal::TERM);
    assert_eq!(sql(&server, "copy", "SELECT to_regclass('public.slow_index') IS NULL"), "t");
}

/// Each large object, sequence and table is a lock until its transaction ends.
#[test]
fn thousands_of_objects_do_not_need_a_lock_each_at_the_same_time() {
    let settings = vec![("max_locks_per_transaction".to_owned(), "1024".to_owned())];
    let (source, repo) = (Server::start(15, ClusterOptions { settings, ..ClusterOptions::default() }), Repo::new());
    source.ask("SELECT count(lo_from_bytea(0, 'x')) FROM generate_series(1, 4000)");
    source.ask("DO $$BEGIN FOR i IN 1..4000 LOOP EXECUTE format('CREATE SEQUENCE s%s', i); END LOOP; END$$");
    source.ask("DO $$BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE t%s (i int PRIMARY KEY, j text)', i); END LOOP; END$$");
    repo.json(["backup", "-d", &source.dsn("postgres")]);
    let target = with_few_locks();
    let restored = repo.restored(["latest", "--create", "-d", &target.dsn("copy")]);
    assert_eq!(restored["proven"], true, "{restored}");
    let counted = "SELECT (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_sequence), (SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]+$')";
    assert_eq!(sql(&target, "copy", counted), "4000|4000|1000");
}

/// Another server has other disks and another version: what it lacks is named and passed.
#[test]
fn what_the_target_lacks_is_named_and_ends_nothing() {
    let (source, repo, target) = (started(), Repo::new(), Server::start(17, ClusterOptions::default()));
    let place = |server: &Server, name: &str| {
        // Only the server's own user may enter it, and that is who makes it.
        let folder = server.cluster.socket_dir().join(name);
        server.ask(&format!("COPY (SELECT 1) TO PROGRAM 'mkdir {} && cat >/dev/null'", folder.display()));
        server.ask(&format!("CREATE TABLESPACE {name} LOCATION '{}'", folder.display()));
    };
    for name in ["fast", "slow"] {
        place(&source, name);
    }
    place(&target, "slow");
    source.ask("CREATE ROLE old_one; ALTER ROLE old_one SET force_parallel_mode = off; ALTER ROLE old_one SET work_mem = '5MB'");
    source.ask("CREATE DATABASE app OWNER old_one TABLESPACE fast");
    sql(
        &source,
        "app",
        "CREATE TABLE a (i int PRIMARY KEY USING INDEX TABLESPACE slow); CREATE TABLE b (i int) TABLESPACE slow; INSERT INTO a VALUES (1);
         ALTER DATABASE app SET force_parallel_mode = off; ALTER DATABASE app SET work_mem = '6MB';
         ALTER ROLE old_one IN DATABASE app SET force_parallel_mode = on",
    );
    repo.json(["backup", "-d", &source.dsn("app")]);
    let dsn = target.dsn("app");
    let restored = repo.restored(["latest", "--create", "-d", &dsn]);
    let warnings = restored["warnings"].to_string();
    for part in [
        "no tablespace fast",
        "force_parallel_mode of the role old_one",
        "ALTER DATABASE \\\"app\\\" SET force_parallel_mode",
        "IN DATABASE \\\"app\\\" SET force_parallel_mode",
    ] {
        assert!(warnings.contains(part), "{part}: {restored}");
    }
    assert_eq!(restored["warnings"].as_array().unwrap().len(), 4, "{restored}");
    let lies = |name: &str| {
        let sql_of = format!(
            "SELECT coalesce((SELECT spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = reltablespace WHERE relname = '{name}'), '-')"
        );
        sql(&target, "app", &sql_of)
    };
    assert_eq!([lies("a"), lies("a_pkey"), lies("b")], ["-", "slow", "slow"]);
    assert_eq!(sql(&target, "app", "SELECT setting FROM pg_settings WHERE name = 'work_mem'"), "6144");
    target.ask("DROP DATABASE app");

    for (switch, value, expected) in
        [("--no-tablespaces", None, ["-", "-", "-"]), ("--map-tablespace", Some("slow=pg_default"), ["-", "-", "-"])]
    {
        repo.restored(["latest", "--create", "-d", &dsn, switch].into_iter().chain(value));
        assert_eq!([lies("a"), lies("a_pkey"), lies("b")], expected, "{switch}");
        target.ask("DROP DATABASE app");
    }
    let said = Said::of(&mut repo.restore(["latest", "--create", "-d", &dsn, "--map-tablespace", "fast=none", "-q"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.starts_with("pgkeep: the target has no tablespace none, to which --map-tablespace maps fast"),
        "{said:?}"
    );

    // A private server has none, and needs none.
    let drilled = Said::of(repo.command(["drill", "--json"]).arg("--restore-key").arg(repo.restore_key()));
    assert_eq!((drilled.code, &drilled.document()["proven"]), (0, &json!(true)), "{drilled:?}");
}

/// An extension that the server has not, say: what does not need it is restored.
#[test]
fn a_definition_that_the_target_refuses_ends_nothing_else() {
    let (source, repo, target) = (started(), Repo::new(), Server::start(15, ClusterOptions::default()));
    source.ask("CREATE TABLE plain AS SELECT generate_series(1, 50) AS id; CREATE INDEX ON plain (id)");
    source.ask("CREATE FUNCTION public.odd() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; CREATE TABLE sorted (t text PRIMARY KEY); INSERT INTO sorted VALUES ('x'); CREATE VIEW seen AS SELECT * FROM sorted");
    repo.json(["backup", "-d", &source.dsn("postgres")]);
    // A language that the role may not use: the function cannot be made.
    target.ask("CREATE ROLE tenant LOGIN");
    target.ask("CREATE DATABASE theirs");
    sql(&target, "theirs", "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO tenant; REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC;
        REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO tenant");
    let said = Said::of(&mut repo.restore([
        "latest",
        "-d",
        &target.dsn_as("tenant", "theirs"),
        "--no-owner",
        "--no-acl",
        "--json",
    ]));
    assert_eq!(said.code, 8, "{said:?}");
    let failures: Vec<String> = said.document()["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["entry"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(failures, ["FUNCTION public.odd()"], "{said:?}");
    assert_eq!(
        sql(
            &target,
            "theirs",
            "SELECT (SELECT count(*) FROM plain), (SELECT count(*) FROM seen), (SELECT count(*) FROM pg_indexes WHERE tablename = 'plain')"
        ),
        "50|1|1"
    );
}

/// Waits among the definitions of a restore with `--create`, somebody connects to what it has made, and `end` ends it.
#[track_caller]
fn ended_among_the_definitions(end: impl Fn(&Server, &std::process::Child)) -> (Server, Said) {
    let (source, repo) = (started(), Repo::new());
    source.ask("CREATE ROLE keeper");
    // As a template it could not even be dropped.
    source.ask("CREATE DATABASE app IS_TEMPLATE true");
    sql(&source, "app", "CREATE TABLE a AS SELECT 1 AS i; ALTER TABLE a OWNER TO keeper");
    repo.json(["backup", "-d", &source.dsn("app")]);
    let target = started();
    target.ask("CREATE ROLE keeper");
    // Whoever gives a table to a role waits until it is clear whether there will be one.
    let dropping = background(&target, "postgres", "BEGIN; DROP ROLE keeper; SELECT pg_sleep(120)");
    target.wait_for("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1");
    let mut restore = repo.restore(["latest", "--create", "-d", &target.dsn("copy"), "-q"]);
    let child = restore.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND wait_event_type = 'Lock' AND datname = 'copy'";
    target.wait_for(waits, "1");
    let connected = background(&target, "copy", "SELECT pg_sleep(120)");
    target.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = 'copy' AND wait_event = 'PgSleep'", "1");
    end(&target, &child);
    let said: Said = child.wait_with_output().unwrap().into();
    for mut child in [dropping, connected] {
        let _ = child.kill();
        child.wait().unwrap();
    }
    (target, said)
}

#[test]
fn ctrl_c_among_the_definitions_leaves_no_database() {
    let (target, said) =
        ended_among_the_definitions(|_, child| kill_process(Pid::from_child(child), Signal::INT).unwrap());
    let told = "pgkeep: interrupted\n  hint: Nothing was restored: a database that was created is dropped again.\n";
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (130, "", told), "{said:?}");
    assert_eq!(target.ask("SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

/// What went wrong first is what is told, and not what it is to take away a template that somebody is connected to.
#[test]
fn an_error_among_the_definitions_leaves_no_database_and_is_told() {
    let (target, said) = ended_among_the_definitions(|target, _| {
        target.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND datname = 'copy'");
    });
    assert_eq!((said.code, said.stdout.as_str()), (8, ""), "{said:?}");
    assert!(said.stderr.contains("terminating connection due to administrator command"), "{said:?}");
    assert!(!said.stderr.contains("still exists"), "{said:?}");
    assert_eq!(target.ask("SELECT count(*) FROM pg_database WHERE datname = 'copy'"), "0");
}

fn background(server: &Server, database: &str, sql: &str) -> std::process::Child {
    let mut psql = server.binaries.command("psql");
    psql.args(["-X", "-q", "-d", &server.dsn(database), "-c", sql]);
    psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Who names a database that is not there yet is told the switch that makes it.
#[test]
fn a_target_that_is_not_there_is_answered_with_what_makes_it() {
    let (server, repo) = (started(), Repo::new());
    server.ask("CREATE DATABASE shop");
    sql(&server, "shop", "CREATE TABLE t AS SELECT 1 AS a");
    repo.json(["backup", "-d", &server.dsn("shop")]);
    let (target, key) = (server.dsn("nowhere"), repo.restore_key());
    let mut restore = repo.command(["restore", "latest", "--json", "-d", &target, "--restore-key"]);
    let said = Said::of(restore.arg(key));
    assert_eq!((said.code, &said.document()["error"]), (8, &"the target database does not exist".into()), "{said:?}");
    assert!(said.document()["hint"].as_str().unwrap().contains("--create creates it"), "{said:?}");
}
