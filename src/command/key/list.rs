//! `pgkeep key list`.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::command::Error;
use crate::command::moment::rfc3339;
use crate::repo::keyring::signer_id;
use crate::repo::keys::file::{self, IsProtected};
use crate::repo::replaced::{Replaced, Replacement};
use crate::repo::{Repository, WriterKey};

#[derive(Debug, Serialize)]
pub struct Report {
    /// The number of the newest keyring; 0 where the repository has none.
    pub keyring: u64,
    pub writers: Vec<WriterLine>,
    /// Whom the writer key that was given encrypts to; none where none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<RecipientLine>>,
    /// Whether the restore key that was given takes a passphrase; none where none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_key_protected: Option<bool>,
    /// Where another restore key has taken the place of the one that the list is of, and this one has signed that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<ReplacedBy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The keyring of the new restore key.
#[derive(Debug, Serialize)]
pub struct ReplacedBy {
    pub keyring: u64,
    #[serde(serialize_with = "rfc3339")]
    pub time: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
pub struct WriterLine {
    pub id: String,
    /// Null for a writer that only the key's file names.
    pub name: Option<String>,
    #[serde(serialize_with = "rfc3339")]
    pub added: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339")]
    pub revoked: Option<DateTime<Utc>>,
    /// Of a revoked writer: how many snapshots stay trusted.
    pub trusted_snapshots: Option<u64>,
    /// Whether it is the writer key that was given.
    pub given: bool,
}

#[derive(Debug, Serialize)]
pub struct RecipientLine {
    pub recipient: String,
    /// `x25519`, `ssh` or `plugin NAME`.
    pub kind: String,
    /// Whether it is the restore key's own.
    pub restore_key: bool,
}

pub async fn run(
    repository: &Repository,
    writer: Option<&WriterKey>,
    restore_key: Option<&Path>,
) -> Result<Report, Error> {
    let keyring = repository.keyring();
    let given = writer.map(|writer| writer.signing.verifying_key());
    let mut writers: Vec<WriterLine> = keyring
        .writers
        .iter()
        .map(|writer| WriterLine {
            id: writer.id(),
            name: Some(writer.name.clone()),
            added: Some(writer.added),
            revoked: writer.revoked.as_ref().map(|revoked| revoked.time),
            trusted_snapshots: writer.revoked.as_ref().map(|revoked| revoked.manifests.len() as u64),
            given: given == Some(writer.signer),
        })
        .collect();
    for signer in repository.trust().active() {
        if !keyring.writers.iter().any(|writer| writer.signer == signer) {
            writers.push(WriterLine {
                id: signer_id(&signer),
                name: None,
                added: None,
                revoked: None,
                trusted_snapshots: None,
                given: given == Some(signer),
            });
        }
    }
    let recipients = writer.map(|writer| {
        let line = |recipient: &crate::stream::Recipient| RecipientLine {
            recipient: recipient.to_string(),
            kind: recipient.kind(),
            restore_key: writer.restore_recipient.as_ref() == Some(recipient),
        };
        writer.recipients.iter().map(line).collect()
    });
    let restore_key_protected = restore_key.map(file::is_protected).transpose()?.map(|is| is == IsProtected::Yes);
    let Replacement { signed, claimed } = repository.replacement().await?;
    let warnings = claimed.filter(|_| signed.is_none()).iter().map(Replaced::unproven).collect();
    let replaced = signed.map(|replaced| ReplacedBy { keyring: replaced.number, time: replaced.time });
    Ok(Report { keyring: keyring.number, writers, recipients, restore_key_protected, replaced, warnings })
}
