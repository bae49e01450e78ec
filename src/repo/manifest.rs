//! What a snapshot is: the JSON of `docs/format.md`. Fields are only ever added.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::layout::{ChunkId, ChunkKind};
use super::snapshot::{SnapshotId, SnapshotName};
use crate::spelling::bytes::is_spelled;
use crate::stream::seal::Checksum;
use crate::stream::{ChunkKey, ChunkName, Digest, DigestKey, RowFormat, RowHash, RowHasher};

/// The format that this program writes. Format 1 had another hash of rows.
pub const FORMAT: u32 = 2;

/// The format of a manifest of a database without an encoding, in whose texts characters stand for bytes
/// ([`bytes`](crate::spelling::bytes)): a program that does not know that would make wrong names of them. The newest that is read.
pub const FORMAT_OF_BYTES: u32 = 3;

/// What PostgreSQL calls the encoding of a database that has none.
const NO_ENCODING: &str = "SQL_ASCII";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub snapshot: SnapshotId,
    /// The snapshot's moment, on the clock of the host that took it.
    pub time: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    /// The snapshot that this one was compared with, the newest of the same database.
    pub parent: Option<SnapshotId>,
    /// The version of pgkeep that wrote it.
    pub pgkeep: String,
    #[serde(with = "hex::serde")]
    pub chunk_key: [u8; 32],
    #[serde(with = "hex::serde")]
    pub digest_key: [u8; 32],
    pub server: Server,
    pub database: Database,
    /// What was asked for on the command line; all empty: the whole database.
    pub request: Request,
    /// Words that its operator marked it with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// pg_dump's archive of the whole database's schema, in custom format.
    pub archive: Vec<Slice>,
    pub pg_dump_version: String,
    /// What the catalog said beyond the archive, as JSON of `schema::facts::Facts`: a later selection needs it.
    pub facts: Vec<Slice>,
    /// The archive's entries (dump ids) that this snapshot holds; none: all of them.
    pub entries: Option<Vec<i32>>,
    /// What the selection names and yet cannot hold, because it needs what is outside.
    pub left_out: Vec<LeftOut>,
    pub roles: Vec<Role>,
    pub memberships: Vec<Membership>,
    pub role_settings: Vec<RoleSetting>,
    pub relations: Vec<Relation>,
    pub sequences: Vec<Sequence>,
    /// Materialized views that held rows, by oid in the archive: they are refreshed at a restore.
    pub populated: Vec<u32>,
    pub large_objects: Option<LargeObjects>,
    pub totals: Totals,
    /// Why this snapshot may not hold what it should; empty where nothing is suspicious about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicious: Vec<String>,
    /// What would have made it suspicious, had the operator not said that it is right so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// None in manifests of programs that did not know what their sessions were set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// PostgreSQL's settings, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Those that shape the text of rows, as they were while rows were read. Digests hold under these alone.
    pub rows: BTreeMap<String, String>,
    /// Those that code of the database heeds, as its sessions have them: a restore runs that code under them.
    pub sessions: BTreeMap<String, String>,
}

impl Manifest {
    /// Whether a person should look at it before it is relied on. Such a snapshot is kept, and is nobody's measure of a good one.
    pub fn is_suspicious(&self) -> bool {
        !self.suspicious.is_empty()
    }

    pub fn name(&self) -> SnapshotName {
        SnapshotName { time: self.time, id: self.snapshot.clone() }
    }

    /// Whether the backup found too little to be counted as good.
    pub fn chunk_key(&self) -> ChunkKey {
        ChunkKey(self.chunk_key)
    }

    pub fn row_hash(&self) -> RowHash {
        RowHash::of_format(self.format)
    }

    /// Whatever is compared with this manifest's digests is hashed by this.
    pub fn row_hasher(&self) -> RowHasher {
        RowHasher::new(self.row_hash(), &DigestKey(self.digest_key))
    }

    /// Whether characters stand for bytes in what it says itself.
    pub fn has_bytes(&self) -> bool {
        self.database.has_no_encoding() && serde_json::to_string(self).is_ok_and(|json| is_spelled(&json))
    }

    /// Slice lists of everything that has rows, large objects included.
    pub fn slice_lists(&self) -> impl Iterator<Item = &SliceList> {
        self.relations.iter().map(|r| &r.slices).chain(self.large_objects.iter().map(|l| &l.slices))
    }

    /// Schemas that hold relations of this snapshot, sorted.
    pub fn schemas(&self) -> Vec<String> {
        let all: std::collections::BTreeSet<_> = self.relations.iter().map(|r| r.schema.clone()).collect();
        all.into_iter().collect()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    /// As `server_version_num`: 150018.
    pub version_num: u32,
    /// As `server_version`: `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
}

impl Database {
    /// Its texts are bytes.
    pub fn has_no_encoding(&self) -> bool {
        self.encoding == NO_ENCODING
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub owner: String,
    pub encoding: String,
    /// `c` libc, `i` ICU, `b` builtin.
    pub locale_provider: String,
    pub collate: String,
    pub ctype: String,
    pub icu_locale: Option<String>,
    pub icu_rules: Option<String>,
    pub collation_version: Option<String>,
    pub connection_limit: i32,
    pub is_template: bool,
    pub comment: Option<String>,
    /// `ALTER DATABASE ... SET`, as `name=value`.
    pub settings: Vec<String>,
    /// Grants on the database; none where they are the default.
    pub grants: Option<Vec<Grant>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub schemas: Vec<String>,
    pub exclude_schemas: Vec<String>,
    pub tables: Vec<String>,
    pub exclude_tables: Vec<String>,
}

impl Request {
    pub fn is_whole_database(&self) -> bool {
        *self == Request::default()
    }

    /// Equal for equal selections: neither the order of patterns nor a repeated one says anything.
    pub fn normal(&self) -> Request {
        let set = |patterns: &Vec<String>| {
            let set: std::collections::BTreeSet<&String> = patterns.iter().collect();
            set.into_iter().cloned().collect()
        };
        Request {
            schemas: set(&self.schemas),
            exclude_schemas: set(&self.exclude_schemas),
            tables: set(&self.tables),
            exclude_tables: set(&self.exclude_tables),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// As in `FK CONSTRAINT erp.execution_runs execution_runs_session_id_fkey`.
    pub entry: String,
    pub reason: String,
}

/// One grantee's privilege.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    pub grantor: String,
    /// Empty: PUBLIC.
    pub grantee: String,
    pub privilege: String,
    pub grantable: bool,
}

/// A role that the snapshot's objects refer to. Never with a password unless `--role-passwords` asked for its hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    pub superuser: bool,
    pub inherit: bool,
    pub create_role: bool,
    pub create_db: bool,
    pub login: bool,
    pub replication: bool,
    pub bypass_rls: bool,
    pub connection_limit: i32,
    pub valid_until: Option<String>,
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Membership {
    pub role: String,
    pub member: String,
    pub admin: bool,
    /// PostgreSQL 16 and later.
    pub inherit: Option<bool>,
    pub set: Option<bool>,
}

/// `ALTER ROLE role [IN DATABASE] SET`, as `name=value`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleSetting {
    pub role: String,
    pub in_database: bool,
    pub settings: Vec<String>,
}

/// A table (or leaf partition, or extension configuration table) with its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relation {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// The columns that the rows hold, in order; generated columns are not among them.
    pub columns: Vec<String>,
    pub format: RowFormat,
    /// For an extension's configuration table: the extension's condition, as SQL that begins with WHERE, or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    #[serde(flatten)]
    pub digest: Digest,
    pub slices: SliceList,
}

/// A relation's slices in order, here or in `meta/` objects of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceList {
    Inline(Vec<Slice>),
    /// Each of these slices holds one JSON object of a [`Slice`] on each line.
    Pages(Vec<Slice>),
}

impl Default for SliceList {
    fn default() -> Self {
        SliceList::Inline(Vec::new())
    }
}

/// One object as a manifest knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    pub object: ChunkName,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u16,
    /// Bytes of the plaintext.
    pub plain_bytes: u32,
    /// Bytes as stored.
    pub stored_bytes: u32,
    /// Of the stored bytes.
    pub checksum: Checksum,
}

impl ObjectRef {
    pub fn id(&self, kind: ChunkKind) -> ChunkId {
        ChunkId { kind, name: self.object, generation: self.generation }
    }
}

/// A range of an object's plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slice {
    #[serde(flatten)]
    pub object: ObjectRef,
    pub offset: u32,
    pub bytes: u32,
    /// Rows that end within the slice.
    pub rows: u32,
    /// For a slice that shares its object: the first half of its own keyed BLAKE3.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "slice_id")]
    pub slice_id: Option<[u8; 16]>,
}

fn is_zero(generation: &u16) -> bool {
    *generation == 0
}

mod slice_id {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(id: &Option<[u8; 16]>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.serialize_str(&hex::encode(id)),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 16]>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let decode = |text: String| {
            let mut id = [0; 16];
            hex::decode_to_slice(text, &mut id).map(|()| id).map_err(serde::de::Error::custom)
        };
        text.map(decode).transpose()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub last_value: i64,
    pub is_called: bool,
}

/// Large objects: their rows are (loid oid, byte offset bigint, data bytea) in binary format.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LargeObjects {
    pub objects: Vec<LargeObject>,
    #[serde(flatten)]
    pub digest: Digest,
    pub slices: SliceList,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LargeObject {
    pub oid: u32,
    pub owner: String,
    pub comment: Option<String>,
    /// None where they are the default.
    pub grants: Option<Vec<Grant>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub tables: u64,
    pub rows: u64,
    /// Bytes of rows as COPY sent them.
    pub bytes_read: u64,
    /// Bytes of the objects that this snapshot added, data and metadata, without its manifest.
    pub bytes_stored: u64,
    /// Data objects written by this snapshot.
    pub objects_new: u64,
    /// Data objects that this snapshot uses and that were there before.
    pub objects_reused: u64,
}
