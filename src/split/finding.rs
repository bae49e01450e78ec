//! What the operator should know, how much it matters, and what will be done about it.

use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No run begins while it is there.
    Blocker,
    /// A run goes ahead, and something will not be as it was.
    Warning,
    /// Good to know.
    Note,
}

/// Scripts rely on the words: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Something refers across the line between what moves and what stays.
    Crossing,
    /// What foreign tables in the old place carry, and what they do not.
    Bridge,
    /// A function whose body could not be parsed.
    UnparsedBody,
    /// A schema that was not named, and seems to belong to what moves.
    ForgottenSchema,
    /// A column that moves and says where a database is.
    ConnectionString,
    /// A sequence from which both sides go on taking numbers.
    SharedSequence,
    /// Large objects that a moving column refers to.
    LargeObjects,
    /// A table whose columns the copy has in another order.
    ColumnOrder,
    /// A table that moves, and whose deletions are written down for a loose key of an earlier split.
    LooseKey,
    /// Moving tables that TimescaleDB manages.
    Hypertable,
    /// Moving tables that logical replication could not tell rows apart in.
    ReplicaIdentity,
    /// Objects of the whole database that act on what moves, and stay.
    DatabaseObject,
    DefaultPrivileges,
    Session,
    Role,
    Superuser,
    Setting,
    Extension,
    Collation,
    Encoding,
    ServerVersion,
    TargetNotEmpty,
    TargetPrivilege,
    TargetReadOnly,
    Disk,
    /// Functions of ordinary roles that are called while rows are loaded.
    UserCode,
    /// A foreign key inside the moving part that rows are against.
    OrphanedRows,
    /// An event trigger that fires for what a run does.
    EventTrigger,
    SourceReadOnly,
    /// What the connected role may not do at the source.
    SourcePrivilege,
    /// Something that a foreign table cannot stand in for.
    BridgeLimit,
    /// The server's table of locks.
    Locks,
    PreparedTransaction,
    /// A partition whose detaching was cut short.
    DetachPending,
    /// The command of `--hook`.
    Hook,
    /// A definition that the target's server refuses, or that could not be tried there.
    Definition,
    /// A stored generated column, whose values are computed anew.
    Generated,
    /// A column whose values name objects that the new database lacks.
    NameValues,
    /// A check that rows of its own table are against.
    CheckedRows,
    /// A partitioned table whose rows could be sent to another server.
    ForeignPartition,
    /// A function that finds names by `search_path`, which is empty while rows are copied.
    SearchPath,
    /// A pg_dump that is older than the server which it reads.
    PgDump,
    /// What pg_dump said of the source on standard error.
    PgDumpSays,
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub kind: FindingKind,
    /// What it is about: a schema, a role, `VIEW analytics.people`.
    pub name: String,
    /// Why it matters.
    pub reason: String,
    /// What will be done, or what the operator should do.
    pub action: String,
}

impl Finding {
    pub fn new(
        severity: Severity,
        kind: FindingKind,
        name: impl Into<String>,
        reason: impl Into<String>,
        action: impl Into<String>,
    ) -> Finding {
        Finding { severity, kind, name: name.into(), reason: reason.into(), action: action.into() }
    }
}
