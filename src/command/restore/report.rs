//! What a restore has done.

use serde::Serialize;

use super::roles::MadeRole;
use crate::command::mismatch::Mismatch;
use crate::command::taken::Taken;
use crate::command::whole_rows::TakenAlong;
use crate::repo::SnapshotId;
use crate::repo::manifest::LeftOut;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    pub snapshot: SnapshotId,
    #[serde(flatten)]
    pub taken: Taken,
    /// Tables of the snapshot, restored or not, in which checks have found damage.
    pub hurt: Vec<String>,
    pub database: String,
    pub tables: u64,
    pub rows: u64,
    /// Every table's rows were compared, and all are equal.
    pub proven: bool,
    pub mismatches: Vec<Mismatch>,
    /// Foreign keys that rows are against, in the snapshot as well: they are there as NOT VALID.
    pub keys_not_valid: Vec<String>,
    /// Roles that the target's server did not have.
    pub roles_made: Vec<MadeRole>,
    /// What was asked for and could not come without what was not.
    pub left_out: Vec<LeftOut>,
    /// Tables of schemas that were not asked for, because they hold rows of what was.
    pub taken_along: Vec<TakenAlong>,
    pub warnings: Vec<String>,
    pub phases: Phases,
    pub elapsed_ms: u64,
}

/// Loading, building and proving overlap: `data_ms` lasts until the last row is loaded, `post_data_ms` from then until the last
/// index, constraint and statistic, `proof_ms` what the proof took beyond that.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Phases {
    pub pre_data_ms: u64,
    pub data_ms: u64,
    pub post_data_ms: u64,
    pub proof_ms: u64,
}
