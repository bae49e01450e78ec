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
    /// What the operator should know about the repository's place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

pub async fn run(url: &str, keys_dir: &Path, protection: &Protection) -> Result<Report, Error> {
    let warnings = Repository::create(url, keys_dir, protection).await?.into_iter().collect();
    let file = |kind: KeyKind| keys_dir.join(kind.file_name());
    let (writer_key, restore_key) = (file(KeyKind::Writer), file(KeyKind::Restore));
    Ok(Report { repository: url.to_owned(), writer_key, restore_key, warnings })
}
