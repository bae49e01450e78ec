//! What a switch did to the files, small enough to be kept beside the state of a split.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a switch does to the files. It holds no password: values are masked, and told apart by their hashes. The
/// backup copies hold the files as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub files: Vec<AppliedFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedFile {
    /// The real file, absolute.
    pub path: PathBuf,
    /// The copy of what it held before; removed when a revert has put that back.
    pub backup: PathBuf,
    /// BLAKE3 of the whole file, hexadecimal.
    pub hash_before: String,
    pub hash_after: String,
    pub edits: Vec<AppliedEdit>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedEdit {
    pub key: String,
    /// Where in the file, by names and not by lines: `services.server.environment.PG_DATABASE_URL`, or the key again.
    pub place: String,
    pub services: Vec<String>,
    /// Without its password.
    pub before: String,
    /// Without its password.
    pub after: String,
    /// BLAKE3 of the value as it was written, with its quotes, hexadecimal.
    pub hash_before: String,
    pub hash_after: String,
}
