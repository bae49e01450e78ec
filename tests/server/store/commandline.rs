//! From a database to S3 and back, as the operator does it.

use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::types::ObjectLockRetentionMode;
use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::account::block_on;
use super::s3s::{Conditions, S3s};
use super::seaweedfs::{OWNER, READER};
use super::{Account, Lock, seaweed_bucket, seaweedfs, url};
use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::{Server, psql};

/// A repository on S3 and its keys.
struct Remote {
    url: String,
    keys: TempDir,
}

impl Remote {
    fn new(url: String) -> Self {
        let remote = Self { url, keys: folder() };
        let said = Said::of(remote.command(OWNER, &["init", "--keys", remote.key("")]));
        assert_eq!(said.code, 0, "{said:?}");
        remote
    }

    fn key(&self, name: &str) -> &'static str {
        Box::leak(self.keys.path().join("keys").join(name).into_os_string().into_string().unwrap().into_boxed_str())
    }

    fn command(&self, account: Account, args: &[&str]) -> &'static mut Command {
        let command = Box::leak(Box::new(pgkeep()));
        account.lend(command).args(["--repo", &self.url]).args(args);
        command
    }

    #[track_caller]
    fn json(&self, account: Account, key: &str, args: &[&str]) -> Value {
        let (flag, file) = (format!("--{}", key.replace('.', "-")), self.key(key));
        let said = Said::of(self.command(account, args).arg(flag).arg(file).arg("--json"));
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said.document()
    }
}

const ROWS: &str =
    "CREATE TABLE public.noise AS SELECT i, sha512(i::text::bytea) AS n FROM generate_series(1, 100000) i";
const SUM: &str = "SELECT count(*), sum(i), md5(string_agg(n::text, '' ORDER BY i)) FROM public.noise";

#[test]
fn a_backup_comes_back_from_seaweedfs_and_a_second_one_stores_no_rows() {
    let bucket = seaweed_bucket(Lock::Off);
    comes_back(&Remote::new(url(&bucket, &seaweedfs().endpoint)), READER);
}

#[test]
fn a_backup_comes_back_from_a_server_without_conditional_puts() {
    let server = S3s::start(Conditions::Ignored);
    server.make_bucket("bucket");
    let remote = Remote::new(url("bucket", &server.endpoint));
    let backup = comes_back(&remote, OWNER);
    let warning = backup["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("the S3 server ignores conditional puts"), "{warning}");
}

/// `reader` needs no right to write: what it finds out it cannot record, and says so.
fn comes_back(remote: &Remote, reader: Account) -> Value {
    let server = Server::start(15, ClusterOptions::default());
    server.ask(ROWS);
    let dsn = server.dsn("postgres");
    let first = remote.json(OWNER, "writer.key", &["backup", "-d", &dsn]);
    assert_eq!(first["rows"], 100_000);
    assert!(first["objects_new"].as_u64().unwrap() > 1, "{first}");
    let second = remote.json(OWNER, "writer.key", &["backup", "-d", &dsn]);
    assert_eq!((&second["objects_new"], &second["objects_reused"]), (&json!(0), &first["objects_new"]), "{second}");
    assert_eq!(remote.json(reader, "writer.key", &["list"]).as_array().unwrap().len(), 2);
    let verified = remote.json(reader, "restore.key", &["verify", "--read-data"]);
    assert_eq!((&verified["ok"], &verified["findings"]), (&json!(true), &json!([])));
    let target = server.dsn("copy");
    let restored = remote.json(reader, "restore.key", &["restore", "latest", "--create", "-d", &target]);
    assert_eq!((&restored["proven"], &restored["rows"]), (&json!(true), &json!(100_000)), "{restored}");
    assert_eq!(psql(&server.binaries, &target, SUM).unwrap(), server.ask(SUM));
    second
}

/// Judged by the server: every object that is there is kept until then, and nobody may delete its bytes.
#[test]
fn with_object_lock_every_object_is_kept() {
    let bucket = seaweed_bucket(Lock::On);
    let endpoint = &seaweedfs().endpoint;
    let remote = Remote::new(format!("{}&object_lock=compliance:2d&storage_class=STANDARD_IA", url(&bucket, endpoint)));
    let server = Server::start(15, ClusterOptions::default());
    server.ask(ROWS);
    remote.json(OWNER, "writer.key", &["backup", "-d", &server.dsn("postgres")]);
    let client = OWNER.client(endpoint);
    block_on(async {
        let listed = client.list_object_versions().bucket(&bucket).send().await.unwrap();
        let folders = |name: &str| listed.versions().iter().filter(|v| v.key().unwrap().contains(name)).count();
        assert!(
            folders("/data/") > 1 && folders("/meta/") > 0 && folders("/snapshots/") == 1 && folders("/config") == 1
        );
        for version in listed.versions() {
            let (key, id) = (version.key().unwrap(), version.version_id().unwrap());
            if key.contains("/records/unfinished/") {
                // Taken back when the backup was done: hidden by a delete marker, and its bytes kept all the same.
                client.delete_object().bucket(&bucket).key(key).version_id(id).send().await.unwrap_err();
                continue;
            }
            let kept = client.get_object_retention().bucket(&bucket).key(key).send().await.unwrap();
            let kept = kept.retention().unwrap();
            assert_eq!(kept.mode(), Some(&ObjectLockRetentionMode::Compliance), "{key}");
            let until = SystemTime::try_from(*kept.retain_until_date().unwrap()).unwrap();
            let left = until.duration_since(SystemTime::now()).unwrap();
            assert!(left > Duration::from_secs(47 * 3600) && left < Duration::from_secs(49 * 3600), "{key}: {left:?}");
            let head = client.head_object().bucket(&bucket).key(key).send().await.unwrap();
            let class = head.storage_class().map_or("STANDARD", |class| class.as_str());
            assert_eq!(class == "STANDARD_IA", key.contains("/data/"), "{key}: {class}");
            client.delete_object().bucket(&bucket).key(key).version_id(id).send().await.unwrap_err();
        }
    });
}

#[test]
fn a_place_that_holds_a_repository_is_not_initialised_again() {
    let remote = Remote::new(url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint));
    let other = folder();
    let said = Said::of(remote.command(OWNER, &["init", "--keys"]).arg(other.path().join("keys")));
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.stderr.starts_with("pgkeep: a repository already exists at s3://"), "{said:?}");
    assert!(!other.path().join("keys").exists());
}

#[test]
fn a_prefix_without_a_repository_is_told() {
    let remote = Remote::new(url(&seaweed_bucket(Lock::Off), &seaweedfs().endpoint));
    let mut list = pgkeep();
    let elsewhere = remote.url.replace("/some/prefix", "/other");
    OWNER.lend(&mut list).args(["list", "--repo", &elsewhere, "--writer-key", remote.key("writer.key")]);
    let said = Said::of(&mut list);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.stderr.starts_with("pgkeep: there is no repository at s3://"), "{said:?}");
}
