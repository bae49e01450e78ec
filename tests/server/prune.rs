//! `pgkeep prune` over a month of nights: what stays, what goes, and what still comes back.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, assert_refused};
use crate::postgres::{Server, psql};

/// Lets time pass by the store's clock: sets every file's time back.
pub fn pass(folder: &Path, hours: u64) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            pass(&entry, hours);
        } else {
            let file = File::options().write(true).open(&entry).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.set_modified(modified - Duration::from_secs(hours * 3600)).unwrap();
        }
    }
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn days(snapshots: &Value, key: &str) -> Vec<String> {
    snapshots.as_array().unwrap().iter().map(|s| s[key].as_str().unwrap()[..10].to_owned()).collect()
}

#[test]
fn a_month_of_nights_is_thinned_out_and_what_is_kept_comes_back() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    let dsn = server.dsn("postgres");
    server.ask("CREATE TABLE nights (n int, note text); CREATE TABLE still AS SELECT generate_series(1, 1000) AS id");
    let mut released = Value::Null;
    let mut proven = Value::Null;
    for night in 1..=30 {
        server.ask(&format!(
            "INSERT INTO nights SELECT {night}, md5(({night} * 100 + i)::text) FROM generate_series(1, 10) i"
        ));
        let time = format!("2026-10-{night:02}T03:00:00Z");
        let mut args = vec!["backup", "-d", &dsn, "--time", &time, "-j", "1"];
        if night == 2 {
            args.extend(["--tag", "release", "--tag", "v1"]);
        }
        let report = repo.json(args);
        if night == 2 {
            released = report["snapshot"].clone();
        }
        if night == 3 {
            proven = report["snapshot"].clone();
        }
    }
    let listed = repo.json(["list"]);
    assert_eq!((days(&listed, "time")[29].as_str(), &listed[1]["tags"]), ("2026-10-30", &json!(["release", "v1"])));
    server.ask("CREATE DATABASE drill");
    assert_eq!(repo.restored([proven.as_str().unwrap(), "-d", &server.dsn("drill")])["proven"], json!(true));
    pass(repo.root(), 48);

    let prune = |more: &[&str]| {
        let rules = ["prune", "--keep-daily", "7", "--keep-weekly", "4", "--keep-tag", "release", "--time-zone", "UTC"];
        repo.json(rules.iter().chain(more))
    };
    // A word that is nearly the one that is meant must not cost what is marked with it.
    for more in [&[][..], &["--dry-run"]] {
        let mistyped = ["prune", "--keep-daily", "7", "--keep-tag", "relaese"].iter().chain(more);
        assert_refused(
            &mut repo.command(mistyped),
            2,
            "pgkeep: no snapshot has the tag relaese, and prune would forget the snapshots with the tag release\n  \
             hint: Nothing was pruned. If you mean release, write that (--keep-tag, or keep_tags in a policy); if not, leave relaese out until a snapshot has it.\n",
        );
    }
    let said = Said::of(&mut repo.command(["prune", "-q", "--keep-tag", "year-end"]));
    assert!(said.code == 2 && said.stderr.contains("and there is no other rule"), "{said:?}");
    assert_eq!(count(&repo.root().join("snapshots")), 30);
    let dry = prune(&["--dry-run", "--keep-tag", "year-end"]);
    assert_eq!(dry["warnings"], json!(["no snapshot has the tag year-end of a keep rule; existing tags: release, v1"]));
    let dry = prune(&["--dry-run"]);
    assert_eq!(dry["warnings"], json!([]));
    // 1 October 2026 is a Thursday: the four newest weeks end on the 30th, 25th, 18th and 11th.
    let kept = ["02", "03", "11", "18", "24", "25", "26", "27", "28", "29", "30"].map(|day| format!("2026-10-{day}"));
    assert_eq!(days(&dry["kept"], "time"), kept);
    let reasons = |day: usize| dry["kept"][day]["reasons"].clone();
    assert_eq!(reasons(0), json!(["tag release"]));
    assert_eq!(dry["kept"][0]["snapshot"], released);
    assert_eq!(reasons(1), json!(["the newest that a restore has proven"]));
    assert_eq!(reasons(2), json!(["weekly 2026-W41 (4 of 4)"]));
    assert_eq!(reasons(5), json!(["daily 2026-10-25 (6 of 7)", "weekly 2026-W43 (2 of 4)"]));
    assert_eq!(count(&repo.root().join("snapshots")), 30);

    let first = prune(&[]);
    assert_eq!((&first["kept"], &first["forgotten"]), (&dry["kept"], &dry["forgotten"]));
    assert_eq!(days(&repo.json(["list"]), "time"), kept);
    let condemned = first["objects_condemned"].as_u64().unwrap();
    // The rows of each forgotten night but the first, which the second holds as well.
    assert!(condemned >= 18 && first["objects_deleted"] == json!(0), "{first}");
    pass(repo.root(), 25);
    let second = prune(&[]);
    assert_eq!((&second["objects_deleted"], &second["forgotten"]), (&json!(condemned), &json!([])), "{second}");
    let verified = repo.json(["verify"]);
    assert_eq!((&verified["ok"], &verified["objects_unreferenced"]), (&json!(true), &json!(0)), "{verified}");

    // The oldest that a calendar's rule kept, and a new backup between the phases of the next prune.
    server.ask("CREATE DATABASE back");
    let oldest = dry["kept"][2]["snapshot"].as_str().unwrap().to_owned();
    assert_eq!(repo.restored([oldest.as_str(), "-d", &server.dsn("back")])["proven"], json!(true));
    let rows = psql(&server.binaries, &server.dsn("back"), "SELECT count(*), max(n) FROM nights").unwrap();
    assert_eq!(rows, "110|11");
    repo.json(["backup", "-d", &dsn]);
    let verified =
        Said::of(repo.command(["verify", "--read-data", "--json", "--quiet", "--restore-key"]).arg(repo.restore_key()));
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[test]
fn a_time_in_the_future_is_refused() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    let said = Said::of(&mut repo.command(["backup", "-d", &server.dsn("postgres"), "--time", "2999-01-01T00:00:00Z"]));
    assert!(said.code == 2 && said.stderr.contains("--time 2999-01-01T00:00:00+00:00 is in the future"), "{said:?}");
}

/// What a policy's prune does stands after what its backup did, and never undoes it.
#[test]
fn a_policy_backs_up_and_then_forgets_what_is_its_own() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    let dsn = server.dsn("postgres");
    server.ask("CREATE TABLE t AS SELECT generate_series(1, 100) AS id; CREATE SCHEMA core; CREATE TABLE core.u AS SELECT 1 AS id");
    let of_another = repo.json(["backup", "-d", &dsn, "-n", "core"])["snapshot"].clone();
    repo.json(["backup", "-d", &dsn]);
    let policy = repo.writer_key().with_file_name("nightly.toml");
    fs::write(
        &policy,
        format!(
            "[source]\ndsn = \"{dsn}\"\n[repository]\nurl = \"{}\"\nwriter_key = \"{}\"\n[backup]\ntags = [\"nightly\"]\n\
             [retention]\nkeep_last = 1\ngrace = \"48h\"\ntime_zone = \"Europe/Berlin\"\n",
            repo.root().display(),
            repo.writer_key().display()
        ),
    )
    .unwrap();
    let policy = policy.to_str().unwrap();
    let outline = repo.json(["run", "--check", policy]);
    let expected = json!({"keep": "the last 1", "grace_hours": 48, "time_zone": "Europe/Berlin"});
    assert_eq!(outline["retention"], expected);
    let said = repo.json(["run", policy]);
    assert_eq!((&said["tables"], &said["tags"]), (&json!(2), &json!(["nightly"])));
    assert_eq!(said["prune"]["forgotten"].as_array().unwrap().len(), 1, "{said}");
    let listed = repo.json(["list"]);
    let listed: Vec<&Value> = listed.as_array().unwrap().iter().map(|line| &line["snapshot"]).collect();
    assert_eq!(listed, [&of_another, &said["snapshot"]]);

    // A manifest that nobody signed stands in the way of the prune; the backup is there, and the exit code says that something is wrong.
    fs::write(repo.root().join("snapshots/20260101T000000.000Z-0123456789abcdef"), "x").unwrap();
    let said = Said::of(repo.command(["run", policy, "--json"]).arg("--quiet"));
    assert_eq!(said.code, 3, "{said:?}");
    let said = said.document();
    assert_eq!(said["prune"]["unreadable"][0]["snapshot"], "0123456789abcdef", "{said}");
    assert!(said["snapshot"].is_string());
}
