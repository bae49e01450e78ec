//! What could stand in a run's way, read where reading harms nobody.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::archive::Oid;

/// At the source.
#[derive(Debug, Clone, Default)]
pub struct SourceHindrances {
    /// Foreign keys both ends of which move.
    pub inner_keys: Vec<InnerKey>,
    pub event_triggers: Vec<EventTrigger>,
    pub writing: Writing,
    /// `SET` clauses of functions.
    pub function_settings: Vec<FunctionSetting>,
    /// What uses the row types of moving relations, from outside the moving schemas.
    pub row_type_uses: Vec<RelationUse>,
    /// Views that group by a key of a moving table and name its other columns, from outside the moving schemas.
    pub key_uses: Vec<RelationUse>,
    /// What reads moving relations from outside, with values whose types run code of ordinary roles when they are read again.
    pub values_of_readers: Vec<RelationUse>,
    /// Defaults of moving tables' columns with such values.
    pub values_of_defaults: Vec<RelationUse>,
    /// What reads of moving relations what a foreign table has otherwise: system columns, `ONLY`.
    pub peculiar_uses: Vec<RelationUse>,
    /// Moving relations whose rows are in other relations too.
    pub with_children: Vec<(Oid, Children)>,
    pub lock_table: LockTable,
    pub locked: Locked,
    pub prepared: Vec<PreparedTransaction>,
    pub fence_rights: FenceRights,
    /// Tables in moving schemas that belong to an extension, which does not say that their rows are to be dumped: (table, extension).
    pub member_tables: Vec<(String, String)>,
    /// Moving tables, `schema.table`, whose rows another database may cut otherwise, and which have a foreign partition.
    pub cut_with_foreign: Vec<String>,
    /// `schema.table.column` of stored generated columns of moving tables that call functions of the database's own.
    pub generated: Vec<String>,
    pub name_columns: Vec<NameColumn>,
    pub checked: Vec<CheckedRows>,
}

/// At the target.
#[derive(Debug, Clone, Default)]
pub struct TargetHindrances {
    /// Of the target database, where it exists.
    pub event_triggers: Vec<EventTrigger>,
    pub writing: Writing,
    /// Settings of the source that the server does not take, as (name, value).
    pub refused_settings: BTreeMap<(String, String), SettingRefused>,
    pub lock_table: LockTable,
}

/// Where rows of a relation are, but for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    Partitions,
    /// Tables that inherit from it.
    Inheriting,
}

/// A foreign key, both ends of which move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerKey {
    /// `schema.table.constraint`
    pub key: String,
    pub validity: Validity,
    pub referencing: Referencing,
    pub orphans: Orphans,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// PostgreSQL vouches for every row, and rows may be against it all the same.
    Valid,
    NotValid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referencing {
    Table,
    /// A partitioned table, which has no `NOT VALID` keys before PostgreSQL 18.
    Partitions,
}

/// Rows whose key leads to no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    Counted(u64),
    /// It would have taken too long, or the role may not read them, or nobody asked.
    NotCounted,
}

/// A column of a moving table whose values are names of the catalog: `regclass` and its kin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameColumn {
    /// `schema.table.column`
    pub name: String,
    /// Those that are no server's own; none where they were not looked at.
    pub values: Option<Vec<NamedValue>>,
}

/// What a value names: the object of the archive that it comes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedValue {
    /// The catalog.
    pub class: Oid,
    /// 0 for what is made after the rows are loaded.
    pub oid: Oid,
    pub text: String,
}

/// A check of a moving table, or of a column's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRows {
    /// `schema.table (constraint)`, `schema.table.column (constraint)`
    pub check: String,
    /// That are against it.
    pub rows: Orphans,
}

/// An event trigger that fires in ordinary sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTrigger {
    pub name: String,
    /// As `CREATE EVENT TRIGGER ... ON` spells it: `ddl_command_start`.
    pub event: String,
    /// The commands that it fires for; none: all.
    pub tags: BTreeSet<String>,
    pub owner: String,
    /// `schema.name`
    pub function: String,
    pub language: String,
    pub body: String,
}

/// Whether a server takes writes. That transactions only read by default is no hindrance: those of ours do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Writing {
    #[default]
    Taken,
    /// The server follows another: this one, where it may be asked.
    Standby { primary: Option<String> },
}

/// What the role may do that is connected to the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceRights {
    pub role: String,
    pub may_make_a_schema: bool,
    /// `schema.table`, of moving tables that the role does not own, sorted.
    pub not_owned: Vec<String>,
}

impl Default for FenceRights {
    /// Those of a superuser.
    fn default() -> Self {
        Self { role: "postgres".into(), may_make_a_schema: true, not_owned: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSetting {
    /// `pg_proc.oid`
    pub function: Oid,
    pub label: String,
    pub name: String,
    pub value: String,
}

/// Why a server does not take a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingRefused {
    /// It has none of that name.
    Unknown,
    /// It says why it does not take the value.
    Value(String),
    /// The connected role may not set it.
    Denied,
}

/// What an object outside the moving schemas uses of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationUse {
    /// `pg_class.oid`
    pub relation: Oid,
    /// Of the user: what a boundary that gives it up is known by.
    pub user: Oid,
    /// As `pg_describe_object` says it.
    pub label: String,
}

/// The shared table of locks of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockTable {
    /// `max_locks_per_transaction`; 0 where it was not asked.
    pub per_transaction: u64,
    /// The sessions, workers and prepared transactions that there may be: the table has room for so many times the setting.
    pub processes: u64,
}

impl LockTable {
    pub fn room(self) -> u64 {
        self.per_transaction * self.processes
    }
}

/// How many objects there are that a split locks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Locked {
    /// Of the whole database: pg_dump locks all tables, and those that views read.
    pub tables: u64,
    pub views: u64,
    pub moving_tables: u64,
    pub moving_sequences: u64,
    /// What `finish --yes-drop` drops in one transaction.
    pub dropped: u64,
}

/// A prepared transaction that holds locks which the fence does not go with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedTransaction {
    pub gid: String,
    pub owner: String,
    /// As the server says it.
    pub since: String,
    pub seconds: u64,
    /// `schema.name`
    pub tables: Vec<String>,
}
