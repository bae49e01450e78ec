//! Everything that speaks to PostgreSQL: connections, the catalog, row streams, `pg_dump`, private clusters.

pub mod ambience;
pub mod binaries;
pub mod bridge;
pub mod builds;
pub mod catalog;
pub mod close_like;
pub mod closing;
pub mod cluster;
pub mod connect;
pub mod conninfo;
pub mod copy;
pub mod dump;
pub mod error;
pub mod fence;
pub mod inventory;
pub mod likeness;
pub mod loose;
pub mod losses;
pub mod notices;
pub mod numbers;
pub mod ours;
pub mod place;
pub mod quarantine;
pub mod question;
pub mod quoting;
pub mod sealed;
pub mod sessions;
pub mod snapshot;
pub mod split_ids;
pub mod split_state;
pub mod target;
pub mod tls;
pub mod trial;
pub mod wire;

pub use error::Error;
