//! Somebody waits for a lock in the middle of a run: their `ALTER TABLE` waits for the session that holds the snapshot, and whoever asks for
//! the table after them waits for the `ALTER TABLE`. A run whose own sessions come after would wait for itself, and keep the table from everybody.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// The first table is the first that is read, and takes a while; the others are read after it.
const TABLES: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.large AS SELECT g AS id, repeat(md5(g::text), 8) AS text FROM generate_series(1, 300000) g;
    DO $$ BEGIN FOR n IN 1..12 LOOP
        EXECUTE format('CREATE TABLE shop.small_%s AS SELECT g AS id FROM generate_series(1, 2000) g', n);
    END LOOP; END $$";

/// Longer than any of these runs takes, and far shorter than a lock is waited for.
const LONG: Duration = Duration::from_secs(60);

fn ended(mut child: Child, what: &str) -> Said {
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > LONG {
            child.kill().unwrap();
            panic!("{what} does not end while somebody waits for a lock");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap().into()
}

fn begun(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// As soon as the run has locks, one of its tables is changed, with all the patience in the world.
#[test]
fn a_change_that_waits_for_a_run_does_not_make_it_wait_for_itself() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask(TABLES);
    let dsn = server.dsn("postgres");
    let backup = ["backup", "-d", &dsn, "-j", "2"];
    let some = ["backup", "-d", &dsn, "-j", "2", "-n", "shop"];
    let against = ["verify", "latest", "--against", &dsn];
    let holds = "SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name LIKE 'pgkeep%' AND l.mode = 'AccessShareLock' AND l.relation = 'shop.small_12'::regclass";
    for (n, args) in [&backup[..], &some, &against, &backup, &some].iter().enumerate() {
        let child = begun(&mut repo.command(*args));
        server.wait_for(holds, "t");
        let mut change = begun(server.binaries.command("psql").args(["-X", "-q", "-d", &dsn, "-c"]).arg(format!("ALTER TABLE shop.small_12 ALTER id SET STATISTICS {n}; ALTER TABLE shop.small_12 ADD late_{n} int; TRUNCATE shop.small_11")));
        let said = ended(child, args[0]);
        // What is compared with a database that changes may differ.
        assert!(said.code == 0 || (args[0] == "verify" && said.code == 3), "{args:?}: {said:?}");
        assert!(change.wait().unwrap().success());
        server.ask("INSERT INTO shop.small_11 SELECT generate_series(1, 2000)");
    }
}

/// The same at any moment, with every verb that reads: each run ends, and so does each change.
#[test]
fn changes_at_any_moment_keep_no_run_waiting() {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask("CREATE DATABASE shop");
    let (from, to) = (server.dsn("shop"), server.dsn("moved"));
    psql(&server.binaries, &from, TABLES).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let changes = {
        let (over, binaries, dsn) = (over.clone(), server.binaries.clone(), from.clone());
        std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            for n in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let since = Instant::now();
                psql(
                    &binaries,
                    &dsn,
                    &format!("ALTER TABLE shop.small_{} ADD late_{n} int, DROP IF EXISTS late_{n}", 1 + n % 12),
                )
                .or_else(|error| {
                    // A copy that was moved away takes no part in this.
                    if error.contains("already exists") { Ok(String::new()) } else { Err(error) }
                })
                .unwrap();
                longest = longest.max(since.elapsed());
                std::thread::sleep(Duration::from_millis(400 + 130 * (n % 9)));
            }
            longest
        })
    };
    let ends = ["--from", &from, "--to", &to];
    for _ in 0..3 {
        for args in [&["backup", "-d", &from][..], &["verify", "latest", "--against", &from]] {
            let said = ended(begun(&mut repo.command(args)), args[0]);
            assert!(said.code == 0 || (args[0] == "verify" && said.code == 3), "{args:?}: {said:?}");
        }
        let said =
            ended(begun(pgkeep().args(["split", "--plan", "--json", "--schemas", "shop"]).args(ends)), "split --plan");
        assert_eq!(said.code, 0, "{said:?}");
        let said = ended(begun(pgkeep().args(["split", "--json", "--schemas", "shop"]).args(ends)), "split");
        assert!(said.code == 0 || (said.code == 7 && said.stdout.contains("has changed")), "{said:?}");
        let said = ended(begun(pgkeep().args(["split", "rollback", "--json"]).args(ends)), "split rollback");
        // A plan that was stale ends a split before the new database is made.
        assert!(said.code == 0 || said.stdout.contains("has no database moved"), "{said:?}");
        server.ask("DROP DATABASE IF EXISTS moved");
    }
    over.store(true, Ordering::SeqCst);
    let longest = changes.join().unwrap();
    println!("a change waited for {longest:?} at most");
    assert!(longest < LONG, "{longest:?}");
}
