//! The command line without a server: what is refused, in which words, and with which exit code.

// What a test cannot do without fails it, in helping functions as well.
#![allow(clippy::unwrap_used)]

mod architecture;
mod arguments;
mod circles;
mod dedup;
mod init;
mod interleave;
mod key;
mod key_files;
mod key_remembered;
mod key_replaced;
mod key_rotation;
mod keys;
mod known_damage;
mod latest;
mod lengths;
mod links;
mod many_objects;
mod output;
#[path = "../server/pgkeep.rs"]
mod pgkeep;
mod policy;
mod prune;
mod repository;
mod size;
mod source;
mod visible;
mod words;
