//! Where an S3 repository is, and how its server wants to be spoken to: `s3://bucket/prefix?parameter=value`.

use std::time::Duration;

use super::super::{ObjectKey, StoreError};
use crate::spelling;

/// How long one request may take. An object of a few MiB on a slow line takes minutes; what stands still is noticed sooner.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

const PARAMETERS: &[&str] =
    &["endpoint", "path_style", "region", "storage_class", "sse", "object_lock", "request_timeout"];

/// A parsed URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub bucket: String,
    /// Empty, or a path that ends with `/`.
    pub prefix: String,
    /// Of a server that is not Amazon's.
    pub endpoint: Option<String>,
    pub addressing: Option<Addressing>,
    pub region: Option<String>,
    /// For objects with rows.
    pub storage_class: Option<String>,
    pub encryption: Option<Encryption>,
    pub retention: Option<Retention>,
    pub request_timeout: Duration,
}

/// Where the bucket's name stands in a request's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    Path,
    Host,
}

/// Encryption by the server, on top of pgkeep's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    Aes256,
    Kms { key: Option<String> },
}

/// Object Lock: until when nobody may delete an object, counted from its put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub mode: RetentionMode,
    pub days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionMode {
    /// Who has a special permission may still delete.
    Governance,
    /// Nobody may, the owner of the account neither.
    Compliance,
}

impl Place {
    /// Source of the names' rules: Amazon S3 user guide, "General purpose bucket naming rules" and "Naming Amazon S3 objects".
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let bad = |reason| StoreError::Url { url: url.to_owned(), reason };
        let rest = url.strip_prefix("s3://").ok_or_else(|| bad("it does not begin with s3://"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.contains('@') {
            return Err(bad("credentials come from the environment or from a profile, never from the URL"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(plain) {
            return Err(bad("it names no bucket: s3://bucket/prefix"));
        }
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() && ObjectKey::new(prefix).is_none() {
            return Err(bad("the path after the bucket may contain letters, digits, `.`, `_`, `-` and `/`"));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let mut place = Self {
            bucket: bucket.to_owned(),
            prefix,
            endpoint: None,
            addressing: None,
            region: None,
            storage_class: None,
            encryption: None,
            retention: None,
            request_timeout: REQUEST_TIMEOUT,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = spelling::percent_decoded(value).map_err(|error| match error {
                spelling::Undecodable::Digits => bad("a % in it is not followed by two hexadecimal digits"),
                spelling::Undecodable::NotUtf8 => bad("its percent-encoded text is not valid UTF-8"),
            })?;
            place.set(name, value)?;
        }
        Ok(place)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), StoreError> {
        let expected = match name {
            "endpoint" if value.starts_with("http://") || value.starts_with("https://") => {
                self.endpoint = Some(value);
                return Ok(());
            }
            "endpoint" => "http://HOST:PORT or https://HOST:PORT",
            "path_style" => match value.as_str() {
                "true" => return self.address(Addressing::Path),
                "false" => return self.address(Addressing::Host),
                _ => "true or false",
            },
            "region" if !value.is_empty() => {
                self.region = Some(value);
                return Ok(());
            }
            "region" => "a region's name, such as eu-central-1",
            "storage_class" if !value.is_empty() => {
                self.storage_class = Some(value);
                return Ok(());
            }
            "storage_class" => "the name of a class, such as STANDARD_IA",
            "sse" => match (value.as_str(), value.strip_prefix("aws:kms:")) {
                ("AES256", _) => return self.encrypt(Encryption::Aes256),
                ("aws:kms", _) => return self.encrypt(Encryption::Kms { key: None }),
                (_, Some(key)) if !key.is_empty() => {
                    return self.encrypt(Encryption::Kms { key: Some(key.to_owned()) });
                }
                _ => "AES256, aws:kms or aws:kms:KEYID",
            },
            "object_lock" => match retention(&value) {
                Some(retention) => {
                    self.retention = Some(retention);
                    return Ok(());
                }
                None => "governance:DAYSd or compliance:DAYSd, such as governance:30d",
            },
            "request_timeout" => match value.parse() {
                Ok(seconds @ 1..=86_400) => {
                    self.request_timeout = Duration::from_secs(seconds);
                    return Ok(());
                }
                _ => "a number of seconds",
            },
            _ => {
                let meant = spelling::nearest(name, PARAMETERS.iter().copied());
                let parameter = name.to_owned();
                return Err(StoreError::UrlParameter { parameter, meant, known: PARAMETERS });
            }
        };
        Err(StoreError::UrlValue { parameter: name.to_owned(), value, expected })
    }

    fn address(&mut self, addressing: Addressing) -> Result<(), StoreError> {
        self.addressing = Some(addressing);
        Ok(())
    }

    fn encrypt(&mut self, encryption: Encryption) -> Result<(), StoreError> {
        self.encryption = Some(encryption);
        Ok(())
    }

    /// An object's key in the bucket.
    pub fn key(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.prefix)
    }

    /// For messages: the place, or an object in it.
    pub fn describe(&self, name: &str) -> String {
        format!("s3://{}/{}{name}", self.bucket, self.prefix)
    }
}

fn retention(text: &str) -> Option<Retention> {
    let (mode, period) = text.split_once(':')?;
    let mode = match mode {
        "governance" => RetentionMode::Governance,
        "compliance" => RetentionMode::Compliance,
        _ => return None,
    };
    // A century at most: what is meant by more is a slip, and nobody could undo it.
    let days = period.strip_suffix('d')?.parse().ok().filter(|days| (1..=36_500).contains(days))?;
    Some(Retention { mode, days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_url_says_everything() {
        let url = "s3://bucket/a/b/?endpoint=http%3A%2F%2F127.0.0.1:8333&path_style=true&region=eu-central-1\
                   &storage_class=STANDARD_IA&sse=aws:kms:arn:aws:kms:eu-central-1:1:key/x&object_lock=governance:30d\
                   &request_timeout=9";
        assert_eq!(
            Place::parse(url).unwrap(),
            Place {
                bucket: "bucket".into(),
                prefix: "a/b/".into(),
                endpoint: Some("http://127.0.0.1:8333".into()),
                addressing: Some(Addressing::Path),
                region: Some("eu-central-1".into()),
                storage_class: Some("STANDARD_IA".into()),
                encryption: Some(Encryption::Kms { key: Some("arn:aws:kms:eu-central-1:1:key/x".into()) }),
                retention: Some(Retention { mode: RetentionMode::Governance, days: 30 }),
                request_timeout: Duration::from_secs(9),
            }
        );
    }

    #[test]
    fn a_bucket_is_enough() {
        for url in ["s3://bucket", "s3://bucket/", "s3://bucket?", "s3://bucket/?"] {
            let place = Place::parse(url).unwrap();
            assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("bucket", ""), "{url}");
            assert_eq!(place.describe("config"), "s3://bucket/config");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for url in ["s3://", "s3:///x", "s3://a/x", "s3://id:secret@bucket", "s3://bucket/a//b", "s3://bucket/../x"] {
            assert!(matches!(Place::parse(url), Err(StoreError::Url { .. })), "{url}");
        }
        for query in [
            "endpoint=127.0.0.1:8333",
            "path_style=yes",
            "sse=kms",
            "sse=aws:kms:",
            "object_lock=30d",
            "object_lock=governance:0d",
            "object_lock=legal:3d",
            "object_lock=compliance:36501d",
            "request_timeout=0",
            "region=",
            "storage_class",
        ] {
            let refused = Place::parse(&format!("s3://bucket/x?{query}"));
            assert!(matches!(refused, Err(StoreError::UrlValue { .. })), "{query}: {refused:?}");
        }
        for (name, near) in [("endpiont", Some("endpoint")), ("object-lock", Some("object_lock")), ("acl", None)] {
            match Place::parse(&format!("s3://bucket/x?{name}=1")) {
                Err(StoreError::UrlParameter { meant, .. }) => assert_eq!(meant, near),
                other => panic!("{other:?}"),
            }
        }
    }
}
