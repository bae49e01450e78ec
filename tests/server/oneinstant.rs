//! A backup shows one instant: while another session writes without a pause, and never of two servers at once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::judge::{project, text_of};
use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

/// `scripts/sample/writer`, which says what must hold in every committed state.
struct Writer(Child);

fn writer(verb: &str, dsn: &str) -> Command {
    let mut writer = Command::new(project("scripts/sample/writer"));
    writer.args([verb, dsn]);
    writer
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

#[test]
fn a_backup_beside_a_writer_holds_one_instant() {
    let samples = [("chronos", "0.003")];
    let (source, repo) = (Server::with_samples(15, &samples, ClusterOptions::default()), Repo::new());
    let dsn = source.dsn("chronos");
    text_of(&mut writer("setup", &dsn));
    let _writer = Writer(writer("run", &dsn).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let number = |database: &str, sql: &str| -> i64 {
        psql(&source.binaries, &source.dsn(database), sql).unwrap().parse().unwrap()
    };
    const BEAT: &str = "SELECT beat FROM ledger.heartbeat_a";
    let of_churn = "SELECT coalesce(max(oid::bigint), 0) FROM pg_class WHERE relnamespace = 'churn'::regnamespace";
    while number("chronos", BEAT) < 6000 || number("chronos", of_churn) == 0 {
        thread::sleep(Duration::from_millis(20));
    }

    for copy in ["first", "second"] {
        let (beat, newest) = (number("chronos", BEAT), number("chronos", of_churn));
        // The writer drops tables all the while.
        repo.json(["backup", "-d", &dsn, "-j", "2", "--accept-shrink"]);
        let beat_after = number("chronos", BEAT);
        assert!(beat_after > beat + 10 && number("chronos", of_churn) > newest, "the writer was at work all the while");

        let restored = repo.restored(["latest", "--create", "-d", &source.dsn(copy)]);
        assert_eq!(restored["proven"], true);
        let rules = text_of(&mut writer("check", &source.dsn(copy)));
        assert!(rules.starts_with("every rule holds at beat "), "{rules}");
        let kept = number(copy, BEAT);
        assert!((beat..=beat_after).contains(&kept), "{kept} lies between {beat} and {beat_after}");
    }
}

/// Sends every other connection to another server, as a balancer over replicas does. Returns its port.
fn balancer(sockets: [PathBuf; 2]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (client, socket) in listener.incoming().zip(sockets.iter().cycle()) {
            let (Ok(client), Ok(server)) = (client, UnixStream::connect(socket)) else { return };
            let (client_again, server_again) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                pass_on(&client, &server);
                let _ = server.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                pass_on(&server_again, &client_again);
                let _ = TcpStream::shutdown(&client_again, Shutdown::Both);
            });
        }
    });
    port
}

/// Until one of the two hangs up.
fn pass_on(mut from: impl Read, mut to: impl Write) {
    let mut bytes = [0; 8192];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..n]).is_err() {
            return;
        }
    }
}

#[test]
fn an_endpoint_with_several_servers_behind_it_is_found_and_explained() {
    let servers = [15, 15].map(|major| Server::start(major, ClusterOptions::default()));
    let socket = |server: &Server| server.cluster.socket_dir().join(format!(".s.PGSQL.{}", server.cluster.port()));
    for server in &servers {
        server.ask("CREATE TABLE public.orders AS SELECT generate_series(1, 100) AS id");
    }
    let port = balancer([socket(&servers[0]), socket(&servers[1])]);
    let dsn = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
    // It is a way to PostgreSQL, to both servers in turn.
    let who = "SELECT current_setting('data_directory')";
    let seen = [(); 2].map(|()| psql(&servers[0].binaries, &dsn, who).unwrap());
    assert_ne!(seen[0], seen[1]);

    let repo = Repo::new();
    let said = Said::of(&mut repo.command(["backup", "-q", "-d", &dsn]));
    assert_eq!((said.code, said.stdout.as_str()), (4, ""), "{said:?}");
    assert!(said.stderr.starts_with("pgkeep: a second session could not import the snapshot: "), "{said:?}");
    let hint = "\n  hint: Connect directly to one server, not through a pooler or load balancer: an exported snapshot is valid on one server only.\n";
    assert!(said.stderr.ends_with(hint), "{said:?}");
    assert_eq!(repo.json(["list"]), json!([]));
    // With one server behind it, the same way in is as good as any.
    let port = balancer([socket(&servers[0]), socket(&servers[0])]);
    let dsn = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres");
    assert_eq!(repo.json(["backup", "-d", &dsn])["rows"], 100);
}
