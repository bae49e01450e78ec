//! A private cluster works, and leaves nothing behind however its owner ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::{ClusterError, ClusterOptions, Durability, Listen, Locale, PrivateCluster, sweep_orphans_in};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use crate::pgkeep::folder;
use crate::postgres::{psql, server};
use crate::template;

/// Tells a second run of this binary where to start the cluster that it will be killed with.
const OWNER_FOLDER: &str = "PGKEEP_TEST_CLUSTER_FOLDER";

fn options_in(folder: &TempDir) -> ClusterOptions {
    ClusterOptions { temp_dir: Some(folder.path().to_owned()), ..ClusterOptions::default() }
}

/// Processes that name this folder in their command line or work in it.
fn processes_in(folder: &Path) -> Vec<i32> {
    let name = folder.to_str().unwrap();
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        *pid != std::process::id() as i32
            && (String::from_utf8_lossy(&cmdline).contains(name) || cwd.starts_with(folder))
    })
    .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn assert_nothing_left(folder: &TempDir) {
    assert_eq!(entries(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(processes_in(folder.path()), Vec::<i32>::new());
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn takes_connections_and_leaves_nothing_after_stop() {
    for major in [16, 18] {
        let (folder, binaries) = (folder(), server(major));
        let cluster = PrivateCluster::start(&binaries, options_in(&folder)).unwrap();
        let ask = |sql| psql(&binaries, &cluster.dsn("postgres"), sql).unwrap();
        assert_eq!(ask("SELECT current_setting('server_version_num')::int / 10000"), major.to_string());
        assert_eq!(ask("SELECT current_user"), "postgres");
        assert_eq!(ask("SHOW server_encoding"), "UTF8");
        assert_eq!(ask("SHOW listen_addresses"), "");
        assert_eq!(ask("SHOW fsync"), "off");
        assert_eq!(ask("SHOW wal_level"), "minimal");
        let mode = fs::metadata(cluster.socket_dir()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else reaches the socket");
        assert_ne!(processes_in(folder.path()), Vec::<i32>::new());
        cluster.stop().unwrap();
        assert_nothing_left(&folder);
    }
}

#[test]
fn options_reach_the_server() {
    let (folder, binaries) = (folder(), server(18));
    let cluster = PrivateCluster::start(
        &binaries,
        ClusterOptions {
            superuser: "the owner".to_owned(),
            durability: Durability::Durable,
            locale: Locale::Builtin("C.UTF-8".to_owned()),
            settings: vec![("wal_level".to_owned(), "logical".to_owned()), ("work_mem".to_owned(), "5MB".to_owned())],
            data_files: vec![("note.txt".to_owned(), b"for the server\n".to_vec())],
            ..options_in(&folder)
        },
    )
    .unwrap();
    let ask = |sql| psql(&binaries, &cluster.dsn("postgres"), sql).unwrap();
    assert_eq!(ask("SELECT current_user"), "the owner");
    assert_eq!(ask("SHOW fsync"), "on");
    assert_eq!(ask("SHOW wal_level"), "logical");
    assert_eq!(ask("SHOW work_mem"), "5MB");
    assert_eq!(
        ask("SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"),
        "b|C.UTF-8"
    );
    assert_eq!(ask("SELECT upper('ä')"), "Ä");
    assert_eq!(ask("SELECT pg_read_file('note.txt')"), "for the server");
    cluster.stop().unwrap();
    assert_nothing_left(&folder);
}

#[test]
fn copies_of_a_cluster_are_servers_of_their_own() {
    for major in [14, 15, 16, 17, 18] {
        let (folder, binaries) = (folder(), server(major));
        let original = PrivateCluster::start(&binaries, options_in(&folder)).unwrap();
        let ask = |cluster: &PrivateCluster, sql: &str| psql(&binaries, &cluster.dsn("postgres"), sql).unwrap();
        let identity = "SELECT system_identifier > 0, system_identifier FROM pg_control_system()";
        ask(&original, "CREATE TABLE t AS SELECT 1 AS n; CREATE UNLOGGED TABLE u AS SELECT 2 AS n; CREATE SEQUENCE s");
        let mut identities = vec![ask(&original, identity)];
        template::shut_down(&original);
        for n in ["3", "4"] {
            let copy_of = Some(original.data_dir());
            let copy = PrivateCluster::start(&binaries, ClusterOptions { copy_of, ..options_in(&folder) }).unwrap();
            assert_eq!(
                ask(&copy, "SELECT t.n, u.n, nextval('s') FROM t, u"),
                "1|2|1",
                "{major}: nothing of another copy"
            );
            ask(&copy, &format!("UPDATE t SET n = {n}; CHECKPOINT"));
            identities.push(ask(&copy, identity));
            copy.stop().unwrap();
        }
        assert!(identities.iter().all(|identity| identity.starts_with("t|")), "{major}: {identities:?}");
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), 3, "{major}: {identities:?}");
        drop(original);
        assert_nothing_left(&folder);
    }
}

#[test]
fn what_is_no_cluster_is_not_copied_and_nothing_is_left() {
    let (folder, elsewhere) = (folder(), folder());
    let copy_of = Some(elsewhere.path().to_owned());
    let error = PrivateCluster::start(&server(18), ClusterOptions { copy_of, ..options_in(&folder) }).unwrap_err();
    assert!(matches!(error, ClusterError::NotCopied { .. }), "{error:?}");
    assert_nothing_left(&folder);
}

#[test]
fn on_loopback_the_password_is_asked_for() {
    let (folder, binaries) = (folder(), server(16));
    let password = "it's \\ secret";
    let listen = Listen::Loopback { password: SecretString::from(password) };
    let cluster = PrivateCluster::start(&binaries, ClusterOptions { listen, ..options_in(&folder) }).unwrap();
    let tcp = cluster.tcp_dsn("postgres").unwrap();
    assert_eq!(psql(&binaries, tcp.expose_secret(), "SELECT host(inet_server_addr())").unwrap(), "127.0.0.1");
    let wrong = format!("host=127.0.0.1 port={} user=postgres dbname=postgres password=wrong", cluster.port());
    let refused = psql(&binaries, &wrong, "SELECT 1").unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
    let kept = fs::read_dir(cluster.socket_dir()).unwrap().any(|entry| entry.unwrap().file_name() == "password");
    assert!(!kept, "the password stays in a file");
}

#[test]
fn the_server_has_no_rights_of_root() {
    let (folder, binaries) = (folder(), server(18));
    let cluster = PrivateCluster::start(&binaries, options_in(&folder)).unwrap();
    let pid_file = fs::read_to_string(cluster.data_dir().join("postmaster.pid")).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", pid_file.lines().next().unwrap())).unwrap();
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    let uids: Vec<&str> = field("Uid:").split_whitespace().collect();
    assert!(!uids.contains(&"0"), "{uids:?}");
    if rustix::process::geteuid().is_root() {
        assert_eq!(field("Groups:"), "", "root's groups are not lent");
    }
    assert_eq!(field("CapEff:"), "0000000000000000");
}

#[test]
fn a_panic_leaves_nothing() {
    let folder = folder();
    let options = options_in(&folder);
    let panicked = std::thread::spawn(move || {
        let binaries = server(18);
        let cluster = PrivateCluster::start(&binaries, options).unwrap();
        psql(&binaries, &cluster.dsn("postgres"), "CREATE TABLE t AS SELECT generate_series(1, 1000)").unwrap();
        panic!("in the middle of a drill");
    })
    .join();
    let message = panicked.unwrap_err();
    assert_eq!(message.downcast_ref(), Some(&"in the middle of a drill"));
    assert_nothing_left(&folder);
}

#[test]
fn a_server_that_does_not_start_says_why_and_leaves_nothing() {
    let folder = folder();
    let settings = vec![("shared_buffers".to_owned(), "plenty".to_owned())];
    let error = PrivateCluster::start(&server(18), ClusterOptions { settings, ..options_in(&folder) }).unwrap_err();
    assert!(matches!(error, ClusterError::NotStarted { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(r#"invalid value for parameter "shared_buffers": "plenty""#), "{text}");
    assert_nothing_left(&folder);
}

#[test]
fn a_failed_initdb_says_why_and_leaves_nothing() {
    let folder = folder();
    let locale = Locale::Libc("xx_XX".to_owned());
    let error = PrivateCluster::start(&server(18), ClusterOptions { locale, ..options_in(&folder) }).unwrap_err();
    assert!(matches!(error, ClusterError::InitdbFailed { .. }), "{error:?}");
    assert!(error.to_string().contains("invalid locale name"), "{error}");
    assert_nothing_left(&folder);
}

#[test]
fn a_folder_too_deep_for_a_socket_is_refused_with_a_hint() {
    let folder = folder();
    let deep = folder.path().join("d".repeat(100));
    fs::create_dir(&deep).unwrap();
    let options = ClusterOptions { temp_dir: Some(deep.clone()), ..ClusterOptions::default() };
    let error = PrivateCluster::start(&server(18), options).unwrap_err();
    assert!(matches!(error, ClusterError::SocketPathTooLong { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("PGKEEP_TMPDIR"));
    assert_eq!(entries(&deep), Vec::<PathBuf>::new());
}

/// Not a test by itself: the process that the following ones kill. Started through [`owner_in`].
#[test]
#[ignore = "runs until it is killed; the tests start it themselves"]
fn an_owner_that_waits_to_be_killed() {
    let Some(folder) = std::env::var_os(OWNER_FOLDER) else { return };
    let options = ClusterOptions { temp_dir: Some(folder.into()), ..ClusterOptions::default() };
    let cluster = PrivateCluster::start(&server(18), options).unwrap();
    let pid_file = fs::read_to_string(cluster.data_dir().join("postmaster.pid")).unwrap();
    println!("\npostmaster {}", pid_file.lines().next().unwrap());
    std::thread::sleep(Duration::from_secs(120));
}

/// Another process that owns a running cluster, and that cluster's postmaster.
fn owner_in(folder: &TempDir) -> (Child, i32) {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cluster::an_owner_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .env(OWNER_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(owner.stdout.take().unwrap());
    let pid = said.lines().find_map(|line| line.unwrap().strip_prefix("postmaster ")?.parse().ok());
    (owner, pid.expect("the owner names its postmaster"))
}

/// The shell that watches the owner: a command line of this cluster that is not a server's.
fn keeper_in(folder: &TempDir) -> Pid {
    let keepers: Vec<i32> = processes_in(folder.path())
        .into_iter()
        .filter(|pid| {
            let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&cmdline).contains("pgkeep-cluster-keeper")
        })
        .collect();
    assert_eq!(keepers.len(), 1, "{keepers:?}");
    Pid::from_raw(keepers[0]).unwrap()
}

fn alive(pid: i32) -> bool {
    // A zombie has no executable.
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

#[test]
fn the_server_ends_with_an_owner_that_was_killed() {
    let folder = folder();
    let (mut owner, postmaster) = owner_in(&folder);
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("the postmaster is gone", || !alive(postmaster));
    wait_until("the keeper is gone", || processes_in(folder.path()).is_empty());
    sweep_orphans_in(folder.path()).unwrap();
    assert_nothing_left(&folder);
}

#[test]
fn the_next_run_sweeps_what_a_killed_owner_and_its_keeper_left() {
    let folder = folder();
    let (mut owner, postmaster) = owner_in(&folder);
    kill_process(keeper_in(&folder), Signal::KILL).unwrap();
    assert_eq!(sweep_orphans_in(folder.path()).unwrap(), Vec::<PathBuf>::new(), "the owner lives");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(alive(postmaster), "without keeper and owner the server goes on");

    let left = entries(folder.path());
    let cluster = PrivateCluster::start(&server(18), options_in(&folder)).unwrap();
    assert!(!alive(postmaster));
    assert!(!left[0].exists(), "start sweeps");
    assert_eq!(sweep_orphans_in(folder.path()).unwrap(), Vec::<PathBuf>::new(), "a running cluster is no orphan");
    cluster.stop().unwrap();
    assert_nothing_left(&folder);
}

#[test]
fn a_sweep_signals_no_process_that_only_has_the_number() {
    let folder = folder();
    let (mut owner, postmaster) = owner_in(&folder);
    kill_process(keeper_in(&folder), Signal::KILL).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    let root = entries(folder.path()).remove(0);
    // The number in the file now belongs to somebody else, as after a restart of the machine.
    let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
    let pid_file = root.join("server/data/postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    fs::write(&pid_file, text.replacen(&postmaster.to_string(), &bystander.id().to_string(), 1)).unwrap();
    // The true one has to be stopped by hand, in this test alone.
    kill_process(Pid::from_raw(postmaster).unwrap(), Signal::KILL).unwrap();

    assert_eq!(sweep_orphans_in(folder.path()).unwrap(), vec![root]);
    assert_eq!(bystander.try_wait().unwrap(), None, "a stranger was signalled");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    wait_until("the killed server's children are gone", || processes_in(folder.path()).is_empty());
    assert_nothing_left(&folder);
}

#[test]
fn a_young_folder_without_owner_is_left_alone_and_an_old_one_removed() {
    let folder = folder();
    let (young, old) = (folder.path().join("pgkeep-cluster-young"), folder.path().join("pgkeep-cluster-old"));
    for root in [&young, &old] {
        fs::create_dir(root).unwrap();
        assert!(Command::new("touch").arg(root.join("server.log")).status().unwrap().success());
    }
    assert!(Command::new("touch").args(["-d", "2 minutes ago"]).arg(&old).status().unwrap().success());
    fs::create_dir(folder.path().join("pgkeep-other")).unwrap();
    assert_eq!(sweep_orphans_in(folder.path()).unwrap(), vec![old]);
    assert!(young.exists());
    assert!(folder.path().join("pgkeep-other").exists());
}
