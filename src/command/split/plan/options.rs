//! What a plan is asked.

use std::path::PathBuf;

use crate::pg::conninfo::Conninfo;
use crate::rows::loading::SearchPath;
use crate::split::facts::Traffic;
use crate::split::{Boundary, BoundaryFile};

#[derive(Clone)]
pub struct Options {
    pub source: Conninfo,
    /// Names the database that takes what moves; it must not exist, or be empty.
    pub target: Conninfo,
    /// Patterns.
    pub schemas: Vec<String>,
    /// Patterns of schemas that stay, where they seem to belong to what moves.
    pub leave: Vec<String>,
    /// For everything that crosses; none: what the file says, or refuse.
    pub boundary: Option<Boundary>,
    pub choices: Choices,
    pub bridging: Bridging,
    /// 0 waits forever.
    pub lock_timeout_ms: u64,
    /// Where pg_dump is, if not where it is looked for.
    pub pg_bin: Option<PathBuf>,
    /// By which path functions look up names while rows are copied.
    pub search_path: SearchPath,
}

/// How foreign tables in the old place reach the new database.
#[derive(Clone, Default)]
pub struct Bridging {
    /// As the source's server sees the target, where that is not how this program does.
    pub host: Option<String>,
    pub port: Option<u16>,
    pub traffic: Traffic,
}

/// The boundary file, and its name for messages.
#[derive(Clone, Default)]
pub struct Choices {
    pub name: String,
    pub file: BoundaryFile,
}

/// Whether some rows are read to see how fast that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    Measured,
    /// A run soon knows.
    LeftOut,
}

impl Timing {
    /// Sessions that read rows.
    pub fn readers(self) -> usize {
        match self {
            Timing::Measured => 1,
            Timing::LeftOut => 0,
        }
    }
}
