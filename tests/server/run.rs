//! `pgkeep run`, the program itself: a policy's password, selection and repository reach the backup.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use pgkeep::pg::cluster::{ClusterOptions, Listen};
use secrecy::SecretString;
use serde_json::Value;

use crate::pgkeep::executable;
use crate::postgres::{psql, server};
use crate::template;

const PASSWORD: &str = "it's a \\ \"secret\"";

fn write(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// The exit code, the JSON document and standard error; run in a folder where nothing is relative to.
fn pgkeep(folder: &Path, args: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgkeep"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    let output = command.env("HOME", folder).current_dir("/").arg("--json").args(args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    (output.status.code().unwrap(), json, stderr)
}

#[test]
fn a_policy_logs_in_with_its_password_and_takes_what_it_selects() {
    let binaries = server(15);
    let listen = Listen::Loopback { password: SecretString::from("of the superuser") };
    let cluster = template::start(&binaries, &[], ClusterOptions { listen, ..ClusterOptions::default() });
    let sql = |sql: &str| psql(&binaries, &cluster.dsn("postgres"), sql).unwrap();
    let quoted = PASSWORD.replace('\'', "''");
    sql(&format!(
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE backup LOGIN PASSWORD '{quoted}'; GRANT pg_read_all_data TO backup;
         CREATE SCHEMA core; CREATE TABLE core.users AS SELECT generate_series(1, 300) AS id; CREATE TABLE core.log (line text);
         CREATE SCHEMA workspace_1; CREATE TABLE workspace_1.orders AS SELECT generate_series(1, 20) AS id;
         CREATE SCHEMA other; CREATE TABLE other.rows AS SELECT 1 AS id"
    ));
    assert!(sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'backup'").starts_with("SCRAM-SHA-256$"));

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |args: &[&str]| pgkeep(folder.path(), args);
    assert_eq!(run(&["init", "--repo", &path("repo"), "--keys", &path("keys")]).0, 0);
    let policy = |password: &str| {
        format!(
            "[source]\ndsn = \"host=127.0.0.1 port={} user=backup dbname=postgres\"\n{password}\n\
             [selection]\nschemas = [\"core\", \"workspace_*\"]\nexclude_tables = [\"core.log\"]\n\
             [repository]\nurl = \"repo\"\nwriter_key = \"keys/writer.key\"\n[backup]\njobs = 1\n",
            cluster.port()
        )
    };
    let nightly = path("nightly.toml");
    write(Path::new(&path("shop.password")), &format!("{PASSWORD}\n"));
    write(Path::new(&nightly), &policy("password_file = \"shop.password\""));

    let (code, report, stderr) = run(&["run", &nightly]);
    assert_eq!(code, 0, "{report} {stderr}");
    assert_eq!((&report["tables"], &report["rows"]), (&2.into(), &320.into()));

    let stored = ["--repo", &path("repo"), "--writer-key", &path("keys/writer.key")];
    let (_, listed, _) = run(&[&stored[..], &["list"]].concat());
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["snapshot"], report["snapshot"]);
    let (_, shown, _) = run(&[&stored[..], &["show", "latest"]].concat());
    let relations = shown["relations"].as_array().unwrap().iter();
    let names: Vec<String> =
        relations.map(|r| format!("{}.{}", r["schema"].as_str().unwrap(), r["name"].as_str().unwrap())).collect();
    assert_eq!(names, ["core.users", "workspace_1.orders"]);

    // A program in the policy's folder reads a file that lies there too.
    executable(Path::new(&path("tell")), b"#!/bin/sh\ncat shop.password\n");
    write(Path::new(&nightly), &policy("password_command = [\"./tell\"]"));
    let (code, again, stderr) = run(&["run", &nightly]);
    assert_eq!((code, &again["parent"], &again["rows"]), (0, &report["snapshot"], &320.into()), "{again} {stderr}");

    // Without the right password there is no snapshot, and the message says which one was wrong.
    write(Path::new(&path("shop.password")), "wrong\n");
    write(Path::new(&nightly), &policy("password_file = \"shop.password\""));
    let (code, error, stderr) = run(&["run", &nightly]);
    assert_eq!(code, 4, "{error} {stderr}");
    let words = error.to_string();
    assert!(words.contains(&format!("password_file {}", path("shop.password"))), "{words}");
    assert!(!words.contains("wrong\\n"), "{words}");
    write(Path::new(&nightly), &policy(""));
    assert_eq!(run(&["run", &nightly]).0, 4, "no password at all");
    let (_, listed, _) = run(&[&stored[..], &["list"]].concat());
    assert_eq!(listed.as_array().unwrap().len(), 2);
}
