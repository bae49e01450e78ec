//! A pooler between pgkeep and the server: pgbouncer, in the two modes that matter.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgkeep::pg::cluster::ClusterOptions;
use serde_json::json;
use tempfile::TempDir;

use crate::pgkeep::{Repo, Said};
use crate::postgres::{Server, psql};

struct Pooler {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// None where this machine has no pgbouncer.
    fn start(server: &Server, mode: &str) -> Option<Self> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| fs::exists(path).unwrap())?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (socket, server_port) = (server.cluster.socket_dir().display().to_string(), server.cluster.port());
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={socket} port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n"
        );
        fs::write(&settings, text).unwrap();
        fs::set_permissions(&settings, fs::Permissions::from_mode(0o644)).unwrap();
        // It refuses to run as root, as PostgreSQL does; the server's own user can reach the socket.
        let owner = fs::metadata(server.cluster.socket_dir()).unwrap();
        let mut command = Command::new("setpriv");
        if rustix::process::geteuid().is_root() {
            command
                .arg(format!("--reuid={}", owner.uid()))
                .arg(format!("--regid={}", owner.gid()))
                .arg("--clear-groups");
        }
        let process = command
            .args(["--pdeathsig=KILL", program])
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self { process, port, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "pgbouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(pooler)
    }

    fn dsn(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=postgres dbname={database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_pool_by_transaction_is_refused_untouched_and_one_by_session_is_used() {
    let server = Server::start(15, ClusterOptions::default());
    server.ask("CREATE TABLE public.orders AS SELECT generate_series(1, 100) AS id");
    let Some(pool) = Pooler::start(&server, "transaction") else {
        writeln!(std::io::stderr(), "left out: a_pool_by_transaction..., because there is no pgbouncer here").unwrap();
        return;
    };
    // The sessions that an application would be given next.
    let theirs = "SELECT pg_backend_pid(), current_setting('search_path'), current_setting('row_security')";
    let before = psql(&server.binaries, &pool.dsn("postgres"), theirs).unwrap();

    let repo = Repo::new();
    let said = Said::of(&mut repo.command(["backup", "-q", "-d", &pool.dsn("postgres")]));
    assert_eq!((said.code, said.stdout.as_str()), (4, ""), "{said:?}");
    assert!(said.stderr.contains("is a connection pooler in transaction mode"), "{said:?}");
    assert!(said.stderr.contains("\n  hint: connect to PostgreSQL directly"), "{said:?}");
    assert_eq!(repo.json(["list"]), json!([]));
    assert_eq!(psql(&server.binaries, &pool.dsn("postgres"), theirs).unwrap(), before, "the pool was left as it was");

    let pool = Pooler::start(&server, "session").unwrap();
    assert_eq!(repo.json(["backup", "-d", &pool.dsn("postgres")])["rows"], 100);
    server.ask("CREATE DATABASE copy");
    assert_eq!(repo.restored(["latest", "-d", &pool.dsn("copy")])["proven"], true);
}
