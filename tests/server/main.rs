//! Everything that needs a running PostgreSQL. One binary, so that building and linking stay fast.

// What a test cannot do without fails it, in helping functions as well.
#![allow(clippy::unwrap_used)]

mod backup;
mod cluster;
mod connections;
mod dedup;
mod disk_full;
mod extension;
mod format;
mod interrupted;
mod judge;
mod oneinstant;
mod pgkeep;
mod postgres;
mod prune;
mod restore;
mod restore_fails;
mod roundtrip;
mod run;
mod verify;
