//! Everything that needs a running PostgreSQL. One binary, so that building and linking stay fast.

// What a test cannot do without fails it, in helping functions as well.
#![allow(clippy::unwrap_used)]
mod backup;
mod budget;
mod cluster;
mod connections;
mod crash;
mod damage;
mod dedup;
mod disk_full;
mod drill;
mod extension;
mod format;
mod inheritance;
mod interrupted;
mod judge;
mod old_repositories;
mod oneinstant;
mod pgkeep;
mod pooler;
mod postgres;
mod power_loss;
mod prune;
mod restore;
mod restore_fails;
mod rot;
mod roundtrip;
mod run;
mod split;
mod split_bridge;
mod split_loose;
mod split_plan;
mod split_rehearse;
mod split_spelling;
mod split_states;
mod store;
mod suspicious;
mod threat;
mod two_writers;
mod verify;
