//! What key files hold: lines of text that are an age identity file as well, in plain or as an age file for a passphrase.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret, SecretString};
use age::x25519::Identity;
use ed25519_dalek::VerifyingKey;
use zeroize::Zeroizing;

use super::error::THE_OTHER_KEY;
use super::{KeyError, KeyKind, Revoked};
use crate::opening;

/// Larger files are something else.
const BYTES_MAX: u64 = 1 << 20;
/// What the stock age takes for its own protected identity files: 2^18 rounds, 256 MiB.
const WORK_FACTOR: u8 = 18;
/// The stock age's limit for identity files.
const WORK_FACTOR_MAX: u8 = 22;

/// Whether a key file says what it holds to whoever can read it.
#[derive(Clone, Debug)]
pub enum Protection {
    Plain,
    Passphrase(SecretString),
}

impl Protection {
    fn passphrase(&self) -> Option<&SecretString> {
        match self {
            Protection::Plain => None,
            Protection::Passphrase(passphrase) => Some(passphrase),
        }
    }
}

/// A key file's bytes, before anything is known of them.
pub(super) enum Content {
    Plain(Zeroizing<String>),
    Protected(Vec<u8>),
}

impl Content {
    pub(super) fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Read { path: path.to_owned(), source };
        let file = opening::open(path).map_err(failed)?;
        // Of the final size at once: growing would leave copies behind.
        let found = file.metadata().map_err(failed)?;
        if found.is_dir() {
            // The writer key has no passphrase, and is looked at before it is read.
            return Err(KeyError::IsFolder { path: path.to_owned(), kind: KeyKind::Restore });
        }
        let bytes = found.len().min(BYTES_MAX) as usize;
        let mut text = Zeroizing::new(Vec::with_capacity(bytes + 1));
        file.take(BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
        if is_age_file(&text) {
            return Ok(Content::Protected(text.to_vec()));
        }
        let text = std::str::from_utf8(&text).map_err(|error| failed(io::Error::other(error)))?;
        Ok(Content::Plain(Zeroizing::new(text.to_owned())))
    }

    /// The plain text. `passphrase` is used where the file is protected, and not otherwise.
    pub(super) fn open(self, path: &Path, protection: &Protection) -> Result<Zeroizing<String>, KeyError> {
        match (self, protection.passphrase()) {
            (Content::Plain(text), _) => Ok(text),
            (Content::Protected(_), None) => Err(KeyError::PassphraseNeeded { path: path.to_owned() }),
            (Content::Protected(stored), Some(passphrase)) => unlock(path, &stored, passphrase),
        }
    }
}

fn is_age_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") || bytes.starts_with(b"age-encryption.org/")
}

/// Whether it takes a passphrase to read the key file.
pub fn is_protected(path: &Path) -> Result<IsProtected, KeyError> {
    Ok(match Content::read(path)? {
        Content::Plain(_) => IsProtected::No,
        Content::Protected(_) => IsProtected::Yes,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsProtected {
    Yes,
    No,
}

/// The text of an age file that was made for a passphrase.
pub(super) fn unlock(path: &Path, stored: &[u8], passphrase: &SecretString) -> Result<Zeroizing<String>, KeyError> {
    let wrong = |_| KeyError::WrongPassphrase { path: path.to_owned() };
    let mut identity = age::scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(stored)).map_err(wrong)?;
    let mut reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(wrong)?;
    let mut text = Zeroizing::new(String::with_capacity(stored.len()));
    reader.read_to_string(&mut text).map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    Ok(text)
}

/// The bytes of a key file: the text itself, or an armored age file that `age -d -i` reads after asking for the passphrase.
pub(super) fn encode(text: &str, protection: &Protection) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let Protection::Passphrase(passphrase) = protection else { return Ok(Zeroizing::new(text.as_bytes().to_vec())) };
    if passphrase.expose_secret().is_empty() {
        return Err(KeyError::EmptyPassphrase);
    }
    let failed = |source| KeyError::Protect { source };
    let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK_FACTOR);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|error| failed(io::Error::other(error)))?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(text.as_bytes()).map_err(failed)?;
    Ok(Zeroizing::new(writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?))
}

/// The lines of a key file, and what it should be.
pub(super) struct KeyFile {
    path: PathBuf,
    kind: KeyKind,
    text: Zeroizing<String>,
}

impl KeyFile {
    pub(super) fn read(path: &Path, kind: KeyKind, protection: &Protection) -> Result<Self, KeyError> {
        Self::parse(path, kind, Content::read(path)?.open(path, protection)?)
    }

    /// Checks that the text is a key of that kind.
    pub(super) fn parse(path: &Path, kind: KeyKind, text: Zeroizing<String>) -> Result<Self, KeyError> {
        let file = Self { path: path.to_owned(), kind, text };
        match (file.kind_word(), kind) {
            (Some("writer"), KeyKind::Writer) | (Some("restore" | "reader"), KeyKind::Restore) => Ok(file),
            (Some(_), _) => Err(file.malformed(THE_OTHER_KEY)),
            (None, _) => Err(file.malformed("it has no line `# pgkeep-key:`")),
        }
    }

    pub(super) fn kind_word(&self) -> Option<&str> {
        self.values("key").next()
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("# pgkeep-{name}:");
        self.text.lines().filter_map(move |line| Some(line.strip_prefix(prefix.as_str())?.trim()))
    }

    pub(super) fn one(&self, name: &'static str) -> Result<&str, KeyError> {
        self.values(name).next().ok_or_else(|| self.malformed("a line is missing"))
    }

    pub(super) fn bytes(&self, name: &'static str) -> Result<[u8; 32], KeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(self.one(name)?, &mut bytes)
            .map_err(|_| self.malformed("a key does not have 64 hexadecimal digits"))?;
        Ok(bytes)
    }

    pub(super) fn each<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, KeyError> {
        let all: Option<Vec<T>> = self.values(name).map(parse).collect();
        all.filter(|all| !all.is_empty()).ok_or_else(|| self.malformed("a recipient or signer is missing or damaged"))
    }

    pub(super) fn root(&self) -> Result<Option<VerifyingKey>, KeyError> {
        let parse = |text: &str| parse_signer(text).ok_or_else(|| self.malformed("a signer is damaged"));
        self.values("root").next().map(parse).transpose()
    }

    /// The highest keyring that was seen; 0 where none was.
    pub(super) fn keyring(&self) -> Result<u64, KeyError> {
        let parse = |text: &str| text.parse().map_err(|_| self.malformed("the keyring's number is damaged"));
        self.values("keyring").next().map_or(Ok(0), parse)
    }

    /// Writers whose revocation was seen.
    pub(super) fn revoked(&self) -> Result<Revoked, KeyError> {
        let parse = |text: &str| parse_signer(text).map(|signer| signer.to_bytes());
        let all: Option<Revoked> = self.values("revoked").map(parse).collect();
        all.ok_or_else(|| self.malformed("a revoked signer is damaged"))
    }

    /// The identity of today, and those of earlier days.
    pub(super) fn identities(&self) -> Result<(Identity, Vec<Identity>), KeyError> {
        let damaged = || self.malformed("it has no valid age identity");
        let lines = self.text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1"));
        let all: Option<Vec<Identity>> = lines.map(|line| Identity::from_str(line.trim()).ok()).collect();
        let mut all = all.ok_or_else(damaged)?.into_iter();
        Ok((all.next().ok_or_else(damaged)?, all.collect()))
    }

    pub(super) fn malformed(&self, reason: &'static str) -> KeyError {
        KeyError::Malformed { path: self.path.clone(), kind: self.kind, reason }
    }
}

pub(super) fn parse_signer(text: &str) -> Option<VerifyingKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// The text of a key file.
pub(super) struct KeyText(Zeroizing<String>);

impl KeyText {
    pub(super) fn new(purpose: &str) -> Self {
        let mut text = Self(Zeroizing::new(String::with_capacity(16 << 10)));
        text.push(&["# ", purpose]);
        text
    }

    fn push(&mut self, words: &[&str]) {
        words.iter().for_each(|word| self.0.push_str(word));
        self.0.push('\n');
    }

    pub(super) fn line(&mut self, name: &str, value: &str) {
        self.push(&["# pgkeep-", name, ": ", value]);
    }

    pub(super) fn keyring(&mut self, number: u64) {
        if number > 0 {
            self.line("keyring", &number.to_string());
        }
    }

    pub(super) fn revoked(&mut self, revoked: &Revoked) {
        revoked.iter().for_each(|signer| self.line("revoked", &hex::encode(signer)));
    }

    pub(super) fn identities(&mut self, identity: &Identity, former: &[Identity]) {
        for (n, identity) in std::iter::once(identity).chain(former).enumerate() {
            let what = if n == 0 { "# public key: " } else { "# public key, for what is older: " };
            self.push(&[what, &identity.to_public().to_string()]);
            self.push(&[identity.to_string().expose_secret()]);
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
