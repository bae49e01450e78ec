use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(*value))).collect(),
        os_user: Some("alice".to_owned()),
        socket_directories: vec![PathBuf::from("/var/run/postgresql"), PathBuf::from("/tmp")],
        ..Environment::default()
    }
}

fn resolve(dsn: &str, variables: &[(&str, &str)]) -> Result<Conninfo, ConninfoError> {
    Conninfo::resolve(Some(dsn), &environment(variables))
}

fn password(conninfo: &Conninfo) -> Option<String> {
    conninfo.endpoints()[0].password().secret().map(|secret| secret.expose_secret().to_owned())
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The right-hand side is what `psql 15 ... -c '\conninfo'` or its error message names as database, user, host and port.
#[test]
fn defaults_are_those_of_libpq() {
    for (dsn, variables, expected) in [
        ("", &[][..], "alice as alice on socket /var/run/postgresql:5432"),
        ("chronos", &[], "chronos as alice on socket /var/run/postgresql:5432"),
        ("user=bob", &[], "bob as bob on socket /var/run/postgresql:5432"),
        ("host=h", &[("PGDATABASE", "d"), ("PGPORT", "1")], "d as alice on h:1"),
        ("host=h dbname=e", &[("PGDATABASE", "d"), ("PGUSER", "u")], "e as u on h:5432"),
        ("postgresql:///d", &[("PGHOST", "h")], "d as alice on h:5432"),
        ("postgresql://%2Ftmp%2Fx:6/d", &[], "d as alice on socket /tmp/x:6"),
        ("postgresql:///d?host=/tmp/x", &[], "d as alice on socket /tmp/x:5432"),
        ("postgresql://[::1]:7/d", &[], "d as alice on [::1]:7"),
        ("host=h hostaddr=127.0.0.1", &[], "alice as alice on h:5432"),
        ("hostaddr=127.0.0.1", &[], "alice as alice on 127.0.0.1:5432"),
        ("postgresql://a,b:2/d", &[], "d as alice on a:5432,b:2"),
        ("host=a,b port=9 dbname=d", &[], "d as alice on a:9,b:9"),
        ("dbname=d", &[("PGHOST", "")], "d as alice on socket /var/run/postgresql:5432"),
    ] {
        let read = resolve(dsn, variables).unwrap();
        let (database, rest) = read.to_string().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(format!("{database} as {} {rest}", read.user()), expected, "{dsn}");
    }
}

#[test]
fn the_first_folder_that_holds_a_socket_is_the_default_host() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".s.PGSQL.6543"), "").unwrap();
    let mut env = environment(&[]);
    env.socket_directories = vec![PathBuf::from("/nowhere"), folder.path().to_owned()];
    let at = |port: &str| Conninfo::resolve(Some(port), &env).unwrap().endpoints()[0].host().clone();
    assert_eq!(at("port=6543"), Host::Socket(folder.path().to_owned()));
    assert_eq!(at("port=5432"), Host::Socket(PathBuf::from("/nowhere")));
}

#[test]
fn the_string_wins_over_the_service_and_the_service_over_the_environment() {
    let home = tempfile::tempdir().unwrap();
    let system = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".pg_service.conf"), "[own]\nhost=own\nuser=s\nport=1\npassword=p\n").unwrap();
    fs::write(system.path().join("pg_service.conf"), "[shared]\nhost=shared\n").unwrap();
    let mut env = environment(&[("PGUSER", "e"), ("PGDATABASE", "d"), ("PGPASSWORD", "e")]);
    env.home = Some(home.path().to_owned());
    env.sysconf_directories = vec![system.path().to_owned()];

    let own = Conninfo::resolve(Some("service=own port=2"), &env).unwrap();
    assert_eq!((own.to_string().as_str(), own.user()), ("d on own:2", "s"));
    assert_eq!(password(&own).as_deref(), Some("p"));
    assert!(own.endpoints()[0].password().to_string().contains(".pg_service.conf"));

    env.variables.insert("PGSERVICE".to_owned(), "shared".into());
    assert_eq!(Conninfo::resolve(None, &env).unwrap().to_string(), "d on shared:5432");
    env.variables.insert("PGSERVICE".to_owned(), "none".into());
    let error = Conninfo::resolve(None, &env).unwrap_err();
    assert_eq!(error.to_string(), "the service \"none\" is not defined");
    assert!(error.hint().unwrap().contains(".pg_service.conf and"), "{:?}", error.hint());
    env.variables.insert("PGSERVICEFILE".to_owned(), "/nonexistent".into());
    assert!(matches!(Conninfo::resolve(None, &env), Err(ConninfoError::ReadFile { .. })));
}

#[test]
fn what_is_unknown_wrong_or_not_obeyed_is_named() {
    for (dsn, variables, message, hint) in [
        ("sslmood=require", &[][..], "unknown connection setting \"sslmood\"", "Did you mean \"sslmode\""),
        ("postgres://h/d?database=x", &[], "\"database\"", "\"dbname\""),
        ("sslmode=on", &[], "sslmode (the connection string) has the invalid value \"on\"", "verify-full"),
        ("", &[("PGSSLMODE", "on")], "environment variable PGSSLMODE", "verify-full"),
        ("port=0", &[], "port", "65535"),
        ("port=x", &[], "port", "65535"),
        ("hostaddr=localhost", &[], "hostaddr", "numeric"),
        ("connect_timeout=soon", &[], "connect_timeout", "integer"),
        ("target_session_attrs=master", &[], "target_session_attrs", "primary"),
        ("gssencmode=require", &[], "gssencmode (the connection string) is not supported", "sslmode"),
        ("", &[("PGREQUIREPEER", "postgres")], "requirepeer (environment variable PGREQUIREPEER)", "permissions"),
        ("sslpassword=x", &[], "sslpassword", "passphrase"),
        ("replication=database", &[], "replication", "ordinary"),
        ("client_encoding=latin1", &[], "client_encoding", "UTF8"),
        ("sslrootcert=system sslmode=require", &[], "sslrootcert=system", "verify-full"),
        ("sslnegotiation=direct", &[], "sslnegotiation=direct", "require"),
        ("require_auth=md5,!password", &[], "require_auth", "begin with \"!\""),
        ("require_auth=kerberos", &[], "require_auth", "scram-sha-256"),
        ("host=a,b hostaddr=127.0.0.1", &[], "2 host names cannot be matched with 1 values of hostaddr", "each host"),
        ("host=a,b,c port=1,2", &[], "3 host names cannot be matched with 2 values of port", "each host"),
    ] {
        let error = resolve(dsn, variables).unwrap_err();
        assert!(error.to_string().contains(message), "{dsn}: {error}");
        assert!(error.hint().is_some_and(|text| text.contains(hint)), "{dsn}: {:?}", error.hint());
    }
    for dsn in ["gssencmode=prefer krbsrvname=x", "sslcompression=1", "replication=off", "client_encoding=auto"] {
        resolve(dsn, &[]).unwrap();
    }
}

#[test]
fn the_password_file_is_asked_with_host_port_database_and_user() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    write_private(&file, "localhost:5432:d:u:local\n/tmp/x:*:*:u:socket\nh:2:*:u:second\n*:*:other:u:other\n");
    let mut env = environment(&[("PGUSER", "u")]);
    env.home = Some(home.path().to_owned());
    let read = |dsn: &str| Conninfo::resolve(Some(dsn), &env).unwrap();
    assert_eq!(password(&read("dbname=d")).as_deref(), Some("local"));
    assert_eq!(password(&read("dbname=d host=/tmp/x")).as_deref(), Some("socket"));
    assert_eq!(password(&read("dbname=d password=own")).as_deref(), Some("own"));
    assert_eq!(password(&read("dbname=d host=h port=2 password=''")).as_deref(), Some("second"));
    let none = read("dbname=d host=h");
    assert_eq!(password(&none), None);
    assert!(none.endpoints()[0].password().to_string().contains(".pgpass"));
    assert_eq!(password(&none.with_database("other")).as_deref(), Some("other"));
    assert!(none.warnings().is_empty());

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let ignored = read("dbname=d");
    assert_eq!(password(&ignored), None);
    assert!(ignored.warnings()[0].contains("group or world access"), "{:?}", ignored.warnings());
    assert!(read("dbname=d password=own").warnings().is_empty());
}

#[test]
fn tls_settings_follow_the_home_folder() {
    let mut env = environment(&[]);
    env.home = Some(PathBuf::from("/home/alice"));
    let read = |dsn: &str| Conninfo::resolve(Some(dsn), &env).unwrap().tls().clone();
    let default = read("");
    assert_eq!(default.mode, SslMode::Prefer);
    assert_eq!(default.roots, RootCertificates::File(PathBuf::from("/home/alice/.postgresql/root.crt")));
    assert_eq!(default.client.unwrap().key, PathBuf::from("/home/alice/.postgresql/postgresql.key"));
    assert_eq!(read("sslrootcert=system").mode, SslMode::VerifyFull);
    assert_eq!(read("postgres://h?ssl=true").mode, SslMode::Require);
    assert_eq!(read("sslcertmode=disable").client, None);
}

#[test]
fn a_child_gets_the_same_connection_and_nothing_else() {
    let dsn = "host=db,10.0.0.2 hostaddr=10.0.0.1,10.0.0.2 port=1 user=u dbname='d b' password='p w' \
               sslmode=verify-full sslrootcert=/ca application_name=a options='-c geqo=off' connect_timeout=3 \
               require_auth=!password";
    let conninfo = resolve(dsn, &[("PGTZ", "UTC"), ("PGSSLCERT", "/c"), ("PGSSLKEY", "/k")]).unwrap();
    let env = conninfo.libpq_env();
    for (name, value) in [
        ("PGHOST", "db,10.0.0.2"),
        ("PGHOSTADDR", "10.0.0.1,10.0.0.2"),
        ("PGPORT", "1,1"),
        ("PGUSER", "u"),
        ("PGDATABASE", "d b"),
        ("PGPASSWORD", "p w"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/ca"),
        ("PGSSLCERT", "/c"),
        ("PGSSLKEY", "/k"),
        ("PGAPPNAME", "a"),
        ("PGOPTIONS", "-c geqo=off"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGREQUIREAUTH", "!password"),
    ] {
        assert!(env.contains(&(name.to_owned(), value.to_owned())), "{name}: {env:?}");
    }
    let removed = conninfo.libpq_env_removed();
    for name in ["PGSERVICE", "PGTZ", "PGREQUIREPEER", "PGCLIENTENCODING", "PGSSLCRL"] {
        assert!(removed.contains(&name), "{name}");
    }
    assert!(env.iter().all(|(name, _)| !removed.contains(&name.as_str())));

    let narrowed = conninfo.narrowed_to(&conninfo.endpoints()[1], None);
    assert!(narrowed.libpq_env().contains(&("PGHOSTADDR".to_owned(), "10.0.0.2".to_owned())));
    assert_eq!(narrowed.to_string(), "d b on 10.0.0.2:1");
}

#[test]
fn a_password_never_shows() {
    let conninfo = resolve("postgres://u:hidden@h/d", &[("PGPASSWORD", "hidden")]).unwrap();
    assert_eq!(password(&conninfo).as_deref(), Some("hidden"));
    assert!(!format!("{conninfo} {conninfo:?} {:?}", environment(&[("PGPASSWORD", "hidden")])).contains("hidden"));
}
