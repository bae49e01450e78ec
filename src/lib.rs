//! pgkeep backs up, restores and proves PostgreSQL databases.
//!
//! Data flows one way, and the folders say so:
//!
//! ```text
//! backup:   pg (snapshot, catalog, rows) -> stream (digest, chunk, compress, encrypt) -> repo (objects, manifest) -> store (dir | s3)
//! restore:  the same rooms in reverse, scheduled by schema (the graph of pg_dump's entries)
//! ```
//!
//! [`command`] strings the rooms together, one file a verb; [`cli`] knows the terminal and nothing of PostgreSQL.

pub mod cli;
pub mod command;
pub mod opening;
pub mod pg;
pub mod policy;
pub mod repo;
pub mod retention;
pub mod rows;
pub mod schema;
pub mod spelling;
pub mod split;
pub mod stop;
pub mod store;
pub mod stream;
pub mod switch;
