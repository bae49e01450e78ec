//! How rows, and the definitions around them, are to come into a database.

use crate::pg::catalog::ThroughRoot;
use crate::pg::conninfo::Conninfo;
use crate::schema::restore::{Grants, Owners};
use crate::schema::schedule::{Order, Proof};

#[derive(Clone, Debug)]
pub struct Loading {
    /// The database that is filled.
    pub target: Conninfo,
    pub owners: Owners,
    pub grants: Grants,
    pub search_path: SearchPath,
    pub through_root: ThroughRoot,
    pub proof: Proof,
    pub order: Order,
    pub loads: Loads,
    /// Sessions that load, build and prove at a time.
    pub jobs: usize,
}

/// By which path functions look up names while rows are loaded and indexes built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchPath {
    /// None, as in a restore by pg_restore: what they find does not hang on who restores.
    Empty,
    /// None; and what does not find a name is tried again with the paths that the source has (`--search-path-fix`).
    Fix,
    /// None; and what does not find a name is tried again with this one (`--search-path-fix=a,b`).
    Given(Vec<String>),
}

/// Whether the target is told what each table was loaded with, in the transaction that loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    Untold,
    /// In the list that a split has beside its record ([`crate::pg::loaded`]).
    Noted,
}

impl Loading {
    /// Owners and grants as they were, the largest tables first, and the proof of all rows.
    pub fn of_a_copy(target: Conninfo, jobs: usize) -> Self {
        Self {
            target,
            owners: Owners::Keep,
            grants: Grants::Keep,
            search_path: SearchPath::Empty,
            through_root: ThroughRoot::WhereNeeded,
            proof: Proof::Make,
            order: Order::LargestFirst,
            loads: Loads::Untold,
            jobs,
        }
    }
}
