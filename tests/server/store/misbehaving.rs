//! Servers that misbehave within bounds change nothing of what a store promises; beyond them, the error says what it was.

use std::time::{Duration, Instant};

use super::contract::Promise;
use super::front::{Fault, Front, Rule};
use super::seaweedfs::OWNER;
use super::{Lock, assert_contract, seaweed_bucket, seaweedfs, url};
use crate::pgkeep::{Said, pgkeep};
use crate::store::s3s::{Conditions, S3s};

/// The contract of a server of each kind behind this rule, which must have spoilt as many requests as it can.
#[track_caller]
fn assert_contract_behind(rule: Rule, parameters: &str) {
    let s3s = S3s::start(Conditions::Heeded);
    s3s.make_bucket("bucket");
    let seaweed = (seaweed_bucket(Lock::Off), seaweedfs().endpoint.clone(), Promise::OneWins);
    for (bucket, endpoint, promise) in [("bucket".to_owned(), s3s.endpoint.clone(), Promise::OneWinsInTurn), seaweed] {
        let front = Front::start(&endpoint, rule);
        assert_contract(&format!("{}{parameters}", url(&bucket, &front.endpoint)), OWNER, promise);
        assert_eq!(front.hits(), rule.times, "{rule:?}");
    }
}

#[test]
fn a_server_that_refuses_for_a_while_is_asked_again() {
    assert_contract_behind(Rule { method: "PUT", contains: "/meta/", times: 3, fault: Fault::Refuses }, "");
}

/// The put that is made again meets its own object.
#[test]
fn a_put_that_was_done_and_reported_as_failed_is_no_error() {
    assert_contract_behind(Rule { method: "PUT", contains: "/config", times: 1, fault: Fault::FailsAfterDoing }, "");
    assert_contract_behind(Rule { method: "PUT", contains: "/config", times: 1, fault: Fault::LosesTheAnswer }, "");
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() {
    assert_contract_behind(Rule { method: "GET", contains: "/data/ac/", times: 2, fault: Fault::Truncates }, "");
}

#[test]
fn a_server_that_holds_a_request_is_asked_again_after_the_time_that_the_url_gives() {
    let rule = Rule { method: "PUT", contains: "/data/ab/large", times: 1, fault: Fault::Holds };
    assert_contract_behind(rule, "&request_timeout=3");
}

#[test]
fn a_slow_server_is_waited_for() {
    let rule = Rule { method: "GET", contains: "list-type=2", times: 3, fault: Fault::Delays(Duration::from_secs(1)) };
    assert_contract_behind(rule, "");
}

/// What a list does not show yet is there all the same, and is neither overwritten nor lost.
#[test]
fn a_list_that_is_behind_lets_nothing_be_overwritten() {
    let rule = Rule { method: "GET", contains: "list-type=2", times: u32::MAX, fault: Fault::ListsStale };
    let front = Front::start(&seaweedfs().endpoint, rule);
    let url = url(&seaweed_bucket(Lock::Off), &front.endpoint);
    let folder = crate::pgkeep::folder();
    let run = |args: &[&str]| {
        let mut command = pgkeep();
        OWNER.lend(&mut command).args(["--repo", &url]).args(args);
        Said::of(&mut command)
    };
    let keys = folder.path().join("keys").display().to_string();
    let said = run(&["init", "--keys", &keys]);
    assert_eq!(said.code, 0, "{said:?}");
    // The list says that there is nothing here, as it was in the beginning; the name is taken.
    let said = run(&["init", "--keys", &format!("{keys}-again")]);
    assert_eq!(said.code, 7, "{said:?}");
    let said = run(&["list", "--writer-key", &format!("{keys}/writer.key"), "-q"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "no snapshots yet\n"), "{said:?}");
    assert!(front.hits() > 0, "no list was asked for");
}

/// What has no time is not old: a prune deletes what is.
#[test]
fn an_object_without_a_time_has_just_come() {
    let rule = Rule { method: "GET", contains: "list-type=2", times: u32::MAX, fault: Fault::ForgetsTimes };
    let front = Front::start(&seaweedfs().endpoint, rule);
    let url = url(&seaweed_bucket(Lock::Off), &front.endpoint);
    let keys = crate::pgkeep::folder().path().join("keys").display().to_string();
    let run = |args: &[&str]| {
        let mut command = pgkeep();
        OWNER.lend(&mut command).args(["--repo", &url]).args(args);
        Said::of(&mut command)
    };
    let said = run(&["init", "--keys", &keys]);
    assert_eq!(said.code, 0, "{said:?}");
    // Records are objects with a time: a reading that has none was made just now, and not in 1970.
    let (server, writer) = (crate::postgres::Server::start(15, Default::default()), format!("{keys}/writer.key"));
    server.ask("CREATE TABLE t AS SELECT 1 AS id");
    let said = run(&["backup", "-q", "-d", &server.dsn("postgres"), "--writer-key", &writer]);
    assert_eq!(said.code, 0, "{said:?}");
    let hits = front.hits();
    // An object of nobody's: condemned it is when it is seen first, and gone only when the grace period is over.
    for _ in 0..2 {
        let said = run(&["prune", "--keep-last", "1", "--grace", "1h", "--json", "--writer-key", &writer]);
        assert_eq!((said.code, &said.document()["objects_deleted"]), (0, &0.into()), "{said:?}");
    }
    let said = run(&["verify", "--budget", "10s", "--json", "--writer-key", &writer]);
    assert_eq!((said.code, &said.document()["coverage"]["within_days"]), (0, &1.into()), "{said:?}");
    assert!(front.hits() > hits, "no list was asked for");
}

/// What `init` says when the server behind this rule never recovers.
fn init_behind(rule: Rule, parameters: &str) -> (Said, Duration) {
    let bucket = seaweed_bucket(Lock::Off);
    let front = Front::start(&seaweedfs().endpoint, rule);
    let folder = crate::pgkeep::folder();
    let mut init = pgkeep();
    OWNER.lend(&mut init).args(["init", "--repo", &format!("{}{parameters}", url(&bucket, &front.endpoint))]);
    let since = Instant::now();
    let said = Said::of(init.arg("--keys").arg(folder.path().join("keys")));
    (said, since.elapsed())
}

#[test]
fn a_full_server_is_exit_code_5_and_says_so() {
    let (said, _) = init_behind(Rule { method: "PUT", contains: "", times: u32::MAX, fault: Fault::IsFull }, "");
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("/some/prefix/probe: the storage is full, or a quota is reached\n"), "{said:?}");
    assert!(said.stderr.contains("because: XMinioStorageFull: on purpose (HTTP 507)\n"), "{said:?}");
}

#[test]
fn a_server_that_never_answers_is_given_up_in_bounded_time() {
    let rule = Rule { method: "PUT", contains: "", times: u32::MAX, fault: Fault::Holds };
    let (said, elapsed) = init_behind(rule, "&request_timeout=1");
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.contains("the server did not answer in time\n"), "{said:?}");
    assert!(elapsed < Duration::from_secs(45), "{elapsed:?}");
}

/// A put that was reported as failed may have been done: the new key may be the only copy of one that others trust already.
#[test]
fn a_new_key_stays_where_storing_its_keyring_is_reported_as_failed() {
    let commands: [(&[&str], &str); 3] = [
        (&["add-writer", "db2", "-o", "made.key"], "made.key"),
        (&["rotate"], "writer.key.new"),
        (&["rotate-restore", "-o", "made.key"], "made.key"),
    ];
    // The program asks such a server again and again: all of them at the same time.
    std::thread::scope(|scope| {
        for fault in [Fault::FailsAfterDoing, Fault::Refuses] {
            for (args, made) in commands {
                scope.spawn(move || assert_key_kept(fault, args, made));
            }
        }
    });
}

/// A command behind a server on which this happens to each keyring that is put, and the same command once more.
#[track_caller]
fn assert_key_kept(fault: Fault, args: &[&str], made: &str) {
    let (bucket, folder) = (seaweed_bucket(Lock::Off), crate::pgkeep::folder());
    let run = |endpoint: &str, args: &[&str]| {
        let mut command = pgkeep();
        OWNER.lend(&mut command).current_dir(folder.path()).args(["--repo", &url(&bucket, endpoint)]).args(args);
        Said::of(&mut command)
    };
    let straight = &seaweedfs().endpoint;
    assert_eq!(run(straight, &["init", "--keys", "."]).code, 0);
    let args = [&["--writer-key", "writer.key", "--restore-key", "restore.key", "key"], args].concat();
    let rule = Rule { method: "PUT", contains: "/keyring/", times: u32::MAX, fault };
    let said = run(&Front::start(straight, rule).endpoint, &args);
    let place = if made == "made.key" { made.into() } else { folder.path().join(made).display().to_string() };
    let told = [&format!("pgkeep: the new key in {place} may be in force"), &format!("Keep {place}: ")];
    assert!(said.code == 5 && told.iter().all(|told| said.stderr.contains(*told)), "{fault:?} {args:?}: {said:?}");
    let secret = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines()
            .find(|line| line.starts_with("# pgkeep-signing-key") || line.starts_with("AGE-"))
            .map(str::to_owned)
    };
    let kept = secret(made);
    let again = run(straight, &args);
    match (fault, args.contains(&"add-writer")) {
        (Fault::FailsAfterDoing, true) => {
            assert!(again.code == 6 && again.stderr.contains("already exists"), "{again:?}");
        }
        _ => assert_eq!(again.code, 0, "{fault:?} {args:?}: {again:?}"),
    }
    let at = if made == "made.key" { made } else { "writer.key" };
    assert_eq!(secret(at), kept, "{fault:?} {args:?}");
    let flag = if args.contains(&"rotate-restore") { "--restore-key" } else { "--writer-key" };
    let said = run(straight, &["key", "list", "--json", flag, at]);
    assert_eq!(said.code, 0, "{fault:?} {args:?}: {said:?}");
    // The repository knows it, once.
    let listed = said.document();
    let given = listed["writers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|writer| writer["given"] == true && writer["name"].is_string());
    assert_eq!(given.count(), usize::from(flag == "--writer-key"), "{fault:?} {args:?}: {listed}");
}
