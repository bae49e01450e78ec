//! What the catalogs of both sides say and the table of contents does not.

mod hindrances;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use hindrances::{
    CheckedRows, Children, EventTrigger, FenceRights, FunctionSetting, InnerKey, LockTable, Locked, NameColumn,
    NamedValue, Orphans, PreparedTransaction, Referencing, RelationUse, SettingRefused, SourceHindrances,
    TargetHindrances, Validity, Writing,
};

use crate::schema::archive::Oid;
use crate::schema::rights::Rights;

/// The database that is split, read under the same snapshot as its archive.
#[derive(Debug, Clone, Default)]
pub struct SourceFacts {
    pub database: String,
    pub owner: String,
    /// The superuser that the cluster was made with: what it owns says nothing of who uses it.
    pub bootstrap: String,
    pub server: ServerFacts,
    pub locale: Locale,
    /// By `pg_class.oid`, of tables and materialized views.
    pub sizes: BTreeMap<Oid, RelationSize>,
    /// Every foreign key of the database, but those that partitions inherit.
    pub foreign_keys: Vec<ForeignKey>,
    /// Installed extensions and their versions.
    pub extensions: BTreeMap<String, String>,
    /// What columns of moving tables say in text.
    pub text: Vec<TextClue>,
    pub sessions: Vec<SessionGroup>,
    pub roles: Vec<Role>,
    pub memberships: Vec<Membership>,
    pub role_rights: Rights,
    pub settings: Vec<Setting>,
    /// Hypertables, as (schema, name).
    pub hypertables: BTreeSet<(String, String)>,
    /// Moving tables with columns of type oid or lo, in a database that has large objects.
    pub large_object_columns: Vec<String>,
    /// Subscriptions that write into tables, as (subscription, schema, table).
    pub subscribed: Vec<(String, String, String)>,
    pub foreign_data: ForeignData,
    /// Tables whose columns the copy has in another order.
    pub reordered: Vec<Reordered>,
    /// Tables whose deletions an earlier split's loose key writes down, as (schema, table, key).
    pub watched: Vec<(String, String, String)>,
    pub hindrances: SourceHindrances,
}

/// A table that inherits, and whose copy has its columns in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reordered {
    pub schema: String,
    pub table: String,
    /// All of them, in the order of the copy.
    pub columns: Vec<String>,
    /// Where rows of the table are held as values.
    pub held_by: Vec<Holder>,
}

/// A column with values of a table's row type, or of a type that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub schema: String,
    pub table: String,
    pub column: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.schema, self.table, self.column)
    }
}

/// Whether the source can have foreign tables of `postgres_fdw`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForeignData {
    Installed,
    /// It can be made by the connected role.
    Offered,
    /// It is installed, and the connected role may not use it.
    NoUsage,
    /// It can be made, but not by the connected role.
    SuperuserOnly,
    #[default]
    Missing,
}

/// What goes through a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    #[default]
    Reads,
    ReadsAndWrites,
}

/// What functions that look names up by `search_path` have of one while rows are copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Searching {
    #[default]
    WithoutPath,
    /// `--search-path-fix`
    WithPath,
}

/// The server and the database that take what moves.
#[derive(Debug, Clone, Default)]
pub struct TargetFacts {
    pub database: String,
    pub server: ServerFacts,
    pub cluster: Cluster,
    pub existence: Existence,
    /// As (name, version), with whether the version is trusted.
    pub available_extensions: BTreeMap<(String, String), Trust>,
    /// The version that `CREATE EXTENSION` takes by itself.
    pub default_versions: BTreeMap<String, String>,
    pub roles: BTreeSet<String>,
    /// What those of the source's names may do there.
    pub role_rights: Rights,
    /// What the connected role may do.
    pub user: String,
    pub rights: BTreeSet<Right>,
    /// The roles that the connected role may act as, itself included.
    pub member_of: BTreeSet<String>,
    /// The version of the source's collation on this server; none where it does not say, or does not know the collation.
    pub collation_version: Option<String>,
    pub collation: CollationKnown,
    /// Of the target database where it exists.
    pub encoding: Option<String>,
    /// Default privileges in the target database where it exists, each as the statement that takes it back.
    pub default_privileges: Vec<String>,
    pub hindrances: TargetHindrances,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// `server_version_num`.
    pub version_num: u32,
    /// As the server spells it.
    pub version: String,
}

/// How the database sorts and what it is written in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locale {
    pub encoding: String,
    /// `c`, `i` or `b`, as in `pg_database.datlocprovider`.
    pub provider: String,
    pub collate: String,
    /// ICU's or the builtin provider's locale.
    pub locale: Option<String>,
    /// As recorded when the database was made.
    pub recorded_version: Option<String>,
    /// What the library has now.
    pub actual_version: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cluster {
    /// Source and target are databases of one cluster.
    Same,
    #[default]
    Another,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Existence {
    /// The run makes the database.
    #[default]
    Absent,
    /// It exists, and holds these objects of users: none, or it cannot be taken.
    Exists { objects: Vec<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A role with CREATE on the database may install it.
    Trusted,
    SuperuserOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    Superuser,
    CreateDatabase,
    CreateRole,
    /// CREATE on the target database, which exists.
    CreateInDatabase,
    /// The server takes writes.
    Write,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CollationKnown {
    /// The server has the source's collation, or it is one that every server has.
    #[default]
    Known,
    Unknown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelationSize {
    /// `pg_class.reltuples`: none where the table was never analyzed.
    pub rows: Option<u64>,
    /// Main fork and TOAST.
    pub bytes: u64,
    pub index_bytes: u64,
    pub indexes: u64,
    pub identity: Identity,
}

/// Whether logical replication can tell rows apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Identity {
    #[default]
    Present,
    Absent,
}

/// A foreign key, with the rows that hang on it where that was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignKey {
    /// `pg_constraint.oid`.
    pub oid: Oid,
    pub name: String,
    pub schema: String,
    pub table: String,
    pub relation: Oid,
    pub columns: Vec<String>,
    pub referenced_schema: String,
    pub referenced_table: String,
    pub referenced: Oid,
    pub referenced_columns: Vec<String>,
    /// As SQL spells it: `NO ACTION`, `CASCADE`, `SET NULL`...
    pub on_delete: String,
    pub on_update: String,
    pub referenced_rows: ReferencedRows,
    pub rule: KeyRule,
    /// Rows whose key is not null: each would refer to nothing. None where it was not counted.
    pub orphans: Option<u64>,
}

/// What PostgreSQL holds a key to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyRule {
    #[default]
    Values,
    /// `PERIOD`: a row's period lies in those of the rows that it refers to (18).
    Periods,
    /// `NOT ENFORCED`: nothing, it only says what is meant (18).
    Nothing,
}

/// Where the rows are that a key refers to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReferencedRows {
    #[default]
    Table,
    Partitions,
}

/// What a text column of a moving table holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextClue {
    pub schema: String,
    pub table: String,
    pub column: String,
    pub says: Says,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// The name of a schema.
    Schema(String),
    /// So many connection strings of PostgreSQL.
    ConnectionStrings(u64),
}

/// Sessions of one role and application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct SessionGroup {
    pub role: String,
    pub application: String,
    pub sessions: u64,
    /// How many of them hold locks on moving relations at this moment.
    pub using_now: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    pub name: String,
    pub attributes: BTreeSet<Attribute>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    Superuser,
    Login,
    CreateDatabase,
    CreateRole,
    Replication,
    BypassRowSecurity,
}

impl Attribute {
    /// The word of `CREATE ROLE`.
    pub fn word(self) -> &'static str {
        match self {
            Attribute::Superuser => "SUPERUSER",
            Attribute::Login => "LOGIN",
            Attribute::CreateDatabase => "CREATEDB",
            Attribute::CreateRole => "CREATEROLE",
            Attribute::Replication => "REPLICATION",
            Attribute::BypassRowSecurity => "BYPASSRLS",
        }
    }
}

/// `member` belongs to `role`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    pub role: String,
    pub member: String,
}

/// A setting of a role, of the database, or of the role in the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    pub role: Option<String>,
    pub reach: Reach,
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It holds in the source's database alone, and is copied to the new one.
    Database,
    /// It is the role's, whatever the database.
    Cluster,
}
