//! Snapshots in a store: keys, manifests, and which chunk is stored where.
//!
//! A repository knows snapshots, not what a store is made of. `docs/format.md` is its contract.

mod admission;
pub mod condemned;
pub mod damage;
pub mod error;
pub mod id_set;
pub mod index;
pub mod keyring;
pub mod keys;
pub mod known;
pub mod latest;
pub mod layout;
mod lineage;
pub mod manifest;
pub mod names;
pub mod objects;
pub mod prune;
pub mod record;
pub mod records;
pub mod replaced;
pub mod repository;
mod signature;
mod signed;
pub mod slice_list;
pub mod slices;
pub mod snapshot;
pub mod succession;
pub mod unfinished;
mod vouchers;
mod writers;

pub use condemned::{Condemned, Lookout, Swept};
pub use damage::{Damage, ObjectReader, ReadDepth};
pub use error::RepoError;
pub use id_set::IdSet;
pub use keyring::Keyring;
pub use keys::{KeyError, ReadingKey, RestoreKey, WriterKey};
pub use manifest::Manifest;
pub use objects::{ChunkWriter, Objects};
pub use record::{Record, Stored};
pub use records::{Damaged, KnownDamage, Proven, ReadShards, Sound};
pub use repository::Repository;
pub use snapshot::{SnapshotId, SnapshotName};
pub use unfinished::{Unfinished, UnfinishedWriter};
