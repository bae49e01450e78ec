//! The environment in which a libpq program (`pg_dump`) makes the same connection.

use secrecy::ExposeSecret;

use super::endpoint::{Endpoint, Host, Password};
use super::keyword::{KEYWORDS, SESSION_VARIABLES};
use super::transport::{self, RootCertificates, ServerNameIndication, SslNegotiation, TlsVersion};
use super::{Conninfo, HostOrder};

impl Conninfo {
    /// The variables with which a libpq program connects to the same server and database as the same user. They hold
    /// the password, so they go into a child's environment and nowhere else. Together with
    /// [`libpq_env_removed`](Self::libpq_env_removed) nothing else of this process's settings reaches the child.
    ///
    /// Keepalives have no variable in libpq; the child runs with the operating system's.
    pub fn libpq_env(&self) -> Vec<(String, String)> {
        let mut env: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));

        let all = |part: fn(&Endpoint) -> String| self.endpoints.iter().map(part).collect::<Vec<_>>().join(",");
        set("PGHOST", all(|endpoint| host_name(endpoint.host())));
        let addresses = all(|endpoint| match endpoint.host() {
            Host::Address { address, .. } => address.to_string(),
            _ => String::new(),
        });
        if addresses.contains(|c| c != ',') {
            set("PGHOSTADDR", addresses);
        }
        set("PGPORT", all(|endpoint| endpoint.port().to_string()));
        set("PGUSER", self.user.clone());
        set("PGDATABASE", self.database.clone());
        if let Some(secret) = self.one_password() {
            set("PGPASSWORD", secret.expose_secret().to_owned());
        } else if let Some(path) = &self.passfile {
            set("PGPASSFILE", path.display().to_string());
        }

        let tls = &self.tls;
        set("PGSSLMODE", word_of(transport::SSL_MODES, tls.mode));
        if tls.negotiation == SslNegotiation::Direct {
            set("PGSSLNEGOTIATION", "direct".to_owned());
        }
        match &tls.roots {
            RootCertificates::System => set("PGSSLROOTCERT", "system".to_owned()),
            RootCertificates::File(path) => set("PGSSLROOTCERT", path.display().to_string()),
            RootCertificates::Nowhere => {}
        }
        if let Some(path) = &tls.revocation_lists {
            set("PGSSLCRL", path.display().to_string());
        }
        match &tls.client {
            Some(client) => {
                set("PGSSLCERT", client.certificate.display().to_string());
                set("PGSSLKEY", client.key.display().to_string());
            }
            None => set("PGSSLCERTMODE", "disable".to_owned()),
        }
        if tls.server_name == ServerNameIndication::Omitted {
            set("PGSSLSNI", "0".to_owned());
        }
        let version = |version| match version {
            TlsVersion::Tls12 => "TLSv1.2".to_owned(),
            TlsVersion::Tls13 => "TLSv1.3".to_owned(),
        };
        set("PGSSLMINPROTOCOLVERSION", version(tls.version_min));
        set("PGSSLMAXPROTOCOLVERSION", version(tls.version_max));

        set("PGCHANNELBINDING", word_of(transport::CHANNEL_BINDINGS, self.channel_binding));
        set("PGTARGETSESSIONATTRS", word_of(transport::TARGET_SESSIONS, self.target_session));
        // This program does not do GSSAPI encryption, so the child's first attempt must not be one.
        set("PGGSSENCMODE", "disable".to_owned());
        if let Some(methods) = self.required_auth.to_setting() {
            set("PGREQUIREAUTH", methods);
        }
        if let Some(timeout) = self.connect_timeout {
            set("PGCONNECT_TIMEOUT", timeout.as_secs().to_string());
        }
        if self.host_order == HostOrder::Random {
            set("PGLOADBALANCEHOSTS", "random".to_owned());
        }
        if let Some(options) = &self.options {
            set("PGOPTIONS", options.clone());
        }
        if let Some(name) = self.application_name.as_ref().or(self.fallback_application_name.as_ref()) {
            set("PGAPPNAME", name.clone());
        }
        env
    }

    /// The variables that libpq and its programs read and that [`libpq_env`](Self::libpq_env) does not set: to be
    /// removed from a child's environment.
    pub fn libpq_env_removed(&self) -> Vec<&'static str> {
        let set = self.libpq_env();
        KEYWORDS
            .iter()
            .filter_map(|keyword| keyword.variable)
            .chain(SESSION_VARIABLES.iter().copied())
            .filter(|variable| set.iter().all(|(name, _)| name != variable))
            .collect()
    }

    /// The password, where all endpoints share one: `PGPASSWORD` holds no more.
    fn one_password(&self) -> Option<&secrecy::SecretString> {
        let first = self.endpoints.first()?.password().secret()?;
        let is_same = |endpoint: &Endpoint| match endpoint.password() {
            Password::NotFound { .. } => false,
            password => password.secret().is_some_and(|other| other.expose_secret() == first.expose_secret()),
        };
        self.endpoints.iter().all(is_same).then_some(first)
    }
}

pub(super) fn host_name(host: &Host) -> String {
    match host {
        Host::Socket(folder) => folder.display().to_string(),
        Host::Name(name) | Host::Address { name: Some(name), .. } => name.clone(),
        Host::Address { name: None, .. } => String::new(),
    }
}

pub(super) fn word_of<T: Copy + PartialEq>(words: &[(&str, T)], value: T) -> String {
    words.iter().find(|(_, candidate)| *candidate == value).map_or(String::new(), |(word, _)| (*word).to_owned())
}
