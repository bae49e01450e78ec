//! A connection as an operator writes it down.

use super::child::{host_name, word_of};
use super::endpoint::Host;
use super::transport::{self, RootCertificates, SslMode};
use super::{Conninfo, Endpoint, Origin, Password};

impl Conninfo {
    /// A connection string that libpq reads, without any secret, for whoever has typed this one and types it again: server, user, database,
    /// what TLS is asked for, and what else it said, a service and a password file before all.
    pub fn written_again(&self) -> String {
        let mut pairs = self.pairs();
        for (keyword, value) in &self.typed {
            if !pairs.iter().any(|(written, _)| written == keyword) {
                pairs.push((keyword, value.clone()));
            }
        }
        joined(&pairs)
    }

    /// Whether the password stands in the connection string and nowhere else.
    pub fn has_typed_password(&self) -> bool {
        let is_typed = |e: &Endpoint| matches!(&e.password, Password::Given { origin: Origin::ConnectionString, .. });
        self.endpoints().iter().any(is_typed)
    }

    /// Those without a value are among them.
    fn pairs(&self) -> Vec<(&str, String)> {
        let all = |part: fn(&Endpoint) -> String| self.endpoints().iter().map(part).collect::<Vec<_>>().join(",");
        let mut pairs = vec![("host", all(|endpoint| host_name(endpoint.host())))];
        let addresses = all(|endpoint| match endpoint.host() {
            Host::Address { address, .. } => address.to_string(),
            _ => String::new(),
        });
        let addresses = self
            .reached_address()
            .filter(|address| !address.is_loopback())
            .map_or(addresses, |address| address.to_string());
        if addresses.contains(|c| c != ',') {
            pairs.push(("hostaddr", addresses));
        }
        pairs.push(("port", all(|endpoint| endpoint.port().to_string())));
        pairs.push(("user", self.user().to_owned()));
        pairs.push(("dbname", self.database().to_owned()));
        let tls = self.tls();
        if tls.mode != SslMode::Prefer {
            pairs.push(("sslmode", word_of(transport::SSL_MODES, tls.mode)));
        }
        match &tls.roots {
            RootCertificates::System => pairs.push(("sslrootcert", "system".to_owned())),
            RootCertificates::File(path) if tls.mode != SslMode::Prefer => {
                pairs.push(("sslrootcert", path.display().to_string()));
            }
            _ => {}
        }
        pairs
    }
}

fn joined(pairs: &[(&str, String)]) -> String {
    let said = pairs.iter().filter(|(_, value)| value.contains(|c| c != ','));
    said.map(|(keyword, value)| format!("{keyword}={}", quoted(value))).collect::<Vec<_>>().join(" ")
}

/// A value of a connection string (manual, "Keyword/Value Connection Strings").
fn quoted(value: &str) -> String {
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-./,:@".contains(c));
    if is_plain { value.to_owned() } else { format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")) }
}

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::*;

    /// A service and a password file are where the password may be; a password itself is never written.
    #[test]
    fn what_was_typed_is_kept_but_for_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        std::fs::write(&file, "[shop]\nhost=db.example\npassword=secret\nsslmode=require\n").unwrap();
        let file = file.display();
        for (dsn, kept, typed_password) in [
            (format!("service=shop servicefile={file} user=me dbname=a"), vec!["service=shop", "servicefile=/"], false),
            ("host=h user=me dbname=a passfile=/etc/p password=secret".into(), vec!["passfile=/etc/p"], true),
            (
                "postgresql://me:secret@h/a?connect_timeout=9".into(),
                vec!["connect_timeout=9", "host=h", "dbname=a"],
                true,
            ),
        ] {
            let first = Conninfo::resolve(Some(&dsn), &Environment::default()).unwrap().with_database("b");
            let written = first.written_again();
            assert!(kept.iter().all(|pair| written.contains(&pair.replace("=a", "=b"))), "{written}");
            assert!(!written.contains("secret"), "{written}");
            assert_eq!(first.has_typed_password(), typed_password, "{written}");
            let again = Conninfo::resolve(Some(&written), &Environment::default()).unwrap();
            assert_eq!((again.user(), again.database(), again.tls().mode), ("me", "b", first.tls().mode), "{written}");
        }
    }

    /// What is written is read as the same connection, but for its password.
    #[test]
    fn what_is_written_is_read_again() {
        let given = [
            "host=/tmp/a\\ b port=6543 user='it''s' dbname=shop",
            "host=one,two port=5432,5433 user=me dbname='a \\' \\\\ b' password=secret sslmode=require",
            "host=name hostaddr=127.0.0.1 user=me dbname=shop sslmode=verify-full sslrootcert=system",
            "postgresql://me:secret@[::1]:5433/d%20b",
        ];
        for dsn in given {
            let dsn = dsn.replace("it''s", "it\\'s");
            let first = Conninfo::resolve(Some(&dsn), &Environment::default()).unwrap();
            let written = first.written_again();
            assert!(!written.contains("secret"), "{written}");
            let again = Conninfo::resolve(Some(&written), &Environment::default()).unwrap();
            let places = |info: &Conninfo| -> Vec<(Host, u16)> {
                info.endpoints().iter().map(|endpoint| (endpoint.host().clone(), endpoint.port())).collect()
            };
            assert_eq!(places(&again), places(&first), "{written}");
            assert_eq!((again.user(), again.database()), (first.user(), first.database()), "{written}");
            assert_eq!(again.tls().mode, first.tls().mode, "{written}");
        }
    }
}
