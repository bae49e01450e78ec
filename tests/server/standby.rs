//! Backups from a hot standby: what it has nothing of is told, and what it ends is read again or explained.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::{ClusterOptions, Durability};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::pgkeep::{Repo, Said, folder};
use crate::postgres::{Server, psql};

/// A copy of a server that follows it.
struct Standby<'a> {
    primary: &'a Server,
    folder: TempDir,
}

impl<'a> Standby<'a> {
    fn of(primary: &'a Server, settings: &str) -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let mut copy = primary.binaries.command("pg_basebackup");
        copy.args(["-d", &primary.dsn("postgres"), "-R", "-X", "stream", "-c", "fast", "-D"]).arg(&data);
        assert!(copy.status().unwrap().success());
        // One that is at work has a setting of its own for the place of its socket.
        let mut conf = fs::read_to_string(data.join("postgresql.conf")).unwrap();
        conf.push_str(&format!(
            "\nunix_socket_directories = '{}'\nexternal_pid_file = ''\nlisten_addresses = ''\n{settings}\n",
            folder.path().display()
        ));
        fs::write(data.join("postgresql.conf"), conf).unwrap();
        let standby = Self { primary, folder };
        let owner = standby.owner();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        give(standby.folder.path(), owner);
        let log = data.with_file_name("log");
        let started = standby.pg_ctl(&["-w", "start", "-l"]).arg(&log).status().unwrap().success();
        assert!(started, "{}", fs::read_to_string(log).unwrap_or_default());
        standby
    }

    fn owner(&self) -> (u32, u32) {
        let owner = fs::metadata(self.primary.cluster.socket_dir()).unwrap();
        (owner.uid(), owner.gid())
    }

    fn pg_ctl(&self, args: &[&str]) -> Command {
        let pg_ctl = self.primary.binaries.command("pg_ctl");
        let (uid, gid) = self.owner();
        let mut command = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
        }
        command.arg(pg_ctl.get_program()).args(["-s", "-D"]).arg(self.folder.path().join("data")).args(args);
        command.envs(pg_ctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdout(Stdio::null());
        command
    }

    fn dsn(&self, database: &str) -> String {
        format!(
            "host={} port={} user=postgres dbname={database}",
            self.folder.path().display(),
            self.primary.cluster.port()
        )
    }

    fn ask(&self, sql: &str) -> String {
        psql(&self.primary.binaries, &self.dsn("postgres"), sql).unwrap()
    }

    /// Until the standby has everything that the primary has by now.
    fn catch_up(&self) {
        let at = self.primary.ask("SELECT pg_current_wal_lsn()");
        self.wait(&format!("SELECT pg_last_wal_replay_lsn() >= '{at}'"));
    }

    #[track_caller]
    fn wait(&self, sql: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.ask(sql) != "t" {
            assert!(Instant::now() < deadline, "{sql}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Standby<'_> {
    fn drop(&mut self) {
        let _ = self.pg_ctl(&["-m", "immediate", "stop"]).status();
    }
}

fn give(path: &Path, owner: (u32, u32)) {
    chown(path, Some(owner.0), Some(owner.1)).unwrap();
    if path.is_dir() {
        let entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.iter().filter(|entry| !entry.is_symlink()).for_each(|entry| give(entry, owner));
    }
}

fn primary() -> Server {
    Server::start(15, ClusterOptions { durability: Durability::Durable, ..ClusterOptions::default() })
}

#[test]
fn unlogged_relations_are_left_out_of_a_standbys_backup_and_told() {
    let primary = primary();
    primary.ask(
        "CREATE TABLE kept (i int); INSERT INTO kept VALUES (1); CREATE UNLOGGED TABLE cache (x text); INSERT INTO cache VALUES ('a');
        CREATE UNLOGGED SEQUENCE counter; SELECT nextval('counter')",
    );
    let standby = Standby::of(&primary, "");
    let repo = Repo::new();
    let report = repo.json(["backup", "-d", &standby.dsn("postgres")]);
    assert_eq!((&report["tables"], &report["rows"]), (&1.into(), &1.into()));
    let left_out: Vec<&str> =
        report["left_out"].as_array().unwrap().iter().map(|left_out| left_out["entry"].as_str().unwrap()).collect();
    assert_eq!(left_out, ["TABLE DATA public.cache", "SEQUENCE SET public.counter"]);
    assert!(report["left_out"][0]["reason"].as_str().unwrap().contains("standby"), "{report}");
    primary.ask("CREATE DATABASE copy");
    assert_eq!(repo.restored(["latest", "-d", &primary.dsn("copy")])["proven"], true);
    let empty = psql(&primary.binaries, &primary.dsn("copy"), "SELECT count(*) FROM cache").unwrap();
    assert_eq!(empty, "0", "its definition is there");

    // The primary has them, and a standby cannot be asked for them.
    assert_eq!(repo.json(["backup", "-d", &primary.dsn("postgres")])["tables"], 2);
    let said = Said::of(&mut repo.command(["verify", "latest", "--json", "--against", &standby.dsn("postgres")]));
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stdout.contains("compare with the primary"), "{said:?}");
}

/// A backup that is stopped in the middle of a table, so that the server waits for it with a page in its hand.
fn held_backup(repo: &Repo, standby: &Standby<'_>) -> Child {
    let mut backup = repo.command(["backup", "-j", "1", "--json", "-d", &standby.dsn("postgres")]);
    let child = backup.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    standby.wait("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgkeep rows' AND query LIKE 'COPY%' AND state = 'active'");
    kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
    standby.wait("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgkeep rows' AND wait_event = 'ClientWrite'");
    child
}

fn go_on(child: Child) -> Said {
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    child.wait_with_output().unwrap().into()
}

const LARGE: &str = "CREATE TABLE large (id int, filler text) WITH (autovacuum_enabled = off);
    INSERT INTO large SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 60000) g; CREATE TABLE other (i int); INSERT INTO other VALUES (1)";

#[test]
fn a_part_that_a_standby_cancelled_is_read_again_while_the_snapshot_lives() {
    let primary = primary();
    primary.ask(LARGE);
    // Versions that are dead before any snapshot of the backup: to remove them takes the page, and no snapshot.
    primary.ask("UPDATE large SET filler = filler || 'x' WHERE id % 3 = 0");
    let standby = Standby::of(&primary, "max_standby_streaming_delay = 200ms");
    standby.catch_up();
    let repo = Repo::new();
    let backup = held_backup(&repo, &standby);
    primary.ask("VACUUM (TRUNCATE off) large");
    standby
        .wait("SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'BufferPin'");
    std::thread::sleep(Duration::from_millis(500));
    let said = go_on(backup);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.document()["rows"], 60_001);
    assert_ne!(standby.ask("SELECT confl_bufferpin FROM pg_stat_database_conflicts WHERE datname = 'postgres'"), "0");
    primary.ask("CREATE DATABASE copy");
    assert_eq!(repo.restored(["latest", "-d", &primary.dsn("copy")])["proven"], true);
}

#[test]
fn a_snapshot_that_a_standby_ended_is_explained() {
    let primary = primary();
    primary.ask(LARGE);
    let standby = Standby::of(&primary, "max_standby_streaming_delay = 2s");
    standby.catch_up();
    let repo = Repo::new();
    let backup = held_backup(&repo, &standby);
    primary.ask("DELETE FROM large WHERE id % 3 = 0");
    primary.ask("VACUUM (TRUNCATE off) large");
    // The standby says so only while its patience lasts, which has to be long enough to be seen from a busy machine.
    standby.wait("SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'RecoveryConflictSnapshot'");
    std::thread::sleep(Duration::from_millis(2500));
    let said = go_on(backup);
    assert_eq!(said.code, 4, "{said:?}");
    let error = said.document();
    assert!(error["causes"].to_string().contains("conflict with recovery"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("hot_standby_feedback = on"), "{error}");
    assert_eq!(repo.json(["list"]), serde_json::json!([]));
}
