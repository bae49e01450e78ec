//! The schema as a graph: `pg_dump`'s table of contents, what a selection needs of it, and in which order a restore runs it.
//!
//! Everything in here is pure: it takes facts and returns a decision with its reasons. No I/O, no tokio.

pub mod access;
pub mod archive;
pub mod compare;
pub mod detaching;
pub mod facts;
pub(crate) mod graph;
pub(crate) mod lexer;
mod mentions;
pub mod not_valid;
pub mod pattern;
pub mod restore;
pub mod rights;
pub mod schedule;
pub mod search_path;
pub mod selection;
#[cfg(test)]
pub(crate) mod shop;
pub mod statements;
pub mod unmatched;
