//! `pgkeep split`: schemas into a database of their own, with a proof and a way back.

mod abandon;
mod aftermath;
mod apart;
mod bridge;
mod capture;
mod copied;
mod covering;
mod ends;
mod error;
mod finish;
mod halfway;
mod hint;
mod holding;
pub mod host;
mod lookout;
mod loose;
mod losses;
mod lost;
mod opening;
mod phase;
pub mod plan;
mod promise;
mod proof;
pub mod rehearse;
mod rollback;
mod run;
mod settings;
pub mod state;
mod status;
mod steps;
mod strangers;
mod switching;
mod ties;
mod trial;
mod unchecked;
mod undo;
mod whereabouts;
mod wishes;
mod writers;

use std::time::Duration;

use serde::Serialize;

pub use error::SplitError;
pub use finish::{Consent, FinishOptions, Finished, finish};
pub use loose::{KeyReaped, NotReplayed, Progressed, ReapOptions, Reaped, Refusal, Waits, reap};
pub use losses::Discard;
pub use opening::{Limits, REPLAY_TIMEOUT};
pub use rollback::{RollbackOptions, RolledBack, rollback};
pub use run::run;
pub use status::{AS_IT_SHOULD_BE, NOT_LOOKED_AT, Status, status};
pub use whereabouts::Moved;
pub use writers::Writers;

pub use crate::pg::sessions::Connected;

use super::mismatch::Mismatch;
use super::restore::{MadeRole, Proof};
use crate::repo::manifest::LeftOut;
use crate::schema::compare::EntryMismatch;
use crate::switch::{Kept, PlannedEdit, Rewrite};
use state::Phase;

#[derive(Clone)]
pub struct Options {
    /// Both ends, what moves, and what becomes of what crosses.
    pub plan: plan::Options,
    pub jobs: usize,
    /// How long to try to put the fence up.
    pub fence_wait: Duration,
    pub proof: Proof,
    /// Values in configuration files that name the old database.
    pub rewrites: Vec<Rewrite>,
    /// Run by a shell when the files are switched, and again in a rollback.
    pub hook: Option<String>,
    /// Where the host remembers what no database is asked for.
    pub state: host::Folder,
    pub moved: Moved,
}

/// How a run ended.
pub enum Outcome {
    /// The plan has blockers, and nothing was touched.
    Blocked(Box<plan::Report>),
    /// The schemas moved, or the copy was not the original and everything is as it was.
    Ended(Box<Report>),
}

/// What `--json` prints of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub ok: bool,
    pub phase: Phase,
    pub schemas: Vec<String>,
    pub source: String,
    pub target: String,
    /// The same as a connection string, without secrets.
    pub target_dsn: String,
    pub tables: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Rows, sequences and definitions of both sides are equal.
    pub proven: bool,
    pub mismatches: Vec<Mismatch>,
    pub definitions: Vec<EntryMismatch>,
    pub left_out: Vec<LeftOut>,
    /// Roles that the new database's server did not have.
    pub roles_made: Vec<MadeRole>,
    pub warnings: Vec<String>,
    /// What was written into configuration files, passwords masked.
    pub rewritten: Vec<PlannedEdit>,
    /// Values that named the new database already.
    pub kept: Vec<Kept>,
    /// Relations that moved and have a foreign table in their old place.
    pub bridged: Vec<String>,
    /// Foreign keys across the line that nothing enforces any more; a rollback makes them again.
    pub given_up: Vec<String>,
    /// Foreign keys that `split reap` follows from now on.
    pub loose: Vec<String>,
    /// Foreign keys inside what moved that rows were against already: `NOT VALID` in the new database.
    pub keys_not_valid: Vec<String>,
    /// How long the source refused writes before the target counted.
    pub downtime_ms: u64,
    pub phases: Phases,
    pub elapsed_ms: u64,
    /// Definitions of the old place that were made, changed or dropped since it was sealed: the new database does not have that.
    pub changed_since: Vec<String>,
    /// Who is connected to the old database when the run ends, and reads the old rows.
    pub sessions_old: Vec<Connected>,
    /// Who may connect to the old database and to the new one, superusers and owners aside.
    pub may_connect_old: Vec<String>,
    pub may_connect_new: Vec<String>,
    /// Those of these fields that could not be read: that they are empty says nothing.
    pub unread: Vec<&'static str>,
}

/// What each part took. Loading, building and proving overlap, as in a restore.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Phases {
    pub prepare_ms: u64,
    pub fence_ms: u64,
    pub definitions_ms: u64,
    pub data_ms: u64,
    pub post_data_ms: u64,
    pub proof_ms: u64,
    pub switch_ms: u64,
}
