//! Every order of a restore that its graph allows ends well: what an order could get wrong is an edge of the graph, or is not.
//!
//! The long form: `PGKEEP_RESTORE_ORDERS=200 cargo test --release --test server orders -- --nocapture`, that many of each database.
//! `PGKEEP_RESTORE_SEED` repeats the order of a restore that failed, which prints it.

use pgkeep::command::Error;
use pgkeep::command::progress::Progress;
use pgkeep::command::restore::{self, Creation, Loading, Options, Order, Report, Tablespaces};
use pgkeep::command::selecting::Patterns;
use pgkeep::command::watch::Watch;
use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::conninfo::{Conninfo, Environment};
use pgkeep::repo::keys::RestoreKey;
use pgkeep::repo::{ReadingKey, Repository};
use pgkeep::stop::Stop;
use pgkeep::store::Access;

use crate::judge::{assert_equal, definitions, load_sample, project, rows, text_of};
use crate::pgkeep::Repo;
use crate::postgres::{Server, install_extension, psql};

const ORDERS: u64 = 4;

/// The orders to try: some, as many as are asked for, or the one that failed.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("PGKEEP_RESTORE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PGKEEP_RESTORE_ORDERS").unwrap_or(ORDERS),
    }
}

/// As the command has it, with the order of `seed` and one, two or three jobs.
fn options(target: &str, creation: Creation, patterns: Patterns, seed: u64) -> Options {
    let target = Conninfo::resolve(Some(target), &Environment::default()).unwrap();
    let loading = Loading { order: Order::Random(seed), ..Loading::of_a_copy(target, 1 + seed as usize % 3) };
    Options {
        snapshot: "latest".into(),
        creation,
        patterns,
        roles: Vec::new(),
        tablespaces: Tablespaces::Keep,
        typed: None,
        loading,
    }
}

fn restored(repo: &Repo, options: &Options) -> Result<Report, Box<Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let key = ReadingKey::from(&RestoreKey::read(&repo.restore_key()).unwrap());
        let repository = Repository::open(repo.root().to_str().unwrap(), key, Access::Read).await.unwrap();
        restore::run(&repository, options, &Watch { progress: Progress::new(), stop: Stop::new() })
            .await
            .map_err(Box::new)
    })
}

#[track_caller]
fn assert_well(what: &str, seed: u64, report: Result<Report, Box<Error>>) -> Report {
    let again = format!("{what}: PGKEEP_RESTORE_SEED={seed}");
    let report = report.unwrap_or_else(|error| match *error {
        Error::Entries { failures, skipped, .. } => panic!("{again}: {failures:#?}, skipped: {skipped:?}"),
        error => panic!("{again}: {error:?}"),
    });
    assert!(report.proven, "{again}: {:?}", report.mismatches);
    report
}

const INVALID: &str = "SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE NOT indisvalid";

/// Restores `database` in each order, and holds every copy to the source; `also` looks closer.
fn every_order(source: &Server, database: &str, also: impl Fn(u64)) {
    let repo = Repo::new();
    repo.json(["backup", "-d", &source.dsn(database), "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    let of = |database: &str| (definitions(source, database, &[]), rows(source, database, None));
    let (definitions_there, rows_there) = of(database);
    let invalid_there = sql(source, database, INVALID);
    for seed in seeds() {
        let options = options(&source.dsn("copy"), Creation::Create, Patterns::default(), seed);
        assert_well(database, seed, restored(&repo, &options));
        let (definitions_here, rows_here) = of("copy");
        assert_equal(&format!("{database}'s definitions, seed {seed}"), &definitions_there, &definitions_here);
        assert_equal(&format!("{database}'s rows, seed {seed}"), &rows_there, &rows_here);
        // pg_dump does not say it.
        assert_eq!(sql(source, "copy", INVALID), invalid_there, "{database}'s invalid indexes, seed {seed}");
        also(seed);
        source.ask("DROP DATABASE copy");
    }
}

#[test]
fn the_samples_come_back_in_every_order() {
    let source = Server::start(15, ClusterOptions::default());
    for (sample, scale) in [("chronos", "0.001"), ("portfolio", "0.01")] {
        load_sample(&source, sample, scale);
        every_order(&source, sample, |_| {});
    }
}

pub fn torture(major: u32) -> Server {
    let settings = vec![("wal_level".to_owned(), "logical".to_owned())];
    let source = Server::start(major, ClusterOptions { settings, ..ClusterOptions::default() });
    source.ask("CREATE DATABASE torture");
    let mut script = source.binaries.command("psql");
    script.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &source.dsn("torture"), "-f"]);
    text_of(script.arg(project("tests/data/orders/torture.sql")));
    source
}

fn sql(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

#[test]
fn the_torture_schema_comes_back_in_every_order() {
    let source = torture(16);
    every_order(&source, "torture", |seed| assert_indexes_are_right(&source, seed));
}

/// From 18 on keys that forbid NULL can be NOT VALID as well, and are of a table and its heirs.
#[test]
fn the_torture_schema_comes_back_in_every_order_on_postgresql_18() {
    let source = torture(18);
    sql(
        &source,
        "torture",
        "ALTER EVENT TRIGGER no_ddl DISABLE;
         CREATE TABLE rows.null_parent (i int); CREATE TABLE rows.null_child () INHERITS (rows.null_parent);
         CREATE TABLE rows.null_parts (i int, k int) PARTITION BY LIST (k); CREATE TABLE rows.null_part PARTITION OF rows.null_parts DEFAULT;
         INSERT INTO rows.null_parent VALUES (NULL); INSERT INTO rows.null_child VALUES (NULL); INSERT INTO rows.null_parts VALUES (NULL, 1);
         ALTER TABLE rows.null_parent ADD CONSTRAINT is_set NOT NULL i NOT VALID; ALTER TABLE rows.null_parts ADD CONSTRAINT is_set NOT NULL i NOT VALID;
         ALTER EVENT TRIGGER no_ddl ENABLE",
    );
    every_order(&source, "torture", |seed| assert_indexes_are_right(&source, seed));
}

/// An index that was built before the rows that its function looks at finds nothing, and nothing complains. Here each row is asked for
/// through the index.
#[track_caller]
fn assert_indexes_are_right(source: &Server, seed: u64) {
    for (index, column) in [("what", "what(id)"), ("hidden", "hidden(id)"), ("number", "number(word)")] {
        let condition = if index == "hidden" { "lookup.hidden(id) <> 'two'" } else { "true" };
        let found = format!(
            "SET enable_seqscan = off; SET enable_bitmapscan = off;
             SELECT count(*) FROM (SELECT DISTINCT lookup.{column} AS v FROM rows.indexed WHERE {condition}) d,
             LATERAL (SELECT FROM rows.indexed i WHERE lookup.{column} = d.v AND {condition}) found"
        );
        let all = sql(source, "torture", &format!("SELECT count(*) FROM rows.indexed WHERE {condition}"));
        assert_eq!(sql(source, "copy", &found), all, "{index}, seed {seed}");
    }
    let generated = "SELECT string_agg(DISTINCT what, ' ') FROM rows.generated";
    assert_eq!(sql(source, "copy", generated), "one three two", "seed {seed}");
}

/// An ordinary role that restores its own: row-level security that binds itself, and rights that it has taken from itself, come when
/// nobody has to read the rows any more.
#[test]
fn an_ordinary_role_restores_in_every_order_what_binds_itself() {
    let source = torture(16);
    let repo = Repo::new();
    repo.json(["backup", "-d", &source.dsn("torture"), "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    source.ask("ALTER ROLE torture_owner LOGIN");
    let tenant = |database: &str| definitions(&source, database, &["-n", "tenant"]);
    for seed in seeds() {
        source.ask("CREATE DATABASE copy OWNER torture_owner");
        let patterns = Patterns { schemas: vec!["tenant".into()], ..Patterns::default() };
        let target = source.dsn_as("torture_owner", "copy");
        assert_well("tenant", seed, restored(&repo, &options(&target, Creation::Exists, patterns, seed)));
        assert_equal(&format!("definitions, seed {seed}"), &tenant("torture"), &tenant("copy"));
        let of = |database| rows(&source, database, Some("nspname = 'tenant'"));
        assert_equal(&format!("rows, seed {seed}"), &of("torture"), &of("copy"));
        source.ask("DROP DATABASE copy");
    }
}

#[test]
fn configuration_tables_with_keys_among_them_come_back_in_every_order() {
    const NAME: &str = "pgkeep_test_keys";
    let script = std::fs::read_to_string(project("tests/data/orders/config.sql")).unwrap();
    install_extension(16, NAME, "default_version = '1.0'\nrelocatable = true\n", &script);
    let source = Server::start(16, ClusterOptions::default());
    source.ask("CREATE DATABASE app");
    sql(
        &source,
        "app",
        &format!(
            "CREATE EXTENSION {NAME}; INSERT INTO d_parent VALUES (1, 1), (2, 1); INSERT INTO c_child SELECT n, 1 + n % 2 FROM generate_series(1, 500) n;
             INSERT INTO a_grandchild SELECT n, 1 + n % 500 FROM generate_series(1, 5000) n;
             CREATE SCHEMA app; CREATE TABLE app.uses (child int REFERENCES c_child, hen int REFERENCES hen); INSERT INTO app.uses SELECT n FROM generate_series(1, 500) n;
             INSERT INTO hen VALUES (1, NULL); INSERT INTO egg VALUES (1, 1); UPDATE hen SET egg = 1; INSERT INTO feather SELECT 1 FROM generate_series(1, 900)"
        ),
    );
    every_order(&source, "app", |_| {});
    // Largest first, as the command has it.
    let repo = Repo::new();
    repo.json(["backup", "-d", &source.dsn("app"), "--pg-bin", source.binaries.bin_dir.to_str().unwrap()]);
    let restored = repo.restored(["latest", "--create", "-d", &source.dsn("copy")]);
    let warnings = restored["warnings"].to_string();
    assert!(warnings.contains("public.egg, public.hen"), "{restored}");
    assert_eq!(sql(&source, "copy", "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"), "8");
}
