//! `pgkeep key add-recipient` and `remove-recipient`: whom a writer key encrypts to.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::command::Error;
use crate::opening;
use crate::repo::keys::disk::LockedKeyFile;
use crate::repo::{KeyError, WriterKey};
use crate::stream::{Recipient, Sealer};

#[derive(Debug, Serialize)]
pub struct Report {
    pub writer_key: PathBuf,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub recipients: Vec<String>,
    /// Whether the next backup stores every row anew.
    pub new_chunk_key: bool,
}

/// Whether the restore key's own recipient may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreRecipient {
    Keep,
    MayGo,
}

/// Whether chunks that a recipient could read are used by later backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredChunks {
    Reuse,
    Leave,
}

/// The recipients that arguments mean: each is one, or `@FILE` with one a line; empty lines and those that begin with `#` are passed
/// over, as `age -R` does.
pub fn parse(arguments: &[String]) -> Result<Vec<Recipient>, Error> {
    let mut recipients: Vec<Recipient> = Vec::new();
    let mut add = |text: &str| {
        let recipient: Recipient = text.parse().map_err(|source| KeyError::Recipient { source })?;
        if !recipients.contains(&recipient) {
            recipients.push(recipient);
        }
        Ok::<_, KeyError>(())
    };
    for argument in arguments {
        let Some(path) = argument.strip_prefix('@') else {
            add(argument)?;
            continue;
        };
        let read = opening::read_to_string(Path::new(path));
        let text = read.map_err(|source| KeyError::Read { path: path.into(), source })?;
        let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).peekable();
        if lines.peek().is_none() {
            return Err(KeyError::NoRecipientsInFile { path: path.into() }.into());
        }
        lines.try_for_each(&mut add)?;
    }
    Ok(recipients)
}

/// Adds recipients and begins a new chunk key: what is stored already could not be read by them, so a snapshot for them must not
/// refer to it.
pub fn add(path: &Path, new: &[Recipient]) -> Result<Report, Error> {
    let file = LockedKeyFile::lock(path)?;
    let mut key = WriterKey::read(file.path())?;
    for recipient in new {
        if key.recipients.contains(recipient) {
            return Err(KeyError::HasRecipient { recipient: recipient.to_string() }.into());
        }
        // A plugin that is missing, or a recipient that cannot stand beside the others, must not show at night.
        let refuses = |error| KeyError::RecipientRefuses { recipient: recipient.to_string(), source: Box::new(error) };
        key.recipients.push(recipient.clone());
        Sealer::new(1, key.metadata_recipients()).and_then(|mut sealer| sealer.seal(b"")).map_err(refuses)?;
    }
    key.start_chunk_key();
    key.replace(&file)?;
    Ok(report(path, &key, new, &[], StoredChunks::Leave))
}

/// Removes recipients. With [`StoredChunks::Leave`] a new chunk key begins as well, so that later snapshots hold nothing that the
/// removed ones could read, and no snapshot of another writer comes to refer to chunks that its recipients cannot read.
pub fn remove(path: &Path, gone: &[Recipient], own: RestoreRecipient, chunks: StoredChunks) -> Result<Report, Error> {
    let file = LockedKeyFile::lock(path)?;
    let mut key = WriterKey::read(file.path())?;
    for recipient in gone {
        let text = || recipient.to_string();
        if !key.recipients.contains(recipient) {
            return Err(KeyError::HasNoRecipient { recipient: text() }.into());
        }
        if key.recipients.len() == 1 {
            return Err(KeyError::LastRecipient { recipient: text() }.into());
        }
        if key.restore_recipient.as_ref() == Some(recipient) && own == RestoreRecipient::Keep {
            return Err(KeyError::RestoreRecipient { recipient: text() }.into());
        }
        key.recipients.retain(|known| known != recipient);
    }
    if chunks == StoredChunks::Leave {
        key.start_chunk_key();
    }
    key.replace(&file)?;
    Ok(report(path, &key, &[], gone, chunks))
}

fn report(path: &Path, key: &WriterKey, added: &[Recipient], removed: &[Recipient], chunks: StoredChunks) -> Report {
    let texts = |recipients: &[Recipient]| recipients.iter().map(ToString::to_string).collect();
    Report {
        writer_key: path.to_owned(),
        added: texts(added),
        removed: texts(removed),
        recipients: texts(&key.recipients),
        new_chunk_key: chunks == StoredChunks::Leave,
    }
}
