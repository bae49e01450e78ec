//! `pgkeep split`: schemas move into a database of their own.

pub mod plan;
