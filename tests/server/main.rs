//! Everything that needs a running PostgreSQL. One binary, so that building and linking stay fast.

// What a test cannot do without fails it, in helping functions as well.
#![allow(clippy::unwrap_used)]

mod backup;
mod cluster;
mod connections;
mod dedup;
mod disk_full;
mod format;
mod interrupted;
mod pgkeep;
mod postgres;
mod run;
mod verify;
