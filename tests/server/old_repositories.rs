//! Repositories that earlier programs wrote: `tests/data/repositories/`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::repo::manifest::FORMAT;

use crate::judge::{assert_equal, definitions, project, rows, text_of};
use crate::pgkeep::{Said, folder, pgkeep};
use crate::postgres::Server;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
            // Keys that others may read are refused, and git keeps no such modes.
            fs::set_permissions(&to, Permissions::from_mode(0o600)).unwrap();
        }
    }
}

#[test]
fn a_repository_of_every_format_is_verified_restored_and_gone_on_with() {
    // Programs of that time did not write down under which zone they read; it was another one.
    let settings = vec![("timezone".to_owned(), "Europe/Berlin".to_owned())];
    let server = Server::start(15, ClusterOptions { settings, ..ClusterOptions::default() });
    let of_formats = (1..=FORMAT).map(|format| (format, format.to_string()));
    for (format, place) in of_formats.chain([(1, "1-kathmandu".to_owned())]) {
        let there = project(&format!("tests/data/repositories/format-{place}"));
        assert!(there.is_dir(), "{} is missing: its README says how it is made", there.display());
        let folder = folder();
        copy(&there, folder.path());
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (repository, writer_key, restore_key) =
            (path("repository"), path("keys/writer.key"), path("keys/restore.key"));
        let config: serde_json::Value = serde_json::from_slice(&fs::read(path("repository/config")).unwrap()).unwrap();
        assert_eq!(config["format"], format, "the folder's name says its format");
        let json = |args: &[&str]| {
            let said = Said::of(pgkeep().args(["--repo", &repository, "--json"]).args(args));
            assert_eq!(said.code, 0, "{args:?}: {said:?}");
            said.document()
        };

        let listed = json(&["--writer-key", &writer_key, "list"]);
        let listed = listed.as_array().unwrap();
        let mut times: Vec<&str> = listed.iter().map(|snapshot| snapshot["time"].as_str().unwrap()).collect();
        times.sort_unstable();
        assert_eq!(times.len(), 2, "{listed:?}");
        assert_eq!(json(&["--restore-key", &restore_key, "verify", "--read-data"])["ok"], true);
        for (n, time) in times.iter().enumerate() {
            let snapshot =
                listed.iter().find(|snapshot| snapshot["time"] == *time).unwrap()["snapshot"].as_str().unwrap();
            let (expected, restored) = (format!("expected_{n}"), format!("restored_{n}"));
            server.ask(&format!("CREATE DATABASE {expected} TEMPLATE template0"));
            let mut psql = server.binaries.command("psql");
            psql.args(["-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-d", &server.dsn(&expected), "-f"]);
            text_of(psql.arg(path(&format!("expected-{}.sql", n + 1))));
            let report =
                json(&["--restore-key", &restore_key, "restore", snapshot, "--create", "-d", &server.dsn(&restored)]);
            assert_eq!(report["proven"], true, "{report}");
            assert_equal("definitions", &definitions(&server, &expected, &[]), &definitions(&server, &restored, &[]));
            assert_equal("rows", &rows(&server, &expected, None), &rows(&server, &restored, None));
        }

        // Today's program adds to it, and finds again what was stored then.
        server.ask("ALTER DATABASE restored_1 RENAME TO shop");
        let next = json(&["--writer-key", &writer_key, "backup", "--accept-shrink", "-d", &server.dsn("shop")]);
        assert_ne!(next["parent"], serde_json::Value::Null, "{next}");
        // Rows that did not change lie in objects that snapshots of two formats share, each with digests by its own hash.
        assert_eq!((&next["objects_new"], next["objects_reused"] != 0), (&0.into(), true), "{next}");
        assert_eq!(json(&["--restore-key", &restore_key, "verify", "--read-data"])["snapshots_checked"], 3);
        for database in ["shop", "restored_0", "expected_0", "expected_1"] {
            server.ask(&format!("DROP DATABASE {database}"));
        }
    }
}
