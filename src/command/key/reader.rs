//! `pgkeep key reader`: for whoever reads with an identity of his own.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::command::Error;
use crate::repo::RestoreKey;

#[derive(Debug, Serialize)]
pub struct Report {
    pub reader_key: PathBuf,
}

/// Writes what a restore key knows, without what it is: no identity, no right to sign.
pub fn run(restore: &RestoreKey, out: &Path) -> Result<Report, Error> {
    restore.reader().write(out)?;
    Ok(Report { reader_key: out.to_owned() })
}
