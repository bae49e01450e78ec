//! Names of objects in a repository. The only place that knows them.

use super::snapshot::SnapshotName;
use crate::store::ObjectKey;
use crate::stream::ChunkName;

pub const DATA: &str = "data/";
pub const META: &str = "meta/";
pub const SNAPSHOTS: &str = "snapshots/";
pub const RECORDS: &str = "records/";

/// What a chunk holds, which decides who can open it and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkKind {
    /// Rows: for the restore key alone.
    Data,
    /// pg_dump's archive and slice lists: for the writer key as well.
    Meta,
}

impl ChunkKind {
    pub fn folder(self) -> &'static str {
        match self {
            ChunkKind::Data => DATA,
            ChunkKind::Meta => META,
        }
    }
}

/// Made of characters that a key may have, so that building one cannot fail.
fn key(name: String) -> ObjectKey {
    ObjectKey::new(name).expect("object names are made of letters, digits and dashes")
}

pub fn config() -> ObjectKey {
    key("config".into())
}

pub fn chunk(kind: ChunkKind, name: &ChunkName, generation: u16) -> ObjectKey {
    let hex = name.to_string();
    let suffix = if generation == 0 { String::new() } else { format!(".{generation}") };
    key(format!("{}{}/{hex}{suffix}", kind.folder(), &hex[..2]))
}

/// The folder of a kind of records, a word of lower-case letters.
pub fn records(kind: &str) -> String {
    format!("{RECORDS}{kind}/")
}

pub fn record(kind: &str, name: &SnapshotName) -> ObjectKey {
    key(format!("{}{name}", records(kind)))
}

/// One stored object of a chunk: its kind, its name, its generation.
pub type ChunkPlace = (ChunkKind, ChunkName, u16);

/// The reverse of [`chunk`], for any object.
pub fn parse_place(object: &ObjectKey) -> Option<ChunkPlace> {
    let kind = [ChunkKind::Data, ChunkKind::Meta].into_iter().find(|k| object.as_str().starts_with(k.folder()))?;
    let (name, generation) = parse_chunk(object)?;
    Some((kind, name, generation))
}

/// The reverse of [`chunk`], for what a listing says.
pub fn parse_chunk(object: &ObjectKey) -> Option<(ChunkName, u16)> {
    let file = object.as_str().rsplit('/').next()?;
    match file.split_once('.') {
        None => Some((file.parse().ok()?, 0)),
        Some((name, generation)) => Some((name.parse().ok()?, generation.parse().ok().filter(|g| *g > 0)?)),
    }
}
