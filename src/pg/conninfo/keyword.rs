//! The keywords of libpq: which variable of the environment stands for each, and what pgkeep does with it.
//!
//! Source: "Parameter Key Words" and "Environment Variables" in the manual of PostgreSQL 18, chapter libpq, and
//! `PQconndefaults()` of libpq 15 and 18.

use std::fmt;
use std::path::PathBuf;

use crate::spelling;

/// Where a setting was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    ConnectionString,
    ServiceFile(PathBuf),
    Variable(&'static str),
    /// A file that holds nothing but the password.
    PasswordFile(PathBuf),
    /// A program that prints the password, by its name.
    PasswordCommand(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionString => f.write_str("the connection string"),
            Self::ServiceFile(path) => write!(f, "service file {}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::PasswordFile(path) => write!(f, "password_file {}", path.display()),
            Self::PasswordCommand(program) => write!(f, "password_command {program}"),
        }
    }
}

/// What pgkeep does with a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Obeyed,
    /// Ignoring it cannot change which server is reached, nor how well it is authenticated.
    Harmless,
    /// Obeying it only partly would betray its user. Values that ask for what happens anyway are let through.
    Refused {
        unless: &'static [&'static str],
        hint: &'static str,
    },
}

pub(super) struct Keyword {
    pub name: &'static str,
    pub variable: Option<&'static str>,
    pub treatment: Treatment,
}

const fn obeyed(name: &'static str, variable: &'static str) -> Keyword {
    Keyword { name, variable: Some(variable), treatment: Treatment::Obeyed }
}

const fn obeyed_without_variable(name: &'static str) -> Keyword {
    Keyword { name, variable: None, treatment: Treatment::Obeyed }
}

const fn harmless(name: &'static str, variable: Option<&'static str>) -> Keyword {
    Keyword { name, variable, treatment: Treatment::Harmless }
}

const fn refused(
    name: &'static str,
    variable: Option<&'static str>,
    unless: &'static [&'static str],
    hint: &'static str,
) -> Keyword {
    Keyword { name, variable, treatment: Treatment::Refused { unless, hint } }
}

const OAUTH: &str = "OAuth login needs a person at a browser; use a password, a client certificate or peer";

pub(super) const KEYWORDS: &[Keyword] = &[
    obeyed("service", "PGSERVICE"),
    obeyed("servicefile", "PGSERVICEFILE"),
    obeyed("user", "PGUSER"),
    obeyed("password", "PGPASSWORD"),
    obeyed("passfile", "PGPASSFILE"),
    obeyed("channel_binding", "PGCHANNELBINDING"),
    obeyed("connect_timeout", "PGCONNECT_TIMEOUT"),
    obeyed("dbname", "PGDATABASE"),
    obeyed("host", "PGHOST"),
    obeyed("hostaddr", "PGHOSTADDR"),
    obeyed("port", "PGPORT"),
    obeyed("options", "PGOPTIONS"),
    obeyed("application_name", "PGAPPNAME"),
    obeyed_without_variable("fallback_application_name"),
    obeyed_without_variable("keepalives"),
    obeyed_without_variable("keepalives_idle"),
    obeyed_without_variable("keepalives_interval"),
    obeyed_without_variable("keepalives_count"),
    obeyed_without_variable("tcp_user_timeout"),
    obeyed("sslmode", "PGSSLMODE"),
    obeyed("sslnegotiation", "PGSSLNEGOTIATION"),
    obeyed("sslcert", "PGSSLCERT"),
    obeyed("sslkey", "PGSSLKEY"),
    obeyed("sslcertmode", "PGSSLCERTMODE"),
    obeyed("sslrootcert", "PGSSLROOTCERT"),
    obeyed("sslcrl", "PGSSLCRL"),
    obeyed("sslsni", "PGSSLSNI"),
    obeyed("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    obeyed("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    obeyed("require_auth", "PGREQUIREAUTH"),
    obeyed("target_session_attrs", "PGTARGETSESSIONATTRS"),
    obeyed("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    // libpq has ignored compression since OpenSSL dropped it.
    harmless("sslcompression", Some("PGSSLCOMPRESSION")),
    // They say how GSSAPI is done, which happens only where gssencmode or the server demands it.
    harmless("krbsrvname", Some("PGKRBSRVNAME")),
    harmless("gsslib", Some("PGGSSLIB")),
    harmless("gssdelegation", Some("PGGSSDELEGATION")),
    // The newest protocol that may be spoken: 3.0 is always allowed.
    harmless("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    refused(
        "min_protocol_version",
        Some("PGMINPROTOCOLVERSION"),
        &["3.0"],
        "pgkeep speaks protocol 3.0, which every server speaks",
    ),
    refused(
        "gssencmode",
        Some("PGGSSENCMODE"),
        &["disable", "prefer"],
        "encryption by GSSAPI is not built in; use sslmode=verify-full",
    ),
    refused("sslpassword", None, &[""], "store the client key without a passphrase, readable by its owner alone"),
    refused("sslcrldir", Some("PGSSLCRLDIR"), &[""], "give one file of revocation lists with sslcrl"),
    refused("sslkeylogfile", None, &[""], "session keys are never written to a file"),
    refused("requirepeer", Some("PGREQUIREPEER"), &[""], "protect the socket's directory by its permissions instead"),
    refused("scram_client_key", None, &[""], "give the password itself"),
    refused("scram_server_key", None, &[""], "give the password itself"),
    refused("replication", None, &["false", "off", "no", "0"], "pgkeep opens ordinary sessions only"),
    refused("oauth_issuer", None, &[""], OAUTH),
    refused("oauth_client_id", None, &[""], OAUTH),
    refused("oauth_client_secret", None, &[""], OAUTH),
    refused("oauth_scope", None, &[""], OAUTH),
    refused(
        "client_encoding",
        None,
        &["auto", "utf8", "UTF8", "utf-8", "UTF-8", "unicode", "UNICODE"],
        "pgkeep always speaks UTF8 with the server",
    ),
];

/// Variables that change how a libpq program behaves, and that are no connection setting.
pub(super) const SESSION_VARIABLES: &[&str] =
    &["PGCLIENTENCODING", "PGDATESTYLE", "PGTZ", "PGGEQO", "PGSYSCONFDIR", "PGREQUIRESSL", "PGREALM", "PGLOCALEDIR"];

pub fn is_secret(keyword: &str) -> bool {
    matches!(keyword, "password" | "sslpassword")
}

pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// The keyword that a mistyped one most likely meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "database" | "db" => return Some("dbname"),
        "username" | "role" => return Some("user"),
        "hostname" | "server" => return Some("host"),
        "pass" | "passwd" | "pwd" => return Some("password"),
        "ssl" => return Some("sslmode"),
        "timeout" => return Some("connect_timeout"),
        _ => {}
    }
    spelling::nearest(&name, KEYWORDS.iter().map(|keyword| keyword.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_keyword_is_answered_with_the_one_that_was_meant() {
        for (typed, meant) in [
            ("sslmood", Some("sslmode")),
            ("hots", Some("host")),
            ("Host", Some("host")),
            ("database", Some("dbname")),
            ("connection_timeout", Some("connect_timeout")),
            ("connect_timeuot", Some("connect_timeout")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }
}
