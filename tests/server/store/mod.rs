//! Stores: what they promise, on every kind of them, and behind servers that misbehave.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

mod account;
mod commandline;
mod contract;
mod folder;
mod front;
mod many;
mod misbehaving;
mod refusals;
mod s3s;
mod seaweedfs;

use account::{Account, Lock, block_on};
use contract::Promise;
use s3s::{Conditions, S3s};
use seaweedfs::{OWNER, seaweedfs};

/// What [`the_contract_holds_here`] should look at.
const URL: &str = "PGKEEP_TEST_STORE_URL";
const PROMISE: &str = "PGKEEP_TEST_STORE_PROMISE";

/// Not a test by itself: another process, because the credentials of S3 come from the environment, which is one for all
/// tests of this process. Started through [`assert_contract`].
#[test]
#[ignore = "the tests of the stores start it themselves"]
fn the_contract_holds_here() {
    let Ok(url) = std::env::var(URL) else { return };
    let promise = match std::env::var(PROMISE).unwrap().as_str() {
        "OneWins" => Promise::OneWins,
        "OneWinsInTurn" => Promise::OneWinsInTurn,
        _ => Promise::WarnsThatBothMayWin,
    };
    block_on(contract::holds(&url, promise));
}

#[track_caller]
fn assert_contract(url: &str, account: Account, promise: Promise) {
    let mut checks = Command::new(std::env::current_exe().unwrap());
    checks.args(["--ignored", "--exact", "store::the_contract_holds_here", "--nocapture"]);
    account.lend(&mut checks).env(URL, url).env(PROMISE, format!("{promise:?}"));
    let output = checks.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{url}: {said}");
}

/// A bucket of its own on SeaweedFS, and its URL.
fn seaweed_bucket(lock: Lock) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("bucket-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    OWNER.make_bucket(&seaweedfs().endpoint, &name, lock);
    name
}

fn url(bucket: &str, endpoint: &str) -> String {
    format!("s3://{bucket}/some/prefix?endpoint={endpoint}")
}

#[test]
fn a_folder_keeps_the_contract() {
    let folder = crate::pgkeep::folder_on_disk();
    let url = format!("file://{}", folder.path().join("store").display());
    assert_contract(&url, OWNER, Promise::OneWins);
}

#[test]
fn seaweedfs_keeps_the_contract() {
    let bucket = seaweed_bucket(Lock::Off);
    assert_contract(&url(&bucket, &seaweedfs().endpoint), OWNER, Promise::OneWins);
}

/// Deleting leaves a marker there, and the name is free again all the same.
#[test]
fn seaweedfs_with_object_lock_keeps_the_contract() {
    let bucket = seaweed_bucket(Lock::On);
    let url = format!("{}&object_lock=governance:1d", url(&bucket, &seaweedfs().endpoint));
    assert_contract(&url, OWNER, Promise::OneWins);
}

#[test]
fn s3s_keeps_the_contract() {
    let server = S3s::start(Conditions::Heeded);
    server.make_bucket("bucket");
    assert_contract(&url("bucket", &server.endpoint), OWNER, Promise::OneWinsInTurn);
}

#[test]
fn a_server_that_ignores_conditions_keeps_the_contract_but_for_races_and_is_warned_of() {
    for conditions in [Conditions::Ignored, Conditions::Refused] {
        let server = S3s::start(conditions);
        server.make_bucket("bucket");
        assert_contract(&url("bucket", &server.endpoint), OWNER, Promise::WarnsThatBothMayWin);
    }
}
