//! The few fields of an X.509 certificate that rustls keeps to itself (RFC 5280, section 4.1).

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// id-at-commonName, 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-ce-subjectAltName, 2.5.29.17
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

pub(super) struct Certificate<'a> {
    not_before: String,
    not_after: String,
    common_name: Option<&'a str>,
    has_alternative_names: bool,
}

impl<'a> Certificate<'a> {
    pub fn parse(der: &'a CertificateDer<'_>) -> Result<Self, Error> {
        read(der).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    pub fn verify_dates(&self, now: UnixTime) -> Result<(), Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = chrono::DateTime::from_timestamp(seconds, 0)
            .map(|time| time.format("%Y%m%d%H%M%SZ").to_string())
            .ok_or(Error::FailedToGetCurrentTime)?;
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
        let Some(name) = self.common_name.filter(|_| !self.has_alternative_names) else { return false };
        match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && domain.contains('.') && rest.eq_ignore_ascii_case(domain)
            }),
            None => !name.is_empty() && name.eq_ignore_ascii_case(host),
        }
    }
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Option<Certificate<'a>> {
    let (certificate, _) = take(der.as_ref(), SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = skip(rest)?;
    }
    // serialNumber, signature, issuer
    for _ in 0..3 {
        rest = skip(rest)?;
    }
    let (validity, after_validity) = take(rest, SEQUENCE)?;
    let (not_before, after_begin) = take_time(validity)?;
    let (not_after, _) = take_time(after_begin)?;
    let (mut subject, mut rest) = take(after_validity, SEQUENCE)?;
    let mut common_name = None;
    while !subject.is_empty() {
        let (mut set, after) = take(subject, SET)?;
        subject = after;
        while !set.is_empty() {
            let (attribute, next) = take(set, SEQUENCE)?;
            set = next;
            let (kind, value) = take(attribute, OBJECT_IDENTIFIER)?;
            if kind == COMMON_NAME {
                let (_, text, _) = element(value)?;
                // A name with a NUL inside is a trick; it must match nothing.
                common_name = std::str::from_utf8(text).ok().filter(|name| !name.contains('\0'));
            }
        }
    }
    let mut has_alternative_names = false;
    while let Some((tag, content, after)) = element(rest) {
        rest = after;
        if tag == EXTENSIONS {
            let (mut extensions, _) = take(content, SEQUENCE)?;
            while !extensions.is_empty() {
                let (extension, next) = take(extensions, SEQUENCE)?;
                extensions = next;
                has_alternative_names |= take(extension, OBJECT_IDENTIFIER)?.0 == SUBJECT_ALTERNATIVE_NAME;
            }
        }
    }
    Some(Certificate { not_before, not_after, common_name, has_alternative_names })
}

/// A time as `YYYYMMDDhhmmssZ`, which sorts as text.
fn take_time(der: &[u8]) -> Option<(String, &[u8])> {
    let (tag, content, rest) = element(der)?;
    let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii())?;
    let time = match tag {
        GENERALIZED_TIME if text.len() == 15 => text.to_owned(),
        // RFC 5280: two digits of a year below 50 are of this century.
        UTC_TIME if text.len() == 13 => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        _ => return None,
    };
    Some((time, rest))
}

fn take(der: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(tag, _, _)| *tag == expected).map(|(_, content, rest)| (content, rest))
}

fn skip(der: &[u8]) -> Option<&[u8]> {
    element(der).map(|(_, _, rest)| rest)
}

/// Tag, content and what follows, of one DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (bytes, rest) = rest.split_at(count);
        (bytes.iter().fold(0usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}
