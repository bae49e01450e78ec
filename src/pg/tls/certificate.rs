//! The few fields of an X.509 certificate that rustls keeps to itself (RFC 5280, section 4.1).

use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;

/// id-at-commonName
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// id-ce-subjectAltName
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

pub(super) struct Certificate {
    /// Since 1970.
    not_before: Duration,
    not_after: Duration,
    common_name: Option<String>,
    has_alternative_names: bool,
}

impl Certificate {
    pub fn parse(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let certificate = x509_cert::Certificate::from_der(der);
        let read = certificate.map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?.tbs_certificate;
        let mut attributes = read.subject.0.iter().flat_map(|set| set.0.iter());
        let common_name = attributes.rfind(|attribute| attribute.oid == COMMON_NAME).and_then(text);
        let mut extensions = read.extensions.iter().flatten();
        Ok(Self {
            not_before: read.validity.not_before.to_unix_duration(),
            not_after: read.validity.not_after.to_unix_duration(),
            common_name,
            has_alternative_names: extensions.any(|extension| extension.extn_id == SUBJECT_ALTERNATIVE_NAME),
        })
    }

    pub fn verify_dates(&self, now: UnixTime) -> Result<(), Error> {
        let now = Duration::from_secs(now.as_secs());
        if now < self.not_before {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        if now > self.not_after {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(())
    }

    /// Whether the common name stands for this host. It does so only in a certificate without alternative names; a
    /// leading `*.` stands for one label.
    pub fn common_name_matches(&self, host: &str) -> bool {
        let Some(name) = self.common_name.as_deref().filter(|_| !self.has_alternative_names) else { return false };
        match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && domain.contains('.') && rest.eq_ignore_ascii_case(domain)
            }),
            None => !name.is_empty() && name.eq_ignore_ascii_case(host),
        }
    }
}

/// A name with a NUL inside is a trick; it must match nothing.
fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let text = std::str::from_utf8(attribute.value.value()).ok()?;
    (!text.contains('\0')).then(|| text.to_owned())
}
