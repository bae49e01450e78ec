//! Where a live database and a manifest differ.

use std::fmt;

use serde::Serialize;

use crate::repo::manifest::Relation;
use crate::stream::Digest;

/// Where a database differs from the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    pub schema: String,
    pub name: String,
    #[serde(flatten)]
    pub what: Difference,
    /// Why it may be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    Rows {
        expected: Digest,
        found: Digest,
    },
    MissingTable,
    /// A partition that is not there by its name, and whose rows are in others of its table.
    MissingPartition {
        table: String,
    },
    /// A partition that is a table by itself, where the database cuts the table otherwise: both together have what they had.
    Detached {
        table: String,
        expected: Digest,
        found: Digest,
    },
    /// An unlogged table of a standby, which has none of its rows.
    Elsewhere,
    /// Columns that the manifest's rows have and the table has not, whether dropped, renamed or generated now.
    MissingColumns {
        columns: Vec<String>,
    },
    /// The copy's columns are in another order, and values elsewhere carry them by their places.
    MixedUpValues {
        columns: Vec<String>,
        held_by: Vec<String>,
    },
    MissingSequence,
    SequenceValue {
        expected: SequenceValue,
        found: SequenceValue,
    },
    /// By oid.
    LargeObjects {
        missing: Vec<u32>,
        unexpected: Vec<u32>,
    },
}

/// Where a sequence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SequenceValue {
    pub last_value: i64,
    pub is_called: bool,
}

impl Mismatch {
    pub fn new(schema: &str, name: &str, what: Difference) -> Self {
        Self { schema: schema.to_owned(), name: name.to_owned(), what, doubt: None }
    }

    /// Says that the snapshot's program did not record under which settings rows were read; `tried` are the zones that it was not.
    pub(super) fn doubted(self, tried: &str) -> Self {
        let doubt =
            format!("an older pgkeep took the snapshot without recording its TimeZone: the rows differ under {tried}");
        Self { doubt: Some(doubt), ..self }
    }

    pub(super) fn of_rows(relation: &Relation, found: Digest) -> Option<Self> {
        let expected = relation.digest;
        differ(&expected, &found)
            .then(|| Self::new(&relation.schema, &relation.name, Difference::Rows { expected, found }))
    }

    pub(super) fn of_large_objects(what: Difference) -> Self {
        Self::new("pg_catalog", "pg_largeobject", what)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.schema, self.name, self.what)?;
        self.doubt.as_ref().map_or(Ok(()), |doubt| write!(f, " ({doubt})"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Rows { expected, found } => write!(f, "{found} instead of {expected}"),
            Difference::MissingTable => f.write_str("the table is missing"),
            Difference::MissingPartition { table } => {
                write!(f, "the table is missing; its rows are in other partitions of {table}, which is complete")
            }
            Difference::Detached { table, expected, found } => write!(
                f,
                "it is not a partition of {table} here, as after DETACH PARTITION: {found} instead of {expected}; both together are complete"
            ),
            Difference::Elsewhere => f.write_str(
                "it is unlogged, and the server is a standby, which has no rows of it: compare with the primary",
            ),
            Difference::MissingColumns { columns } => write!(f, "these columns are missing: {}", columns.join(", ")),
            Difference::MixedUpValues { columns, held_by } => write!(
                f,
                "its columns are in another order ({}), so its rows that are stored as values in {} have mixed up columns",
                columns.join(", "),
                held_by.join(", ")
            ),
            Difference::MissingSequence => f.write_str("the sequence is missing"),
            Difference::SequenceValue { expected, found } => write!(f, "its value is {found} instead of {expected}"),
            Difference::LargeObjects { missing, unexpected } => {
                write!(f, "{} large objects are missing, and {} are unexpected", missing.len(), unexpected.len())
            }
        }
    }
}

impl fmt::Display for SequenceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.last_value, if self.is_called { "" } else { " (not called)" })
    }
}

pub(super) fn differ(expected: &Digest, found: &Digest) -> bool {
    (expected.rows, expected.sum) != (found.rows, found.sum)
}
