//! A server that raises a warning for each row, and one that has enough of a COPY in the middle of it: nobody waits forever.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgkeep::pg::Error;
use pgkeep::pg::cluster::{ClusterOptions, Listen};
use pgkeep::pg::connect::{Session, connect};
use pgkeep::pg::conninfo::{Conninfo, Environment};
use pgkeep::pg::wire::{RowPiece, RowSink, Wire};
use pgkeep::stop::Stop;
use pgkeep::stream::RowFormat;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::pgkeep::{Repo, Said, pgkeep};
use crate::postgres::{Server, psql};

/// 60 MB of warnings: far more than the sockets between the two hold.
const ROWS: u64 = 200_000;
const NOISY: &str = "CREATE SCHEMA core;
    CREATE FUNCTION core.noise(a text) RETURNS bool LANGUAGE plpgsql AS
        'BEGIN RAISE WARNING ''deprecated value % %'', a, repeat(''x'', 200); RETURN true; END';
    CREATE TABLE core.t (id int, a text CHECK (core.noise(a)));
    SET client_min_messages = error; SET log_min_messages = error;
    INSERT INTO core.t SELECT g, repeat('v', 80) || g FROM generate_series(1, 200000) g";

/// Takes connections by its socket and, encrypted, by TCP. Warnings stay out of its log.
fn server() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let openssl = "req -new -x509 -days 2 -nodes -subj /CN=localhost -keyout server.key -out server.crt";
    let made = Command::new("openssl").args(openssl.split(' ')).current_dir(&folder).output().expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| (name.to_owned(), std::fs::read(folder.path().join(name)).unwrap());
    let setting = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let settings =
        [("ssl", "on"), ("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key"), ("log_min_messages", "error")];
    let options = ClusterOptions {
        listen: Listen::Loopback { password: SecretString::from("secret") },
        settings: settings.map(setting).to_vec(),
        data_files: vec![file("server.crt"), file("server.key")],
        ..ClusterOptions::default()
    };
    Server::start(15, options)
}

/// The ways to a database: by the socket, and by TLS.
fn ways(server: &Server, database: &str) -> [String; 2] {
    let encrypted = server.cluster.tcp_dsn(database).unwrap();
    [server.dsn(database), format!("{} sslmode=require", encrypted.expose_secret())]
}

#[track_caller]
fn tell(server: &Server, database: &str, sql: &str) -> String {
    psql(&server.binaries, &server.dsn(database), sql).unwrap()
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Its end, which must come in time.
#[track_caller]
fn end(child: Child, at_most: Duration) -> Said {
    let pid = Pid::from_child(&child);
    let since = Instant::now();
    // The pipes are read meanwhile: what is said may be long.
    let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
    while !waiting.is_finished() {
        if since.elapsed() > at_most {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("still running after {at_most:?}: {:?}", Said::from(waiting.join().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    waiting.join().unwrap().into()
}

#[track_caller]
fn assert_told(document: &Value) {
    let warnings: Vec<&str> = document["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    let told: Vec<&&str> =
        warnings.iter().filter(|line| line.starts_with("TABLE DATA core.t: deprecated value")).collect();
    assert_eq!(told.len(), 5, "{document}");
    assert!(warnings.contains(&format!("TABLE DATA core.t: {} other warnings", ROWS - 5).as_str()), "{document}");
}

#[test]
fn a_restore_hears_a_warning_for_each_row() {
    let (repo, server) = (Repo::new(), server());
    server.ask("CREATE DATABASE noisy");
    tell(&server, "noisy", NOISY);
    repo.json(["backup", "-d", &server.dsn("noisy")]);
    for (n, way) in [0, 1].into_iter().zip(ways(&server, "copy")) {
        let started = Instant::now();
        let restore = start(repo.restore(["latest", "--create", "--json", "-d", &way]).arg("--quiet"));
        let said = end(restore, Duration::from_secs(60));
        println!("way {n}: {:?}", started.elapsed());
        let document = said.document();
        assert_eq!((said.code, &document["proven"], &document["rows"]), (0, &true.into(), &ROWS.into()), "{said:?}");
        assert_told(&document);
        server.ask("DROP DATABASE copy");
    }
}

#[test]
fn a_drill_hears_a_warning_for_each_row() {
    let (repo, server) = (Repo::new(), server());
    server.ask("CREATE DATABASE noisy");
    tell(&server, "noisy", NOISY);
    repo.json(["backup", "-d", &server.dsn("noisy")]);
    let mut drill = repo.command(["--restore-key".as_ref(), repo.restore_key().as_os_str()]);
    drill.args(["drill", "--json", "--quiet", "--pg-bin"]).arg(&server.binaries.bin_dir);
    let said = end(start(&mut drill), Duration::from_secs(60));
    let document = said.document();
    assert_eq!((said.code, &document["proven"], &document["rows"]), (0, &true.into(), &ROWS.into()), "{said:?}");
    assert_told(&document);
}

/// As for a split: the server waits in the middle of a table, and takes no more.
#[tokio::test]
async fn ctrl_c_ends_a_restore_that_waits_for_the_server() {
    let (repo, server) = (Repo::new(), server());
    server.ask("CREATE DATABASE slow");
    let waits = "CREATE FUNCTION public.waits(id int) RETURNS bool LANGUAGE plpgsql AS
            'BEGIN IF id = 1000 THEN PERFORM pg_catalog.pg_advisory_xact_lock(42); END IF; RETURN true; END';
        CREATE TABLE public.t (id int CHECK (public.waits(id)), a text);
        INSERT INTO public.t SELECT g, repeat('v', 100) FROM generate_series(1, 200000) g";
    tell(&server, "slow", waits);
    repo.json(["backup", "-d", &server.dsn("slow")]);
    for way in ways(&server, "copy") {
        server.ask("CREATE DATABASE copy");
        let holder: Session = connect(&resolve(&server.dsn("copy")), "holder").await.unwrap();
        holder.client().batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
        let restore = start(repo.restore(["latest", "--json", "-d", &way]).arg("--quiet"));
        server
            .wait_for("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted", "1");
        let since = Instant::now();
        kill_process(Pid::from_child(&restore), Signal::INT).unwrap();
        let said = end(restore, Duration::from_secs(10));
        println!("ended after {:?}", since.elapsed());
        assert_eq!(said.code, 130, "{said:?}");
        holder.close().await.unwrap();
        server.ask("DROP DATABASE copy WITH (FORCE)");
    }
}

#[test]
fn a_split_hears_a_warning_for_each_row() {
    let server = server();
    for (from, to) in ways(&server, "noisy").into_iter().zip(ways(&server, "copy")) {
        server.ask("CREATE DATABASE noisy");
        tell(&server, "noisy", NOISY);
        let mut split = pgkeep();
        split.args(["split", "--json", "--quiet", "--schemas", "core", "--from", &from, "--to", &to]);
        let said = end(start(&mut split), Duration::from_secs(60));
        let document = said.document();
        assert_eq!((said.code, &document["proven"], &document["rows"]), (0, &true.into(), &ROWS.into()), "{said:?}");
        assert_told(&document);
        server.ask("DROP DATABASE noisy WITH (FORCE)");
        server.ask("DROP DATABASE copy WITH (FORCE)");
    }
}

fn resolve(dsn: &str) -> Conninfo {
    Conninfo::resolve(Some(dsn), &Environment::default()).unwrap()
}

/// The copy stands still in the middle of a table, at a lock that the check waits for, and the client at a server that takes no more.
#[tokio::test]
async fn ctrl_c_ends_a_split_that_waits_for_the_server() {
    let server = server();
    server.ask("CREATE DATABASE slow");
    let waits = "CREATE SCHEMA core;
        CREATE FUNCTION core.waits(id int) RETURNS bool LANGUAGE plpgsql AS
            'BEGIN IF id = 1000 THEN PERFORM pg_catalog.pg_advisory_xact_lock(42); END IF; RETURN true; END';
        CREATE TABLE core.t (id int CHECK (core.waits(id)), a text);
        INSERT INTO core.t SELECT g, repeat('v', 100) FROM generate_series(1, 200000) g";
    tell(&server, "slow", waits);
    for (from, to) in ways(&server, "slow").into_iter().zip(ways(&server, "copy")) {
        server.ask("CREATE DATABASE copy");
        let holder: Session = connect(&resolve(&server.dsn("copy")), "holder").await.unwrap();
        holder.client().batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
        let mut split = pgkeep();
        split.args(["split", "--json", "--schemas", "core", "--from", &from, "--to", &to]);
        let split = start(&mut split);
        server
            .wait_for("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted", "1");
        let refused = psql(&server.binaries, &server.dsn("slow"), "INSERT INTO core.t VALUES (0)").unwrap_err();
        assert!(refused.contains("copy"), "the fence is up: {refused}");
        let since = Instant::now();
        kill_process(Pid::from_child(&split), Signal::INT).unwrap();
        let said = end(split, Duration::from_secs(10));
        println!("ended after {:?}", since.elapsed());
        assert_eq!(said.code, 130, "{said:?}");
        assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
        tell(&server, "slow", "INSERT INTO core.t VALUES (0)");
        holder.close().await.unwrap();
        server.ask("DROP DATABASE copy WITH (FORCE)");
    }
}

fn wires(server: &Server) -> Vec<Wire> {
    let open = |dsn: String| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Wire::connect(&resolve(&dsn), "test", Arc::new(runtime), &Stop::new()).unwrap()
    };
    ways(server, "postgres").map(open).into()
}

struct Count(u64);

impl RowSink for Count {
    type Error = Error;

    fn row(&mut self, _: &[u8]) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }

    fn large_row(&mut self, _: RowPiece<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// What the server says against a row is heard while rows are still sent, and the session goes on.
#[test]
fn an_error_in_the_middle_of_a_copy_ends_it_at_once() {
    let server = server();
    server.ask("CREATE TABLE public.small (id int CHECK (id < 1000))");
    for mut wire in wires(&server) {
        let mut copy = wire.copy_in("the test", b"COPY public.small FROM STDIN", RowFormat::Text).unwrap();
        let rows: Vec<u8> = (0..20_000).flat_map(|row| format!("{row}\n").into_bytes()).collect();
        let mut sent = 0u64;
        let error = loop {
            match copy.write(&rows) {
                Ok(()) => sent += rows.len() as u64,
                Err(error) => break error,
            }
            assert!(sent < 100 << 20, "100 MB were sent after the row that was refused");
        };
        assert_eq!(error.sqlstate(), Some("23514"), "{error:?}");
        drop(copy);
        let answer = wire.query("the test", b"SELECT 'still here'").unwrap();
        assert_eq!(answer, [[Some("still here".to_owned())]]);
    }
}

#[test]
fn warnings_that_are_larger_than_any_buffer_are_passed_over() {
    let server = server();
    server.ask(
        "CREATE FUNCTION public.shout(id int) RETURNS int LANGUAGE plpgsql AS
            'BEGIN RAISE WARNING ''%'', repeat(''loud '', 200000); RETURN id; END';
         CREATE TABLE public.loud (id int CHECK (public.shout(id) > 0))",
    );
    for mut wire in wires(&server) {
        let mut count = Count(0);
        let sql = b"COPY (SELECT public.shout(g) FROM generate_series(1, 20) g) TO STDOUT";
        wire.copy_out("the test", sql, RowFormat::Text, &mut count).unwrap();
        assert_eq!(count.0, 20);
        let mut copy = wire.copy_in("the test", b"COPY public.loud FROM STDIN", RowFormat::Text).unwrap();
        (1..=20).for_each(|row| copy.write(format!("{row}\n").as_bytes()).unwrap());
        copy.finish().unwrap();
        let lines = wire.take_notices().into_lines();
        assert_eq!(lines, ["a warning of 1000 kB (40 times)"]);
        let many = vec![b"SELECT public.shout(1);".to_vec(); 50].concat();
        wire.execute("the test", &many).unwrap();
    }
}

/// A table that the target refuses in the middle is named, and the others are copied: the session that reads is made anew.
#[test]
fn after_a_table_that_is_refused_half_way_the_next_ones_are_copied() {
    let server = server();
    server.ask("CREATE DATABASE fits");
    let sql = "CREATE SCHEMA core;
        CREATE FUNCTION core.fits() RETURNS bool LANGUAGE sql STABLE AS 'SELECT current_database() = ''fits''';
        CREATE TABLE core.first (id int CHECK (core.fits()), a text);
        INSERT INTO core.first SELECT g, repeat('v', 1000) FROM generate_series(1, 60000) g;
        CREATE TABLE core.second AS SELECT g AS id, repeat('w', 1000) AS a FROM generate_series(1, 1000) g";
    tell(&server, "fits", sql);
    for (from, to) in ways(&server, "fits").into_iter().zip(ways(&server, "copy")) {
        tell(&server, "fits", "DELETE FROM core.second WHERE id = 0");
        let mut split = pgkeep();
        split.args(["split", "--json", "-j", "1", "--schemas", "core", "--from", &from, "--to", &to]);
        let said = end(start(&mut split), Duration::from_secs(60));
        assert_eq!(said.code, 8, "{said:?}");
        let text = said.document().to_string();
        assert!(text.contains("TABLE DATA core.first") && !text.contains("core.second"), "{text}");
        assert_eq!(tell(&server, "copy", "SELECT count(*) FROM core.second"), "1000");
        tell(&server, "fits", "INSERT INTO core.second VALUES (0)");
        server.ask("DROP DATABASE copy WITH (FORCE)");
    }
}
