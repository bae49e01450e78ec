//! Moving schemas into a database of their own: the copy is the original, nobody's row is lost, and there is a way back.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::judge::{assert_equal, assert_gone_over, definitions, rows};
use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

fn chronos() -> Server {
    Server::with_samples(15, &[("chronos", "0.003")], ClusterOptions::default())
}

fn split(server: &Server, args: &[&str]) -> Said {
    let (from, to) = (server.dsn("chronos"), server.dsn("twenty"));
    Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]))
}

const MOVE: &[&str] = &["--schemas", "core,metadata,workspace_*", "--boundary", "drop"];
const MOVED: &str = "nspname IN ('core', 'metadata') OR nspname LIKE 'workspace\\_%'";

fn refused(server: &Server, sql: &str) -> String {
    psql(&server.binaries, &server.dsn("chronos"), sql).unwrap_err()
}

const WRITE: &str = "UPDATE core.workspace SET \"displayName\" = \"displayName\"";

#[test]
fn schemas_move_with_all_that_they_need_and_come_back() {
    let server = chronos();
    let before = rows(&server, "chronos", Some(MOVED));
    let of_schemas = ["-n", "core", "-n", "metadata", "-n", "workspace_*"];
    let defined = definitions(&server, "chronos", &of_schemas);
    let said = split(&server, MOVE);
    let report = said.document();
    assert_eq!((said.code, &report["ok"], &report["proven"]), (0, &true.into(), &true.into()), "{said:?}");
    assert_eq!(report["phase"], "switched");
    assert!(report["downtime_ms"].as_u64().unwrap() > 0);
    assert_gone_over("rows", &before, &rows(&server, "twenty", Some(MOVED)));
    assert_equal("definitions", &defined, &definitions(&server, "twenty", &of_schemas));
    // The old place refuses, a superuser and whoever turns triggers off for replication as well; the new one takes.
    assert!(refused(&server, WRITE).contains("core.workspace has moved to the database twenty"));
    assert!(refused(&server, &format!("SET session_replication_role = replica; {WRITE}")).contains("has moved"));
    assert!(refused(&server, "TRUNCATE core.workspace CASCADE").contains("has moved"));
    psql(&server.binaries, &server.dsn("twenty"), "CREATE SCHEMA \"workspace_new\" AUTHORIZATION twenty_user").unwrap();
    // It would be left behind.
    psql(&server.binaries, &server.dsn("twenty"), "DROP SCHEMA workspace_new").unwrap();
    let settings = "SELECT string_agg(c, ',' ORDER BY c) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) c WHERE datname = '%' AND setrole IN (0, 'twenty_user'::regrole)";
    let of = |database: &str| server.ask(&settings.replace('%', database));
    assert_eq!(of("twenty"), of("chronos"));

    // Once more is no harm.
    assert_eq!(split(&server, MOVE).document()["phase"], "switched");

    let back = split(&server, &["rollback"]);
    assert_eq!((back.code, &back.document()["ok"]), (0, &true.into()), "{back:?}");
    psql(&server.binaries, &server.dsn("chronos"), WRITE).unwrap();
    assert_equal("rows after the rollback", &before, &rows(&server, "chronos", Some(MOVED)));
    assert_equal("definitions after the rollback", &defined, &definitions(&server, "chronos", &of_schemas));
    assert_eq!(
        psql(
            &server.binaries,
            &server.dsn("chronos"),
            "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgkeep_split'"
        )
        .unwrap(),
        "0"
    );
    assert!(
        psql(&server.binaries, &server.dsn("twenty"), WRITE).unwrap_err().contains("has moved to the database chronos")
    );
}

#[test]
fn rows_written_after_the_switch_stop_a_rollback_and_are_named() {
    let server = chronos();
    assert_eq!(split(&server, MOVE).code, 0);
    psql(
        &server.binaries,
        &server.dsn("twenty"),
        "DELETE FROM core.\"featureFlag\" WHERE ctid IN (SELECT ctid FROM core.\"featureFlag\" LIMIT 1)",
    )
    .unwrap();
    let said = split(&server, &["rollback"]);
    assert_eq!(said.code, 7, "{said:?}");
    let error = said.document()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("rows were written in the new database since the switch: core.featureFlag: "), "{error}");
    // Nothing has changed: the new place takes writes, the old one does not.
    psql(&server.binaries, &server.dsn("twenty"), WRITE).unwrap();
    assert!(refused(&server, WRITE).contains("has moved"));
    let said = split(&server, &["rollback", "--discard"]);
    let document = said.document();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(document["discarded"].as_array().unwrap().iter().any(|table| table["name"] == "featureFlag"), "{document}");
    psql(&server.binaries, &server.dsn("chronos"), WRITE).unwrap();
}

#[test]
fn wrong_answers_are_refused_in_words() {
    let server = chronos();
    let refused = |args: &[&str], code: i32, error: &str| {
        let said = Said::of(pgkeep().args(["split", "--json"]).args(args));
        assert_eq!(said.code, code, "{said:?}");
        let told = said.document()["error"].as_str().unwrap().to_owned();
        assert!(told.contains(error), "{told}");
    };
    let (from, to) = (server.dsn("chronos"), server.dsn("twenty"));
    refused(
        &["--schemas", "core", "--from", &from, "--to", &from],
        2,
        "the source and the target are the same database",
    );
    refused(&["--schemas", "cores", "--from", &from, "--to", &to], 2, "no schema matches cores");
    server.ask("CREATE DATABASE full_one");
    psql(&server.binaries, &server.dsn("full_one"), "CREATE TABLE here (id int)").unwrap();
    refused(
        &["--schemas", "core", "--from", &from, "--to", &server.dsn("full_one")],
        7,
        "the target database full_one is not empty: public.here",
    );
    refused(&["status", "--to", &server.dsn("full_one")], 2, "the database full_one is not the target of a split");
    server.ask("CREATE ROLE poor LOGIN");
    let poor = server.dsn_as("poor", "chronos");
    refused(&["--schemas", "core", "--from", &poor, "--to", &to], 4, "");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'twenty'"), "0");
}

/// Somebody is in the middle of a transaction: who it is is said, nothing is changed.
#[test]
fn a_fence_that_cannot_be_had_names_who_is_in_the_way() {
    let server = chronos();
    let mut holder = server.binaries.command("psql");
    holder.args(["-X", "-q", "-d", &server.dsn("chronos")]);
    holder.args(["-c", &format!("SET application_name = 'the accountant'; BEGIN; {WRITE}; SELECT pg_sleep(60)")]);
    let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let holds = "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND wait_event = 'PgSleep'";
    server.wait_for(holds, "t");
    let said = split(&server, &[MOVE, &["--fence-wait", "2"]].concat());
    assert_eq!(said.code, 7, "{said:?}");
    let error = said.document()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("could not get the locks for the fence: process "), "{error}");
    assert!(error.contains("application 'the accountant', RowExclusiveLock on core.workspace"), "{error}");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
    psql(&server.binaries, &server.dsn("chronos"), WRITE).unwrap();
    assert_eq!(split(&server, MOVE).code, 0, "and the next one goes on");
}

fn started(server: &Server) -> Child {
    let (from, to) = (server.dsn("chronos"), server.dsn("twenty"));
    let mut command = pgkeep();
    command.args(["split", "-q"]).args(MOVE).args(["--from", &from, "--to", &to]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whatever the moment: within five seconds the source takes writes again, or it is sealed and the split goes on to its end.
#[test]
fn a_split_that_is_killed_at_any_moment_frees_the_source_and_is_gone_on_with() {
    let server = chronos();
    let before = rows(&server, "chronos", Some(MOVED));
    let since = Instant::now();
    assert_eq!(started(&server).wait().unwrap().code(), Some(0));
    let whole = since.elapsed();
    assert_eq!(split(&server, &["rollback"]).code, 0);
    server.ask("DROP DATABASE twenty");
    let (mut freed, mut sealed) = (0, 0);
    for n in 0..6 {
        let mut child = started(&server);
        std::thread::sleep(whole.mul_f64((f64::from(n) + 0.5) / 6.0));
        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        child.wait().unwrap();
        let since = Instant::now();
        let takes = loop {
            match psql(&server.binaries, &server.dsn("chronos"), WRITE) {
                Ok(_) => break true,
                Err(error) if error.contains("has moved") => break false,
                Err(error) => {
                    assert!(error.contains("is being moved"), "{error}");
                    assert!(since.elapsed() < Duration::from_secs(5), "still fenced after the kill: {error}");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        };
        if takes {
            freed += 1;
        } else {
            sealed += 1;
        }
        let there = server.ask("SELECT count(*) FROM pg_database WHERE datname = 'twenty'") == "1";
        if n % 2 == 0 {
            let said = split(&server, MOVE);
            assert_eq!((said.code, &said.document()["phase"]), (0, &Value::from("switched")), "kill {n}: {said:?}");
            assert_gone_over("rows", &before, &rows(&server, "twenty", Some(MOVED)));
        }
        if there || n % 2 == 0 {
            let said = split(&server, &["rollback"]);
            let killed_early = said.code == 2 && n % 2 == 1;
            assert!(said.code == 0 || killed_early, "kill {n}: {said:?}");
        }
        psql(&server.binaries, &server.dsn("chronos"), WRITE).unwrap();
        // A kill before it was written down what the new place's sequences were set to makes the old ones go on as well.
        assert_gone_over("rows of the source", &before, &rows(&server, "chronos", Some(MOVED)));
        server.ask("DROP DATABASE IF EXISTS twenty");
    }
    println!("{freed} kills freed the source at once, {sealed} found it sealed; a split takes {whole:?}");
    assert!(freed > 0);
}

/// A superuser's application writes all the time. What it was told is there is there, once, in the one place that counts.
#[test]
fn a_writer_that_never_stops_loses_and_doubles_nothing() {
    let server = chronos();
    psql(&server.binaries, &server.dsn("chronos"), "CREATE TABLE core.told (n bigint PRIMARY KEY)").unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (dsn, binaries) = (server.dsn_as("twenty_user", "chronos"), server.binaries.clone());
    let writer = std::thread::spawn(move || {
        let (mut told, mut refused) = (Vec::new(), 0);
        for n in 0.. {
            match psql(&binaries, &dsn, &format!("INSERT INTO core.told VALUES ({n})")) {
                Ok(_) => told.push(n),
                Err(error) => {
                    assert!(error.contains("being moved") || error.contains("has moved"), "{error}");
                    refused += 1;
                }
            }
            if stopped.try_recv().is_ok() {
                break;
            }
        }
        (told, refused)
    });
    std::thread::sleep(Duration::from_millis(500));
    let said = split(&server, MOVE);
    assert_eq!(said.code, 0, "{said:?}");
    std::thread::sleep(Duration::from_millis(300));
    stop.send(()).unwrap();
    let (told, refused): (Vec<i64>, i32) = writer.join().unwrap();
    assert!(refused > 0 && told.len() > 3, "{} told, {refused} refused", told.len());
    let there = psql(&server.binaries, &server.dsn("twenty"), "SELECT n FROM core.told ORDER BY n").unwrap();
    let there: Vec<i64> = there.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(there, told);
}

/// The application's files follow, there and back, and its hook is told.
#[test]
fn configuration_is_switched_with_the_database_and_put_back() {
    let server = chronos();
    let folder = tempfile::tempdir().unwrap();
    let (env, told) = (folder.path().join(".env"), folder.path().join("told"));
    let text =
        "# Twenty\nPG_DATABASE_URL=postgres://twenty_user:se-cret@db:5432/chronos # the old place\nAPP_SECRET=x\n";
    std::fs::write(&env, text).unwrap();
    let rewrite = format!("{}:PG_DATABASE_URL", env.display());
    let hook = format!("echo $PGKEEP_SPLIT_PHASE $PGKEEP_SPLIT_DATABASE >> {}", told.display());
    let said = split(&server, &[MOVE, &["--rewrite", &rewrite, "--hook", &hook]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.stdout.contains("se-cret"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&env).unwrap(), text.replace("/chronos", "/twenty"));
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "switch twenty\n");
    let back = split(&server, &["rollback"]);
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(std::fs::read_to_string(&env).unwrap(), text);
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "switch twenty\nrollback twenty\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no copy of the file is left");
}

#[test]
fn a_hook_that_fails_takes_everything_back() {
    let server = chronos();
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join(".env");
    std::fs::write(&env, "DB_DATABASE=chronos\n").unwrap();
    let rewrite = format!("{}:DB_DATABASE", env.display());
    let hook = "[ $PGKEEP_SPLIT_PHASE = rollback ] || { echo the worker does not start >&2; exit 3; }";
    let said = split(&server, &[MOVE, &["--rewrite", &rewrite, "--hook", hook]].concat());
    assert_eq!(said.code, 7, "{said:?}");
    let document = said.document();
    assert_eq!(document["error"], "the switch failed, and everything was undone: the source takes writes");
    assert!(document["causes"].to_string().contains("the worker does not start"), "{document}");
    assert_eq!(std::fs::read_to_string(&env).unwrap(), "DB_DATABASE=chronos\n");
    psql(&server.binaries, &server.dsn("chronos"), WRITE).unwrap();
    let wrong = format!("{}:DB_DATABAS", env.display());
    let said = split(&server, &[MOVE, &["--rewrite", &wrong]].concat());
    assert_eq!(said.code, 2, "before anything is touched: {said:?}");
}

/// Before PostgreSQL 18 the key of a partitioned table comes back only checked. Where rows are against it by then, and where the hook fails on
/// the way back, the old place takes writes all the same, and nothing is called as it was that is not.
#[test]
fn what_did_not_come_back_is_told_and_the_source_takes_writes() {
    const KEY: &str = "public.orders.orders_client_fkey";
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE DATABASE shop");
    let (from, to) = (server.dsn("shop"), server.dsn("clients"));
    let shop = |sql: &str| psql(&server.binaries, &from, sql).unwrap();
    shop(
        "CREATE SCHEMA crm; CREATE TABLE crm.clients (id int PRIMARY KEY); INSERT INTO crm.clients VALUES (1);
        CREATE TABLE public.orders (client int REFERENCES crm.clients, year int) PARTITION BY LIST (year);
        CREATE TABLE public.orders_26 PARTITION OF public.orders FOR VALUES IN (26); INSERT INTO public.orders VALUES (1, 26)",
    );
    let split =
        |args: &[&str]| Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]));
    let there = ["--schemas", "crm", "--boundary", "drop", "--hook"];
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";
    // As it was before each attempt.
    let again = || {
        shop("UPDATE crm.clients SET id = id");
        shop("DELETE FROM public.orders WHERE client = 2");
        if shop(keys) == "0" {
            shop("ALTER TABLE public.orders ADD FOREIGN KEY (client) REFERENCES crm.clients");
        }
        server.ask("DROP DATABASE clients");
    };
    let orphan = "INSERT INTO public.orders VALUES (2, 26)";
    let psql_program = server.binaries.bin_dir.join("psql").display().to_string();
    let writes_and_fails = format!("'{psql_program}' -X -q -d '{from}' -c '{orphan}'; exit 3");
    let only_there = format!("[ $PGKEEP_SPLIT_PHASE = rollback ] || {{ {writes_and_fails}; }}");
    let only_back = "[ $PGKEEP_SPLIT_PHASE = switch ]";

    let error = |said: &Said| said.document()["error"].as_str().unwrap().to_owned();
    let said = split(&[&there[..], &[&only_there]].concat());
    let told = format!(
        "the switch failed, and the source takes writes again, without the foreign keys that could not be made again: {KEY}"
    );
    assert_eq!((said.code, error(&said)), (7, told.clone()));
    again();
    // Both ways.
    let said = split(&[&there[..], &[&writes_and_fails]].concat());
    assert_eq!(said.code, 7, "{said:?}");
    assert!(error(&said).starts_with(&format!("{told}; the hook `")), "{said:?}");
    assert!(error(&said).contains("failed in the rollback (exit status: 3)"), "{said:?}");
    again();

    assert_eq!(split(&[&there[..], &["true"]].concat()).code, 0);
    shop(orphan);
    let back = split(&["rollback"]);
    assert_eq!((back.code, &back.document()["ok"]), (3, &false.into()), "{back:?}");
    assert_eq!(back.document()["keys_missing"], serde_json::json!([KEY]));
    again();
    assert_eq!(split(&[&there[..], &[only_back]].concat()).code, 0);
    let back = split(&["rollback"]);
    assert_eq!((back.code, error(&back)), (7, "the old database takes writes again, but the hook failed".to_owned()));
    assert_eq!(shop(keys), "1");
    again();

    // Of an ordinary table the key is there again, unchecked where rows are against it; one that never was checked is no news.
    shop(
        "DROP TABLE public.orders; CREATE TABLE public.bills (client int REFERENCES crm.clients, old int);
        ALTER TABLE public.bills ADD FOREIGN KEY (old) REFERENCES crm.clients NOT VALID",
    );
    assert_eq!(split(&[&there[..], &["true"]].concat()).code, 0);
    shop("INSERT INTO public.bills VALUES (2, 3)");
    let back = split(&["rollback"]);
    let unchecked = &back.document()["keys_unchecked"];
    assert_eq!((back.code, unchecked.as_array().map(Vec::len)), (0, Some(1)), "{back:?}");
    assert!(unchecked[0].as_str().unwrap().starts_with("public.bills.bills_client_fkey: insert or update on table"));
    assert_eq!(shop("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"), "2");
}

/// Put aside first; dropped only by name, with a proven snapshot, and while nobody needs or reads them.
#[test]
fn the_old_schemas_are_dropped_only_when_nothing_is_lost_by_it() {
    let (server, repo) = (chronos(), Repo::new());
    let (from, to) = (server.dsn("chronos"), server.dsn("twenty"));
    psql(
        &server.binaries,
        &from,
        "DROP VIEW analytics.people_by_source CASCADE; DROP MATERIALIZED VIEW analytics.crm_pipeline CASCADE",
    )
    .unwrap();
    psql(&server.binaries, &from, "CREATE VIEW public.looks_on AS SELECT count(*) FROM core.workspace").unwrap();
    let finish = |args: &[&str]| {
        Said::of(
            &mut repo.command(["split", "finish", "--yes", "--json", "--from", &from, "--to", &to].iter().chain(args)),
        )
    };
    let refused = |said: Said, code: i32, error: &str| {
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.document()["error"].as_str().unwrap().contains(error), "{said:?}");
    };
    refused(finish(&[]), 8, "");
    assert_eq!(split(&server, MOVE).code, 0);
    refused(finish(&["--yes-drop", "chronos"]), 7, "have not been put aside yet");
    let aside = finish(&[]).document();
    assert_eq!((&aside["ok"], &aside["dropped"]), (&true.into(), &false.into()), "{aside}");
    let needs = aside["needed_by"][0].as_str().unwrap().to_owned();
    assert!(needs.starts_with("view public.looks_on (needs table core_moved_"), "{aside}");
    let moved = aside["quarantined"].as_array().unwrap().iter().find(|pair| pair[0] == "core").unwrap()[1].clone();
    let moved = moved.as_str().unwrap();
    assert!(moved.starts_with("core_moved_20"), "{aside}");
    let workspace = format!("{moved}.workspace");
    let denied = psql(&server.binaries, &from, &format!("SET ROLE chronos_readonly; TABLE {workspace}")).unwrap_err();
    assert!(denied.contains("permission denied for schema"), "{denied}");
    refused(split(&server, &["rollback"]), 7, "the split is finished but for dropping");

    refused(finish(&["--yes-drop", "chronoss"]), 2, "\"chronoss\" is not the name");
    refused(finish(&["--yes-drop", "chronos"]), 7, "still needed: view public.looks_on");
    psql(&server.binaries, &from, "DROP VIEW public.looks_on").unwrap();
    refused(finish(&["--yes-drop", "chronos"]), 7, "no proven snapshot");
    repo.json(["backup", "-d", &from]);
    refused(finish(&["--yes-drop", "chronos"]), 7, "no restore or drill has proven it");
    repo.restored(["latest", "--create", "-d", &server.dsn("proof")]);
    let read = format!(
        "SET enable_seqscan = off; SELECT * FROM {workspace} WHERE id = (SELECT min(id::text)::uuid FROM {workspace})"
    );
    psql(&server.binaries, &from, &read).unwrap();
    server.wait_for("SELECT 1", "1");
    std::thread::sleep(Duration::from_millis(1200));
    refused(finish(&["--yes-drop", "chronos"]), 7, "workspace was read since it was quarantined");
    assert_eq!(finish(&[]).code, 0, "counts from now");
    let gone = finish(&["--yes-drop", "chronos"]);
    assert_eq!((gone.code, &gone.document()["phase"]), (0, &Value::from("finished")), "{gone:?}");
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(core|metadata|workspace|pgkeep)_?'";
    assert_eq!(psql(&server.binaries, &from, left).unwrap(), "0");
    let status = Said::of(pgkeep().args(["split", "--json", "status", "--to", &to])).document();
    assert_eq!((&status["phase"], &status["next"]), (&"finished".into(), &serde_json::json!([])));
}

#[test]
fn a_plan_with_blockers_stops_the_run_and_nothing_is_touched() {
    let server = chronos();
    let said = split(&server, &["--schemas", "core,metadata"]);
    let document = said.document();
    assert_eq!((said.code, &document["ok"]), (3, &false.into()), "{said:?}");
    assert!(document["blockers"].to_string().contains("workspace_"), "{document}");
    assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'twenty'"), "0");
    psql(&server.binaries, &server.dsn("chronos"), WRITE).unwrap();
}

/// portfolio's two halves hold on to each other. Each of them moves with each word that there is for that: what is given up is said, dropped
/// where it stays, and made again by a rollback.
#[test]
fn erp_and_agent_move_each_way_with_every_boundary() {
    let hba = b"local agents pgkeep_bridge_agents scram-sha-256\nlocal all all trust\n".to_vec();
    let data_files = vec![("pg_hba.conf".to_owned(), hba)];
    let options = ClusterOptions { data_files, ..ClusterOptions::default() };
    let server = Server::with_samples(15, &[("portfolio", "0.003")], options);
    let (from, to) = (server.dsn("portfolio"), server.dsn("agents"));
    let split =
        |args: &[&str]| Said::of(pgkeep().args(["split", "--json"]).args(args).args(["--from", &from, "--to", &to]));
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND split_part(conrelid::regclass::text, '.', 1) <> split_part(confrelid::regclass::text, '.', 1)";
    let asked = |sql: &str| psql(&server.binaries, &from, sql).unwrap();
    let crossing = asked(keys);
    assert_ne!(crossing, "0");
    let whole = || definitions(&server, "portfolio", &[]);
    let entries = |database: &str, schema: &str| -> BTreeSet<String> {
        let text = definitions(&server, database, &["-n", schema]);
        // What the bridge's role may do there.
        let text: String =
            text.lines().filter(|line| !line.contains("pgkeep_bridge")).map(|line| format!("{line}\n")).collect();
        text.split("-- Name: ").skip(1).map(str::to_owned).collect()
    };
    let (before, before_rows) = (whole(), rows(&server, "portfolio", None));
    for schema in ["erp", "agent"] {
        let moves = format!("nspname = '{schema}'");
        let (moved, moved_rows) = (entries("portfolio", schema), rows(&server, "portfolio", Some(&moves)));
        for boundary in ["refuse", "drop", "loose", "bridge"] {
            let told = format!("{schema} with {boundary}");
            let plan = split(&["--plan", "--schemas", schema, "--boundary", boundary]).document();
            let said = split(&["--schemas", schema, "--boundary", boundary]);
            // agent.sessions has policies, which no bridge carries.
            if boundary == "refuse" || (schema, boundary) == ("agent", "bridge") {
                assert_eq!((said.code, &said.document()["ok"]), (3, &false.into()), "{told}: {said:?}");
                assert_eq!(server.ask("SELECT count(*) FROM pg_database WHERE datname = 'agents'"), "0", "{told}");
                assert_equal(&told, &before, &whole());
                continue;
            }
            assert_eq!((said.code, &said.document()["proven"]), (0, &true.into()), "{told}: {said:?}");
            assert_eq!(asked(keys), "0", "{told}: no key leads to or from what has moved");

            assert_gone_over(&told, &moved_rows, &rows(&server, "agents", Some(&moves)));
            let there = entries("agents", schema);
            let announced = |entry: &str| {
                let crosses = plan["boundary"].as_array().unwrap();
                crosses.iter().any(|one| entry.contains(one["name"].as_str().unwrap().rsplit('.').next().unwrap()))
            };
            let missing: Vec<&String> = moved.difference(&there).filter(|entry| !announced(entry)).collect();
            assert_eq!(missing, [""; 0], "{told}: of the old place's definitions, and not announced");
            let own = |entry: &&String| !entry.contains("pgkeep_loose");
            let more: Vec<&String> = there.difference(&moved).filter(own).collect();
            assert_eq!(more, [""; 0], "{told}: which the old place did not have");
            let back = split(&["rollback"]);
            assert_eq!(back.code, 0, "{told}: {back:?}");
            assert_equal(&told, &before, &whole());
            assert_equal(&told, &before_rows, &rows(&server, "portfolio", None));
            assert_eq!(asked(keys), crossing, "{told}");
            server.ask("DROP DATABASE agents");
        }
    }
}
