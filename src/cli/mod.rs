//! The terminal: arguments, progress, what is printed, exit codes. Knows nothing of PostgreSQL.

mod again;
mod args;
mod common;
mod database;
mod display;
mod drill;
mod echo;
mod key;
mod keys;
mod moment;
mod outcome;
mod output;
mod policy;
mod progress;
mod prune;
mod report;
mod run;
mod search_path;
mod signals;
mod split;
mod status;
mod suggestions;
mod terminal;
mod texts;
mod verbs;
mod visible;

pub use run::main;
