//! `pgkeep init`: a repository and its two keys.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::Error;
use crate::repo::Repository;
use crate::repo::keys::KeyKind;
use crate::repo::keys::file::Protection;

#[derive(Debug, Serialize)]
pub struct Report {
    pub repository: String,
    pub writer_key: PathBuf,
    pub restore_key: PathBuf,
}

pub async fn run(url: &str, keys_dir: &Path, protection: &Protection) -> Result<Report, Error> {
    Repository::create(url, keys_dir, protection).await?;
    let file = |kind: KeyKind| keys_dir.join(kind.file_name());
    Ok(Report { repository: url.to_owned(), writer_key: file(KeyKind::Writer), restore_key: file(KeyKind::Restore) })
}
