//! Names of objects in a repository, and how large each kind may be. The only place that knows the names.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::snapshot::SnapshotName;
use crate::store::ObjectKey;
use crate::stream::ChunkName;

pub const DATA: &str = "data/";
pub const META: &str = "meta/";
pub const SNAPSHOTS: &str = "snapshots/";
pub const RECORDS: &str = "records/";

pub(super) const CONFIG_BYTES_MAX: u64 = 1 << 16;
/// A manifest as stored: that of a million tables has half of it.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;
pub(super) const RECORD_BYTES_MAX: u64 = 256 << 20;
/// The largest object that is ever read: a chunk that did not compress, with room for age's framing.
pub(super) const OBJECT_BYTES_MAX: u64 = 8 << 20;

/// What a chunk holds, which decides who can open it and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl SnapshotName {
    /// The manifest's.
    pub fn key(&self) -> ObjectKey {
        key(format!("{SNAPSHOTS}{self}"))
    }

    pub fn parse_key(key: &ObjectKey) -> Option<Self> {
        key.as_str().strip_prefix(SNAPSHOTS)?.parse().ok()
    }
}

/// The folder of a kind of records, a word of lower-case letters.
pub fn records(kind: &str) -> String {
    format!("{RECORDS}{kind}/")
}

pub fn record(kind: &str, name: &SnapshotName) -> ObjectKey {
    key(format!("{}{name}", records(kind)))
}

/// When a record or a snapshot was made, as its name says.
pub fn time_of(key: &ObjectKey) -> Option<DateTime<Utc>> {
    let name: SnapshotName = key.as_str().rsplit('/').next()?.parse().ok()?;
    Some(name.time)
}

/// One chunk object of a repository, without what a manifest knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId {
    pub kind: ChunkKind,
    pub name: ChunkName,
    pub generation: u16,
}

impl ChunkId {
    pub fn key(&self) -> ObjectKey {
        chunk(self.kind, &self.name, self.generation)
    }

    /// None for whatever is not called as a chunk is.
    pub fn parse_key(object: &ObjectKey) -> Option<Self> {
        let kind = [ChunkKind::Data, ChunkKind::Meta].into_iter().find(|k| object.as_str().starts_with(k.folder()))?;
        let (name, generation) = parse_chunk(object)?;
        let id = Self { kind, name, generation };
        (id.key() == *object).then_some(id)
    }
}

/// As the object is called: `data/ab/ab12...`.
impl Serialize for ChunkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.key())
    }
}

impl<'de> Deserialize<'de> for ChunkId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let id = ObjectKey::new(text).and_then(|key| Self::parse_key(&key));
        id.ok_or_else(|| serde::de::Error::custom("not a valid chunk name"))
    }
}

/// The name of the same chunk in the next generation; none for what is no chunk, and after the last one.
pub fn next_generation(object: &ObjectKey) -> Option<ObjectKey> {
    let ChunkId { kind, name, generation } = ChunkId::parse_key(object)?;
    Some(chunk(kind, &name, generation.checked_add(1)?))
}

/// The reverse of [`chunk`], without its folder.
fn parse_chunk(object: &ObjectKey) -> Option<(ChunkName, u16)> {
    let file = object.as_str().rsplit('/').next()?;
    match file.split_once('.') {
        None => Some((file.parse().ok()?, 0)),
        Some((name, generation)) => Some((name.parse().ok()?, generation.parse().ok().filter(|g| *g > 0)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshots_name_reads_back_from_its_key() {
        let name: SnapshotName = "20261122T031500.123Z-0123456789abcdef".parse().unwrap();
        assert_eq!(name.key().as_str(), "snapshots/20261122T031500.123Z-0123456789abcdef");
        assert_eq!(SnapshotName::parse_key(&name.key()), Some(name));
    }
}
