//! `pgkeep key`: who writes, who reads, and what protects the key files.

pub mod list;
pub mod passphrase;
pub mod reader;
pub mod recipients;
pub mod rotate;
pub mod writers;

use std::path::{Path, PathBuf};

use crate::repo::KeyError;
use crate::repo::keys::RestoreKey;
use crate::repo::keys::disk::LockedKeyFile;
use crate::repo::keys::file::Protection;

/// A restore key, where it lies, and what opens its file.
pub struct RestoreKeyFile {
    pub path: PathBuf,
    pub protection: Protection,
    pub key: RestoreKey,
}

impl RestoreKeyFile {
    pub fn open(path: &Path, protection: Protection) -> Result<Self, KeyError> {
        let key = RestoreKey::open(path, &protection)?;
        Ok(Self { path: path.to_owned(), protection, key })
    }

    /// Changes the file as it is now: it may have been changed since it was read.
    pub fn update(&mut self, change: impl FnOnce(&mut RestoreKey)) -> Result<(), KeyError> {
        let file = LockedKeyFile::lock(&self.path)?;
        let mut key = RestoreKey::open(file.path(), &self.protection)?;
        change(&mut key);
        key.replace(&file, &self.protection)?;
        self.key = key;
        Ok(())
    }
}
