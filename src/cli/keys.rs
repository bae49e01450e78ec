//! The keys that the arguments name, and the repository opened with them.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::common::Common;
use super::progress::undisturbed;
use super::terminal::Terminal;
use super::{output, visible};
use crate::command::key::RestoreKeyFile;
use crate::command::{Error, password};
use crate::repo::keys::file::{self, IsProtected, Protection};
use crate::repo::keys::{self, DataKey, KeyKind, disk};
use crate::repo::replaced::{Replaced, Replacement};
use crate::repo::{KeyError, ReadingKey, RepoError, Repository, WriterKey};
use crate::store::Access;

pub fn writer_path(common: &Common) -> Result<&Path, Error> {
    Ok(common.writer_key.as_deref().ok_or(KeyError::NotGiven { kind: KeyKind::Writer })?)
}

pub fn restore_path(common: &Common) -> Result<&Path, Error> {
    Ok(common.restore_key.as_deref().ok_or(KeyError::NotGiven { kind: KeyKind::Restore })?)
}

pub fn writer_key(common: &Common) -> Result<WriterKey, Error> {
    Ok(WriterKey::read(writer_path(common)?)?)
}

/// A key that reads, and where to write down what it learns.
struct Reading {
    key: ReadingKey,
    path: PathBuf,
    protection: Protection,
}

impl Reading {
    fn of_writer(path: &Path) -> Result<Self, Error> {
        let key = ReadingKey::from(&WriterKey::read(path)?);
        Ok(Self { key, path: path.to_owned(), protection: Protection::Plain })
    }

    /// A restore key or a reading key, with the identities that were named.
    async fn of_data_key(common: &Common, path: &Path) -> Result<Self, Error> {
        let protection = protection(common, path).await?;
        let key = match DataKey::open(path, &protection)? {
            DataKey::Restore(key) => ReadingKey::from(&key),
            DataKey::Reader(_) if common.identity.is_empty() => {
                return Err(KeyError::NoIdentity { path: path.to_owned() }.into());
            }
            DataKey::Reader(key) => ReadingKey::from(&key),
        };
        let mut key = key;
        for identity in &common.identity {
            key = key.with_identities(keys::read_identities(identity, &Terminal)?);
        }
        Ok(Self { key, path: path.to_owned(), protection })
    }

    async fn open(self, url: &str, access: Access) -> Result<Repository, Error> {
        let opened = Repository::open(url, self.key, access).await;
        let repository = opened.map_err(|error| half_rotated(error, &self.path))?;
        if repository.has_news_for_the_key() {
            let keyring = repository.keyring();
            // A key on a medium that cannot be written reads all the same.
            let _ = disk::remember_keyring(&self.path, keyring.number, &keyring.revoked(), &self.protection);
        }
        Ok(repository)
    }
}

/// A writer key that was revoked is told otherwise where its new one lies beside it.
fn half_rotated(error: RepoError, path: &Path) -> RepoError {
    match (error, disk::left_beside(path)) {
        (RepoError::Key(KeyError::Revoked { id }), Some(next)) => KeyError::RotationBegun { id, next }.into(),
        (error, _) => error,
    }
}

/// The repository, to write into with a writer key.
pub async fn open_to_write(url: &str, path: &Path, key: &WriterKey) -> Result<Repository, Error> {
    let reading = Reading { key: ReadingKey::from(key), path: path.to_owned(), protection: Protection::Plain };
    reading.open(url, Access::Write).await
}

/// Rows open with the restore key, or with a reading key and an identity.
pub async fn open_with_restore_key(common: &Common) -> Result<Repository, Error> {
    let path = restore_path(common)?;
    Reading::of_data_key(common, path).await?.open(common.repo_url()?, Access::Read).await
}

/// Either key reads manifests; the restore key, where both are given, reads more.
pub async fn open_to_read(common: &Common) -> Result<Repository, Error> {
    open_with_either_key(common, Access::Read).await
}

pub async fn open_with_either_key(common: &Common, access: Access) -> Result<Repository, Error> {
    let reading = match (common.reading_restore_key(), &common.writer_key) {
        (Some(path), _) => Reading::of_data_key(common, path).await?,
        (None, Some(path)) => Reading::of_writer(path)?,
        (None, None) => return Err(KeyError::NotGiven { kind: KeyKind::Writer }.into()),
    };
    let repository = reading.open(common.repo_url()?, access).await?;
    if access == Access::Write {
        check_not_replaced(&repository).await?;
    }
    Ok(repository)
}

/// The repository, to read manifests with the writer key although there is another.
pub async fn open_with_writer_key(common: &Common) -> Result<Repository, Error> {
    Reading::of_writer(writer_path(common)?)?.open(common.repo_url()?, Access::Read).await
}

/// Whether it takes a passphrase to read a key file.
pub fn is_protected(path: &Path) -> Result<bool, Error> {
    Ok(file::is_protected(path)? == IsProtected::Yes)
}

/// The restore key itself, which signs.
pub async fn restore_key(common: &Common) -> Result<RestoreKeyFile, Error> {
    let path = common.restore_key.as_deref().ok_or(KeyError::NoneToSign)?;
    Ok(RestoreKeyFile::open(path, protection(common, path).await?)?)
}

/// The repository, for the holder of the restore key to sign something in it.
pub async fn open_to_sign(common: &Common, restore: &RestoreKeyFile) -> Result<Repository, Error> {
    let repository = open_with_root(common, restore).await?;
    // Before any key file is made or changed.
    check_not_replaced(&repository).await?;
    Ok(repository)
}

/// The same, to replace the restore key, which may have been done already.
pub async fn open_to_replace(common: &Common, restore: &RestoreKeyFile) -> Result<Repository, Error> {
    let repository = open_with_root(common, restore).await?;
    let Replacement { signed, claimed } = repository.replacement().await?;
    claimed.filter(|_| signed.is_none()).iter().for_each(warn);
    Ok(repository)
}

async fn open_with_root(common: &Common, restore: &RestoreKeyFile) -> Result<Repository, Error> {
    let key = ReadingKey::from(&restore.key);
    let reading = Reading { key, path: restore.path.clone(), protection: restore.protection.clone() };
    reading.open(common.repo_url()?, Access::Write).await
}

/// Refuses a restore key that has signed that it was replaced, and warns where only somebody says so.
async fn check_not_replaced(repository: &Repository) -> Result<(), Error> {
    repository.check_not_replaced().await?.iter().for_each(warn);
    Ok(())
}

fn warn(claimed: &Replaced) {
    let _undisturbed = undisturbed();
    output::to_stderr(&format!("pgkeep: warning: {}\n", visible::line(&claimed.unproven())));
}

/// What opens a key file. Asks only if the file needs a passphrase.
pub async fn protection(common: &Common, path: &Path) -> Result<Protection, Error> {
    match file::is_protected(path)? {
        IsProtected::No => Ok(Protection::Plain),
        IsProtected::Yes => {
            let passphrase = match told_passphrase(common).await? {
                Some(passphrase) => passphrase,
                None => {
                    let prompt = format!("the passphrase of {}", path.display());
                    Terminal.passphrase(&prompt).ok_or_else(|| not_given(path))?
                }
            };
            Ok(Protection::Passphrase(passphrase))
        }
    }
}

/// A passphrase that a key file shall have: from where the arguments and the environment say, otherwise typed twice.
pub async fn new_protection(common: &Common, path: &Path) -> Result<Protection, Error> {
    match told_passphrase(common).await? {
        Some(passphrase) => Ok(Protection::Passphrase(passphrase)),
        None => typed_twice(path),
    }
}

pub fn typed_twice(path: &Path) -> Result<Protection, Error> {
    let needed = || KeyError::NoNewPassphrase { path: path.to_owned() };
    let mut terminal = Terminal.unseen().ok_or_else(needed)?;
    let first = terminal.ask(&format!("a new passphrase for {}", path.display())).ok_or_else(needed)?;
    if first.expose_secret().is_empty() {
        return Err(KeyError::EmptyPassphrase.into());
    }
    let second = terminal.ask("repeat the passphrase").ok_or_else(needed)?;
    match first.expose_secret() == second.expose_secret() {
        true => Ok(Protection::Passphrase(first)),
        false => Err(KeyError::PassphrasesDiffer.into()),
    }
}

pub fn passphrase_from_file(path: &Path) -> Result<SecretString, Error> {
    let (passphrase, _) = password::from_file(path).map_err(|source| Error::Passphrase { source })?;
    Ok(passphrase)
}

/// From --passphrase-file, PGKEEP_PASSPHRASE_FILE or PGKEEP_PASSPHRASE_COMMAND.
async fn told_passphrase(common: &Common) -> Result<Option<SecretString>, Error> {
    if let Some(path) = &common.passphrase_file {
        return passphrase_from_file(path).map(Some);
    }
    let Some(command) = std::env::var("PGKEEP_PASSPHRASE_COMMAND").ok().filter(|command| !command.is_empty()) else {
        return Ok(None);
    };
    let printed = password::from_command(Path::new("sh"), &["-c".to_owned(), command], Path::new(".")).await;
    let (passphrase, _) = printed.map_err(|source| Error::Passphrase { source })?;
    Ok(Some(passphrase))
}

fn not_given(path: &Path) -> KeyError {
    KeyError::PassphraseNeeded { path: path.to_owned() }
}
