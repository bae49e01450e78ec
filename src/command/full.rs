//! A private server whose disk is full: where that is, and what helps.

use super::error::{Error, LeftBehind};
use super::finding::with_causes;
use crate::pg::cluster;

/// The system's words for it, and PostgreSQL's code, which also comes where less was written than was to be.
const FULL: [&str; 2] = ["No space left on device", "SQLSTATE 53100"];

/// The error, and if it says that the disk is full, which folder that is of a private server, and how many bytes it needs at least.
pub fn explained(error: Error, needed: Option<u64>) -> Error {
    let said = with_causes(&error);
    if !FULL.iter().any(|words| said.contains(words)) {
        return error;
    }
    let folder = cluster::volume().map_or_else(
        |_| "the temporary folder".to_owned(),
        |volume| format!("{}, where {} MB are free now", volume.folder.display(), volume.free_bytes / 1_000_000),
    );
    let room = needed.map_or_else(String::new, |bytes| format!(", with {} MB or more", bytes.div_ceil(1_000_000)));
    let left =
        format!("The private server's files were in {folder}. Set PGKEEP_TMPDIR to a folder on a larger volume{room}.");
    Error::LeftBehind(Box::new(LeftBehind { first: error, left }))
}
