//! Whether the private server finds room for a snapshot: asked before hours of loading fill the volume.

use std::path::PathBuf;

use crate::command::error::{Error, Fault};
use crate::pg::cluster;
use crate::repo::manifest::Manifest;

/// What is done about too little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Check,
    /// The operator knows better than the estimate.
    Trust,
}

#[derive(Debug, thiserror::Error)]
#[error("not enough disk space for the restored database in {}: it needs at least {} MB, but only {} MB are free", .folder.display(), needed.div_ceil(1_000_000), free / 1_000_000)]
pub struct TooLittleRoom {
    folder: PathBuf,
    needed: u64,
    free: u64,
}

impl Fault for TooLittleRoom {
    fn hint(&self) -> Option<String> {
        Some("Nothing was restored. Set PGKEEP_TMPDIR to a folder on a larger volume. The size is estimated from the rows as text, without indexes: if values compress well, --no-room-check tries it anyway.".into())
    }

    fn exit_code(&self) -> u8 {
        8
    }
}

/// # Errors
/// What is free there is less than the rows alone are likely to take.
pub async fn check(manifest: &Manifest) -> Result<(), Error> {
    let volume = tokio::task::spawn_blocking(|| {
        // What a drill that was killed has left does not count; why it stays is told once the server runs.
        let _ = cluster::sweep_orphans();
        cluster::volume()
    });
    let volume = volume.await.map_err(|source| Error::Internal {
        what: "the thread that checks disk space ended too early".into(),
        source: Some(Box::new(source)),
    })?;
    let cluster::Volume { folder, free_bytes: free } = volume?;
    let needed = needed(manifest);
    if needed <= free { Ok(()) } else { Err(TooLittleRoom { folder, needed, free }.into()) }
}

/// At least.
pub fn needed(manifest: &Manifest) -> u64 {
    let large_objects = manifest.large_objects.as_ref().map_or(0, |objects| objects.digest.bytes);
    needed_bytes(manifest.totals.bytes_read.saturating_add(large_objects), manifest.totals.rows)
}

/// An empty cluster, with its log. What is loaded into a table that the same transaction made or emptied writes none (`wal_level` minimal).
const EMPTY_BYTES: u64 = 64 << 20;
/// A row's header and its place in the page, of PostgreSQL's manual, "Database Page Layout".
const ROW_BYTES: u64 = 28;
/// The rows about as large as their text. Indexes are left out: what is refused must not be what would have fitted.
fn needed_bytes(text_bytes: u64, rows: u64) -> u64 {
    text_bytes.saturating_add(rows.saturating_mul(ROW_BYTES)).saturating_add(EMPTY_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_need_their_text_and_a_header_each() {
        assert_eq!(needed_bytes(0, 0), EMPTY_BYTES);
        assert_eq!(needed_bytes(1_000_000, 1000), 1_028_000 + EMPTY_BYTES);
        assert_eq!(needed_bytes(u64::MAX, u64::MAX), u64::MAX);
    }
}
