//! Two backups at the same time into one repository: of two databases, and of one database from two hosts.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::judge::{assert_equal, rows};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};
use crate::verify::objects;

const DATABASES: [&str; 2] = ["one", "other"];

fn started() -> (Server, Repo) {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    for database in DATABASES {
        server.ask(&format!("CREATE DATABASE {database}"));
    }
    (server, repo)
}

/// New rows, some of which both databases have.
fn change(server: &Server, database: &str, n: usize) {
    let sql = format!(
        "DROP TABLE IF EXISTS noise, small, shared;
         CREATE TABLE noise AS SELECT i, sha512(('{database} {n} ' || i)::bytea) AS n FROM generate_series(1, 60000) i;
         CREATE TABLE shared AS SELECT i, sha512(('{n} ' || i)::bytea) AS n FROM generate_series(1, 40000) i;
         CREATE TABLE small AS SELECT {n} AS n, '{database}' AS name"
    );
    psql(&server.binaries, &server.dsn(database), &sql).unwrap();
}

fn backup(server: &Server, repo: &Repo, database: &str) -> Child {
    let mut command = repo.command(["backup", "--json", "-d", &server.dsn(database)]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn end(child: Child) -> Value {
    let said: Said = child.wait_with_output().unwrap().into();
    assert_eq!(said.code, 0, "{said:?}");
    said.document()
}

/// From the moment of the snapshot to the end, as the repository has it.
fn span(repo: &Repo, report: &Value) -> (DateTime<Utc>, DateTime<Utc>) {
    // The name of a manifest has milliseconds, a report has seconds.
    let names = std::fs::read_dir(repo.root().join("snapshots")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names.into_iter().find(|name| name.ends_with(report["snapshot"].as_str().unwrap())).unwrap();
    let time = name.split_once('-').unwrap().0;
    let from = chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%S%.fZ").unwrap().and_utc();
    (from, from + Duration::from_millis(report["elapsed_ms"].as_u64().unwrap()))
}

fn assert_whole(server: &Server, repo: &Repo, snapshots: usize) {
    let report = repo.json(["verify", "--read-data", "--restore-key", repo.restore_key().to_str().unwrap()]);
    assert_eq!(
        (&report["ok"], report["snapshots_checked"].as_u64()),
        (&true.into(), Some(snapshots as u64)),
        "{report}"
    );
    // What the other one had stored by the time of the listing, and signed only later, is stored once more; by two writers no third time.
    let thrice = |object: &String| object.rsplit_once('.').is_some_and(|(_, generation)| generation != "1");
    let again: Vec<_> = objects(repo.root(), "data").into_iter().filter(thrice).collect();
    assert!(again.is_empty(), "stored a third time: {again:?}");
    server.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%'", "0");
}

fn assert_restores(server: &Server, repo: &Repo, report: &Value, rows_then: &str) {
    repo.restored([report["snapshot"].as_str().unwrap(), "--create", "-d", &server.dsn("copy")]);
    assert_equal("rows", rows_then, &rows(server, "copy", None));
    server.ask("DROP DATABASE copy");
}

#[test]
fn two_databases_are_backed_up_at_the_same_time_while_others_list_and_verify() {
    let (server, repo) = started();
    let (mut overlaps, mut snapshots) = (0, 0);
    const ROUNDS: usize = 8;
    for n in 0..ROUNDS {
        DATABASES.iter().for_each(|database| change(&server, database, n));
        let mut children = DATABASES.map(|database| backup(&server, &repo, database));
        while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            assert!(repo.json(["list"]).as_array().unwrap().len() >= snapshots);
            if snapshots > 0 {
                assert_eq!(repo.json(["verify"])["ok"], true);
            }
        }
        let reports = children.map(end);
        snapshots += 2;
        let [(from, to), (other_from, other_to)] = reports.each_ref().map(|report| span(&repo, report));
        overlaps += usize::from(from < other_to && other_from < to);
        if n % 4 == 3 {
            for (database, report) in DATABASES.iter().zip(&reports) {
                assert_eq!(report["database"], *database);
                assert_restores(&server, &repo, report, &rows(&server, database, None));
            }
        }
    }
    println!("{overlaps} of {ROUNDS} pairs were at work at the same time");
    // Where one waited for the other, none would be; a busy machine may begin the second one late.
    assert!(overlaps * 2 > ROUNDS, "one waited for the other");
    assert_whole(&server, &repo, snapshots);
}

/// The second one begins and ends while the first one stands still, in the middle of writing.
#[test]
fn a_backup_does_not_wait_for_one_that_stands_still() {
    let (server, repo) = started();
    DATABASES.iter().for_each(|database| change(&server, database, 0));
    repo.json(["backup", "-d", &server.dsn("postgres"), "--accept-shrink"]);
    std::fs::create_dir_all(repo.root().join("data")).unwrap();
    for (n, [still, quick]) in [DATABASES, [DATABASES[1], DATABASES[0]]].into_iter().enumerate() {
        change(&server, still, n + 1);
        let before = objects(repo.root(), "data").len();
        let mut command = repo.command(["backup", "--json", "--level", "12", "-d", &server.dsn(still)]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let since = Instant::now();
        while objects(repo.root(), "data").len() == before {
            assert!(since.elapsed() < Duration::from_secs(60), "nothing is stored");
            std::thread::sleep(Duration::from_millis(2));
        }
        kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
        let quick = repo.json(["backup", "-d", &server.dsn(quick)]);
        let listed = repo.json(["list"]);
        assert_eq!(listed.as_array().unwrap().len(), 2 * n + 2, "it was stopped before its snapshot was there");
        assert_eq!(repo.json(["verify"])["ok"], true);
        kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
        let still = end(child);
        let [(_, quick_to), (still_from, still_to)] = [&quick, &still].map(|report| span(&repo, report));
        assert!(still_from < quick_to && quick_to < still_to, "{quick} {still}");
        assert_restores(&server, &repo, &still, &rows(&server, still["database"].as_str().unwrap(), None));
    }
    assert_whole(&server, &repo, 5);
}

#[test]
fn one_database_is_backed_up_from_two_hosts_at_the_same_time() {
    let (server, repo) = started();
    for n in 0..6 {
        change(&server, "one", n);
        let reports = [(); 2].map(|()| backup(&server, &repo, "one")).map(end);
        assert_ne!(reports[0]["snapshot"], reports[1]["snapshot"]);
        assert_eq!((&reports[0]["rows"], &reports[0]["bytes_read"]), (&reports[1]["rows"], &reports[1]["bytes_read"]));
        if n % 3 == 2 {
            let rows_then = rows(&server, "one", None);
            reports.iter().for_each(|report| assert_restores(&server, &repo, report, &rows_then));
        }
    }
    assert_whole(&server, &repo, 12);
}
