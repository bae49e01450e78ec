use std::path::PathBuf;

use secrecy::SecretString;

/// How a private cluster is made. `Default` is what a drill needs: throwaway, on a unix socket, locale C.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The bootstrap superuser. A restore that creates the source's roles may want another name than `postgres`.
    pub superuser: String,
    pub durability: Durability,
    pub listen: Listen,
    pub locale: Locale,
    /// Further settings of postgresql.conf; they win over what the other options choose.
    pub settings: Vec<(String, String)>,
    /// Files put into the data directory before the server starts (name, content), owned by the server's account with
    /// mode 0600: a `pg_hba.conf`, a TLS certificate and its key.
    pub data_files: Vec<(String, Vec<u8>)>,
    /// The data directory of a server that was shut down in order, to be copied in the place of a new one: quicker, and with
    /// what its databases hold. Made with the same programs, superuser and locale. The copy is a server of its own, with its
    /// own system identifier; its write-ahead log begins anew, so that no standby can begin with it.
    pub copy_of: Option<PathBuf>,
    /// Where the cluster's folder is made; otherwise `$PGKEEP_TMPDIR`, `$TMPDIR` or /tmp. The way to a unix socket is
    /// limited to 107 bytes (`sockaddr_un`), so it has to be short.
    pub temp_dir: Option<PathBuf>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            superuser: "postgres".to_owned(),
            durability: Durability::Throwaway,
            listen: Listen::UnixSocket,
            locale: Locale::C,
            settings: Vec::new(),
            data_files: Vec::new(),
            copy_of: None,
            temp_dir: None,
        }
    }
}

/// What the cluster does for data that must outlive a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is flushed and no more is logged than a running server needs: for copies that are thrown away.
    Throwaway,
    /// PostgreSQL's own defaults, where measurements or logical replication ask for them.
    Durable,
}

/// Where the cluster takes connections.
#[derive(Debug, Clone)]
pub enum Listen {
    /// Only the socket in the cluster's folder, which no other user may enter.
    UnixSocket,
    /// The socket, and a free port of 127.0.0.1. Every user of the machine reaches that one, hence the password
    /// (scram-sha-256) of the superuser.
    Loopback { password: SecretString },
}

/// The collation and character classes of the cluster's databases. The encoding is UTF8 in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locale {
    C,
    /// A locale of the operating system (`locale -a`).
    Libc(String),
    /// A language tag; PostgreSQL 15 and later, where the server was built with ICU.
    Icu(String),
    /// `C`, `C.UTF-8` or `PG_UNICODE_FAST`; PostgreSQL 17 and later.
    Builtin(String),
}

impl Durability {
    pub(super) fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Throwaway => &[
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
            ],
            Self::Durable => &[],
        }
    }
}

impl Locale {
    /// The arguments of initdb. With a provider other than libc the operating system's part stays C, so that the
    /// cluster does not depend on which locales are installed.
    pub(super) fn initdb_arguments(&self) -> Vec<String> {
        match self {
            Self::C => vec!["--locale=C".to_owned()],
            Self::Libc(name) => vec![format!("--locale={name}")],
            Self::Icu(name) => {
                vec!["--locale=C".to_owned(), "--locale-provider=icu".to_owned(), format!("--icu-locale={name}")]
            }
            Self::Builtin(name) => {
                vec![
                    "--locale=C".to_owned(),
                    "--locale-provider=builtin".to_owned(),
                    format!("--builtin-locale={name}"),
                ]
            }
        }
    }
}
