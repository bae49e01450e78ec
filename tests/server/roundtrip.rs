//! Backup and restore of whole databases and of schemas, judged by PostgreSQL: what the two sides hold is equal.

use std::io::Write;
use std::path::PathBuf;

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::{Value, json};

use crate::judge::{self, assert_equal, definitions, load_sample, project, rows};
use crate::pgkeep::Repo;
use crate::postgres::{Server, psql};

fn started(major: u32) -> Server {
    Server::start(major, ClusterOptions::default())
}

/// A backup with the programs of the server's own version.
#[track_caller]
fn backed_up(source: &Server, repo: &Repo, database: &str, args: &[&str]) -> Value {
    let (dsn, bin) = (source.dsn(database), source.binaries.bin_dir.to_str().unwrap());
    repo.json(["backup", "-d", &dsn, "--pg-bin", bin].into_iter().chain(args.iter().copied()))
}

/// Both samples, restored to a server that knows nothing of them.
fn round_trip(major: u32) -> (Server, Repo) {
    let (source, repo, target) = (started(major), Repo::new(), started(major));
    for (sample, scale) in [("chronos", "0.005"), ("portfolio", "0.01")] {
        load_sample(&source, sample, scale);
        let backup = backed_up(&source, &repo, sample, &[]);
        assert_eq!(backup["left_out"], json!([]));
        let restored = repo.restored([format!("latest:{sample}").as_str(), "--create", "-d", &target.dsn(sample)]);
        assert_eq!(restored["proven"], true, "{restored}");
        // The server's own about publications: a throwaway cluster does not log for replicas.
        let warnings = restored["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap());
        let others: Vec<_> =
            warnings.filter(|warning| !warning.contains("is insufficient to publish logical changes")).collect();
        assert!(others.is_empty(), "{others:?}");
        let with_database = |server| definitions(server, sample, &["--create"]);
        assert_equal(&format!("{sample}'s definitions"), &with_database(&source), &with_database(&target));
        assert_equal(&format!("{sample}'s rows"), &rows(&source, sample, None), &rows(&target, sample, None));
    }
    // Nothing in the two databases refers to grafana, which is only a member of a role.
    let of = |server| {
        let text = judge::roles(server, &[]);
        text.lines().filter(|line| !line.contains("grafana")).map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_equal("the roles", &of(&source), &of(&target));
    (source, repo)
}

#[test]
fn the_samples_come_back_on_postgresql_15_and_their_rows_on_18() {
    let (source, repo) = round_trip(15);
    // Across versions rows are compared alone: pg_dump writes definitions otherwise for a server of another version.
    let target = started(18);
    for sample in ["chronos", "portfolio"] {
        let snapshots = repo.json(["list"]);
        let mut snapshots = snapshots.as_array().unwrap().iter();
        let snapshot = snapshots.find(|snapshot| snapshot["database"] == sample).unwrap();
        let snapshot = snapshot["snapshot"].as_str().unwrap();
        repo.restored([snapshot, "--create", "-d", &target.dsn(sample)]);
        assert_equal(sample, &rows(&source, sample, None), &rows(&target, sample, None));
    }
}

#[test]
fn the_samples_come_back_on_postgresql_14() {
    round_trip(14);
}

#[test]
fn the_samples_come_back_on_postgresql_17() {
    round_trip(17);
}

#[test]
fn the_samples_come_back_on_postgresql_16() {
    round_trip(16);
}

#[test]
fn the_samples_come_back_on_postgresql_18() {
    round_trip(18);
}

/// Schemas of a snapshot, and a snapshot of schemas: both give what pg_dump finds in these schemas at the source.
#[track_caller]
fn assert_schemas(source: &Server, repo: &Repo, database: &str, patterns: &[&str], condition: &str) {
    let flags: Vec<&str> = patterns.iter().flat_map(|pattern| ["-n", pattern]).collect();
    let whole = backed_up(source, repo, database, &[]);
    let part = backed_up(source, repo, database, &flags);
    let from_whole = [whole["snapshot"].as_str().unwrap()].into_iter().chain(flags.iter().copied());
    let from_part = [part["snapshot"].as_str().unwrap()];
    let (definitions_there, rows_there) =
        (definitions(source, database, &flags), rows(source, database, Some(condition)));
    for (copy, args) in [("from_whole", from_whole.collect::<Vec<_>>()), ("from_part", from_part.to_vec())] {
        source.ask(&format!("CREATE DATABASE {copy}"));
        let dsn = source.dsn(copy);
        let restored = repo.restored(args.into_iter().chain(["-d", &dsn]));
        assert_eq!(restored["proven"], true);
        assert_equal(copy, &definitions_there, &definitions(source, copy, &flags));
        assert_equal(copy, &rows_there, &rows(source, copy, Some(condition)));
        let others = format!(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'S')
             AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND NOT ({condition})"
        );
        assert_eq!(psql(&source.binaries, &dsn, &others).unwrap(), "0", "tables that were not asked for");
        source.ask(&format!("DROP DATABASE {copy}"));
    }
}

#[test]
fn schemas_come_back_with_what_they_need() {
    let (source, repo) = (started(15), Repo::new());
    load_sample(&source, "chronos", "0.001");
    assert_schemas(&source, &repo, "chronos", &["core", "metadata"], "nspname IN ('core', 'metadata')");
    assert_schemas(&source, &repo, "chronos", &["workspace_*"], "nspname LIKE 'workspace\\_%'");
}

/// A real database, which is no part of the project: $PGKEEP_REAL_DUMP, or where the project's machine keeps it.
#[test]
fn the_real_chronos_comes_back() {
    let path =
        std::env::var_os("PGKEEP_REAL_DUMP").map_or_else(|| project("../shared/data/chronos_real.dump"), PathBuf::from);
    if !path.exists() {
        // Not eprintln!, which the test runner keeps to itself where a test passes.
        writeln!(std::io::stderr(), "left out: the_real_chronos_comes_back, because PGKEEP_REAL_DUMP names no dump")
            .unwrap();
        return;
    }
    let (source, repo) = (started(15), Repo::new());
    source.ask("CREATE ROLE chronos; CREATE ROLE twenty_user SUPERUSER");
    source.ask("CREATE DATABASE real");
    let mut pg_restore = source.binaries.command("pg_restore");
    judge::text_of(pg_restore.args(["--exit-on-error", "-d", &source.dsn("real")]).arg(path));

    backed_up(&source, &repo, "real", &[]);
    repo.restored(["latest", "--create", "-d", &source.dsn("copy")]);
    assert_equal("definitions", &definitions(&source, "real", &[]), &definitions(&source, "copy", &[]));
    assert_equal("rows", &rows(&source, "real", None), &rows(&source, "copy", None));

    assert_schemas(&source, &repo, "real", &["core", "metadata"], "nspname IN ('core', 'metadata')");
    assert_schemas(&source, &repo, "real", &["workspace_*"], "nspname LIKE 'workspace\\_%'");
}
