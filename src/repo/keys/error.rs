//! What can be wrong with keys.

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::KeyKind;
use crate::store::{ObjectKey, standing};
use crate::stream::{OpenError, RecipientError, SealError};

/// Why a file is no writer key, and no restore key.
pub const THE_OTHER_KEY: &str = "it is the other one of the two keys";

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no {} key was given", kind.noun())]
    NotGiven { kind: KeyKind },
    #[error("no restore key was given")]
    NoneToSign,
    #[error("cannot read the key file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is a folder, not a key file", path.display())]
    IsFolder { path: PathBuf, kind: KeyKind },
    #[error("cannot write the key file {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the key file {} already exists", path.display())]
    Exists { path: PathBuf },
    #[error("other users can read the key file {} (mode {mode:03o})", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} is not a {} key of pgkeep: {reason}", path.display(), kind.noun())]
    Malformed { path: PathBuf, kind: KeyKind, reason: &'static str },
    #[error("the key belongs to the repository {key}, but this is the repository {repository}")]
    OtherRepository { key: String, repository: String },
    #[error("the key does not decrypt the snapshot {snapshot}")]
    DoesNotOpen { snapshot: String },
    #[error("the identity does not decrypt the snapshot {snapshot}")]
    IdentityDoesNotOpen { snapshot: String },

    #[error("the key file {} needs a passphrase, but none was given", path.display())]
    PassphraseNeeded { path: PathBuf },
    #[error("no passphrase was given for the key file {}, and there is no terminal to ask for it", path.display())]
    NoNewPassphrase { path: PathBuf },
    #[error("wrong passphrase for {}", path.display())]
    WrongPassphrase { path: PathBuf },
    #[error("the key file {} has no passphrase", path.display())]
    NotProtected { path: PathBuf },
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    #[error("the two passphrases differ")]
    PassphrasesDiffer,
    #[error("cannot protect the key with the passphrase")]
    Protect {
        #[source]
        source: io::Error,
    },

    #[error("{} is a reading key, which has no identity of its own", path.display())]
    NoIdentity { path: PathBuf },
    #[error("cannot use the identity file {}: {reason}", path.display())]
    IdentityFile { path: PathBuf, reason: String },
    #[error("the identity cannot be used")]
    Identity {
        #[source]
        source: OpenError,
    },
    #[error("a reading key cannot sign")]
    CannotSign,
    #[error(
        "this restore key was replaced (keyring {number} of {} names another one): use the newest restore key",
        time.format("%Y-%m-%d %H:%M:%S UTC")
    )]
    Replaced { number: u64, time: DateTime<Utc>, record: ObjectKey },
    #[error("{} is a reading key, but the restore key itself is needed", path.display())]
    NeedsRestoreKey { path: PathBuf },

    #[error("the recipient cannot be used")]
    Recipient {
        #[source]
        source: RecipientError,
    },
    #[error("{} contains no recipient", path.display())]
    NoRecipientsInFile { path: PathBuf },
    #[error("cannot encrypt to {recipient}")]
    RecipientRefuses {
        recipient: String,
        #[source]
        source: Box<SealError>,
    },
    #[error("the writer key already encrypts to {recipient}")]
    HasRecipient { recipient: String },
    #[error("the writer key does not encrypt to {recipient}")]
    HasNoRecipient { recipient: String },
    #[error("{recipient} is the last recipient of the writer key")]
    LastRecipient { recipient: String },
    #[error("{recipient} is the restore key's own recipient")]
    RestoreRecipient { recipient: String },

    #[error("`{name}` is not a valid name for a writer")]
    WriterName { name: String },
    #[error("a writer {name} already exists")]
    WriterExists { name: String },
    #[error("there is no writer `{asked}`")]
    NoWriter { asked: String },
    #[error("`{asked}` is ambiguous: it matches {count} writers")]
    AmbiguousWriter { asked: String, count: usize },
    #[error("the writer {name} is already revoked")]
    AlreadyRevoked { name: String },
    #[error("the writer key {id} was revoked")]
    Revoked { id: String },
    #[error("the restore key that the writer key {id} obeys was replaced, and the new one does not name this writer")]
    NotTakenOver { id: String },
    #[error("the writer key {id} was revoked by a rotation that did not finish; its new key is in {}", next.display())]
    RotationBegun { id: String, next: PathBuf },
    #[error("the two keys do not belong together: {reason}")]
    Mismatched { reason: &'static str },
}

impl KeyError {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            KeyError::NotGiven { kind: KeyKind::Writer } => {
                "Name it with --writer-key FILE or PGKEEP_WRITER_KEY. `pgkeep init` made it.".into()
            }
            KeyError::NotGiven { kind: KeyKind::Restore } => {
                "Name it with --restore-key FILE or PGKEEP_RESTORE_KEY. Only the restore key can read data.".into()
            }
            KeyError::NoneToSign => {
                "Name it with --restore-key FILE or PGKEEP_RESTORE_KEY. Only the restore key can say who may write.".into()
            }
            KeyError::Exists { .. } => {
                "A key is never overwritten, because data may depend on it. Name another folder.".into()
            }
            KeyError::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
            KeyError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "Is the path right? `pgkeep init --keys DIR` put both keys there; the restore key should not stay on the host that takes backups.".into()
            }
            KeyError::Read { path, source } if source.kind() == io::ErrorKind::PermissionDenied => format!(
                "The account that runs pgkeep must own the file, or a copy of it, and have access to its folder: ls -l {} shows the owner.",
                path.display()
            ),
            KeyError::IsFolder { path, kind } => {
                format!("Name the file, not its folder, such as {}", path.join(kind.file_name()).display())
            }
            KeyError::Write { path, source } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    // A file that is there is replaced whole, by another one beside it.
                    let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
                    format!("The account that runs pgkeep needs write permission {}.", standing(folder))
                }
                io::ErrorKind::ReadOnlyFilesystem => "Its file system is mounted read-only. Name a folder on a writable one.".into(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "The file system is full.".into(),
                _ => return None,
            },
            KeyError::Malformed { reason, .. } if *reason == THE_OTHER_KEY => {
                "--writer-key (PGKEEP_WRITER_KEY) names writer.key, and --restore-key (PGKEEP_RESTORE_KEY) restore.key.".into()
            }
            KeyError::OtherRepository { .. } => "Each repository has its own keys, made by its `pgkeep init`.".into(),
            KeyError::DoesNotOpen { .. } => {
                "Use the restore key that `pgkeep init` made for this repository. After another writer's rotation, rotate this one as well: pgkeep key rotate --like FILE"
                    .into()
            }
            KeyError::IdentityDoesNotOpen { .. } => {
                "A recipient opens the snapshots that are taken after it was added (`pgkeep key add-recipient`), and none of before. Is it the right identity? Then name a newer snapshot, or ask the holder of the restore key."
                    .into()
            }
            KeyError::PassphraseNeeded { .. } => {
                "Run it on a terminal, or name a source: --passphrase-file FILE, PGKEEP_PASSPHRASE_FILE or PGKEEP_PASSPHRASE_COMMAND.".into()
            }
            KeyError::NoNewPassphrase { .. } => {
                "Nothing was written. Name a source: --passphrase-file FILE with it on one line, PGKEEP_PASSPHRASE_FILE or PGKEEP_PASSPHRASE_COMMAND (where one takes the place of another: --new-passphrase-file FILE); or run it on a terminal.".into()
            }
            KeyError::WrongPassphrase { .. } => "Is it the right key file? A forgotten passphrase cannot be recovered.".into(),
            KeyError::NoIdentity { .. } => "Name the file of your age identity or SSH private key: --identity FILE".into(),
            KeyError::Identity { .. } => "Is the plugin installed and its device plugged in? A plugin that asks a question needs a terminal.".into(),
            KeyError::CannotSign => "Only a writer key and the restore key itself can sign.".into(),
            KeyError::Replaced { record, .. } => format!(
                "Nothing was changed. The old key still reads what was encrypted to it. It signed this itself, in {record}: if none of you ran `pgkeep key rotate-restore`, somebody else has this key, and its content must be taken for known."
            ),
            KeyError::NeedsRestoreKey { .. } => "Name the restore key that `pgkeep init` made: --restore-key FILE".into(),
            KeyError::Recipient { .. } => {
                "A recipient is age1..., ssh-ed25519 ..., ssh-rsa ... or a plugin's age1NAME1...; @FILE reads them from a file, one per line.".into()
            }
            KeyError::RecipientRefuses { source, .. } if matches!(**source, SealError::NoPlugin { .. }) => {
                "Install the plugin on the host that takes backups, on its PATH: it runs there at each backup.".into()
            }
            KeyError::HasNoRecipient { .. } => "`pgkeep key list` shows the recipients.".into(),
            KeyError::LastRecipient { .. } => "Nobody could read the next backup. Add another recipient first.".into(),
            KeyError::RestoreRecipient { .. } => {
                "Without it the restore key cannot decrypt new backups. --force removes it anyway: then keep the identities of the other recipients as safe as the restore key.".into()
            }
            KeyError::WriterName { .. } => "Use 1 to 64 letters, digits, dots, dashes and underscores; the host name is a good choice.".into(),
            KeyError::WriterExists { .. } => "Choose another name, or revoke that writer first.".into(),
            KeyError::NoWriter { .. } | KeyError::AmbiguousWriter { .. } => "`pgkeep key list` shows names and ids.".into(),
            KeyError::Revoked { .. } => {
                "Nothing that it writes would be trusted. `pgkeep key add-writer` makes a new key for this host.".into()
            }
            KeyError::NotTakenOver { .. } => {
                "Nothing that it writes would be trusted by those who use the new restore key. `pgkeep key add-writer`, with that one, makes a new key for this host.".into()
            }
            KeyError::RotationBegun { .. } => {
                "`pgkeep key rotate --writer-key FILE --restore-key FILE`, once more, ends it.".into()
            }
            _ => return None,
        })
    }
}
