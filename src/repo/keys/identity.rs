//! Identity files as `age -i` takes them.

use std::path::Path;

use age::{Callbacks, IdentityFile, ssh};

use super::KeyError;
use super::file::{self, Content};
use crate::stream::Identities;

/// The identities of a file: age's, also one under a passphrase, an SSH private key, or a plugin's. Passphrases are asked for at
/// once; a plugin asks when it opens something.
pub fn read_identities(path: &Path, callbacks: &impl Callbacks) -> Result<Identities, KeyError> {
    let refused = |reason: String| KeyError::IdentityFile { path: path.to_owned(), reason };
    let ask = || {
        let asked = callbacks.request_passphrase(&format!("the passphrase of {}", path.display()));
        asked.ok_or_else(|| KeyError::PassphraseNeeded { path: path.to_owned() })
    };
    let text = match Content::read(path)? {
        Content::Plain(text) => text,
        Content::Protected(stored) => file::unlock(path, &stored, &ask()?)?,
    };
    if text.trim_start().starts_with("-----BEGIN") {
        let parsed = ssh::Identity::from_buffer(text.as_bytes(), Some(path.display().to_string()));
        let key = match parsed.map_err(|_| refused("it is not an SSH private key that age supports".into()))? {
            ssh::Identity::Unencrypted(key) => key,
            ssh::Identity::Encrypted(key) => {
                key.decrypt(ask()?).map_err(|_| KeyError::WrongPassphrase { path: path.to_owned() })?
            }
            ssh::Identity::Unsupported(_) => {
                return Err(refused("age does not support SSH keys of this type or format".into()));
            }
        };
        let mut identities = Identities::default();
        identities.push(ssh::Identity::from(key));
        return Ok(identities);
    }
    // The error of age names no more than the line.
    let file = IdentityFile::from_buffer(text.as_bytes()).map_err(|error| refused(error.to_string()))?;
    let identities = file.with_callbacks(callbacks.clone()).into_identities();
    let identities = Identities::from(identities.map_err(|error| refused(error.to_string()))?);
    if identities.is_empty() { Err(refused("it contains no identity".into())) } else { Ok(identities) }
}
