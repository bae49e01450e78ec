//! Everything that needs a running PostgreSQL. One binary, so that building and linking stay fast.

// What a test cannot do without fails it, in helping functions as well.
#![allow(clippy::unwrap_used)]

mod cluster;
mod postgres;
mod run;
mod verify;
