//! How the bytes travel: TLS, keepalives and the closed sets of words that steer a connection.

use std::path::PathBuf;
use std::time::Duration;

use super::ConninfoError;
use super::environment::Environment;
use super::settings::Settings;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

pub(super) const SSL_MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslNegotiation {
    /// Ask the server first (`SSLRequest`).
    Postgres,
    /// Begin with the TLS handshake; PostgreSQL 17 and later.
    Direct,
}

/// Whom a server certificate must descend from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificates {
    /// Those that the operating system trusts.
    System,
    /// A PEM file. Where it does not exist, only `verify-ca` and `verify-full` fail (as in libpq).
    File(PathBuf),
    /// There is no home folder to look in.
    Nowhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerNameIndication {
    Sent,
    Omitted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

/// The certificate by which this client is known. Files that do not exist are no certificate, as in libpq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    pub mode: SslMode,
    pub negotiation: SslNegotiation,
    pub roots: RootCertificates,
    /// A PEM file of revocation lists.
    pub revocation_lists: Option<PathBuf>,
    pub client: Option<ClientCertificate>,
    pub server_name: ServerNameIndication,
    pub version_min: TlsVersion,
    pub version_max: TlsVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSession {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

pub(super) const TARGET_SESSIONS: &[(&str, TargetSession)] = &[
    ("any", TargetSession::Any),
    ("read-write", TargetSession::ReadWrite),
    ("read-only", TargetSession::ReadOnly),
    ("primary", TargetSession::Primary),
    ("standby", TargetSession::Standby),
    ("prefer-standby", TargetSession::PreferStandby),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

pub(super) const CHANNEL_BINDINGS: &[(&str, ChannelBinding)] =
    &[("disable", ChannelBinding::Disable), ("prefer", ChannelBinding::Prefer), ("require", ChannelBinding::Require)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostOrder {
    AsGiven,
    Random,
}

/// TCP settings; `None` leaves the operating system's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepalives {
    pub probing: Probing,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    /// How long data that was sent may stay unacknowledged (`TCP_USER_TIMEOUT`).
    pub unacknowledged: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    On,
    Off,
}

pub(super) fn read_tls(settings: &Settings, env: &Environment) -> Result<TlsSettings, ConninfoError> {
    let path = |keyword| settings.text(keyword).map(PathBuf::from);
    let beside_home = |name: &str| env.home_file(".postgresql").map(|folder| folder.join(name));
    let roots = match settings.text("sslrootcert") {
        Some("system") => RootCertificates::System,
        Some(file) => RootCertificates::File(PathBuf::from(file)),
        None => beside_home("root.crt").map_or(RootCertificates::Nowhere, RootCertificates::File),
    };
    let given_mode =
        settings.choice("sslmode", SSL_MODES, "disable, allow, prefer, require, verify-ca or verify-full")?;
    let mode = match (&roots, given_mode) {
        (RootCertificates::System, None) => SslMode::VerifyFull,
        (RootCertificates::System, Some(mode)) if mode != SslMode::VerifyFull => {
            return Err(ConninfoError::Contradiction {
                what: "sslrootcert=system needs sslmode=verify-full",
                hint: "anyone can get a certificate from a public authority: use sslmode=verify-full",
            });
        }
        (_, mode) => mode.unwrap_or(SslMode::Prefer),
    };
    let negotiations = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
    let negotiation =
        settings.choice("sslnegotiation", &negotiations, "postgres or direct")?.unwrap_or(SslNegotiation::Postgres);
    if negotiation == SslNegotiation::Direct && mode < SslMode::Require {
        return Err(ConninfoError::Contradiction {
            what: "sslnegotiation=direct needs sslmode=require or stronger",
            hint: "use sslmode=require, verify-ca or verify-full",
        });
    }
    let version = |keyword| {
        let words = [("", None), ("TLSv1.2", Some(TlsVersion::Tls12)), ("TLSv1.3", Some(TlsVersion::Tls13))];
        settings.choice(keyword, &words, "TLSv1.2 or TLSv1.3").map(Option::flatten)
    };
    // Older minima are allowed and exceeded: nothing below TLS 1.2 is ever spoken.
    let version_min = match settings.text("ssl_min_protocol_version") {
        Some("TLSv1" | "TLSv1.1") => TlsVersion::Tls12,
        _ => version("ssl_min_protocol_version")?.unwrap_or(TlsVersion::Tls12),
    };
    let version_max = version("ssl_max_protocol_version")?.unwrap_or(TlsVersion::Tls13);
    if version_min > version_max {
        return Err(ConninfoError::Contradiction {
            what: "ssl_min_protocol_version is above ssl_max_protocol_version",
            hint: "leave one of them out",
        });
    }
    let client = path("sslcert").or_else(|| beside_home("postgresql.crt")).map(|certificate| {
        let key = path("sslkey").or_else(|| beside_home("postgresql.key")).unwrap_or_default();
        ClientCertificate { certificate, key }
    });
    let certificate_modes = [("disable", false), ("allow", true)];
    let may_send = settings
        .choice("sslcertmode", &certificate_modes, "disable or allow (require is not supported)")?
        .unwrap_or(true);
    let indications = [("0", ServerNameIndication::Omitted), ("1", ServerNameIndication::Sent)];
    Ok(TlsSettings {
        mode,
        negotiation,
        roots,
        revocation_lists: path("sslcrl").or_else(|| beside_home("root.crl").filter(|file| file.exists())),
        client: client.filter(|_| may_send),
        server_name: settings.choice("sslsni", &indications, "0 or 1")?.unwrap_or(ServerNameIndication::Sent),
        version_min,
        version_max,
    })
}

pub(super) fn read_keepalives(settings: &Settings) -> Result<Keepalives, ConninfoError> {
    // Zero and less mean the operating system's default, as in libpq.
    let positive = |keyword| -> Result<Option<u64>, ConninfoError> {
        Ok(settings.integer(keyword)?.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0))
    };
    Ok(Keepalives {
        probing: if settings.integer("keepalives")? == Some(0) { Probing::Off } else { Probing::On },
        idle: positive("keepalives_idle")?.map(Duration::from_secs),
        interval: positive("keepalives_interval")?.map(Duration::from_secs),
        count: positive("keepalives_count")?.and_then(|count| u32::try_from(count).ok()),
        unacknowledged: positive("tcp_user_timeout")?.map(Duration::from_millis),
    })
}
