//! A backup that ends early, by a signal or by the server: no snapshot, and no session left behind.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::pgkeep::{Repo, Said, executable};
use crate::postgres::Server;

/// Enough that zstd's slowest level is busy for minutes: what is random cannot be compressed quickly.
const SLOW: &str = "CREATE TABLE public.slow AS
    SELECT i, sha512(i::text::bytea) || sha512((-i)::text::bytea) AS noise FROM generate_series(1, 300000) i;
    CREATE TABLE public.small (id integer)";

const OURS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%'";

struct Run {
    server: Server,
    repo: Repo,
    child: Child,
}

/// A backup in the middle of the rows of public.slow.
fn backup_in_the_middle(args: &[&str]) -> Run {
    let (repo, server) = start();
    in_the_middle(repo, server, args)
}

fn start() -> (Repo, Server) {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask(SLOW);
    (repo, server)
}

fn in_the_middle(repo: Repo, server: Server, args: &[&str]) -> Run {
    let backup = repo.command(["backup", "-d", &server.dsn("postgres"), "--level", "19"]);
    // Also where these tests themselves are to outlive their terminal.
    let mut command = std::process::Command::new("env");
    command.arg("--default-signal=HUP").arg(backup.get_program()).args(backup.get_args()).args(args);
    for (name, value) in backup.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reading = "SELECT count(*) > 0 FROM pg_stat_activity
        WHERE application_name = 'pgkeep rows' AND state = 'active' AND query LIKE 'COPY%slow%'";
    server.wait_for(reading, "t");
    Run { server, repo, child }
}

impl Run {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it said, and that it ended soon and left nothing at the server or in the list.
    fn end(self) -> (Said, Server, Repo) {
        let Self { server, repo, mut child } = self;
        let since = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if since.elapsed() > Duration::from_secs(15) {
                child.kill().unwrap();
                panic!("still running after {:?}", since.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let said: Said = child.wait_with_output().unwrap().into();
        server.wait_until(OURS, "0", Duration::from_secs(6));
        assert_eq!(repo.json(["list"]), json!([]));
        (said, server, repo)
    }
}

#[test]
fn ctrl_c_ends_it_in_order() {
    let run = backup_in_the_middle(&[]);
    run.signal(Signal::INT);
    let (said, ..) = run.end();
    assert_eq!((said.code, said.stdout.as_str()), (130, ""), "{said:?}");
    // The plain lines of progress, one a phase, then the end.
    let lines: Vec<&str> = said.stderr.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert!(lines.contains(&"reading rows"), "{said:?}");
    assert!(said.stderr.ends_with("\npgkeep: interrupted\n"), "{said:?}");
}

#[test]
fn sigterm_ends_it_in_order_and_json_says_so() {
    let run = backup_in_the_middle(&["--json"]);
    run.signal(Signal::TERM);
    let (said, ..) = run.end();
    assert_eq!((said.code, said.stderr.as_str()), (130, ""), "{said:?}");
    assert_eq!(said.document(), json!({"error": "interrupted", "causes": [], "hint": null, "exit_code": 130}));
}

/// As where a terminal is closed at night. A second one is no haste.
#[test]
fn a_terminal_that_goes_ends_it_in_order() {
    let run = backup_in_the_middle(&[]);
    run.signal(Signal::HUP);
    run.signal(Signal::HUP);
    let (said, ..) = run.end();
    assert_eq!((said.code, said.stdout.as_str()), (130, ""), "{said:?}");
    assert!(said.stderr.ends_with("\npgkeep: interrupted\n"), "{said:?}");
}

/// `nohup pgkeep backup`.
#[test]
fn what_is_to_outlive_its_terminal_does() {
    let (repo, server) = start();
    let backup = repo.command(["backup", "-d", &server.dsn("postgres"), "--level", "19"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(backup.get_program()).args(backup.get_args());
    command.envs(backup.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgkeep rows' AND state = 'active'",
        "t",
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let has_hangup = |mask: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(mask)).unwrap().trim();
        u64::from_str_radix(mask, 16).unwrap() & 1 == 1
    };
    assert_eq!((has_hangup("SigIgn:"), has_hangup("SigCgt:")), (true, false), "{status}");
    let run = Run { server, repo, child };
    run.signal(Signal::INT);
    assert_eq!(run.end().0.code, 130);
}

/// As with `systemctl stop` while the backup waits for somebody else's lock.
#[test]
fn a_signal_ends_the_wait_for_a_lock() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.locked (id integer)");
    let sql = "BEGIN; LOCK TABLE public.locked; SELECT pg_sleep(60)";
    let mut psql = server.binaries.command("psql");
    psql.args(["-X", "-q", "-d", &server.dsn("postgres"), "-c", sql]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut holder = psql.spawn().unwrap();
    server.wait_for("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'", "1");
    let child = repo.command(["backup", "-q", "-d", &server.dsn("postgres")]).stderr(Stdio::piped()).spawn().unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND wait_event_type = 'Lock'";
    server.wait_for(waiting, "1");
    let run = Run { server, repo, child };
    run.signal(Signal::TERM);
    let (said, server, _repo) = run.end();
    assert_eq!((said.code, said.stderr.as_str()), (130, "pgkeep: interrupted\n"), "{said:?}");
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
}

/// A proof waits for a lock for two minutes at most, and no longer than until it is told to end.
#[test]
fn ctrl_c_ends_a_proof_that_waits_for_a_lock() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE TABLE public.locked (id integer)");
    let dsn = server.dsn("postgres");
    repo.json(["backup", "-d", &dsn, "--accept-shrink"]);
    let mut psql = server.binaries.command("psql");
    psql.args(["-X", "-q", "-d", &dsn, "-c", "BEGIN; LOCK TABLE public.locked; SELECT pg_sleep(100)"]);
    let mut holder = psql.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait_for("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'", "1");
    for signal in [Signal::INT, Signal::TERM] {
        let mut verify = repo.command(["verify", "latest", "-q", "--against", &dsn]);
        let mut child = verify.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgkeep%' AND wait_event_type = 'Lock'";
        server.wait_for(waiting, "1");
        let since = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        while child.try_wait().unwrap().is_none() {
            if since.elapsed() > Duration::from_secs(5) {
                child.kill().unwrap();
                panic!("still running after {:?}", since.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("ended after {:?}", since.elapsed());
        let said: Said = child.wait_with_output().unwrap().into();
        assert_eq!((said.code, said.stderr.as_str()), (130, "pgkeep: interrupted\n"), "{said:?}");
        server.wait_until(OURS, "0", Duration::from_secs(6));
    }
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
}

/// The real programs behind a pg_dump that begins late, so that the rows fail while it is at work.
fn late_pg_dump(server: &Server) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let real = server.binaries.bin_dir.join("pg_dump");
    let script =
        format!("#!/bin/sh\n[ \"$1\" = --version ] || sleep 10 >/dev/null 2>&1\nexec '{}' \"$@\"\n", real.display());
    let program = folder.path().join("pg_dump");
    executable(&program, script.as_bytes());
    folder
}

#[test]
fn a_session_that_the_server_ends_is_exit_code_4_and_names_the_table() {
    lost_session_is_named(backup_in_the_middle(&["-q"]));
}

/// pg_dump is stopped when the rows fail, and that is not why the backup failed.
#[test]
fn a_pg_dump_that_had_to_be_stopped_is_not_the_cause() {
    let (repo, server) = start();
    let programs = late_pg_dump(&server);
    let programs = programs.path().to_str().unwrap();
    lost_session_is_named(in_the_middle(repo, server, &["-q", "--pg-bin", programs]));
}

fn lost_session_is_named(run: Run) {
    let ended =
        "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE application_name = 'pgkeep rows'";
    assert_eq!(run.server.ask(ended), "t");
    let (said, server, repo) = run.end();
    assert_eq!((said.code, said.stdout.as_str()), (4, ""), "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert!(lines[0].starts_with("pgkeep: reading public.slow"), "{said:?}");
    assert!(lines[0].ends_with(" failed at the source database"), "{said:?}");
    let socket = format!("socket {}:{}", server.cluster.socket_dir().display(), server.cluster.port());
    let lost =
        lines[1].starts_with("  because: the connection to ") && lines[1].ends_with(&format!("{socket} was lost"));
    assert!(lost, "{said:?}");
    // In between: what the server said last, or, where it could not say it because its socket was full, that it hung up.
    assert_eq!(
        lines.last(),
        Some(
            &"  hint: the server's log says why it ended the session; a time-out may also come from an event trigger ON login, since PostgreSQL 17"
        )
    );
    // What had been stored is of use to the next one.
    let next = repo.json(["backup", "-d", &server.dsn("postgres"), "-t", "public.small", "--accept-shrink"]);
    assert_eq!(next["tables"], 1);
}

#[test]
fn a_killed_backup_leaves_no_snapshot_and_the_next_one_works() {
    let run = backup_in_the_middle(&["-q"]);
    run.signal(Signal::KILL);
    let (said, server, repo) = run.end();
    assert_eq!(said.code, -1, "{said:?}");
    let next = repo.json(["backup", "-d", &server.dsn("postgres")]);
    assert_eq!((&next["tables"], &next["rows"]), (&json!(2), &json!(300_000)));
    assert_eq!(repo.json(["list"]).as_array().unwrap().len(), 1);
}

/// As of a terminal or of systemd, which send to all processes: the program that is run may end of it first.
#[test]
fn a_signal_that_ends_pg_dump_as_well_is_told_as_the_signal() {
    let (repo, server) = (Repo::new(), Server::start(15, ClusterOptions::default()));
    server.ask("CREATE SCHEMA core; CREATE TABLE core.t (id integer PRIMARY KEY)");
    let (folder, dsn) = (tempfile::tempdir().unwrap(), server.dsn("postgres"));
    let programs = folder.path().to_str().unwrap();
    let (to, pg_dump) = (server.dsn("new"), folder.path().join("pg_dump"));
    let backup = ["backup", "-d", &dsn, "--pg-bin", programs];
    let split = ["split", "--schemas", "core", "--from", &dsn, "--to", &to, "--pg-bin", programs];
    let plan = ["split", "--plan", "--schemas", "core", "--from", &dsn, "--to", &to, "--pg-bin", programs];
    for signal in ["INT", "TERM"] {
        let asked = format!("#!/bin/sh\nkill -{signal} 0\nsleep 25\n");
        let dumps = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exec '{}' --version\nkill -{signal} 0\nsleep 25\n",
            server.binaries.bin_dir.join("pg_dump").display()
        );
        for program in [asked, dumps] {
            executable(&pg_dump, program.as_bytes());
            for args in [&backup[..], &split, &plan] {
                let mut command = repo.command(args);
                std::os::unix::process::CommandExt::process_group(&mut command, 0);
                let said = Said::of(command.arg("-q").env("PGKEEP_STATE", folder.path()));
                assert_eq!(said.code, 130, "{signal} {args:?}: {said:?}");
                assert!(said.stderr.contains("pgkeep: interrupted\n"), "{said:?}");
                assert!(!said.stderr.contains("pg_dump"), "{said:?}");
            }
        }
    }
}
