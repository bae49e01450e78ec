//! One file a verb. Each reads as a table of contents: no byte loops, no SQL, no terminal.

pub mod backup;
mod column_order;
pub mod drill;
pub mod error;
pub mod finding;
pub mod hashing;
pub mod hurt;
pub mod init;
mod instant;
pub mod inventory;
pub mod key;
pub mod list;
pub mod mismatch;
mod moment;
mod not_given;
pub mod parts;
pub mod password;
pub mod policy_file;
pub mod progress;
pub mod proof;
pub mod prune;
pub mod reading;
pub mod restore;
pub mod rows;
pub mod selecting;
pub mod shards;
pub mod some;
pub mod split;
mod surroundings;
pub mod suspicion;
pub mod taken;
mod typed;
mod unfinished;
pub mod verify;
pub mod whole_rows;

pub use error::Error;
