//! What the catalog knows and the table of contents does not say.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::archive::Oid;
use super::lexer::quoted;

/// The schema with which every database begins, and in which everybody may do something then.
pub const PUBLIC: &str = "public";

/// Facts of the dumped database, read under the same snapshot as the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// By the extension's name.
    pub extensions: BTreeMap<String, ExtensionFacts>,
    /// By `pg_class.oid`: every relation of the kinds of [`RelationKind`] outside the system's own schemas and outside
    /// temporary ones, extension members included.
    pub relations: BTreeMap<Oid, RelationFacts>,
    /// What exclusion constraints need beside their table, by `pg_constraint.oid`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exclusions: BTreeMap<Oid, Vec<Needed>>,
    /// The extensions that have made schemas for themselves, by schema.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extension_schemas: BTreeMap<String, String>,
    /// The schemas by name, without the system's own and those that belong to extensions. None in what earlier programs have written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<BTreeMap<String, SchemaFacts>>,
    /// The schemas in which an unqualified pattern finds a relation, first one first (`current_schemas(false)`).
    pub search_path: Vec<String>,
}

/// Whose a schema is, and who may do what in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaFacts {
    pub owner: String,
    /// The owner's own included, in the catalog's order: who passes something on comes before those to whom he does.
    pub grants: Vec<GrantOnSchema>,
}

/// One item of `pg_namespace.nspacl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantOnSchema {
    pub grantor: String,
    /// None is `PUBLIC`.
    pub grantee: Option<String>,
    /// `USAGE` or `CREATE`
    pub privilege: String,
    pub grantable: bool,
}

impl Facts {
    /// Whether the database had no schema `public`. Nobody knows of an older snapshot.
    pub fn lacks_public(&self) -> bool {
        let schemas = self.schemas.as_ref();
        schemas.is_some_and(|schemas| !schemas.contains_key(PUBLIC)) && !self.extension_schemas.contains_key(PUBLIC)
    }
}

/// An installed extension and the names by which a function's text can mention it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionFacts {
    /// Where its objects live.
    pub schema: String,
    /// Member functions, without those whose name `pg_catalog` has too: `max` of citext says nothing about citext.
    pub functions: BTreeSet<String>,
    /// Member types, array types left out.
    pub types: BTreeSet<String>,
    /// Member text search dictionaries and configurations.
    pub dictionaries: BTreeSet<String>,
}

/// An operator class or a function of a constraint's index. The catalog says it of the index, and pg_dump has no entry for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// The object is the extension's.
    Extension(String),
    /// By the oid of its catalog, and its own.
    Object(Oid, Oid),
}

/// A relation's place in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationFacts {
    pub schema: String,
    pub name: String,
    pub kind: RelationKind,
    pub owner: String,
    /// The partitioned table of a partition.
    pub part_of: Option<Oid>,
    /// A partition whose `DETACH PARTITION ... CONCURRENTLY` was cut short: its rows are not read through its table any more, and pg_dump writes
    /// it as attached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detach_pending: bool,
    /// The relations that it inherits from, partitions apart: `SELECT` reads its rows through them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherits: Vec<Oid>,
    pub membership: Membership,
}

/// A partition whose detaching was cut short, and its table: schema and name of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detaching {
    pub partition: (String, String),
    pub parent: (String, String),
}

impl Detaching {
    /// `schema.name`
    pub fn name(&self) -> String {
        format!("{}.{}", self.partition.0, self.partition.1)
    }

    /// `schema.name`
    pub fn parent_name(&self) -> String {
        format!("{}.{}", self.parent.0, self.parent.1)
    }

    /// What is so while it is pending.
    pub fn what(&self) -> String {
        let (name, parent) = (self.name(), self.parent_name());
        format!(
            "DETACH PARTITION of {name} from {parent} did not finish, and its rows are no longer visible through {parent}"
        )
    }

    /// The statement that detaches it.
    pub fn detach(&self) -> String {
        let relation = |(schema, name): &(String, String)| format!("{}.{}", quoted(schema), quoted(name));
        format!("ALTER TABLE {} DETACH PARTITION {}", relation(&self.parent), relation(&self.partition))
    }

    /// The statement that ends what was begun.
    pub fn finalize(&self) -> String {
        format!("{} FINALIZE", self.detach())
    }
}

/// Whether an extension made the relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    /// It is the user's own.
    None,
    /// `CREATE EXTENSION` makes it, rows included.
    Member { extension: String },
    /// `CREATE EXTENSION` makes it, and some of its rows are the user's (`pg_extension_config_dump`).
    Configuration { extension: String },
}

/// `pg_class.relkind`, as far as a backup takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RelationKind {
    Table,
    PartitionedTable,
    View,
    MaterializedView,
    ForeignTable,
    Sequence,
}

impl RelationKind {
    /// `None` for indexes, TOAST tables and composite types.
    pub fn from_relkind(relkind: char) -> Option<RelationKind> {
        match relkind {
            'r' => Some(RelationKind::Table),
            'p' => Some(RelationKind::PartitionedTable),
            'v' => Some(RelationKind::View),
            'm' => Some(RelationKind::MaterializedView),
            'f' => Some(RelationKind::ForeignTable),
            'S' => Some(RelationKind::Sequence),
            _ => None,
        }
    }

    /// Whether the relation has rows of its own that a backup carries. A partitioned table's rows are its partitions', and a
    /// sequence has a value instead.
    pub fn has_rows(self) -> bool {
        self == RelationKind::Table
    }
}
