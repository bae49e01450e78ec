//! The key files, and what each key may do.
//!
//! All are age identity files, so that the stock `age -d -i FILE` reads them; what age does not know is in lines
//! `# pgkeep-NAME: VALUE`, comments to age.

pub mod disk;
mod error;
pub mod file;
mod identity;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub use age::Callbacks;
use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::{OsRng, RngCore};
use zeroize::Zeroizing;

use super::snapshot::SnapshotName;
use crate::stream::{ChunkKey, DigestKey, Identities, Recipient};
use disk::LockedKeyFile;
pub use error::KeyError;
use file::{KeyFile, KeyText, Protection, parse_signer};
pub use identity::read_identities;

/// BLAKE3's context for the seed of the restore key's signing key.
const SIGNING_CONTEXT: &str = "pgkeep 2026-11-22 signing key of the restore key";

const WRITER_PURPOSE: &str = "The writer key: stays on the host that takes backups. It cannot read rows.";
const RESTORE_PURPOSE: &str = "The restore key: opens every backup. Keep it away from the host that takes backups.";
const READER_PURPOSE: &str =
    "A reading key: says whose backups to trust. It opens nothing by itself; --identity FILE names what does.";

/// Public keys of writers.
pub type Revoked = BTreeSet<[u8; 32]>;

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
    /// Which of the recipients is the restore key's own. Keys made by the first version name it first.
    pub restore_recipient: Option<Recipient>,
    /// Opens manifests and metadata.
    pub identity: Identity,
    /// Open what was written before a rotation.
    pub former: Vec<Identity>,
    /// With what the holder of the restore key signs. Keys made by the first version do not know it.
    pub root: Option<VerifyingKey>,
    /// The highest keyring that was seen.
    pub keyring: u64,
    /// Writers that a keyring which was seen has revoked, its number aside.
    pub revoked: Revoked,
}

/// What the operator keeps elsewhere. It opens everything and says which writers are trusted.
pub struct RestoreKey {
    pub repository: String,
    /// Whose manifests are trusted.
    pub signers: Vec<VerifyingKey>,
    pub identity: Identity,
    /// Open what was written before a rotation.
    pub former: Vec<Identity>,
    /// The highest keyring that was seen.
    pub keyring: u64,
    /// Writers that a keyring which was seen has revoked, its number aside.
    pub revoked: Revoked,
}

/// A restore key without its identity, hence without the right to sign: for whoever reads with an identity of his own.
pub struct ReaderKey {
    pub repository: String,
    pub signers: Vec<VerifyingKey>,
    pub root: VerifyingKey,
    pub keyring: u64,
    pub revoked: Revoked,
}

/// What a file given as the restore key may be.
pub enum DataKey {
    Restore(RestoreKey),
    Reader(ReaderKey),
}

/// What it takes to read manifests, from any key.
#[derive(Clone)]
pub struct ReadingKey {
    pub repository: String,
    pub signers: Vec<VerifyingKey>,
    pub root: Option<VerifyingKey>,
    pub identities: Identities,
    pub kind: KeyKind,
    /// With what this key signs records; a reading key signs none.
    pub signing: Option<SigningKey>,
    /// The highest keyring that was seen.
    pub keyring: u64,
    /// Writers that a keyring which was seen has revoked, its number aside.
    pub revoked: Revoked,
}

impl ReadingKey {
    /// The same, which opens also what these identities open.
    pub fn with_identities(mut self, more: Identities) -> Self {
        self.identities.extend(more);
        self
    }

    /// What it means that this key does not open a snapshot that it trusts.
    pub(super) fn opens_not(&self, snapshot: &SnapshotName) -> KeyError {
        let snapshot = snapshot.to_string();
        match (self.kind, &self.signing) {
            // A reading key: it has been a recipient from some day on.
            (KeyKind::Restore, None) => KeyError::IdentityDoesNotOpen { snapshot },
            _ => KeyError::DoesNotOpen { snapshot },
        }
    }
}

fn all(identity: &Identity, former: &[Identity]) -> Identities {
    std::iter::once(identity).chain(former).cloned().collect::<Vec<_>>().into()
}

impl From<&WriterKey> for ReadingKey {
    fn from(key: &WriterKey) -> Self {
        Self {
            repository: key.repository.clone(),
            signers: vec![key.signing.verifying_key()],
            root: key.root,
            identities: all(&key.identity, &key.former),
            kind: KeyKind::Writer,
            signing: Some(key.signing.clone()),
            keyring: key.keyring,
            revoked: key.revoked.clone(),
        }
    }
}

impl From<&RestoreKey> for ReadingKey {
    fn from(key: &RestoreKey) -> Self {
        Self {
            repository: key.repository.clone(),
            signers: key.signers.clone(),
            root: Some(key.root()),
            identities: all(&key.identity, &key.former),
            kind: KeyKind::Restore,
            signing: Some(key.signing()),
            keyring: key.keyring,
            revoked: key.revoked.clone(),
        }
    }
}

impl From<&ReaderKey> for ReadingKey {
    fn from(key: &ReaderKey) -> Self {
        Self {
            repository: key.repository.clone(),
            signers: key.signers.clone(),
            root: Some(key.root),
            identities: Identities::default(),
            kind: KeyKind::Restore,
            signing: None,
            keyring: key.keyring,
            revoked: key.revoked.clone(),
        }
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// Makes the pair for a new repository.
pub fn generate() -> (WriterKey, RestoreKey) {
    let repository = hex::encode(&random()[..8]);
    let signing = SigningKey::from_bytes(&random());
    let restore = RestoreKey {
        repository: repository.clone(),
        signers: vec![signing.verifying_key()],
        identity: Identity::generate(),
        former: Vec::new(),
        keyring: 0,
        revoked: Revoked::new(),
    };
    let recipient = Recipient::from(restore.identity.to_public());
    let writer = WriterKey {
        repository,
        signing,
        chunk_key: ChunkKey(random()),
        digest_key: DigestKey(random()),
        recipients: vec![recipient.clone()],
        restore_recipient: Some(recipient),
        identity: Identity::generate(),
        former: Vec::new(),
        root: Some(restore.root()),
        keyring: 0,
        revoked: Revoked::new(),
    };
    (writer, restore)
}

impl WriterKey {
    /// Reads a file that nobody but its owner can read.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let found = fs::metadata(path).map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
        if found.is_dir() {
            return Err(KeyError::IsFolder { path: path.to_owned(), kind: KeyKind::Writer });
        }
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let file = KeyFile::read(path, KeyKind::Writer, &Protection::Plain)?;
        let recipients: Vec<Recipient> = file.each("recipient", |text| text.parse().ok())?;
        let named: Option<Recipient> = file.values("restore-recipient").next().and_then(|text| text.parse().ok());
        let (identity, former) = file.identities()?;
        Ok(Self {
            repository: file.one("repository")?.to_owned(),
            signing: SigningKey::from_bytes(&file.bytes("signing-key")?),
            chunk_key: ChunkKey(file.bytes("chunk-key")?),
            digest_key: DigestKey(file.bytes("digest-key")?),
            restore_recipient: named.or_else(|| recipients.first().cloned()),
            recipients,
            identity,
            former,
            root: file.root()?,
            keyring: file.keyring()?,
            revoked: file.revoked()?,
        })
    }

    /// Writes a new file, mode 0600; one that exists is never touched.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        disk::create(path, self.text().text(), &Protection::Plain)
    }

    /// Puts this key in the place of what the file holds.
    pub fn replace(&self, file: &LockedKeyFile) -> Result<(), KeyError> {
        file.replace(self.text().text(), &Protection::Plain)
    }

    /// Writes this key beside the file whose place it is to take.
    pub fn write_next(&self, file: &LockedKeyFile) -> Result<(), KeyError> {
        file.write_next(self.text().text(), &Protection::Plain)
    }

    fn text(&self) -> KeyText {
        let mut text = KeyText::new(WRITER_PURPOSE);
        text.line("key", "writer");
        text.line("repository", &self.repository);
        text.line("signing-key", &Zeroizing::new(hex::encode(self.signing.to_bytes())));
        text.line("chunk-key", &Zeroizing::new(hex::encode(self.chunk_key.0)));
        text.line("digest-key", &Zeroizing::new(hex::encode(self.digest_key.0)));
        self.recipients.iter().for_each(|recipient| text.line("recipient", &recipient.to_string()));
        if let Some(recipient) = &self.restore_recipient {
            text.line("restore-recipient", &recipient.to_string());
        }
        if let Some(root) = &self.root {
            text.line("root", &hex::encode(root.to_bytes()));
        }
        text.keyring(self.keyring);
        text.revoked(&self.revoked);
        text.identities(&self.identity, &self.former);
        text
    }

    /// What manifests and metadata are encrypted to.
    pub fn metadata_recipients(&self) -> Vec<Recipient> {
        self.recipients.iter().cloned().chain([self.identity.to_public().into()]).collect()
    }

    /// Makes chunks get names that no stored one has, so that the next backup stores all of them anew.
    pub fn start_chunk_key(&mut self) {
        self.chunk_key = ChunkKey(random());
    }

    /// A key of another signer, which shares everything else.
    pub fn sibling(&self) -> Self {
        Self {
            repository: self.repository.clone(),
            signing: SigningKey::from_bytes(&random()),
            chunk_key: self.chunk_key.clone(),
            digest_key: DigestKey(self.digest_key.0),
            recipients: self.recipients.clone(),
            restore_recipient: self.restore_recipient.clone(),
            identity: self.identity.clone(),
            former: self.former.clone(),
            root: self.root,
            keyring: self.keyring,
            revoked: self.revoked.clone(),
        }
    }

    /// New secrets throughout: only what opens older metadata stays, behind the new identity.
    pub fn renewed(&self) -> Self {
        let former = std::iter::once(&self.identity).chain(&self.former).cloned().collect();
        Self {
            chunk_key: ChunkKey(random()),
            digest_key: DigestKey(random()),
            identity: Identity::generate(),
            former,
            ..self.sibling()
        }
    }
}

fn signing_of(identity: &Identity) -> SigningKey {
    let secret = identity.to_string();
    let seed = Zeroizing::new(blake3::derive_key(SIGNING_CONTEXT, secret.expose_secret().as_bytes()));
    SigningKey::from_bytes(&seed)
}

impl RestoreKey {
    /// What the holder of this key signs with. Made from the age identity, so that the key file needs no second secret.
    pub fn signing(&self) -> SigningKey {
        signing_of(&self.identity)
    }

    /// The same, and after it what its holders signed with in earlier days, the latest first.
    pub fn signing_line(&self) -> Vec<SigningKey> {
        std::iter::once(&self.identity).chain(&self.former).map(signing_of).collect()
    }

    pub fn root(&self) -> VerifyingKey {
        self.signing().verifying_key()
    }

    /// Reads a file without a passphrase.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::open(path, &Protection::Plain)
    }

    /// Reads a file, with the passphrase if it needs one.
    pub fn open(path: &Path, protection: &Protection) -> Result<Self, KeyError> {
        match DataKey::open(path, protection)? {
            DataKey::Restore(key) => Ok(key),
            DataKey::Reader(_) => Err(KeyError::NeedsRestoreKey { path: path.to_owned() }),
        }
    }

    /// Writes a new file, mode 0600; one that exists is never touched.
    pub fn write(&self, path: &Path, protection: &Protection) -> Result<(), KeyError> {
        disk::create(path, self.text().text(), protection)
    }

    /// Puts this key in the place of what the file holds.
    pub fn replace(&self, file: &LockedKeyFile, protection: &Protection) -> Result<(), KeyError> {
        file.replace(self.text().text(), protection)
    }

    fn text(&self) -> KeyText {
        let mut text = KeyText::new(RESTORE_PURPOSE);
        text.line("key", "restore");
        text.line("repository", &self.repository);
        self.signers.iter().for_each(|signer| text.line("signer", &hex::encode(signer.to_bytes())));
        text.keyring(self.keyring);
        text.revoked(&self.revoked);
        text.identities(&self.identity, &self.former);
        text
    }

    /// A new identity, hence a new root; the old identity stays behind it, for what is older.
    pub fn renewed(&self) -> Self {
        Self {
            repository: self.repository.clone(),
            signers: self.signers.clone(),
            identity: Identity::generate(),
            former: std::iter::once(&self.identity).chain(&self.former).cloned().collect(),
            keyring: self.keyring,
            revoked: self.revoked.clone(),
        }
    }

    /// Whether [`Self::renewed`] has made this key of that one.
    pub fn is_renewed_from(&self, old: &RestoreKey) -> bool {
        let public = |identity: &Identity| Recipient::from(identity.to_public());
        self.repository == old.repository && self.former.first().map(public) == Some(public(&old.identity))
    }

    pub fn reader(&self) -> ReaderKey {
        ReaderKey {
            repository: self.repository.clone(),
            signers: self.signers.clone(),
            root: self.root(),
            keyring: self.keyring,
            revoked: self.revoked.clone(),
        }
    }
}

impl ReaderKey {
    /// Writes a new file, mode 0600; one that exists is never touched.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let mut text = KeyText::new(READER_PURPOSE);
        text.line("key", "reader");
        text.line("repository", &self.repository);
        self.signers.iter().for_each(|signer| text.line("signer", &hex::encode(signer.to_bytes())));
        text.line("root", &hex::encode(self.root.to_bytes()));
        text.keyring(self.keyring);
        text.revoked(&self.revoked);
        disk::create(path, text.text(), &Protection::Plain)
    }
}

impl DataKey {
    /// Reads a restore key or a reading key, with the passphrase if it needs one.
    pub fn open(path: &Path, protection: &Protection) -> Result<Self, KeyError> {
        let file = KeyFile::read(path, KeyKind::Restore, protection)?;
        let repository = file.one("repository")?.to_owned();
        let signers = file.each("signer", parse_signer)?;
        let (keyring, revoked) = (file.keyring()?, file.revoked()?);
        if file.kind_word() == Some("reader") {
            let root = file.root()?.ok_or_else(|| file.malformed("a line is missing"))?;
            return Ok(DataKey::Reader(ReaderKey { repository, signers, root, keyring, revoked }));
        }
        // A reading key holds no secret, and a passphrase keeps others out of what they can read.
        if let Protection::Plain = protection {
            let found = fs::metadata(path).map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
            let mode = found.mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Exposed { path: path.to_owned(), mode });
            }
        }
        let (identity, former) = file.identities()?;
        Ok(DataKey::Restore(RestoreKey { repository, signers, identity, former, keyring, revoked }))
    }
}
