//! The two key files.
//!
//! Both are age identity files, so that the stock `age -d -i FILE` reads them; what age does not know is in lines
//! `# pgkeep-NAME: VALUE`, comments to age.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::{OsRng, RngCore};
use zeroize::Zeroizing;

use crate::stream::{ChunkKey, DigestKey};

/// BLAKE3's context for the seed of the restore key's signing key.
const SIGNING_CONTEXT: &str = "pgkeep 2026-11-22 signing key of the restore key";

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no {} key was given", kind.noun())]
    NotGiven { kind: KeyKind },
    #[error("cannot read the key file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write the key file {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the key file {} exists already", path.display())]
    Exists { path: PathBuf },
    #[error("the key file {} can be read by others (mode {mode:03o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} is not a {} key of pgkeep: {reason}", path.display(), kind.noun())]
    Malformed { path: PathBuf, kind: KeyKind, reason: &'static str },
    #[error("the key belongs to the repository {key}, and this is the repository {repository}")]
    OtherRepository { key: String, repository: String },
    #[error("the key does not open the snapshot {snapshot}")]
    DoesNotOpen { snapshot: String },
}

impl KeyError {
    pub fn hint(&self) -> Option<String> {
        match self {
            KeyError::NotGiven { kind: KeyKind::Writer } => {
                Some("Name it with --writer-key FILE or PGKEEP_WRITER_KEY. `pgkeep init` made it.".into())
            }
            KeyError::NotGiven { kind: KeyKind::Restore } => Some(
                "Name it with --restore-key FILE or PGKEEP_RESTORE_KEY. Data can be read with the restore key alone."
                    .into(),
            ),
            KeyError::Exists { .. } => {
                Some("A key is never overwritten: data may depend on it. Name another folder.".into())
            }
            KeyError::Exposed { path, .. } => Some(format!("chmod 600 {}", path.display())),
            KeyError::OtherRepository { .. } => {
                Some("Each repository has keys of its own, made by its `pgkeep init`.".into())
            }
            KeyError::DoesNotOpen { .. } => {
                Some("Use the restore key that `pgkeep init` made for this repository.".into())
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Writer,
    Restore,
}

impl KeyKind {
    pub fn noun(self) -> &'static str {
        match self {
            KeyKind::Writer => "writer",
            KeyKind::Restore => "restore",
        }
    }

    pub fn file_name(self) -> &'static str {
        match self {
            KeyKind::Writer => "writer.key",
            KeyKind::Restore => "restore.key",
        }
    }
}

/// What the host that takes backups holds. It writes, lists and deduplicates, and cannot read rows.
pub struct WriterKey {
    pub repository: String,
    pub signing: SigningKey,
    pub chunk_key: ChunkKey,
    pub digest_key: DigestKey,
    /// Whom data is encrypted to.
    pub recipients: Vec<Recipient>,
    /// Opens manifests and metadata.
    pub identity: Identity,
    /// With what the holder of the restore key signs. Keys made by the first version do not know it.
    pub root: Option<VerifyingKey>,
}

/// What the operator keeps elsewhere. It opens everything and writes nothing.
pub struct RestoreKey {
    pub repository: String,
    /// Whose manifests are trusted.
    pub signers: Vec<VerifyingKey>,
    pub identity: Identity,
}

/// What it takes to read manifests, from either key.
#[derive(Clone)]
pub struct ReadingKey {
    pub repository: String,
    pub signers: Vec<VerifyingKey>,
    pub root: Option<VerifyingKey>,
    pub identity: Identity,
    pub kind: KeyKind,
    /// With what this key signs records.
    pub signing: SigningKey,
}

impl ReadingKey {
    /// Whose records are trusted.
    pub fn record_signers(&self) -> Vec<VerifyingKey> {
        self.signers.iter().chain(self.root.as_ref()).copied().collect()
    }
}

impl From<&WriterKey> for ReadingKey {
    fn from(key: &WriterKey) -> Self {
        let signers = vec![key.signing.verifying_key()];
        Self {
            repository: key.repository.clone(),
            signers,
            root: key.root,
            identity: key.identity.clone(),
            kind: KeyKind::Writer,
            signing: key.signing.clone(),
        }
    }
}

impl From<&RestoreKey> for ReadingKey {
    fn from(key: &RestoreKey) -> Self {
        Self {
            repository: key.repository.clone(),
            signers: key.signers.clone(),
            root: Some(key.signing().verifying_key()),
            identity: key.identity.clone(),
            kind: KeyKind::Restore,
            signing: key.signing(),
        }
    }
}

/// Makes the pair for a new repository.
pub fn generate() -> (WriterKey, RestoreKey) {
    let random = || {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        bytes
    };
    let repository = hex::encode(&random()[..8]);
    let signing = SigningKey::from_bytes(&random());
    let restore = RestoreKey {
        repository: repository.clone(),
        signers: vec![signing.verifying_key()],
        identity: Identity::generate(),
    };
    let writer = WriterKey {
        repository,
        signing,
        chunk_key: ChunkKey(random()),
        digest_key: DigestKey(random()),
        recipients: vec![restore.identity.to_public()],
        identity: Identity::generate(),
        root: Some(restore.signing().verifying_key()),
    };
    (writer, restore)
}

impl WriterKey {
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let mode =
            fs::metadata(path).map_err(|source| KeyError::Read { path: path.to_owned(), source })?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let file = KeyFile::read(path, KeyKind::Writer)?;
        Ok(Self {
            repository: file.one("repository")?.to_owned(),
            signing: SigningKey::from_bytes(&file.bytes("signing-key")?),
            chunk_key: ChunkKey(file.bytes("chunk-key")?),
            digest_key: DigestKey(file.bytes("digest-key")?),
            recipients: file.each("recipient", |text| Recipient::from_str(text).ok())?,
            identity: file.identity()?,
            root: file.values("root").next().map(|text| file.signer(text)).transpose()?,
        })
    }

    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let mut text = Zeroizing::new(String::new());
        let mut line = |name: &str, value: &str| {
            writeln!(text, "# pgkeep-{name}: {value}").expect("writing to a string cannot fail")
        };
        line("key", "writer");
        line("repository", &self.repository);
        line("signing-key", &Zeroizing::new(hex::encode(self.signing.to_bytes())));
        line("chunk-key", &Zeroizing::new(hex::encode(self.chunk_key.0)));
        line("digest-key", &Zeroizing::new(hex::encode(self.digest_key.0)));
        self.recipients.iter().for_each(|recipient| line("recipient", &recipient.to_string()));
        if let Some(root) = &self.root {
            line("root", &hex::encode(root.to_bytes()));
        }
        write_key_file(
            path,
            "The writer key: stays on the host that takes backups. It cannot read rows.",
            &text,
            &self.identity,
        )
    }
}

impl RestoreKey {
    /// What the holder of this key signs with. Made from the age identity, so that the key file needs no second secret.
    pub fn signing(&self) -> SigningKey {
        let secret = self.identity.to_string();
        let seed = Zeroizing::new(blake3::derive_key(SIGNING_CONTEXT, secret.expose_secret().as_bytes()));
        SigningKey::from_bytes(&seed)
    }

    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let file = KeyFile::read(path, KeyKind::Restore)?;
        Ok(Self {
            repository: file.one("repository")?.to_owned(),
            signers: file.each("signer", parse_signer)?,
            identity: file.identity()?,
        })
    }

    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let mut text = format!("# pgkeep-key: restore\n# pgkeep-repository: {}\n", self.repository);
        for signer in &self.signers {
            writeln!(text, "# pgkeep-signer: {}", hex::encode(signer.to_bytes()))
                .expect("writing to a string cannot fail");
        }
        write_key_file(
            path,
            "The restore key: opens every backup. Keep it away from the host that takes backups.",
            &text,
            &self.identity,
        )
    }
}

fn write_key_file(path: &Path, purpose: &str, lines: &str, identity: &Identity) -> Result<(), KeyError> {
    let secret = identity.to_string();
    let text = Zeroizing::new(format!(
        "# {purpose}\n{lines}# public key: {}\n{}\n",
        identity.to_public(),
        secret.expose_secret()
    ));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::Write { path: path.to_owned(), source },
    })
}

fn parse_signer(text: &str) -> Option<VerifyingKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// A key file's text and what it should be.
struct KeyFile {
    path: PathBuf,
    kind: KeyKind,
    text: Zeroizing<String>,
}

impl KeyFile {
    fn read(path: &Path, kind: KeyKind) -> Result<Self, KeyError> {
        let text = fs::read_to_string(path).map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
        let file = Self { path: path.to_owned(), kind, text: Zeroizing::new(text) };
        let noun = file.values("key").next().map(str::to_owned);
        match noun {
            Some(noun) if noun == kind.noun() => Ok(file),
            Some(_) => Err(file.malformed("it is the other of the two keys")),
            None => Err(file.malformed("it has no line `# pgkeep-key:`")),
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("# pgkeep-{name}:");
        self.text.lines().filter_map(move |line| Some(line.strip_prefix(prefix.as_str())?.trim()))
    }

    fn one(&self, name: &'static str) -> Result<&str, KeyError> {
        self.values(name).next().ok_or_else(|| self.malformed("a line is missing"))
    }

    fn bytes(&self, name: &'static str) -> Result<[u8; 32], KeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(self.one(name)?, &mut bytes)
            .map_err(|_| self.malformed("a key has not 64 hexadecimal digits"))?;
        Ok(bytes)
    }

    fn each<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, KeyError> {
        let all: Option<Vec<T>> = self.values(name).map(parse).collect();
        all.filter(|all| !all.is_empty()).ok_or_else(|| self.malformed("a recipient or signer is missing or damaged"))
    }

    fn signer(&self, text: &str) -> Result<VerifyingKey, KeyError> {
        parse_signer(text).ok_or_else(|| self.malformed("a signer is damaged"))
    }

    fn identity(&self) -> Result<Identity, KeyError> {
        let line = self.text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1"));
        line.and_then(|line| Identity::from_str(line.trim()).ok())
            .ok_or_else(|| self.malformed("it has no valid age identity"))
    }

    fn malformed(&self, reason: &'static str) -> KeyError {
        KeyError::Malformed { path: self.path.clone(), kind: self.kind, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_keys_read_back_and_neither_passes_for_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, restore) = generate();
        let (w, r) = (dir.path().join("writer.key"), dir.path().join("restore.key"));
        writer.write(&w).unwrap();
        restore.write(&r).unwrap();
        let read = WriterKey::read(&w).unwrap();
        assert_eq!(read.signing.to_bytes(), writer.signing.to_bytes());
        assert_eq!(read.recipients[0].to_string(), restore.identity.to_public().to_string());
        assert_eq!(RestoreKey::read(&r).unwrap().signers, vec![writer.signing.verifying_key()]);
        assert!(matches!(RestoreKey::read(&w), Err(KeyError::Malformed { kind: KeyKind::Restore, .. })));
        assert!(matches!(WriterKey::read(&r), Err(KeyError::Malformed { kind: KeyKind::Writer, .. })));
        assert!(matches!(writer.write(&w), Err(KeyError::Exists { .. })));
        let secret = restore.identity.to_string();
        assert!(
            !fs::read_to_string(&w).unwrap().contains(secret.expose_secret()),
            "the writer key holds the restore key"
        );
    }

    #[test]
    fn a_writer_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("writer.key");
        generate().0.write(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(WriterKey::read(&path), Err(KeyError::Exposed { mode: 0o640, .. })));
    }
}
