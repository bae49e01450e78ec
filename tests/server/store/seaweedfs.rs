//! SeaweedFS, a real S3 server, private to this run of the tests.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::json;

use super::account::Account;
use crate::pgkeep::folder_on_disk;

const READY: Duration = Duration::from_secs(60);

/// Ends the server and removes its files when this process is gone, however it went: the kernel then closes the pipe
/// that is this script's standard input. `$1` the server's process, `$2` its folder.
const KEEPER: &str = r#"
read -r _
kill -KILL "$1" 2>/dev/null
while kill -0 "$1" 2>/dev/null; do sleep 0.05; done
rm -rf "$2"
"#;

pub const OWNER: Account = Account { access_key: "owner", secret_key: "owner's secret" };
/// May read and list, and nothing else.
pub const READER: Account = Account { access_key: "reader", secret_key: "reader's secret" };

pub struct SeaweedFs {
    pub endpoint: String,
    pub folder: PathBuf,
    /// Ends, and ends the server, when this is dropped, or when the process ends.
    _keeper: Child,
    _server: Child,
}

/// One server for all tests of this process. It is never dropped, and its keeper sees the process end.
pub fn seaweedfs() -> &'static SeaweedFs {
    static SERVER: OnceLock<SeaweedFs> = OnceLock::new();
    SERVER.get_or_init(SeaweedFs::start)
}

impl SeaweedFs {
    fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/seaweedfs/weed");
        assert!(program.exists(), "no {}; run `scripts/s3-server` (scripts/test does)", program.display());
        let folder = folder_on_disk().keep();
        let identity = |account: &Account, actions: &[&str]| {
            let credentials = [json!({"accessKey": account.access_key, "secretKey": account.secret_key})];
            json!({"name": account.access_key, "credentials": credentials, "actions": actions})
        };
        let identities = json!({"identities": [identity(&OWNER, &["Admin"]), identity(&READER, &["Read", "List"])]});
        fs::write(folder.join("s3.json"), identities.to_string()).unwrap();
        fs::create_dir(folder.join("data")).unwrap();

        // All held at once, so that no two are the same; then let go, for the server.
        let held: Vec<TcpListener> = (0..10).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(held);
        let mut weed = Command::new(program);
        weed.arg("-logtostderr").arg("mini");
        let names = ["master.port", "volume.port", "filer.port", "s3.port", "admin.port"];
        for (n, name) in names.iter().enumerate() {
            weed.arg(format!("-{name}={}", ports[2 * n])).arg(format!("-{name}.grpc={}", ports[2 * n + 1]));
        }
        weed.args([
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
        ]);
        weed.args([
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false",
        ]);
        weed.arg(format!("-dir={}", folder.join("data").display()));
        weed.arg(format!("-s3.config={}", folder.join("s3.json").display()));
        let log = File::create(folder.join("log")).unwrap();
        weed.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).current_dir(&folder);
        let server = weed.spawn().unwrap();
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "pgkeep-test-keeper", &server.id().to_string()]).arg(&folder);
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

        let seaweedfs =
            Self { endpoint: format!("http://127.0.0.1:{}", ports[6]), folder, _keeper: keeper, _server: server };
        seaweedfs.wait_until_ready();
        seaweedfs
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + READY;
        // The log's last word; the port alone is open before anything can be stored.
        while !fs::read_to_string(self.folder.join("log")).unwrap().contains("ready to use") {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap();
            assert!(Instant::now() < deadline, "SeaweedFS is not ready after {READY:?}:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
