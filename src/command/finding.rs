//! What a check found wrong, and whom it hurts.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use serde::Serialize;

use super::mismatch::{Difference, Mismatch};
use crate::repo::{Damage, RepoError, SnapshotId};
use crate::store::StoreError;
use crate::stream::OpenError;

/// Scripts rely on the words: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A manifest that no trusted writer signed as it is.
    Signature,
    /// A manifest that is signed or missing, and cannot be read.
    Manifest,
    /// An object that is not there.
    Missing,
    /// An object of another size.
    Size,
    /// An object whose stored bytes were changed.
    Checksum,
    /// An object that cannot be read, decrypted or decompressed.
    Unreadable,
    /// An object that holds something else than its name says.
    Name,
    /// An object that an earlier check found damaged, and that was not read now.
    Recorded,
    /// A slice list that cannot be read, or that leaves its objects.
    Slices,
    /// A record that no trusted key signed as it is. It counts as missing, and hurts no snapshot.
    Record,
    /// Rows that are stored whole and are not those that were digested.
    Digest,
    /// A live table's rows are not the snapshot's.
    #[serde(rename = "row digest")]
    RowDigest,
    #[serde(rename = "missing table")]
    MissingTable,
    #[serde(rename = "missing column")]
    MissingColumn,
    #[serde(rename = "mixed up values")]
    MixedUpValues,
    Sequence,
    #[serde(rename = "large objects")]
    LargeObjects,
}

impl Kind {
    /// As a person reads it.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Signature => "signature",
            Kind::Manifest => "manifest",
            Kind::Missing => "missing",
            Kind::Size => "size",
            Kind::Checksum => "checksum",
            Kind::Unreadable => "unreadable",
            Kind::Name => "name",
            Kind::Recorded => "recorded",
            Kind::Slices => "slices",
            Kind::Record => "record",
            Kind::Digest => "digest",
            Kind::RowDigest => "row digest",
            Kind::MissingTable => "missing table",
            Kind::MissingColumn => "missing column",
            Kind::MixedUpValues => "mixed up values",
            Kind::Sequence => "sequence",
            Kind::LargeObjects => "large objects",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub kind: Kind,
    /// The object's name in the repository, where one object is at fault.
    pub object: Option<String>,
    pub detail: String,
    pub snapshots: BTreeSet<SnapshotId>,
    /// The tables whose rows cannot be had from the snapshots, or are not what they were.
    pub tables: BTreeSet<String>,
    /// The figures behind a difference of a live database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Mismatch>,
}

impl Finding {
    pub fn new(kind: Kind, object: Option<String>, detail: String) -> Self {
        Self { kind, object, detail, snapshots: BTreeSet::new(), tables: BTreeSet::new(), mismatch: None }
    }

    /// A manifest that was refused.
    pub fn of_manifest(object: String, error: &RepoError) -> Self {
        let kind = match error {
            RepoError::Signature { .. } => Kind::Signature,
            RepoError::Store(StoreError::NoObject { .. }) => Kind::Missing,
            _ => Kind::Manifest,
        };
        Self::new(kind, Some(object), with_causes(error))
    }

    pub fn of_object(object: String, damage: &Damage) -> Self {
        let kind = match damage {
            Damage::Missing => Kind::Missing,
            Damage::Size { .. } => Kind::Size,
            Damage::Checksum => Kind::Checksum,
            Damage::Open(OpenError::NotItsName) | Damage::PlainSize { .. } => Kind::Name,
            Damage::Store(_) | Damage::Open(_) => Kind::Unreadable,
            Damage::Recorded { .. } => Kind::Recorded,
        };
        Self::new(kind, Some(object), with_causes(damage))
    }

    /// What a live database has otherwise.
    pub fn of_mismatch(mismatch: Mismatch, snapshot: &SnapshotId) -> Self {
        let kind = match &mismatch.what {
            Difference::Rows { .. } | Difference::Detached { .. } | Difference::Elsewhere => Kind::RowDigest,
            Difference::MissingTable | Difference::MissingPartition { .. } => Kind::MissingTable,
            Difference::MissingColumns { .. } => Kind::MissingColumn,
            Difference::MixedUpValues { .. } => Kind::MixedUpValues,
            Difference::MissingSequence | Difference::SequenceValue { .. } => Kind::Sequence,
            Difference::LargeObjects { .. } => Kind::LargeObjects,
        };
        let doubt = mismatch.doubt.as_ref().map_or(String::new(), |doubt| format!(" ({doubt})"));
        let mut finding = Self::new(kind, None, format!("{}{doubt}", mismatch.what));
        finding.hurts(snapshot, format!("{}.{}", mismatch.schema, mismatch.name));
        finding.mismatch = Some(mismatch);
        finding
    }

    pub fn hurts(&mut self, snapshot: &SnapshotId, table: String) {
        self.snapshots.insert(snapshot.clone());
        self.tables.insert(table);
    }
}

/// An error with its causes on one line: a finding has no chain of its own.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}
