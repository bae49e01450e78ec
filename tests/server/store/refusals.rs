//! Each way in which an S3 repository cannot be used has its own words, with what to do about it.

use std::process::Command;

use super::account::{Account, without_surroundings};
use super::seaweedfs::{OWNER, READER};
use super::{Lock, seaweed_bucket, seaweedfs, url};
use crate::pgkeep::{Said, folder, pgkeep};

/// `pgkeep init` at a URL, as this account.
fn init(url: &str, account: Account) -> Said {
    let mut command = pgkeep();
    account.lend(&mut command);
    run_init(command, url)
}

fn run_init(mut command: Command, url: &str) -> Said {
    let folder = folder();
    Said::of(command.args(["init", "--repo", url, "--keys"]).arg(folder.path().join("keys")))
}

#[track_caller]
fn assert_said(said: &Said, code: i32, words: &[&str]) {
    assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{said:?}");
    words.iter().for_each(|word| assert!(said.stderr.contains(word), "no {word:?} in {said:?}"));
}

#[test]
fn a_url_that_cannot_be_meant_is_exit_code_2() {
    let said = init("s3://bucket/x?object-lock=governance:1d", OWNER);
    let text = "pgkeep: an s3:// URL has no parameter `object-lock`\n  hint: Did you mean `object_lock`?\n";
    assert_eq!((said.code, said.stderr.as_str()), (2, text));
    let said = init("s3://bucket/x?sse=none", OWNER);
    let text =
        "pgkeep: the parameter `sse` of an s3:// URL is `none`, and should be AES256, aws:kms or aws:kms:KEYID\n";
    assert_eq!((said.code, said.stderr.as_str()), (2, text));
    assert_eq!(init("s3://?region=x", OWNER).code, 2);
}

#[test]
fn a_bucket_that_is_not_there_is_told() {
    let url = url("no-such-bucket", &seaweedfs().endpoint);
    let said = init(&url, OWNER);
    let words = [
        "pgkeep: cannot open s3://no-such-bucket/some/prefix/: the bucket does not exist\n",
        "does not create buckets",
    ];
    assert_said(&said, 5, &words);
}

/// Shows that the server checks signatures, too.
#[test]
fn a_wrong_secret_key_and_an_unknown_access_key_are_told_apart() {
    let url = url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint);
    let wrong = init(&url, Account { secret_key: "guessed", ..OWNER });
    assert_said(&wrong, 5, &["/some/prefix/config: the secret key is wrong\n", "because: SignatureDoesNotMatch: "]);
    let unknown = init(&url, Account { access_key: "stranger", ..OWNER });
    assert_said(&unknown, 5, &["the server does not know the access key\n", "because: InvalidAccessKeyId: "]);
}

#[test]
fn no_credentials_are_told() {
    let url = url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint);
    let mut command = pgkeep();
    OWNER.lend(&mut command).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    without_surroundings(&mut command);
    let said = run_init(command, &url);
    assert_said(&said, 5, &[": no credentials were found\n", "hint: Set AWS_ACCESS_KEY_ID"]);
}

#[test]
fn who_may_only_read_is_told_so_before_anything_is_read() {
    let url = url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint);
    let said = init(&url, READER);
    let words = [
        "cannot write s3://",
        "/some/prefix/probe: the credentials allow reading, but not writing\n",
        "docs/s3.md lists",
    ];
    assert_said(&said, 5, &words);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let said = init("s3://bucket/x?endpoint=http://127.0.0.1:1", OWNER);
    assert_said(&said, 5, &["the server cannot be reached\n", "Connection refused", "hint: Check `endpoint`"]);
}

#[test]
fn retention_in_a_bucket_without_object_lock_is_told() {
    let url = format!("{}&object_lock=governance:1d", url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint));
    assert_said(&init(&url, OWNER), 5, &[": the bucket was created without Object Lock\n", "remove `object_lock`"]);
}
