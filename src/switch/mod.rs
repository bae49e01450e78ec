//! Points configuration files at the new database, and back.
//!
//! ```text
//! Rewrite ("FILE:KEY") -> Plan (reads, touches nothing) -> Applied (what to keep before anything is written) -> apply
//!                                                          Applied::revert puts the files back
//! ```
//!
//! A value is exchanged in place, in the bytes of the file: nothing is written anew from a parsed form, so comments,
//! order and spacing stay. Files ending in `.yml` or `.yaml` are Docker Compose files, all others are `.env` files.

mod applied;
mod compose;
mod diff;
mod edit;
mod env_file;
mod error;
mod file;
mod hook;
mod locate;
mod plan;
mod revert;
mod rewrite;
mod site;
mod value;

#[cfg(test)]
mod tests;

pub use applied::{Applied, AppliedEdit, AppliedFile};
pub use error::{Part, SwitchError, ValueError};
pub use hook::{Group, HOOK_TIMEOUT_DEFAULT, Hook, HookError, Occasion, Phase, Program};
pub use plan::{Kept, Plan, PlannedEdit};
pub use rewrite::{Change, Rewrite, RewriteError, Server};
