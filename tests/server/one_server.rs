//! Where a connection string names several servers, a run is with the one that it has come to, whichever can be reached later.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use pgkeep::pg::connect::connect;
use pgkeep::pg::conninfo::{Conninfo, Environment};
use pgkeep::pg::wire::Wire;
use pgkeep::stop::Stop;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

const ROWS: &str = "CREATE SCHEMA m; CREATE TABLE m.a AS SELECT i, i AS v FROM generate_series(1, 1000) i; CREATE TABLE m.b AS SELECT * FROM m.a;
    CREATE TABLE m.c AS SELECT * FROM m.a; CREATE TABLE m.d AS SELECT * FROM m.a";
const SUM: &str =
    "SELECT (SELECT sum(v) FROM m.a), (SELECT sum(v) FROM m.b), (SELECT sum(v) FROM m.c), (SELECT sum(v) FROM m.d)";

/// Two servers with a database of one name and tables of one name, and a way to both: the first is away until it is let back.
struct Two {
    other: Server,
    wanted: Server,
    folder: tempfile::TempDir,
}

impl Two {
    fn start() -> Self {
        let [other, wanted] = [0, 1].map(|_| Server::start(15, ClusterOptions::default()));
        other.ask("CREATE DATABASE copy");
        psql(&other.binaries, &other.dsn("copy"), ROWS).unwrap();
        psql(
            &other.binaries,
            &other.dsn("copy"),
            "UPDATE m.a SET v = -v; UPDATE m.b SET v = -v; UPDATE m.c SET v = -v; UPDATE m.d SET v = -v",
        )
        .unwrap();
        wanted.ask("CREATE DATABASE shop");
        psql(&wanted.binaries, &wanted.dsn("shop"), ROWS).unwrap();
        Self { other, wanted, folder: tempfile::tempdir().unwrap() }
    }

    fn socket(server: &Server) -> PathBuf {
        server.cluster.socket_dir().join(format!(".s.PGSQL.{}", server.cluster.port()))
    }

    fn link(&self, name: &str, server: &Server) {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        symlink(Self::socket(server), folder.join(".s.PGSQL.5432")).unwrap();
    }

    fn dsn(&self, database: &str, more: &str) -> String {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        format!("host={},{} port=5432 user=postgres dbname={database} {more}", at("away"), at("there"))
    }

    fn let_back(&self) {
        self.link("away", &self.other);
    }

    #[track_caller]
    fn assert_other_is_untouched(&self, before: &str) {
        let sums = psql(&self.other.binaries, &self.other.dsn("copy"), SUM).unwrap();
        assert_eq!(sums, "-500500|-500500|-500500|-500500");
        assert_eq!(self.other.ask(STAYS), before);
    }
}

const STAYS: &str = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";

fn data_directory(wire: &mut Wire) -> String {
    wire.query("where it is", b"SHOW data_directory").unwrap().into_iter().flatten().flatten().collect()
}

/// Sessions of every kind, to whatever database of it.
#[tokio::test]
async fn whoever_comes_back_is_not_gone_to() {
    let two = tokio::task::spawn_blocking(Two::start).await.unwrap();
    two.link("there", &two.wanted);
    let info = Conninfo::resolve(Some(&two.dsn("shop", "")), &Environment::default()).unwrap();
    let early = info.clone();
    // A database that is not there is an answer as well.
    let nowhere = info.with_database("nowhere");
    connect(&nowhere, "test").await.map(drop).unwrap_err();
    two.let_back();
    let home = two.wanted.ask("SHOW data_directory");
    for info in [&info, &early, &info.with_database("postgres"), &nowhere.with_database("template1")] {
        let session = connect(info, "test").await.unwrap();
        let there: String = session.client().query_one("SHOW data_directory", &[]).await.unwrap().get(0);
        assert_eq!(there, home);
        session.close().await.unwrap();
        let info = info.clone();
        let home = home.clone();
        let asked = std::thread::spawn(move || {
            let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
            let mut wire = Wire::connect(&info, "test", runtime, &Stop::default()).unwrap();
            assert_eq!(data_directory(&mut wire), home);
        });
        asked.join().unwrap();
    }
    // What is printed leads there alone.
    let written = info.written_again();
    assert!(written.contains("/there") && !written.contains("/away"), "{written}");
    assert!(!info.to_string().contains("/away"), "{info}");
}

#[test]
fn a_restore_that_balances_fills_one_server() {
    let two = Two::start();
    let repo = Repo::new();
    repo.json(["backup", "-d", &two.wanted.dsn("shop")]);
    two.link("there", &two.wanted);
    two.let_back();
    let before = two.other.ask(STAYS);
    let mut filled = 0;
    for _ in 0..8 {
        let dsn = two.dsn("copy", "load_balance_hosts=random");
        let said = Said::of(
            repo.command(["restore", "latest", "--create", "-j", "4", "--json", "-d", &dsn, "--restore-key"])
                .arg(repo.restore_key()),
        );
        // On the other server the database is there already.
        assert!(said.code == 0 || said.code == 7, "{said:?}");
        if said.code == 0 {
            filled += 1;
            two.wanted.ask("DROP DATABASE copy");
        }
        two.assert_other_is_untouched(&before);
    }
    assert!(filled > 0, "by chance once in 256 runs");
}

/// The first server comes back at whatever moment of the restore and of the split.
#[test]
fn a_run_ends_where_it_has_begun() {
    let two = Two::start();
    let repo = Repo::new();
    repo.json(["backup", "-d", &two.wanted.dsn("shop")]);
    two.link("there", &two.wanted);
    let before = two.other.ask(STAYS);
    let (from, to) = (two.wanted.dsn("shop"), two.dsn("copy", ""));
    let restore_key = repo.restore_key();
    let restore = [
        "restore",
        "latest",
        "--create",
        "-j",
        "4",
        "--json",
        "-d",
        &to,
        "--restore-key",
        restore_key.to_str().unwrap(),
    ];
    let split = ["split", "--schemas", "m", "--from", &from, "--to", &to, "-j", "2", "--json"];
    for arguments in [&restore[..], &split[..]] {
        for moment in [20, 60, 120, 250] {
            let mut command = repo.command(arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut run = command.spawn().unwrap();
            // From its first session on: until there is one, either server may be meant.
            let begun = Instant::now();
            while two.wanted.ask(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND datname <> 'shop'",
            ) == "0"
                && run.try_wait().unwrap().is_none()
            {
                assert!(begun.elapsed() < Duration::from_secs(60));
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(moment));
            two.let_back();
            let said = run.wait_with_output().unwrap();
            fs::remove_dir_all(two.folder.path().join("away")).unwrap();
            assert!(
                said.status.success(),
                "{}: {}{}",
                arguments[0],
                String::from_utf8_lossy(&said.stdout),
                String::from_utf8_lossy(&said.stderr)
            );
            two.assert_other_is_untouched(&before);
            let sums = psql(&two.wanted.binaries, &two.wanted.dsn("copy"), SUM).unwrap();
            assert_eq!(sums, "500500|500500|500500|500500");
            if arguments[0] == "split" {
                Said::of(&mut repo.command(["split", "rollback", "--from", &from, "--to", &to]));
            }
            two.wanted.ask("DROP DATABASE copy WITH (FORCE)");
        }
    }
}
