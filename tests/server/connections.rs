//! Connections reach the server that the settings name, prove who they are as it asks, and refuse what is not safe.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use pgkeep::pg::Error;
use pgkeep::pg::cluster::{ClusterOptions, Listen, PrivateCluster};
use pgkeep::pg::connect::{RawStream, Session, connect, connect_raw_stream};
use pgkeep::pg::conninfo::{AuthMethod, Conninfo, Environment};
use pgkeep::pg::tls::TlsError;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::postgres::{psql, server};
use crate::template;

const HBA: &str = "local all all trust\n\
                   hostssl all carol 127.0.0.1/32 cert\n\
                   hostssl all onlyssl 127.0.0.1/32 trust\n\
                   hostnossl all onlyplain 127.0.0.1/32 trust\n\
                   host all scram 127.0.0.1/32 scram-sha-256\n\
                   host all md5user 127.0.0.1/32 md5\n\
                   host all clear 127.0.0.1/32 password\n";

/// A server with TLS, one role for each way to log in, and the certificates of an authority made for these tests.
struct Place {
    cluster: PrivateCluster,
    certificates: TempDir,
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl runs");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The authority's files and those that it has signed: name and content.
fn made() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["ca", "other"] {
        openssl(folder, &format!("req -new -x509 -days 2 -nodes -subj /CN={name} -keyout {name}.key -out {name}.crt"));
    }
    fs::write(folder.join("server.ext"), "subjectAltName=DNS:localhost").unwrap();
    fs::write(folder.join("client.ext"), "basicConstraints=CA:FALSE").unwrap();
    for (name, subject) in [("server", "/CN=localhost"), ("client", "/CN=carol")] {
        openssl(folder, &format!("req -new -nodes -subj {subject} -keyout {name}.key -out {name}.csr"));
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext \
                 -out {name}.crt"
            ),
        );
    }
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

impl Place {
    fn new() -> Self {
        static MADE: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
        let certificates = tempfile::tempdir().unwrap();
        let folder = certificates.path();
        for (name, content) in MADE.get_or_init(made) {
            fs::write(folder.join(name), content).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let file = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap());
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options = ClusterOptions {
            listen: Listen::Loopback { password: SecretString::from("unused") },
            settings: vec![
                setting("ssl", "on"),
                setting("ssl_cert_file", "server.crt"),
                setting("ssl_key_file", "server.key"),
                setting("ssl_ca_file", "ca.crt"),
            ],
            data_files: vec![
                ("pg_hba.conf".to_owned(), HBA.as_bytes().to_vec()),
                file("server.crt"),
                file("server.key"),
                file("ca.crt"),
            ],
            ..ClusterOptions::default()
        };
        let binaries = server(15);
        let cluster = template::start(&binaries, &[], options);
        psql(
            &binaries,
            &cluster.dsn("postgres"),
            "CREATE ROLE carol LOGIN; CREATE ROLE onlyssl LOGIN; CREATE ROLE onlyplain LOGIN; \
             CREATE ROLE scram LOGIN PASSWORD 'sc:ram'; CREATE ROLE clear LOGIN PASSWORD 'clear'; \
             SET password_encryption = md5; CREATE ROLE md5user LOGIN PASSWORD 'md5'; \
             ALTER ROLE scram SET statement_timeout = '200ms'; ALTER ROLE scram SET DateStyle = 'SQL'",
        )
        .unwrap();
        Self { cluster, certificates }
    }

    /// Settings for a role over TCP, in an empty environment.
    fn over_tcp(&self, rest: &str) -> Conninfo {
        let certificates = self.certificates.path().display().to_string();
        let port = self.cluster.port();
        let dsn = format!("host=localhost port={port} dbname=postgres {}", rest.replace('@', &certificates));
        resolve(&dsn)
    }
}

fn resolve(dsn: &str) -> Conninfo {
    Conninfo::resolve(Some(dsn), &Environment::default()).unwrap()
}

async fn one(session: &Session, sql: &str) -> String {
    session.client().query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn each_way_to_log_in_is_the_one_that_the_server_asks_for() {
    let place = Place::new();
    const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (rest, encrypted) in [
        ("user=scram password='sc:ram' sslmode=disable require_auth=scram-sha-256", "false"),
        ("user=scram password='sc:ram' sslmode=require channel_binding=require", "true"),
        ("user=scram password='sc:ram' sslmode=verify-full sslrootcert=@/ca.crt", "true"),
        ("user=md5user password=md5 require_auth=md5", "true"),
        ("user=clear password=clear require_auth=password", "true"),
        ("user=carol sslmode=verify-ca sslrootcert=@/ca.crt sslcert=@/client.crt sslkey=@/client.key", "true"),
        ("user=onlyssl sslmode=allow", "true"),
        ("user=onlyplain sslmode=prefer", "false"),
    ] {
        let session = connect(&place.over_tcp(rest), "test").await.unwrap_or_else(|error| panic!("{rest}: {error:?}"));
        assert_eq!(one(&session, ENCRYPTED).await, encrypted, "{rest}");
        session.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_what_helps() {
    let place = Place::new();
    let refused = async |rest: &str| connect(&place.over_tcp(rest), "test").await.err().expect("a refusal");
    let error = refused("user=scram password=wrong").await;
    assert!(matches!(&error, Error::Authentication { user, .. } if user == "scram"), "{error:?}");
    assert_eq!(error.hint().as_deref(), Some("the password was taken from the connection string"));
    assert_eq!(error.sqlstate(), Some("28P01"));

    let error = refused("user=onlyssl sslmode=disable").await;
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("sslmode=require"));

    let error = refused("user=clear password=clear require_auth=!password").await;
    assert!(matches!(error, Error::AuthenticationMethod { method: AuthMethod::Password, .. }), "{error:?}");

    let error = refused("user=onlyssl sslmode=verify-full sslrootcert=@/other.crt").await;
    assert!(matches!(error, Error::Tls { source: TlsError::Handshake { .. }, .. }), "{error:?}");
    let error = refused("user=onlyssl sslmode=verify-full sslrootcert=@/nowhere.crt").await;
    assert!(matches!(error, Error::Tls { source: TlsError::RootsMissing { .. }, .. }), "{error:?}");
    let error = refused("user=onlyssl host=127.0.0.1 sslmode=verify-full sslrootcert=@/ca.crt").await;
    assert!(error.hint().unwrap().contains("a name that is in the server's certificate"), "{error:?}");

    let error = refused("user=onlyssl dbname=nosuch").await;
    assert!(matches!(&error, Error::NoSuchDatabase { database, .. } if database == "nosuch"), "{error:?}");
    let error = refused("user=onlyssl target_session_attrs=standby").await;
    assert!(matches!(error, Error::WrongSession { .. }), "{error:?}");
    let error = refused("user=onlyssl port=1").await;
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_session_has_its_own_settings_whatever_the_role_says() {
    let place = Place::new();
    let session = connect(&place.over_tcp("user=scram password='sc:ram'"), "test").await.unwrap();
    for (name, expected) in [
        ("statement_timeout", "0"),
        ("DateStyle", "ISO, MDY"),
        ("search_path", ""),
        ("row_security", "off"),
        ("synchronize_seqscans", "off"),
        ("client_connection_check_interval", "5s"),
        ("application_name", "test"),
    ] {
        let row = session.client().query_one(&format!("SHOW {name}"), &[]).await.unwrap();
        let value: String = row.get(0);
        assert_eq!(value, expected, "{name}");
    }
    assert_eq!(session.server_version_num() / 10_000, 15);
    assert_eq!(session.server_encoding(), "UTF8");
    assert_eq!(one(&session, "SELECT pg_backend_pid()").await, session.backend_pid().to_string());
}

#[tokio::test]
async fn a_statement_can_be_cancelled_and_a_closed_session_is_gone() {
    let place = Place::new();
    let watch = connect(&resolve(&place.cluster.dsn("postgres")), "watch").await.unwrap();
    let session = connect(&place.over_tcp("user=scram password='sc:ram' sslmode=require"), "test").await.unwrap();
    let canceller = session.canceller();
    let (slept, cancelled) = tokio::join!(session.client().batch_execute("SELECT pg_sleep(60)"), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        canceller.cancel().await
    });
    cancelled.unwrap();
    assert_eq!(session.fault("sleeping", slept.unwrap_err()).sqlstate(), Some("57014"));
    let pid = session.backend_pid();
    session.close().await.unwrap();
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    assert_eq!(one(&watch, &left).await, "0");

    let victim = connect(&resolve(&place.cluster.dsn("postgres")), "victim").await.unwrap();
    one(&watch, &format!("SELECT pg_terminate_backend({}, 5000)", victim.backend_pid())).await;
    let lost = victim.client().batch_execute("SELECT 1").await.unwrap_err();
    assert!(matches!(victim.fault("reading", lost), Error::ConnectionLost { .. }));
    assert!(matches!(victim.close().await, Err(Error::ConnectionLost { .. })));
}

/// The bytes of a COPY of 300,000 rows, counted by the rows' own lengths.
#[tokio::test]
async fn a_raw_stream_is_idle_and_loses_no_byte() {
    let place = Place::new();
    for info in [
        resolve(&place.cluster.dsn("postgres")),
        place.over_tcp("user=scram password='sc:ram' sslmode=disable"),
        place.over_tcp("user=scram password='sc:ram' sslmode=verify-full sslrootcert=@/ca.crt"),
    ] {
        let mut stream = connect_raw_stream(&info, "raw").await.unwrap();
        let is_expected = match info.endpoints()[0].socket_file() {
            Some(_) => matches!(stream, RawStream::Unix(_)),
            None => matches!(stream, RawStream::Tcp(_) | RawStream::Tls(_)),
        };
        assert!(is_expected);
        let sql = b"COPY (SELECT g FROM generate_series(1, 300000) g) TO STDOUT\0";
        let mut query = vec![b'Q'];
        query.extend(u32::try_from(sql.len() + 4).unwrap().to_be_bytes());
        query.extend(sql);
        stream.write_all(&query).await.unwrap();
        stream.flush().await.unwrap();
        let mut received = Vec::new();
        let mut space = vec![0; 256 * 1024];
        while !received.ends_with(b"Z\0\0\0\x05I") {
            let read = stream.read(&mut space).await.unwrap();
            assert!(read > 0, "the server hung up");
            received.extend_from_slice(&space[..read]);
        }
        let rows: usize = (1..=300_000u32).map(|g| 5 + g.to_string().len() + 1).sum();
        // CopyOutResponse with one column, CopyDone, CommandComplete "COPY 300000", ReadyForQuery.
        assert_eq!(received.len(), rows + 10 + 5 + 17 + 6);
        assert_eq!(received[0], b'H');
    }
}
