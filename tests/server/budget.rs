//! `verify --budget`: a little of the repository each time, until all of it was read.

use std::fs;
use std::time::{Duration, SystemTime};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::Server;
use crate::verify::{Harm, objects};

/// 40 MB that do not compress: some forty objects, and most of the 512 shards without one.
fn site() -> (Server, Repo) {
    let (server, repo) = (Server::start(15, ClusterOptions::default()), Repo::new());
    server.ask(
        "CREATE TABLE t (id int, b bytea); ALTER TABLE t ALTER b SET STORAGE EXTERNAL;
         INSERT INTO t SELECT n, string_agg(sha512((n * 100000 + m)::text::bytea), '')
         FROM generate_series(1, 400) n, generate_series(1, 1500) m GROUP BY n",
    );
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    (server, repo)
}

fn verify(repo: &Repo, key: &str, args: &[&str]) -> (i32, Value) {
    let path = if key == "--writer-key" { repo.writer_key() } else { repo.restore_key() };
    let mut command = pgkeep();
    command.arg("--repo").arg(repo.root()).arg(key).arg(path).args(["verify", "--json", "-j", "1"]).args(args);
    let said = Said::of(&mut command);
    (said.code, said.document())
}

#[test]
fn each_run_goes_on_where_the_last_one_was_until_all_is_read() {
    let (server, repo) = site();
    // The list counts a snapshot only that was there well before the first reading.
    let manifest = repo.root().join(objects(repo.root(), "snapshots").pop_first().unwrap());
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(manifest).unwrap().set_modified(an_hour_ago).unwrap();
    let all = objects(repo.root(), "data").len() + objects(repo.root(), "meta").len();
    assert_eq!(repo.json(["list"])[0]["read_within_days"], Value::Null);

    // The time is over before the first object is, or little later: each run reads one at least, and none reads again what
    // another has read.
    let mut read = 0;
    while read < all {
        let (code, report) = verify(&repo, "--restore-key", &["--budget", "1ms"]);
        assert_eq!((code, &report["depth"]), (0, &json!("plaintext")), "{report}");
        let now = report["objects_read"].as_u64().unwrap() as usize;
        assert!((1..=all / 2).contains(&now), "{read} of {all} were read: {report}");
        read += now;
        let is_last = read == all;
        assert_eq!(report["coverage"]["within_days"], if is_last { json!(1) } else { Value::Null }, "{read}: {report}");
        assert_eq!(report["coverage"]["bytes_never_read"] == 0, is_last, "{read} of {all}: {report}");
    }
    assert_eq!(read, all, "nothing was read twice");
    assert_eq!(repo.json(["list"])[0]["read_within_days"], 1);
    let listed = Said::of(&mut repo.command(["list"])).stdout;
    assert!(listed.contains("\nevery byte was read within 1 day\n"), "{listed}");

    // What is newer than the reading was not read.
    repo.json(["backup", "-d", &server.dsn("postgres")]);
    let lines = repo.json(["list"]);
    assert_eq!((&lines[0]["read_within_days"], &lines[1]["read_within_days"]), (&json!(1), &Value::Null));
}

#[test]
fn damage_found_within_a_budget_is_named_recorded_and_healed() {
    let (server, repo) = site();
    let victim = objects(repo.root(), "data").pop_last().unwrap();
    Harm::FlipBit.apply(&repo.root().join(&victim));
    let (code, report) = verify(&repo, "--writer-key", &["--budget", "2h"]);
    assert_eq!((code, &report["depth"]), (3, &json!("stored bytes")), "{report}");
    assert_eq!(report["findings"][0]["object"], *victim);
    assert_eq!(report["findings"][0]["tables"], json!(["public.t"]));
    assert_eq!(report["coverage"]["within_days"], 1, "what is damaged was read all the same");

    // From now on everybody says so who only looks at what is recorded.
    assert_hurt(&repo, &[&["public.t"]], &victim);

    let record = objects(repo.root(), "records/damaged").pop_first().unwrap();
    let record = fs::read_to_string(repo.root().join(record)).unwrap();
    assert!(record.contains(&victim), "{record}");
    let next = repo.json(["backup", "-d", &server.dsn("postgres")]);
    assert_eq!(next["objects_new"], 1, "the damaged one alone is written again: {next}");
    assert!(repo.root().join(format!("{victim}.1")).exists());
    assert_eq!(verify(&repo, "--restore-key", &["latest", "--read-data"]).0, 0);
    // The next snapshot is whole, and the older one is what it was.
    assert_hurt(&repo, &[&["public.t"], &[]], &victim);

    // The record is written once, however often the damage is seen.
    assert_eq!(verify(&repo, "--writer-key", &["--read-data"]).0, 3);
    assert_eq!(objects(repo.root(), "records/damaged").len(), 1);
}

/// What `verify`, `list` and `show` say without reading an object of rows: the tables that are hurt, for each snapshot.
#[track_caller]
fn assert_hurt(repo: &Repo, hurt: &[&[&str]], object: &str) {
    let is_any = hurt.iter().any(|tables| !tables.is_empty());
    let code = if is_any { 3 } else { 0 };
    let said = Said::of(repo.command(["list"]).arg("--json"));
    assert_eq!(said.code, code, "{said:?}");
    let listed = said.document();
    let listed: Vec<&Value> = listed.as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), hurt.len());
    for (line, tables) in listed.iter().zip(hurt) {
        assert_eq!(line["hurt"], json!(tables), "{line}");
        let said = Said::of(repo.command(["show", line["snapshot"].as_str().unwrap()]).arg("--json"));
        assert_eq!((said.code, &said.document()["hurt"]), (if tables.is_empty() { 0 } else { 3 }, &json!(tables)));
    }
    let text = Said::of(&mut repo.command(["list"])).stdout;
    assert_eq!(text.contains("a check found damaged rows in public.t"), is_any, "{text}");
    let (found, report) = verify(repo, "--writer-key", &[]);
    assert_eq!(found, code, "{report}");
    let findings: Vec<(&Value, &Value)> =
        report["findings"].as_array().unwrap().iter().map(|f| (&f["kind"], &f["object"])).collect();
    match is_any {
        true => assert_eq!(findings, [(&json!("recorded"), &json!(object))], "{report}"),
        false => assert!(findings.is_empty(), "{report}"),
    }
}

/// The bytes come back, from a copy of the bucket for instance: who reads them, records it; and what is hurt once more is recorded once more.
#[test]
fn what_was_damaged_and_is_whole_again_is_told_as_soon_as_a_check_has_read_it() {
    let (_server, repo) = site();
    let victim = objects(repo.root(), "data").pop_last().unwrap();
    let path = repo.root().join(&victim);
    let whole = fs::read(&path).unwrap();
    for key in ["--writer-key", "--restore-key"] {
        Harm::FlipBit.apply(&path);
        assert_eq!(verify(&repo, key, &["--read-data"]).0, 3);
        assert_hurt(&repo, &[&["public.t"]], &victim);
        fs::write(&path, &whole).unwrap();
        assert_hurt(&repo, &[&["public.t"]], &victim);
        // A record must be later than another by the store's clock.
        std::thread::sleep(Duration::from_millis(50));
        let (code, report) = verify(&repo, key, &["--read-data"]);
        assert_eq!(code, 0, "{report}");
        assert_hurt(&repo, &[&[]], &victim);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!([objects(repo.root(), "records/damaged").len(), objects(repo.root(), "records/sound").len()], [2, 2]);
}

#[test]
fn a_budget_is_a_time_for_the_whole_repository() {
    let repo = Repo::new();
    for wrong in ["10", "m", "0s", "-1m", "1d", "1.5h", "99999999h", ""] {
        let (code, report) = verify(&repo, "--writer-key", &[&format!("--budget={wrong}")]);
        assert_eq!(code, 2, "{wrong}: {report}");
        assert!(wrong.is_empty() || report.to_string().contains("30s, 10m, 2h"), "{wrong}: {report}");
    }
    assert_eq!(verify(&repo, "--writer-key", &["latest", "--budget", "1m"]).0, 2);
    assert_eq!(verify(&repo, "--writer-key", &["--read-data", "--budget", "1m"]).0, 2);
}
