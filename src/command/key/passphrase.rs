//! `pgkeep key passphrase`: puts the restore key's file under a passphrase, changes it, takes it away.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::command::Error;
use crate::repo::keys::disk;
use crate::repo::keys::file::Protection;

#[derive(Debug, Serialize)]
pub struct Report {
    pub restore_key: PathBuf,
    /// Whether the file takes a passphrase from now on.
    pub protected: bool,
}

pub fn run(path: &Path, old: &Protection, new: &Protection) -> Result<Report, Error> {
    disk::protect(path, old, new)?;
    Ok(Report { restore_key: path.to_owned(), protected: matches!(new, Protection::Passphrase(_)) })
}
