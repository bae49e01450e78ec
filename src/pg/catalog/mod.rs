//! What the system catalogs say of the database, as plain facts. Read in the backup's own snapshot.

mod availability;
mod column_order;
mod database;
mod detaching;
mod facts;
mod fingerprint;
mod foreign_keys;
mod format;
mod hidden;
pub mod hindrances;
mod large_objects;
mod no_text;
mod relations;
mod roles;
mod row_code;
mod sequences;
mod sizes;
mod strong_locks;
mod text_clues;
mod through_root;
mod usage;
mod user_code;

pub use availability::{
    available_extensions, cluster_identity, collation_version, default_privileges, encoding, own_objects, rights,
    role_names,
};
pub use column_order::{Inheriting, holders, inheriting, reordered};
pub use database::{database, populated_views, server_version};
pub use detaching::detaching;
pub use facts::{facts, schemas};
pub use fingerprint::{Fingerprint, Scope, fingerprint, rows as fingerprint_rows};
pub use foreign_keys::{foreign_keys, referencing_rows};
pub use hidden::{Hidden, HiddenMapping, Options as HiddenOptions, hidden};
pub use large_objects::{LARGE_OBJECT_COLUMNS, large_object_query, large_objects};
pub use no_text::no_text;
pub use relations::{Reading, TableFacts, parents_denied, tables};
pub use roles::{Passwords, RoleFacts, roles, roles_by_name};
pub use row_code::planned_with_code;
pub(super) use row_code::{INNER_TYPES, casts_of_users};
pub use row_code::{RunsCode, runs_code};
pub use sequences::{SequenceFacts, sequence_values, sequences};
pub use sizes::{extension_versions, sizes};
pub use strong_locks::{Holder, StrongLock, strong_locks};
pub use text_clues::text_clues;
pub use through_root::{Partition, ThroughRoot, cut_with_foreign, partitions_through_root};
pub use usage::{bootstrap_role, hypertables, large_object_columns, sessions, subscribed};
pub use user_code::{CalledByRows, called_by_rows};

pub use super::quoting::{quote_identifier, quote_literal, quote_relation};

use super::Error;
use super::connect::Session;

async fn query(session: &Session, context: &str, sql: &str) -> Result<Vec<tokio_postgres::Row>, Error> {
    session.rows(context, sql, &[]).await
}
