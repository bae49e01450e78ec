//! How far a split has come.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a kill leaves before [`Phase::Proven`] is copied again: the source has taken writes since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The database is there and empty.
    #[default]
    Created,
    /// Under the fence: definitions, rows, indexes.
    Copying,
    /// Both sides hold the same. The source is about to be sealed.
    Proven,
    /// The source refuses writes for good; the application is to be pointed at the target.
    Sealed,
    /// The target is the one that counts. `rollback` and `finish` are open.
    Switched,
    RolledBack,
    /// The old schemas are out of the way under other names.
    Quarantined,
    Finished,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Created => "prepared",
            Phase::Copying => "copying",
            Phase::Proven => "proven",
            Phase::Sealed => "sealed and not yet switched",
            Phase::Switched => "switched",
            Phase::RolledBack => "rolled back",
            Phase::Quarantined => "finished but for dropping the old schemas",
            Phase::Finished => "finished",
        })
    }
}
