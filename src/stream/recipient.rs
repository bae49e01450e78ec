//! Whom objects are encrypted to, and what opens them: age's kinds of both.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use age::ssh::ParseRecipientKeyError;

/// A recipient of age: `age1...`, `ssh-ed25519 ...`, `ssh-rsa ...`, or a plugin's, `age1NAME1...`.
#[derive(Clone)]
pub enum Recipient {
    X25519(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
    Plugin(age::plugin::Recipient),
}

/// Why a text is no recipient. An identity, which is secret, is never repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    #[error("`{text}` is not an age recipient")]
    Unknown { text: String },
    #[error("it is an identity, which is secret")]
    Secret,
    #[error("an ssh-rsa key needs at least 2048 bits, and not too many")]
    RsaBits,
    #[error("SSH keys of the type {kind} are not supported")]
    SshType { kind: String },
}

impl Recipient {
    /// `x25519`, `ssh`, or `plugin NAME`.
    pub fn kind(&self) -> String {
        match self {
            Recipient::X25519(_) => "x25519".into(),
            Recipient::Ssh(_) => "ssh".into(),
            Recipient::Plugin(recipient) => format!("plugin {}", recipient.plugin()),
        }
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase();
        if ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN"].iter().any(|secret| upper.contains(secret)) {
            return Err(RecipientError::Secret);
        }
        if let Ok(recipient) = text.parse() {
            return Ok(Recipient::X25519(recipient));
        }
        match text.parse::<age::ssh::Recipient>() {
            Ok(recipient) => return Ok(Recipient::Ssh(recipient)),
            Err(ParseRecipientKeyError::RsaModulusTooSmall | ParseRecipientKeyError::RsaModulusTooLarge) => {
                return Err(RecipientError::RsaBits);
            }
            Err(ParseRecipientKeyError::Unsupported(kind)) => return Err(RecipientError::SshType { kind }),
            Err(_) => {}
        }
        text.parse().map(Recipient::Plugin).map_err(|_| RecipientError::Unknown { text: text.to_owned() })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::X25519(recipient) => recipient.fmt(f),
            Recipient::Ssh(recipient) => recipient.fmt(f),
            Recipient::Plugin(recipient) => recipient.fmt(f),
        }
    }
}

/// One recipient has one text.
impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl From<age::x25519::Recipient> for Recipient {
    fn from(recipient: age::x25519::Recipient) -> Self {
        Recipient::X25519(recipient)
    }
}

/// What opens objects; tried in order.
#[derive(Clone, Default)]
pub struct Identities(Vec<Arc<dyn age::Identity + Send + Sync>>);

impl Identities {
    pub fn push(&mut self, identity: impl age::Identity + Send + Sync + 'static) {
        self.0.push(Arc::new(identity));
    }

    pub fn extend(&mut self, more: Identities) {
        self.0.extend(more.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| &**identity as &dyn age::Identity)
    }
}

impl From<Vec<Box<dyn age::Identity + Send + Sync>>> for Identities {
    fn from(identities: Vec<Box<dyn age::Identity + Send + Sync>>) -> Self {
        Self(identities.into_iter().map(Arc::from).collect())
    }
}

impl From<Vec<age::x25519::Identity>> for Identities {
    fn from(identities: Vec<age::x25519::Identity>) -> Self {
        let mut all = Self::default();
        identities.into_iter().for_each(|identity| all.push(identity));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys made by `age-keygen` and `ssh-keygen`, and a recipient from the manual of age-plugin-yubikey.
    const KNOWN: [(&str, &str); 3] = [
        ("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "x25519"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN", "ssh"),
        ("age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt", "plugin yubikey"),
    ];

    #[test]
    fn a_recipient_reads_back_from_its_text() {
        for (text, kind) in KNOWN {
            let recipient: Recipient = format!(" {text} ").parse().unwrap();
            assert_eq!((recipient.kind().as_str(), recipient.to_string().as_str()), (kind, text));
        }
        let with_name = format!("{} alice@rust", KNOWN[1].0);
        assert_eq!(with_name.parse::<Recipient>().unwrap().to_string(), KNOWN[1].0);
    }

    #[test]
    fn what_is_no_recipient_is_refused_and_a_secret_is_not_repeated() {
        let refused = |text: &str| text.parse::<Recipient>().err().unwrap();
        assert_eq!(refused("age1nonsense"), RecipientError::Unknown { text: "age1nonsense".into() });
        let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
        assert_eq!(refused(secret), RecipientError::Secret);
        assert_eq!(refused("-----BEGIN OPENSSH PRIVATE KEY-----"), RecipientError::Secret);
    }
}
