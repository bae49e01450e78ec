//! What a split by schema means, decided before anything is touched: what moves, what it needs, what crosses the line, and what
//! will be done about it.
//!
//! Everything in here is pure: facts in, a decision with its reasons out. No I/O, no tokio.
//!
//! A run takes from [`SplitPlan`]: [`SplitPlan::taken`] is what the new database gets, [`SplitPlan::left_behind`] what of the
//! moving side it does not get, and [`SplitPlan::constraints`] what becomes of each foreign key that crosses.

pub mod bodies;
pub mod boundary;
pub mod bridge;
pub mod crossing;
pub mod facts;
pub mod finding;
mod hindrances;
mod mentioned;
mod moving;
mod names;
mod neighbours;
mod operation;
pub mod picture;
pub mod plan;
mod roles;
mod target;

pub use boundary::{Boundary, BoundaryFile, BoundaryFileError};
pub use crossing::{Action, Crossing, CrossingKind, Direction};
pub use finding::{Finding, FindingKind, Severity};
pub use moving::{MovingSchema, MovingTable, Need, Why};
pub use names::{SchemaNames, UnknownSchema, matching};
pub use plan::{Inputs, LeftBehind, SplitPlan, plan};
